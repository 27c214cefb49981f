//! What a projection is: a fold of log records into rows, with its tables and the topics it reads.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

use crate::{
    contracts::{RecordedEvent, RegistroAuditoria, RegistroDlq},
    domain::valores::Instante,
    log::{Position, Topic, TopicPartition},
    tables::{From, Row, Table, Tables, TablesError, Value, Write},
};

/// Why the bytes of a record could not be read, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// They are no such thing, and never will be.
    #[error("{0}")]
    Bytes(String),
    /// The keys of its personal data are missing, or away: nothing is wrong with the record.
    #[error("{0}")]
    Keys(String),
}

/// What sinks and queries need of the codec. `Arc<Codec>` coerces to `Arc<dyn Decoder>`; tests bring their own.
pub trait Decoder: Send + Sync + 'static {
    /// An event of `eventos.*`.
    ///
    /// # Errors
    /// Why it could not be read.
    fn event(&self, value: &[u8]) -> Result<RecordedEvent, Unreadable>;
    /// A record of `auditoria`.
    ///
    /// # Errors
    /// Why it could not be read.
    fn audit(&self, value: &[u8]) -> Result<RegistroAuditoria, Unreadable>;
    /// A record of `dlq.*`.
    ///
    /// # Errors
    /// Why it could not be read.
    fn dlq(&self, value: &[u8]) -> Result<RegistroDlq, Unreadable>;
    /// The value of a record for `dlq.proyecciones`.
    ///
    /// # Errors
    /// When it does not fit its schema.
    fn encode_dlq(&self, registro: &RegistroDlq) -> Result<Bytes, String>;
}

/// A decoded record.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Event(Box<RecordedEvent>),
    Audit(Box<RegistroAuditoria>),
    Dlq(Box<RegistroDlq>),
}

/// A record as projections see it: decoded once, folded by all of them.
#[derive(Debug, Clone)]
pub struct Entry {
    pub partition: TopicPartition,
    pub position: Position,
    pub timestamp: Instante,
    pub key: Bytes,
    /// The record's value as it is on the log.
    pub value: Bytes,
    pub content: Content,
}

/// Reads of the projection's own rows.
pub trait RowReader {
    /// # Errors
    /// As [`Tables::get`].
    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, TablesError>;
    /// # Errors
    /// As [`Tables::slice`].
    fn slice(
        &self,
        table: &'static Table,
        partition: &[Value],
        from: &From,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Row>, TablesError>;
}

/// The port as a reader.
pub struct TablesReader<'a>(pub &'a dyn Tables);

impl RowReader for TablesReader<'_> {
    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, TablesError> {
        self.0.get(table, key)
    }

    fn slice(
        &self,
        table: &'static Table,
        partition: &[Value],
        from: &From,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Row>, TablesError> {
        self.0.slice(table, partition, from, reverse, limit)
    }
}

/// A read model over one partition. It folds records into rows that it holds, and hands over the changed ones, each once,
/// when its batch ends. A record at or below a row's version changes nothing, so deliveries may repeat.
pub trait Projection: Send {
    /// Folds one record.
    ///
    /// # Errors
    /// Only when rows could not be read: the batch is then thrown away with [`Projection::forget`] and tried again.
    fn fold(&mut self, entry: &Entry, rows: &dyn RowReader) -> Result<(), TablesError>;
    /// Appends the writes of what changed since the last call; each key at most once.
    fn flush(&mut self, out: &mut Vec<Write>);
    /// Drops everything held in memory: the stored rows are the truth.
    fn forget(&mut self);
}

/// What the sinks count for the metrics.
#[derive(Debug, Default)]
pub struct Anomalies {
    holes: AtomicU64,
    poisoned: AtomicU64,
    failures: AtomicU64,
    restarts: AtomicU64,
    records: AtomicU64,
    batches: AtomicU64,
}

macro_rules! counters {
    ($($count:ident $name:ident: $doc:literal),* $(,)?) => {
        impl Anomalies {
            $(
                pub(super) fn $count(&self, n: u64) {
                    self.$name.fetch_add(n, Ordering::Relaxed);
                }

                #[doc = $doc]
                pub fn $name(&self) -> u64 {
                    self.$name.load(Ordering::Relaxed)
                }
            )*
        }
    };
}

counters! {
    count_holes holes: "Holes found in the versions of aggregates: their rows are marked `incompleta`.",
    count_poisoned poisoned: "Records that could not be projected and went to `dlq.proyecciones`.",
    count_failures failures: "Batches that failed on tables or log and were tried again.",
    count_restarts restarts: "Sinks started again by their supervisor.",
    count_records records: "Records read by the sinks.",
    count_batches batches: "Batches applied.",
}

impl Anomalies {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }
}

/// Declaration of a read model.
pub struct ProjectionSpec {
    /// Consumer name of its positions, and name in metrics and in `proyecciones reconstruir`.
    pub name: &'static str,
    pub doc: &'static str,
    pub tables: &'static [&'static Table],
    pub topics: &'static [Topic],
    /// A fresh fold for one partition.
    pub fresh: fn(Arc<Anomalies>) -> Box<dyn Projection>,
}
