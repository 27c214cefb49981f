//! `facturas`: invoices by id with the place of the whole document, by client, and by issue day.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};

use super::{
    aggregate::{Advance, Marks},
    cache::GenerationalCache,
    json as render,
    projection::{Anomalies, Content, Entry, Projection, ProjectionSpec, RowReader},
    rows::{Columns, boolean, date, decimal, id_value, int, int_value, json_value, text, text_value, timestamp},
};
use crate::{
    contracts::RecordedEvent,
    domain::{
        Contexto, Evento, TipoAgregado,
        facturacion::factura::{
            CabeceraFactura, DescuentoAplicado, EmisionIniciada, EstadoFactura, EventoFactura, FacturaEmitida, TotalesFactura,
        },
        valores::{Id, Instante},
    },
    log::{Position, Topic},
    tables::{Order, Row, Table, TablesError, Value, Write},
};

/// Documents in course held in memory per partition. An issued one leaves with its batch.
const CACHED_DOCUMENTS: usize = 1_024;

/// Issue days already in the index, held in memory.
const CACHED_DAYS: usize = 512;

pub static FACTURAS: Table = Table {
    name: "facturas",
    doc: "Una factura por su id, con el borrador entero o el lugar del documento emitido en el registro.",
    partition: &[text("factura_id")],
    clustering: &[],
    columns: &[
        text("estado"),
        text("numero"),
        text("cliente_id"),
        text("cliente_nombre"),
        date("fecha_emision"),
        text("moneda"),
        decimal("total"),
        // Where FacturaEmitida is in `eventos.facturacion`, once issued.
        int("documento_particion"),
        int("documento_posicion"),
        // JSON of what is known before that.
        text("borrador"),
        // Total of its issued credit notes.
        decimal("credito"),
        // JSON of what happened since its issue: `dian`, `anulacion`, `anulacion_rechazada`.
        text("posterior"),
        timestamp("creado_en"),
        timestamp("actualizado_en"),
        boolean("incompleta"),
        boolean("cuarentena"),
    ],
};

pub static FACTURAS_POR_CLIENTE: Table = Table {
    name: "facturas_por_cliente",
    doc: "Las facturas de un cliente, de la más reciente a la más antigua.",
    partition: &[text("cliente_id")],
    clustering: &[(date("fecha_emision"), Order::Desc), (timestamp("creado_en"), Order::Desc), (text("factura_id"), Order::Asc)],
    columns: &[text("estado"), text("numero"), text("cliente_nombre"), text("moneda"), decimal("total")],
};

pub static FACTURAS_POR_DIA: Table = Table {
    name: "facturas_por_dia",
    doc: "Las facturas de un día de emisión, de la última a la primera.",
    partition: &[date("fecha_emision")],
    clustering: &[(timestamp("creado_en"), Order::Desc), (text("factura_id"), Order::Asc)],
    columns: &[text("estado"), text("numero"), text("cliente_id"), text("cliente_nombre"), text("moneda"), decimal("total")],
};

pub static FACTURAS_DIAS: Table = Table {
    name: "facturas_dias",
    doc: "Los días de emisión que tienen facturas, del último al primero.",
    partition: &[text("libro")],
    clustering: &[(date("fecha_emision"), Order::Desc)],
    columns: &[],
};

/// The only partition of [`FACTURAS_DIAS`].
pub const LIBRO_FACTURAS: &str = "facturas";

pub static FACTURAS_SPEC: ProjectionSpec = ProjectionSpec {
    name: "facturas",
    doc: "Facturas por id, por cliente y por día",
    tables: &[&FACTURAS, &FACTURAS_POR_CLIENTE, &FACTURAS_POR_DIA, &FACTURAS_DIAS],
    topics: &[Topic::Eventos(Contexto::Facturacion)],
    fresh: |anomalies| Box::new(FacturasFold::new(anomalies)),
};

/// What lists show of an invoice.
#[derive(Debug, Clone, PartialEq)]
struct Summary {
    estado: EstadoFactura,
    numero: Option<Arc<str>>,
    cliente_id: Id,
    cliente_nombre: Option<Arc<str>>,
    fecha_emision: NaiveDate,
    moneda: Arc<str>,
    total: Option<Decimal>,
}

