//! Registry in one JSON file, for the embedded log.

use std::path::Path;

use super::{
    Registry, RegistryError,
    file::{Content, SchemaFile},
};

/// Registry in one JSON file: ids from 1, never reused; a subject keeps the list of its versions.
pub struct EmbeddedRegistry(SchemaFile);

fn register(content: &mut Content, subject: &str, schema: &str) -> u32 {
    let known = content.esquemas.iter().find(|(_, other)| *other == schema).map(|(id, _)| *id);
    let id = known.unwrap_or_else(|| content.esquemas.last_key_value().map_or(1, |(last, _)| last.saturating_add(1)));
    if known.is_none() {
        content.esquemas.insert(id, schema.to_owned());
    }
    let versions = content.sujetos.entry(subject.to_owned()).or_default();
    if !versions.contains(&id) {
        versions.push(id);
    }
    id
}

impl EmbeddedRegistry {
    /// Opens the file, or starts an empty registry that writes it with its first schema.
    ///
    /// # Errors
    /// `Io`, and `Format` for a damaged file or another version's.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        SchemaFile::open(path).map(Self)
    }

    /// A registry that lives in memory, for tests and benches.
    pub fn in_memory() -> Self {
        Self(SchemaFile::in_memory())
    }
}

impl Registry for EmbeddedRegistry {
    fn id_for(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.0.change(|content| Ok(register(content, subject, schema_json)))
    }

    fn ids_for(&self, schemas: &[(String, String)]) -> Result<Vec<u32>, RegistryError> {
        self.0.change(|content| Ok(schemas.iter().map(|(subject, schema)| register(content, subject, schema)).collect()))
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        Ok(self.0.look(|content| content.esquemas.get(&id).cloned()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        assert_eq!(again.0.look(|content| content.sujetos["t-A"].clone()), [first, second], "versions of a subject, oldest first");
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
