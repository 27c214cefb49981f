//! Collecting every failure of a command before refusing it.

use super::Falla;
use crate::domain::Rechazo;

/// Failures found so far, in the order they were found.
#[derive(Debug, Default)]
pub struct Fallas(Vec<Falla>);

impl Fallas {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a failure.
    pub fn agregar(&mut self, falla: Falla) {
        self.0.push(falla);
    }

    /// Adds the failure unless the condition holds; its text is built only then.
    pub fn exigir(&mut self, cumple: bool, falla: impl FnOnce() -> Falla) {
        if !cumple {
            self.0.push(falla());
        }
    }

    /// `valor` when nothing failed.
    ///
    /// # Errors
    /// Every failure at once.
    pub fn resultado<T>(self, valor: T) -> Result<T, Rechazo> {
        if self.0.is_empty() { Ok(valor) } else { Err(Rechazo::new(self.0)) }
    }

    /// The failures themselves.
    pub fn en_lista(self) -> Vec<Falla> {
        self.0
    }
}
