//! A member of a consumer group. Changes of hands are deferred: the library tells of them in its callback, `poll` delivers them, and the
//! poll after that acknowledges.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    convert, group, raw,
    settings::{CALL, KafkaOptions, explain, failure, is_passing, patiently},
    standing::{Callbacks, Change, Standing, unset},
};
use crate::log::{Delivery, LogError, Position, StoredRecord, Subscription, Topic, TopicPartition, transactional::Membership};

/// Records and bytes taken from the library and not delivered yet, beyond which no more are taken.
const MAX_HELD_RECORDS: usize = 4_096;
const MAX_HELD_BYTES: usize = 4 << 20;
/// How long that may last before the partitions are paused, so that the group is still listened to.
const FULL: Duration = Duration::from_secs(1);
/// Longest wait for the committed positions at an assignment; they are asked again at the next poll.
const POSITIONS: Duration = Duration::from_secs(5);
/// How often the group is asked whether somebody waits for a round.
const ROUND: Duration = Duration::from_secs(1);
/// Partitions are nobody's for a while in every round that moves them: longer than whoever lets them go may take, no round is coming.
const ORPHANED: Duration = Duration::from_secs(6);
/// How long leaving the group may take.
const LEAVING: Duration = Duration::from_secs(5);

/// A partition that is this member's.
#[derive(Default)]
struct Held {
    records: VecDeque<StoredRecord>,
    /// Records before this one are of before a seek.
    next: Position,
}

/// See the module.
pub struct Member {
    consumer: Arc<BaseConsumer<Callbacks>>,
    options: KafkaOptions,
    group: String,
    topics: Vec<Topic>,
    /// It keeps its place in the group while it is away.
    is_static: bool,
    /// It has been told what it was given, be it nothing.
    arrived: bool,
    /// When it may ask next whether somebody waits for a round.
    ask_at: Option<Instant>,
    /// Since when, and in which generation, partitions are nobody's.
    orphans: Option<(i32, Instant)>,
    standing: Arc<Standing>,
    held: BTreeMap<TopicPartition, Held>,
    held_records: usize,
    held_bytes: usize,
    /// Delivered as revoked, not acknowledged; whether they were lost.
    returning: Option<(Vec<TopicPartition>, bool)>,
    /// Assigned, and their positions not known yet.
    gaining: Vec<TopicPartition>,
    /// The last partition that had its turn.
    turn: Option<TopicPartition>,
    full_since: Option<Instant>,
    paused: bool,
    failure: Option<LogError>,
}

