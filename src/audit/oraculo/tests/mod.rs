//! The oracles against the production core.

mod comercio;
mod distribuido;
mod serial;
