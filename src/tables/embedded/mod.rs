//! Tables embedded in the binary: one fjall keyspace a table, rows under order-preserving keys.
//!
//! A batch holds rows and the positions they bring the sink to, and is atomic. It is not fsynced: a crash may lose the newest batches,
//! always whole and always the last ones, so a sink resumes from the position that fits the rows. A deleted row leaves a tombstone with
//! its version until its table is cleared, because a late lower version must not bring it back.

#[doc(hidden)]
pub mod fuzz;
pub(super) mod row;
mod shape;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use bytes::Bytes;
use fjall::{
    CompressionType, Database, Guard, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode,
    compaction::Leveled,
    config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry},
};

use super::key;
use super::versions::{Place, Versions};
use super::{Cursor, From, Row, SinkPosition, Table, Tables, TablesError, Value, Write};
use crate::log::{
    Position, TopicPartition,
    embedded::folder::{self, Folder, FolderError},
};

const KIND: &str = "tablas";
const VERSION: u32 = 1;

/// How the tables are bounded.
#[derive(Debug, Clone)]
pub struct EmbeddedTablesOptions {
    /// Bytes of the store's block cache.
    pub cache_bytes: u64,
    /// Bytes of rows a table keeps in memory before they go to disk.
    pub memtable_bytes: u64,
    /// Bytes of journal after which rows of quiet tables go to disk too. At least 64 MiB. Bounds the time to open.
    pub journal_bytes: u64,
    /// Tables that a new folder gets room for at once, which costs far less than one by one when they are declared.
    pub expected: Vec<&'static Table>,
}

impl Default for EmbeddedTablesOptions {
    fn default() -> Self {
        Self { cache_bytes: 16 << 20, memtable_bytes: 16 << 20, journal_bytes: 64 << 20, expected: Vec::new() }
    }
}

/// The tables of one folder, held exclusively.
pub struct EmbeddedTables {
    database: Database,
    control: Keyspace,
    tables: RwLock<HashMap<&'static str, Keyspace>>,
    /// Held from reading versions to writing over them.
    writing: Mutex<Versions>,
    options: EmbeddedTablesOptions,
    folder: Folder,
}

impl EmbeddedTables {
    /// Opens or creates the tables of a folder.
    ///
    /// # Errors
    /// `Storage` when the folder is in use, of another version or damaged; `DiskFull`.
    pub fn open(dir: &Path, options: EmbeddedTablesOptions) -> Result<Arc<Self>, TablesError> {
        let failed = |e| match e {
            FolderError::Full => TablesError::DiskFull { path: dir.display().to_string() },
            FolderError::Other(what) => TablesError::Storage(what),
        };
        let folder = Folder::open(dir, KIND, VERSION).map_err(failed)?;
        let builder = |store: &Path| {
            Database::builder(store)
                .cache_size(options.cache_bytes)
                .journal_compression(CompressionType::None)
                .manual_journal_persist(true)
                .max_journaling_size(options.journal_bytes.max(64 << 20))
                .max_cached_files(Some(256))
                .worker_threads(1)
        };
        let keyspaces = |db: &Database| {
            if is_new(db) {
                options
                    .expected
                    .iter()
                    .try_for_each(|t| db.keyspace(t.name, || keyspace_options(options.memtable_bytes)).map(drop))?;
            }
            db.keyspace("control", || keyspace_options(1 << 20))
        };
        let opened = folder::open_database(dir, builder, keyspaces);
        let (database, control) = opened.map_err(failed)?;
        Ok(Arc::new(Self { database, control, tables: RwLock::default(), writing: Mutex::default(), options, folder }))
    }

    /// Makes everything written so far durable, for an orderly stop.
    ///
    /// # Errors
    /// `DiskFull`, `Storage`.
    pub fn flush(&self) -> Result<(), TablesError> {
        self.database.persist(PersistMode::SyncData).map_err(|e| self.failed(&e))
    }

