//! Making a batch: rows by partition, so many requests in flight, then positions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::JoinSet;

use super::{
    ddl,
    journal::Target,
    prepared::Prepared,
    shared::Shared,
    values::{blob, number, place_of},
};
use crate::tables::{SinkPosition, TablesError, Write, versions::Place};

/// Rows of a batch: they are of one partition, and travel as one request.
const BATCH_ROWS: usize = 64;
/// Buckets remembered as being in their directory; beyond it they are written there again.
const KNOWN_BUCKETS: usize = 1 << 17;

impl Shared {
    /// Of each row only its last write by version, and none that is known to be late: what is left may be sent in any order.
    pub(super) fn strongest(&self, prepared: Vec<Prepared>) -> Vec<Prepared> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept: Vec<Prepared> = Vec::with_capacity(prepared.len());
        let mut at: HashMap<Place, usize> = HashMap::with_capacity(prepared.len());
        for write in prepared {
            match at.get(&write.place) {
                Some(i) if write.is_late(kept[*i].version()) => {}
                Some(i) => kept[*i] = write,
                None if versions.get(write.place).is_some_and(|known| write.is_late(known)) => {}
                None => {
                    at.insert(write.place, kept.len());
                    kept.push(write);
                }
            }
        }
        kept
    }

    pub(super) async fn apply(
        self: Arc<Self>,
        prepared: Vec<Prepared>,
        positions: Vec<SinkPosition>,
        journal: bool,
    ) -> Result<(), TablesError> {
        let epoch = self.epoch().await?;
        let targets: Vec<Target> = positions.iter().map(target).collect();
        for target in &targets {
            self.known_in(target.topic, target.partition, epoch).await?;
        }
        let writes = self.strongest(prepared);
        if journal {
            self.write_down(&targets, &writes, epoch).await?;
        }
        self.make(writes, &targets, epoch).await
    }

    /// Rows, then positions.
    pub(super) async fn make(self: &Arc<Self>, writes: Vec<Prepared>, targets: &[Target], epoch: u64) -> Result<(), TablesError> {
        self.still(epoch)?;
        let written: Vec<(Place, u64)> = writes.iter().map(|write| (write.place, write.version())).collect();
        let sent = self.send(writes).await;
        self.remember(sent.is_ok(), written);
        sent?;
        self.still(epoch)?;
        self.write_positions(targets, epoch).await
    }

    /// After a failure some rows may be there and some not: the database knows.
    pub(super) fn remember(&self, sent: bool, written: Vec<(Place, u64)>) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if sent {
            written.into_iter().for_each(|(place, version)| versions.put(place, version));
        } else {
            versions.clear();
        }
    }

    pub(super) async fn send(self: &Arc<Self>, writes: Vec<Prepared>) -> Result<(), TablesError> {
        self.write_buckets(&writes).await?;
        let mut groups: HashMap<(&'static str, Vec<u8>, i64), Vec<Prepared>> = HashMap::new();
        for write in writes {
            groups.entry((write.layout.table.name, write.partition.clone(), write.bucket)).or_default().push(write);
        }
        let mut batches = Vec::with_capacity(groups.len());
        for mut group in groups.into_values() {
            while !group.is_empty() {
                let rest = group.split_off(group.len().min(BATCH_ROWS));
                batches.push(std::mem::replace(&mut group, rest));
            }
        }
        self.in_lanes(batches, |shared, batch| async move { shared.send_batch(&batch).await }).await
    }

    /// Sends all, in as many lanes as requests may be in flight, each with one at a time: a task of its own for every request costs as much as
    /// sending it. A lane ends with its first failure, and this with all of them: none is left flying.
    ///
    /// # Errors
    /// The first failure.
    pub(super) async fn in_lanes<T, Sent>(
        self: &Arc<Self>,
        items: Vec<T>,
        send: impl Fn(Arc<Self>, T) -> Sent + Clone + Send + Sync + 'static,
    ) -> Result<(), TablesError>
    where
        T: Send + 'static,
        Sent: Future<Output = Result<(), TablesError>> + Send,
    {
        let lanes = items.len().min(self.options.in_flight.max(1));
        let queue = Arc::new(Mutex::new(items.into_iter()));
        let mut tasks = JoinSet::new();
        for _ in 0..lanes {
            let (shared, queue, send) = (Arc::clone(self), Arc::clone(&queue), send.clone());
            tasks.spawn(async move {
                let closed = |e| TablesError::Storage(format!("las tablas se cerraron: {e}"));
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(item) = next() {
                    let _permit = shared.permits.acquire().await.map_err(closed)?;
                    send(Arc::clone(&shared), item).await?;
                }
                Ok(())
            });
        }
        finish(tasks).await
    }

    /// Rows of one partition.
    pub(super) async fn send_batch(&self, writes: &[Prepared]) -> Result<(), TablesError> {
        if let [write] = writes {
            return self.link().await?.execute(self.statement(write)?, write.bound()).await.map(drop);
        }
        let texts: Vec<&str> = writes.iter().map(|write| self.statement(write)).collect::<Result<_, _>>()?;
        let values: Vec<_> = writes.iter().map(Prepared::bound).collect();
        self.link().await?.batch(&texts, &values).await
    }

    /// A bucket is in the directory before any of its rows is written: a row that no read can find is never there.
    pub(super) async fn write_buckets(self: &Arc<Self>, writes: &[Prepared]) -> Result<(), TablesError> {
        let mut new: HashMap<(Place, i64), &Prepared> = HashMap::new();
        {
            let mut known = self.known_buckets.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() > KNOWN_BUCKETS {
                known.clear();
            }
            for write in writes.iter().filter(|w| w.layout.is_split() && !matches!(w.write, Write::Delete { .. })) {
                let bucket = (Place::of(write.layout.table, &write.partition), write.bucket);
                if !known.contains(&bucket) {
                    new.insert(bucket, write);
                }
            }
        }
        let entries = new.values().map(|write| (write.layout.table.name, write.partition.clone(), write.bucket)).collect();
        self.in_lanes(entries, |shared, (table, partition, bucket)| async move {
            let text = ddl::insert_bucket(&shared.space, table);
            shared.link().await?.execute(&text, vec![blob(&partition), number(bucket)]).await.map(drop)
        })
        .await?;
        self.known_buckets.lock().unwrap_or_else(PoisonError::into_inner).extend(new.into_keys());
        Ok(())
    }

    /// Their time is the epoch: what a process of an earlier one sends late is covered.
    pub(super) async fn write_positions(&self, targets: &[Target], epoch: u64) -> Result<(), TablesError> {
        let text = format!(
            "INSERT INTO {}{} (consumidor, tema, particion, siguiente) VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
            self.space,
            ddl::POSITIONS
        );
        for target in targets {
            let mut bound = place_of(&target.consumer, target.topic, target.partition);
            bound.extend([number(i64::try_from(target.next).unwrap_or(i64::MAX)), number(self.lease.stamp(epoch))]);
            self.link().await?.execute(&text, bound).await?;
        }
        Ok(())
    }
}

fn target(position: &SinkPosition) -> Target {
    Target {
        consumer: position.consumer.to_owned(),
        topic: position.partition.topic.codigo(),
        partition: position.partition.partition,
        next: position.next,
    }
}

/// Every task to its end; then the first failure.
async fn finish(mut tasks: JoinSet<Result<(), TablesError>>) -> Result<(), TablesError> {
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or_else(|e| Err(TablesError::Storage(format!("una escritura terminó sin respuesta: {e}"))));
        outcome = outcome.and(ended);
    }
    outcome
}
