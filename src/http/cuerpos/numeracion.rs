//! Bodies of numbering ranges.

use std::sync::Arc;

use serde_json::Value;

use super::{ErroresCuerpo, lector::Lector, leer};
use crate::domain::{
    numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
    reglas::Regla,
    valores::Id,
};

const LARGO_PREFIJO: usize = 4;
const LARGO_RESOLUCION: usize = 64;
const LARGO_MOTIVO: usize = 300;

/// `POST /numeracion`. Without `sucursal_id`, the main branch; without `tipo_documento`, FACTURA; `prefijo` may be empty.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_rango(valor: &Value) -> Result<ComandoRango, ErroresCuerpo> {
    const CAMPOS: &[&str] = &[
        "sucursal_id",
        "tipo_documento",
        "prefijo",
        "desde",
        "hasta",
        "vigente_desde",
        "vigente_hasta",
        "resolucion",
        "fecha_resolucion",
    ];
    leer(valor, CAMPOS, |lector| {
        let sucursal_id =
            if lector.presente("sucursal_id") { lector.id("sucursal_id") } else { Some(Id::compuesto(&["PRINCIPAL"])) };
        let tipos = [TipoDocumento::Factura, TipoDocumento::NotaCredito].map(TipoDocumento::nombre);
        let tipo = lector.opcion("tipo_documento", &tipos, Regla::RangoValido, TipoDocumento::de_nombre);
        let tipo = if lector.presente("tipo_documento") { tipo } else { Some(TipoDocumento::Factura) };
        let prefijo = prefijo(lector);
        let autorizacion = autorizacion(lector);
        let (sucursal_id, tipo_documento, prefijo) = (sucursal_id?, tipo?, prefijo?);
        let rango_id = rango_id(&sucursal_id, tipo_documento, &prefijo);
        Some(ComandoRango::CrearRango { rango_id, sucursal_id, tipo_documento, prefijo, autorizacion: autorizacion? })
    })
}

/// `POST /numeracion/{id}/renovar`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_renovar(valor: &Value, rango_id: &Id) -> Result<ComandoRango, ErroresCuerpo> {
    const CAMPOS: &[&str] = &["desde", "hasta", "vigente_desde", "vigente_hasta", "resolucion", "fecha_resolucion"];
    leer(valor, CAMPOS, |lector| {
        let autorizacion = autorizacion(lector)?;
        Some(ComandoRango::RenovarRango { rango_id: rango_id.clone(), autorizacion })
    })
}

/// `POST /numeracion/{id}/inutilizar`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_inutilizar(valor: &Value, rango_id: &Id) -> Result<ComandoRango, ErroresCuerpo> {
    leer(valor, &["consecutivo", "motivo"], |lector| {
        let consecutivo = lector.entero("consecutivo", Regla::RangoValido);
        let consecutivo = lector.exigir("consecutivo", Regla::RangoValido, consecutivo);
        let motivo = lector.texto("motivo", LARGO_MOTIVO, Regla::TextoValido);
        let motivo = lector.exigir("motivo", Regla::TextoValido, motivo);
        Some(ComandoRango::InutilizarNumero { rango_id: rango_id.clone(), consecutivo: consecutivo?, motivo: motivo? })
    })
}

/// 0 to 4 letters and digits.
fn prefijo(lector: &mut Lector<'_, '_>) -> Option<Arc<str>> {
    if !lector.presente("prefijo") {
        return Some(Arc::from(""));
    }
    let texto = lector.texto_normal("prefijo")?;
    if texto.len() > LARGO_PREFIJO || !texto.bytes().all(|b| b.is_ascii_alphanumeric()) {
        lector.falla("prefijo", Regla::RangoValido, format!("el prefijo tiene de 0 a {LARGO_PREFIJO} letras y cifras"));
        return None;
    }
    Some(Arc::from(texto))
}

fn autorizacion(lector: &mut Lector<'_, '_>) -> Option<Autorizacion> {
    let desde = lector.entero("desde", Regla::RangoValido);
    let desde = lector.exigir("desde", Regla::RangoValido, desde);
    let hasta = lector.entero("hasta", Regla::RangoValido);
    let hasta = lector.exigir("hasta", Regla::RangoValido, hasta);
    let vigente_desde = lector.fecha("vigente_desde");
    let vigente_desde = lector.exigir("vigente_desde", Regla::RangoValido, vigente_desde);
    let vigente_hasta = lector.fecha("vigente_hasta");
    let vigente_hasta = lector.exigir("vigente_hasta", Regla::RangoValido, vigente_hasta);
    let resolucion = lector.texto("resolucion", LARGO_RESOLUCION, Regla::RangoValido);
    let fecha_resolucion = lector.fecha("fecha_resolucion");
    Some(Autorizacion {
        desde: desde?,
        hasta: hasta?,
        vigente_desde: vigente_desde?,
        vigente_hasta: vigente_hasta?,
        resolucion: resolucion.unwrap_or_else(|| Arc::from("")),
        fecha_resolucion,
    })
}
