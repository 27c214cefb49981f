//! `existencias`: the stock of each product in each bodega, with its lots in FIFO order.
//!
//! One row an Inventario and one row a lot, so that an exit writes the lots it touched and no others. The state in memory is the
//! domain's own, folded by the domain's own rules, and rebuilt from the rows when it is not there.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{
    aggregate::{Advance, Marks, Slot},
    cache::GenerationalCache,
    projection::{Anomalies, Content, Entry, Projection, ProjectionSpec, RowReader},
    rows::{Columns, boolean, date, decimal, id_value, int, int_value, optional_date, optional_id, text, text_value, timestamp},
};
use crate::{
    contracts::RecordedEvent,
    domain::{
        Contexto, Evento, TipoAgregado,
        inventario::{EventoInventario, Inventario, Lote, LoteConsumido, PuestoLote, Reserva, Resumen, evolucionar},
        valores::{Cantidad, CostoUnitario, Id, fecha_iso},
    },
    log::Topic,
    tables::{From, Order, Row, Table, TablesError, Value, Write},
};

/// Inventarios held in memory per partition.
const CACHED_STOCKS: usize = 2_048;

/// Lots read at a time when a state is rebuilt.
const LOTS_A_READ: usize = 1_024;

pub static EXISTENCIAS: Table = Table {
    name: "existencias",
    doc: "La existencia de un producto en una bodega, o en todas.",
    partition: &[text("producto_id")],
    clustering: &[(text("bodega_id"), Order::Asc)],
    columns: &[
        decimal("stock"),
        decimal("reservado"),
        decimal("valor"),
        decimal("stock_minimo"),
        boolean("bajo_minimo"),
        int("siguiente_secuencia"),
        // Head of the queue: lots before it are exhausted, and reads start here.
        date("primer_lote_fecha"),
        int("primer_lote_secuencia"),
        // One a line: id, quantity, date.
        text("reservas"),
        timestamp("creado_en"),
        timestamp("actualizado_en"),
        boolean("incompleta"),
        boolean("cuarentena"),
    ],
};

pub static EXISTENCIAS_LOTES: Table = Table {
    name: "existencias_lotes",
    doc: "Los lotes con saldo de un producto en una bodega, en orden FIFO.",
    partition: &[text("producto_id"), text("bodega_id")],
    clustering: &[(date("fecha_ingreso"), Order::Asc), (int("secuencia"), Order::Asc)],
    columns: &[text("lote_id"), decimal("cantidad"), decimal("costo_unitario"), date("fecha_caducidad"), text("origen_lote_id")],
};

pub static EXISTENCIAS_SPEC: ProjectionSpec = ProjectionSpec {
    name: "existencias",
    doc: "Existencias por producto y bodega, con sus lotes",
    tables: &[&EXISTENCIAS, &EXISTENCIAS_LOTES],
    topics: &[Topic::Eventos(Contexto::Inventario)],
    fresh: |anomalies| Box::new(ExistenciasFold { stocks: GenerationalCache::new(CACHED_STOCKS), changed: Vec::new(), anomalies }),
};

struct Stock {
    slot: Slot<Inventario>,
    /// Lots whose rows no longer say what the state says, with the version that last touched each: that is its row's version,
    /// wherever the batches are cut.
    touched: BTreeMap<PuestoLote, u64>,
}

struct ExistenciasFold {
    stocks: GenerationalCache<Id, Stock>,
    changed: Vec<Id>,
    anomalies: Arc<Anomalies>,
}

/// The two key columns of an Inventario's id, `producto_id:bodega_id`.
pub fn stock_key(inventario_id: &Id) -> [Value; 2] {
    let (producto, bodega) = inventario_id.as_str().split_once(':').unwrap_or((inventario_id.as_str(), ""));
    [text_value(producto), text_value(bodega)]
}

/// Where the live lots of a stock begin, by its row; `None` when it has none.
///
/// # Errors
/// `Corrupt`.
pub fn first_lot(columns: &Columns<'_>) -> Result<Option<From>, TablesError> {
    let first = columns.optional_date("primer_lote_fecha")?.zip(columns.optional_int("primer_lote_secuencia")?);
    Ok(first.map(|(fecha, secuencia)| From::At(vec![Value::Date(fecha), int_value(secuencia)])))
}

