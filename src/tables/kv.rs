//! A local key-value store: the engine's evicted state, rebuilt from the log when it is lost.
//!
//! Made for many keys that are written once and asked for when they are not there: bloom filters on every level answer most of those
//! without reading. Writes are atomic and durable only after [`KvStore::flush`]; after a crash a suffix of the batches may be gone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use fjall::{
    CompressionType, Database, Guard, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode,
    config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, PinningPolicy},
};

use crate::log::embedded::folder::{self, Folder, FolderError};

const KIND: &str = "estado";
const VERSION: u32 = 1;
const MAX_KEY: usize = 4096;
const MAX_VALUE: usize = 256 << 20;

/// Why the store could not answer. The texts are for the user.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// A value whose checksum is wrong: drop the store and rebuild it from the log.
    #[error("un valor del almacén local {path} está dañado; borre esa carpeta y se reconstruirá desde el registro")]
    Corrupt { path: String },
    #[error("sin espacio en disco en {path}: libere espacio y vuelva a iniciar; lo confirmado está a salvo en el registro")]
    DiskFull { path: String },
    /// Key or value beyond the limits: key 1 to 4,096 bytes, value up to 256 MiB.
    #[error("la clave o el valor no caben en el almacén local: {0}")]
    TooLarge(String),
    #[error("{0}")]
    Storage(String),
}

/// A store of one folder, held exclusively.
pub struct KvStore {
    database: Database,
    values: Keyspace,
    folder: Folder,
}

impl KvStore {
    /// Opens or creates the store of a folder, with at most `cache_bytes` of blocks in memory.
    ///
    /// # Errors
    /// `Storage` when the folder is in use, of another version or damaged; `DiskFull`.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<Self, KvError> {
        let failed = |e| match e {
            FolderError::Full => KvError::DiskFull { path: dir.display().to_string() },
            FolderError::Other(what) => KvError::Storage(what),
        };
        let folder = Folder::open(dir, KIND, VERSION).map_err(failed)?;
        let builder = |store: &Path| {
            Database::builder(store)
                .cache_size(cache_bytes)
                .journal_compression(CompressionType::None)
                .manual_journal_persist(true)
                .max_journaling_size(64 << 20)
                .max_cached_files(Some(256))
                .worker_threads(1)
        };
        let opened = folder::open_database(dir, builder, |db| db.keyspace("valores", options));
        let (database, values) = opened.map_err(failed)?;
        Ok(Self { database, values, folder })
    }

    /// Value of a key, its checksum verified.
    ///
    /// # Errors
    /// `Corrupt`, `Storage`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, KvError> {
        match self.values.get(key).map_err(|e| self.failed(&e))? {
            None => Ok(None),
            Some(value) => self.checked(key, Bytes::from_owner(value)).map(Some),
        }
    }

    /// Writes (`Some`) and removes (`None`) keys, all or nothing; visible at once, durable with the next [`KvStore::flush`].
    ///
    /// # Errors
    /// `TooLarge` before anything is written; `DiskFull`, `Storage`: the store takes no more writes.
    pub fn write(&self, batch: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Result<(), KvError> {
        for (key, value) in &batch {
            check(key, value.as_deref())?;
        }
        let mut out = fjall::OwnedWriteBatch::with_capacity(self.database.clone(), batch.len());
        for (key, value) in batch {
            match value {
                None => out.remove(&self.values, key),
                Some(mut value) => {
                    let crc = checksum(&key, &value);
                    value.extend_from_slice(&crc.to_le_bytes());
                    out.insert(&self.values, key, value);
                }
            }
        }
        out.commit().map_err(|e| self.failed(&e))
    }

    /// Keys that start with `prefix`, ascending, with their values. The iterator sees the store as it is now.
    pub fn scan_prefix(&self, prefix: &[u8]) -> impl Iterator<Item = Result<(Bytes, Bytes), KvError>> {
        self.values.prefix(prefix).map(|item| self.pair(item))
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// `DiskFull`, `Storage`.
    pub fn flush(&self) -> Result<(), KvError> {
        self.database.persist(PersistMode::SyncData).map_err(|e| self.failed(&e))
    }

    /// Bytes on disk, journals included.
    ///
    /// # Errors
    /// `Storage`.
    pub fn disk_space(&self) -> Result<u64, KvError> {
        self.database.disk_space().map_err(|e| self.failed(&e))
    }

    /// Removes the whole store of a folder that nobody has open; a folder that is not there is fine.
    ///
    /// # Errors
    /// `Storage` when the folder is in use, is no such store, or cannot be removed.
    pub fn destroy(dir: &Path) -> Result<(), KvError> {
        if !dir.exists() {
            return Ok(());
        }
        let folder = Folder::hold(dir, KIND).map_err(|e| match e {
            FolderError::Full => KvError::DiskFull { path: dir.display().to_string() },
            FolderError::Other(what) => KvError::Storage(what),
        })?;
        let removed = fs::remove_dir_all(dir);
        drop(folder);
        match removed {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(KvError::Storage(format!("no se puede borrar la carpeta {}: {e}", dir.display())))
            }
            _ => Ok(()),
        }
    }

    fn pair(&self, item: Guard) -> Result<(Bytes, Bytes), KvError> {
        let (key, value) = item.into_inner().map_err(|e| self.failed(&e))?;
        let value = self.checked(&key, Bytes::from_owner(value))?;
        Ok((Bytes::from_owner(key), value))
    }

    fn checked(&self, key: &[u8], value: Bytes) -> Result<Bytes, KvError> {
        let corrupt = || KvError::Corrupt { path: self.path().display().to_string() };
        let length = value.len().checked_sub(4).ok_or_else(corrupt)?;
        if checksum(key, &value[..length]).to_le_bytes() != value[length..] {
            return Err(corrupt());
        }
        Ok(value.slice(..length))
    }

    fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn failed(&self, e: &fjall::Error) -> KvError {
        let path = self.path().display().to_string();
        if folder::is_full(e) {
            return KvError::DiskFull { path };
        }
        KvError::Storage(format!(
            "el almacén local {path} falló ({e}); reinicie, y si vuelve a fallar borre esa carpeta: se reconstruye"
        ))
    }
}

