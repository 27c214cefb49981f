//! Outcomes: answers, refusals, what is remembered of them, and what is set aside.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;

use super::{
    Core, CoreError, SERVICE,
    deliver::{ClientCall, Message},
    documents::{Role, document_outcome},
    epoch::{InputContext, PendingReply, event_id},
    fitting,
    slots::Place,
};
use crate::{
    contracts::{ComandoRechazado, EtapaDlq, RegistroAuditoria, RegistroDlq, Respuesta, Resultado},
    domain::{
        Direccionado, Rechazo, ResultadoPaso,
        cuarentena::{Apartado, Cola},
        facturacion::factura::DireccionRespuesta,
        reglas::{Falla, Regla},
        valores::Id,
    },
    engine::store::{self, AggregateRow, MemoryOutcome, MemoryRow, Origin, Payload},
    log::{Topic, TopicPartition},
};

/// What is known of a command that came before.
enum Remembered {
    /// The document's own state says it.
    Document,
    Row(MemoryRow),
}

impl Core {
    /// Answers a repeated command from memory, or a reused id with a refusal; `false` when the command is new.
    pub(super) fn answer_from_memory(
        &mut self,
        message: &Message,
        place: Place,
        input: &Rc<InputContext>,
    ) -> Result<bool, CoreError> {
        let Some((remembered, huella)) = self.recall(place, &message.origin.command_id)? else { return Ok(false) };
        self.stats.duplicates += 1;
        self.count_command(message.comando.tipo(), "duplicate");
        if let Some(kept) = huella
            && message.origin.huella != Some(kept)
            && !self.codec.is_fingerprint_of(&kept, &message.comando)
        {
            self.refuse_reused_id(message, input);
            return Ok(true);
        }
        let Some(ClientCall { responder_a: Some(address), .. }) = &message.client else { return Ok(true) };
        let mut version = self.slots[place].version_now();
        let resultado = match remembered {
            Remembered::Document => document_outcome(&self.slots[place]),
            Remembered::Row(MemoryRow { outcome: MemoryOutcome::Accepted { version: then }, .. }) => {
                version = then;
                Resultado::Aceptado { factura: None }
            }
            Remembered::Row(MemoryRow { outcome: MemoryOutcome::Refused(bytes), .. }) => {
                self.decode_refusal(&message.target, &bytes)?
            }
            Remembered::Row(MemoryRow { outcome: MemoryOutcome::Replied(bytes), .. }) => {
                let decoded = self.codec.decode_reply(&bytes);
                let reply = decoded.map_err(|cause| CoreError::State { target: message.target.id.to_string(), cause })?;
                version = reply.versiones.first().map_or(version, |v| v.version);
                reply.resultado
            }
        };
        self.reply(address.clone(), message, resultado, true, Some(version));
        Ok(true)
    }

    /// Whether an outcome of the command is remembered.
    pub(super) fn knows(&self, place: Place, command_id: &Id) -> Result<bool, CoreError> {
        Ok(self.recall(place, command_id)?.is_some())
    }

    fn recall(&self, place: Place, command_id: &Id) -> Result<Option<(Remembered, Option<crate::contracts::Huella>)>, CoreError> {
        let slot = &self.slots[place];
        if let Some(origin) = slot.origin.as_ref().filter(|origin| origin.command_id == *command_id) {
            return Ok(Some((Remembered::Document, origin.huella)));
        }
        if !slot.stored {
            return Ok(None);
        }
        let key = store::memory_key(&slot.target, command_id);
        if let Some((_, row)) = self.memories.get(&key) {
            return Ok(Some((Remembered::Row(row.clone()), row.huella)));
        }
        let Some(bytes) = self.store.get(&key)? else { return Ok(None) };
        let row = MemoryRow::decode(bytes)?;
        let huella = row.huella;
        Ok(Some((Remembered::Row(row), huella)))
    }

    fn decode_refusal(&self, target: &Direccionado, bytes: &[u8]) -> Result<Resultado, CoreError> {
        let decoded = self.codec.decode_audit(bytes).map_err(|cause| CoreError::State { target: target.id.to_string(), cause })?;
        match decoded {
            RegistroAuditoria::Rechazo(refusal) => Ok(Resultado::Rechazado { errores: refusal.errores }),
            RegistroAuditoria::Consulta(_) => Ok(Resultado::Rechazado { errores: Vec::new() }),
        }
    }

