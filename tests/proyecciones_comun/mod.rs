//! A small world for the tests of the read side: an in-memory `Tables`, a log fed with the events of a plausible business, and
//! the figures its stock should show, kept by a model of its own.

#![allow(dead_code)]

pub mod memoria;
pub mod mundo;

use std::sync::{Arc, OnceLock};

use factumarket::{
    contracts::{Codec, EmbeddedRegistry},
    log::{
        Log, LogError, Position, Record, StoredRecord, TopicPartition,
        embedded::{EmbeddedLog, EmbeddedLogOptions},
    },
    projections::Registros,
};

pub const PARTICIONES: u16 = 3;

/// One for all the tests of a program: its schemas take a moment to read.
pub fn codec() -> Arc<Codec> {
    static CODEC: OnceLock<Arc<Codec>> = OnceLock::new();
    Arc::clone(CODEC.get_or_init(|| Arc::new(Codec::new(&EmbeddedRegistry::in_memory()).expect("códec"))))
}

pub fn registro(dir: &std::path::Path) -> Arc<EmbeddedLog> {
    let options = EmbeddedLogOptions { partitions: PARTICIONES, ..EmbeddedLogOptions::default() };
    EmbeddedLog::open(dir, options).expect("registro")
}

pub fn escribir(log: &dyn Log, records: &[(TopicPartition, Record)]) {
    for parte in records.chunks(500) {
        log.append(parte.to_vec()).expect("append").wait().expect("durable");
    }
}

/// Records in memory, each at the place that the projections were told.
#[derive(Default)]
pub struct EnMemoria(pub Vec<(TopicPartition, StoredRecord)>);

impl Registros for EnMemoria {
    fn tramo(&self, partition: TopicPartition, from: Position, until: Position) -> Result<Vec<StoredRecord>, LogError> {
        let wanted = self.0.iter().filter(|(at, r)| *at == partition && (from..until).contains(&r.position));
        Ok(wanted.map(|(_, r)| r.clone()).collect())
    }
}
