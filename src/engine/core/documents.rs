//! Documents: whose command an event of theirs belongs to, who waits for it, what becomes of its outcome.
//!
//! A document works on one command at a time: the one that began its attempt, to issue or to annul. Other commands are done at once
//! (a draft's line, the tax authority's answer), and steps of other documents' sagas (credit) belong to those.

use std::{rc::Rc, sync::Arc};

use super::{
    Core, CoreError,
    deliver::Message,
    slot::{Slot, SlotState},
    slots::Place,
};
use crate::{
    contracts::{Respuesta, Resultado, ResumenFactura, ResumenNota},
    domain::{
        Comando, Direccionado, Evento, ResultadoPaso, TipoAgregado,
        facturacion::{
            factura::{ComandoFactura, DireccionRespuesta, EstadoFactura, EventoFactura, Factura, PasoSaga, TotalesFactura},
            nota_credito::{ComandoNotaCredito, EstadoNota, EventoNotaCredito, NotaCredito},
        },
        inventario::{self, EventoInventario, inventario_id},
        valores::{Dinero, Id},
    },
    engine::store::{MemoryOutcome, Origin},
};

/// What a message is to the aggregate it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To anything but a document; or a step of another document's saga.
    Foreign,
    /// A client's command that begins an attempt of a document.
    Attempt,
    /// A client's command to a document that is done at once.
    Aside,
    /// Of the saga of the document itself: an answer, a reminder.
    Saga,
}

/// Whether it is the answer to a step.
pub fn is_answer(comando: &Comando) -> bool {
    matches!(
        comando,
        Comando::Factura(ComandoFactura::RespuestaPaso { .. }) | Comando::NotaCredito(ComandoNotaCredito::RespuestaPasoNota { .. })
    )
}

/// The answer to a step, for the document that coordinates.
pub fn answer(target: &Direccionado, paso: &PasoSaga, resultado: ResultadoPaso) -> Comando {
    let PasoSaga { documento_id, intento, grupo, paso } = paso.clone();
    match documento_id.as_str().split_once(':') {
        Some((factura, nota)) if target.tipo == TipoAgregado::NotaCredito => {
            let (factura_id, nota_id) = (Id::compuesto(&[factura]), Id::compuesto(&[nota]));
            Comando::NotaCredito(ComandoNotaCredito::RespuestaPasoNota { factura_id, nota_id, intento, grupo, paso, resultado })
        }
        _ => Comando::Factura(ComandoFactura::RespuestaPaso { factura_id: documento_id, intento, grupo, paso, resultado }),
    }
}

/// Whether an event belongs to an attempt of its document, to issue or to annul; the others stand alone.
pub fn is_of_an_attempt(evento: &Evento) -> bool {
    match evento {
        Evento::Factura(e) => !matches!(
            e,
            EventoFactura::FacturaCreada { .. }
                | EventoFactura::LineaAgregada { .. }
                | EventoFactura::LineaQuitada { .. }
                | EventoFactura::DescuentoAplicado(_)
                | EventoFactura::FormasPagoDefinidas { .. }
                | EventoFactura::FechasCambiadas { .. }
                | EventoFactura::FacturaDescartada { .. }
                | EventoFactura::RespuestaDianRegistrada { .. }
                | EventoFactura::CreditoReservado { .. }
                | EventoFactura::CreditoAplicado { .. }
                | EventoFactura::CreditoLiberado { .. }
        ),
        Evento::NotaCredito(e) => {
            !matches!(e, EventoNotaCredito::NotaCreditoCreada { .. } | EventoNotaCredito::LineaNotaCreditoAgregada { .. })
        }
        _ => false,
    }
}

/// Whether an event carries its whole document: the document's row is that event.
pub fn carries_the_document(evento: &Evento) -> bool {
    names_a_document(evento.tipo())
}

/// The same of an event of which only the name is known.
pub fn names_a_document(tipo: &str) -> bool {
    matches!(tipo, "FacturaEmitida" | "FacturaAnulada" | "NotaCreditoEmitida")
}

