//! What each command on a range means.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{Autorizacion, ComandoRango, EstadoRango, EventoRango, RangoNumeracion, rango_id as clave_de_rango};
use crate::domain::{
    ContextoDecision, Rechazo, ResultadoPaso,
    reglas::{Falla, Fallas, Regla},
    valores::{Id, TEXTO_MAX, texto_valido},
};

/// Longest prefix of a number, in characters (the tax authority's limit).
pub const PREFIJO_MAX: usize = 4;
/// Greatest consecutive: prefix and number together have at most 20 characters.
pub const CONSECUTIVO_MAX: u64 = 9_999_999_999_999_999;
/// Most numbers voided ahead of the last one given.
pub const INUTILIZADOS_MAX: usize = 1_000;
/// Longest resolution, in characters.
const RESOLUCION_MAX: usize = 64;

/// The events of a command and, when it is a step of a saga, the answer to it. A repeated step has its answer and no event.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRango {
    pub eventos: Vec<EventoRango>,
    pub resultado: Option<ResultadoPaso>,
}

/// What a command on a range means.
///
/// # Errors
/// Every failure at once. AsignarNumero: NumeracionDisponible. The others: YaExiste, RangoNoExiste, RangoValido,
/// ClaveAjena, TextoValido, EstadoValido.
pub fn decidir(
    estado: Option<&RangoNumeracion>,
    comando: &ComandoRango,
    _ctx: &ContextoDecision<'_>,
) -> Result<DecisionRango, Rechazo> {
    match (estado, comando) {
        (Some(rango), ComandoRango::AsignarNumero { documento_id, fecha, .. }) => asignar(rango, documento_id, *fecha),
        (None, ComandoRango::AsignarNumero { rango_id, .. }) => Err(sin_numeracion(rango_id, "INEXISTENTE")),
        (_, ComandoRango::CrearRango { rango_id, sucursal_id, tipo_documento, prefijo, autorizacion }) => {
            let evento = EventoRango::RangoCreado {
                rango_id: rango_id.clone(),
                sucursal_id: sucursal_id.clone(),
                tipo_documento: *tipo_documento,
                prefijo: prefijo.clone(),
                autorizacion: autorizacion.clone(),
            };
            let clave = clave_de_rango(sucursal_id, *tipo_documento, prefijo);
            revisar_creacion(estado, *rango_id == clave, prefijo, autorizacion)?;
            Ok(DecisionRango { eventos: vec![evento], resultado: None })
        }
        (None, _) => Err(Rechazo::de(Falla::simple(Regla::RangoNoExiste, ""))),
        (Some(rango), ComandoRango::RenovarRango { autorizacion, .. }) => renovar(rango, autorizacion),
        (Some(rango), ComandoRango::InutilizarNumero { consecutivo, motivo, .. }) => inutilizar(rango, *consecutivo, motivo),
    }
}

fn sin_numeracion(rango_id: &Id, estado: &str) -> Rechazo {
    let falla = Falla::simple(Regla::NumeracionDisponible, "").con("rango", rango_id).con("estado", estado);
    Rechazo::de(falla)
}

fn asignar(rango: &RangoNumeracion, documento_id: &Id, fecha: NaiveDate) -> Result<DecisionRango, Rechazo> {
    if let Some(numero) = rango.numero_de(documento_id) {
        return Ok(DecisionRango { eventos: Vec::new(), resultado: Some(ResultadoPaso::NumeroAsignado { numero }) });
    }
    let situacion = rango.estado(fecha);
    if situacion != EstadoRango::Vigente {
        return Err(sin_numeracion(&rango.rango_id, situacion.nombre()));
    }
    let numero = rango.numero(rango.siguiente);
    let mut eventos = vec![EventoRango::NumeroAsignado { documento_id: documento_id.clone(), numero: numero.clone(), fecha }];
    eventos.extend(aviso(rango, rango.libre_desde(rango.siguiente.saturating_add(1)), 0));
    Ok(DecisionRango { eventos, resultado: Some(ResultadoPaso::NumeroAsignado { numero }) })
}

/// RangoPorAgotarse, when this step leaves a tenth of the interval or less and it was not said before.
/// `recien_inutilizados`: numbers from `siguiente` on that this step voids and the state does not know yet.
fn aviso(rango: &RangoNumeracion, siguiente: u64, recien_inutilizados: u64) -> Option<EventoRango> {
    if rango.avisado || !rango.cerca_del_fin(siguiente) {
        return None;
    }
    let restantes = rango.restantes_desde(siguiente).saturating_sub(recien_inutilizados);
    (restantes.saturating_mul(10) <= rango.autorizacion.total())
        .then(|| EventoRango::RangoPorAgotarse { rango_id: rango.rango_id.clone(), restantes })
}

