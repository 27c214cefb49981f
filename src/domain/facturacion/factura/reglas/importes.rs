//! Rules of the amounts: evaluated only when the lines are valid.

use super::super::{FormaPago, FormaPagoTipo, TotalesFactura, resolucion::Pedido};
use crate::domain::{
    facturacion::totales::{MontoExcedido, SinTotales},
    reglas::{Falla, Regla},
    valores::{Decimal, Dinero, texto_valido},
};

/// Longest means code of a payment form, in characters.
const MEDIO_MAX: usize = 32;

/// Why the amounts cannot be had.
pub fn sin_totales(motivo: SinTotales) -> Falla {
    match motivo {
        SinTotales::Excedido(exceso) => monto_excedido(exceso),
        SinTotales::DescuentoMayor { linea, monto, base } => descuento_mayor(linea, monto, base),
    }
}

/// DescuentoValido: the discount is at most what it lowers.
fn descuento_mayor(linea: Option<usize>, monto: Dinero, base: Decimal) -> Falla {
    let campo = linea.map_or_else(|| "/descuento".to_owned(), |i| format!("/lineas/{i}/descuento"));
    let que = if linea.is_some() { "de la línea" } else { "del documento" };
    let mensaje = format!("el descuento {que}, {monto}, supera su base, {base:.2}; aplique antes uno menor (0 lo quita)");
    Falla::new(Regla::DescuentoValido, campo, mensaje).con("descuento", monto).con("base", format!("{base:.2}"))
}

/// PrecisionExcedida: an amount reached 10^15.
fn monto_excedido(exceso: MontoExcedido) -> Falla {
    match exceso.linea {
        Some(i) => Falla::new(Regla::PrecisionExcedida, format!("/lineas/{i}"), "el monto de la línea debe ser menor que 10^15"),
        None => Falla::new(
            Regla::PrecisionExcedida,
            "/lineas",
            "el total debe ser menor que 10^15; reparta las líneas en varias facturas",
        ),
    }
}

/// MontoPositivo: total above zero.
pub fn monto_positivo(_: &Pedido<'_>, totales: &TotalesFactura, fallas: &mut Vec<Falla>) {
    if totales.total.valor() <= Decimal::ZERO {
        let mensaje = "el total debe ser mayor que cero; revise cantidades y precios";
        fallas.push(Falla::new(Regla::MontoPositivo, "/lineas", mensaje).con("total", totales.total));
    }
}

/// TotalesConsistentes: the stated total, when present, is the computed one. (One that is no amount of money has its own failure.)
pub fn totales_consistentes(pedido: &Pedido<'_>, totales: &TotalesFactura, fallas: &mut Vec<Falla>) {
    let declarado = pedido.datos.total.and_then(|total| Dinero::nuevo(total).ok());
    let Some(declarado) = declarado.filter(|total| *total != totales.total) else { return };
    let mensaje = format!("el total declarado es {declarado} y las líneas suman {}", totales.total);
    fallas.push(
        Falla::new(Regla::TotalesConsistentes, "/total", mensaje).con("declarado", declarado).con("calculado", totales.total),
    );
}

/// FormaPagoValida: when present, each is well formed and together they add up to the total.
pub fn forma_pago_valida(pedido: &Pedido<'_>, totales: &TotalesFactura, fallas: &mut Vec<Falla>) {
    let formas = &pedido.datos.formas_pago;
    if formas.is_empty() || formas.len() > super::super::FORMAS_PAGO_MAX {
        return;
    }
    for (indice, forma) in formas.iter().enumerate() {
        revisar_forma(pedido, indice, forma, fallas);
    }
    let suma: Decimal = formas.iter().map(|f| f.monto.valor()).sum();
    if suma != totales.total.valor() {
        let mensaje = format!("las formas de pago suman {suma} y el total es {}", totales.total);
        fallas.push(Falla::new(Regla::FormaPagoValida, "/formas_pago", mensaje).con("suma", suma).con("total", totales.total));
    }
}

fn revisar_forma(pedido: &Pedido<'_>, indice: usize, forma: &FormaPago, fallas: &mut Vec<Falla>) {
    let mut fallar = |campo: &str, mensaje: String| {
        fallas.push(Falla::new(Regla::FormaPagoValida, format!("/formas_pago/{indice}/{campo}"), mensaje));
    };
    if !texto_valido(&forma.medio, MEDIO_MAX) {
        fallar("medio", format!("el medio de pago tiene de 1 a {MEDIO_MAX} caracteres"));
    }
    if forma.monto.valor() <= Decimal::ZERO {
        fallar("monto", "el monto debe ser mayor que cero".to_owned());
    }
    let emision = pedido.fecha_emision;
    match (forma.forma, forma.fecha_vencimiento) {
        (FormaPagoTipo::Credito, None) => {
            fallar("fecha_vencimiento", "un pago a CREDITO debe indicar fecha_vencimiento".to_owned())
        }
        (FormaPagoTipo::Credito, Some(vence)) if vence < emision => {
            fallar("fecha_vencimiento", format!("el vencimiento {vence} es anterior a la emisión, {emision}"));
        }
        _ => {}
    }
}

/// LimiteCreditoValido (optional): what is paid on credit is at most the issuer's limit for one invoice.
pub fn limite_credito_valido(pedido: &Pedido<'_>, _: &TotalesFactura, fallas: &mut Vec<Falla>) {
    let Some(limite) = pedido.ctx.emisor.limite_credito else { return };
    let a_credito = pedido.datos.formas_pago.iter().filter(|f| f.forma == FormaPagoTipo::Credito);
    let credito: Decimal = a_credito.map(|f| f.monto.valor()).sum();
    if credito > limite.valor() {
        let mensaje =
            format!("el crédito de la factura, {credito:.2}, supera el límite de {limite}; cobre la diferencia de CONTADO");
        fallas.push(
            Falla::new(Regla::LimiteCreditoValido, "/formas_pago", mensaje)
                .con("credito", format!("{credito:.2}"))
                .con("limite", limite),
        );
    }
}
