//! Writing a batch down, finishing one that was cut short, and emptying tables.

use std::sync::{Arc, PoisonError};

use scylla::value::{CqlValue, MaybeUnset};
use tokio::task::JoinSet;

use super::{
    Layout, ddl,
    journal::{self, Target},
    link::failed,
    prepared::Prepared,
    shared::Shared,
    values::{blob, number, small},
    writes::finish,
};
use crate::tables::{TablesError, Write};

impl Shared {
    /// Keeps a batch where it can be finished from. One row is there or is not: it needs none of that.
    pub(super) async fn write_down(self: &Arc<Self>, targets: &[Target], writes: &[Prepared]) -> Result<(), TablesError> {
        let Some(first) = targets.first().filter(|_| writes.len() > 1) else { return Ok(()) };
        let unfit = |what: String| TablesError::Storage(format!("un lote no se pudo anotar antes de escribirlo: {what}"));
        let content = journal::encode(targets, writes.iter().map(|write| &write.write)).map_err(unfit)?;
        let parts = content.len().div_ceil(journal::PART_BYTES);
        if parts > journal::PARTS_MAX {
            return Err(unfit(format!("ocupa {} bytes", content.len())));
        }
        let sum = journal::sum(&content);
        let text = format!(
            "INSERT INTO {}{} (tema, particion, parte, partes, suma, contenido) VALUES (?, ?, ?, ?, ?, ?)",
            self.space,
            ddl::JOURNAL
        );
        let mut tasks = JoinSet::new();
        for (part, bytes) in content.chunks(journal::PART_BYTES).enumerate() {
            let bound = vec![
                small(i32::from(first.topic)),
                small(i32::from(first.partition)),
                small(i32::try_from(part).unwrap_or(i32::MAX)),
                small(i32::try_from(parts).unwrap_or(i32::MAX)),
                number(sum),
                blob(bytes),
            ];
            let (shared, text) = (Arc::clone(self), text.clone());
            self.spawn(&mut tasks, async move { shared.link().await?.execute(&text, bound).await.map(drop) }).await?;
        }
        finish(tasks).await
    }

    /// The batch that was written down last for a partition of the log; `None` when it was not written down whole: then nothing of it was made.
    pub(super) async fn written_down(&self, topic: u16, partition: u16) -> Result<Option<(Vec<Target>, Vec<Write>)>, TablesError> {
        let text =
            format!("SELECT parte, partes, suma, contenido FROM {}{} WHERE tema = ? AND particion = ?", self.space, ddl::JOURNAL);
        let bound = vec![small(i32::from(topic)), small(i32::from(partition))];
        let found = self.link().await?.rows(&text, bound).await?;
        let (mut content, mut whole) = (Vec::new(), None);
        for (place, row) in found.into_iter().enumerate() {
            let [Some(CqlValue::Int(part)), Some(CqlValue::Int(parts)), Some(CqlValue::BigInt(sum)), Some(CqlValue::Blob(bytes))] =
                &row.columns[..]
            else {
                return Ok(None);
            };
            // Parts of a longer batch of before may follow.
            let of_this = *whole.get_or_insert((*parts, *sum)) == (*parts, *sum);
            if whole.is_some_and(|(parts, _)| usize::try_from(parts).is_ok_and(|parts| place >= parts)) {
                break;
            }
            if !of_this || usize::try_from(*part) != Ok(place) {
                return Ok(None);
            }
            content.extend_from_slice(bytes);
        }
        let table_of = |name: &str| self.layouts.get(name).map(|layout| layout.table);
        Ok(whole.filter(|(_, sum)| journal::sum(&content) == *sum).and_then(|_| journal::decode(&content, table_of)))
    }

    /// Finishes the batch that was written down last, when some sink's position says that it was not.
    pub(super) async fn recover(self: &Arc<Self>, topic: u16, partition: u16) -> Result<(), TablesError> {
        let Some((targets, writes)) = self.written_down(topic, partition).await? else { return Ok(()) };
        let mut behind = Vec::new();
        for target in targets {
            if self.position(&target.consumer, target.topic, target.partition).await?.unwrap_or_default() < target.next {
                behind.push(target);
            }
        }
        if behind.is_empty() {
            return Ok(());
        }
        tracing::info!(evento = "lote_terminado", tema = topic, particion = partition, filas = writes.len(), "quedó a medias");
        let prepared = writes.into_iter().map(|write| self.prepare(write)).collect::<Result<Vec<_>, _>>()?;
        self.make(prepared, &behind).await
    }

    pub(super) async fn truncate(&self, table: &str) -> Result<(), TablesError> {
        let emptied = self.link().await?.session.query_unpaged(format!("TRUNCATE {}{table}", self.space), ()).await;
        emptied.map(drop).map_err(|e| failed("no vació una tabla", e))
    }

    pub(super) async fn clear(self: &Arc<Self>, layouts: &[&'static Layout], consumer: &str) -> Result<(), TablesError> {
        // What was cut short is finished now: once a position is gone, its batch would be taken for one that was not made.
        let text = format!("SELECT DISTINCT tema, particion FROM {}{}", self.space, ddl::JOURNAL);
        for row in self.link().await?.rows(&text, Vec::new()).await? {
            if let [Some(CqlValue::Int(topic)), Some(CqlValue::Int(partition))] = row.columns[..]
                && let (Ok(topic), Ok(partition)) = (u16::try_from(topic), u16::try_from(partition))
            {
                self.recover(topic, partition).await?;
            }
        }
        self.truncate(ddl::JOURNAL).await?;
        // The positions first: rows without a position are written again, a position without rows would hide them.
        let text = format!("DELETE FROM {}{} WHERE consumidor = ?", self.space, ddl::POSITIONS);
        self.link().await?.execute(&text, vec![MaybeUnset::Set(Some(CqlValue::Text(consumer.to_owned())))]).await?;
        for layout in layouts {
            self.truncate(layout.table.name).await?;
            if layout.is_split() {
                self.truncate(&ddl::directory(layout.table.name)).await?;
            }
        }
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.known_buckets.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}
