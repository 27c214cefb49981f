//! Port `Registry`: ids of schemas. Adapter `EmbeddedRegistry`: a file of the data folder.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

/// Version of the file's layout.
const FILE_VERSION: u32 = 1;

/// Longest file that is read: far above any honest one.
const MAX_FILE_BYTES: u64 = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("no se pudo usar el registro de esquemas {path}: {cause}")]
    Io { path: String, cause: String },
    #[error("el registro de esquemas {path} no se entiende: {what}")]
    Format { path: String, what: String },
    #[error("esquema inválido para {subject}: {what}")]
    Schema { subject: String, what: String },
}

/// Gives a schema its id, for ever. One schema has one id whatever its subjects.
pub trait Registry: Send + Sync + 'static {
    /// Registers the schema under the subject when it is new there.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses.
    fn id_for(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError>;
    /// Ids of many `(subject, schema)`, in order; an adapter may write once for all.
    ///
    /// # Errors
    /// As [`Registry::id_for`].
    fn ids_for(&self, schemas: &[(String, String)]) -> Result<Vec<u32>, RegistryError> {
        schemas.iter().map(|(subject, schema)| self.id_for(subject, schema)).collect()
    }
    /// # Errors
    /// When the registry cannot be reached.
    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError>;
}

/// Registry in one JSON file, for the embedded log: ids from 1, never reused; a subject keeps the list of its versions.
pub struct EmbeddedRegistry {
    /// `None`: in memory only.
    path: Option<PathBuf>,
    content: Mutex<Content>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    /// By id.
    esquemas: BTreeMap<u32, String>,
    /// Ids of the versions of each subject, oldest first.
    sujetos: BTreeMap<String, Vec<u32>>,
}

/// Just the version, read before anything else is understood.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Content {
    fn register(&mut self, subject: &str, schema: &str) -> u32 {
        let known = self.esquemas.iter().find(|(_, other)| *other == schema).map(|(id, _)| *id);
        let id = known.unwrap_or_else(|| self.esquemas.last_key_value().map_or(1, |(last, _)| last.saturating_add(1)));
        if known.is_none() {
            self.esquemas.insert(id, schema.to_owned());
        }
        let versions = self.sujetos.entry(subject.to_owned()).or_default();
        if !versions.contains(&id) {
            versions.push(id);
        }
        id
    }
}

impl EmbeddedRegistry {
    /// Opens the file, or starts an empty registry that writes it with its first schema.
    ///
    /// # Errors
    /// `Io`, and `Format` for a damaged file or another version's.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let content = match read(path)? {
            Some(bytes) => parse(path, &bytes)?,
            None => Content { version: FILE_VERSION, ..Content::default() },
        };
        Ok(Self { path: Some(path.to_owned()), content: Mutex::new(content) })
    }

    /// A registry that lives in memory, for tests and benches.
    pub fn in_memory() -> Self {
        Self { path: None, content: Mutex::new(Content { version: FILE_VERSION, ..Content::default() }) }
    }

    /// Ids are given away only once they are on disk.
    fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> Result<T, RegistryError> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = content.clone();
        let result = change(&mut next);
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

impl Registry for EmbeddedRegistry {
    fn id_for(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.change(|content| content.register(subject, schema_json))
    }

    fn ids_for(&self, schemas: &[(String, String)]) -> Result<Vec<u32>, RegistryError> {
        self.change(|content| schemas.iter().map(|(subject, schema)| content.register(subject, schema)).collect())
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(content.esquemas.get(&id).cloned())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn ids_are_for_ever() {
        let folder = folder();
        let path = folder.path().join("esquemas.json");
        let registry = EmbeddedRegistry::open(&path).unwrap();
        let first = registry.id_for("t-A", r#""int""#).unwrap();
        let second = registry.id_for("t-A", r#""long""#).unwrap();
        assert_ne!(first, second);
        assert_eq!(registry.id_for("u-A", r#""int""#).unwrap(), first, "one schema, one id");
        let again = EmbeddedRegistry::open(&path).unwrap();
        assert_eq!(again.id_for("t-A", r#""int""#).unwrap(), first);
        assert_eq!(again.schema(second).unwrap().as_deref(), Some(r#""long""#));
        assert_eq!(again.schema(99).unwrap(), None);
        let many = [("t-B".to_owned(), r#""bytes""#.to_owned()), ("t-A".to_owned(), r#""int""#.to_owned())];
        let ids = again.ids_for(&many).unwrap();
        assert!(ids[0] > second);
        assert_eq!(ids[1], first);
        assert_eq!(again.content.lock().unwrap().sujetos["t-A"], [first, second], "versions of a subject, oldest first");
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(files, ["esquemas.json"], "no temporary file is left");
    }

    #[test]
    fn a_codec_has_the_same_ids_after_a_restart() {
        let folder = folder();
        let path = folder.path().join("esquemas.json");
        crate::contracts::Codec::new(&EmbeddedRegistry::open(&path).unwrap()).unwrap();
        let before = fs::read(&path).unwrap();
        crate::contracts::Codec::new(&EmbeddedRegistry::open(&path).unwrap()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn another_version_and_damage_are_refused() {
        let folder = folder();
        let path = folder.path().join("esquemas.json");
        let refused = |content: &str| {
            fs::write(&path, content).unwrap();
            EmbeddedRegistry::open(&path).err().unwrap().to_string()
        };
        assert!(refused(r#"{"version":2,"novedad":[]}"#).contains("es de la versión 2 y este programa entiende la 1"));
        assert!(refused("").contains("no se entiende"));
        assert!(refused(r#"{"version":1,"esquemas":{"1":"\"int\""},"suj"#).contains("no se entiende"));
        assert!(refused(r#"{"version":1,"esquemas":{},"sujetos":{"a":[7]}}"#).contains("nombra el esquema 7"));
    }

    #[test]
    fn an_id_that_could_not_be_written_is_not_given() {
        let folder = folder();
        let path = folder.path().join("gone/esquemas.json");
        let registry = EmbeddedRegistry::open(&path).unwrap();
        assert!(matches!(registry.id_for("t-A", r#""int""#), Err(RegistryError::Io { .. })));
        assert_eq!(registry.schema(1).unwrap(), None);
    }
}
