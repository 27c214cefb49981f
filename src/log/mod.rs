//! Port `Log`: a partitioned log with transactions. Adapters: `embedded` (this binary's own) and `simulated` (memory with the
//! semantics of Kafka, and its faults). `transactional` is the protocol of a Kafka client, shared by the simulated adapter and Kafka's.
//!
//! Semantics every adapter keeps (`conformance` proves them):
//! * positions of a partition are consecutive for a reader of the embedded log and ascending everywhere; readers tolerate gaps;
//! * [`Log::commit`] is all or nothing: records of several partitions and the consumed positions become durable together;
//! * [`Log::read`] returns only durable, committed records; a [`Subscription`] of an adapter whose commits follow appends in one
//!   durable order may deliver records that are not yet durable, because no outcome of them can be durable before they are;
//! * a token of [`Log::claim`] fences every older token of the same owner name.

pub mod conformance;
pub mod embedded;
pub mod headers;
#[cfg(feature = "kafka")]
pub mod kafka;
mod limits;
pub mod simulated;
pub mod topology;
pub mod transactional;

use std::{
    fmt,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::domain::{Contexto, valores::Instante};

/// The topics of the system, by name on the wire `comandos.facturacion`…
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    Comandos(Contexto),
    Eventos(Contexto),
    Instantaneas(Contexto),
    Dlq(Contexto),
    DlqProyecciones,
    Respuestas,
    Auditoria,
    AuditoriaSellos,
    /// Keys of the clients' personal data, wrapped: one partition.
    Claves,
}

impl Topic {
    /// How many there are.
    pub const COUNT: u16 = 21;

    /// All topics, in the order of their codes.
    pub fn todos() -> impl Iterator<Item = Topic> {
        (0..Self::COUNT).filter_map(Topic::de_codigo)
    }

    /// Stable code on disk, below [`Self::COUNT`].
    pub fn codigo(self) -> u16 {
        match self {
            Self::Comandos(c) => c as u16,
            Self::Eventos(c) => 4 + c as u16,
            Self::Instantaneas(c) => 8 + c as u16,
            Self::Dlq(c) => 12 + c as u16,
            Self::DlqProyecciones => 16,
            Self::Respuestas => 17,
            Self::Auditoria => 18,
            Self::AuditoriaSellos => 19,
            Self::Claves => 20,
        }
    }

    pub fn de_codigo(codigo: u16) -> Option<Self> {
        let contexto = Contexto::TODOS[usize::from(codigo % 4)];
        match codigo {
            0..=3 => Some(Self::Comandos(contexto)),
            4..=7 => Some(Self::Eventos(contexto)),
            8..=11 => Some(Self::Instantaneas(contexto)),
            12..=15 => Some(Self::Dlq(contexto)),
            16 => Some(Self::DlqProyecciones),
            17 => Some(Self::Respuestas),
            18 => Some(Self::Auditoria),
            19 => Some(Self::AuditoriaSellos),
            20 => Some(Self::Claves),
            _ => None,
        }
    }

    pub fn nombre(self) -> String {
        match self {
            Self::Comandos(c) => format!("comandos.{}", c.nombre()),
            Self::Eventos(c) => format!("eventos.{}", c.nombre()),
            Self::Instantaneas(c) => format!("instantaneas.{}", c.nombre()),
            Self::Dlq(c) => format!("dlq.{}", c.nombre()),
            Self::DlqProyecciones => "dlq.proyecciones".to_owned(),
            Self::Respuestas => "respuestas".to_owned(),
            Self::Auditoria => "auditoria".to_owned(),
            Self::AuditoriaSellos => "auditoria.sellos".to_owned(),
            Self::Claves => "claves".to_owned(),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.nombre())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: Topic,
    pub partition: u16,
}

impl TopicPartition {
    pub fn new(topic: Topic, partition: u16) -> Self {
        Self { topic, partition }
    }

    /// The command partition whose owner, and nobody else, writes here: that of the aggregates whose events these are.
    pub fn governed_by(self) -> Option<Self> {
        match self.topic {
            Topic::Eventos(contexto) => Some(Self::new(Topic::Comandos(contexto), self.partition)),
            _ => None,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// Every partition of these topics, in their order.
pub fn all_partitions(log: &dyn Log, topics: impl IntoIterator<Item = Topic>) -> Vec<TopicPartition> {
    topics.into_iter().flat_map(|topic| (0..log.partitions(topic)).map(move |n| TopicPartition::new(topic, n))).collect()
}

/// Offset of a record in its partition, from 0. A *position to read* is the next record's.
pub type Position = u64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub name: &'static str,
    pub value: Bytes,
}

/// A record to write. Limits: key ≤ 200 bytes, value ≤ 1 MiB, headers ≤ 16. Where a topic keeps the last record of each key, an empty value
/// lets go of the key's earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: Bytes,
    pub value: Bytes,
    pub headers: Vec<Header>,
    pub timestamp: Instante,
}

/// A record as read. Header names unknown to this version are kept out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    pub position: Position,
    pub record: Record,
}

/// Proof of ownership: higher epochs fence lower ones of the same owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerToken {
    pub owner: String,
    pub epoch: u64,
}

