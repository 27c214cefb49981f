//! Identification and address as bodies state them.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::lector::Lector;
use crate::domain::{
    reglas::{Falla, Regla},
    valores::{Direccion, Identificacion, TipoIdentificacion},
};

/// `identificacion` as text or number (with an optional `tipo_identificacion` beside it), or as `{tipo, numero, dv?}`.
/// Without a type it is kept as written (`SIN_TIPO`).
pub fn identificacion(lector: &mut Lector<'_, '_>, verificar_digito_ruc: bool) -> Option<Identificacion> {
    let valor = lector.crudo("identificacion")?;
    let ruta = lector.ruta("identificacion");
    let leida = match valor {
        Value::String(texto) => {
            let tipo = tipo_de(lector, "tipo_identificacion")?;
            Leida { tipo, numero: texto.nfc().collect(), dv: None }
        }
        Value::Number(numero) => {
            let tipo = tipo_de(lector, "tipo_identificacion")?;
            Leida { tipo, numero: cifras(lector, "identificacion", numero)?, dv: None }
        }
        objeto => {
            if lector.presente("tipo_identificacion") {
                lector.falla("tipo_identificacion", Regla::IdentificacionValida, "el tipo ya va dentro de identificacion");
                return None;
            }
            let mut interno = Lector::abrir(objeto, ruta.clone(), &["tipo", "numero", "dv"], lector.errores)?;
            de_objeto(&mut interno)?
        }
    };
    match Identificacion::nueva(leida.tipo, &leida.numero, leida.dv, verificar_digito_ruc) {
        Ok(identificacion) => Some(identificacion),
        Err(mensaje) => {
            lector.errores.anotar(Falla::new(Regla::IdentificacionValida, ruta, mensaje));
            None
        }
    }
}

struct Leida {
    tipo: TipoIdentificacion,
    numero: String,
    dv: Option<u8>,
}

/// An identification written as a JSON number: whole, so that `1e9` or `1.0` are not taken for one.
fn cifras(lector: &mut Lector<'_, '_>, campo: &str, numero: &serde_json::Number) -> Option<String> {
    let texto = numero.to_string();
    if texto.bytes().all(|b| b.is_ascii_digit()) {
        return Some(texto);
    }
    lector.falla(campo, Regla::IdentificacionValida, "escríbala como texto, entre comillas");
    None
}

fn tipo_de(lector: &mut Lector<'_, '_>, campo: &str) -> Option<TipoIdentificacion> {
    if !lector.presente(campo) {
        return Some(TipoIdentificacion::SinTipo);
    }
    let nombres = TipoIdentificacion::TODOS.map(TipoIdentificacion::nombre);
    lector.opcion(campo, &nombres, Regla::IdentificacionValida, TipoIdentificacion::de_nombre)
}

fn de_objeto(lector: &mut Lector<'_, '_>) -> Option<Leida> {
    let tipo = tipo_de(lector, "tipo");
    let numero = match lector.crudo("numero") {
        Some(Value::Number(numero)) => cifras(lector, "numero", numero),
        _ => lector.texto_normal("numero"),
    };
    let numero = lector.exigir("numero", Regla::IdentificacionValida, numero);
    let dv = lector.entero("dv", Regla::IdentificacionValida);
    let dv_corto = dv.and_then(|d| u8::try_from(d).ok()).filter(|d| *d <= 9);
    if dv.is_some() && dv_corto.is_none() {
        lector.falla("dv", Regla::IdentificacionValida, "el dígito de verificación va de 0 a 9");
    }
    Some(Leida { tipo: tipo?, numero: numero?, dv: dv_corto })
}

/// `direccion` as text, which becomes its `linea`, or as `{linea, ciudad?, region?, pais?}`.
pub fn direccion(lector: &mut Lector<'_, '_>) -> Option<Direccion> {
    const LARGO_LINEA: usize = 300;
    const LARGO_PARTE: usize = 100;
    let valor = lector.crudo("direccion")?;
    if valor.is_string() {
        let linea = lector.texto("direccion", LARGO_LINEA, Regla::DireccionValida)?;
        return Some(Direccion { linea, ciudad: None, region: None, pais: None });
    }
    let ruta = lector.ruta("direccion");
    let mut interno = Lector::abrir(valor, ruta, &["linea", "ciudad", "region", "pais"], lector.errores)?;
    let linea = interno.texto("linea", LARGO_LINEA, Regla::DireccionValida);
    let linea = interno.exigir("linea", Regla::DireccionValida, linea);
    let ciudad = interno.texto("ciudad", LARGO_PARTE, Regla::DireccionValida);
    let region = interno.texto("region", LARGO_PARTE, Regla::DireccionValida);
    let pais = interno.texto("pais", LARGO_PARTE, Regla::DireccionValida);
    Some(Direccion { linea: linea?, ciudad, region, pais })
}
