//! The chains against the log: folded again from its first record, with the seals that are on it. And the exported file, which is the same.

use std::{collections::BTreeMap, io::Write};

use super::{
    Almacen, Digesto, Escritor, Linea, Llavero, SelloFirmado,
    almacen::{ANCHO, Estado},
    hoja::{Cadena, HojaLeida, particiones},
    lectura::{ErrorCadena, dicho_por, hoja_de, particion_de_sellos, recorrer, sellos_de},
    verificador::{Informe, Verificador},
};
use crate::{
    contracts::Codec,
    log::{Log, Position, StoredRecord, TopicPartition},
};

/// Told how many records were read, and how many there are at most.
pub type Progreso<'a> = &'a mut dyn FnMut(u64, u64);

/// Records between two calls of the progress.
const CADA: u64 = 8_192;

/// The log, and what its records and seals are read with.
#[derive(Clone, Copy)]
pub struct Origen<'a> {
    pub log: &'a dyn Log,
    pub codec: &'a Codec,
    pub llavero: &'a Llavero,
}

/// What a reading of the log meets, in the order of the exported file.
trait Visita {
    fn particion(&mut self, particion: TopicPartition) -> Result<(), ErrorCadena>;
    fn hoja(&mut self, cadena: &Cadena, hoja: &HojaLeida, registro: &StoredRecord) -> Result<(), ErrorCadena>;
    fn sello(&mut self, sello: &SelloFirmado) -> Result<(), ErrorCadena>;
    fn ajeno(&mut self, particion: TopicPartition, que: String);
    fn fin(&mut self, cadena: &Cadena, sellos: u64) -> Result<(), ErrorCadena>;
}

fn leer(origen: Origen<'_>, progreso: Progreso<'_>, visita: &mut dyn Visita) -> Result<(), ErrorCadena> {
    let partes = particiones(origen.log);
    // The seals first: whatever they cover by now is on the log by the time it is looked at. What comes later is for another time.
    let sellos: Vec<TopicPartition> = partes.iter().map(|parte| particion_de_sellos(origen.log, *parte)).collect();
    let fines = origen.log.stable_ends(&sellos)?;
    let marcas = origen.log.watermarks_of(&partes)?;
    let total: u64 = marcas.iter().map(|m| m.stable.saturating_sub(m.first)).sum();
    let mut leidos = 0;
    for ((particion, marcas), fin) in partes.into_iter().zip(marcas).zip(fines) {
        let sellos = sellos_de(origen.log, particion, origen.llavero, fin)?;
        visita.particion(particion)?;
        sellos.ajenos.into_iter().for_each(|que| visita.ajeno(particion, que));
        let (mut cadena, mut pendientes, mut puestos) = (Cadena::nueva(particion), sellos.sellos.iter().peekable(), 0);
        recorrer(origen.log, particion, 0, marcas.stable, &mut |registro| {
            let hoja = hoja_de(origen.codec, particion.topic, &registro.record).map_err(|esquema| ErrorCadena::Esquema {
                particion,
                posicion: registro.position,
                esquema,
            })?;
            cadena.agregar(&hoja);
            visita.hoja(&cadena, &hoja, &registro)?;
            while let Some(sello) = pendientes.next_if(|s| s.sello.hojas <= cadena.hojas()) {
                puestos += 1;
                visita.sello(sello)?;
            }
            leidos += 1;
            if leidos % CADA == 0 {
                progreso(leidos, total);
            }
            Ok(())
        })?;
        // Seals of leaves that are not there.
        for sello in pendientes {
            puestos += 1;
            visita.sello(sello)?;
        }
        visita.fin(&cadena, puestos)?;
    }
    progreso(leidos, total);
    Ok(())
}

/// Writes the exported file of a log, leaves and seals, from the first record of each source partition.
struct Exportacion<W: Write> {
    escritor: Escritor<W>,
    con_datos: bool,
    ajenos: Vec<String>,
}

impl<W: Write> Visita for Exportacion<W> {
    fn particion(&mut self, particion: TopicPartition) -> Result<(), ErrorCadena> {
        Ok(self.escritor.particion(particion)?)
    }

    fn hoja(&mut self, cadena: &Cadena, hoja: &HojaLeida, registro: &StoredRecord) -> Result<(), ErrorCadena> {
        let valor = self.con_datos.then_some(&*registro.record.value);
        Ok(self.escritor.hoja(hoja, cadena.cabeza(), valor)?)
    }

