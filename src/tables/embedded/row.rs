//! Stored rows: version varint · kind u8 (1 row, 0 tombstone) · columns · crc32 of key and all this.
//!
//! A column is a tag and its bytes: 0 null · 1 text (length varint, UTF-8) · 2 int (zigzag varint) · 3 decimal (scale u8, mantissa
//! zigzag varint) · 4 date (days since 0001-01-01, zigzag varint) · 5 timestamp (µs, zigzag varint) · 6 false · 7 true · 8 bytes.

use bytes::Bytes;
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use crate::{
    domain::valores::Instante,
    tables::{ColumnType, Table, Value},
};

/// Encoded rows beyond this are refused.
pub(super) const MAX_ROW: usize = 8 << 20;
const CRC: usize = 4;

/// What a key holds.
#[derive(Debug, PartialEq)]
pub(in crate::tables) struct Stored {
    pub version: u64,
    /// `None`: the row was deleted at that version.
    pub values: Option<Vec<Value>>,
}

/// Encodes a row.
///
/// # Errors
/// What is wrong with it, for the user.
pub(in crate::tables) fn encode(table: &'static Table, key: &[u8], values: &[Value], version: u64) -> Result<Vec<u8>, String> {
    if values.len() != table.columns.len() {
        return Err(format!("tiene {} valores y la tabla tiene {} columnas", values.len(), table.columns.len()));
    }
    if version == 0 {
        return Err("la versión empieza en 1".to_owned());
    }
    let mut out = Vec::with_capacity(128);
    put_varint(&mut out, version.into());
    out.push(1);
    for (value, column) in values.iter().zip(table.columns) {
        if !encode_value(&mut out, column.kind, value) {
            return Err(format!("la columna «{}» no admite {value:?}", column.name));
        }
    }
    if out.len() > MAX_ROW {
        return Err(format!("la fila mide {} bytes y el máximo es {MAX_ROW}", out.len()));
    }
    seal(&mut out, key);
    Ok(out)
}

/// What stays of a deleted row, so that a late lower version does not bring it back.
pub(in crate::tables) fn tombstone(key: &[u8], version: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    put_varint(&mut out, version.into());
    out.push(0);
    seal(&mut out, key);
    out
}

/// Version of a stored row or tombstone, its checksum verified.
pub(in crate::tables) fn version(key: &[u8], bytes: &[u8]) -> Option<u64> {
    Reader(unseal(key, bytes)?).varint().and_then(|v| u64::try_from(v).ok())
}

/// A stored row, its checksum verified; `None` when it is damaged.
pub(in crate::tables) fn decode(table: &'static Table, key: &[u8], bytes: &[u8]) -> Option<Stored> {
    let mut reader = Reader(unseal(key, bytes)?);
    let version = u64::try_from(reader.varint()?).ok().filter(|version| *version > 0)?;
    let values = match reader.byte()? {
        0 => None,
        1 => Some(table.columns.iter().map(|column| reader.value(column.kind)).collect::<Option<_>>()?),
        _ => return None,
    };
    reader.0.is_empty().then_some(Stored { version, values })
}

fn checksum(key: &[u8], row: &[u8]) -> [u8; CRC] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(row);
    hasher.finalize().to_le_bytes()
}

/// The bytes as a row whose checksum is right.
pub(in crate::tables) fn sealed(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut row = bytes.to_vec();
    seal(&mut row, key);
    row
}

fn seal(out: &mut Vec<u8>, key: &[u8]) {
    let crc = checksum(key, out);
    out.extend_from_slice(&crc);
}

fn unseal<'a>(key: &[u8], bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (row, crc) = bytes.split_at_checked(bytes.len().checked_sub(CRC)?)?;
    (checksum(key, row) == crc).then_some(row)
}

fn encode_value(out: &mut Vec<u8>, kind: ColumnType, value: &Value) -> bool {
    match (kind, value) {
        (_, Value::Null) => out.push(0),
        (ColumnType::Text, Value::Text(v)) => put_bytes(out, 1, v.as_bytes()),
        (ColumnType::Int, Value::Int(v)) => put_int(out, 2, i128::from(*v)),
        (ColumnType::Decimal, Value::Decimal(v)) => {
            out.push(3);
            out.push(v.scale() as u8);
            put_varint(out, zigzag(v.mantissa()));
        }
        (ColumnType::Date, Value::Date(v)) => put_int(out, 4, i128::from(v.num_days_from_ce())),
        (ColumnType::Timestamp, Value::Timestamp(v)) => put_int(out, 5, i128::from(v.0)),
        (ColumnType::Bool, Value::Bool(v)) => out.push(6 + u8::from(*v)),
        (ColumnType::Bytes, Value::Bytes(v)) => put_bytes(out, 8, v),
        _ => return false,
    }
    true
}

fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_varint(out, bytes.len() as u128);
    out.extend_from_slice(bytes);
}

fn put_int(out: &mut Vec<u8>, tag: u8, value: i128) {
    out.push(tag);
    put_varint(out, zigzag(value));
}

fn put_varint(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)) as u128
}

fn unzigzag(value: u128) -> i128 {
    (value >> 1) as i128 ^ -((value & 1) as i128)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u128> {
        let mut value = 0u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            value |= u128::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn int(&mut self) -> Option<i128> {
        self.varint().map(unzigzag)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A value of a column of this type; `None` when it is of another.
    fn value(&mut self, kind: ColumnType) -> Option<Value> {
        Some(match (self.byte()?, kind) {
            (0, _) => Value::Null,
            (1, ColumnType::Text) => Value::Text(std::str::from_utf8(self.bytes()?).ok()?.into()),
            (2, ColumnType::Int) => Value::Int(self.int()?.try_into().ok()?),
            (3, ColumnType::Decimal) => {
                let scale = u32::from(self.byte()?);
                Value::Decimal(Decimal::try_from_i128_with_scale(self.int()?, scale).ok()?)
            }
            (4, ColumnType::Date) => Value::Date(NaiveDate::from_num_days_from_ce_opt(self.int()?.try_into().ok()?)?),
            (5, ColumnType::Timestamp) => Value::Timestamp(Instante(self.int()?.try_into().ok()?)),
            (6, ColumnType::Bool) => Value::Bool(false),
            (7, ColumnType::Bool) => Value::Bool(true),
            (8, ColumnType::Bytes) => Value::Bytes(Bytes::copy_from_slice(self.bytes()?)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Column;
    use proptest::prelude::*;

    const fn column(name: &'static str, kind: ColumnType) -> Column {
        Column { name, kind }
    }

    static ALL: Table = Table {
        name: "todas",
        doc: "",
        partition: &[column("p", ColumnType::Int)],
        clustering: &[],
        columns: &[
            column("t", ColumnType::Text),
            column("i", ColumnType::Int),
            column("n", ColumnType::Decimal),
            column("d", ColumnType::Date),
            column("s", ColumnType::Timestamp),
            column("b", ColumnType::Bool),
            column("y", ColumnType::Bytes),
        ],
    };

    fn values() -> impl Strategy<Value = Vec<Value>> {
        let decimal = (any::<i64>(), any::<u32>(), 0u32..29)
            .prop_map(|(high, low, scale)| Decimal::from_i128_with_scale(i128::from(high) << 16 | i128::from(low), scale));
        let day = (-200_000i32..200_000).prop_map(|d| NaiveDate::from_num_days_from_ce_opt(d).unwrap());
        let bytes = prop::collection::vec(any::<u8>(), 0..40);
        (".{0,20}", any::<i64>(), decimal, day, any::<i64>(), any::<bool>(), bytes, any::<[bool; 7]>()).prop_map(
            |(t, i, n, d, s, b, y, null)| {
                let all = vec![
                    Value::Text(t.into()),
                    Value::Int(i),
                    Value::Decimal(n),
                    Value::Date(d),
                    Value::Timestamp(Instante(s)),
                    Value::Bool(b),
                    Value::Bytes(y.into()),
                ];
                all.into_iter().zip(null).map(|(v, null)| if null { Value::Null } else { v }).collect()
            },
        )
    }

    proptest! {
        #[test]
        fn rows_come_back(values in values(), number in 1u64..) {
            let bytes = encode(&ALL, b"clave", &values, number).unwrap();
            prop_assert_eq!(version(b"clave", &bytes), Some(number));
            prop_assert_eq!(decode(&ALL, b"clave", &bytes), Some(Stored { version: number, values: Some(values) }));
            prop_assert_eq!(decode(&ALL, b"otra", &bytes), None);
        }

        #[test]
        fn a_flipped_bit_is_found(values in values(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut bytes = encode(&ALL, b"clave", &values, 1).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(decode(&ALL, b"clave", &bytes), None);
        }
    }

    #[test]
    fn tombstones_and_wrong_rows() {
        let bytes = tombstone(b"k", 9);
        assert_eq!(decode(&ALL, b"k", &bytes), Some(Stored { version: 9, values: None }));
        let nulls = vec![Value::Null; 7];
        assert!(encode(&ALL, b"k", &nulls, 0).is_err());
        assert!(encode(&ALL, b"k", &nulls[..6], 1).is_err());
        let mut wrong = nulls;
        wrong[0] = Value::Int(1);
        assert!(encode(&ALL, b"k", &wrong, 1).is_err());
    }
}