    /// Bytes on disk, journals included.
    ///
    /// # Errors
    /// `Storage`.
    pub fn disk_space(&self) -> Result<u64, TablesError> {
        self.database.disk_space().map_err(|e| self.failed(&e))
    }

    fn failed(&self, e: &fjall::Error) -> TablesError {
        let path = self.folder.path().display().to_string();
        if folder::is_full(e) {
            return TablesError::DiskFull { path };
        }
        TablesError::Storage(format!(
            "las tablas de {path} fallaron ({e}); reinicie, y si vuelve a fallar borre esa carpeta: se reconstruyen desde el registro"
        ))
    }

    fn keyspace(&self, table: &'static Table) -> Result<Keyspace, TablesError> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.get(table.name).cloned().ok_or_else(|| TablesError::Storage(format!("la tabla «{}» no está declarada", table.name)))
    }

    /// Checks the shapes that are stored and stores those that are not, durably and at once.
    fn declare_shapes(&self, tables: &[&'static Table]) -> Result<(), TablesError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for table in tables {
            let declared = shape::text(table)?;
            let key = [b"t", table.name.as_bytes()].concat();
            match self.control_get(&key)? {
                Some(stored) if *stored == *declared.as_bytes() => {}
                Some(stored) => return Err(shape::changed(table, &String::from_utf8_lossy(&stored), &declared)),
                None => self.put_control(&mut batch, key, declared.into_bytes()),
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        batch.commit().map_err(|e| self.failed(&e))
    }

    fn make_room(&self, table: &'static Table) -> Result<(), TablesError> {
        let memtable = self.options.memtable_bytes;
        let keyspace = self.database.keyspace(table.name, || keyspace_options(memtable)).map_err(|e| self.failed(&e))?;
        self.tables.write().unwrap_or_else(PoisonError::into_inner).insert(table.name, keyspace);
        Ok(())
    }

    fn put_control(&self, batch: &mut OwnedWriteBatch, key: Vec<u8>, mut value: Vec<u8>) {
        let crc = control_crc(&key, &value);
        value.extend_from_slice(&crc.to_le_bytes());
        batch.insert(&self.control, key, value);
    }

    fn control_get(&self, key: &[u8]) -> Result<Option<Bytes>, TablesError> {
        let Some(value) = self.control.get(key).map_err(|e| self.failed(&e))? else { return Ok(None) };
        let value = Bytes::from_owner(value);
        match value.len().checked_sub(4) {
            Some(length) if control_crc(key, &value[..length]).to_le_bytes() == value[length..] => Ok(Some(value.slice(..length))),
            _ => Err(TablesError::Storage(format!(
                "los datos de control de las tablas de {} están dañados; borre esa carpeta: se reconstruyen desde el registro",
                self.folder.path().display()
            ))),
        }
    }

    /// Checks and encodes every write before any is made.
    fn prepare(&self, writes: Vec<Write>) -> Result<Vec<Prepared>, TablesError> {
        let mut last: Option<(&'static str, Keyspace)> = None;
        let mut out = Vec::with_capacity(writes.len());
        for write in writes {
            let table = match &write {
                Write::Upsert { table, .. } | Write::Insert { table, .. } | Write::Delete { table, .. } => *table,
            };
            let keyspace = match &last {
                Some((name, keyspace)) if *name == table.name => keyspace.clone(),
                _ => self.keyspace(table)?,
            };
            last = Some((table.name, keyspace.clone()));
            out.push(prepare(table, keyspace, write).map_err(|what| TablesError::Shape { table: table.name, what })?);
        }
        Ok(out)
    }

    /// True when what is stored does not stand in the way of the write.
    fn allowed(&self, write: &Prepared, versions: &mut Versions) -> Result<bool, TablesError> {
        let Some(rule) = write.rule else { return Ok(true) };
        let place = Place::of(write.table, &write.key);
        let found = match versions.get(place) {
            Some(version) => Some(version),
            None => self.stored_version(write)?,
        };
        let free = match (found, rule) {
            (None, _) => true,
            (Some(found), Rule::Above) => found < write.version,
            (Some(found), Rule::AtLeast) => found <= write.version,
        };
        if free {
            versions.put(place, write.version);
        }
        Ok(free)
    }

    fn stored_version(&self, write: &Prepared) -> Result<Option<u64>, TablesError> {
        let Some(bytes) = write.keyspace.get(&write.key).map_err(|e| self.failed(&e))? else { return Ok(None) };
        row::version(&write.key, &bytes).map(Some).ok_or_else(|| damaged(write.table))
    }

    /// Writes the rows that are allowed, and the positions, as one batch.
    fn write(
        &self,
        prepared: Vec<Prepared>,
        positions: &[SinkPosition],
        mut allowed: impl FnMut(&Prepared) -> Result<bool, TablesError>,
    ) -> Result<(), TablesError> {
        let mut batch = OwnedWriteBatch::with_capacity(self.database.clone(), prepared.len() + positions.len());
        for write in prepared {
            if allowed(&write)? {
                batch.insert(&write.keyspace, write.key, write.row);
            }
        }
        for position in positions {
            let key = position_key(position.consumer, position.partition);
            self.put_control(&mut batch, key, position.next.to_le_bytes().to_vec());
        }
        batch.commit().map_err(|e| self.failed(&e))
    }

    fn row(&self, table: &'static Table, item: Guard) -> Result<(Bytes, Option<Row>), TablesError> {
        let (key, value) = item.into_inner().map_err(|e| self.failed(&e))?;
        let row = decode(table, &key, &value)?;
        Ok((Bytes::from_owner(key), row))
    }
}

/// When a stored version lets a write pass: below it, or at most equal to it.
#[derive(Clone, Copy)]
enum Rule {
    Above,
    AtLeast,
}

struct Prepared {
    table: &'static Table,
    keyspace: Keyspace,
    key: Vec<u8>,
    row: Vec<u8>,
    version: u64,
    rule: Option<Rule>,
}

fn prepare(table: &'static Table, keyspace: Keyspace, write: Write) -> Result<Prepared, String> {
    let (key, version, rule, values) = match write {
        Write::Upsert { row, .. } => (row.key, row.version, Some(Rule::Above), Some(row.values)),
        Write::Insert { row, .. } => (row.key, row.version, None, Some(row.values)),
        Write::Delete { key, version, .. } => (key, version, Some(Rule::AtLeast), None),
    };
    let key = key::encode_whole(table, &key)?;
    let row = match values {
        Some(values) => row::encode(table, &key, &values, version)?,
        None => row::tombstone(&key, version),
    };
    Ok(Prepared { table, keyspace, key, row, version, rule })
}

fn decode(table: &'static Table, key: &[u8], value: &[u8]) -> Result<Option<Row>, TablesError> {
    let stored = row::decode(table, key, value).ok_or_else(|| damaged(table))?;
    let Some(values) = stored.values else { return Ok(None) };
    let key = key::decode(table, key).ok_or_else(|| damaged(table))?;
    Ok(Some(Row { key, values, version: stored.version }))
}

fn damaged(table: &'static Table) -> TablesError {
    TablesError::Corrupt { table: table.name, what: "la suma de control no coincide".to_owned() }
}

fn control_crc(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

fn position_key(consumer: &str, partition: TopicPartition) -> Vec<u8> {
    let mut key = consumer_prefix(consumer);
    key.extend_from_slice(&partition.topic.codigo().to_be_bytes());
    key.extend_from_slice(&partition.partition.to_be_bytes());
    key
}

fn consumer_prefix(consumer: &str) -> Vec<u8> {
    [b"p", consumer.as_bytes(), &[0]].concat()
}

/// Whether the store is being made: the control keyspace is its last.
fn is_new(database: &Database) -> bool {
    !database.keyspace_exists("control")
}

/// Rows are merged few times: many small runs are let stand before a merge, and the first level is large.
fn keyspace_options(memtable_bytes: u64) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .max_memtable_size(memtable_bytes)
        .data_block_compression_policy(CompressionPolicy::disabled())
        .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0))))
        .expect_point_read_hits(false)
        .compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(8)))
}