/// Where an invoice stands in the lists. Its instant is that of its first event and never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    cliente_id: Id,
    fecha_emision: NaiveDate,
}

struct Document {
    summary: Option<Summary>,
    /// Its place in the lists, as far as it was folded.
    listed: Option<Place>,
    /// Places that it had since it was loaded or listed. A batch may have been applied before, or a part of it, and nobody heard: the lists may
    /// have it at any of them.
    left: Vec<Place>,
    borrador: Option<Map<String, Json>>,
    /// Partition and position of FacturaEmitida.
    emitida: Option<(u64, Position)>,
    /// Credited by issued notes, taxes included.
    credito: Decimal,
    posterior: Option<Map<String, Json>>,
    marks: Marks,
    dirty: bool,
}

impl Document {
    fn empty() -> Self {
        Self {
            summary: None,
            listed: None,
            left: Vec::new(),
            borrador: None,
            emitida: None,
            credito: Decimal::ZERO,
            posterior: None,
            marks: Marks::default(),
            dirty: false,
        }
    }

    fn read(columns: &Columns<'_>) -> Result<Self, TablesError> {
        let corrupt = |what: &str| TablesError::Corrupt { table: FACTURAS.name, what: what.to_owned() };
        let summary = match columns.optional_text("estado")? {
            None => None,
            Some(estado) => Some(Summary {
                estado: EstadoFactura::de_nombre(estado).ok_or_else(|| corrupt("estado desconocido"))?,
                numero: columns.optional_text("numero")?.cloned(),
                cliente_id: columns.id("cliente_id")?,
                cliente_nombre: columns.optional_text("cliente_nombre")?.cloned(),
                fecha_emision: columns.date("fecha_emision")?,
                moneda: columns.text("moneda")?.clone(),
                total: columns.optional_decimal("total")?,
            }),
        };
        let json_de = |nombre: &str| match columns.optional_text(nombre)? {
            None => Ok(None),
            Some(texto) => serde_json::from_str(texto).map(Some).map_err(|e| corrupt(&format!("{nombre} ilegible: {e}"))),
        };
        let (borrador, posterior) = (json_de("borrador")?, json_de("posterior")?);
        let credito = columns.optional_decimal("credito")?.unwrap_or_default();
        let listed = summary.as_ref().map(Summary::place);
        let emitida = columns.optional_int("documento_particion")?.zip(columns.optional_int("documento_posicion")?);
        let left = Vec::new();
        Ok(Self { summary, listed, left, borrador, emitida, credito, posterior, marks: Marks::read(columns)?, dirty: false })
    }

    fn apply(&mut self, evento: &EventoFactura, place: (u64, Position)) {
        match evento {
            EventoFactura::FacturaCreada { cabecera, totales, .. } => {
                self.create(cabecera);
                self.edit(totales.as_deref());
            }
            EventoFactura::LineaAgregada { linea, totales, .. } => {
                self.edit(totales.as_deref());
                if let Some(Json::Array(lineas)) = self.draft().get_mut("lineas") {
                    lineas.push(render::linea_factura(linea));
                }
            }
            EventoFactura::LineaQuitada { linea, totales, .. } => {
                self.edit(Some(totales));
                self.remove_line(usize::from(*linea));
            }
            EventoFactura::DescuentoAplicado(aplicado) => {
                self.edit(Some(&aplicado.totales));
                self.discount(aplicado);
            }
            EventoFactura::FormasPagoDefinidas { formas_pago, .. } => {
                self.edit(None);
                self.head(&[("formas_pago", formas_pago.iter().map(render::forma_pago).collect())]);
            }
            EventoFactura::FechasCambiadas { fecha_emision, fecha_autorizacion, fecha_caducidad, .. } => {
                self.edit(None);
                self.head(&[
                    ("fecha_emision", render::fecha(*fecha_emision)),
                    ("fecha_autorizacion", render::fecha(*fecha_autorizacion)),
                    ("fecha_caducidad", render::fecha_opcional(*fecha_caducidad)),
                ]);
                if let Some(summary) = &mut self.summary {
                    summary.fecha_emision = *fecha_emision;
                }
            }
            EventoFactura::FacturaDescartada { .. } => {
                self.draft().remove("errores");
                if let Some(summary) = &mut self.summary {
                    summary.estado = EstadoFactura::Descartada;
                }
            }
            EventoFactura::EmisionIniciada(inicio) => self.start(inicio),
            EventoFactura::StockAsegurado { .. } => {}
            EventoFactura::NumeracionRecibida { numero, .. } => {
                if let Some(summary) = &mut self.summary {
                    summary.numero = Some(Arc::from(numero.to_string()));
                }
            }
            EventoFactura::FacturaEmitida(emitida) => self.issue(emitida, place),
            EventoFactura::FacturaRechazada { errores, .. } => {
                self.draft().insert("errores".to_owned(), render::fallas(errores));
                self.set_state(EstadoFactura::Rechazada);
            }
            EventoFactura::CreditoReservado { .. } | EventoFactura::CreditoLiberado { .. } => {}
            EventoFactura::CreditoAplicado { cargos, .. } => {
                self.credito += cargos.iter().map(|c| c.subtotal.valor() + c.impuesto.valor()).sum::<Decimal>();
            }
            EventoFactura::AnulacionIniciada(_) | EventoFactura::AnulacionAsegurada { .. } => {
                self.set_state(EstadoFactura::EnAnulacion);
            }
            EventoFactura::FacturaAnulada(anulada) => {
                self.since_issue().insert("anulacion".to_owned(), render::anulacion(anulada));
                self.since_issue().remove("anulacion_rechazada");
                self.set_state(EstadoFactura::Anulada);
            }
            EventoFactura::AnulacionRechazada { errores, .. } => {
                self.since_issue().insert("anulacion_rechazada".to_owned(), render::fallas(errores));
                self.set_state(EstadoFactura::Emitida);
            }
            EventoFactura::RespuestaDianRegistrada { respuesta, .. } => {
                self.since_issue().insert("dian".to_owned(), render::respuesta_dian(respuesta));
            }
        }
    }

