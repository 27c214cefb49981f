//! A small processor that keeps the rules of the architecture: it counts the commands of each partition and what its timer told it.
//!
//! Of each command it writes an event with the command's text and its place in the partition, and an audit record with the same;
//! of each tick of its timer, an event with the tick's number. Both numbers are memory rebuilt from the events: two writers of one
//! partition, an event lost, doubled or torn, or memory that is not the log's, all show in them.

use std::collections::BTreeMap;

use bytes::Bytes;
use factumarket::{
    domain::{Contexto, valores::Instante},
    log::{
        Delivery, Log, LogError, OwnerToken, Position, Record, StoredRecord, Topic, TopicPartition, Transaction,
        simulated::{Client, ClientOptions, Micros, SimulatedLog, Step},
    },
};

use super::azar::Azar;

pub const GROUP: &str = "procesador";
/// How long what is in hand may take to commit before a revocation is acknowledged all the same.
const GRACE: Micros = 1_500_000;

pub fn commands(partition: u16) -> TopicPartition {
    TopicPartition::new(Topic::Comandos(Contexto::Facturacion), partition)
}

pub fn events(partition: u16) -> TopicPartition {
    TopicPartition::new(Topic::Eventos(Contexto::Facturacion), partition)
}

pub fn audit(partition: u16) -> TopicPartition {
    TopicPartition::new(Topic::Auditoria, partition)
}

pub fn record(text: String) -> Record {
    Record { key: Bytes::new(), value: Bytes::from(text), headers: Vec::new(), timestamp: Instante(0) }
}

pub fn text(stored: &StoredRecord) -> &str {
    std::str::from_utf8(&stored.record.value).expect("texto")
}

/// Memory of a partition.
#[derive(Clone, Copy, Default)]
struct Shard {
    decided: u64,
    ticks: u64,
    /// Restored up to here, and up to where it must be before it decides. `None`: not asked yet.
    goal: Option<Position>,
    ready: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Claiming,
    Restoring,
    Running,
}

pub struct Nodo {
    pub number: u32,
    log: SimulatedLog,
    client: Client,
    token: Option<OwnerToken>,
    mode: Mode,
    shards: BTreeMap<u16, Shard>,
    /// The epoch in course.
    records: Vec<(TopicPartition, Record)>,
    positions: BTreeMap<u16, Position>,
    /// Told to let go since.
    revoked: Option<(Vec<u16>, Micros)>,
    /// Memory has what will never be committed.
    stale: bool,
    fenced: u32,
    pub dead: bool,
    pub frozen_until: Micros,
}

impl Nodo {
    pub fn start(log: &SimulatedLog, number: u32) -> Self {
        let options = ClientOptions {
            node: number,
            owner: format!("nodo-{number}"),
            instance: Some(format!("nodo-{number}")),
            group: GROUP.to_owned(),
            topics: vec![Topic::Comandos(Contexto::Facturacion)],
        };
        let mut nodo = Self {
            number,
            log: log.clone(),
            client: log.client(options),
            token: None,
            mode: Mode::Claiming,
            shards: BTreeMap::new(),
            records: Vec::new(),
            positions: BTreeMap::new(),
            revoked: None,
            stale: false,
            fenced: 0,
            dead: false,
            frozen_until: 0,
        };
        nodo.rebuild();
        nodo
    }

    /// Nothing in memory is trusted: the place is claimed again, then everything is read from the log.
    fn rebuild(&mut self) {
        self.records.clear();
        self.positions.clear();
        self.shards.values_mut().for_each(|shard| *shard = Shard::default());
        self.stale = false;
        self.mode = Mode::Claiming;
        self.client.begin_claim();
    }

    pub fn act(&mut self, azar: &mut Azar) {
        match self.client.step() {
            Step::Pending => return self.listen_if(azar.per_mille(300)),
            Step::Claimed(Ok(token)) => {
                (self.token, self.mode) = (Some(token), Mode::Restoring);
                return;
            }
            Step::Claimed(Err(_)) => return self.rebuild(),
            Step::Done(Ok(_)) if self.stale => return self.rebuild(),
            Step::Done(Ok(_)) => {}
            Step::Done(Err(error)) => return self.failed(&error),
            Step::Idle => {}
        }
        match self.mode {
            Mode::Claiming => self.rebuild(),
            Mode::Restoring => self.restore(),
            Mode::Running => self.run(azar),
        }
    }

    fn failed(&mut self, error: &LogError) {
        if matches!(error, LogError::Fenced { .. }) {
            self.fenced += 1;
            self.dead = self.fenced >= 3;
        }
        self.rebuild();
    }

