//! Consumer groups within one process: who holds which partition.
//!
//! Partition p belongs to the member at place p modulo the number of members that asked for its topic, in order of joining. So equal
//! partition numbers of several topics stay together. A partition changes hands only after its holder has answered a revocation.

use std::collections::{BTreeMap, HashMap};

use crate::log::{Topic, TopicPartition};

#[derive(Default)]
pub(super) struct Group {
    members: BTreeMap<u64, Vec<Topic>>,
    holders: HashMap<TopicPartition, u64>,
    next: u64,
    /// Changes when somebody joins, leaves or gives a partition back.
    pub generation: u64,
}

impl Group {
    pub(super) fn join(&mut self, topics: Vec<Topic>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.generation += 1;
        self.members.insert(id, topics);
        id
    }

    pub(super) fn leave(&mut self, member: u64) {
        self.members.remove(&member);
        self.holders.retain(|_, holder| *holder != member);
        self.generation += 1;
    }

    pub(super) fn owner(&self, partition: TopicPartition) -> Option<u64> {
        let interested = || self.members.iter().filter(|(_, topics)| topics.contains(&partition.topic));
        let count = interested().count();
        if count == 0 {
            return None;
        }
        interested().nth(usize::from(partition.partition) % count).map(|(id, _)| *id)
    }

    /// Takes the partition for its owner; false while somebody else holds it.
    pub(super) fn take(&mut self, partition: TopicPartition, member: u64) -> bool {
        self.owner(partition) == Some(member) && *self.holders.entry(partition).or_insert(member) == member
    }

    pub(super) fn give_back(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.holders.remove(partition);
        }
        self.generation += 1;
    }
}
