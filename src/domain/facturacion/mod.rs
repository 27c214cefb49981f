//! Documents: Factura (NotaCredito will stand beside it) and the totals both share.

pub mod factura;
pub mod totales;
