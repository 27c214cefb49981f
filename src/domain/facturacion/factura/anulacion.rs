//! AnularFactura and its saga (`dominio.md` section 11): every Inventario is asked whether it exists, then gets its goods back.
//!
//! Until AnulacionAsegurada an acceptance of the tax authority stops it; from there the goods are on their way and it only goes on.

use std::sync::Arc;

use super::{
    AnulacionEnCurso, AnulacionIniciada, DecisionFactura, DireccionRespuesta, Envio, EstadoDian, EstadoFactura, EventoFactura,
    Factura, FacturaAnulada, FacturaEmitida, GrupoEmitido, MovimientoAnulacion, NotaSaga, Paso, PasoSaga, RespuestaDian,
};
use crate::domain::{
    Comando, ContextoDecision, Rechazo, ResultadoPaso,
    inventario::{ComandoInventario, DevolucionPedida, MotivoEntrada, PoliticaRetorno, Referencia, inventario_id},
    numeracion::TipoDocumento,
    reglas::{Falla, Regla, motivo_valido},
    valores::{Id, Instante, texto_valido},
};

/// Longest code and message of the tax authority that are kept, in characters.
const CODIGO_DIAN_MAX: usize = 64;
const MENSAJE_DIAN_MAX: usize = 1_000;

/// Starts the annulment of an issued invoice.
///
/// # Errors
/// Everything at once of FacturaExiste, EstadoValido, MotivoValido, FacturaAnulable, PlazoAnulacionValido.
pub fn anular(
    estado: Option<&Factura>,
    factura_id: &Id,
    motivo: &str,
    responder_a: Option<&DireccionRespuesta>,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionFactura, Rechazo> {
    let factura = existente(estado, factura_id)?;
    let mut fallas: Vec<Falla> = motivo_valido(motivo).into_iter().collect();
    let documento = factura.emitida.as_deref().filter(|_| factura.estado == EstadoFactura::Emitida);
    match documento {
        Some(documento) => revisar(factura, documento, ctx, &mut fallas),
        None => fallas.push(estado_invalido(factura, "sólo se anula una factura EMITIDA")),
    }
    let Some(documento) = documento.filter(|_| fallas.is_empty()) else { return Err(Rechazo::new(fallas)) };
    let inicio = Arc::new(AnulacionIniciada {
        factura_id: factura_id.clone(),
        intento: factura.posterior.as_deref().map_or(0, |p| p.anulaciones) + 1,
        motivo: Arc::from(motivo.trim()),
        reanudar_en: ctx.ahora.mas_milis(ctx.emisor.plazo_emision_ms),
        responder_a: responder_a.cloned(),
    });
    let iniciada = EventoFactura::AnulacionIniciada(Arc::clone(&inicio));
    if documento.grupos.is_empty() {
        let anulada = anulada(factura, documento, &inicio, ctx.ahora);
        return Ok(DecisionFactura { eventos: vec![iniciada, anulada], ..DecisionFactura::default() });
    }
    let envios = verificar(documento, &inicio, |_| true);
    Ok(DecisionFactura { eventos: vec![iniciada], envios, ..DecisionFactura::default() })
}

fn existente<'a>(estado: Option<&'a Factura>, factura_id: &Id) -> Result<&'a Factura, Rechazo> {
    let mensaje = || format!("la factura {factura_id} no existe; revise su identificador");
    let falla = || Falla::new(Regla::FacturaExiste, "", mensaje()).con("factura_id", factura_id);
    estado.ok_or_else(|| Rechazo::de(falla()))
}

fn estado_invalido(factura: &Factura, que: &str) -> Falla {
    let (id, estado) = (&factura.factura_id, factura.estado.nombre());
    Falla::new(Regla::EstadoValido, "", format!("la factura {id} está {estado}; {que}")).con("estado", estado)
}

fn revisar(factura: &Factura, documento: &FacturaEmitida, ctx: &ContextoDecision<'_>, fallas: &mut Vec<Falla>) {
    const USE_NOTA: &str = "use una nota de crédito con concepto ANULACION";
    if factura.credito().is_some_and(super::credito::CreditoFactura::hay_notas) {
        let mensaje = "la factura tiene notas de crédito emitidas o en curso; acredite lo que queda con otra nota";
        fallas.push(Falla::new(Regla::FacturaAnulable, "", mensaje));
    }
    let dian = factura.dian().map(|d| d.estado).filter(|estado| *estado != EstadoDian::Rechazada);
    if let Some(estado) = dian {
        let mensaje = format!("la factura está {} por la DIAN; {USE_NOTA}", estado.nombre());
        fallas.push(Falla::new(Regla::FacturaAnulable, "", mensaje).con("dian", estado.nombre()));
    }
    let (emision, plazo) = (documento.cabecera.fecha_emision, ctx.emisor.plazo_anulacion_dias);
    let dias = (ctx.hoy - emision).num_days();
    if dias > i64::from(plazo) {
        let mensaje = format!("la factura es del {emision} y el plazo para anularla es de {plazo} días; {USE_NOTA}");
        let falla = Falla::new(Regla::PlazoAnulacionValido, "", mensaje);
        fallas.push(falla.con("fecha_emision", emision).con("hoy", ctx.hoy).con("plazo", plazo));
    }
}

