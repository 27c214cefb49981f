//! The epoch in course: what was consumed, decided and is to be produced, until it is closed and committed as one transaction.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use bytes::Bytes;
use hashbrown::HashMap;
use uuid::Uuid;

use super::slots::Place;
use crate::{
    contracts::{ComandoRechazado, CommandEnvelope, Entrada, RecordedEvent, RegistroDlq, Resultado, VersionAgregado},
    domain::{
        Contexto, Direccionado, Evento,
        facturacion::factura::{DireccionRespuesta, PasoSaga},
        valores::{Id, Instante},
    },
    engine::store::{Origin, StoreWrite},
    log::{Position, TopicPartition},
};

/// What caused a message or event: the input's command, or an event of this epoch (which may be dropped later).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Input,
    Event(u32),
}

/// The input a chain of messages runs under.
#[derive(Debug)]
pub struct InputContext {
    pub entrada: Entrada,
    /// Id of the input's command, or the timer's name: the last resort of causation.
    pub causation: Arc<str>,
    pub now: Instante,
}

/// An event of the epoch; `None` once dropped.
#[derive(Debug)]
pub struct PendingEvent {
    /// Whose it is.
    pub place: Place,
    pub evento: Option<Evento>,
    pub cause: Cause,
    pub origin: Rc<Origin>,
    /// Set when a saga's step led to it: its command is the step.
    pub paso: Option<PasoSaga>,
    pub input: Rc<InputContext>,
    /// Place among the events of its input, counting dropped ones: part of its id.
    pub ordinal: u32,
}

/// An answer to leave with the epoch.
#[derive(Debug)]
pub struct PendingReply {
    pub address: DireccionRespuesta,
    pub command_id: Id,
    pub repetido: bool,
    pub resultado: Resultado,
    pub versions: Vec<VersionAgregado>,
    /// Events of the input it answers: from here on…
    pub first_event: u32,
    /// …up to here, set when the input has run to completion.
    pub end_event: u32,
}

/// A message for an aggregate owned elsewhere.
#[derive(Debug)]
pub struct RemoteMessage {
    pub target: Direccionado,
    pub envelope: CommandEnvelope,
    pub cause: Cause,
    pub input: Rc<InputContext>,
}

#[derive(Debug, Default)]
pub struct Epoch {
    pub events: Vec<PendingEvent>,
    pub replies: Vec<PendingReply>,
    pub rejections: Vec<(TopicPartition, ComandoRechazado)>,
    pub dead: Vec<(Contexto, u16, RegistroDlq)>,
    pub remote: Vec<RemoteMessage>,
    pub positions: BTreeMap<TopicPartition, Position>,
    /// Aggregates with at least one event, in order of first touch.
    pub touched: Vec<Place>,
    /// Rows of remembered outcomes.
    pub memories: Vec<StoreWrite>,
    pub inputs: u32,
    pub bytes: usize,
}

impl Epoch {
    pub fn is_empty(&self) -> bool {
        self.inputs == 0 && self.events.is_empty()
    }
}

/// An event ready to be encoded: envelope complete, partition known.
#[derive(Debug)]
pub struct ClosedEvent {
    pub to: TopicPartition,
    pub record: RecordedEvent,
}

/// A row to write once the epoch is durable.
#[derive(Debug)]
pub enum ClosedRow {
    Ready(StoreWrite),
    /// The row of a document, whose payload is the encoded event at this index.
    Document {
        key: Vec<u8>,
        event: u32,
        version: u64,
    },
}

/// A snapshot for `instantaneas.*`, already encoded.
#[derive(Debug)]
pub struct ClosedSnapshot {
    pub to: TopicPartition,
    pub key: Id,
    pub value: Bytes,
}

