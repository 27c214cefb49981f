//! The audit as a projection: its tables and its fold.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::referencias::{factura_de_evento, factura_de_rechazo};
use crate::{
    contracts::RegistroAuditoria,
    domain::{
        Contexto, TipoAgregado,
        valores::{Id, Instante},
    },
    log::Topic,
    projections::{
        projection::{Content, Entry, Projection, ProjectionSpec, RowReader},
        rows::{bytes, id_value, int, int_value, text, text_value, timestamp},
    },
    tables::{Order, Row, Table, TablesError, Value, Write},
};

/// `servicio_origen` of refusals, which carry none.
pub const ORIGEN_PROCESADOR: &str = "factumarket.procesador";
/// `servicio_origen` of queries.
pub const ORIGEN_API: &str = "factumarket.api";

/// The only partition of [`AUDITORIA_HORAS`].
pub const LIBRO_HORAS: &str = "auditoria";

const MICROS_POR_HORA: i64 = 3_600_000_000;

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
    columns: &[
        text("evento"),
        text("correlation_id"),
        text("servicio_origen"),
        text("factura_id"),
        bytes("event_id"),
        // The record's value as it is on the log.
        bytes("payload"),
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
    doc: "Los registros de una hora, en orden de tiempo, cada uno con la historia en que está.",
    partition: &[timestamp("hora")],
    clustering: &[
        (timestamp("ocurrido_en"), Order::Asc),
        (int("tema"), Order::Asc),
        (int("particion"), Order::Asc),
        (int("posicion"), Order::Asc),
    ],
    columns: &[text("sujeto")],
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

/// The hour (UTC) an instant belongs to.
pub fn hora_de(instante: Instante) -> Instante {
    Instante(instante.micros().div_euclid(MICROS_POR_HORA) * MICROS_POR_HORA)
}

/// What a row says of a record.
struct Registro<'a> {
    ocurrido_en: Instante,
    evento: &'static str,
    correlation_id: &'a Id,
    servicio_origen: &'a str,
    factura_id: Option<&'a str>,
    /// The history it goes to.
    sujeto: Arc<str>,
    event_id: uuid::Uuid,
    /// Whether this record brings its flow to its history. Those that an invoice's saga caused elsewhere do not: the
    /// invoice's own events, of the same flow, do.
    abre_correlacion: bool,
}

#[derive(Default)]
struct AuditoriaFold {
    writes: Vec<Write>,
    /// Pairs (flow, history) already written in this batch.
    flows: HashSet<(Id, Arc<str>)>,
    /// Hours written since the start: a handful a day.
    hours: HashSet<Instante>,
    /// Names of events and services, each allocated once.
    names: HashMap<String, Arc<str>>,
}

/// Hours remembered; then they are written again, which changes nothing.
const HOURS_MAX: usize = 256;
/// Names remembered: there are about 40.
const NAMES_MAX: usize = 256;

impl AuditoriaFold {
    fn name(&mut self, name: &str) -> Value {
        if let Some(known) = self.names.get(name) {
            return Value::Text(Arc::clone(known));
        }
        let shared: Arc<str> = Arc::from(name);
        if self.names.len() < NAMES_MAX {
            self.names.insert(name.to_owned(), Arc::clone(&shared));
        }
        Value::Text(shared)
    }

