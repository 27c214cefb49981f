//! A small seeded generator (SplitMix64): the examples must be the same on every machine and with every version of any library.

/// Deterministic pseudo-random numbers. Not for secrets.
#[derive(Debug, Clone)]
pub struct Azar(u64);

impl Azar {
    pub fn new(semilla: u64) -> Self {
        Self(semilla)
    }

    fn siguiente(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
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
