//! The verifier on healthy logs made by the real engine, and on the same logs with one violation planted in each.

mod apartados;
mod cuentas;
mod libro;
mod mundo;
mod plantadas;
mod sano;
