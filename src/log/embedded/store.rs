//! The log's blocks, group positions and owners on fjall, and the one place that makes them durable.
//!
//! Three keyspaces share one journal: `historia` (blocks kept for ever), `paso` (blocks of topics with retention), `control`.
//! Block key: topic u16 · partition u16 · first position u64, big endian. A batch writes `control/estado` = (number of the batch, sum of
//! the ends of all partitions): what is found at the next open must add up to it, and the number must reach the one in the file
//! `marca`, which is written after every fsync. So a lost tail is an error, never a shorter log.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode,
    config::{BlockSizePolicy, BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry},
};

use super::{
    EmbeddedLogOptions,
    block::Block,
    folder::{self, Folder, FolderError},
};
use crate::log::{LogError, Position, Topic, TopicPartition};

const KIND: &str = "registro";
const VERSION: u32 = 1;
const MARK: &str = "marca";
const STATE: &[u8] = b"estado";

/// Test hooks around the store's writes. Each is called on the writing thread; an error fails the write like the disk would.
#[derive(Clone, Default)]
pub struct StoreHooks {
    /// Before a batch goes to the store, with its bytes.
    pub on_write: Option<Arc<dyn Fn(usize) -> io::Result<()> + Send + Sync>>,
    /// In place of nothing, just before the fsync of a batch.
    pub on_sync: Option<Arc<dyn Fn() -> io::Result<()> + Send + Sync>>,
}

/// What the store did since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    pub batches: u64,
    pub fsyncs: u64,
    pub blocks: u64,
    /// Bytes of blocks, keys included, as handed to the store.
    pub bytes: u64,
}

#[derive(Default)]
struct Counters {
    batches: AtomicU64,
    fsyncs: AtomicU64,
    blocks: AtomicU64,
    bytes: AtomicU64,
}

/// Positions of a group, by partition.
pub(super) type Positions = BTreeMap<TopicPartition, Position>;

/// One durable step.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub number: u64,
    /// Sum of the ends of all partitions once this batch is in.
    pub total: u64,
    pub blocks: Vec<(TopicPartition, Position, Vec<u8>)>,
    /// Whole positions of each group that moved.
    pub groups: Vec<(String, Positions)>,
    pub owners: Vec<(String, u64)>,
    /// Blocks removed and the first position left, by partition.
    pub removed: Vec<(TopicPartition, Vec<Position>, Position)>,
}

/// What was found on open.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub number: u64,
    pub groups: HashMap<String, Positions>,
    pub owners: HashMap<String, u64>,
    /// First and end of each partition asked for.
    pub bounds: Vec<(Position, Position)>,
}

pub(super) struct Store {
    database: Database,
    history: Keyspace,
    passing: Keyspace,
    control: Keyspace,
    mark: File,
    hooks: StoreHooks,
    counters: Counters,
    folder: Folder,
}

/// Why a write failed, kept to answer later writes.
#[derive(Debug, Clone)]
pub(super) enum WriteFailure {
    Full(PathBuf),
    Disk(String),
}

impl From<WriteFailure> for LogError {
    fn from(failure: WriteFailure) -> Self {
        match failure {
            WriteFailure::Full(path) => LogError::DiskFull { path: path.display().to_string() },
            WriteFailure::Disk(what) => LogError::Poisoned(what),
        }
    }
}

