//! A batch is written down before it is made. Its rows are of many partitions, and no database makes them all at once: a sink that dies or
//! is cut in the middle leaves some, and folding again over those would take what they say for what was there before the batch. So what was
//! written down is finished first ([`Tables::recover`](crate::tables::Tables::recover)): every write may be repeated.

use crate::{
    log::Position,
    tables::{
        Key, Row, Table, Write,
        embedded::row::{self, Stored},
        key,
    },
};

/// Bytes of a row of the journal.
pub const PART_BYTES: usize = 128 << 10;
/// Rows of the journal that one batch may take.
pub const PARTS_MAX: usize = 1_024;

/// Where a sink will be once the batch is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub consumer: String,
    /// Code of the topic and number of the partition, as positions are kept.
    pub topic: u16,
    pub partition: u16,
    pub next: Position,
}

/// What tells a whole intention from parts of two.
pub fn sum(content: &[u8]) -> i64 {
    xxhash_rust::xxh3::xxh3_64(content).cast_signed()
}

/// # Errors
/// What is wrong with a row, for the user.
pub fn encode<'a>(targets: &[Target], writes: impl Iterator<Item = &'a Write>) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(16 << 10);
    put(&mut out, &u32::try_from(targets.len()).map_err(|e| e.to_string())?.to_le_bytes())?;
    for target in targets {
        put(&mut out, target.consumer.as_bytes())?;
        out.extend_from_slice(&target.topic.to_le_bytes());
        out.extend_from_slice(&target.partition.to_le_bytes());
        out.extend_from_slice(&target.next.to_le_bytes());
    }
    for write in writes {
        let (kind, table, row_key) = match write {
            Write::Upsert { table, row } => (0, *table, &row.key),
            Write::Insert { table, row } => (1, *table, &row.key),
            Write::Delete { table, key, .. } => (2, *table, key),
        };
        let encoded = key::encode_whole(table, row_key)?;
        let body = match write {
            Write::Upsert { row, .. } | Write::Insert { row, .. } => row::encode(table, &encoded, &row.values, row.version)?,
            Write::Delete { version, .. } => row::tombstone(&encoded, *version),
        };
        out.push(kind);
        put(&mut out, table.name.as_bytes())?;
        put(&mut out, &encoded)?;
        put(&mut out, &body)?;
    }
    Ok(out)
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), String> {
    let length = u32::try_from(bytes.len()).map_err(|e| e.to_string())?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// `None` when the bytes are no intention. Rows of tables that are not declared any more are left out.
pub fn decode(content: &[u8], table_of: impl Fn(&str) -> Option<&'static Table>) -> Option<(Vec<Target>, Vec<Write>)> {
    let mut rest = content;
    let count = u32::from_le_bytes(take(&mut rest)?.try_into().ok()?);
    let mut targets = Vec::new();
    for _ in 0..count {
        let consumer = std::str::from_utf8(take(&mut rest)?).ok()?.to_owned();
        let topic = u16::from_le_bytes(fixed(&mut rest)?);
        let partition = u16::from_le_bytes(fixed(&mut rest)?);
        let next = u64::from_le_bytes(fixed(&mut rest)?);
        targets.push(Target { consumer, topic, partition, next });
    }
    let mut writes = Vec::new();
    while !rest.is_empty() {
        let [kind] = fixed(&mut rest)?;
        let name = std::str::from_utf8(take(&mut rest)?).ok()?;
        let (encoded, body) = (take(&mut rest)?, take(&mut rest)?);
        let Some(table) = table_of(name) else { continue };
        writes.push(write(kind, table, key::decode(table, encoded)?, row::decode(table, encoded, body)?)?);
    }
    Some((targets, writes))
}

fn write(kind: u8, table: &'static Table, key: Key, stored: Stored) -> Option<Write> {
    let version = stored.version;
    match (kind, stored.values) {
        (0, Some(values)) => Some(Write::Upsert { table, row: Row { key, values, version } }),
        (1, Some(values)) => Some(Write::Insert { table, row: Row { key, values, version } }),
        (2, None) => Some(Write::Delete { table, key, version }),
        _ => None,
    }
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(fixed(rest)?);
    let (taken, left) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = left;
    Some(taken)
}

fn fixed<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{
        Value,
        conformance::{MOVEMENTS, TYPES},
    };

    #[test]
    fn an_intention_comes_back_and_damage_is_seen() {
        let day = Value::Date(chrono::NaiveDate::from_ymd_opt(2026, 11, 26).unwrap());
        let row_key = vec![Value::Text("p".into()), day, Value::Int(-3)];
        let row = Row { key: row_key.clone(), values: vec![Value::Null, Value::Text("ñ".into())], version: 7 };
        let writes = [
            Write::Upsert { table: &MOVEMENTS, row: row.clone() },
            Write::Insert { table: &MOVEMENTS, row },
            Write::Delete { table: &MOVEMENTS, key: row_key, version: 9 },
            Write::Insert {
                table: &TYPES,
                row: Row { key: vec![Value::Bool(true), Value::Int(1)], values: vec![Value::Null; 7], version: 1 },
            },
        ];
        let targets = vec![Target { consumer: "uno".to_owned(), topic: 4, partition: 2, next: 99 }];
        let content = encode(&targets, writes.iter()).unwrap();
        let both = |name: &str| [&MOVEMENTS, &TYPES].into_iter().find(|t| t.name == name);
        let (found_targets, found) = decode(&content, both).unwrap();
        assert_eq!((found_targets, format!("{found:?}")), (targets, format!("{writes:?}")));
        assert_eq!(decode(&content, |name| Some(&MOVEMENTS).filter(|t| t.name == name)).unwrap().1.len(), 3);
        for cut in 0..content.len() {
            let short = decode(&content[..cut], both);
            assert!(short.is_none_or(|(_, writes)| writes.len() < 4), "{cut}");
        }
        assert_ne!(sum(&content), sum(&content[1..]));
    }
}
