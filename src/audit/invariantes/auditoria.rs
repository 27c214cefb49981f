//! I10: the audit's read model has each event, refusal and query of the log once, and nothing else.
//!
//! The chain of hashes over these records is another matter: `audit::cadena::en_linea` verifies it, over the same records, beside its own tables.

use hashbrown::HashMap;
use xxhash_rust::xxh3::Xxh3;

use super::{
    ErrorVerificacion,
    corte::{Corte, Tramo},
    informe::{Codigo, Informe},
    lectura::Lector,
    proyecciones::{Espera, Proyeccion},
};
use crate::{
    domain::{
        Contexto,
        valores::{Id, Instante},
    },
    log::{Log, Position, Topic, TopicPartition, all_partitions},
    tables::{Row, Table, Tables, Value},
};

/// Rows asked of the tables at a time.
const PAGINA: usize = 1_024;

/// The audit's read model: one row for each record, which says where the record is.
#[derive(Clone, Copy)]
pub struct LibroAuditoria {
    /// Clustering `ocurrido_en`, `tema`, `particion`, `posicion`; column `flujo`.
    pub proyeccion: Proyeccion,
    /// What a row keeps of a correlation id.
    pub flujo: fn(&Id) -> i64,
}

/// Nothing is at the position.
const NADA: u32 = 0;
/// The record has been found among the rows.
const VISTA: u32 = 1;

/// What must be in the audit, by place: four bytes for each record.
pub(super) struct Libro {
    /// Not set: nothing to compare with, nothing is kept.
    flujo: Option<fn(&Id) -> i64>,
    particiones: HashMap<TopicPartition, Vec<u32>>,
    tramos: HashMap<TopicPartition, Tramo>,
}

impl Libro {
    pub(super) fn new(log: &dyn Log, corte: &Corte, libro: Option<&LibroAuditoria>) -> Self {
        let temas = Contexto::TODOS.map(Topic::Eventos).into_iter().chain([Topic::Auditoria]);
        let tramos = all_partitions(log, temas).into_iter().map(|tp| (tp, corte.tramo(tp))).collect();
        Self { flujo: libro.map(|libro| libro.flujo), particiones: HashMap::new(), tramos }
    }

    /// A record that is audited.
    pub(super) fn anotar(&mut self, tp: TopicPartition, posicion: Position, ocurrido_en: Instante, correlation_id: &Id) {
        let Some(flujo) = self.flujo else { return };
        let desde = self.tramos.get(&tp).map_or(0, |tramo| tramo.desde);
        let lugar = lugar_en(posicion, desde);
        let marcas = self.particiones.entry(tp).or_default();
        if marcas.len() <= lugar {
            marcas.resize(lugar + 1, NADA);
        }
        marcas[lugar] = marca(ocurrido_en, flujo(correlation_id));
    }

