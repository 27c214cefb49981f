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

/// Most lines of a note.
pub const LINEAS_MAX: usize = 500;

#[cfg(test)]
mod tests;
