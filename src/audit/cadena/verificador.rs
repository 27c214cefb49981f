//! Verifies an exported file, line by line, with the public key alone: neither log nor tables nor network.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead, Read},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    Digesto, Hoja, Linea, Llavero, SelloFirmado, Sucesion,
    archivo::MAX_LINEA,
    hoja::{self, Cadena},
};
use crate::log::TopicPartition;

/// Findings that are kept; the rest is only counted.
pub const MAX_HALLAZGOS: usize = 20;

/// Something in the file that is not as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hallazgo {
    /// Line of the file, from 1; 0 when it is about the whole.
    pub linea: u64,
    pub particion: Option<TopicPartition>,
    /// Leaf, from 0.
    pub hoja: Option<u64>,
    pub que: String,
}

/// One partition of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumenParticion {
    pub particion: TopicPartition,
    pub hojas: u64,
    pub sellos: u64,
    /// Leaves that the last seal covers: what comes after has no signature yet.
    pub selladas: u64,
    pub cabeza: Digesto,
}

impl ResumenParticion {
    /// Leaves without a seal.
    pub fn sin_sellar(&self) -> u64 {
        self.hojas.saturating_sub(self.selladas)
    }
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Informe {
    pub particiones: Vec<ResumenParticion>,
    pub hojas: u64,
    pub sellos: u64,
    /// The first ones.
    pub hallazgos: Vec<Hallazgo>,
    /// All of them.
    pub fallas: u64,
}

impl Informe {
    /// Whether nothing is wrong. There may be leaves that no seal covers yet.
    pub fn integro(&self) -> bool {
        self.fallas == 0
    }

    fn hallar(&mut self, hallazgo: Hallazgo) {
        self.fallas += 1;
        if self.hallazgos.len() < MAX_HALLAZGOS {
            self.hallazgos.push(hallazgo);
        }
    }

    /// Adds a finding about the whole of a partition.
    pub(super) fn anotar(&mut self, particion: TopicPartition, que: String) {
        self.hallar(Hallazgo { linea: 0, particion: Some(particion), hoja: None, que });
    }

    /// As the command line and the API give it.
    pub fn to_json(&self) -> Value {
        let particion = |p: &ResumenParticion| {
            json!({
                "particion": p.particion.to_string(), "hojas": p.hojas, "sellos": p.sellos,
                "selladas": p.selladas, "sin_sellar": p.sin_sellar(), "cabeza": super::hex(&p.cabeza),
            })
        };
        let hallazgo = |h: &Hallazgo| {
            json!({
                "linea": Some(h.linea).filter(|l| *l > 0), "particion": h.particion.map(|p| p.to_string()), "hoja": h.hoja, "que": h.que,
            })
        };
        json!({
            "integro": self.integro(),
            "hojas": self.hojas,
            "sellos": self.sellos,
            "sin_sellar": self.sin_sellar(),
            "fallas": self.fallas,
            "hallazgos": self.hallazgos.iter().map(hallazgo).collect::<Vec<_>>(),
            "particiones": self.particiones.iter().filter(|p| p.hojas > 0).map(particion).collect::<Vec<_>>(),
        })
    }

    /// Leaves that no seal covers.
    pub fn sin_sellar(&self) -> u64 {
        self.particiones.iter().map(ResumenParticion::sin_sellar).sum()
    }
}

/// The partition being read.
struct Tramo {
    cadena: Cadena,
    sucesion: Sucesion,
    sellos: u64,
}

enum Estado {
    Cabecera,
    Entre,
    En(Box<Tramo>),
    Terminado,
    /// A line that is none: what follows has no meaning.
    Perdido,
}

/// Takes the lines of a file, in order, in memory that does not grow with it.
pub struct Verificador<'a> {
    llavero: &'a Llavero,
    /// Seals that were kept elsewhere: the file must hold what they cover. By partition, then by leaves.
    anclas: BTreeMap<TopicPartition, BTreeMap<u64, &'a SelloFirmado>>,
    pendientes: BTreeSet<TopicPartition>,
    estado: Estado,
    linea: u64,
    ultima: Option<TopicPartition>,
    informe: Informe,
    valor: Vec<u8>,
}

