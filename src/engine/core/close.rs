//! Closing an epoch: versions, ids, causation, answers, snapshots, and what becomes due to the local store.

use std::{collections::BTreeMap, mem, sync::Arc};

use hashbrown::HashMap;
use uuid::Uuid;

use super::{
    Core, CoreError, Slot,
    documents::carries_the_document,
    epoch::{
        Cause, ClosedEpoch, ClosedEvent, ClosedRow, ClosedSnapshot, Epoch, InputContext, KEPT, PendingEvent, PendingReply,
        RemoteMessage, Spare, event_id, reused,
    },
    outcomes,
    slots::Place,
};
use crate::{
    contracts::{self, EventEnvelope, Instantanea, RecordedEvent, Respuesta},
    defectos::{Defecto, plantado},
    domain::{
        Evento, TipoAgregado,
        facturacion::factura::PasoSaga,
        inventario::EventoInventario,
        valores::{Id, Instante},
    },
    engine::{
        routing::Ownership,
        store::{self, AggregateRow, Payload, Positions, StoreWrite},
    },
    log::{Position, Topic, TopicPartition},
};

/// At least this many dirty actors go to the local store with each epoch, so that a checkpoint always ends.
const FLUSH_MIN: usize = 16;
/// Events within which a round of the checkpoint ends: after a crash at most twice as many are folded.
const ROUND_EVENTS: usize = 32_768;
/// But no more than one dirty actor for each so many events.
const FLUSH_EVENTS: usize = 3;

/// Progress of the rolling checkpoint: a round flushes every actor that was dirty when it began; then the positions of that
/// moment are those from which recovery folds.
#[derive(Debug, Default)]
pub struct Checkpoint {
    /// Ends of the partitions that recovery folds, after the last committed epoch.
    ends: Positions,
    /// Positions kept for partitions that are other nodes' now: the rows of their aggregates are as old as these.
    carried: Positions,
    /// Next positions of the command partitions.
    consumed: BTreeMap<TopicPartition, Position>,
    round: Option<Round>,
    /// Something was committed since the last round began.
    behind: bool,
    /// Events since then, and what they weigh.
    events: usize,
    weight: u64,
    /// Bytes of the rows that it wrote.
    written: u64,
}

#[derive(Debug)]
struct Round {
    began_with: u64,
    /// Dirty actors when it began, and those of them to flush yet.
    size: usize,
    remaining: usize,
    /// Known once the epoch it began with is committed.
    ends: Option<Positions>,
}

impl Checkpoint {
    /// `recovered`: where the log was folded up to; `carried`: see there; `consumed`: next positions of the command partitions.
    pub fn new(recovered: Positions, carried: Positions, consumed: Positions) -> Self {
        Self { ends: recovered, carried, consumed, ..Self::default() }
    }

    /// Whether another round is worth what it writes: the states that change all the time may be large, and a round for each epoch would
    /// write them as often.
    fn is_worth_a_round(&self) -> bool {
        self.weight >= self.written || self.events >= ROUND_EVENTS
    }

    /// The row that says how far the store is, when everything is in it.
    pub fn row(&self, ownership: &Ownership) -> StoreWrite {
        store::checkpoint_row(&self.ends, &self.carried, ownership)
    }

    pub fn consumed(&self, partition: TopicPartition) -> Position {
        self.consumed.get(&partition).copied().unwrap_or_default()
    }
}

