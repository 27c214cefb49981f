//! The rules of a note that only its invoice can tell (`dominio.md` section 12).

use std::sync::Arc;

use chrono::NaiveDate;

use super::{
    Acreditado, LOTES_POR_NOTA_MAX, LineaAcreditada, LineaNotaCredito, SolicitudCredito,
    calculo::{Acreditacion, Exceso, bodega_original},
};
use crate::domain::{
    ContextoDecision,
    facturacion::factura::{EstadoFactura, Factura, FacturaEmitida},
    inventario::PoliticaRetorno,
    numeracion::TipoDocumento,
    reglas::{Especificacion, Falla, Momentos, Regla, aplicables},
    valores::{Dinero, Id},
};

/// What a note asks of its invoice, with what the rules look at.
pub struct Peticion<'a> {
    factura: &'a Factura,
    documento: &'a FacturaEmitida,
    solicitud: &'a SolicitudCredito,
    ctx: &'a ContextoDecision<'a>,
    /// Where the note is numbered.
    pub sucursal_id: Id,
    /// Candidate ranges of that sucursal on the note's day; none when it cannot be used.
    pub rangos: Vec<Id>,
}

/// A rule over the request: adds its failures, if any.
type DeSolicitud = fn(&Peticion<'_>, &mut Vec<Falla>);
/// A rule over one line, after the ones before it took theirs.
type DeLinea = fn(&Peticion<'_>, &Arc<LineaNotaCredito>, &mut Acreditacion<'_>, &mut Vec<Falla>);
/// A rule over what the lines took.
type DeCredito = fn(&Acreditacion<'_>, &mut Vec<Falla>);

const E: Momentos = Momentos::EMITIR;

const SOLICITUD: &[Especificacion<DeSolicitud>] = &[
    Especificacion::new(Regla::FacturaAcreditable, E, acreditable),
    Especificacion::new(Regla::FechaEmisionPosteriorFactura, E, fecha_emision_posterior),
    Especificacion::new(Regla::PlazoNotaCreditoValido, E, plazo_valido),
    Especificacion::new(Regla::SucursalValida, E, sucursal_valida),
    Especificacion::new(Regla::NumeracionDisponible, E, numeracion_disponible),
];

const LINEA: &[Especificacion<DeLinea>] = &[
    Especificacion::new(Regla::PoliticaRetornoValida, E, politica_valida),
    Especificacion::new(Regla::LineasValidasContraFactura, E, linea_valida_contra_factura),
];

const TAMANO: &[Especificacion<DeCredito>] = &[
    Especificacion::new(Regla::DocumentoDemasiadoGrande, E, lotes_con_limite),
    Especificacion::new(Regla::PrecisionExcedida, E, costo_con_limite),
];

/// Only when every line is valid.
const IMPORTES: &[Especificacion<DeCredito>] = &[Especificacion::new(Regla::MontoPositivo, E, monto_positivo)];

/// These rules and their moments, for the catalogue of rules.
pub fn momentos_de_reglas() -> impl Iterator<Item = (Regla, Momentos)> {
    let solicitud = SOLICITUD.iter().map(|e| (e.regla, e.cuando));
    let lineas = LINEA.iter().map(|e| (e.regla, e.cuando));
    solicitud.chain(lineas).chain(TAMANO.iter().chain(IMPORTES).map(|e| (e.regla, e.cuando)))
}

impl<'a> Peticion<'a> {
    pub fn new(
        factura: &'a Factura,
        documento: &'a FacturaEmitida,
        solicitud: &'a SolicitudCredito,
        ctx: &'a ContextoDecision<'a>,
    ) -> Self {
        let sucursal_id = solicitud.sucursal_id.clone().unwrap_or_else(|| documento.cabecera.sucursal_id.clone());
        let sirve = ctx.catalogo.sucursal(&sucursal_id).is_some_and(|s| s.activa);
        let rangos = || ctx.catalogo.rangos_vigentes(&sucursal_id, TipoDocumento::NotaCredito, solicitud.fecha_emision);
        let rangos = if sirve { rangos() } else { Vec::new() };
        Self { factura, documento, solicitud, ctx, sucursal_id, rangos }
    }

    /// Applies every rule, line by line for what the lines take; each line counts what the ones before it took.
    pub fn revisar(&self, acreditacion: &mut Acreditacion<'_>) -> Vec<Falla> {
        let mut fallas = Vec::new();
        aplicables(SOLICITUD, E).for_each(|(evaluar, _)| evaluar(self, &mut fallas));
        for linea in &self.solicitud.lineas {
            aplicables(LINEA, E).for_each(|(evaluar, _)| evaluar(self, linea, acreditacion, &mut fallas));
        }
        aplicables(TAMANO, E).for_each(|(evaluar, _)| evaluar(acreditacion, &mut fallas));
        if acreditacion.lineas.len() == self.solicitud.lineas.len() {
            aplicables(IMPORTES, E).for_each(|(evaluar, _)| evaluar(acreditacion, &mut fallas));
        }
        fallas
    }
}

fn acreditable(peticion: &Peticion<'_>, fallas: &mut Vec<Falla>) {
    fallas.extend(factura_acreditable(peticion.factura));
}

/// FacturaAcreditable: the invoice is EMITIDA.
pub fn factura_acreditable(factura: &Factura) -> Option<Falla> {
    if factura.estado == EstadoFactura::Emitida {
        return None;
    }
    let (id, estado) = (&factura.factura_id, factura.estado.nombre());
    let mensaje = format!("la factura {id} está {estado}; sólo se acredita una factura EMITIDA");
    Some(Falla::new(Regla::FacturaAcreditable, "/factura_id", mensaje).con("factura_id", id).con("estado", estado))
}

/// FechaEmisionPosteriorFactura: after the invoice, or on its day with `nota_credito_mismo_dia`.
fn fecha_emision_posterior(peticion: &Peticion<'_>, fallas: &mut Vec<Falla>) {
    let (nota, factura) = peticion.fechas();
    let mismo_dia = peticion.ctx.emisor.nota_credito_mismo_dia;
    if nota < factura || (nota == factura && !mismo_dia) {
        let relacion = if mismo_dia { "anterior a" } else { "igual o anterior a" };
        let mensaje = format!("la fecha de la nota, {nota}, es {relacion} la de la factura, {factura}; use otra posterior");
        let falla = Falla::new(Regla::FechaEmisionPosteriorFactura, "/fecha_emision", mensaje);
        fallas.push(falla.con("fecha_emision", nota).con("fecha_factura", factura));
    }
}

/// PlazoNotaCreditoValido: within so many days of the invoice, the last included.
fn plazo_valido(peticion: &Peticion<'_>, fallas: &mut Vec<Falla>) {
    let Some(plazo) = peticion.ctx.emisor.plazo_nota_credito_dias else { return };
    let (nota, factura) = peticion.fechas();
    let dias = (nota - factura).num_days();
    if dias > i64::from(plazo) {
        let mensaje = format!("la nota sale {dias} días después de la factura; el plazo es de {plazo}");
        let falla = Falla::new(Regla::PlazoNotaCreditoValido, "/fecha_emision", mensaje);
        let falla = falla.con("fecha_emision", nota).con("fecha_factura", factura);
        fallas.push(falla.con("dias", dias).con("plazo", plazo));
    }
}

impl Peticion<'_> {
    /// Issue dates of the note and of the invoice.
    fn fechas(&self) -> (NaiveDate, NaiveDate) {
        (self.solicitud.fecha_emision, self.documento.cabecera.fecha_emision)
    }

    fn sucursal_sirve(&self) -> bool {
        self.ctx.catalogo.sucursal(&self.sucursal_id).is_some_and(|s| s.activa)
    }
}

/// SucursalValida: where the note is numbered.
fn sucursal_valida(peticion: &Peticion<'_>, fallas: &mut Vec<Falla>) {
    if !peticion.sucursal_sirve() {
        let id = &peticion.sucursal_id;
        let mensaje = format!("la sucursal {id} no existe o está inactiva; indique otra");
        fallas.push(Falla::new(Regla::SucursalValida, "/sucursal_id", mensaje).con("sucursal_id", id));
    }
}

/// NumeracionDisponible: a range of notes in force on the note's day. Of a sucursal that cannot be used it says nothing.
fn numeracion_disponible(peticion: &Peticion<'_>, fallas: &mut Vec<Falla>) {
    if !peticion.rangos.is_empty() || !peticion.sucursal_sirve() {
        return;
    }
    let (id, fecha) = (&peticion.sucursal_id, peticion.solicitud.fecha_emision);
    let mensaje =
        format!("la sucursal {id} no tiene un rango de numeración de notas de crédito vigente el {fecha}; cree o renueve uno");
    fallas.push(Falla::new(Regla::NumeracionDisponible, "", mensaje).con("sucursal_id", id).con("fecha_emision", fecha));
}

/// LineasValidasContraFactura: the invoice has the line, and enough of it is left.
fn linea_valida_contra_factura(
    peticion: &Peticion<'_>,
    linea: &Arc<LineaNotaCredito>,
    acreditacion: &mut Acreditacion<'_>,
    fallas: &mut Vec<Falla>,
) {
    let emitidas = &peticion.documento.lineas;
    match linea.linea_factura.checked_sub(1).and_then(|i| emitidas.get(usize::from(i))) {
        None => fallas.push(linea_inexistente(peticion.documento, linea)),
        Some(emitida) => {
            if let Err(exceso) = acreditacion.tomar(linea, emitida) {
                fallas.push(linea_excedida(linea, exceso));
            }
        }
    }
}

/// DocumentoDemasiadoGrande: the slices of lots that come back.
fn lotes_con_limite(acreditacion: &Acreditacion<'_>, fallas: &mut Vec<Falla>) {
    let lotes = acreditacion.cuantos_lotes();
    if lotes > LOTES_POR_NOTA_MAX {
        let mensaje = format!("la nota devolvería {lotes} partes de lotes; el máximo es {LOTES_POR_NOTA_MAX}: divídala en varias");
        fallas.push(Falla::new(Regla::DocumentoDemasiadoGrande, "/lineas", mensaje).con("lotes", lotes));
    }
}

/// PrecisionExcedida: the cost of what comes back. Asked before the credit is held: past its number a note cannot be refused.
fn costo_con_limite(acreditacion: &Acreditacion<'_>, fallas: &mut Vec<Falla>) {
    if acreditacion.costo().is_none() {
        let mensaje = "el costo de lo que la nota devuelve llega a 10^16; divídala en varias";
        fallas.push(Falla::new(Regla::PrecisionExcedida, "/lineas", mensaje));
    }
}

/// MontoPositivo: the note credits something. Goods whose money was credited before come back in a note of zero.
fn monto_positivo(acreditacion: &Acreditacion<'_>, fallas: &mut Vec<Falla>) {
    let vale = |linea: &LineaAcreditada| !(linea.subtotal.valor() + linea.valor_impuesto.valor()).is_zero();
    if acreditacion.cuantos_lotes() == 0 && !acreditacion.lineas.iter().any(vale) {
        let mensaje = "el total de la nota es 0 y no devuelve mercancía; acredite una cantidad o un monto mayor";
        fallas.push(Falla::new(Regla::MontoPositivo, "/lineas", mensaje).con("total", Dinero::CERO));
    }
}

fn campo(linea: &LineaNotaCredito, nombre: &str) -> String {
    format!("/lineas/{}/{nombre}", linea.numero.saturating_sub(1))
}

/// PoliticaRetornoValida: REVERSA_FIFO only into the original bodega.
fn politica_valida(peticion: &Peticion<'_>, linea: &Arc<LineaNotaCredito>, _: &mut Acreditacion<'_>, fallas: &mut Vec<Falla>) {
    let reversa = peticion.solicitud.politica == PoliticaRetorno::ReversaFifo && linea.afecta_inventario;
    let Some(destino) = linea.bodega_id.as_ref().filter(|_| reversa) else { return };
    let original = bodega_original(peticion.documento, linea.linea_factura).filter(|original| *original != destino);
    let Some(original) = original else { return };
    let mensaje = format!("REVERSA_FIFO devuelve a la bodega original, {original}, y la línea pide {destino}; use LOTE_NUEVO");
    let falla = Falla::new(Regla::PoliticaRetornoValida, campo(linea, "bodega_id"), mensaje);
    fallas.push(falla.con("bodega_id", destino).con("bodega_original", original));
}

fn linea_inexistente(documento: &FacturaEmitida, linea: &LineaNotaCredito) -> Falla {
    let mensaje = format!("la factura no tiene la línea {}; tiene {}", linea.linea_factura, documento.lineas.len());
    Falla::new(Regla::LineasValidasContraFactura, campo(linea, "linea_factura"), mensaje)
        .con("linea_factura", linea.linea_factura)
        .con("lineas", documento.lineas.len())
}

fn linea_excedida(linea: &Arc<LineaNotaCredito>, exceso: Exceso) -> Falla {
    let numero = linea.linea_factura;
    let (nombre, queda) = match exceso {
        Exceso::Cantidad { queda } => ("cantidad", queda.to_string()),
        Exceso::Monto { queda } => ("monto", queda.to_string()),
    };
    let pedido = match linea.acreditado {
        Acreditado::Cantidad { cantidad } => cantidad.to_string(),
        Acreditado::Monto { monto } => monto.to_string(),
    };
    let mensaje = format!("la línea {numero} de la factura tiene pendiente {nombre} {queda} y la nota pide {pedido}");
    Falla::new(Regla::LineasValidasContraFactura, campo(linea, nombre), mensaje)
        .con("linea_factura", numero)
        .con("solicitado", pedido)
        .con("pendiente", queda)
}
