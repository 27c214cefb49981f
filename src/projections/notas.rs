//! `notas`: credit notes by `factura:nota`, by invoice, by their own id, by client and by issue day.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};

use super::{
    aggregate::{Advance, Marks},
    cache::GenerationalCache,
    json as render,
    projection::{Anomalies, Content, Entry, Projection, ProjectionSpec, RowReader},
    rows::{
        Columns, boolean, date, decimal, id_value, int, int_value, json_value, optional_id, optional_text, text, text_value,
        timestamp,
    },
};
use crate::{
    contracts::RecordedEvent,
    domain::{
        Contexto, Evento, TipoAgregado,
        facturacion::nota_credito::{CabeceraNota, EstadoNota, EventoNotaCredito, NotaCreditoEmitida},
        valores::{Id, Instante},
    },
    log::{Position, Topic},
    tables::{Order, Row, Table, TablesError, Value, Write},
};

/// Documents in course held in memory per partition. An issued one leaves with its batch.
const CACHED_DOCUMENTS: usize = 1_024;

pub static NOTAS: Table = Table {
    name: "notas",
    doc: "Una nota de crédito por factura:nota, con el borrador entero o el lugar del documento emitido en el registro.",
    partition: &[text("clave")],
    clustering: &[],
    columns: &[
        text("factura_id"),
        text("nota_id"),
        text("estado"),
        text("numero"),
        text("concepto"),
        date("fecha_emision"),
        text("cliente_id"),
        text("moneda"),
        decimal("total"),
        // Where NotaCreditoEmitida is in `eventos.facturacion`, once issued.
        int("documento_particion"),
        int("documento_posicion"),
        // JSON of what is known before that.
        text("borrador"),
        timestamp("creado_en"),
        timestamp("actualizado_en"),
        boolean("incompleta"),
        boolean("cuarentena"),
    ],
};

pub static NOTAS_POR_FACTURA: Table = Table {
    name: "notas_por_factura",
    doc: "Las notas de crédito de una factura, de la más antigua a la más reciente.",
    partition: &[text("factura_id")],
    clustering: &[(timestamp("creado_en"), Order::Asc), (text("nota_id"), Order::Asc)],
    columns: LIST_COLUMNS,
};

pub static NOTAS_POR_ID: Table = Table {
    name: "notas_por_id",
    doc: "Las facturas que tienen una nota de crédito con ese id.",
    partition: &[text("nota_id")],
    clustering: &[(text("factura_id"), Order::Asc)],
    columns: &[],
};

pub static NOTAS_POR_CLIENTE: Table = Table {
    name: "notas_por_cliente",
    doc: "Las notas de crédito emitidas a un cliente, de la más reciente a la más antigua.",
    partition: &[text("cliente_id")],
    clustering: &[(date("fecha_emision"), Order::Desc), (timestamp("creado_en"), Order::Desc), (text("clave"), Order::Asc)],
    columns: &[text("numero"), text("moneda"), decimal("total")],
};

pub static NOTAS_LIBRO: Table = Table {
    name: "notas_libro",
    doc: "Las notas de crédito, de la última fecha de emisión a la primera.",
    partition: &[text("libro")],
    clustering: &[(date("fecha_emision"), Order::Desc), (timestamp("creado_en"), Order::Desc), (text("clave"), Order::Asc)],
    columns: LIST_COLUMNS,
};

const LIST_COLUMNS: &[crate::tables::Column] =
    &[text("estado"), text("numero"), text("concepto"), text("moneda"), decimal("total"), text("cliente_id")];

/// Books of [`NOTAS_LIBRO`]: one a year, so that a partition is bounded by a year's notes.
pub fn libro(fecha: NaiveDate) -> String {
    format!("notas-{}", chrono::Datelike::year(&fecha))
}

pub static NOTAS_SPEC: ProjectionSpec = ProjectionSpec {
    name: "notas",
    doc: "Notas de crédito por id, por factura y por cliente",
    tables: &[&NOTAS, &NOTAS_POR_FACTURA, &NOTAS_POR_ID, &NOTAS_POR_CLIENTE, &NOTAS_LIBRO],
    topics: &[Topic::Eventos(Contexto::Facturacion)],
    fresh: |anomalies| Box::new(NotasFold::new(anomalies)),
};

