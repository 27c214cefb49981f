//! A subscription: takes turns over its partitions, from the cache when near the end.

use std::{
    sync::{Arc, Condvar, MutexGuard},
    time::{Duration, Instant},
};

use super::{
    Shared,
    block::Budget,
    state::{State, Waiter},
};
use crate::log::{Delivery, LogError, Position, StoredRecord, Subscription, Topic, TopicPartition};

pub(super) struct Member {
    shared: Arc<Shared>,
    group: String,
    id: u64,
    topics: Vec<Topic>,
    mask: u32,
    held: Vec<Held>,
    returning: Vec<TopicPartition>,
    generation: Option<u64>,
    turn: usize,
    wake: Arc<Condvar>,
}

struct Held {
    partition: TopicPartition,
    index: usize,
    next: Position,
}

pub(super) fn mask(topics: impl IntoIterator<Item = Topic>) -> u32 {
    topics.into_iter().fold(0, |mask, topic| mask | 1 << topic.codigo())
}

impl Member {
    pub(super) fn join(shared: Arc<Shared>, group: &str, topics: &[Topic]) -> Self {
        let topics = topics.to_vec();
        let mut state = shared.lock();
        let id = state.groups.entry(group.to_owned()).or_default().join(topics.clone());
        state.wake(u32::MAX);
        drop(state);
        Self {
            shared,
            group: group.to_owned(),
            id,
            mask: mask(topics.iter().copied()),
            topics,
            held: Vec::new(),
            returning: Vec::new(),
            generation: None,
            turn: 0,
            wake: Arc::new(Condvar::new()),
        }
    }

    /// Change of hands due, if any. Revocations come first; what they freed goes on at the next poll.
    fn rebalance(&mut self, state: &mut State) -> Result<Option<Delivery>, LogError> {
        let Some(group) = state.groups.get_mut(&self.group) else { return Ok(None) };
        if !self.returning.is_empty() {
            group.give_back(&std::mem::take(&mut self.returning));
            state.wake(u32::MAX);
        }
        let Some(group) = state.groups.get_mut(&self.group) else { return Ok(None) };
        if self.generation == Some(group.generation) {
            return Ok(None);
        }
        let lost: Vec<_> = self.held.iter().map(|h| h.partition).filter(|p| group.owner(*p) != Some(self.id)).collect();
        if !lost.is_empty() {
            self.held.retain(|h| !lost.contains(&h.partition));
            self.returning.clone_from(&lost);
            return Ok(Some(Delivery::Revoked(lost)));
        }
        let mut gained = Vec::new();
        for partition in &state.partitions {
            let known = self.held.iter().any(|h| h.partition == partition.id);
            if !known && self.topics.contains(&partition.id.topic) && group.take(partition.id, self.id) {
                gained.push(partition.id);
            }
        }
        self.generation = Some(group.generation);
        if gained.is_empty() {
            return Ok(None);
        }
        for partition in &gained {
            let index = state.index(*partition)?;
            let committed = state.positions.get(&self.group).and_then(|p| p.get(partition)).copied();
            let next = committed.unwrap_or(state.partitions[index].first);
            self.held.push(Held { partition: *partition, index, next });
        }
        self.held.sort_by_key(|h| h.partition);
        Ok(Some(Delivery::Assigned(gained)))
    }

    /// Place in `held` of the next partition in turn with something to read.
    fn ready(&self, state: &State) -> Option<usize> {
        let count = self.held.len();
        (0..count).map(|i| (self.turn + i) % count).find(|&i| {
            let held = &self.held[i];
            state.partitions[held.index].end > held.next
        })
    }

    fn deliver(&mut self, state: MutexGuard<'_, State>, place: usize, budget: Budget) -> Result<Delivery, LogError> {
        let held = &mut self.held[place];
        self.turn = place + 1;
        let mut records = Vec::new();
        let partition = &state.partitions[held.index];
        let mut budget = budget;
        if !partition.read_tail(held.next, u64::MAX, &mut budget, &mut records) {
            let marks = partition.watermarks();
            drop(state);
            records = self.shared.read_stored(held.partition, held.next, marks, budget)?;
        }
        if let Some(last) = records.last() {
            held.next = last.position + 1;
        }
        Ok(Delivery::Records(held.partition, records))
    }

    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>, left: Duration) -> MutexGuard<'a, State> {
        state.waiters.push(Waiter { topics: self.mask, wake: self.wake.clone() });
        let (mut state, _) = self.wake.wait_timeout(state, left).unwrap_or_else(std::sync::PoisonError::into_inner);
        state.waiters.retain(|w| !Arc::ptr_eq(&w.wake, &self.wake));
        state
    }
}

impl Subscription for Member {
    fn poll(&mut self, max_records: usize, max_bytes: usize, timeout: Duration) -> Result<Delivery, LogError> {
        let shared = self.shared.clone();
        let start = Instant::now();
        let mut state = shared.lock();
        loop {
            if let Some(delivery) = self.rebalance(&mut state)? {
                return Ok(delivery);
            }
            if let Some(place) = self.ready(&state) {
                return self.deliver(state, place, Budget::new(max_records, max_bytes));
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(Delivery::Idle);
            }
            state = self.sleep(state, left);
        }
    }

    fn seek(&mut self, partition: TopicPartition, position: Position) {
        if let Some(held) = self.held.iter_mut().find(|h| h.partition == partition) {
            held.next = position;
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(group) = state.groups.get_mut(&self.group) {
            group.leave(self.id);
        }
        state.wake(u32::MAX);
    }
}

impl Shared {
    /// Reads blocks of the store from `from` up to the stable watermark.
    pub(super) fn read_stored(
        &self,
        partition: TopicPartition,
        from: Position,
        marks: crate::log::Watermarks,
        mut budget: Budget,
    ) -> Result<Vec<StoredRecord>, LogError> {
        if from < marks.first {
            return Err(LogError::PositionGone { partition, wanted: from, first: marks.first });
        }
        let mut records = Vec::new();
        let mut expected = None;
        for block in self.store.blocks_from(partition, from)? {
            let block = block?;
            let wanted = expected.unwrap_or(from);
            if wanted < marks.stable
                && (block.first > wanted || (expected.is_some() && block.first != wanted) || block.end() <= wanted)
            {
                return Err(missing(partition, wanted));
            }
            if block.first >= marks.stable {
                break;
            }
            if !block.read(from, marks.stable, &mut budget, &mut records)? {
                return Ok(records);
            }
            expected = Some(block.end());
        }
        match expected.unwrap_or(from) {
            reached if reached < marks.stable => Err(missing(partition, reached)),
            _ => Ok(records),
        }
    }
}

fn missing(partition: TopicPartition, position: Position) -> LogError {
    LogError::Corrupt { partition, position, what: "falta el bloque; restaure una copia de la carpeta".to_owned() }
}
