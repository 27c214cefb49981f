//! Every adapter keeps every law of the port.

use std::sync::{Arc, Mutex};

use factumarket::tables::{
    Tables, conformance,
    embedded::{EmbeddedTables, EmbeddedTablesOptions},
    memory::MemoryTables,
};

#[test]
fn memory() {
    conformance::run_all(&|| -> Arc<dyn Tables> { Arc::new(MemoryTables::default()) });
}

#[test]
fn embedded() {
    let folders = Mutex::new(Vec::new());
    conformance::run_all(&|| -> Arc<dyn Tables> {
        let folder = tempfile::tempdir().expect("carpeta");
        let tables = EmbeddedTables::open(folder.path(), EmbeddedTablesOptions::default()).expect("abrir");
        folders.lock().expect("carpetas").push(folder);
        tables
    });
}
