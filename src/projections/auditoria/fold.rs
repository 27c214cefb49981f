//! The audit as a projection: its tables and its fold.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::registro::Registro;
use crate::{
    domain::{
        Contexto,
        valores::{Id, Instante},
    },
    log::{Position, Topic},
    projections::{
        projection::{Entry, Projection, ProjectionSpec, RowReader},
        rows::{Columns, id_value, int, int_value, text, text_value, timestamp},
    },
    tables::{Order, Row, Table, TablesError, Value, Write},
};

/// The only partition of [`AUDITORIA_HORAS`].
pub const LIBRO_HORAS: &str = "auditoria";

const MICROS_POR_HORA: i64 = 3_600_000_000;
const MICROS_POR_DECIMA: i64 = 100_000;

/// Positions that one row by time covers at most: what a page reads in vain stays small, whatever the clock does.
const POSICIONES_POR_BLOQUE: u64 = 256;

pub static AUDITORIA: Table = Table {
    name: "auditoria",
    doc: "La historia de una factura (o de otro agregado: «Cliente:7»), en orden de tiempo.",
    partition: &[text("sujeto")],
    clustering: &[
        (timestamp("ocurrido_en"), Order::Asc),
        (int("tema"), Order::Asc),
        (int("particion"), Order::Asc),
        (int("posicion"), Order::Asc),
    ],
    // The record itself is on the log, at that place.
    columns: &[
        // `huella_de_flujo` of its `correlation_id`: which records a query by flow has to read.
        int("flujo"),
    ],
};

pub static AUDITORIA_POR_CORRELACION: Table = Table {
    name: "auditoria_por_correlacion",
    doc: "Las historias en que un flujo escribió.",
    partition: &[text("correlation_id")],
    clustering: &[(text("sujeto"), Order::Asc)],
    columns: &[],
};

pub static AUDITORIA_POR_TIEMPO: Table = Table {
    name: "auditoria_por_tiempo",
    doc: "Las décimas de segundo de una hora con registros, cada una con los tramos del registro donde están.",
    partition: &[timestamp("hora")],
    clustering: &[
        (timestamp("decima"), Order::Asc),
        (int("tema"), Order::Asc),
        (int("particion"), Order::Asc),
        (int("bloque"), Order::Asc),
    ],
    columns: &[
        // First and last position, and first and last `ocurrido_en`, of the records of this tenth in this block. Records of
        // another tenth may lie between them.
        int("desde"),
        int("hasta"),
        timestamp("primero"),
        timestamp("ultimo"),
    ],
};

pub static AUDITORIA_HORAS: Table = Table {
    name: "auditoria_horas",
    doc: "Las horas que tienen registros.",
    partition: &[text("libro")],
    clustering: &[(timestamp("hora"), Order::Asc)],
    columns: &[],
};

pub static AUDITORIA_SPEC: ProjectionSpec = ProjectionSpec {
    name: "auditoria",
    doc: "Auditoría por factura, por correlación y por tiempo",
    tables: &[&AUDITORIA, &AUDITORIA_POR_CORRELACION, &AUDITORIA_POR_TIEMPO, &AUDITORIA_HORAS],
    topics: &[
        Topic::Eventos(Contexto::Facturacion),
        Topic::Eventos(Contexto::Inventario),
        Topic::Eventos(Contexto::Catalogo),
        Topic::Eventos(Contexto::Numeracion),
        Topic::Auditoria,
    ],
    fresh: |_| Box::new(AuditoriaFold::default()),
};

/// The tenth of a second an instant belongs to.
pub fn decima_de(instante: Instante) -> Instante {
    Instante(instante.micros().div_euclid(MICROS_POR_DECIMA).saturating_mul(MICROS_POR_DECIMA))
}

/// What rows keep of a `correlation_id`: 32 bits of a hash. Equal ones may be of different flows; the record decides.
pub fn huella_de_flujo(correlation_id: &Id) -> i64 {
    (xxhash_rust::xxh3::xxh3_64(correlation_id.as_str().as_bytes()) >> 32) as i64
}

/// The hour (UTC) an instant belongs to.
pub fn hora_de(instante: Instante) -> Instante {
    Instante(instante.micros().div_euclid(MICROS_POR_HORA).saturating_mul(MICROS_POR_HORA))
}

/// A row by time in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tramo {
    desde: Position,
    hasta: Position,
    primero: Instante,
    ultimo: Instante,
    /// Changed since the last flush, and so in the list of changes.
    dirty: bool,
}

impl Tramo {
    fn de(position: Position, ocurrido_en: Instante) -> Self {
        Self { desde: position, hasta: position, primero: ocurrido_en, ultimo: ocurrido_en, dirty: false }
    }

    fn read(row: &Row) -> Result<Self, TablesError> {
        let columns = Columns::new(&AUDITORIA_POR_TIEMPO, row);
        let (desde, hasta) = (columns.int("desde")?, columns.int("hasta")?);
        Ok(Self { desde, hasta, primero: columns.timestamp("primero")?, ultimo: columns.timestamp("ultimo")?, dirty: false })
    }

    fn with(self, position: Position, ocurrido_en: Instante) -> Self {
        Self {
            desde: self.desde.min(position),
            hasta: self.hasta.max(position),
            primero: self.primero.min(ocurrido_en),
            ultimo: self.ultimo.max(ocurrido_en),
            dirty: self.dirty,
        }
    }

