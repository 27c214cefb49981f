//! A small seeded generator (SplitMix64): the examples must be the same on every machine and with every version of any library.

use crate::sim::splitmix64;

/// Deterministic pseudo-random numbers. Not for secrets.
#[derive(Debug, Clone)]
pub struct Azar(u64);

impl Azar {
    pub fn new(semilla: u64) -> Self {
        Self(semilla)
    }

    fn siguiente(&mut self) -> u64 {
        splitmix64(&mut self.0)
    }

    /// From 0 to `n - 1`; `n` at least 1. The bias of the remainder is irrelevant for examples.
    pub fn hasta(&mut self, n: usize) -> usize {
        usize::try_from(self.siguiente() % (n.max(1) as u64)).unwrap_or(0)
    }

    /// Like `hasta`, with small numbers more frequent: a few products make most of the sales.
    pub fn sesgado(&mut self, n: usize) -> usize {
        self.hasta(n).min(self.hasta(n))
    }
}
