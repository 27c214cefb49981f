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
pub use fifo::{MAX_LOTES_POR_SALIDA, MAX_LOTES_VIVOS, atribuir};
pub use resumen::Resumen;

use crate::domain::{
    facturacion::factura::LINEAS_MAX,
    valores::{Cantidad, CostoTotal, CostoUnitario, Decimal},
};

/// How many confirmations, how many released ids and how many returns an Inventario remembers (`dominio.md` section 13).
pub const MEMORIA_DE_RESERVAS: usize = 4_096;

/// What the stock of one Inventario may be worth, exclusive. An invoice has at most [`LINEAS_MAX`] groups and each takes at most the
/// value of its Inventario, so the cost of what it sells stays below 10^16 (`dominio.md` section 2) whatever comes in between its
/// reservations and its number: past the number nothing can be refused.
pub const VALOR_MAXIMO: Decimal = entero(10_u64.pow(16) / LINEAS_MAX as u64);

/// What entries may bring it to, exclusive. The other half is for returns, which come when nothing can be refused any more.
pub const VALOR_MAXIMO_POR_ENTRADAS: Decimal = entero(10_u64.pow(16) / LINEAS_MAX as u64 / 2);

const fn entero(n: u64) -> Decimal {
    Decimal::from_parts((n & 0xffff_ffff) as u32, (n >> 32) as u32, 0, false, 0)
}

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
