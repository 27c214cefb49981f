//! What the tests of the audit share: a log in memory, and nodes driven by hand over it.

pub mod nodos;
pub mod registro;
