//! The issuer: one per deployment, part of the configuration, never of a command.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::RoundingStrategy;

use super::valores::{Decimal, Identificacion, Instante, Porcentaje, TipoIdentificacion};

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

impl PoliticaRedondeo {
    /// `valor` to the policy's decimals, exactly: no step of it goes through a float. A value that already fits comes back
    /// as it is, so rounding twice changes nothing.
    pub fn redondear(&self, valor: Decimal) -> Decimal {
        let estrategia = match self.modo {
            ModoRedondeo::MitadPar => RoundingStrategy::MidpointNearestEven,
            ModoRedondeo::MitadArriba => RoundingStrategy::MidpointAwayFromZero,
        };
        valor.round_dp_with_strategy(self.decimales, estrategia)
    }
}

/// A tax rate in force between two days, both inclusive.
#[derive(Debug, Clone, PartialEq)]
pub struct ImpuestoVigente {
    pub codigo: &'static str,
    pub tarifa: Porcentaje,
    pub desde: NaiveDate,
    pub hasta: Option<NaiveDate>,
}

impl ImpuestoVigente {
    /// Whether the rate is in force on the day.
    pub fn rige_en(&self, fecha: NaiveDate) -> bool {
        self.desde <= fecha && self.hasta.is_none_or(|hasta| fecha <= hasta)
    }
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
    /// Default deadline of an invoice's issue, in milliseconds.
    pub const PLAZO_EMISION_MS: i64 = 30_000;

    /// The issuer of a deployment with nothing configured: Colombia, COP, half to even. Its NIT is made up, with a right
    /// check digit.
    pub fn co() -> Self {
        let identificacion = Identificacion { tipo: TipoIdentificacion::Nit, numero: Arc::from("900123456"), dv: Some(8) };
        Self::con_regimen(Regimen::Co, identificacion, ModoRedondeo::MitadPar, impuestos_co())
    }

    /// The default issuer in Ecuador: USD, half up. Its RUC is made up, of a juridical person, with a right check digit.
    pub fn ec() -> Self {
        let identificacion = Identificacion { tipo: TipoIdentificacion::Ruc, numero: Arc::from("1799999990001"), dv: None };
        Self::con_regimen(Regimen::Ec, identificacion, ModoRedondeo::MitadArriba, impuestos_ec())
    }

    fn con_regimen(regimen: Regimen, identificacion: Identificacion, modo: ModoRedondeo, impuestos: Vec<ImpuestoVigente>) -> Self {
        Self {
            identificacion,
            nombre: "Comercializadora de Ejemplo S.A.S.".to_owned(),
            regimen,
            redondeo: PoliticaRedondeo { modo, nivel: NivelRedondeo::Linea, decimales: 2 },
            impuestos,
            plazo_emision_ms: Self::PLAZO_EMISION_MS,
            vender_vencidos: false,
            verificar_digito_ruc: false,
            max_dias_futuro: None,
        }
    }

    /// Whether `(codigo, tarifa)` is in the catalogue on `fecha` (rule ImpuestoValido). `19` and `19.00` are the same rate.
    pub fn impuesto_vigente(&self, codigo: &str, tarifa: Porcentaje, fecha: NaiveDate) -> bool {
        self.impuestos_en(fecha).any(|i| i.codigo == codigo && i.tarifa == tarifa)
    }

    /// The rates in force on the day, in the order of the catalogue.
    pub fn impuestos_en(&self, fecha: NaiveDate) -> impl Iterator<Item = &ImpuestoVigente> {
        self.impuestos.iter().filter(move |i| i.rige_en(fecha))
    }

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

/// Colombia: IVA 19 since law 1819 of 2016; IVA 5 and INC 8 since law 1607 of 2012.
fn impuestos_co() -> Vec<ImpuestoVigente> {
    vec![
        impuesto("IVA", 19, (2017, 1, 1), None),
        impuesto("IVA", 5, (2013, 1, 1), None),
        impuesto("IVA", 0, (2013, 1, 1), None),
        impuesto("INC", 8, (2013, 1, 1), None),
    ]
}

/// Ecuador: IVA 15 and 5 since April 2024, 12 until the day before (14 ended in May 2017).
fn impuestos_ec() -> Vec<ImpuestoVigente> {
    vec![
        impuesto("IVA", 15, (2024, 4, 1), None),
        impuesto("IVA", 12, (2017, 6, 1), Some((2024, 3, 31))),
        impuesto("IVA", 5, (2024, 4, 1), None),
        impuesto("IVA", 0, (2013, 1, 1), None),
    ]
}

/// One entry of the catalogues above, written with literals only; a wrong literal fails every test that builds an issuer.
fn impuesto(codigo: &'static str, tarifa: u32, desde: (i32, u32, u32), hasta: Option<(i32, u32, u32)>) -> ImpuestoVigente {
    let dia = |(anio, mes, dia)| NaiveDate::from_ymd_opt(anio, mes, dia).expect("día del catálogo de impuestos");
    let tarifa = Porcentaje::nuevo(Decimal::from(tarifa)).expect("tarifa del catálogo de impuestos");
    ImpuestoVigente { codigo, tarifa, desde: dia(desde), hasta: hasta.map(dia) }
}
