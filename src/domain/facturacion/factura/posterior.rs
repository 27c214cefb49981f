//! What happens to an invoice after its issue: credit, annulment, the tax authority's answer. Everything else of it is immutable.

use std::sync::Arc;

use super::{DireccionRespuesta, FacturaEmitida, credito::CreditoFactura};
use crate::domain::{
    reglas::Falla,
    valores::{CostoTotal, Id, Instante},
};

/// The tax authority's answer to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EstadoDian {
    /// Sent; its answer is not known yet.
    Enviada,
    Aceptada,
    Rechazada,
}

impl EstadoDian {
    pub const TODOS: [Self; 3] = [Self::Enviada, Self::Aceptada, Self::Rechazada];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::Enviada => "ENVIADA",
            Self::Aceptada => "ACEPTADA",
            Self::Rechazada => "RECHAZADA",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|e| e.nombre() == nombre)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RespuestaDian {
    pub estado: EstadoDian,
    /// Of the authority's rule, 1–64 characters.
    pub codigo: Option<Arc<str>>,
    /// 1–1,000 characters.
    pub mensaje: Option<Arc<str>>,
}

/// The start of an annulment: what the rest of its saga needs.
#[derive(Debug, Clone, PartialEq)]
pub struct AnulacionIniciada {
    pub factura_id: Id,
    /// Annulments of the invoice, from 1.
    pub intento: u32,
    /// 5 to 300 characters.
    pub motivo: Arc<str>,
    /// From when it is driven again, should its steps get lost. It has no deadline.
    pub reanudar_en: Instante,
    /// Who waits for the outcome.
    pub responder_a: Option<DireccionRespuesta>,
}

/// Goods that came back to an Inventario, into their original lots.
#[derive(Debug, Clone, PartialEq)]
pub struct MovimientoAnulacion {
    pub producto_id: Id,
    pub bodega_id: Id,
    pub movimiento_id: Id,
    pub costo_total: CostoTotal,
}

/// The end of an annulment, with the whole document. Its number stays used.
#[derive(Debug, Clone, PartialEq)]
pub struct FacturaAnulada {
    pub documento: Arc<FacturaEmitida>,
    pub intento: u32,
    pub motivo: Arc<str>,
    pub anulada_en: Instante,
    /// One per group of the document, in its order.
    pub movimientos: Vec<MovimientoAnulacion>,
    pub dian: Option<RespuestaDian>,
}

/// What has been answered of an annulment in course. Not recorded: its steps answer the same when they are sent again.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProgresoAnulacion {
    /// Per group: its Inventario exists, or the failures.
    pub verificadas: Vec<Option<Result<(), Vec<Falla>>>>,
    /// Per group: its goods are back.
    pub devueltas: Vec<bool>,
}

/// An annulment in course.
#[derive(Debug, Clone, PartialEq)]
pub struct AnulacionEnCurso {
    pub inicio: Arc<AnulacionIniciada>,
    /// AnulacionAsegurada: the goods are on their way back and nothing stops it any more.
    pub asegurada: bool,
    pub progreso: ProgresoAnulacion,
}

/// State of an invoice after its issue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Posterior {
    pub credito: CreditoFactura,
    /// Annulments tried.
    pub anulaciones: u32,
    pub en_curso: Option<AnulacionEnCurso>,
    /// The annulment, once done.
    pub anulada: Option<Arc<FacturaAnulada>>,
    pub dian: Option<RespuestaDian>,
}
