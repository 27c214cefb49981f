//! Ids of a registry elsewhere, kept in a file: a node that has started once starts again without that registry.

use std::{path::Path, sync::Arc};

use super::{
    Registry, RegistryError,
    file::{Content, SchemaFile},
};

/// What a registry answered, for ever: an id never changes its schema. Only what is not known is asked.
pub struct CachedRegistry {
    file: SchemaFile,
    source: Arc<dyn Registry>,
}

fn known(content: &Content, subject: &str, schema: &str) -> Option<u32> {
    let versions = content.sujetos.get(subject)?;
    versions.iter().find(|id| content.esquemas.get(id).is_some_and(|text| text == schema)).copied()
}

fn learn(content: &mut Content, subject: &str, schema: &str, id: u32) -> Result<(), RegistryError> {
    if let Some(known) = known(content, subject, schema).filter(|known| *known != id) {
        return Err(RegistryError::OtherId { subject: subject.to_owned(), known, found: id });
    }
    let text = content.esquemas.entry(id).or_insert_with(|| schema.to_owned());
    if text != schema {
        let what = format!("el id {id} era de otro esquema; es otro registro: revise esquemas.url");
        return Err(RegistryError::Schema { subject: subject.to_owned(), what });
    }
    let versions = content.sujetos.entry(subject.to_owned()).or_default();
    if !versions.contains(&id) {
        versions.push(id);
    }
    Ok(())
}

/// What a [`CachedRegistry`] keeps, to look at.
pub struct KeptIds(SchemaFile);

impl KeptIds {
    /// `None` when there is no such file.
    ///
    /// # Errors
    /// `Io`, and `Format` for a damaged file or another version's.
    pub fn read(path: &Path) -> Result<Option<Self>, RegistryError> {
        if path.exists() { SchemaFile::open(path).map(Self).map(Some) } else { Ok(None) }
    }

    /// The id that is kept of a schema under a subject.
    pub fn kept(&self, subject: &str, schema: &str) -> Option<u32> {
        self.0.look(|content| known(content, subject, schema))
    }
}

impl CachedRegistry {
    /// The file may not exist yet; `source` is asked for what it lacks.
    ///
    /// # Errors
    /// `Io`, and `Format` for a damaged file or another version's.
    pub fn open(path: &Path, source: Arc<dyn Registry>) -> Result<Self, RegistryError> {
        Ok(Self { file: SchemaFile::open(path)?, source })
    }

    /// Asks the registry for everything that is kept: how many schemas it has under the ids known here.
    ///
    /// # Errors
    /// `Unreachable`; `OtherId` and `Unregistered` when what is written would not be read with it.
    pub fn check(&self) -> Result<usize, RegistryError> {
        let pairs: Vec<(String, u32, String)> = self.file.look(|content| {
            let of = |(subject, ids): (&String, &Vec<u32>)| {
                let texts = ids.iter().filter_map(|id| content.esquemas.get(id).map(|text| (subject.clone(), *id, text.clone())));
                texts.collect::<Vec<_>>()
            };
            content.sujetos.iter().flat_map(of).collect()
        });
        for (subject, known, schema) in &pairs {
            let found = self.source.id_for(subject, schema)?;
            if found != *known {
                return Err(RegistryError::OtherId { subject: subject.clone(), known: *known, found });
            }
        }
        Ok(pairs.len())
    }
}

impl Registry for CachedRegistry {
    fn id_for(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        if let Some(id) = self.file.look(|content| known(content, subject, schema_json)) {
            return Ok(id);
        }
        let id = self.source.id_for(subject, schema_json)?;
        self.file.change(|content| learn(content, subject, schema_json, id)).map(|()| id)
    }