/// What lists show of a note.
#[derive(Debug, Clone, PartialEq)]
struct Summary {
    factura_id: Id,
    nota_id: Id,
    estado: EstadoNota,
    numero: Option<Arc<str>>,
    concepto: Arc<str>,
    fecha_emision: NaiveDate,
    cliente_id: Option<Id>,
    moneda: Option<Arc<str>>,
    total: Option<Decimal>,
}

struct Document {
    summary: Option<Summary>,
    /// Issue date under which the book has it, as far as it was folded.
    listed: Option<NaiveDate>,
    /// Those that it had since it was loaded or listed. A batch may have been applied before, or a part of it, and nobody heard: the book may have
    /// it under any of them.
    left: Vec<NaiveDate>,
    borrador: Option<Map<String, Json>>,
    emitida: Option<(u64, Position)>,
    marks: Marks,
    dirty: bool,
}

impl Document {
    fn empty() -> Self {
        Self { summary: None, listed: None, left: Vec::new(), borrador: None, emitida: None, marks: Marks::default(), dirty: false }
    }

    /// After an event: it may be somewhere else in the book.
    fn take_place(&mut self) {
        let Some(fecha) = self.summary.as_ref().map(|summary| summary.fecha_emision) else { return };
        if self.listed != Some(fecha)
            && let Some(old) = self.listed.replace(fecha)
        {
            self.left.push(old);
        }
    }

    fn read(columns: &Columns<'_>) -> Result<Self, TablesError> {
        let corrupt = |what: &str| TablesError::Corrupt { table: NOTAS.name, what: what.to_owned() };
        let summary = match columns.optional_text("estado")? {
            None => None,
            Some(estado) => Some(Summary {
                factura_id: columns.id("factura_id")?,
                nota_id: columns.id("nota_id")?,
                estado: EstadoNota::de_nombre(estado).ok_or_else(|| corrupt("estado desconocido"))?,
                numero: columns.optional_text("numero")?.cloned(),
                concepto: columns.text("concepto")?.clone(),
                fecha_emision: columns.date("fecha_emision")?,
                cliente_id: columns.optional_id("cliente_id")?,
                moneda: columns.optional_text("moneda")?.cloned(),
                total: columns.optional_decimal("total")?,
            }),
        };
        let borrador = match columns.optional_text("borrador")? {
            None => None,
            Some(texto) => Some(serde_json::from_str(texto).map_err(|e| corrupt(&format!("borrador ilegible: {e}")))?),
        };
        let listed = summary.as_ref().map(|s| s.fecha_emision);
        let emitida = columns.optional_int("documento_particion")?.zip(columns.optional_int("documento_posicion")?);
        let left = Vec::new();
        Ok(Self { summary, listed, left, borrador, emitida, marks: Marks::read(columns)?, dirty: false })
    }

    fn apply(&mut self, evento: &EventoNotaCredito, place: (u64, Position)) {
        match evento {
            EventoNotaCredito::NotaCreditoCreada { factura_id, nota_id, cabecera } => self.create(factura_id, nota_id, cabecera),
            EventoNotaCredito::LineaNotaCreditoAgregada { linea, .. } => {
                if let Some(Json::Array(lineas)) = self.draft().get_mut("lineas") {
                    lineas.push(render::linea_nota(linea));
                }
                self.draft().remove("errores");
                self.set_state(EstadoNota::Borrador);
            }
            EventoNotaCredito::EmisionNotaCreditoIniciada(inicio) => {
                self.draft().insert("cabecera".to_owned(), render::cabecera_nota(&inicio.cabecera));
                self.draft().remove("errores");
                if let Some(summary) = &mut self.summary {
                    summary.fecha_emision = inicio.cabecera.fecha_emision;
                }
                self.set_state(EstadoNota::EnEmision);
            }
            EventoNotaCredito::NumeracionNotaCreditoRecibida { numero, .. } => {
                if let Some(summary) = &mut self.summary {
                    summary.numero = Some(Arc::from(numero.to_string()));
                }
            }
            EventoNotaCredito::NotaCreditoEmitida(emitida) => self.issue(emitida, place),
            EventoNotaCredito::NotaCreditoRechazada { errores, .. } => {
                self.draft().insert("errores".to_owned(), render::fallas(errores));
                self.set_state(EstadoNota::Rechazada);
            }
        }
    }