impl Core {
    /// Ends the epoch in course and begins the next one.
    ///
    /// # Errors
    /// When a state cannot be encoded.
    pub fn close(&mut self, now: Instante) -> Result<ClosedEpoch, CoreError> {
        let number = self.number;
        let epoch = mem::take(&mut self.epoch);
        let Epoch { mut events, mut replies, rejections, dead, remote, positions, touched, mut memories, inputs, .. } = epoch;
        let Spare { events: mut closed, replies: mut answers, mut reply_partitions, mut rows, mut index, mut ids, mut documents } =
            mem::take(&mut self.spare);
        self.checkpoint.weight += self.envelop(&mut events, &mut closed, &mut index, &mut ids);
        let remote = remote.into_iter().map(|message| self.envelop_remote(message, &events, &ids)).collect();
        for (partition, reply) in replies.drain(..).map(|reply| answer(reply, &closed, &index)) {
            reply_partitions.push(partition);
            answers.push(reply);
        }
        rows.extend(memories.drain(..).map(ClosedRow::Ready));
        issued_documents(&closed, &mut documents);
        for place in &touched {
            self.settle_slot(*place, &documents, &mut rows)?;
        }
        let snapshots = self.take_snapshots(&mut rows)?;
        self.stats.events += closed.len() as u64;
        self.checkpoint.events += closed.len();
        self.checkpoint.behind |= !closed.is_empty() || !rejections.is_empty();
        self.checkpoint.consumed.extend(positions.iter().map(|(tp, position)| (*tp, *position)));
        let quota = self.flush_quota(closed.len());
        let crowded = self.residents.len() > self.limits.max_active;
        if crowded || self.checkpoint.is_worth_a_round() {
            self.begin_round(number);
        }
        rows.extend(self.checkpoint_step(quota)?.into_iter().map(ClosedRow::Ready));
        self.passivate(touched.len() + FLUSH_MIN);
        self.number += 1;
        let dead =
            dead.into_iter().map(|(contexto, partition, d)| (TopicPartition::new(Topic::Dlq(contexto), partition), d)).collect();
        let positions = positions.into_iter().collect();
        self.epoch.events = reused(events);
        self.epoch.replies = reused(replies);
        self.epoch.touched = reused(touched);
        self.epoch.memories = reused(memories);
        (self.spare.index, self.spare.ids) = (reused(index), reused(ids));
        documents.clear();
        documents.shrink_to(KEPT);
        self.spare.documents = documents;
        Ok(ClosedEpoch {
            number,
            now,
            events: closed,
            replies: answers,
            reply_partitions,
            rejections,
            dead,
            remote,
            snapshots,
            positions,
            rows,
            inputs,
        })
    }

    /// Takes back the buffers of an epoch that was encoded.
    pub fn reuse(&mut self, epoch: ClosedEpoch) {
        self.spare.events = reused(epoch.events);
        self.spare.replies = reused(epoch.replies);
        self.spare.reply_partitions = reused(epoch.reply_partitions);
        self.spare.rows = reused(epoch.rows);
    }

    /// Gives the kept events their versions and envelopes, in order, into `closed`; what they weigh. For each event of the epoch, `index` gets
    /// how many kept ones come before it, and `ids` its id if it is kept.
    fn envelop(
        &mut self,
        events: &mut [PendingEvent],
        closed: &mut Vec<ClosedEvent>,
        index: &mut Vec<u32>,
        ids: &mut Vec<Option<Uuid>>,
    ) -> u64 {
        let mut total = 0;
        for at in 0..events.len() {
            index.push(closed.len() as u32);
            let Some(evento) = events[at].evento.take() else {
                ids.push(None);
                continue;
            };
            let pending = &events[at];
            let slot = &mut self.slots[pending.place];
            slot.version += 1;
            slot.kept -= 1;
            slot.events_since_snapshot += 1;
            let weight = weight(&evento);
            total += u64::from(weight);
            slot.bytes_since_snapshot = slot.bytes_since_snapshot.saturating_add(weight);
            let id = event_id(pending.input.now, &pending.input.entrada, pending.ordinal);
            let causation_id = causation(events, ids, pending.cause, &pending.input);
            let sobre = envelope(pending, slot, id, causation_id, &self.service);
            closed.push(ClosedEvent { to: slot.events_to(), record: RecordedEvent { sobre, evento } });
            ids.push(Some(id));
        }
        index.push(closed.len() as u32);
        total
    }

    fn envelop_remote(
        &self,
        message: RemoteMessage,
        events: &[PendingEvent],
        ids: &[Option<Uuid>],
    ) -> (TopicPartition, Id, crate::contracts::CommandEnvelope) {
        let mut envelope = message.envelope;
        envelope.causation_id = Id::de_clave(&causation(events, ids, message.cause, &message.input)).ok();
        (self.ownership.commands_of(&message.target), message.target.clave_id(), envelope)
    }

