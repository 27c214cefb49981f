//! Given, when, then: the invoice against a catalogue in memory and, for its saga, a player of stock and ranges.

mod borradores;
mod emision;
pub mod mundo;
pub mod propiedades;
mod validacion;
