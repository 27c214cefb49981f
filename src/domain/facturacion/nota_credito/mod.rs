//! NotaCredito: the document that credits one issued invoice, and coordinator of its own saga (`dominio.md` sections 10, 11).
//!
//! It lives beside its invoice: its id is `factura_id:nota_id` and its message key `factura_id`. What may still be credited is the
//! invoice's to say ([`super::factura::credito`]); the note keeps what it asks for and what it was granted.

mod contrato;
mod creacion;
mod decision;
mod estado;
mod plegado;
mod reglas;
mod saga;

pub use contrato::*;
pub use decision::{decidir, reanudar, vencimiento};
pub use estado::*;
pub use plegado::{anotar, elidibles, evolucionar};

use crate::domain::{
    facturacion::factura::credito,
    reglas::{Momentos, Regla},
};

/// The rules of a note, its own and those of its invoice, and their moments, for the catalogue of rules.
pub fn momentos_de_reglas() -> impl Iterator<Item = (Regla, Momentos)> {
    reglas::momentos().chain(credito::momentos_de_reglas())
}

/// Most lines of a note.
pub const LINEAS_MAX: usize = 500;

#[cfg(test)]
pub(crate) mod tests;
