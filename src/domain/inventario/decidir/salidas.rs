//! RegistrarSalida: adjustments and returns to the supplier, in FIFO order, all or nothing.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{
    DecisionInventario, aviso_de_minimo, cantidad_que_mueve, falla_de_cifras, falla_sin_inventario, falla_sin_stock,
    stock_tras_salida,
};
use crate::domain::{
    ContextoDecision, Rechazo,
    inventario::{
        EventoInventario, Inventario, LoteConsumido, MAX_LOTES_POR_SALIDA, MotivoSalida, Movimiento, Referencia,
        fifo::{Criterio, Toma, demasiados_lotes},
        restar,
    },
    reglas::{Falla, Regla},
    valores::{Cantidad, CostoTotal, Decimal, Id},
};

pub(super) struct Salida<'a> {
    pub(super) movimiento_id: &'a Id,
    pub(super) motivo: MotivoSalida,
    pub(super) cantidad: Decimal,
    pub(super) fecha: NaiveDate,
    pub(super) referencia: Option<&'a Referencia>,
}

pub(super) fn registrar(
    estado: Option<&Inventario>,
    inventario_id: &Id,
    salida: &Salida<'_>,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionInventario, Rechazo> {
    let mut fallas = Vec::new();
    if estado.is_none() {
        fallas.push(falla_sin_inventario(Regla::InventarioNoExiste, inventario_id));
    }
    if salida.motivo == MotivoSalida::Venta {
        let mensaje = "una venta sale por su factura (reserva y confirmación), no por un registro directo";
        fallas.push(Falla::new(Regla::EstadoValido, "/motivo", mensaje));
    }
    let cantidad = cantidad_que_mueve(salida.cantidad).map_err(|falla| fallas.push(falla)).ok();
    if let (Some(inventario), Some(cantidad)) = (estado, cantidad) {
        fallas.extend(falla_de_existencias(inventario, cantidad, salida, ctx));
        if fallas.is_empty() {
            return Ok(DecisionInventario::registra(eventos(inventario, cantidad, salida, ctx)));
        }
    }
    Err(Rechazo::new(fallas))
}

/// An adjustment ignores expiry, so that expired goods can be written off; a return to the supplier does not.
fn criterio(salida: &Salida<'_>, ctx: &ContextoDecision<'_>) -> Criterio {
    if salida.motivo == MotivoSalida::Ajuste {
        return Criterio::Todos;
    }
    Criterio::vendibles(salida.fecha, ctx.emisor.vender_vencidos)
}

/// No exit takes what reservations hold.
fn falla_de_existencias(
    inventario: &Inventario,
    cantidad: Cantidad,
    salida: &Salida<'_>,
    ctx: &ContextoDecision<'_>,
) -> Option<Falla> {
    let criterio = criterio(salida, ctx);
    let disponible = inventario.disponible(salida.fecha, criterio == Criterio::Todos);
    if cantidad > disponible {
        return Some(falla_sin_stock(Regla::StockInsuficiente, inventario, cantidad, disponible));
    }
    if !inventario.caben_las_cifras(inventario.stock.valor(), cantidad.valor()) {
        return Some(falla_de_cifras(inventario));
    }
    demasiados_lotes(&inventario.lotes, cantidad, criterio).then(falla_de_lotes)
}

pub(super) fn falla_de_lotes() -> Falla {
    let mensaje = format!("la salida tomaría más de {MAX_LOTES_POR_SALIDA} lotes: divídala en cantidades menores");
    Falla::new(Regla::DemasiadosLotes, "/cantidad", mensaje).con("maximo", MAX_LOTES_POR_SALIDA)
}

fn eventos(inventario: &Inventario, cantidad: Cantidad, salida: &Salida<'_>, ctx: &ContextoDecision<'_>) -> Vec<EventoInventario> {
    let toma = Toma::de(cantidad).tomar(&inventario.lotes, criterio(salida, ctx));
    let datos = DatosReduccion {
        movimiento_id: salida.movimiento_id,
        motivo: salida.motivo,
        referencia: salida.referencia,
        reserva_id: None,
        reservado: inventario.reservado,
        cantidad,
        fecha: salida.fecha,
    };
    reducir(inventario, toma, &datos, ctx).2
}

/// What a StockReducido says besides its lots.
pub(super) struct DatosReduccion<'a> {
    pub(super) movimiento_id: &'a Id,
    pub(super) motivo: MotivoSalida,
    pub(super) referencia: Option<&'a Referencia>,
    pub(super) reserva_id: Option<&'a Id>,
    /// What stays reserved afterwards.
    pub(super) reservado: Cantidad,
    pub(super) cantidad: Cantidad,
    pub(super) fecha: NaiveDate,
}

/// The lots of an exit, its cost and its events: StockReducido and, when the stock falls below its minimum, StockBajo.
pub(super) fn reducir(
    inventario: &Inventario,
    toma: Toma,
    datos: &DatosReduccion<'_>,
    ctx: &ContextoDecision<'_>,
) -> (Arc<[LoteConsumido]>, CostoTotal, Vec<EventoInventario>) {
    assert!(toma.completa(), "{}: los lotes no alcanzan para el stock", inventario.inventario_id);
    let costo_total = toma.costo_total();
    assert!(costo_total.is_some(), "{}: el costo de la salida no cabe", inventario.inventario_id);
    let costo_total = costo_total.unwrap_or_default();
    let stock = stock_tras_salida(inventario, datos.cantidad);
    assert!(restar(stock, datos.reservado).is_some(), "{}: la salida toma stock reservado", inventario.inventario_id);
    let vencido = vencido_tras(inventario, &toma, datos.fecha, ctx);
    let lotes: Arc<[LoteConsumido]> = toma.lotes.into();
    let reduccion = Movimiento {
        inventario_id: inventario.inventario_id.clone(),
        producto_id: inventario.producto_id.clone(),
        bodega_id: inventario.bodega_id.clone(),
        movimiento_id: datos.movimiento_id.clone(),
        motivo: datos.motivo,
        referencia: datos.referencia.cloned(),
        reserva_id: datos.reserva_id.cloned(),
        cantidad: datos.cantidad,
        costo_total,
        lotes: Arc::clone(&lotes),
        stock_resultante: stock,
        disponible_resultante: inventario.disponible_con(stock, datos.reservado, vencido),
    };
    let mut eventos = vec![EventoInventario::StockReducido(Box::new(reduccion))];
    eventos.extend(aviso_de_minimo(inventario, stock));
    (lotes, costo_total, eventos)
}

/// Expired quantity left once the exit took its lots.
fn vencido_tras(inventario: &Inventario, toma: &Toma, fecha: NaiveDate, ctx: &ContextoDecision<'_>) -> Decimal {
    let antes = inventario.vencido_en(fecha, ctx.emisor.vender_vencidos);
    if antes.is_zero() {
        return antes;
    }
    let vencidos = toma.lotes.iter().filter(|l| l.fecha_caducidad.is_some_and(|caduca| caduca < fecha));
    antes - vencidos.map(|l| l.cantidad.valor()).sum::<Decimal>()
}
