//! Values of the port to and from those of the driver.

use bytes::Bytes;
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use scylla::{
    frame::response::result::ColumnType as Kind,
    serialize::{
        SerializationError,
        value::SerializeValue,
        writers::{CellWriter, WrittenCellProof},
    },
    value::{CqlDate, CqlDecimal, CqlDecimalBorrowed, CqlValue},
};

use crate::{
    domain::valores::Instante,
    tables::{ColumnType, Row, Table, TablesError, Value},
};

/// A value to bind. Texts and bytes are shared with the row they come of.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    Set(Value),
    /// Of CQL's narrower `int`.
    Small(i32),
    /// Left as it is.
    Unset,
}

/// 1970-01-01 as days since 0001-01-01, and where CQL's dates have it.
const UNIX_EPOCH_DAYS: i64 = 719_163;
const CQL_EPOCH: i64 = 1 << 31;

impl SerializeValue for Bound {
    fn serialize<'b>(&self, kind: &Kind<'_>, cell: CellWriter<'b>) -> Result<WrittenCellProof<'b>, SerializationError> {
        match self {
            Self::Unset => Ok(cell.set_unset()),
            Self::Small(number) => number.serialize(kind, cell),
            Self::Set(Value::Null) => Ok(cell.set_null()),
            Self::Set(Value::Text(text)) => text.serialize(kind, cell),
            Self::Set(Value::Int(number)) => number.serialize(kind, cell),
            Self::Set(Value::Timestamp(at)) => at.micros().serialize(kind, cell),
            Self::Set(Value::Decimal(decimal)) => decimal_to_cql(decimal, |decimal| decimal.serialize(kind, cell)),
            Self::Set(Value::Date(date)) => date_to_cql(*date).serialize(kind, cell),
            Self::Set(Value::Bool(yes)) => yes.serialize(kind, cell),
            Self::Set(Value::Bytes(bytes)) => bytes.serialize(kind, cell),
        }
    }
}

fn date_to_cql(date: NaiveDate) -> CqlDate {
    let days = i64::from(date.num_days_from_ce()) - UNIX_EPOCH_DAYS + CQL_EPOCH;
    // Years of chrono are within ±262,143: far from the ends of 32 bits.
    CqlDate(u32::try_from(days).unwrap_or_default())
}

/// A null is written as one, so that it covers what an older version of the row had.
pub fn set(value: &Value) -> Bound {
    Bound::Set(value.clone())
}

/// For rows that are written once: there is nothing to cover, and a null would leave a mark behind.
pub fn set_or_leave(value: &Value) -> Bound {
    if *value == Value::Null { Bound::Unset } else { set(value) }
}

pub fn number(value: i64) -> Bound {
    Bound::Set(Value::Int(value))
}

pub fn text(value: &str) -> Bound {
    Bound::Set(Value::Text(value.into()))
}

pub fn blob(bytes: &[u8]) -> Bound {
    Bound::Set(Value::Bytes(Bytes::copy_from_slice(bytes)))
}

pub fn place_of(consumer: &str, topic: u16, partition: u16) -> Vec<Bound> {
    vec![text(consumer), Bound::Small(i32::from(topic)), Bound::Small(i32::from(partition))]
}

/// The time of a write of this version. Versions stay far below 2^63; beyond it they are one.
pub fn write_time(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn decimal_to_cql<T>(decimal: &Decimal, then: impl FnOnce(CqlDecimalBorrowed<'_>) -> T) -> T {
    let bytes = decimal.mantissa().to_be_bytes();
    // The shortest two's complement: leading bytes that only repeat the sign are left out.
    let sign = if decimal.mantissa() < 0 { 0xFF } else { 0 };
    let repeats = |i: &usize| bytes[*i] == sign && (bytes[*i + 1] ^ sign) & 0x80 == 0;
    let start = (0..bytes.len() - 1).take_while(repeats).count();
    let scale = i32::try_from(decimal.scale()).unwrap_or_default();
    then(CqlDecimalBorrowed::from_signed_be_bytes_slice_and_exponent(&bytes[start..], scale))
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
    use scylla::{
        deserialize::{FrameSlice, value::DeserializeValue},
        frame::response::result::NativeType,
    };

    use super::*;

    /// What comes back, as a column of `kind`, of a value that was written.
    fn back(kind: ColumnType, value: &Value) -> Option<Value> {
        let of_cql = |native| Kind::Native(native);
        let written_as = match value {
            Value::Decimal(_) => of_cql(NativeType::Decimal),
            Value::Date(_) => of_cql(NativeType::Date),
            Value::Text(_) => of_cql(NativeType::Text),
            Value::Bytes(_) => of_cql(NativeType::Blob),
            Value::Bool(_) => of_cql(NativeType::Boolean),
            _ => of_cql(NativeType::BigInt),
        };
        let mut cell = Vec::new();
        set(value).serialize(&written_as, CellWriter::new(&mut cell)).unwrap();
        let (length, bytes) = cell.split_at(4);
        let length = i32::from_be_bytes(length.try_into().unwrap());
        let bytes = Bytes::copy_from_slice(bytes);
        let read = usize::try_from(length).ok().map(|length| {
            assert_eq!(length, bytes.len());
            CqlValue::deserialize(&written_as, Some(FrameSlice::new(&bytes))).unwrap()
        });
        from_cql(kind, read)
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
        for (kind, value) in [
            (ColumnType::Text, Value::Text("ñ".into())),
            (ColumnType::Text, Value::Text("".into())),
            (ColumnType::Int, Value::Int(i64::MIN)),
            (ColumnType::Bool, Value::Bool(true)),
            (ColumnType::Bytes, Value::Bytes(Bytes::from_static(&[0, 255]))),
        ] {
            assert_eq!(back(kind, &value), Some(value));
        }
    }

    #[test]
    fn what_is_written_once_leaves_no_mark_where_there_is_nothing() {
        assert_eq!(set_or_leave(&Value::Null), Bound::Unset);
        assert_eq!(set_or_leave(&Value::Int(3)), set(&Value::Int(3)));
        let mut cell = Vec::new();
        Bound::Unset.serialize(&Kind::Native(NativeType::BigInt), CellWriter::new(&mut cell)).unwrap();
        assert_eq!(cell, (-2_i32).to_be_bytes());
    }
}
