//! Values of the port to and from those of the driver.

use bytes::Bytes;
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use scylla::value::{CqlDate, CqlDecimal, CqlValue, MaybeUnset};

use crate::{
    domain::valores::Instante,
    tables::{ColumnType, Row, Table, TablesError, Value},
};

/// A value to bind: set, null, or left as it is.
pub type Bound = MaybeUnset<Option<CqlValue>>;

/// 1970-01-01 as days since 0001-01-01, and where CQL's dates have it.
const UNIX_EPOCH_DAYS: i64 = 719_163;
const CQL_EPOCH: i64 = 1 << 31;

/// A value that was checked against its column.
pub fn to_cql(value: &Value) -> Option<CqlValue> {
    Some(match value {
        Value::Null => return None,
        Value::Text(text) => CqlValue::Text((**text).to_owned()),
        Value::Int(number) => CqlValue::BigInt(*number),
        Value::Timestamp(at) => CqlValue::BigInt(at.micros()),
        Value::Decimal(decimal) => CqlValue::Decimal(decimal_to_cql(decimal)),
        Value::Date(date) => {
            let days = i64::from(date.num_days_from_ce()) - UNIX_EPOCH_DAYS + CQL_EPOCH;
            // Years of chrono are within ±262,143: far from the ends of 32 bits.
            CqlValue::Date(CqlDate(u32::try_from(days).unwrap_or_default()))
        }
        Value::Bool(yes) => CqlValue::Boolean(*yes),
        Value::Bytes(bytes) => CqlValue::Blob(bytes.to_vec()),
    })
}

/// A null is written as one, so that it covers what an older version of the row had.
pub fn set(value: &Value) -> Bound {
    MaybeUnset::Set(to_cql(value))
}

/// For rows that are written once: there is nothing to cover, and a null would leave a mark behind.
pub fn set_or_leave(value: &Value) -> Bound {
    to_cql(value).map_or(MaybeUnset::Unset, |value| MaybeUnset::Set(Some(value)))
}

pub fn number(value: i64) -> Bound {
    MaybeUnset::Set(Some(CqlValue::BigInt(value)))
}

pub fn blob(bytes: &[u8]) -> Bound {
    MaybeUnset::Set(Some(CqlValue::Blob(bytes.to_vec())))
}

pub fn small(value: i32) -> Bound {
    MaybeUnset::Set(Some(CqlValue::Int(value)))
}

pub fn place_of(consumer: &str, topic: u16, partition: u16) -> Vec<Bound> {
    let consumer = MaybeUnset::Set(Some(CqlValue::Text(consumer.to_owned())));
    vec![consumer, small(i32::from(topic)), small(i32::from(partition))]
}

/// The time of a write of this version. Versions stay far below 2^63; beyond it they are one.
pub fn write_time(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn decimal_to_cql(decimal: &Decimal) -> CqlDecimal {
    let bytes = decimal.mantissa().to_be_bytes();
    // The shortest two's complement: leading bytes that only repeat the sign are left out.
    let sign = if decimal.mantissa() < 0 { 0xFF } else { 0 };
    let repeats = |i: &usize| bytes[*i] == sign && (bytes[*i + 1] ^ sign) & 0x80 == 0;
    let start = (0..bytes.len() - 1).take_while(repeats).count();
    let scale = i32::try_from(decimal.scale()).unwrap_or_default();
    CqlDecimal::from_signed_be_bytes_slice_and_exponent(&bytes[start..], scale)
}

fn decimal_from_cql(decimal: &CqlDecimal) -> Option<Decimal> {
    let (bytes, scale) = decimal.as_signed_be_bytes_slice_and_exponent();
    let negative = bytes.first()? & 0x80 != 0;
    let mut whole = [if negative { 0xFF } else { 0 }; 16];
    let start = whole.len().checked_sub(bytes.len())?;
    whole[start..].copy_from_slice(bytes);
    Decimal::try_from_i128_with_scale(i128::from_be_bytes(whole), u32::try_from(scale).ok()?).ok()
}

fn from_cql(kind: ColumnType, value: Option<CqlValue>) -> Option<Value> {
    let Some(value) = value else { return Some(Value::Null) };
    Some(match (kind, value) {
        (ColumnType::Text, CqlValue::Text(text)) => Value::Text(text.into()),
        (ColumnType::Int, CqlValue::BigInt(number)) => Value::Int(number),
        (ColumnType::Timestamp, CqlValue::BigInt(micros)) => Value::Timestamp(Instante(micros)),
        (ColumnType::Decimal, CqlValue::Decimal(decimal)) => Value::Decimal(decimal_from_cql(&decimal)?),
        (ColumnType::Date, CqlValue::Date(CqlDate(days))) => {
            let days = i64::from(days) - CQL_EPOCH + UNIX_EPOCH_DAYS;
            Value::Date(NaiveDate::from_num_days_from_ce_opt(i32::try_from(days).ok()?)?)
        }
        (ColumnType::Bool, CqlValue::Boolean(yes)) => Value::Bool(yes),
        (ColumnType::Bytes, CqlValue::Blob(bytes)) => Value::Bytes(Bytes::from(bytes)),
        _ => return None,
    })
}

/// A row as a read selects it: key columns, plain ones, version.
///
/// # Errors
/// `Corrupt` when it is not of the table.
pub fn row(table: &'static Table, found: scylla::value::Row) -> Result<Row, TablesError> {
    let corrupt = || TablesError::Corrupt { table: table.name, what: "una fila no es de su tabla".to_owned() };
    let mut columns = found.columns.into_iter();
    let keys = table.partition.iter().chain(table.clustering.iter().map(|(column, _)| column));
    let mut take = |kind| columns.next().and_then(|value| from_cql(kind, value)).ok_or_else(corrupt);
    let key = keys.map(|column| take(column.kind)).collect::<Result<Vec<_>, _>>()?;
    let values = table.columns.iter().map(|column| take(column.kind)).collect::<Result<Vec<_>, _>>()?;
    let Value::Int(version) = take(ColumnType::Int)? else { return Err(corrupt()) };
    Ok(Row { key, values, version: version.cast_unsigned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(kind: ColumnType, value: &Value) -> Option<Value> {
        from_cql(kind, to_cql(value))
    }

    #[test]
    fn a_decimal_comes_back_with_its_digits_and_its_scale() {
        let around = |bit: u32| [(1_i128 << bit) - 1, 1_i128 << bit, -(1_i128 << bit), -(1_i128 << bit) - 1];
        let mut cases = 0;
        for mantissa in (0..97).flat_map(around).chain([0]) {
            for scale in [0, 1, 12, 28] {
                let Ok(decimal) = Decimal::try_from_i128_with_scale(mantissa, scale) else { continue };
                let found = back(ColumnType::Decimal, &Value::Decimal(decimal));
                assert_eq!(format!("{found:?}"), format!("{:?}", Some(Value::Decimal(decimal))));
                cases += 1;
            }
        }
        assert!(cases > 1_500, "{cases}");
    }

    #[test]
    fn dates_and_instants_come_back_and_other_types_do_not() {
        for date in ["1969-12-31", "1970-01-01", "2026-11-26", "9999-12-31"] {
            let value = Value::Date(date.parse().unwrap());
            assert_eq!(back(ColumnType::Date, &value), Some(value));
        }
        let at = Value::Timestamp(Instante(-1));
        assert_eq!(back(ColumnType::Timestamp, &at), Some(at.clone()));
        assert_eq!(back(ColumnType::Text, &at), None);
        assert_eq!(back(ColumnType::Decimal, &Value::Null), Some(Value::Null));
    }
}