    /// The same id with other content: refused, and the first outcome stays the one remembered.
    fn refuse_reused_id(&mut self, message: &Message, input: &Rc<InputContext>) {
        let falla = Falla::simple(Regla::ClaveIdempotenciaEnConflicto, "").con("command_id", &message.origin.command_id);
        let errores = vec![falla];
        self.record_refusal(message, &errores, input);
        if let Some(ClientCall { responder_a: Some(address), .. }) = &message.client {
            self.reply(address.clone(), message, Resultado::Rechazado { errores }, false, None);
        }
    }

    /// What a decided client's command leaves: an answer now, or when its document's saga ends; and a memory of it.
    pub(super) fn settle(
        &mut self,
        message: &Message,
        place: Place,
        origin: &Rc<Origin>,
        waiting: Option<DireccionRespuesta>,
        role: Role,
        finished: Option<&'static str>,
    ) {
        if let Some(command) = finished {
            let resultado = document_outcome(&self.slots[place]);
            let refused = matches!(resultado, Resultado::Rechazado { .. });
            self.count_command(command, if refused { "rejected" } else { "accepted" });
            if let Some(address) = waiting.clone() {
                self.reply_to(address, &origin.command_id, &message.target, resultado, false, None);
            }
        }
        match role {
            Role::Attempt | Role::Saga => {}
            Role::Aside => {
                let address = message.client.as_ref().and_then(|client| client.responder_a.clone());
                self.settle_at_once(message, place, &message.origin, address);
            }
            Role::Foreign => self.settle_at_once(message, place, origin, waiting),
        }
    }

    /// A command that is done: remembered and answered.
    pub(super) fn settle_at_once(&mut self, message: &Message, place: Place, origin: &Origin, waiting: Option<DireccionRespuesta>) {
        if message.client.is_none() {
            return;
        }
        self.count_command(message.comando.tipo(), "accepted");
        let version = self.slots[place].version_now();
        self.remember(&message.target, origin, MemoryOutcome::Accepted { version });
        if let Some(address) = waiting {
            self.reply(address, message, Resultado::Aceptado { factura: None }, false, Some(version));
        }
    }

    /// A refusal: the answer to a step, or a ComandoRechazado with its answer.
    pub(super) fn refuse(&mut self, message: &Message, rechazo: Rechazo, input: &Rc<InputContext>) -> Result<(), CoreError> {
        let Rechazo { errores } = rechazo;
        if let Some(paso) = &message.paso {
            self.answer_step(paso, ResultadoPaso::Rechazado { errores }, message.cause, message);
            return Ok(());
        }
        if message.client.is_none() {
            // A stale answer or timer of a saga that the document no longer knows: nothing to record.
            tracing::debug!(agregado = %message.target.id, comando = message.comando.tipo(), "mensaje de saga sin efecto");
            return Ok(());
        }
        let refusal = self.record_refusal(message, &errores, input);
        let encoded = self.codec.encode_audit(&RegistroAuditoria::Rechazo(refusal));
        let bytes = encoded.map_err(|cause| CoreError::Encode { what: "ComandoRechazado".to_owned(), cause })?;
        self.remember(&message.target, &message.origin, MemoryOutcome::Refused(bytes));
        if let Some(ClientCall { responder_a: Some(address), .. }) = &message.client {
            self.reply(address.clone(), message, Resultado::Rechazado { errores }, false, None);
        }
        Ok(())
    }

    fn record_refusal(&mut self, message: &Message, errores: &[Falla], input: &Rc<InputContext>) -> ComandoRechazado {
        self.stats.rejected += 1;
        self.count_command(message.comando.tipo(), "rejected");
        let refusal = ComandoRechazado {
            event_id: event_id(input.now, &input.entrada, self.ordinal),
            command_id: message.origin.command_id.clone(),
            huella: message.origin.huella.unwrap_or_default(),
            tipo_comando: Arc::from(message.comando.tipo()),
            aggregate_tipo: message.target.tipo,
            aggregate_id: message.target.id.clone(),
            aggregate_version: self.slots.get(&message.target).map_or(0, |slot| slot.version_now()),
            correlation_id: message.origin.correlation_id.clone(),
            ocurrido_en: input.now,
            recibido_en: message.origin.recibido_en,
            entrada: input.entrada,
            usuario: message.origin.usuario.clone(),
            errores: errores.to_vec(),
        };
        self.ordinal += 1;
        let to = TopicPartition::new(Topic::Auditoria, self.ownership.partition_of(&message.target));
        self.epoch.rejections.push((to, refusal.clone()));
        refusal
    }

