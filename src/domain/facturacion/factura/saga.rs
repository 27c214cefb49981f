//! The issuing saga (`dominio.md` section 11): reserve every group, take a number, confirm every group.
//!
//! Each step has an id derived from invoice, attempt and group, so it may be sent again at any time and is answered the same.

mod envios;

use std::sync::Arc;

use super::{
    DecisionFactura, Emision, EstadoFactura, EventoFactura, Factura, FacturaEmitida, FaseEmision, GrupoEmitido, NotaSaga, Paso,
};
use crate::defectos::{Defecto, plantado};
use crate::domain::{
    ContextoDecision, ResultadoPaso,
    inventario::LoteConsumido,
    numeracion::NumeroDocumento,
    reglas::{Falla, Regla},
    valores::{CostoTotal, Instante},
};
use envios::{confirmar, liberar_todos, movimiento_id, numerar};
pub use envios::{primeros_envios, reanudar};

type Confirmacion<'a> = (&'a Arc<[LoteConsumido]>, CostoTotal);

/// The attempt in course, when it is this one.
fn abierta(factura: &Factura, intento: u32) -> Option<&Emision> {
    let emision = factura.emision.as_deref()?;
    (factura.estado == EstadoFactura::EnEmision && emision.inicio.intento == intento).then_some(emision)
}

/// Moment at which an open saga is to be told [`VencioPlazo`](super::ComandoFactura::VencioPlazo); `None` when none is open.
///
/// While it reserves this is its deadline; later, the moment from which it is driven again.
pub fn vencimiento(estado: &Factura) -> Option<Instante> {
    abierta(estado, estado.intento).map(|emision| emision.inicio.vence_en)
}

/// The answer to a step. Late, repeated or foreign answers decide nothing.
pub fn responder(
    factura: &Factura,
    intento: u32,
    grupo: u16,
    paso: Paso,
    resultado: &ResultadoPaso,
    ctx: &ContextoDecision<'_>,
) -> DecisionFactura {
    let Some(emision) = abierta(factura, intento) else { return DecisionFactura::default() };
    match (emision.fase, paso, resultado) {
        (FaseEmision::Reservando, Paso::Reservar, ResultadoPaso::StockReservado) => reserva(factura, emision, grupo, Ok(())),
        (FaseEmision::Reservando, Paso::Reservar, ResultadoPaso::Rechazado { errores }) => {
            reserva(factura, emision, grupo, Err(errores))
        }
        (FaseEmision::Numerando, Paso::Numerar, ResultadoPaso::NumeroAsignado { numero }) => {
            numerada(factura, emision, numero, ctx)
        }
        (FaseEmision::Numerando, Paso::Numerar, ResultadoPaso::Rechazado { errores }) => {
            numero_negado(factura, emision, grupo, errores)
        }
        (FaseEmision::Confirmando, Paso::Confirmar, ResultadoPaso::ReservaConfirmada { lotes, costo_total }) => {
            confirmada(factura, emision, grupo, (lotes, *costo_total), ctx)
        }
        _ => DecisionFactura::default(),
    }
}

/// The deadline: a saga that has not all its stock is refused; any other open one is driven again.
pub fn vencer(factura: &Factura, intento: u32, ahora: Instante) -> DecisionFactura {
    let Some(emision) = abierta(factura, intento) else { return DecisionFactura::default() };
    if emision.fase != FaseEmision::Reservando || ahora < emision.inicio.vence_en {
        return DecisionFactura { envios: reanudar(factura), ..Default::default() };
    }
    let sin_respuesta = (0..emision.inicio.grupos.len()).filter(|i| respuesta(emision, *i).is_none()).count();
    let mensaje = "la emisión no terminó a tiempo; no salió inventario ni se tomó número: vuelva a intentarlo";
    let mut errores = vec![
        Falla::new(Regla::EmisionVencida, "", mensaje)
            .con("vence_en", emision.inicio.vence_en.rfc3339())
            .con("sin_respuesta", sin_respuesta),
    ];
    errores.extend(negadas(emision, None));
    rechazar(factura, emision, errores)
}

