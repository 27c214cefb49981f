//! The example shop: catalogue, stock and orders of a Colombian trader, always the same. `demo`, `emitir --ejemplo` and the file
//! `ejemplos/pedidos.ndjson` are made of it. Everything is the JSON body of its POST, as a stranger would write it.

mod azar;
mod datos;
mod pedidos;

#[cfg(test)]
mod tests;

pub use azar::Azar;
pub use datos::{BODEGAS, PRODUCTOS, bodega, cliente, entrada, producto};
pub use pedidos::{PEDIDOS, RECHAZADOS, archivo, pedido_valido};
