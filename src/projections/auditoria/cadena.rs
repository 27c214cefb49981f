//! The tables of the audit's chains. No projection feeds them: the sink of seals does (`audit::cadena::sumidero`).

use crate::{
    projections::rows::{int, text},
    tables::{Column, ColumnType, Order, Table},
};

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Bytes }
}

pub static AUDITORIA_CADENAS: Table = Table {
    name: "auditoria_cadenas",
    doc: "Hasta dónde va la cadena de cada partición del registro, y con qué sigue.",
    partition: &[text("particion")],
    clustering: &[],
    columns: &[
        int("hojas"),
        // The last link, and the roots of the perfect subtrees, the largest first.
        bytes("cabeza"),
        bytes("frontera"),
        // The position of the log after the last leaf.
        int("siguiente"),
    ],
};

pub static AUDITORIA_AZULEJOS: Table = Table {
    name: "auditoria_azulejos",
    doc: "Los nodos del árbol de cada cadena, de a 256: de ellos salen las pruebas de inclusión.",
    partition: &[text("particion"), int("nivel")],
    clustering: &[(int("indice"), Order::Asc)],
    // Of level 0, position and link of each leaf (40 bytes); of the others, hashes (32).
    columns: &[bytes("nodos")],
};

pub static AUDITORIA_SELLOS: Table = Table {
    name: "auditoria_sellos",
    doc: "Los sellos firmados de cada cadena, por las hojas que cubren.",
    partition: &[text("particion")],
    clustering: &[(int("hojas"), Order::Asc)],
    columns: &[text("nota")],
};

/// Every table of the chains.
pub static TABLAS_DE_CADENA: &[&Table] = &[&AUDITORIA_CADENAS, &AUDITORIA_AZULEJOS, &AUDITORIA_SELLOS];
