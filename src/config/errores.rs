//! Failures of the configuration: all of them together.

use std::fmt;

/// One failure: what happened, where it stands, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problema {
    pub que: String,
    /// `factumarket.toml:3`, `FACTUMARKET__SERVIDOR__DIRECCION`, `--set motor.memoria_mb`…
    pub donde: String,
    pub hacer: String,
}

impl fmt::Display for Problema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}). {}", self.que, self.donde, self.hacer)
    }
}

/// Every failure of a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErroresConfiguracion(pub Vec<Problema>);

impl fmt::Display for ErroresConfiguracion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "la configuración tiene un problema:")?,
            n => write!(f, "la configuración tiene {n} problemas:")?,
        }
        for problema in &self.0 {
            write!(f, "\n  · {problema}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ErroresConfiguracion {}

/// The candidate closest to `escrito`, when it is close enough to be a slip of the keyboard.
pub(super) fn parecido<'a>(escrito: &str, candidatos: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let escrito = escrito.to_lowercase();
    let (mejor, parecido) = candidatos.map(|c| (c, strsim::jaro_winkler(&escrito, c))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (parecido >= 0.7).then_some(mejor)
}
