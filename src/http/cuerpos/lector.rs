//! Reads the fields of one JSON object, noting every failure with its JSON Pointer and going on.
//!
//! A getter returns `None` both when the field is absent and when it is wrong; the second leaves a failure in the list, so the
//! command is never built. A null counts as absent unless the getter says otherwise.

use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::{
    errores::{ErrorForma, ErroresCuerpo},
    json::escapar,
};
use crate::{
    domain::{
        facturacion::factura::Campo,
        reglas::{Falla, Regla},
        valores::{Decimal, ErrorDecimal, Id, decimal_exacto, fecha_iso},
    },
    http::sugerencia::mas_parecido,
};

/// Longest text of a decimal; anything longer has more digits than any of our types.
const LARGO_DECIMAL: usize = 64;

pub struct Lector<'v, 'e> {
    mapa: &'v Map<String, Value>,
    ruta: String,
    pub errores: &'e mut ErroresCuerpo,
}

impl<'v, 'e> Lector<'v, 'e> {
    /// Opens an object; notes a wrong type, and every field that is not one of `campos`.
    pub fn abrir(valor: &'v Value, ruta: String, campos: &[&str], errores: &'e mut ErroresCuerpo) -> Option<Self> {
        let Some(mapa) = valor.as_object() else {
            errores.anotar_forma(tipo_incorrecto(ruta, "un objeto", valor));
            return None;
        };
        for clave in mapa.keys().filter(|clave| !campos.contains(&clave.as_str())) {
            errores.anotar_forma(campo_desconocido(&ruta, clave, campos));
        }
        Some(Self { mapa, ruta, errores })
    }

    /// Pointer of a field of this object.
    pub fn ruta(&self, campo: &str) -> String {
        format!("{}/{}", self.ruta, escapar(campo))
    }

