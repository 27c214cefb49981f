//! The rules of an invoice (`dominio.md` section 12): small specifications, all of which must hold at their moments.
//!
//! A failure of a rule that applies when a document is created or a line stated makes the draft itself illegal: the command is refused
//! and nothing is created. A failure of one that applies to its issue only leaves the draft, rejected. Adding a rule is adding it to a list.

mod cabecera;
mod importes;
mod lineas;

use std::sync::Arc;

use super::{
    DescuentoFactura, LineaFactura, TotalesFactura,
    resolucion::{LineaPropuesta, Pedido},
};
use crate::domain::{
    ContextoDecision,
    facturacion::totales::{ImportesLinea, Partida, calcular},
    reglas::{Especificacion, Falla, Momentos, Regla, aplicables},
};

/// A rule over the whole invoice: adds its failures, if any.
type DePedido = fn(&Pedido<'_>, &mut Vec<Falla>);
/// A rule over one line.
type DeLinea = fn(&Pedido<'_>, &LineaPropuesta<'_>, &mut Vec<Falla>);
/// A rule over the amounts of an invoice whose lines are valid.
type DeImportes = fn(&Pedido<'_>, &TotalesFactura, &mut Vec<Falla>);

const CLE: Momentos = Momentos::TODOS;
const LE: Momentos = Momentos::LINEA.y(Momentos::EMITIR);
const CE: Momentos = Momentos::CREAR.y(Momentos::EMITIR);
const E: Momentos = Momentos::EMITIR;

/// Of the head.
const CABECERA: &[Especificacion<DePedido>] = &[
    Especificacion::new(Regla::SucursalValida, CLE, cabecera::sucursal_valida),
    Especificacion::new(Regla::BodegaValida, CLE, cabecera::bodega_valida),
    Especificacion::new(Regla::MonedaValida, CE, cabecera::moneda_valida),
    Especificacion::new(Regla::FechaEmisionValida, CLE, cabecera::fecha_emision_valida),
    Especificacion::new(Regla::MaxDiasFuturoValido, CLE, cabecera::max_dias_futuro_valido),
    Especificacion::new(Regla::FechaAutorizacionValida, CLE, cabecera::fecha_autorizacion_valida),
    Especificacion::new(Regla::FechaCaducidadValida, CLE, cabecera::fecha_caducidad_valida),
    Especificacion::new(Regla::PrecisionExcedida, CE, cabecera::total_declarado_con_limites),
    Especificacion::new(Regla::FormaPagoValida, CE, cabecera::formas_pago_con_limite),
    Especificacion::new(Regla::DocumentoDemasiadoGrande, CLE, cabecera::documento_con_limite),
    Especificacion::new(Regla::FacturaTieneLineas, CLE, lineas::no_mas_de_500),
    Especificacion::new(Regla::DescuentoValido, LE, cabecera::descuento_valido),
    Especificacion::new(Regla::ClienteValido, E, cabecera::cliente_valido),
    Especificacion::new(Regla::FacturaTieneLineas, E, lineas::factura_tiene_lineas),
    Especificacion::new(Regla::NumeracionDisponible, E, cabecera::numeracion_disponible),
];

/// Of the dates: what a change of them must hold.
const FECHAS: &[Especificacion<DePedido>] = &[
    Especificacion::new(Regla::FechaEmisionValida, CLE, cabecera::fecha_emision_valida),
    Especificacion::new(Regla::MaxDiasFuturoValido, CLE, cabecera::max_dias_futuro_valido),
    Especificacion::new(Regla::FechaAutorizacionValida, CLE, cabecera::fecha_autorizacion_valida),
    Especificacion::new(Regla::FechaCaducidadValida, CLE, cabecera::fecha_caducidad_valida),
];

/// Of the forms of payment of a draft: what its issue does not look at again is its size.
const PAGOS: &[Especificacion<DePedido>] = &[
    Especificacion::new(Regla::FormaPagoValida, CE, cabecera::formas_pago_con_limite),
    Especificacion::new(Regla::DocumentoDemasiadoGrande, CLE, cabecera::documento_con_limite),
];

/// Of each line.
const LINEA: &[Especificacion<DeLinea>] = &[
    Especificacion::new(Regla::ProductoValido, LE, lineas::producto_existe),
    Especificacion::new(Regla::LineaValida, LE, lineas::descripcion_valida),
    Especificacion::new(Regla::LineaValida, LE, lineas::cantidad_valida),
    Especificacion::new(Regla::LineaValida, LE, lineas::precio_valido),
    Especificacion::new(Regla::ImpuestoValido, LE, lineas::impuesto_valido),
    Especificacion::new(Regla::DescuentoValido, LE, lineas::descuento_valido),
    Especificacion::new(Regla::BodegaValida, CLE, lineas::bodega_valida),
    Especificacion::new(Regla::ProductoValido, E, lineas::producto_activo),
];

/// Over the amounts.
const IMPORTES: &[Especificacion<DeImportes>] = &[
    Especificacion::new(Regla::MontoPositivo, E, importes::monto_positivo),
    Especificacion::new(Regla::TotalesConsistentes, E, importes::totales_consistentes),
    Especificacion::new(Regla::FormaPagoValida, E, importes::forma_pago_valida),
    Especificacion::new(Regla::LimiteCreditoValido, E, importes::limite_credito_valido),
];

/// Amounts of each line, and the sums.
pub type Importes = (Vec<ImportesLinea>, TotalesFactura);

/// What the rules found.
pub struct Revision {
    /// Not empty: the draft itself is illegal.
    pub de_borrador: Vec<Falla>,
    /// Not empty: it may not be issued.
    pub de_emision: Vec<Falla>,
    /// The lines, when they are valid.
    pub lineas: Vec<Arc<LineaFactura>>,
    /// Amounts and totals, when all lines are valid.
    pub importes: Option<Importes>,
}

/// Failures, by what they forbid.
#[derive(Default)]
struct Reunidas {
    de_borrador: Vec<Falla>,
    de_emision: Vec<Falla>,
}

impl Reunidas {
    fn de(&mut self, de_borrador: bool) -> &mut Vec<Falla> {
        if de_borrador { &mut self.de_borrador } else { &mut self.de_emision }
    }
}

/// Applies every rule of the moments; no rule stops another, except that amounts need valid lines and a valid discount.
pub fn revisar(pedido: &Pedido<'_>, momentos: Momentos) -> Revision {
    let mut fallas = Reunidas::default();
    aplicables(CABECERA, momentos).for_each(|(evaluar, borrador)| evaluar(pedido, fallas.de(borrador)));
    let antes_de_lineas = fallas.de_borrador.len();
    for linea in &pedido.lineas {
        aplicables(LINEA, momentos).for_each(|(evaluar, borrador)| evaluar(pedido, linea, fallas.de(borrador)));
    }
    let todas = pedido.lineas.len() == pedido.datos.lineas.len();
    if fallas.de_borrador.len() > antes_de_lineas || !todas {
        return Revision { de_borrador: fallas.de_borrador, de_emision: fallas.de_emision, lineas: Vec::new(), importes: None };
    }
    let lineas: Vec<_> = pedido.lineas.iter().filter_map(LineaPropuesta::en_limpio).map(Arc::new).collect();
    let importes = calcular_importes(pedido, &lineas).map_err(|falla| fallas.de_borrador.push(falla)).ok();
    if let Some((_, totales)) = importes.as_ref().filter(|_| !lineas.is_empty()) {
        aplicables(IMPORTES, momentos).for_each(|(evaluar, borrador)| evaluar(pedido, totales, fallas.de(borrador)));
    }
    Revision { de_borrador: fallas.de_borrador, de_emision: fallas.de_emision, lineas, importes }
}

/// What stating one more line, the last of `pedido`, must hold.
pub fn revisar_ultima_linea(pedido: &Pedido<'_>) -> Vec<Falla> {
    let mut fallas = Vec::new();
    aplicables(CABECERA, Momentos::LINEA).for_each(|(evaluar, _)| evaluar(pedido, &mut fallas));
    if let Some(linea) = pedido.lineas.last().filter(|_| pedido.lineas.len() == pedido.datos.lineas.len()) {
        aplicables(LINEA, Momentos::LINEA).for_each(|(evaluar, _)| evaluar(pedido, linea, &mut fallas));
    }
    fallas
}

/// What the dates must hold.
pub fn revisar_fechas(pedido: &Pedido<'_>) -> Vec<Falla> {
    let mut fallas = Vec::new();
    FECHAS.iter().for_each(|e| (e.evaluar)(pedido, &mut fallas));
    fallas
}

/// What the forms of payment of a draft must hold.
pub fn revisar_pagos(pedido: &Pedido<'_>) -> Vec<Falla> {
    let mut fallas = Vec::new();
    PAGOS.iter().for_each(|e| (e.evaluar)(pedido, &mut fallas));
    fallas
}

/// The amounts of valid lines, lowered by the document's discount if it has one that is valid.
///
/// # Errors
/// What keeps them from being had.
pub fn calcular_importes(pedido: &Pedido<'_>, lineas: &[Arc<LineaFactura>]) -> Result<Importes, Falla> {
    importes_con(pedido.ctx, lineas, pedido.descuento.en_limpio())
}

/// The same for lines and a discount that a document keeps.
///
/// # Errors
/// What keeps them from being had.
pub fn importes_con(
    ctx: &ContextoDecision<'_>,
    lineas: &[Arc<LineaFactura>],
    descuento: Option<&DescuentoFactura>,
) -> Result<Importes, Falla> {
    let partidas = lineas.iter().map(|l| Partida {
        cantidad: l.cantidad,
        precio_unitario: l.precio_unitario,
        descuento: l.descuento.as_ref().map(|d| d.valor),
        impuesto: l.impuesto.as_ref(),
    });
    let descuento = descuento.map(|d| d.valor).filter(|valor| !valor.es_cero());
    calcular(&ctx.emisor.redondeo, partidas, descuento).map_err(importes::sin_totales)
}