    fn sello(&mut self, sello: &SelloFirmado) -> Result<(), ErrorCadena> {
        Ok(self.escritor.sello(&sello.nota)?)
    }

    fn ajeno(&mut self, _: TopicPartition, que: String) {
        self.ajenos.push(que);
    }

    fn fin(&mut self, _: &Cadena, _: u64) -> Result<(), ErrorCadena> {
        Ok(())
    }
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exportado {
    pub particiones: u64,
    pub hojas: u64,
    pub sellos: u64,
    /// Records of the seals' topic that are no seal of this installation: not in the file.
    pub ajenos: Vec<String>,
}

/// Exports a log. `con_datos`: each leaf carries its record's value too.
///
/// # Errors
/// Of log or destination; a schema that this program does not know.
pub fn exportar(
    origen: Origen<'_>,
    destino: impl Write,
    con_datos: bool,
    progreso: Progreso<'_>,
) -> Result<Exportado, ErrorCadena> {
    let escritor = Escritor::nuevo(destino, origen.llavero.nombre())?;
    let mut exportacion = Exportacion { escritor, con_datos, ajenos: Vec::new() };
    leer(origen, progreso, &mut exportacion)?;
    let (particiones, hojas, sellos) = exportacion.escritor.terminar()?;
    Ok(Exportado { particiones, hojas, sellos, ajenos: exportacion.ajenos })
}

/// Exports a log as Apache Parquet.
///
/// # Errors
/// As [`exportar`].
#[cfg(feature = "parquet")]
pub fn exportar_parquet(
    origen: Origen<'_>,
    destino: impl Write + Send,
    con_datos: bool,
    progreso: Progreso<'_>,
) -> Result<Exportado, ErrorCadena> {
    let escritor = super::columnas::EscritorDeColumnas::nuevo(destino, origen.llavero.nombre()).map_err(de_columnas)?;
    let mut columnas = Columnas { escritor, con_datos, ajenos: Vec::new() };
    leer(origen, progreso, &mut columnas)?;
    let (particiones, hojas, sellos) = columnas.escritor.terminar().map_err(de_columnas)?;
    Ok(Exportado { particiones, hojas, sellos, ajenos: columnas.ajenos })
}

#[cfg(feature = "parquet")]
fn de_columnas(error: parquet::errors::ParquetError) -> ErrorCadena {
    ErrorCadena::Escritura(std::io::Error::other(error))
}

#[cfg(feature = "parquet")]
struct Columnas<W: Write + Send> {
    escritor: super::columnas::EscritorDeColumnas<W>,
    con_datos: bool,
    ajenos: Vec<String>,
}

#[cfg(feature = "parquet")]
impl<W: Write + Send> Visita for Columnas<W> {
    fn particion(&mut self, particion: TopicPartition) -> Result<(), ErrorCadena> {
        self.escritor.particion(particion);
        Ok(())
    }

    fn hoja(&mut self, cadena: &Cadena, hoja: &HojaLeida, registro: &StoredRecord) -> Result<(), ErrorCadena> {
        let valor = self.con_datos.then_some(&*registro.record.value);
        self.escritor.hoja(cadena.hojas() - 1, hoja, cadena.cabeza(), valor).map_err(de_columnas)
    }

    fn sello(&mut self, sello: &SelloFirmado) -> Result<(), ErrorCadena> {
        self.escritor.sello(&sello.nota);
        Ok(())
    }

    fn ajeno(&mut self, _: TopicPartition, que: String) {
        self.ajenos.push(que);
    }

    fn fin(&mut self, _: &Cadena, _: u64) -> Result<(), ErrorCadena> {
        Ok(())
    }
}

/// The verification of a log: the same judge as of a file, without the file; and beside it the tables.
struct EnLinea<'a> {
    juez: Verificador<'a>,
    almacen: Option<&'a Almacen>,
    /// What the tables kept of each partition before the log was looked at: the sink may go on meanwhile.
    guardados: BTreeMap<TopicPartition, Guardado>,
    /// That of this partition.
    guardado: Guardado,
    azulejo: Vec<(Position, Digesto)>,
    /// One finding about the tables of a partition is enough.
    dicho: bool,
    /// Leaves that the last seal on the log covers.
    selladas: u64,
    /// Partitions, leaves, seals.
    totales: (u64, u64, u64),
}

