//! From a seed that fails to the least that still fails: fewer commands, fewer nodes, fewer kinds of fault.

use super::{Fault, Keep, Kit, Settings, run};

/// Runs that a search may take.
const MAX_RUNS: u32 = 120;

/// The least settings found under which the seed still fails.
pub struct Shrunk {
    pub settings: Settings,
    pub findings: Vec<String>,
    pub runs: u32,
}

/// Shrinks a failing seed; `None` when it does not fail.
pub fn shrink(kit: &Kit, seed: u64, settings: &Settings) -> Option<Shrunk> {
    let first = run(kit, seed, settings, Keep::Nothing).0.findings;
    if first.is_empty() {
        return None;
    }
    let mut best = Shrunk { settings: settings.clone(), findings: first, runs: 1 };
    for fault in Fault::ALL {
        let mut less = best.settings.clone();
        less.without |= 1 << fault as u8;
        best.consider(kit, seed, less);
    }
    while best.settings.commands > 1 {
        let before = best.settings.commands;
        for part in [before / 2, before * 3 / 4, before * 9 / 10, before - 1] {
            let less = Settings { commands: part.max(1), ..best.settings.clone() };
            if part < best.settings.commands && best.consider(kit, seed, less) {
                break;
            }
        }
        if best.settings.commands == before || best.runs >= MAX_RUNS {
            break;
        }
    }
    for nodes in 1..3 {
        let less = Settings { nodes, ..best.settings.clone() };
        if best.consider(kit, seed, less) {
            break;
        }
    }
    Some(best)
}

impl Shrunk {
    /// Keeps the settings if the seed still fails with them.
    fn consider(&mut self, kit: &Kit, seed: u64, settings: Settings) -> bool {
        if self.runs >= MAX_RUNS {
            return false;
        }
        self.runs += 1;
        let findings = run(kit, seed, &settings, Keep::Nothing).0.findings;
        if findings.is_empty() {
            return false;
        }
        self.settings = settings;
        self.findings = findings;
        true
    }
}
