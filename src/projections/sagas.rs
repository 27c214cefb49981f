//! `sagas`: emissions of invoices and notes, and annulments, in course, from their start to the final event. Those of one epoch never show.

use super::{
    cache::GenerationalCache,
    projection::{Content, Entry, Projection, ProjectionSpec, RowReader},
    rows::{id_value, int, int_value, text, text_value, timestamp},
};
use crate::{
    contracts::EventEnvelope,
    domain::{
        Contexto, Evento,
        facturacion::{
            factura::{AnulacionIniciada, EmisionIniciada, EventoFactura},
            nota_credito::EventoNotaCredito,
        },
        valores::{Id, Instante},
    },
    log::Topic,
    tables::{Row, Table, TablesError, Value, Write},
};

/// Open sagas held in memory per partition.
const CACHED_SAGAS: usize = 4_096;

pub static SAGAS: Table = Table {
    name: "sagas",
    doc: "Las emisiones y anulaciones en curso, por el id de su documento; la lista entera por barrido.",
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
        let grupos = int_value(inicio.grupos.len() as u64);
        self.open_row(sobre, inicio.intento, "RESERVANDO", grupos, inicio.vence_en);
    }

    fn open_annulment(&mut self, sobre: &EventEnvelope, inicio: &AnulacionIniciada) {
        self.open_row(sobre, inicio.intento, "ANULANDO", Value::Null, inicio.reanudar_en);
    }

    fn open_row(&mut self, sobre: &EventEnvelope, intento: u32, fase: &str, grupos: Value, hasta: Instante) {
        let values = vec![
            Value::Int(i64::from(intento)),
            text_value(fase),
            grupos,
            Value::Timestamp(sobre.ocurrido_en),
            Value::Timestamp(hasta),
            Value::Null,
            id_value(&sobre.correlation_id),
        ];
        let row = Row { key: vec![id_value(&sobre.aggregate_id)], values, version: sobre.aggregate_version };
        self.writes.push(Write::Upsert { table: &SAGAS, row: row.clone() });
        self.rows.insert(sobre.aggregate_id.clone(), Some(row));
    }

    fn nota(&mut self, sobre: &EventEnvelope, evento: &EventoNotaCredito, rows: &dyn RowReader) -> Result<(), TablesError> {
        match evento {
            EventoNotaCredito::EmisionNotaCreditoIniciada(inicio) => {
                self.open_row(sobre, inicio.intento, "ACREDITANDO", Value::Null, inicio.reanudar_en);
                Ok(())
            }
            EventoNotaCredito::NumeracionNotaCreditoRecibida { numero, .. } => {
                self.step(sobre, "DEVOLVIENDO", Some(numero.to_string()), rows)
            }
            EventoNotaCredito::NotaCreditoEmitida(_) | EventoNotaCredito::NotaCreditoRechazada { .. } => self.close(sobre, rows),
            EventoNotaCredito::NotaCreditoCreada { .. } | EventoNotaCredito::LineaNotaCreditoAgregada { .. } => Ok(()),
        }
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
        let evento = match &event.evento {
            Evento::Factura(evento) => evento,
            Evento::NotaCredito(evento) => return self.nota(&event.sobre, evento, rows),
            _ => return Ok(()),
        };
        match evento {
            EventoFactura::EmisionIniciada(inicio) => {
                self.open(&event.sobre, inicio);
                Ok(())
            }
            EventoFactura::StockAsegurado { .. } => self.step(&event.sobre, "NUMERANDO", None, rows),
            EventoFactura::NumeracionRecibida { numero, .. } => {
                self.step(&event.sobre, "CONFIRMANDO", Some(numero.to_string()), rows)
            }
            EventoFactura::AnulacionIniciada(inicio) => {
                self.open_annulment(&event.sobre, inicio);
                Ok(())
            }
            EventoFactura::AnulacionAsegurada { .. } => self.step(&event.sobre, "DEVOLVIENDO", None, rows),
            EventoFactura::FacturaEmitida(_)
            | EventoFactura::FacturaRechazada { .. }
            | EventoFactura::FacturaAnulada(_)
            | EventoFactura::AnulacionRechazada { .. } => self.close(&event.sobre, rows),
            EventoFactura::FacturaCreada { .. }
            | EventoFactura::LineaAgregada { .. }
            | EventoFactura::LineaQuitada { .. }
            | EventoFactura::DescuentoAplicado(_)
            | EventoFactura::FormasPagoDefinidas { .. }
            | EventoFactura::FechasCambiadas { .. }
            | EventoFactura::FacturaDescartada { .. }
            | EventoFactura::CreditoReservado { .. }
            | EventoFactura::CreditoAplicado { .. }
            | EventoFactura::CreditoLiberado { .. }
            | EventoFactura::RespuestaDianRegistrada { .. } => Ok(()),
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