/// What one epoch leaves behind: everything or nothing.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub token: OwnerToken,
    pub group: String,
    /// In order within each partition.
    pub records: Vec<(TopicPartition, Record)>,
    /// Next position to read of each consumed partition.
    pub positions: Vec<(TopicPartition, Position)>,
}

/// Where the records of a commit went: per touched partition, the position after its last record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    pub ends: Vec<(TopicPartition, Position)>,
}

/// `first` ≤ `stable` ≤ `end`: kept from, durable and committed up to, appended up to (all exclusive but `first`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    pub first: Position,
    pub stable: Position,
    pub end: Position,
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("la posición {wanted} de {partition} ya no está en el registro (lo primero que hay es {first})")]
    PositionGone { partition: TopicPartition, wanted: Position, first: Position },
    #[error("otro proceso tomó el lugar de «{owner}» (época {found}, ésta tenía {held})")]
    Fenced { owner: String, held: u64, found: u64 },
    #[error("no se sabe si la transacción de «{owner}» quedó confirmada ({what}): se reconstruye desde el registro")]
    OutcomeUnknown { owner: String, what: String },
    #[error("la transacción de «{owner}» se abortó ({what}): se reconstruye desde el registro")]
    Aborted { owner: String, what: String },
    #[error("nada se envió: {what}; se espera la próxima asignación del grupo «{group}»")]
    NotAssigned { group: String, what: String },
    /// Passes by itself: whoever needs the log waits and asks again.
    #[error("{0}")]
    Unreachable(String),
    #[error("registro demasiado grande para {partition}: {what}")]
    TooLarge { partition: TopicPartition, what: String },
    #[error("no existe la partición {0}")]
    UnknownPartition(TopicPartition),
    #[error("bloque dañado en {partition} posición {position}: {what}")]
    Corrupt { partition: TopicPartition, position: Position, what: String },
    #[error("sin espacio en disco en {path}: libere espacio y vuelva a iniciar; lo confirmado está a salvo")]
    DiskFull { path: String },
    #[error("el registro dejó de aceptar escrituras tras un fallo del disco: {0}; reinicie el proceso")]
    Poisoned(String),
    #[error("{0}")]
    Storage(String),
}

/// An append waiting to be durable.
pub trait PendingAppend: Send {
    /// Positions given to the records, in the order they were handed over.
    fn positions(&self) -> &[Position];
    /// Blocks until the records are durable.
    ///
    /// # Errors
    /// When the fsync failed: the outcome is unknown and the log is poisoned.
    fn wait(self: Box<Self>) -> Result<(), LogError>;
}

/// What a subscription delivers.
#[derive(Debug)]
pub enum Delivery {
    /// These partitions are now this member's. Records of them follow from their committed positions (or 0).
    Assigned(Vec<TopicPartition>),
    /// Stop with these partitions; the epochs in hand were closed before this is answered.
    Revoked(Vec<TopicPartition>),
    /// Records of one partition, ascending.
    Records(TopicPartition, Vec<StoredRecord>),
    /// Nothing came within the time.
    Idle,
}

