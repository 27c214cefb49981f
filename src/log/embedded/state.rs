//! What the log keeps in memory: ends, the open batch, the tail cache, groups.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar},
};

use super::{
    EmbeddedLogOptions,
    block::{BlockBuilder, Budget, TARGET},
    group::Group,
    store::{Batch, Found, Positions, WriteFailure},
};
use crate::log::{LogError, Position, Record, StoredRecord, Topic, TopicPartition, Watermarks};

/// Accounting weight of a cached record beside its bytes.
const RECORD_OVERHEAD: usize = 120;
const TOPICS: usize = Topic::COUNT as usize;
/// Least room a block is begun with.
const MIN_BLOCK: usize = 2 << 10;

pub(super) struct Partition {
    pub id: TopicPartition,
    pub first: Position,
    pub stable: Position,
    /// What becomes stable when the batch being written is durable.
    writing: Position,
    pub end: Position,
    open: Vec<BlockBuilder>,
    /// Bytes of its last block: the next one is likely as long.
    last_block: usize,
    /// The newest records, up to `end`.
    tail: VecDeque<StoredRecord>,
}

impl Partition {
    pub(super) fn watermarks(&self) -> Watermarks {
        Watermarks { first: self.first, stable: self.stable, end: self.end }
    }

    fn tail_from(&self) -> Position {
        self.end - self.tail.len() as u64
    }

    /// Copies cached records from `from` up to `until`; false when the cache no longer reaches back to `from`.
    pub(super) fn read_tail(&self, from: Position, until: Position, budget: &mut Budget, out: &mut Vec<StoredRecord>) -> bool {
        let start = self.tail_from();
        if from < start {
            return false;
        }
        for stored in self.tail.range((from - start).min(self.tail.len() as u64) as usize..) {
            if stored.position >= until || !budget.open() {
                break;
            }
            budget.take(stored.record.value.len());
            out.push(stored.clone());
        }
        true
    }
}

/// A run of cached records, in order of arrival over all partitions.
struct Run {
    partition: usize,
    count: u32,
    bytes: usize,
}

/// A thread asleep until records of its topics arrive.
pub(super) struct Waiter {
    pub topics: u32,
    pub wake: Arc<Condvar>,
}

pub(super) struct State {
    pub partitions: Vec<Partition>,
    offsets: [usize; TOPICS + 1],
    /// Number of the batch that takes what is written now.
    pub open: u64,
    /// Number of the last durable batch.
    pub durable: u64,
    pub flushing: bool,
    pub failure: Option<WriteFailure>,
    /// Bumped when the stable watermark moves.
    pub advances: u64,
    touched: Vec<usize>,
    moved: Vec<(String, Vec<(TopicPartition, Position)>)>,
    claimed: Vec<(String, u64)>,
    pub removed: Vec<(TopicPartition, Vec<Position>, Position)>,
    /// Bytes of the open batch.
    pub pending: usize,
    /// Durable positions.
    pub positions: HashMap<String, Positions>,
    pub owners: HashMap<String, u64>,
    pub groups: HashMap<String, Group>,
    pub waiters: Vec<Waiter>,
    runs: VecDeque<Run>,
    cached: usize,
    cache_limit: usize,
}

impl State {
    /// All partitions of the options, in the order of their codes.
    pub(super) fn layout(options: &EmbeddedLogOptions) -> Vec<TopicPartition> {
        Topic::todos().flat_map(|t| (0..options.partitions(t)).map(move |p| TopicPartition::new(t, p))).collect()
    }

    pub(super) fn new(options: &EmbeddedLogOptions, layout: Vec<TopicPartition>, found: Found) -> Self {
        let mut offsets = [0; TOPICS + 1];
        for topic in Topic::todos() {
            let code = usize::from(topic.codigo());
            offsets[code + 1] = offsets[code] + usize::from(options.partitions(topic));
        }
        let partition = |(id, (first, end))| Partition {
            id,
            first,
            stable: end,
            writing: end,
            end,
            open: Vec::new(),
            last_block: 0,
            tail: VecDeque::new(),
        };
        Self {
            partitions: layout.into_iter().zip(found.bounds).map(partition).collect(),
            offsets,
            open: found.number + 1,
            durable: found.number,
            flushing: false,
            failure: None,
            advances: 0,
            touched: Vec::new(),
            moved: Vec::new(),
            claimed: Vec::new(),
            removed: Vec::new(),
            pending: 0,
            positions: found.groups,
            owners: found.owners,
            groups: HashMap::new(),
            waiters: Vec::new(),
            runs: VecDeque::new(),
            cached: 0,
            cache_limit: options.cache_bytes,
        }
    }

