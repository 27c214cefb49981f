//! Where a command writes: results to standard output, everything else to standard error. No colour when `NO_COLOR` is set or the
//! output is no terminal; no progress line when standard error is no terminal.

use std::io::{IsTerminal, Write};

use serde_json::Value;

use super::fallo::Fallo;

/// The output of one command.
#[derive(Debug, Clone, Copy)]
pub struct Salida {
    pub json: bool,
    color: bool,
    progreso: bool,
}

impl Salida {
    pub fn new(json: bool) -> Self {
        let sin_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self {
            json,
            color: !json && !sin_color && std::io::stdout().is_terminal(),
            progreso: !json && std::io::stderr().is_terminal(),
        }
    }

    /// Whether a moving line may be drawn on standard error.
    pub fn progreso(&self) -> bool {
        self.progreso
    }

    /// A line of the result, for people. Nothing under `--json`.
    pub fn linea(&self, texto: impl AsRef<str>) {
        if !self.json {
            escribir(&mut std::io::stdout().lock(), texto.as_ref());
        }
    }

    /// The result, for programs. Nothing without `--json`.
    pub fn resultado(&self, valor: &Value) {
        if self.json {
            let texto = serde_json::to_string_pretty(valor).unwrap_or_else(|_| valor.to_string());
            escribir(&mut std::io::stdout().lock(), &texto);
        }
    }

    /// A remark about how the work is done; never part of the result.
    pub fn nota(&self, texto: impl AsRef<str>) {
        escribir(&mut std::io::stderr().lock(), texto.as_ref());
    }

    /// A line over the last one, on a terminal.
    pub fn sobre(&self, texto: &str) {
        let mut destino = std::io::stderr().lock();
        let _ = write!(destino, "\r\u{1b}[2K{texto}").and_then(|()| destino.flush());
    }

    pub fn fallo(&self, fallo: &Fallo) {
        if self.json {
            self.resultado(&fallo.json());
            return;
        }
        let texto = format!("✖ {}\n  Por qué: {}\n  Qué hacer: {}", fallo.que, fallo.por_que, fallo.hacer);
        escribir(&mut std::io::stderr().lock(), &texto);
    }

    pub fn verde(&self, texto: &str) -> String {
        self.pintar("32", texto)
    }

    pub fn rojo(&self, texto: &str) -> String {
        self.pintar("31", texto)
    }

    pub fn amarillo(&self, texto: &str) -> String {
        self.pintar("33", texto)
    }

    pub fn negrita(&self, texto: &str) -> String {
        self.pintar("1", texto)
    }

    fn pintar(&self, codigo: &str, texto: &str) -> String {
        if self.color { format!("\u{1b}[{codigo}m{texto}\u{1b}[0m") } else { texto.to_owned() }
    }
}

/// A reader that went away (`| head`) is no failure of the command, so a broken pipe is not reported.
fn escribir(destino: &mut impl Write, texto: &str) {
    let _ = writeln!(destino, "{texto}").and_then(|()| destino.flush());
}