/// A member of a consumer group.
pub trait Subscription: Send {
    /// Next delivery: at most `max_records` and about `max_bytes`, waiting at most `timeout`. Partitions take turns.
    ///
    /// # Errors
    /// Storage and position errors.
    fn poll(&mut self, max_records: usize, max_bytes: usize, timeout: Duration) -> Result<Delivery, LogError>;
    /// Reads a partition again from `position` (after an abort).
    fn seek(&mut self, partition: TopicPartition, position: Position);
    /// Leaves the group at once, with nothing in hand: its partitions go to others now, and not when its silence is noticed. It is dropped
    /// next. An adapter whose members leave by being dropped does nothing here.
    ///
    /// # Errors
    /// `Unreachable`, `Storage`: its silence will be noticed.
    fn leave(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}

/// The port. All calls block; shells call them from their own threads.
pub trait Log: Send + Sync + 'static {
    /// Number of partitions of a topic.
    fn partitions(&self, topic: Topic) -> u16;
    /// Appends outside any transaction, in order; one group commit covers many callers.
    ///
    /// # Errors
    /// `TooLarge`, `UnknownPartition`, `DiskFull`, `Poisoned`, `Storage`; then nothing was appended.
    fn append(&self, records: Vec<(TopicPartition, Record)>) -> Result<Box<dyn PendingAppend>, LogError>;
    /// Writes a transaction and returns when it is durable.
    ///
    /// # Errors
    /// Limits and `NotAssigned`: nothing was sent. `Aborted`: nothing of it will ever be read. `Fenced`: the owner's place is taken; what
    /// was sent is decided by whoever took it. `OutcomeUnknown`, `Poisoned`, `Storage`: the outcome is unknown. After any of them but
    /// limits and `NotAssigned`: claim again, then reload from the log.
    fn commit(&self, transaction: Transaction) -> Result<Committed, LogError>;
    /// Durable records from `from` on, up to `max_bytes` of values (at least one when there is one).
    ///
    /// # Errors
    /// `PositionGone`, `Corrupt`, `Unreachable`, `Storage`.
    fn read(&self, partition: TopicPartition, from: Position, max_bytes: usize) -> Result<Vec<StoredRecord>, LogError>;
    /// These ranges will be read soon, each from its position: an adapter over a network may begin to fetch the first of them. The others do
    /// nothing.
    fn foresee(&self, _: &[(TopicPartition, Position)]) {}
    /// As [`Log::read`], but waits at most `timeout` until there is something: for whoever follows the end of a partition. One at a time
    /// for each partition.
    ///
    /// # Errors
    /// As [`Log::read`].
    fn read_or_wait(
        &self,
        partition: TopicPartition,
        from: Position,
        max_bytes: usize,
        timeout: Duration,
    ) -> Result<Vec<StoredRecord>, LogError> {
        let deadline = Instant::now() + timeout;
        // No counter has come that far: it is told at once.
        let mut seen = self.wait_stable(u64::MAX, Duration::ZERO);
        loop {
            let found = self.read(partition, from, max_bytes)?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !found.is_empty() || left.is_zero() {
                return Ok(found);
            }
            seen = self.wait_stable(seen, left);
        }
    }
    /// # Errors
    /// `UnknownPartition`, `Storage`.
    fn watermarks(&self, partition: TopicPartition) -> Result<Watermarks, LogError>;
    /// Watermarks of many partitions, in their order; an adapter over a network asks for all of them at once.
    ///
    /// # Errors
    /// As [`Log::watermarks`].
    fn watermarks_of(&self, partitions: &[TopicPartition]) -> Result<Vec<Watermarks>, LogError> {
        partitions.iter().map(|partition| self.watermarks(*partition)).collect()
    }
    /// Committed positions of a group in many partitions, in their order, likewise.
    ///
    /// # Errors
    /// As [`Log::position`].
    fn positions_of(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<Position>>, LogError> {
        partitions.iter().map(|partition| self.position(group, *partition)).collect()
    }
    /// Stable watermarks of many partitions, likewise.
    ///
    /// # Errors
    /// As [`Log::watermarks`].
    fn stable_ends(&self, partitions: &[TopicPartition]) -> Result<Vec<Position>, LogError> {
        partitions.iter().map(|partition| Ok(self.watermarks(*partition)?.stable)).collect()
    }
    /// Upper bound of the records at each position and after it, in their order; zero exactly when there is none. An adapter whose
    /// partitions hold more than records looks before it counts.
    ///
    /// # Errors
    /// As [`Log::watermarks`] and [`Log::read`].
    fn behind(&self, positions: &[(TopicPartition, Position)]) -> Result<Vec<u64>, LogError> {
        let partitions: Vec<TopicPartition> = positions.iter().map(|(partition, _)| *partition).collect();
        let ends = self.stable_ends(&partitions)?;
        Ok(ends.into_iter().zip(positions).map(|(end, (_, next))| end.saturating_sub(*next)).collect())
    }
    /// Committed position of a group, if any.
    ///
    /// # Errors
    /// `Storage`.
    fn position(&self, group: &str, partition: TopicPartition) -> Result<Option<Position>, LogError>;
    /// Takes the owner's place; older tokens of the same name are fenced from now on.
    ///
    /// # Errors
    /// `Storage`.
    fn claim(&self, owner: &str) -> Result<OwnerToken, LogError>;
    /// Joins a consumer group.
    ///
    /// # Errors
    /// `Storage`.
    fn subscribe(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Subscription>, LogError>;
    /// From now on [`Log::wait_stable`] wakes for these partitions whoever writes them. An adapter that sees every write does nothing.
    ///
    /// # Errors
    /// `UnknownPartition`, `Storage`.
    fn watch(&self, _: &[TopicPartition]) -> Result<(), LogError> {
        Ok(())
    }
    /// Blocks until the stable watermark of any partition moves past what it was at `seen` (a counter), or the timeout; returns the new counter.
    fn wait_stable(&self, seen: u64, timeout: Duration) -> u64;
    /// Removes command and reply blocks older than their topic's retention, never what the group has not consumed.
    ///
    /// # Errors
    /// `Storage`.
    fn retain(&self, now: Instante) -> Result<u64, LogError>;
}
