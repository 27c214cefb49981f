//! Credit of an issued invoice: what notes have taken of each line, in quantity and in money, and what may still be taken
//! (`dominio.md` sections 4 and 10). The invoice serializes its notes: it holds the caps.

mod calculo;
mod contrato;
mod decision;
mod estado;
mod reglas;

pub use contrato::*;
pub use decision::{aplicar, liberar, reservar};
pub use estado::*;
pub use reglas::momentos_de_reglas;

/// Notes that one invoice remembers, refused ones included.
pub const NOTAS_MAX: usize = 1_000;
/// Slices of lots that one note returns: both of its records of them stay within an event's 900 KB.
pub const LOTES_POR_NOTA_MAX: usize = 8_000;

#[cfg(test)]
pub(in crate::domain::facturacion) mod tests;
