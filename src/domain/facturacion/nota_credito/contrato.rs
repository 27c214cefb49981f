//! Commands and events of NotaCredito.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::{
    ResultadoPaso,
    facturacion::factura::{
        Campo, DireccionRespuesta, Paso, TotalesFactura,
        credito::{FacturaModificada, GrupoDevolucion, LineaAcreditada, LineaNotaCredito},
    },
    inventario::PoliticaRetorno,
    numeracion::NumeroDocumento,
    reglas::Falla,
    valores::{CostoTotal, Decimal, Id, Instante},
};

/// Why a note is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConceptoNota {
    DevolucionParcial,
    Anulacion,
    Descuento,
    AjustePrecio,
    Otro,
}

impl ConceptoNota {
    pub const TODOS: [Self; 5] = [Self::DevolucionParcial, Self::Anulacion, Self::Descuento, Self::AjustePrecio, Self::Otro];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::DevolucionParcial => "DEVOLUCION_PARCIAL",
            Self::Anulacion => "ANULACION",
            Self::Descuento => "DESCUENTO",
            Self::AjustePrecio => "AJUSTE_PRECIO",
            Self::Otro => "OTRO",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|c| c.nombre() == nombre)
    }
}

/// The key of a note: `factura_id:nota_id`.
pub fn clave_nota(factura_id: &Id, nota_id: &Id) -> Id {
    Id::compuesto(&[factura_id.as_str(), nota_id.as_str()])
}

/// A line as the caller states it: a quantity or an amount of one line of the invoice.
#[derive(Debug, Clone, PartialEq)]
pub struct LineaNotaPedida {
    pub linea_factura: u16,
    pub cantidad: Option<Decimal>,
    /// Of the subtotal; its tax goes with it.
    pub monto: Option<Decimal>,
    /// Absent = yes with a quantity, no with an amount.
    pub afecta_inventario: Option<bool>,
    pub bodega_id: Option<Id>,
}

/// Dates as the caller states them; absent ones take their defaults.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FechasNota {
    pub fecha_emision: Option<NaiveDate>,
    pub fecha_autorizacion: Option<NaiveDate>,
    pub fecha_caducidad: Campo<NaiveDate>,
}

/// A note as the caller states it.
#[derive(Debug, Clone, PartialEq)]
pub struct DatosNotaCredito {
    /// Absent = the invoice's.
    pub sucursal_id: Option<Id>,
    pub concepto: ConceptoNota,
    pub motivo: Arc<str>,
    /// Absent = LOTE_NUEVO.
    pub politica_retorno: Option<PoliticaRetorno>,
    pub fechas: FechasNota,
    pub lineas: Vec<LineaNotaPedida>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ComandoNotaCredito {
    CrearNotaCredito {
        factura_id: Id,
        nota_id: Id,
        datos: Box<DatosNotaCredito>,
    },
    AgregarLineaNotaCredito {
        factura_id: Id,
        nota_id: Id,
        linea: LineaNotaPedida,
    },
    /// With dates, they replace the draft's.
    EmitirNotaCredito {
        factura_id: Id,
        nota_id: Id,
        fechas: Option<FechasNota>,
    },
    CrearYEmitirNotaCredito {
        factura_id: Id,
        nota_id: Id,
        datos: Box<DatosNotaCredito>,
    },
    /// From an aggregate that took part in the saga.
    RespuestaPasoNota {
        factura_id: Id,
        nota_id: Id,
        intento: u32,
        grupo: u16,
        paso: Paso,
        resultado: ResultadoPaso,
    },
    /// From the engine's timer: the saga is to be driven again. Never on a topic.
    ReanudarNota {
        factura_id: Id,
        nota_id: Id,
    },
}

impl ComandoNotaCredito {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::CrearNotaCredito { .. } => "CrearNotaCredito",
            Self::AgregarLineaNotaCredito { .. } => "AgregarLineaNotaCredito",
            Self::EmitirNotaCredito { .. } => "EmitirNotaCredito",
            Self::CrearYEmitirNotaCredito { .. } => "CrearYEmitirNotaCredito",
            Self::RespuestaPasoNota { .. } => "RespuestaPasoNota",
            Self::ReanudarNota { .. } => "ReanudarNota",
        }
    }

    /// The invoice and the note it is for.
    pub fn ids(&self) -> (&Id, &Id) {
        match self {
            Self::CrearNotaCredito { factura_id, nota_id, .. }
            | Self::AgregarLineaNotaCredito { factura_id, nota_id, .. }
            | Self::EmitirNotaCredito { factura_id, nota_id, .. }
            | Self::CrearYEmitirNotaCredito { factura_id, nota_id, .. }
            | Self::RespuestaPasoNota { factura_id, nota_id, .. }
            | Self::ReanudarNota { factura_id, nota_id } => (factura_id, nota_id),
        }
    }

    /// `factura_id:nota_id`.
    pub fn clave(&self) -> Id {
        let (factura_id, nota_id) = self.ids();
        clave_nota(factura_id, nota_id)
    }
}

