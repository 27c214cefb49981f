//! Keys whose bytes sort like their columns.
//!
//! Text: its bytes with 0x00 as 0x00 0xFF, ended by 0x00 0x00 · Int and Timestamp: 8 bytes big endian, sign bit turned · Date: days since
//! 0001-01-01 in 4 bytes likewise · Bool: 1 byte. No column's code is the beginning of another's, so turning every bit of a Desc column
//! turns its order.

use chrono::{Datelike, NaiveDate};

use crate::{
    domain::valores::Instante,
    tables::{ColumnType, From, Key, Order, Table, Value},
};

/// Encoded keys beyond this are refused.
pub(super) const MAX_KEY: usize = 4096;

/// A key column with its order; partition columns ascend.
fn columns(table: &'static Table) -> impl Iterator<Item = (ColumnType, Order, &'static str)> {
    let partition = table.partition.iter().map(|c| (c.kind, Order::Asc, c.name));
    partition.chain(table.clustering.iter().map(|(c, order)| (c.kind, *order, c.name)))
}

/// Encodes the first `values.len()` key columns.
///
/// # Errors
/// What is wrong with the values, for the user.
pub(super) fn encode(table: &'static Table, values: &[Value]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(48);
    let mut declared = columns(table);
    for value in values {
        let Some((kind, order, name)) = declared.next() else {
            return Err(format!("la clave tiene {} columnas y la tabla tiene menos", values.len()));
        };
        let start = out.len();
        if !encode_value(&mut out, kind, value) {
            return Err(format!("la columna de clave «{name}» no admite {value:?}"));
        }
        if order == Order::Desc {
            out[start..].iter_mut().for_each(|b| *b = !*b);
        }
    }
    if out.len() > MAX_KEY {
        return Err(format!("la clave mide {} bytes y el máximo es {MAX_KEY}", out.len()));
    }
    Ok(out)
}

/// A whole key.
///
/// # Errors
/// As [`encode`], also when columns are missing.
pub(super) fn encode_whole(table: &'static Table, key: &[Value]) -> Result<Vec<u8>, String> {
    let expected = table.partition.len() + table.clustering.len();
    if key.len() != expected {
        return Err(format!("la clave tiene {} columnas y la tabla tiene {expected}", key.len()));
    }
    encode(table, key)
}

fn encode_value(out: &mut Vec<u8>, kind: ColumnType, value: &Value) -> bool {
    match (kind, value) {
        (ColumnType::Text, Value::Text(text)) => encode_text(out, text.as_bytes()),
        (ColumnType::Int, Value::Int(v)) => out.extend_from_slice(&ordered(*v)),
        (ColumnType::Timestamp, Value::Timestamp(v)) => out.extend_from_slice(&ordered(v.0)),
        (ColumnType::Date, Value::Date(v)) => out.extend_from_slice(&(v.num_days_from_ce() ^ i32::MIN).to_be_bytes()),
        (ColumnType::Bool, Value::Bool(v)) => out.push(u8::from(*v)),
        _ => return false,
    }
    true
}

fn ordered(value: i64) -> [u8; 8] {
    (value ^ i64::MIN).to_be_bytes()
}

