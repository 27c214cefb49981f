//! Composition root: the data folder, and the node that puts log, tables, engine, projections and HTTP together.

mod carpeta;
mod error;

#[cfg(test)]
mod tests;

pub use carpeta::{Carpeta, EstadoCarpeta, Proceso, VERSION_CARPETA, espacio_libre, inspeccionar};
pub use error::NodeError;