    /// Written once for all. When something has to be asked, everything is: a registry that took another's place does not go unnoticed.
    fn ids_for(&self, schemas: &[(String, String)]) -> Result<Vec<u32>, RegistryError> {
        let all = |content: &Content| schemas.iter().map(|(subject, schema)| known(content, subject, schema)).collect();
        if let Some(ids) = self.file.look(all) {
            return Ok(ids);
        }
        let ids = self.source.ids_for(schemas)?;
        self.file.change(|content| {
            schemas.iter().zip(&ids).try_for_each(|((subject, schema), id)| learn(content, subject, schema, *id))
        })?;
        Ok(ids)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        match self.file.look(|content| content.esquemas.get(&id).cloned()) {
            Some(text) => Ok(Some(text)),
            None => self.source.schema(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    /// A registry that can go down, and gives ids from `first` on.
    struct Remote {
        inner: super::super::EmbeddedRegistry,
        first: u32,
        down: AtomicBool,
        asked: AtomicU32,
    }

    impl Remote {
        fn new(first: u32) -> Arc<Self> {
            let inner = super::super::EmbeddedRegistry::in_memory();
            Arc::new(Self { inner, first, down: AtomicBool::new(false), asked: AtomicU32::new(0) })
        }
    }

    impl Registry for Remote {
        fn id_for(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.down.load(Ordering::Relaxed) {
                return Err(RegistryError::Unreachable { url: "http://r".to_owned(), cause: "caído".to_owned() });
            }
            self.inner.id_for(subject, schema_json).map(|id| id + self.first)
        }

        fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
            self.inner.schema(id - self.first)
        }
    }

    fn pairs(names: &[&str]) -> Vec<(String, String)> {
        names.iter().map(|name| (format!("t-{name}"), format!("\"{name}\""))).collect()
    }

    #[test]
    fn a_registry_that_is_down_is_not_needed_once_everything_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("esquemas-registro.json");
        let remote = Remote::new(100);
        let wanted = pairs(&["int", "long"]);
        let cold = CachedRegistry::open(&path, remote.clone()).unwrap();
        let ids = cold.ids_for(&wanted).unwrap();
        assert_eq!(ids, [101, 102], "the registry's ids");
        remote.down.store(true, Ordering::Relaxed);
        let warm = CachedRegistry::open(&path, remote.clone()).unwrap();
        let asked = remote.asked.load(Ordering::Relaxed);
        assert_eq!(KeptIds::read(&path).unwrap().unwrap().kept("t-long", "\"long\""), Some(102));
        assert_eq!(warm.ids_for(&wanted).unwrap(), ids);
        assert_eq!(warm.schema(102).unwrap().as_deref(), Some("\"long\""));
        assert_eq!(remote.asked.load(Ordering::Relaxed), asked, "nobody was asked");
        assert!(warm.ids_for(&pairs(&["int", "bytes"])).unwrap_err().is_unreachable(), "a new schema needs it");
        assert!(warm.check().unwrap_err().is_unreachable());
        remote.down.store(false, Ordering::Relaxed);
        assert_eq!(warm.check().unwrap(), 2);
        assert_eq!(warm.ids_for(&pairs(&["int", "bytes"])).unwrap(), [101, 103]);
    }

    #[test]
    fn another_registry_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("esquemas-registro.json");
        CachedRegistry::open(&path, Remote::new(100)).unwrap().ids_for(&pairs(&["int", "long"])).unwrap();
        let other = CachedRegistry::open(&path, Remote::new(200)).unwrap();
        let text = other.check().unwrap_err().to_string();
        assert!(text.contains("da a t-int el id 201 y lo escrito lleva el 101") && text.contains("esquemas.url"), "{text}");
        assert!(matches!(other.ids_for(&pairs(&["int", "bytes"])), Err(RegistryError::OtherId { .. })));
        assert_eq!(other.ids_for(&pairs(&["int", "long"])).unwrap(), [101, 102], "what is kept did not change");
        let taken = CachedRegistry::open(&path, Remote::new(99)).unwrap();
        let text = taken.id_for("t-bytes", "\"bytes\"").and_then(|_| taken.id_for("t-float", "\"float\"")).unwrap_err().to_string();
        assert!(text.contains("era de otro esquema"), "{text}");
    }
}
