//! The cluster: time, timers, the network in front of it, and the tables of partitions, transactions and groups.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use super::{
    ClusterOptions, ClusterStats, Fate, Fates, Micros,
    coordinator::Txn,
    fates::{Api, RequestInfo},
    group::Group,
    partition::Partition,
    request::{Answer, Code, ProducerId, Request},
};
use crate::log::{LogError, Position, Record, Topic, TopicPartition};

/// Something that happens by itself at its time.
#[derive(Debug)]
pub(super) enum Event {
    /// A request that was on its way; whoever waits for the answer, by ticket.
    Arrive { request: Request, ticket: Option<u64> },
    /// A request that waited for its worst moment waits no more.
    Spring { ticket: u64 },
    /// The followers have what a leader appended.
    Replicated { partition: usize, leader: u32, end: Position, ticket: u64 },
    /// A transaction is as old as may be.
    Expire { txn: usize, ordinal: u64 },
    /// A decision reaches a partition.
    MarkPartition { txn: usize, partition: usize, producer: ProducerId, commit: bool },
    /// A decision reaches the positions of a group.
    MarkGroup { txn: usize, group: usize, producer: ProducerId, commit: bool },
    /// A member may have been silent for too long.
    Silence { group: usize, member: u64 },
    /// Whoever has not joined by now is out.
    JoinDeadline { group: usize, round: u64 },
}

/// Ordered by time, then by when it was planned.
struct Timer {
    at: Micros,
    order: u64,
    event: Event,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What sending a request brought at once.
#[derive(Debug)]
pub(super) enum Sent {
    Answer(Answer),
    /// The same, after a broken connection made the client send it twice.
    Repeated(Answer),
    /// Perhaps an answer later, by this ticket.
    Waiting(u64),
    /// Nobody listens there.
    Disconnected,
}

pub(super) struct Cluster {
    pub options: ClusterOptions,
    pub now: Micros,
    /// The coordinators' wall clock minus `now`.
    pub skew: i64,
    order: u64,
    timers: BinaryHeap<Reverse<Timer>>,
    /// The broker does not answer before this.
    down_until: Micros,
    pub partitions: Vec<Partition>,
    /// Place of the first partition of each topic, by code.
    bases: Vec<usize>,
    pub txns: Vec<Txn>,
    pub groups: Vec<Group>,
    pub next_member: u64,
    /// Answers somebody may still wait for.
    tickets: Vec<(u64, Option<Answer>)>,
    /// EndTxn requests that wait for their worst moment, with the transactional id they are of.
    ambushes: Vec<(usize, u64, Request)>,
    pub fates: Box<dyn Fates>,
    pub stats: ClusterStats,
    /// Times that a stable watermark moved.
    pub advances: u64,
}

impl Cluster {
    pub(super) fn new(options: ClusterOptions, fates: Box<dyn Fates>) -> Self {
        let mut partitions = Vec::new();
        let mut bases = Vec::new();
        for topic in Topic::todos() {
            bases.push(partitions.len());
            let count = options.partitions(topic);
            partitions.extend((0..count).map(|number| Partition::new(TopicPartition::new(topic, number))));
        }
        Self {
            options,
            now: 0,
            skew: 0,
            order: 0,
            timers: BinaryHeap::new(),
            down_until: 0,
            partitions,
            bases,
            txns: Vec::new(),
            groups: Vec::new(),
            next_member: 1,
            tickets: Vec::new(),
            ambushes: Vec::new(),
            fates,
            stats: ClusterStats::default(),
            advances: 0,
        }
    }

    /// Place of a partition in the table.
    pub(super) fn place(&self, partition: TopicPartition) -> Result<usize, LogError> {
        if partition.partition >= self.options.partitions(partition.topic) {
            return Err(LogError::UnknownPartition(partition));
        }
        Ok(self.bases[usize::from(partition.topic.codigo())] + usize::from(partition.partition))
    }

    pub(super) fn plan(&mut self, at: Micros, event: Event) {
        let order = self.next_order();
        self.timers.push(Reverse(Timer { at, order, event }));
    }

    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    pub(super) fn is_down(&self) -> bool {
        self.now < self.down_until
    }

    /// The broker answers nobody until `until`; its timers wait for it too.
    pub(super) fn take_down(&mut self, until: Micros) {
        self.down_until = self.down_until.max(until);
    }

