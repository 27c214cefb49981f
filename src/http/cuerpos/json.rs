//! Strict JSON: bounded depth, no repeated keys, numbers keep their text.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, error::Category};

use super::errores::{ErrorForma, ErroresCuerpo};

/// Nesting allowed in a body; the deepest one we know has four levels.
const PROFUNDIDAD_MAXIMA: usize = 32;

/// Reads one JSON value from `texto`. Numbers keep their text (`1e400` arrives as such), repeated keys are refused.
///
/// # Errors
/// Shape errors: empty, not JSON (with line and column), too deep, repeated keys (all of them).
pub fn leer_json(texto: &[u8]) -> Result<Value, ErroresCuerpo> {
    if texto.iter().all(u8::is_ascii_whitespace) {
        return Err(ErroresCuerpo::de_forma(ErrorForma::new("JsonInvalido", "", "el cuerpo está vacío: se espera un objeto JSON")));
    }
    let hallazgos = RefCell::new(Hallazgos::default());
    let mut lector = serde_json::Deserializer::from_slice(texto);
    let lectura = Revision { hallazgos: &hallazgos, profundidad: 0 }.deserialize(&mut lector).and_then(|()| lector.end());
    let hallazgos = hallazgos.into_inner();
    if hallazgos.demasiado_profundo {
        let mensaje = format!("el JSON anida más de {PROFUNDIDAD_MAXIMA} niveles");
        return Err(ErroresCuerpo::de_forma(ErrorForma::new("JsonInvalido", hallazgos.ruta, mensaje)));
    }
    lectura.map_err(|error| ErroresCuerpo::de_forma(no_es_json(&error)))?;
    if !hallazgos.claves.is_empty() {
        return Err(ErroresCuerpo { forma: hallazgos.claves, valores: Vec::new() });
    }
    serde_json::from_slice(texto).map_err(|error| ErroresCuerpo::de_forma(no_es_json(&error)))
}

fn no_es_json(error: &serde_json::Error) -> ErrorForma {
    let que = match error.classify() {
        Category::Eof => "el JSON termina antes de tiempo",
        _ => "el cuerpo no es JSON válido",
    };
    ErrorForma::new("JsonInvalido", "", format!("{que}: línea {}, columna {}", error.line(), error.column()))
        .con("linea", error.line())
        .con("columna", error.column())
}

#[derive(Default)]
struct Hallazgos {
    ruta: String,
    /// What is wrong with keys.
    claves: Vec<ErrorForma>,
    demasiado_profundo: bool,
}

/// How `serde_json` names the one field of a number that keeps its text: an object with such a key would be read as a number.
const CLAVE_DE_NUMERO: &str = "$serde_json::private::Number";

/// A key of the text, or the mark that stands for one where the text has a number.
enum Clave {
    Texto(String),
    Numero,
}

impl<'de> Deserialize<'de> for Clave {
    /// Keys of the text come as the bytes asked for; the mark, which is not in the text, comes as a `str` all the same.
    fn deserialize<D: Deserializer<'de>>(lector: D) -> Result<Self, D::Error> {
        lector.deserialize_bytes(LectorDeClave)
    }
}

struct LectorDeClave;

impl Visitor<'_> for LectorDeClave {
    type Value = Clave;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("una clave")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Clave, E> {
        String::from_utf8(bytes.to_vec()).map(Clave::Texto).map_err(E::custom)
    }

    fn visit_str<E>(self, _: &str) -> Result<Clave, E> {
        Ok(Clave::Numero)
    }
}

/// One pass over the text that builds nothing: it only looks for repeated keys and depth.
struct Revision<'h> {
    hallazgos: &'h RefCell<Hallazgos>,
    profundidad: usize,
}

impl Revision<'_> {
    fn dentro<E: serde::de::Error>(&self) -> Result<Revision<'_>, E> {
        if self.profundidad >= PROFUNDIDAD_MAXIMA {
            self.hallazgos.borrow_mut().demasiado_profundo = true;
            return Err(E::custom("depth"));
        }
        Ok(Revision { hallazgos: self.hallazgos, profundidad: self.profundidad + 1 })
    }

    /// Extends the pointer by one step; returns the length to go back to.
    fn entrar(&self, paso: &str) -> usize {
        let mut hallazgos = self.hallazgos.borrow_mut();
        let antes = hallazgos.ruta.len();
        hallazgos.ruta.push('/');
        hallazgos.ruta.push_str(&escapar(paso));
        antes
    }

    fn salir(&self, antes: usize) {
        self.hallazgos.borrow_mut().ruta.truncate(antes);
    }
}

