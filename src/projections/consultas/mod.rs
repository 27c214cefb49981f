//! `Consultas`: what the API and the command line read. Answers are JSON in the shape of the public API: amounts and quantities
//! as decimal text, dates ISO, instants RFC 3339, ids text.
//!
//! Calls block for as long as a few reads of the tables take (tens of microseconds on the embedded adapter).

mod antiguedad;
mod auditoria;
mod auditoria_tiempo;
mod catalogo;
#[doc(hidden)]
pub mod cursor;
mod esperas;
mod explicacion;
mod facturas;
mod inventario;
mod lugar;
mod notas;
mod origen;
mod procesos;
mod ventas;

pub use antiguedad::FiltroAntiguedad;
pub use ventas::{Agrupacion, DIAS_MAX, FiltroVentas};

use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::Value;

use super::{progress::Progress, projection::Decoder, registros::Registros};
use crate::{
    domain::valores::Id,
    engine::ports::{Clock, SystemClock},
    log::LogError,
    tables::{Tables, TablesError},
};

/// Most items of a page.
pub const LIMITE_MAX: usize = 100;

/// Rows that one call examines at most when it filters a whole catalogue; the page then ends early, with its cursor.
const BARRIDO_MAX: usize = 20_000;

#[derive(Debug, thiserror::Error)]
pub enum ConsultaError {
    #[error(transparent)]
    Tablas(#[from] TablesError),
    /// Of the log, where the documents that rows point to are.
    #[error(transparent)]
    Registro(#[from] LogError),
    /// The cursor was not given by this query with these filters, or was altered: 400.
    #[error("el cursor «despues» no es de esta consulta o está alterado; vuelva a empezar sin él")]
    CursorInvalido,
    /// 400.
    #[error("el límite debe estar entre 1 y {LIMITE_MAX}")]
    LimiteInvalido,
    /// 400.
    #[error("el intervalo está invertido: «{desde}» es posterior a «{hasta}»")]
    IntervaloInvertido { desde: String, hasta: String },
    /// More than one thing has that id: 409.
    #[error("{0}")]
    Ambigua(String),
    /// More than one answer may hold: 400.
    #[error("{0}")]
    Demasiado(String),
    /// A row points to bytes that do not decode: 500; `proyecciones reconstruir` cures it.
    #[error("no se pudo leer lo guardado: {0}; reconstruya la proyección")]
    Ilegible(String),
}

pub type Una = Result<Option<Value>, ConsultaError>;
pub type Varias = Result<PaginaDe, ConsultaError>;

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pagina {
    /// 1 to 100.
    pub limite: usize,
    /// Cursor of the page before.
    pub despues: Option<String>,
}

impl Default for Pagina {
    fn default() -> Self {
        Self { limite: 50, despues: None }
    }
}

impl Pagina {
    fn limite(&self) -> Result<usize, ConsultaError> {
        if (1..=LIMITE_MAX).contains(&self.limite) { Ok(self.limite) } else { Err(ConsultaError::LimiteInvalido) }
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PaginaDe {
    pub items: Vec<Value>,
    /// Cursor of the next page, when there is one.
    pub despues: Option<String>,
    pub tiene_mas: bool,
}

/// All given filters must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FiltroClientes {
    /// The number, exact, without separators (for a NIT without its check digit).
    pub identificacion: Option<String>,
    /// Part of the name, upper and lower case alike.
    pub nombre: Option<String>,
    /// The mail, whole, upper and lower case alike.
    pub correo: Option<String>,
    /// `ACTIVO`, `SUSPENDIDO`, `CANCELADO`.
    pub estado_fiscal: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FiltroFacturas {
    /// On `fecha_emision`, inclusive.
    pub fecha_inicio: Option<NaiveDate>,
    /// On `fecha_emision`, inclusive.
    pub fecha_fin: Option<NaiveDate>,
    pub cliente_id: Option<Id>,
}

/// The read API. Cheap to clone.
#[derive(Clone)]
pub struct Consultas {
    tables: Arc<dyn Tables>,
    decoder: Arc<dyn Decoder>,
    registros: Arc<dyn Registros>,
    progress: Arc<Progress>,
    clock: Arc<dyn Clock>,
    vender_vencidos: bool,
    /// Sinks of another process feed the tables: how far they are is asked of the tables.
    alimentadas_por_otro: bool,
}

impl Consultas {
    /// `codec` may be an `Arc<Codec>`; `registros` is the log whose records the rows point to.
    pub fn new(tables: Arc<dyn Tables>, codec: Arc<dyn Decoder>, registros: Arc<dyn Registros>, progress: Arc<Progress>) -> Self {
        let clock = SystemClock::new();
        Self { tables, decoder: codec, registros, progress, clock, vender_vencidos: false, alimentadas_por_otro: false }
    }

    /// Over tables that another process feeds: whoever waits for his own writes asks them again and again.
    #[must_use]
    pub fn de_otro_proceso(mut self) -> Self {
        self.alimentadas_por_otro = true;
        self
    }

    /// The clock that says which lots have expired today (`servir --reloj`), and whether expired lots are sold all the same.
    #[must_use]
    pub fn con_reloj(mut self, clock: Arc<dyn Clock>, vender_vencidos: bool) -> Self {
        self.clock = clock;
        self.vender_vencidos = vender_vencidos;
        self
    }

    /// Where the sinks are: for lag and waits.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }
}
