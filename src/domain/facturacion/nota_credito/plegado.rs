//! The folds of a note: of its recorded events, and of what its saga only remembers.

use std::sync::Arc;

use super::{
    EmisionNota, EmisionNotaCreditoIniciada, EstadoNota, EventoNotaCredito, NotaCredito, NotaCreditoEmitida, NotaSagaCredito,
    ProgresoNota,
};

/// Folds one event. Total: an event that does not fit the state changes nothing. NotaCreditoEmitida alone folds to the same state as
/// with everything before it, because it carries the whole document.
pub fn evolucionar(estado: &mut Option<NotaCredito>, evento: &EventoNotaCredito) {
    match evento {
        EventoNotaCredito::NotaCreditoCreada { factura_id, nota_id, cabecera } => {
            *estado = Some(NotaCredito {
                factura_id: factura_id.clone(),
                nota_id: nota_id.clone(),
                estado: EstadoNota::Borrador,
                cabecera: Arc::clone(cabecera),
                lineas: Vec::new(),
                intento: 0,
                emision: None,
                emitida: None,
                errores: Vec::new(),
            });
        }
        EventoNotaCredito::NotaCreditoEmitida(documento) => *estado = Some(emitida(documento)),
        otro => {
            if let Some(nota) = estado {
                avanzar(nota, otro);
            }
        }
    }
}

fn avanzar(nota: &mut NotaCredito, evento: &EventoNotaCredito) {
    match evento {
        EventoNotaCredito::LineaNotaCreditoAgregada { linea, .. } => {
            nota.lineas.push(Arc::clone(linea));
            nota.estado = EstadoNota::Borrador;
            nota.errores.clear();
        }
        EventoNotaCredito::EmisionNotaCreditoIniciada(inicio) => iniciar(nota, inicio),
        EventoNotaCredito::NumeracionNotaCreditoRecibida { intento, numero, .. } => {
            // What was granted stays remembered: from here the goods go back.
            if let Some(emision) = nota.emision.as_mut().filter(|e| e.inicio.intento == *intento) {
                emision.numero = Some(numero.clone());
            }
        }
        EventoNotaCredito::NotaCreditoRechazada { intento, errores, .. } => {
            nota.estado = EstadoNota::Rechazada;
            nota.intento = *intento;
            nota.emision = None;
            nota.errores.clone_from(errores);
        }
        // Both make a state; they never come here.
        EventoNotaCredito::NotaCreditoCreada { .. } | EventoNotaCredito::NotaCreditoEmitida(_) => {}
    }
}

fn iniciar(nota: &mut NotaCredito, inicio: &Arc<EmisionNotaCreditoIniciada>) {
    nota.estado = EstadoNota::EnEmision;
    nota.cabecera = Arc::clone(&inicio.cabecera);
    nota.intento = inicio.intento;
    nota.errores.clear();
    nota.emision = Some(Box::new(EmisionNota { inicio: Arc::clone(inicio), numero: None, progreso: ProgresoNota::default() }));
}

fn emitida(documento: &Arc<NotaCreditoEmitida>) -> NotaCredito {
    NotaCredito {
        factura_id: documento.factura_id.clone(),
        nota_id: documento.nota_id.clone(),
        estado: EstadoNota::Emitida,
        cabecera: Arc::clone(&documento.cabecera),
        lineas: documento.lineas.iter().map(|l| Arc::clone(&l.linea)).collect(),
        intento: documento.intento,
        emision: None,
        emitida: Some(Arc::clone(documento)),
        errores: Vec::new(),
    }
}

/// Remembers an unrecorded fact of an open saga; one that fits none changes nothing.
pub fn anotar(estado: &mut NotaCredito, nota: NotaSagaCredito) {
    let Some(emision) = estado.emision.as_mut() else { return };
    let progreso = &mut emision.progreso;
    let grupos = progreso.concedido.as_ref().map_or(0, |c| c.credito.grupos.len());
    match nota {
        NotaSagaCredito::CreditoConcedido { concedido } => progreso.concedido = Some(concedido),
        NotaSagaCredito::NumeroNegado { errores } => progreso.rangos_negados.push(errores),
        NotaSagaCredito::GrupoVerificado { grupo, resultado } => {
            progreso.verificadas.resize(grupos, None);
            if let Some(lugar) = progreso.verificadas.get_mut(usize::from(grupo)) {
                *lugar = Some(resultado);
            }
        }
        NotaSagaCredito::GrupoDevuelto { grupo } => {
            progreso.devueltas.resize(grupos, false);
            if let Some(lugar) = progreso.devueltas.get_mut(usize::from(grupo)) {
                *lugar = true;
            }
        }
    }
}

/// Whether `anterior`, recorded earlier in the same epoch for the same note, may be dropped once `posterior` follows. (The draft's
/// events only when the same command made them and issued the note: the engine sees to it.)
pub fn elidibles(posterior: &EventoNotaCredito, anterior: &EventoNotaCredito) -> bool {
    use EventoNotaCredito as E;
    match anterior {
        // A refused attempt leaves its draft with the dates that its start carries.
        E::NotaCreditoCreada { .. }
        | E::LineaNotaCreditoAgregada { .. }
        | E::EmisionNotaCreditoIniciada(_)
        | E::NumeracionNotaCreditoRecibida { .. } => matches!(posterior, E::NotaCreditoEmitida(_)),
        E::NotaCreditoEmitida(_) | E::NotaCreditoRechazada { .. } => false,
    }
}
