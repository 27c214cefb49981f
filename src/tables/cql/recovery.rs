//! Writing a batch down, finishing one that was cut short, and emptying tables.

use std::sync::Arc;

use scylla::value::CqlValue;

use super::{
    Layout, ddl,
    journal::{self, Target},
    link::failed,
    prepared::Prepared,
    shared::Shared,
    values::{self, Bound, blob, number},
};
use crate::tables::{TablesError, Value, Write};

impl Shared {
    /// Whether what this process knows of a partition of the log was read in the turn of this epoch. One that it never wrote to is closed
    /// to earlier epochs now.
    pub(super) async fn known_in(&self, topic: u16, partition: u16, epoch: u64) -> Result<(), TablesError> {
        match self.lease.fenced_in(topic, partition) {
            Some(known) if known == epoch => Ok(()),
            Some(_) => Err(self.elsewhere()),
            None => self.close(topic, partition, epoch).await,
        }
    }

    /// Closes a partition of the journal to earlier epochs: a batch of theirs was written down before, or never will be.
    async fn close(&self, topic: u16, partition: u16, epoch: u64) -> Result<(), TablesError> {
        if self.lease.fenced_in(topic, partition) == Some(epoch) {
            return Ok(());
        }
        let read = format!("SELECT epoca FROM {}{} WHERE tema = ? AND particion = ? LIMIT 1", self.space, ddl::JOURNAL);
        let close = format!("UPDATE {}{} SET epoca = ? WHERE tema = ? AND particion = ? IF epoca = ?", self.space, ddl::JOURNAL);
        let link = self.link().await?;
        loop {
            let found = link.decided(&read, place(topic, partition).to_vec()).await?;
            let known = found.into_iter().next().and_then(|row| row.columns.into_iter().next().flatten());
            let (of, known) = match known {
                Some(CqlValue::BigInt(of)) => (of.cast_unsigned(), number(of)),
                _ => (0, Bound::Set(Value::Null)),
            };
            if of > epoch {
                return Err(self.overtaken(epoch));
            }
            let mut bound = vec![number(epoch.cast_signed())];
            bound.extend(place(topic, partition));
            bound.push(known);
            if of == epoch || link.decide(&close, bound).await? {
                self.lease.fence(topic, partition, epoch);
                return Ok(());
            }
        }
    }

    /// Keeps a batch where it can be finished from. One row is there or is not: it needs none of that.
    ///
    /// Its parts count once the partition takes their sum, which it does only in this epoch: whoever took the turn meanwhile has closed it.
    pub(super) async fn write_down(
        self: &Arc<Self>,
        targets: &[Target],
        writes: &[Prepared],
        epoch: u64,
    ) -> Result<(), TablesError> {
        let Some(first) = targets.first().filter(|_| writes.len() > 1) else { return Ok(()) };
        let unfit = |what: String| TablesError::Storage(format!("un lote no se pudo anotar antes de escribirlo: {what}"));
        let content = journal::encode(targets, writes.iter().map(|write| &write.write)).map_err(unfit)?;
        let parts = content.len().div_ceil(journal::PART_BYTES);
        if parts > journal::PARTS_MAX {
            return Err(unfit(format!("ocupa {} bytes", content.len())));
        }
        let (topic, partition, stamp) = (first.topic, first.partition, self.lease.stamp(epoch));
        let pieces = (0..).zip(content.chunks(journal::PART_BYTES).map(<[u8]>::to_vec)).collect();
        self.in_lanes(pieces, move |shared, (part, bytes): (i32, Vec<u8>)| async move {
            let text = format!(
                "INSERT INTO {}{} (tema, particion, parte, contenido) VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
                shared.space,
                ddl::JOURNAL
            );
            let mut bound = place(topic, partition).to_vec();
            bound.extend([Bound::Small(part), blob(&bytes), number(stamp)]);
            shared.link().await?.execute(&text, bound).await.map(drop)
        })
        .await?;
        let parts = i32::try_from(parts).unwrap_or(i32::MAX);
        self.sign(first.topic, first.partition, (parts, journal::sum(&content)), epoch).await
    }

    /// Says which parts are the batch of a partition, if the partition is still of this epoch.
    async fn sign(&self, topic: u16, partition: u16, (parts, sum): (i32, i64), epoch: u64) -> Result<(), TablesError> {
        let text =
            format!("UPDATE {}{} SET partes = ?, suma = ? WHERE tema = ? AND particion = ? IF epoca = ?", self.space, ddl::JOURNAL);
        let mut bound = vec![Bound::Small(parts), number(sum)];
        bound.extend(place(topic, partition));
        bound.push(number(epoch.cast_signed()));
        if self.link().await?.decide(&text, bound).await? { Ok(()) } else { Err(self.overtaken(epoch)) }
    }

