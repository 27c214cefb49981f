//! The draft of a note and the start of its issue.

use std::sync::Arc;

use chrono::{Days, NaiveDate};

use super::{
    CabeceraNota, DatosNotaCredito, DecisionNota, EmisionNotaCreditoIniciada, EventoNotaCredito, FechasNota, LINEAS_MAX,
    LineaNotaPedida, NotaCredito, reglas, saga,
};
use crate::domain::{
    ContextoDecision, Rechazo,
    facturacion::factura::{Campo, DIAS_CADUCIDAD, DireccionRespuesta, credito::LineaNotaCredito},
    inventario::PoliticaRetorno,
    reglas::{Falla, Momentos},
    valores::Id,
};

type Lineas = Vec<Arc<LineaNotaCredito>>;

/// The draft, when it is legal.
///
/// # Errors
/// Every failure at once.
fn borrador(datos: &DatosNotaCredito, ctx: &ContextoDecision<'_>) -> Result<(Arc<CabeceraNota>, Lineas), Rechazo> {
    let mut fallas = Vec::new();
    let cabecera = cabecera(datos, ctx);
    reglas::revisar_cabecera(&cabecera, Momentos::CREAR, ctx, &mut fallas);
    reglas::revisar_cuantas(datos.lineas.len(), Momentos::CREAR, &mut fallas);
    let pedidas = datos.lineas.iter().take(LINEAS_MAX).enumerate();
    let lineas: Lineas = pedidas.filter_map(|(i, pedida)| reglas::revisar_linea(i, pedida, ctx, &mut fallas)).collect();
    if fallas.is_empty() { Ok((Arc::new(cabecera), lineas)) } else { Err(Rechazo::new(fallas)) }
}

fn cabecera(datos: &DatosNotaCredito, ctx: &ContextoDecision<'_>) -> CabeceraNota {
    let (fecha_emision, fecha_autorizacion, fecha_caducidad) = fechas(&datos.fechas, ctx);
    CabeceraNota {
        sucursal_id: datos.sucursal_id.clone(),
        concepto: datos.concepto,
        motivo: Arc::from(datos.motivo.trim()),
        politica_retorno: datos.politica_retorno.unwrap_or(PoliticaRetorno::LoteNuevo),
        fecha_emision,
        fecha_autorizacion,
        fecha_caducidad,
    }
}

/// Dates with their defaults, as in an invoice: today; the earlier of today and the issue; thirty days after it.
fn fechas(pedidas: &FechasNota, ctx: &ContextoDecision<'_>) -> (NaiveDate, NaiveDate, Option<NaiveDate>) {
    let emision = pedidas.fecha_emision.unwrap_or(ctx.hoy);
    let caducidad = match &pedidas.fecha_caducidad {
        Campo::Ausente => emision.checked_add_days(Days::new(DIAS_CADUCIDAD)),
        Campo::Nulo => None,
        Campo::Valor(fecha) => Some(*fecha),
    };
    (emision, pedidas.fecha_autorizacion.unwrap_or_else(|| ctx.hoy.min(emision)), caducidad)
}

fn eventos_de_borrador(factura_id: &Id, nota_id: &Id, cabecera: Arc<CabeceraNota>, lineas: &Lineas) -> Vec<EventoNotaCredito> {
    let (factura_id, nota_id) = (factura_id.clone(), nota_id.clone());
    let agregada = |linea: &Arc<LineaNotaCredito>| EventoNotaCredito::LineaNotaCreditoAgregada {
        factura_id: factura_id.clone(),
        nota_id: nota_id.clone(),
        linea: Arc::clone(linea),
    };
    let agregadas: Vec<_> = lineas.iter().map(agregada).collect();
    let mut eventos = vec![EventoNotaCredito::NotaCreditoCreada { factura_id, nota_id, cabecera }];
    eventos.extend(agregadas);
    eventos
}

/// CrearNotaCredito.
///
/// # Errors
/// Every failure of the draft at once.
pub fn crear(factura_id: &Id, nota_id: &Id, datos: &DatosNotaCredito, ctx: &ContextoDecision<'_>) -> Result<DecisionNota, Rechazo> {
    let (cabecera, lineas) = borrador(datos, ctx)?;
    Ok(DecisionNota::con_eventos(eventos_de_borrador(factura_id, nota_id, cabecera, &lineas)))
}

