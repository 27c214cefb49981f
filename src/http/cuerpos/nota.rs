//! Bodies of credit notes, of the annulment of an invoice and of what the tax authority answered (`dominio.md` sections 10 and 15).

use std::sync::Arc;

use serde_json::Value;

use super::{ContextoCuerpo, ErroresCuerpo, id_o_nuevo, inventario::limite_cantidad, lector::Lector, leer};
use crate::domain::{
    facturacion::{
        factura::{Campo, ComandoFactura, EstadoDian, RespuestaDian},
        nota_credito::{ComandoNotaCredito, ConceptoNota, DatosNotaCredito, FechasNota, LINEAS_MAX, LineaNotaPedida},
    },
    inventario::PoliticaRetorno,
    reglas::{Falla, Regla},
    valores::{Decimal, Dinero, ErrorDecimal, Id},
};

/// The rule says 5 to 300 after trimming; more than this is not even taken.
const LARGO_MOTIVO: usize = 300;

const CAMPOS: &[&str] = &[
    "id",
    "factura_id",
    "sucursal_id",
    "concepto",
    "motivo",
    "politica_retorno",
    "fecha_emision",
    "fecha_autorizacion",
    "fecha_caducidad",
    "lineas",
];
const CAMPOS_LINEA: &[&str] = &["linea_factura", "cantidad", "monto", "afecta_inventario", "bodega_id"];
const CAMPOS_FECHAS: &[&str] = &["fecha_emision", "fecha_autorizacion", "fecha_caducidad"];

/// `POST /facturas/{id}/notas-credito` (`factura` from the address) and `POST /notas-credito` (`factura_id` in the body). With `emitir` it
/// is created and issued; without, it stays a draft, which may have no lines yet.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_nota(
    valor: &Value,
    factura: Option<&Id>,
    emitir: bool,
    contexto: &ContextoCuerpo<'_>,
) -> Result<ComandoNotaCredito, ErroresCuerpo> {
    leer(valor, CAMPOS, |lector| {
        let tipo = if emitir { "CrearYEmitirNotaCredito" } else { "CrearNotaCredito" };
        let nota_id = id_o_nuevo(lector, "id", tipo, contexto);
        let factura_id = factura_id(lector, factura);
        let sucursal_id = lector.id("sucursal_id");
        let conceptos = ConceptoNota::TODOS.map(ConceptoNota::nombre);
        let concepto = lector.opcion("concepto", &conceptos, Regla::TextoValido, ConceptoNota::de_nombre);
        let concepto = lector.exigir("concepto", Regla::TextoValido, concepto);
        let motivo = motivo(lector);
        let politicas = PoliticaRetorno::TODAS.map(PoliticaRetorno::nombre);
        let politica_retorno =
            lector.opcion("politica_retorno", &politicas, Regla::PoliticaRetornoValida, PoliticaRetorno::de_nombre);
        let fechas = fechas(lector);
        let lineas = lineas(lector);
        let datos =
            DatosNotaCredito { sucursal_id, concepto: concepto?, motivo: motivo?, politica_retorno, fechas, lineas: lineas? };
        let (factura_id, nota_id, datos) = (factura_id?, nota_id?, Box::new(datos));
        Some(if emitir {
            ComandoNotaCredito::CrearYEmitirNotaCredito { factura_id, nota_id, datos }
        } else {
            ComandoNotaCredito::CrearNotaCredito { factura_id, nota_id, datos }
        })
    })
}

/// The invoice of the address, which the body may repeat; or the body's.
fn factura_id(lector: &mut Lector<'_, '_>, de_ruta: Option<&Id>) -> Option<Id> {
    let del_cuerpo = lector.id("factura_id");
    match de_ruta {
        None => lector.exigir("factura_id", Regla::FacturaExiste, del_cuerpo),
        Some(de_ruta) => {
            if del_cuerpo.is_some_and(|otro| otro != *de_ruta) {
                lector.falla("factura_id", Regla::IdValido, format!("no es la factura de la dirección («{de_ruta}»)"));
            }
            Some(de_ruta.clone())
        }
    }
}

/// Its length is the domain's to judge; an absent one is told here.
fn motivo(lector: &mut Lector<'_, '_>) -> Option<Arc<str>> {
    let motivo = lector.texto("motivo", LARGO_MOTIVO, Regla::MotivoValido);
    lector.exigir("motivo", Regla::MotivoValido, motivo)
}

fn fechas(lector: &mut Lector<'_, '_>) -> FechasNota {
    FechasNota {
        fecha_emision: lector.fecha("fecha_emision"),
        fecha_autorizacion: lector.fecha("fecha_autorizacion"),
        fecha_caducidad: lector.fecha_o_nulo("fecha_caducidad"),
    }
}

