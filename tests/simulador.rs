//! The simulator itself: the same seed happens the same, the seeds that failed once stay right, and shrinking finds less. The long runs
//! and the planted bugs are in `.ci/simulador`, on the release build.

use factumarket::sim::{self, Fault, Keep, Kit, Settings};

fn kit() -> Kit {
    Kit::new().expect("esquemas")
}

#[test]
fn the_same_seed_happens_the_same_to_the_byte() {
    let (kit, settings) = (kit(), Settings { commands: 40, ..Settings::default() });
    for seed in 1_000..1_008 {
        let (first, lines) = sim::run(&kit, seed, &settings, Keep::Lines);
        let (again, lines_again) = sim::run(&kit, seed, &settings, Keep::Lines);
        assert_eq!(lines, lines_again, "semilla {seed}");
        assert_eq!((first.digest, first.events, first.steps), (again.digest, again.events, again.steps), "semilla {seed}");
        assert!(first.digest != 0 && first.findings.is_empty(), "semilla {seed}: {:?}", first.findings);
    }
}

#[test]
fn other_seeds_happen_otherwise() {
    let (kit, settings) = (kit(), Settings { commands: 20, ..Settings::default() });
    let digest = |seed| sim::run(&kit, seed, &settings, Keep::Digest).0.digest;
    assert_ne!(digest(1), digest(2));
}

#[test]
fn a_fault_that_is_taken_away_does_not_come() {
    let kit = kit();
    let all = Fault::ALL.into_iter().fold(0, |bits, fault| bits | 1 << fault as u8);
    for seed in 0..4 {
        let (outcome, _) = sim::run(&kit, seed, &Settings { commands: 30, without: all, nodes: 2 }, Keep::Nothing);
        assert_eq!((outcome.faults.total(), outcome.findings.len()), (0, 0), "{:?}", outcome.findings);
        assert_eq!((outcome.plan.nodes, outcome.plan.commands), (2, 30));
    }
}

#[test]
fn seeds_that_failed_once_are_right() {
    let (kit, settings) = (kit(), Settings::default());
    let kept = include_str!("semillas.txt").lines().filter_map(|line| line.split('#').next()?.trim().parse::<u64>().ok());
    let mut count = 0;
    for seed in kept.take(6) {
        let (outcome, _) = sim::run(&kit, seed, &settings, Keep::Nothing);
        assert!(outcome.findings.is_empty(), "{}\n{:?}", outcome.plan, outcome.findings);
        count += 1;
    }
    assert!(count > 0, "el archivo de semillas no tiene ninguna");
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    let settings = Settings { commands: 10, ..Settings::default() };
    assert!(sim::shrink(&kit(), 3, &settings).is_none());
}
