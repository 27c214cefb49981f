//! The saga of a note (`dominio.md` section 11): credit of its invoice, its Inventarios, a number, the goods, the credit for good.
//!
//! What was granted and answered is not recorded: its steps have derived ids and answer the same when they are sent again.

mod envios;

use std::sync::Arc;

use super::{
    DecisionNota, EmisionNota, EstadoNota, EventoNotaCredito, GrupoDevuelto, NotaCredito, NotaCreditoEmitida, NotaSagaCredito,
};
use crate::domain::{
    ContextoDecision, Rechazo, ResultadoPaso,
    facturacion::factura::{Envio, Paso, credito::CreditoConcedido},
    numeracion::NumeroDocumento,
    reglas::{Falla, Regla},
    valores::CostoTotal,
};
pub use envios::acreditar;
use envios::{aplicar, devolver, liberar, movimiento_id, numerar, verificar};

/// The attempt in course, when it is this one.
pub fn abierta(nota: &NotaCredito, intento: u32) -> Option<&EmisionNota> {
    let emision = nota.emision.as_deref()?;
    (nota.estado == EstadoNota::EnEmision && emision.inicio.intento == intento).then_some(emision)
}

/// The messages that drive an open saga again, without what has been answered. The credit is asked first: all the rest is in it.
pub fn reanudar(nota: &NotaCredito) -> Vec<Envio> {
    let Some(emision) = abierta(nota, nota.intento) else { return Vec::new() };
    match &emision.progreso.concedido {
        None => vec![acreditar(&emision.inicio, &nota.lineas)],
        Some(concedido) => siguientes(emision, concedido),
    }
}

/// What an attempt with its credit granted waits for.
fn siguientes(emision: &EmisionNota, concedido: &CreditoConcedido) -> Vec<Envio> {
    let (inicio, progreso, credito) = (&emision.inicio, &emision.progreso, &concedido.credito);
    if let Some(numero) = &emision.numero {
        let faltan = devolver(inicio, credito, numero, |i| !progreso.devueltas.get(i).is_some_and(|si| *si));
        return if faltan.is_empty() { vec![aplicar(inicio)] } else { faltan };
    }
    let faltan = verificar(inicio, credito, |i| progreso.verificadas.get(i).is_none_or(Option::is_none));
    if faltan.is_empty() { numerar(inicio, credito, progreso.rangos_negados.len()).into_iter().collect() } else { faltan }
}