    pub(super) fn remember(&mut self, target: &Direccionado, origin: &Origin, outcome: MemoryOutcome) {
        let Some(slot) = self.slots.get_mut(target) else { return };
        if !slot.stored && slot.version_now() == 0 {
            // Nothing but outcomes is known of it: its row says that there are some to look for.
            let row = AggregateRow { version: 0, queue: Cola::default(), origin: None, payload: Payload::Nothing };
            self.epoch.memories.push((store::aggregate_key(target), Some(row.encode())));
            self.leaving.push_back((self.number, target.clone()));
        }
        slot.stored = true;
        let key = store::memory_key(target, &origin.command_id);
        let row = MemoryRow { huella: origin.huella, recibido_en: origin.recibido_en, outcome };
        self.epoch.memories.push((key.clone(), Some(row.encode())));
        self.memory_order.push_back((self.number, key.clone()));
        self.memories.insert(key, (self.number, row));
    }

    pub(super) fn reply(
        &mut self,
        address: DireccionRespuesta,
        message: &Message,
        resultado: Resultado,
        repetido: bool,
        version: Option<u64>,
    ) {
        self.reply_to(address, &message.origin.command_id, &message.target, resultado, repetido, version);
    }

    fn reply_to(
        &mut self,
        address: DireccionRespuesta,
        command_id: &Id,
        target: &Direccionado,
        resultado: Resultado,
        repetido: bool,
        version: Option<u64>,
    ) {
        let mut versions: Vec<_> = self.slots.get(target).map(|slot| slot.version_as_answer()).into_iter().collect();
        if let (Some(version), Some(first)) = (version, versions.first_mut()) {
            first.version = version;
        }
        self.epoch.replies.push(PendingReply {
            address,
            command_id: command_id.clone(),
            repetido,
            resultado,
            versions,
            first_event: 0,
            end_event: 0,
        });
    }

    /// Sends a command to the DLQ, undecided, and tells whoever waits for it.
    pub(super) fn set_aside(&mut self, message: &Message, codigo: &str, causa: &str, input: &Rc<InputContext>, apartado: Apartado) {
        let valor = message.raw.clone().unwrap_or_else(|| self.encode_step(message));
        let dead = RegistroDlq {
            entrada: input.entrada,
            clave: Bytes::copy_from_slice(message.target.clave().as_bytes()),
            valor: fitting(&valor),
            command_id: Some(message.command_id()),
            correlation_id: Some(message.origin.correlation_id.clone()),
            aggregate: Some((message.target.tipo, message.target.id.clone())),
            etapa: EtapaDlq::Decidir,
            codigo: Arc::from(codigo),
            causa: Arc::from(causa),
            intentos: 1,
            primera_vez: input.now,
            version_procesador: Arc::from(env!("CARGO_PKG_VERSION")),
            apartado: Some(apartado),
            resolucion: None,
        };
        self.stats.dead += 1;
        if message.client.is_some() {
            self.count_command(message.comando.tipo(), "dead");
        }
        let partition = self.ownership.partition_of(&message.target);
        self.epoch.dead.push((message.target.tipo.contexto(), partition, dead));
        if let Some(ClientCall { responder_a: Some(address), .. }) = &message.client {
            let resultado = Resultado::Apartado { codigo: Arc::from(codigo), causa: Arc::from(causa) };
            self.reply(address.clone(), message, resultado, false, None);
        }
    }

    /// Bytes of a step that never was on a topic, so that the DLQ can hold it.
    pub(super) fn encode_step(&self, message: &Message) -> Bytes {
        let envelope = crate::contracts::CommandEnvelope {
            command_id: message.command_id(),
            correlation_id: message.origin.correlation_id.clone(),
            causation_id: None,
            recibido_en: message.ahora,
            usuario: Some(Arc::from(SERVICE)),
            canal: None,
            version_esperada: None,
            responder_a: None,
            traceparent: None,
            paso: message.paso.clone(),
            comando: message.comando.clone(),
        };
        self.codec.encode_command(&envelope).unwrap_or_default()
    }
}

/// The reply as it goes on the wire.
pub(super) fn to_wire(reply: PendingReply, particiones: Vec<TopicPartition>) -> (u16, Respuesta) {
    let respuesta = Respuesta {
        peticion: reply.address.peticion,
        command_id: reply.command_id,
        repetido: reply.repetido,
        resultado: reply.resultado,
        versiones: reply.versions,
        particiones,
    };
    (reply.address.particion, respuesta)
}
