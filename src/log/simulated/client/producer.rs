//! The producer of a client: makes the calls of [`Producer`] with requests, one at a time, and repeats them as the client library does.

use std::sync::Arc;

use super::super::{
    Api, Micros,
    cluster::{Cluster, Sent},
    request::{Answer, Code, Metadata, ProducerId, Reaction, Request},
};
use crate::log::{
    LogError, Transaction, limits,
    transactional::{Call, Failure, Flags, Heard, Membership, Outcome, Producer},
};

const TIMED_OUT: Flags = Flags { retriable: true, requires_abort: false, fatal: false, fenced: false, timed_out: true };

type Standing<'a> = Option<&'a mut Membership<Metadata>>;

/// The request of the call in hand.
#[derive(Debug)]
enum Wire {
    Free,
    Waiting { ticket: u64, deadline: Micros },
    Pause { until: Micros },
}

pub(in super::super) struct ProducerSide {
    node: u32,
    txn: usize,
    machine: Producer,
    id: ProducerId,
    /// Next sequence of each partition produced to under this id.
    sequences: Vec<(usize, u64)>,
    /// Places of the batches of the transaction under way, and how many of them it has been told of.
    places: Vec<usize>,
    added: usize,
    offsets_added: bool,
    /// Something of this transaction was sent, so the coordinator must hear of its end.
    asked: bool,
    /// Which transaction the coordinator said it is.
    ordinal: u64,
    /// The call in hand, since when, and what it took so far.
    call: Option<Call>,
    since: Micros,
    attempts: u32,
    pauses: u32,
    smooth: bool,
    request: Option<(Api, Request)>,
    wire: Wire,
}

impl ProducerSide {
    pub(in super::super) fn new(cluster: &mut Cluster, node: u32, owner: &str) -> Self {
        Self {
            node,
            txn: cluster.txn(owner),
            machine: Producer::new(owner),
            id: ProducerId::default(),
            sequences: Vec::new(),
            places: Vec::new(),
            added: 0,
            offsets_added: false,
            asked: false,
            ordinal: 0,
            call: None,
            since: 0,
            attempts: 0,
            pauses: 0,
            smooth: true,
            request: None,
            wire: Wire::Free,
        }
    }

    pub(in super::super) fn is_idle(&self) -> bool {
        self.machine.is_idle()
    }

    pub(in super::super) fn claim(&mut self, cluster: &mut Cluster) {
        self.drop_request(cluster);
        self.call = None;
        self.machine.claim();
    }

    /// Checks limits and partitions, then starts the transaction. Nothing is sent yet.
    pub(in super::super) fn begin(
        &mut self,
        cluster: &Cluster,
        transaction: Transaction,
        membership: Option<&Membership<Metadata>>,
    ) -> Result<(), LogError> {
        limits::check_name(&transaction.group)?;
        for (partition, record) in &transaction.records {
            limits::check(*partition, record)?;
            cluster.place(*partition)?;
        }
        for (partition, _) in &transaction.positions {
            cluster.place(*partition)?;
        }
        self.machine.begin(transaction, membership)?;
        self.places.clear();
        for batch in self.machine.batches() {
            self.places.push(cluster.place(batch.partition)?);
        }
        Ok(())
    }

    pub(in super::super) fn wakes_at(&self, cluster: &Cluster) -> Option<Micros> {
        let at = match self.wire {
            Wire::Free => return None,
            Wire::Waiting { deadline, .. } => deadline,
            Wire::Pause { until } => until,
        };
        (at > cluster.now).then_some(at)
    }

