//! One partition's sink without its actor: read, decode, fold, write. Synchronous; what a batch does depends on the log alone.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;

use super::RunnerOptions;
use crate::{
    contracts::{Entrada, EtapaDlq, RegistroDlq},
    defectos::{Defecto, plantado},
    log::{Log, LogError, Position, Record, StoredRecord, Topic, TopicPartition},
    projections::{
        progress::{Mark, Progress},
        projection::{Anomalies, Content, Decoder, Entry, Projection, ProjectionSpec, TablesReader, Unreadable},
    },
    tables::{SinkPosition, Tables, TablesError},
};

/// How often a sink looks how far the process is that feeds its tables.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What all sinks share.
pub struct Shared {
    pub log: Arc<dyn Log>,
    pub tables: Arc<dyn Tables>,
    pub decoder: Arc<dyn Decoder>,
    pub progress: Arc<Progress>,
    pub anomalies: Arc<Anomalies>,
    pub options: RunnerOptions,
    /// Sinks that end are not started again, and the watcher ends.
    pub stopping: AtomicBool,
    /// Held for reading by whoever is in a batch.
    pub batches: RwLock<()>,
    /// Times that rows and positions changed other than by batches.
    pub changes: AtomicU64,
}

#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Tables(#[from] TablesError),
    #[error("{partition} espera en la posición {position}: {cause}")]
    Keys { partition: TopicPartition, position: Position, cause: String },
}

impl SinkError {
    /// Whether the tables are another process's to feed.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Tables(TablesError::Elsewhere(_)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A batch was applied; there may be more.
    Applied,
    /// Nothing left to read.
    CaughtUp,
}

/// One projection in one partition.
struct Consumer {
    spec: &'static ProjectionSpec,
    fold: Box<dyn Projection>,
    next: Position,
    mark: Option<Arc<Mark>>,
    /// Records whose fold panicked: in `dlq.proyecciones`, and passed over.
    poisoned: BTreeSet<Position>,
}

pub struct PartitionSink {
    partition: TopicPartition,
    shared: Arc<Shared>,
    consumers: Vec<Consumer>,
    /// Turns among the positions at which consumers are.
    turn: usize,
    /// The last batch failed: some of its rows may be there. Or the tables are another process's to feed.
    cut: bool,
    /// When it was last looked how far the other process is (monotonic).
    looked: Duration,
    /// Of [`Shared::changes`], those it knows of.
    changes: u64,
}

