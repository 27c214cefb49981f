//! What a seed stands for: size of the run, rhythms and rates, drawn as a swarm so that no two runs are of one kind.

use std::fmt;

use super::{faults::Rates, rng::Rng};

/// What the caller wants of every seed. A failing seed is repeated with the same settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Commands of a run, without their repetitions: those that make the shop are among them, up to a third. 10 to 1,000; default 100.
    pub commands: u32,
    /// Nodes; 0: 1 to 3, by the seed.
    pub nodes: u32,
    /// Kinds of fault that do not come: one bit each, by [`super::Fault`].
    pub without: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { commands: 100, nodes: 0, without: 0 }
    }
}

/// The draw of a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    pub nodes: u32,
    pub partitions: u16,
    pub commands: u32,
    /// Inputs of an epoch at most.
    pub max_inputs: u32,
    pub snapshot_every: u32,
    /// Actors kept in memory at most.
    pub max_active: usize,
    pub products: u32,
    pub stock: u32,
    /// Commands that may wait for their answer at once.
    pub pressure: u32,
    /// Time that an emission may take, ms: the short ones keep the deadlines of sagas busy.
    pub deadline: i64,
    /// Age at which a transaction is aborted, µs: longer than a session, so that who slept through his may still end one.
    pub transaction: u64,
    /// Programs of two versions of the contract run side by side: nodes and clients write either, and read both.
    pub upgrade: bool,
    /// Personal data are sealed, and a client asks to be forgotten.
    pub sealed: bool,
    /// Wall clock at simulated time 0, µs since 1970.
    pub epoch_start: i64,
    pub rates: Rates,
}

/// 2026-11-24T23:59:30 in Bogotá: many a run goes over midnight.
const NEAR_MIDNIGHT: i64 = 1_795_582_770_000_000;

impl Plan {
    pub fn draw(seed: u64, settings: &Settings) -> Self {
        let mut rng = Rng::new(seed, 1);
        let drawn = rng.between(1, 3) as u32;
        Self {
            seed,
            nodes: if settings.nodes == 0 { drawn } else { settings.nodes },
            partitions: rng.pick(&[1, 2, 2, 3]),
            commands: settings.commands,
            max_inputs: rng.pick(&[1, 2, 4, 16, 64]),
            snapshot_every: rng.pick(&[2, 5, 10]),
            max_active: rng.pick(&[2, 8, 1_000]),
            products: rng.between(1, 4) as u32,
            stock: rng.between(4, 60) as u32,
            pressure: rng.pick(&[1, 4, 16, 64]),
            deadline: rng.pick(&[1_000, 2_500, 30_000]),
            transaction: Rng::new(seed, 6).pick(&[4_000_000, 8_000_000]),
            upgrade: rng.below(3) == 0,
            sealed: Rng::new(seed, 5).below(4) == 0,
            epoch_start: NEAR_MIDNIGHT - rng.below(120) as i64 * 1_000_000,
            rates: Rates::draw(&mut rng, settings.without),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "semilla {} · nodos {} · particiones {} · órdenes {} · época ≤ {} · instantánea cada {} · en memoria ≤ {} · productos {} · existencias {} · presión {} · plazo {} ms · transacción ≤ {} s{}",
            self.seed,
            self.nodes,
            self.partitions,
            self.commands,
            self.max_inputs,
            self.snapshot_every,
            self.max_active,
            self.products,
            self.stock,
            self.pressure,
            self.deadline,
            self.transaction / 1_000_000,
            if self.upgrade { " · dos versiones" } else { "" }
        )?;
        if self.sealed {
            f.write_str(" · cifrado")?;
        }
        f.write_str(" · fallas por 10.000:")?;
        for (fault, rate) in self.rates.present() {
            write!(f, " {}={rate}", fault.nombre())?;
        }
        Ok(())
    }
}
