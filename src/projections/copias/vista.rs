//! The port over one copy of each projection: names are turned into those of the copy, and nothing else.

use std::sync::Arc;

use super::{Copia, PROYECCIONES_ACTIVAS, SEGUNDAS, tabla};
use crate::{
    log::{Position, TopicPartition},
    tables::{Cursor, From, Row, SinkPosition, Table, Tables, TablesError, Value, Write},
};

/// Which copy of the projection at a place of the list is meant.
type CopiaDe = Box<dyn Fn(usize) -> Result<Copia, TablesError> + Send + Sync>;

pub(super) struct Vista {
    pub tablas: Arc<dyn Tables>,
    pub copia_de: CopiaDe,
}

/// The consumer whose positions are those of a copy.
pub(super) fn consumidor(nombre: &'static str, copia: Copia) -> &'static str {
    match (SEGUNDAS.consumidores.get(nombre), copia) {
        (Some((_, segundo)), Copia::Segunda) => segundo,
        _ => nombre,
    }
}

impl Vista {
    fn tabla(&self, table: &'static Table) -> Result<&'static Table, TablesError> {
        match SEGUNDAS.tablas.get(table.name) {
            Some((lugar, _)) => Ok(tabla(table, (self.copia_de)(*lugar)?)),
            None => Ok(table),
        }
    }

    /// The rows of a table mostly come together: it is looked up once for all of them.
    fn writes(&self, mut writes: Vec<Write>) -> Result<Vec<Write>, TablesError> {
        let mut last: Option<(&'static Table, &'static Table)> = None;
        for write in &mut writes {
            let (Write::Upsert { table, .. } | Write::Insert { table, .. } | Write::Delete { table, .. }) = write;
            let found = match last {
                Some((declared, found)) if std::ptr::eq(declared, *table) => found,
                _ => self.tabla(table)?,
            };
            last = Some((table, found));
            *table = found;
        }
        Ok(writes)
    }

    fn position_of(&self, position: &SinkPosition) -> Result<SinkPosition, TablesError> {
        let Some((lugar, _)) = SEGUNDAS.consumidores.get(position.consumer) else { return Ok(position.clone()) };
        let consumer = consumidor(position.consumer, (self.copia_de)(*lugar)?);
        Ok(SinkPosition { consumer, ..position.clone() })
    }
}

impl Tables for Vista {
    /// The first copies: a second one is declared when it is made, or found to be in use.
    fn declare(&self, tables: &[&'static Table]) -> Result<(), TablesError> {
        let todas: Vec<_> = tables.iter().copied().chain([&PROYECCIONES_ACTIVAS]).collect();
        self.tablas.declare(&todas)
    }

    fn apply(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError> {
        let writes = self.writes(writes)?;
        let positions = positions.iter().map(|position| self.position_of(position)).collect::<Result<Vec<_>, _>>()?;
        self.tablas.apply(writes, &positions)
    }

    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, TablesError> {
        self.tablas.get(self.tabla(table)?, key)
    }

    fn slice(
        &self,
        table: &'static Table,
        partition: &[Value],
        from: &From,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Row>, TablesError> {
        self.tablas.slice(self.tabla(table)?, partition, from, reverse, limit)
    }

    fn scan(&self, table: &'static Table, after: Option<&Cursor>, limit: usize) -> Result<(Vec<Row>, Option<Cursor>), TablesError> {
        self.tablas.scan(self.tabla(table)?, after, limit)
    }

    fn position(&self, consumer: &str, partition: TopicPartition) -> Result<Option<Position>, TablesError> {
        let Some((nombre, (lugar, _))) = SEGUNDAS.consumidores.get_key_value(consumer) else {
            return self.tablas.position(consumer, partition);
        };
        self.tablas.position(consumidor(nombre, (self.copia_de)(*lugar)?), partition)
    }

    fn recover(&self, partition: TopicPartition) -> Result<(), TablesError> {
        self.tablas.recover(partition)
    }

    fn clear(&self, tables: &[&'static Table], consumer: &str) -> Result<(), TablesError> {
        let tables = tables.iter().map(|table| self.tabla(table)).collect::<Result<Vec<_>, _>>()?;
        let Some((nombre, (lugar, _))) = SEGUNDAS.consumidores.get_key_value(consumer) else {
            return self.tablas.clear(&tables, consumer);
        };
        self.tablas.clear(&tables, consumidor(nombre, (self.copia_de)(*lugar)?))
    }
}