    pub(super) fn bring_up(&mut self) {
        self.down_until = self.down_until.min(self.now);
    }

    /// When something happens by itself next.
    pub(super) fn next_event(&self) -> Option<Micros> {
        let at = self.timers.peek().map(|Reverse(timer)| timer.at)?;
        Some(at.max(self.down_until))
    }

    /// Lets time pass; whatever is due on the way happens in its order. Time does not go back.
    pub(super) fn advance(&mut self, to: Micros) {
        while let Some(at) = self.next_event().filter(|at| *at <= to) {
            self.now = self.now.max(at);
            if let Some(Reverse(timer)) = self.timers.pop() {
                self.happen(timer.event);
            }
        }
        self.now = self.now.max(to);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { request, ticket } => self.arrive(&request, ticket),
            Event::Spring { ticket } => {
                if let Some(place) = self.ambushes.iter().position(|(_, waiting, _)| *waiting == ticket) {
                    let (_, ticket, request) = self.ambushes.swap_remove(place);
                    self.arrive(&request, Some(ticket));
                }
            }
            Event::Replicated { partition, leader, end, ticket } => {
                let kept = self.partitions[partition].leader == leader;
                if kept && self.partitions[partition].replicate(end) {
                    self.advances += 1;
                }
                let answer = if kept { Answer::Done(end) } else { Answer::Refused(Code::NotLeader) };
                self.deliver(ticket, answer);
            }
            Event::Expire { txn, ordinal } => self.expire(txn, ordinal),
            Event::MarkPartition { txn, partition, producer, commit } => self.mark_partition(txn, partition, producer, commit),
            Event::MarkGroup { txn, group, producer, commit } => self.mark_group(txn, group, producer, commit),
            Event::Silence { group, member } => self.silence(group, member),
            Event::JoinDeadline { group, round } => self.join_deadline(group, round),
        }
    }

    fn arrive(&mut self, request: &Request, ticket: Option<u64>) {
        let late = ticket.is_none_or(|ticket| !self.tickets.iter().any(|(waiting, _)| *waiting == ticket));
        self.stats.late_requests += u64::from(late);
        let answer = self.apply(request, ticket);
        if let Some(ticket) = ticket {
            self.deliver(ticket, answer);
        }
    }

    /// The request arrives after the next batch of its producer, or after so long.
    fn ambush(&mut self, request: &Request, ticket: u64, longest: Micros) {
        match request {
            Request::EndTxn { txn, .. } => {
                self.ambushes.push((*txn, ticket, request.clone()));
                self.plan(self.now + longest, Event::Spring { ticket });
            }
            _ => self.plan(self.now + longest, Event::Arrive { request: request.clone(), ticket: Some(ticket) }),
        }
    }

    /// A batch of this transactional id is there: what waited for it comes now.
    fn spring(&mut self, of: usize) {
        while let Some(place) = self.ambushes.iter().position(|(txn, ..)| *txn == of) {
            let (_, ticket, _) = self.ambushes[place];
            self.happen(Event::Spring { ticket });
        }
    }

    fn deliver(&mut self, ticket: u64, answer: Answer) {
        if matches!(answer, Answer::Held) {
            return;
        }
        if let Some((_, waiting)) = self.tickets.iter_mut().find(|(waiting, _)| *waiting == ticket) {
            *waiting = Some(answer);
        }
    }

    /// The answer to a ticket, once it is there; the ticket is gone with it.
    pub(super) fn answer_of(&mut self, ticket: u64) -> Option<Answer> {
        let place = self.tickets.iter().position(|(waiting, answer)| *waiting == ticket && answer.is_some())?;
        self.tickets.swap_remove(place).1
    }

    /// Nobody waits for this any more.
    pub(super) fn forget(&mut self, ticket: u64) {
        self.tickets.retain(|(waiting, _)| *waiting != ticket);
    }

    /// A request to the group coordinator, or a fetch: does it arrive, and does its answer?
    pub(super) fn round_trip(&mut self, api: Api, node: u32) -> (bool, bool) {
        if self.is_down() {
            return (false, false);
        }
        match self.fates.request(&RequestInfo { api, node, now: self.now }) {
            Fate::Deliver => (true, true),
            Fate::LoseAnswer => (true, false),
            Fate::LoseRequest | Fate::Delay(_) | Fate::Ambush(_) | Fate::Duplicate(_) => (false, false),
        }
    }