    /// Compares the rows with what was read. Rows that the sink has still to write are not missed.
    pub(super) fn comparar(
        mut self,
        (log, lector): (&dyn Log, &Lector<'_>),
        tablas: &dyn Tables,
        libro: &LibroAuditoria,
        espera: &Espera,
        informe: &mut Informe,
    ) -> Result<(), ErrorVerificacion> {
        let proyeccion = libro.proyeccion;
        let mut particiones: Vec<TopicPartition> = self.tramos.keys().copied().collect();
        particiones.sort_unstable();
        // Taken before the rows: what it covers is among them.
        let mut escritos = HashMap::new();
        for tp in &particiones {
            let tramo = self.tramos[tp];
            let escrito = espera.escrito(lector, tablas, proyeccion.consumidor, *tp, tramo.hasta)?;
            if escrito < tramo.hasta {
                informe.nota(Codigo::I10, "atrasada: la auditoría no ha llegado al final; se revisó lo demás");
            }
            escritos.insert(*tp, escrito);
        }
        let lugares = Lugares::de(proyeccion.tabla);
        let mut cursor = None;
        loop {
            let (filas, sigue) = tablas.scan(proyeccion.tabla, cursor.as_ref(), PAGINA)?;
            for fila in &filas {
                informe.filas_auditoria += 1;
                self.fila(log, &lugares, fila, informe)?;
            }
            cursor = sigue;
            if cursor.is_none() {
                break;
            }
        }
        for tp in particiones {
            self.cerrar(tp, escritos[&tp], informe);
        }
        Ok(())
    }

    fn fila(&mut self, log: &dyn Log, lugares: &Lugares, fila: &Row, informe: &mut Informe) -> Result<(), ErrorVerificacion> {
        let Some(leida) = lugares.leer(fila) else {
            informe.falla(Codigo::I10, || format!("una fila de la auditoría es ilegible: {:?}", fila.key));
            return Ok(());
        };
        let (tp, posicion) = (leida.particion, leida.posicion);
        let tramo = self.tramos.get(&tp).copied().unwrap_or_default();
        if posicion >= tramo.hasta {
            // Of a record that came after the cut, or of none.
            let fin = if self.tramos.contains_key(&tp) { log.watermarks(tp)?.stable } else { 0 };
            informe.exigir(Codigo::I10, posicion < fin, || sin_origen(tp, posicion));
            return Ok(());
        }
        if posicion < tramo.desde {
            return Ok(());
        }
        let lugar = lugar_en(posicion, tramo.desde);
        let Some(marca_hallada) = self.particiones.get_mut(&tp).and_then(|marcas| marcas.get_mut(lugar)) else {
            informe.falla(Codigo::I10, || sin_origen(tp, posicion));
            return Ok(());
        };
        match *marca_hallada {
            NADA => informe.falla(Codigo::I10, || sin_origen(tp, posicion)),
            VISTA => informe.falla(Codigo::I10, || format!("la auditoría tiene {tp} posición {posicion} más de una vez")),
            esperada => {
                *marca_hallada = VISTA;
                informe.exigir(Codigo::I10, esperada == leida.marca, || {
                    format!("la fila de {tp} posición {posicion} dice otro instante u otro flujo que su registro")
                });
            }
        }
        Ok(())
    }

    fn cerrar(&self, tp: TopicPartition, escrito: Position, informe: &mut Informe) {
        let desde = self.tramos.get(&tp).map_or(0, |tramo| tramo.desde);
        let Some(marcas) = self.particiones.get(&tp) else { return };
        for (lugar, marca) in marcas.iter().enumerate().filter(|(_, marca)| **marca != NADA) {
            let posicion = desde + lugar as Position;
            informe.revisado(Codigo::I10);
            informe.exigir(Codigo::I10, *marca == VISTA || posicion >= escrito, || {
                format!("{tp} posición {posicion} no está en la auditoría")
            });
        }
    }
}

fn sin_origen(tp: TopicPartition, posicion: Position) -> String {
    format!("la auditoría tiene una fila de {tp} posición {posicion}, donde no hay nada que auditar")
}

/// Place in the list of a partition that is kept from `desde` on.
fn lugar_en(posicion: Position, desde: Position) -> usize {
    usize::try_from(posicion.saturating_sub(desde)).unwrap_or(usize::MAX)
}

/// 32 bits of what a row repeats of its record, never [`NADA`] nor [`VISTA`].
fn marca(ocurrido_en: Instante, flujo: i64) -> u32 {
    let mut hash = Xxh3::new();
    hash.update(&ocurrido_en.micros().to_le_bytes());
    hash.update(&flujo.to_le_bytes());
    // Half of the hash, on purpose.
    (hash.digest() as u32).max(VISTA + 1)
}

/// A row, read.
struct Leida {
    particion: TopicPartition,
    posicion: Position,
    marca: u32,
}

/// Where the columns are in a row.
struct Lugares {
    ocurrido_en: Option<usize>,
    tema: Option<usize>,
    particion: Option<usize>,
    posicion: Option<usize>,
    flujo: Option<usize>,
}

impl Lugares {
    fn de(tabla: &'static Table) -> Self {
        let de_clave = |nombre: &str| {
            let lugar = tabla.clustering.iter().position(|(columna, _)| columna.name == nombre)?;
            Some(tabla.partition.len() + lugar)
        };
        Self {
            ocurrido_en: de_clave("ocurrido_en"),
            tema: de_clave("tema"),
            particion: de_clave("particion"),
            posicion: de_clave("posicion"),
            flujo: tabla.columns.iter().position(|columna| columna.name == "flujo"),
        }
    }

    /// `None` when a column is missing or of another type.
    fn leer(&self, fila: &Row) -> Option<Leida> {
        let entero = |lugar: Option<usize>| match fila.key.get(lugar?)? {
            Value::Int(n) => u64::try_from(*n).ok(),
            _ => None,
        };
        let Value::Timestamp(ocurrido_en) = fila.key.get(self.ocurrido_en?)? else { return None };
        let Value::Int(flujo) = fila.values.get(self.flujo?)? else { return None };
        let topic = Topic::de_codigo(u16::try_from(entero(self.tema)?).ok()?)?;
        let particion = TopicPartition::new(topic, u16::try_from(entero(self.particion)?).ok()?);
        Some(Leida { particion, posicion: entero(self.posicion)?, marca: marca(*ocurrido_en, *flujo) })
    }
}
