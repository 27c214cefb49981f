//! Port `Registry`: ids of schemas. Adapter `EmbeddedRegistry`: a file of the data folder.

use std::path::Path;

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
    /// Registers when it is new.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses.
    fn id_for(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError>;
    /// # Errors
    /// When the registry cannot be reached.
    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError>;
}

/// Registry in one JSON file, for the embedded log.
pub struct EmbeddedRegistry {}

impl EmbeddedRegistry {
    /// Opens the file or starts an empty one.
    ///
    /// # Errors
    /// `Io`, and `Format` for a damaged file or another version's.
    pub fn open(_path: &Path) -> Result<Self, RegistryError> {
        unimplemented!()
    }

    /// A registry that lives in memory, for tests and benches.
    pub fn in_memory() -> Self {
        unimplemented!()
    }
}

impl Registry for EmbeddedRegistry {
    fn id_for(&self, _subject: &str, _schema_json: &str) -> Result<u32, RegistryError> {
        unimplemented!()
    }

    fn schema(&self, _id: u32) -> Result<Option<String>, RegistryError> {
        unimplemented!()
    }
}
