//! The oracles against the production core.

mod comercio;
mod serial;