    fn set_state(&mut self, estado: EstadoFactura) {
        if let Some(summary) = &mut self.summary {
            summary.estado = estado;
        }
    }

    fn since_issue(&mut self) -> &mut Map<String, Json> {
        self.posterior.get_or_insert_default()
    }

    fn draft(&mut self) -> &mut Map<String, Json> {
        self.borrador.get_or_insert_with(|| {
            let mut nuevo = Map::new();
            nuevo.insert("lineas".to_owned(), json!([]));
            nuevo
        })
    }

    fn create(&mut self, cabecera: &CabeceraFactura) {
        self.draft().insert("cabecera".to_owned(), Json::Object(render::cabecera(cabecera)));
        self.summary = Some(Summary {
            estado: EstadoFactura::Borrador,
            numero: None,
            cliente_id: cabecera.cliente_id.clone(),
            cliente_nombre: None,
            fecha_emision: cabecera.fecha_emision,
            moneda: Arc::clone(&cabecera.moneda),
            total: None,
        });
    }

    /// A draft again, with the totals that the edit left.
    fn edit(&mut self, totales: Option<&TotalesFactura>) {
        let draft = self.draft();
        draft.remove("errores");
        if let Some(totales) = totales {
            draft.insert("totales".to_owned(), render::totales(totales));
        }
        if let Some(summary) = &mut self.summary {
            summary.estado = EstadoFactura::Borrador;
            summary.total = totales.map(|t| t.total.valor()).or(summary.total);
        }
    }

    /// Fields of the head that changed.
    fn head(&mut self, campos: &[(&str, Json)]) {
        if let Some(Json::Object(cabecera)) = self.draft().get_mut("cabecera") {
            cabecera.extend(campos.iter().map(|(nombre, valor)| ((*nombre).to_owned(), valor.clone())));
        }
    }

    /// The lines after it move up by one.
    fn remove_line(&mut self, numero: usize) {
        let Some(Json::Array(lineas)) = self.draft().get_mut("lineas") else { return };
        if numero == 0 || numero > lineas.len() {
            return;
        }
        lineas.remove(numero - 1);
        for (i, linea) in lineas.iter_mut().enumerate().skip(numero - 1) {
            linea["numero"] = Json::from(i + 1);
        }
    }

    /// After an event: it may be somewhere else in the lists.
    fn take_place(&mut self) {
        let Some(place) = self.summary.as_ref().map(Summary::place) else { return };
        if self.listed.as_ref() != Some(&place)
            && let Some(old) = self.listed.replace(place)
        {
            self.left.push(old);
        }
    }

