//! The port on the driver.

use std::{
    ops::ControlFlow,
    sync::{Arc, PoisonError},
    time::Duration,
};

use scylla::response::PagingState;

use super::{
    Difference, Layout, ddl,
    link::{CqlOptions, Workers, rows},
    schema,
    shared::Shared,
    values::{self, number, set},
};
use crate::{
    log::{Position, TopicPartition},
    tables::{
        Cursor, From, Row, SinkPosition, Table, Tables, TablesError, Value, Write,
        feeding::{Feeder, Feeding, Turn},
        key,
    },
};

/// The tables of one keyspace.
pub struct CqlTables {
    shared: Arc<Shared>,
    workers: Arc<Workers>,
    /// Whether a batch is written down before it is made.
    journal: bool,
}

impl CqlTables {
    /// Nothing is asked of the database yet. `layouts` are all the tables that will be declared.
    ///
    /// # Errors
    /// `Storage` when the system gives no thread.
    pub fn open(options: CqlOptions, layouts: &'static [Layout]) -> Result<Arc<Self>, TablesError> {
        let (shared, workers) = (Arc::new(Shared::new(options, layouts)), Arc::new(Workers::start()?));
        Ok(Arc::new(Self { shared, workers, journal: true }))
    }

    /// The same tables for whoever starts over when he is cut short: batches are not written down, and there are none to finish.
    pub fn without_journal(&self) -> Arc<Self> {
        Arc::new(Self { shared: Arc::clone(&self.shared), workers: Arc::clone(&self.workers), journal: false })
    }

    /// What the database lacks or has otherwise.
    ///
    /// # Errors
    /// `Storage`, `Shape`.
    pub fn differences(&self, tables: &[&'static Table]) -> Result<Vec<Difference>, TablesError> {
        let (shared, layouts) = (Arc::clone(&self.shared), self.shared.layouts_of(tables)?);
        self.workers.wait(async move { schema::differences(shared.connected().await?, &shared.options.keyspace, &layouts).await })
    }

    /// Creates the keyspace and the tables that are missing.
    ///
    /// # Errors
    /// `Storage`, `Shape`.
    pub fn create(&self, tables: &[&'static Table]) -> Result<(), TablesError> {
        let (shared, layouts) = (Arc::clone(&self.shared), self.shared.layouts_of(tables)?);
        self.workers.wait(async move { schema::create(shared.connected().await?, &shared.options, &layouts).await })
    }
}

impl Feeding for CqlTables {
    fn start(&self, feeder: Feeder) {
        self.workers.spawn(Arc::clone(&self.shared).keep_turn(feeder));
    }

    fn turn(&self) -> Turn {
        self.shared.lease.turn()
    }

    fn wait(&self, patience: Duration) -> Turn {
        self.shared.lease.wait(patience)
    }

    fn release(&self) {
        let shared = Arc::clone(&self.shared);
        let released = self.workers.wait(async move { shared.release_turn().await });
        if let Err(error) = released {
            tracing::warn!(evento = "turno_sin_entregar", causa = %error, "otro proceso esperará el plazo del turno para tomarlo");
        }
    }
}

impl Tables for CqlTables {
    fn declare(&self, tables: &[&'static Table]) -> Result<(), TablesError> {
        self.shared.layouts_of(tables)?;
        self.shared.declared.lock().unwrap_or_else(PoisonError::into_inner).extend(tables);
        let shared = Arc::clone(&self.shared);
        let settled = self.workers.wait(async move { shared.link().await.map(drop) });
        match settled {
            Err(TablesError::Storage(why)) if self.shared.options.patient => {
                tracing::warn!(evento = "tablas_ausentes", causa = why, "se piden otra vez con cada uso");
                Ok(())
            }
            settled => settled,
        }
    }

    fn apply(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError> {
        let prepared = writes.into_iter().map(|write| self.shared.prepare(write)).collect::<Result<Vec<_>, _>>()?;
        let (shared, positions) = (Arc::clone(&self.shared), positions.to_vec());
        let journal = self.journal;
        self.workers.wait(shared.apply(prepared, positions, journal))
    }

    fn get(&self, table: &'static Table, row_key: &[Value]) -> Result<Option<Row>, TablesError> {
        let layout = self.shared.layout(table)?;
        let shape = |what: String| TablesError::Shape { table: table.name, what };
        key::encode_whole(table, row_key).map_err(shape)?;
        let bucket = layout.bucket.of(row_key.get(table.partition.len())).map_err(shape)?;
        let bound = row_key.iter().map(set).chain([number(bucket)]).collect();
        let shared = Arc::clone(&self.shared);
        self.workers.wait(async move {
            let found = shared.link().await?.rows(&ddl::select_one(&shared.space, table), bound).await?;
            found.into_iter().next().map(|row| values::row(table, row)).transpose()
        })
    }

    fn slice(
        &self,
        table: &'static Table,
        partition: &[Value],
        from: &From,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Row>, TablesError> {
        let layout = self.shared.layout(table)?;
        // The same checks as everywhere.
        key::bounds(table, partition, from, reverse).map_err(|what| TablesError::Shape { table: table.name, what })?;
        let (shared, partition, from) = (Arc::clone(&self.shared), partition.to_vec(), from.clone());
        self.workers.wait(async move { shared.slice(layout, partition, from, reverse, limit).await })
    }

    fn scan(&self, table: &'static Table, after: Option<&Cursor>, limit: usize) -> Result<(Vec<Row>, Option<Cursor>), TablesError> {
        let state = after.map_or_else(PagingState::start, |cursor| PagingState::new_from_raw_bytes(cursor.0.clone()));
        let shared = Arc::clone(&self.shared);
        self.workers.wait(async move {
            let text = ddl::select_all(&shared.space, table);
            let (found, next) = shared.link().await?.page(&text, limit, state).await?;
            let next = match next.into_paging_control_flow() {
                ControlFlow::Continue(state) => state.as_bytes_slice().map(|bytes| Cursor(bytes.to_vec())),
                ControlFlow::Break(()) => None,
            };
            let rows = rows(found)?.into_iter().map(|row| values::row(table, row)).collect::<Result<_, _>>()?;
            Ok((rows, next))
        })
    }

    fn position(&self, consumer: &str, partition: TopicPartition) -> Result<Option<Position>, TablesError> {
        let (shared, consumer) = (Arc::clone(&self.shared), consumer.to_owned());
        self.workers.wait(async move { shared.position(&consumer, partition.topic.codigo(), partition.partition).await })
    }

    fn recover(&self, partition: TopicPartition) -> Result<(), TablesError> {
        if !self.journal {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        self.workers.wait(async move { shared.recover(partition.topic.codigo(), partition.partition).await })
    }

    fn clear(&self, tables: &[&'static Table], consumer: &str) -> Result<(), TablesError> {
        let layouts = self.shared.layouts_of(tables)?;
        let (shared, consumer) = (Arc::clone(&self.shared), consumer.to_owned());
        self.workers.wait(async move { shared.clear(&layouts, &consumer).await })
    }
}
