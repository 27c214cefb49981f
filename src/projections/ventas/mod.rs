//! `ventas`: what was sold, returned and what it cost, by day, product and channel.
//!
//! Folds FacturaEmitida, FacturaAnulada and NotaCreditoEmitida, each of which carries its whole document:
//! - An invoice counts on its issue day. Its annulment takes it out of that same day, so a day is always its invoices that stand.
//! - A note counts on its own issue day, by the channel of its invoice. The quantity is what it credits, goods back or not; the cost is that of
//!   the goods that came back.
//! - A line without product (a service) is under the empty product, and so is what the rounding of a whole document differs from its lines by;
//!   an invoice without channel, under the empty channel. Neither is a valid id or channel.
//!
//! A row is the sum of many documents, so its version is the place in the log of the last one that it has, and only one sink writes it: the
//! partition of the log is in its key. Whatever part of a batch a row already has, folding the batch again adds the rest and nothing twice,
//! row by row: rows of a batch that was cut short need not agree.

pub mod sumas;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use self::sumas::{COLUMNAS, Lado, Parte, Sumas};
use super::{
    cache::GenerationalCache,
    projection::{Content, Entry, Projection, ProjectionSpec, RowReader},
    rows::{Columns, date, int, text, text_value},
};
use crate::{
    domain::{
        Contexto, Evento,
        facturacion::{
            factura::{EventoFactura, FacturaEmitida, credito::Acreditado},
            nota_credito::{EventoNotaCredito, NotaCreditoEmitida},
        },
        valores::Id,
    },
    log::{Position, Topic},
    tables::{Order, Row, Table, TablesError, Value, Write},
};

/// Rows held in memory per partition.
const CACHED_ROWS: usize = 4_096;

/// Products already in the directory of their month, held in memory per partition.
const CACHED_PRODUCTS: usize = 4_096;

/// Characters of a channel that tell it from another: what the API takes. Commands put on the topic by others may carry more.
pub const LARGO_CANAL: usize = 64;

const DE_UN_DIA: &[(crate::tables::Column, Order)] = &[
    (date("fecha"), Order::Desc),
    (text("canal"), Order::Asc),
    (text("moneda"), Order::Asc),
    // Of `eventos.facturacion`: one sink, one row.
    (int("particion"), Order::Asc),
];

pub static VENTAS_POR_DIA: Table = Table {
    name: "ventas_por_dia",
    doc: "Las ventas y devoluciones de cada día y canal, del último día al primero.",
    partition: &[text("libro")],
    clustering: DE_UN_DIA,
    columns: COLUMNAS,
};

pub static VENTAS_POR_PRODUCTO: Table = Table {
    name: "ventas_por_producto",
    doc: "Las ventas y devoluciones de un producto cada día y canal, del último día al primero; sin producto, los servicios.",
    partition: &[text("producto_id")],
    clustering: DE_UN_DIA,
    columns: COLUMNAS,
};

pub static VENTAS_PRODUCTOS: Table = Table {
    name: "ventas_productos",
    doc: "Los productos vendidos o devueltos en un mes, que se nombra por su primer día.",
    partition: &[date("mes")],
    clustering: &[(text("producto_id"), Order::Asc)],
    columns: &[],
};

/// The only partition of [`VENTAS_POR_DIA`].
pub const LIBRO_VENTAS: &str = "ventas";

pub static VENTAS_SPEC: ProjectionSpec = ProjectionSpec {
    name: "ventas",
    doc: "Ventas, devoluciones y costo por día, producto y canal",
    tables: &[&VENTAS_POR_DIA, &VENTAS_POR_PRODUCTO, &VENTAS_PRODUCTOS],
    topics: &[Topic::Eventos(Contexto::Facturacion)],
    fresh: |_| Box::new(VentasFold::new()),
};

/// The month of a day, as the directory of products names it.
pub fn mes_de(fecha: NaiveDate) -> NaiveDate {
    fecha.with_day(1).unwrap_or(fecha)
}

/// A row, its partition of the log apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Clave {
    /// `None`: the row of the day, all products together. Empty: what has no product.
    producto: Option<Arc<str>>,
    fecha: NaiveDate,
    canal: Arc<str>,
    moneda: Arc<str>,
}

struct Fila {
    sumas: Sumas,
    /// One more than the position of the last document it has; 0 for none.
    version: u64,
    /// The version that is stored: documents up to it are in the row, and in no need of being added.
    guardada: u64,
    /// Touched since the last flush, and so in the list of changes.
    dirty: bool,
}