/// What the tables keep of a chain.
#[derive(Debug, Clone, Default)]
struct Guardado {
    estado: Option<Estado>,
    /// Leaves that the last seal covers.
    selladas: u64,
}

impl Guardado {
    fn de(almacen: &Almacen, particion: TopicPartition) -> Result<Self, ErrorCadena> {
        let ultimo = almacen.ultimo_sello(particion)?.and_then(|nota| dicho_por(nota.as_bytes()));
        Ok(Self { estado: almacen.estado(particion)?, selladas: ultimo.map_or(0, |sello| sello.hojas) })
    }

    fn hojas(&self) -> u64 {
        self.estado.as_ref().map_or(0, |estado| estado.cadena.hojas())
    }
}

impl EnLinea<'_> {
    fn distinta(&mut self, particion: TopicPartition, que: String) {
        if !self.dicho {
            self.juez.hallar(Some(particion), None, que);
        }
        self.dicho = true;
    }

    fn comparar(&mut self, cadena: &Cadena, posicion: Position) -> Result<(), ErrorCadena> {
        let (Some(almacen), numero) = (self.almacen, cadena.hojas() - 1) else { return Ok(()) };
        if numero >= self.guardado.hojas() || self.dicho {
            return Ok(());
        }
        if numero.is_multiple_of(ANCHO) {
            self.azulejo = almacen.hojas(cadena.particion(), numero / ANCHO)?;
        }
        let guardada = self.azulejo.get((numero % ANCHO) as usize);
        if guardada != Some(&(posicion, *cadena.cabeza())) {
            let que = format!(
                "la tabla de la cadena no tiene la hoja {numero} como el registro: vuelva a plegarla con auditoria reconstruir"
            );
            self.distinta(cadena.particion(), que);
        }
        let otro = |estado: &Estado| estado.cadena != *cadena || estado.siguiente != posicion + 1;
        if cadena.hojas() == self.guardado.hojas() && self.guardado.estado.as_ref().is_some_and(otro) {
            self.distinta(cadena.particion(), "el estado guardado de la cadena no es el que da el registro".to_owned());
        }
        Ok(())
    }
}

impl Visita for EnLinea<'_> {
    fn particion(&mut self, particion: TopicPartition) -> Result<(), ErrorCadena> {
        self.guardado = self.guardados.remove(&particion).unwrap_or_default();
        (self.dicho, self.selladas) = (false, 0);
        self.juez.tomar(Linea::Particion(particion));
        Ok(())
    }

    fn hoja(&mut self, cadena: &Cadena, hoja: &HojaLeida, registro: &StoredRecord) -> Result<(), ErrorCadena> {
        let (numero, eslabon) = (cadena.hojas() - 1, *cadena.cabeza());
        self.juez.tomar(Linea::Hoja { numero, hoja: *hoja, eslabon, valor: None });
        self.comparar(cadena, registro.position)
    }

    fn sello(&mut self, sello: &SelloFirmado) -> Result<(), ErrorCadena> {
        if let Some(almacen) = self.almacen
            && let Some(guardada) = almacen.sello(sello.sello.particion, sello.sello.hojas)?
            && guardada != sello.nota
        {
            let que = format!("la tabla de sellos no tiene el de {} hojas como el registro", sello.sello.hojas);
            self.juez.hallar(Some(sello.sello.particion), None, que);
        }
        self.selladas = sello.sello.hojas;
        self.juez.tomar(Linea::Sello(sello.nota.clone()));
        Ok(())
    }

    fn ajeno(&mut self, particion: TopicPartition, que: String) {
        self.juez.hallar(Some(particion), None, format!("hay un sello que no es de esta instalación: {que}"));
    }

    fn fin(&mut self, cadena: &Cadena, sellos: u64) -> Result<(), ErrorCadena> {
        let (particion, hojas, cabeza) = (cadena.particion(), cadena.hojas(), *cadena.cabeza());
        let (guardadas, selladas) = (self.guardado.hojas(), self.guardado.selladas);
        if guardadas > hojas {
            let que = format!("la tabla de la cadena tiene {guardadas} hojas y el registro {hojas}: al registro le falta el final");
            self.distinta(particion, que);
        }
        if selladas > self.selladas {
            let que = format!("la tabla de sellos tiene uno de {selladas} hojas y al registro le falta");
            self.juez.hallar(Some(particion), None, que);
        }
        self.totales = (self.totales.0 + 1, self.totales.1 + hojas, self.totales.2 + sellos);
        self.juez.tomar(Linea::FinParticion { particion, hojas, sellos, cabeza });
        Ok(())
    }
}

