//! The folds of an invoice: of its recorded events, and of what its saga only remembers.

use std::sync::Arc;

use super::{
    AnulacionEnCurso, CabeceraFactura, DescuentoAplicado, Emision, EmisionIniciada, EstadoFactura, EventoFactura, Factura,
    FacturaAnulada, FacturaEmitida, FaseEmision, LineaFactura, NotaSaga, Posterior, Progreso, ProgresoAnulacion, TotalesFactura,
};
use crate::domain::{numeracion::NumeroDocumento, valores::Id};

/// Folds one event. Total: an event that does not fit the state changes nothing.
///
/// FacturaEmitida alone folds to the same state as with everything before it, because it carries the whole document; each
/// phase starts with nothing answered, so a state that was kept in memory and one that was folded are equal at its start.
pub fn evolucionar(estado: &mut Option<Factura>, evento: &EventoFactura) {
    match evento {
        EventoFactura::FacturaCreada { factura_id, cabecera, totales } => {
            *estado = Some(creada(factura_id, cabecera, totales.as_ref()));
        }
        EventoFactura::FacturaEmitida(documento) => *estado = Some(emitida(documento)),
        EventoFactura::FacturaAnulada(anulada) => *estado = Some(tras_anulacion(anulada)),
        otro => {
            if let Some(factura) = estado {
                avanzar(factura, otro);
            }
        }
    }
}

fn avanzar(factura: &mut Factura, evento: &EventoFactura) {
    match evento {
        EventoFactura::LineaAgregada { linea, totales, .. } => {
            editar(factura, totales.as_ref());
            factura.lineas.push(Arc::clone(linea));
        }
        EventoFactura::LineaQuitada { linea, totales, .. } => quitar(factura, *linea, totales),
        EventoFactura::DescuentoAplicado(aplicado) => descontar(factura, aplicado),
        EventoFactura::FormasPagoDefinidas { formas_pago, .. } => {
            editar(factura, None);
            Arc::make_mut(&mut factura.cabecera).formas_pago.clone_from(formas_pago);
        }
        EventoFactura::FechasCambiadas { fecha_emision, fecha_autorizacion, fecha_caducidad, .. } => {
            editar(factura, None);
            let cabecera = Arc::make_mut(&mut factura.cabecera);
            cabecera.fecha_emision = *fecha_emision;
            cabecera.fecha_autorizacion = *fecha_autorizacion;
            cabecera.fecha_caducidad = *fecha_caducidad;
        }
        EventoFactura::FacturaDescartada { .. } => {
            factura.estado = EstadoFactura::Descartada;
            factura.errores.clear();
        }
        EventoFactura::EmisionIniciada(inicio) => iniciar(factura, inicio),
        EventoFactura::StockAsegurado { intento, .. } => pasar_a(factura, *intento, FaseEmision::Numerando, None),
        EventoFactura::NumeracionRecibida { intento, numero, .. } => {
            pasar_a(factura, *intento, FaseEmision::Confirmando, Some(numero));
        }
        EventoFactura::FacturaRechazada { intento, errores, .. } => {
            factura.estado = EstadoFactura::Rechazada;
            factura.intento = *intento;
            factura.emision = None;
            factura.errores.clone_from(errores);
        }
        EventoFactura::CreditoReservado { credito, .. } => posterior(factura).credito.reservar(credito),
        EventoFactura::CreditoAplicado { nota_id, intento, cargos, .. } => {
            posterior(factura).credito.aplicar(nota_id, *intento, cargos);
        }
        EventoFactura::CreditoLiberado { nota_id, intento, .. } => posterior(factura).credito.liberar(nota_id, *intento),
        EventoFactura::AnulacionIniciada(inicio) => {
            factura.estado = EstadoFactura::EnAnulacion;
            factura.errores.clear();
            let posterior = posterior(factura);
            posterior.anulaciones = inicio.intento;
            let progreso = ProgresoAnulacion::default();
            posterior.en_curso = Some(AnulacionEnCurso { inicio: Arc::clone(inicio), asegurada: false, progreso });
        }
        EventoFactura::AnulacionAsegurada { intento, .. } => {
            let en_curso = posterior(factura).en_curso.as_mut().filter(|a| a.inicio.intento == *intento);
            if let Some(en_curso) = en_curso {
                en_curso.asegurada = true;
                en_curso.progreso = ProgresoAnulacion::default();
            }
        }
        EventoFactura::AnulacionRechazada { intento, errores, .. } => {
            factura.estado = EstadoFactura::Emitida;
            factura.errores.clone_from(errores);
            let posterior = posterior(factura);
            posterior.anulaciones = *intento;
            posterior.en_curso = None;
        }
        EventoFactura::RespuestaDianRegistrada { respuesta, .. } => {
            if factura.estado == EstadoFactura::Emitida {
                factura.errores.clear();
            }
            posterior(factura).dian = Some((**respuesta).clone());
        }
        // They make a state; they never come here.
        EventoFactura::FacturaCreada { .. } | EventoFactura::FacturaEmitida(_) | EventoFactura::FacturaAnulada(_) => {}
    }
}

