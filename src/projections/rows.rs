//! Small helpers over rows: building values and reading columns back with their types.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;

use crate::{
    domain::valores::{Id, Instante},
    tables::{Column, ColumnType, Row, Table, TablesError, Value},
};

pub const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Text }
}

pub const fn int(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Int }
}

pub const fn decimal(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Decimal }
}

pub const fn date(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Date }
}

pub const fn timestamp(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Timestamp }
}

pub const fn boolean(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Bool }
}

pub const fn bytes(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Bytes }
}

pub fn text_value(text: &str) -> Value {
    Value::Text(Arc::from(text))
}

/// The text of a JSON value, written without the detour through `Display`.
pub fn json_value(json: &impl Serialize) -> Value {
    let texto = serde_json::to_string(json).unwrap_or_else(|e| unreachable!("un valor JSON siempre se escribe: {e}"));
    Value::Text(Arc::from(texto))
}

pub fn id_value(id: &Id) -> Value {
    text_value(id.as_str())
}

/// Shares the text instead of copying it.
pub fn optional_text(text: Option<&Arc<str>>) -> Value {
    text.map_or(Value::Null, |t| Value::Text(Arc::clone(t)))
}

pub fn optional_id(id: Option<&Id>) -> Value {
    id.map_or(Value::Null, id_value)
}

pub fn optional_date(date: Option<NaiveDate>) -> Value {
    date.map_or(Value::Null, Value::Date)
}

/// Versions, sequences and positions: they stay far below `i64::MAX`, and clamp there.
pub fn int_value(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Typed reads of a row's columns by name; what has another type is `Corrupt`.
pub struct Columns<'a> {
    table: &'static Table,
    row: &'a Row,
}

impl<'a> Columns<'a> {
    pub fn new(table: &'static Table, row: &'a Row) -> Self {
        Self { table, row }
    }

    pub fn version(&self) -> u64 {
        self.row.version
    }

    /// The value of a key or plain column.
    ///
    /// # Errors
    /// `Corrupt` when the row is shorter than its declaration or has no such column.
    pub fn value(&self, name: &str) -> Result<&'a Value, TablesError> {
        let table = self.table;
        if let Some(at) = table.columns.iter().position(|c| c.name == name) {
            return self.row.values.get(at).ok_or_else(|| self.corrupt(name));
        }
        let clustering = table.clustering.iter().map(|(c, _)| c);
        let at = table.partition.iter().chain(clustering).position(|c| c.name == name);
        at.and_then(|at| self.row.key.get(at)).ok_or_else(|| self.corrupt(name))
    }

    pub(super) fn corrupt(&self, name: &str) -> TablesError {
        TablesError::Corrupt { table: self.table.name, what: format!("la columna {name} falta o es de otro tipo") }
    }

    /// # Errors
    /// `Corrupt`, as for the other readers below, when the type is another.
    pub fn optional_text(&self, name: &str) -> Result<Option<&'a Arc<str>>, TablesError> {
        match self.value(name)? {
            Value::Text(t) => Ok(Some(t)),
            Value::Null => Ok(None),
            _ => Err(self.corrupt(name)),
        }
    }

    /// # Errors
    /// `Corrupt`.
    pub fn text(&self, name: &str) -> Result<&'a Arc<str>, TablesError> {
        self.optional_text(name)?.ok_or_else(|| self.corrupt(name))
    }

    /// # Errors
    /// `Corrupt`.
    pub fn id(&self, name: &str) -> Result<Id, TablesError> {
        Id::de_clave(self.text(name)?).map_err(|_| self.corrupt(name))
    }

    /// # Errors
    /// `Corrupt`.
    pub fn optional_id(&self, name: &str) -> Result<Option<Id>, TablesError> {
        self.optional_text(name)?.map(|t| Id::de_clave(t).map_err(|_| self.corrupt(name))).transpose()
    }

    /// # Errors
    /// `Corrupt`.
    pub fn optional_int(&self, name: &str) -> Result<Option<u64>, TablesError> {
        match self.value(name)? {
            Value::Int(n) => u64::try_from(*n).map(Some).map_err(|_| self.corrupt(name)),
            Value::Null => Ok(None),
            _ => Err(self.corrupt(name)),
        }
    }

    /// # Errors
    /// `Corrupt`.
    pub fn int(&self, name: &str) -> Result<u64, TablesError> {
        self.optional_int(name)?.ok_or_else(|| self.corrupt(name))
    }

    /// A count that may have gone below zero.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn signed(&self, name: &str) -> Result<i64, TablesError> {
        match self.value(name)? {
            Value::Int(n) => Ok(*n),
            _ => Err(self.corrupt(name)),
        }
    }

    /// # Errors
    /// `Corrupt`.
    pub fn optional_decimal(&self, name: &str) -> Result<Option<Decimal>, TablesError> {
        match self.value(name)? {
            Value::Decimal(d) => Ok(Some(*d)),
            Value::Null => Ok(None),
            _ => Err(self.corrupt(name)),
        }
    }

    /// # Errors
    /// `Corrupt`.
    pub fn decimal(&self, name: &str) -> Result<Decimal, TablesError> {
        self.optional_decimal(name)?.ok_or_else(|| self.corrupt(name))
    }

    /// A decimal type with limits.
    ///
    /// # Errors
    /// `Corrupt`, also when the value is out of its limits.
    pub fn limited<T, E>(&self, name: &str, new: fn(Decimal) -> Result<T, E>) -> Result<T, TablesError> {
        new(self.decimal(name)?).map_err(|_| self.corrupt(name))
    }

    /// # Errors
    /// `Corrupt`.
    pub fn optional_date(&self, name: &str) -> Result<Option<NaiveDate>, TablesError> {
        match self.value(name)? {
            Value::Date(d) => Ok(Some(*d)),
            Value::Null => Ok(None),
            _ => Err(self.corrupt(name)),
        }
    }

    /// # Errors
    /// `Corrupt`.
    pub fn date(&self, name: &str) -> Result<NaiveDate, TablesError> {
        self.optional_date(name)?.ok_or_else(|| self.corrupt(name))
    }

    /// # Errors
    /// `Corrupt`.
    pub fn timestamp(&self, name: &str) -> Result<Instante, TablesError> {
        match self.value(name)? {
            Value::Timestamp(t) => Ok(*t),
            _ => Err(self.corrupt(name)),
        }
    }

    /// # Errors
    /// `Corrupt`.
    pub fn boolean(&self, name: &str) -> Result<bool, TablesError> {
        match self.value(name)? {
            Value::Bool(b) => Ok(*b),
            _ => Err(self.corrupt(name)),
        }
    }

    /// # Errors
    /// `Corrupt`.
    pub fn optional_bytes(&self, name: &str) -> Result<Option<&'a bytes::Bytes>, TablesError> {
        match self.value(name)? {
            Value::Bytes(b) => Ok(Some(b)),
            Value::Null => Ok(None),
            _ => Err(self.corrupt(name)),
        }
    }
}