impl PartitionSink {
    /// Resumes each projection where its rows are.
    ///
    /// # Errors
    /// Of the tables.
    pub fn open(partition: TopicPartition, specs: &[&'static ProjectionSpec], shared: Arc<Shared>) -> Result<Self, SinkError> {
        let changes = shared.changes.load(Ordering::Acquire);
        let cut = match shared.tables.recover(partition) {
            Err(TablesError::Elsewhere(_)) => true,
            recovered => recovered.map(|()| false)?,
        };
        let mut consumers = Vec::with_capacity(specs.len());
        for spec in specs {
            let next = shared.tables.position(spec.name, partition)?.unwrap_or(0);
            let mark = shared.progress.mark(spec.name, partition);
            if let Some(mark) = &mark {
                mark.advance(next, None);
            }
            let fold = (spec.fresh)(Arc::clone(&shared.anomalies));
            consumers.push(Consumer { spec, fold, next, mark, poisoned: BTreeSet::new() });
        }
        let looked = shared.options.clock.monotonic();
        Ok(Self { partition, shared, consumers, turn: 0, cut, looked, changes })
    }

    /// The lowest position at which a consumer is.
    pub fn next(&self) -> Position {
        self.consumers.iter().map(|c| c.next).min().unwrap_or(0)
    }

    /// Applies one batch to the consumers that stand at one position; those positions take turns.
    ///
    /// # Errors
    /// Of log or tables: nothing of the batch was kept in memory, and the next step tries it again.
    pub fn step(&mut self) -> Result<Step, SinkError> {
        let shared = Arc::clone(&self.shared);
        let _in_a_batch = shared.batches.read().unwrap_or_else(PoisonError::into_inner);
        if self.cut {
            self.mend()?;
        }
        self.take_up_changes()?;
        let stable = self.shared.log.stable_ends(&[self.partition])?.first().copied().unwrap_or_default();
        let waiting: BTreeSet<Position> = self.consumers.iter().map(|c| c.next).filter(|next| *next < stable).collect();
        let Some(from) = waiting.iter().nth(self.turn % waiting.len().max(1)).copied() else {
            self.mark_caught_up();
            return Ok(Step::CaughtUp);
        };
        self.turn = self.turn.wrapping_add(1);
        let until = self.consumers.iter().map(|c| c.next).filter(|next| *next > from).min().unwrap_or(stable);
        let mut records = self.shared.log.read(self.partition, from, self.shared.options.batch_bytes)?;
        records.truncate(self.shared.options.batch_records.max(1));
        records.retain(|r| r.position < until);
        let Some(last) = records.last() else { return Ok(self.pass_over(from, until.min(stable), stable)) };
        let (next, timestamp) = (last.position + 1, last.record.timestamp);
        let count = records.len() as u64;
        let entries = self.decode(records)?;
        let outcome = match self.apply(from, next, &entries) {
            Err(_) if plantado(Defecto::PosicionAntesQueFilas) => Ok(()),
            outcome => outcome,
        };
        if outcome.is_err() {
            self.cut = true;
            self.at(from).for_each(|c| c.fold.forget());
        }
        outcome?;
        for consumer in self.at(from) {
            consumer.next = next;
            consumer.poisoned.clear();
            if let Some(mark) = &consumer.mark {
                mark.advance(next, Some(timestamp));
            }
        }
        if self.next() >= stable {
            self.mark_caught_up();
        }
        self.shared.anomalies.count_records(count);
        self.shared.anomalies.count_batches(1);
        self.shared.progress.announce();
        Ok(Step::Applied)
    }

    /// Finishes what was cut short, and goes on from the tables: another process may have fed them meanwhile. While one does, looks now and
    /// then how far it is.
    fn mend(&mut self) -> Result<(), SinkError> {
        let recovered = self.shared.tables.recover(self.partition);
        if matches!(recovered, Err(TablesError::Elsewhere(_))) {
            let now = self.shared.options.clock.monotonic();
            if now.saturating_sub(self.looked) >= LOOK_EVERY {
                self.looked = now;
                self.resume()?;
            }
        }
        recovered?;
        self.resume()?;
        self.cut = false;
        Ok(())
    }

    /// Goes on from the tables, when they were changed otherwise than by its batches.
    fn take_up_changes(&mut self) -> Result<(), SinkError> {
        let changes = self.shared.changes.load(Ordering::Acquire);
        if changes == self.changes {
            return Ok(());
        }
        self.resume()?;
        self.changes = changes;
        Ok(())
    }

    /// Forgets what it knows of rows and positions, and takes those of the tables.
    fn resume(&mut self) -> Result<(), SinkError> {
        for consumer in &mut self.consumers {
            consumer.fold.forget();
            consumer.next = self.shared.tables.position(consumer.spec.name, self.partition)?.unwrap_or(0);
            if let Some(mark) = &consumer.mark {
                mark.advance(consumer.next, None);
            }
        }
        self.shared.progress.announce();
        Ok(())
    }

    /// What is between the two positions are marks of transactions: nothing to fold, and no row to keep.
    fn pass_over(&mut self, from: Position, to: Position, stable: Position) -> Step {
        for consumer in self.at(from) {
            consumer.next = to;
            if let Some(mark) = &consumer.mark {
                mark.advance(to, None);
            }
        }
        if self.next() >= stable {
            self.mark_caught_up();
        }
        self.shared.progress.announce();
        Step::Applied
    }

    fn at(&mut self, position: Position) -> impl Iterator<Item = &mut Consumer> {
        self.consumers.iter_mut().filter(move |c| c.next == position)
    }

    fn mark_caught_up(&self) {
        let now = self.shared.options.clock.now();
        self.consumers.iter().filter_map(|c| c.mark.as_ref()).for_each(|mark| mark.caught_up(now));
    }

    fn decode(&self, records: Vec<StoredRecord>) -> Result<Vec<Entry>, SinkError> {
        let mut entries = Vec::with_capacity(records.len());
        for stored in records {
            match decode(&*self.shared.decoder, self.partition.topic, &stored.record.value) {
                Ok(content) => entries.push(Entry {
                    partition: self.partition,
                    position: stored.position,
                    timestamp: stored.record.timestamp,
                    key: stored.record.key,
                    value: stored.record.value,
                    content,
                }),
                Err(Unreadable::Keys(cause)) => {
                    return Err(SinkError::Keys { partition: self.partition, position: stored.position, cause });
                }
                Err(Unreadable::Bytes(cause)) => {
                    let Record { key, value, .. } = stored.record;
                    self.poison(stored.position, key, value, "Indecodificable", &cause)?;
                }
            }
        }
        Ok(entries)
    }

    fn apply(&mut self, from: Position, next: Position, entries: &[Entry]) -> Result<(), SinkError> {
        let mut writes = Vec::with_capacity(entries.len() * 4);
        let mut positions = Vec::new();
        let (partition, shared) = (self.partition, Arc::clone(&self.shared));
        for consumer in self.consumers.iter_mut().filter(|c| c.next == from) {
            while let Some((bad, cause)) = fold_all(consumer, entries, &*shared.tables)? {
                poison(&shared, partition, bad.position, bad.key.clone(), bad.value.clone(), "Panico", &cause)?;
                consumer.poisoned.insert(bad.position);
            }
            consumer.fold.flush(&mut writes);
            positions.push(SinkPosition { consumer: consumer.spec.name, partition, next });
        }
        Ok(shared.tables.apply(writes, &positions)?)
    }

    fn poison(&self, position: Position, key: Bytes, value: Bytes, code: &str, cause: &str) -> Result<(), SinkError> {
        poison(&self.shared, self.partition, position, key, value, code, cause)
    }
}

/// Folds the entries; a panic gives the record it came from and leaves the fold empty, to be fed again without it.
fn fold_all<'a>(
    consumer: &mut Consumer,
    entries: &'a [Entry],
    tables: &dyn Tables,
) -> Result<Option<(&'a Entry, String)>, TablesError> {
    let reader = TablesReader(tables);
    for entry in entries {
        if consumer.poisoned.contains(&entry.position) {
            continue;
        }
        let fold = &mut consumer.fold;
        match catch_unwind(AssertUnwindSafe(|| fold.fold(entry, &reader))) {
            Ok(result) => result?,
            Err(panic) => {
                consumer.fold.forget();
                return Ok(Some((entry, format!("{}: {}", consumer.spec.name, panic_text(&*panic)))));
            }
        }
    }
    Ok(None)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("pánico sin mensaje")
}

