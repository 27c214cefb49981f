//! State of a Factura.

use std::sync::Arc;

use super::{
    CabeceraFactura, EmisionIniciada, FacturaEmitida, LineaFactura, Posterior, RespuestaDian, TotalesFactura,
    credito::CreditoFactura,
};
use crate::domain::{
    ResultadoPaso,
    inventario::LoteConsumido,
    numeracion::NumeroDocumento,
    reglas::Falla,
    valores::{CostoTotal, Id},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EstadoFactura {
    Borrador,
    EnEmision,
    Emitida,
    Rechazada,
    Descartada,
    EnAnulacion,
    Anulada,
}

impl EstadoFactura {
    pub const TODOS: [Self; 7] =
        [Self::Borrador, Self::EnEmision, Self::Emitida, Self::Rechazada, Self::Descartada, Self::EnAnulacion, Self::Anulada];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::Borrador => "BORRADOR",
            Self::EnEmision => "EN_EMISION",
            Self::Emitida => "EMITIDA",
            Self::Rechazada => "RECHAZADA",
            Self::Descartada => "DESCARTADA",
            Self::EnAnulacion => "EN_ANULACION",
            Self::Anulada => "ANULADA",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|e| e.nombre() == nombre)
    }
}

/// How far an attempt's recorded steps have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaseEmision {
    /// EmisionIniciada: asking for reservations; the deadline applies.
    Reservando,
    /// StockAsegurado: asking for a number.
    Numerando,
    /// NumeracionRecibida: point of no return.
    Confirmando,
}

/// What has been answered within a phase. Not recorded: after a restart the steps are sent again and answer the same.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progreso {
    /// Per group: granted, or refused with these failures.
    pub reservas: Vec<Option<Result<(), Vec<Falla>>>>,
    /// Per group: lots and cost.
    pub confirmaciones: Vec<Option<(Arc<[LoteConsumido]>, CostoTotal)>>,
    /// Ranges that refused, in the order they were asked.
    pub rangos_negados: Vec<Vec<Falla>>,
}

/// An attempt in course.
#[derive(Debug, Clone, PartialEq)]
pub struct Emision {
    pub inicio: Arc<EmisionIniciada>,
    pub fase: FaseEmision,
    pub numero: Option<NumeroDocumento>,
    pub progreso: Progreso,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Factura {
    pub factura_id: Id,
    pub estado: EstadoFactura,
    pub cabecera: Arc<CabeceraFactura>,
    /// Numbered from 1 in their order.
    pub lineas: Vec<Arc<LineaFactura>>,
    /// Of the draft as its last event left it; `None` once issued, and for a draft that a program without drafts wrote.
    pub totales_borrador: Option<Arc<TotalesFactura>>,
    /// Attempts to issue, from 1; 0 before the first.
    pub intento: u32,
    pub emision: Option<Box<Emision>>,
    /// The document once issued.
    pub emitida: Option<Arc<FacturaEmitida>>,
    /// Failures of the last refused attempt, to issue or to annul.
    pub errores: Vec<Falla>,
    /// What happened since its issue; `None` while nothing has.
    pub posterior: Option<Box<Posterior>>,
}

impl Factura {
    /// Credit that notes have taken, reserved and applied.
    pub fn credito(&self) -> Option<&CreditoFactura> {
        self.posterior.as_deref().map(|p| &p.credito)
    }

    /// The tax authority's last answer.
    pub fn dian(&self) -> Option<&RespuestaDian> {
        self.posterior.as_deref()?.dian.as_ref()
    }

    /// Whether it coordinates a saga that has not ended.
    pub fn en_curso(&self) -> bool {
        matches!(self.estado, EstadoFactura::EnEmision | EstadoFactura::EnAnulacion)
    }
}

impl Factura {
    /// Whether it may be edited, issued or discarded: a draft, or one whose last attempt was rejected.
    pub fn es_editable(&self) -> bool {
        matches!(self.estado, EstadoFactura::Borrador | EstadoFactura::Rechazada)
    }

    /// The sums of its lines at this version.
    pub fn totales(&self) -> Option<&Arc<TotalesFactura>> {
        let emitida = self.emitida.as_ref().map(|e| &e.totales);
        emitida.or_else(|| self.emision.as_ref().map(|e| &e.inicio.totales)).or(self.totales_borrador.as_ref())
    }
}

/// A fact of the saga that is not recorded (see [`Progreso`]).
#[derive(Debug, Clone, PartialEq)]
pub enum NotaSaga {
    ReservaRespondida {
        grupo: u16,
        resultado: Result<(), Vec<Falla>>,
    },
    NumeroNegado {
        errores: Vec<Falla>,
    },
    ReservaConfirmada {
        grupo: u16,
        lotes: Arc<[LoteConsumido]>,
        costo_total: CostoTotal,
    },
    /// Of an annulment.
    GrupoVerificado {
        grupo: u16,
        resultado: Result<(), Vec<Falla>>,
    },
    /// Of an annulment.
    GrupoDevuelto {
        grupo: u16,
    },
}

/// What a Factura decides on one message: facts to record, facts to remember, messages to send.
/// Order of application: `eventos`, then `notas`; then `envios` leave in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecisionFactura {
    pub eventos: Vec<super::EventoFactura>,
    pub notas: Vec<NotaSaga>,
    pub envios: Vec<super::Envio>,
    /// The answer, when the message was a step of another document's saga.
    pub resultado: Option<ResultadoPaso>,
}