    pub(super) fn index(&self, partition: TopicPartition) -> Result<usize, LogError> {
        let code = usize::from(partition.topic.codigo());
        let index = self.offsets[code] + usize::from(partition.partition);
        if index < self.offsets[code + 1] { Ok(index) } else { Err(LogError::UnknownPartition(partition)) }
    }

    /// Gives the record its place: in the open batch and, for readers near the end, in the cache.
    pub(super) fn push(&mut self, index: usize, record: Record) -> Position {
        let partition = &mut self.partitions[index];
        if partition.open.is_empty() {
            self.touched.push(index);
        }
        let position = partition.end;
        if partition.open.last().is_none_or(|b| b.len() >= TARGET) {
            let expected = (partition.last_block + partition.last_block / 4).clamp(MIN_BLOCK, TARGET);
            partition.open.push(BlockBuilder::new(position, record.timestamp, expected));
        }
        if let Some(block) = partition.open.last_mut() {
            let before = block.len();
            block.push(&record);
            self.pending += block.len() - before;
        }
        let bytes = record.key.len() + record.value.len() + RECORD_OVERHEAD;
        partition.end += 1;
        partition.tail.push_back(StoredRecord { position, record });
        self.cached += bytes;
        match self.runs.back_mut() {
            Some(run) if run.partition == index => {
                run.count += 1;
                run.bytes += bytes;
            }
            _ => self.runs.push_back(Run { partition: index, count: 1, bytes }),
        }
        position
    }

    pub(super) fn move_group(&mut self, group: String, positions: Vec<(TopicPartition, Position)>) {
        self.pending += 12 * positions.len();
        self.moved.push((group, positions));
    }

    /// Next epoch of an owner, fencing the earlier ones at once.
    pub(super) fn next_epoch(&mut self, owner: &str) -> u64 {
        let epoch = self.owners.entry(owner.to_owned()).or_default();
        *epoch += 1;
        self.claimed.push((owner.to_owned(), *epoch));
        *epoch
    }

    /// Wakes who waits for records of the topics in the mask.
    pub(super) fn wake(&self, topics: u32) {
        for waiter in &self.waiters {
            if waiter.topics & topics != 0 {
                waiter.wake.notify_one();
            }
        }
    }

    /// Closes the open batch and opens the next.
    pub(super) fn take_batch(&mut self) -> Batch {
        let mut batch = Batch { number: self.open, removed: std::mem::take(&mut self.removed), ..Batch::default() };
        for index in std::mem::take(&mut self.touched) {
            let partition = &mut self.partitions[index];
            partition.writing = partition.end;
            for block in partition.open.drain(..) {
                partition.last_block = block.len();
                batch.blocks.push((partition.id, block.first, block.finish(partition.id)));
            }
        }
        for (group, moved) in self.moved.drain(..) {
            let known = batch.groups.iter().position(|(name, _)| *name == group).unwrap_or_else(|| {
                let positions = self.positions.get(&group).cloned().unwrap_or_default();
                batch.groups.push((group, positions));
                batch.groups.len() - 1
            });
            batch.groups[known].1.extend(moved);
        }
        batch.owners = std::mem::take(&mut self.claimed);
        batch.total = self.partitions.iter().map(|p| p.end).sum();
        self.open += 1;
        self.pending = 0;
        self.flushing = true;
        batch
    }

    /// What a durable batch changes for readers.
    pub(super) fn made_durable(&mut self, number: u64, groups: Vec<(String, Positions)>) {
        self.flushing = false;
        self.durable = number;
        self.advances += 1;
        for partition in &mut self.partitions {
            partition.stable = partition.writing;
        }
        self.positions.extend(groups);
        self.evict();
    }

    pub(super) fn failed(&mut self, failure: WriteFailure) {
        self.flushing = false;
        self.failure = Some(failure);
    }

    /// Drops the oldest cached runs over the limit, never records that are not durable.
    fn evict(&mut self) {
        while self.cached > self.cache_limit {
            let Some(run) = self.runs.front() else { return };
            let partition = &mut self.partitions[run.partition];
            if partition.tail_from() + u64::from(run.count) > partition.stable {
                return;
            }
            partition.tail.drain(..run.count as usize);
            self.cached -= run.bytes;
            self.runs.pop_front();
        }
    }
}