/// One reference token of a JSON Pointer (RFC 6901).
pub fn escapar(paso: &str) -> String {
    paso.replace('~', "~0").replace('/', "~1")
}

impl<'de> DeserializeSeed<'de> for Revision<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, lector: D) -> Result<(), D::Error> {
        lector.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Revision<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut lista: A) -> Result<(), A::Error> {
        let mut indice = 0_usize;
        loop {
            let dentro = self.dentro::<A::Error>()?;
            let antes = self.entrar(&indice.to_string());
            let hay_mas = lista.next_element_seed(dentro)?.is_some();
            self.salir(antes);
            if !hay_mas {
                return Ok(());
            }
            indice += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapa: A) -> Result<(), A::Error> {
        let mut vistas = BTreeSet::new();
        while let Some(clave) = mapa.next_key::<Clave>()? {
            let Clave::Texto(clave) = clave else {
                mapa.next_value::<IgnoredAny>()?;
                continue;
            };
            let dentro = self.dentro::<A::Error>()?;
            let antes = self.entrar(&clave);
            if clave == CLAVE_DE_NUMERO {
                mapa.next_value::<IgnoredAny>()?;
                self.anotar("CampoDesconocido", "campo desconocido".to_owned()).map_err(A::Error::custom)?;
            } else if vistas.contains(&clave) {
                mapa.next_value::<IgnoredAny>()?;
                self.anotar("ClaveRepetida", format!("la clave «{clave}» está repetida")).map_err(A::Error::custom)?;
            } else {
                mapa.next_value_seed(dentro)?;
                vistas.insert(clave);
            }
            self.salir(antes);
        }
        Ok(())
    }
}

impl Revision<'_> {
    /// Notes what is wrong with the key at which the walk stands.
    fn anotar(&self, codigo: &'static str, mensaje: String) -> Result<(), &'static str> {
        let mut hallazgos = self.hallazgos.borrow_mut();
        if hallazgos.claves.len() >= super::errores::MAXIMO_ERRORES {
            return Err("too many wrong keys");
        }
        let ruta = hallazgos.ruta.clone();
        hallazgos.claves.push(ErrorForma::new(codigo, ruta, mensaje));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codigo(texto: &str) -> (String, String) {
        let errores = leer_json(texto.as_bytes()).expect_err("debía fallar");
        (errores.forma[0].codigo.to_owned(), errores.forma[0].campo.clone())
    }

    #[test]
    fn los_numeros_conservan_su_texto() {
        let valor = leer_json(br#"{"a":1e400,"b":123456789012345678901234567890.10}"#).expect("es JSON");
        assert_eq!(valor["b"].to_string(), "123456789012345678901234567890.10");
        assert!(valor["a"].to_string().starts_with("1e"));
    }

    #[test]
    fn rechaza_lo_que_no_es_json() {
        for texto in ["", "  \n", "{", "{]", "{\"a\":}", "nul", "{\"a\":1}x", "\u{feff}{}", "{\"a\":01}"] {
            assert_eq!(codigo(texto).0, "JsonInvalido", "{texto:?}");
        }
        assert!(leer_json(b"\"\xff\"").is_err());
    }

    #[test]
    fn dice_donde_esta_cada_clave_repetida() {
        assert_eq!(codigo(r#"{"a":1,"a":2}"#), ("ClaveRepetida".to_owned(), "/a".to_owned()));
        assert_eq!(codigo(r#"{"l":[{},{"x/y":1,"x/y":{}}]}"#).1, "/l/1/x~1y");
    }

    #[test]
    fn un_objeto_nunca_es_un_numero() {
        for texto in [r#"{"$serde_json::private::Number":"1"}"#, r#"{"\u0024serde_json::private::Number":"1"}"#] {
            assert_eq!(codigo(texto), ("CampoDesconocido".to_owned(), "/$serde_json::private::Number".to_owned()));
        }
        assert_eq!(codigo(r#"{"precio":{"$serde_json::private::Number":"5"}}"#).1, "/precio/$serde_json::private::Number");
        assert!(leer_json(b"{\"\xff\":1}").is_err());
    }

    #[test]
    fn acota_la_profundidad() {
        let hondo = "[".repeat(10_000) + &"]".repeat(10_000);
        assert_eq!(codigo(&hondo).0, "JsonInvalido");
        assert!(leer_json(b"[[[[[[[[1]]]]]]]]").is_ok());
    }
}