impl Member {
    /// Joins; the assignment is delivered by a later poll.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn join(options: &KafkaOptions, group: &str, topics: &[Topic], instance: Option<&str>) -> Result<Self, LogError> {
        let consumer: BaseConsumer<Callbacks> =
            BaseConsumer::from_config_and_context(&options.member(group, instance), Callbacks::default())
                .map_err(|e| LogError::Storage(explain(&e)))?;
        let consumer = Arc::new(consumer);
        let standing = Arc::new(Standing::new(group));
        standing.follow(Arc::downgrade(&consumer));
        let member = Self {
            consumer,
            options: options.clone(),
            group: group.to_owned(),
            topics: topics.to_vec(),
            is_static: instance.is_some(),
            arrived: false,
            ask_at: None,
            orphans: None,
            standing,
            held: BTreeMap::new(),
            held_records: 0,
            held_bytes: 0,
            returning: None,
            gaining: Vec::new(),
            turn: None,
            full_since: None,
            paused: false,
            failure: None,
        };
        member.subscribe()?;
        Ok(member)
    }

    fn subscribe(&self) -> Result<(), LogError> {
        let names: Vec<String> = self.topics.iter().map(|topic| self.options.topology.named(&topic.nombre())).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.consumer.subscribe(&names).map_err(|e| LogError::Storage(explain(&e)))
    }

    pub fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    fn name(&self, partition: TopicPartition) -> String {
        self.options.topology.named(&partition.topic.nombre())
    }

    fn failed(&self, what: &str, error: &KafkaError) -> LogError {
        let troubles = &self.consumer.context().context.troubles;
        failure(error, troubles.with_last(format!("grupo «{}»: {what}: {}", self.group, explain(error))))
    }

    fn known(&self, partitions: &[(String, i32)]) -> Vec<TopicPartition> {
        let topics = &self.options.topology.topics;
        let mut known: Vec<TopicPartition> = partitions
            .iter()
            .filter_map(|(name, number)| {
                let spec = topics.iter().find(|spec| spec.name == *name)?;
                Some(TopicPartition::new(spec.topic, u16::try_from(*number).ok()?))
            })
            .collect();
        known.sort_unstable();
        known
    }

    fn list(&self, partitions: &[(TopicPartition, Offset)]) -> Result<TopicPartitionList, LogError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (partition, offset) in partitions {
            list.add_partition_offset(&self.name(*partition), i32::from(partition.partition), *offset)
                .map_err(|e| self.failed("lista de particiones", &e))?;
        }
        Ok(list)
    }

    fn plain_list(&self, partitions: &[TopicPartition]) -> Result<TopicPartitionList, LogError> {
        self.list(&unset(partitions))
    }

    /// Polling again says that what was revoked has been let go.
    fn acknowledge(&mut self) -> Result<(), LogError> {
        let Some((partitions, lost)) = self.returning.take() else { return Ok(()) };
        if !lost {
            // Before the call: after it they may be somebody else's.
            self.standing.change(|m| m.released(&partitions));
        }
        let list = self.plain_list(&partitions)?;
        self.consumer.incremental_unassign(&list).map_err(|e| self.failed("no se pudieron devolver las particiones", &e))
    }

    /// The next change of hands to deliver, if one is due.
    fn change_of_hands(&mut self) -> Result<Option<Delivery>, LogError> {
        if !self.gaining.is_empty() {
            return self.gain();
        }
        while let Some(change) = self.consumer.context().next_change() {
            let partitions = self.known(&change.partitions);
            if !change.assigned {
                return Ok(Some(self.revoked(partitions, &change)));
            }
            if let Some(metadata) = change.metadata {
                self.standing.change(|m| m.refreshed(metadata));
            }
            if partitions.is_empty() {
                // Nothing gained; the group waits for the call all the same.
                let none = TopicPartitionList::new();
                self.consumer.incremental_assign(&none).map_err(|e| self.failed("no se pudo aceptar la asignación", &e))?;
                if self.arrive() && self.held.is_empty() {
                    return Ok(Some(Delivery::Assigned(Vec::new())));
                }
                continue;
            }
            self.gaining = partitions;
            return self.gain();
        }
        Ok(None)
    }

    fn revoked(&mut self, partitions: Vec<TopicPartition>, change: &Change) -> Delivery {
        self.standing.change(|m| match (&change.metadata, change.lost) {
            (_, true) => m.lost(),
            (Some(metadata), false) => m.refreshed(metadata.clone()),
            (None, false) => {}
        });
        for partition in &partitions {
            if let Some(held) = self.held.remove(partition) {
                self.forget(&held.records);
            }
        }
        self.returning = Some((partitions.clone(), change.lost));
        Delivery::Revoked(partitions)
    }

    fn forget(&mut self, records: &VecDeque<StoredRecord>) {
        self.held_records -= records.len();
        self.held_bytes -= records.iter().map(weight).sum::<usize>();
    }

    /// The first assignment since it joined; whether it is. A static one may be what it had before, given back without a round.
    fn arrive(&mut self) -> bool {
        let first = !mem::replace(&mut self.arrived, true);
        if first && self.is_static {
            self.standing.change(Membership::came_back);
        }
        first
    }

    /// Learns the stable committed positions, and takes the partitions at them.
    fn gain(&mut self) -> Result<Option<Delivery>, LogError> {
        let Some(positions) = self.committed(&self.gaining)? else { return Ok(None) };
        let offsets: Vec<_> = positions
            .iter()
            .map(|(partition, position)| (*partition, Offset::Offset(i64::try_from(*position).unwrap_or(i64::MAX))))
            .collect();
        let list = self.list(&offsets)?;
        self.consumer.incremental_assign(&list).map_err(|e| self.failed("no se pudo aceptar la asignación", &e))?;
        for (partition, position) in &positions {
            self.held.insert(*partition, Held { records: VecDeque::new(), next: *position });
        }
        self.standing.change(|m| m.gained(&positions));
        self.arrive();
        Ok(Some(Delivery::Assigned(mem::take(&mut self.gaining))))
    }

    /// Stable committed positions, or where reading starts; `None` when they are not to be had yet.
    fn committed(&self, partitions: &[TopicPartition]) -> Result<Option<Vec<(TopicPartition, Position)>>, LogError> {
        const WHAT: &str = "no se pudieron leer las posiciones confirmadas";
        let committed = match self.consumer.committed_offsets(self.plain_list(partitions)?, POSITIONS) {
            Ok(committed) => committed,
            Err(error) if passes(&error) => {
                tracing::info!(evento = "posiciones_por_conocer", causa = %error, "se vuelven a pedir las posiciones confirmadas");
                return Ok(None);
            }
            Err(error) => return Err(self.failed(WHAT, &error)),
        };
        let mut positions = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let found = committed.find_partition(&self.name(*partition), i32::from(partition.partition));
            match found.map(|element| (element.error(), element.offset())) {
                Some((Ok(()), Offset::Offset(offset))) => {
                    positions.push((*partition, u64::try_from(offset).unwrap_or_default()));
                }
                Some((Err(error), _)) if passes(&error) => return Ok(None),
                Some((Err(error), _)) => return Err(self.failed(WHAT, &error)),
                _ => positions.push((*partition, self.start_of(*partition)?)),
            }
        }
        Ok(Some(positions))
    }

    /// Fetches anew the positions that a transaction without an end may have moved.
    fn recall(&self) -> Result<(), LogError> {
        let Some(owned) = self.standing.membership().to_recall() else { return Ok(()) };
        if let Some(positions) = self.committed(&owned)? {
            self.standing.change(|m| m.gained(&positions));
        }
        Ok(())
    }

    /// Joins again when it came back to what it had left and partitions are nobody's: it let them go and died before the round that would
    /// have given them to others. The library has no call for that; leaving and joining is a round.
    fn pay_round(&mut self) -> Result<(), LogError> {
        let busy = self.returning.is_some() || !self.gaining.is_empty() || self.consumer.context().has_changes();
        if busy || !self.standing.membership().owes_round() || self.ask_at.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        self.ask_at = Some(Instant::now() + ROUND);
        let topology = &self.options.topology;
        let all = self
            .topics
            .iter()
            .filter_map(|topic| topology.topic(*topic))
            .flat_map(|spec| (0..spec.partitions).map(|number| (spec.name.clone(), i32::from(number))));
        let all: BTreeSet<(String, i32)> = all.collect();
        match group::has_orphans(self.consumer.client(), &topology.named(&self.group), &all) {
            Ok(orphans) => self.look_after(orphans),
            Err(error) if passes(&error) => Ok(()),
            Err(error) => Err(self.failed("no se pudo preguntar por el grupo", &error)),
        }
    }

    /// Joins again once partitions were nobody's for long in one generation; is done when none is.
    fn look_after(&mut self, orphans: bool) -> Result<(), LogError> {
        let generation = self.standing.membership().metadata().map(|metadata| metadata.generation);
        let Some(generation) = generation.filter(|_| orphans) else {
            self.orphans = None;
            if !orphans {
                self.standing.change(Membership::round_paid);
            }
            return Ok(());
        };
        match self.orphans {
            Some((of, since)) if of == generation && since.elapsed() >= ORPHANED => {
                tracing::info!(
                    evento = "ronda_debida",
                    grupo = self.group,
                    "hay particiones sin dueño: se entra de nuevo en el grupo"
                );
                self.consumer.unsubscribe();
                self.subscribe()?;
                self.standing.change(Membership::round_paid);
            }
            Some((of, _)) if of == generation => {}
            _ => self.orphans = Some((generation, Instant::now())),
        }
        Ok(())
    }

    /// Acknowledges the changes that nobody will hear of any more, and from now on each as it comes: the library does not close before, and
    /// the group waits. One that was delivered and one whose positions are not known yet are older than those that wait.
    fn let_go(&mut self) {
        self.standing.change(Membership::lost);
        let callbacks = self.consumer.context();
        callbacks.close();
        let returning = self.returning.take().map(|(partitions, _)| (false, partitions));
        let gaining = (!self.gaining.is_empty()).then(|| (true, mem::take(&mut self.gaining)));
        for (assigned, partitions) in returning.into_iter().chain(gaining) {
            let partitions = partitions.iter().map(|partition| (self.name(*partition), i32::from(partition.partition))).collect();
            Change { assigned, partitions, lost: false, metadata: None }.acknowledge(&self.consumer);
        }
        while let Some(change) = callbacks.next_change() {
            change.acknowledge(&self.consumer);
        }
    }

    /// Where a partition that was never consumed starts. Records that went before anybody consumed them are not passed over in silence.
    fn start_of(&self, partition: TopicPartition) -> Result<Position, LogError> {
        let name = self.name(partition);
        let marks = patiently(|| self.consumer.fetch_watermarks(&name, i32::from(partition.partition), CALL));
        let (first, _) = marks.map_err(|e| self.failed(&format!("el broker no da las marcas de {partition}"), &e))?;
        let first = u64::try_from(first).unwrap_or_default();
        if first > 0 {
            return Err(LogError::PositionGone { partition, wanted: 0, first });
        }
        Ok(0)
    }

    /// Takes what the library has, waiting at most `wait` for the first of it; whether anything came.
    fn take(&mut self, wait: Duration) -> Result<bool, LogError> {
        let mut wait = wait;
        let mut came = false;
        while self.paused || !self.is_full() {
            let Some(polled) = self.consumer.poll(wait) else { break };
            wait = Duration::ZERO;
            match polled {
                Ok(message) => {
                    came = true;
                    let Some(partition) = self.known(&[(message.topic().to_owned(), message.partition())]).pop() else { continue };
                    let record = convert::stored(&message);
                    drop(message);
                    self.keep(partition, record);
                }
                Err(error) => self.complaint(&error)?,
            }
        }
        Ok(came)
    }

    fn keep(&mut self, partition: TopicPartition, record: StoredRecord) {
        // Not held: revoked meanwhile. Before `next`: of before a seek.
        let Some(held) = self.held.get_mut(&partition).filter(|held| record.position >= held.next) else { return };
        held.next = record.position + 1;
        self.held_records += 1;
        self.held_bytes += weight(&record);
        held.records.push_back(record);
    }

    fn is_full(&self) -> bool {
        self.held_records >= MAX_HELD_RECORDS || self.held_bytes >= MAX_HELD_BYTES
    }

    fn complaint(&self, error: &KafkaError) -> Result<(), LogError> {
        if passes(error) {
            tracing::debug!(evento = "consumidor", "{error}");
            return Ok(());
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::FencedInstanceId | RDKafkaErrorCode::Fenced) => {
                Err(LogError::Fenced { owner: self.options.node.clone(), held: 0, found: 1 })
            }
            Some(RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset) => Err(self.failed(
                "una posición confirmada ya no está en su tema: se borraron comandos que nadie consumió; revise la retención y el retraso",
                error,
            )),
            _ => Err(self.failed("no se pueden leer los comandos", error)),
        }
    }

    /// Pauses what has been full for long, so that polling only listens to the group; resumes at half.
    fn relieve(&mut self) -> Result<(), LogError> {
        let low = self.held_records <= MAX_HELD_RECORDS / 2 && self.held_bytes <= MAX_HELD_BYTES / 2;
        if self.paused && low {
            let held: Vec<_> = self.held.keys().copied().collect();
            let list = self.plain_list(&held)?;
            self.consumer.resume(&list).map_err(|e| self.failed("no se pudo reanudar la lectura", &e))?;
            self.paused = false;
        }
        if !self.is_full() {
            self.full_since = None;
            return Ok(());
        }
        let since = *self.full_since.get_or_insert_with(Instant::now);
        if !self.paused && since.elapsed() >= FULL {
            let held: Vec<_> = self.held.keys().copied().collect();
            let list = self.plain_list(&held)?;
            self.consumer.pause(&list).map_err(|e| self.failed("no se pudo pausar la lectura", &e))?;
            self.paused = true;
        }
        Ok(())
    }

    /// Records of the partition whose turn it is, up to the limits and at least one.
    fn deliver(&mut self, max_records: usize, max_bytes: usize) -> Option<Delivery> {
        let full = |(partition, held): (&TopicPartition, &Held)| (!held.records.is_empty()).then_some(*partition);
        let after = |turn: TopicPartition| {
            let after = (std::ops::Bound::Excluded(turn), std::ops::Bound::Unbounded);
            self.held.range(after).find_map(full)
        };
        let next = self.turn.and_then(after).or_else(|| self.held.iter().find_map(full))?;
        self.turn = Some(next);
        let records = &mut self.held.get_mut(&next)?.records;
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(record) = records.front() {
            let more = taken.len() < max_records && bytes + record.record.value.len() <= max_bytes;
            if !taken.is_empty() && !more {
                break;
            }
            bytes += record.record.value.len();
            taken.extend(records.pop_front());
        }
        self.held_records -= taken.len();
        self.held_bytes -= taken.iter().map(weight).sum::<usize>();
        Some(Delivery::Records(next, taken))
    }
}

