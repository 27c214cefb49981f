//! Commands and events of RangoNumeracion.

use std::{fmt, sync::Arc};

use chrono::NaiveDate;

use crate::domain::valores::Id;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TipoDocumento {
    Factura,
    NotaCredito,
}

impl TipoDocumento {
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Factura => "FACTURA",
            Self::NotaCredito => "NOTA_CREDITO",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        [Self::Factura, Self::NotaCredito].into_iter().find(|t| t.nombre() == nombre)
    }
}

/// The key of a range: `sucursal_id:tipo_documento:prefijo` (the prefix may be empty).
pub fn rango_id(sucursal_id: &Id, tipo: TipoDocumento, prefijo: &str) -> Id {
    Id::compuesto(&[sucursal_id.as_str(), tipo.nombre(), prefijo])
}

/// The number of a document; shown as prefix and number: `F1`, `FE990000001`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumeroDocumento {
    pub rango_id: Id,
    pub prefijo: Arc<str>,
    pub consecutivo: u64,
    /// The tax authority's resolution of the range; empty for internal ranges.
    pub resolucion: Arc<str>,
}

impl fmt::Display for NumeroDocumento {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.prefijo, self.consecutivo)
    }
}

/// Interval and validity of an authorization; both ends inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autorizacion {
    pub desde: u64,
    pub hasta: u64,
    pub vigente_desde: NaiveDate,
    pub vigente_hasta: NaiveDate,
    pub resolucion: Arc<str>,
    pub fecha_resolucion: Option<NaiveDate>,
}

impl Autorizacion {
    /// How many numbers the interval holds.
    pub fn total(&self) -> u64 {
        self.hasta.saturating_add(1).saturating_sub(self.desde)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum ComandoRango {
    CrearRango { rango_id: Id, sucursal_id: Id, tipo_documento: TipoDocumento, prefijo: Arc<str>, autorizacion: Autorizacion },
    AsignarNumero { rango_id: Id, documento_id: Id, fecha: NaiveDate },
    RenovarRango { rango_id: Id, autorizacion: Autorizacion },
    InutilizarNumero { rango_id: Id, consecutivo: u64, motivo: Arc<str> },
}

impl ComandoRango {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::CrearRango { .. } => "CrearRango",
            Self::AsignarNumero { .. } => "AsignarNumero",
            Self::RenovarRango { .. } => "RenovarRango",
            Self::InutilizarNumero { .. } => "InutilizarNumero",
        }
    }

    pub fn rango_id(&self) -> &Id {
        match self {
            Self::CrearRango { rango_id, .. }
            | Self::AsignarNumero { rango_id, .. }
            | Self::RenovarRango { rango_id, .. }
            | Self::InutilizarNumero { rango_id, .. } => rango_id,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventoRango {
    RangoCreado {
        rango_id: Id,
        sucursal_id: Id,
        tipo_documento: TipoDocumento,
        prefijo: Arc<str>,
        autorizacion: Autorizacion,
    },
    NumeroAsignado {
        documento_id: Id,
        numero: NumeroDocumento,
        fecha: NaiveDate,
    },
    RangoRenovado {
        rango_id: Id,
        autorizacion: Autorizacion,
    },
    /// Once, when 90 % of the interval has been given.
    RangoPorAgotarse {
        rango_id: Id,
        restantes: u64,
    },
    NumeroInutilizado {
        rango_id: Id,
        consecutivo: u64,
        motivo: Arc<str>,
    },
}

impl EventoRango {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::RangoCreado { .. } => "RangoCreado",
            Self::NumeroAsignado { .. } => "NumeroAsignado",
            Self::RangoRenovado { .. } => "RangoRenovado",
            Self::RangoPorAgotarse { .. } => "RangoPorAgotarse",
            Self::NumeroInutilizado { .. } => "NumeroInutilizado",
        }
    }
}
