//! A block: the records one durable batch leaves in one partition, with a checksum that covers its place too.
//!
//! Layout (little endian): version u8 · flags u8 (0) · count u32 · first position u64 · base timestamp i64 µs · newest timestamp i64 µs ·
//! crc32 u32 · records. A record: headers u8 · key length, value length, timestamp minus base (zigzag), as varints · key ·
//! {name code u8 · length varint · bytes} per header · value.

use bytes::Bytes;

use crate::{
    domain::valores::Instante,
    log::{Header, LogError, Position, Record, StoredRecord, TopicPartition, headers},
};

const VERSION: u8 = 1;
pub(super) const HEAD: usize = 34;
const CRC_AT: usize = 30;
/// A block is closed when its body passes this; a batch then goes on in another block of the partition.
pub(super) const TARGET: usize = 1 << 20;

/// A block under construction.
#[derive(Debug)]
pub(super) struct BlockBuilder {
    pub first: Position,
    pub count: u32,
    base: i64,
    newest: i64,
    bytes: Vec<u8>,
}

impl BlockBuilder {
    /// `expected`: bytes the block may reach; growing it by doubling copied each block once more.
    pub(super) fn new(first: Position, timestamp: Instante, expected: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEAD + expected);
        bytes.resize(HEAD, 0);
        Self { first, count: 0, base: timestamp.0, newest: timestamp.0, bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a record that passed `limits::check`.
    pub(super) fn push(&mut self, record: &Record) {
        let out = &mut self.bytes;
        out.push(record.headers.len() as u8);
        put_varint(out, record.key.len() as u64);
        put_varint(out, record.value.len() as u64);
        put_varint(out, zigzag(record.timestamp.0.wrapping_sub(self.base)));
        out.extend_from_slice(&record.key);
        for header in &record.headers {
            out.push(headers::code(header.name).unwrap_or(u8::MAX));
            put_varint(out, header.value.len() as u64);
            out.extend_from_slice(&header.value);
        }
        out.extend_from_slice(&record.value);
        self.count += 1;
        self.newest = self.newest.max(record.timestamp.0);
    }

    /// The finished block, ready for the store.
    pub(super) fn finish(mut self, partition: TopicPartition) -> Vec<u8> {
        let head = &mut self.bytes;
        head[0] = VERSION;
        head[2..6].copy_from_slice(&self.count.to_le_bytes());
        head[6..14].copy_from_slice(&self.first.to_le_bytes());
        head[14..22].copy_from_slice(&self.base.to_le_bytes());
        head[22..30].copy_from_slice(&self.newest.to_le_bytes());
        let crc = checksum(&self.bytes, partition);
        self.bytes[CRC_AT..HEAD].copy_from_slice(&crc.to_le_bytes());
        self.bytes
    }
}

/// A checked block as read from the store.
#[derive(Debug, Clone)]
pub(super) struct Block {
    partition: TopicPartition,
    pub first: Position,
    pub count: u32,
    base: i64,
    pub newest: i64,
    bytes: Bytes,
}

impl Block {
    /// Checks the checksum and the place of a stored block.
    pub(super) fn open(partition: TopicPartition, first: Position, bytes: Bytes) -> Result<Self, LogError> {
        let corrupt = |what: &str| Err(LogError::Corrupt { partition, position: first, what: what.to_owned() });
        if bytes.len() < HEAD {
            return corrupt("le falta el comienzo");
        }
        if checksum(&bytes, partition).to_le_bytes() != bytes[CRC_AT..HEAD] {
            return corrupt("la suma de control no coincide");
        }
        if bytes[0] != VERSION || bytes[1] != 0 {
            return corrupt("lo escribió una versión que ésta no conoce");
        }
        let count = u32::from_le_bytes(array(&bytes, 2));
        if u64::from_le_bytes(array(&bytes, 6)) != first || count == 0 {
            return corrupt("está guardado en un lugar que no es el suyo");
        }
        if first.checked_add(u64::from(count)).is_none() {
            return corrupt("sus posiciones pasan de la última posible");
        }
        let base = i64::from_le_bytes(array(&bytes, 14));
        let newest = i64::from_le_bytes(array(&bytes, 22));
        Ok(Self { partition, first, count, base, newest, bytes })
    }

    /// Position after the last record.
    pub(super) fn end(&self) -> Position {
        self.first + u64::from(self.count)
    }

    /// Adds to `out` the records from `from` up to `until` (exclusive) while `budget` bytes of values last; false when it ran out.
    pub(super) fn read(
        &self,
        from: Position,
        until: Position,
        budget: &mut Budget,
        out: &mut Vec<StoredRecord>,
    ) -> Result<bool, LogError> {
        let mut cursor = Cursor { bytes: &self.bytes, at: HEAD };
        for position in self.first..self.end().min(until) {
            let wanted = position >= from;
            if wanted && !budget.open() {
                return Ok(false);
            }
            let Some(record) = cursor.record(self.base, wanted) else {
                return Err(LogError::Corrupt {
                    partition: self.partition,
                    position,
                    what: "un registro no se puede leer".to_owned(),
                });
            };
            if let Some(record) = record {
                budget.take(record.value.len());
                out.push(StoredRecord { position, record });
            }
        }
        Ok(budget.open())
    }
}

/// What a read may still take. The first record always fits.
#[derive(Debug)]
pub(super) struct Budget {
    records: usize,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(records: usize, bytes: usize) -> Self {
        Self { records: records.max(1), bytes: bytes.max(1) }
    }