fn respuesta(emision: &Emision, grupo: usize) -> Option<&Result<(), Vec<Falla>>> {
    emision.progreso.reservas.get(grupo)?.as_ref()
}

fn reserva(factura: &Factura, emision: &Emision, grupo: u16, resultado: Result<(), &Vec<Falla>>) -> DecisionFactura {
    let (indice, grupos) = (usize::from(grupo), emision.inicio.grupos.len());
    if indice >= grupos || respuesta(emision, indice).is_some() {
        return DecisionFactura::default();
    }
    let faltan = (0..grupos).any(|i| i != indice && respuesta(emision, i).is_none());
    if faltan {
        let nota = NotaSaga::ReservaRespondida { grupo, resultado: resultado.map_err(Clone::clone) };
        return DecisionFactura { notas: vec![nota], ..Default::default() };
    }
    let errores = negadas(emision, resultado.err().map(|errores| (indice, errores)));
    if !errores.is_empty() {
        return rechazar(factura, emision, errores);
    }
    let asegurado = EventoFactura::StockAsegurado { factura_id: factura.factura_id.clone(), intento: emision.inicio.intento };
    let envios = numerar(&emision.inicio, factura.cabecera.fecha_emision, 0).into_iter().collect();
    DecisionFactura { eventos: vec![asegurado], envios, ..Default::default() }
}

/// Every refusal of stock so far and the one that has just come, by group.
fn negadas(emision: &Emision, ultima: Option<(usize, &Vec<Falla>)>) -> Vec<Falla> {
    let mut errores = Vec::new();
    for indice in 0..emision.inicio.grupos.len() {
        let guardada = respuesta(emision, indice).and_then(|r| r.as_ref().err());
        let nueva = ultima.filter(|(i, _)| *i == indice).map(|(_, errores)| errores);
        let fallas = guardada.or(nueva).into_iter().flatten();
        errores.extend(fallas.map(|falla| de_factura(emision, indice, falla)));
    }
    errores
}

/// A refusal of an Inventario as the invoice's own: its rule, and the group's first line as its place.
fn de_factura(emision: &Emision, indice: usize, falla: &Falla) -> Falla {
    let grupo = &emision.inicio.grupos[indice];
    let regla = match falla.regla {
        Regla::StockInsuficiente => Regla::StockSuficienteParaFactura,
        Regla::InventarioNoExiste => Regla::InventarioExisteParaFactura,
        otra => otra,
    };
    let campo = grupo.lineas.first().map_or(String::new(), |numero| format!("/lineas/{}", numero.saturating_sub(1)));
    let mut falla = Falla { regla, campo, mensaje: falla.mensaje.clone(), datos: falla.datos.clone() };
    for (nombre, valor) in [("producto_id", &grupo.producto_id), ("bodega_id", &grupo.bodega_id)] {
        if falla.datos.iter().all(|(n, _)| n != nombre) {
            falla = falla.con(nombre, valor);
        }
    }
    falla
}

/// Releases every group, answered or not, and refuses the attempt.
fn rechazar(factura: &Factura, emision: &Emision, errores: Vec<Falla>) -> DecisionFactura {
    let rechazada =
        EventoFactura::FacturaRechazada { factura_id: factura.factura_id.clone(), intento: emision.inicio.intento, errores };
    let mut envios = liberar_todos(&emision.inicio);
    if plantado(Defecto::NumeroAntesDeStock) {
        envios.extend(numerar(&emision.inicio, factura.cabecera.fecha_emision, 0));
    }
    DecisionFactura { eventos: vec![rechazada], envios, ..Default::default() }
}

/// A refused range: the next one, or the end. Only the range that was asked last can refuse.
fn numero_negado(factura: &Factura, emision: &Emision, rango: u16, errores: &[Falla]) -> DecisionFactura {
    let negados = &emision.progreso.rangos_negados;
    if usize::from(rango) != negados.len() {
        return DecisionFactura::default();
    }
    if let Some(envio) = numerar(&emision.inicio, factura.cabecera.fecha_emision, negados.len() + 1) {
        let nota = NotaSaga::NumeroNegado { errores: errores.to_vec() };
        return DecisionFactura { notas: vec![nota], envios: vec![envio], ..Default::default() };
    }
    let todas = negados.iter().flatten().chain(errores).map(|falla| Falla { campo: String::new(), ..falla.clone() });
    rechazar(factura, emision, todas.collect())
}

