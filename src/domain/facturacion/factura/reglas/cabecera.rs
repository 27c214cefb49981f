//! Rules of the head: client, places, currency, dates, numbering, size.

use std::sync::Arc;

use chrono::Days;

use super::super::{
    FORMAS_PAGO_MAX,
    resolucion::{DescuentoPropuesto, Pedido},
};
use crate::domain::{
    catalogo::cliente::EstadoFiscal,
    reglas::{Falla, Regla},
    valores::Dinero,
};

/// Texts of a document, in bytes. Lines have some 200 more of figures each and lots take the rest of an event's 900 KB.
pub const TEXTOS_MAX: usize = 600_000;

/// ClienteValido: it exists, is active, and its fiscal state is ACTIVO.
pub fn cliente_valido(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let id = &pedido.datos.cliente_id;
    let motivo = match pedido.ctx.catalogo.cliente(id) {
        None => "no existe; créelo antes de facturarle".to_owned(),
        Some(c) if !c.activo => "está inactivo; reactívelo antes de facturarle".to_owned(),
        Some(c) if c.datos.estado_fiscal != EstadoFiscal::Activo => {
            format!("tiene estado fiscal {}; debe estar ACTIVO", c.datos.estado_fiscal.nombre())
        }
        Some(_) => return,
    };
    fallas.push(Falla::new(Regla::ClienteValido, "/cliente_id", format!("el cliente {id} {motivo}")).con("cliente_id", id));
}

/// SucursalValida: it exists and is active.
pub fn sucursal_valida(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let id = &pedido.sucursal_id;
    let motivo = match pedido.ctx.catalogo.sucursal(id) {
        None => "no existe; créela o indique otra",
        Some(s) if !s.activa => "está inactiva; indique otra",
        Some(_) => return,
    };
    fallas.push(Falla::new(Regla::SucursalValida, "/sucursal_id", format!("la sucursal {id} {motivo}")).con("sucursal_id", id));
}

/// BodegaValida, for the invoice's stated bodega: it exists and is active.
pub fn bodega_valida(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let Some(id) = &pedido.datos.bodega_id else { return };
    let motivo = match pedido.ctx.catalogo.bodega(id) {
        None => "no existe; créela o indique otra",
        Some(b) if !b.activa => "está inactiva; indique otra",
        Some(_) => return,
    };
    fallas.push(Falla::new(Regla::BodegaValida, "/bodega_id", format!("la bodega {id} {motivo}")).con("bodega_id", id));
}

/// MonedaValida: the regime's.
pub fn moneda_valida(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let propia = pedido.ctx.emisor.moneda();
    if &*pedido.moneda != propia {
        let mensaje = format!("la moneda del emisor es {propia}; no indique otra");
        fallas.push(Falla::new(Regla::MonedaValida, "/moneda", mensaje).con("moneda", &pedido.moneda).con("esperada", propia));
    }
}

/// FechaEmisionValida: today or later.
pub fn fecha_emision_valida(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let hoy = pedido.ctx.hoy;
    if pedido.fecha_emision < hoy {
        let mensaje = format!("la fecha de emisión {} es anterior a hoy, {hoy}; use hoy o una fecha futura", pedido.fecha_emision);
        fallas.push(
            Falla::new(Regla::FechaEmisionValida, "/fecha_emision", mensaje)
                .con("fecha_emision", pedido.fecha_emision)
                .con("hoy", hoy),
        );
    }
}

/// MaxDiasFuturoValido (optional): at most so many days from today.
pub fn max_dias_futuro_valido(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let Some(dias) = pedido.ctx.emisor.max_dias_futuro else { return };
    let Some(limite) = pedido.ctx.hoy.checked_add_days(Days::new(u64::from(dias))) else { return };
    if pedido.fecha_emision > limite {
        let mensaje =
            format!("la fecha de emisión {} pasa de {dias} días en el futuro; use {limite} o antes", pedido.fecha_emision);
        fallas.push(
            Falla::new(Regla::MaxDiasFuturoValido, "/fecha_emision", mensaje)
                .con("fecha_emision", pedido.fecha_emision)
                .con("limite", limite),
        );
    }
}