    /// The raw value; `None` when absent or null.
    pub fn crudo(&self, campo: &str) -> Option<&'v Value> {
        self.mapa.get(campo).filter(|valor| !valor.is_null())
    }

    /// Whether the field stands in the object with an explicit null.
    pub fn es_nulo(&self, campo: &str) -> bool {
        self.mapa.get(campo).is_some_and(Value::is_null)
    }

    pub fn presente(&self, campo: &str) -> bool {
        self.crudo(campo).is_some()
    }

    /// Notes a value error of a field.
    pub fn falla(&mut self, campo: &str, regla: Regla, mensaje: impl Into<String>) {
        let ruta = self.ruta(campo);
        self.errores.anotar(Falla::new(regla, ruta, mensaje));
    }

    /// Notes a missing field when it is absent; a wrong one has been noted already.
    pub fn exigir<T>(&mut self, campo: &str, regla: Regla, valor: Option<T>) -> Option<T> {
        if valor.is_none() && !self.presente(campo) {
            self.falla(campo, regla, "falta este campo obligatorio");
        }
        valor
    }

    /// Notes a field of the wrong JSON type.
    pub fn tipo_incorrecto(&mut self, campo: &str, esperado: &str, valor: &Value) {
        let ruta = self.ruta(campo);
        self.errores.anotar_forma(tipo_incorrecto(ruta, esperado, valor));
    }

    /// A simple id; a whole number is kept as text.
    pub fn id(&mut self, campo: &str) -> Option<Id> {
        let valor = self.crudo(campo)?;
        let texto = match valor {
            Value::String(texto) => texto.clone(),
            Value::Number(numero) => numero.to_string(),
            otro => {
                self.tipo_incorrecto(campo, "un texto o un número entero", otro);
                return None;
            }
        };
        let entero = !valor.is_number() || texto.bytes().all(|b| b.is_ascii_digit());
        match Id::new(&texto) {
            Ok(id) if entero => Some(id),
            _ => {
                self.falla(campo, Regla::IdValido, Regla::IdValido.significado());
                None
            }
        }
    }

    /// One line of text: NFC-normalised, trimmed, 1 to `maximo` characters, no control characters.
    pub fn texto(&mut self, campo: &str, maximo: usize, regla: Regla) -> Option<Arc<str>> {
        self.texto_con(campo, maximo, regla, false)
    }

    /// Text that may have several lines.
    pub fn texto_largo(&mut self, campo: &str, maximo: usize) -> Option<Arc<str>> {
        self.texto_con(campo, maximo, Regla::TextoValido, true)
    }

    fn texto_con(&mut self, campo: &str, maximo: usize, regla: Regla, varias_lineas: bool) -> Option<Arc<str>> {
        let normal = self.texto_normal(campo)?;
        let largo = normal.chars().count();
        let sobra = |c: char| c.is_control() && !(varias_lineas && matches!(c, '\n' | '\r' | '\t'));
        let mensaje = if largo == 0 {
            "el texto está vacío".to_owned()
        } else if largo > maximo {
            format!("el texto tiene {largo} caracteres; se admiten hasta {maximo}")
        } else if normal.chars().any(sobra) {
            "el texto tiene caracteres de control".to_owned()
        } else {
            return Some(Arc::from(normal));
        };
        self.falla(campo, regla, mensaje);
        None
    }

    /// Text as normalised and trimmed, with no check: for values whose own type checks them.
    pub fn texto_normal(&mut self, campo: &str) -> Option<String> {
        match self.crudo(campo)? {
            Value::String(texto) => Some(texto.nfc().collect::<String>().trim().to_owned()),
            otro => {
                self.tipo_incorrecto(campo, "un texto", otro);
                None
            }
        }
    }

    /// An exact decimal (number or text), checked for digits and decimals by `limites`, not for sign.
    pub fn decimal(&mut self, campo: &str, regla: Regla, limites: fn(Decimal) -> Result<(), ErrorDecimal>) -> Option<Decimal> {
        let texto = match self.crudo(campo)? {
            Value::Number(numero) => numero.to_string(),
            Value::String(texto) => texto.trim().to_owned(),
            otro => {
                self.tipo_incorrecto(campo, "un número o un texto con un número", otro);
                return None;
            }
        };
        let leido = if texto.len() > LARGO_DECIMAL { Err(error_de_largo(&texto)) } else { decimal_exacto(&texto) };
        match leido.and_then(|valor| limites(valor).map(|()| valor)) {
            Ok(valor) => Some(valor),
            Err(ErrorDecimal::Precision) => {
                self.falla(campo, Regla::PrecisionExcedida, Regla::PrecisionExcedida.significado());
                None
            }
            Err(ErrorDecimal::Formato) => {
                self.falla(campo, regla, "no es un número decimal (se escribe como 1234.56, sin separador de miles)");
                None
            }
            Err(ErrorDecimal::Rango) => {
                self.falla(campo, regla, regla.significado());
                None
            }
        }
    }

    /// A whole number from 0 to 2^63 - 1: what the wire carries.
    pub fn entero(&mut self, campo: &str, regla: Regla) -> Option<u64> {
        let valor = self.decimal(campo, regla, |_| Ok(()))?;
        // Decimal's own conversion truncates fractions, so these are ruled out first.
        let entero = if valor.fract().is_zero() { i64::try_from(valor).ok().and_then(|n| u64::try_from(n).ok()) } else { None };
        if entero.is_none() {
            self.falla(campo, regla, "debe ser un número entero, de 0 a 9223372036854775807");
        }
        entero
    }

    pub fn booleano(&mut self, campo: &str) -> Option<bool> {
        match self.crudo(campo)? {
            Value::Bool(valor) => Some(*valor),
            otro => {
                self.tipo_incorrecto(campo, "true o false", otro);
                None
            }
        }
    }

    /// A day that exists, `YYYY-MM-DD`.
    pub fn fecha(&mut self, campo: &str) -> Option<NaiveDate> {
        match self.crudo(campo)? {
            Value::String(texto) => {
                let fecha = fecha_iso(texto);
                if fecha.is_none() {
                    self.falla(campo, Regla::FechaFormato, "no es una fecha del calendario con la forma AAAA-MM-DD");
                }
                fecha
            }
            otro => {
                self.tipo_incorrecto(campo, "un texto con una fecha AAAA-MM-DD", otro);
                None
            }
        }
    }

    /// A day where absence and null mean different things.
    pub fn fecha_o_nulo(&mut self, campo: &str) -> Campo<NaiveDate> {
        if self.es_nulo(campo) {
            return Campo::Nulo;
        }
        self.fecha(campo).map_or(Campo::Ausente, Campo::Valor)
    }

    /// One of a closed list of names, with the nearest one in the message when it is another.
    pub fn opcion<T>(&mut self, campo: &str, nombres: &[&str], regla: Regla, leer: fn(&str) -> Option<T>) -> Option<T> {
        let texto = self.texto_normal(campo)?;
        let leido = leer(&texto);
        if leido.is_none() {
            let parecido = mas_parecido(&texto, nombres).map(|n| format!("; ¿quiso decir «{n}»?")).unwrap_or_default();
            self.falla(campo, regla, format!("se admite: {}{parecido}", nombres.join(", ")));
        }
        leido
    }

    /// A list; notes a wrong type.
    pub fn lista(&mut self, campo: &str) -> Option<&'v [Value]> {
        match self.crudo(campo)? {
            Value::Array(lista) => Some(lista),
            otro => {
                self.tipo_incorrecto(campo, "una lista", otro);
                None
            }
        }
    }
}