    fn set_state(&mut self, estado: EstadoNota) {
        if let Some(summary) = &mut self.summary {
            summary.estado = estado;
        }
    }

    fn draft(&mut self) -> &mut Map<String, Json> {
        self.borrador.get_or_insert_with(|| Map::from_iter([("lineas".to_owned(), json!([]))]))
    }

    fn create(&mut self, factura_id: &Id, nota_id: &Id, cabecera: &CabeceraNota) {
        self.draft().insert("cabecera".to_owned(), render::cabecera_nota(cabecera));
        self.summary = Some(Summary {
            factura_id: factura_id.clone(),
            nota_id: nota_id.clone(),
            estado: EstadoNota::Borrador,
            numero: None,
            concepto: Arc::from(cabecera.concepto.nombre()),
            fecha_emision: cabecera.fecha_emision,
            cliente_id: None,
            moneda: None,
            total: None,
        });
    }

    fn issue(&mut self, emitida: &NotaCreditoEmitida, place: (u64, Position)) {
        self.borrador = None;
        self.emitida = Some(place);
        self.summary = Some(Summary {
            factura_id: emitida.factura_id.clone(),
            nota_id: emitida.nota_id.clone(),
            estado: EstadoNota::Emitida,
            numero: Some(Arc::from(emitida.numero.to_string())),
            concepto: Arc::from(emitida.cabecera.concepto.nombre()),
            fecha_emision: emitida.cabecera.fecha_emision,
            cliente_id: Some(emitida.factura.cliente_id.clone()),
            moneda: Some(Arc::clone(&emitida.factura.moneda)),
            total: Some(emitida.totales.total.valor()),
        });
    }

    fn row(&self, clave: &Id) -> Row {
        let mut values = match &self.summary {
            None => vec![Value::Null; 9],
            Some(summary) => vec![
                id_value(&summary.factura_id),
                id_value(&summary.nota_id),
                text_value(summary.estado.nombre()),
                optional_text(summary.numero.as_ref()),
                Value::Text(Arc::clone(&summary.concepto)),
                Value::Date(summary.fecha_emision),
                optional_id(summary.cliente_id.as_ref()),
                optional_text(summary.moneda.as_ref()),
                summary.total.map_or(Value::Null, Value::Decimal),
            ],
        };
        let (partition, position) = self.emitida.unzip();
        values.extend([partition, position].map(|n| n.map_or(Value::Null, int_value)));
        values.push(self.borrador.as_ref().map_or(Value::Null, json_value));
        values.extend(self.marks.values());
        Row { key: vec![id_value(clave)], values, version: self.marks.version }
    }
}

impl Summary {
    fn list_values(&self) -> Vec<Value> {
        vec![
            text_value(self.estado.nombre()),
            optional_text(self.numero.as_ref()),
            Value::Text(Arc::clone(&self.concepto)),
            optional_text(self.moneda.as_ref()),
            self.total.map_or(Value::Null, Value::Decimal),
            optional_id(self.cliente_id.as_ref()),
        ]
    }
}

fn book_key(fecha: NaiveDate, creado_en: Instante, clave: &Id) -> Vec<Value> {
    vec![text_value(&libro(fecha)), Value::Date(fecha), Value::Timestamp(creado_en), id_value(clave)]
}

struct NotasFold {
    documents: GenerationalCache<Id, Document>,
    changed: Vec<Id>,
    anomalies: Arc<Anomalies>,
}