    fn discount(&mut self, aplicado: &DescuentoAplicado) {
        let valor = render::descuento(Some(&aplicado.descuento));
        let Some(numero) = aplicado.linea else { return self.head(&[("descuento_aplicado", valor)]) };
        if let Some(Json::Array(lineas)) = self.draft().get_mut("lineas")
            && let Some(linea) = lineas.get_mut(usize::from(numero).wrapping_sub(1))
        {
            linea["descuento_aplicado"] = valor;
        }
    }

    fn start(&mut self, inicio: &EmisionIniciada) {
        let draft = self.draft();
        draft.insert("cliente".to_owned(), render::datos_cliente(&inicio.cliente));
        draft.insert("lineas".to_owned(), inicio.lineas.iter().map(render::linea_emitida).collect());
        draft.insert("totales".to_owned(), render::totales(&inicio.totales));
        draft.remove("errores");
        if let Some(summary) = &mut self.summary {
            summary.estado = EstadoFactura::EnEmision;
            summary.cliente_nombre = Some(Arc::clone(&inicio.cliente.nombre));
            summary.total = Some(inicio.totales.total.valor());
        }
    }

    fn issue(&mut self, emitida: &FacturaEmitida, place: (u64, Position)) {
        self.borrador = None;
        self.emitida = Some(place);
        self.summary = Some(Summary {
            estado: EstadoFactura::Emitida,
            numero: Some(Arc::from(emitida.numero.to_string())),
            cliente_id: emitida.cabecera.cliente_id.clone(),
            cliente_nombre: Some(Arc::clone(&emitida.cliente.nombre)),
            fecha_emision: emitida.cabecera.fecha_emision,
            moneda: Arc::clone(&emitida.cabecera.moneda),
            total: Some(emitida.totales.total.valor()),
        });
    }

    fn row(&self, id: &Id) -> Row {
        let mut values = match &self.summary {
            None => vec![Value::Null; 7],
            Some(summary) => vec![
                text_value(summary.estado.nombre()),
                optional(summary.numero.as_ref()),
                id_value(&summary.cliente_id),
                optional(summary.cliente_nombre.as_ref()),
                Value::Date(summary.fecha_emision),
                Value::Text(Arc::clone(&summary.moneda)),
                summary.total.map_or(Value::Null, Value::Decimal),
            ],
        };
        let (partition, position) = self.emitida.unzip();
        values.extend([partition, position].map(|n| n.map_or(Value::Null, int_value)));
        let json_text = |json: &Option<Map<String, Json>>| json.as_ref().map_or(Value::Null, json_value);
        let credito = if self.credito.is_zero() { Value::Null } else { Value::Decimal(self.credito) };
        values.extend([json_text(&self.borrador), credito, json_text(&self.posterior)]);
        values.extend(self.marks.values());
        Row { key: vec![id_value(id)], values, version: self.marks.version }
    }
}

fn optional(text: Option<&Arc<str>>) -> Value {
    text.map_or(Value::Null, |t| Value::Text(Arc::clone(t)))
}

impl Summary {
    fn place(&self) -> Place {
        Place { cliente_id: self.cliente_id.clone(), fecha_emision: self.fecha_emision }
    }
}

impl Place {
    fn client_key(&self, creado_en: Instante, id: &Id) -> Vec<Value> {
        vec![id_value(&self.cliente_id), Value::Date(self.fecha_emision), Value::Timestamp(creado_en), id_value(id)]
    }

    fn day_key(&self, creado_en: Instante, id: &Id) -> Vec<Value> {
        vec![Value::Date(self.fecha_emision), Value::Timestamp(creado_en), id_value(id)]
    }
}

struct FacturasFold {
    documents: GenerationalCache<Id, Document>,
    days: GenerationalCache<NaiveDate, ()>,
    changed: Vec<Id>,
    anomalies: Arc<Anomalies>,
}

impl FacturasFold {
    fn new(anomalies: Arc<Anomalies>) -> Self {
        Self {
            documents: GenerationalCache::new(CACHED_DOCUMENTS),
            days: GenerationalCache::new(CACHED_DAYS),
            changed: Vec::new(),
            anomalies,
        }
    }