/// What all the parts of a document have in common.
struct Cabeza<'a> {
    lado: Lado,
    fecha: NaiveDate,
    canal: Arc<str>,
    moneda: &'a Arc<str>,
    version: u64,
}

struct VentasFold {
    filas: GenerationalCache<Clave, Fila>,
    productos: GenerationalCache<(NaiveDate, Arc<str>), ()>,
    changed: Vec<Clave>,
    /// The next position that was not folded since the memory was last empty.
    next: Position,
    particion: u16,
    vacio: Arc<str>,
}

impl VentasFold {
    fn new() -> Self {
        Self {
            filas: GenerationalCache::new(CACHED_ROWS),
            productos: GenerationalCache::new(CACHED_PRODUCTS),
            changed: Vec::new(),
            next: 0,
            particion: 0,
            vacio: Arc::from(""),
        }
    }

    fn factura(&mut self, documento: &FacturaEmitida, lado: Lado, version: u64, rows: &dyn RowReader) -> Result<(), TablesError> {
        let cabeza = Cabeza {
            lado,
            fecha: documento.cabecera.fecha_emision,
            canal: self.canal(documento.cabecera.canal.as_ref()),
            moneda: &documento.cabecera.moneda,
            version,
        };
        let lineas = documento.lineas.iter().map(|l| {
            let parte = Parte {
                lineas: 1,
                cantidad: l.linea.cantidad.valor(),
                neto: l.subtotal.valor(),
                impuestos: l.impuesto.valor(),
                costo: Decimal::ZERO,
            };
            (l.linea.producto_id.as_ref(), parte)
        });
        let costos = documento.grupos.iter().map(|g| (&g.grupo.producto_id, g.costo_total.valor()));
        let (subtotal, total) = (documento.totales.subtotal.valor(), documento.totales.total.valor());
        self.documento(&cabeza, lineas, costos, (subtotal, total - subtotal, documento.costo_ventas.valor()), rows)
    }

    fn nota(&mut self, nota: &NotaCreditoEmitida, version: u64, rows: &dyn RowReader) -> Result<(), TablesError> {
        let cabeza = Cabeza {
            lado: Lado::Devolucion,
            fecha: nota.cabecera.fecha_emision,
            canal: self.canal(nota.factura.canal.as_ref()),
            moneda: &nota.factura.moneda,
            version,
        };
        let lineas = nota.lineas.iter().map(|l| {
            let cantidad = match l.linea.acreditado {
                Acreditado::Cantidad { cantidad } => cantidad.valor(),
                Acreditado::Monto { .. } => Decimal::ZERO,
            };
            let (neto, impuestos) = (l.subtotal.valor(), l.valor_impuesto.valor());
            (l.producto_id.as_ref(), Parte { lineas: 1, cantidad, neto, impuestos, costo: Decimal::ZERO })
        });
        let costos = nota.grupos.iter().map(|g| (&g.grupo.producto_id, g.grupo.costo_total.valor()));
        let (subtotal, total) = (nota.totales.subtotal.valor(), nota.totales.total.valor());
        self.documento(&cabeza, lineas, costos, (subtotal, total - subtotal, nota.costo_devuelto.valor()), rows)
    }

