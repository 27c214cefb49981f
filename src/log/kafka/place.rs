//! A reader of one partition: where it stands, and what it holds of what was fetched.

use std::{
    collections::VecDeque,
    sync::Arc,
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
    raw::{self, Fetched, PartitionQueue},
    settings::{explain, hint, is_passing},
};
use crate::log::{LogError, Position, StoredRecord, TopicPartition};

/// One consumer, or a part of one, and where it stands.
pub struct Reader {
    source: Source,
    pub at: Option<Place>,
    pub used: Instant,
}

enum Source {
    /// A consumer of its own, which goes wherever it is wanted.
    Own(BaseConsumer<Context>),
    /// A partition of a consumer that fetches several. The queue goes before its consumer.
    Part(PartitionQueue, Arc<BaseConsumer<Context>>),
}

pub struct Place {
    partition: TopicPartition,
    /// Every record from here up to `next` is held.
    after: Position,
    /// Next position that the consumer may give.
    next: Position,
    held: VecDeque<StoredRecord>,
}

impl Place {
    fn new(partition: TopicPartition, from: Position) -> Self {
        Self { partition, after: from, next: from, held: VecDeque::new() }
    }

    fn continues(&self, partition: TopicPartition, from: Position) -> bool {
        self.partition == partition && (self.after..=self.next).contains(&from)
    }

    /// What comes before a position is not wanted any more: whoever reads from there again finds it elsewhere.
    fn skip_to(&mut self, from: Position) {
        while self.held.front().is_some_and(|record| record.position < from) {
            self.held.pop_front();
        }
        self.after = self.after.max(from.min(self.next));
    }
}

/// # Errors
/// When a setting is wrong.
pub fn client(config: &ClientConfig) -> Result<BaseConsumer<Context>, LogError> {
    BaseConsumer::from_config_and_context(config, Context::default()).map_err(|e| LogError::Storage(explain(&e)))
}

/// The library's word for a position.
pub fn offset(position: Position) -> Offset {
    Offset::Offset(i64::try_from(position).unwrap_or(i64::MAX))
}

impl Reader {
    /// # Errors
    /// When a setting is wrong.
    pub fn new(config: &ClientConfig) -> Result<Self, LogError> {
        Ok(Self { source: Source::Own(client(config)?), at: None, used: Instant::now() })
    }

    /// A reader of what `consumer` fetches of a partition from a position on.
    pub fn of_queue(
        queue: PartitionQueue,
        consumer: &Arc<BaseConsumer<Context>>,
        partition: TopicPartition,
        from: Position,
    ) -> Self {
        let source = Source::Part(queue, Arc::clone(consumer));
        Self { source, at: Some(Place::new(partition, from)), used: Instant::now() }
    }

    fn consumer(&self) -> &BaseConsumer<Context> {
        match &self.source {
            Source::Own(consumer) => consumer,
            Source::Part(_, consumer) => consumer,
        }
    }

    /// Whether it may be taken to another partition.
    pub fn can_move(&self) -> bool {
        matches!(self.source, Source::Own(_))
    }

    pub fn is_in(&self, partition: TopicPartition) -> bool {
        self.at.as_ref().is_some_and(|at| at.partition == partition)
    }

    /// Whether a read from here goes on without moving the consumer.
    pub fn continues(&self, partition: TopicPartition, from: Position) -> bool {
        self.at.as_ref().is_some_and(|at| at.continues(partition, from))
    }

    /// Next position that the consumer may give.
    pub fn next(&self) -> Option<Position> {
        self.at.as_ref().map(|at| at.next)
    }

    pub fn holds_something(&self) -> bool {
        self.at.as_ref().is_some_and(|at| !at.held.is_empty())
    }

    /// An error's text, and what the client heard last.
    pub fn with_last_trouble(&self, what: String) -> String {
        self.consumer().context().troubles.with_last(what)
    }

    /// # Errors
    /// What the library says. One that cannot move is never asked to.
    pub fn move_to(&mut self, name: &str, partition: TopicPartition, from: Position) -> Result<(), KafkaError> {
        assert!(self.can_move(), "la cola de una partición no lee otra");
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(name, i32::from(partition.partition), offset(from))?;
        self.at = None;
        self.consumer().assign(&list)?;
        self.at = Some(Place::new(partition, from));
        Ok(())
    }

    /// Fetches no more.
    pub fn stop(&mut self) {
        self.at = None;
        if let Err(error) = self.consumer().unassign() {
            tracing::debug!(evento = "lector", "{error}");
        }
    }

    /// Takes what the consumer has, waiting at most `wait` for the first of it, unless something is held. `name` is the topic's.
    ///
    /// # Errors
    /// `Storage` for what does not pass by itself.
    pub fn fill(&mut self, name: &str, from: Position, wait: Duration) -> Result<(), LogError> {
        let Self { source, at: Some(at), .. } = self else { return Ok(()) };
        at.skip_to(from);
        if !at.held.is_empty() {
            return Ok(());
        }
        let mut failure = None;
        let mut take = |fetched| match fetched {
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
        };
        match source {
            Source::Own(consumer) => raw::consume(consumer.client(), (name, at.partition.partition), wait, &mut take),
            Source::Part(queue, _) => queue.consume(wait, &mut take),
        }
        failure.map_or(Ok(()), Err)
    }

    /// Held records, up to `max_bytes` of values, at least one when there is one.
    pub fn take_held(&mut self, max_bytes: usize) -> Vec<StoredRecord> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        let Some(at) = self.at.as_mut() else { return taken };
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
}

/// Errors of reading a partition that do not pass by themselves. The library goes on by itself after a lost connection.
fn of_partition(partition: TopicPartition, code: RDKafkaErrorCode, text: String) -> Option<LogError> {
    let hint = hint(code).map(|hint| format!("; {hint}")).unwrap_or_default();
    (!is_passing(code)).then(|| LogError::Storage(format!("no se puede leer {partition}: {text}{hint}")))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        domain::{Contexto, valores::Instante},
        log::{Record, Topic},
    };

    /// A read at the end drops what was fetched before it; a later one from before it must not be told that there is nothing.
    #[test]
    fn what_was_skipped_is_not_said_to_be_held() {
        let partition = TopicPartition::new(Topic::Eventos(Contexto::Numeracion), 2);
        let record = Record { key: Bytes::new(), value: Bytes::new(), headers: Vec::new(), timestamp: Instante(0) };
        let held = (429..434).map(|position| StoredRecord { position, record: record.clone() }).collect();
        let mut place = Place { partition, after: 429, next: 434, held };
        assert!(place.continues(partition, 429));
        place.skip_to(431);
        assert!(!place.continues(partition, 430) && place.continues(partition, 431));
        assert_eq!(place.held.front().map(|record| record.position), Some(431));
        place.skip_to(434);
        assert!(place.held.is_empty());
        assert!(!place.continues(partition, 429), "nadie tiene ya lo que hay desde la 429");
        assert!(place.continues(partition, 434));
    }
}