/// The head of a note with its defaults resolved, but for the sucursal, which may be the invoice's.
#[derive(Debug, Clone, PartialEq)]
pub struct CabeceraNota {
    pub sucursal_id: Option<Id>,
    pub concepto: ConceptoNota,
    /// MotivoModificacion: 5 to 300 characters.
    pub motivo: Arc<str>,
    pub politica_retorno: PoliticaRetorno,
    pub fecha_emision: NaiveDate,
    pub fecha_autorizacion: NaiveDate,
    pub fecha_caducidad: Option<NaiveDate>,
}

/// The start of an attempt. A note has no deadline: only an explicit refusal rejects it.
#[derive(Debug, Clone, PartialEq)]
pub struct EmisionNotaCreditoIniciada {
    pub factura_id: Id,
    pub nota_id: Id,
    pub intento: u32,
    /// With the dates it is issued with.
    pub cabecera: Arc<CabeceraNota>,
    /// From when it is driven again, should its steps get lost.
    pub reanudar_en: Instante,
    /// Who waits for the outcome.
    pub responder_a: Option<DireccionRespuesta>,
}

/// Goods that came back.
#[derive(Debug, Clone, PartialEq)]
pub struct GrupoDevuelto {
    pub grupo: Arc<GrupoDevolucion>,
    pub movimiento_id: Id,
}

/// The whole issued note.
#[derive(Debug, Clone, PartialEq)]
pub struct NotaCreditoEmitida {
    pub factura_id: Id,
    pub nota_id: Id,
    pub intento: u32,
    pub numero: NumeroDocumento,
    pub emitida_en: Instante,
    pub cabecera: Arc<CabeceraNota>,
    pub sucursal_id: Id,
    /// The invoice it modifies, as it was issued.
    pub factura: FacturaModificada,
    pub lineas: Arc<[LineaAcreditada]>,
    pub totales: TotalesFactura,
    /// Cost of the goods that came back, exact.
    pub costo_devuelto: CostoTotal,
    pub grupos: Vec<GrupoDevuelto>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventoNotaCredito {
    /// Elidable with its lines when the epoch ends in the NotaCreditoEmitida of the same command.
    NotaCreditoCreada {
        factura_id: Id,
        nota_id: Id,
        cabecera: Arc<CabeceraNota>,
    },
    LineaNotaCreditoAgregada {
        factura_id: Id,
        nota_id: Id,
        linea: Arc<LineaNotaCredito>,
    },
    /// Elidable, like NumeracionNotaCreditoRecibida, when the note is issued in the same epoch; a refused one keeps the dates it asked for.
    EmisionNotaCreditoIniciada(Arc<EmisionNotaCreditoIniciada>),
    /// Point of no return.
    NumeracionNotaCreditoRecibida {
        factura_id: Id,
        nota_id: Id,
        intento: u32,
        numero: NumeroDocumento,
    },
    NotaCreditoEmitida(Arc<NotaCreditoEmitida>),
    NotaCreditoRechazada {
        factura_id: Id,
        nota_id: Id,
        intento: u32,
        errores: Vec<Falla>,
    },
}

impl EventoNotaCredito {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::NotaCreditoCreada { .. } => "NotaCreditoCreada",
            Self::LineaNotaCreditoAgregada { .. } => "LineaNotaCreditoAgregada",
            Self::EmisionNotaCreditoIniciada(_) => "EmisionNotaCreditoIniciada",
            Self::NumeracionNotaCreditoRecibida { .. } => "NumeracionNotaCreditoRecibida",
            Self::NotaCreditoEmitida(_) => "NotaCreditoEmitida",
            Self::NotaCreditoRechazada { .. } => "NotaCreditoRechazada",
        }
    }
}
