//! Rules of the lines.

use super::super::{
    LINEAS_MAX,
    resolucion::{DescuentoPropuesto, LineaPropuesta, Pedido},
};
use crate::domain::{
    reglas::{Falla, Regla},
    valores::{ErrorDecimal, TEXTO_MAX, texto_valido},
};

fn campo(linea: &LineaPropuesta<'_>, nombre: &str) -> String {
    format!("/lineas/{}/{nombre}", linea.indice)
}

/// FacturaTieneLineas: at least one, to be issued.
pub fn factura_tiene_lineas(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    if pedido.datos.lineas.is_empty() {
        fallas.push(Falla::new(Regla::FacturaTieneLineas, "/lineas", "la factura no tiene líneas; agregue al menos una"));
    }
}

/// FacturaTieneLineas: at most 500, even as a draft.
pub fn no_mas_de_500(pedido: &Pedido<'_>, fallas: &mut Vec<Falla>) {
    let cuantas = pedido.datos.lineas.len();
    if cuantas > LINEAS_MAX {
        let mensaje = format!("la factura tiene {cuantas} líneas; el máximo es {LINEAS_MAX}: repártalas en varias facturas");
        fallas.push(Falla::new(Regla::FacturaTieneLineas, "/lineas", mensaje).con("lineas", cuantas).con("maximo", LINEAS_MAX));
    }
}

/// ProductoValido: the stated product exists; without it the line's defaults are unknown.
pub fn producto_existe(_: &Pedido<'_>, linea: &LineaPropuesta<'_>, fallas: &mut Vec<Falla>) {
    let (Some(id), None) = (&linea.pedida.producto_id, linea.producto) else { return };
    let mensaje = format!("el producto {id} no existe; créelo o quite la línea");
    fallas.push(Falla::new(Regla::ProductoValido, campo(linea, "producto_id"), mensaje).con("producto_id", id));
}

/// ProductoValido: the product is active.
pub fn producto_activo(_: &Pedido<'_>, linea: &LineaPropuesta<'_>, fallas: &mut Vec<Falla>) {
    let Some(producto) = linea.producto.filter(|p| !p.activo) else { return };
    let id = &producto.producto_id;
    let mensaje = format!("el producto {id} está inactivo; no se puede vender");
    fallas.push(Falla::new(Regla::ProductoValido, campo(linea, "producto_id"), mensaje).con("producto_id", id));
}

/// LineaValida: it has a product or a description, and the text is well formed.
pub fn descripcion_valida(_: &Pedido<'_>, linea: &LineaPropuesta<'_>, fallas: &mut Vec<Falla>) {
    let mensaje = match &linea.descripcion {
        Some(texto) if texto_valido(texto, TEXTO_MAX) => return,
        Some(_) => format!("la descripción tiene de 1 a {TEXTO_MAX} caracteres, sin caracteres de control"),
        None if linea.pedida.producto_id.is_some() => return,
        None => "indique producto_id o descripcion".to_owned(),
    };
    fallas.push(Falla::new(Regla::LineaValida, campo(linea, "descripcion"), mensaje));
}

/// LineaValida and PrecisionExcedida: a quantity above zero, within its digits.
pub fn cantidad_valida(_: &Pedido<'_>, linea: &LineaPropuesta<'_>, fallas: &mut Vec<Falla>) {
    match linea.cantidad {
        Ok(cantidad) if !cantidad.es_cero() => {}
        Ok(_) | Err(ErrorDecimal::Rango | ErrorDecimal::Formato) => fallas.push(
            Falla::new(Regla::LineaValida, campo(linea, "cantidad"), "la cantidad debe ser mayor que cero")
                .con("cantidad", linea.pedida.cantidad),
        ),
        Err(ErrorDecimal::Precision) => fallas.push(
            Falla::new(
                Regla::PrecisionExcedida,
                campo(linea, "cantidad"),
                "la cantidad tiene como máximo 6 decimales y 14 dígitos",
            )
            .con("cantidad", linea.pedida.cantidad),
        ),
    }
}

