//! The REST edge: strict bodies, idempotent commands, cursor-paged queries, problem+json errors, health and metrics.
//!
//! Everything from outside is checked here before it reaches the log: what a command carries is exact, bounded and normalised.

pub mod cuerpos;
pub mod ids;
mod sugerencia;
