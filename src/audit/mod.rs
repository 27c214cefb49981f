//! Audit: the invariants that prove the whole, the oracles that run it again, and the chain of hashes with its signed seals and their proofs.
//! The rows that tell the story of every document are a read model like the others: `projections::auditoria`.

pub mod cadena;
pub mod invariantes;
pub mod oraculo;
#[cfg(test)]
mod pruebas;
