//! The local store of a simulated node: memory that forgets like a disk. Rows have checksums, as the real store's; a crash loses the
//! last batches, whole; bytes flip; the folder is gone, or an older program's; the disk is full.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::{faults::Fault, faults::Weather, rng::Rng};
use crate::engine::store::{StateStore, StoreError, StoreWrite, Visit};

/// Batches that a crash may take back.
const UNSAFE_BATCHES: usize = 24;

#[derive(Clone)]
struct Row {
    bytes: Bytes,
    sum: u64,
}

type Undo = Vec<(Vec<u8>, Option<Row>)>;

#[derive(Default)]
struct Content {
    rows: BTreeMap<Vec<u8>, Row>,
    /// What each of the last batches overwrote, oldest first.
    undo: VecDeque<Undo>,
}

pub struct DiskStore {
    content: Mutex<Content>,
    weather: Weather,
}

impl DiskStore {
    pub fn new(weather: Weather) -> Self {
        Self { content: Mutex::default(), weather }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty folder.
    pub fn wipe(&self) {
        *self.content() = Content::default();
    }

    /// The process died: up to all of the batches that were not made durable are lost, the last ones first.
    pub fn crash(&self, rng: &mut Rng) {
        let mut content = self.content();
        let lost = if self.weather.strikes(Fault::StoreBehind) { rng.index(content.undo.len() + 1) } else { 0 };
        for _ in 0..lost {
            let Some(undo) = content.undo.pop_back() else { break };
            for (key, row) in undo.into_iter().rev() {
                match row {
                    Some(row) => _ = content.rows.insert(key, row),
                    None => _ = content.rows.remove(&key),
                }
            }
        }
        content.undo.clear();
    }

    /// What may have happened to the folder while nobody used it.
    pub fn weather_the_night(&self, rng: &mut Rng) {
        if self.weather.strikes(Fault::StoreGone) {
            self.wipe();
        }
        let mut content = self.content();
        if content.rows.is_empty() {
            return;
        }
        if self.weather.strikes(Fault::StoreFlipped) {
            let victim = rng.index(content.rows.len());
            if let Some(row) = content.rows.values_mut().nth(victim) {
                damage(row, rng);
            }
        }
        if self.weather.strikes(Fault::StoreOld) {
            for row in content.rows.values_mut() {
                rewrite_as_old(row);
            }
        }
    }
}

/// A bit flipped, or the end torn off; the checksum stays what it was.
fn damage(row: &mut Row, rng: &mut Rng) {
    let mut bytes = row.bytes.to_vec();
    if bytes.is_empty() || rng.below(2) == 0 {
        bytes.truncate(rng.index(bytes.len()));
        if bytes.len() == row.bytes.len() {
            row.sum ^= 1;
        }
    } else {
        let at = rng.index(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
    }
    row.bytes = bytes.into();
}

/// As a program of another format wrote it: whole, with a good checksum, and not ours to read.
fn rewrite_as_old(row: &mut Row) {
    let mut bytes = row.bytes.to_vec();
    if let Some(format) = bytes.first_mut() {
        *format = 0;
    }
    row.sum = xxh3_64(&bytes);
    row.bytes = bytes.into();
}

fn checked(key: &[u8], row: &Row) -> Result<Bytes, StoreError> {
    if xxh3_64(&row.bytes) != row.sum {
        return Err(StoreError::Corrupt(format!("la suma de la fila {} no da", String::from_utf8_lossy(key))));
    }
    Ok(row.bytes.clone())
}

impl StateStore for DiskStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.content().rows.get(key).map(|row| checked(key, row)).transpose()
    }

    fn write(&self, batch: Vec<StoreWrite>) -> Result<(), StoreError> {
        if self.weather.strikes(Fault::DiskFull) {
            return Err(StoreError::Storage("sin espacio en el disco simulado".to_owned()));
        }
        let mut content = self.content();
        let mut undo = Vec::with_capacity(batch.len());
        for (key, value) in batch {
            let before = match value {
                Some(value) => {
                    let row = Row { sum: xxh3_64(&value), bytes: value.into() };
                    content.rows.insert(key.clone(), row)
                }
                None => content.rows.remove(&key),
            };
            undo.push((key, before));
        }
        content.undo.push_back(undo);
        if content.undo.len() > UNSAFE_BATCHES {
            content.undo.pop_front();
        }
        Ok(())
    }

    fn scan(&self, prefix: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        let found: Vec<_> = {
            let content = self.content();
            let rows = content.rows.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
            rows.map(|(key, row)| (key.clone(), row.clone())).collect()
        };
        found.into_iter().try_for_each(|(key, row)| visit(&key, checked(&key, &row)?))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.content().undo.clear();
        Ok(())
    }
}