fn posterior(factura: &mut Factura) -> &mut Posterior {
    factura.posterior.get_or_insert_default()
}

fn tras_anulacion(anulada: &Arc<FacturaAnulada>) -> Factura {
    let posterior = Posterior {
        anulaciones: anulada.intento,
        anulada: Some(Arc::clone(anulada)),
        dian: anulada.dian.clone(),
        ..Posterior::default()
    };
    Factura { estado: EstadoFactura::Anulada, posterior: Some(Box::new(posterior)), ..emitida(&anulada.documento) }
}

/// An edited document is a draft again, with the totals that the edit left.
fn editar(factura: &mut Factura, totales: Option<&Arc<TotalesFactura>>) {
    factura.estado = EstadoFactura::Borrador;
    factura.errores.clear();
    if let Some(totales) = totales {
        factura.totales_borrador = Some(Arc::clone(totales));
    }
}

fn quitar(factura: &mut Factura, numero: u16, totales: &Arc<TotalesFactura>) {
    editar(factura, Some(totales));
    let indice = usize::from(numero).wrapping_sub(1);
    if indice >= factura.lineas.len() {
        return;
    }
    factura.lineas.remove(indice);
    for linea in &mut factura.lineas[indice..] {
        Arc::make_mut(linea).numero -= 1;
    }
}

fn descontar(factura: &mut Factura, aplicado: &DescuentoAplicado) {
    editar(factura, Some(&aplicado.totales));
    let descuento = Some(Box::new(aplicado.descuento.clone()));
    match aplicado.linea {
        None => Arc::make_mut(&mut factura.cabecera).descuento = descuento,
        Some(numero) => {
            if let Some(linea) = factura.lineas.get_mut(usize::from(numero).wrapping_sub(1)) {
                Arc::make_mut(linea).descuento = descuento;
            }
        }
    }
}

fn creada(factura_id: &Id, cabecera: &Arc<CabeceraFactura>, totales: Option<&Arc<TotalesFactura>>) -> Factura {
    Factura {
        factura_id: factura_id.clone(),
        estado: EstadoFactura::Borrador,
        cabecera: Arc::clone(cabecera),
        lineas: Vec::new(),
        totales_borrador: totales.cloned(),
        intento: 0,
        emision: None,
        emitida: None,
        errores: Vec::new(),
        posterior: None,
    }
}

fn emitida(documento: &Arc<FacturaEmitida>) -> Factura {
    let lineas: Vec<Arc<LineaFactura>> = documento.lineas.iter().map(|l| Arc::clone(&l.linea)).collect();
    Factura {
        factura_id: documento.factura_id.clone(),
        estado: EstadoFactura::Emitida,
        cabecera: Arc::clone(&documento.cabecera),
        lineas,
        totales_borrador: None,
        intento: documento.intento,
        emision: None,
        emitida: Some(Arc::clone(documento)),
        errores: Vec::new(),
        posterior: None,
    }
}

fn iniciar(factura: &mut Factura, inicio: &Arc<EmisionIniciada>) {
    let fase = if inicio.grupos.is_empty() { FaseEmision::Numerando } else { FaseEmision::Reservando };
    factura.estado = EstadoFactura::EnEmision;
    factura.intento = inicio.intento;
    factura.errores.clear();
    factura.emision = Some(Box::new(Emision { inicio: Arc::clone(inicio), fase, numero: None, progreso: Progreso::default() }));
}

fn pasar_a(factura: &mut Factura, intento: u32, fase: FaseEmision, numero: Option<&NumeroDocumento>) {
    let Some(emision) = factura.emision.as_mut().filter(|e| e.inicio.intento == intento) else { return };
    emision.fase = fase;
    emision.numero = numero.cloned();
    emision.progreso = Progreso::default();
}

