//! Factura: the sales document and coordinator of its issuing saga (`dominio.md` sections 4, 9, 11).
//!
//! After its issue only three things happen to it: credit ([`credito`]), annulment and the tax authority's answer.
//!
//! [`decidir`] says what a message means, [`evolucionar`] folds what was recorded, [`anotar`] what was only remembered;
//! [`reanudar`] drives an open saga again and [`vencimiento`] says when.

mod anulacion;
mod borrador;
mod contrato;
mod creacion;
pub mod credito;
mod decision;
mod estado;
mod plegado;
mod posterior;
mod reglas;
mod resolucion;
mod saga;

pub use contrato::*;
pub use decision::{decidir, reanudar, vencimiento};
pub use estado::*;
pub use plegado::{anotar, elidibles, evolucionar};
pub use posterior::*;
pub use reglas::momentos_de_reglas;

/// Most lines of an invoice.
pub const LINEAS_MAX: usize = 500;
/// Most payment forms of an invoice.
pub const FORMAS_PAGO_MAX: usize = 100;
/// Days from issue to expiry when the caller states no expiry.
pub const DIAS_CADUCIDAD: u64 = 30;

#[cfg(test)]
pub(crate) mod tests;
