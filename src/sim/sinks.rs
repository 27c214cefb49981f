//! The read side: the production sinks over tables that fail, a batch at a time, and readers that hold what they see against each other.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{faults::Fault, faults::Weather, node::Shared, rng::Rng, trace::Trace};
use crate::{
    contracts::Uso,
    domain::valores::Instante,
    engine::ports::FixedClock,
    log::Log,
    projections::{
        Consultas, DelRegistro, Progress, RunnerOptions, clientes::CLIENTES_SUPRIMIDOS, existencias::EXISTENCIAS,
        facturas::FACTURAS, runner::Sinks,
    },
    tables::{SinkPosition, Tables, TablesError, Value, Write, layer::Layer, memory::MemoryTables},
};

/// Tables that are down for a while, or write and do not say so.
pub struct FaultyTables {
    pub tables: MemoryTables,
    weather: Mutex<Option<Weather>>,
    /// Calls that fail from now on.
    down: AtomicU32,
}

impl FaultyTables {
    fn weather(&self) -> Option<Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn unreachable_tables() -> TablesError {
    TablesError::Storage("las tablas no responden".to_owned())
}

impl Layer for FaultyTables {
    type Below = MemoryTables;

    fn below(&self) -> &MemoryTables {
        &self.tables
    }

    fn write(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError> {
        let Some(weather) = self.weather() else { return self.tables.apply(writes, positions) };
        if self.down.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
            return Err(unreachable_tables());
        }
        if weather.strikes(Fault::TablesDown) {
            self.down.store(weather.between(1, 30) as u32, Ordering::Relaxed);
            return Err(unreachable_tables());
        }
        self.tables.apply(writes, positions)?;
        if weather.strikes(Fault::TablesAnswerLost) { Err(unreachable_tables()) } else { Ok(()) }
    }
}

pub struct ReadSide {
    pub tables: Arc<FaultyTables>,
    sinks: Sinks,
    /// Steps that the sinks still pause, when the tables are slow.
    slow: u64,
    next: usize,
    /// Versions seen by readers: they never go back.
    seen: BTreeMap<(&'static str, Vec<String>), u64>,
    findings: Vec<String>,
}

fn open(shared: &Shared, tables: &Arc<FaultyTables>) -> Option<Sinks> {
    let options = RunnerOptions {
        batch_records: 64,
        batch_bytes: 32 << 10,
        clock: FixedClock::new(Instante(shared.plan.epoch_start)),
        ..RunnerOptions::default()
    };
    let log: Arc<dyn Log> = Arc::new(shared.log.clone());
    let codec = Arc::clone(&shared.codec);
    Sinks::open(log, Arc::clone(tables) as Arc<dyn Tables>, codec, options).ok()
}

impl ReadSide {
    pub fn open(shared: &Shared) -> Self {
        let weather = Mutex::new(Some(shared.weather.clone()));
        let tables = Arc::new(FaultyTables { tables: MemoryTables::default(), weather, down: AtomicU32::new(0) });
        let sinks = open(shared, &tables).unwrap_or_else(|| unreachable!("las tablas en memoria se declaran siempre"));
        Self { tables, sinks, slow: 0, next: 0, seen: BTreeMap::new(), findings: Vec::new() }
    }

    /// The production queries over these tables.
    pub fn consultas(&self, shared: &Shared) -> Consultas {
        let log: Arc<dyn Log> = Arc::new(shared.log.clone());
        let codec = Arc::clone(&shared.codec);
        let tables = Arc::clone(&self.tables) as Arc<dyn Tables>;
        let now = Instante(shared.plan.epoch_start + shared.log.now() as i64);
        Consultas::new(tables, codec, Arc::new(DelRegistro(log)), Progress::at_rest()).con_reloj(FixedClock::new(now), false)
    }

    /// The process of the sinks dies and starts again where its rows are.
    pub fn crash(&mut self, shared: &Shared) {
        if let Some(sinks) = open(shared, &self.tables) {
            self.sinks = sinks;
        }
    }

    pub fn heal(&mut self) {
        *self.tables.weather.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.slow = 0;
    }

    /// A batch of some sink, or a look by a reader. Whether anything was applied.
    pub fn step(&mut self, shared: &Shared, rng: &mut Rng, trace: &mut Trace) -> bool {
        if rng.below(48) == 0 {
            self.look(rng);
        }
        if self.slow > 0 {
            self.slow -= 1;
            return false;
        }
        if shared.weather.strikes(Fault::TablesSlow) {
            self.slow = rng.between(5, 80);
        }
        self.next = (self.next + 1) % self.sinks.len().max(1);
        match self.sinks.step(self.next) {
            Ok(true) => {
                self.forget(shared, trace);
                trace.say(|| format!("sumidero {} aplicó un lote", self.next));
                true
            }
            Ok(false) => false,
            Err(error) => {
                trace.say(|| format!("sumidero {}: {error}", self.next));
                false
            }
        }
    }

    /// Destroys the keys of the clients whom the tables know to be suppressed, as a node of the read side does.
    fn forget(&self, shared: &Shared, trace: &mut Trace) {
        let Some(boveda) = shared.codec.boveda() else { return };
        let Ok((rows, _)) = self.tables.scan(&CLIENTES_SUPRIMIDOS, None, 64) else { return };
        for row in rows {
            let Some(Value::Text(cliente_id)) = row.key.first() else { continue };
            let clave_id = format!("{}/{cliente_id}", Uso::Ficha.nombre());
            if boveda.destruir(&clave_id).is_ok_and(|now| now) {
                trace.say(|| format!("se destruyó la clave {clave_id}"));
            }
        }
    }

    /// Runs every sink until none has anything left to read. Only when everything has healed.
    ///
    /// # Errors
    /// Why a sink cannot go on, for people.
    pub fn finish(&mut self) -> Result<(), String> {
        for sink in 0..self.sinks.len() {
            while self.sinks.step(sink).map_err(|error| format!("I12: sanado todo, un sumidero no puede seguir: {error}"))? {}
        }
        Ok(())
    }

    /// A reader: what it saw once it never sees older, and stock is never negative.
    fn look(&mut self, rng: &mut Rng) {
        let table = rng.pick(&[&FACTURAS, &EXISTENCIAS]);
        let Ok((rows, _)) = self.tables.scan(table, None, 64) else { return };
        for row in rows {
            let key: Vec<String> = row.key.iter().map(|value| format!("{value:?}")).collect();
            let known = self.seen.entry((table.name, key)).or_default();
            if row.version < *known {
                self.findings
                    .push(format!("I9: una lectura de {} retrocedió: {:?} de {known} a {}", table.name, row.key, row.version));
            }
            *known = row.version.max(*known);
            let negative =
                row.values.iter().any(|value| matches!(value, Value::Decimal(d) if d.is_sign_negative() && !d.is_zero()));
            if negative {
                self.findings.push(format!("I3: una fila de {} tiene una cantidad negativa: {:?}", table.name, row.key));
            }
        }
    }

    pub fn take_findings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.findings)
    }
}
