//! What is wrong with a body: its shape (400) or its values (422); always everything at once.

use std::fmt;

use crate::domain::reglas::Falla;

/// Failures listed for one body; beyond it the list says that there are more.
pub const MAXIMO_ERRORES: usize = 1_000;

/// A failure of shape: not JSON, a wrong type, an unknown field, a repeated key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorForma {
    /// `JsonInvalido`, `TipoIncorrecto`, `CampoDesconocido`, `ClaveRepetida`.
    pub codigo: &'static str,
    /// JSON Pointer; empty for the whole body.
    pub campo: String,
    pub mensaje: String,
    pub datos: Vec<(String, String)>,
}

impl ErrorForma {
    pub fn new(codigo: &'static str, campo: impl Into<String>, mensaje: impl Into<String>) -> Self {
        Self { codigo, campo: campo.into(), mensaje: mensaje.into(), datos: Vec::new() }
    }

    pub fn con(mut self, nombre: &str, valor: impl fmt::Display) -> Self {
        self.datos.push((nombre.to_owned(), valor.to_string()));
        self
    }
}

/// Everything wrong with a body. With any shape error the answer is 400, else 422.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErroresCuerpo {
    pub forma: Vec<ErrorForma>,
    pub valores: Vec<Falla>,
}

impl ErroresCuerpo {
    pub fn de_forma(error: ErrorForma) -> Self {
        Self { forma: vec![error], valores: Vec::new() }
    }

    pub fn de_valor(falla: Falla) -> Self {
        Self { forma: Vec::new(), valores: vec![falla] }
    }

    pub fn vacio(&self) -> bool {
        self.forma.is_empty() && self.valores.is_empty()
    }

    fn lleno(&self) -> bool {
        self.forma.len() + self.valores.len() >= MAXIMO_ERRORES
    }

    /// Adds a shape error unless the list is full.
    pub fn anotar_forma(&mut self, error: ErrorForma) {
        if !self.lleno() {
            self.forma.push(error);
        }
    }

    /// Adds a value error unless the list is full.
    pub fn anotar(&mut self, falla: Falla) {
        if !self.lleno() {
            self.valores.push(falla);
        }
    }

    /// The value when nothing failed. `None` with an empty list cannot happen: whoever returns `None` has noted why.
    pub(super) fn resultado<T>(self, valor: Option<T>) -> Result<T, Self> {
        match valor {
            Some(valor) if self.vacio() => Ok(valor),
            _ if self.vacio() => Err(Self::de_forma(ErrorForma::new("JsonInvalido", "", "no se pudo leer el cuerpo"))),
            _ => Err(self),
        }
    }
}

impl fmt::Display for ErroresCuerpo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forma = self.forma.iter().map(|e| format!("{}: {}", ubicado(&e.campo), e.mensaje));
        let valores = self.valores.iter().map(|v| format!("{}: {v}", ubicado(&v.campo)));
        f.write_str(&forma.chain(valores).collect::<Vec<_>>().join("; "))
    }
}

impl std::error::Error for ErroresCuerpo {}

fn ubicado(campo: &str) -> &str {
    if campo.is_empty() { "cuerpo" } else { campo }
}
