//! The steps of an invoice's saga: ReservarStock, ConfirmarReserva, LiberarReserva. A repeated step answers the same and
//! records nothing.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{
    DecisionInventario, falla_de_cifras, falla_sin_inventario, falla_sin_stock,
    salidas::{DatosReduccion, falla_de_lotes, reducir},
};
use crate::defectos::{Defecto, plantado};
use crate::domain::{
    ContextoDecision, Rechazo, ResultadoPaso,
    inventario::{
        Confirmacion, EventoInventario, Inventario, MotivoSalida, Referencia, Reserva,
        fifo::{Criterio, Toma, demasiados_lotes},
        restar,
    },
    reglas::{Falla, Regla},
    valores::{Cantidad, Id},
};

pub(super) fn reservar(
    estado: Option<&Inventario>,
    inventario_id: &Id,
    reserva_id: &Id,
    cantidad: Cantidad,
    fecha: NaiveDate,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionInventario, Rechazo> {
    let Some(inventario) = estado else {
        return Err(Rechazo::de(falla_sin_inventario(Regla::InventarioExisteParaFactura, inventario_id)));
    };
    if inventario.reservas.contains_key(reserva_id) || inventario.resumen.confirmadas.contains(reserva_id) {
        return Ok(DecisionInventario::responde(Vec::new(), ResultadoPaso::StockReservado));
    }
    if inventario.resumen.liberadas.contains(reserva_id) {
        let falla = Falla::simple(Regla::ReservaCancelada, "/reserva_id").con("reserva_id", reserva_id);
        return Err(Rechazo::de(falla));
    }
    let disponible = if plantado(Defecto::ReservaSinDisponible) {
        inventario.stock
    } else {
        inventario.disponible(fecha, ctx.emisor.vender_vencidos)
    };
    if let Some(falla) = falla_de_reserva(inventario, cantidad, disponible, fecha, ctx) {
        return Err(Rechazo::de(falla));
    }
    let evento = EventoInventario::StockReservado {
        inventario_id: inventario.inventario_id.clone(),
        reserva_id: reserva_id.clone(),
        cantidad,
        fecha,
        disponible_resultante: restar(disponible, cantidad).unwrap_or_default(),
    };
    Ok(DecisionInventario::responde(vec![evento], ResultadoPaso::StockReservado))
}

/// The checks exclude each other, so there is at most one failure. All that could stop the confirmation is checked here;
/// only the number of lots can still grow until then, and it does not stop it.
fn falla_de_reserva(
    inventario: &Inventario,
    cantidad: Cantidad,
    disponible: Cantidad,
    fecha: NaiveDate,
    ctx: &ContextoDecision<'_>,
) -> Option<Falla> {
    if cantidad.es_cero() {
        return Some(Falla::simple(Regla::CantidadInvalida, "/cantidad"));
    }
    if cantidad > disponible {
        return Some(falla_sin_stock(Regla::StockSuficienteParaFactura, inventario, cantidad, disponible));
    }
    if !inventario.caben_las_cifras(inventario.stock.valor(), cantidad.valor()) {
        return Some(falla_de_cifras(inventario));
    }
    let criterio = Criterio::vendibles(fecha, ctx.emisor.vender_vencidos);
    demasiados_lotes(&inventario.lotes, cantidad, criterio).then(falla_de_lotes)
}

pub(super) fn confirmar(
    estado: Option<&Inventario>,
    reserva_id: &Id,
    movimiento_id: &Id,
    referencia: &Referencia,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionInventario, Rechazo> {
    if let Some((inventario, reserva)) = estado.and_then(|i| i.reservas.get(reserva_id).map(|r| (i, r))) {
        return Ok(consumar(inventario, reserva, reserva_id, movimiento_id, referencia, ctx));
    }
    let hecha = estado.and_then(|inventario| confirmada(inventario, reserva_id));
    let Some(hecha) = hecha else {
        return Err(Rechazo::de(Falla::simple(Regla::ReservaInexistente, "/reserva_id").con("reserva_id", reserva_id)));
    };
    let resultado = ResultadoPaso::ReservaConfirmada { lotes: Arc::clone(&hecha.lotes), costo_total: hecha.costo_total };
    Ok(DecisionInventario::responde(Vec::new(), resultado))
}

fn confirmada<'a>(inventario: &'a Inventario, reserva_id: &Id) -> Option<&'a Confirmacion> {
    if !inventario.resumen.confirmadas.contains(reserva_id) {
        return None;
    }
    inventario.confirmadas.iter().rev().find(|c| c.reserva_id == *reserva_id)
}

/// Chooses the lots, in FIFO order: first those not expired on the day the reservation was granted for. Should they have been
/// written off meanwhile, the reservation is honoured from the others.
fn consumar(
    inventario: &Inventario,
    reserva: &Reserva,
    reserva_id: &Id,
    movimiento_id: &Id,
    referencia: &Referencia,
    ctx: &ContextoDecision<'_>,
) -> DecisionInventario {
    let criterio = Criterio::vendibles(reserva.fecha, ctx.emisor.vender_vencidos);
    let mut toma = Toma::de(reserva.cantidad).tomar(&inventario.lotes, criterio);
    if !toma.completa() && criterio != Criterio::Todos {
        toma = toma.tomar(&inventario.lotes, Criterio::Vencidos(reserva.fecha));
    }
    let datos = DatosReduccion {
        movimiento_id,
        motivo: MotivoSalida::Venta,
        referencia: Some(referencia),
        reserva_id: Some(reserva_id),
        reservado: restar(inventario.reservado, reserva.cantidad).unwrap_or_default(),
        cantidad: reserva.cantidad,
        fecha: reserva.fecha,
    };
    let (lotes, costo_total, eventos) = reducir(inventario, toma, &datos, ctx);
    DecisionInventario::responde(eventos, ResultadoPaso::ReservaConfirmada { lotes, costo_total })
}

/// Releases what was held. Of an unknown reservation the release is recorded, so that a late ReservarStock is refused.
pub(super) fn liberar(
    estado: Option<&Inventario>,
    reserva_id: &Id,
    causa: &Arc<str>,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionInventario, Rechazo> {
    // Without Inventario nothing can be held, nor be granted later: commands of one key arrive in order.
    let Some(inventario) = estado.filter(|i| !i.resumen.liberadas.contains(reserva_id)) else {
        return Ok(DecisionInventario::responde(Vec::new(), ResultadoPaso::ReservaLiberada));
    };
    if inventario.resumen.confirmadas.contains(reserva_id) {
        let falla = Falla::simple(Regla::ReservaYaConfirmada, "/reserva_id").con("reserva_id", reserva_id);
        return Err(Rechazo::de(falla));
    }
    let reserva = inventario.reservas.get(reserva_id);
    if plantado(Defecto::LiberacionSinLapida) && reserva.is_none() {
        return Ok(DecisionInventario::responde(Vec::new(), ResultadoPaso::ReservaLiberada));
    }
    let fecha = reserva.map_or(ctx.hoy, |r| r.fecha);
    let libera = reserva.map_or(Cantidad::CERO, |r| r.cantidad);
    let reservado = restar(inventario.reservado, libera).unwrap_or_default();
    let vencido = inventario.vencido_en(fecha, ctx.emisor.vender_vencidos);
    let evento = EventoInventario::ReservaLiberada {
        inventario_id: inventario.inventario_id.clone(),
        reserva_id: reserva_id.clone(),
        causa: causa.clone(),
        disponible_resultante: inventario.disponible_con(inventario.stock, reservado, vencido),
    };
    Ok(DecisionInventario::responde(vec![evento], ResultadoPaso::ReservaLiberada))
}