/// A text that is an element of a list rather than a field.
pub fn texto_suelto(valor: &Value, ruta: String, maximo: usize, errores: &mut ErroresCuerpo) -> Option<Arc<str>> {
    let Value::String(texto) = valor else {
        errores.anotar_forma(tipo_incorrecto(ruta, "un texto", valor));
        return None;
    };
    let normal = texto.nfc().collect::<String>().trim().to_owned();
    if !(1..=maximo).contains(&normal.chars().count()) || normal.chars().any(char::is_control) {
        errores.anotar(Falla::simple(Regla::TextoValido, ruta));
        return None;
    }
    Some(Arc::from(normal))
}

/// A long text is too precise when it is a number at all.
fn error_de_largo(texto: &str) -> ErrorDecimal {
    let numerico = texto.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    if numerico { ErrorDecimal::Precision } else { ErrorDecimal::Formato }
}

fn nombre_de_tipo(valor: &Value) -> &'static str {
    match valor {
        Value::Null => "null",
        Value::Bool(_) => "un booleano",
        Value::Number(_) => "un número",
        Value::String(_) => "un texto",
        Value::Array(_) => "una lista",
        Value::Object(_) => "un objeto",
    }
}

fn tipo_incorrecto(ruta: String, esperado: &str, valor: &Value) -> ErrorForma {
    let vino = nombre_de_tipo(valor);
    ErrorForma::new("TipoIncorrecto", ruta, format!("se esperaba {esperado} y vino {vino}"))
        .con("esperado", esperado)
        .con("recibido", vino)
}

fn campo_desconocido(ruta: &str, clave: &str, campos: &[&str]) -> ErrorForma {
    // A key is as long as the caller likes; the answer quotes at most this much of it.
    let corta: String = clave.chars().take(64).collect();
    let pointer = format!("{ruta}/{}", escapar(&corta));
    match mas_parecido(clave, campos) {
        Some(parecido) => ErrorForma::new("CampoDesconocido", pointer, format!("campo desconocido; ¿quiso decir «{parecido}»?"))
            .con("parecido", parecido),
        None => ErrorForma::new("CampoDesconocido", pointer, format!("campo desconocido; se admiten: {}", campos.join(", "))),
    }
}