impl Store {
    pub(super) fn open(path: &Path, options: &EmbeddedLogOptions) -> Result<Self, LogError> {
        let full = |e: FolderError| match e {
            FolderError::Full => LogError::DiskFull { path: path.display().to_string() },
            FolderError::Other(what) => LogError::Storage(what),
        };
        let folder = Folder::open(path, KIND, VERSION).map_err(full)?;
        let builder = |store: &Path| {
            Database::builder(store)
                .cache_size(options.store_cache_bytes)
                .journal_compression(CompressionType::None)
                .manual_journal_persist(true)
                .max_journaling_size(64 << 20)
                .max_cached_files(Some(128))
                .worker_threads(1)
        };
        let blocks = || block_options(options.memtable_bytes);
        let keyspaces = |db: &Database| {
            Ok((db.keyspace("historia", blocks)?, db.keyspace("paso", blocks)?, db.keyspace("control", control_options)?))
        };
        let (database, (history, passing, control)) = folder::open_database(path, builder, keyspaces).map_err(full)?;
        let mark = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path.join(MARK))
            .map_err(|e| LogError::Storage(format!("no se puede abrir {}: {e}", path.join(MARK).display())))?;
        Ok(Self { database, history, passing, control, mark, hooks: options.hooks.clone(), counters: Counters::default(), folder })
    }

    /// Reads what the log keeps in memory and checks that nothing durable is missing.
    pub(super) fn load(&self, partitions: &[TopicPartition]) -> Result<Found, LogError> {
        let mut found = Found::default();
        let mut total = 0;
        if let Some(state) = self.control_get(STATE)? {
            found.number = state.u64_at(0)?;
            total = state.u64_at(8)?;
        }
        let mut firsts = HashMap::new();
        for item in self.control.iter() {
            let (key, value) = item.into_inner().map_err(|e| self.storage(&e))?;
            let value = Checked::open(&key, Bytes::from_owner(value))?;
            match key.split_first() {
                Some((b'g', name)) => {
                    found.groups.insert(text(name)?, value.positions()?);
                }
                Some((b'd', name)) => {
                    found.owners.insert(text(name)?, value.u64_at(0)?);
                }
                Some((b'p', place)) if place.len() == 4 => {
                    firsts.insert(place.to_vec(), value.u64_at(0)?);
                }
                _ => {}
            }
        }
        for &partition in partitions {
            let end = self.last_block(partition)?.map_or(0, |b| b.end());
            let first = firsts.get(&place(partition)[..]).copied().unwrap_or(0);
            found.bounds.push((first, end));
        }
        self.check_complete(&found, total)?;
        Ok(found)
    }

    fn check_complete(&self, found: &Found, total: u64) -> Result<(), LogError> {
        let lost = |what: String| {
            LogError::Storage(format!(
                "al registro {} le faltan transacciones que ya estaban confirmadas ({what}): sus archivos se dañaron o se recortaron; \
             restaure una copia de la carpeta",
                self.folder.path().display()
            ))
        };
        let sum: u64 = found.bounds.iter().map(|(_, end)| end).sum();
        if sum != total {
            return Err(lost(format!("hay {sum} registros y debía haber {total}")));
        }
        let mark = self.read_mark();
        if mark > found.number {
            return Err(lost(format!("llega al lote {} y el último confirmado es el {mark}", found.number)));
        }
        Ok(())
    }

    /// Writes and fsyncs a batch: all of it or, at the next open, none.
    pub(super) fn write(&self, batch: Batch) -> Result<(), WriteFailure> {
        let number = batch.number;
        let size = self.write_batch(batch).map_err(|e| self.failure(e))?;
        let sync = || {
            if let Some(hook) = &self.hooks.on_sync {
                hook()?;
            }
            self.database.persist(PersistMode::SyncData)
        };
        sync().map_err(|e| self.failure(e))?;
        self.counters.fsyncs.fetch_add(1, Relaxed);
        self.counters.batches.fetch_add(1, Relaxed);
        self.counters.bytes.fetch_add(size as u64, Relaxed);
        self.write_mark(number).map_err(|e| self.failure(e.into()))
    }

    fn write_batch(&self, batch: Batch) -> Result<usize, fjall::Error> {
        let size = batch.blocks.iter().map(|(_, _, bytes)| bytes.len() + 12).sum();
        if let Some(hook) = &self.hooks.on_write {
            hook(size)?;
        }
        self.counters.blocks.fetch_add(batch.blocks.len() as u64, Relaxed);
        let mut out = self.database.batch();
        for (partition, first, bytes) in batch.blocks {
            out.insert(self.blocks(partition.topic), block_key(partition, first), bytes);
        }
        for (name, positions) in &batch.groups {
            put_control(&mut out, &self.control, control_key(b'g', name), encode_positions(positions));
        }
        for (name, epoch) in &batch.owners {
            put_control(&mut out, &self.control, control_key(b'd', name), epoch.to_le_bytes().to_vec());
        }
        for (partition, blocks, first) in &batch.removed {
            for block in blocks {
                out.remove(self.blocks(partition.topic), block_key(*partition, *block));
            }
            let key = [&b"p"[..], &place(*partition)].concat();
            put_control(&mut out, &self.control, key, first.to_le_bytes().to_vec());
        }
        let state = [batch.number.to_le_bytes(), batch.total.to_le_bytes()].concat();
        put_control(&mut out, &self.control, STATE.to_vec(), state);
        out.commit()?;
        Ok(size)
    }

    /// Blocks from the one that holds `from` on, ascending.
    pub(super) fn blocks_from(
        &self,
        partition: TopicPartition,
        from: Position,
    ) -> Result<impl Iterator<Item = Result<Block, LogError>>, LogError> {
        let start = self.first_key_at(partition, from)?;
        let range = self.blocks(partition.topic).range(block_key(partition, start)..=block_key(partition, u64::MAX));
        Ok(range.map(move |item| self.open_block(partition, item)))
    }

    /// First position of the block that holds `from`, or `from` when none starts before it.
    fn first_key_at(&self, partition: TopicPartition, from: Position) -> Result<Position, LogError> {
        let range = self.blocks(partition.topic).range(block_key(partition, 0)..=block_key(partition, from));
        match range.into_iter().next_back() {
            None => Ok(from),
            Some(item) => key_position(&item.key().map_err(|e| self.storage(&e))?, partition),
        }
    }

    fn last_block(&self, partition: TopicPartition) -> Result<Option<Block>, LogError> {
        let range = self.blocks(partition.topic).range(block_key(partition, 0)..=block_key(partition, u64::MAX));
        range.into_iter().next_back().map(|item| self.open_block(partition, item)).transpose()
    }

    fn open_block(&self, partition: TopicPartition, item: fjall::Guard) -> Result<Block, LogError> {
        let (key, value) = item.into_inner().map_err(|e| self.storage(&e))?;
        Block::open(partition, key_position(&key, partition)?, Bytes::from_owner(value))
    }

    fn blocks(&self, topic: Topic) -> &Keyspace {
        match topic {
            Topic::Comandos(_) | Topic::Respuestas => &self.passing,
            _ => &self.history,
        }
    }

    fn control_get(&self, key: &[u8]) -> Result<Option<Checked>, LogError> {
        let value = self.control.get(key).map_err(|e| self.storage(&e))?;
        value.map(|v| Checked::open(key, Bytes::from_owner(v))).transpose()
    }

    pub(super) fn stats(&self) -> StoreStats {
        StoreStats {
            batches: self.counters.batches.load(Relaxed),
            fsyncs: self.counters.fsyncs.load(Relaxed),
            blocks: self.counters.blocks.load(Relaxed),
            bytes: self.counters.bytes.load(Relaxed),
        }
    }

    /// The newest batch known to be durable. A mark that cannot be read says nothing.
    fn read_mark(&self) -> u64 {
        let mut bytes = [0; 12];
        if self.mark.read_exact_at(&mut bytes, 0).is_err() {
            return 0;
        }
        let (number, crc) = bytes.split_at(8);
        if crc32fast::hash(number).to_le_bytes() != crc {
            return 0;
        }
        u64::from_le_bytes(number.try_into().unwrap_or_default())
    }

    fn write_mark(&self, number: u64) -> io::Result<()> {
        let number = number.to_le_bytes();
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&number);
        bytes[8..].copy_from_slice(&crc32fast::hash(&number).to_le_bytes());
        self.mark.write_all_at(&bytes, 0)
    }

    fn failure(&self, e: fjall::Error) -> WriteFailure {
        if folder::is_full(&e) {
            return WriteFailure::Full(self.folder.path().to_owned());
        }
        WriteFailure::Disk(format!("no se pudo escribir en {} ({e})", self.folder.path().display()))
    }

    fn storage(&self, e: &fjall::Error) -> LogError {
        LogError::Storage(format!(
            "no se puede leer el registro {} ({e}): restaure una copia de la carpeta",
            self.folder.path().display()
        ))
    }
}

