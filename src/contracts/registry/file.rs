//! The file of schemas and subjects: one JSON document, replaced as a whole.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::RegistryError;

/// Version of the file's layout.
const FILE_VERSION: u32 = 1;

/// Longest file that is read: far above any honest one.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A file of schemas, or the same in memory only.
pub(super) struct SchemaFile {
    path: Option<PathBuf>,
    content: Mutex<Content>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    version: u32,
    /// By id.
    pub esquemas: BTreeMap<u32, String>,
    /// Ids of the versions of each subject, oldest first.
    pub sujetos: BTreeMap<String, Vec<u32>>,
}

/// Just the version, read before anything else is understood.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl SchemaFile {
    /// Opens the file, or starts an empty one that is written with its first schema.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let content = match read(path)? {
            Some(bytes) => parse(path, &bytes)?,
            None => empty(),
        };
        Ok(Self { path: Some(path.to_owned()), content: Mutex::new(content) })
    }

    pub fn in_memory() -> Self {
        Self { path: None, content: Mutex::new(empty()) }
    }

    pub fn look<T>(&self, look: impl FnOnce(&Content) -> T) -> T {
        look(&self.content.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What `change` leaves counts once it is on disk.
    pub fn change<T>(&self, change: impl FnOnce(&mut Content) -> Result<T, RegistryError>) -> Result<T, RegistryError> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = content.clone();
        let result = change(&mut next)?;
        if next == *content {
            return Ok(result);
        }
        if let Some(path) = &self.path {
            write(path, &next)?;
        }
        *content = next;
        Ok(result)
    }
}

fn empty() -> Content {
    Content { version: FILE_VERSION, ..Content::default() }
}

fn io_error(path: &Path, cause: impl std::fmt::Display) -> RegistryError {
    RegistryError::Io { path: path.display().to_string(), cause: cause.to_string() }
}

fn format_error(path: &Path, what: impl Into<String>) -> RegistryError {
    RegistryError::Format { path: path.display().to_string(), what: what.into() }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, RegistryError> {
    match fs::metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error(path, e)),
        Ok(data) if data.len() > MAX_FILE_BYTES => return Err(format_error(path, format!("ocupa {} bytes", data.len()))),
        Ok(_) => {}
    }
    fs::read(path).map(Some).map_err(|e| io_error(path, e))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Content, RegistryError> {
    let Version { version } = serde_json::from_slice(bytes)
        .map_err(|e| format_error(path, format!("{e}; recupérelo de una copia: sin él no se leen los eventos")))?;
    if version != FILE_VERSION {
        let what =
            format!("es de la versión {version} y este programa entiende la {FILE_VERSION}; use el programa que lo escribió");
        return Err(format_error(path, what));
    }
    let content: Content = serde_json::from_slice(bytes).map_err(|e| format_error(path, e.to_string()))?;
    match content.sujetos.values().flatten().find(|id| !content.esquemas.contains_key(id)) {
        Some(id) => Err(format_error(path, format!("nombra el esquema {id}, que no contiene"))),
        None => Ok(content),
    }
}

/// Replaces the file as a whole: a new one, synced, renamed over it, and the folder synced.
fn write(path: &Path, content: &Content) -> Result<(), RegistryError> {
    let json = serde_json::to_vec(content).map_err(|e| io_error(path, e))?;
    let temporary = path.with_extension("tmp");
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let replace = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(&json)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    replace().map_err(|e| io_error(path, e))
}