impl<'a> Verificador<'a> {
    /// `anclas`: seals known from elsewhere, already verified. With them a file that was cut, or that tells another story, is found out
    /// even when it is whole in itself.
    pub fn nuevo(llavero: &'a Llavero, anclas: &'a [SelloFirmado]) -> Self {
        let mut por_particion: BTreeMap<TopicPartition, BTreeMap<u64, &SelloFirmado>> = BTreeMap::new();
        let mut contradichas = Vec::new();
        for ancla in anclas {
            let de_particion = por_particion.entry(ancla.sello.particion).or_default();
            if let Some(otra) = de_particion.insert(ancla.sello.hojas, ancla)
                && (otra.sello.raiz != ancla.sello.raiz || otra.sello.cabeza != ancla.sello.cabeza)
            {
                contradichas.push((ancla.sello.particion, ancla.sello.hojas));
            }
        }
        let pendientes = por_particion.keys().copied().collect();
        let mut nuevo = Self {
            llavero,
            anclas: por_particion,
            pendientes,
            estado: Estado::Cabecera,
            linea: 0,
            ultima: None,
            informe: Informe::default(),
            valor: Vec::new(),
        };
        for (particion, hojas) in contradichas {
            nuevo.hallar(
                Some(particion),
                None,
                format!("hay dos sellos de {hojas} hojas que dicen cosas distintas: hay dos historias"),
            );
        }
        nuevo
    }

    /// Takes the next line, with its newline.
    pub fn linea(&mut self, linea: &[u8]) {
        if matches!(self.estado, Estado::Perdido) {
            return;
        }
        self.linea += 1;
        match linea.strip_suffix(b"\n").and_then(Linea::leer) {
            Some(leida) => self.leida(leida),
            None => self.perder("la línea no tiene la forma del formato: está dañada, o no la escribió este programa"),
        }
    }

    /// Whether nothing more is worth reading.
    pub fn perdido(&self) -> bool {
        matches!(self.estado, Estado::Perdido)
    }

    /// Takes what a line says, from whoever has it without a file.
    pub(super) fn tomar(&mut self, linea: Linea<'_>) {
        if !matches!(self.estado, Estado::Perdido) {
            self.leida(linea);
        }
    }

    fn leida(&mut self, linea: Linea<'_>) {
        match (&mut self.estado, linea) {
            (Estado::Cabecera, Linea::Cabecera { nombre }) => self.cabecera(nombre),
            (Estado::Entre, Linea::Particion(particion)) => self.abrir(particion),
            (Estado::En(_), Linea::Hoja { numero, hoja, eslabon, valor }) => self.hoja(numero, &hoja, &eslabon, valor),
            (Estado::En(_), Linea::Sello(nota)) => self.sello(&nota),
            (Estado::En(_), Linea::FinParticion { particion, hojas, sellos, cabeza }) => {
                self.cerrar(particion, (hojas, sellos), &cabeza);
            }
            (Estado::Entre, Linea::Fin { particiones, hojas, sellos }) => self.fin(particiones, hojas, sellos),
            (Estado::Terminado, _) => self.perder("hay líneas después del final"),
            (Estado::Cabecera, _) => self.perder("la primera línea no es la cabecera del formato"),
            _ => self.perder("la línea no va en este lugar: falta o sobra algo antes"),
        }
    }

    fn cabecera(&mut self, nombre: &str) {
        self.estado = Estado::Entre;
        if nombre != self.llavero.nombre() {
            let que = format!("el archivo es de «{nombre}» y la clave es de «{}»", self.llavero.nombre());
            self.hallar(None, None, que);
        }
    }

