//! The issuer: one per deployment, part of the configuration, never of a command.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::RoundingStrategy;

use super::{
    reglas::{Falla, Fallas, Regla},
    valores::{Decimal, Dinero, Identificacion, Instante, Porcentaje, TipoIdentificacion, nombre_valido, texto_valido},
};

/// Longest code of a tax, in characters.
const CODIGO_IMPUESTO_MAX: usize = 16;

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
    pub codigo: Arc<str>,
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
    /// Optional limit of what one invoice may leave on credit; `None` does not check (`LimiteCreditoValido`).
    pub limite_credito: Option<Dinero>,
    /// A credit note may be dated on the day of its invoice; by default only after it (`FechaEmisionPosteriorFactura`).
    pub nota_credito_mismo_dia: bool,
    /// Most days from an invoice to its credit note, inclusive; `None` does not check (`PlazoNotaCreditoValido`). Default 30.
    pub plazo_nota_credito_dias: Option<u16>,
    /// Most days from an invoice's issue date to its annulment, inclusive (`PlazoAnulacionValido`). Default 1.
    pub plazo_anulacion_dias: u16,
}

impl Emisor {
    /// Default deadline of an invoice's issue, in milliseconds.
    pub const PLAZO_EMISION_MS: i64 = 30_000;
    /// Shortest deadline that can be configured, in milliseconds.
    pub const PLAZO_MINIMO_MS: i64 = 1_000;
    /// Longest deadline that can be configured, in milliseconds.
    pub const PLAZO_MAXIMO_MS: i64 = 600_000;

    /// Default term of a credit note, in days.
    pub const PLAZO_NOTA_CREDITO_DIAS: u16 = 30;
    /// Default term of an annulment, in days.
    pub const PLAZO_ANULACION_DIAS: u16 = 1;

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
            limite_credito: None,
            nota_credito_mismo_dia: false,
            plazo_nota_credito_dias: Some(Self::PLAZO_NOTA_CREDITO_DIAS),
            plazo_anulacion_dias: Self::PLAZO_ANULACION_DIAS,
        }
    }

    /// Whether `(codigo, tarifa)` is in the catalogue on `fecha` (rule ImpuestoValido). `19` and `19.00` are the same rate.
    pub fn impuesto_vigente(&self, codigo: &str, tarifa: Porcentaje, fecha: NaiveDate) -> bool {
        self.impuestos_en(fecha).any(|i| *i.codigo == *codigo && i.tarifa == tarifa)
    }

    /// What is wrong with a configured issuer; empty when it can serve. `campo` points into the issuer's configuration.
    pub fn validar(&self) -> Vec<Falla> {
        let mut fallas = Fallas::new();
        self.validar_identificacion(&mut fallas);
        fallas.exigir(nombre_valido(&self.nombre), || {
            Falla::new(Regla::NombreValido, "/nombre", "el nombre del emisor debe tener de 1 a 300 caracteres")
        });
        fallas.exigir(self.redondeo.decimales <= 2, || {
            Falla::new(Regla::PrecisionExcedida, "/redondeo/decimales", "los importes tienen de 0 a 2 decimales")
        });
        fallas.exigir((Self::PLAZO_MINIMO_MS..=Self::PLAZO_MAXIMO_MS).contains(&self.plazo_emision_ms), || {
            let (minimo, maximo) = (Self::PLAZO_MINIMO_MS, Self::PLAZO_MAXIMO_MS);
            let mensaje = format!("el plazo de emisión debe estar entre {minimo} y {maximo} milisegundos");
            Falla::new(Regla::EmisionVencida, "/plazo_emision_ms", mensaje)
        });
        fallas.exigir(self.limite_credito.is_none_or(|limite| limite >= Dinero::CERO), || {
            Falla::new(Regla::LimiteCreditoValido, "/limite_credito", "el límite de crédito no puede ser negativo")
        });
        self.validar_impuestos(&mut fallas);
        fallas.en_lista()
    }

    fn validar_identificacion(&self, fallas: &mut Fallas) {
        let Identificacion { tipo, numero, dv } = &self.identificacion;
        if let Err(motivo) = Identificacion::nueva(*tipo, numero, *dv, self.verificar_digito_ruc) {
            fallas.agregar(Falla::new(Regla::IdentificacionValida, "/identificacion", motivo));
        }
        let esperado = match self.regimen {
            Regimen::Co => TipoIdentificacion::Nit,
            Regimen::Ec => TipoIdentificacion::Ruc,
        };
        fallas.exigir(*tipo == esperado, || {
            let mensaje = format!("el emisor de este régimen se identifica con {}", esperado.nombre());
            Falla::new(Regla::IdentificacionValida, "/tipo_identificacion", mensaje)
        });
    }

    fn validar_impuestos(&self, fallas: &mut Fallas) {
        for (i, impuesto) in self.impuestos.iter().enumerate() {
            fallas.exigir(texto_valido(&impuesto.codigo, CODIGO_IMPUESTO_MAX), || {
                Falla::new(
                    Regla::ImpuestoValido,
                    format!("/impuestos/{i}/codigo"),
                    "el código del impuesto está vacío o es muy largo",
                )
            });
            fallas.exigir(impuesto.hasta.is_none_or(|hasta| impuesto.desde <= hasta), || {
                Falla::new(
                    Regla::ImpuestoValido,
                    format!("/impuestos/{i}/hasta"),
                    "la vigencia del impuesto termina antes de empezar",
                )
            });
            let repetido = self.impuestos[..i].iter().find(|otro| se_solapan(otro, impuesto));
            fallas.exigir(repetido.is_none(), || {
                let mensaje = format!("{} {} ya rige en parte de esa vigencia", impuesto.codigo, impuesto.tarifa);
                Falla::new(Regla::ImpuestoValido, format!("/impuestos/{i}/desde"), mensaje)
            });
        }
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

/// Whether two entries are the same rate on some day.
fn se_solapan(a: &ImpuestoVigente, b: &ImpuestoVigente) -> bool {
    let empieza_antes_de_que_acabe = |a: &ImpuestoVigente, b: &ImpuestoVigente| b.hasta.is_none_or(|hasta| a.desde <= hasta);
    a.codigo == b.codigo && a.tarifa == b.tarifa && empieza_antes_de_que_acabe(a, b) && empieza_antes_de_que_acabe(b, a)
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
fn impuesto(codigo: &str, tarifa: u32, desde: (i32, u32, u32), hasta: Option<(i32, u32, u32)>) -> ImpuestoVigente {
    let dia = |(anio, mes, dia)| NaiveDate::from_ymd_opt(anio, mes, dia).expect("día del catálogo de impuestos");
    let tarifa = Porcentaje::nuevo(Decimal::from(tarifa)).expect("tarifa del catálogo de impuestos");
    ImpuestoVigente { codigo: Arc::from(codigo), tarifa, desde: dia(desde), hasta: hasta.map(dia) }
}

#[cfg(test)]
mod tests;
