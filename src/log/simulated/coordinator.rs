//! The transaction coordinator, as Kafka 4 treats a client of the first protocol (KIP-890 "TV1"): a producer keeps its epoch from one
//! transaction to the next, and EndTxn is checked for producer, epoch and state, not for the transaction it was meant for. So a late
//! or repeated EndTxn decides whatever transaction of that life it finds open, perhaps when only some of its partitions were added.

use super::{
    Micros,
    cluster::{Cluster, Event},
    request::{Answer, Code, Metadata, ProducerId},
};
use crate::log::{Position, Record};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Empty,
    Ongoing,
    Preparing { commit: bool },
    Complete { commit: bool },
}

#[derive(Debug)]
pub(super) struct Txn {
    pub id: String,
    pub producer: ProducerId,
    pub state: State,
    partitions: Vec<usize>,
    groups: Vec<usize>,
    /// When it was opened, by the coordinator's wall clock.
    opened: i64,
    /// Transactions opened so far under this id.
    ordinal: u64,
    /// Times the id was taken.
    taken: u64,
    /// Decisions still to reach a partition or a group.
    markers_left: usize,
}

impl Txn {
    pub(super) fn new(id: &str, producer: ProducerId) -> Self {
        Self {
            id: id.to_owned(),
            producer,
            state: State::Empty,
            partitions: Vec::new(),
            groups: Vec::new(),
            opened: 0,
            ordinal: 0,
            taken: 0,
            markers_left: 0,
        }
    }

    /// Whether this producer may add to a transaction now.
    fn admits(&self, producer: ProducerId) -> Result<(), Code> {
        if producer != self.producer {
            return Err(Code::ProducerFenced);
        }
        match self.state {
            State::Preparing { .. } => Err(Code::ConcurrentTransactions),
            _ => Ok(()),
        }
    }

    /// Whether the open transaction of this producer has what `has` looks for.
    fn verify(&self, producer: ProducerId, has: impl Fn(&Self) -> bool) -> Result<(), Code> {
        if producer != self.producer {
            return Err(Code::ProducerFenced);
        }
        if self.state == State::Ongoing && has(self) { Ok(()) } else { Err(Code::InvalidTxnState) }
    }
}

impl Cluster {
    fn wall(&self) -> i64 {
        (self.now as i64).saturating_add(self.skew)
    }

    /// Takes the id: an open transaction of the holder is aborted under a new epoch first, and the asker told to ask again.
    pub(super) fn init_producer_id(&mut self, txn: usize) -> Result<Answer, Code> {
        let found = &mut self.txns[txn];
        match found.state {
            State::Preparing { .. } => Err(Code::ConcurrentTransactions),
            State::Ongoing => {
                found.producer.epoch += 1;
                self.stats.fenced_open += 1;
                self.decide(txn, false);
                Err(Code::ConcurrentTransactions)
            }
            State::Empty | State::Complete { .. } => {
                found.producer.epoch += 1;
                found.taken += 1;
                found.state = State::Empty;
                Ok(Answer::Producer { producer: found.producer, taken: found.taken })
            }
        }
    }

    fn open(&mut self, txn: usize) {
        let wall = self.wall();
        let found = &mut self.txns[txn];
        if found.state == State::Ongoing {
            return;
        }
        found.state = State::Ongoing;
        found.opened = wall;
        found.ordinal += 1;
        found.partitions.clear();
        found.groups.clear();
        let ordinal = found.ordinal;
        self.plan(self.now + self.options.transaction_timeout, Event::Expire { txn, ordinal });
    }

    pub(super) fn add_partitions(&mut self, txn: usize, producer: ProducerId, partitions: &[usize]) -> Result<Answer, Code> {
        self.txns[txn].admits(producer)?;
        self.open(txn);
        let found = &mut self.txns[txn];
        for partition in partitions {
            if !found.partitions.contains(partition) {
                found.partitions.push(*partition);
            }
        }
        Ok(Answer::Done(found.ordinal))
    }

    pub(super) fn add_offsets(&mut self, txn: usize, producer: ProducerId, group: usize) -> Result<Answer, Code> {
        self.txns[txn].admits(producer)?;
        self.open(txn);
        let found = &mut self.txns[txn];
        if !found.groups.contains(&group) {
            found.groups.push(group);
        }
        Ok(Answer::Done(found.ordinal))
    }

    /// A leader asks the coordinator before it appends: a record of a transaction that does not have its partition would hang for ever.
    pub(super) fn produce(
        &mut self,
        txn: usize,
        producer: ProducerId,
        partition: usize,
        sequence: u64,
        records: &[Record],
    ) -> Result<Position, Code> {
        self.txns[txn].verify(producer, |found| found.partitions.contains(&partition))?;
        self.partitions[partition].produce(producer, sequence, records)
    }

    /// Checks the member and its generation, not whether the partitions are its own.
    pub(super) fn txn_offset_commit(
        &mut self,
        txn: usize,
        producer: ProducerId,
        group: usize,
        metadata: Option<Metadata>,
        positions: &[(usize, Position)],
    ) -> Result<Answer, Code> {
        self.groups[group].check(metadata)?;
        self.txns[txn].verify(producer, |found| found.groups.contains(&group))?;
        self.groups[group].hold(producer.id, positions);
        Ok(Answer::Done(0))
    }

