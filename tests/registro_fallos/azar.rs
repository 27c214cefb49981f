//! Chance by seed, and the fates of a seed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use factumarket::log::simulated::{Api, Fate, Fates, Micros, Portion, RequestInfo};

/// SplitMix64: small, and good enough to choose faults.
#[derive(Clone)]
pub struct Azar(u64);

impl Azar {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of `[0, bound)`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True in so many of 1,000.
    pub fn per_mille(&mut self, chance: u64) -> bool {
        self.below(1000) < chance
    }
}

/// How much of each fault a seed has, of 1,000.
#[derive(Clone, Debug)]
pub struct Mix {
    pub lose: u64,
    pub lose_answer: u64,
    pub delay: u64,
    pub duplicate: u64,
    pub slow_markers: u64,
    pub slow_replicas: u64,
    pub late_beats: u64,
    pub end_txn: u64,
}

impl Mix {
    /// Each seed has its own mix: many faults are only met where others are rare.
    pub fn of(azar: &mut Azar) -> Self {
        let mut level = |most: u64| if azar.per_mille(400) { 0 } else { azar.below(most) };
        Self {
            lose: level(60),
            lose_answer: level(60),
            delay: level(80),
            duplicate: level(60),
            slow_markers: level(600),
            slow_replicas: level(200),
            late_beats: level(900),
            end_txn: level(500),
        }
    }
}

pub struct Chaos {
    pub azar: Azar,
    pub mix: Mix,
    /// Once set, all goes well.
    pub healed: Arc<AtomicBool>,
}

impl Chaos {
    fn calm(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    fn while_(&mut self, chance: u64, most: Micros) -> Micros {
        if self.calm() || !self.azar.per_mille(chance) { 0 } else { self.azar.below(most) }
    }
}

impl Fates for Chaos {
    fn request(&mut self, request: &RequestInfo) -> Fate {
        if self.calm() {
            return Fate::Deliver;
        }
        let mix = self.mix.clone();
        let after = self.azar.below(6_000_000);
        if request.api == Api::EndTxn && self.azar.per_mille(mix.end_txn) {
            return [Fate::LoseAnswer, Fate::LoseRequest, Fate::Delay(after), Fate::Duplicate(after)][self.azar.below(4) as usize];
        }
        let mut die = self.azar.below(1000);
        for (chance, fate) in [
            (mix.lose, Fate::LoseRequest),
            (mix.lose_answer, Fate::LoseAnswer),
            (mix.delay, Fate::Delay(after)),
            (mix.duplicate, Fate::Duplicate(after)),
        ] {
            if die < chance {
                return fate;
            }
            die -= chance;
        }
        Fate::Deliver
    }

    fn marker_delay(&mut self) -> Micros {
        self.while_(self.mix.slow_markers, 300_000)
    }

    fn replication_delay(&mut self) -> Micros {
        self.while_(self.mix.slow_replicas, 1_500_000)
    }

    fn partitions_at_once(&mut self, left: usize) -> usize {
        1 + self.azar.below(left as u64) as usize
    }

    fn portion(&mut self, ready: usize) -> Portion {
        Portion { partition: self.azar.below(ready as u64) as usize, max_records: 1 + self.azar.below(4) as usize }
    }

    fn beats(&mut self) -> bool {
        self.calm() || !self.azar.per_mille(self.mix.late_beats)
    }

    fn read_fails(&mut self) -> bool {
        !self.calm() && self.azar.per_mille(20)
    }
}
