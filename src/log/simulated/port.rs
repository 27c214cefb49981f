//! The blocking port on top: every call runs to its end, and simulated time goes on only where a call has to wait for it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use super::{
    Api, Shared, SimulatedLog,
    client::{Consumer, ProducerSide, Turn},
    cluster::{Cluster, Sent},
    request::{Answer, Request},
};
use crate::{
    domain::valores::Instante,
    log::{
        Committed, Delivery, Log, LogError, OwnerToken, PendingAppend, Position, Record, StoredRecord, Subscription, Topic,
        TopicPartition, Transaction, Watermarks, limits, transactional::Outcome,
    },
};

/// Number of the blocking port's client.
const NODE: u32 = u32::MAX;

/// What one process claimed and joined.
#[derive(Default)]
pub(super) struct Locals {
    producers: Vec<(String, Arc<Mutex<ProducerSide>>)>,
    consumers: Vec<Weak<Mutex<Consumer>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks and appends, in one request.
pub(super) fn produce(cluster: &mut Cluster, node: u32, records: Vec<(TopicPartition, Record)>) -> Result<Vec<Position>, LogError> {
    let mut placed = Vec::with_capacity(records.len());
    for (partition, record) in records {
        limits::check(partition, &record)?;
        placed.push((cluster.place(partition)?, record));
    }
    match cluster.send(Api::Append, node, &Request::Append { records: placed.into() }) {
        Sent::Answer(Answer::Appended(positions)) | Sent::Repeated(Answer::Appended(positions)) => Ok(positions),
        sent => {
            if let Sent::Waiting(ticket) = sent {
                cluster.forget(ticket);
            }
            Err(LogError::OutcomeUnknown { owner: format!("cliente {node}"), what: "no llegó respuesta".to_owned() })
        }
    }
}

impl SimulatedLog {
    fn producer(&self, owner: &str) -> Option<Arc<Mutex<ProducerSide>>> {
        let locals = locked(&self.locals);
        locals.producers.iter().find(|(name, _)| name == owner).map(|(_, producer)| Arc::clone(producer))
    }

    /// This process's member of the group that owns what the transaction moves, or its first one.
    fn member_for(&self, transaction: &Transaction) -> Option<Arc<Mutex<Consumer>>> {
        let mut locals = locked(&self.locals);
        locals.consumers.retain(|consumer| consumer.strong_count() > 0);
        let members: Vec<_> = locals.consumers.iter().filter_map(Weak::upgrade).collect();
        let of_group = |member: &&Arc<Mutex<Consumer>>| locked(member).name() == transaction.group;
        let owns_all = |member: &Arc<Mutex<Consumer>>| {
            let member = locked(member);
            transaction.positions.iter().all(|(partition, _)| member.membership.owns(*partition))
        };
        let mut members = members.iter().filter(of_group).peekable();
        let first = members.peek().map(|member| Arc::clone(member));
        members.find(|member| owns_all(member)).map(Arc::clone).or(first)
    }

    /// Steps a producer to the end of what it is about.
    fn run(&self, producer: &mut ProducerSide, member: Option<&Mutex<Consumer>>) -> Outcome {
        loop {
            let mut member = member.map(locked);
            let mut cluster = self.shared.lock();
            let outcome = producer.step(&mut cluster, member.as_deref_mut().map(|member| &mut member.membership));
            if let Some(wakes) = producer.wakes_at(&cluster) {
                let to = cluster.next_event().map_or(wakes, |event| event.min(wakes));
                cluster.advance(to);
            }
            drop(cluster);
            if let Some(outcome) = outcome {
                self.shared.announce();
                return outcome;
            }
        }
    }
}

impl Log for SimulatedLog {
    fn partitions(&self, topic: Topic) -> u16 {
        self.shared.lock().options.partitions(topic)
    }

    fn append(&self, records: Vec<(TopicPartition, Record)>) -> Result<Box<dyn PendingAppend>, LogError> {
        let appended = produce(&mut self.shared.lock(), NODE, records);
        self.shared.announce();
        match appended {
            Ok(positions) => Ok(Box::new(Appended { positions, failure: None })),
            Err(failure @ LogError::OutcomeUnknown { .. }) => {
                Ok(Box::new(Appended { positions: Vec::new(), failure: Some(failure) }))
            }
            Err(refused) => Err(refused),
        }
    }

    fn commit(&self, transaction: Transaction) -> Result<Committed, LogError> {
        let Some(producer) = self.producer(&transaction.token.owner) else {
            let OwnerToken { owner, epoch } = transaction.token;
            return Err(LogError::Fenced { owner, held: epoch, found: 0 });
        };
        let mut producer = locked(&producer);
        let member = self.member_for(&transaction);
        {
            let member = member.as_deref().map(locked);
            producer.begin(&self.shared.lock(), transaction, member.as_ref().map(|member| &member.membership))?;
        }
        match self.run(&mut producer, member.as_deref()) {
            Outcome::Ended(ended) => ended,
            Outcome::Claimed(_) => Err(LogError::Storage("el productor respondió por otra llamada".to_owned())),
        }
    }

