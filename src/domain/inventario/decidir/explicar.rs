//! What a sale would take, decided by the very code of real sales and changing nothing.

use std::sync::Arc;

use chrono::NaiveDate;

use super::decidir;
use crate::domain::{
    ContextoDecision, Rechazo,
    inventario::{ComandoInventario, EventoInventario, Inventario, MotivoSalida, Movimiento, Referencia, evolucionar},
    valores::{Cantidad, Id},
};

/// Name of the sale that is tried; no invoice can have it, because ids are not empty parts.
const ENSAYO: &[&str] = &["", "ensayo"];

/// The exit that a sale of `cantidad` on the date would be: its lots in FIFO order, its exact cost, and what would be left.
/// A copy of the state is reserved and confirmed as an invoice does it.
///
/// # Errors
/// Why the sale would be refused, as an invoice is told.
///
/// # Panics
/// As [`decidir`].
pub fn explicar_salida(
    estado: Option<&Inventario>,
    inventario_id: &Id,
    cantidad: Cantidad,
    fecha: NaiveDate,
    ctx: &ContextoDecision<'_>,
) -> Result<Movimiento<MotivoSalida>, Rechazo> {
    let mut ensayo = estado.cloned();
    let reserva_id = Id::compuesto(ENSAYO);
    let reservar =
        ComandoInventario::ReservarStock { inventario_id: inventario_id.clone(), reserva_id: reserva_id.clone(), cantidad, fecha };
    for evento in decidir(ensayo.as_ref(), &reservar, ctx)?.eventos {
        evolucionar(&mut ensayo, &evento);
    }
    let confirmar = ComandoInventario::ConfirmarReserva {
        inventario_id: inventario_id.clone(),
        movimiento_id: reserva_id.clone(),
        reserva_id,
        referencia: Referencia { tipo: Arc::from("ENSAYO"), id: Arc::from(""), numero: None },
    };
    let salida = decidir(ensayo.as_ref(), &confirmar, ctx)?.eventos.into_iter().find_map(|evento| match evento {
        EventoInventario::StockReducido(movimiento) => Some(*movimiento),
        _ => None,
    });
    Ok(salida.unwrap_or_else(|| unreachable!("una reserva concedida se confirma con una salida")))
}
