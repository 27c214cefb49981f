//! `comandos`: stage and outcome of each command that somebody gave, by its id. The steps that sagas send to other aggregates
//! (their ids are compound) tell their story in the invoice's, not here.

use hashbrown::HashMap;
use serde_json::Value as Json;

use super::{
    json,
    projection::{Content, Entry, Projection, ProjectionSpec, RowReader},
    rows::{id_value, int, int_value, json_value, optional_id, text, text_value, timestamp},
};
use crate::{
    contracts::{ComandoRechazado, RecordedEvent, RegistroAuditoria, RegistroDlq},
    domain::{
        Contexto, Evento,
        facturacion::{factura::EventoFactura, nota_credito::EventoNotaCredito},
        valores::Id,
    },
    log::{Position, Topic},
    tables::{Row, Table, TablesError, Value, Write},
};

pub static COMANDOS: Table = Table {
    name: "comandos",
    doc: "La etapa y el desenlace de un comando por su id.",
    partition: &[text("command_id")],
    clustering: &[],
    columns: &[
        text("estado"),
        text("tipo"),
        text("aggregate_tipo"),
        text("aggregate_id"),
        int("aggregate_version"),
        text("correlation_id"),
        timestamp("ocurrido_en"),
        text("errores"),
        text("codigo"),
        text("causa"),
    ],
};

pub static COMANDOS_SPEC: ProjectionSpec = ProjectionSpec {
    name: "comandos",
    doc: "Etapa y desenlace de los comandos",
    tables: &[&COMANDOS],
    topics: &[
        Topic::Eventos(Contexto::Facturacion),
        Topic::Eventos(Contexto::Inventario),
        Topic::Eventos(Contexto::Catalogo),
        Topic::Eventos(Contexto::Numeracion),
        Topic::Auditoria,
        Topic::Dlq(Contexto::Facturacion),
        Topic::Dlq(Contexto::Inventario),
        Topic::Dlq(Contexto::Catalogo),
        Topic::Dlq(Contexto::Numeracion),
    ],
    fresh: |_| Box::new(ComandosFold { changed: HashMap::new(), order: Vec::new() }),
};

/// What is known of a command, weakest first. The records of one command come from several topics in any order: the row's
/// version is this rank and, below it, the version or position within its source, so the end is the same in every order.
/// An event outranks a refusal, because an id used again with other content is refused after it was accepted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    EnCurso = 1,
    Apartado = 2,
    Rechazado = 3,
    Decidido = 4,
}

const RANK_SHIFT: u32 = 56;

fn row_version(rank: Rank, within: u64) -> u64 {
    (rank as u64) << RANK_SHIFT | within & ((1 << RANK_SHIFT) - 1)
}

struct ComandosFold {
    changed: HashMap<Id, Row>,
    /// Ids in the order of their first change, so that the writes have one order.
    order: Vec<Id>,
}

impl ComandosFold {
    fn put(&mut self, command_id: &Id, row: Row) {
        match self.changed.get_mut(command_id) {
            Some(held) if held.version >= row.version => {}
            Some(held) => *held = row,
            None => {
                self.order.push(command_id.clone());
                self.changed.insert(command_id.clone(), row);
            }
        }
    }

    fn event(&mut self, event: &RecordedEvent) {
        let sobre = &event.sobre;
        if is_step(&sobre.command_id) {
            return;
        }
        let (rank, estado, errores) = outcome(&event.evento);
        let values = vec![
            text_value(estado),
            text_value(event.evento.tipo()),
            text_value(sobre.aggregate_tipo.nombre()),
            id_value(&sobre.aggregate_id),
            int_value(sobre.aggregate_version),
            id_value(&sobre.correlation_id),
            Value::Timestamp(sobre.ocurrido_en),
            errores.as_ref().map_or(Value::Null, json_value),
            Value::Null,
            Value::Null,
        ];
        let version = row_version(rank, sobre.aggregate_version);
        self.put(&sobre.command_id, Row { key: vec![id_value(&sobre.command_id)], values, version });
    }