    /// The first event of a document needs no read: what it would find is nothing, or a row that its version cannot overwrite.
    fn load(&mut self, event: &RecordedEvent, rows: &dyn RowReader) -> Result<(), TablesError> {
        let id = &event.sobre.aggregate_id;
        if self.documents.get_mut(id).is_some() {
            return Ok(());
        }
        let stored = match event.sobre.aggregate_version {
            1 => None,
            _ => rows.get(&FACTURAS, &[id_value(id)])?,
        };
        let document = match stored {
            Some(row) => Document::read(&Columns::new(&FACTURAS, &row))?,
            None => Document::empty(),
        };
        self.documents.insert(id.clone(), document);
        Ok(())
    }

    fn list(&mut self, id: &Id, out: &mut Vec<Write>) {
        let Some(document) = self.documents.get_mut(id) else { return };
        let Some(summary) = &document.summary else { return };
        let (version, creado_en, place) = (document.marks.version, document.marks.creado_en, summary.place());
        for old in document.left.drain(..) {
            // A day stays once it had one: in the directory of days it is the same whatever the batches were.
            take_day(&mut self.days, old.fecha_emision, out);
            if old != place {
                out.push(Write::Delete { table: &FACTURAS_POR_CLIENTE, key: old.client_key(creado_en, id), version });
                out.push(Write::Delete { table: &FACTURAS_POR_DIA, key: old.day_key(creado_en, id), version });
            }
        }
        let total = summary.total.map_or(Value::Null, Value::Decimal);
        let shared = |last: [Value; 3]| {
            let mut values = vec![text_value(summary.estado.nombre()), optional(summary.numero.as_ref())];
            values.extend(last);
            values
        };
        let name = || optional(summary.cliente_nombre.as_ref());
        let currency = || Value::Text(Arc::clone(&summary.moneda));
        let by_client = Row { key: place.client_key(creado_en, id), values: shared([name(), currency(), total.clone()]), version };
        let mut day_values = shared([id_value(&summary.cliente_id), name(), currency()]);
        day_values.push(total);
        let by_day = Row { key: place.day_key(creado_en, id), values: day_values, version };
        out.push(Write::Upsert { table: &FACTURAS_POR_CLIENTE, row: by_client });
        out.push(Write::Upsert { table: &FACTURAS_POR_DIA, row: by_day });
        take_day(&mut self.days, place.fecha_emision, out);
    }
}

/// Puts a day into the directory of days, unless that was done lately.
fn take_day(days: &mut GenerationalCache<NaiveDate, ()>, day: NaiveDate, out: &mut Vec<Write>) {
    if days.get_mut(&day).is_none() {
        days.insert(day, ());
        let key = vec![text_value(LIBRO_FACTURAS), Value::Date(day)];
        out.push(Write::Insert { table: &FACTURAS_DIAS, row: Row { key, values: Vec::new(), version: 1 } });
    }
}

impl Projection for FacturasFold {
    fn fold(&mut self, entry: &Entry, rows: &dyn RowReader) -> Result<(), TablesError> {
        let Content::Event(event) = &entry.content else { return Ok(()) };
        if event.sobre.aggregate_tipo != TipoAgregado::Factura {
            return Ok(());
        }
        self.load(event, rows)?;
        let id = &event.sobre.aggregate_id;
        let Some(document) = self.documents.get_mut(id) else { return Ok(()) };
        match document.marks.advance(&event.sobre, &event.evento, &self.anomalies) {
            Advance::Ignore => return Ok(()),
            Advance::MarksOnly => {}
            Advance::Fold => {
                if let Evento::Factura(evento) = &event.evento {
                    document.apply(evento, (u64::from(entry.partition.partition), entry.position));
                    document.take_place();
                }
            }
        }
        if !document.dirty {
            document.dirty = true;
            self.changed.push(id.clone());
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<Write>) {
        for id in std::mem::take(&mut self.changed) {
            self.list(&id, out);
            let Some(document) = self.documents.get_mut(&id) else { continue };
            document.dirty = false;
            out.push(Write::Upsert { table: &FACTURAS, row: document.row(&id) });
            if document.emitida.is_some() {
                self.documents.remove(&id);
            }
        }
        self.documents.age();
        self.days.age();
    }

    fn forget(&mut self) {
        self.documents.clear();
        self.days.clear();
        self.changed.clear();
    }
}