    /// What an actor that changed leaves behind at the end of the epoch.
    fn settle_slot(&mut self, place: Place, documents: &HashMap<Id, u32>, rows: &mut Vec<ClosedRow>) -> Result<(), CoreError> {
        let slot = &mut self.slots[place];
        assert!(slot.kept == 0, "al cerrar la época cada evento que queda tiene su versión");
        slot.elidable.clear();
        if slot.target.tipo.es_documento() {
            return self.settle_document(place, documents, rows);
        }
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push_back(slot.target.clone());
        }
        self.note_due_snapshot(place);
        Ok(())
    }

    fn settle_document(&mut self, place: Place, documents: &HashMap<Id, u32>, rows: &mut Vec<ClosedRow>) -> Result<(), CoreError> {
        let slot = &mut self.slots[place];
        slot.stored = true;
        let (was_open, open, target) = (slot.timer.is_some(), slot.has_open_saga(), slot.target.clone());
        match documents.get(&target.id) {
            Some(event) if !slot.quarantined() => {
                rows.push(ClosedRow::Document { key: store::aggregate_key(&target), event: *event, version: slot.version });
            }
            _ => {
                let (write, _) = self.row_of(place)?;
                rows.push(ClosedRow::Ready(write));
            }
        }
        if open || was_open {
            rows.push(ClosedRow::Ready((store::open_saga_key(&target.id), open.then(Vec::new))));
        }
        if !open {
            self.leaving.push_back((self.number, target));
        }
        self.arm(place);
        Ok(())
    }

    /// A snapshot for the topic is due every so many events, and not before they weigh as much as the snapshot.
    fn note_due_snapshot(&mut self, place: Place) {
        let slot = &mut self.slots[place];
        let due = slot.events_since_snapshot >= self.limits.snapshot_every && slot.bytes_since_snapshot >= slot.snapshot_bytes;
        if due && !slot.snapshot_due {
            slot.snapshot_due = true;
            self.due_snapshots.push_back(slot.target.clone());
        }
    }

    /// Snapshots travel together: most epochs then leave the partitions of their topics alone, each of which costs the broker a request and a
    /// mark. One that waits is none until then, and what left memory meanwhile has its row in the local store.
    fn take_snapshots(&mut self, rows: &mut Vec<ClosedRow>) -> Result<Vec<ClosedSnapshot>, CoreError> {
        let mut snapshots = Vec::new();
        if self.due_snapshots.len() < self.limits.snapshots_together {
            return Ok(snapshots);
        }
        while let Some(target) = self.due_snapshots.pop_front() {
            let Some(place) = self.slots.place(&target) else { continue };
            self.slots[place].snapshot_due = false;
            if self.slots[place].quarantined() {
                continue;
            }
            let (write, snapshot) = self.row_of(place)?;
            rows.push(ClosedRow::Ready(write));
            let slot = &mut self.slots[place];
            slot.events_since_snapshot = 0;
            slot.bytes_since_snapshot = 0;
            let Some(value) = snapshot else { continue };
            if value.len() > contracts::MAX_RECORD_BYTES {
                // Who starts without a store folds its events, as it would without any snapshot.
                tracing::debug!(evento = "instantanea_omitida", agregado = %target.id, bytes = value.len(), "no cabe en un registro");
                continue;
            }
            let to = TopicPartition::new(Topic::Instantaneas(target.tipo.contexto()), slot.partition);
            snapshots.push(ClosedSnapshot { to, key: target.id, value });
        }
        Ok(snapshots)
    }

    /// The row of an actor as it is now, and its encoded snapshot if it has a state.
    pub(super) fn row_of(&mut self, place: Place) -> Result<(StoreWrite, Option<bytes::Bytes>), CoreError> {
        let slot = &mut self.slots[place];
        let snapshot = match slot.snapshot_state(&self.replicas) {
            None => None,
            Some(estado) => {
                let snapshot = Instantanea {
                    aggregate_tipo: slot.target.tipo,
                    aggregate_id: slot.target.id.clone(),
                    aggregate_version: slot.version,
                    version_esquema: contracts::VERSION,
                    estado,
                };
                let encoded = self.codec.encode_state(&snapshot);
                Some(encoded.map_err(|cause| CoreError::Encode { what: format!("la instantánea de {}", slot.target.id), cause })?)
            }
        };
        if let Some(bytes) = &snapshot {
            slot.snapshot_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        }
        let row = AggregateRow {
            version: slot.version,
            queue: slot.queue.clone(),
            origin: slot.origin.as_deref().cloned(),
            payload: snapshot.clone().map_or(Payload::Nothing, Payload::Snapshot),
        };
        Ok(((store::aggregate_key(&slot.target), Some(row.encode())), snapshot))
    }

    /// Dirty actors to flush with an epoch of so many events, for the round to end in time.
    fn flush_quota(&self, events: usize) -> usize {
        let round = self.checkpoint.round.as_ref().map_or(self.dirty.len(), |round| round.size);
        let in_time = (round * events).div_ceil(ROUND_EVENTS);
        in_time.min(events / FLUSH_EVENTS).max(FLUSH_MIN)
    }

    /// Begins a round with the epoch of that number, if there is anything to write and none in course.
    fn begin_round(&mut self, number: u64) {
        let checkpoint = &mut self.checkpoint;
        if checkpoint.round.is_some() || !checkpoint.behind {
            return;
        }
        checkpoint.behind = false;
        (checkpoint.events, checkpoint.weight, checkpoint.written) = (0, 0, 0);
        checkpoint.round = Some(Round { began_with: number, size: self.dirty.len(), remaining: self.dirty.len(), ends: None });
    }

    /// Flushes up to `quota` of the dirty actors of the round in course and, when it is complete, its positions.
    fn checkpoint_step(&mut self, quota: usize) -> Result<Vec<StoreWrite>, CoreError> {
        let mut rows = Vec::new();
        let mut flushed = 0;
        let due = self.checkpoint.round.as_ref().map_or(0, |round| round.remaining).min(quota);
        while flushed < due
            && let Some(target) = self.dirty.pop_front()
        {
            flushed += 1;
            let Some(place) = self.slots.place(&target) else { continue };
            let (row, snapshot) = self.row_of(place)?;
            self.checkpoint.written += snapshot.map_or(0, |bytes| bytes.len() as u64);
            rows.push(row);
            let slot = &mut self.slots[place];
            slot.dirty = false;
            slot.stored = true;
        }
        let Some(round) = &mut self.checkpoint.round else { return Ok(rows) };
        round.remaining = if self.dirty.is_empty() { 0 } else { round.remaining - flushed };
        if round.remaining == 0
            && let Some(ends) = &round.ends
        {
            rows.push(store::checkpoint_row(ends, &self.checkpoint.carried, &self.ownership));
            self.checkpoint.round = None;
        }
        Ok(rows)
    }

    /// Rows to write while nothing is in course: brings the checkpoint forward on an idle node, or to its end before stopping.
    ///
    /// # Errors
    /// When a state cannot be encoded.
    ///
    /// # Panics
    /// When an epoch is in course: its states are not committed.
    pub fn maintain(&mut self, quota: usize) -> Result<Vec<StoreWrite>, CoreError> {
        assert!(self.epoch.is_empty(), "el punto de control sólo avanza entre épocas");
        let committed = self.number - 1;
        self.begin_round(committed);
        let mut rows = self.checkpoint_step(quota)?;
        if let Some(round) = &mut self.checkpoint.round
            && round.ends.is_none()
        {
            round.ends = Some(self.checkpoint.ends.clone());
            rows.extend(self.checkpoint_step(0)?);
        }
        Ok(rows)
    }

    /// The epoch is durable and its rows are written.
    pub fn committed(&mut self, number: u64, ends: &[(TopicPartition, Position)]) {
        let folded = ends.iter().filter(|(tp, _)| matches!(tp.topic, Topic::Eventos(_) | Topic::Auditoria));
        self.checkpoint.ends.extend(folded.map(|(tp, position)| (*tp, *position)));
        if let Some(round) = &mut self.checkpoint.round
            && round.began_with <= number
            && round.ends.is_none()
        {
            round.ends = Some(self.checkpoint.ends.clone());
        }
        self.forget_durable_memories(number);
        while let Some((_, target)) = self.leaving.pop_front_if(|(epoch, _)| *epoch <= number) {
            let Some(slot) = self.slots.get(&target) else { continue };
            if slot.used_in > number && !plantado(Defecto::MemoriaQueSale) {
                // The epoch in course may have left a memory of it whose row is not written yet.
                self.leaving.push_back((slot.used_in, target));
                continue;
            }
            if slot.changed_in <= number && !slot.dirty && !slot.has_open_saga() {
                self.slots.remove(&target);
            }
        }
    }

    fn forget_durable_memories(&mut self, number: u64) {
        while let Some((epoch, key)) = self.memory_order.pop_front_if(|(epoch, _)| *epoch <= number) {
            if self.memories.get(&key).is_some_and(|(written, _)| *written == epoch) {
                self.memories.remove(&key);
            }
        }
    }

    /// Lets clean actors that nobody addressed lately go, at most `steps` looks an epoch.
    fn passivate(&mut self, steps: usize) {
        const LATELY: u64 = 8;
        for _ in 0..steps {
            if self.residents.len() <= self.limits.max_active {
                return;
            }
            let Some(target) = self.residents.pop_front() else { return };
            let Some(slot) = self.slots.get(&target) else { continue };
            if slot.dirty || slot.used_in + LATELY > self.number || slot.changed_in + LATELY > self.number {
                self.residents.push_back(target);
                continue;
            }
            self.stats.passivations += 1;
            self.slots.remove(&target);
            if target.tipo == TipoAgregado::Cliente {
                self.replicas.clientes.remove(&target.id);
            }
        }
    }
}

