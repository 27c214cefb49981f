//! Port `Tables`: the CQL data model reduced to what projections need. Adapters: `embedded`, `memory`, and `cql` (ScyllaDB, Cassandra).
//!
//! A table has a partition key, clustering columns in a fixed order and plain columns. Writes are idempotent upserts with a version:
//! a lower or equal version never overwrites. A sink's positions are written after its rows (embedded: in one atomic batch with them),
//! so at-least-once delivery ends in the same rows.

pub mod conformance;
pub mod cql;
pub mod embedded;
pub mod feeding;
mod key;
pub mod kv;
pub mod layer;
pub mod memory;
mod versions;

use std::sync::Arc;

use bytes::Bytes;
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::{
    domain::valores::Instante,
    log::{Position, TopicPartition},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    Text,
    Int,
    Decimal,
    Date,
    Timestamp,
    Bool,
    Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: ColumnType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Asc,
    Desc,
}

/// A declared table; a read model is declared once and runs on every adapter.
/// Key columns may be Text, Int, Date, Timestamp or Bool, never null.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// The query it serves.
    pub doc: &'static str,
    pub partition: &'static [Column],
    pub clustering: &'static [(Column, Order)],
    pub columns: &'static [Column],
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Text(Arc<str>),
    Int(i64),
    Decimal(Decimal),
    Date(NaiveDate),
    Timestamp(Instante),
    Bool(bool),
    Bytes(Bytes),
}

/// Partition key columns, then clustering columns, in declared order.
pub type Key = Vec<Value>;

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub key: Key,
    /// In the order of `Table::columns`.
    pub values: Vec<Value>,
    /// Version of the aggregate the row shows (or of the position, for sums). From 1.
    pub version: u64,
}

#[derive(Debug, Clone)]
pub enum Write {
    /// Writes the whole row unless a row with an equal or higher version is there.
    Upsert { table: &'static Table, row: Row },
    /// The caller knows the key is written once (an append-only log row): no version check is made.
    Insert { table: &'static Table, row: Row },
    /// Removes the row unless a higher version is there.
    Delete { table: &'static Table, key: Key, version: u64 },
}

/// Progress of a sink: the next position to read, by consumer name and partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkPosition {
    pub consumer: &'static str,
    pub partition: TopicPartition,
    pub next: Position,
}

/// Where a slice starts within its partition.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    Start,
    /// A prefix of the clustering columns, inclusive in clustering order.
    At(Vec<Value>),
    /// Whole clustering key, exclusive in clustering order: the cursor.
    After(Vec<Value>),
}

/// Opaque continuation of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub Vec<u8>);

#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    #[error("fila inválida para la tabla {table}: {what}")]
    Shape { table: &'static str, what: String },
    #[error("fila dañada en la tabla {table}: {what}; reconstruya la proyección desde el registro")]
    Corrupt { table: &'static str, what: String },
    #[error("sin espacio en disco en {path}: libere espacio y vuelva a iniciar; las proyecciones se ponen al día solas")]
    DiskFull { path: String },
    #[error("{0}")]
    Storage(String),
    /// Another process feeds these tables, or this one does not know that it may.
    #[error("{0}")]
    Elsewhere(String),
}

/// The port. Calls block; sinks call them from their own threads or `spawn_blocking`.
pub trait Tables: Send + Sync + 'static {
    /// Creates what is missing. Called once at start with every table.
    ///
    /// # Errors
    /// `Storage`; or `Shape` when a stored table differs from its declaration.
    fn declare(&self, tables: &[&'static Table]) -> Result<(), TablesError>;
    /// Writes rows, then the positions they bring the sink to.
    ///
    /// # Errors
    /// `Shape` before anything is written; `DiskFull`, `Storage`: may be repeated as a whole; `Elsewhere`: by whoever took up rows and
    /// positions again.
    fn apply(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError>;
    /// # Errors
    /// `Storage`, `Corrupt`.
    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, TablesError>;
    /// Rows of one partition in clustering order (`reverse` turns it), at most `limit`.
    ///
    /// # Errors
    /// `Storage`, `Corrupt`.
    fn slice(
        &self,
        table: &'static Table,
        partition: &[Value],
        from: &From,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Row>, TablesError>;
    /// Rows of the whole table, in no promised order but a stable one, page by page.
    ///
    /// # Errors
    /// `Storage`, `Corrupt`.
    fn scan(&self, table: &'static Table, after: Option<&Cursor>, limit: usize) -> Result<(Vec<Row>, Option<Cursor>), TablesError>;
    /// # Errors
    /// `Storage`.
    fn position(&self, consumer: &str, partition: TopicPartition) -> Result<Option<Position>, TablesError>;
    /// Finishes the batch of a partition of the log that was cut short, if one was. A sink asks for it before it reads rows: when it starts,
    /// and after a batch that failed. An adapter whose batches are atomic does nothing.
    ///
    /// # Errors
    /// `Storage`, `Corrupt`; `Elsewhere` when writing is another's.
    fn recover(&self, _: TopicPartition) -> Result<(), TablesError> {
        Ok(())
    }
    /// Removes every row of a table and every position of a consumer: before a rebuild.
    ///
    /// # Errors
    /// `Storage`, `Elsewhere`.
    fn clear(&self, tables: &[&'static Table], consumer: &str) -> Result<(), TablesError>;
}

/// Whether a row is of its table: its columns, their types, its version.
///
/// # Errors
/// What is wrong with it, for the user.
fn check_row(table: &'static Table, row: &Row) -> Result<(), String> {
    if row.values.len() != table.columns.len() {
        return Err(format!("la fila tiene {} columnas y la tabla tiene {}", row.values.len(), table.columns.len()));
    }
    if row.version == 0 {
        return Err("la versión empieza en 1".to_owned());
    }
    let fits = |(column, value): (&Column, &Value)| {
        use ColumnType as C;
        let right = matches!(
            (column.kind, value),
            (_, Value::Null)
                | (C::Text, Value::Text(_))
                | (C::Int, Value::Int(_))
                | (C::Decimal, Value::Decimal(_))
                | (C::Date, Value::Date(_))
                | (C::Timestamp, Value::Timestamp(_))
                | (C::Bool, Value::Bool(_))
                | (C::Bytes, Value::Bytes(_))
        );
        if right { Ok(()) } else { Err(format!("la columna «{}» no admite {value:?}", column.name)) }
    };
    table.columns.iter().zip(&row.values).try_for_each(fits)
}