    fn run(&mut self, azar: &mut Azar) {
        if let Some((_, since)) = self.revoked {
            let late = self.log.now() > since + GRACE;
            // What is in hand is closed first, unless it cannot be.
            if !late && self.client.can_commit() && !self.records.is_empty() {
                return self.commit();
            }
            return self.listen();
        }
        if azar.per_mille(100) {
            self.tick();
        }
        if !self.records.is_empty() && self.client.can_commit() && azar.per_mille(500) {
            return self.commit();
        }
        self.listen();
    }

    /// A commit under way does not keep a node from hearing of its group; new input waits.
    fn listen_if(&mut self, chance: bool) {
        let late = self.revoked.as_ref().is_some_and(|(_, since)| self.log.now() > since + GRACE);
        if self.mode == Mode::Running && (late || chance && self.revoked.is_none()) {
            self.listen();
        }
    }

    fn listen(&mut self) {
        if let Some((partitions, _)) = self.revoked.take() {
            // The next poll acknowledges: these are somebody else's from now on.
            partitions.iter().for_each(|partition| _ = self.shards.remove(partition));
            // What was in hand and not being committed dies, and with it the memory that had it.
            self.stale |= !self.records.is_empty();
            self.records.clear();
            self.positions.clear();
            if self.stale && !self.client.is_busy() {
                return self.rebuild();
            }
        }
        match self.client.poll(8, usize::MAX) {
            Ok(Delivery::Assigned(partitions)) => {
                self.shards.extend(partitions.iter().map(|tp| (tp.partition, Shard::default())));
                if self.mode == Mode::Running {
                    self.mode = Mode::Restoring;
                }
            }
            Ok(Delivery::Revoked(partitions)) => {
                self.revoked = Some((partitions.iter().map(|tp| tp.partition).collect(), self.log.now()));
            }
            Ok(Delivery::Records(from, records)) => self.take(from, &records),
            Ok(Delivery::Idle) => {}
            Err(_) => self.dead = true,
        }
    }

    /// Reads the events of every partition that is not restored: up to what its high watermark was, however long that takes to be stable.
    fn restore(&mut self) {
        if self.revoked.is_some() {
            return self.listen();
        }
        let waiting: Vec<u16> = self.shards.iter().filter(|(_, shard)| !shard.ready).map(|(p, _)| *p).collect();
        for partition in waiting {
            let Ok(marks) = self.log.watermarks(events(partition)) else { return };
            let Some(shard) = self.shards.get_mut(&partition) else { return };
            let goal = *shard.goal.get_or_insert(marks.end);
            if marks.stable < goal {
                // A long restoration must not keep it from hearing of its group.
                return self.listen();
            }
            let (Ok(read), Ok(position)) =
                (self.log.read(events(partition), 0, usize::MAX), self.log.position(GROUP, commands(partition)))
            else {
                return;
            };
            let Some(shard) = self.shards.get_mut(&partition) else { return };
            shard.ticks = read.iter().filter(|stored| text(stored).starts_with("tick")).count() as u64;
            shard.decided = read.len() as u64 - shard.ticks;
            shard.ready = true;
            self.client.seek(commands(partition), position.unwrap_or(0));
        }
        self.mode = Mode::Running;
    }

    /// Decides on whole memory only; otherwise the records are read again later.
    fn take(&mut self, from: TopicPartition, records: &[StoredRecord]) {
        let ready = self.shards.get(&from.partition).is_some_and(|shard| shard.ready);
        if self.mode == Mode::Running && ready && !self.stale {
            self.decide(from.partition, records);
        } else if let Some(first) = records.first() {
            self.client.seek(from, first.position);
        }
    }

    fn decide(&mut self, partition: u16, records: &[StoredRecord]) {
        let Some(shard) = self.shards.get_mut(&partition) else { return };
        for stored in records {
            let outcome = format!("{} {}", shard.decided, text(stored));
            shard.decided += 1;
            self.records.push((events(partition), record(outcome.clone())));
            self.records.push((audit(partition), record(outcome)));
            self.positions.insert(partition, stored.position + 1);
        }
    }

    /// The timer of one of its partitions: an input that has no position.
    fn tick(&mut self) {
        if self.stale {
            return;
        }
        let Some((partition, shard)) = self.shards.iter_mut().find(|(_, shard)| shard.ready) else { return };
        self.records.push((events(*partition), record(format!("tick {}", shard.ticks))));
        shard.ticks += 1;
    }

    fn commit(&mut self) {
        let Some(token) = self.token.clone() else { return };
        let records = std::mem::take(&mut self.records);
        let positions = std::mem::take(&mut self.positions).into_iter().map(|(p, next)| (commands(p), next)).collect();
        let transaction = Transaction { token, group: GROUP.to_owned(), records, positions };
        if let Err(error) = self.client.begin_commit(transaction) {
            self.failed(&error);
        }
    }
}
