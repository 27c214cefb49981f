//! What the tests of the embedded stores share.
#![allow(dead_code)]

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use factumarket::{
    domain::{Contexto, valores::Instante},
    log::{
        Header, Log, LogError, OwnerToken, Record, StoredRecord, Topic, TopicPartition, Transaction,
        embedded::{EmbeddedLog, EmbeddedLogOptions},
    },
};

pub const COMMANDS: Topic = Topic::Comandos(Contexto::TODOS[0]);
pub const EVENTS: Topic = Topic::Eventos(Contexto::TODOS[1]);
pub const GROUP: &str = "procesador";

pub fn at(topic: Topic, partition: u16) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

pub fn record(key: &str, value: &[u8]) -> Record {
    Record {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value),
        headers: vec![Header { name: "tipo", value: Bytes::from_static(b"prueba") }],
        timestamp: Instante(1_790_000_000_000_000),
    }
}

pub fn transaction(token: &OwnerToken, records: Vec<(TopicPartition, Record)>, next: u64) -> Transaction {
    Transaction { token: token.clone(), group: GROUP.to_owned(), records, positions: vec![(at(COMMANDS, 0), next)] }
}

/// Bytes that do not repeat, from a number.
pub fn noise(mut seed: u64, length: usize) -> Vec<u8> {
    seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 32) as u8
        })
        .collect()
}

pub fn open(path: &Path, options: EmbeddedLogOptions) -> Result<Arc<EmbeddedLog>, LogError> {
    EmbeddedLog::open(path, options)
}

pub fn read_all(log: &dyn Log, partition: TopicPartition) -> Result<Vec<StoredRecord>, LogError> {
    let mut all: Vec<StoredRecord> = Vec::new();
    loop {
        let more = log.read(partition, all.last().map_or(0, |r| r.position + 1), 1 << 16)?;
        if more.is_empty() {
            return Ok(all);
        }
        all.extend(more);
    }
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).expect("carpeta").flatten() {
            if entry.file_type().expect("tipo").is_dir() {
                left.push(entry.path());
            } else {
                out.push(entry.path());
            }
        }
    }
    out.sort();
    out
}

/// Copies a folder as a killed process would leave it, each file up to its last byte that is not zero (a journal's room is all zeros)
/// and `room` zeros more.
pub fn copy(from: &Path, to: &Path, room: u64) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).expect("prefijo"));
        fs::create_dir_all(target.parent().expect("carpeta")).expect("crear");
        if is_journal(&file) {
            let bytes = used(&file, 0);
            fs::write(&target, &bytes).expect("escribir");
            File::options().write(true).open(&target).expect("abrir").set_len(bytes.len() as u64 + room).expect("largo");
        } else {
            fs::copy(&file, &target).expect("copiar");
        }
    }
}

pub fn is_journal(file: &Path) -> bool {
    file.extension().is_some_and(|e| e == "jnl")
}

/// Bytes of a journal from `start` to the last that is not zero.
pub fn used(journal: &Path, start: u64) -> Vec<u8> {
    let file = File::open(journal).expect("abrir");
    let mut out = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        let read = match file.read_at(&mut chunk, start + out.len() as u64) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read.expect("leer"),
        };
        if read == 0 || chunk[..read].iter().all(|b| *b == 0) {
            let end = out.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
            out.truncate(end);
            return out;
        }
        out.extend_from_slice(&chunk[..read]);
    }
}
