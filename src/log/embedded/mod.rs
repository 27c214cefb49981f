//! The log embedded in the binary: blocks on fjall, one fsync per durable step, group commit.
//!
//! Appends and transactions go into one open batch, in the order in which they got their positions. Whoever needs durability first
//! writes the batch (one atomic store batch, one fsync); those who come meanwhile fill the next. Subscriptions see records as soon as
//! they have a position; [`Log::read`] only what is durable.

mod block;
mod creation;
pub(crate) mod folder;
#[doc(hidden)]
pub mod fuzz;
mod group;
mod journal;
mod member;
mod retention;
mod state;
mod store;

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub use self::store::{StoreHooks, StoreStats};
use self::{block::Budget, member::Member, state::State, store::Store};
use super::{
    Committed, Log, LogError, OwnerToken, PendingAppend, Position, Record, StoredRecord, Subscription, Topic, TopicPartition,
    Transaction, Watermarks,
    limits::{self, check_name},
};
use crate::domain::valores::Instante;

const DAY_MICROS: i64 = 86_400_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;

/// How the log is laid out and bounded. The numbers of partitions of a folder never change once it has records.
#[derive(Clone)]
pub struct EmbeddedLogOptions {
    /// Partitions of comandos, eventos, instantaneas, dlq and auditoria topics. 1 to 1,024.
    pub partitions: u16,
    /// Partitions of respuestas.
    pub reply_partitions: u16,
    /// Age in µs after which consumed blocks of comandos go.
    pub command_retention: i64,
    /// Age in µs after which blocks of respuestas go.
    pub reply_retention: i64,
    /// Bytes of records kept in memory for readers near the end.
    pub cache_bytes: usize,
    /// Bytes of the store's own block cache.
    pub store_cache_bytes: u64,
    /// Bytes of blocks the store keeps in memory before they go from its journal to their own files. Fixed when a folder is created.
    pub memtable_bytes: u64,
    /// Bytes not yet durable above which an append waits for a flush.
    pub max_pending_bytes: usize,
    /// For tests: counts and failures of writes and fsyncs.
    pub hooks: StoreHooks,
}

impl Default for EmbeddedLogOptions {
    fn default() -> Self {
        Self {
            partitions: 12,
            reply_partitions: 4,
            command_retention: 7 * DAY_MICROS,
            reply_retention: HOUR_MICROS,
            cache_bytes: 32 << 20,
            store_cache_bytes: 8 << 20,
            memtable_bytes: 32 << 20,
            max_pending_bytes: 64 << 20,
            hooks: StoreHooks::default(),
        }
    }
}

impl EmbeddedLogOptions {
    /// Number of partitions of a topic.
    pub fn partitions(&self, topic: Topic) -> u16 {
        match topic {
            Topic::Respuestas => self.reply_partitions,
            Topic::Claves => 1,
            _ => self.partitions,
        }
    }

    /// Age in µs after which blocks of the topic may go; `None`: never.
    pub fn retention(&self, topic: Topic) -> Option<i64> {
        match topic {
            Topic::Comandos(_) => Some(self.command_retention),
            Topic::Respuestas => Some(self.reply_retention),
            _ => None,
        }
    }
}

/// The embedded log of one folder.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    options: EmbeddedLogOptions,
}

pub(super) struct Shared {
    store: Store,
    state: Mutex<State>,
    /// A flush ended or the stable watermark moved.
    settled: Condvar,
    max_pending: usize,
}

impl EmbeddedLog {
    /// Opens or creates the log of a folder.
    ///
    /// # Errors
    /// `Storage` when another process has the folder, another version wrote it, or its files are damaged; `DiskFull`; `Corrupt`.
    pub fn open(dir: &Path, options: EmbeddedLogOptions) -> Result<Arc<Self>, LogError> {
        for topic in [Topic::Auditoria, Topic::Respuestas] {
            let count = options.partitions(topic);
            if !(1..=1024).contains(&count) {
                return Err(LogError::Storage(format!("el tópico {topic} debe tener de 1 a 1024 particiones, no {count}")));
            }
        }
        let store = Store::open(dir, &options)?;
        let layout = State::layout(&options);
        let found = store.load(&layout)?;
        let state = Mutex::new(State::new(&options, layout, found));
        let max_pending = options.max_pending_bytes;
        Ok(Arc::new(Self { shared: Arc::new(Shared { store, state, settled: Condvar::new(), max_pending }), options }))
    }

    /// What the store did since it was opened.
    pub fn stats(&self) -> StoreStats {
        self.shared.store.stats()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when batch `number` is durable, writing it if nobody else does.
    fn settle<'a>(&'a self, mut state: MutexGuard<'a, State>, number: u64) -> Result<MutexGuard<'a, State>, LogError> {
        loop {
            if state.durable >= number {
                return Ok(state);
            }
            if let Some(failure) = &state.failure {
                return Err(failure.clone().into());
            }
            state =
                if state.flushing { self.settled.wait(state).unwrap_or_else(PoisonError::into_inner) } else { self.flush(state) };
        }
    }

    /// Writes the open batch while others fill the next one.
    fn flush<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let batch = state.take_batch();
        drop(state);
        let (number, groups) = (batch.number, batch.groups.clone());
        let written = self.store.write(batch);
        let mut state = self.lock();
        match written {
            Ok(()) => state.made_durable(number, groups),
            Err(failure) => state.failed(failure),
        }
        self.settled.notify_all();
        state
    }
}

