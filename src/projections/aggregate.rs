//! The fold shared by read models that keep one row per aggregate: version, holes, quarantine, memory, coalescing.

use std::sync::Arc;

use super::{
    cache::GenerationalCache,
    projection::{Anomalies, Content, Entry, Projection, RowReader},
    rows::{Columns, id_value},
};
use crate::{
    contracts::EventEnvelope,
    domain::{
        Evento, TipoAgregado,
        cuarentena::EventoCuarentena,
        valores::{Id, Instante},
    },
    tables::{Row, Table, TablesError, Value, Write},
};

/// Aggregates held in memory per partition; beyond twice this number the ones used least lately are read again.
const CACHED_AGGREGATES: usize = 2_048;

/// What every row of an aggregate says besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Version of the aggregate; 0 before its first event.
    pub version: u64,
    /// `ocurrido_en` of the first and of the last event folded.
    pub creado_en: Instante,
    pub actualizado_en: Instante,
    /// A version was missing: what follows it is not folded until the projection is rebuilt.
    pub incompleta: bool,
    /// The aggregate is in quarantine: its commands wait.
    pub cuarentena: bool,
}

/// What to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// Seen before.
    Ignore,
    /// The next one: fold it.
    Fold,
    /// Only the marks change: quarantine, or parked behind a hole.
    MarksOnly,
}

impl Marks {
    /// Moves to the event's version (`dominio.md` section 13): older ones are ignored, a hole parks the aggregate.
    pub fn advance(&mut self, sobre: &EventEnvelope, evento: &Evento, anomalies: &Anomalies) -> Advance {
        if sobre.aggregate_version <= self.version {
            return Advance::Ignore;
        }
        if self.version == 0 {
            self.creado_en = sobre.ocurrido_en;
        }
        if sobre.aggregate_version != self.version + 1 && !self.incompleta {
            anomalies.count_holes(1);
            self.incompleta = true;
        }
        self.version = sobre.aggregate_version;
        self.actualizado_en = sobre.ocurrido_en;
        if let Evento::Cuarentena(cuarentena) = evento {
            match cuarentena {
                EventoCuarentena::AgregadoEnCuarentena { .. } => self.cuarentena = true,
                EventoCuarentena::CuarentenaLevantada { .. } => self.cuarentena = false,
                EventoCuarentena::ComandoReproducido { .. } | EventoCuarentena::ComandoDescartado { .. } => {}
            }
            return Advance::MarksOnly;
        }
        if self.incompleta { Advance::MarksOnly } else { Advance::Fold }
    }

    /// The marks of a stored row, from the columns that [`MARK_COLUMNS`] declares.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn read(columns: &Columns<'_>) -> Result<Self, TablesError> {
        Ok(Self {
            version: columns.version(),
            creado_en: columns.timestamp("creado_en")?,
            actualizado_en: columns.timestamp("actualizado_en")?,
            incompleta: columns.boolean("incompleta")?,
            cuarentena: columns.boolean("cuarentena")?,
        })
    }

    /// Values of the mark columns, which end every row of an aggregate, in their order.
    pub fn values(&self) -> [Value; 4] {
        [
            Value::Timestamp(self.creado_en),
            Value::Timestamp(self.actualizado_en),
            Value::Bool(self.incompleta),
            Value::Bool(self.cuarentena),
        ]
    }
}

/// An aggregate in memory: its state and its marks. The state is absent while only marks are known.
#[derive(Debug, Clone)]
pub struct Slot<S> {
    pub state: Option<S>,
    pub marks: Marks,
    /// Changed since the last flush, and so in the list of changes.
    pub dirty: bool,
}

impl<S> Slot<S> {
    pub fn empty() -> Self {
        Self { state: None, marks: Marks::default(), dirty: false }
    }
}