/// Verifies a log: every seal that is on it against the leaves that it gives, what the tables keep, and seals that were kept elsewhere.
///
/// # Errors
/// Of log or tables; a schema that this program does not know.
pub fn verificar_registro(
    origen: Origen<'_>,
    almacen: Option<&Almacen>,
    anclas: &[SelloFirmado],
    progreso: Progreso<'_>,
) -> Result<Informe, ErrorCadena> {
    let mut juez = Verificador::nuevo(origen.llavero, anclas);
    juez.tomar(Linea::Cabecera { nombre: origen.llavero.nombre() });
    let guardado = |particion| almacen.map(|a| Ok((particion, Guardado::de(a, particion)?)));
    let guardados = particiones(origen.log).into_iter().filter_map(guardado).collect::<Result<_, ErrorCadena>>()?;
    let (guardado, azulejo, totales) = (Guardado::default(), Vec::new(), (0, 0, 0));
    let mut visita = EnLinea { juez, almacen, guardados, guardado, azulejo, dicho: false, selladas: 0, totales };
    leer(origen, progreso, &mut visita)?;
    let (particiones, hojas, sellos) = visita.totales;
    visita.juez.tomar(Linea::Fin { particiones, hojas, sellos });
    Ok(visita.juez.terminar())
}

/// An exported file against the log that it is of: what the file says must be the beginning of what the log says, and a file that ends
/// before the log does is told. Findings are added to those of the file.
///
/// # Errors
/// As [`verificar_registro`].
pub fn contra_registro(origen: Origen<'_>, archivo: &mut Informe, progreso: Progreso<'_>) -> Result<(), ErrorCadena> {
    let suyas = archivo.particiones.iter().map(|p| (p.particion, (p.hojas, p.cabeza))).collect();
    let mut contraste = Contraste { suyas, hallazgos: Vec::new(), cruzada: false };
    leer(origen, progreso, &mut contraste)?;
    for (particion, que) in contraste.hallazgos {
        archivo.anotar(particion, que);
    }
    Ok(())
}

struct Contraste {
    suyas: BTreeMap<TopicPartition, (u64, Digesto)>,
    hallazgos: Vec<(TopicPartition, String)>,
    cruzada: bool,
}

impl Visita for Contraste {
    fn particion(&mut self, particion: TopicPartition) -> Result<(), ErrorCadena> {
        self.cruzada = self.suyas.get(&particion).is_none_or(|(hojas, _)| *hojas == 0);
        Ok(())
    }

    fn hoja(&mut self, cadena: &Cadena, _: &HojaLeida, _: &StoredRecord) -> Result<(), ErrorCadena> {
        let suya = self.suyas.get(&cadena.particion());
        if let Some((hojas, cabeza)) = suya.filter(|(hojas, _)| *hojas == cadena.hojas()) {
            self.cruzada = true;
            if cabeza != cadena.cabeza() {
                let que = format!("las {hojas} hojas del archivo no son las primeras {hojas} del registro: hay dos historias");
                self.hallazgos.push((cadena.particion(), que));
            }
        }
        Ok(())
    }

    fn sello(&mut self, _: &SelloFirmado) -> Result<(), ErrorCadena> {
        Ok(())
    }

    fn ajeno(&mut self, _: TopicPartition, _: String) {}

    fn fin(&mut self, cadena: &Cadena, _: u64) -> Result<(), ErrorCadena> {
        let (particion, hay) = (cadena.particion(), cadena.hojas());
        let suyas = self.suyas.get(&particion).map_or(0, |(hojas, _)| *hojas);
        if suyas < hay {
            self.hallazgos.push((particion, format!("el archivo termina en {suyas} hojas y el registro tiene {hay}")));
        } else if !self.cruzada {
            self.hallazgos
                .push((particion, format!("el archivo tiene {suyas} hojas y el registro {hay}: al registro le falta el final")));
        }
        Ok(())
    }
}
