//! Reading a partition from a position: consumers that this process assigns itself, one partition each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use super::{
    client::Context,
    place::{Reader, client, offset},
    raw::PartitionQueue,
    settings::{CALL, KafkaOptions, explain, failure, patiently},
};
use crate::log::{LogError, Position, StoredRecord, TopicPartition, Watermarks};

/// Readers at most: each has a connection and threads of the library. Whoever finds all of them busy waits.
const MAX_READERS: usize = 6;
/// Ranges fetched at once before they are read: each holds up to 2 MiB.
const MAX_FORESEEN: usize = 24;
/// Unused for this long, a reader stops fetching.
const UNUSED: Duration = Duration::from_secs(2);
/// How long the marks of a decided transaction are waited for: another transaction may hold readers up longer.
const MARKS: Duration = Duration::from_millis(500);

/// Readers, and two clients that ask for marks.
pub struct Readers {
    options: KafkaOptions,
    committed: BaseConsumer<Context>,
    uncommitted: BaseConsumer<Context>,
    pool: Mutex<Pool>,
    returned: Condvar,
    /// Readers that stand at the end of a partition and wait there, never lent for anything else.
    followers: Mutex<BTreeMap<TopicPartition, Arc<Mutex<Reader>>>>,
    /// Ends of what this process committed: a commit is decided some milliseconds before its marks let readers pass.
    decided: Mutex<BTreeMap<TopicPartition, Position>>,
}

#[derive(Default)]
struct Pool {
    /// Least recently used first.
    idle: Vec<Reader>,
    count: usize,
    /// Those of the ranges that were foreseen, beside the others.
    foreseen: Vec<Reader>,
}

impl Pool {
    /// What is to be closed outside the lock.
    #[must_use]
    fn rest(&mut self) -> Vec<Reader> {
        for reader in self.idle.iter_mut().filter(|r| r.at.is_some() && r.used.elapsed() >= UNUSED) {
            reader.stop();
        }
        // They are of one client: while any of them is read, those whose turn comes later go on fetching.
        let in_use = self.foreseen.iter().any(|reader| reader.used.elapsed() < UNUSED);
        if in_use { Vec::new() } else { std::mem::take(&mut self.foreseen) }
    }

    fn stands(&self, partition: TopicPartition, from: Position) -> bool {
        self.foreseen.iter().chain(&self.idle).any(|reader| reader.continues(partition, from))
    }
}

/// Ends the client of foreseen readers without waiting for it.
fn close(readers: Vec<Reader>) {
    if !readers.is_empty() {
        let _ = thread::Builder::new().name("cierra-lector".to_owned()).spawn(move || drop(readers));
    }
}

fn consumer(options: &KafkaOptions, committed: bool) -> Result<BaseConsumer<Context>, LogError> {
    client(&options.reader(committed))
}

impl Readers {
    /// # Errors
    /// When a setting is wrong.
    pub fn new(options: &KafkaOptions) -> Result<Self, LogError> {
        Ok(Self {
            options: options.clone(),
            committed: consumer(options, true)?,
            uncommitted: consumer(options, false)?,
            pool: Mutex::default(),
            returned: Condvar::new(),
            followers: Mutex::default(),
            decided: Mutex::default(),
        })
    }

    fn failed(&self, what: &str, error: &KafkaError) -> LogError {
        failure(error, self.committed.context().troubles.with_last(format!("{what}: {}", explain(error))))
    }

    fn name(&self, partition: TopicPartition) -> String {
        self.options.topology.named(&partition.topic.nombre())
    }

