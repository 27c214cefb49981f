//! RangoNumeracion: an authorized interval of document numbers, given one by one and without gaps (`dominio.md` section 8).

mod contrato;

pub use contrato::*;

mod estado;

pub use estado::*;
