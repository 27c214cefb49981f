//! What the edge asks of the read side, as one small port: the projections answer it, tests play it.

use std::time::Duration;

use chrono::NaiveDate;
use serde_json::Value;

use crate::{
    domain::{
        TipoAgregado,
        valores::{Cantidad, Id, Instante},
    },
    log::{Position, TopicPartition},
    projections::Agrupacion,
    tables::TablesError,
};

/// One thing by its id.
#[derive(Debug, Clone, PartialEq)]
pub enum Recurso {
    Cliente(Id),
    Producto(Id),
    Descuento(Id),
    Sucursal(Id),
    Bodega(Id),
    Factura(Id),
    Comando(Id),
    /// Stock of a producto in a bodega, with its lots in FIFO order.
    Stock {
        producto: Id,
        bodega: Id,
    },
    Rango(Id),
    /// A credit note; without its invoice its id must be of one invoice alone.
    NotaCredito {
        factura: Option<Id>,
        nota: Id,
    },
    /// The account of a client in an interval, both days inclusive.
    EstadoDeCuenta {
        cliente: Id,
        fechas: (NaiveDate, NaiveDate),
    },
    /// Which lots a sale would take.
    Explicacion {
        producto: Id,
        bodega: Id,
        cantidad: Cantidad,
        fecha: Option<NaiveDate>,
    },
}

/// A list and its filters.
#[derive(Debug, Clone, PartialEq)]
pub enum Lista {
    Clientes {
        identificacion: Option<String>,
        nombre: Option<String>,
        correo: Option<String>,
        estado_fiscal: Option<String>,
    },
    Productos,
    Descuentos,
    Sucursales,
    Bodegas,
    Rangos,
    Movimientos {
        producto: Id,
        bodega: Id,
    },
    /// Both days inclusive, on `fecha_emision`. Without days, all of the client's.
    Facturas {
        fechas: Option<(NaiveDate, NaiveDate)>,
        cliente: Option<Id>,
    },
    NotasDeFactura(Id),
    /// Both days inclusive, on `fecha_emision`.
    Notas {
        fechas: (NaiveDate, NaiveDate),
    },
    AuditoriaDeFactura(Id),
    /// The same records, each with the proof that it is under a seal.
    PruebaDeFactura(Id),
    /// The last seal of each source partition: all of them in one page.
    Sellos,
    Auditoria {
        correlation_id: Option<Id>,
        desde: Option<Instante>,
        hasta: Option<Instante>,
    },
    Sagas,
    /// Sales, returns, cost and margin; both days inclusive, on `fecha_emision`.
    Ventas {
        fechas: (NaiveDate, NaiveDate),
        producto: Option<Id>,
        canal: Option<String>,
        agrupar: Agrupacion,
    },
    /// Lots with a balance by age, on a day; without it, today.
    Antiguedad {
        producto: Option<Id>,
        bodega: Option<Id>,
        fecha: Option<NaiveDate>,
    },
}

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pagina {
    /// 1 to 100.
    pub limite: usize,
    /// Cursor of the page before.
    pub despues: Option<String>,
}

/// A page as read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PaginaLeida {
    pub items: Vec<Value>,
    pub despues: Option<String>,
    pub tiene_mas: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ErrorLectura {
    /// The cursor is not one of ours, or of another list.
    #[error("cursor inválido")]
    Cursor,
    /// A filter or limit that the read side refuses, in Spanish.
    #[error("{0}")]
    Parametro(String),
    /// The id names more than one thing; says how to ask for one.
    #[error("{0}")]
    Ambigua(String),
    /// What is stored cannot be read back; says what to do.
    #[error("{0}")]
    Ilegible(String),
    #[error(transparent)]
    Tablas(#[from] TablesError),
}

/// The read side. Calls block; the edge makes them off its own threads.
pub trait Lecturas: Send + Sync + 'static {
    /// # Errors
    /// When the tables cannot be read.
    fn obtener(&self, recurso: &Recurso) -> Result<Option<Value>, ErrorLectura>;
    /// # Errors
    /// `Cursor`, `Parametro`, or when the tables cannot be read.
    fn listar(&self, lista: &Lista, pagina: &Pagina) -> Result<PaginaLeida, ErrorLectura>;
    /// Waits until the rows of an aggregate show at least a version; false when the time ran out.
    ///
    /// # Errors
    /// When the tables cannot be read.
    fn esperar_version(&self, tipo: TipoAgregado, id: &Id, version: u64, plazo: Duration) -> Result<bool, ErrorLectura>;
    /// Waits until every sink is past these positions; false when the time ran out.
    ///
    /// # Errors
    /// When the tables cannot be read.
    fn esperar_posiciones(&self, posiciones: &[(TopicPartition, Position)], plazo: Duration) -> Result<bool, ErrorLectura>;
}
