//! Audit: the invariants that prove the whole, and later the chain of hashes, its signed seals and their proofs. The rows that
//! tell the story of every document are a read model like the others: `projections::auditoria`.

pub mod invariantes;
#[cfg(test)]
mod pruebas;
