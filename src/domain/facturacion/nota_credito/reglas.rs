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
    reglas::{Falla, Regla, motivo_valido},
    valores::{Cantidad, Decimal, Dinero, ErrorDecimal},
};

/// A rule over the head: adds its failures, if any.
type ReglaCabecera = fn(&CabeceraNota, &ContextoDecision<'_>, &mut Vec<Falla>);

/// Of the head; at its creation and at its issue.
const DE_CABECERA: &[ReglaCabecera] =
    &[motivo, sucursal_valida, fecha_emision_valida, max_dias_futuro_valido, fecha_autorizacion_valida, fecha_caducidad_valida];

/// Applies every rule of the head.
pub fn revisar_cabecera(cabecera: &CabeceraNota, ctx: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    DE_CABECERA.iter().for_each(|regla| regla(cabecera, ctx, fallas));
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

/// NotaCreditoTieneLineas, at its issue.
pub fn tiene_lineas(cuantas: usize, fallas: &mut Vec<Falla>) {
    if cuantas == 0 {
        let mensaje = "la nota no tiene líneas; indique qué líneas de la factura acredita";
        fallas.push(Falla::new(Regla::NotaCreditoTieneLineas, "/lineas", mensaje));
    }
}

/// LineaValida, its bound: at most 500 lines.
pub fn no_mas_de_500(cuantas: usize, fallas: &mut Vec<Falla>) {
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
    let campo = |nombre: &str| format!("/lineas/{indice}/{nombre}");
    let acreditado = acreditado(pedida, &campo, fallas);
    let por_cantidad = matches!(acreditado, Some(Acreditado::Cantidad { .. }));
    let afecta_inventario = pedida.afecta_inventario.unwrap_or(por_cantidad);
    if acreditado.is_some() && afecta_inventario && !por_cantidad {
        let mensaje = "una línea por monto no devuelve inventario; indique cantidad o afecta_inventario false";
        fallas.push(Falla::new(Regla::LineaValida, campo("afecta_inventario"), mensaje));
    }
    if let Some(id) = &pedida.bodega_id
        && !ctx.catalogo.bodega(id).is_some_and(|b| b.activa)
    {
        let mensaje = format!("la bodega {id} no existe o está inactiva; indique otra");
        fallas.push(Falla::new(Regla::BodegaValida, campo("bodega_id"), mensaje).con("bodega_id", id));
    }
    if fallas.len() > antes {
        return None;
    }
    Some(Arc::new(LineaNotaCredito {
        numero: u16::try_from(indice + 1).ok()?,
        linea_factura: pedida.linea_factura,
        acreditado: acreditado?,
        afecta_inventario,
        bodega_id: pedida.bodega_id.clone(),
    }))
}

/// LineaValida and PrecisionExcedida: a quantity or an amount, one of both, above zero, within its digits.
fn acreditado(pedida: &LineaNotaPedida, campo: &dyn Fn(&str) -> String, fallas: &mut Vec<Falla>) -> Option<Acreditado> {
    let mut fallar = |regla, nombre: &str, mensaje: &str, valor: Option<Decimal>| {
        let falla = Falla::new(regla, campo(nombre), mensaje);
        fallas.push(match valor {
            Some(valor) => falla.con(nombre, valor),
            None => falla,
        });
        None
    };
    match (pedida.cantidad, pedida.monto) {
        (Some(cantidad), None) => match Cantidad::nuevo(cantidad) {
            Ok(valida) if !valida.es_cero() => Some(Acreditado::Cantidad { cantidad: valida }),
            Ok(_) | Err(ErrorDecimal::Rango | ErrorDecimal::Formato) => {
                fallar(Regla::LineaValida, "cantidad", "la cantidad debe ser mayor que cero", Some(cantidad))
            }
            Err(ErrorDecimal::Precision) => {
                let mensaje = "la cantidad tiene como máximo 6 decimales y 14 dígitos";
                fallar(Regla::PrecisionExcedida, "cantidad", mensaje, Some(cantidad))
            }
        },
        (None, Some(monto)) if monto <= Decimal::ZERO => {
            fallar(Regla::LineaValida, "monto", "el monto debe ser mayor que cero", Some(monto))
        }
        (None, Some(monto)) => match Dinero::nuevo(monto) {
            Ok(monto) => Some(Acreditado::Monto { monto }),
            Err(_) => {
                let mensaje = "el monto tiene como máximo 2 decimales y es menor que 10^15";
                fallar(Regla::PrecisionExcedida, "monto", mensaje, Some(monto))
            }
        },
        (Some(_), Some(_)) => fallar(Regla::LineaValida, "monto", "indique cantidad o monto, no ambos", None),
        (None, None) => fallar(Regla::LineaValida, "cantidad", "indique cantidad o monto", None),
    }
}