fn encode_text(out: &mut Vec<u8>, text: &[u8]) {
    for part in text.split_inclusive(|b| *b == 0) {
        out.extend_from_slice(part);
        if part.last() == Some(&0) {
            out.push(0xFF);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// The columns of a stored key, `None` when it is not one.
pub(super) fn decode(table: &'static Table, mut bytes: &[u8]) -> Option<Key> {
    let mut key = Vec::with_capacity(table.partition.len() + table.clustering.len());
    for (kind, order, _) in columns(table) {
        let turn = if order == Order::Desc { 0xFF } else { 0 };
        let (value, rest) = decode_value(kind, turn, bytes)?;
        key.push(value);
        bytes = rest;
    }
    bytes.is_empty().then_some(key)
}

fn decode_value(kind: ColumnType, turn: u8, bytes: &[u8]) -> Option<(Value, &[u8])> {
    let fixed = |length: usize| bytes.split_at_checked(length);
    match kind {
        ColumnType::Text => decode_text(turn, bytes),
        ColumnType::Int => fixed(8).and_then(|(v, rest)| Some((Value::Int(unordered(v, turn)?), rest))),
        ColumnType::Timestamp => fixed(8).and_then(|(v, rest)| Some((Value::Timestamp(Instante(unordered(v, turn)?)), rest))),
        ColumnType::Date => fixed(4).and_then(|(v, rest)| {
            let days = i32::from_be_bytes(v.try_into().ok()?) ^ i32::MIN ^ if turn == 0 { 0 } else { -1 };
            Some((Value::Date(NaiveDate::from_num_days_from_ce_opt(days)?), rest))
        }),
        ColumnType::Bool => fixed(1).and_then(|(v, rest)| match v[0] ^ turn {
            0 => Some((Value::Bool(false), rest)),
            1 => Some((Value::Bool(true), rest)),
            _ => None,
        }),
        ColumnType::Decimal | ColumnType::Bytes => None,
    }
}

fn unordered(bytes: &[u8], turn: u8) -> Option<i64> {
    let value = i64::from_be_bytes(bytes.try_into().ok()?) ^ i64::MIN;
    Some(if turn == 0 { value } else { !value })
}

fn decode_text(turn: u8, bytes: &[u8]) -> Option<(Value, &[u8])> {
    let mut text = Vec::new();
    let mut at = 0;
    loop {
        let byte = *bytes.get(at)? ^ turn;
        if byte != 0 {
            text.push(byte);
            at += 1;
            continue;
        }
        match *bytes.get(at + 1)? ^ turn {
            0 => return Some((Value::Text(String::from_utf8(text).ok()?.into()), &bytes[at + 2..])),
            0xFF => text.push(0),
            _ => return None,
        }
        at += 2;
    }
}

/// First byte string after every one that starts with `prefix`; `None` when there is none.
pub(super) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let keep = prefix.iter().rposition(|b| *b != 0xFF)?;
    let mut out = prefix[..=keep].to_vec();
    out[keep] += 1;
    Some(out)
}

/// First key and the key before which a slice ends, in byte order.
pub(super) fn bounds(
    table: &'static Table,
    partition: &[Value],
    from: &From,
    reverse: bool,
) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    if partition.len() != table.partition.len() {
        return Err(format!("la partición tiene {} columnas y la tabla tiene {}", partition.len(), table.partition.len()));
    }
    let place = |clustering: &[Value]| encode(table, &[partition, clustering].concat());
    let first = place(&[])?;
    let end = after_prefix(&first);
    Ok(match (from, reverse) {
        (From::Start, _) => (first, end),
        (From::At(values), false) => (place(values)?, end),
        (From::At(values), true) => (first, after_prefix(&place(values)?)),
        (From::After(values), _) => {
            if values.len() != table.clustering.len() {
                return Err(format!("el cursor tiene {} columnas y la tabla ordena por {}", values.len(), table.clustering.len()));
            }
            let key = place(values)?;
            if reverse { (first, Some(key)) } else { ([&key[..], &[0]].concat(), end) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Column;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    const fn column(name: &'static str, kind: ColumnType) -> Column {
        Column { name, kind }
    }

    static MIXED: Table = Table {
        name: "mixta",
        doc: "",
        partition: &[column("p", ColumnType::Text)],
        clustering: &[
            (column("t", ColumnType::Text), Order::Desc),
            (column("i", ColumnType::Int), Order::Asc),
            (column("d", ColumnType::Date), Order::Desc),
            (column("s", ColumnType::Timestamp), Order::Desc),
            (column("b", ColumnType::Bool), Order::Desc),
        ],
        columns: &[],
    };

    fn key() -> impl Strategy<Value = Key> {
        let text = || prop_oneof!["[\\x00\\x01aé\u{10FFFF}]{0,4}", ".{0,8}"];
        let int = || prop_oneof![-2i64..3, any::<i64>()];
        (text(), text(), int(), -200_000i32..200_000, int(), any::<bool>()).prop_map(|(p, t, i, d, s, b)| {
            let day = NaiveDate::from_num_days_from_ce_opt(d).unwrap();
            vec![
                Value::Text(p.into()),
                Value::Text(t.into()),
                Value::Int(i),
                Value::Date(day),
                Value::Timestamp(Instante(s)),
                Value::Bool(b),
            ]
        })
    }

    fn compare(a: &Value, b: &Value) -> Ordering {
        match (a, b) {
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Date(a), Value::Date(b)) => a.cmp(b),
            (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            _ => unreachable!("columnas de tipos distintos"),
        }
    }

    fn expected(a: &Key, b: &Key) -> Ordering {
        let turned = |i: usize, o: Ordering| if [1, 3, 4, 5].contains(&i) { o.reverse() } else { o };
        (0..a.len()).map(|i| turned(i, compare(&a[i], &b[i]))).find(|o| *o != Ordering::Equal).unwrap_or(Ordering::Equal)
    }

    proptest! {
        #[test]
        fn bytes_sort_like_columns(a in key(), b in key()) {
            prop_assert_eq!(encode(&MIXED, &a).unwrap().cmp(&encode(&MIXED, &b).unwrap()), expected(&a, &b));
        }

        #[test]
        fn equal_beginnings_are_compared_by_the_rest(a in key(), b in key(), same in 0usize..6) {
            let b: Key = a[..same].iter().chain(&b[same..]).cloned().collect();
            prop_assert_eq!(encode(&MIXED, &a).unwrap().cmp(&encode(&MIXED, &b).unwrap()), expected(&a, &b));
        }

        #[test]
        fn keys_come_back(key in key()) {
            prop_assert_eq!(decode(&MIXED, &encode(&MIXED, &key).unwrap()), Some(key));
        }

        #[test]
        fn rubbish_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(key) = decode(&MIXED, &bytes) {
                prop_assert_eq!(encode(&MIXED, &key).unwrap(), bytes);
            }
        }
    }

    #[test]
    fn wrong_types_nulls_and_long_keys_are_refused() {
        for bad in [Value::Null, Value::Int(1), Value::Text("x".repeat(MAX_KEY).into())] {
            assert!(encode(&MIXED, &[bad]).is_err());
        }
        assert!(encode_whole(&MIXED, &[Value::Text("p".into())]).is_err());
    }
}