    fn record(&mut self, entry: &Entry, registro: &Registro<'_>) {
        let place = [
            Value::Timestamp(registro.ocurrido_en),
            Value::Int(i64::from(entry.partition.topic.codigo())),
            Value::Int(i64::from(entry.partition.partition)),
            int_value(entry.position),
        ];
        let sujeto = Value::Text(Arc::clone(&registro.sujeto));
        let values = vec![
            self.name(registro.evento),
            id_value(registro.correlation_id),
            self.name(registro.servicio_origen),
            registro.factura_id.map_or(Value::Null, text_value),
            Value::Bytes(bytes::Bytes::copy_from_slice(registro.event_id.as_bytes())),
            Value::Bytes(entry.value.clone()),
        ];
        let key = std::iter::once(sujeto.clone()).chain(place.iter().cloned()).collect();
        self.writes.push(Write::Insert { table: &AUDITORIA, row: Row { key, values, version: 1 } });
        let hora = hora_de(registro.ocurrido_en);
        let key = std::iter::once(Value::Timestamp(hora)).chain(place).collect();
        let row = Row { key, values: vec![sujeto.clone()], version: 1 };
        self.writes.push(Write::Insert { table: &AUDITORIA_POR_TIEMPO, row });
        self.hour(hora);
        if registro.abre_correlacion {
            self.flow(registro, sujeto);
        }
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

    fn flow(&mut self, registro: &Registro<'_>, sujeto: Value) {
        if self.flows.insert((registro.correlation_id.clone(), Arc::clone(&registro.sujeto))) {
            let row = Row { key: vec![id_value(registro.correlation_id), sujeto], values: Vec::new(), version: 1 };
            self.writes.push(Write::Insert { table: &AUDITORIA_POR_CORRELACION, row });
        }
    }
}

/// The history of a record that concerns no invoice.
fn de_agregado(tipo: TipoAgregado, id: &Id) -> Arc<str> {
    Arc::from(format!("{}:{}", tipo.nombre(), id))
}

impl Projection for AuditoriaFold {
    fn fold(&mut self, entry: &Entry, _rows: &dyn RowReader) -> Result<(), TablesError> {
        match &entry.content {
            Content::Event(event) => {
                let (sobre, factura_id) = (&event.sobre, factura_de_evento(event));
                let own = sobre.aggregate_tipo == TipoAgregado::Factura;
                let registro = Registro {
                    ocurrido_en: sobre.ocurrido_en,
                    evento: event.evento.tipo(),
                    correlation_id: &sobre.correlation_id,
                    servicio_origen: &sobre.servicio_origen,
                    factura_id,
                    sujeto: factura_id.map_or_else(|| de_agregado(sobre.aggregate_tipo, &sobre.aggregate_id), Arc::from),
                    event_id: sobre.event_id,
                    abre_correlacion: own || factura_id.is_none(),
                };
                self.record(entry, &registro);
            }
            Content::Audit(record) => self.audit(entry, record),
            Content::Dlq(_) => {}
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<Write>) {
        out.append(&mut self.writes);
        self.flows.clear();
    }

    fn forget(&mut self) {
        self.writes.clear();
        self.flows.clear();
        self.hours.clear();
    }
}

impl AuditoriaFold {
    fn audit(&mut self, entry: &Entry, record: &RegistroAuditoria) {
        let registro = match record {
            RegistroAuditoria::Rechazo(rechazo) => {
                let factura_id = factura_de_rechazo(rechazo);
                let (tipo, id) = (rechazo.aggregate_tipo, &rechazo.aggregate_id);
                Registro {
                    ocurrido_en: rechazo.ocurrido_en,
                    evento: "ComandoRechazado",
                    correlation_id: &rechazo.correlation_id,
                    servicio_origen: ORIGEN_PROCESADOR,
                    factura_id,
                    sujeto: factura_id.map_or_else(|| de_agregado(tipo, id), Arc::from),
                    event_id: rechazo.event_id,
                    abre_correlacion: true,
                }
            }
            RegistroAuditoria::Consulta(consulta) => {
                let factura_id = consulta.factura_id.as_ref().map(Id::as_str);
                Registro {
                    ocurrido_en: consulta.ocurrido_en,
                    evento: "ConsultaRealizada",
                    correlation_id: &consulta.correlation_id,
                    servicio_origen: ORIGEN_API,
                    factura_id,
                    sujeto: Arc::from(factura_id.map_or_else(|| format!("Consulta:{}", consulta.consulta), str::to_owned)),
                    event_id: consulta.event_id,
                    abre_correlacion: true,
                }
            }
        };
        self.record(entry, &registro);
    }
}