/// The answer to a step. Late, repeated or foreign answers decide nothing.
///
/// # Errors
/// `PrecisionExcedida` when the cost of what came back reaches 10^16: the invoice refuses such a credit before it holds it.
pub fn responder(
    nota: &NotaCredito,
    intento: u32,
    grupo: u16,
    paso: Paso,
    resultado: &ResultadoPaso,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionNota, Rechazo> {
    let Some(emision) = abierta(nota, intento) else { return Ok(DecisionNota::default()) };
    let Some(concedido) = &emision.progreso.concedido else { return Ok(credito(nota, emision, paso, resultado)) };
    Ok(match (&emision.numero, paso, resultado) {
        (None, Paso::Verificar, ResultadoPaso::InventarioVerificado) => verificada(nota, emision, concedido, grupo, Ok(())),
        (None, Paso::Verificar, ResultadoPaso::Rechazado { errores }) => {
            verificada(nota, emision, concedido, grupo, Err(errores.clone()))
        }
        (None, Paso::Numerar, ResultadoPaso::NumeroAsignado { numero }) => numerada(nota, emision, concedido, numero),
        (None, Paso::Numerar, ResultadoPaso::Rechazado { errores }) => numero_negado(nota, emision, concedido, grupo, errores),
        (Some(_), Paso::Devolver, ResultadoPaso::StockDevuelto) => devuelta(emision, concedido, grupo),
        (Some(numero), Paso::Aplicar, ResultadoPaso::CreditoAplicado) => {
            DecisionNota::con_eventos(vec![documento(nota, emision, concedido, numero, ctx)?])
        }
        _ => DecisionNota::default(),
    })
}

/// The invoice's answer. Past the number it can only be the grant of before.
fn credito(nota: &NotaCredito, emision: &EmisionNota, paso: Paso, resultado: &ResultadoPaso) -> DecisionNota {
    match (paso, resultado) {
        (Paso::Acreditar, ResultadoPaso::CreditoReservado { credito: concedido }) => {
            let envios = siguientes(emision, concedido);
            let notas = vec![NotaSagaCredito::CreditoConcedido { concedido: Arc::clone(concedido) }];
            DecisionNota { notas, envios, ..DecisionNota::default() }
        }
        (Paso::Acreditar, ResultadoPaso::Rechazado { errores }) if emision.numero.is_none() => {
            DecisionNota::con_eventos(vec![rechazada(nota, emision, errores.clone())])
        }
        _ => DecisionNota::default(),
    }
}

fn rechazada(nota: &NotaCredito, emision: &EmisionNota, errores: Vec<Falla>) -> EventoNotaCredito {
    EventoNotaCredito::NotaCreditoRechazada {
        factura_id: nota.factura_id.clone(),
        nota_id: nota.nota_id.clone(),
        intento: emision.inicio.intento,
        errores,
    }
}

/// Refuses an attempt whose credit was granted: the invoice gets it back.
fn rechazar(nota: &NotaCredito, emision: &EmisionNota, errores: Vec<Falla>) -> DecisionNota {
    DecisionNota {
        eventos: vec![rechazada(nota, emision, errores)],
        envios: vec![liberar(&emision.inicio)],
        ..DecisionNota::default()
    }
}

fn verificada(
    nota: &NotaCredito,
    emision: &EmisionNota,
    concedido: &CreditoConcedido,
    grupo: u16,
    resultado: Result<(), Vec<Falla>>,
) -> DecisionNota {
    let (grupos, verificadas) = (concedido.credito.grupos.len(), &emision.progreso.verificadas);
    let guardada = |i: usize| verificadas.get(i).and_then(Option::as_ref);
    if usize::from(grupo) >= grupos || guardada(usize::from(grupo)).is_some() {
        return DecisionNota::default();
    }
    let respuesta = |i: usize| if i == usize::from(grupo) { Some(&resultado) } else { guardada(i) };
    let todas: Option<Vec<_>> = (0..grupos).map(respuesta).collect();
    let Some(todas) = todas else { return DecisionNota::recuerda(NotaSagaCredito::GrupoVerificado { grupo, resultado }) };
    let errores: Vec<Falla> = todas
        .into_iter()
        .enumerate()
        .flat_map(|(i, r)| r.as_ref().err().into_iter().flatten().map(move |falla| de_nota(concedido, i, falla)))
        .collect();
    if !errores.is_empty() {
        return rechazar(nota, emision, errores);
    }
    let envios = numerar(&emision.inicio, &concedido.credito, 0).into_iter().collect();
    DecisionNota { notas: vec![NotaSagaCredito::GrupoVerificado { grupo, resultado }], envios, ..DecisionNota::default() }
}

/// A refusal of an Inventario as the note's own: its place is the group's first line.
fn de_nota(concedido: &CreditoConcedido, indice: usize, falla: &Falla) -> Falla {
    let grupo = &concedido.credito.grupos[indice];
    let campo = grupo.lineas.first().map_or(String::new(), |numero| format!("/lineas/{}", numero.saturating_sub(1)));
    Falla { campo, ..falla.clone() }
}

/// A refused range: the next one, or the end. Only the range that was asked last can refuse.
fn numero_negado(
    nota: &NotaCredito,
    emision: &EmisionNota,
    concedido: &CreditoConcedido,
    rango: u16,
    errores: &[Falla],
) -> DecisionNota {
    let negados = &emision.progreso.rangos_negados;
    if usize::from(rango) != negados.len() {
        return DecisionNota::default();
    }
    if let Some(envio) = numerar(&emision.inicio, &concedido.credito, negados.len() + 1) {
        let notas = vec![NotaSagaCredito::NumeroNegado { errores: errores.to_vec() }];
        return DecisionNota { notas, envios: vec![envio], ..DecisionNota::default() };
    }
    let todas = negados.iter().flatten().chain(errores).map(|falla| Falla { campo: String::new(), ..falla.clone() });
    rechazar(nota, emision, todas.collect())
}

/// The number: point of no return. Any candidate's counts: a number once given is never dropped.
fn numerada(nota: &NotaCredito, emision: &EmisionNota, concedido: &CreditoConcedido, numero: &NumeroDocumento) -> DecisionNota {
    if !concedido.credito.rangos.contains(&numero.rango_id) {
        return DecisionNota::default();
    }
    let recibida = EventoNotaCredito::NumeracionNotaCreditoRecibida {
        factura_id: nota.factura_id.clone(),
        nota_id: nota.nota_id.clone(),
        intento: emision.inicio.intento,
        numero: numero.clone(),
    };
    let mut envios = devolver(&emision.inicio, &concedido.credito, numero, |_| true);
    if envios.is_empty() {
        envios.push(aplicar(&emision.inicio));
    }
    DecisionNota { eventos: vec![recibida], envios, ..DecisionNota::default() }
}

fn devuelta(emision: &EmisionNota, concedido: &CreditoConcedido, grupo: u16) -> DecisionNota {
    let (grupos, devueltas) = (concedido.credito.grupos.len(), &emision.progreso.devueltas);
    let hecha = |i: usize| devueltas.get(i).is_some_and(|si| *si);
    if usize::from(grupo) >= grupos || hecha(usize::from(grupo)) {
        return DecisionNota::default();
    }
    let faltan = (0..grupos).any(|i| i != usize::from(grupo) && !hecha(i));
    let envios = if faltan { Vec::new() } else { vec![aplicar(&emision.inicio)] };
    DecisionNota { notas: vec![NotaSagaCredito::GrupoDevuelto { grupo }], envios, ..DecisionNota::default() }
}

/// The whole document.
fn documento(
    nota: &NotaCredito,
    emision: &EmisionNota,
    concedido: &CreditoConcedido,
    numero: &NumeroDocumento,
    ctx: &ContextoDecision<'_>,
) -> Result<EventoNotaCredito, Rechazo> {
    let (inicio, credito) = (&emision.inicio, &concedido.credito);
    let costo = credito.grupos.iter().map(|g| g.costo_total.valor()).sum();
    let costo_devuelto = CostoTotal::nuevo(costo).map_err(|_| {
        Rechazo::de(Falla::new(Regla::PrecisionExcedida, "", "el costo de lo devuelto llega a 10^16; revise los costos"))
    })?;
    let devuelto =
        |(i, grupo): (usize, &Arc<_>)| GrupoDevuelto { grupo: Arc::clone(grupo), movimiento_id: movimiento_id(inicio, i) };
    Ok(EventoNotaCredito::NotaCreditoEmitida(Arc::new(NotaCreditoEmitida {
        factura_id: nota.factura_id.clone(),
        nota_id: nota.nota_id.clone(),
        intento: inicio.intento,
        numero: numero.clone(),
        emitida_en: ctx.ahora,
        cabecera: Arc::clone(&nota.cabecera),
        sucursal_id: credito.sucursal_id.clone(),
        factura: concedido.factura.clone(),
        lineas: Arc::clone(&credito.lineas),
        totales: credito.totales.clone(),
        costo_devuelto,
        grupos: credito.grupos.iter().enumerate().map(devuelto).collect(),
    })))
}
