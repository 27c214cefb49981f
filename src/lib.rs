//! FactuMarket: facturación electrónica e inventario FIFO por eventos, sobre un registro particionado.
//!
//! Los módulos son la arquitectura; las dependencias sólo van hacia abajo en esta lista
//! (`tests/arquitectura.rs` lo exige):
//!
//! `cli` → `http` → `projections`, `audit` → `engine` → `contracts` → `log`, `tables` → `domain`

pub mod audit;
pub mod cli;
pub mod config;
pub mod contracts;
pub mod domain;
pub mod engine;
pub mod http;
pub mod log;
pub mod node;
pub mod projections;
pub mod tables;
