//! FactuMarket: facturación electrónica e inventario FIFO por eventos, sobre un registro particionado.
//!
//! Los módulos son la arquitectura; las dependencias sólo van hacia abajo en esta lista
//! (`tests/arquitectura.rs` lo exige):
//!
//! `cli` → `http` → `projections`, `audit` → `engine` → `contracts` → `log`, `tables` → `domain`;
//! `defectos` (errores plantados, apagados salvo con su característica) puede consultarse desde cualquiera

pub mod audit;
pub mod cli;
pub mod config;
pub mod contracts;
pub mod defectos;
pub mod domain;
pub mod engine;
pub mod http;
pub mod log;
pub mod node;
pub mod projections;
pub mod sim;
pub mod tables;
