//! `sagas`: emissions in course, from their start to the final event. Those of one epoch never show.

use super::{
    cache::GenerationalCache,
    projection::{Content, Entry, Projection, ProjectionSpec, RowReader},
    rows::{id_value, int, int_value, text, text_value, timestamp},
};
use crate::{
    contracts::EventEnvelope,
    domain::{
        Contexto, Evento,
        facturacion::factura::{EmisionIniciada, EventoFactura},
        valores::Id,
    },
    log::Topic,
    tables::{Row, Table, TablesError, Value, Write},
};

/// Open sagas held in memory per partition.
const CACHED_SAGAS: usize = 4_096;

pub static SAGAS: Table = Table {
    name: "sagas",
    doc: "Las emisiones en curso; la lista entera por barrido.",
    partition: &[text("factura_id")],
    clustering: &[],
    columns: &[
        int("intento"),
        text("fase"),
        int("grupos"),
        timestamp("iniciada_en"),
        timestamp("vence_en"),
        text("numero"),
        text("correlation_id"),
    ],
};

pub static SAGAS_SPEC: ProjectionSpec = ProjectionSpec {
    name: "sagas",
    doc: "Emisiones en curso",
    tables: &[&SAGAS],
    topics: &[Topic::Eventos(Contexto::Facturacion)],
    fresh: |_| Box::new(SagasFold { rows: GenerationalCache::new(CACHED_SAGAS), writes: Vec::new() }),
};

/// Rows of open sagas, as last written.
struct SagasFold {
    rows: GenerationalCache<Id, Option<Row>>,
    writes: Vec<Write>,
}

const PHASE: usize = 1;
const NUMBER: usize = 5;

impl SagasFold {
    fn open(&mut self, sobre: &EventEnvelope, inicio: &EmisionIniciada) {
        let values = vec![
            Value::Int(i64::from(inicio.intento)),
            text_value("RESERVANDO"),
            int_value(inicio.grupos.len() as u64),
            Value::Timestamp(sobre.ocurrido_en),
            Value::Timestamp(inicio.vence_en),
            Value::Null,
            id_value(&sobre.correlation_id),
        ];
        let row = Row { key: vec![id_value(&sobre.aggregate_id)], values, version: sobre.aggregate_version };
        self.writes.push(Write::Upsert { table: &SAGAS, row: row.clone() });
        self.rows.insert(sobre.aggregate_id.clone(), Some(row));
    }

    fn row(&mut self, id: &Id, reader: &dyn RowReader) -> Result<Option<&mut Row>, TablesError> {
        if self.rows.get_mut(id).is_none() {
            let stored = reader.get(&SAGAS, &[id_value(id)])?;
            self.rows.insert(id.clone(), stored);
        }
        Ok(self.rows.get_mut(id).and_then(Option::as_mut))
    }

    fn step(
        &mut self,
        sobre: &EventEnvelope,
        fase: &str,
        numero: Option<String>,
        reader: &dyn RowReader,
    ) -> Result<(), TablesError> {
        let Some(row) = self.row(&sobre.aggregate_id, reader)? else { return Ok(()) };
        if row.version >= sobre.aggregate_version {
            return Ok(());
        }
        row.version = sobre.aggregate_version;
        row.values[PHASE] = text_value(fase);
        if let Some(numero) = numero {
            row.values[NUMBER] = text_value(&numero);
        }
        let row = row.clone();
        self.writes.push(Write::Upsert { table: &SAGAS, row });
        Ok(())
    }

    /// A document whose first event is its last never had a row.
    fn close(&mut self, sobre: &EventEnvelope, reader: &dyn RowReader) -> Result<(), TablesError> {
        if sobre.aggregate_version == 1 || self.row(&sobre.aggregate_id, reader)?.is_none() {
            return Ok(());
        }
        let key = vec![id_value(&sobre.aggregate_id)];
        self.writes.push(Write::Delete { table: &SAGAS, key, version: sobre.aggregate_version });
        self.rows.insert(sobre.aggregate_id.clone(), None);
        Ok(())
    }
}

impl Projection for SagasFold {
    fn fold(&mut self, entry: &Entry, rows: &dyn RowReader) -> Result<(), TablesError> {
        let Content::Event(event) = &entry.content else { return Ok(()) };
        let Evento::Factura(evento) = &event.evento else { return Ok(()) };
        match evento {
            EventoFactura::EmisionIniciada(inicio) => {
                self.open(&event.sobre, inicio);
                Ok(())
            }
            EventoFactura::StockAsegurado { .. } => self.step(&event.sobre, "NUMERANDO", None, rows),
            EventoFactura::NumeracionRecibida { numero, .. } => {
                self.step(&event.sobre, "CONFIRMANDO", Some(numero.to_string()), rows)
            }
            EventoFactura::FacturaEmitida(_) | EventoFactura::FacturaRechazada { .. } => self.close(&event.sobre, rows),
            EventoFactura::FacturaCreada { .. }
            | EventoFactura::LineaAgregada { .. }
            | EventoFactura::LineaQuitada { .. }
            | EventoFactura::DescuentoAplicado(_)
            | EventoFactura::FormasPagoDefinidas { .. }
            | EventoFactura::FechasCambiadas { .. }
            | EventoFactura::FacturaDescartada { .. } => Ok(()),
        }
    }

    fn flush(&mut self, out: &mut Vec<Write>) {
        out.append(&mut self.writes);
        self.rows.age();
    }

    fn forget(&mut self) {
        self.rows.clear();
        self.writes.clear();
    }
}
