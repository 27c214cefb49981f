//! Descuento: a reusable discount, by line or by document, with validity dates.

use std::sync::Arc;

use chrono::NaiveDate;

use super::revision;
use crate::domain::{
    ContextoDecision, Rechazo,
    reglas::{Falla, Fallas, Regla},
    valores::{Decimal, Dinero, ErrorDecimal, Id, Porcentaje},
};

/// What a discount lowers: one line, or the whole document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AmbitoDescuento {
    Linea,
    Documento,
}

impl AmbitoDescuento {
    pub const TODOS: [Self; 2] = [Self::Linea, Self::Documento];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::Linea => "LINEA",
            Self::Documento => "DOCUMENTO",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|a| a.nombre() == nombre)
    }
}

/// How much a discount takes: a percentage of its base, or an amount of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValorDescuento {
    Porcentaje(Porcentaje),
    /// Not negative.
    Monto(Dinero),
}

impl ValorDescuento {
    /// Whether it takes nothing.
    pub fn es_cero(self) -> bool {
        match self {
            Self::Porcentaje(p) => p.es_cero(),
            Self::Monto(m) => m.es_cero(),
        }
    }
}

/// A discount's value as the caller states it: one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ValorDeclarado {
    pub porcentaje: Option<Decimal>,
    pub monto: Option<Decimal>,
}

impl ValorDeclarado {
    /// Whether neither is given.
    pub fn esta_vacio(&self) -> bool {
        self.porcentaje.is_none() && self.monto.is_none()
    }

    /// The value within its limits (rule DescuentoValido); `lugar` is where the two fields are.
    ///
    /// # Errors
    /// DescuentoValido when both or none are given, or out of range; PrecisionExcedida beyond 4 decimals (percentage) or 2 (amount).
    pub fn revisar(&self, lugar: &str) -> Result<ValorDescuento, Falla> {
        match (self.porcentaje, self.monto) {
            (Some(porcentaje), None) => porcentaje_valido(porcentaje, lugar),
            (None, Some(monto)) => monto_valido(monto, lugar),
            (None, None) => Err(Falla::new(Regla::DescuentoValido, lugar, "indique porcentaje o monto")),
            (Some(_), Some(_)) => Err(Falla::new(Regla::DescuentoValido, lugar, "indique porcentaje o monto, no ambos")),
        }
    }
}

fn porcentaje_valido(porcentaje: Decimal, lugar: &str) -> Result<ValorDescuento, Falla> {
    let (regla, mensaje) = match Porcentaje::nuevo(porcentaje) {
        Ok(valor) => return Ok(ValorDescuento::Porcentaje(valor)),
        Err(ErrorDecimal::Precision) => (Regla::PrecisionExcedida, "el porcentaje tiene como máximo 4 decimales"),
        Err(_) => (Regla::DescuentoValido, "el porcentaje de descuento va de 0 a 100"),
    };
    Err(Falla::new(regla, format!("{lugar}/porcentaje"), mensaje).con("porcentaje", porcentaje))
}

fn monto_valido(monto: Decimal, lugar: &str) -> Result<ValorDescuento, Falla> {
    let (regla, mensaje) = match Dinero::nuevo(monto) {
        Ok(valor) if valor >= Dinero::CERO => return Ok(ValorDescuento::Monto(valor)),
        Ok(_) => (Regla::DescuentoValido, "el monto del descuento no puede ser negativo"),
        Err(_) => (Regla::PrecisionExcedida, "el monto tiene como máximo 2 decimales y es menor que 10^15"),
    };
    Err(Falla::new(regla, format!("{lugar}/monto"), mensaje).con("monto", monto))
}

/// A discount as the caller states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescuentoDeclarado {
    pub nombre: Option<Arc<str>>,
    pub ambito: AmbitoDescuento,
    pub valor: ValorDeclarado,
    /// Absent = hoy.
    pub vigente_desde: Option<NaiveDate>,
    /// Inclusive; absent = without end.
    pub vigente_hasta: Option<NaiveDate>,
}