    /// First position, last stable offset and high watermark, as the broker has them now.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn watermarks(&self, partition: TopicPartition) -> Result<Watermarks, LogError> {
        // The stable mark first: asked in this order it is never past the end.
        let (first, stable) = self.settled(partition)?;
        let (_, end) = self.marks(&self.uncommitted, partition)?;
        Ok(Watermarks { first, stable, end })
    }

    /// This process's transaction committed up to there.
    pub fn decided(&self, ends: &[(TopicPartition, Position)]) {
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        for (partition, end) in ends {
            let known = decided.entry(*partition).or_default();
            *known = (*known).max(*end);
        }
    }

    fn decided_end(&self, partition: TopicPartition) -> Position {
        self.decided.lock().unwrap_or_else(PoisonError::into_inner).get(&partition).copied().unwrap_or_default()
    }

    /// First position and last stable offset, once the marks of what this process committed are there.
    fn settled(&self, partition: TopicPartition) -> Result<(Position, Position), LogError> {
        let (decided, start) = (self.decided_end(partition), Instant::now());
        loop {
            let (first, stable) = self.marks(&self.committed, partition)?;
            if stable >= decided || start.elapsed() >= MARKS {
                return Ok((first, stable));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// First position, and the last one that this consumer's isolation lets it read.
    fn marks(&self, consumer: &BaseConsumer<Context>, partition: TopicPartition) -> Result<(Position, Position), LogError> {
        let name = self.name(partition);
        let marks = patiently(|| consumer.fetch_watermarks(&name, i32::from(partition.partition), CALL));
        let (first, last) = marks.map_err(|e| self.failed(&format!("el broker no da las marcas de {partition}"), &e))?;
        Ok((u64::try_from(first).unwrap_or_default(), u64::try_from(last).unwrap_or_default()))
    }

    /// # Errors
    /// When no broker answers.
    pub fn cluster_id(&self) -> Result<String, LogError> {
        let id = self.committed.client().fetch_cluster_id(CALL);
        id.ok_or_else(|| {
            LogError::Unreachable(self.committed.context().troubles.with_last("ningún broker dio el id del cluster".to_owned()))
        })
    }

    /// Last stable offsets, once the marks of what this process committed are there.
    ///
    /// # Errors
    /// When the broker does not answer for all of them.
    pub fn stable_ends(&self, partitions: &[TopicPartition]) -> Result<Vec<Position>, LogError> {
        let decided: Vec<Position> = partitions.iter().map(|partition| self.decided_end(*partition)).collect();
        let start = Instant::now();
        loop {
            let stable = self.stable(partitions)?;
            if stable.iter().zip(&decided).all(|(stable, decided)| stable >= decided) || start.elapsed() >= MARKS {
                return Ok(stable);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Marks of many partitions, with three requests a broker.
    ///
    /// # Errors
    /// When the broker does not answer for all of them.
    pub fn watermarks_of(&self, partitions: &[TopicPartition]) -> Result<Vec<Watermarks>, LogError> {
        let first = self.offsets(&self.uncommitted, partitions, Offset::Beginning)?;
        let stable = self.stable_ends(partitions)?;
        let end = self.offsets(&self.uncommitted, partitions, Offset::End)?;
        let marks = first.into_iter().zip(stable).zip(end);
        Ok(marks.map(|((first, stable), end)| Watermarks { first, stable, end }).collect())
    }

    fn stable(&self, partitions: &[TopicPartition]) -> Result<Vec<Position>, LogError> {
        self.offsets(&self.committed, partitions, Offset::End)
    }

    /// Offsets of many partitions, with one request a broker: their beginning, or the end that the consumer's isolation lets it read.
    fn offsets(
        &self,
        consumer: &BaseConsumer<Context>,
        partitions: &[TopicPartition],
        which: Offset,
    ) -> Result<Vec<Position>, LogError> {
        let failed = |e: &KafkaError| self.failed("el broker no da las marcas de sus particiones", e);
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        // The broker refuses a request that names a partition twice.
        for partition in partitions.iter().collect::<BTreeSet<_>>() {
            asked.add_partition_offset(&self.name(*partition), i32::from(partition.partition), which).map_err(|e| failed(&e))?;
        }
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        // One that passes on a single partition is told in its place, not by the call.
        let answered = patiently(|| {
            let answered = consumer.offsets_for_times(asked.clone(), CALL)?;
            answered.elements().iter().try_for_each(|element| element.error())?;
            Ok(answered)
        });
        let answered = answered.map_err(|e| failed(&e))?;
        partitions
            .iter()
            .map(|partition| {
                let found = answered.find_partition(&self.name(*partition), i32::from(partition.partition));
                match found.map(|element| element.offset()) {
                    Some(Offset::Offset(offset)) => Ok(u64::try_from(offset).unwrap_or_default()),
                    _ => Err(failed(&KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownPartition))),
                }
            })
            .collect()
    }

    /// Committed records from a position on: everything that was stable when this was called, up to `max_bytes` of values.
    ///
    /// # Errors
    /// `PositionGone`; `Storage` when the broker does not answer.
    pub fn read(&self, partition: TopicPartition, from: Position, max_bytes: usize) -> Result<Vec<StoredRecord>, LogError> {
        let mut reader = self.take(partition, from)?;
        let result = self.read_with(&mut reader, partition, from, max_bytes);
        if result.is_err() {
            // Wherever it stands, it starts anew.
            reader.at = None;
        }
        reader.used = Instant::now();
        let mut pool = self.lock();
        if reader.can_move() { &mut pool.idle } else { &mut pool.foreseen }.push(reader);
        let done = pool.rest();
        drop(pool);
        self.returned.notify_one();
        close(done);
        result
    }

    /// Committed records from a position on, as soon as the broker lets them through; empty after `timeout`. One fetch is always waiting at
    /// the broker, and nothing is asked besides.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_or_wait(
        &self,
        partition: TopicPartition,
        from: Position,
        max_bytes: usize,
        timeout: Duration,
    ) -> Result<Vec<StoredRecord>, LogError> {
        let follower = self.follower(partition)?;
        let mut follower = follower.lock().unwrap_or_else(PoisonError::into_inner);
        if !follower.continues(partition, from) {
            // A position that is gone is an error here, and not the consumer's later.
            self.nothing_from(partition, from)?;
            self.move_to(&mut follower, partition, from)?;
        }
        let (name, deadline) = (self.name(partition), Instant::now() + timeout);
        loop {
            // What ends a wait need not be a record: the end of the partition is told too, once, whenever it is found.
            let left = deadline.saturating_duration_since(Instant::now());
            if let Err(error) = follower.fill(&name, from, left) {
                follower.at = None;
                return Err(error);
            }
            if follower.holds_something() || left.is_zero() {
                return Ok(follower.take_held(max_bytes));
            }
        }
    }

    /// Fetches the first of these ranges, all at once and with one client: one that moves from partition to partition waits each time for the
    /// leader to be known and for its first fetch. What is not taken up costs nothing but that.
    pub fn foresee(&self, ranges: &[(TopicPartition, Position)]) {
        let fetched = |(partition, from): &(TopicPartition, Position)| self.lock().stands(*partition, *from);
        if ranges.len() < 2 || ranges.first().is_some_and(fetched) {
            return;
        }
        match self.scout(&ranges[..ranges.len().min(MAX_FORESEEN)]) {
            Ok(readers) => {
                let before = std::mem::replace(&mut self.lock().foreseen, readers);
                close(before);
            }
            // Whoever reads is told of what fails here.
            Err(error) => tracing::debug!(evento = "lector", "{error}"),
        }
    }

    fn scout(&self, ranges: &[(TopicPartition, Position)]) -> Result<Vec<Reader>, LogError> {
        let consumer = Arc::new(client(&self.options.scout())?);
        let mut list = TopicPartitionList::with_capacity(ranges.len());
        let mut readers = Vec::with_capacity(ranges.len());
        for (partition, from) in ranges {
            let (name, number) = (self.name(*partition), partition.partition);
            let Some(queue) = PartitionQueue::of(consumer.client(), &name, number) else { continue };
            let added = list.add_partition_offset(&name, i32::from(number), offset(*from));
            added.map_err(|e| self.failed(&format!("no se pudo leer {partition} desde {from}"), &e))?;
            readers.push(Reader::of_queue(queue, &consumer, *partition, *from));
        }
        consumer.assign(&list).map_err(|e| self.failed("no se pudieron leer las particiones", &e))?;
        Ok(readers)
    }

    fn follower(&self, partition: TopicPartition) -> Result<Arc<Mutex<Reader>>, LogError> {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(follower) = followers.get(&partition) {
            return Ok(Arc::clone(follower));
        }
        let follower = Arc::new(Mutex::new(Reader::new(&self.options.follower())?));
        followers.insert(partition, Arc::clone(&follower));
        Ok(follower)
    }

    /// Lets readers that nobody uses stop fetching.
    pub fn rest(&self) {
        let done = self.lock().rest();
        close(done);
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reader that stands there, else one of that partition, else a new one, else the one longest unused.
    fn take(&self, partition: TopicPartition, from: Position) -> Result<Reader, LogError> {
        let mut pool = self.lock();
        if let Some(place) = pool.foreseen.iter().position(|r| r.continues(partition, from)) {
            return Ok(pool.foreseen.remove(place));
        }
        loop {
            let stands = |r: &Reader| r.continues(partition, from);
            let near = |r: &Reader| r.is_in(partition);
            let place = pool.idle.iter().position(stands).or_else(|| pool.idle.iter().position(near));
            if let Some(place) = place {
                return Ok(pool.idle.remove(place));
            }
            if pool.count < MAX_READERS {
                let made = Reader::new(&self.options.reader(true))?;
                pool.count += 1;
                return Ok(made);
            }
            if !pool.idle.is_empty() {
                return Ok(pool.idle.remove(0));
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn read_with(
        &self,
        reader: &mut Reader,
        partition: TopicPartition,
        from: Position,
        max_bytes: usize,
    ) -> Result<Vec<StoredRecord>, LogError> {
        if !reader.continues(partition, from) {
            // Asked before the consumer is moved there: a position that is gone would make it fail, and one at the end is common.
            if let Some(nothing) = self.nothing_from(partition, from)? {
                return Ok(nothing);
            }
            self.move_to(reader, partition, from)?;
        }
        reader.fill(&self.name(partition), from, Duration::ZERO)?;
        if !reader.holds_something() {
            if let Some(nothing) = self.nothing_from(partition, from)? {
                return Ok(nothing);
            }
            self.fill_to_something(reader, partition, from)?;
        }
        Ok(reader.take_held(max_bytes))
    }

    /// An empty answer when nothing stable is at or after the position; an error when it is gone.
    fn nothing_from(&self, partition: TopicPartition, from: Position) -> Result<Option<Vec<StoredRecord>>, LogError> {
        let (first, stable) = self.marks(&self.committed, partition)?;
        let stable = stable.max(self.decided_end(partition));
        if from < first {
            return Err(LogError::PositionGone { partition, wanted: from, first });
        }
        Ok((from >= stable).then(Vec::new))
    }

    fn move_to(&self, reader: &mut Reader, partition: TopicPartition, from: Position) -> Result<(), LogError> {
        let moved = reader.move_to(&self.name(partition), partition, from);
        moved.map_err(|e| self.failed(&format!("no se pudo leer {partition} desde {from}"), &e))
    }

    /// There is something stable from here on: waits for records, or for the end when there were only marks of transactions.
    fn fill_to_something(&self, reader: &mut Reader, partition: TopicPartition, from: Position) -> Result<(), LogError> {
        let stable = self.stable(&[partition])?.first().copied().unwrap_or_default();
        // Decided and not yet let through: it is waited for, not demanded.
        let wanted = stable.max(self.decided_end(partition));
        let (name, start) = (self.name(partition), Instant::now());
        while !reader.holds_something() && reader.next().is_some_and(|next| next < wanted) {
            // An empty answer promises that there was nothing up to what was stable when this was called.
            if reader.next().is_some_and(|next| next >= stable) && start.elapsed() >= MARKS {
                return Ok(());
            }
            if start.elapsed() >= CALL {
                let what = format!("el broker no dio {partition} desde {from} en {CALL:?}");
                return Err(LogError::Unreachable(reader.with_last_trouble(what)));
            }
            reader.fill(&name, from, Duration::from_millis(100))?;
        }
        Ok(())
    }
}