/// The annulment in course, when it is this one, with its document.
fn abierta(factura: &Factura) -> Option<(&FacturaEmitida, &AnulacionEnCurso)> {
    let en_curso = factura.posterior.as_deref()?.en_curso.as_ref()?;
    let documento = factura.emitida.as_deref()?;
    (factura.estado == EstadoFactura::EnAnulacion).then_some((documento, en_curso))
}

/// When an open annulment is driven again.
pub fn vencimiento(factura: &Factura) -> Option<Instante> {
    abierta(factura).map(|(_, en_curso)| en_curso.inicio.reanudar_en)
}

/// The messages that drive an open annulment again, without what has been answered.
pub fn reanudar(factura: &Factura) -> Vec<Envio> {
    let Some((documento, en_curso)) = abierta(factura) else { return Vec::new() };
    let progreso = &en_curso.progreso;
    if en_curso.asegurada {
        return devolver(documento, &en_curso.inicio, |i| !progreso.devueltas.get(i).is_some_and(|si| *si));
    }
    verificar(documento, &en_curso.inicio, |i| progreso.verificadas.get(i).is_none_or(Option::is_none))
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
    let Some((documento, en_curso)) = abierta(factura).filter(|(_, en_curso)| en_curso.inicio.intento == intento) else {
        return DecisionFactura::default();
    };
    if usize::from(grupo) >= documento.grupos.len() {
        return DecisionFactura::default();
    }
    match (en_curso.asegurada, paso, resultado) {
        (false, Paso::Verificar, ResultadoPaso::InventarioVerificado) => verificada(factura, documento, en_curso, grupo, Ok(())),
        (false, Paso::Verificar, ResultadoPaso::Rechazado { errores }) => {
            verificada(factura, documento, en_curso, grupo, Err(errores.clone()))
        }
        (true, Paso::Devolver, ResultadoPaso::StockDevuelto) => devuelta(factura, documento, en_curso, grupo, ctx),
        _ => DecisionFactura::default(),
    }
}

fn verificada(
    factura: &Factura,
    documento: &FacturaEmitida,
    en_curso: &AnulacionEnCurso,
    grupo: u16,
    resultado: Result<(), Vec<Falla>>,
) -> DecisionFactura {
    let verificadas = &en_curso.progreso.verificadas;
    let respuesta = |i: usize| {
        if i == usize::from(grupo) { Some(&resultado) } else { verificadas.get(i).and_then(Option::as_ref) }
    };
    let todas: Option<Vec<_>> = (0..documento.grupos.len()).map(respuesta).collect();
    let Some(todas) = todas else {
        let nota = NotaSaga::GrupoVerificado { grupo, resultado };
        return DecisionFactura { notas: vec![nota], ..DecisionFactura::default() };
    };
    let errores: Vec<Falla> = todas.into_iter().filter_map(|r| r.as_ref().err()).flatten().cloned().collect();
    if !errores.is_empty() {
        return DecisionFactura { eventos: vec![rechazada(factura, en_curso, errores)], ..DecisionFactura::default() };
    }
    let (factura_id, intento) = (factura.factura_id.clone(), en_curso.inicio.intento);
    DecisionFactura {
        eventos: vec![EventoFactura::AnulacionAsegurada { factura_id, intento }],
        envios: devolver(documento, &en_curso.inicio, |_| true),
        ..DecisionFactura::default()
    }
}

fn devuelta(
    factura: &Factura,
    documento: &FacturaEmitida,
    en_curso: &AnulacionEnCurso,
    grupo: u16,
    ctx: &ContextoDecision<'_>,
) -> DecisionFactura {
    let devueltas = &en_curso.progreso.devueltas;
    let faltan = (0..documento.grupos.len()).any(|i| i != usize::from(grupo) && !devueltas.get(i).is_some_and(|si| *si));
    if faltan {
        return DecisionFactura { notas: vec![NotaSaga::GrupoDevuelto { grupo }], ..DecisionFactura::default() };
    }
    let anulada = anulada(factura, documento, &en_curso.inicio, ctx.ahora);
    DecisionFactura { eventos: vec![anulada], ..DecisionFactura::default() }
}

fn rechazada(factura: &Factura, en_curso: &AnulacionEnCurso, errores: Vec<Falla>) -> EventoFactura {
    EventoFactura::AnulacionRechazada { factura_id: factura.factura_id.clone(), intento: en_curso.inicio.intento, errores }
}

