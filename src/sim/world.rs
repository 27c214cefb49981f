//! One run: a cluster, its nodes, clients and sinks, and a scheduler that lets one of them at a time do one thing.
//!
//! Three phases: the shop is set up in calm weather; then chaos, in which the clients command; then everything heals, and quiescence is
//! demanded: every command answered, no saga open, nothing unread, nothing undecided. Only then are the invariants checked.

use std::sync::Arc;

use super::{
    checks,
    clients::Clients,
    faults::{Counts, Fault, Weather},
    node::{Node, Shared},
    plan::{Plan, Settings},
    rng::Rng,
    sinks::ReadSide,
    trace::Trace,
};
use crate::{
    contracts::{Boveda, BovedaEnMemoria, Codec},
    domain::{Contexto, emisor::Emisor},
    log::{
        LogError, Topic, TopicPartition,
        simulated::{ClusterOptions, ClusterStats, Micros, NoFaults, SimulatedLog},
    },
};

/// Steps of the scheduler in the chaos, and in the healing: far above any honest run.
const CHAOS_STEPS: u64 = 60_000;
const HEALING_STEPS: u64 = 120_000;
/// Simulated time in which a healed system must come to rest: 30 s beyond the deadline of any saga.
const HEALING_TIME: Micros = 90_000_000;

/// What does not change from run to run: built once.
#[derive(Clone)]
pub struct Kit {
    pub codec: Arc<Codec>,
    /// Writes as the program of the first version of the contract.
    pub older: Arc<Codec>,
    pub emisor: Arc<Emisor>,
}

/// What a run found.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub plan: Plan,
    /// What is wrong, for people; empty when nothing is.
    pub findings: Vec<String>,
    pub faults: Counts,
    pub cluster: ClusterStats,
    pub steps: u64,
    pub commands: u64,
    pub events: u64,
    /// Invoices and notes on the log; 0 when it did not come to rest.
    pub invoices: u64,
    pub epochs: u64,
    /// Digest of everything that happened; 0 when the trace kept none.
    pub digest: u64,
}

struct World<'a> {
    shared: Shared,
    nodes: Vec<Node>,
    clients: Clients,
    reads: ReadSide,
    rng: Rng,
    trace: &'a mut Trace,
    steps: u64,
    invoices: u64,
    healed: bool,
}

/// What the programs of a run write with, today's and the older one, with keys of its own if it seals.
fn codecs(kit: &Kit, plan: &Plan) -> (Arc<Codec>, Arc<Codec>) {
    if !plan.sealed {
        return (Arc::clone(&kit.codec), Arc::clone(&kit.older));
    }
    let boveda: Arc<dyn Boveda> = Arc::new(BovedaEnMemoria::new(plan.seed));
    let with_keys = |codec: &Codec| Arc::new(codec.clone().with_keys(Arc::clone(&boveda), true));
    (with_keys(&kit.codec), with_keys(&kit.older))
}

/// Runs a seed to its end.
pub fn run(kit: &Kit, seed: u64, settings: &Settings, trace: &mut Trace) -> Outcome {
    let plan = Plan::draw(seed, settings);
    let weather = Weather::new(Rng::new(seed, 2), plan.rates.clone());
    let options = ClusterOptions {
        partitions: plan.partitions,
        reply_partitions: 2,
        transaction_timeout: plan.transaction,
        session_timeout: 3_000_000,
        rebalance_timeout: 4_000_000,
        heartbeat_interval: 300_000,
        request_timeout: 400_000,
        ..ClusterOptions::default()
    };
    let emisor = Emisor { plazo_emision_ms: plan.deadline, ..(*kit.emisor).clone() };
    let log = SimulatedLog::new(options, Box::new(NoFaults));
    let (codec, older) = codecs(kit, &plan);
    let shared = Shared { log, codec, older, emisor: Arc::new(emisor), weather, plan };
    let nodes = (0..shared.plan.nodes).map(|n| Node::new(n, &shared, Rng::new(seed, 100 + u64::from(n)))).collect();
    let clients = Clients::new(&shared, Rng::new(seed, 3));
    let reads = ReadSide::open(&shared);
    let mut world = World { shared, nodes, clients, reads, rng: Rng::new(seed, 4), trace, steps: 0, invoices: 0, healed: false };
    let mut findings = world.live();
    findings.extend(world.clients.take_findings());
    findings.extend(world.reads.take_findings());
    world.outcome(findings)
}