impl Tables for EmbeddedTables {
    fn declare(&self, tables: &[&'static Table]) -> Result<(), TablesError> {
        self.declare_shapes(tables)?;
        tables.iter().try_for_each(|table| self.make_room(table))
    }

    fn apply(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError> {
        let prepared = self.prepare(writes)?;
        if prepared.iter().all(|w| w.rule.is_none()) {
            return self.write(prepared, positions, |_| Ok(true));
        }
        let mut versions = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.write(prepared, positions, |write| self.allowed(write, &mut versions));
        if written.is_err() {
            versions.clear();
        }
        written
    }

    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, TablesError> {
        let keyspace = self.keyspace(table)?;
        let key = key::encode_whole(table, key).map_err(|what| TablesError::Shape { table: table.name, what })?;
        match keyspace.get(&key).map_err(|e| self.failed(&e))? {
            Some(value) => decode(table, &key, &value),
            None => Ok(None),
        }
    }

    fn slice(
        &self,
        table: &'static Table,
        partition: &[Value],
        from: &From,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Row>, TablesError> {
        let keyspace = self.keyspace(table)?;
        let (start, end) =
            key::bounds(table, partition, from, reverse).map_err(|what| TablesError::Shape { table: table.name, what })?;
        let range = match end {
            Some(end) if end <= start => return Ok(Vec::new()),
            Some(end) => keyspace.range(start..end),
            None => keyspace.range(start..),
        };
        let mut rows = Vec::new();
        let mut items: Box<dyn Iterator<Item = Guard>> = if reverse { Box::new(range.rev()) } else { Box::new(range) };
        while rows.len() < limit {
            let Some(item) = items.next() else { break };
            rows.extend(self.row(table, item)?.1);
        }
        Ok(rows)
    }

    fn scan(&self, table: &'static Table, after: Option<&Cursor>, limit: usize) -> Result<(Vec<Row>, Option<Cursor>), TablesError> {
        let keyspace = self.keyspace(table)?;
        // No key lies between a key and the same key with a zero byte behind.
        let start = after.map_or_else(Vec::new, |cursor| [&cursor.0[..], &[0]].concat());
        let mut rows = Vec::new();
        for item in keyspace.range(start..) {
            let (key, row) = self.row(table, item)?;
            rows.extend(row);
            if rows.len() >= limit.max(1) {
                return Ok((rows, Some(Cursor(key.to_vec()))));
            }
        }
        Ok((rows, None))
    }

    fn position(&self, consumer: &str, partition: TopicPartition) -> Result<Option<Position>, TablesError> {
        let value = self.control_get(&position_key(consumer, partition))?;
        Ok(value.and_then(|v| Some(u64::from_le_bytes(v[..].try_into().ok()?))))
    }

    fn clear(&self, tables: &[&'static Table], consumer: &str) -> Result<(), TablesError> {
        let keyspaces = tables.iter().map(|t| self.keyspace(t)).collect::<Result<Vec<_>, _>>()?;
        let mut versions = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        versions.clear();
        // The positions go first and durably: rows without a position are written again, a position without rows would hide them.
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for item in self.control.prefix(consumer_prefix(consumer)) {
            batch.remove(&self.control, item.key().map_err(|e| self.failed(&e))?);
        }
        batch.commit().map_err(|e| self.failed(&e))?;
        for keyspace in keyspaces {
            keyspace.clear().map_err(|e| self.failed(&e))?;
        }
        self.flush()
    }
}