    fn read(&self, partition: TopicPartition, from: Position, max_bytes: usize) -> Result<Vec<StoredRecord>, LogError> {
        let mut cluster = self.shared.lock();
        let place = cluster.place(partition)?;
        if cluster.is_down() || cluster.fates.read_fails() {
            return Err(LogError::Storage(format!("el broker no respondió a la lectura de {partition}; se vuelve a intentar")));
        }
        let found = &cluster.partitions[place];
        let first = found.watermarks().first;
        if from < first {
            return Err(LogError::PositionGone { partition, wanted: from, first });
        }
        Ok(found.read(from, usize::MAX, max_bytes).0)
    }

    fn watermarks(&self, partition: TopicPartition) -> Result<Watermarks, LogError> {
        let cluster = self.shared.lock();
        let place = cluster.place(partition)?;
        Ok(cluster.partitions[place].watermarks())
    }

    fn position(&self, group: &str, partition: TopicPartition) -> Result<Option<Position>, LogError> {
        let cluster = self.shared.lock();
        let place = cluster.place(partition)?;
        let group = cluster.groups.iter().find(|found| found.name == group);
        Ok(group.and_then(|group| group.committed(place)))
    }

    fn claim(&self, owner: &str) -> Result<OwnerToken, LogError> {
        limits::check_name(owner)?;
        let producer = self.producer(owner).unwrap_or_else(|| {
            let producer = Arc::new(Mutex::new(ProducerSide::new(&mut self.shared.lock(), NODE, owner)));
            locked(&self.locals).producers.push((owner.to_owned(), Arc::clone(&producer)));
            producer
        });
        let mut producer = locked(&producer);
        producer.claim(&mut self.shared.lock());
        match self.run(&mut producer, None) {
            Outcome::Claimed(claimed) => {
                let members: Vec<_> = locked(&self.locals).consumers.iter().filter_map(Weak::upgrade).collect();
                members.iter().for_each(|member| locked(member).membership.claimed());
                claimed
            }
            Outcome::Ended(_) => Err(LogError::Storage("el productor respondió por otra llamada".to_owned())),
        }
    }

    fn subscribe(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Subscription>, LogError> {
        limits::check_name(group)?;
        let consumer = Consumer::new(&mut self.shared.lock(), NODE, group, None, topics.to_vec());
        let consumer = Arc::new(Mutex::new(consumer));
        locked(&self.locals).consumers.push(Arc::downgrade(&consumer));
        Ok(Box::new(Member { shared: Arc::clone(&self.shared), consumer }))
    }

    fn wait_stable(&self, seen: u64, timeout: Duration) -> u64 {
        let cluster = self.shared.lock();
        self.shared.wait(cluster, timeout, |cluster| cluster.advances != seen).advances
    }

    fn retain(&self, now: Instante) -> Result<u64, LogError> {
        let mut cluster = self.shared.lock();
        let (command, reply) = (cluster.options.command_retention, cluster.options.reply_retention);
        let mut gone = 0;
        for place in 0..cluster.partitions.len() {
            let topic = cluster.partitions[place].id.topic;
            let consumed = cluster.groups.iter().filter_map(|group| group.committed(place)).min();
            let (age, limit) = match topic {
                Topic::Comandos(_) => (command, consumed.unwrap_or(0)),
                Topic::Respuestas => (reply, consumed.unwrap_or(Position::MAX)),
                _ => continue,
            };
            gone += cluster.partitions[place].expire(now.0.saturating_sub(age), limit);
        }
        Ok(gone)
    }
}

struct Appended {
    positions: Vec<Position>,
    failure: Option<LogError>,
}

impl PendingAppend for Appended {
    fn positions(&self) -> &[Position] {
        &self.positions
    }

    fn wait(self: Box<Self>) -> Result<(), LogError> {
        self.failure.map_or(Ok(()), Err)
    }
}

/// A member whose polls block.
struct Member {
    shared: Arc<Shared>,
    consumer: Arc<Mutex<Consumer>>,
}

impl Subscription for Member {
    fn poll(&mut self, max_records: usize, max_bytes: usize, timeout: Duration) -> Result<Delivery, LogError> {
        let start = Instant::now();
        loop {
            let mut consumer = locked(&self.consumer);
            let mut cluster = self.shared.lock();
            match consumer.turn(&mut cluster, max_records, max_bytes)? {
                Turn::Delivery(delivery) => {
                    drop(cluster);
                    self.shared.announce();
                    return Ok(delivery);
                }
                Turn::Progress => {
                    drop(cluster);
                    self.shared.announce();
                    continue;
                }
                Turn::Nothing => {}
            }
            drop(consumer);
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(Delivery::Idle);
            }
            self.shared.wait_for_news(cluster, left);
        }
    }

    fn seek(&mut self, partition: TopicPartition, position: Position) {
        locked(&self.consumer).seek(partition, position);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        locked(&self.consumer).leave(&mut self.shared.lock());
        self.shared.announce();
    }
}