/// A read model of one row per aggregate.
pub trait AggregateModel: 'static {
    /// State as the domain folds it.
    type State: Send;
    /// What indexes are built on.
    type Keys: PartialEq;
    const TIPO: TipoAgregado;
    /// Partition key: the aggregate id. Its last columns are the marks.
    const TABLE: &'static Table;

    /// Folds with the domain's own rules.
    fn evolve(state: &mut Option<Self::State>, evento: &Evento);
    /// Values of the plain columns before the marks; for no state, as many nulls.
    fn values(state: Option<&Self::State>) -> Vec<Value>;
    /// The state of a stored row; `None` when the row holds only marks.
    ///
    /// # Errors
    /// `Corrupt`.
    fn read(id: &Id, columns: &Columns<'_>) -> Result<Option<Self::State>, TablesError>;
    /// Keys under which other tables point to this row; `()` when there are none.
    fn index_keys(state: Option<&Self::State>) -> Self::Keys;
    /// Rows of other tables that follow from a change of keys.
    fn index_writes(id: &Id, before: Self::Keys, after: Self::Keys, version: u64, out: &mut Vec<Write>);
}

/// The fold of an [`AggregateModel`] over one partition.
pub struct AggregateFold<M: AggregateModel> {
    slots: GenerationalCache<Id, Slot<M::State>>,
    changed: Vec<Id>,
    index_writes: Vec<Write>,
    anomalies: Arc<Anomalies>,
}

impl<M: AggregateModel> AggregateFold<M> {
    pub fn boxed(anomalies: Arc<Anomalies>) -> Box<dyn Projection> {
        Box::new(Self {
            slots: GenerationalCache::new(CACHED_AGGREGATES),
            changed: Vec::new(),
            index_writes: Vec::new(),
            anomalies,
        })
    }

    fn load(&mut self, id: &Id, rows: &dyn RowReader) -> Result<(), TablesError> {
        if self.slots.get_mut(id).is_some() {
            return Ok(());
        }
        let slot = match rows.get(M::TABLE, &[id_value(id)])? {
            Some(row) => {
                let columns = Columns::new(M::TABLE, &row);
                Slot { state: M::read(id, &columns)?, marks: Marks::read(&columns)?, dirty: false }
            }
            None => Slot::empty(),
        };
        self.slots.insert(id.clone(), slot);
        Ok(())
    }
}

impl<M: AggregateModel> Projection for AggregateFold<M> {
    fn fold(&mut self, entry: &Entry, rows: &dyn RowReader) -> Result<(), TablesError> {
        let Content::Event(event) = &entry.content else { return Ok(()) };
        if event.sobre.aggregate_tipo != M::TIPO {
            return Ok(());
        }
        let id = &event.sobre.aggregate_id;
        self.load(id, rows)?;
        let Some(slot) = self.slots.get_mut(id) else { return Ok(()) };
        let before = M::index_keys(slot.state.as_ref());
        match slot.marks.advance(&event.sobre, &event.evento, &self.anomalies) {
            Advance::Ignore => return Ok(()),
            Advance::MarksOnly => {}
            Advance::Fold => M::evolve(&mut slot.state, &event.evento),
        }
        let after = M::index_keys(slot.state.as_ref());
        if before != after {
            M::index_writes(id, before, after, slot.marks.version, &mut self.index_writes);
        }
        if !slot.dirty {
            slot.dirty = true;
            self.changed.push(id.clone());
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<Write>) {
        for id in self.changed.drain(..) {
            let Some(slot) = self.slots.get_mut(&id) else { continue };
            slot.dirty = false;
            let mut values = M::values(slot.state.as_ref());
            values.extend(slot.marks.values());
            let row = Row { key: vec![id_value(&id)], values, version: slot.marks.version };
            out.push(Write::Upsert { table: M::TABLE, row });
        }
        out.append(&mut self.index_writes);
        self.slots.age();
    }

    fn forget(&mut self) {
        self.slots.clear();
        self.changed.clear();
        self.index_writes.clear();
    }
}
