//! RangoNumeracion: an authorized interval of document numbers, given one by one and without gaps (`dominio.md` section 8).

mod contrato;
mod decision;
mod estado;

#[cfg(test)]
pub(crate) mod tests;

pub use contrato::*;
pub use decision::*;
pub use estado::*;
