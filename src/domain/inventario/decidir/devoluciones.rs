//! DevolverStock and VerificarInventario: goods come back at the cost they left with (`dominio.md` section 7, rule 6).

use std::sync::Arc;

use super::{DecisionInventario, cabe_el_valor, existente, falla_de_cifras, falla_de_valor, falla_sin_inventario};
use crate::domain::{
    ContextoDecision, Rechazo, ResultadoPaso,
    inventario::{
        DevolucionPedida, EventoInventario, Inventario, LoteConsumido, MAX_LOTES_POR_SALIDA, Movimiento, PoliticaRetorno,
        VALOR_MAXIMO, costo, sumar, sumar_costo,
    },
    reglas::{Falla, Regla},
    valores::{Cantidad, CostoTotal, Decimal, Id},
};

/// # Errors
/// InventarioExisteParaNotaCredito.
pub(super) fn verificar(estado: Option<&Inventario>, inventario_id: &Id) -> Result<DecisionInventario, Rechazo> {
    let falla = || Rechazo::de(falla_sin_inventario(Regla::InventarioExisteParaNotaCredito, inventario_id));
    estado.ok_or_else(falla)?;
    Ok(DecisionInventario::responde(Vec::new(), ResultadoPaso::InventarioVerificado))
}

/// What a return adds once it was found to fit.
struct Cifras {
    cantidad: Cantidad,
    costo_total: CostoTotal,
    stock: Cantidad,
}

/// Takes goods back. A return done before answers the same and records nothing.
///
/// # Errors
/// InventarioNoExiste; PrecisionExcedida when the stock would leave its digits or its value [`VALOR_MAXIMO`], of which entries fill half:
/// the saga then stays open, is reported, and goes on once enough stock has left.
pub(super) fn devolver(
    estado: Option<&Inventario>,
    devolucion: &DevolucionPedida,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionInventario, Rechazo> {
    let inventario = existente(estado, &devolucion.inventario_id)?;
    if inventario.resumen.devueltas.ids.contains(&devolucion.movimiento_id) {
        return Ok(DecisionInventario::responde(Vec::new(), ResultadoPaso::StockDevuelto));
    }
    let cifras = cifras(inventario, &devolucion.lotes)?;
    let (mut eventos, lotes) = match devolucion.politica {
        PoliticaRetorno::ReversaFifo => (Vec::new(), Arc::clone(&devolucion.lotes)),
        PoliticaRetorno::LoteNuevo => lotes_nuevos(inventario, devolucion),
    };
    eventos.push(incremento(inventario, devolucion, lotes, &cifras, ctx));
    Ok(DecisionInventario::responde(eventos, ResultadoPaso::StockDevuelto))
}

fn cifras(inventario: &Inventario, lotes: &[LoteConsumido]) -> Result<Cifras, Rechazo> {
    if lotes.is_empty() || lotes.len() > MAX_LOTES_POR_SALIDA {
        let mensaje = format!("una devolución trae de 1 a {MAX_LOTES_POR_SALIDA} lotes");
        return Err(Rechazo::de(Falla::new(Regla::DemasiadosLotes, "/lotes", mensaje).con("lotes", lotes.len())));
    }
    let cantidad = lotes.iter().try_fold(Cantidad::CERO, |suma, lote| sumar(suma, lote.cantidad)).filter(|c| !c.es_cero());
    let stock = cantidad.and_then(|c| sumar(inventario.stock, c).filter(|s| inventario.caben_las_cifras(s.valor(), c.valor())));
    let costo_total =
        lotes.iter().try_fold(CostoTotal::CERO, |suma, lote| sumar_costo(suma, costo(lote.cantidad, lote.costo_unitario)?));
    let (Some(cantidad), Some(stock)) = (cantidad, stock) else { return Err(Rechazo::de(falla_de_cifras(inventario))) };
    match costo_total.filter(|c| cabe_el_valor(inventario, *c, VALOR_MAXIMO)) {
        Some(costo_total) => Ok(Cifras { cantidad, costo_total, stock }),
        None => Err(Rechazo::de(falla_de_valor(inventario, VALOR_MAXIMO))),
    }
}

/// One new lot per original lot, the oldest origin first.
fn lotes_nuevos(inventario: &Inventario, devolucion: &DevolucionPedida) -> (Vec<EventoInventario>, Arc<[LoteConsumido]>) {
    let mut origenes: Vec<&LoteConsumido> = devolucion.lotes.iter().collect();
    origenes.sort_by_key(|lote| (lote.fecha_ingreso, lote.secuencia));
    let nuevos: Vec<LoteConsumido> = (inventario.siguiente_secuencia..)
        .zip(origenes)
        .map(|(secuencia, origen)| LoteConsumido {
            lote_id: Id::compuesto(&[&format!("L-{secuencia}")]),
            secuencia,
            fecha_ingreso: devolucion.fecha,
            origen_lote_id: Some(origen.lote_id.clone()),
            ..(*origen).clone()
        })
        .collect();
    let creados = nuevos.iter().map(|lote| EventoInventario::LoteCreado {
        inventario_id: inventario.inventario_id.clone(),
        lote_id: lote.lote_id.clone(),
        secuencia: lote.secuencia,
        cantidad: lote.cantidad,
        costo_unitario: lote.costo_unitario,
        fecha_ingreso: lote.fecha_ingreso,
        fecha_caducidad: lote.fecha_caducidad,
        origen_lote_id: lote.origen_lote_id.clone(),
    });
    (creados.collect(), nuevos.into())
}

/// StockIncrementado, with the mark that has the return remembered until its saga ends.
fn incremento(
    inventario: &Inventario,
    devolucion: &DevolucionPedida,
    lotes: Arc<[LoteConsumido]>,
    cifras: &Cifras,
    ctx: &ContextoDecision<'_>,
) -> EventoInventario {
    let vender_vencidos = ctx.emisor.vender_vencidos;
    let vencidos = lotes.iter().filter(|l| !vender_vencidos && l.fecha_caducidad.is_some_and(|caduca| caduca < ctx.hoy));
    let vencido: Decimal = vencidos.map(|l| l.cantidad.valor()).sum();
    let vencido = vencido + inventario.vencido_en(ctx.hoy, vender_vencidos);
    EventoInventario::StockIncrementado(Box::new(Movimiento {
        inventario_id: inventario.inventario_id.clone(),
        producto_id: inventario.producto_id.clone(),
        bodega_id: inventario.bodega_id.clone(),
        movimiento_id: devolucion.movimiento_id.clone(),
        motivo: devolucion.motivo,
        referencia: Some(devolucion.referencia.clone()),
        reserva_id: Some(devolucion.movimiento_id.clone()),
        cantidad: cifras.cantidad,
        costo_total: cifras.costo_total,
        lotes,
        stock_resultante: cifras.stock,
        disponible_resultante: inventario.disponible_con(cifras.stock, inventario.reservado, vencido),
    }))
}
