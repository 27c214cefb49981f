//! Strict JSON bodies to domain commands: used by the REST API and by the NDJSON importer.
//!
//! Every failure of a body is reported at once, each with its JSON Pointer. Decimals never pass through a float; text is NFC-normalised
//! and trimmed; limits are checked before anything reaches the log. What only the state can tell is left to the domain.

mod catalogo;
mod errores;
mod factura;
mod identificacion;
mod inventario;
mod json;
mod lector;
mod nota;
mod numeracion;
#[cfg(test)]
mod tests;

pub use catalogo::{
    cuerpo_bodega, cuerpo_bodega_cambios, cuerpo_cliente, cuerpo_cliente_cambios, cuerpo_descuento, cuerpo_descuento_cambios,
    cuerpo_producto, cuerpo_producto_cambios, cuerpo_sucursal, cuerpo_sucursal_cambios,
};
use chrono::NaiveDate;
pub use errores::{ErrorForma, ErroresCuerpo};
pub use factura::{
    MAXIMO_LINEAS, cuerpo_aplicar_descuento, cuerpo_borrador, cuerpo_emitir, cuerpo_factura, cuerpo_fechas, cuerpo_formas_pago,
    cuerpo_linea, cuerpo_quitar_linea, factura_del_cuerpo,
};
pub use inventario::{cuerpo_entrada, cuerpo_inventario, cuerpo_salida, cuerpo_stock_minimo};
pub use json::leer_json;
pub use nota::{cuerpo_anular, cuerpo_emitir_nota, cuerpo_linea_nota, cuerpo_nota, cuerpo_respuesta_dian};
pub use numeracion::{cuerpo_inutilizar, cuerpo_rango, cuerpo_renovar};
use serde_json::Value;

use super::ids::OrigenIds;
use crate::domain::{
    reglas::{Falla, Regla},
    valores::Id,
};
use lector::Lector;

/// What a body may take besides its own fields.
#[derive(Clone, Copy)]
pub struct ContextoCuerpo<'a> {
    /// The issuer's calendar day now: default of the dates of stock movements.
    pub hoy: NaiveDate,
    /// Where ids come from when the body names none.
    pub origen: OrigenIds<'a>,
    /// Switch of the issuer: check the modulus of public and juridical RUCs.
    pub verificar_digito_ruc: bool,
}

/// The id of a new document: the body's `campo`, or one derived from the request.
fn id_o_nuevo(lector: &mut Lector<'_, '_>, campo: &str, tipo_comando: &str, contexto: &ContextoCuerpo<'_>) -> Option<Id> {
    if lector.presente(campo) { lector.id(campo) } else { Some(contexto.origen.documento(tipo_comando)) }
}

/// A PUT may repeat the id of its address; another one is refused.
fn mismo_id(lector: &mut Lector<'_, '_>, id: &Id) {
    if lector.id("id").is_some_and(|otro| otro != *id) {
        lector.falla(
            "id",
            Regla::IdValido,
            format!("el id del cuerpo no es el de la dirección («{id}»); el id no se puede cambiar"),
        );
    }
}

/// A PUT that changes nothing is refused: no event would tell that it happened.
fn exigir_cambios<C: Default + PartialEq>(cambios: &C, lector: &mut Lector<'_, '_>) {
    if lector.errores.vacio() && *cambios == C::default() {
        lector.errores.anotar(Falla::new(Regla::TextoValido, "", "el cuerpo no cambia ningún campo"));
    }
}

/// Runs a reading over one body and gives the command, or everything that was wrong.
fn leer<T>(valor: &Value, campos: &[&str], construir: impl FnOnce(&mut Lector<'_, '_>) -> Option<T>) -> Result<T, ErroresCuerpo> {
    let mut errores = ErroresCuerpo::default();
    let leido = Lector::abrir(valor, String::new(), campos, &mut errores).and_then(|mut lector| construir(&mut lector));
    errores.resultado(leido)
}
