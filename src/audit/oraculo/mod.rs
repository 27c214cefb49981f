//! Oracles: what the engine left on the log against the domain run again, by the plainest means.
//!
//! [`OraculoSerial`] takes commands one after the other over plain maps: no epochs, no elision, no store, no routing, no codec. One node
//! that decided the same commands in epochs of any size must have left the same [`Retrato`]. [`OraculoDistribuido`] takes the log of any
//! number of nodes: the order recorded for each aggregate is the truth, and each event must be what the domain decides in the state
//! it met.
//!
//! They stand in `audit`, not in the simulator, because real processes are held to them too; they use the domain, the contracts and
//! the port of the log, never the engine's core (but for the meaning of an event's id).

mod distribuido;
mod mundo;
mod retrato;
mod serial;
#[cfg(test)]
mod tests;

pub use distribuido::{Juicio, OraculoDistribuido, verificar_y_juzgar};
pub use mundo::Mundo;
pub use retrato::{Boceto, Retrato, de_registro};
pub use serial::{OraculoSerial, PasoAjeno};