    /// Adds a document to the rows of its products and to that of its day. `totales`: net, taxes and cost of the whole.
    fn documento<'a>(
        &mut self,
        cabeza: &Cabeza<'_>,
        lineas: impl Iterator<Item = (Option<&'a Id>, Parte)>,
        costos: impl Iterator<Item = (&'a Id, Decimal)>,
        (neto, impuestos, costo): (Decimal, Decimal, Decimal),
        rows: &dyn RowReader,
    ) -> Result<(), TablesError> {
        let mut entero = Parte::default();
        let mut por_producto: BTreeMap<Option<&Id>, Parte> = BTreeMap::new();
        for (producto, parte) in lineas {
            entero.mas(&parte);
            por_producto.entry(producto).or_default().mas(&parte);
        }
        for (producto, costo) in costos {
            por_producto.entry(Some(producto)).or_default().costo += costo;
        }
        // Rounded as a whole, a document need not be the sum of its lines: the difference has no product, and is not lost.
        if (entero.neto, entero.impuestos) != (neto, impuestos) {
            let resto = Parte { neto: neto - entero.neto, impuestos: impuestos - entero.impuestos, ..Parte::default() };
            por_producto.entry(None).or_default().mas(&resto);
        }
        for (producto, parte) in &por_producto {
            let producto = producto.map_or_else(|| Arc::clone(&self.vacio), Id::texto);
            self.agregar(cabeza, Some(producto), parte, rows)?;
        }
        self.agregar(cabeza, None, &Parte { neto, impuestos, costo, ..entero }, rows)
    }

    /// Adds all that a document has for a row, unless the row has it.
    fn agregar(
        &mut self,
        cabeza: &Cabeza<'_>,
        producto: Option<Arc<str>>,
        parte: &Parte,
        rows: &dyn RowReader,
    ) -> Result<(), TablesError> {
        let (canal, moneda) = (Arc::clone(&cabeza.canal), Arc::clone(cabeza.moneda));
        let clave = Clave { producto, fecha: cabeza.fecha, canal, moneda };
        if self.filas.get_mut(&clave).is_none() {
            let fila = self.cargar(&clave, rows)?;
            self.filas.insert(clave.clone(), fila);
        }
        let Some(fila) = self.filas.get_mut(&clave) else { return Ok(()) };
        if cabeza.version > fila.guardada {
            fila.version = cabeza.version;
            fila.sumas.agregar(cabeza.lado, parte);
        }
        // Also when the row has it: what went with it in a batch that was cut short may be missing.
        if !fila.dirty {
            fila.dirty = true;
            self.changed.push(clave);
        }
        Ok(())
    }

    fn cargar(&self, clave: &Clave, rows: &dyn RowReader) -> Result<Fila, TablesError> {
        let (table, key) = self.llave(clave);
        let (sumas, version) = match rows.get(table, &key)? {
            Some(row) => (Sumas::leer(&Columns::new(table, &row))?, row.version),
            None => (Sumas::default(), 0),
        };
        Ok(Fila { sumas, version, guardada: version, dirty: false })
    }

    fn llave(&self, clave: &Clave) -> (&'static Table, Vec<Value>) {
        let (table, particion) = match &clave.producto {
            Some(producto) => (&VENTAS_POR_PRODUCTO, Value::Text(Arc::clone(producto))),
            None => (&VENTAS_POR_DIA, text_value(LIBRO_VENTAS)),
        };
        let (canal, moneda) = (Value::Text(Arc::clone(&clave.canal)), Value::Text(Arc::clone(&clave.moneda)));
        (table, vec![particion, Value::Date(clave.fecha), canal, moneda, Value::Int(i64::from(self.particion))])
    }

    fn canal(&self, canal: Option<&Arc<str>>) -> Arc<str> {
        match canal {
            None => Arc::clone(&self.vacio),
            Some(canal) => match canal.char_indices().nth(LARGO_CANAL) {
                None => Arc::clone(canal),
                Some((fin, _)) => Arc::from(&canal[..fin]),
            },
        }
    }

    /// Puts the product of a row into the directory of its month, unless that was done lately.
    fn anotar(&mut self, clave: &Clave, out: &mut Vec<Write>) {
        let Some(producto) = &clave.producto else { return };
        let lugar = (mes_de(clave.fecha), Arc::clone(producto));
        if self.productos.get_mut(&lugar).is_none() {
            let key = vec![Value::Date(lugar.0), Value::Text(Arc::clone(producto))];
            out.push(Write::Insert { table: &VENTAS_PRODUCTOS, row: Row { key, values: Vec::new(), version: 1 } });
            self.productos.insert(lugar, ());
        }
    }
}

impl Projection for VentasFold {
    fn fold(&mut self, entry: &Entry, rows: &dyn RowReader) -> Result<(), TablesError> {
        let Content::Event(event) = &entry.content else { return Ok(()) };
        if entry.position < self.next {
            return Ok(());
        }
        self.particion = entry.partition.partition;
        let version = entry.position.saturating_add(1);
        match &event.evento {
            Evento::Factura(EventoFactura::FacturaEmitida(emitida)) => self.factura(emitida, Lado::Venta, version, rows)?,
            Evento::Factura(EventoFactura::FacturaAnulada(anulada)) => {
                self.factura(&anulada.documento, Lado::Anulacion, version, rows)?;
            }
            Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(emitida)) => self.nota(emitida, version, rows)?,
            _ => {}
        }
        self.next = version;
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<Write>) {
        for clave in std::mem::take(&mut self.changed) {
            self.anotar(&clave, out);
            let (table, key) = self.llave(&clave);
            let Some(fila) = self.filas.get_mut(&clave) else { continue };
            fila.dirty = false;
            fila.guardada = fila.version;
            out.push(Write::Upsert { table, row: Row { key, values: fila.sumas.valores(), version: fila.version } });
        }
        self.filas.age();
        self.productos.age();
    }

    fn forget(&mut self) {
        self.filas.clear();
        self.productos.clear();
        self.changed.clear();
        self.next = 0;
    }
}
