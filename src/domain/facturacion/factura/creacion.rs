//! CrearYEmitirFactura: from what the caller states to the start of the saga, in one step.

use std::sync::Arc;

use super::{
    CabeceraFactura, DatosFactura, DecisionFactura, DireccionRespuesta, EmisionIniciada, EventoFactura, GrupoEmision, LineaEmitida,
    LineaFactura, reglas::revisar, resolucion::Pedido, saga,
};
use crate::domain::{
    ContextoDecision, Rechazo,
    facturacion::totales::ImportesLinea,
    reglas::{Falla, Regla},
    valores::{Cantidad, Dinero, Id},
};

/// The attempt that creation makes.
const PRIMER_INTENTO: u32 = 1;

/// Creates the draft and starts its issue; or leaves it rejected when only its issue is forbidden.
///
/// # Errors
/// Every failure at once, when one of them makes the draft itself illegal.
pub fn crear_y_emitir(
    factura_id: &Id,
    datos: &DatosFactura,
    responder_a: Option<&DireccionRespuesta>,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionFactura, Rechazo> {
    let pedido = Pedido::resolver(datos, ctx);
    let mut revision = revisar(&pedido);
    let grupos = agrupar(&revision.lineas, &mut revision.de_borrador);
    if !revision.de_borrador.is_empty() {
        revision.de_borrador.append(&mut revision.de_emision);
        return Err(Rechazo::new(revision.de_borrador));
    }
    let cabecera = cabecera(&pedido);
    // Without failures there are lines with amounts and a client; said by patterns, so that it need not be believed.
    let (Some((importes, totales)), Some(cliente), true) =
        (revision.importes, ctx.catalogo.cliente(&datos.cliente_id), revision.de_emision.is_empty())
    else {
        let rechazo = EventoFactura::FacturaRechazada {
            factura_id: factura_id.clone(),
            intento: PRIMER_INTENTO,
            errores: revision.de_emision,
        };
        return Ok(DecisionFactura { eventos: borrador(factura_id, cabecera, revision.lineas, rechazo), ..Default::default() });
    };
    let inicio = EmisionIniciada {
        factura_id: factura_id.clone(),
        intento: PRIMER_INTENTO,
        cliente: Arc::clone(&cliente.datos),
        lineas: con_importes(&revision.lineas, importes),
        totales,
        grupos: grupos.into_iter().map(Arc::new).collect(),
        rangos: pedido.rangos,
        vence_en: ctx.ahora.mas_milis(ctx.emisor.plazo_emision_ms),
        responder_a: responder_a.cloned(),
    };
    let envios = saga::primeros_envios(&inicio, cabecera.fecha_emision);
    let inicio = EventoFactura::EmisionIniciada(Arc::new(inicio));
    Ok(DecisionFactura { eventos: borrador(factura_id, cabecera, revision.lineas, inicio), envios, ..Default::default() })
}

/// The draft's events and what follows them.
fn borrador(
    factura_id: &Id,
    cabecera: CabeceraFactura,
    lineas: Vec<Arc<LineaFactura>>,
    despues: EventoFactura,
) -> Vec<EventoFactura> {
    let mut eventos = Vec::with_capacity(lineas.len() + 2);
    eventos.push(EventoFactura::FacturaCreada { factura_id: factura_id.clone(), cabecera: Arc::new(cabecera) });
    eventos.extend(lineas.into_iter().map(|linea| EventoFactura::LineaAgregada { factura_id: factura_id.clone(), linea }));
    eventos.push(despues);
    eventos
}

fn cabecera(pedido: &Pedido<'_>) -> CabeceraFactura {
    let datos = pedido.datos;
    CabeceraFactura {
        cliente_id: datos.cliente_id.clone(),
        sucursal_id: pedido.sucursal_id.clone(),
        bodega_id: pedido.bodega_id.clone(),
        moneda: pedido.moneda.clone(),
        fecha_emision: pedido.fecha_emision,
        fecha_autorizacion: pedido.fecha_autorizacion,
        fecha_caducidad: pedido.fecha_caducidad,
        canal: datos.canal.clone(),
        pedido_id: datos.pedido_id.clone(),
        notas: datos.notas.clone(),
        orden_compra: datos.orden_compra.clone(),
        formas_pago: datos.formas_pago.clone(),
        total_declarado: datos.total.and_then(|total| Dinero::nuevo(total).ok()),
    }
}

fn con_importes(lineas: &[Arc<LineaFactura>], importes: Vec<ImportesLinea>) -> Arc<[LineaEmitida]> {
    let con = |(linea, importes): (&Arc<LineaFactura>, ImportesLinea)| LineaEmitida {
        linea: Arc::clone(linea),
        bruto: importes.bruto,
        descuento: importes.descuento,
        descuento_documento: importes.descuento_documento,
        subtotal: importes.subtotal,
        impuesto: importes.impuesto,
    };
    lineas.iter().zip(importes).map(con).collect()
}

/// One group per (producto, bodega) in order of first appearance, its lines added. A sum beyond the digits of a
/// quantity is `PrecisionExcedida`.
fn agrupar(lineas: &[Arc<LineaFactura>], fallas: &mut Vec<Falla>) -> Vec<GrupoEmision> {
    let mut grupos: Vec<GrupoEmision> = Vec::new();
    for linea in lineas {
        let (Some(producto_id), Some(bodega_id)) = (&linea.producto_id, &linea.bodega_id) else { continue };
        match grupos.iter_mut().find(|g| g.producto_id == *producto_id && g.bodega_id == *bodega_id) {
            Some(grupo) => match Cantidad::nuevo(grupo.cantidad.valor() + linea.cantidad.valor()) {
                Ok(suma) => {
                    grupo.cantidad = suma;
                    grupo.lineas.push(linea.numero);
                }
                Err(_) => fallas.push(suma_excedida(linea, producto_id)),
            },
            None => grupos.push(GrupoEmision {
                producto_id: producto_id.clone(),
                bodega_id: bodega_id.clone(),
                cantidad: linea.cantidad,
                lineas: vec![linea.numero],
            }),
        }
    }
    grupos
}

fn suma_excedida(linea: &LineaFactura, producto_id: &Id) -> Falla {
    let mensaje = "la suma de las líneas del mismo producto y bodega pasa de 14 dígitos; repártalas en varias facturas";
    Falla::new(Regla::PrecisionExcedida, format!("/lineas/{}/cantidad", linea.numero - 1), mensaje)
        .con("producto_id", producto_id)
        .con("cantidad", linea.cantidad)
}
