//! ReservarCredito, AplicarCredito, LiberarCredito: the steps that a note's saga asks of its invoice. A repeated step answers the same
//! and records nothing. Note and invoice share a partition, so these steps arrive in the order they were sent.

use std::sync::Arc;

use super::{
    CreditoConcedido, CreditoFactura, CreditoNota, EstadoCredito, FacturaModificada, NOTAS_MAX, SolicitudCredito,
    calculo::Acreditacion,
    reglas::{self, Peticion},
};
use crate::domain::{
    ContextoDecision, Rechazo, ResultadoPaso,
    facturacion::factura::{DecisionFactura, EventoFactura, Factura, FacturaEmitida},
    reglas::{Falla, Regla},
    valores::Id,
};

/// Holds the credit of a note: its amounts, the lots that come back, its candidate ranges.
///
/// # Errors
/// FacturaExiste; else everything at once of FacturaAcreditable, FechaEmisionPosteriorFactura, PlazoNotaCreditoValido,
/// LineasValidasContraFactura, PoliticaRetornoValida, SucursalValida, NumeracionDisponible, MontoPositivo,
/// DocumentoDemasiadoGrande, PrecisionExcedida.
pub fn reservar(
    estado: Option<&Factura>,
    factura_id: &Id,
    solicitud: &SolicitudCredito,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionFactura, Rechazo> {
    let Some(factura) = estado else { return Err(Rechazo::de(no_existe(factura_id))) };
    let credito = factura.credito();
    if let Some(reservado) = credito.and_then(|c| c.reservado(&solicitud.nota_id, solicitud.intento)) {
        return conceder(factura, Arc::clone(reservado), Vec::new());
    }
    let Some(documento) = factura.emitida.as_deref() else {
        return Err(Rechazo::new(reglas::factura_acreditable(factura).into_iter().collect()));
    };
    let mut acreditacion = Acreditacion::new(documento, credito, &ctx.emisor.redondeo);
    let peticion = Peticion::new(factura, documento, solicitud, ctx);
    let mut fallas = peticion.revisar(&mut acreditacion);
    fallas.extend(intento_cerrado(credito, solicitud));
    let Peticion { sucursal_id, rangos, .. } = peticion;
    if !fallas.is_empty() {
        return Err(Rechazo::new(fallas));
    }
    let credito = Arc::new(CreditoNota {
        nota_id: solicitud.nota_id.clone(),
        intento: solicitud.intento,
        sucursal_id,
        totales: acreditacion.totales(),
        grupos: acreditacion.grupos(),
        cargos: acreditacion.cargos.into_values().collect(),
        lineas: acreditacion.lineas.into(),
        rangos,
    });
    let evento = EventoFactura::CreditoReservado { factura_id: factura_id.clone(), credito: Arc::clone(&credito) };
    conceder(factura, credito, vec![evento])
}

fn conceder(factura: &Factura, credito: Arc<CreditoNota>, eventos: Vec<EventoFactura>) -> Result<DecisionFactura, Rechazo> {
    let Some(documento) = factura.emitida.as_deref() else { return Err(Rechazo::de(no_existe(&factura.factura_id))) };
    let concedido = CreditoConcedido { credito, factura: modificada(documento) };
    let resultado = ResultadoPaso::CreditoReservado { credito: Arc::new(concedido) };
    Ok(DecisionFactura { eventos, resultado: Some(resultado), ..DecisionFactura::default() })
}

fn modificada(documento: &FacturaEmitida) -> FacturaModificada {
    FacturaModificada {
        numero: documento.numero.clone(),
        fecha_emision: documento.cabecera.fecha_emision,
        moneda: Arc::clone(&documento.cabecera.moneda),
        cliente_id: documento.cabecera.cliente_id.clone(),
        cliente: Arc::clone(&documento.cliente),
        canal: documento.cabecera.canal.clone(),
    }
}

fn no_existe(factura_id: &Id) -> Falla {
    let mensaje = format!("la factura {factura_id} no existe; revise su identificador");
    Falla::new(Regla::FacturaExiste, "/factura_id", mensaje).con("factura_id", factura_id)
}

/// An attempt that ended stays ended; and an invoice remembers a bounded number of notes.
fn intento_cerrado(credito: Option<&CreditoFactura>, solicitud: &SolicitudCredito) -> Option<Falla> {
    let credito = credito?;
    match credito.notas.get(&solicitud.nota_id) {
        Some(nota) if nota.intento < solicitud.intento && matches!(nota.estado, EstadoCredito::Liberado {}) => None,
        Some(_) => {
            let mensaje = "ese intento de la nota ya terminó; vuelva a emitirla";
            Some(Falla::new(Regla::EstadoValido, "", mensaje).con("intento", solicitud.intento))
        }
        None if credito.notas.len() >= NOTAS_MAX => {
            let mensaje = format!("la factura ya tiene {NOTAS_MAX} notas de crédito, que es el máximo");
            Some(Falla::new(Regla::FacturaAcreditable, "/factura_id", mensaje).con("maximo", NOTAS_MAX))
        }
        _ => None,
    }
}

/// The note has its number and its goods are back: its credit is final.
///
/// # Errors
/// EstadoValido when no credit is held for that attempt.
pub fn aplicar(estado: Option<&Factura>, factura_id: &Id, nota_id: &Id, intento: u32) -> Result<DecisionFactura, Rechazo> {
    let credito = estado.and_then(Factura::credito);
    let resultado = Some(ResultadoPaso::CreditoAplicado);
    if let Some(reservado) = credito.and_then(|c| c.reservado(nota_id, intento)) {
        let evento = EventoFactura::CreditoAplicado {
            factura_id: factura_id.clone(),
            nota_id: nota_id.clone(),
            intento,
            cargos: Arc::clone(&reservado.cargos),
        };
        return Ok(DecisionFactura { eventos: vec![evento], resultado, ..DecisionFactura::default() });
    }
    let aplicado = credito
        .and_then(|c| c.notas.get(nota_id))
        .is_some_and(|nota| nota.intento == intento && matches!(nota.estado, EstadoCredito::Aplicado {}));
    if aplicado {
        return Ok(DecisionFactura { resultado, ..DecisionFactura::default() });
    }
    let mensaje = format!("la factura {factura_id} no tiene crédito reservado para la nota {nota_id}");
    Err(Rechazo::de(Falla::new(Regla::EstadoValido, "", mensaje).con("nota_id", nota_id).con("intento", intento)))
}

/// The note was refused: what it held is free again. Without anything held there is nothing to record.
pub fn liberar(estado: Option<&Factura>, factura_id: &Id, nota_id: &Id, intento: u32) -> DecisionFactura {
    let reservado = estado.and_then(Factura::credito).is_some_and(|c| c.reservado(nota_id, intento).is_some());
    let liberado = || EventoFactura::CreditoLiberado { factura_id: factura_id.clone(), nota_id: nota_id.clone(), intento };
    DecisionFactura { eventos: reservado.then(liberado).into_iter().collect(), ..DecisionFactura::default() }
}
