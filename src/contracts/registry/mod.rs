//! Port `Registry`: ids of schemas. Adapters: [`EmbeddedRegistry`], a file of the data folder; `ConfluentRegistry`, the registry of an
//! installation, behind the cargo feature `kafka`; and before the latter [`CachedRegistry`], so that a node does not need it to start.

mod cached;
#[cfg(feature = "kafka")]
mod confluent;
mod embedded;
mod file;

#[cfg(feature = "kafka")]
pub use self::confluent::{ConfluentOptions, ConfluentRegistry, LEVEL};
pub use self::{
    cached::{CachedRegistry, KeptIds},
    embedded::EmbeddedRegistry,
};

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("no se pudo usar el registro de esquemas {path}: {cause}")]
    Io { path: String, cause: String },
    #[error("el registro de esquemas {path} no se entiende: {what}")]
    Format { path: String, what: String },
    #[error("esquema inválido para {subject}: {what}")]
    Schema { subject: String, what: String },
    /// Nobody answered, or not as a registry does.
    #[error("el registro de esquemas {url} no responde: {cause}; revise esquemas.url y que el servicio esté en marcha")]
    Unreachable { url: String, cause: String },
    #[error("el registro de esquemas {url} no tiene el esquema de {subject}: regístrelo con «factumarket esquemas aplicar»")]
    Unregistered { url: String, subject: String },
    /// It answered that it will not.
    #[error("el registro de esquemas {url} rechazó {subject}: {cause}")]
    Refused { url: String, subject: String, cause: String },
    /// What was written with one id would be read as something else.
    #[error(
        "el registro de esquemas da a {subject} el id {found} y lo escrito lleva el {known}: es otro registro, o uno vacío; \
         revise esquemas.url o restaure el registro de una copia"
    )]
    OtherId { subject: String, known: u32, found: u32 },
}

impl RegistryError {
    /// Whether asking again later may help: the answer of the registry is not known.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
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