fn check(key: &[u8], value: Option<&[u8]>) -> Result<(), KvError> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(KvError::TooLarge(format!("clave de {} bytes (de 1 a {MAX_KEY})", key.len())));
    }
    match value {
        Some(value) if value.len() > MAX_VALUE => {
            Err(KvError::TooLarge(format!("valor de {} bytes (máximo {MAX_VALUE})", value.len())))
        }
        _ => Ok(()),
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

/// Values apart from keys, so compaction moves little; filters on all levels and in memory, so a missing key costs no read.
fn options() -> KeyspaceCreateOptions {
    let blobs = KvSeparationOptions::default().separation_threshold(512).compression(CompressionType::None);
    KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .max_memtable_size(32 << 20)
        .data_block_compression_policy(CompressionPolicy::disabled())
        .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(12.0))))
        .filter_block_pinning_policy(PinningPolicy::all(true))
        .index_block_pinning_policy(PinningPolicy::all(true))
        .expect_point_read_hits(false)
        .with_kv_separation(Some(blobs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &KvStore, key: &str, value: &str) {
        store.write(vec![(key.into(), Some(value.into()))]).unwrap();
    }

    #[test]
    fn what_is_written_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let store = KvStore::open(folder.path(), 1 << 20).unwrap();
        put(&store, "a", "1");
        put(&store, "b", "2");
        store.write(vec![("a".into(), None), ("c".into(), Some("x".repeat(5000).into()))]).unwrap();
        store.flush().unwrap();
        drop(store);
        let store = KvStore::open(folder.path(), 1 << 20).unwrap();
        assert_eq!(store.get(b"a").unwrap(), None);
        assert_eq!(store.get(b"b").unwrap(), Some("2".into()));
        assert_eq!(store.get(b"c").unwrap(), Some("x".repeat(5000).into()));
    }

    #[test]
    fn prefixes_are_scanned_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = KvStore::open(folder.path(), 1 << 20).unwrap();
        for key in ["b2", "a1", "b1", "c1"] {
            put(&store, key, key);
        }
        let found: Vec<_> = store.scan_prefix(b"b").map(|pair| pair.unwrap().0).collect();
        assert_eq!(found, ["b1", "b2"].map(Bytes::from));
    }

    #[test]
    fn a_folder_in_use_is_refused_and_a_free_one_is_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("estado");
        let store = KvStore::open(&dir, 1 << 20).unwrap();
        let text = KvStore::open(&dir, 1 << 20).err().unwrap().to_string();
        assert!(text.contains("otro proceso") && text.contains("estado"), "{text}");
        assert!(KvStore::destroy(&dir).is_err());
        put(&store, "a", "1");
        drop(store);
        KvStore::destroy(&dir).unwrap();
        assert!(!dir.exists());
        assert_eq!(KvStore::open(&dir, 1 << 20).unwrap().get(b"a").unwrap(), None);
    }

    #[test]
    fn a_folder_that_is_no_store_is_not_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tesis.txt"), "años de trabajo").unwrap();
        assert!(KvStore::destroy(folder.path()).is_err());
        assert!(folder.path().join("tesis.txt").exists());
    }

    #[test]
    fn keys_and_values_have_limits() {
        let folder = tempfile::tempdir().unwrap();
        let store = KvStore::open(folder.path(), 1 << 20).unwrap();
        for key in [vec![], vec![0; MAX_KEY + 1]] {
            let batch = vec![(b"buena".to_vec(), Some(vec![1])), (key, Some(vec![1]))];
            assert!(matches!(store.write(batch), Err(KvError::TooLarge(_))));
        }
        assert_eq!(store.get(b"buena").unwrap(), None);
    }
}
