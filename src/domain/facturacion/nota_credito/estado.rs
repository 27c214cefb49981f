//! State of a NotaCredito.

use std::sync::Arc;

use super::{CabeceraNota, EmisionNotaCreditoIniciada, EventoNotaCredito, NotaCreditoEmitida, clave_nota};
use crate::domain::{
    facturacion::factura::{
        Envio,
        credito::{CreditoConcedido, LineaNotaCredito},
    },
    numeracion::NumeroDocumento,
    reglas::Falla,
    valores::Id,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EstadoNota {
    Borrador,
    EnEmision,
    Emitida,
    Rechazada,
}

impl EstadoNota {
    pub const TODOS: [Self; 4] = [Self::Borrador, Self::EnEmision, Self::Emitida, Self::Rechazada];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::Borrador => "BORRADOR",
            Self::EnEmision => "EN_EMISION",
            Self::Emitida => "EMITIDA",
            Self::Rechazada => "RECHAZADA",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|e| e.nombre() == nombre)
    }
}

/// What has been answered. Not recorded: after a restart the steps are sent again and answer the same.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProgresoNota {
    /// What the invoice granted.
    pub concedido: Option<Arc<CreditoConcedido>>,
    /// Per group: its Inventario exists, or the failures.
    pub verificadas: Vec<Option<Result<(), Vec<Falla>>>>,
    /// Ranges that refused, in the order they were asked.
    pub rangos_negados: Vec<Vec<Falla>>,
    /// Per group: its goods are back.
    pub devueltas: Vec<bool>,
}

/// An attempt in course.
#[derive(Debug, Clone, PartialEq)]
pub struct EmisionNota {
    pub inicio: Arc<EmisionNotaCreditoIniciada>,
    /// Once recorded, the note only goes forward.
    pub numero: Option<NumeroDocumento>,
    pub progreso: ProgresoNota,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NotaCredito {
    pub factura_id: Id,
    pub nota_id: Id,
    pub estado: EstadoNota,
    pub cabecera: Arc<CabeceraNota>,
    pub lineas: Vec<Arc<LineaNotaCredito>>,
    /// Attempts to issue, from 1; 0 before the first.
    pub intento: u32,
    pub emision: Option<Box<EmisionNota>>,
    /// The document once issued.
    pub emitida: Option<Arc<NotaCreditoEmitida>>,
    /// Failures of the last refused attempt.
    pub errores: Vec<Falla>,
}

impl NotaCredito {
    /// `factura_id:nota_id`.
    pub fn clave(&self) -> Id {
        clave_nota(&self.factura_id, &self.nota_id)
    }
}

/// A fact of the saga that is not recorded (see [`ProgresoNota`]).
#[derive(Debug, Clone, PartialEq)]
pub enum NotaSagaCredito {
    CreditoConcedido { concedido: Arc<CreditoConcedido> },
    GrupoVerificado { grupo: u16, resultado: Result<(), Vec<Falla>> },
    NumeroNegado { errores: Vec<Falla> },
    GrupoDevuelto { grupo: u16 },
}

/// What a NotaCredito decides on one message. Order of application: `eventos`, then `notas`; then `envios` leave in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecisionNota {
    pub eventos: Vec<EventoNotaCredito>,
    pub notas: Vec<NotaSagaCredito>,
    pub envios: Vec<Envio>,
}

impl DecisionNota {
    pub(super) fn con_eventos(eventos: Vec<EventoNotaCredito>) -> Self {
        Self { eventos, ..Self::default() }
    }

    pub(super) fn recuerda(nota: NotaSagaCredito) -> Self {
        Self { notas: vec![nota], ..Self::default() }
    }
}
