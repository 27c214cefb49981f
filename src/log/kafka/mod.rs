//! The log on Apache Kafka, through librdkafka. Behind the cargo feature `kafka`.
//!
//! * [`member`]: consumption with deferred changes of hands · [`writer`]: transactions, driven by `log::transactional` · [`appender`]:
//!   idempotent appends · [`reader`]: reading by position, watermarks · [`admin`]: topics.
//! * `stable` is the last stable offset, `end` the high watermark. Positions have gaps where marks of transactions stand.
//! * A timestamp keeps its milliseconds; on `comandos.*` it is the broker's.
//! * Retention is the broker's: [`Log::retain`] does nothing.

pub mod admin;
mod appender;
mod client;
mod convert;
mod group;
mod member;
mod place;
mod raw;
mod reader;
mod settings;
mod standing;
mod tail;
mod writer;

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    time::Duration,
};

use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use self::{
    admin::Admin,
    appender::Appender,
    client::Context,
    member::Member,
    reader::Readers,
    settings::{CALL, explain, failure, patiently},
    standing::Standing,
    tail::Tail,
    writer::{Writers, locked},
};
pub use settings::KafkaOptions;

use super::{
    Committed, Log, LogError, OwnerToken, PendingAppend, Position, Record, StoredRecord, Subscription, Topic, TopicPartition,
    Transaction, Watermarks, limits,
};
use crate::domain::valores::Instante;

/// Differences that an error text lists; the rest are counted.
const LISTED: usize = 10;
/// How long a commit waits for the assignment that follows a revocation.
const ASSIGNMENT: Duration = Duration::from_secs(10);
/// How long a commit waits for the generation of a round that its broker has begun already.
const ROUND: Duration = Duration::from_secs(1);
/// So few positions behind may be nothing but marks of transactions: it is looked at.
const MARKS_AT_MOST: Position = 64;

/// The log of an installation of Kafka.
pub struct KafkaLog {
    options: KafkaOptions,
    readers: Arc<Readers>,
    tail: Tail,
    appender: Appender,
    writers: Writers,
    members: Mutex<Vec<(String, Weak<Standing>)>>,
    /// Clients that ask for a group's positions, by group.
    groups: Mutex<Vec<(String, Arc<BaseConsumer<Context>>)>>,
    /// Ranges that hold marks of transactions and no record.
    marks_only: Mutex<BTreeMap<TopicPartition, (Position, Position)>>,
    advances: Arc<Advances>,
}

/// Counts what became durable, as far as anybody watches it.
#[derive(Default)]
struct Advances {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Advances {
    fn bump(&self) {
        *locked(&self.count) += 1;
        self.changed.notify_all();
    }
}

impl KafkaLog {
    /// Connects, and refuses a broker whose topics are not as the topology says.
    ///
    /// # Errors
    /// `Storage`: a wrong setting, a broker that does not answer, or the differences.
    pub fn open(options: KafkaOptions) -> Result<Arc<Self>, LogError> {
        let differences = Admin::open(&options)?.differences()?;
        if !differences.is_empty() {
            let listed: Vec<String> = differences.iter().take(LISTED).map(|d| format!("\n    · {d}")).collect();
            let more = differences.len().saturating_sub(LISTED);
            let more = if more > 0 { format!("\n    · y {more} más") } else { String::new() };
            return Err(LogError::Storage(format!(
                "los temas del broker no son los de la topología:{}{more}\n  `factumarket topologia aplicar` crea los que faltan y corrige sus ajustes",
                listed.concat()
            )));
        }
        let advances = Arc::new(Advances::default());
        let durable = Arc::clone(&advances);
        let grew: Arc<dyn Fn() + Send + Sync> = Arc::new(move || durable.bump());
        let readers = Arc::new(Readers::new(&options)?);
        Ok(Arc::new(Self {
            tail: Tail::new(&options, Arc::clone(&readers), Arc::clone(&grew)),
            readers,
            appender: Appender::new(&options, grew)?,
            writers: Writers::default(),
            members: Mutex::default(),
            groups: Mutex::default(),
            marks_only: Mutex::default(),
            advances,
            options,
        }))
    }

    /// The cluster's own id: positions kept elsewhere are of this cluster and no other.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn cluster_id(&self) -> Result<String, LogError> {
        self.readers.cluster_id()
    }

