//! Reading a partition from a position: consumers that this process assigns itself, one partition each.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use super::{
    client::Context,
    raw::{self, Fetched},
    settings::{CALL, KafkaOptions, explain, failure, hint, is_passing, patiently},
};
use crate::log::{LogError, Position, StoredRecord, TopicPartition, Watermarks};

/// Readers at most: each has a connection and threads of the library. Whoever finds all of them busy waits.
const MAX_READERS: usize = 6;
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
}

impl Pool {
    fn rest(&mut self) {
        for reader in self.idle.iter_mut().filter(|r| r.at.is_some() && r.used.elapsed() >= UNUSED) {
            reader.at = None;
            if let Err(error) = reader.consumer.unassign() {
                tracing::debug!(evento = "lector", "{error}");
            }
        }
    }
}

/// One consumer and where it stands.
struct Reader {
    consumer: BaseConsumer<Context>,
    at: Option<Place>,
    used: Instant,
}

impl Reader {
    fn new(config: &ClientConfig) -> Result<Self, LogError> {
        Ok(Self { consumer: client(config)?, at: None, used: Instant::now() })
    }

    /// Whether a read from here goes on without moving the consumer.
    fn continues(&self, partition: TopicPartition, from: Position) -> bool {
        self.at.as_ref().is_some_and(|at| at.partition == partition && (at.after..=at.next).contains(&from))
    }
}

struct Place {
    partition: TopicPartition,
    /// Every record from here up to `next` is held.
    after: Position,
    /// Next position that the consumer may give.
    next: Position,
    held: VecDeque<StoredRecord>,
}

fn consumer(options: &KafkaOptions, committed: bool) -> Result<BaseConsumer<Context>, LogError> {
    client(&options.reader(committed))
}

fn client(config: &ClientConfig) -> Result<BaseConsumer<Context>, LogError> {
    BaseConsumer::from_config_and_context(config, Context::default()).map_err(|e| LogError::Storage(explain(&e)))
}