impl ExistenciasFold {
    fn load(&mut self, id: &Id, rows: &dyn RowReader) -> Result<(), TablesError> {
        if self.stocks.get_mut(id).is_some() {
            return Ok(());
        }
        let slot = match rows.get(&EXISTENCIAS, &stock_key(id))? {
            Some(row) => {
                let columns = Columns::new(&EXISTENCIAS, &row);
                Slot { state: read_state(id, &columns, rows)?, marks: Marks::read(&columns)?, dirty: false }
            }
            None => Slot::empty(),
        };
        self.stocks.insert(id.clone(), Stock { slot, touched: BTreeMap::new() });
        Ok(())
    }

    fn event(&mut self, event: &RecordedEvent, rows: &dyn RowReader) -> Result<(), TablesError> {
        let id = &event.sobre.aggregate_id;
        self.load(id, rows)?;
        let Some(stock) = self.stocks.get_mut(id) else { return Ok(()) };
        match stock.slot.marks.advance(&event.sobre, &event.evento, &self.anomalies) {
            Advance::Ignore => return Ok(()),
            Advance::MarksOnly => {}
            Advance::Fold => {
                if let Evento::Inventario(evento) = &event.evento {
                    evolucionar(&mut stock.slot.state, evento);
                    touch(evento, event.sobre.aggregate_version, &mut stock.touched);
                }
            }
        }
        if !stock.slot.dirty {
            stock.slot.dirty = true;
            self.changed.push(id.clone());
        }
        Ok(())
    }
}

fn touch(evento: &EventoInventario, version: u64, touched: &mut BTreeMap<PuestoLote, u64>) {
    let mut lots = |lotes: &[LoteConsumido]| {
        let places = lotes.iter().map(|l| PuestoLote { fecha_ingreso: l.fecha_ingreso, secuencia: l.secuencia });
        touched.extend(places.map(|place| (place, version)));
    };
    match evento {
        EventoInventario::StockIncrementado(m) => lots(&m.lotes),
        EventoInventario::StockReducido(m) => lots(&m.lotes),
        EventoInventario::LoteCreado { fecha_ingreso, secuencia, .. } => {
            touched.insert(PuestoLote { fecha_ingreso: *fecha_ingreso, secuencia: *secuencia }, version);
        }
        _ => {}
    }
}

/// The state of an Inventario as its rows say it; `None` when there is none.
///
/// # Errors
/// `Corrupt`, or of the tables.
pub fn read_state(id: &Id, columns: &Columns<'_>, rows: &dyn RowReader) -> Result<Option<Inventario>, TablesError> {
    let Some(stock) = columns.optional_decimal("stock")? else { return Ok(None) };
    let corrupt = |what: &str| TablesError::Corrupt { table: EXISTENCIAS.name, what: what.to_owned() };
    let quantity = |valor: Decimal| Cantidad::nuevo(valor).map_err(|_| corrupt("cantidad fuera de sus límites"));
    let reservas = parse_reservas(columns.text("reservas")?).ok_or_else(|| corrupt("reservas ilegibles"))?;
    let lotes = match first_lot(columns)? {
        Some(from) => read_lots(&stock_key(id), from, rows)?,
        None => BTreeMap::new(),
    };
    let (confirmadas, liberadas, devueltas) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
    Ok(Some(Inventario {
        inventario_id: id.clone(),
        producto_id: columns.id("producto_id")?,
        bodega_id: columns.id("bodega_id")?,
        stock_minimo: columns.optional_decimal("stock_minimo")?.map(quantity).transpose()?,
        siguiente_secuencia: columns.int("siguiente_secuencia")?,
        stock: quantity(stock)?,
        reservado: columns.limited("reservado", Cantidad::nuevo)?,
        reservas,
        resumen: Resumen::de(&lotes, &confirmadas, &liberadas, &devueltas),
        lotes,
        // What answers repeated steps serves decisions only.
        confirmadas,
        liberadas,
        devueltas,
        bajo_minimo: columns.boolean("bajo_minimo")?,
    }))
}

fn read_lots(key: &[Value; 2], mut from: From, rows: &dyn RowReader) -> Result<BTreeMap<PuestoLote, Lote>, TablesError> {
    let mut lotes = BTreeMap::new();
    loop {
        let read = rows.slice(&EXISTENCIAS_LOTES, key, &from, false, LOTS_A_READ)?;
        for row in &read {
            let (puesto, lote) = read_lot(row)?;
            from = From::After(vec![Value::Date(puesto.fecha_ingreso), int_value(puesto.secuencia)]);
            lotes.insert(puesto, lote);
        }
        if read.len() < LOTS_A_READ {
            return Ok(lotes);
        }
    }
}