/// What caused an event: the nearest ancestor that is kept, else the input. `ids` holds the ids of the events before it.
fn causation(events: &[PendingEvent], ids: &[Option<Uuid>], cause: Cause, input: &InputContext) -> Arc<str> {
    let mut cause = cause;
    while let Cause::Event(at) = cause {
        match ids[at as usize] {
            Some(id) => return Arc::from(&*id.hyphenated().encode_lower(&mut Uuid::encode_buffer())),
            None => cause = events[at as usize].cause,
        }
    }
    Arc::clone(&input.causation)
}

fn envelope(pending: &PendingEvent, slot: &Slot, event_id: Uuid, causation_id: Arc<str>, service: &Arc<str>) -> EventEnvelope {
    EventEnvelope {
        event_id,
        version_esquema: contracts::VERSION,
        aggregate_tipo: slot.target.tipo,
        aggregate_id: slot.target.id.clone(),
        aggregate_version: slot.version,
        ocurrido_en: pending.input.now,
        entrada: pending.input.entrada,
        correlation_id: pending.origin.correlation_id.clone(),
        causation_id,
        command_id: pending.paso.as_ref().map_or_else(|| pending.origin.command_id.clone(), PasoSaga::command_id),
        // A step is no client's command: nobody asks for it again by its content.
        huella: pending.origin.huella.filter(|_| pending.paso.is_none()),
        servicio_origen: Arc::clone(service),
        usuario: pending.origin.usuario.clone(),
    }
}