/// FechaAutorizacionValida: neither after the issue nor after today.
pub fn fecha_autorizacion_valida(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let (fecha, hoy) = (pedido.fecha_autorizacion, pedido.ctx.hoy);
    let limite = hoy.min(pedido.fecha_emision);
    if fecha > limite {
        let mensaje = format!("la fecha de autorización {fecha} es futura o posterior a la emisión; use {limite} o antes");
        fallas.push(
            Falla::new(Regla::FechaAutorizacionValida, "/fecha_autorizacion", mensaje)
                .con("fecha_autorizacion", fecha)
                .con("fecha_emision", pedido.fecha_emision)
                .con("hoy", hoy),
        );
    }
}

/// FechaCaducidadValida: none, or after the issue.
pub fn fecha_caducidad_valida(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let Some(fecha) = pedido.fecha_caducidad else { return };
    if fecha <= pedido.fecha_emision {
        let mensaje =
            format!("la caducidad {fecha} debe ser posterior a la emisión, {}; use null si no caduca", pedido.fecha_emision);
        fallas.push(
            Falla::new(Regla::FechaCaducidadValida, "/fecha_caducidad", mensaje)
                .con("fecha_caducidad", fecha)
                .con("fecha_emision", pedido.fecha_emision),
        );
    }
}

/// NumeracionDisponible: some range of the sucursal is in force on the issue date. (Whether it has numbers left is the range's to say.)
pub fn numeracion_disponible(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let hay_sucursal = pedido.ctx.catalogo.sucursal(&pedido.sucursal_id).is_some();
    if hay_sucursal && pedido.rangos.is_empty() {
        let mensaje = format!(
            "la sucursal {} no tiene un rango de numeración de facturas vigente el {}; cree o renueve uno",
            pedido.sucursal_id, pedido.fecha_emision
        );
        fallas.push(
            Falla::new(Regla::NumeracionDisponible, "", mensaje)
                .con("sucursal_id", &pedido.sucursal_id)
                .con("fecha_emision", pedido.fecha_emision),
        );
    }
}

/// PrecisionExcedida, for the stated total: the draft keeps it as money.
pub fn total_declarado_con_limites(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let Some(total) = pedido.datos.total else { return };
    if Dinero::nuevo(total).is_err() {
        let mensaje = "el total tiene como máximo 2 decimales y es menor que 10^15";
        fallas.push(Falla::new(Regla::PrecisionExcedida, "/total", mensaje).con("total", total));
    }
}

/// DescuentoValido, for the document's: well formed, active, in its dates, of its ambito. (Whether it fits its base is seen with the amounts.)
pub fn descuento_valido(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    if let DescuentoPropuesto::Invalido(falla) = &pedido.descuento {
        fallas.push(falla.clone());
    }
}

/// FormaPagoValida, its bound: what a draft may carry.
pub fn formas_pago_con_limite(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let cuantas = pedido.datos.formas_pago.len();
    if cuantas > FORMAS_PAGO_MAX {
        let mensaje = format!("son {cuantas} formas de pago; el máximo es {FORMAS_PAGO_MAX}");
        fallas.push(Falla::new(Regla::FormaPagoValida, "/formas_pago", mensaje).con("formas_pago", cuantas));
    }
}

/// DocumentoDemasiadoGrande: the document's event stays within 900 KB, known before a number is taken.
pub fn documento_con_limite(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let datos = pedido.datos;
    let largo = |texto: &Option<Arc<str>>| texto.as_ref().map_or(0, |t| t.len());
    let cabecera: usize = [&datos.canal, &datos.pedido_id, &datos.notas, &datos.orden_compra].into_iter().map(largo).sum();
    let pagos: usize = datos.formas_pago.iter().take(FORMAS_PAGO_MAX).map(|f| f.medio.len()).sum();
    let lineas: usize = pedido.lineas.iter().map(|l| largo(&l.descripcion)).sum();
    let total = cabecera + pagos + lineas;
    if total > TEXTOS_MAX {
        let mensaje = format!("sus textos suman {total} bytes; el máximo es {TEXTOS_MAX}: acorte notas y descripciones");
        fallas.push(Falla::new(Regla::DocumentoDemasiadoGrande, "", mensaje).con("bytes", total).con("maximo", TEXTOS_MAX));
    }
}
