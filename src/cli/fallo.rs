//! Failures as the user reads them: what happened, why, what to do; and the exit code of their class.

use std::{ops::Deref, process::ExitCode};

use serde_json::{Value, json};

/// Class of a failure: its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Clase {
    /// A check that did not pass, or anything without a class of its own.
    Falla = 1,
    /// Wrong command line, configuration or input file.
    Uso = 2,
    /// The rules of the domain refused it.
    Validacion = 3,
    NoEncontrado = 4,
    /// Version, state, idempotency, or a folder that another process uses.
    Conflicto = 5,
    /// No service, disk, network.
    Servicio = 6,
}

impl Clase {
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Falla => "falla",
            Self::Uso => "uso",
            Self::Validacion => "validacion",
            Self::NoEncontrado => "no_encontrado",
            Self::Conflicto => "conflicto",
            Self::Servicio => "servicio",
        }
    }

    pub fn codigo(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// One failure of a command. Boxed: it travels in every result and is rare.
#[derive(Debug, Clone)]
pub struct Fallo(Box<DatosFallo>);

/// What a failure tells.
#[derive(Debug, Clone)]
pub struct DatosFallo {
    pub clase: Clase,
    pub que: String,
    pub por_que: String,
    pub hacer: String,
    /// Details for `--json`: the list of broken rules, of configuration problems…
    pub detalle: Option<Value>,
    /// The command already showed it as its result: only the exit code is left.
    pub dicho: bool,
}

impl Deref for Fallo {
    type Target = DatosFallo;

    fn deref(&self) -> &DatosFallo {
        &self.0
    }
}

impl Fallo {
    pub fn new(clase: Clase, que: impl Into<String>, por_que: impl Into<String>, hacer: impl Into<String>) -> Self {
        let (que, por_que, hacer) = (que.into(), por_que.into(), hacer.into());
        Self(Box::new(DatosFallo { clase, que, por_que, hacer, detalle: None, dicho: false }))
    }

    /// A failure that the command's own result already tells.
    pub fn dicho(clase: Clase, que: impl Into<String>) -> Self {
        let mut fallo = Self::new(clase, que, "", "");
        fallo.0.dicho = true;
        fallo
    }

    pub fn con_detalle(mut self, detalle: Value) -> Self {
        self.0.detalle = Some(detalle);
        self
    }

    pub fn json(&self) -> Value {
        let mut error = json!({
            "clase": self.clase.nombre(),
            "codigo_salida": self.clase as u8,
            "que": self.que,
            "por_que": self.por_que,
            "que_hacer": self.hacer,
        });
        if let (Some(detalle), Some(mapa)) = (&self.detalle, error.as_object_mut()) {
            mapa.insert("detalle".to_owned(), detalle.clone());
        }
        json!({ "error": error })
    }
}