    /// One round trip.
    pub(in super::super) fn step(&mut self, cluster: &mut Cluster, membership: Standing<'_>) -> Option<Outcome> {
        let call = self.machine.next_call(membership.as_deref())?;
        if self.call != Some(call) {
            self.drop_request(cluster);
            (self.call, self.since, self.smooth) = (Some(call), cluster.now, true);
            (self.attempts, self.pauses) = (0, 0);
        }
        match self.wire {
            Wire::Waiting { ticket, deadline } => match cluster.answer_of(ticket) {
                Some(answer) => self.answered(cluster, answer, membership),
                None if cluster.now < deadline => None,
                None => self.unanswered(cluster, ticket, membership),
            },
            Wire::Pause { until } if cluster.now < until => None,
            Wire::Free | Wire::Pause { .. } => self.send(cluster, membership),
        }
    }

    fn drop_request(&mut self, cluster: &mut Cluster) {
        if let Wire::Waiting { ticket, .. } = self.wire {
            cluster.forget(ticket);
        }
        (self.wire, self.request) = (Wire::Free, None);
    }

    fn send(&mut self, cluster: &mut Cluster, membership: Standing<'_>) -> Option<Outcome> {
        if self.request.is_none() {
            self.request = self.next_request(cluster, membership.as_deref());
        }
        let Some((api, request)) = &self.request else { return self.done(cluster, 0, membership) };
        match cluster.send(*api, self.node, request) {
            Sent::Answer(answer) => self.answered(cluster, answer, membership),
            Sent::Repeated(answer) => {
                self.smooth = false;
                self.answered(cluster, answer, membership)
            }
            Sent::Waiting(ticket) => {
                self.wire = Wire::Waiting { ticket, deadline: cluster.now + cluster.options.request_timeout };
                None
            }
            Sent::Disconnected => self.disconnected(cluster, membership),
        }
    }

    /// The next request of the call in hand; `None` when the call needs no (further) request.
    fn next_request(&mut self, cluster: &mut Cluster, membership: Option<&Membership<Metadata>>) -> Option<(Api, Request)> {
        let (txn, producer) = (self.txn, self.id);
        match self.call? {
            Call::Init => Some((Api::InitProducerId, Request::InitProducerId { txn })),
            Call::Begin => {
                (self.added, self.offsets_added, self.asked) = (0, false, false);
                None
            }
            Call::Send(place) => {
                self.asked = true;
                if place >= self.added {
                    let left = self.places.len() - self.added;
                    let count = cluster.fates.partitions_at_once(left).clamp(1, left);
                    let partitions = self.places[self.added..self.added + count].into();
                    return Some((Api::AddPartitionsToTxn, Request::AddPartitions { txn, producer, partitions }));
                }
                let partition = self.places[place];
                let records = Arc::clone(&self.machine.batch(place)?.records);
                let sequence = self.sequence(partition);
                Some((Api::Produce, Request::Produce { txn, producer, partition, sequence, records }))
            }
            Call::SendOffsets => {
                self.asked = true;
                let (name, positions) = self.machine.positions()?;
                let group = cluster.group(name);
                if !self.offsets_added {
                    return Some((Api::AddOffsetsToTxn, Request::AddOffsets { txn, producer, group }));
                }
                let positions = positions.iter().filter_map(|(p, position)| Some((cluster.place(*p).ok()?, *position))).collect();
                let metadata = membership.and_then(Membership::metadata).copied();
                Some((Api::TxnOffsetCommit, Request::TxnOffsetCommit { txn, producer, group, metadata, positions }))
            }
            Call::Commit | Call::Abort if !self.asked => None,
            Call::Commit => Some((Api::EndTxn, Request::EndTxn { txn, producer, commit: true, meant: self.ordinal })),
            Call::Abort => Some((Api::EndTxn, Request::EndTxn { txn, producer, commit: false, meant: self.ordinal })),
        }
    }

    fn sequence(&mut self, partition: usize) -> u64 {
        self.sequences.iter().find(|(found, _)| *found == partition).map_or(0, |(_, next)| *next)
    }

    fn move_sequence(&mut self, partition: usize, by: u64) {
        match self.sequences.iter_mut().find(|(found, _)| *found == partition) {
            Some((_, next)) => *next += by,
            None => self.sequences.push((partition, by)),
        }
    }