    fn check(&self, partition: TopicPartition) -> Result<(), LogError> {
        if partition.partition < self.partitions(partition.topic) { Ok(()) } else { Err(LogError::UnknownPartition(partition)) }
    }

    fn check_records(&self, records: &[(TopicPartition, Record)]) -> Result<(), LogError> {
        records.iter().try_for_each(|(partition, record)| {
            limits::check(*partition, record)?;
            self.check(*partition)
        })
    }

    /// This process's member of the group that owns what the transaction moves, or its first one.
    fn standing_for(&self, transaction: &Transaction) -> Option<Arc<Standing>> {
        let mut members = locked(&self.members);
        members.retain(|(_, standing)| standing.strong_count() > 0);
        let of_group: Vec<Arc<Standing>> =
            members.iter().filter(|(group, _)| *group == transaction.group).filter_map(|(_, s)| s.upgrade()).collect();
        let owns_all = |standing: &&Arc<Standing>| {
            let membership = standing.membership();
            transaction.positions.iter().all(|(partition, _)| membership.owns(*partition))
        };
        of_group.iter().find(owns_all).or(of_group.first()).cloned()
    }

    fn asker_of(&self, group: &str) -> Result<Arc<BaseConsumer<Context>>, LogError> {
        let mut groups = locked(&self.groups);
        if let Some((_, asker)) = groups.iter().find(|(name, _)| name == group) {
            return Ok(Arc::clone(asker));
        }
        let config = self.options.member(group, None);
        let asker =
            BaseConsumer::from_config_and_context(&config, Context::default()).map_err(|e| LogError::Storage(explain(&e)))?;
        let asker = Arc::new(asker);
        groups.push((group.to_owned(), Arc::clone(&asker)));
        Ok(asker)
    }

    /// Upper bound of the records in a stable range; 0 when it has only marks of transactions, which is remembered.
    fn records_in(&self, partition: TopicPartition, from: Position, end: Position) -> Result<u64, LogError> {
        let gap = end.saturating_sub(from);
        if gap == 0 || gap > MARKS_AT_MOST {
            return Ok(gap);
        }
        if locked(&self.marks_only).get(&partition) == Some(&(from, end)) {
            return Ok(0);
        }
        if !self.readers.read(partition, from, 1)?.is_empty() {
            return Ok(gap);
        }
        locked(&self.marks_only).insert(partition, (from, end));
        Ok(0)
    }

    /// Place of a static member: the node's, and a number for the second and later ones of one process.
    fn instance(&self, group: &str) -> Option<String> {
        if !self.options.static_membership {
            return None;
        }
        let alive = locked(&self.members).iter().filter(|(name, s)| name == group && s.strong_count() > 0).count();
        Some(if alive == 0 { self.options.node.clone() } else { format!("{}-{alive}", self.options.node) })
    }
}

impl Log for KafkaLog {
    fn partitions(&self, topic: Topic) -> u16 {
        self.options.topology.topic(topic).map_or(0, |spec| spec.partitions)
    }

    fn append(&self, records: Vec<(TopicPartition, Record)>) -> Result<Box<dyn PendingAppend>, LogError> {
        self.check_records(&records)?;
        self.appender.append(records)
    }

    fn commit(&self, transaction: Transaction) -> Result<Committed, LogError> {
        limits::check_name(&transaction.group)?;
        self.check_records(&transaction.records)?;
        transaction.positions.iter().try_for_each(|(partition, _)| self.check(*partition))?;
        let Some(writer) = self.writers.find(&transaction.token.owner) else {
            let OwnerToken { owner, epoch } = transaction.token;
            return Err(LogError::Fenced { owner, held: epoch, found: 0 });
        };
        let standing = self.standing_for(&transaction);
        if let Some(standing) = &standing {
            standing.wait_for_metadata(ASSIGNMENT);
            standing.wait_for_round(ROUND);
        }
        let committed = locked(&writer).commit(transaction, standing.as_deref())?;
        self.readers.decided(&committed.ends);
        self.advances.bump();
        Ok(committed)
    }

    fn read(&self, partition: TopicPartition, from: Position, max_bytes: usize) -> Result<Vec<StoredRecord>, LogError> {
        self.check(partition)?;
        self.readers.read(partition, from, max_bytes)
    }