fn ready(state: &State) -> Result<(), LogError> {
    state.failure.clone().map_or(Ok(()), |failure| Err(failure.into()))
}

/// Checks limits and finds the places before anything is written.
fn places(state: &State, records: &[(TopicPartition, Record)]) -> Result<Vec<usize>, LogError> {
    records
        .iter()
        .map(|(partition, record)| {
            limits::check(*partition, record)?;
            state.index(*partition)
        })
        .collect()
}

impl Log for EmbeddedLog {
    fn partitions(&self, topic: Topic) -> u16 {
        self.options.partitions(topic)
    }

    fn append(&self, records: Vec<(TopicPartition, Record)>) -> Result<Box<dyn PendingAppend>, LogError> {
        let mut state = self.shared.lock();
        while state.pending > self.shared.max_pending {
            let open = state.open;
            state = self.shared.settle(state, open)?;
        }
        ready(&state)?;
        let places = places(&state, &records)?;
        let topics = member::mask(records.iter().map(|(p, _)| p.topic));
        let positions = records.into_iter().zip(places).map(|((_, record), index)| state.push(index, record)).collect();
        state.wake(topics);
        Ok(Box::new(Pending { shared: self.shared.clone(), number: state.open, positions }))
    }

    fn commit(&self, transaction: Transaction) -> Result<Committed, LogError> {
        check_name(&transaction.group)?;
        let mut state = self.shared.lock();
        ready(&state)?;
        let token = transaction.token;
        let found = state.owners.get(&token.owner).copied().unwrap_or(0);
        if found != token.epoch {
            return Err(LogError::Fenced { owner: token.owner, held: token.epoch, found });
        }
        let places = places(&state, &transaction.records)?;
        for (partition, _) in &transaction.positions {
            state.index(*partition)?;
        }
        let topics = member::mask(transaction.records.iter().map(|(p, _)| p.topic));
        let mut touched = places.clone();
        touched.sort_unstable();
        touched.dedup();
        for ((_, record), index) in transaction.records.into_iter().zip(places) {
            state.push(index, record);
        }
        if !transaction.positions.is_empty() {
            state.move_group(transaction.group, transaction.positions);
        }
        let ends = touched.into_iter().map(|i| (state.partitions[i].id, state.partitions[i].end)).collect();
        state.wake(topics);
        let number = state.open;
        drop(self.shared.settle(state, number)?);
        Ok(Committed { ends })
    }

    fn read(&self, partition: TopicPartition, from: Position, max_bytes: usize) -> Result<Vec<StoredRecord>, LogError> {
        let state = self.shared.lock();
        let found = &state.partitions[state.index(partition)?];
        let marks = found.watermarks();
        if from < marks.first {
            return Err(LogError::PositionGone { partition, wanted: from, first: marks.first });
        }
        let mut records = Vec::new();
        let mut budget = Budget::new(usize::MAX, max_bytes);
        if from >= marks.stable || found.read_tail(from, marks.stable, &mut budget, &mut records) {
            return Ok(records);
        }
        drop(state);
        self.shared.read_stored(partition, from, marks, budget)
    }

    fn watermarks(&self, partition: TopicPartition) -> Result<Watermarks, LogError> {
        let state = self.shared.lock();
        Ok(state.partitions[state.index(partition)?].watermarks())
    }

    fn position(&self, group: &str, partition: TopicPartition) -> Result<Option<Position>, LogError> {
        let state = self.shared.lock();
        Ok(state.positions.get(group).and_then(|p| p.get(&partition)).copied())
    }

    fn claim(&self, owner: &str) -> Result<OwnerToken, LogError> {
        check_name(owner)?;
        let mut state = self.shared.lock();
        ready(&state)?;
        let epoch = state.next_epoch(owner);
        let number = state.open;
        drop(self.shared.settle(state, number)?);
        Ok(OwnerToken { owner: owner.to_owned(), epoch })
    }

    fn subscribe(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Subscription>, LogError> {
        check_name(group)?;
        Ok(Box::new(Member::join(self.shared.clone(), group, topics)))
    }

    fn wait_stable(&self, seen: u64, timeout: Duration) -> u64 {
        let start = Instant::now();
        let mut state = self.shared.lock();
        while state.advances == seen && state.failure.is_none() {
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                break;
            }
            (state, _) = self.shared.settled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        state.advances
    }

    fn retain(&self, now: Instante) -> Result<u64, LogError> {
        self.remove_expired(now)
    }
}

impl Drop for EmbeddedLog {
    /// Makes durable what was appended and nobody waited for.
    fn drop(&mut self) {
        let state = self.shared.lock();
        if state.pending > 0 {
            let open = state.open;
            drop(self.shared.settle(state, open));
        }
    }
}

struct Pending {
    shared: Arc<Shared>,
    number: u64,
    positions: Vec<Position>,
}

impl PendingAppend for Pending {
    fn positions(&self) -> &[Position] {
        &self.positions
    }

    fn wait(self: Box<Self>) -> Result<(), LogError> {
        let state = self.shared.lock();
        self.shared.settle(state, self.number).map(drop)
    }
}