/// Who waits for the outcome of the document's attempt: the caller, or whoever began it.
pub fn waiting_address(slot: &Slot, message: &Message, role: Role) -> Option<DireccionRespuesta> {
    match (role, &slot.state) {
        (Role::Attempt, _) => message.client.as_ref()?.responder_a.clone(),
        (Role::Foreign, _) => message.client.as_ref().and_then(|client| client.responder_a.clone()),
        (_, SlotState::Factura(Some(factura))) => match (&factura.emision, &factura.posterior) {
            (Some(emision), _) => emision.inicio.responder_a.clone(),
            (None, Some(posterior)) => posterior.en_curso.as_ref()?.inicio.responder_a.clone(),
            (None, None) => None,
        },
        (_, SlotState::NotaCredito(Some(nota))) => nota.emision.as_ref()?.inicio.responder_a.clone(),
        _ => None,
    }
}

impl Core {
    /// What the message is, by what it led to. The outcome of the command that the document worked on before is written down when
    /// another command changes it, to be answered again.
    pub(super) fn role_of(&mut self, message: &Message, place: Place, eventos: &[Evento]) -> Result<Role, CoreError> {
        if !message.target.tipo.es_documento() || message.paso.is_some() {
            return Ok(Role::Foreign);
        }
        if message.client.is_none() {
            return Ok(Role::Saga);
        }
        if self.slots[place].has_open_saga() {
            return Ok(Role::Aside);
        }
        if !eventos.is_empty() && self.slots[place].origin.is_some() {
            self.retire_origin(place)?;
        }
        Ok(if eventos.iter().any(is_of_an_attempt) { Role::Attempt } else { Role::Aside })
    }

    /// Whose command the events belong to.
    pub(super) fn origin_for(&mut self, message: &Message, place: Place, role: Role) -> Rc<Origin> {
        let slot = &mut self.slots[place];
        match role {
            Role::Foreign => Rc::clone(&message.origin),
            Role::Attempt => {
                slot.origin = Some(Rc::clone(&message.origin));
                if message.issues() {
                    slot.issued_by = message.comando.tipo();
                }
                Rc::clone(&message.origin)
            }
            Role::Aside | Role::Saga => slot.origin.clone().unwrap_or_else(|| Rc::clone(&message.origin)),
        }
    }

    fn retire_origin(&mut self, place: Place) -> Result<(), CoreError> {
        let Some(origin) = self.slots[place].origin.take() else { return Ok(()) };
        let outcome = MemoryOutcome::Replied(self.encode_outcome(&self.slots[place], &origin)?);
        let target = self.slots[place].target.clone();
        self.remember(&target, &origin, outcome);
        Ok(())
    }

    /// The answer that the document's state gives to the command it worked on, as bytes to keep.
    pub(super) fn encode_outcome(&self, slot: &Slot, origin: &Origin) -> Result<bytes::Bytes, CoreError> {
        let reply = Respuesta {
            peticion: 0,
            command_id: origin.command_id.clone(),
            repetido: true,
            resultado: document_outcome(slot),
            versiones: vec![slot.version_as_answer()],
            particiones: Vec::new(),
        };
        let what = || format!("la respuesta de {}", slot.target.id);
        self.codec.encode_reply(&reply).map_err(|cause| CoreError::Encode { what: what(), cause })
    }