/// Remembers an unrecorded fact of an open saga; one that fits none changes nothing.
pub fn anotar(estado: &mut Factura, nota: NotaSaga) {
    if estado.estado == EstadoFactura::EnAnulacion {
        anotar_anulacion(estado, nota);
        return;
    }
    let Some(emision) = estado.emision.as_mut() else { return };
    let (grupos, progreso) = (emision.inicio.grupos.len(), &mut emision.progreso);
    match nota {
        NotaSaga::ReservaRespondida { grupo, resultado } => poner(&mut progreso.reservas, grupos, grupo, resultado),
        NotaSaga::NumeroNegado { errores } => progreso.rangos_negados.push(errores),
        NotaSaga::ReservaConfirmada { grupo, lotes, costo_total } => {
            poner(&mut progreso.confirmaciones, grupos, grupo, (lotes, costo_total));
        }
        NotaSaga::GrupoVerificado { .. } | NotaSaga::GrupoDevuelto { .. } => {}
    }
}

fn anotar_anulacion(estado: &mut Factura, nota: NotaSaga) {
    let grupos = estado.emitida.as_ref().map_or(0, |documento| documento.grupos.len());
    let Some(en_curso) = estado.posterior.as_mut().and_then(|p| p.en_curso.as_mut()) else { return };
    match nota {
        NotaSaga::GrupoVerificado { grupo, resultado } => poner(&mut en_curso.progreso.verificadas, grupos, grupo, resultado),
        NotaSaga::GrupoDevuelto { grupo } => {
            en_curso.progreso.devueltas.resize(grupos, false);
            if let Some(lugar) = en_curso.progreso.devueltas.get_mut(usize::from(grupo)) {
                *lugar = true;
            }
        }
        NotaSaga::ReservaRespondida { .. } | NotaSaga::NumeroNegado { .. } | NotaSaga::ReservaConfirmada { .. } => {}
    }
}

/// The list of answers grows on its first: most phases end with the state they began with.
fn poner<T: Clone>(respuestas: &mut Vec<Option<T>>, grupos: usize, grupo: u16, valor: T) {
    respuestas.resize(grupos, None);
    if let Some(lugar) = respuestas.get_mut(usize::from(grupo)) {
        *lugar = Some(valor);
    }
}

/// Whether `anterior`, recorded earlier in the same epoch for the same command of the same invoice, may be dropped once `posterior` follows:
/// folding what is kept gives the state that folding everything gives (`architecture.md` section 4).
///
/// EmisionIniciada carries what the rest of its saga needs, so only the saga's end makes it superfluous.
pub fn elidibles(posterior: &EventoFactura, anterior: &EventoFactura) -> bool {
    use EventoFactura as E;
    match anterior {
        E::FacturaCreada { .. }
        | E::LineaAgregada { .. }
        | E::LineaQuitada { .. }
        | E::DescuentoAplicado(_)
        | E::FormasPagoDefinidas { .. }
        | E::FechasCambiadas { .. }
        | E::NumeracionRecibida { .. } => matches!(posterior, E::FacturaEmitida(_)),
        E::EmisionIniciada(_) => matches!(posterior, E::FacturaEmitida(_) | E::FacturaRechazada { .. }),
        E::StockAsegurado { .. } => {
            matches!(posterior, E::NumeracionRecibida { .. } | E::FacturaEmitida(_) | E::FacturaRechazada { .. })
        }
        E::CreditoReservado { credito, .. } => match posterior {
            E::CreditoAplicado { nota_id, intento, .. } | E::CreditoLiberado { nota_id, intento, .. } => {
                *nota_id == credito.nota_id && *intento == credito.intento
            }
            _ => false,
        },
        E::AnulacionIniciada(_) | E::AnulacionAsegurada { .. } => {
            matches!(posterior, E::FacturaAnulada(_) | E::AnulacionRechazada { .. })
        }
        E::FacturaEmitida(_)
        | E::FacturaRechazada { .. }
        | E::FacturaDescartada { .. }
        | E::CreditoAplicado { .. }
        | E::CreditoLiberado { .. }
        | E::FacturaAnulada(_)
        | E::AnulacionRechazada { .. }
        | E::RespuestaDianRegistrada { .. } => false,
    }
}