/// Monotonic keys, values written once: the values go to blob files at flush and compaction moves only keys.
fn block_options(memtable_bytes: u64) -> KeyspaceCreateOptions {
    let blobs =
        KvSeparationOptions::default().separation_threshold(256).compression(CompressionType::None).file_target_size(64 << 20);
    KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .max_memtable_size(memtable_bytes)
        .data_block_size_policy(BlockSizePolicy::all(4 << 10))
        .data_block_compression_policy(CompressionPolicy::disabled())
        .filter_policy(FilterPolicy::disabled())
        .with_kv_separation(Some(blobs))
}

fn control_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .max_memtable_size(4 << 20)
        .data_block_compression_policy(CompressionPolicy::disabled())
        .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0))))
}

fn place(partition: TopicPartition) -> [u8; 4] {
    let mut out = [0; 4];
    out[..2].copy_from_slice(&partition.topic.codigo().to_be_bytes());
    out[2..].copy_from_slice(&partition.partition.to_be_bytes());
    out
}

fn block_key(partition: TopicPartition, first: Position) -> [u8; 12] {
    let mut out = [0; 12];
    out[..4].copy_from_slice(&place(partition));
    out[4..].copy_from_slice(&first.to_be_bytes());
    out
}

fn key_position(key: &[u8], partition: TopicPartition) -> Result<Position, LogError> {
    match key.get(4..12).and_then(|p| p.try_into().ok()) {
        Some(bytes) => Ok(u64::from_be_bytes(bytes)),
        None => Err(LogError::Corrupt { partition, position: 0, what: "una clave no se puede leer".to_owned() }),
    }
}