/// A closed epoch: data only, sent to the commit thread, which encodes and commits it.
#[derive(Debug)]
pub struct ClosedEpoch {
    pub number: u64,
    pub now: Instante,
    pub events: Vec<ClosedEvent>,
    pub replies: Vec<crate::contracts::Respuesta>,
    /// Partition of `respuestas` of each reply.
    pub reply_partitions: Vec<u16>,
    pub rejections: Vec<(TopicPartition, ComandoRechazado)>,
    pub dead: Vec<(TopicPartition, RegistroDlq)>,
    pub remote: Vec<(TopicPartition, Id, CommandEnvelope)>,
    pub snapshots: Vec<ClosedSnapshot>,
    pub positions: Vec<(TopicPartition, Position)>,
    pub rows: Vec<ClosedRow>,
    pub inputs: u32,
}

/// First ordinal of events that a timer led to; inputs stay below it.
pub const TIMER_ORDINALS: u32 = 1 << 16;

/// Elements that a buffer keeps room for from one epoch to the next; what an extraordinary epoch needed beyond goes back.
pub const KEPT: usize = 16_384;

/// An emptied buffer whose memory the next epoch finds warm: as large as these are, new memory is pages for the kernel to clear.
pub fn reused<T>(mut buffer: Vec<T>) -> Vec<T> {
    buffer.clear();
    buffer.shrink_to(KEPT);
    buffer
}

/// Buffers between epochs.
#[derive(Debug, Default)]
pub struct Spare {
    pub events: Vec<ClosedEvent>,
    pub replies: Vec<crate::contracts::Respuesta>,
    pub reply_partitions: Vec<u16>,
    pub rows: Vec<ClosedRow>,
    /// For each event of the epoch, how many kept ones come before it.
    pub index: Vec<u32>,
    /// Id of each event of the epoch that is kept.
    pub ids: Vec<Option<Uuid>>,
    /// Documents whose last event of the epoch carries them whole, and its place. Looked up by id, never iterated.
    pub documents: HashMap<Id, u32>,
}

/// UUIDv7 of an event: its time in milliseconds, then topic (5 bits), partition (12), position (40) and ordinal (17) of what
/// led to it. The same input decided again gives the same ids; no two events share one.
///
/// # Panics
/// When a field exceeds its width: limits elsewhere keep positions below 10^12 and events of an input below 131,072.
pub fn event_id(at: Instante, entrada: &Entrada, ordinal: u32) -> Uuid {
    let topic = u128::from(entrada.particion.topic.codigo());
    let partition = u128::from(entrada.particion.partition);
    let position = u128::from(entrada.posicion);
    assert!(topic < 1 << 5 && partition < 1 << 12 && position < 1 << 40 && ordinal < 1 << 17, "fuera del ancho del id de evento");
    let tail = (topic << 69) | (partition << 57) | (position << 17) | u128::from(ordinal);
    let millis = u128::from(at.micros().max(0).unsigned_abs() / 1_000) & ((1 << 48) - 1);
    let (rand_a, rand_b) = (tail >> 62, tail & ((1 << 62) - 1));
    Uuid::from_u128((millis << 80) | (7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b)
}

/// Whether a timer led to the event of this id: its `entrada` is then the next position of its document's partition, which nothing came
/// from.
pub fn is_of_timer(event_id: Uuid) -> bool {
    event_id.as_u128() & ((1 << 17) - 1) >= u128::from(TIMER_ORDINALS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Topic;

    #[test]
    fn event_ids_are_version_seven_distinct_and_repeatable() {
        let entrada = |partition, posicion| Entrada {
            particion: TopicPartition::new(Topic::Comandos(Contexto::Facturacion), partition),
            posicion,
        };
        let at = Instante(1_700_000_000_123_456);
        let mut seen = std::collections::BTreeSet::new();
        for partition in 0..12 {
            for position in 0..50 {
                for ordinal in 0..20 {
                    let id = event_id(at, &entrada(partition, position), ordinal);
                    assert_eq!(id.get_version_num(), 7);
                    assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
                    assert!(seen.insert(id));
                }
            }
        }
        assert_eq!(event_id(at, &entrada(1, 2), 3), event_id(at, &entrada(1, 2), 3));
    }
}