/// Changes as the caller states them; what is absent stays. The ambito never changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CambiosDeclarados {
    pub nombre: Option<Arc<str>>,
    pub valor: ValorDeclarado,
    pub vigente_desde: Option<NaiveDate>,
    /// `Some(None)` takes the end away.
    pub vigente_hasta: Option<Option<NaiveDate>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatosDescuento {
    pub nombre: Option<Arc<str>>,
    pub ambito: AmbitoDescuento,
    pub valor: ValorDescuento,
    pub vigente_desde: NaiveDate,
    /// Inclusive; `None` = without end.
    pub vigente_hasta: Option<NaiveDate>,
}

impl DatosDescuento {
    /// Whether it may be used on a document of that day.
    pub fn rige_en(&self, fecha: NaiveDate) -> bool {
        self.vigente_desde <= fecha && self.vigente_hasta.is_none_or(|hasta| fecha <= hasta)
    }
}

/// Changed fields; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CambiosDescuento {
    pub nombre: Option<Arc<str>>,
    pub valor: Option<ValorDescuento>,
    pub vigente_desde: Option<NaiveDate>,
    pub vigente_hasta: Option<Option<NaiveDate>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ComandoDescuento {
    CrearDescuento { descuento_id: Id, datos: Box<DescuentoDeclarado> },
    ActualizarDescuento { descuento_id: Id, cambios: Box<CambiosDeclarados> },
    InactivarDescuento { descuento_id: Id },
}

impl ComandoDescuento {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::CrearDescuento { .. } => "CrearDescuento",
            Self::ActualizarDescuento { .. } => "ActualizarDescuento",
            Self::InactivarDescuento { .. } => "InactivarDescuento",
        }
    }

    pub fn descuento_id(&self) -> &Id {
        match self {
            Self::CrearDescuento { descuento_id, .. }
            | Self::ActualizarDescuento { descuento_id, .. }
            | Self::InactivarDescuento { descuento_id } => descuento_id,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventoDescuento {
    DescuentoCreado { descuento_id: Id, datos: Box<DatosDescuento> },
    DescuentoActualizado { descuento_id: Id, cambios: Box<CambiosDescuento> },
    DescuentoInactivado { descuento_id: Id },
}

impl EventoDescuento {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::DescuentoCreado { .. } => "DescuentoCreado",
            Self::DescuentoActualizado { .. } => "DescuentoActualizado",
            Self::DescuentoInactivado { .. } => "DescuentoInactivado",
        }
    }
}

/// State.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descuento {
    pub descuento_id: Id,
    pub datos: DatosDescuento,
    pub activo: bool,
}

/// What a command on a discount means.
///
/// # Errors
/// Every failure at once: YaExiste, DescuentoNoExiste, NombreValido, DescuentoValido, PrecisionExcedida, TextoValido, EstadoValido.
pub fn decidir(
    estado: Option<&Descuento>,
    comando: &ComandoDescuento,
    ctx: &ContextoDecision<'_>,
) -> Result<Vec<EventoDescuento>, Rechazo> {
    match (estado, comando) {
        (_, ComandoDescuento::CrearDescuento { descuento_id, datos }) => crear(estado, descuento_id, datos, ctx),
        (None, _) => Err(Rechazo::de(Falla::simple(Regla::DescuentoNoExiste, ""))),
        (Some(descuento), ComandoDescuento::ActualizarDescuento { descuento_id, cambios }) => {
            actualizar(descuento, descuento_id, cambios)
        }
        (Some(descuento), ComandoDescuento::InactivarDescuento { descuento_id }) if descuento.activo => {
            Ok(vec![EventoDescuento::DescuentoInactivado { descuento_id: descuento_id.clone() }])
        }
        (Some(_), ComandoDescuento::InactivarDescuento { .. }) => Err(revision::estado_invalido("el descuento ya está inactivo")),
    }
}

