//! `banco`: the load generator and what a run costs.

pub mod carga;
pub mod corrida;
#[cfg(feature = "kafka")]
mod kafka;
pub mod medidas;
mod orden;

pub use orden::ejecutar;