/// CrearYEmitirNotaCredito: the draft, and the start of its issue; or the draft, rejected, when only its issue is forbidden.
///
/// # Errors
/// Every failure of the draft at once.
pub fn crear_y_emitir(
    factura_id: &Id,
    nota_id: &Id,
    datos: &DatosNotaCredito,
    responder_a: Option<&DireccionRespuesta>,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionNota, Rechazo> {
    let (cabecera, lineas) = borrador(datos, ctx)?;
    let mut eventos = eventos_de_borrador(factura_id, nota_id, Arc::clone(&cabecera), &lineas);
    let emision = emision(factura_id, nota_id, 1, cabecera, &lineas, responder_a, ctx);
    eventos.extend(emision.eventos);
    Ok(DecisionNota { eventos, ..emision })
}

/// AgregarLineaNotaCredito.
///
/// # Errors
/// Every failure of the line at once.
pub fn agregar_linea(nota: &NotaCredito, pedida: &LineaNotaPedida, ctx: &ContextoDecision<'_>) -> Result<DecisionNota, Rechazo> {
    let mut fallas = Vec::new();
    reglas::revisar_cuantas(nota.lineas.len() + 1, Momentos::LINEA, &mut fallas);
    match reglas::revisar_linea(nota.lineas.len(), pedida, ctx, &mut fallas).filter(|_| fallas.is_empty()) {
        Some(linea) => Ok(DecisionNota::con_eventos(vec![EventoNotaCredito::LineaNotaCreditoAgregada {
            factura_id: nota.factura_id.clone(),
            nota_id: nota.nota_id.clone(),
            linea,
        }])),
        None => Err(Rechazo::new(fallas)),
    }
}

/// EmitirNotaCredito: a new attempt of a draft, or of a rejected note. Its rules are those of today.
pub fn emitir(
    nota: &NotaCredito,
    nuevas: Option<&FechasNota>,
    responder_a: Option<&DireccionRespuesta>,
    ctx: &ContextoDecision<'_>,
) -> DecisionNota {
    let cabecera = match nuevas {
        None => Arc::clone(&nota.cabecera),
        Some(nuevas) => {
            let (fecha_emision, fecha_autorizacion, fecha_caducidad) = fechas(nuevas, ctx);
            Arc::new(CabeceraNota { fecha_emision, fecha_autorizacion, fecha_caducidad, ..(*nota.cabecera).clone() })
        }
    };
    emision(&nota.factura_id, &nota.nota_id, nota.intento + 1, cabecera, &nota.lineas, responder_a, ctx)
}

fn emision(
    factura_id: &Id,
    nota_id: &Id,
    intento: u32,
    cabecera: Arc<CabeceraNota>,
    lineas: &Lineas,
    responder_a: Option<&DireccionRespuesta>,
    ctx: &ContextoDecision<'_>,
) -> DecisionNota {
    let mut errores: Vec<Falla> = Vec::new();
    reglas::revisar_cabecera(&cabecera, Momentos::EMITIR, ctx, &mut errores);
    reglas::revisar_cuantas(lineas.len(), Momentos::EMITIR, &mut errores);
    let (factura_id, nota_id) = (factura_id.clone(), nota_id.clone());
    if !errores.is_empty() {
        let rechazada = EventoNotaCredito::NotaCreditoRechazada { factura_id, nota_id, intento, errores };
        return DecisionNota::con_eventos(vec![rechazada]);
    }
    let reanudar_en = ctx.ahora.mas_milis(ctx.emisor.plazo_emision_ms);
    let responder_a = responder_a.cloned();
    let inicio = EmisionNotaCreditoIniciada { factura_id, nota_id, intento, cabecera, reanudar_en, responder_a };
    let envios = vec![saga::acreditar(&inicio, lineas)];
    DecisionNota {
        eventos: vec![EventoNotaCredito::EmisionNotaCreditoIniciada(Arc::new(inicio))],
        envios,
        ..DecisionNota::default()
    }
}
