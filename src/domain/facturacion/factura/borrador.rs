//! Edits of a draft, and its issue: every one leaves a legal draft whose totals are those of its lines.

use std::sync::Arc;

use super::{
    CambioFechas, Campo, DatosFactura, DecisionFactura, DescuentoAplicado, DescuentoFactura, DescuentoPedido, DireccionRespuesta,
    EmisionIniciada, EventoFactura, Factura, FormaPago, LineaFactura, LineaPedida, TotalesFactura,
    creacion::{agrupar, con_importes},
    reglas::{calcular_importes, importes_con, revisar, revisar_fechas, revisar_pagos, revisar_ultima_linea},
    resolucion::{Pedido, pedido_de, proponer_para},
    saga,
};
use crate::domain::{
    ContextoDecision, Rechazo,
    catalogo::descuento::AmbitoDescuento,
    reglas::{Falla, Momentos, Regla},
};

/// One line more, after the others.
///
/// # Errors
/// Every failure of the line, and of what the document must hold whenever a line is stated. Places are those of the line's body.
pub fn agregar_linea(factura: &Factura, linea: &LineaPedida, ctx: &ContextoDecision<'_>) -> Result<DecisionFactura, Rechazo> {
    let mut datos = pedido_de(factura);
    datos.lineas.push(linea.clone());
    let pedido = Pedido::de_borrador(&datos, factura, ctx);
    let lugar = format!("/lineas/{}", factura.lineas.len());
    let mut fallas = revisar_ultima_linea(&pedido);
    let nueva = pedido.lineas.last().filter(|_| fallas.is_empty()).and_then(|l| l.en_limpio()).map(Arc::new);
    let Some(nueva) = nueva else { return Err(en_su_cuerpo(fallas, &lugar)) };
    let mut lineas = factura.lineas.clone();
    lineas.push(Arc::clone(&nueva));
    agrupar(&lineas, &mut fallas);
    let totales = calcular_importes(&pedido, &lineas).map_err(|falla| fallas.push(falla)).ok();
    let (Some((_, totales)), true) = (totales, fallas.is_empty()) else { return Err(en_su_cuerpo(fallas, &lugar)) };
    let factura_id = factura.factura_id.clone();
    Ok(hecho(EventoFactura::LineaAgregada { factura_id, linea: nueva, totales: Some(Arc::new(totales)) }))
}

/// One line less; those after it move up.
///
/// # Errors
/// LineaValida when there is no such line; DescuentoValido when the document's discount is above what would be left.
pub fn quitar_linea(factura: &Factura, numero: u16, ctx: &ContextoDecision<'_>) -> Result<DecisionFactura, Rechazo> {
    let indice = indice_de(factura, numero)?;
    let mut lineas = factura.lineas.clone();
    lineas.remove(indice);
    let totales = totales_de(&lineas, factura.cabecera.descuento.as_deref(), ctx)?;
    Ok(hecho(EventoFactura::LineaQuitada { factura_id: factura.factura_id.clone(), linea: numero, totales }))
}