    fn refusal(&mut self, rechazo: &ComandoRechazado, position: Position) {
        if is_step(&rechazo.command_id) {
            return;
        }
        let values = vec![
            text_value("RECHAZADO"),
            Value::Text(rechazo.tipo_comando.clone()),
            text_value(rechazo.aggregate_tipo.nombre()),
            id_value(&rechazo.aggregate_id),
            int_value(rechazo.aggregate_version),
            id_value(&rechazo.correlation_id),
            Value::Timestamp(rechazo.ocurrido_en),
            json_value(&json::fallas(&rechazo.errores)),
            Value::Null,
            Value::Null,
        ];
        let version = row_version(Rank::Rechazado, position + 1);
        self.put(&rechazo.command_id, Row { key: vec![id_value(&rechazo.command_id)], values, version });
    }

    fn apart(&mut self, registro: &RegistroDlq, position: Position) {
        if registro.resolucion.is_some() {
            return;
        }
        let Some(command_id) = registro.command_id.as_ref().filter(|id| !is_step(id)) else { return };
        let aggregate = registro.aggregate.as_ref();
        let values = vec![
            text_value("APARTADO"),
            Value::Null,
            aggregate.map_or(Value::Null, |(tipo, _)| text_value(tipo.nombre())),
            optional_id(aggregate.map(|(_, id)| id)),
            Value::Null,
            optional_id(registro.correlation_id.as_ref()),
            Value::Timestamp(registro.primera_vez),
            Value::Null,
            Value::Text(registro.codigo.clone()),
            Value::Text(registro.causa.clone()),
        ];
        let version = row_version(Rank::Apartado, position + 1);
        self.put(command_id, Row { key: vec![id_value(command_id)], values, version });
    }
}

/// Ids of saga steps are `factura_id:intento:grupo:paso`; no simple id has a colon.
fn is_step(command_id: &Id) -> bool {
    command_id.as_str().contains(':')
}

fn outcome(evento: &Evento) -> (Rank, &'static str, Option<Json>) {
    match evento {
        Evento::Factura(EventoFactura::FacturaRechazada { errores, .. } | EventoFactura::AnulacionRechazada { errores, .. })
        | Evento::NotaCredito(EventoNotaCredito::NotaCreditoRechazada { errores, .. }) => {
            (Rank::Decidido, "RECHAZADO", Some(json::fallas(errores)))
        }
        Evento::Factura(
            EventoFactura::EmisionIniciada(_)
            | EventoFactura::StockAsegurado { .. }
            | EventoFactura::NumeracionRecibida { .. }
            | EventoFactura::AnulacionIniciada(_)
            | EventoFactura::AnulacionAsegurada { .. },
        )
        | Evento::NotaCredito(
            EventoNotaCredito::EmisionNotaCreditoIniciada(_) | EventoNotaCredito::NumeracionNotaCreditoRecibida { .. },
        ) => (Rank::EnCurso, "EN_CURSO", None),
        // Done, unless an attempt of the same command follows in the same transaction.
        Evento::Factura(
            EventoFactura::FacturaCreada { .. } | EventoFactura::LineaAgregada { .. } | EventoFactura::FechasCambiadas { .. },
        ) => (Rank::EnCurso, "ACEPTADO", None),
        Evento::Cuarentena(e) if e.resuelve() => (Rank::Decidido, "ACEPTADO", None),
        Evento::Cuarentena(_) => (Rank::Apartado, "APARTADO", None),
        _ => (Rank::Decidido, "ACEPTADO", None),
    }
}

impl Projection for ComandosFold {
    fn fold(&mut self, entry: &Entry, _rows: &dyn RowReader) -> Result<(), TablesError> {
        match &entry.content {
            Content::Event(event) => self.event(event),
            Content::Audit(registro) => {
                if let RegistroAuditoria::Rechazo(rechazo) = registro.as_ref() {
                    self.refusal(rechazo, entry.position);
                }
            }
            Content::Dlq(registro) => self.apart(registro, entry.position),
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<Write>) {
        for id in self.order.drain(..) {
            if let Some(row) = self.changed.remove(&id) {
                out.push(Write::Upsert { table: &COMANDOS, row });
            }
        }
    }

    fn forget(&mut self) {
        self.changed.clear();
        self.order.clear();
    }
}
