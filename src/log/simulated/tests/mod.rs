//! The semantics of the cluster and of its clients, one by one.

mod client;
mod groups;
mod transactions;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;

use super::*;
use crate::{
    domain::{Contexto, valores::Instante},
    log::{Committed, Delivery, Log, OwnerToken, Transaction},
};

const SECOND: Micros = 1_000_000;
const GROUP: &str = "procesador";

fn commands(partition: u16) -> TopicPartition {
    TopicPartition::new(Topic::Comandos(Contexto::Facturacion), partition)
}

fn events(partition: u16) -> TopicPartition {
    TopicPartition::new(Topic::Eventos(Contexto::Facturacion), partition)
}

fn record(value: &str) -> Record {
    let value = Bytes::copy_from_slice(value.as_bytes());
    Record { key: Bytes::from_static(b"k"), value, headers: Vec::new(), timestamp: Instante(0) }
}

/// Fates written down beforehand: each applies to the next request of its kind; what is not written down goes well.
#[derive(Default)]
struct Script {
    fates: VecDeque<(Api, Fate)>,
    markers: VecDeque<Micros>,
    replication: VecDeque<Micros>,
    one_at_a_time: bool,
    failing_reads: u32,
    /// No heartbeat goes out.
    silent: bool,
}

#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

impl Scripted {
    fn edit(&self, edit: impl FnOnce(&mut Script)) {
        edit(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn next(&self, api: Api, fate: Fate) {
        self.edit(|script| script.fates.push_back((api, fate)));
    }
}

impl Fates for Scripted {
    fn request(&mut self, request: &RequestInfo) -> Fate {
        let mut fate = Fate::Deliver;
        self.edit(|script| {
            if let Some(place) = script.fates.iter().position(|(api, _)| *api == request.api) {
                fate = script.fates.remove(place).map_or(Fate::Deliver, |(_, fate)| fate);
            }
        });
        fate
    }

    fn marker_delay(&mut self) -> Micros {
        let mut delay = 0;
        self.edit(|script| delay = script.markers.pop_front().unwrap_or(0));
        delay
    }

    fn replication_delay(&mut self) -> Micros {
        let mut delay = 0;
        self.edit(|script| delay = script.replication.pop_front().unwrap_or(0));
        delay
    }

    fn partitions_at_once(&mut self, left: usize) -> usize {
        let mut count = left;
        self.edit(|script| count = if script.one_at_a_time { 1 } else { left });
        count
    }

    fn beats(&mut self) -> bool {
        let mut silent = false;
        self.edit(|script| silent = script.silent);
        !silent
    }

    fn read_fails(&mut self) -> bool {
        let mut fails = false;
        self.edit(|script| {
            fails = script.failing_reads > 0;
            script.failing_reads = script.failing_reads.saturating_sub(1);
        });
        fails
    }
}

/// A cluster and its script.
struct World {
    log: SimulatedLog,
    script: Scripted,
}

impl World {
    fn new() -> Self {
        Self::with(ClusterOptions { partitions: 4, heartbeat_interval: 0, ..ClusterOptions::default() })
    }

    fn with(options: ClusterOptions) -> Self {
        let script = Scripted::default();
        Self { log: SimulatedLog::new(options, Box::new(script.clone())), script }
    }

    fn wait(&self, micros: Micros) {
        self.log.advance(self.log.now() + micros);
    }

    /// Lets time pass to when the client can go on, or something happens.
    fn wait_for(&self, client: &Client) {
        if let Some(wakes) = client.wakes_at() {
            self.log.advance(self.log.next_event().map_or(wakes, |event| event.min(wakes)));
        }
    }

    fn fill(&self, partition: TopicPartition, values: &[&str]) {
        self.log.produce(0, values.iter().map(|value| (partition, record(value))).collect()).expect("agrega");
    }

    fn values(&self, partition: TopicPartition) -> Vec<String> {
        let read = self.log.read(partition, 0, usize::MAX).expect("lee");
        read.iter().map(|r| String::from_utf8_lossy(&r.record.value).into_owned()).collect()
    }

    fn position(&self, partition: TopicPartition) -> Option<Position> {
        self.log.position(GROUP, partition).expect("posición")
    }

    /// Claimed, and owning what it is given when it is alone.
    fn node(&self, number: u32) -> Node<'_> {
        let options = ClientOptions {
            node: number,
            owner: format!("nodo-{number}"),
            instance: Some(format!("nodo-{number}")),
            group: GROUP.to_owned(),
            topics: vec![Topic::Comandos(Contexto::Facturacion)],
        };
        let client = self.log.client(options);
        let mut node = Node { world: self, client, token: OwnerToken { owner: String::new(), epoch: 0 } };
        node.claim();
        node
    }
}

struct Node<'a> {
    world: &'a World,
    client: Client,
    token: OwnerToken,
}

impl Node<'_> {
    fn claim(&mut self) {
        self.client.begin_claim();
        self.token = loop {
            match self.client.step() {
                Step::Claimed(token) => break token.expect("reclama"),
                Step::Pending => self.world.wait_for(&self.client),
                other => panic!("{other:?}"),
            }
        };
    }

    /// Polls until a delivery that is not idle.
    fn poll(&mut self) -> Delivery {
        for _ in 0..50 {
            match self.client.poll(usize::MAX, usize::MAX).expect("poll") {
                Delivery::Idle => {}
                delivery => return delivery,
            }
        }
        Delivery::Idle
    }

    fn assigned(&mut self) -> Vec<TopicPartition> {
        match self.poll() {
            Delivery::Assigned(partitions) => partitions,
            other => panic!("se esperaba una asignación y llegó {other:?}"),
        }
    }

    fn records(&mut self) -> (TopicPartition, Vec<Position>) {
        match self.poll() {
            Delivery::Records(partition, records) => (partition, records.iter().map(|r| r.position).collect()),
            other => panic!("se esperaban registros y llegó {other:?}"),
        }
    }

    fn begin(&mut self, records: &[(TopicPartition, &str)], positions: &[(TopicPartition, Position)]) -> Result<(), LogError> {
        let records = records.iter().map(|(partition, value)| (*partition, record(value))).collect();
        let (token, group, positions) = (self.token.clone(), GROUP.to_owned(), positions.to_vec());
        self.client.begin_commit(Transaction { token, group, records, positions })
    }

    /// One step that must not end the commit.
    fn step(&mut self) {
        let step = self.client.step();
        assert!(matches!(step, Step::Pending), "{step:?}");
    }

    fn steps(&mut self, count: usize) {
        (0..count).for_each(|_| self.step());
    }

    fn finish(&mut self) -> Result<Committed, LogError> {
        for _ in 0..1000 {
            match self.client.step() {
                Step::Done(ended) => return ended,
                Step::Pending => self.world.wait_for(&self.client),
                other => panic!("{other:?}"),
            }
        }
        panic!("no termina");
    }

    fn commit(
        &mut self,
        records: &[(TopicPartition, &str)],
        positions: &[(TopicPartition, Position)],
    ) -> Result<Committed, LogError> {
        self.begin(records, positions)?;
        self.finish()
    }
}

/// Steps of a commit: Begin takes one, the positions two; one more adds all partitions, or one each; each partition a produce.
const BEGIN: usize = 1;
/// Steps until the first partition is written.
const WRITTEN: usize = BEGIN + 4;