    /// The command type whose attempt an event ends; counts it.
    pub(super) fn ends_a_document(&mut self, place: Place, evento: &Evento) -> Option<&'static str> {
        Some(match evento {
            Evento::Factura(EventoFactura::FacturaEmitida(_)) => {
                self.stats.issued += 1;
                self.slots[place].issued_by
            }
            Evento::Factura(EventoFactura::FacturaRechazada { .. }) => {
                self.stats.refused_invoices += 1;
                self.slots[place].issued_by
            }
            Evento::Factura(EventoFactura::FacturaAnulada(_)) => {
                self.stats.annulled += 1;
                "AnularFactura"
            }
            Evento::Factura(EventoFactura::AnulacionRechazada { .. }) => "AnularFactura",
            Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(_)) => {
                self.stats.issued_notes += 1;
                "CrearYEmitirNotaCredito"
            }
            Evento::NotaCredito(EventoNotaCredito::NotaCreditoRechazada { .. }) => {
                self.stats.refused_notes += 1;
                "CrearYEmitirNotaCredito"
            }
            _ => return None,
        })
    }

    /// A saga that ends in the epoch of its returns needs nobody to remember them: their marks go, from states and events alike.
    pub(super) fn close_returns(&mut self, evento: &Evento) {
        match evento {
            Evento::Factura(EventoFactura::FacturaAnulada(anulada)) => {
                for m in &anulada.movimientos {
                    self.close_return(inventario_id(&m.producto_id, &m.bodega_id), &m.movimiento_id);
                }
            }
            Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(nota)) => {
                for g in &nota.grupos {
                    self.close_return(inventario_id(&g.grupo.producto_id, &g.grupo.bodega_id), &g.movimiento_id);
                }
            }
            _ => {}
        }
    }

    fn close_return(&mut self, inventario: Id, movimiento_id: &Id) {
        let Some(slot) = self.slots.get_mut(&Direccionado::new(TipoAgregado::Inventario, inventario)) else { return };
        let events = &mut self.epoch.events;
        let before = slot.elidable.len();
        slot.elidable.retain(|at| match &mut events[*at as usize].evento {
            Some(Evento::Inventario(EventoInventario::StockIncrementado(m))) if m.reserva_id.as_ref() == Some(movimiento_id) => {
                m.reserva_id = None;
                false
            }
            _ => true,
        });
        if let (true, SlotState::Inventario(Some(state))) = (slot.elidable.len() < before, &mut slot.state) {
            inventario::cerrar_devolucion(state, movimiento_id);
        }
    }
}

/// What a document's own state says of the command it worked on.
pub fn document_outcome(slot: &Slot) -> Resultado {
    match &slot.state {
        SlotState::Factura(Some(factura)) => factura_outcome(factura),
        SlotState::NotaCredito(Some(nota)) => nota_outcome(nota),
        _ => Resultado::EnCurso,
    }
}

fn factura_outcome(factura: &Factura) -> Resultado {
    match factura.estado {
        // Issued, and its annulment refused.
        EstadoFactura::Emitida if !factura.errores.is_empty() => Resultado::Rechazado { errores: factura.errores.clone() },
        EstadoFactura::Emitida | EstadoFactura::Anulada => Resultado::Aceptado { factura: summary(factura) },
        EstadoFactura::Rechazada => Resultado::Rechazado { errores: factura.errores.clone() },
        // A draft that no attempt's command ended in has nothing to say of one.
        EstadoFactura::Borrador | EstadoFactura::EnEmision | EstadoFactura::EnAnulacion | EstadoFactura::Descartada => {
            Resultado::EnCurso
        }
    }
}

fn nota_outcome(nota: &NotaCredito) -> Resultado {
    match (nota.estado, &nota.emitida) {
        (EstadoNota::Emitida, Some(emitida)) => Resultado::NotaAceptada {
            nota: Box::new(ResumenNota {
                factura_id: nota.factura_id.clone(),
                nota_id: nota.nota_id.clone(),
                numero: Arc::from(emitida.numero.to_string()),
                estado: Arc::from(nota.estado.nombre()),
                fecha_emision: emitida.cabecera.fecha_emision,
                moneda: Arc::clone(&emitida.factura.moneda),
                subtotal: emitida.totales.subtotal,
                impuestos: taxes(&emitida.totales),
                total: emitida.totales.total,
            }),
        },
        (EstadoNota::Rechazada, _) => Resultado::Rechazado { errores: nota.errores.clone() },
        _ => Resultado::EnCurso,
    }
}

/// Amounts of an issued invoice for its answer.
fn summary(factura: &Factura) -> Option<ResumenFactura> {
    let emitida = factura.emitida.as_ref()?;
    Some(ResumenFactura {
        factura_id: factura.factura_id.clone(),
        numero: Arc::from(emitida.numero.to_string()),
        estado: Arc::from(factura.estado.nombre()),
        fecha_emision: emitida.cabecera.fecha_emision,
        moneda: Arc::clone(&emitida.cabecera.moneda),
        subtotal: emitida.totales.subtotal,
        impuestos: taxes(&emitida.totales),
        total: emitida.totales.total,
    })
}

fn taxes(totales: &TotalesFactura) -> Dinero {
    Dinero::nuevo(totales.impuestos.iter().map(|i| i.valor.valor()).sum()).unwrap_or_default()
}
