//! RegistrarEntrada: one new lot. A backdated one only takes its place in the queue.

use chrono::NaiveDate;

use super::{DecisionInventario, cabe_el_valor, cantidad_que_mueve, falla_de_cifras, falla_de_valor, falla_sin_inventario};
use crate::domain::{
    ContextoDecision, Rechazo,
    inventario::{
        EventoInventario, Inventario, LoteConsumido, MAX_LOTES_VIVOS, MotivoEntrada, Movimiento, Referencia,
        VALOR_MAXIMO_POR_ENTRADAS, costo, sumar,
    },
    reglas::{Falla, Regla},
    valores::{Cantidad, CostoTotal, CostoUnitario, Decimal, Id},
};

pub(super) struct Entrada<'a> {
    pub(super) movimiento_id: &'a Id,
    pub(super) motivo: MotivoEntrada,
    pub(super) cantidad: Decimal,
    pub(super) costo_unitario: Decimal,
    pub(super) fecha_ingreso: NaiveDate,
    pub(super) fecha_caducidad: Option<NaiveDate>,
    pub(super) referencia: Option<&'a Referencia>,
}

/// What an entry brings once every check passed.
struct Cifras {
    cantidad: Cantidad,
    costo_unitario: CostoUnitario,
    costo_total: CostoTotal,
    stock: Cantidad,
}

pub(super) fn registrar(
    estado: Option<&Inventario>,
    inventario_id: &Id,
    entrada: &Entrada<'_>,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionInventario, Rechazo> {
    let mut fallas = Vec::new();
    if estado.is_none() {
        fallas.push(falla_sin_inventario(Regla::InventarioNoExiste, inventario_id));
    }
    if estado.is_some_and(|inventario| inventario.lotes.len() >= MAX_LOTES_VIVOS) {
        let mensaje =
            "el inventario ya tiene demasiados lotes con existencias: reúna en una entrada lo que ingresa a un mismo costo";
        fallas.push(Falla::new(Regla::DemasiadosLotes, "/cantidad", mensaje).con("maximo", MAX_LOTES_VIVOS));
    }
    if entrada.fecha_caducidad.is_some_and(|caduca| caduca < entrada.fecha_ingreso) {
        let mensaje = "el lote caduca antes de su fecha de ingreso";
        fallas.push(Falla::new(Regla::FechaCaducidadValida, "/fecha_caducidad", mensaje));
    }
    let cantidad = cantidad_que_mueve(entrada.cantidad).map_err(|falla| fallas.push(falla)).ok();
    let costo_unitario = costo_valido(entrada.costo_unitario).map_err(|falla| fallas.push(falla)).ok();
    let cifras = estado.zip(cantidad).zip(costo_unitario).map(|((inventario, q), c)| cifras(inventario, q, c, &mut fallas));
    match (estado, cifras.flatten()) {
        (Some(inventario), Some(cifras)) if fallas.is_empty() => {
            Ok(DecisionInventario::registra(eventos(inventario, entrada, &cifras, ctx)))
        }
        _ => Err(Rechazo::new(fallas)),
    }
}

fn costo_valido(costo: Decimal) -> Result<CostoUnitario, Falla> {
    if costo < Decimal::ZERO {
        return Err(Falla::simple(Regla::CostoInvalido, "/costo_unitario"));
    }
    CostoUnitario::nuevo(costo.normalize()).map_err(|_| {
        let mensaje = "el costo unitario admite 6 decimales y 14 dígitos significativos";
        Falla::new(Regla::PrecisionExcedida, "/costo_unitario", mensaje)
    })
}

/// Checks that the stock stays within its digits and its value within its limit: from then on no exit can exceed them.
fn cifras(inventario: &Inventario, cantidad: Cantidad, costo_unitario: CostoUnitario, fallas: &mut Vec<Falla>) -> Option<Cifras> {
    let stock = sumar(inventario.stock, cantidad).filter(|s| inventario.caben_las_cifras(s.valor(), cantidad.valor()));
    if stock.is_none() {
        fallas.push(falla_de_cifras(inventario));
    }
    let costo_total = costo(cantidad, costo_unitario).filter(|c| cabe_el_valor(inventario, *c, VALOR_MAXIMO_POR_ENTRADAS));
    if costo_total.is_none() {
        fallas.push(falla_de_valor(inventario, VALOR_MAXIMO_POR_ENTRADAS));
    }
    Some(Cifras { cantidad, costo_unitario, costo_total: costo_total?, stock: stock? })
}

fn eventos(inventario: &Inventario, entrada: &Entrada<'_>, cifras: &Cifras, ctx: &ContextoDecision<'_>) -> Vec<EventoInventario> {
    let lote = LoteConsumido {
        lote_id: Id::compuesto(&[&format!("L-{}", inventario.siguiente_secuencia)]),
        secuencia: inventario.siguiente_secuencia,
        fecha_ingreso: entrada.fecha_ingreso,
        fecha_caducidad: entrada.fecha_caducidad,
        cantidad: cifras.cantidad,
        costo_unitario: cifras.costo_unitario,
        origen_lote_id: None,
    };
    let creado = EventoInventario::LoteCreado {
        inventario_id: inventario.inventario_id.clone(),
        lote_id: lote.lote_id.clone(),
        secuencia: lote.secuencia,
        cantidad: lote.cantidad,
        costo_unitario: lote.costo_unitario,
        fecha_ingreso: lote.fecha_ingreso,
        fecha_caducidad: lote.fecha_caducidad,
        origen_lote_id: None,
    };
    let incremento = Movimiento {
        inventario_id: inventario.inventario_id.clone(),
        producto_id: inventario.producto_id.clone(),
        bodega_id: inventario.bodega_id.clone(),
        movimiento_id: entrada.movimiento_id.clone(),
        motivo: entrada.motivo,
        referencia: entrada.referencia.cloned(),
        reserva_id: None,
        cantidad: cifras.cantidad,
        costo_total: cifras.costo_total,
        stock_resultante: cifras.stock,
        disponible_resultante: disponible_con_lote(inventario, &lote, cifras.stock, ctx),
        lotes: [lote].into(),
    };
    vec![creado, EventoInventario::StockIncrementado(Box::new(incremento))]
}

/// Available today: a lot that comes in already expired adds to the stock but cannot be sold.
fn disponible_con_lote(inventario: &Inventario, lote: &LoteConsumido, stock: Cantidad, ctx: &ContextoDecision<'_>) -> Cantidad {
    let vender_vencidos = ctx.emisor.vender_vencidos;
    let caducado = !vender_vencidos && lote.fecha_caducidad.is_some_and(|caduca| caduca < ctx.hoy);
    let del_lote = if caducado { lote.cantidad.valor() } else { Decimal::ZERO };
    inventario.disponible_con(stock, inventario.reservado, inventario.vencido_en(ctx.hoy, vender_vencidos) + del_lote)
}
