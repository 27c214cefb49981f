//! Where every sink is: next position by projection and partition, lag, and waiting for a position.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use hashbrown::HashMap;
use tokio::sync::watch;

use crate::{
    domain::valores::Instante,
    log::{Log, LogError, Position, TopicPartition},
};

/// Progress of one projection in one partition.
#[derive(Debug, Default)]
pub(super) struct Mark {
    next: AtomicU64,
    /// Timestamp of the last record applied, in microseconds; 0 before the first.
    last_record: AtomicI64,
    /// When the sink last found nothing left to read, by the wall clock in microseconds; 0 before that.
    caught_up: AtomicI64,
}

impl Mark {
    pub(super) fn advance(&self, next: Position, last_record: Option<Instante>) {
        if let Some(at) = last_record {
            self.last_record.store(at.micros(), Ordering::Relaxed);
        }
        self.next.store(next, Ordering::Release);
    }

    pub(super) fn caught_up(&self, now: Instante) {
        self.caught_up.store(now.micros(), Ordering::Relaxed);
    }

    pub(super) fn next(&self) -> Position {
        self.next.load(Ordering::Acquire)
    }

    /// What is not applied is newer than the last record applied, and came after the sink last had nothing to read.
    fn lag_micros(&self, now: Instante) -> i64 {
        let newest_done = self.last_record.load(Ordering::Relaxed).max(self.caught_up.load(Ordering::Relaxed));
        if newest_done == 0 { 0 } else { now.micros().saturating_sub(newest_done).max(0) }
    }
}

/// How far a projection is behind in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    pub projection: &'static str,
    pub partition: TopicPartition,
    pub next: Position,
    pub records: u64,
    /// Upper bound of the age of the oldest record not applied; zero when there is none.
    pub time: Duration,
}

/// Shared by sinks, queries and metrics.
pub struct Progress {
    marks: HashMap<(&'static str, TopicPartition), Arc<Mark>>,
    changes: watch::Sender<u64>,
}

impl Progress {
    /// `consumers`: every projection and partition with its next position.
    pub(super) fn new(consumers: impl IntoIterator<Item = (&'static str, TopicPartition, Position)>) -> Arc<Self> {
        let marks = consumers.into_iter().map(|(name, partition, next)| {
            let mark = Mark::default();
            mark.advance(next, None);
            ((name, partition), Arc::new(mark))
        });
        Arc::new(Self { marks: marks.collect(), changes: watch::Sender::new(0) })
    }

    /// Without sinks: queries over tables at rest (`factumarket factura` with the service stopped). Waits for positions
    /// answer at once that they are not reached.
    pub fn at_rest() -> Arc<Self> {
        Self::new([])
    }

    pub(super) fn mark(&self, projection: &'static str, partition: TopicPartition) -> Option<Arc<Mark>> {
        self.marks.get(&(projection, partition)).cloned()
    }

    pub(super) fn announce(&self) {
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Whether sinks feed the tables.
    pub fn is_live(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Next position to read of a projection in a partition.
    pub fn next(&self, projection: &str, partition: TopicPartition) -> Option<Position> {
        let found = self.marks.iter().find(|((name, at), _)| *name == projection && *at == partition);
        found.map(|(_, mark)| mark.next())
    }

    /// Whether every projection that reads each partition has come to the position given for it.
    pub fn reached(&self, positions: &[(TopicPartition, Position)]) -> bool {
        self.is_live()
            && self
                .marks
                .iter()
                .all(|((_, at), mark)| positions.iter().all(|(partition, wanted)| partition != at || mark.next() >= *wanted))
    }

    /// Waits until [`Progress::reached`], at most `timeout`; says whether it came to it.
    pub async fn wait_positions(&self, positions: &[(TopicPartition, Position)], timeout: Duration) -> bool {
        self.wait_for(timeout, || self.reached(positions)).await
    }

    /// Waits until `done`, asked at once and after each batch that a sink applies.
    pub(super) async fn wait_for(&self, timeout: Duration, done: impl Fn() -> bool) -> bool {
        let mut changes = self.changes.subscribe();
        let waiting = async {
            while !done() {
                if changes.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(timeout, waiting).await.unwrap_or(false)
    }

    /// Lag of every projection and partition, in their order. `now` is the wall clock's.
    ///
    /// # Errors
    /// Of the log.
    pub fn lag(&self, log: &dyn Log, now: Instante) -> Result<Vec<Lag>, LogError> {
        let places: Vec<(&'static str, TopicPartition, &Arc<Mark>, Position)> =
            self.marks.iter().map(|((projection, partition), mark)| (*projection, *partition, mark, mark.next())).collect();
        // Projections of one partition mostly stand at one position, and each position is asked for once.
        let mut asked: Vec<(TopicPartition, Position)> = places.iter().map(|(_, partition, _, next)| (*partition, *next)).collect();
        asked.sort_unstable();
        asked.dedup();
        let behind: HashMap<(TopicPartition, Position), u64> = asked.iter().copied().zip(log.behind(&asked)?).collect();
        let mut lags = Vec::with_capacity(places.len());
        for (projection, partition, mark, next) in places {
            let records = behind.get(&(partition, next)).copied().unwrap_or_default();
            let micros = if records == 0 { 0 } else { mark.lag_micros(now) };
            let time = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
            lags.push(Lag { projection, partition, next, records, time });
        }
        lags.sort_by_key(|lag| (lag.projection, lag.partition));
        Ok(lags)
    }
}
