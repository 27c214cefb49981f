//! A partition: records, markers, what is open, what is replicated.

use super::request::{Code, ProducerId};
use crate::log::{Position, Record, StoredRecord, TopicPartition, Watermarks};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Outside any transaction, or of a committed one.
    Readable,
    /// Of the open transaction of this producer.
    Open(u64),
    Aborted,
    /// A control record: occupies a position, is never read.
    Marker,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    record: Record,
}

/// What the leader remembers of a producer, to refuse the dead and to append nothing twice.
#[derive(Debug)]
struct Known {
    id: u64,
    epoch: u32,
    next_sequence: u64,
    /// Batches that may come again: sequence, positions from and to (exclusive). Newest last.
    batches: Vec<(u64, Position, Position)>,
}

/// Batches remembered of each producer, as Kafka does.
const MAX_BATCHES: usize = 5;

#[derive(Debug)]
pub(super) struct Partition {
    pub id: TopicPartition,
    first: Position,
    entries: Vec<Entry>,
    /// Replicated up to: the high watermark, exclusive.
    replicated: Position,
    /// First position of each open transaction, by producer.
    open: Vec<(u64, Position)>,
    producers: Vec<Known>,
    /// Leaderships so far: an answer held by an earlier leader is lost.
    pub leader: u32,
}

impl Partition {
    pub(super) fn new(id: TopicPartition) -> Self {
        Self { id, first: 0, entries: Vec::new(), replicated: 0, open: Vec::new(), producers: Vec::new(), leader: 0 }
    }

    pub(super) fn end(&self) -> Position {
        self.first + self.entries.len() as u64
    }

    pub(super) fn watermarks(&self) -> Watermarks {
        Watermarks { first: self.first, stable: self.stable(), end: self.replicated }
    }

    /// The last stable offset.
    pub(super) fn stable(&self) -> Position {
        self.open.iter().map(|(_, first)| *first).min().unwrap_or(self.replicated).min(self.replicated)
    }

    fn push(&mut self, kind: Kind, record: Record) {
        self.entries.push(Entry { kind, record });
    }

    /// Appends outside any transaction; the position given.
    pub(super) fn append(&mut self, record: Record) -> Position {
        self.push(Kind::Readable, record);
        self.replicate(self.end());
        self.end() - 1
    }

    /// Everything up to `end` has reached the followers; whether a reader sees more than before.
    pub(super) fn replicate(&mut self, end: Position) -> bool {
        let before = self.stable();
        self.replicated = self.replicated.max(end.min(self.end()));
        self.stable() != before
    }

    /// Place of the producer among the known, if it may write here.
    fn admitted(&mut self, producer: ProducerId) -> Result<usize, Code> {
        let fresh = || Known { id: producer.id, epoch: producer.epoch, next_sequence: 0, batches: Vec::new() };
        let Some(place) = self.producers.iter().position(|known| known.id == producer.id) else {
            self.producers.push(fresh());
            return Ok(self.producers.len() - 1);
        };
        let known = &mut self.producers[place];
        if producer.epoch < known.epoch {
            return Err(Code::ProducerFenced);
        }
        if producer.epoch > known.epoch {
            *known = fresh();
        }
        Ok(place)
    }

    /// Appends a batch of an open transaction, once; the position after it.
    pub(super) fn produce(&mut self, producer: ProducerId, sequence: u64, records: &[Record]) -> Result<Position, Code> {
        let place = self.admitted(producer)?;
        let start = self.end();
        let known = &mut self.producers[place];
        if let Some((_, _, end)) = known.batches.iter().find(|(first, ..)| *first == sequence) {
            return Ok(*end);
        }
        if sequence != known.next_sequence {
            return Err(Code::OutOfOrderSequence);
        }
        let end = start + records.len() as u64;
        known.next_sequence += records.len() as u64;
        if known.batches.len() == MAX_BATCHES {
            known.batches.remove(0);
        }
        known.batches.push((sequence, start, end));
        if !self.open.iter().any(|(id, _)| *id == producer.id) {
            self.open.push((producer.id, start));
        }
        self.entries.extend(records.iter().map(|record| Entry { kind: Kind::Open(producer.id), record: record.clone() }));
        Ok(end)
    }

    /// The end of the producer's transaction here. How many records it made readable.
    pub(super) fn mark(&mut self, producer: ProducerId, commit: bool) -> u64 {
        let mut readable = 0;
        if let Some(place) = self.open.iter().position(|(id, _)| *id == producer.id) {
            let (id, from) = self.open.swap_remove(place);
            let settled = if commit { Kind::Readable } else { Kind::Aborted };
            let from = (from - self.first) as usize;
            for entry in self.entries[from..].iter_mut().filter(|entry| entry.kind == Kind::Open(id)) {
                entry.kind = settled;
                readable += u64::from(commit);
            }
        }
        // A marker of an older life does not come: the coordinator writes one decision after the other.
        if let Ok(place) = self.admitted(producer) {
            self.producers[place].epoch = producer.epoch;
        }
        self.push(
            Kind::Marker,
            Record { key: Default::default(), value: Default::default(), headers: Vec::new(), timestamp: Default::default() },
        );
        self.replicate(self.end());
        readable
    }

    /// A new leader takes over: what the followers did not have is gone. How many records went.
    pub(super) fn fail_over(&mut self) -> u64 {
        let end = self.replicated;
        let lost = self.end() - end;
        self.entries.truncate((end - self.first) as usize);
        self.open.retain(|(_, first)| *first < end);
        for known in &mut self.producers {
            known.batches.retain(|(sequence, _, to)| {
                let kept = *to <= end;
                if !kept {
                    known.next_sequence = known.next_sequence.min(*sequence);
                }
                kept
            });
        }
        self.leader += 1;
        lost
    }

    /// Readable records of `[from, stable)` within the limits, at least one if there is one; and where reading goes on.
    pub(super) fn read(&self, from: Position, max_records: usize, max_bytes: usize) -> (Vec<StoredRecord>, Position) {
        let stable = self.stable();
        let mut records = Vec::new();
        let mut bytes = 0_usize;
        let mut next = from.max(self.first);
        while next < stable {
            let entry = &self.entries[(next - self.first) as usize];
            if entry.kind == Kind::Readable {
                bytes = bytes.saturating_add(entry.record.value.len());
                if records.len() >= max_records || (!records.is_empty() && bytes > max_bytes) {
                    break;
                }
                records.push(StoredRecord { position: next, record: entry.record.clone() });
            }
            next += 1;
        }
        (records, next)
    }

    /// First position of `[from, stable)` with a readable record, or `stable`.
    pub(super) fn next_readable(&self, from: Position) -> Position {
        let stable = self.stable();
        let from = from.max(self.first).min(stable);
        let range = (from - self.first) as usize..(stable - self.first) as usize;
        let skipped = self.entries[range].iter().position(|entry| entry.kind == Kind::Readable);
        skipped.map_or(stable, |skipped| from + skipped as u64)
    }

    /// Removes what is older than `oldest` (µs) and below `limit`; the last record stays. How many positions went.
    pub(super) fn expire(&mut self, oldest: i64, limit: Position) -> u64 {
        let limit = limit.min(self.stable().saturating_sub(1));
        let candidates = limit.saturating_sub(self.first) as usize;
        let is_kept = |entry: &Entry| entry.kind != Kind::Marker && entry.record.timestamp.0 >= oldest;
        let gone = self.entries[..candidates].iter().position(is_kept).unwrap_or(candidates);
        self.entries.drain(..gone);
        self.first += gone as u64;
        gone as u64
    }
}