impl World<'_> {
    /// The three phases; what is wrong.
    fn live(&mut self) -> Vec<String> {
        if !self.set_up() {
            return vec!["I12: la tienda no llegó a crearse sin fallas".to_owned()];
        }
        self.shared.log.set_fates(Box::new(self.shared.weather.clone()));
        let mut quiet_since = 0;
        for _ in 0..CHAOS_STEPS {
            self.bad_luck();
            self.step();
            if self.clients.has_sent_all() {
                // Some more bad weather over what is still in the air.
                quiet_since += 1;
                if quiet_since > 400 || self.clients.is_done() {
                    break;
                }
            }
        }
        self.heal();
        match self.come_to_rest().and_then(|()| self.reads.finish()) {
            Ok(()) => {
                let issued = checks::issued(&self.shared);
                self.invoices = issued.len() as u64;
                checks::run(&self.shared, &self.clients, &self.reads, &issued)
            }
            Err(why) => vec![why],
        }
    }

    fn set_up(&mut self) -> bool {
        let groups = self.clients.set_up(&self.shared);
        for group in groups {
            self.clients.send_all(&group, &self.shared, self.trace);
            let limit = self.steps + CHAOS_STEPS;
            while !self.clients.accepted(&group) {
                if self.steps > limit {
                    return false;
                }
                self.step_nodes();
            }
            // What the next group needs must have reached the replicas of other nodes.
            while !self.nodes.iter_mut().all(|node| node.has_followed(&self.shared)) {
                if self.steps > limit {
                    return false;
                }
                self.step_nodes();
            }
        }
        true
    }

    /// Time goes on a little; somebody does something.
    fn step(&mut self) {
        let acted = match self.rng.below(16) {
            0..=2 => self.clients.act(&self.shared, self.trace),
            3 => self.clients.listen(&self.shared, self.trace),
            4 if self.rng.below(3) == 0 => self.reads.step(&self.shared, &mut self.rng, self.trace),
            6 if self.rng.below(8) == 0 && !self.healed => {
                self.clients.query(&self.shared, &self.reads, self.trace);
                true
            }
            _ => return self.step_nodes(),
        };
        self.pass_time(acted);
    }

    fn step_nodes(&mut self) {
        let at = self.rng.index(self.nodes.len());
        let acted = self.nodes[at].step(&self.shared, self.trace);
        if self.rng.below(8) == 0 {
            self.clients.listen(&self.shared, self.trace);
        }
        self.pass_time(acted);
    }

    /// A little time, while somebody has something to do; all of it up to the next thing that happens, when nobody has.
    fn pass_time(&mut self, acted: bool) {
        self.steps += 1;
        let now = self.shared.log.now();
        let soon = now + self.rng.below(400);
        let to = if acted || self.somebody_acts() { soon } else { self.next_thing().unwrap_or(soon).clamp(soon, now + 3_000_000) };
        self.shared.log.advance(to);
        self.trace.at(to);
    }

    /// Lets one node do something, the first that can; or else the clients listen. Whether anybody could.
    fn somebody_acts(&mut self) -> bool {
        let (count, first) = (self.nodes.len(), self.rng.index(self.nodes.len()));
        (0..count).any(|n| self.nodes[(first + n) % count].step(&self.shared, self.trace))
            || self.clients.listen(&self.shared, self.trace)
    }

    /// When something can happen next, if nothing can now.
    fn next_thing(&self) -> Option<Micros> {
        let now = self.shared.log.now();
        let nodes = self.nodes.iter().filter_map(|node| node.wakes_at(now));
        let deadlines = self.nodes.iter().filter_map(|node| node.next_deadline(&self.shared));
        let others = [self.shared.log.next_event(), self.clients.wakes_at()];
        nodes.chain(deadlines).chain(others.into_iter().flatten()).filter(|at| *at > now).min()
    }

    /// A fault that comes by itself, perhaps.
    fn bad_luck(&mut self) {
        let Some(fault) = self.shared.weather.of_the_step() else { return };
        let weather = self.shared.weather.clone();
        let at = self.rng.index(self.nodes.len());
        match fault {
            Fault::NodeKilled if self.rng.below(5) == 0 => self.reads.crash(&self.shared),
            Fault::NodeKilled => self.nodes[at].kill(&self.shared, weather.between(1_000, 5_000_000), self.trace),
            Fault::NodeFrozen => self.nodes[at].freeze(&self.shared, weather.between(100_000, 9_000_000), self.trace),
            Fault::NodeLeaves => self.nodes[at].retire(&self.shared, weather.between(1_000, 3_000_000), self.trace),
            Fault::NodeClock => {
                self.nodes[at].clock_skew += weather.between(0, 2 * 86_400_000_000) as i64 - 86_400_000_000;
            }
            Fault::IdStolen => self.steal(at),
            Fault::LinkCut => self.cut_link(at),
            _ => self.bad_luck_of_the_cluster(fault, at),
        }
    }

    /// For longer than a client insists, as often as not.
    fn cut_link(&mut self, at: usize) {
        let time = self.shared.weather.between(100_000, 4_000_000);
        let node = &self.nodes[at];
        self.trace.say(|| format!("el enlace de {} falla {} ms", node.name(), time / 1_000));
        self.shared.weather.cut_link(node.number, self.shared.log.now() + time);
    }

    /// Another process takes the place of a node and goes away again.
    fn steal(&mut self, at: usize) {
        use crate::log::Log;
        let name = self.nodes[at].name().to_owned();
        self.trace.say(|| format!("alguien toma el lugar de {name}"));
        drop(self.shared.log.another_process().claim(&name));
    }

    fn bad_luck_of_the_cluster(&mut self, fault: Fault, at: usize) {
        let (weather, log) = (&self.shared.weather, &self.shared.log);
        match fault {
            Fault::BrokerDown => log.take_down(log.now() + weather.between(10_000, 5_000_000)),
            Fault::BrokerClock => log.jump_clock(weather.between(0, 20_000_000) as i64 - 10_000_000),
            Fault::TransactionExpired => _ = log.expire_transaction(self.nodes[at].name()),
            Fault::FailOver => {
                let topics = [Topic::Comandos, Topic::Eventos].map(|of| of(self.rng.pick(&Contexto::TODOS)));
                let topic = self.rng.pick(&topics);
                let partition = self.rng.below(u64::from(self.shared.plan.partitions)) as u16;
                // Every topic drawn has that partition.
                let _: Result<(), LogError> = log.fail_over(TopicPartition::new(topic, partition));
            }
            other => unreachable!("{} no viene con el paso del tiempo", other.nombre()),
        }
    }

    fn heal(&mut self) {
        self.healed = true;
        self.trace.say(|| "todo sana".to_owned());
        self.shared.weather.heal();
        self.shared.log.bring_up();
        for node in &mut self.nodes {
            node.wake(&self.shared);
        }
        self.reads.heal();
    }

    /// Runs until nothing is left to do.
    fn come_to_rest(&mut self) -> Result<(), String> {
        let limit = self.shared.log.now() + HEALING_TIME;
        for step in 0..HEALING_STEPS {
            self.step();
            if step % 16 == 15 && self.is_at_rest() {
                return Ok(());
            }
            if self.shared.log.now() > limit {
                break;
            }
        }
        Err(format!("I12: sanado todo, el sistema no llega a la quietud: {}", self.what_is_left()))
    }

    fn is_at_rest(&mut self) -> bool {
        self.clients.is_done()
            && self.nodes.iter().all(|node| node.is_idle() && node.open_sagas() == 0)
            && !self.shared.log.has_unsettled()
            && matches!(Node::lag(&self.shared.log), Ok(0))
    }

    fn what_is_left(&self) -> String {
        let mut left = Vec::new();
        let unanswered = self.clients.unanswered();
        if !unanswered.is_empty() {
            left.push(format!("sin respuesta {}", unanswered.join(", ")));
        }
        for node in &self.nodes {
            if !node.is_idle() {
                left.push(format!("{} ocupado", node.name()));
            }
            if node.open_sagas() > 0 {
                left.push(format!("{} con {} sagas abiertas", node.name(), node.open_sagas()));
            }
        }
        if self.shared.log.has_unsettled() {
            left.push("una transacción sin decidir".to_owned());
        }
        match Node::lag(&self.shared.log) {
            Ok(0) => {}
            Ok(lag) => left.push(format!("{lag} entradas sin confirmar")),
            Err(error) => left.push(error.to_string()),
        }
        left.push(self.shared.log.describe_groups());
        left.join("; ")
    }

    fn outcome(self, findings: Vec<String>) -> Outcome {
        let stats = self.shared.log.stats();
        Outcome {
            faults: self.shared.weather.counts(),
            cluster: stats,
            steps: self.steps,
            commands: u64::from(self.shared.plan.commands),
            events: checks::events(&self.shared.log),
            invoices: self.invoices,
            epochs: self.nodes.iter().map(|node| node.epochs).sum(),
            digest: self.trace.sum(),
            plan: self.shared.plan,
            findings,
        }
    }
}