    fn abrir(&mut self, particion: TopicPartition) {
        if self.ultima.is_some_and(|ultima| orden(ultima) >= orden(particion)) {
            self.perder("las particiones no van en su orden: falta, sobra o se movió una");
            return;
        }
        self.ultima = Some(particion);
        let tramo = Tramo { cadena: Cadena::nueva(particion), sucesion: Sucesion::nueva(particion), sellos: 0 };
        self.estado = Estado::En(Box::new(tramo));
    }

    fn hoja(&mut self, numero: u64, hoja: &Hoja<'_>, dicho: &Digesto, valor: Option<&str>) {
        let Estado::En(tramo) = &mut self.estado else { return };
        let (particion, cadena) = (tramo.cadena.particion(), &mut tramo.cadena);
        let esperado = cadena.hojas();
        if numero != esperado {
            let que = format!("la hoja es la {numero} y seguía la {esperado}: falta, sobra o se movió una");
            self.perder_en(Some(particion), Some(numero), que);
            return;
        }
        let calculado = hoja.eslabon(cadena.cabeza(), cadena.nombre());
        // Each line is judged by what the one before states, so that one altered line is one finding.
        cadena.agregar_eslabon(*dicho);
        if calculado != *dicho {
            self.hallar(
                Some(particion),
                Some(numero),
                "el eslabón no es el de esta hoja y la anterior: se alteró una de las dos".to_owned(),
            );
        }
        if let Some(valor) = valor {
            self.valor(particion, numero, hoja, valor);
        }
        self.ancla(particion);
    }

    fn valor(&mut self, particion: TopicPartition, numero: u64, hoja: &Hoja<'_>, valor: &str) {
        self.valor.clear();
        let leido = STANDARD.decode_vec(valor, &mut self.valor).is_ok();
        if !leido || hoja::de_datos(&self.valor) != hoja.datos {
            self.hallar(Some(particion), Some(numero), "el valor no es el que su huella dice".to_owned());
        }
    }

    /// A seal kept elsewhere of just so many leaves must be of these.
    fn ancla(&mut self, particion: TopicPartition) {
        let Estado::En(tramo) = &self.estado else { return };
        let hojas = tramo.cadena.hojas();
        let Some(ancla) = self.anclas.get(&particion).and_then(|de_particion| de_particion.get(&hojas)) else { return };
        if !ancla.sello.es_de(&tramo.cadena) {
            let que = format!("un sello guardado aparte, de {hojas} hojas, no es el de estas: hay dos historias");
            self.hallar(Some(particion), None, que);
        }
    }

    fn sello(&mut self, nota: &str) {
        let Estado::En(tramo) = &mut self.estado else { return };
        let (particion, hojas) = (tramo.cadena.particion(), tramo.cadena.hojas());
        tramo.sellos += 1;
        let anteriores = tramo.sucesion.hojas();
        let juicio = SelloFirmado::verificar(nota, self.llavero, true).map_err(|e| e.to_string()).and_then(|sello| {
            let seguido = tramo.sucesion.seguir(&sello).map_err(|e| e.to_string());
            if !sello.sello.es_de(&tramo.cadena) {
                return Err(format!(
                    "el sello no es el de estas hojas: algo cambió entre la {anteriores} y la {hojas}, o el sello es de otro lugar"
                ));
            }
            seguido
        });
        if let Err(que) = juicio {
            self.hallar(Some(particion), None, que);
        }
    }

    fn cerrar(&mut self, particion: TopicPartition, (hojas, sellos): (u64, u64), cabeza: &Digesto) {
        let Estado::En(tramo) = std::mem::replace(&mut self.estado, Estado::Entre) else { return };
        let Tramo { cadena, sucesion, sellos: leidos } = *tramo;
        let resumen = ResumenParticion {
            particion: cadena.particion(),
            hojas: cadena.hojas(),
            sellos: leidos,
            selladas: sucesion.hojas(),
            cabeza: *cadena.cabeza(),
        };
        if (particion, hojas, sellos, *cabeza) != (resumen.particion, resumen.hojas, leidos, resumen.cabeza) {
            let que = format!("el final de la partición dice {hojas} hojas y {sellos} sellos, y hay {} y {leidos}", resumen.hojas);
            self.hallar(Some(resumen.particion), None, que);
        }
        self.truncada(resumen.particion, resumen.hojas);
        self.informe.hojas += resumen.hojas;
        self.informe.sellos += leidos;
        self.informe.particiones.push(resumen);
    }

