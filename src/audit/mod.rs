//! Audit: the invariants that prove the whole from the log alone, and later the chain of hashes with its signed seals.

pub mod invariantes;