    pub(super) fn open(&self) -> bool {
        self.records > 0 && self.bytes > 0
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes.max(1));
    }
}

struct Cursor<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Cursor<'_> {
    /// Next record, or `Some(None)` when it was only skipped.
    fn record(&mut self, base: i64, wanted: bool) -> Option<Option<Record>> {
        let count = usize::from(self.byte()?);
        let key = self.length()?;
        let value = self.length()?;
        let timestamp = Instante(base.wrapping_add(unzigzag(self.varint()?)));
        let key = self.slice(key)?;
        let mut headers = Vec::with_capacity(if wanted { count } else { 0 });
        for _ in 0..count {
            let code = self.byte()?;
            let length = self.length()?;
            let bytes = self.slice(length)?;
            if let (true, Some(name)) = (wanted, headers::name(code)) {
                headers.push(Header { name, value: self.bytes.slice(bytes) });
            }
        }
        let value = self.slice(value)?;
        if !wanted {
            return Some(None);
        }
        Some(Some(Record { key: self.bytes.slice(key), value: self.bytes.slice(value), headers, timestamp }))
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn slice(&mut self, length: usize) -> Option<std::ops::Range<usize>> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// The bytes as a block whose version and checksum are right; `None` when they are too few for a head.
pub(super) fn sealed(bytes: &[u8], partition: TopicPartition) -> Option<Bytes> {
    let mut block = bytes.to_vec();
    if block.len() < HEAD {
        return None;
    }
    (block[0], block[1]) = (VERSION, 0);
    let crc = checksum(&block, partition);
    block[CRC_AT..HEAD].copy_from_slice(&crc.to_le_bytes());
    Some(block.into())
}

/// Covers the head without the checksum itself, the partition's name and the records.
fn checksum(block: &[u8], partition: TopicPartition) -> u32 {
    let mut place = [0; 4];
    place[..2].copy_from_slice(&partition.topic.codigo().to_be_bytes());
    place[2..].copy_from_slice(&partition.partition.to_be_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&block[..CRC_AT]);
    hasher.update(&place);
    hasher.update(&block[HEAD..]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Topic;
    use crate::log::limits::MAX_KEY;
    use proptest::prelude::*;

    fn partition() -> TopicPartition {
        TopicPartition::new(Topic::Respuestas, 3)
    }

    fn records() -> impl Strategy<Value = Vec<Record>> {
        let header = (0..headers::NAMES.len(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(name, value)| Header { name: headers::NAMES[name], value: value.into() });
        let record = (
            prop::collection::vec(any::<u8>(), 0..MAX_KEY),
            prop::collection::vec(any::<u8>(), 0..600),
            prop::collection::vec(header, 0..5),
            any::<i64>(),
        )
            .prop_map(|(key, value, headers, at)| Record {
                key: key.into(),
                value: value.into(),
                headers,
                timestamp: Instante(at),
            });
        prop::collection::vec(record, 1..20)
    }

    fn build(first: Position, records: &[Record]) -> Vec<u8> {
        let mut block = BlockBuilder::new(first, records[0].timestamp, 0);
        records.iter().for_each(|r| block.push(r));
        block.finish(partition())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(records in records(), first in 0u64..1 << 40) {
            let block = Block::open(partition(), first, build(first, &records).into()).unwrap();
            let mut read = Vec::new();
            block.read(0, u64::MAX, &mut Budget::new(usize::MAX, usize::MAX), &mut read).unwrap();
            prop_assert_eq!(read.iter().map(|r| &r.record).collect::<Vec<_>>(), records.iter().collect::<Vec<_>>());
            prop_assert!(read.iter().enumerate().all(|(i, r)| r.position == first + i as u64));
        }

        #[test]
        fn a_flipped_bit_is_found(records in records(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut bytes = build(7, &records);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(Block::open(partition(), 7, bytes.into()).is_err());
        }

        #[test]
        fn rubbish_is_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Block::open(partition(), 0, bytes.into()).is_err());
        }
    }

    #[test]
    fn a_block_of_another_partition_or_position_is_refused() {
        let record = Record { key: Bytes::new(), value: Bytes::from_static(b"v"), headers: vec![], timestamp: Instante(1) };
        let bytes = Bytes::from(build(7, &[record]));
        assert!(Block::open(partition(), 8, bytes.clone()).is_err());
        assert!(Block::open(TopicPartition::new(Topic::Respuestas, 2), 7, bytes).is_err());
    }
}
