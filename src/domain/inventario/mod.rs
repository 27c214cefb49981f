//! Inventario: the stock of one Producto in one Bodega, by FIFO lots, with reservations (`dominio.md` section 7).

mod consultas;
mod contrato;
mod decidir;
mod estado;
mod evolucionar;
mod fifo;
mod resumen;

pub use consultas::SimulacionSalida;
pub use contrato::*;
pub use decidir::{DecisionInventario, decidir, explicar_salida};
pub use estado::*;
pub use evolucionar::{cerrar_devolucion, elidir_reserva, evolucionar};
pub use fifo::{MAX_LOTES_POR_SALIDA, atribuir};
pub use resumen::Resumen;

use crate::domain::valores::{Cantidad, CostoTotal, CostoUnitario};

/// How many confirmations, how many released ids and how many returns an Inventario remembers (`dominio.md` section 13).
pub const MEMORIA_DE_RESERVAS: usize = 4_096;

/// `a + b`, when it is still a valid quantity.
fn sumar(a: Cantidad, b: Cantidad) -> Option<Cantidad> {
    Cantidad::nuevo(a.valor().checked_add(b.valor())?).ok()
}

/// `a - b`, when it is still a valid quantity: not negative, at most 14 digits.
fn restar(a: Cantidad, b: Cantidad) -> Option<Cantidad> {
    Cantidad::nuevo(a.valor().checked_sub(b.valor())?).ok()
}

/// `cantidad x costo_unitario`: at most 28 digits, so exact in 96 bits. `None` from 10^16 on.
pub fn costo(cantidad: Cantidad, costo_unitario: CostoUnitario) -> Option<CostoTotal> {
    CostoTotal::nuevo(cantidad.valor().checked_mul(costo_unitario.valor())?).ok()
}

/// Both are below 10^16 with 12 decimals, so the sum is exact in 96 bits. `None` from 10^16 on.
pub fn sumar_costo(a: CostoTotal, b: CostoTotal) -> Option<CostoTotal> {
    CostoTotal::nuevo(a.valor().checked_add(b.valor())?).ok()
}

fn restar_costo(a: CostoTotal, b: CostoTotal) -> Option<CostoTotal> {
    CostoTotal::nuevo(a.valor().checked_sub(b.valor())?).ok()
}

#[cfg(test)]
pub(crate) mod tests;
