//! The log up to where some sinks are, for folding again what they folded: nothing later is seen, and nothing is written.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    domain::valores::Instante,
    log::{
        Committed, Log, LogError, OwnerToken, PendingAppend, Position, Record, StoredRecord, Subscription, Topic, TopicPartition,
        Transaction, Watermarks,
    },
};

/// Ends each partition where it is told; a partition that is not named has nothing.
pub struct Corte {
    pub log: Arc<dyn Log>,
    pub hasta: BTreeMap<TopicPartition, Position>,
}

/// What a fold sets aside was set aside by the sinks that folded it first.
struct Nada(Vec<Position>);

impl PendingAppend for Nada {
    fn positions(&self) -> &[Position] {
        &self.0
    }

    fn wait(self: Box<Self>) -> Result<(), LogError> {
        Ok(())
    }
}

fn solo_lectura<T>() -> Result<T, LogError> {
    Err(LogError::Storage("un corte del registro sólo se lee".to_owned()))
}

impl Log for Corte {
    fn partitions(&self, topic: Topic) -> u16 {
        self.log.partitions(topic)
    }

    fn append(&self, records: Vec<(TopicPartition, Record)>) -> Result<Box<dyn PendingAppend>, LogError> {
        Ok(Box::new(Nada(vec![0; records.len()])))
    }

    fn commit(&self, _: Transaction) -> Result<Committed, LogError> {
        solo_lectura()
    }

    fn read(&self, partition: TopicPartition, from: Position, max_bytes: usize) -> Result<Vec<StoredRecord>, LogError> {
        let hasta = self.hasta.get(&partition).copied().unwrap_or_default();
        let mut records = self.log.read(partition, from, max_bytes)?;
        records.retain(|record| record.position < hasta);
        Ok(records)
    }

    fn watermarks(&self, partition: TopicPartition) -> Result<Watermarks, LogError> {
        let hasta = self.hasta.get(&partition).copied().unwrap_or_default();
        let enteras = self.log.watermarks(partition)?;
        Ok(Watermarks { stable: enteras.stable.min(hasta), ..enteras })
    }

    fn position(&self, group: &str, partition: TopicPartition) -> Result<Option<Position>, LogError> {
        self.log.position(group, partition)
    }

    fn claim(&self, _: &str) -> Result<OwnerToken, LogError> {
        solo_lectura()
    }

    fn subscribe(&self, _: &str, _: &[Topic]) -> Result<Box<dyn Subscription>, LogError> {
        solo_lectura()
    }

    fn wait_stable(&self, seen: u64, _: Duration) -> u64 {
        seen
    }

    fn retain(&self, _: Instante) -> Result<u64, LogError> {
        Ok(0)
    }
}
