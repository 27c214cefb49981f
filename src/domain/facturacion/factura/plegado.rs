//! The folds of an invoice: of its recorded events, and of what its saga only remembers.

use std::sync::Arc;

use super::{
    CabeceraFactura, Emision, EmisionIniciada, EstadoFactura, EventoFactura, Factura, FacturaEmitida, FaseEmision, LineaFactura,
    NotaSaga, Progreso,
};
use crate::domain::{numeracion::NumeroDocumento, valores::Id};

/// Folds one event. Total: an event that does not fit the state changes nothing.
///
/// FacturaEmitida alone folds to the same state as with everything before it, because it carries the whole document; each
/// phase starts with nothing answered, so a state that was kept in memory and one that was folded are equal at its start.
pub fn evolucionar(estado: &mut Option<Factura>, evento: &EventoFactura) {
    match evento {
        EventoFactura::FacturaCreada { factura_id, cabecera } => *estado = Some(creada(factura_id, cabecera)),
        EventoFactura::FacturaEmitida(documento) => *estado = Some(emitida(documento)),
        otro => {
            if let Some(factura) = estado {
                avanzar(factura, otro);
            }
        }
    }
}

fn avanzar(factura: &mut Factura, evento: &EventoFactura) {
    match evento {
        EventoFactura::LineaAgregada { linea, .. } => factura.lineas.push(Arc::clone(linea)),
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
        // Both make a state; they never come here.
        EventoFactura::FacturaCreada { .. } | EventoFactura::FacturaEmitida(_) => {}
    }
}

fn creada(factura_id: &Id, cabecera: &Arc<CabeceraFactura>) -> Factura {
    Factura {
        factura_id: factura_id.clone(),
        estado: EstadoFactura::Borrador,
        cabecera: Arc::clone(cabecera),
        lineas: Vec::new(),
        intento: 0,
        emision: None,
        emitida: None,
        errores: Vec::new(),
    }
}

fn emitida(documento: &Arc<FacturaEmitida>) -> Factura {
    let lineas: Vec<Arc<LineaFactura>> = documento.lineas.iter().map(|l| Arc::clone(&l.linea)).collect();
    Factura {
        factura_id: documento.factura_id.clone(),
        estado: EstadoFactura::Emitida,
        cabecera: Arc::clone(&documento.cabecera),
        lineas,
        intento: documento.intento,
        emision: None,
        emitida: Some(Arc::clone(documento)),
        errores: Vec::new(),
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
    let Some(emision) = estado.emision.as_mut() else { return };
    let (grupos, progreso) = (emision.inicio.grupos.len(), &mut emision.progreso);
    match nota {
        NotaSaga::ReservaRespondida { grupo, resultado } => poner(&mut progreso.reservas, grupos, grupo, resultado),
        NotaSaga::NumeroNegado { errores } => progreso.rangos_negados.push(errores),
        NotaSaga::ReservaConfirmada { grupo, lotes, costo_total } => {
            poner(&mut progreso.confirmaciones, grupos, grupo, (lotes, costo_total));
        }
    }
}

/// The list of answers grows on its first: most phases end with the state they began with.
fn poner<T: Clone>(respuestas: &mut Vec<Option<T>>, grupos: usize, grupo: u16, valor: T) {
    respuestas.resize(grupos, None);
    if let Some(lugar) = respuestas.get_mut(usize::from(grupo)) {
        *lugar = Some(valor);
    }
}

/// Whether `anterior`, recorded earlier in the same epoch for the same invoice, may be dropped once `posterior` follows:
/// folding what is kept gives the state that folding everything gives (`architecture.md` section 4).
///
/// EmisionIniciada carries what the rest of its saga needs, so only the saga's end makes it superfluous.
pub fn elidibles(posterior: &EventoFactura, anterior: &EventoFactura) -> bool {
    use EventoFactura as E;
    match anterior {
        E::FacturaCreada { .. } | E::LineaAgregada { .. } | E::NumeracionRecibida { .. } => {
            matches!(posterior, E::FacturaEmitida(_))
        }
        E::EmisionIniciada(_) => matches!(posterior, E::FacturaEmitida(_) | E::FacturaRechazada { .. }),
        E::StockAsegurado { .. } => {
            matches!(posterior, E::NumeracionRecibida { .. } | E::FacturaEmitida(_) | E::FacturaRechazada { .. })
        }
        E::FacturaEmitida(_) | E::FacturaRechazada { .. } => false,
    }
}
