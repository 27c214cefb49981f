//! The example shop: catalogue, stock and orders of a Colombian trader, always the same. `demo`, `emitir --ejemplo` and the file
//! `ejemplos/pedidos.ndjson` are made of it. Everything is the JSON body of its POST, as a stranger would write it.

mod azar;
mod datos;
mod envio;
mod pedidos;

#[cfg(test)]
mod tests;

pub use azar::Azar;
pub use datos::{BODEGAS, PRODUCTOS, cliente};
pub use envio::{peticiones_de_catalogo, peticiones_de_entrada, peticiones_de_reposicion, ya_estaba};
pub use pedidos::{PEDIDOS, RECHAZADOS, archivo, pedido_valido};
