//! Tables in memory, for the simulator and for tests: the laws of the port and nothing that outlives the process.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hashbrown::HashMap;

use super::{Cursor, From, Row, SinkPosition, Table, Tables, TablesError, Value, Write, key};
use crate::log::{Position, TopicPartition};

/// A row, or the tombstone of a removed one: its version stays.
struct Stored {
    version: u64,
    row: Option<Row>,
}

#[derive(Default)]
struct Content {
    /// By name; each in the order of its keys' bytes. Looked up by name, never iterated.
    tables: HashMap<&'static str, BTreeMap<Vec<u8>, Stored>>,
    declared: HashMap<&'static str, &'static Table>,
    positions: BTreeMap<(String, TopicPartition), Position>,
}

#[derive(Default)]
pub struct MemoryTables {
    content: Mutex<Content>,
}

fn shape(table: &'static Table) -> impl Fn(String) -> TablesError {
    move |what| TablesError::Shape { table: table.name, what }
}

impl MemoryTables {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write with its encoded key, checked.
fn prepare(write: Write) -> Result<(&'static Table, Vec<u8>, Write), TablesError> {
    let (table, key, row) = match &write {
        Write::Upsert { table, row } | Write::Insert { table, row } => (*table, &row.key, Some(row)),
        Write::Delete { table, key, .. } => (*table, key, None),
    };
    let encoded = key::encode_whole(table, key).map_err(shape(table))?;
    if let Some(row) = row {
        super::check_row(table, row).map_err(shape(table))?;
    }
    Ok((table, encoded, write))
}

impl Tables for MemoryTables {
    fn declare(&self, tables: &[&'static Table]) -> Result<(), TablesError> {
        let mut content = self.content();
        for table in tables {
            let known = *content.declared.entry(table.name).or_insert(*table);
            if (known.partition, known.clustering, known.columns) != (table.partition, table.clustering, table.columns) {
                return Err(shape(table)("se declaró antes con otras columnas".to_owned()));
            }
            content.tables.entry(table.name).or_default();
        }
        Ok(())
    }

    fn apply(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError> {
        let prepared = writes.into_iter().map(prepare).collect::<Result<Vec<_>, _>>()?;
        let mut content = self.content();
        for (table, key, write) in prepared {
            let rows = content.tables.entry(table.name).or_default();
            let found = rows.get(&key).map(|stored| stored.version);
            let (free, stored) = match write {
                Write::Upsert { row, .. } => {
                    (found.is_none_or(|v| v < row.version), Stored { version: row.version, row: Some(row) })
                }
                Write::Insert { row, .. } => (true, Stored { version: row.version, row: Some(row) }),
                Write::Delete { version, .. } => (found.is_none_or(|v| v <= version), Stored { version, row: None }),
            };
            if free {
                rows.insert(key, stored);
            }
        }
        for position in positions {
            content.positions.insert((position.consumer.to_owned(), position.partition), position.next);
        }
        Ok(())
    }

    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, TablesError> {
        let key = key::encode_whole(table, key).map_err(shape(table))?;
        let content = self.content();
        Ok(content.tables.get(table.name).and_then(|rows| rows.get(&key)).and_then(|stored| stored.row.clone()))
    }

    fn slice(
        &self,
        table: &'static Table,
        partition: &[Value],
        from: &From,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Row>, TablesError> {
        let (start, end) = key::bounds(table, partition, from, reverse).map_err(shape(table))?;
        if end.as_ref().is_some_and(|end| *end <= start) {
            return Ok(Vec::new());
        }
        let content = self.content();
        let Some(rows) = content.tables.get(table.name) else { return Ok(Vec::new()) };
        let range = match end {
            Some(end) => rows.range(start..end),
            None => rows.range(start..),
        };
        let live = |(_, stored): (&Vec<u8>, &Stored)| stored.row.clone();
        Ok(if reverse { range.rev().filter_map(live).take(limit).collect() } else { range.filter_map(live).take(limit).collect() })
    }

    fn scan(&self, table: &'static Table, after: Option<&Cursor>, limit: usize) -> Result<(Vec<Row>, Option<Cursor>), TablesError> {
        // No key lies between a key and the same key with a zero byte behind.
        let start = after.map_or_else(Vec::new, |cursor| [&cursor.0[..], &[0]].concat());
        let content = self.content();
        let Some(found) = content.tables.get(table.name) else { return Ok((Vec::new(), None)) };
        let mut rows = Vec::new();
        for (key, stored) in found.range(start..) {
            rows.extend(stored.row.clone());
            if rows.len() >= limit.max(1) {
                return Ok((rows, Some(Cursor(key.clone()))));
            }
        }
        Ok((rows, None))
    }

    fn position(&self, consumer: &str, partition: TopicPartition) -> Result<Option<Position>, TablesError> {
        Ok(self.content().positions.get(&(consumer.to_owned(), partition)).copied())
    }

    fn clear(&self, tables: &[&'static Table], consumer: &str) -> Result<(), TablesError> {
        let mut content = self.content();
        content.positions.retain(|(name, _), _| name != consumer);
        for table in tables {
            content.tables.entry(table.name).or_default().clear();
        }
        Ok(())
    }
}