fn offset(position: Position) -> Offset {
    Offset::Offset(i64::try_from(position).unwrap_or(i64::MAX))
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
        for partition in partitions {
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
        pool.idle.push(reader);
        pool.rest();
        drop(pool);
        self.returned.notify_one();
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
        let Reader { consumer, at, .. } = &mut *follower;
        let Some(place) = at.as_mut() else { return Ok(Vec::new()) };
        match self.fill(consumer, place, from, timeout) {
            Ok(()) => Ok(take_held(place, max_bytes)),
            Err(error) => {
                *at = None;
                Err(error)
            }
        }
    }

    /// Moves idle readers to where somebody will read soon: a reader that moves waits for the leader of its partition to be known and for its
    /// first fetch, and those waits then pass together. What is not taken up costs nothing but that.
    pub fn foresee(&self, ranges: &[(TopicPartition, Position)]) {
        // Whoever reads is told of what fails here.
        let told = |error: &LogError| tracing::debug!(evento = "lector", "{error}");
        let mut pool = self.lock();
        for (partition, from) in ranges.iter().take(MAX_READERS) {
            if pool.idle.iter().any(|reader| reader.continues(*partition, *from)) {
                continue;
            }
            let spare = self.spare(&mut pool, ranges).inspect_err(told);
            let Ok(Some(mut reader)) = spare else { return };
            _ = self.move_to(&mut reader, *partition, *from).inspect_err(told);
            reader.used = Instant::now();
            pool.idle.push(reader);
        }
    }

    /// A new reader while there may be more, else the idle one longest unused that stands nowhere that is wanted.
    fn spare(&self, pool: &mut Pool, wanted: &[(TopicPartition, Position)]) -> Result<Option<Reader>, LogError> {
        if pool.count < MAX_READERS {
            let made = Reader::new(&self.options.reader(true))?;
            pool.count += 1;
            return Ok(Some(made));
        }
        let is_free = |reader: &Reader| !wanted.iter().any(|(partition, from)| reader.continues(*partition, *from));
        Ok(pool.idle.iter().position(is_free).map(|place| pool.idle.remove(place)))
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
        self.lock().rest();
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reader that stands there, else one of that partition, else a new one, else the one longest unused.
    fn take(&self, partition: TopicPartition, from: Position) -> Result<Reader, LogError> {
        let mut pool = self.lock();
        loop {
            let stands = |r: &Reader| r.continues(partition, from);
            let near = |r: &Reader| r.at.as_ref().is_some_and(|at| at.partition == partition);
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
        let Some(at) = reader.at.as_mut() else { return Ok(Vec::new()) };
        self.fill(&reader.consumer, at, from, Duration::ZERO)?;
        if at.held.is_empty() {
            if let Some(nothing) = self.nothing_from(partition, from)? {
                return Ok(nothing);
            }
            self.fill_to_something(&reader.consumer, at, from)?;
        }
        Ok(take_held(at, max_bytes))
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
        let failed = |e: &KafkaError| self.failed(&format!("no se pudo leer {partition} desde {from}"), e);
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.name(partition), i32::from(partition.partition), offset(from)).map_err(|e| failed(&e))?;
        reader.at = None;
        reader.consumer.assign(&list).map_err(|e| failed(&e))?;
        reader.at = Some(Place { partition, after: from, next: from, held: VecDeque::new() });
        Ok(())
    }

    /// Takes what the consumer has, waiting at most `wait` for the first of it, unless something is held.
    fn fill(&self, consumer: &BaseConsumer<Context>, at: &mut Place, from: Position, wait: Duration) -> Result<(), LogError> {
        // What was skipped is not wanted any more.
        while at.held.front().is_some_and(|record| record.position < from) {
            at.held.pop_front();
        }
        if !at.held.is_empty() {
            return Ok(());
        }
        let mut failure = None;
        let source = (self.name(at.partition), at.partition.partition);
        raw::consume(consumer.client(), &source, wait, &mut |fetched| match fetched {
            Fetched::Record(record) if record.position >= at.next => {
                at.next = record.position + 1;
                if record.position >= from {
                    at.held.push_back(record);
                }
            }
            // Given already.
            Fetched::Record(_) => {}
            // Whatever is before the end came before it: the rest are marks of transactions.
            Fetched::End(position) => at.next = at.next.max(position),
            Fetched::Error(code, text) => failure = of_partition(at.partition, code, text).or(failure.take()),
        });
        failure.map_or(Ok(()), Err)
    }

    /// There is something stable from here on: waits for records, or for the end when there were only marks of transactions.
    fn fill_to_something(&self, consumer: &BaseConsumer<Context>, at: &mut Place, from: Position) -> Result<(), LogError> {
        let stable = self.stable(&[at.partition])?.first().copied().unwrap_or_default();
        let decided = self.decided_end(at.partition);
        // Decided and not yet let through: it is waited for, not demanded.
        let wanted = stable.max(decided);
        let start = Instant::now();
        while at.held.is_empty() && at.next < wanted {
            // An empty answer promises that there was nothing up to what was stable when this was called.
            if at.next >= stable && start.elapsed() >= MARKS {
                return Ok(());
            }
            if start.elapsed() >= CALL {
                let what = format!("el broker no dio {} desde {from} en {CALL:?}", at.partition);
                return Err(LogError::Unreachable(consumer.context().troubles.with_last(what)));
            }
            self.fill(consumer, at, from, Duration::from_millis(100))?;
        }
        Ok(())
    }
}

/// Errors of reading a partition that do not pass by themselves. The library goes on by itself after a lost connection.
fn of_partition(partition: TopicPartition, code: RDKafkaErrorCode, text: String) -> Option<LogError> {
    let hint = hint(code).map(|hint| format!("; {hint}")).unwrap_or_default();
    (!is_passing(code)).then(|| LogError::Storage(format!("no se puede leer {partition}: {text}{hint}")))
}

fn take_held(at: &mut Place, max_bytes: usize) -> Vec<StoredRecord> {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    while let Some(next) = at.held.front() {
        if !taken.is_empty() && bytes + next.record.value.len() > max_bytes {
            break;
        }
        bytes += next.record.value.len();
        at.after = next.position + 1;
        taken.extend(at.held.pop_front());
    }
    taken
}