fn decode(decoder: &dyn Decoder, topic: Topic, value: &[u8]) -> Result<Content, Unreadable> {
    match topic {
        Topic::Eventos(_) => decoder.event(value).map(|e| Content::Event(Box::new(e))),
        Topic::Auditoria => decoder.audit(value).map(|a| Content::Audit(Box::new(a))),
        Topic::Dlq(_) => decoder.dlq(value).map(|d| Content::Dlq(Box::new(d))),
        otro => Err(Unreadable::Bytes(format!("ninguna proyección lee {otro}"))),
    }
}

/// Puts a record that cannot be projected into `dlq.proyecciones`, durably, before its position is passed. After a crash in
/// between it is put there again.
fn poison(
    shared: &Shared,
    partition: TopicPartition,
    position: Position,
    clave: Bytes,
    valor: Bytes,
    codigo: &str,
    causa: &str,
) -> Result<(), SinkError> {
    shared.anomalies.count_poisoned(1);
    tracing::error!(evento = "registro_sin_proyectar", %partition, position, codigo, causa, "registro a dlq.proyecciones");
    let now = shared.options.clock.now();
    let mut registro = RegistroDlq {
        entrada: Entrada { particion: partition, posicion: position },
        clave: clave.clone(),
        valor,
        command_id: None,
        correlation_id: None,
        aggregate: None,
        etapa: EtapaDlq::Proyectar,
        codigo: Arc::from(codigo),
        causa: Arc::from(causa),
        intentos: 1,
        primera_vez: now,
        version_procesador: Arc::from(env!("CARGO_PKG_VERSION")),
        apartado: None,
        resolucion: None,
    };
    let encoded = shared.decoder.encode_dlq(&registro).or_else(|why| {
        // The original nearly fills the limit: it stays on its own topic, at `entrada`.
        registro.valor = Bytes::new();
        registro.causa = Arc::from(format!("{causa} (bytes originales omitidos: {why})"));
        shared.decoder.encode_dlq(&registro)
    });
    let value = match encoded {
        Ok(value) => value,
        Err(why) => {
            tracing::error!(evento = "dlq_ilegible", %partition, position, why, "no se pudo escribir en dlq.proyecciones");
            return Ok(());
        }
    };
    let count = shared.log.partitions(Topic::DlqProyecciones).max(1);
    let target = TopicPartition::new(Topic::DlqProyecciones, partition.partition % count);
    let record = Record { key: clave, value, headers: Vec::new(), timestamp: now };
    shared.log.append(vec![(target, record)])?.wait()?;
    Ok(())
}
