//! Quarantine of one aggregate: what holds a command back, and what an operator does about it.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;

use super::{
    Core, CoreError,
    deliver::{Message, client_of, decide, keep_what_is_observed, stale_version},
    epoch::InputContext,
    letter_id,
    slots::Place,
};
use crate::{
    contracts::{EtapaDlq, RegistroDlq, ResolucionApartado},
    domain::{
        Comando, Evento, Rechazo,
        cuarentena::{Apartado, ComandoCuarentena, EventoCuarentena},
        facturacion::{factura::ComandoFactura, nota_credito::ComandoNotaCredito},
        reglas::{Falla, Regla, motivo_valido},
    },
};

const WAITS: &str = "el agregado está en cuarentena: el comando espera en orden";

impl Core {
    /// Id for the next letter of an input. The event that goes with it, if any, takes the same place among what the input led to.
    pub(super) fn next_letter(&self, input: &InputContext) -> Apartado {
        letter_id(input.now, &input.entrada, self.ordinal)
    }

    /// A decision that panicked: its command goes to the DLQ and its aggregate into quarantine, in this epoch's transaction.
    pub(super) fn poison(&mut self, message: &Message, place: Place, cause: &str, input: &Rc<InputContext>) {
        self.stats.panics += 1;
        tracing::error!(evento = "agregado_en_cuarentena", agregado = %message.target.id, comando = message.comando.tipo(), causa = cause,
            "la decisión de un comando falló: el agregado queda en cuarentena");
        self.hold(message, place, "Panico", cause, input);
    }

    /// Parks a command behind the quarantine of its aggregate, in order.
    pub(super) fn park(&mut self, message: &Message, place: Place, input: &Rc<InputContext>) {
        // The reminder of a deadline is not of the log: it comes again by itself.
        let reminder = matches!(
            message.comando,
            Comando::Factura(ComandoFactura::VencioPlazo { .. }) | Comando::NotaCredito(ComandoNotaCredito::ReanudarNota { .. })
        );
        if !reminder && !self.waits_already(message, place) {
            self.hold(message, place, "EnCuarentena", WAITS, input);
        }
    }

    /// A saga is driven again at every deadline, however long its step waits here. A core built later does not know of it and sets it aside
    /// once more; whoever resolves both finds the second done.
    fn waits_already(&self, message: &Message, place: Place) -> bool {
        let Some(paso) = &message.paso else { return false };
        let known = self.parked.get(&(message.target.clone(), paso.command_id()));
        known.is_some_and(|apartado| self.slots[place].queue.esperan().any(|waits| waits == *apartado))
    }

    fn hold(&mut self, message: &Message, place: Place, codigo: &str, causa: &str, input: &Rc<InputContext>) {
        let apartado = self.next_letter(input);
        let held = EventoCuarentena::AgregadoEnCuarentena { causa: Arc::from(causa), apartado: Some(apartado) };
        self.push_event(place, Evento::Cuarentena(held), message, &message.origin, input);
        if let Some(paso) = &message.paso {
            self.parked.insert((message.target.clone(), paso.command_id()), apartado);
        }
        self.set_aside(message, codigo, causa, input, apartado);
    }

    /// What an operator asks about a command that waits.
    pub(super) fn resolve_letter(
        &mut self,
        message: &Message,
        resolucion: &ComandoCuarentena,
        place: Place,
        input: &Rc<InputContext>,
    ) -> Result<(), CoreError> {
        let ComandoCuarentena::ResolverApartado { apartado, descartar, motivo, pedido, .. } = resolucion;
        let admitted = motivo_valido(motivo).map_or_else(|| self.slots[place].queue.admitir(*apartado, *descartar), Err);
        if let Err(falla) = admitted {
            return self.refuse(message, Rechazo::de(falla), input);
        }
        let waited = self.waited(message, &pedido.0);
        if *descartar {
            self.discard(message, waited.ok(), *apartado, motivo, place, input)?;
        } else {
            let waited = match waited {
                Ok(waited) => waited,
                Err(falla) => return self.refuse(message, Rechazo::de(falla), input),
            };
            if !self.decide_again(message, &waited, *apartado, motivo, place, input)? {
                return Ok(());
            }
        }
        if self.slots[place].queue.vacia() {
            self.parked.retain(|(target, _), _| *target != message.target);
            let lifted = EventoCuarentena::CuarentenaLevantada { motivo: Arc::clone(motivo) };
            self.push_event(place, Evento::Cuarentena(lifted), message, &message.origin, input);
        }
        Ok(())
    }

    /// The command that was set aside, as a message of its own.
    fn waited(&self, message: &Message, pedido: &Arc<[u8]>) -> Result<Message, Falla> {
        let unfit = |why: String| Falla::new(Regla::ApartadoPorResolver, "/pedido", why);
        let bytes = Bytes::copy_from_slice(pedido);
        let command =
            self.codec.decode_command(&bytes).map_err(|cause| unfit(format!("el comando apartado no se lee: {cause}")))?;
        let waited = Message::from_command(command, Some(bytes));
        if waited.target != message.target || matches!(waited.comando, Comando::Cuarentena(_)) {
            return Err(unfit(format!("el comando apartado es de otro agregado, {}", waited.target.id)));
        }
        Ok(waited)
    }