fn lineas(lector: &mut Lector<'_, '_>) -> Option<Vec<LineaNotaPedida>> {
    if !lector.presente("lineas") {
        return Some(Vec::new());
    }
    let lista = lector.lista("lineas")?;
    if lista.len() > LINEAS_MAX {
        let mensaje = format!("la nota tiene {} líneas; se admiten hasta {LINEAS_MAX}: divídala en varias", lista.len());
        lector.errores.anotar(Falla::new(Regla::LineaValida, lector.ruta("lineas"), mensaje).con("maximo", LINEAS_MAX));
        return None;
    }
    let ruta = lector.ruta("lineas");
    let leidas: Vec<_> = lista.iter().enumerate().map(|(i, valor)| linea(valor, format!("{ruta}/{i}"), lector.errores)).collect();
    leidas.into_iter().collect()
}

fn linea(valor: &Value, ruta: String, errores: &mut ErroresCuerpo) -> Option<LineaNotaPedida> {
    let mut lector = Lector::abrir(valor, ruta, CAMPOS_LINEA, errores)?;
    campos_linea(&mut lector)
}

fn campos_linea(lector: &mut Lector<'_, '_>) -> Option<LineaNotaPedida> {
    let linea_factura = lector.entero("linea_factura", Regla::LineasValidasContraFactura);
    let linea_factura = lector.exigir("linea_factura", Regla::LineasValidasContraFactura, linea_factura);
    let cantidad = lector.decimal("cantidad", Regla::LineaValida, limite_cantidad);
    let monto = lector.decimal("monto", Regla::LineaValida, limite_dinero);
    let afecta_inventario = lector.booleano("afecta_inventario");
    let bodega_id = lector.id("bodega_id");
    // A line beyond any invoice's is as unknown as line 0.
    let linea_factura = u16::try_from(linea_factura?).unwrap_or(0);
    Some(LineaNotaPedida { linea_factura, cantidad, monto, afecta_inventario, bodega_id })
}

fn limite_dinero(valor: Decimal) -> Result<(), ErrorDecimal> {
    Dinero::nuevo(valor).map(drop)
}

/// `POST /facturas/{id}/notas-credito/{nota}/lineas`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_linea_nota(valor: &Value, factura_id: &Id, nota_id: &Id) -> Result<ComandoNotaCredito, ErroresCuerpo> {
    leer(valor, CAMPOS_LINEA, |lector| {
        let linea = campos_linea(lector)?;
        Some(ComandoNotaCredito::AgregarLineaNotaCredito { factura_id: factura_id.clone(), nota_id: nota_id.clone(), linea })
    })
}

/// `POST /facturas/{id}/notas-credito/{nota}/emitir`: an empty object keeps the draft's dates.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_emitir_nota(valor: &Value, factura_id: &Id, nota_id: &Id) -> Result<ComandoNotaCredito, ErroresCuerpo> {
    leer(valor, CAMPOS_FECHAS, |lector| {
        let fechas = fechas(lector);
        let nuevas =
            fechas.fecha_emision.is_some() || fechas.fecha_autorizacion.is_some() || fechas.fecha_caducidad != Campo::Ausente;
        let fechas = nuevas.then_some(fechas);
        Some(ComandoNotaCredito::EmitirNotaCredito { factura_id: factura_id.clone(), nota_id: nota_id.clone(), fechas })
    })
}

/// `POST /facturas/{id}/anular`. Without an address (the command line) the body names `factura_id`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_anular(valor: &Value, factura: Option<&Id>) -> Result<ComandoFactura, ErroresCuerpo> {
    leer(valor, &["factura_id", "motivo"], |lector| {
        let (factura_id, motivo) = (factura_id(lector, factura), motivo(lector));
        Some(ComandoFactura::AnularFactura { factura_id: factura_id?, motivo: motivo? })
    })
}

/// Longer texts are not even taken; the domain says so of shorter ones that do not serve.
const LARGO_CODIGO: usize = 64;
const LARGO_MENSAJE: usize = 1_000;

/// `POST /facturas/{id}/respuesta-dian`. Without an address (the command line) the body names `factura_id`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_respuesta_dian(valor: &Value, factura: Option<&Id>) -> Result<ComandoFactura, ErroresCuerpo> {
    leer(valor, &["factura_id", "estado", "codigo", "mensaje"], |lector| {
        let factura_id = factura_id(lector, factura);
        let estado = lector.opcion("estado", &EstadoDian::TODOS.map(EstadoDian::nombre), Regla::TextoValido, EstadoDian::de_nombre);
        let estado = lector.exigir("estado", Regla::TextoValido, estado);
        let codigo = lector.texto("codigo", LARGO_CODIGO, Regla::TextoValido);
        let mensaje = lector.texto("mensaje", LARGO_MENSAJE, Regla::TextoValido);
        let respuesta = Box::new(RespuestaDian { estado: estado?, codigo, mensaje });
        Some(ComandoFactura::RegistrarRespuestaDian { factura_id: factura_id?, respuesta })
    })
}