fn control_key(kind: u8, name: &str) -> Vec<u8> {
    [&[kind], name.as_bytes()].concat()
}

fn put_control(out: &mut fjall::OwnedWriteBatch, control: &Keyspace, key: Vec<u8>, mut value: Vec<u8>) {
    let crc = control_crc(&key, &value);
    value.extend_from_slice(&crc.to_le_bytes());
    out.insert(control, key, value);
}

fn control_crc(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

pub(super) fn encode_positions(positions: &Positions) -> Vec<u8> {
    let mut out = Vec::with_capacity(positions.len() * 12);
    for (partition, position) in positions {
        out.extend_from_slice(&place(*partition));
        out.extend_from_slice(&position.to_le_bytes());
    }
    out
}

/// A control value with its checksum behind it.
pub(super) fn sealed_control(key: &[u8], value: &[u8]) -> Bytes {
    [value, &control_crc(key, value).to_le_bytes()].concat().into()
}

/// Positions of a stored control value, when it is whole.
pub(super) fn control_positions(key: &[u8], bytes: Bytes) -> Option<Positions> {
    Checked::open(key, bytes).and_then(|value| value.positions()).ok()
}

/// Name of a group or owner as its key holds it, when it is text.
pub(super) fn control_text(bytes: &[u8]) -> Option<String> {
    text(bytes).ok()
}

fn text(bytes: &[u8]) -> Result<String, LogError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| control_damaged())
}

fn control_damaged() -> LogError {
    LogError::Storage("los datos de control del registro están dañados: restaure una copia de la carpeta".to_owned())
}

/// A control value whose checksum was right.
struct Checked(Bytes);

impl Checked {
    fn open(key: &[u8], bytes: Bytes) -> Result<Self, LogError> {
        let Some(length) = bytes.len().checked_sub(4) else { return Err(control_damaged()) };
        if control_crc(key, &bytes[..length]).to_le_bytes() != bytes[length..] {
            return Err(control_damaged());
        }
        Ok(Self(bytes.slice(..length)))
    }

    fn u64_at(&self, at: usize) -> Result<u64, LogError> {
        let bytes = self.0.get(at..at + 8).and_then(|b| b.try_into().ok()).ok_or_else(control_damaged)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn positions(&self) -> Result<Positions, LogError> {
        let entry = |entry: &[u8]| {
            let topic = Topic::de_codigo(u16::from_be_bytes([entry[0], entry[1]]))?;
            let partition = TopicPartition::new(topic, u16::from_be_bytes([entry[2], entry[3]]));
            Some((partition, u64::from_le_bytes(entry[4..12].try_into().ok()?)))
        };
        if !self.0.len().is_multiple_of(12) {
            return Err(control_damaged());
        }
        self.0.chunks_exact(12).map(|e| entry(e).ok_or_else(control_damaged)).collect()
    }
}