fn answer(reply: PendingReply, closed: &[ClosedEvent], index: &[u32]) -> (u16, Respuesta) {
    let kept = |at: u32| index[at as usize] as usize;
    let mut partitions: Vec<TopicPartition> = closed[kept(reply.first_event)..kept(reply.end_event)].iter().map(|e| e.to).collect();
    partitions.sort_unstable();
    partitions.dedup();
    outcomes::to_wire(reply, partitions)
}

/// Documents whose last event of this epoch carries them whole, and its place. (The ids of invoices and of notes do not meet.)
fn issued_documents(closed: &[ClosedEvent], documents: &mut HashMap<Id, u32>) {
    for (at, event) in closed.iter().enumerate() {
        if !matches!(event.record.evento, Evento::Factura(_) | Evento::NotaCredito(_)) {
            continue;
        }
        if carries_the_document(&event.record.evento) {
            documents.insert(event.record.sobre.aggregate_id.clone(), at as u32);
        } else if !documents.is_empty() {
            documents.remove(&event.record.sobre.aggregate_id);
        }
    }
}

/// Rough size of an event on the log, in bytes: what snapshots are weighed against.
fn weight(evento: &Evento) -> u32 {
    match evento {
        Evento::Inventario(EventoInventario::StockReducido(m)) => 260 + 40 * m.lotes.len() as u32,
        Evento::Inventario(EventoInventario::StockIncrementado(m)) => 260 + 40 * m.lotes.len() as u32,
        _ => 220,
    }
}
