//! The rules of an invoice (`dominio.md` section 12), each its own small specification. The lists below join them with AND:
//! a new rule is one function and one entry.
//!
//! Two severities. What makes even the draft illegal (when C and L) refuses the command: nothing is recorded. What only
//! forbids its issue (E) leaves the draft, rejected.

mod cabecera;
mod importes;
mod lineas;

use std::sync::Arc;

use super::{
    LineaFactura, TotalesFactura,
    resolucion::{LineaPropuesta, Pedido},
};
use crate::domain::{
    facturacion::totales::{ImportesLinea, Partida, calcular},
    reglas::Falla,
};

/// A rule over the whole invoice: adds its failures, if any.
type Regla = fn(&Pedido<'_>, &mut Vec<Falla>);
/// A rule over one line.
type ReglaLinea = fn(&Pedido<'_>, &LineaPropuesta<'_>, &mut Vec<Falla>);
/// A rule over the amounts of an invoice whose lines are valid.
type ReglaImportes = fn(&Pedido<'_>, &TotalesFactura, &mut Vec<Falla>);

/// Of the head; a failure makes the draft illegal.
const DE_BORRADOR: &[Regla] = &[
    cabecera::sucursal_valida,
    cabecera::bodega_valida,
    cabecera::moneda_valida,
    cabecera::fecha_emision_valida,
    cabecera::max_dias_futuro_valido,
    cabecera::fecha_autorizacion_valida,
    cabecera::fecha_caducidad_valida,
    cabecera::total_declarado_con_limites,
    cabecera::formas_pago_con_limite,
    cabecera::documento_con_limite,
    lineas::no_mas_de_500,
];

/// Of each line; a failure makes the draft illegal.
const DE_LINEA: &[ReglaLinea] = &[
    lineas::producto_existe,
    lineas::descripcion_valida,
    lineas::cantidad_valida,
    lineas::precio_valido,
    lineas::impuesto_valido,
    lineas::bodega_valida,
];

/// Of the issue: a failure leaves the draft rejected.
const DE_EMISION: &[Regla] = &[cabecera::cliente_valido, lineas::factura_tiene_lineas, cabecera::numeracion_disponible];

/// Of the issue, line by line.
const DE_EMISION_POR_LINEA: &[ReglaLinea] = &[lineas::producto_activo];

/// Of the issue, over the amounts.
const DE_IMPORTES: &[ReglaImportes] = &[importes::monto_positivo, importes::totales_consistentes, importes::forma_pago_valida];

/// What the rules found.
pub struct Revision {
    /// Not empty: the draft itself is illegal.
    pub de_borrador: Vec<Falla>,
    /// Not empty: it may not be issued.
    pub de_emision: Vec<Falla>,
    /// The lines, when they are valid.
    pub lineas: Vec<Arc<LineaFactura>>,
    /// Amounts and totals, when there are lines and all are valid.
    pub importes: Option<(Vec<ImportesLinea>, TotalesFactura)>,
}

/// Applies every rule; no rule stops another, except that amounts need valid lines.
pub fn revisar(pedido: &Pedido<'_>) -> Revision {
    let (mut de_borrador, mut de_emision) = (Vec::new(), Vec::new());
    DE_BORRADOR.iter().for_each(|regla| regla(pedido, &mut de_borrador));
    DE_EMISION.iter().for_each(|regla| regla(pedido, &mut de_emision));
    let antes_de_lineas = de_borrador.len();
    for linea in &pedido.lineas {
        DE_LINEA.iter().for_each(|regla| regla(pedido, linea, &mut de_borrador));
        DE_EMISION_POR_LINEA.iter().for_each(|regla| regla(pedido, linea, &mut de_emision));
    }
    let todas = pedido.lineas.len() == pedido.datos.lineas.len();
    if de_borrador.len() > antes_de_lineas || !todas {
        return Revision { de_borrador, de_emision, lineas: Vec::new(), importes: None };
    }
    let lineas: Vec<_> = pedido.lineas.iter().filter_map(LineaPropuesta::en_limpio).map(Arc::new).collect();
    let importes = if lineas.is_empty() { None } else { calcular_importes(pedido, &lineas, &mut de_borrador) };
    if let Some((_, totales)) = &importes {
        DE_IMPORTES.iter().for_each(|regla| regla(pedido, totales, &mut de_emision));
    }
    Revision { de_borrador, de_emision, lineas, importes }
}

fn calcular_importes(
    pedido: &Pedido<'_>,
    lineas: &[Arc<LineaFactura>],
    fallas: &mut Vec<Falla>,
) -> Option<(Vec<ImportesLinea>, TotalesFactura)> {
    let partidas =
        lineas.iter().map(|l| Partida { cantidad: l.cantidad, precio_unitario: l.precio_unitario, impuesto: l.impuesto.as_ref() });
    calcular(&pedido.ctx.emisor.redondeo, partidas).map_err(|exceso| fallas.push(importes::monto_excedido(exceso))).ok()
}
