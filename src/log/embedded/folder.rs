//! A store's folder: who may open it and which version wrote it. Shared by the log, the tables and the local stores.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{creation, journal};

const LOCK: &str = "bloqueo";
const FORMAT: &str = "formato";
const STORE: &str = "almacen";
const STORE_PARTIAL: &str = "almacen.nuevo";

/// An exclusive hold on a folder; given back when dropped or when the process dies.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Why a folder cannot be used; the text is for the user.
#[derive(Debug)]
pub(crate) enum FolderError {
    Full,
    Other(String),
}

impl Folder {
    /// Creates the folder if needed, locks it and checks that `kind` at `version` wrote it.
    pub(crate) fn open(path: &Path, kind: &str, version: u32) -> Result<Self, FolderError> {
        fs::create_dir_all(path).map_err(|e| failed(path, &e))?;
        let folder = Self::lock(path)?;
        check_format(path, kind, version)?;
        Ok(folder)
    }

    /// Locks an existing folder that holds a store of this kind, whatever its version.
    pub(crate) fn hold(path: &Path, kind: &str) -> Result<Self, FolderError> {
        let format = fs::read_to_string(path.join(FORMAT)).unwrap_or_default();
        if !format.starts_with(&format!("factumarket {kind} ")) {
            return Err(FolderError::Other(format!("la carpeta {} no es un almacén de este tipo y no se toca", path.display())));
        }
        Self::lock(path)
    }