/// LineaValida and PrecisionExcedida: a price above zero, within its digits; the product's when none is stated.
pub fn precio_valido(_: &Pedido<'_>, linea: &LineaPropuesta<'_>, fallas: &mut Vec<Falla>) {
    let (regla, mensaje) = match linea.precio_unitario {
        Some(Ok(_)) => return,
        None if linea.pedida.producto_id.is_some() => return,
        None => (Regla::LineaValida, "una línea sin producto debe indicar precio_unitario"),
        Some(Err(ErrorDecimal::Rango | ErrorDecimal::Formato)) => (Regla::LineaValida, "el precio debe ser mayor que cero"),
        Some(Err(ErrorDecimal::Precision)) => (Regla::PrecisionExcedida, "el precio tiene como máximo 6 decimales y 14 dígitos"),
    };
    let falla = Falla::new(regla, campo(linea, "precio_unitario"), mensaje);
    fallas.push(match linea.pedida.precio_unitario {
        Some(precio) => falla.con("precio_unitario", precio),
        None => falla,
    });
}

/// ImpuestoValido: (codigo, tarifa) is in force on the issue date.
pub fn impuesto_valido(pedido: &Pedido<'_>, linea: &LineaPropuesta<'_>, fallas: &mut Vec<Falla>) {
    let Some(impuesto) = linea.impuesto else { return };
    let (codigo, tarifa) = (&impuesto.codigo, impuesto.tarifa);
    if pedido.ctx.emisor.impuesto_vigente(codigo, tarifa, pedido.fecha_emision) {
        return;
    }
    let mensaje = format!("{codigo} {tarifa} no es una tarifa vigente el {}", pedido.fecha_emision);
    fallas.push(
        Falla::new(Regla::ImpuestoValido, campo(linea, "impuesto"), mensaje)
            .con("codigo", codigo)
            .con("tarifa", tarifa)
            .con("fecha_emision", pedido.fecha_emision),
    );
}

/// BodegaValida: the line's stated bodega exists and is active; a line that moves stock has one.
pub fn bodega_valida(pedido: &Pedido<'_>, linea: &LineaPropuesta<'_>, fallas: &mut Vec<Falla>) {
    if let Some(id) = &linea.pedida.bodega_id {
        if !pedido.ctx.catalogo.bodega(id).is_some_and(|b| b.activa) {
            let mensaje = format!("la bodega {id} no existe o está inactiva; indique otra");
            fallas.push(Falla::new(Regla::BodegaValida, campo(linea, "bodega_id"), mensaje).con("bodega_id", id));
        }
        return;
    }
    // A bodega stated for the whole invoice has its own failure, and without sucursal there is no default to speak of.
    if !linea.mueve_inventario() || pedido.datos.bodega_id.is_some() || pedido.ctx.catalogo.sucursal(&pedido.sucursal_id).is_none()
    {
        return;
    }
    let activa = linea.bodega_id.as_ref().and_then(|id| pedido.ctx.catalogo.bodega(id)).is_some_and(|b| b.activa);
    if !activa {
        let mensaje = format!("la sucursal {} no tiene una bodega activa; indique bodega_id", pedido.sucursal_id);
        fallas.push(Falla::new(Regla::BodegaValida, campo(linea, "bodega_id"), mensaje).con("sucursal_id", &pedido.sucursal_id));
    }
}

/// DescuentoValido, for the line's: well formed, active, in its dates, of its ambito. (Whether it fits its base is seen with the amounts.)
pub fn descuento_valido(_: &Pedido<'_>, linea: &LineaPropuesta<'_>, fallas: &mut Vec<Falla>) {
    if let DescuentoPropuesto::Invalido(falla) = &linea.descuento {
        fallas.push(falla.clone());
    }
}
