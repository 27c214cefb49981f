//! `existencias`: the stock of each product in each bodega, with its lots in FIFO order.

use super::rows::{boolean, date, decimal, int, text, timestamp};
use crate::tables::{Order, Table};

pub static EXISTENCIAS: Table = Table {
    name: "existencias",
    doc: "La existencia de un producto en una bodega, o en todas.",
    partition: &[text("producto_id")],
    clustering: &[(text("bodega_id"), Order::Asc)],
    columns: &[
        decimal("stock"),
        decimal("reservado"),
        decimal("valor"),
        decimal("stock_minimo"),
        boolean("bajo_minimo"),
        int("siguiente_secuencia"),
        text("reservas"),
        timestamp("creado_en"),
        timestamp("actualizado_en"),
        boolean("incompleta"),
        boolean("cuarentena"),
    ],
};

pub static EXISTENCIAS_LOTES: Table = Table {
    name: "existencias_lotes",
    doc: "Los lotes con saldo de un producto en una bodega, en orden FIFO.",
    partition: &[text("producto_id"), text("bodega_id")],
    clustering: &[(date("fecha_ingreso"), Order::Asc), (int("secuencia"), Order::Asc)],
    columns: &[text("lote_id"), decimal("cantidad"), decimal("costo_unitario"), date("fecha_caducidad"), text("origen_lote_id")],
};