/// The number: point of no return. Any candidate's counts, the last asked or not: a number once given is never dropped.
fn numerada(factura: &Factura, emision: &Emision, numero: &NumeroDocumento, ctx: &ContextoDecision<'_>) -> DecisionFactura {
    if !emision.inicio.rangos.contains(&numero.rango_id) {
        return DecisionFactura::default();
    }
    let recibida = EventoFactura::NumeracionRecibida {
        factura_id: factura.factura_id.clone(),
        intento: emision.inicio.intento,
        numero: numero.clone(),
    };
    if emision.inicio.grupos.is_empty() {
        let emitida = documento(factura, emision, numero, &[], ctx.ahora);
        return DecisionFactura { eventos: vec![recibida, emitida], ..Default::default() };
    }
    let envios = confirmar(&emision.inicio, numero, |_| true);
    DecisionFactura { eventos: vec![recibida], envios, ..Default::default() }
}

fn confirmada(
    factura: &Factura,
    emision: &Emision,
    grupo: u16,
    (lotes, costo_total): Confirmacion<'_>,
    ctx: &ContextoDecision<'_>,
) -> DecisionFactura {
    let (indice, guardadas) = (usize::from(grupo), &emision.progreso.confirmaciones);
    let guardada = |i: usize| guardadas.get(i).and_then(Option::as_ref);
    let Some(numero) = emision.numero.as_ref() else { return DecisionFactura::default() };
    if indice >= emision.inicio.grupos.len() || guardada(indice).is_some() {
        return DecisionFactura::default();
    }
    let confirmacion = |i: usize| match guardada(i) {
        Some((lotes, costo)) => Some((lotes, *costo)),
        None => (i == indice).then_some((lotes, costo_total)),
    };
    let todas: Option<Vec<Confirmacion<'_>>> = (0..emision.inicio.grupos.len()).map(confirmacion).collect();
    let Some(todas) = todas else {
        let nota = NotaSaga::ReservaConfirmada { grupo, lotes: Arc::clone(lotes), costo_total };
        return DecisionFactura { notas: vec![nota], ..Default::default() };
    };
    let emitida = documento(factura, emision, numero, &todas, ctx.ahora);
    DecisionFactura { eventos: vec![emitida], ..Default::default() }
}

/// The whole document; `confirmaciones` has one entry per group.
fn documento(
    factura: &Factura,
    emision: &Emision,
    numero: &NumeroDocumento,
    confirmaciones: &[Confirmacion<'_>],
    ahora: Instante,
) -> EventoFactura {
    let inicio = &emision.inicio;
    let grupos = inicio.grupos.iter().zip(confirmaciones).enumerate().map(|(i, (grupo, (lotes, costo_total)))| GrupoEmitido {
        grupo: Arc::clone(grupo),
        movimiento_id: movimiento_id(inicio, i),
        lotes: Arc::clone(lotes),
        costo_total: *costo_total,
    });
    EventoFactura::FacturaEmitida(Arc::new(FacturaEmitida {
        factura_id: factura.factura_id.clone(),
        intento: inicio.intento,
        numero: numero.clone(),
        emitida_en: ahora,
        cabecera: Arc::clone(&factura.cabecera),
        cliente: Arc::clone(&inicio.cliente),
        lineas: Arc::clone(&inicio.lineas),
        totales: Arc::clone(&inicio.totales),
        costo_ventas: costo_ventas(confirmaciones),
        grupos: grupos.collect(),
    }))
}

/// Exact sum. Below 10^16 because no Inventario is worth more than [`VALOR_MAXIMO`](crate::domain::inventario::VALOR_MAXIMO).
fn costo_ventas(confirmaciones: &[Confirmacion<'_>]) -> CostoTotal {
    let suma = CostoTotal::nuevo(confirmaciones.iter().map(|(_, costo)| costo.valor()).sum());
    assert!(suma.is_ok(), "el costo de ventas llega a 10^16: un inventario vale más de lo que las entradas admiten");
    suma.unwrap_or_default()
}
