//! Tests of Inventario: given / when / then scenarios, and laws.

mod diez_mil_lotes;
mod escenarios_fifo;
mod escenarios_movimientos;
mod escenarios_reservas;
pub mod generadores;
mod leyes;
pub mod mesa;
