//! Inventario: the stock of one Producto in one Bodega, by FIFO lots, with reservations (`dominio.md` section 7).

mod contrato;

pub use contrato::*;

mod estado;

pub use estado::*;