    fn lock(path: &Path) -> Result<Self, FolderError> {
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(|e| failed(path, &e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::Other(format!(
                    "otro proceso está usando la carpeta {}: deténgalo, o elija otra carpeta de datos",
                    path.display()
                )));
            }
            Err(TryLockError::Error(e)) => return Err(failed(path, &e)),
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn check_format(path: &Path, kind: &str, version: u32) -> Result<(), FolderError> {
    let file = path.join(FORMAT);
    let expected = format!("factumarket {kind} {version}\n");
    match fs::read(&file) {
        Ok(found) if found == expected.as_bytes() => Ok(()),
        Ok(found) if found.is_empty() => write_format(path, &file, &expected),
        Ok(found) => Err(FolderError::Other(format!(
            "la carpeta {} la escribió otra versión o no es un almacén de este tipo: su archivo «{FORMAT}» dice «{}» y se esperaba «{}»; \
             use la versión que la creó u otra carpeta de datos",
            path.display(),
            String::from_utf8_lossy(&found[..found.len().min(60)]).trim(),
            expected.trim()
        ))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let foreign = fs::read_dir(path).map_err(|e| failed(path, &e))?.flatten().find(|f| f.file_name() != LOCK);
            match foreign {
                Some(entry) => Err(FolderError::Other(format!(
                    "la carpeta {} tiene archivos ({}) pero no el archivo «{FORMAT}»: no es una carpeta de datos, o perdió ese archivo; \
                     elija otra carpeta o restaure una copia",
                    path.display(),
                    entry.file_name().to_string_lossy()
                ))),
                None => write_format(path, &file, &expected),
            }
        }
        Err(e) => Err(failed(path, &e)),
    }
}

fn write_format(path: &Path, file: &Path, expected: &str) -> Result<(), FolderError> {
    let write = || {
        fs::write(file, expected)?;
        File::open(file)?.sync_all()?;
        File::open(path)?.sync_all()
    };
    write().map_err(|e| failed(path, &e))
}

fn failed(path: &Path, e: &io::Error) -> FolderError {
    if e.kind() == io::ErrorKind::StorageFull {
        return FolderError::Full;
    }
    FolderError::Other(format!(
        "no se puede usar la carpeta {}: {e}; revise que exista y que este usuario pueda escribir en ella",
        path.display()
    ))
}

/// True when a store error means that the disk has no room left.
pub(crate) fn is_full(error: &fjall::Error) -> bool {
    fn full(e: &io::Error) -> bool {
        matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
    match error {
        fjall::Error::Io(e) => full(e),
        fjall::Error::Storage(fjall::LsmError::Io(e)) => full(e),
        _ => false,
    }
}

/// Opens the store below the folder, with `prepare` to create what it holds; a panic of the store on damaged files is an error like any
/// other. A new store is made under another name and renamed when complete, so a creation that was interrupted starts again.
pub(crate) fn open_database<T>(
    path: &Path,
    builder: impl Fn(&Path) -> fjall::DatabaseBuilder<fjall::Database>,
    prepare: impl Fn(&fjall::Database) -> fjall::Result<T>,
) -> Result<(fjall::Database, T), FolderError> {
    let open = |path: &Path| {
        let database = builder(path).open()?;
        let prepared = prepare(&database)?;
        Ok((database, prepared))
    };
    let store = path.join(STORE);
    if !store.exists() {
        let partial = path.join(STORE_PARTIAL);
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(|e| failed(path, &e))?;
        }
        create(path, &partial, &open)?;
        let publish = || {
            fs::rename(&partial, &store)?;
            File::open(path)?.sync_all()
        };
        publish().map_err(|e| failed(path, &e))?;
    }
    check_manifests(path, &store)?;
    if let Some(place) = journal::damage(&store).map_err(|e| failed(path, &e))? {
        return Err(damaged(path, &format!("el diario está dañado en {place}")));
    }
    guarded(path, || open(&store))
}

/// Makes a new store at `partial`: in memory first, where none of its fsyncs waits for a disk.
fn create<T>(path: &Path, partial: &Path, open: impl Fn(&Path) -> fjall::Result<T>) -> Result<(), FolderError> {
    if let Some(scratch) = creation::Scratch::new()
        && let Ok(made) = guarded(path, || open(&scratch.store()))
    {
        drop(made);
        return creation::copy_durably(&scratch.store(), partial).map_err(|e| failed(path, &e));
    }
    guarded(path, || open(partial)).map(drop)
}

/// Checks the manifest of every keyspace against the checksum the store writes in `current` and, at version 3.1, does not check itself:
/// a damaged one would end the process instead of being refused. `current`: manifest number u64 · xxh3-128 of file `v<number>` · type u8.
fn check_manifests(path: &Path, store: &Path) -> Result<(), FolderError> {
    let keyspaces = fs::read_dir(store.join("keyspaces")).map_err(|e| failed(path, &e))?;
    for keyspace in keyspaces {
        let keyspace = keyspace.map_err(|e| failed(path, &e))?.path();
        if !keyspace.file_name().is_some_and(|n| n.to_string_lossy().parse::<u64>().is_ok()) {
            return Err(damaged(path, &format!("sobra {}", keyspace.display())));
        }
        let current = match fs::read(keyspace.join("current")) {
            // A keyspace whose creation was interrupted has no tables yet; the store removes it.
            Err(e) if e.kind() == io::ErrorKind::NotFound && is_empty(&keyspace.join("tables")) => continue,
            read => read.map_err(|e| failed(path, &e))?,
        };
        if !manifest_matches(&keyspace, &current) {
            return Err(damaged(path, &format!("el índice de {} no coincide con su suma de control", keyspace.display())));
        }
    }
    Ok(())
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none()) || !folder.exists()
}

fn manifest_matches(keyspace: &Path, current: &[u8]) -> bool {
    let (Some(number), Some(sum)) = (current.first_chunk::<8>(), current.get(8..24)) else { return false };
    let manifest = fs::read(keyspace.join(format!("v{}", u64::from_le_bytes(*number))));
    manifest.is_ok_and(|bytes| xxhash_rust::xxh3::xxh3_128(&bytes).to_le_bytes() == sum)
}

fn guarded<T>(path: &Path, open: impl FnOnce() -> fjall::Result<T>) -> Result<T, FolderError> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(open)) {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(e)) if is_full(&e) => Err(FolderError::Full),
        Ok(Err(e)) => Err(damaged(path, &e.to_string())),
        Err(_) => Err(damaged(path, "el almacén no reconoce sus archivos")),
    }
}

fn damaged(path: &Path, what: &str) -> FolderError {
    FolderError::Other(format!(
        "el almacén {} está dañado y no se abre ({what}); no se ha cambiado nada: restaure una copia de la carpeta",
        path.display()
    ))
}