fn crear(
    estado: Option<&Descuento>,
    descuento_id: &Id,
    datos: &DescuentoDeclarado,
    ctx: &ContextoDecision<'_>,
) -> Result<Vec<EventoDescuento>, Rechazo> {
    let mut fallas = Fallas::new();
    revision::no_existe(&mut fallas, estado, "un descuento");
    if let Some(nombre) = &datos.nombre {
        revision::nombre(&mut fallas, "/nombre", nombre);
    }
    let vigente_desde = datos.vigente_desde.unwrap_or(ctx.hoy);
    revisar_vigencia(&mut fallas, vigente_desde, datos.vigente_hasta);
    let valor = match datos.valor.revisar("") {
        Ok(valor) => valor,
        Err(falla) => {
            fallas.agregar(falla);
            return Err(Rechazo::new(fallas.en_lista()));
        }
    };
    let datos = DatosDescuento {
        nombre: datos.nombre.clone(),
        ambito: datos.ambito,
        valor,
        vigente_desde,
        vigente_hasta: datos.vigente_hasta,
    };
    fallas.resultado(vec![EventoDescuento::DescuentoCreado { descuento_id: descuento_id.clone(), datos: Box::new(datos) }])
}

fn revisar_vigencia(fallas: &mut Fallas, desde: NaiveDate, hasta: Option<NaiveDate>) {
    let Some(hasta) = hasta.filter(|hasta| *hasta < desde) else { return };
    let mensaje = format!("la vigencia termina el {hasta}, antes de empezar el {desde}");
    fallas.agregar(
        Falla::new(Regla::DescuentoValido, "/vigente_hasta", mensaje).con("vigente_desde", desde).con("vigente_hasta", hasta),
    );
}

fn actualizar(descuento: &Descuento, descuento_id: &Id, declarados: &CambiosDeclarados) -> Result<Vec<EventoDescuento>, Rechazo> {
    let mut fallas = Fallas::new();
    revision::algun_cambio(&mut fallas, *declarados != CambiosDeclarados::default());
    if let Some(nombre) = &declarados.nombre {
        revision::nombre(&mut fallas, "/nombre", nombre);
    }
    let desde = declarados.vigente_desde.unwrap_or(descuento.datos.vigente_desde);
    revisar_vigencia(&mut fallas, desde, declarados.vigente_hasta.unwrap_or(descuento.datos.vigente_hasta));
    let valor = if declarados.valor.esta_vacio() { None } else { Some(declarados.valor.revisar("")) };
    let valor = match valor.transpose() {
        Ok(valor) => valor,
        Err(falla) => {
            fallas.agregar(falla);
            None
        }
    };
    let cambios = CambiosDescuento {
        nombre: declarados.nombre.clone(),
        valor,
        vigente_desde: declarados.vigente_desde,
        vigente_hasta: declarados.vigente_hasta,
    };
    let evento = EventoDescuento::DescuentoActualizado { descuento_id: descuento_id.clone(), cambios: Box::new(cambios) };
    fallas.resultado(vec![evento])
}

/// The fold of one event. Total: an event that cannot apply (a second creation, a change of nothing) leaves the state as it is.
pub fn evolucionar(estado: &mut Option<Descuento>, evento: &EventoDescuento) {
    match (estado, evento) {
        (estado @ None, EventoDescuento::DescuentoCreado { descuento_id, datos }) => {
            *estado = Some(Descuento { descuento_id: descuento_id.clone(), datos: (**datos).clone(), activo: true });
        }
        (Some(descuento), EventoDescuento::DescuentoActualizado { cambios, .. }) => {
            let datos = &mut descuento.datos;
            revision::cambiar_opcional(&mut datos.nombre, cambios.nombre.as_ref());
            revision::cambiar(&mut datos.valor, cambios.valor.as_ref());
            revision::cambiar(&mut datos.vigente_desde, cambios.vigente_desde.as_ref());
            revision::cambiar(&mut datos.vigente_hasta, cambios.vigente_hasta.as_ref());
        }
        (Some(descuento), EventoDescuento::DescuentoInactivado { .. }) => descuento.activo = false,
        (Some(_), EventoDescuento::DescuentoCreado { .. }) | (None, _) => {}
    }
}
