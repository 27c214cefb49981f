//! The command line.

pub mod banco;
