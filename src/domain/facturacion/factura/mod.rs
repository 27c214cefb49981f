//! Factura: the sales document and coordinator of its issuing saga (`dominio.md` sections 4, 9, 11).

mod contrato;

pub use contrato::*;

mod estado;

pub use estado::*;