impl NotasFold {
    fn new(anomalies: Arc<Anomalies>) -> Self {
        Self { documents: GenerationalCache::new(CACHED_DOCUMENTS), changed: Vec::new(), anomalies }
    }

    /// The first event of a document needs no read: what it would find is nothing, or a row that its version cannot overwrite.
    fn load(&mut self, event: &RecordedEvent, rows: &dyn RowReader) -> Result<(), TablesError> {
        let clave = &event.sobre.aggregate_id;
        if self.documents.get_mut(clave).is_some() {
            return Ok(());
        }
        let stored = match event.sobre.aggregate_version {
            1 => None,
            _ => rows.get(&NOTAS, &[id_value(clave)])?,
        };
        let document = match stored {
            Some(row) => Document::read(&Columns::new(&NOTAS, &row))?,
            None => Document::empty(),
        };
        self.documents.insert(clave.clone(), document);
        Ok(())
    }

    fn list(&mut self, clave: &Id, out: &mut Vec<Write>) {
        let Some(document) = self.documents.get_mut(clave) else { return };
        let Some(summary) = &document.summary else { return };
        let (version, creado_en) = (document.marks.version, document.marks.creado_en);
        for old in document.left.drain(..).filter(|old| *old != summary.fecha_emision) {
            out.push(Write::Delete { table: &NOTAS_LIBRO, key: book_key(old, creado_en, clave), version });
        }
        let values = summary.list_values();
        let by_invoice = vec![id_value(&summary.factura_id), Value::Timestamp(creado_en), id_value(&summary.nota_id)];
        out.push(Write::Upsert { table: &NOTAS_POR_FACTURA, row: Row { key: by_invoice, values: values.clone(), version } });
        let key = book_key(summary.fecha_emision, creado_en, clave);
        out.push(Write::Upsert { table: &NOTAS_LIBRO, row: Row { key, values, version } });
        let by_id = vec![id_value(&summary.nota_id), id_value(&summary.factura_id)];
        out.push(Write::Insert { table: &NOTAS_POR_ID, row: Row { key: by_id, values: Vec::new(), version: 1 } });
        if let (Some(cliente), EstadoNota::Emitida) = (&summary.cliente_id, summary.estado) {
            let key = vec![id_value(cliente), Value::Date(summary.fecha_emision), Value::Timestamp(creado_en), id_value(clave)];
            let values = vec![
                optional_text(summary.numero.as_ref()),
                optional_text(summary.moneda.as_ref()),
                summary.total.map_or(Value::Null, Value::Decimal),
            ];
            out.push(Write::Upsert { table: &NOTAS_POR_CLIENTE, row: Row { key, values, version } });
        }
    }
}

impl Projection for NotasFold {
    fn fold(&mut self, entry: &Entry, rows: &dyn RowReader) -> Result<(), TablesError> {
        let Content::Event(event) = &entry.content else { return Ok(()) };
        if event.sobre.aggregate_tipo != TipoAgregado::NotaCredito {
            return Ok(());
        }
        self.load(event, rows)?;
        let clave = &event.sobre.aggregate_id;
        let Some(document) = self.documents.get_mut(clave) else { return Ok(()) };
        match document.marks.advance(&event.sobre, &event.evento, &self.anomalies) {
            Advance::Ignore => return Ok(()),
            Advance::MarksOnly => {}
            Advance::Fold => {
                if let Evento::NotaCredito(evento) = &event.evento {
                    document.apply(evento, (u64::from(entry.partition.partition), entry.position));
                    document.take_place();
                }
            }
        }
        if !document.dirty {
            document.dirty = true;
            self.changed.push(clave.clone());
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<Write>) {
        for clave in std::mem::take(&mut self.changed) {
            self.list(&clave, out);
            let Some(document) = self.documents.get_mut(&clave) else { continue };
            document.dirty = false;
            out.push(Write::Upsert { table: &NOTAS, row: document.row(&clave) });
            if document.emitida.is_some() {
                self.documents.remove(&clave);
            }
        }
        self.documents.age();
    }

    fn forget(&mut self) {
        self.documents.clear();
        self.changed.clear();
    }
}
