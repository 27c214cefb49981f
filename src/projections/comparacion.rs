//! A projection against the log: its rows, and the ones that folding the log again gives.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    corte::Corte,
    projection::{Decoder, ProjectionSpec},
    runner::{RunnerOptions, SinkError, Sinks},
};
use crate::{
    log::{Log, Position, TopicPartition},
    tables::{Row, Table, Tables, Value, memory::MemoryTables},
};

/// Rows asked of a table at a time.
const PAGINA: usize = 1_000;
/// Differences that are told; the rest is only counted.
const DIFERENCIAS_DICHAS: usize = 100;

/// How far a projection is in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Avance {
    pub particion: TopicPartition,
    /// Next position that it reads.
    pub siguiente: Position,
    /// Records of the partition that it has not read, at most.
    pub atraso: u64,
}

/// Records folded, and how many there are in all.
pub type Progreso<'a> = &'a mut dyn FnMut(u64, u64);

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparacion {
    /// Rows compared.
    pub filas: u64,
    /// Rows that are newer than what was folded: sinks went on meanwhile.
    pub adelantadas: u64,
    /// Records that the projection has not read, at most: they were not compared.
    pub atraso: u64,
    pub diferencias: u64,
    /// The first of them, in Spanish.
    pub dichas: Vec<String>,
}

impl Comparacion {
    fn difiere(&mut self, decir: impl FnOnce() -> String) {
        self.diferencias += 1;
        if self.dichas.len() < DIFERENCIAS_DICHAS {
            self.dichas.push(decir());
        }
    }
}

/// The partitions that a projection reads.
pub(super) fn particiones(log: &dyn Log, spec: &ProjectionSpec) -> Vec<TopicPartition> {
    let de = |topic| (0..log.partitions(topic)).map(move |n| TopicPartition::new(topic, n));
    spec.topics.iter().copied().flat_map(de).collect()
}

/// Where a projection is in every partition that it reads.
///
/// # Errors
/// Of log or tables.
pub fn avance(log: &dyn Log, tables: &dyn Tables, spec: &'static ProjectionSpec) -> Result<Vec<Avance>, SinkError> {
    let lugares = particiones(log, spec)
        .into_iter()
        .map(|particion| Ok((particion, tables.position(spec.name, particion)?.unwrap_or_default())))
        .collect::<Result<Vec<_>, SinkError>>()?;
    let atrasos = log.behind(&lugares)?;
    let uno = |((particion, siguiente), atraso)| Avance { particion, siguiente, atraso };
    Ok(lugares.into_iter().zip(atrasos).map(uno).collect())
}

/// Folds into tables until nothing is left to read, or somebody asks to stop; whether it came to the end.
pub(super) fn plegar(
    log: Arc<dyn Log>,
    tables: Arc<dyn Tables>,
    decoder: Arc<dyn Decoder>,
    options: RunnerOptions,
    total: u64,
    parar: &AtomicBool,
    progreso: Progreso<'_>,
) -> Result<bool, SinkError> {
    let mut sinks = Sinks::open(log, tables, decoder, options)?;
    let mut queda = true;
    while std::mem::take(&mut queda) {
        for sink in 0..sinks.len() {
            while sinks.step(sink)? {
                queda = true;
                progreso(sinks.anomalies().records(), total);
                if parar.load(Ordering::Acquire) {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// Folds the log again, in memory, as far as the projection has read it, and compares every row of every table.
///
/// # Errors
/// Of log or tables.
pub fn comparar(
    log: &Arc<dyn Log>,
    tables: &Arc<dyn Tables>,
    decoder: Arc<dyn Decoder>,
    spec: &'static ProjectionSpec,
    progreso: Progreso<'_>,
) -> Result<Comparacion, SinkError> {
    tables.declare(spec.tables)?;
    let antes = avance(&**log, &**tables, spec)?;
    let hasta: BTreeMap<TopicPartition, Position> = antes.iter().map(|a| (a.particion, a.siguiente)).collect();
    let corte: Arc<dyn Log> = Arc::new(Corte { log: Arc::clone(log), hasta });
    let desde_el_principio: Vec<_> = antes.iter().map(|a| (a.particion, 0)).collect();
    let total = corte.behind(&desde_el_principio)?.iter().sum();
    let memoria: Arc<dyn Tables> = Arc::new(MemoryTables::default());
    let options = RunnerOptions { projections: vec![spec], ..RunnerOptions::default() };
    plegar(corte, Arc::clone(&memoria), decoder, options, total, &AtomicBool::new(false), progreso)?;
    let mut comparacion = Comparacion { atraso: antes.iter().map(|a| a.atraso).sum(), ..Comparacion::default() };
    for table in spec.tables {
        comparar_tabla(&**tables, &*memoria, table, &mut comparacion)?;
    }
    // Rows that sinks wrote, took away or added meanwhile prove nothing.
    let quieta = avance(&**log, &**tables, spec)?.iter().zip(&antes).all(|(ahora, antes)| ahora.siguiente == antes.siguiente);
    if !quieta && comparacion.diferencias > 0 {
        comparacion
            .dichas
            .push("la proyección avanzó mientras se comparaba: repita la orden, o detenga el proceso que la alimenta".to_owned());
    }
    Ok(comparacion)
}

fn comparar_tabla(
    tables: &dyn Tables,
    memoria: &dyn Tables,
    table: &'static Table,
    comparacion: &mut Comparacion,
) -> Result<(), SinkError> {
    recorrer(tables, table, |fila| {
        comparacion.filas += 1;
        match memoria.get(table, &fila.key)? {
            Some(esperada) if esperada == fila => {}
            Some(esperada) if esperada.version < fila.version => comparacion.adelantadas += 1,
            Some(esperada) => comparacion.difiere(|| diferencia(table, &fila, &esperada)),
            None => comparacion.difiere(|| format!("{}: sobra la fila {}", table.name, clave(&fila.key))),
        }
        Ok(())
    })?;
    recorrer(memoria, table, |esperada| {
        if tables.get(table, &esperada.key)?.is_none() {
            comparacion.difiere(|| format!("{}: falta la fila {}", table.name, clave(&esperada.key)));
        }
        Ok(())
    })
}

fn recorrer(
    tables: &dyn Tables,
    table: &'static Table,
    mut cada: impl FnMut(Row) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    let mut despues = None;
    loop {
        let (filas, siguiente) = tables.scan(table, despues.as_ref(), PAGINA)?;
        filas.into_iter().try_for_each(&mut cada)?;
        match siguiente {
            Some(cursor) => despues = Some(cursor),
            None => return Ok(()),
        }
    }
}

fn clave(key: &[Value]) -> String {
    key.iter().map(|valor| format!("{valor:?}")).collect::<Vec<_>>().join(" ")
}

fn diferencia(table: &'static Table, fila: &Row, esperada: &Row) -> String {
    let columnas = table.columns.iter().zip(fila.values.iter().zip(&esperada.values));
    let distintas = columnas.filter(|(_, (hay, debe))| hay != debe);
    let mut partes: Vec<String> = distintas.map(|(c, (hay, debe))| format!("{} es {hay:?} y debe ser {debe:?}", c.name)).collect();
    if fila.version != esperada.version {
        partes.push(format!("la versión es {} y debe ser {}", fila.version, esperada.version));
    }
    format!("{} {}: {}", table.name, clave(&fila.key), partes.join("; "))
}