    fn foresee(&self, ranges: &[(TopicPartition, Position)]) {
        self.readers.foresee(ranges);
    }

    fn read_or_wait(
        &self,
        partition: TopicPartition,
        from: Position,
        max_bytes: usize,
        timeout: Duration,
    ) -> Result<Vec<StoredRecord>, LogError> {
        self.check(partition)?;
        self.readers.read_or_wait(partition, from, max_bytes, timeout)
    }

    fn watermarks(&self, partition: TopicPartition) -> Result<Watermarks, LogError> {
        self.check(partition)?;
        self.readers.watermarks(partition)
    }

    fn stable_ends(&self, partitions: &[TopicPartition]) -> Result<Vec<Position>, LogError> {
        partitions.iter().try_for_each(|partition| self.check(*partition))?;
        self.readers.stable_ends(partitions)
    }

    fn watermarks_of(&self, partitions: &[TopicPartition]) -> Result<Vec<Watermarks>, LogError> {
        partitions.iter().try_for_each(|partition| self.check(*partition))?;
        self.readers.watermarks_of(partitions)
    }

    fn position(&self, group: &str, partition: TopicPartition) -> Result<Option<Position>, LogError> {
        Ok(self.positions_of(group, &[partition])?.pop().flatten())
    }

    fn positions_of(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<Position>>, LogError> {
        limits::check_name(group)?;
        partitions.iter().try_for_each(|partition| self.check(*partition))?;
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let asker = self.asker_of(group)?;
        let name = |partition: TopicPartition| self.options.topology.named(&partition.topic.nombre());
        let failed = |e: &KafkaError| {
            let what = format!("no se pudieron leer las posiciones de «{group}»: {}", explain(e));
            failure(e, asker.context().troubles.with_last(what))
        };
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&name(*partition), i32::from(partition.partition));
        }
        let committed = patiently(|| {
            let committed = asker.committed_offsets(list.clone(), CALL)?;
            committed.elements().iter().try_for_each(|element| element.error())?;
            Ok(committed)
        });
        let committed = committed.map_err(|e| failed(&e))?;
        let offset = |partition: &TopicPartition| {
            let found = committed.find_partition(&name(*partition), i32::from(partition.partition))?;
            match found.offset() {
                Offset::Offset(offset) => u64::try_from(offset).ok(),
                _ => None,
            }
        };
        Ok(partitions.iter().map(offset).collect())
    }

    fn claim(&self, owner: &str) -> Result<OwnerToken, LogError> {
        limits::check_name(owner)?;
        let writer = self.writers.of(&self.options, owner);
        let token = locked(&writer).claim()?;
        // Members fetch anew, at their next poll, the positions that a transaction without an end may have moved.
        let members: Vec<Arc<Standing>> = locked(&self.members).iter().filter_map(|(_, standing)| standing.upgrade()).collect();
        members.iter().for_each(|standing| standing.change(|membership| membership.claimed()));
        Ok(token)
    }

    fn subscribe(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Subscription>, LogError> {
        limits::check_name(group)?;
        let instance = self.instance(group);
        let member = Member::join(&self.options, group, topics, instance.as_deref())?;
        locked(&self.members).push((group.to_owned(), Arc::downgrade(&member.standing())));
        Ok(Box::new(member))
    }

    fn behind(&self, positions: &[(TopicPartition, Position)]) -> Result<Vec<u64>, LogError> {
        let partitions: Vec<TopicPartition> = positions.iter().map(|(partition, _)| *partition).collect();
        let ends = self.stable_ends(&partitions)?;
        positions.iter().zip(ends).map(|((partition, next), end)| self.records_in(*partition, *next, end)).collect()
    }

    fn watch(&self, partitions: &[TopicPartition]) -> Result<(), LogError> {
        partitions.iter().try_for_each(|partition| self.check(*partition))?;
        self.tail.watch(partitions)
    }

    /// Counts what this process made durable, and what came to the partitions that are watched.
    fn wait_stable(&self, seen: u64, timeout: Duration) -> u64 {
        self.readers.rest();
        let count = locked(&self.advances.count);
        let waited = self.advances.changed.wait_timeout_while(count, timeout, |count| *count == seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The broker lets go of records by each topic's own retention.
    fn retain(&self, _: Instante) -> Result<u64, LogError> {
        Ok(0)
    }
}