/// What a record that waits weighs: its bytes, and what keeping it costs.
fn weight(record: &StoredRecord) -> usize {
    record.record.value.len() + record.record.key.len() + 128
}

fn passes(error: &KafkaError) -> bool {
    error.rdkafka_error_code().is_some_and(is_passing)
}

impl Subscription for Member {
    fn poll(&mut self, max_records: usize, max_bytes: usize, timeout: Duration) -> Result<Delivery, LogError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let deadline = Instant::now() + timeout;
        self.acknowledge()?;
        self.recall()?;
        self.pay_round()?;
        self.relieve()?;
        // Whatever is there already: it decides whose turn it is, and a change of hands may be among it.
        self.take(Duration::ZERO)?;
        loop {
            if let Some(change) = self.change_of_hands()? {
                return Ok(change);
            }
            if let Some(records) = self.deliver(max_records, max_bytes) {
                return Ok(records);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Delivery::Idle);
            }
            self.take(left)?;
        }
    }

    fn seek(&mut self, partition: TopicPartition, position: Position) {
        let name = self.name(partition);
        let Some(held) = self.held.get_mut(&partition) else { return };
        let dropped = mem::take(&mut held.records);
        held.next = position;
        self.forget(&dropped);
        let offset = Offset::Offset(i64::try_from(position).unwrap_or(i64::MAX));
        if let Err(error) = self.consumer.seek(&name, i32::from(partition.partition), offset, CALL) {
            self.failure = Some(self.failed(&format!("no se pudo volver a {position} en {partition}"), &error));
        }
    }

    /// A static member that only closes keeps its place; one without a subscription has none to keep.
    fn leave(&mut self) -> Result<(), LogError> {
        self.let_go();
        let callbacks = self.consumer.context();
        self.consumer.unsubscribe();
        let deadline = Instant::now() + LEAVING;
        // The callback runs inside the poll. The library forgets its membership when it says that it leaves, and closing waits for the answer.
        while raw::group_metadata(self.consumer.client()).is_some() {
            if Instant::now() >= deadline {
                let what = format!("grupo «{}»: no se pudo salir en {LEAVING:?}: se notará por su silencio", self.group);
                return Err(LogError::Unreachable(callbacks.context.troubles.with_last(what)));
            }
            drop(self.consumer.poll(Duration::from_millis(5)));
        }
        Ok(())
    }
}

impl Drop for Member {
    /// Leaves: a dynamic member's partitions go to others at once, a static one's wait for its return.
    fn drop(&mut self) {
        self.let_go();
    }
}