fn revisar_creacion(
    estado: Option<&RangoNumeracion>,
    clave_propia: bool,
    prefijo: &str,
    autorizacion: &Autorizacion,
) -> Result<(), Rechazo> {
    let mut fallas = Fallas::new();
    fallas.exigir(estado.is_none(), || Falla::new(Regla::YaExiste, "/prefijo", "ya existe ese rango; renuévelo en vez de crearlo"));
    fallas.exigir(prefijo_valido(prefijo), || {
        Falla::new(Regla::RangoValido, "/prefijo", format!("el prefijo tiene de 0 a {PREFIJO_MAX} letras o dígitos"))
    });
    fallas
        .exigir(clave_propia, || Falla::new(Regla::ClaveAjena, "", "la clave del rango debe ser sucursal:tipo_documento:prefijo"));
    revisar_autorizacion(&mut fallas, autorizacion);
    fallas.resultado(())
}

fn prefijo_valido(prefijo: &str) -> bool {
    prefijo.len() <= PREFIJO_MAX && prefijo.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn revisar_autorizacion(fallas: &mut Fallas, autorizacion: &Autorizacion) {
    fallas.exigir((1..=CONSECUTIVO_MAX).contains(&autorizacion.desde), || {
        Falla::new(Regla::RangoValido, "/desde", format!("desde debe estar entre 1 y {CONSECUTIVO_MAX}"))
    });
    fallas.exigir((autorizacion.desde..=CONSECUTIVO_MAX).contains(&autorizacion.hasta), || {
        Falla::new(Regla::RangoValido, "/hasta", format!("hasta no puede ser menor que desde ni mayor que {CONSECUTIVO_MAX}"))
    });
    fallas.exigir(autorizacion.vigente_desde <= autorizacion.vigente_hasta, || {
        Falla::new(Regla::RangoValido, "/vigente_hasta", "la vigencia termina antes de empezar")
    });
    let resolucion = &autorizacion.resolucion;
    fallas.exigir(resolucion.is_empty() || texto_valido(resolucion, RESOLUCION_MAX), || {
        let mensaje = format!("la resolución tiene como máximo {RESOLUCION_MAX} caracteres, sin caracteres de control");
        Falla::new(Regla::TextoValido, "/resolucion", mensaje)
    });
}

fn renovar(rango: &RangoNumeracion, autorizacion: &Autorizacion) -> Result<DecisionRango, Rechazo> {
    let mut fallas = Fallas::new();
    revisar_autorizacion(&mut fallas, autorizacion);
    if let Some(ultimo) = rango.ultimo_dado() {
        fallas.exigir(autorizacion.desde > ultimo, || {
            Falla::new(Regla::RangoValido, "/desde", "desde debe ser mayor que todos los números ya dados").con("ultimo", ultimo)
        });
    }
    let evento = EventoRango::RangoRenovado { rango_id: rango.rango_id.clone(), autorizacion: autorizacion.clone() };
    fallas.resultado(DecisionRango { eventos: vec![evento], resultado: None })
}

fn inutilizar(rango: &RangoNumeracion, consecutivo: u64, motivo: &Arc<str>) -> Result<DecisionRango, Rechazo> {
    let mut fallas = Fallas::new();
    fallas.exigir(texto_valido(motivo, TEXTO_MAX), || {
        Falla::new(Regla::TextoValido, "/motivo", "el motivo debe tener de 1 a 300 caracteres, sin caracteres de control")
    });
    if let Some(falla) = no_inutilizable(rango, consecutivo) {
        fallas.agregar(falla);
    }
    let inutilizado = EventoRango::NumeroInutilizado { rango_id: rango.rango_id.clone(), consecutivo, motivo: motivo.clone() };
    let es_el_siguiente = consecutivo == rango.siguiente;
    let siguiente = if es_el_siguiente { rango.libre_desde(consecutivo.saturating_add(1)) } else { rango.siguiente };
    let mut eventos = vec![inutilizado];
    eventos.extend(aviso(rango, siguiente, u64::from(!es_el_siguiente)));
    fallas.resultado(DecisionRango { eventos, resultado: None })
}

/// Only a number of the interval that was neither given nor voided can be voided.
fn no_inutilizable(rango: &RangoNumeracion, consecutivo: u64) -> Option<Falla> {
    let intervalo = rango.autorizacion.desde..=rango.autorizacion.hasta;
    let (regla, mensaje) = if !intervalo.contains(&consecutivo) {
        (Regla::RangoValido, "el número está fuera del intervalo autorizado".to_owned())
    } else if consecutivo < rango.siguiente || rango.inutilizados.contains(&consecutivo) {
        (Regla::EstadoValido, "el número ya fue dado o inutilizado".to_owned())
    } else if rango.inutilizados.len() >= INUTILIZADOS_MAX {
        (Regla::RangoValido, format!("hay {INUTILIZADOS_MAX} números inutilizados por delante; espere a que se dé el siguiente"))
    } else {
        return None;
    };
    Some(Falla::new(regla, "/consecutivo", mensaje).con("consecutivo", consecutivo))
}