fn anulada(factura: &Factura, documento: &FacturaEmitida, inicio: &AnulacionIniciada, ahora: Instante) -> EventoFactura {
    let movimiento = |(i, grupo): (usize, &GrupoEmitido)| MovimientoAnulacion {
        producto_id: grupo.grupo.producto_id.clone(),
        bodega_id: grupo.grupo.bodega_id.clone(),
        movimiento_id: movimiento_id(inicio, i),
        costo_total: grupo.costo_total,
    };
    EventoFactura::FacturaAnulada(Arc::new(FacturaAnulada {
        documento: factura.emitida.clone().unwrap_or_else(|| Arc::new(documento.clone())),
        intento: inicio.intento,
        motivo: Arc::clone(&inicio.motivo),
        anulada_en: ahora,
        movimientos: documento.grupos.iter().enumerate().map(movimiento).collect(),
        dian: factura.dian().cloned(),
    }))
}

/// `factura_id:intento:grupo:D`.
fn movimiento_id(inicio: &AnulacionIniciada, grupo: usize) -> Id {
    Id::de_paso(&inicio.factura_id, inicio.intento, grupo, Some(Paso::Devolver.letra()))
}

/// One message per group that `falta`.
fn por_grupo(
    documento: &FacturaEmitida,
    inicio: &AnulacionIniciada,
    paso: Paso,
    falta: impl Fn(usize) -> bool,
    comando: impl Fn(usize, &GrupoEmitido, Id) -> ComandoInventario,
) -> Vec<Envio> {
    let armar = |(i, grupo): (usize, &GrupoEmitido)| {
        let clave = inventario_id(&grupo.grupo.producto_id, &grupo.grupo.bodega_id);
        let documento_id = inicio.factura_id.clone();
        let paso = PasoSaga { documento_id, intento: inicio.intento, grupo: u16::try_from(i).ok()?, paso };
        Some(Envio { paso, comando: Comando::Inventario(comando(i, grupo, clave)) })
    };
    documento.grupos.iter().enumerate().filter(|(i, _)| falta(*i)).filter_map(armar).collect()
}

fn verificar(documento: &FacturaEmitida, inicio: &AnulacionIniciada, falta: impl Fn(usize) -> bool) -> Vec<Envio> {
    por_grupo(documento, inicio, Paso::Verificar, falta, |_, _, inventario_id| ComandoInventario::VerificarInventario {
        inventario_id,
    })
}

fn devolver(documento: &FacturaEmitida, inicio: &AnulacionIniciada, falta: impl Fn(usize) -> bool) -> Vec<Envio> {
    let referencia = Referencia {
        tipo: Arc::from(TipoDocumento::Factura.nombre()),
        id: documento.factura_id.texto(),
        numero: Some(Arc::from(documento.numero.to_string())),
    };
    por_grupo(documento, inicio, Paso::Devolver, falta, |i, grupo, inventario_id| {
        ComandoInventario::DevolverStock(Box::new(DevolucionPedida {
            inventario_id,
            movimiento_id: movimiento_id(inicio, i),
            motivo: MotivoEntrada::Anulacion,
            politica: PoliticaRetorno::ReversaFifo,
            lotes: Arc::clone(&grupo.lotes),
            fecha: documento.cabecera.fecha_emision,
            referencia: referencia.clone(),
        }))
    })
}

/// RegistrarRespuestaDian. An acceptance while an annulment can still be stopped stops it.
///
/// # Errors
/// FacturaExiste, EstadoValido, TextoValido.
pub fn registrar_dian(estado: Option<&Factura>, factura_id: &Id, respuesta: &RespuestaDian) -> Result<DecisionFactura, Rechazo> {
    let factura = existente(estado, factura_id)?;
    let mut fallas = Vec::new();
    if !matches!(factura.estado, EstadoFactura::Emitida | EstadoFactura::EnAnulacion | EstadoFactura::Anulada) {
        fallas.push(estado_invalido(factura, "la DIAN sólo responde a facturas emitidas"));
    }
    for (campo, texto, maximo) in
        [("codigo", &respuesta.codigo, CODIGO_DIAN_MAX), ("mensaje", &respuesta.mensaje, MENSAJE_DIAN_MAX)]
    {
        if texto.as_ref().is_some_and(|t| !texto_valido(t, maximo)) {
            let mensaje = format!("el {campo} tiene de 1 a {maximo} caracteres, sin caracteres de control");
            fallas.push(Falla::new(Regla::TextoValido, format!("/{campo}"), mensaje));
        }
    }
    if !fallas.is_empty() {
        return Err(Rechazo::new(fallas));
    }
    let mut eventos =
        vec![EventoFactura::RespuestaDianRegistrada { factura_id: factura_id.clone(), respuesta: Arc::new(respuesta.clone()) }];
    let detenible = abierta(factura).filter(|(_, en_curso)| !en_curso.asegurada && respuesta.estado == EstadoDian::Aceptada);
    if let Some((_, en_curso)) = detenible {
        let mensaje = "la DIAN aceptó la factura mientras se anulaba; use una nota de crédito con concepto ANULACION";
        let falla = Falla::new(Regla::FacturaAnulable, "", mensaje).con("dian", respuesta.estado.nombre());
        eventos.push(rechazada(factura, en_curso, vec![falla]));
    }
    Ok(DecisionFactura { eventos, ..DecisionFactura::default() })
}
