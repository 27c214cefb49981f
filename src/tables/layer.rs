//! Tables that stand before others: they do something of their own with what is written, and pass everything else on.

use super::{Cursor, From, Row, SinkPosition, Table, Tables, TablesError, Value, Write};
use crate::log::{Position, TopicPartition};

/// What a layer changes; it is [`Tables`] by that alone.
pub trait Layer: Send + Sync + 'static {
    type Below: Tables + ?Sized;

    fn below(&self) -> &Self::Below;

    /// In the place of [`Tables::apply`].
    ///
    /// # Errors
    /// As that one.
    fn write(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError>;

    /// In the place of [`Tables::recover`].
    ///
    /// # Errors
    /// As that one.
    fn finish(&self, partition: TopicPartition) -> Result<(), TablesError> {
        self.below().recover(partition)
    }
}

impl<T: Layer> Tables for T {
    fn declare(&self, tables: &[&'static Table]) -> Result<(), TablesError> {
        self.below().declare(tables)
    }

    fn apply(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError> {
        self.write(writes, positions)
    }

    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, TablesError> {
        self.below().get(table, key)
    }

    fn slice(
        &self,
        table: &'static Table,
        partition: &[Value],
        from: &From,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Row>, TablesError> {
        self.below().slice(table, partition, from, reverse, limit)
    }

    fn scan(&self, table: &'static Table, after: Option<&Cursor>, limit: usize) -> Result<(Vec<Row>, Option<Cursor>), TablesError> {
        self.below().scan(table, after, limit)
    }

    fn position(&self, consumer: &str, partition: TopicPartition) -> Result<Option<Position>, TablesError> {
        self.below().position(consumer, partition)
    }

    fn recover(&self, partition: TopicPartition) -> Result<(), TablesError> {
        self.finish(partition)
    }

    fn clear(&self, tables: &[&'static Table], consumer: &str) -> Result<(), TablesError> {
        self.below().clear(tables, consumer)
    }
}