    /// Sends a request through the network.
    pub(super) fn send(&mut self, api: Api, node: u32, request: &Request) -> Sent {
        if self.is_down() {
            return Sent::Disconnected;
        }
        let ticket = self.next_order();
        match self.fates.request(&RequestInfo { api, node, now: self.now }) {
            Fate::Deliver => return self.answered(request, ticket),
            Fate::Duplicate(after) => {
                self.plan(self.now + after, Event::Arrive { request: request.clone(), ticket: None });
                return match self.answered(request, ticket) {
                    Sent::Answer(answer) => Sent::Repeated(answer),
                    waiting => waiting,
                };
            }
            Fate::LoseRequest => {}
            Fate::LoseAnswer => drop(self.apply(request, None)),
            Fate::Delay(after) => self.plan(self.now + after, Event::Arrive { request: request.clone(), ticket: Some(ticket) }),
            Fate::Ambush(longest) => self.ambush(request, ticket, longest),
        }
        self.tickets.push((ticket, None));
        Sent::Waiting(ticket)
    }

    fn answered(&mut self, request: &Request, ticket: u64) -> Sent {
        match self.apply(request, Some(ticket)) {
            Answer::Held => {
                self.tickets.push((ticket, None));
                Sent::Waiting(ticket)
            }
            answer => Sent::Answer(answer),
        }
    }

    /// The request takes effect.
    fn apply(&mut self, request: &Request, ticket: Option<u64>) -> Answer {
        let answer = match request {
            Request::InitProducerId { txn } => self.init_producer_id(*txn),
            Request::AddPartitions { txn, producer, partitions } => self.add_partitions(*txn, *producer, partitions),
            Request::AddOffsets { txn, producer, group } => self.add_offsets(*txn, *producer, *group),
            Request::Produce { txn, producer, partition, sequence, records } => {
                let produced = self.produce(*txn, *producer, *partition, *sequence, records);
                self.spring(*txn);
                produced.map(|end| self.acknowledge(*partition, end, ticket))
            }
            Request::TxnOffsetCommit { txn, producer, group, metadata, positions } => {
                self.txn_offset_commit(*txn, *producer, *group, *metadata, positions)
            }
            Request::EndTxn { txn, producer, commit, meant } => self.end_txn(*txn, *producer, *commit, *meant),
            Request::Append { records } => Ok(Answer::Appended(self.append(records))),
        };
        answer.unwrap_or_else(Answer::Refused)
    }

    /// Acknowledges what a leader appended, now or when its followers have it.
    fn acknowledge(&mut self, partition: usize, end: Position, ticket: Option<u64>) -> Answer {
        let delay = if self.partitions[partition].watermarks().end >= end { 0 } else { self.fates.replication_delay() };
        if delay == 0 {
            self.advances += u64::from(self.partitions[partition].replicate(end));
            return Answer::Done(end);
        }
        let leader = self.partitions[partition].leader;
        // Nobody holds ticket 0.
        self.plan(self.now + delay, Event::Replicated { partition, leader, end, ticket: ticket.unwrap_or(0) });
        Answer::Held
    }

    fn append(&mut self, records: &Arc<[(usize, Record)]>) -> Vec<Position> {
        self.advances += 1;
        records.iter().map(|(partition, record)| self.partitions[*partition].append(record.clone())).collect()
    }

    /// A new leader for a partition: the tail its followers do not have is lost.
    pub(super) fn fail_over(&mut self, partition: usize) {
        self.stats.fail_overs += 1;
        self.stats.truncated_records += self.partitions[partition].fail_over();
    }

    /// The table of groups.
    pub(super) fn group(&mut self, name: &str) -> usize {
        let found = self.groups.iter().position(|group| group.name == name);
        found.unwrap_or_else(|| {
            self.groups.push(Group::new(name));
            self.groups.len() - 1
        })
    }

    /// The table of transactional ids.
    pub(super) fn txn(&mut self, id: &str) -> usize {
        let found = self.txns.iter().position(|txn| txn.id == id);
        found.unwrap_or_else(|| {
            // Producer ids start at 1: 0 is nobody's.
            let producer = ProducerId { id: self.txns.len() as u64 + 1, epoch: 0 };
            self.txns.push(Txn::new(id, producer));
            self.txns.len() - 1
        })
    }
}
