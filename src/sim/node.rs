//! A simulated node: the production lane, its client on the cluster, its local store, and a supervisor that builds another when one ends.
//!
//! It does what `engine::shell` does with threads, one small step at a time and in an order that chance chooses: between any two steps
//! other nodes act, the process may die, and time passes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::{faults::Fault, faults::Weather, plan::Plan, rng::Rng, store::DiskStore, trace::Trace};
use crate::{
    contracts::Codec,
    domain::{Contexto, emisor::Emisor, valores::Instante},
    engine::{
        core::CoreLimits,
        encode::EncodedEpoch,
        failures::{ProcessorError, Suspects},
        lane::{EpochLimits, Lane, LaneParts},
        recovery::CoreParts,
        store::{StateStore, StoreWrite},
    },
    log::{
        Delivery, Log, LogError, Record, Topic, TopicPartition,
        simulated::{Client, ClientOptions, Micros, SimulatedLog, Step},
    },
};

/// Consumer group of the processors, as everywhere.
pub const GROUP: &str = "procesador";
/// Bytes of one poll.
const POLL_BYTES: usize = 64 << 10;

/// What all nodes share.
pub struct Shared {
    pub log: SimulatedLog,
    pub codec: Arc<Codec>,
    /// Writes as a program of the first version of the contract did.
    pub older: Arc<Codec>,
    pub emisor: Arc<Emisor>,
    pub weather: Weather,
    pub plan: Plan,
}

pub struct Node {
    pub number: u32,
    name: String,
    store: Arc<DiskStore>,
    suspects: Arc<Mutex<Suspects>>,
    process: Option<Box<Process>>,
    /// Client of the processor that ended, for the one built next in the same process.
    left: Option<Client>,
    /// Simulated time before which the process does nothing: it is dead, or frozen.
    wakes: Micros,
    /// Its wall clock against the simulated time, in µs.
    pub clock_skew: i64,
    /// The next process starts on an empty store.
    fresh_store: bool,
    rng: Rng,
    /// Epochs committed and processes built, for the report.
    pub epochs: u64,
    pub builds: u64,
}

/// A running process.
struct Process {
    client: Client,
    /// Once its place is claimed.
    lane: Option<Lane>,
    /// The epoch being committed: its number and the rows that are due when it is.
    committing: Option<(u64, Vec<StoreWrite>)>,
    /// Changes of hands, in order; the first waits for the epochs in hand.
    changes: VecDeque<Delivery>,
    /// Rows were written since the store was made durable.
    dirty: bool,
}

