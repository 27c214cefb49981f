//! A table's shape as text, kept beside its rows so that a changed declaration is refused.

use std::fmt::Write as _;

use crate::tables::{ColumnType, Order, Table, TablesError};

/// The shape of a table.
///
/// # Errors
/// `Shape` when the declaration itself is not one the port allows.
pub(super) fn text(table: &'static Table) -> Result<String, TablesError> {
    let wrong = |what: String| Err(TablesError::Shape { table: table.name, what });
    if table.name.is_empty() || table.name.len() > 100 || table.name == "control" {
        return wrong("su nombre no sirve: de 1 a 100 bytes y distinto de «control»".to_owned());
    }
    if table.partition.is_empty() {
        return wrong("no tiene columnas de partición".to_owned());
    }
    let keys = table.partition.iter().chain(table.clustering.iter().map(|(c, _)| c));
    for column in keys {
        if matches!(column.kind, ColumnType::Decimal | ColumnType::Bytes) {
            return wrong(format!("la columna «{}» no puede ser de clave", column.name));
        }
    }
    let mut out = String::new();
    for column in table.partition {
        let _ = write!(out, "{} {:?}, ", column.name, column.kind);
    }
    out.push('|');
    for (column, order) in table.clustering {
        let order = if *order == Order::Desc { " desc" } else { "" };
        let _ = write!(out, " {} {:?}{order},", column.name, column.kind);
    }
    out.push('|');
    for column in table.columns {
        let _ = write!(out, " {} {:?},", column.name, column.kind);
    }
    Ok(out)
}

pub(super) fn changed(table: &'static Table, stored: &str, declared: &str) -> TablesError {
    TablesError::Shape {
        table: table.name,
        what: format!(
            "la guardada es «{stored}» y este programa declara «{declared}»: la escribió otra versión; use esa versión, o borre la carpeta de \
             tablas y se reconstruirá desde el registro"
        ),
    }
}
