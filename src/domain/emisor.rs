//! The issuer: one per deployment, part of the configuration, never of a command.

use chrono::NaiveDate;

use super::valores::{Identificacion, Instante, Porcentaje};

/// Tax regime: fixes currency, rounding and the tax catalogue (`dominio.md` section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regimen {
    Co,
    Ec,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModoRedondeo {
    /// Half to even.
    MitadPar,
    /// Half up: away from zero.
    MitadArriba,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NivelRedondeo {
    Linea,
    Documento,
}

/// Precision and rounding in one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoliticaRedondeo {
    pub modo: ModoRedondeo,
    pub nivel: NivelRedondeo,
    /// 0 to 2.
    pub decimales: u32,
}

/// A tax rate in force between two days, both inclusive.
#[derive(Debug, Clone, PartialEq)]
pub struct ImpuestoVigente {
    pub codigo: &'static str,
    pub tarifa: Porcentaje,
    pub desde: NaiveDate,
    pub hasta: Option<NaiveDate>,
}

/// The issuer and the switches of its rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Emisor {
    pub identificacion: Identificacion,
    pub nombre: String,
    pub regimen: Regimen,
    pub redondeo: PoliticaRedondeo,
    pub impuestos: Vec<ImpuestoVigente>,
    /// Deadline of an invoice's issue until its stock is held, in milliseconds. Default 30,000.
    pub plazo_emision_ms: i64,
    pub vender_vencidos: bool,
    pub verificar_digito_ruc: bool,
    /// Optional cap of `fecha_emision`, in days from today; `None` does not check (`MaxDiasFuturoValido`).
    pub max_dias_futuro: Option<u16>,
}

impl Emisor {
    /// The issuer's calendar day at an instant: UTC-05:00 in both regimes, no daylight saving.
    pub fn hoy(&self, ahora: Instante) -> NaiveDate {
        ahora.fecha_en_utc_menos_5()
    }

    /// ISO 4217: `COP` or `USD`.
    pub fn moneda(&self) -> &'static str {
        match self.regimen {
            Regimen::Co => "COP",
            Regimen::Ec => "USD",
        }
    }
}