impl Node {
    pub fn new(number: u32, shared: &Shared, rng: Rng) -> Self {
        Self {
            number,
            name: format!("nodo-{number}"),
            store: Arc::new(DiskStore::new(shared.weather.clone())),
            suspects: Arc::default(),
            process: None,
            left: None,
            wakes: 0,
            clock_skew: 0,
            fresh_store: false,
            rng,
            epochs: 0,
            builds: 0,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The wall clock of the node.
    fn now(&self, shared: &Shared) -> Instante {
        Instante(shared.plan.epoch_start + self.clock_skew + shared.log.now() as i64)
    }

    /// kill -9: what was not durable in its store may be lost; it comes back after a while.
    pub fn kill(&mut self, shared: &Shared, back_in: Micros, trace: &mut Trace) {
        trace.say(|| format!("{} muere", self.name));
        (self.process, self.left) = (None, None);
        self.store.crash(&mut self.rng);
        self.store.weather_the_night(&mut self.rng);
        self.wakes = shared.log.now() + back_in;
    }

    /// SIGSTOP: everything it had in hand stays in hand.
    pub fn freeze(&mut self, shared: &Shared, time: Micros, trace: &mut Trace) {
        trace.say(|| format!("{} se congela {} ms", self.name, time / 1_000));
        self.wakes = shared.log.now() + time;
    }

    /// Leaves the group and starts again later, as in a rolling restart.
    pub fn retire(&mut self, shared: &Shared, back_in: Micros, trace: &mut Trace) {
        let Some(mut process) = self.process.take() else { return };
        trace.say(|| format!("{} se retira", self.name));
        process.client.leave();
        if process.dirty {
            // A clean stop makes its store durable.
            let _ = self.store.flush();
        }
        self.wakes = shared.log.now() + back_in;
    }

    /// Awake from now on.
    pub fn wake(&mut self, shared: &Shared) {
        self.wakes = self.wakes.min(shared.log.now());
    }

    /// When it can act next, if not now.
    pub fn wakes_at(&self, now: Micros) -> Option<Micros> {
        if self.wakes > now {
            return Some(self.wakes);
        }
        self.process.as_ref().and_then(|p| p.client.wakes_at()).filter(|at| *at > now)
    }

    /// Next deadline of a saga, in simulated time.
    pub fn next_deadline(&self, shared: &Shared) -> Option<Micros> {
        let at = self.process.as_ref()?.lane.as_ref()?.next_deadline()?;
        let simulated = at.micros() - shared.plan.epoch_start - self.clock_skew;
        Some(u64::try_from(simulated.max(0)).unwrap_or_default())
    }

    /// Nothing in hand.
    pub fn is_idle(&self) -> bool {
        self.process.as_ref().is_some_and(|p| {
            p.committing.is_none()
                && p.changes.is_empty()
                && p.lane.as_ref().is_some_and(|lane| lane.is_drained() && !lane.is_restoring())
        })
    }

    /// Nothing in hand, and the replicas have what other nodes committed.
    pub fn has_followed(&mut self, shared: &Shared) -> bool {
        let idle = self.is_idle();
        let lane = self.process.as_mut().and_then(|p| p.lane.as_mut());
        idle && lane.is_some_and(|lane| lane.follow(&shared.log).is_ok())
    }

    /// One step. Whether anything happened.
    pub fn step(&mut self, shared: &Shared, trace: &mut Trace) -> bool {
        if self.wakes > shared.log.now() {
            return false;
        }
        let Some(mut process) = self.process.take() else { return self.start(shared, trace) };
        match self.advance(&mut process, shared, trace) {
            Ok(acted) => {
                self.process = Some(process);
                acted
            }
            Err(error) => {
                self.left = Some(process.client.rebuilt());
                self.ended(&error, shared, trace);
                true
            }
        }
    }

    /// What the supervisor does with a process that ended by itself.
    fn ended(&mut self, error: &ProcessorError, shared: &Shared, trace: &mut Trace) {
        trace.say(|| format!("{} se reconstruye: {error}", self.name));
        if error.is_of_an_input() {
            let mut suspects = self.suspects.lock().unwrap_or_else(PoisonError::into_inner);
            suspects.blame(shared.plan.max_inputs);
        }
        self.fresh_store |= error.is_of_the_store();
        self.wakes = shared.log.now() + self.rng.between(1_000, 400_000);
    }

    fn start(&mut self, shared: &Shared, trace: &mut Trace) -> bool {
        if shared.weather.strikes(Fault::RegistryDown) {
            trace.say(|| format!("{} no arranca: el registro de esquemas no responde", self.name));
            self.wakes = shared.log.now() + self.rng.between(100_000, 3_000_000);
            return true;
        }
        if std::mem::take(&mut self.fresh_store) {
            self.store.wipe();
        }
        self.builds += 1;
        trace.say(|| format!("{} arranca", self.name));
        let options = ClientOptions {
            node: self.number,
            owner: self.name.clone(),
            instance: Some(self.name.clone()),
            group: GROUP.to_owned(),
            topics: Contexto::TODOS.map(Topic::Comandos).to_vec(),
        };
        let mut client = self.left.take().unwrap_or_else(|| shared.log.client(options));
        client.begin_claim();
        let (committing, changes) = (None, VecDeque::new());
        self.process = Some(Box::new(Process { client, lane: None, committing, changes, dirty: false }));
        true
    }

    fn advance(&mut self, process: &mut Process, shared: &Shared, trace: &mut Trace) -> Result<bool, ProcessorError> {
        if process.lane.is_none() || (process.committing.is_some() && self.rng.below(3) > 0) {
            return self.step_client(process, shared, trace);
        }
        // The first of these that has something to do, beginning anywhere.
        let first = self.rng.below(5);
        for action in 0..5 {
            let acted = match (first + action) % 5 {
                0 => self.poll(process, shared, trace)?,
                1 => self.restore_or_follow(process, shared, trace)?,
                2 => self.change_hands(process, shared, trace)?,
                3 => self.tend(process, shared)?,
                _ => self.close(process, shared, trace)?,
            };
            if acted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The program that the process runs: in an upgrade, either, at each start.
    fn version(&mut self, shared: &Shared) -> Arc<Codec> {
        let older = shared.plan.upgrade && self.rng.below(2) == 0;
        Arc::clone(if older { &shared.older } else { &shared.codec })
    }

    fn step_client(&mut self, process: &mut Process, shared: &Shared, trace: &mut Trace) -> Result<bool, ProcessorError> {
        match process.client.step() {
            Step::Idle => Ok(false),
            Step::Pending => Ok(process.client.wakes_at().is_none()),
            Step::Claimed(token) => {
                let token = token?;
                trace.say(|| format!("{} tomó su lugar, época {}", self.name, token.epoch));
                let core = CoreParts {
                    emisor: Arc::clone(&shared.emisor),
                    codec: self.version(shared),
                    store: Arc::clone(&self.store) as Arc<dyn StateStore>,
                    limits: CoreLimits {
                        snapshot_every: shared.plan.snapshot_every,
                        snapshots_together: (shared.plan.snapshot_every / 2) as usize,
                        max_active: shared.plan.max_active,
                        trap: Some(super::clients::panic_if_poisoned),
                        ..CoreLimits::default()
                    },
                };
                let parts = LaneParts {
                    core,
                    limits: EpochLimits { max_inputs: shared.plan.max_inputs, ..EpochLimits::default() },
                    group: GROUP.to_owned(),
                    partitions: shared.plan.partitions,
                    suspects: Arc::clone(&self.suspects),
                };
                process.lane = Some(Lane::new(parts, token));
                Ok(true)
            }
            Step::Done(result) => self.committed(process, result.map(|c| c.ends), trace),
        }
    }

    fn committed(
        &mut self,
        process: &mut Process,
        result: Result<Vec<(TopicPartition, u64)>, LogError>,
        trace: &mut Trace,
    ) -> Result<bool, ProcessorError> {
        let (Some((number, rows)), Some(lane)) = (process.committing.take(), process.lane.as_mut()) else { return Ok(false) };
        match result {
            Ok(ends) => {
                trace.say(|| format!("{} confirmó la época {number}", self.name));
                self.epochs += 1;
                if !rows.is_empty() {
                    self.store.write(rows)?;
                    process.dirty = true;
                }
                lane.committed(number, &ends);
            }
            Err(error) => {
                trace.say(|| format!("{} no confirmó la época {number}: {error}", self.name));
                lane.not_committed(error.into())?;
            }
        }
        Ok(true)
    }

    fn poll(&mut self, process: &mut Process, shared: &Shared, trace: &mut Trace) -> Result<bool, ProcessorError> {
        // A revocation is acknowledged by the next poll: none before the partitions are let go of.
        if !process.changes.is_empty() {
            return Ok(false);
        }
        let max = 1 + self.rng.index(2 * shared.plan.max_inputs as usize);
        match process.client.poll(max, POLL_BYTES)? {
            Delivery::Idle => Ok(false),
            Delivery::Records(from, records) => {
                trace.say(|| format!("{} lee {} de {from} desde {}", self.name, records.len(), records[0].position));
                let now = self.now(shared);
                if let Some(lane) = &mut process.lane {
                    lane.take(from, records, now)?;
                }
                Ok(true)
            }
            change => {
                trace.say(|| format!("{}: {change:?}", self.name));
                process.changes.push_back(change);
                self.change_hands(process, shared, trace)
            }
        }
    }

    fn change_hands(&mut self, process: &mut Process, shared: &Shared, trace: &mut Trace) -> Result<bool, ProcessorError> {
        let Some(lane) = process.lane.as_mut() else { return Ok(false) };
        if process.changes.is_empty() {
            return Ok(false);
        }
        if !lane.is_drained() {
            return self.close(process, shared, trace);
        }
        match process.changes.pop_front() {
            Some(Delivery::Assigned(partitions)) => lane.assigned(&partitions),
            Some(Delivery::Revoked(partitions)) => lane.revoked(&partitions),
            _ => {}
        }
        Ok(true)
    }

    fn restore_or_follow(&mut self, process: &mut Process, shared: &Shared, trace: &mut Trace) -> Result<bool, ProcessorError> {
        let now = self.now(shared);
        let Some(lane) = process.lane.as_mut() else { return Ok(false) };
        if !lane.is_restoring() {
            if lane.follows() && self.rng.below(3) == 0 {
                lane.follow(&shared.log)?;
            }
            return Ok(false);
        }
        if !process.client.positions_are_stable() {
            return Ok(false);
        }
        let Some(report) = lane.restore(&shared.log, now, &mut |_, _| {})? else { return Ok(false) };
        trace.say(|| format!("{} restaurado: {report:?}", self.name));
        process.dirty = true;
        lane.decide(now)?;
        Ok(true)
    }

    /// Deadlines and the checkpoint.
    fn tend(&mut self, process: &mut Process, shared: &Shared) -> Result<bool, ProcessorError> {
        let now = self.now(shared);
        let Some(lane) = process.lane.as_mut() else { return Ok(false) };
        if process.changes.is_empty() && lane.next_deadline().is_some_and(|at| at <= now) {
            lane.fire(now)?;
            return Ok(true);
        }
        let rows = lane.maintain(4)?;
        if !rows.is_empty() {
            self.store.write(rows)?;
            process.dirty = true;
        }
        if process.dirty && self.rng.below(16) == 0 {
            process.dirty = false;
            self.store.flush()?;
        }
        Ok(false)
    }

    fn close(&mut self, process: &mut Process, shared: &Shared, trace: &mut Trace) -> Result<bool, ProcessorError> {
        let now = self.now(shared);
        let Some(lane) = process.lane.as_mut() else { return Ok(false) };
        if process.committing.is_none()
            && let Some(epoch) = lane.close(now)?
        {
            trace.say(|| format!("{} cierra la época {}: {}", self.name, epoch.number, tell(&epoch, shared)));
            let number = epoch.number;
            process.committing = Some((number, epoch.rows));
            if let Err(error) = process.client.begin_commit(epoch.transaction) {
                process.committing = None;
                lane.not_committed(error.into())?;
            }
            if process.changes.is_empty() {
                lane.decide(now)?;
            }
            return Ok(true);
        }
        if process.changes.is_empty() && lane.has_waiting() && lane.has_room() {
            lane.decide(now)?;
            return Ok(true);
        }
        if process.committing.is_some() { self.step_client(process, shared, trace) } else { Ok(false) }
    }

    /// Whether the log holds nothing for it beyond what it committed, and no saga of its own is open.
    pub fn open_sagas(&self) -> usize {
        self.process.as_ref().and_then(|p| p.lane.as_ref()).map_or(0, |lane| lane.gauges().1)
    }

    /// Partitions of command topics that have something uncommitted.
    pub fn lag(log: &SimulatedLog) -> Result<u64, LogError> {
        let mut lag = 0;
        for topic in Contexto::TODOS.map(Topic::Comandos) {
            for partition in 0..log.partitions(topic) {
                let tp = TopicPartition::new(topic, partition);
                let position = log.position(GROUP, tp)?.unwrap_or_default();
                let stable = log.watermarks(tp)?.stable;
                if position < stable && !log.read(tp, position, 1)?.is_empty() {
                    lag += stable - position;
                }
            }
        }
        Ok(lag)
    }
}

/// An epoch for people: what it consumed and what it leaves.
fn tell(epoch: &EncodedEpoch, shared: &Shared) -> String {
    let positions: Vec<String> = epoch.transaction.positions.iter().map(|(tp, position)| format!("{tp}@{position}")).collect();
    let record = |(tp, record): &(TopicPartition, Record)| {
        let what = match tp.topic {
            Topic::Eventos(_) => shared.codec.decode_event_envelope(&record.value).map(|(_, body)| body.tipo()).ok(),
            Topic::Comandos(_) => shared.codec.decode_command(&record.value).map(|c| c.envelope.comando.tipo()).ok(),
            _ => None,
        };
        format!(
            "{}{}:{}",
            what.map_or_else(|| format!("{} ", tp.topic), |w| format!("{w} ")),
            tp.partition,
            String::from_utf8_lossy(&record.key)
        )
    };
    let records: Vec<String> = epoch.transaction.records.iter().map(record).collect();
    format!("{} entradas [{}] -> {}", epoch.inputs, positions.join(" "), records.join(", "))
}
