//! What a member may commit, shared between the thread that listens to its group and the one that commits; and what the library's callback
//! leaves for the former.

use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};

use super::{
    client::Context,
    raw::{self, GroupMetadata},
};
use crate::log::{TopicPartition, transactional::Membership};

/// How often a commit that waits for a round to end looks whether it did.
const LOOK: Duration = Duration::from_millis(2);

/// See the module.
pub struct Standing {
    membership: Mutex<Membership<GroupMetadata>>,
    changed: Condvar,
    consumer: OnceLock<Weak<BaseConsumer<Callbacks>>>,
}

impl Standing {
    pub fn new(group: &str) -> Self {
        Self { membership: Mutex::new(Membership::new(group)), changed: Condvar::new(), consumer: OnceLock::new() }
    }

    /// The consumer whose standing it is.
    pub fn follow(&self, consumer: Weak<BaseConsumer<Callbacks>>) {
        // Only its member does, once.
        let _ = self.consumer.set(consumer);
    }

    pub fn membership(&self) -> MutexGuard<'_, Membership<GroupMetadata>> {
        self.membership.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn change(&self, change: impl FnOnce(&mut Membership<GroupMetadata>)) {
        change(&mut self.membership());
        self.changed.notify_all();
    }

    /// Between a revocation and the assignment that follows there is no metadata, and after a claim the committed positions are asked for
    /// anew; until then nothing can be committed: waits for it.
    pub fn wait_for_metadata(&self, patience: Duration) {
        let between =
            |m: &mut Membership<GroupMetadata>| m.owned().next().is_some() && (m.metadata().is_none() || m.to_recall().is_some());
        drop(self.changed.wait_timeout_while(self.membership(), patience, between));
    }

    /// In a round, the broker refuses the old generation from the moment everybody joined, and the new one is told a little later: waits for
    /// it instead of having the transaction refused.
    pub fn wait_for_round(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && self.is_in_round() {
            drop(self.changed.wait_timeout(self.membership(), LOOK));
        }
    }

    fn is_in_round(&self) -> bool {
        let Some(held) = self.membership().metadata().map(|metadata| metadata.generation) else { return false };
        let Some(consumer) = self.consumer.get().and_then(Weak::upgrade) else { return false };
        raw::group_metadata(consumer.client()).is_none_or(|now| now.generation != held)
    }
}

/// A change of hands as the library tells it.
pub struct Change {
    pub assigned: bool,
    pub partitions: Vec<(String, i32)>,
    /// The group put this member out: others may have the partitions already.
    pub lost: bool,
    pub metadata: Option<GroupMetadata>,
}

impl Change {
    /// Says to the library that it is done with, for whoever has nothing to do about it.
    pub fn acknowledge(&self, consumer: &BaseConsumer<Callbacks>) {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in &self.partitions {
            list.add_partition(topic, *partition);
        }
        acknowledge(consumer, self.assigned, &list);
    }
}

fn acknowledge(consumer: &BaseConsumer<Callbacks>, assigned: bool, list: &TopicPartitionList) {
    let acknowledged = if assigned { consumer.incremental_assign(list) } else { consumer.incremental_unassign(list) };
    if let Err(error) = acknowledged {
        tracing::debug!(evento = "cierre_miembro", "{error}");
    }
}

#[derive(Default)]
pub struct Callbacks {
    pub context: Context,
    changes: Mutex<VecDeque<Change>>,
    /// The consumer closes: nobody will acknowledge.
    closing: AtomicBool,
}

impl Callbacks {
    pub fn next_change(&self) -> Option<Change> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    pub fn has_changes(&self) -> bool {
        !self.changes.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// From now on changes are acknowledged as they come.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl ConsumerContext for Callbacks {
    /// Only noted: the group waits for the call that acknowledges, while heartbeats go on.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigned = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            acknowledge(consumer, assigned, list);
            return;
        }
        // `elements` panics on the empty list of a rebalance that changed nothing.
        let partitions = if list.count() == 0 {
            Vec::new()
        } else {
            list.elements().iter().map(|e| (e.topic().to_owned(), e.partition())).collect()
        };
        let change = Change {
            assigned,
            partitions,
            lost: consumer.assignment_lost(),
            // Until the change is acknowledged the library joins no other generation: this one is the change's own.
            metadata: raw::group_metadata(consumer.client()),
        };
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_back(change);
    }
}

/// Partitions of a membership that are owned, for whoever fetches their positions.
pub fn unset(partitions: &[TopicPartition]) -> Vec<(TopicPartition, rdkafka::Offset)> {
    partitions.iter().map(|p| (*p, rdkafka::Offset::Invalid)).collect()
}