fn read_lot(row: &Row) -> Result<(PuestoLote, Lote), TablesError> {
    let columns = Columns::new(&EXISTENCIAS_LOTES, row);
    let puesto = PuestoLote { fecha_ingreso: columns.date("fecha_ingreso")?, secuencia: columns.int("secuencia")? };
    let lote = Lote {
        lote_id: columns.id("lote_id")?,
        cantidad: columns.limited("cantidad", Cantidad::nuevo)?,
        costo_unitario: columns.limited("costo_unitario", CostoUnitario::nuevo)?,
        fecha_caducidad: columns.optional_date("fecha_caducidad")?,
        origen_lote_id: columns.optional_id("origen_lote_id")?,
    };
    Ok((puesto, lote))
}

/// `id<TAB>cantidad<TAB>fecha`, one a line.
fn write_reservas(reservas: &BTreeMap<Id, Reserva>) -> String {
    reservas.iter().map(|(id, r)| format!("{id}\t{}\t{}\n", r.cantidad.valor().normalize(), r.fecha)).collect()
}

fn parse_reservas(texto: &str) -> Option<BTreeMap<Id, Reserva>> {
    let line = |linea: &str| {
        let mut partes = linea.split('\t');
        let id = Id::de_clave(partes.next()?).ok()?;
        let cantidad = Cantidad::nuevo(Decimal::from_str_exact(partes.next()?).ok()?).ok()?;
        let fecha: NaiveDate = fecha_iso(partes.next()?)?;
        Some((id, Reserva { cantidad, fecha }))
    };
    texto.lines().map(line).collect()
}

fn stock_row(id: &Id, slot: &Slot<Inventario>) -> Row {
    let mut values = match &slot.state {
        None => vec![Value::Null; EXISTENCIAS.columns.len() - 4],
        Some(inventario) => {
            let first = inventario.lotes.first_key_value().map(|(puesto, _)| *puesto);
            vec![
                Value::Decimal(inventario.stock.valor().normalize()),
                Value::Decimal(inventario.reservado.valor().normalize()),
                Value::Decimal(inventario.valor().valor().normalize()),
                inventario.stock_minimo.map_or(Value::Null, |m| Value::Decimal(m.valor().normalize())),
                Value::Bool(inventario.bajo_minimo),
                int_value(inventario.siguiente_secuencia),
                optional_date(first.map(|puesto| puesto.fecha_ingreso)),
                first.map_or(Value::Null, |puesto| int_value(puesto.secuencia)),
                text_value(&write_reservas(&inventario.reservas)),
            ]
        }
    };
    values.extend(slot.marks.values());
    Row { key: stock_key(id).to_vec(), values, version: slot.marks.version }
}

/// The row of a touched lot; gone when the lot is exhausted.
fn lot_write(id: &Id, puesto: PuestoLote, version: u64, state: Option<&Inventario>) -> Write {
    let mut key = stock_key(id).to_vec();
    key.extend([Value::Date(puesto.fecha_ingreso), int_value(puesto.secuencia)]);
    let Some(lote) = state.and_then(|inventario| inventario.lotes.get(&puesto)) else {
        return Write::Delete { table: &EXISTENCIAS_LOTES, key, version };
    };
    let values = vec![
        id_value(&lote.lote_id),
        Value::Decimal(lote.cantidad.valor().normalize()),
        Value::Decimal(lote.costo_unitario.valor().normalize()),
        optional_date(lote.fecha_caducidad),
        optional_id(lote.origen_lote_id.as_ref()),
    ];
    Write::Upsert { table: &EXISTENCIAS_LOTES, row: Row { key, values, version } }
}

impl Projection for ExistenciasFold {
    fn fold(&mut self, entry: &Entry, rows: &dyn RowReader) -> Result<(), TablesError> {
        match &entry.content {
            Content::Event(event) if event.sobre.aggregate_tipo == TipoAgregado::Inventario => self.event(event, rows),
            _ => Ok(()),
        }
    }

    fn flush(&mut self, out: &mut Vec<Write>) {
        for id in self.changed.drain(..) {
            let Some(stock) = self.stocks.get_mut(&id) else { continue };
            stock.slot.dirty = false;
            out.push(Write::Upsert { table: &EXISTENCIAS, row: stock_row(&id, &stock.slot) });
            let touched = std::mem::take(&mut stock.touched);
            out.extend(touched.into_iter().map(|(puesto, version)| lot_write(&id, puesto, version, stock.slot.state.as_ref())));
        }
        self.stocks.age();
    }

    fn forget(&mut self) {
        self.stocks.clear();
        self.changed.clear();
    }
}
