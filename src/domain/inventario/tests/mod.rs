//! Tests of Inventario: given / when / then scenarios, and laws.

mod escenarios_fifo;
mod escenarios_movimientos;
mod escenarios_reservas;
mod generadores;
mod leyes;
mod mesa;
