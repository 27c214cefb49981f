//! The records that rows point to: a row never repeats a document that the log keeps.
//!
//! `eventos.*` and `auditoria` have no retention, and a sink reads only what is durable, so a place that a row names can be read
//! for as long as the row exists.

use std::sync::Arc;

use crate::log::{Log, LogError, Position, StoredRecord, TopicPartition};

/// Bytes of values asked of the log at a time when a stretch is read.
const READ_BYTES: usize = 256 << 10;

/// Reads of records by their place.
pub trait Registros: Send + Sync + 'static {
    /// The records of `from..until` that the log has, ascending.
    ///
    /// # Errors
    /// As [`Log::read`].
    fn tramo(&self, partition: TopicPartition, from: Position, until: Position) -> Result<Vec<StoredRecord>, LogError>;

    /// One record, when the log has it.
    ///
    /// # Errors
    /// As [`Log::read`].
    fn uno(&self, partition: TopicPartition, position: Position) -> Result<Option<StoredRecord>, LogError> {
        Ok(self.tramo(partition, position, position.saturating_add(1))?.pop())
    }
}

/// The log itself.
pub struct DelRegistro(pub Arc<dyn Log>);

impl Registros for DelRegistro {
    fn tramo(&self, partition: TopicPartition, from: Position, until: Position) -> Result<Vec<StoredRecord>, LogError> {
        let (mut records, mut next) = (Vec::new(), from);
        let bytes = if until.saturating_sub(from) <= 1 { 1 } else { READ_BYTES };
        while next < until {
            let read = self.0.read(partition, next, bytes)?;
            let Some(last) = read.last() else { break };
            next = last.position.saturating_add(1);
            records.extend(read.into_iter().take_while(|r| r.position < until));
        }
        Ok(records)
    }
}
