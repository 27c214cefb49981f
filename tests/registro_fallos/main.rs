//! The rules of the transactional client under faults: a small processor on several nodes over the simulated log, seed by seed.
//!
//! With the feature `defectos` every planted bug of the client must be caught; without it no seed may fail.

mod azar;
mod nodo;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use factumarket::log::{
    Log,
    simulated::{ClusterOptions, ClusterStats, Micros, SimulatedLog},
};

use azar::{Azar, Chaos, Mix};
use nodo::{Nodo, audit, commands, events, record, text};

const PARTITIONS: u16 = 3;
const COMMANDS: u64 = 60;
const NODES: u32 = 3;
/// Turns of the phase with faults.
const TURNS: u64 = 6_000;
/// Turns after which a healed system that has not finished never will.
const PATIENCE: u64 = 60_000;

struct Run {
    log: SimulatedLog,
    nodes: Vec<Nodo>,
    azar: Azar,
    healed: Arc<AtomicBool>,
    sent: Vec<Vec<String>>,
    faults: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut azar = Azar::new(seed);
        let healed = Arc::new(AtomicBool::new(false));
        let chaos = Chaos { azar: Azar::new(seed ^ 0xffff), mix: Mix::of(&mut azar), healed: Arc::clone(&healed) };
        let options = ClusterOptions {
            partitions: PARTITIONS,
            reply_partitions: 1,
            heartbeat_interval: 1_000_000,
            ..ClusterOptions::default()
        };
        let log = SimulatedLog::new(options, Box::new(chaos));
        let nodes = (0..NODES).map(|number| Nodo::start(&log, number)).collect();
        Self { log, nodes, azar, healed, sent: vec![Vec::new(); usize::from(PARTITIONS)], faults: 0 }
    }

    /// A command, kept in the list in the order of its partition when it was surely appended. What is unknown is looked up at the end.
    fn send(&mut self, number: u64) {
        let partition = self.azar.below(u64::from(PARTITIONS)) as u16;
        drop(self.log.produce(100, vec![(commands(partition), record(format!("c{number}")))]));
    }

    fn turn(&mut self) {
        let now = self.log.now();
        let awake: Vec<usize> =
            (0..self.nodes.len()).filter(|i| !self.nodes[*i].dead && self.nodes[*i].frozen_until <= now).collect();
        if !awake.is_empty() {
            let chosen = awake[self.azar.below(awake.len() as u64) as usize];
            self.nodes[chosen].act(&mut self.azar);
        }
        let pause = if self.azar.per_mille(30) { self.azar.below(400_000) } else { self.azar.below(10_000) };
        self.log.advance(now + pause);
    }

    fn fault(&mut self) {
        self.faults += 1;
        let now = self.log.now();
        let victim = self.azar.below(self.nodes.len() as u64) as usize;
        let number = self.nodes[victim].number;
        let a_while = |azar: &mut Azar, most: Micros| azar.below(most);
        match self.azar.below(8) {
            0 => self.nodes[victim] = Nodo::start(&self.log, number),
            1 => self.nodes[victim].dead = true,
            2 | 3 => self.nodes[victim].frozen_until = now + a_while(&mut self.azar, 30_000_000),
            4 => {
                // Somebody starts the same node elsewhere while this one sleeps.
                self.nodes[victim].frozen_until = now + a_while(&mut self.azar, 8_000_000);
                self.nodes.push(Nodo::start(&self.log, number));
            }
            5 => self.log.take_down(now + a_while(&mut self.azar, 4_000_000)),
            6 => {
                let partition = self.azar.below(u64::from(PARTITIONS)) as u16;
                self.log.fail_over(events(partition)).expect("partición");
            }
            _ => drop(self.log.expire_transaction(&format!("nodo-{number}"))),
        }
    }

    fn chaos(&mut self) {
        let mut next = 0;
        for turn in 0..TURNS {
            if next < COMMANDS && turn * COMMANDS >= next * TURNS {
                self.send(next);
                next += 1;
            }
            if self.azar.per_mille(8) {
                self.fault();
            }
            self.turn();
        }
    }

    /// Everything works again: one process of each node, and they must finish.
    fn heal(&mut self) -> Result<(), String> {
        self.healed.store(true, Ordering::Relaxed);
        self.log.bring_up();
        self.nodes.iter_mut().for_each(|node| node.frozen_until = 0);
        // Two processes of one node fence each other until one gives up; an operator stops the older.
        let mut seen = Vec::new();
        self.nodes.reverse();
        self.nodes.retain(|node| {
            let first = !node.dead && !seen.contains(&node.number);
            seen.extend(first.then_some(node.number));
            first
        });
        for number in (0..NODES).filter(|number| !seen.contains(number)) {
            self.nodes.push(Nodo::start(&self.log, number));
        }
        for _ in 0..PATIENCE {
            if self.finished() {
                return Ok(());
            }
            self.turn();
            for node in &mut self.nodes {
                if node.dead {
                    *node = Nodo::start(&self.log, node.number);
                }
            }
        }
        Err("sano y sin faltas, no termina".to_owned())
    }

    fn finished(&self) -> bool {
        let done = |partition| {
            let marks = self.log.watermarks(commands(partition)).expect("partición");
            let position = self.log.position(nodo::GROUP, commands(partition)).expect("posición").unwrap_or(0);
            position >= marks.end
        };
        (0..PARTITIONS).all(done) && !self.log.has_unsettled()
    }

    /// Exactly what was appended, once, in order; numbered without holes by one writer at a time; the audit says the same.
    fn check(&mut self) -> Result<(), String> {
        for partition in 0..PARTITIONS {
            let read = |tp| -> Vec<String> {
                self.log.read(tp, 0, usize::MAX).expect("lee").iter().map(|stored| text(stored).to_owned()).collect()
            };
            let sent = read(commands(partition));
            let wanted: Vec<String> = sent.iter().enumerate().map(|(i, command)| format!("{i} {command}")).collect();
            let (ticks, decided): (Vec<_>, Vec<_>) =
                read(events(partition)).into_iter().partition(|event| event.starts_with("tick"));
            if decided != wanted {
                return Err(format!("partición {partition}: se esperaba {wanted:?} y quedó {decided:?}"));
            }
            if read(audit(partition)) != wanted {
                return Err(format!("partición {partition}: la auditoría no dice lo que los eventos"));
            }
            let in_order = ticks.iter().enumerate().all(|(i, tick)| *tick == format!("tick {i}"));
            if !in_order {
                return Err(format!("partición {partition}: los avisos no van de uno en uno: {ticks:?}"));
            }
            self.sent[usize::from(partition)] = sent;
        }
        Ok(())
    }
}