    /// Decides a command that waited as if it came now; whether it is done. One that fails again stays where it is.
    fn decide_again(
        &mut self,
        message: &Message,
        waited: &Message,
        apartado: Apartado,
        motivo: &Arc<str>,
        place: Place,
        input: &Rc<InputContext>,
    ) -> Result<bool, CoreError> {
        let done = EventoCuarentena::ComandoReproducido { apartado, motivo: Arc::clone(motivo) };
        if waited.client.is_some() && self.knows(place, &waited.origin.command_id)? {
            // It waited twice, and the first time it was decided.
            self.resolved(message, done, place, input);
            self.answer_from_memory(waited, place, input)?;
            return Ok(true);
        }
        if let Some(cliente_id) = client_of(&self.slots[place], &waited.comando)
            && !self.has_client_at_hand(&cliente_id, waited.told)?
        {
            // The answer brings the command back, behind whatever waits by then.
            self.resolved(message, done, place, input);
            self.ask_for_client(&cliente_id, waited);
            return Ok(true);
        }
        let slot = &mut self.slots[place];
        slot.used_in = self.number;
        keep_what_is_observed(slot, &self.epoch.events, waited);
        let stale = stale_version(slot, waited).map(Rechazo::de);
        let decided = match stale {
            Some(stale) => Ok(Err(stale)),
            None => decide(&self.emisor, &self.replicas, slot, waited, self.limits.trap),
        };
        match decided {
            Ok(Ok(decision)) => {
                self.resolved(message, done, place, input);
                self.apply(waited, place, decision, input)?;
            }
            Ok(Err(rechazo)) => {
                self.resolved(message, done, place, input);
                self.refuse(waited, rechazo, input)?;
            }
            Err(cause) => {
                self.stats.panics += 1;
                let falla = Falla::new(Regla::ApartadoPorResolver, "", format!("el comando volvió a fallar: {cause}"));
                self.refuse(message, Rechazo::de(falla), input)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Refuses a command that waited, for good: a client gets a refusal, a saga the answer to its step.
    fn discard(
        &mut self,
        message: &Message,
        waited: Option<Message>,
        apartado: Apartado,
        motivo: &Arc<str>,
        place: Place,
        input: &Rc<InputContext>,
    ) -> Result<(), CoreError> {
        let gone = EventoCuarentena::ComandoDescartado {
            apartado,
            comando: Arc::from(waited.as_ref().map_or("", |w| w.comando.tipo())),
            command_id: waited.as_ref().map(Message::command_id),
            motivo: Arc::clone(motivo),
        };
        self.resolved(message, gone, place, input);
        let Some(waited) = waited else { return Ok(()) };
        if waited.client.is_some() && self.knows(place, &waited.origin.command_id)? {
            // The same command was decided already: that outcome stands.
            return Ok(());
        }
        let falla = Falla::new(Regla::ComandoDescartado, "", format!("un operador descartó el comando: {motivo}"));
        self.refuse(&waited, Rechazo::de(falla.con("apartado", uuid::Uuid::from_u128(apartado.0))), input)
    }

    /// The outcome of the operator's command: in the aggregate's stream, in the DLQ, and to whoever waits.
    fn resolved(&mut self, message: &Message, evento: EventoCuarentena, place: Place, input: &Rc<InputContext>) {
        let (EventoCuarentena::ComandoReproducido { apartado, motivo }
        | EventoCuarentena::ComandoDescartado { apartado, motivo, .. }) = &evento
        else {
            unreachable!("lo que resuelve un apartado lo reproduce o lo descarta");
        };
        let resolucion = ResolucionApartado {
            descartado: matches!(evento, EventoCuarentena::ComandoDescartado { .. }),
            motivo: Arc::clone(motivo),
            usuario: message.origin.usuario.clone(),
            en: input.now,
        };
        let note = RegistroDlq {
            entrada: input.entrada,
            clave: Bytes::copy_from_slice(message.target.clave().as_bytes()),
            valor: Bytes::new(),
            command_id: None,
            correlation_id: Some(message.origin.correlation_id.clone()),
            aggregate: Some((message.target.tipo, message.target.id.clone())),
            etapa: EtapaDlq::Decidir,
            codigo: Arc::from(evento.tipo()),
            causa: Arc::clone(motivo),
            intentos: 1,
            primera_vez: input.now,
            version_procesador: Arc::from(env!("CARGO_PKG_VERSION")),
            apartado: Some(*apartado),
            resolucion: Some(resolucion),
        };
        let partition = self.ownership.partition_of(&message.target);
        self.epoch.dead.push((message.target.tipo.contexto(), partition, note));
        self.push_event(place, Evento::Cuarentena(evento), message, &message.origin, input);
        let address = message.client.as_ref().and_then(|client| client.responder_a.clone());
        self.settle_at_once(message, place, &message.origin, address);
    }
}
