//! CrearYEmitirFactura: from what the caller states to the start of the saga, in one step.

use std::sync::Arc;

use super::{
    CabeceraFactura, DatosFactura, DecisionFactura, DireccionRespuesta, EmisionIniciada, EventoFactura, GrupoEmision, LineaEmitida,
    LineaFactura, TotalesFactura, reglas::revisar, resolucion::Pedido, saga,
};
use crate::domain::{
    ContextoDecision, Rechazo,
    facturacion::totales::ImportesLinea,
    reglas::{Falla, Momentos, Regla},
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
    let mut revision = revisar(&pedido, Momentos::TODOS);
    let grupos = agrupar(&revision.lineas, &mut revision.de_borrador);
    if !revision.de_borrador.is_empty() {
        revision.de_borrador.append(&mut revision.de_emision);
        return Err(Rechazo::new(revision.de_borrador));
    }
    let cabecera = cabecera(&pedido);
    // A legal draft has amounts; said by a pattern, so that it need not be believed.
    let (importes, totales) = match revision.importes {
        Some((importes, totales)) => (importes, Some(Arc::new(totales))),
        None => (Vec::new(), None),
    };
    let (Some(totales), Some(cliente), true) = (&totales, ctx.catalogo.cliente(&datos.cliente_id), revision.de_emision.is_empty())
    else {
        let rechazo = EventoFactura::FacturaRechazada {
            factura_id: factura_id.clone(),
            intento: PRIMER_INTENTO,
            errores: revision.de_emision,
        };
        let eventos = borrador(factura_id, cabecera, revision.lineas, totales, Some(rechazo));
        return Ok(DecisionFactura { eventos, ..Default::default() });
    };
    let inicio = EmisionIniciada {
        factura_id: factura_id.clone(),
        intento: PRIMER_INTENTO,
        cliente: Arc::clone(&cliente.datos),
        lineas: con_importes(&revision.lineas, importes),
        totales: Arc::clone(totales),
        grupos: grupos.into_iter().map(Arc::new).collect(),
        rangos: pedido.rangos,
        vence_en: ctx.ahora.mas_milis(ctx.emisor.plazo_emision_ms),
        responder_a: responder_a.cloned(),
        cliente_id: Some(datos.cliente_id.clone()),
    };
    let envios = saga::primeros_envios(&inicio, cabecera.fecha_emision);
    let inicio = EventoFactura::EmisionIniciada(Arc::new(inicio));
    let eventos = borrador(factura_id, cabecera, revision.lineas, Some(Arc::clone(totales)), Some(inicio));
    Ok(DecisionFactura { eventos, envios, ..Default::default() })
}

/// Creates a draft with the lines it comes with.
///
/// # Errors
/// Every failure of what a draft must hold, at once.
pub fn crear(factura_id: &Id, datos: &DatosFactura, ctx: &ContextoDecision<'_>) -> Result<DecisionFactura, Rechazo> {
    let pedido = Pedido::resolver(datos, ctx);
    let mut revision = revisar(&pedido, Momentos::DE_BORRADOR);
    agrupar(&revision.lineas, &mut revision.de_borrador);
    if !revision.de_borrador.is_empty() {
        return Err(Rechazo::new(revision.de_borrador));
    }
    let totales = revision.importes.map(|(_, totales)| Arc::new(totales));
    let eventos = borrador(factura_id, cabecera(&pedido), revision.lineas, totales, None);
    Ok(DecisionFactura { eventos, ..Default::default() })
}

/// The draft's events and what follows them; the last of the draft carries its totals.
fn borrador(
    factura_id: &Id,
    cabecera: CabeceraFactura,
    lineas: Vec<Arc<LineaFactura>>,
    totales: Option<Arc<TotalesFactura>>,
    despues: Option<EventoFactura>,
) -> Vec<EventoFactura> {
    let mut eventos = Vec::with_capacity(lineas.len() + 2);
    let (mut totales, cuantas) = (totales, lineas.len());
    let de_cabecera = if cuantas == 0 { totales.take() } else { None };
    let cabecera = Arc::new(cabecera);
    eventos.push(EventoFactura::FacturaCreada { factura_id: factura_id.clone(), cabecera, totales: de_cabecera });
    for (i, linea) in lineas.into_iter().enumerate() {
        let totales = if i + 1 == cuantas { totales.take() } else { None };
        eventos.push(EventoFactura::LineaAgregada { factura_id: factura_id.clone(), linea, totales });
    }
    eventos.extend(despues);
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
        // One that takes nothing is none.
        descuento: pedido.descuento.en_limpio().filter(|d| !d.valor.es_cero()).cloned().map(Box::new),
    }
}

pub fn con_importes(lineas: &[Arc<LineaFactura>], importes: Vec<ImportesLinea>) -> Arc<[LineaEmitida]> {
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
pub fn agrupar(lineas: &[Arc<LineaFactura>], fallas: &mut Vec<Falla>) -> Vec<GrupoEmision> {
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
