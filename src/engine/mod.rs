//! The processor: core (sans I/O), shells, recovery, snapshots.

pub mod gateway;
pub mod ports;