    fn truncada(&mut self, particion: TopicPartition, hojas: u64) {
        self.pendientes.remove(&particion);
        let mayor = self.anclas.get(&particion).and_then(|a| a.last_key_value()).map(|(hojas, _)| *hojas);
        if let Some(mayor) = mayor.filter(|mayor| *mayor > hojas) {
            let que = format!("un sello guardado aparte cubre {mayor} hojas y hay {hojas}: la historia está cortada");
            self.hallar(Some(particion), None, que);
        }
    }

    fn fin(&mut self, particiones: u64, hojas: u64, sellos: u64) {
        self.estado = Estado::Terminado;
        let leidas = (self.informe.particiones.len() as u64, self.informe.hojas, self.informe.sellos);
        if leidas != (particiones, hojas, sellos) {
            let (p, h, s) = leidas;
            let que = format!("el final dice {particiones} particiones, {hojas} hojas y {sellos} sellos, y hay {p}, {h} y {s}");
            self.hallar(None, None, que);
        }
    }

    /// Ends the verification: a file without its end is cut.
    pub fn terminar(mut self) -> Informe {
        if !matches!(self.estado, Estado::Terminado | Estado::Perdido) {
            self.linea = 0;
            self.hallar(None, None, "el archivo está cortado: le falta el final".to_owned());
        }
        for particion in std::mem::take(&mut self.pendientes) {
            self.linea = 0;
            let que = "hay un sello guardado aparte de esta partición, y el archivo no la trae entera".to_owned();
            self.hallar(Some(particion), None, que);
        }
        self.informe
    }

    fn perder(&mut self, que: &str) {
        let (particion, hoja) = match &self.estado {
            Estado::En(tramo) => (Some(tramo.cadena.particion()), Some(tramo.cadena.hojas())),
            _ => (None, None),
        };
        self.perder_en(particion, hoja, que.to_owned());
    }

    fn perder_en(&mut self, particion: Option<TopicPartition>, hoja: Option<u64>, que: String) {
        self.hallar(particion, hoja, que);
        self.estado = Estado::Perdido;
    }

    pub(super) fn hallar(&mut self, particion: Option<TopicPartition>, hoja: Option<u64>, que: String) {
        self.informe.hallar(Hallazgo { linea: self.linea, particion, hoja, que });
    }
}

/// Place of a partition in the file: by topic as they are listed, then by number.
fn orden(particion: TopicPartition) -> (usize, u16) {
    let tema = hoja::TEMAS.iter().position(|tema| *tema == particion.topic);
    (tema.unwrap_or(usize::MAX), particion.partition)
}

/// Verifies a whole file. `avance` is told the bytes read, now and then.
///
/// # Errors
/// When it cannot be read.
pub fn verificar_archivo(
    mut archivo: impl BufRead,
    llavero: &Llavero,
    anclas: &[SelloFirmado],
    avance: &mut dyn FnMut(u64),
) -> io::Result<Informe> {
    const CADA: u64 = 1 << 20;
    let mut verificador = Verificador::nuevo(llavero, anclas);
    let (mut linea, mut bytes, mut dichos) = (Vec::new(), 0, 0);
    loop {
        linea.clear();
        let leidos = archivo.by_ref().take(MAX_LINEA as u64 + 1).read_until(b'\n', &mut linea)?;
        if leidos == 0 || verificador.perdido() {
            break;
        }
        verificador.linea(&linea);
        bytes += leidos as u64;
        if bytes - dichos >= CADA {
            avance(bytes);
            dichos = bytes;
        }
    }
    avance(bytes);
    Ok(verificador.terminar())
}