    pub(super) fn end_txn(&mut self, txn: usize, producer: ProducerId, commit: bool, meant: u64) -> Result<Answer, Code> {
        let found = &self.txns[txn];
        if producer != found.producer {
            return Err(Code::ProducerFenced);
        }
        match found.state {
            State::Ongoing => {
                let has_records = found.partitions.iter().any(|place| self.partitions[*place].has_open(producer.id));
                self.stats.misdecided += u64::from(found.ordinal != meant && has_records);
                self.stats.without_position += u64::from(commit && found.groups.is_empty() && has_records);
                self.stats.unheld += u64::from(commit && self.changes_unheld(txn));
                self.decide(txn, commit);
                Ok(Answer::Done(0))
            }
            State::Complete { commit: decided } if decided == commit => Ok(Answer::Done(0)),
            State::Preparing { commit: decided } if decided == commit => Err(Code::ConcurrentTransactions),
            State::Empty | State::Complete { .. } | State::Preparing { .. } => Err(Code::InvalidTxnState),
        }
    }

    /// Whether it has events in a partition of whose commands it holds no position back.
    fn changes_unheld(&self, txn: usize) -> bool {
        let found = &self.txns[txn];
        let written = found.partitions.iter().map(|place| &self.partitions[*place]).filter(|p| p.has_open(found.producer.id));
        let mut governed = written.filter_map(|partition| partition.id.governed_by());
        governed.any(|partition| {
            let place = self.place(partition).ok();
            !found.groups.iter().any(|group| place.is_some_and(|place| self.groups[*group].holds(found.producer.id, place)))
        })
    }

    /// The decision is durable; its markers set out, each at its own pace.
    fn decide(&mut self, txn: usize, commit: bool) {
        let found = &mut self.txns[txn];
        found.state = State::Preparing { commit };
        let producer = found.producer;
        let (partitions, groups) = (std::mem::take(&mut found.partitions), std::mem::take(&mut found.groups));
        found.markers_left = partitions.len() + groups.len();
        *(if commit { &mut self.stats.committed } else { &mut self.stats.aborted }) += 1;
        for partition in partitions {
            match self.fates.marker_delay() {
                0 => self.mark_partition(txn, partition, producer, commit),
                delay => self.plan(self.now + delay, Event::MarkPartition { txn, partition, producer, commit }),
            }
        }
        for group in groups {
            match self.fates.marker_delay() {
                0 => self.mark_group(txn, group, producer, commit),
                delay => self.plan(self.now + delay, Event::MarkGroup { txn, group, producer, commit }),
            }
        }
        self.finish_if_marked(txn, commit);
    }

    pub(super) fn mark_partition(&mut self, txn: usize, partition: usize, producer: ProducerId, commit: bool) {
        let stable = self.partitions[partition].stable();
        self.stats.committed_records += self.partitions[partition].mark(producer, commit);
        self.advances += u64::from(self.partitions[partition].stable() != stable);
        self.txns[txn].markers_left -= 1;
        self.finish_if_marked(txn, commit);
    }

    pub(super) fn mark_group(&mut self, txn: usize, group: usize, producer: ProducerId, commit: bool) {
        self.groups[group].settle(producer.id, commit);
        self.txns[txn].markers_left -= 1;
        self.finish_if_marked(txn, commit);
    }

    fn finish_if_marked(&mut self, txn: usize, commit: bool) {
        let found = &mut self.txns[txn];
        if found.markers_left == 0 {
            found.state = State::Complete { commit };
        }
    }

    /// Aborts a transaction that is as old as may be, under a new epoch: its owner is fenced.
    pub(super) fn expire(&mut self, txn: usize, ordinal: u64) {
        let wall = self.wall();
        let timeout = self.options.transaction_timeout;
        let found = &mut self.txns[txn];
        if found.state != State::Ongoing || found.ordinal != ordinal {
            return;
        }
        let left = found.opened.saturating_add(timeout as i64).saturating_sub(wall);
        if left > 0 {
            // The wall clock went back meanwhile.
            return self.plan(self.now + left as Micros, Event::Expire { txn, ordinal });
        }
        found.producer.epoch += 1;
        self.stats.expired += 1;
        self.decide(txn, false);
    }

    /// Aborts the open transaction of an id now, as the coordinator does when it is too old. Whether there was one.
    pub(super) fn expire_now(&mut self, id: &str) -> bool {
        let Some(txn) = self.txns.iter().position(|txn| txn.id == id && txn.state == State::Ongoing) else { return false };
        self.txns[txn].producer.epoch += 1;
        self.stats.expired += 1;
        self.decide(txn, false);
        true
    }

    /// The coordinators' wall clock jumps by so much.
    pub(super) fn jump_clock(&mut self, by: i64) {
        self.skew = self.skew.saturating_add(by);
        for txn in 0..self.txns.len() {
            let ordinal = self.txns[txn].ordinal;
            self.expire_if_due(txn, ordinal);
        }
    }

    fn expire_if_due(&mut self, txn: usize, ordinal: u64) {
        let found = &self.txns[txn];
        let due = found.opened.saturating_add(self.options.transaction_timeout as i64) <= self.wall();
        if found.state == State::Ongoing && due {
            self.expire(txn, ordinal);
        }
    }

    /// Whether a transaction is open or being decided.
    pub(super) fn has_unsettled(&self) -> bool {
        self.txns.iter().any(|txn| matches!(txn.state, State::Ongoing | State::Preparing { .. }))
    }
}
