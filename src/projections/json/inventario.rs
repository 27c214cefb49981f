//! Lots and movements in JSON.

use serde_json::{Value, json};

use super::{cifra, fecha, fecha_opcional};
use crate::domain::inventario::{LoteConsumido, Movimiento, Referencia};

pub fn lote_consumido(lote: &LoteConsumido) -> Value {
    json!({
        "lote_id": lote.lote_id.as_str(),
        "secuencia": lote.secuencia,
        "fecha_ingreso": fecha(lote.fecha_ingreso),
        "fecha_caducidad": fecha_opcional(lote.fecha_caducidad),
        "cantidad": cifra(lote.cantidad.valor()),
        "costo_unitario": cifra(lote.costo_unitario.valor()),
    })
}

pub fn referencia(referencia: &Referencia) -> Value {
    json!({ "tipo": &*referencia.tipo, "id": &*referencia.id, "numero": super::texto_opcional(referencia.numero.as_ref()) })
}

/// The body of StockIncrementado and StockReducido.
pub fn movimiento<M>(movimiento: &Movimiento<M>, motivo: &str) -> Value {
    json!({
        "inventario_id": movimiento.inventario_id.as_str(),
        "producto_id": movimiento.producto_id.as_str(),
        "bodega_id": movimiento.bodega_id.as_str(),
        "movimiento_id": movimiento.movimiento_id.as_str(),
        "motivo": motivo,
        "referencia": movimiento.referencia.as_ref().map(referencia),
        "reserva_id": movimiento.reserva_id.as_ref().map(ToString::to_string),
        "cantidad": cifra(movimiento.cantidad.valor()),
        "costo_total": cifra(movimiento.costo_total.valor()),
        "lotes": movimiento.lotes.iter().map(lote_consumido).collect::<Value>(),
        "stock_resultante": cifra(movimiento.stock_resultante.valor()),
        "disponible_resultante": cifra(movimiento.disponible_resultante.valor()),
    })
}
