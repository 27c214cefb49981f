//! A client of one node: its producer and its consumer, a step at a time.

mod consumer;
mod producer;

use std::sync::Arc;

pub(super) use self::{
    consumer::{Consumer, Turn},
    producer::ProducerSide,
};
use super::{Micros, Shared, request::Metadata};
use crate::log::{
    Committed, Delivery, LogError, OwnerToken, Position, Topic, TopicPartition, Transaction,
    transactional::{Membership, Outcome},
};

/// Who a client is.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Number of the node, as [`super::RequestInfo`] shows it.
    pub node: u32,
    /// Transactional id.
    pub owner: String,
    /// Stable instance id in the group; without one every client is a new member.
    pub instance: Option<String>,
    pub group: String,
    pub topics: Vec<Topic>,
}

/// What a step brought.
#[derive(Debug)]
pub enum Step {
    /// Nothing is under way.
    Idle,
    /// Not done yet; [`Client::wakes_at`] says when it makes sense to go on.
    Pending,
    /// The claim ended.
    Claimed(Result<OwnerToken, LogError>),
    /// The commit ended.
    Done(Result<Committed, LogError>),
}

/// A node's client. Dropping it is a crash: nothing is sent, and what it had open stays open.
pub struct Client {
    shared: Arc<Shared>,
    producer: ProducerSide,
    consumer: Consumer,
}

impl Client {
    pub(super) fn new(shared: Arc<Shared>, options: ClientOptions) -> Self {
        let mut cluster = shared.lock();
        let ClientOptions { node, owner, instance, group, topics } = options;
        let producer = ProducerSide::new(&mut cluster, node, &owner);
        let consumer = Consumer::new(&mut cluster, node, &group, instance, topics);
        drop(cluster);
        Self { shared, producer, consumer }
    }

    /// The client of the processor that is built after one ended in the same process: the producer goes on with what it knows of itself,
    /// as a process's does, and the group is joined anew.
    pub fn rebuilt(self) -> Self {
        let Self { shared, producer, consumer } = self;
        let consumer = consumer.anew();
        Self { shared, producer, consumer }
    }

    /// Starts to take the owner's place, whatever was under way; [`Client::step`] goes on with it.
    pub fn begin_claim(&mut self) {
        self.producer.claim(&mut self.shared.lock());
    }

    /// Starts a commit; [`Client::step`] goes on with it.
    ///
    /// # Errors
    /// Limits, `UnknownPartition`, `NotAssigned`, `Fenced` for another token than the last claim's, `Storage` when the producer has not
    /// been claimed since it was spent or is busy. Nothing was sent.
    pub fn begin_commit(&mut self, transaction: Transaction) -> Result<(), LogError> {
        self.producer.begin(&self.shared.lock(), transaction, Some(&self.consumer.membership))
    }

    /// One round trip of what is under way. Also beats for the group, as a client does in its background.
    pub fn step(&mut self) -> Step {
        let mut cluster = self.shared.lock();
        self.consumer.background(&mut cluster);
        let outcome = self.producer.step(&mut cluster, Some(&mut self.consumer.membership));
        drop(cluster);
        match outcome {
            None if self.producer.is_idle() => Step::Idle,
            None => Step::Pending,
            Some(outcome) => {
                if let Outcome::Claimed(Ok(_)) = outcome {
                    self.consumer.membership.claimed();
                }
                self.shared.announce();
                match outcome {
                    Outcome::Claimed(claimed) => Step::Claimed(claimed),
                    Outcome::Ended(ended) => Step::Done(ended),
                }
            }
        }
    }

    /// When a step can do something: `None` when at once, or when nothing is under way.
    pub fn wakes_at(&self) -> Option<Micros> {
        self.producer.wakes_at(&self.shared.lock())
    }

    /// Whether a claim or a commit is under way.
    pub fn is_busy(&self) -> bool {
        !self.producer.is_idle()
    }

    /// Next delivery, or `Idle`: at most one round trip. To poll again after a `Revoked` acknowledges it.
    ///
    /// # Errors
    /// `Fenced` when another process has this instance's place in the group; `PositionGone`.
    pub fn poll(&mut self, max_records: usize, max_bytes: usize) -> Result<Delivery, LogError> {
        let turn = self.consumer.turn(&mut self.shared.lock(), max_records, max_bytes)?;
        Ok(match turn {
            Turn::Delivery(delivery) => delivery,
            Turn::Progress | Turn::Nothing => Delivery::Idle,
        })
    }

    /// Reads a partition again from `position`.
    pub fn seek(&mut self, partition: TopicPartition, position: Position) {
        self.consumer.seek(partition, position);
    }

    /// Whether a commit would be sent: there is an assignment, it has partitions, and their committed positions are known. After a
    /// transaction that did not end well they are not, until a claim and a few steps or polls later.
    pub fn can_commit(&self) -> bool {
        self.consumer.membership.can_commit()
    }

    /// What the client knows of its standing in the group.
    pub fn membership(&self) -> &Membership<Metadata> {
        &self.consumer.membership
    }

    /// Whether the committed positions of what is owned may be read: right after a commit its own marks may still be on their way. A client
    /// of Kafka asks for stable positions and waits.
    pub fn positions_are_stable(&self) -> bool {
        self.consumer.positions_are_stable(&self.shared.lock())
    }

    /// Whether the last `Revoked` came because the group put this member out: then nothing in hand can be committed.
    pub fn assignment_lost(&self) -> bool {
        self.consumer.assignment_lost()
    }

    /// Leaves the group at once, as a node does that is taken out of service; a member that only stops is missed after its session.
    pub fn leave(&mut self) {
        self.consumer.leave(&mut self.shared.lock());
        self.shared.announce();
    }
}
