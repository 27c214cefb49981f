//! Every adapter keeps every law of the port: the embedded log with its cache and without it, the simulated log without faults.

use std::sync::{Arc, Mutex};

use factumarket::log::{
    Log, conformance,
    embedded::{EmbeddedLog, EmbeddedLogOptions},
    simulated::{ClusterOptions, NoFaults, SimulatedLog},
};

fn run(options: &EmbeddedLogOptions) {
    let folders = Mutex::new(Vec::new());
    conformance::run_all(&|| -> Arc<dyn Log> {
        let folder = tempfile::tempdir().expect("carpeta");
        let log = EmbeddedLog::open(folder.path(), options.clone()).expect("abrir");
        folders.lock().expect("carpetas").push(folder);
        log
    });
}

#[test]
fn embedded() {
    run(&EmbeddedLogOptions::default());
}

#[test]
fn embedded_reading_from_the_store_only() {
    run(&EmbeddedLogOptions { cache_bytes: 0, ..EmbeddedLogOptions::default() });
}

#[test]
fn simulated_without_faults() {
    conformance::run_all(&|| -> Arc<dyn Log> { Arc::new(SimulatedLog::new(ClusterOptions::default(), Box::new(NoFaults))) });
}
