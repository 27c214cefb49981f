//! Documents: Factura and NotaCredito, and the arithmetic both share.

pub mod factura;
pub mod nota_credito;
pub mod proporcion;
pub mod totales;
