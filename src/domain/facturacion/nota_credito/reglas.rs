//! The rules that a note can tell by itself (`dominio.md` section 12). Those against its invoice are the invoice's.
//!
//! Two severities, as in an invoice: what makes even the draft illegal refuses the command; what only forbids its issue leaves the
//! draft, rejected.

use std::sync::Arc;

use chrono::Days;

use super::{CabeceraNota, LINEAS_MAX, LineaNotaPedida};
use crate::domain::{
    ContextoDecision,
    facturacion::factura::credito::{Acreditado, LineaNotaCredito},
    reglas::{Especificacion, Falla, Momentos, Regla, aplicables, motivo_valido},
    valores::{Cantidad, Decimal, Dinero, ErrorDecimal},
};

/// A rule over the head: adds its failures, if any.
type DeCabecera = fn(&CabeceraNota, &ContextoDecision<'_>, &mut Vec<Falla>);
/// A rule over a line as the caller states it; `indice` from 0.
type DeLinea = fn(usize, &LineaNotaPedida, &ContextoDecision<'_>, &mut Vec<Falla>);
/// A rule over how many lines there are.
type DeCuantas = fn(usize, &mut Vec<Falla>);

const CE: Momentos = Momentos::CREAR.y(Momentos::EMITIR);
const L: Momentos = Momentos::LINEA;
const E: Momentos = Momentos::EMITIR;

/// Of the head.
const CABECERA: &[Especificacion<DeCabecera>] = &[
    Especificacion::new(Regla::MotivoValido, CE, motivo),
    Especificacion::new(Regla::SucursalValida, CE, sucursal_valida),
    Especificacion::new(Regla::FechaEmisionValida, CE, fecha_emision_valida),
    Especificacion::new(Regla::MaxDiasFuturoValido, CE, max_dias_futuro_valido),
    Especificacion::new(Regla::FechaAutorizacionValida, CE, fecha_autorizacion_valida),
    Especificacion::new(Regla::FechaCaducidadValida, CE, fecha_caducidad_valida),
];

/// Of each line.
const LINEA: &[Especificacion<DeLinea>] = &[
    Especificacion::new(Regla::LineaValida, L, credito_valido),
    Especificacion::new(Regla::LineaValida, L, devolucion_valida),
    Especificacion::new(Regla::BodegaValida, L, bodega_valida),
];

/// Of how many lines there are.
const CUANTAS: &[Especificacion<DeCuantas>] = &[
    Especificacion::new(Regla::LineaValida, Momentos::DE_BORRADOR, no_mas_de_500),
    Especificacion::new(Regla::NotaCreditoTieneLineas, E, tiene_lineas),
];

/// The rules that a note tells by itself and their moments, for the catalogue of rules.
pub fn momentos() -> impl Iterator<Item = (Regla, Momentos)> {
    let cabecera = CABECERA.iter().map(|e| (e.regla, e.cuando));
    let lineas = LINEA.iter().map(|e| (e.regla, e.cuando));
    cabecera.chain(lineas).chain(CUANTAS.iter().map(|e| (e.regla, e.cuando)))
}

/// Applies every rule of the head at a moment.
pub fn revisar_cabecera(cabecera: &CabeceraNota, momento: Momentos, ctx: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    aplicables(CABECERA, momento).for_each(|(evaluar, _)| evaluar(cabecera, ctx, fallas));
}

/// Applies every rule of the number of lines at a moment.
pub fn revisar_cuantas(cuantas: usize, momento: Momentos, fallas: &mut Vec<Falla>) {
    aplicables(CUANTAS, momento).for_each(|(evaluar, _)| evaluar(cuantas, fallas));
}

fn motivo(cabecera: &CabeceraNota, _: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    fallas.extend(motivo_valido(&cabecera.motivo));
}

/// SucursalValida, when it is stated; the invoice's own is checked by the invoice.
fn sucursal_valida(cabecera: &CabeceraNota, ctx: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    let Some(id) = &cabecera.sucursal_id else { return };
    if !ctx.catalogo.sucursal(id).is_some_and(|s| s.activa) {
        let mensaje = format!("la sucursal {id} no existe o está inactiva; indique otra");
        fallas.push(Falla::new(Regla::SucursalValida, "/sucursal_id", mensaje).con("sucursal_id", id));
    }
}

fn fecha_emision_valida(cabecera: &CabeceraNota, ctx: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    let (fecha, hoy) = (cabecera.fecha_emision, ctx.hoy);
    if fecha < hoy {
        let mensaje = format!("la fecha de emisión {fecha} es anterior a hoy, {hoy}; use hoy o una fecha futura");
        let falla = Falla::new(Regla::FechaEmisionValida, "/fecha_emision", mensaje);
        fallas.push(falla.con("fecha_emision", fecha).con("hoy", hoy));
    }
}

fn max_dias_futuro_valido(cabecera: &CabeceraNota, ctx: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    let Some(dias) = ctx.emisor.max_dias_futuro else { return };
    let Some(limite) = ctx.hoy.checked_add_days(Days::new(u64::from(dias))) else { return };
    if cabecera.fecha_emision > limite {
        let fecha = cabecera.fecha_emision;
        let mensaje = format!("la fecha de emisión {fecha} pasa de {dias} días en el futuro; use {limite} o antes");
        let falla = Falla::new(Regla::MaxDiasFuturoValido, "/fecha_emision", mensaje);
        fallas.push(falla.con("fecha_emision", fecha).con("limite", limite));
    }
}

fn fecha_autorizacion_valida(cabecera: &CabeceraNota, ctx: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    let (fecha, limite) = (cabecera.fecha_autorizacion, ctx.hoy.min(cabecera.fecha_emision));
    if fecha > limite {
        let mensaje = format!("la fecha de autorización {fecha} es futura o posterior a la emisión; use {limite} o antes");
        let falla = Falla::new(Regla::FechaAutorizacionValida, "/fecha_autorizacion", mensaje);
        fallas.push(falla.con("fecha_autorizacion", fecha).con("fecha_emision", cabecera.fecha_emision).con("hoy", ctx.hoy));
    }
}

fn fecha_caducidad_valida(cabecera: &CabeceraNota, _: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    let Some(fecha) = cabecera.fecha_caducidad else { return };
    if fecha <= cabecera.fecha_emision {
        let emision = cabecera.fecha_emision;
        let mensaje = format!("la caducidad {fecha} debe ser posterior a la emisión, {emision}; use null si no caduca");
        let falla = Falla::new(Regla::FechaCaducidadValida, "/fecha_caducidad", mensaje);
        fallas.push(falla.con("fecha_caducidad", fecha).con("fecha_emision", emision));
    }
}

/// NotaCreditoTieneLineas: at least one.
fn tiene_lineas(cuantas: usize, fallas: &mut Vec<Falla>) {
    if cuantas == 0 {
        let mensaje = "la nota no tiene líneas; indique qué líneas de la factura acredita";
        fallas.push(Falla::new(Regla::NotaCreditoTieneLineas, "/lineas", mensaje));
    }
}

/// LineaValida, its bound: at most 500 lines.
fn no_mas_de_500(cuantas: usize, fallas: &mut Vec<Falla>) {
    if cuantas > LINEAS_MAX {
        let mensaje = format!("la nota tiene {cuantas} líneas y el máximo es {LINEAS_MAX}; repártalas en varias notas");
        fallas.push(Falla::new(Regla::LineaValida, "/lineas", mensaje).con("lineas", cuantas));
    }
}

/// A line as the draft keeps it, or every failure of it. `indice` from 0, where the caller stated it.
pub fn revisar_linea(
    indice: usize,
    pedida: &LineaNotaPedida,
    ctx: &ContextoDecision<'_>,
    fallas: &mut Vec<Falla>,
) -> Option<Arc<LineaNotaCredito>> {
    let antes = fallas.len();
    aplicables(LINEA, L).for_each(|(evaluar, _)| evaluar(indice, pedida, ctx, fallas));
    if fallas.len() > antes {
        return None;
    }
    let acreditado = acreditado(pedida).ok()?;
    Some(Arc::new(LineaNotaCredito {
        numero: u16::try_from(indice + 1).ok()?,
        linea_factura: pedida.linea_factura,
        afecta_inventario: pedida.afecta_inventario.unwrap_or(matches!(acreditado, Acreditado::Cantidad { .. })),
        acreditado,
        bodega_id: pedida.bodega_id.clone(),
    }))
}

fn campo(indice: usize, nombre: &str) -> String {
    format!("/lineas/{indice}/{nombre}")
}

/// LineaValida, or PrecisionExcedida: a quantity or an amount, one of both, above zero, within its digits.
fn credito_valido(indice: usize, pedida: &LineaNotaPedida, _: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    let Err((regla, nombre, mensaje)) = acreditado(pedida) else { return };
    let falla = Falla::new(regla, campo(indice, nombre), mensaje);
    let valor = if nombre == "cantidad" { pedida.cantidad } else { pedida.monto };
    let uno_solo = pedida.cantidad.is_some() != pedida.monto.is_some();
    fallas.push(match valor.filter(|_| uno_solo) {
        Some(valor) => falla.con(nombre, valor),
        None => falla,
    });
}

/// LineaValida: only a quantity brings goods back.
fn devolucion_valida(indice: usize, pedida: &LineaNotaPedida, _: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    if pedida.afecta_inventario == Some(true) && matches!(acreditado(pedida), Ok(Acreditado::Monto { .. })) {
        let mensaje = "una línea por monto no devuelve inventario; indique cantidad o afecta_inventario false";
        fallas.push(Falla::new(Regla::LineaValida, campo(indice, "afecta_inventario"), mensaje));
    }
}

/// BodegaValida, when one is stated: it exists and is active.
fn bodega_valida(indice: usize, pedida: &LineaNotaPedida, ctx: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    let Some(id) = &pedida.bodega_id else { return };
    if !ctx.catalogo.bodega(id).is_some_and(|b| b.activa) {
        let mensaje = format!("la bodega {id} no existe o está inactiva; indique otra");
        fallas.push(Falla::new(Regla::BodegaValida, campo(indice, "bodega_id"), mensaje).con("bodega_id", id));
    }
}

/// What a line credits.
///
/// # Errors
/// The rule, the field and the message of what is wrong with it.
fn acreditado(pedida: &LineaNotaPedida) -> Result<Acreditado, (Regla, &'static str, &'static str)> {
    match (pedida.cantidad, pedida.monto) {
        (Some(cantidad), None) => match Cantidad::nuevo(cantidad) {
            Ok(cantidad) if !cantidad.es_cero() => Ok(Acreditado::Cantidad { cantidad }),
            Ok(_) | Err(ErrorDecimal::Rango | ErrorDecimal::Formato) => {
                Err((Regla::LineaValida, "cantidad", "la cantidad debe ser mayor que cero"))
            }
            Err(ErrorDecimal::Precision) => {
                Err((Regla::PrecisionExcedida, "cantidad", "la cantidad tiene como máximo 6 decimales y 14 dígitos"))
            }
        },
        (None, Some(monto)) if monto <= Decimal::ZERO => Err((Regla::LineaValida, "monto", "el monto debe ser mayor que cero")),
        (None, Some(monto)) => match Dinero::nuevo(monto) {
            Ok(monto) => Ok(Acreditado::Monto { monto }),
            Err(_) => Err((Regla::PrecisionExcedida, "monto", "el monto tiene como máximo 2 decimales y es menor que 10^15")),
        },
        (Some(_), Some(_)) => Err((Regla::LineaValida, "monto", "indique cantidad o monto, no ambos")),
        (None, None) => Err((Regla::LineaValida, "cantidad", "indique cantidad o monto")),
    }
}