    /// The batch that was written down last for a partition of the log; `None` when it was not written down whole: then nothing of it was made.
    pub(super) async fn written_down(&self, topic: u16, partition: u16) -> Result<Option<(Vec<Target>, Vec<Write>)>, TablesError> {
        let text =
            format!("SELECT parte, partes, suma, contenido FROM {}{} WHERE tema = ? AND particion = ?", self.space, ddl::JOURNAL);
        let found = self.link().await?.rows(&text, place(topic, partition).to_vec()).await?;
        let (mut content, mut signed) = (Vec::new(), None);
        for (number, row) in (0..).zip(found) {
            let [Some(CqlValue::Int(part)), Some(CqlValue::Int(parts)), Some(CqlValue::BigInt(sum)), Some(CqlValue::Blob(bytes))] =
                &row.columns[..]
            else {
                return Ok(None);
            };
            signed = Some(*sum);
            // Parts of a longer batch of before may follow.
            if number >= *parts {
                break;
            }
            if *part != number {
                return Ok(None);
            }
            content.extend_from_slice(bytes);
        }
        Ok(signed.filter(|sum| journal::sum(&content) == *sum).and_then(|_| journal::decode(&content, |name| self.table_of(name))))
    }

    /// Closes a partition to earlier epochs, and finishes the batch that was written down last when some sink's position says that it was
    /// not.
    pub(super) async fn recover(self: &Arc<Self>, topic: u16, partition: u16) -> Result<(), TablesError> {
        let epoch = self.epoch().await?;
        self.close(topic, partition, epoch).await?;
        self.finish_written_down(topic, partition, epoch).await.map(drop)
    }

    /// The sinks whose batch it was.
    async fn finish_written_down(self: &Arc<Self>, topic: u16, partition: u16, epoch: u64) -> Result<Vec<Target>, TablesError> {
        let Some((targets, writes)) = self.written_down(topic, partition).await? else { return Ok(Vec::new()) };
        let mut behind = Vec::new();
        for target in &targets {
            if self.position(&target.consumer, target.topic, target.partition).await?.unwrap_or_default() < target.next {
                behind.push(target.clone());
            }
        }
        if behind.is_empty() {
            return Ok(targets);
        }
        tracing::info!(evento = "lote_terminado", tema = topic, particion = partition, filas = writes.len(), "quedó a medias");
        let prepared = writes.into_iter().map(|write| self.prepare(write)).collect::<Result<Vec<_>, _>>()?;
        self.make(prepared, &behind, epoch).await?;
        Ok(targets)
    }

    pub(super) async fn truncate(&self, table: &str, epoch: u64) -> Result<(), TablesError> {
        self.still(epoch)?;
        let emptied = self.link().await?.session.query_unpaged(format!("TRUNCATE {}{table}", self.space), ()).await;
        emptied.map(drop).map_err(|e| failed("no vació una tabla", e))
    }

    pub(super) async fn clear(self: &Arc<Self>, layouts: &[&'static Layout], consumer: &str) -> Result<(), TablesError> {
        let epoch = self.epoch().await?;
        // What was cut short is finished now: once a position is gone, its batch would be taken for one that was not made.
        let text = format!("SELECT DISTINCT tema, particion FROM {}{}", self.space, ddl::JOURNAL);
        for row in self.link().await?.rows(&text, Vec::new()).await? {
            if let [Some(CqlValue::Int(topic)), Some(CqlValue::Int(partition))] = row.columns[..]
                && let (Ok(topic), Ok(partition)) = (u16::try_from(topic), u16::try_from(partition))
            {
                self.close(topic, partition, epoch).await?;
                let sinks = self.finish_written_down(topic, partition, epoch).await?;
                if sinks.iter().any(|sink| sink.consumer == consumer) {
                    self.sign(topic, partition, NO_BATCH, epoch).await?;
                }
            }
        }
        // The positions first: rows without a position are written again, a position without rows would hide them.
        let text = format!("DELETE FROM {}{} USING TIMESTAMP ? WHERE consumidor = ?", self.space, ddl::POSITIONS);
        let bound = vec![number(self.lease.stamp(epoch)), values::text(consumer)];
        self.link().await?.execute(&text, bound).await?;
        for layout in layouts {
            self.truncate(layout.table.name, epoch).await?;
            if layout.is_split() {
                self.truncate(&ddl::directory(layout.table.name), epoch).await?;
            }
        }
        self.forget_what_was_written();
        Ok(())
    }
}

/// Parts and sum of no batch: that of nothing is another.
const NO_BATCH: (i32, i64) = (0, 0);

fn place(topic: u16, partition: u16) -> [Bound; 2] {
    [Bound::Small(i32::from(topic)), Bound::Small(i32::from(partition))]
}