struct Report {
    stats: ClusterStats,
    faults: u64,
    commands: usize,
}

fn run(seed: u64) -> Result<Report, String> {
    let mut run = Run::new(seed);
    run.chaos();
    run.heal()?;
    run.check()?;
    Ok(Report { stats: run.log.stats(), faults: run.faults, commands: run.sent.iter().map(Vec::len).sum() })
}

/// How many seeds to run: `SEMILLAS`, or so many.
fn seeds(otherwise: u64) -> u64 {
    std::env::var("SEMILLAS").ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// One bug lives in the process at a time, so these take turns.
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn no_seed_loses_doubles_or_tears_anything() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut total = ClusterStats::default();
    let (mut faults, mut commands) = (0, 0);
    for seed in 0..seeds(150) {
        let report = run(seed).unwrap_or_else(|failure| panic!("semilla {seed}: {failure}"));
        total.committed += report.stats.committed;
        total.late_requests += report.stats.late_requests;
        total.expired += report.stats.expired;
        total.fenced_open += report.stats.fenced_open;
        total.sessions_lost += report.stats.sessions_lost;
        total.truncated_records += report.stats.truncated_records;
        total.unstable_fetches += report.stats.unstable_fetches;
        total.misdecided += report.stats.misdecided;
        faults += report.faults;
        commands += report.commands;
    }
    println!("{commands} comandos, {faults} faltas, {total:?}");
    let met = [
        total.late_requests,
        total.expired,
        total.fenced_open,
        total.sessions_lost,
        total.truncated_records,
        total.unstable_fetches,
    ];
    assert!(met.iter().all(|count| *count > 0), "cada falta se vio alguna vez: {total:?}");
    assert_eq!(total.misdecided, 0, "con las reglas, ninguna orden tardía decide lo ajeno");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for seed in 0..5 {
        let (a, b) = (run(seed).map(|r| (r.stats, r.faults)), run(seed).map(|r| (r.stats, r.faults)));
        assert_eq!(a, b, "semilla {seed}");
    }
}

#[cfg(feature = "defectos")]
#[test]
fn every_planted_bug_of_the_client_is_caught() {
    use factumarket::defectos::{Defecto, elegir};
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut missed = Vec::new();
    for defecto in Defecto::TODOS.iter().copied().filter(|d| d.numero() <= Defecto::InciertoSeRepite.numero()) {
        elegir(defecto.numero()).expect("existe");
        match (0..seeds(1000)).find_map(|seed| run(seed).err().map(|failure| (seed, failure))) {
            Some((seed, failure)) => {
                let failure: String = failure.chars().take(160).collect();
                println!("{} {}: semilla {seed}: {failure}", defecto.numero(), defecto.nombre());
            }
            None => missed.push(defecto),
        }
        elegir(0).expect("ninguno");
    }
    assert!(missed.is_empty(), "no se notaron: {missed:?}");
}
