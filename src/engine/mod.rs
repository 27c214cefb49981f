//! The processor: core (sans I/O), shells, recovery, snapshots.

pub mod core;
pub mod gateway;
pub mod ports;
pub mod routing;
pub mod store;