/// A discount for a line or for the document, in the place of the one it had.
///
/// # Errors
/// DescuentoValido, PrecisionExcedida; LineaValida when there is no such line. Places are those of the discount's body.
pub fn aplicar_descuento(
    factura: &Factura,
    linea: Option<u16>,
    pedido: &DescuentoPedido,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionFactura, Rechazo> {
    let ambito = if linea.is_some() { AmbitoDescuento::Linea } else { AmbitoDescuento::Documento };
    let indice = linea.map(|numero| indice_de(factura, numero)).transpose()?;
    let descuento = proponer_para(pedido, ambito, factura.cabecera.fecha_emision, ctx).map_err(Rechazo::de)?;
    let mut lineas = factura.lineas.clone();
    if let Some(linea) = indice.and_then(|i| lineas.get_mut(i)) {
        Arc::make_mut(linea).descuento = Some(Box::new(descuento.clone()));
    }
    let del_documento = if linea.is_some() { factura.cabecera.descuento.as_deref() } else { Some(&descuento) };
    let lugar = indice.map_or_else(|| "/descuento".to_owned(), |i| format!("/lineas/{i}/descuento"));
    let totales = totales_de(&lineas, del_documento, ctx).map_err(|rechazo| en_su_cuerpo(rechazo.errores, &lugar))?;
    let aplicado = DescuentoAplicado { factura_id: factura.factura_id.clone(), ambito, linea, descuento, totales };
    Ok(hecho(EventoFactura::DescuentoAplicado(Box::new(aplicado))))
}

/// Forms of payment in the place of those it had.
///
/// # Errors
/// FormaPagoValida (too many), DocumentoDemasiadoGrande. Whether they add up is seen when the draft is issued.
pub fn definir_formas_pago(
    factura: &Factura,
    formas_pago: &[FormaPago],
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionFactura, Rechazo> {
    let datos = DatosFactura { formas_pago: formas_pago.to_vec(), ..pedido_de(factura) };
    let fallas = revisar_pagos(&Pedido::de_borrador(&datos, factura, ctx));
    if !fallas.is_empty() {
        return Err(Rechazo::new(fallas));
    }
    let factura_id = factura.factura_id.clone();
    Ok(hecho(EventoFactura::FormasPagoDefinidas { factura_id, formas_pago: datos.formas_pago }))
}

/// New dates.
///
/// # Errors
/// Every failure of the rules of dates; TextoValido when none is given.
pub fn cambiar_fechas(factura: &Factura, fechas: &CambioFechas, ctx: &ContextoDecision<'_>) -> Result<DecisionFactura, Rechazo> {
    if *fechas == CambioFechas::default() {
        return Err(Rechazo::de(Falla::new(Regla::TextoValido, "", "indique al menos una fecha por cambiar")));
    }
    let datos = con_fechas(pedido_de(factura), fechas);
    let pedido = Pedido::de_borrador(&datos, factura, ctx);
    let fallas = revisar_fechas(&pedido);
    if fallas.is_empty() { Ok(hecho(fechas_cambiadas(factura, &pedido))) } else { Err(Rechazo::new(fallas)) }
}

/// The draft will never be issued.
pub fn descartar(factura: &Factura) -> DecisionFactura {
    hecho(EventoFactura::FacturaDescartada { factura_id: factura.factura_id.clone() })
}

/// The next attempt to issue: its saga starts, or it is rejected at once with every failure.
///
/// # Errors
/// None of its own: what forbids the issue is the attempt's outcome.
pub fn emitir(
    factura: &Factura,
    fechas: Option<&CambioFechas>,
    responder_a: Option<&DireccionRespuesta>,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionFactura, Rechazo> {
    let mut datos = pedido_de(factura);
    if let Some(fechas) = fechas {
        datos = con_fechas(datos, fechas);
    }
    let pedido = Pedido::de_borrador(&datos, factura, ctx);
    let mut revision = revisar(&pedido, Momentos::EMITIR);
    let mut errores = std::mem::take(&mut revision.de_borrador);
    errores.append(&mut revision.de_emision);
    let grupos = agrupar(&factura.lineas, &mut errores);
    let intento = factura.intento + 1;
    let (Some((importes, totales)), Some(cliente), true) =
        (revision.importes, ctx.catalogo.cliente(&datos.cliente_id), errores.is_empty())
    else {
        return Ok(hecho(EventoFactura::FacturaRechazada { factura_id: factura.factura_id.clone(), intento, errores }));
    };
    let inicio = EmisionIniciada {
        factura_id: factura.factura_id.clone(),
        intento,
        cliente: Arc::clone(&cliente.datos),
        lineas: con_importes(&factura.lineas, importes),
        totales: Arc::new(totales),
        grupos: grupos.into_iter().map(Arc::new).collect(),
        rangos: pedido.rangos.clone(),
        vence_en: ctx.ahora.mas_milis(ctx.emisor.plazo_emision_ms),
        responder_a: responder_a.cloned(),
        cliente_id: Some(datos.cliente_id.clone()),
    };
    let envios = saga::primeros_envios(&inicio, pedido.fecha_emision);
    let cambio = fechas_cambiadas(factura, &pedido);
    let mut eventos = if cambia_fechas(factura, &pedido) { vec![cambio] } else { Vec::new() };
    eventos.push(EventoFactura::EmisionIniciada(Arc::new(inicio)));
    Ok(DecisionFactura { eventos, envios, ..Default::default() })
}

fn hecho(evento: EventoFactura) -> DecisionFactura {
    DecisionFactura { eventos: vec![evento], ..Default::default() }
}

fn indice_de(factura: &Factura, numero: u16) -> Result<usize, Rechazo> {
    let cuantas = factura.lineas.len();
    match usize::from(numero).checked_sub(1).filter(|i| *i < cuantas) {
        Some(indice) => Ok(indice),
        None => {
            let mensaje = format!("la factura no tiene la línea {numero}; sus líneas son {cuantas}");
            Err(Rechazo::de(Falla::new(Regla::LineaValida, "/linea", mensaje).con("linea", numero).con("lineas", cuantas)))
        }
    }
}

fn totales_de(
    lineas: &[Arc<LineaFactura>],
    descuento: Option<&DescuentoFactura>,
    ctx: &ContextoDecision<'_>,
) -> Result<Arc<TotalesFactura>, Rechazo> {
    importes_con(ctx, lineas, descuento).map(|(_, totales)| Arc::new(totales)).map_err(Rechazo::de)
}

/// Failures under `lugar` of the document, as places of the body that stated only that part of it.
fn en_su_cuerpo(fallas: Vec<Falla>, lugar: &str) -> Rechazo {
    let sin_prefijo = |mut falla: Falla| {
        if let Some(resto) = falla.campo.strip_prefix(lugar) {
            falla.campo = resto.to_owned();
        }
        falla
    };
    Rechazo::new(fallas.into_iter().map(sin_prefijo).collect())
}

/// The dates that are given in the place of those that were.
fn con_fechas(mut datos: DatosFactura, fechas: &CambioFechas) -> DatosFactura {
    datos.fecha_emision = fechas.fecha_emision.or(datos.fecha_emision);
    datos.fecha_autorizacion = fechas.fecha_autorizacion.or(datos.fecha_autorizacion);
    if fechas.fecha_caducidad != Campo::Ausente {
        datos.fecha_caducidad = fechas.fecha_caducidad.clone();
    }
    datos
}

fn fechas_cambiadas(factura: &Factura, pedido: &Pedido<'_>) -> EventoFactura {
    EventoFactura::FechasCambiadas {
        factura_id: factura.factura_id.clone(),
        fecha_emision: pedido.fecha_emision,
        fecha_autorizacion: pedido.fecha_autorizacion,
        fecha_caducidad: pedido.fecha_caducidad,
    }
}

fn cambia_fechas(factura: &Factura, pedido: &Pedido<'_>) -> bool {
    let c = &factura.cabecera;
    (c.fecha_emision, c.fecha_autorizacion, c.fecha_caducidad)
        != (pedido.fecha_emision, pedido.fecha_autorizacion, pedido.fecha_caducidad)
}