    /// No answer came within the time: once more, or the call is given up.
    fn unanswered(&mut self, cluster: &mut Cluster, ticket: u64, membership: Standing<'_>) -> Option<Outcome> {
        cluster.forget(ticket);
        (self.wire, self.smooth) = (Wire::Free, false);
        self.attempts += 1;
        if self.attempts < cluster.options.request_attempts {
            return None;
        }
        self.failed(cluster, TIMED_OUT, "no llegó respuesta".to_owned(), membership)
    }

    /// Nobody listens: once more after a pause, until the call is overdue.
    fn disconnected(&mut self, cluster: &mut Cluster, membership: Standing<'_>) -> Option<Outcome> {
        self.smooth = false;
        if !self.is_overdue(cluster) {
            self.pause(cluster);
            return None;
        }
        self.failed(cluster, TIMED_OUT, "no hay conexión con el broker".to_owned(), membership)
    }

    /// Before asking again: longer each time, up to the time-out of a request.
    fn pause(&mut self, cluster: &Cluster) {
        let backoff = cluster.options.retry_backoff << self.pauses.min(16);
        self.pauses += 1;
        self.wire = Wire::Pause { until: cluster.now + backoff.clamp(1, cluster.options.request_timeout) };
    }

    fn is_overdue(&self, cluster: &Cluster) -> bool {
        cluster.now.saturating_sub(self.since) >= cluster.options.call_timeout
    }

    fn answered(&mut self, cluster: &mut Cluster, answer: Answer, membership: Standing<'_>) -> Option<Outcome> {
        self.wire = Wire::Free;
        match answer {
            Answer::Refused(code) => self.refused(cluster, code, membership),
            Answer::Producer { producer, taken } => {
                self.id = producer;
                self.sequences.clear();
                self.done(cluster, taken, membership)
            }
            Answer::Done(number) => self.accepted(cluster, number, membership),
            Answer::Appended(_) | Answer::Held => None,
        }
    }

    fn accepted(&mut self, cluster: &mut Cluster, number: u64, membership: Standing<'_>) -> Option<Outcome> {
        match self.request.take().map(|(_, request)| request) {
            Some(Request::AddPartitions { partitions, .. }) => {
                self.added += partitions.len();
                self.ordinal = number;
                (self.attempts, self.pauses) = (0, 0);
                None
            }
            Some(Request::AddOffsets { .. }) => {
                self.offsets_added = true;
                self.ordinal = number;
                (self.attempts, self.pauses) = (0, 0);
                None
            }
            Some(Request::Produce { partition, records, .. }) => {
                self.move_sequence(partition, records.len() as u64);
                self.done(cluster, number, membership)
            }
            _ => self.done(cluster, 0, membership),
        }
    }

    fn refused(&mut self, cluster: &mut Cluster, code: Code, membership: Standing<'_>) -> Option<Outcome> {
        let is_produce = matches!(self.call, Some(Call::Send(_)));
        let flags = match code.reaction(is_produce) {
            Reaction::Fail(flags) => flags,
            reaction => {
                self.smooth &= !matches!(reaction, Reaction::Reconnect);
                if !self.is_overdue(cluster) {
                    self.pause(cluster);
                    return None;
                }
                TIMED_OUT
            }
        };
        self.failed(cluster, flags, code.to_string(), membership)
    }

    fn done(&mut self, cluster: &mut Cluster, number: u64, membership: Standing<'_>) -> Option<Outcome> {
        self.heard(cluster, Ok(number), membership)
    }

    fn failed(&mut self, cluster: &mut Cluster, flags: Flags, what: String, membership: Standing<'_>) -> Option<Outcome> {
        self.heard(cluster, Err(Failure { flags, what }), membership)
    }

    fn heard(&mut self, cluster: &mut Cluster, result: Result<u64, Failure>, membership: Standing<'_>) -> Option<Outcome> {
        let heard = Heard { result, smooth: self.smooth };
        self.drop_request(cluster);
        self.call = None;
        self.machine.heard(heard, membership)
    }
}
