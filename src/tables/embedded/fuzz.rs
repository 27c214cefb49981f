//! Laws of stored keys and rows, for the fuzz targets (`tests/fuzz`): the checksum is made right first, so that the reader behind it is
//! reached. Each panics when a law is broken and says whether the bytes were read.

use super::{key, row};
use crate::tables::{Column, ColumnType, Order, Table};

const fn column(name: &'static str, kind: ColumnType) -> Column {
    Column { name, kind }
}

/// A table with every type where it may stand.
static TODAS: Table = Table {
    name: "todas",
    doc: "",
    partition: &[column("p", ColumnType::Text)],
    clustering: &[
        (column("t", ColumnType::Text), Order::Desc),
        (column("i", ColumnType::Int), Order::Asc),
        (column("d", ColumnType::Date), Order::Desc),
        (column("s", ColumnType::Timestamp), Order::Desc),
        (column("b", ColumnType::Bool), Order::Desc),
    ],
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

/// A key that is read and written again is the same bytes: the order of keys rests on it.
pub fn clave(datos: &[u8]) -> bool {
    let Some(read) = key::decode(&TODAS, datos) else { return false };
    assert_eq!(key::encode(&TODAS, &read).ok().as_deref(), Some(datos).filter(|d| d.len() <= key::MAX_KEY));
    true
}

/// A row that is read can be written, and is then read the same.
pub fn fila(datos: &[u8]) -> bool {
    let key = b"clave";
    let sealed = row::sealed(key, datos);
    let Some(read) = row::decode(&TODAS, key, &sealed) else { return false };
    assert_eq!(row::version(key, &sealed), Some(read.version));
    let written = match &read.values {
        Some(values) => row::encode(&TODAS, key, values, read.version).expect("una fila leída se puede escribir"),
        None => row::tombstone(key, read.version),
    };
    assert_eq!(row::decode(&TODAS, key, &written), Some(read), "lo escrito otra vez se lee igual");
    true
}