    /// Its version grows with its last position, so a record delivered again changes nothing.
    fn row(&self, key: Vec<Value>) -> Row {
        let values =
            vec![int_value(self.desde), int_value(self.hasta), Value::Timestamp(self.primero), Value::Timestamp(self.ultimo)];
        Row { key, values, version: self.hasta + 1 }
    }
}

/// Tenth and block of a row by time; the partition is the fold's.
type PuestoTramo = (Instante, u64);

#[derive(Default)]
struct AuditoriaFold {
    writes: Vec<Write>,
    /// Pairs (flow, history) already written in this batch.
    flows: HashSet<(Id, Arc<str>)>,
    /// Hours written since the start: a handful a day.
    hours: HashSet<Instante>,
    /// The rows by time used lately.
    tramos: HashMap<PuestoTramo, Tramo>,
    changed: Vec<(PuestoTramo, Vec<Value>)>,
}

/// Hours remembered; then they are written again, which changes nothing.
const HOURS_MAX: usize = 256;
/// Rows by time remembered between batches; then they are read again.
const TRAMOS_MAX: usize = 64;

impl AuditoriaFold {
    fn record(&mut self, entry: &Entry, registro: &Registro<'_>, rows: &dyn RowReader) -> Result<(), TablesError> {
        let sujeto: Arc<str> = registro.sujeto();
        let key = vec![
            Value::Text(Arc::clone(&sujeto)),
            Value::Timestamp(registro.ocurrido_en),
            Value::Int(i64::from(entry.partition.topic.codigo())),
            Value::Int(i64::from(entry.partition.partition)),
            int_value(entry.position),
        ];
        let values = vec![Value::Int(huella_de_flujo(registro.correlation_id))];
        self.writes.push(Write::Insert { table: &AUDITORIA, row: Row { key, values, version: 1 } });
        self.tramo(entry, registro.ocurrido_en, rows)?;
        self.hour(hora_de(registro.ocurrido_en));
        if registro.abre_correlacion {
            self.flow(registro.correlation_id, sujeto);
        }
        Ok(())
    }

    fn tramo(&mut self, entry: &Entry, ocurrido_en: Instante, rows: &dyn RowReader) -> Result<(), TablesError> {
        let puesto = (decima_de(ocurrido_en), entry.position / POSICIONES_POR_BLOQUE);
        let known = self.tramos.get(&puesto).copied();
        if let Some(tramo) = known.filter(|t| t.dirty) {
            self.tramos.insert(puesto, tramo.with(entry.position, ocurrido_en));
            return Ok(());
        }
        let key = vec![
            Value::Timestamp(hora_de(ocurrido_en)),
            Value::Timestamp(puesto.0),
            Value::Int(i64::from(entry.partition.topic.codigo())),
            Value::Int(i64::from(entry.partition.partition)),
            int_value(puesto.1),
        ];
        let stored = match known {
            Some(tramo) => Some(tramo),
            None => rows.get(&AUDITORIA_POR_TIEMPO, &key)?.map(|row| Tramo::read(&row)).transpose()?,
        };
        let tramo = stored.unwrap_or_else(|| Tramo::de(entry.position, ocurrido_en)).with(entry.position, ocurrido_en);
        let dirty = stored != Some(tramo);
        if dirty {
            self.changed.push((puesto, key));
        }
        self.tramos.insert(puesto, Tramo { dirty, ..tramo });
        Ok(())
    }

    fn hour(&mut self, hora: Instante) {
        if self.hours.len() >= HOURS_MAX {
            self.hours.clear();
        }
        if self.hours.insert(hora) {
            let key = vec![text_value(LIBRO_HORAS), Value::Timestamp(hora)];
            let row = Row { key, values: Vec::new(), version: 1 };
            self.writes.push(Write::Insert { table: &AUDITORIA_HORAS, row });
        }
    }

    fn flow(&mut self, correlation_id: &Id, sujeto: Arc<str>) {
        if self.flows.insert((correlation_id.clone(), Arc::clone(&sujeto))) {
            let row = Row { key: vec![id_value(correlation_id), Value::Text(sujeto)], values: Vec::new(), version: 1 };
            self.writes.push(Write::Insert { table: &AUDITORIA_POR_CORRELACION, row });
        }
    }
}

impl Projection for AuditoriaFold {
    fn fold(&mut self, entry: &Entry, rows: &dyn RowReader) -> Result<(), TablesError> {
        match Registro::de(&entry.content) {
            Some(registro) => self.record(entry, &registro, rows),
            None => Ok(()),
        }
    }

    fn flush(&mut self, out: &mut Vec<Write>) {
        out.append(&mut self.writes);
        for (puesto, key) in self.changed.drain(..) {
            let Some(tramo) = self.tramos.get_mut(&puesto) else { continue };
            tramo.dirty = false;
            out.push(Write::Upsert { table: &AUDITORIA_POR_TIEMPO, row: tramo.row(key) });
        }
        if self.tramos.len() > TRAMOS_MAX {
            self.tramos.clear();
        }
        self.flows.clear();
    }

    fn forget(&mut self) {
        self.writes.clear();
        self.flows.clear();
        self.hours.clear();
        self.tramos.clear();
        self.changed.clear();
    }
}
