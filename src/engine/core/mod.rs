//! The deciding core: a synchronous, deterministic state machine without I/O of its own (ADR 1).
//!
//! ```text
//! handle(input)  ── run to completion ──▶ events, messages, answers in the epoch's draft
//! close()        ── versions, ids, causation, what is due to the local store ──▶ ClosedEpoch
//! committed(n)   ── the epoch is durable: finished documents leave memory
//! ```
//!
//! The same inputs in the same epochs give the same bytes; inputs in other epochs give the same states, values and numbers.
//! An epoch that does not commit ends the core: it is rebuilt from the log, never rolled back.

mod clients;
mod close;
mod deliver;
mod documents;
mod epoch;
mod outcomes;
mod quarantine;
mod recover;
mod replicas;
mod slot;
mod slots;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    sync::Arc,
};

use hashbrown::HashMap;

pub use close::Checkpoint;
pub use documents::answer;
pub use epoch::{ClosedEpoch, ClosedEvent, ClosedRow, ClosedSnapshot, is_of_timer};
pub use recover::Refold;
pub use slot::{Slot, SlotState};

use crate::{
    contracts::{Codec, CodecError, DecodedCommand, Entrada, EtapaDlq, RegistroDlq},
    defectos::{Defecto, plantado},
    domain::{
        Comando, Direccionado, TipoAgregado,
        cuarentena::Apartado,
        emisor::Emisor,
        facturacion::{factura::ComandoFactura, nota_credito::ComandoNotaCredito},
        valores::{Id, Instante},
    },
    engine::{
        routing::Ownership,
        store::{self, AggregateRow, MemoryRow, Payload, StateStore, StoreError},
    },
    log::{StoredRecord, Topic, TopicPartition},
};
use deliver::Message;
use epoch::{Cause, Epoch, InputContext, Spare, TIMER_ORDINALS, event_id};
use replicas::Replicas;
use slots::{Place, Slots};

/// Limits and rhythms of the core.
#[derive(Debug, Clone)]
pub struct CoreLimits {
    /// Events of an aggregate between two of its snapshots, at least. Default 10.
    pub snapshot_every: u32,
    /// Snapshots that wait for each other before an epoch carries them. Default 256.
    pub snapshots_together: usize,
    /// Actors kept in memory besides products, branches, warehouses and ranges. Default 150,000.
    pub max_active: usize,
    /// Messages one input may lead to. Default 16,384: above the 500 groups of the largest invoice, four steps each and their answers.
    pub max_hops: u32,
    /// Days that outcomes of clients' commands are remembered. Default 7.
    pub memory_days: i64,
    /// Called with the command's id before each decision, inside its failure domain: where tests and the simulator plant panics.
    pub trap: Option<fn(&Id)>,
}

impl Default for CoreLimits {
    fn default() -> Self {
        Self { snapshot_every: 10, snapshots_together: 256, max_active: 150_000, max_hops: 16_384, memory_days: 7, trap: None }
    }
}

/// Name of this service in envelopes.
pub const SERVICE: &str = "factumarket";

/// What can stop the core. After any of these it must be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("el almacén local tiene un estado ilegible de {target}: {cause}")]
    State { target: String, cause: CodecError },
    #[error("no se pudo codificar {what}: {cause}")]
    Encode { what: String, cause: CodecError },
    #[error("falta la versión {expected} de {target} en el registro (se encontró la {found})")]
    Hole { target: String, expected: u64, found: u64 },
    #[error("la entrada {0} produjo demasiados mensajes")]
    TooManyHops(TopicPartition),
}

/// One record of a command topic, decoded or not.
#[derive(Debug)]
pub struct Input {
    pub from: TopicPartition,
    pub record: StoredRecord,
    pub decoded: Result<DecodedCommand, CodecError>,
}

/// Counters since the core was built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoreStats {
    pub commands: u64,
    pub duplicates: u64,
    pub rejected: u64,
    pub issued: u64,
    pub refused_invoices: u64,
    pub annulled: u64,
    pub issued_notes: u64,
    pub refused_notes: u64,
    pub dead: u64,
    pub panics: u64,
    pub hops: u64,
    pub elided: u64,
    pub events: u64,
    pub activations: u64,
    pub passivations: u64,
}

pub struct Core {
    emisor: Arc<Emisor>,
    codec: Arc<Codec>,
    store: Arc<dyn StateStore>,
    ownership: Ownership,
    limits: CoreLimits,
    slots: Slots,
    replicas: Replicas,
    /// Outcomes whose rows are not durable yet, by their row's key, with the epoch that wrote them.
    memories: HashMap<Vec<u8>, (u64, MemoryRow)>,
    memory_order: VecDeque<(u64, Vec<u8>)>,
    queue: VecDeque<Message>,
    /// Steps of sagas that this core set aside behind a quarantine. Looked up by aggregate and step, never iterated in order.
    parked: HashMap<(Direccionado, Id), Apartado>,
    /// Deadlines of open sagas.
    timers: BTreeMap<(Instante, Direccionado), u32>,
    epoch: Epoch,
    /// Buffers of the epochs before.
    spare: Spare,
    /// Number of the epoch in course, from 1.
    number: u64,
    /// Ordinal of the next event of the input in course.
    ordinal: u32,
    /// Dirty actors in order of becoming so.
    dirty: VecDeque<Direccionado>,
    /// Actors whose snapshot is due.
    due_snapshots: VecDeque<Direccionado>,
    /// Actors that passivation looks at, in turn.
    residents: VecDeque<Direccionado>,
    checkpoint: Checkpoint,
    /// Documents that leave memory once their epoch is durable.
    leaving: VecDeque<(u64, Direccionado)>,
    /// Timers fired so far, modulo 1,000: keeps the ids of their events apart.
    fired: u32,
    /// [`SERVICE`], shared by every envelope.
    service: Arc<str>,
    pub stats: CoreStats,
    /// Commands decided since they were last asked for, by type and outcome.
    tally: Tally,
}

/// Commands by type and outcome: `accepted`, `rejected`, `duplicate` or `dead`.
pub type Tally = BTreeMap<(&'static str, &'static str), u64>;

impl Core {
    /// A core with nothing in memory but what `recovered` brings: see [`crate::engine::recovery`].
    pub fn new(
        emisor: Arc<Emisor>,
        codec: Arc<Codec>,
        store: Arc<dyn StateStore>,
        ownership: Ownership,
        limits: CoreLimits,
        checkpoint: Checkpoint,
    ) -> Self {
        Self {
            emisor,
            codec,
            store,
            ownership,
            limits,
            slots: Slots::default(),
            replicas: Replicas::default(),
            memories: HashMap::new(),
            memory_order: VecDeque::new(),
            queue: VecDeque::new(),
            parked: HashMap::new(),
            timers: BTreeMap::new(),
            epoch: Epoch::default(),
            spare: Spare::default(),
            number: 1,
            ordinal: 0,
            dirty: VecDeque::new(),
            due_snapshots: VecDeque::new(),
            residents: VecDeque::new(),
            checkpoint,
            leaving: VecDeque::new(),
            fired: 0,
            service: Arc::from(SERVICE),
            stats: CoreStats::default(),
            tally: Tally::new(),
        }
    }

    /// Takes one input and runs everything it leads to on this node, to completion.
    ///
    /// # Errors
    /// Those of the local store; the core must then be rebuilt.
    pub fn handle(&mut self, input: Input, now: Instante) -> Result<(), CoreError> {
        let Input { from, record, decoded } = input;
        let entrada = Entrada { particion: from, posicion: record.position };
        let next = record.position + if plantado(Defecto::PosicionDeMas) { 2 } else { 1 };
        self.epoch.positions.insert(from, next);
        self.epoch.inputs += 1;
        self.epoch.bytes += record.record.value.len();
        self.stats.commands += 1;
        let command = match decoded {
            Ok(command) => command,
            Err(cause) => {
                self.bury_undecodable(entrada, &record, &cause, now);
                return Ok(());
            }
        };
        if let Some(cause) = self.misplaced(&from, &record, &command) {
            self.bury_misplaced(entrada, &record, &command, cause, now);
            return Ok(());
        }
        #[cfg(test)]
        tests::end_the_process_if_asked(&command.envelope.command_id);
        let context = InputContext { entrada, causation: Arc::from(command.envelope.command_id.as_str()), now };
        self.run(Message::from_command(command, Some(record.record.value)), Rc::new(context))
    }

    /// Parks an input that ended several processors, without deciding it: to the DLQ, with the answer that says so.
    pub fn set_input_aside(&mut self, input: Input, now: Instante) {
        const CAUSE: &str = "terminó varias veces el procesador que lo decidía: se aparta sin decidirlo";
        let Input { from, record, decoded } = input;
        let entrada = Entrada { particion: from, posicion: record.position };
        self.epoch.positions.insert(from, record.position + 1);
        self.epoch.inputs += 1;
        self.stats.commands += 1;
        match decoded {
            Err(cause) => self.bury_undecodable(entrada, &record, &cause, now),
            Ok(command) => {
                let causation = Arc::from(command.envelope.command_id.as_str());
                let message = Message::from_command(command, Some(record.record.value));
                let input = Rc::new(InputContext { entrada, causation, now });
                self.ordinal = 0;
                let apartado = self.next_letter(&input);
                self.set_aside(&message, "AbortaEpoca", CAUSE, &input, apartado);
            }
        }
    }

    /// The key must be the aggregate's, and the partition the key's.
    fn misplaced(&self, from: &TopicPartition, record: &StoredRecord, command: &DecodedCommand) -> Option<String> {
        let target = command.envelope.comando.destino();
        if record.record.key.as_ref() != target.clave().as_bytes() {
            return Some(format!("la clave del registro no es la de su contenido, «{}»", target.clave()));
        }
        let right = self.ownership.commands_of(&target);
        (right != *from).then(|| format!("el comando llegó por {from} y su lugar es {right}"))
    }

    /// Next moment at which [`Self::fire`] has work.
    pub fn next_deadline(&self) -> Option<Instante> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Drives every saga whose deadline passed.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub fn fire(&mut self, now: Instante) -> Result<(), CoreError> {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let (_, target) = entry.key().clone();
            let intento = entry.remove();
            self.fire_one(target, intento, now)?;
        }
        Ok(())
    }

    fn fire_one(&mut self, target: Direccionado, intento: u32, now: Instante) -> Result<(), CoreError> {
        let place = self.activate(&target)?;
        let slot = &mut self.slots[place];
        slot.timer = None;
        let Some(origin) = slot.origin.clone() else { return Ok(()) };
        let from = self.ownership.commands_of(&target);
        let posicion = self.epoch.positions.get(&from).copied().unwrap_or_else(|| self.checkpoint.consumed(from));
        let causation = Arc::from(format!("vencimiento:{}:{intento}", target.id));
        let context = InputContext { entrada: Entrada { particion: from, posicion }, causation, now };
        // A timer has no input of its own: its events take ordinals that the input at that position cannot reach.
        self.ordinal = TIMER_ORDINALS + self.fired * 64;
        self.fired = (self.fired + 1) % 1_000;
        let comando = reminder(&target, intento);
        self.epoch.inputs += 1;
        self.queue.push_back(Message::internal(target.clone(), comando, None, Cause::Input, origin, now));
        self.drain(&Rc::new(context))?;
        // Still open: it is driven again one deadline later.
        let again = now.mas_milis(self.emisor.plazo_emision_ms);
        let slot = &mut self.slots[place];
        if slot.has_open_saga() && slot.timer.is_none() {
            slot.timer = Some(again);
            let intento = slot.deadline().map_or(intento, |(_, current)| current);
            self.timers.insert((again, target), intento);
        }
        Ok(())
    }

    /// The program that repairs what the traps plant.
    #[cfg(test)]
    pub(crate) fn repair(&mut self) {
        self.limits.trap = None;
    }

    /// What is in course: inputs of the epoch and their bytes.
    pub fn pending(&self) -> (u32, usize) {
        (self.epoch.inputs, self.epoch.bytes)
    }

    /// Whether closing would leave anything.
    pub fn has_work(&self) -> bool {
        !self.epoch.is_empty()
    }

    /// Records an input that has no aggregate to blame.
    fn bury_undecodable(&mut self, entrada: Entrada, record: &StoredRecord, cause: &CodecError, now: Instante) {
        self.count_command("Indecodificable", "dead");
        let dead = dead_letter(entrada, record, EtapaDlq::Decodificar, "Indecodificable", cause.to_string(), now);
        self.bury(dead);
    }

    fn bury_misplaced(&mut self, entrada: Entrada, record: &StoredRecord, command: &DecodedCommand, cause: String, now: Instante) {
        self.count_command(command.envelope.comando.tipo(), "dead");
        let mut dead = dead_letter(entrada, record, EtapaDlq::Validar, "ClaveAjena", cause, now);
        let target = command.envelope.comando.destino();
        dead.command_id = Some(command.envelope.command_id.clone());
        dead.correlation_id = Some(command.envelope.correlation_id.clone());
        dead.aggregate = Some((target.tipo, target.id));
        self.bury(dead);
    }

    /// Sends a record to the DLQ of its context, in the epoch's transaction.
    fn bury(&mut self, dead: RegistroDlq) {
        self.stats.dead += 1;
        let Topic::Comandos(contexto) = dead.entrada.particion.topic else {
            unreachable!("sólo los temas de comandos son entradas del núcleo");
        };
        self.epoch.dead.push((contexto, dead.entrada.particion.partition, dead));
    }

    /// Brings an actor into memory: from the local store, or new.
    fn activate(&mut self, target: &Direccionado) -> Result<Place, CoreError> {
        if let Some(place) = self.slots.place(target) {
            return Ok(place);
        }
        self.stats.activations += 1;
        let mut slot = Box::new(Slot::new(target.clone(), self.ownership.partition_of(target)));
        if let Some(bytes) = self.store.get(&store::aggregate_key(target))? {
            self.load(&mut slot, AggregateRow::decode(bytes)?)?;
        }
        if matches!(target.tipo, TipoAgregado::Inventario | TipoAgregado::Cliente) {
            self.residents.push_back(target.clone());
        }
        if target.tipo.es_documento() {
            self.leaving.push_back((self.number, target.clone()));
        }
        Ok(self.slots.insert(slot))
    }

    /// Fills a slot from its row.
    fn load(&mut self, slot: &mut Slot, row: AggregateRow) -> Result<(), CoreError> {
        let name = format_args!("{} {}", slot.target.tipo, slot.target.id).to_string();
        let unreadable = |cause| CoreError::State { target: name, cause };
        slot.version = row.version;
        slot.queue = row.queue;
        slot.stored = true;
        slot.origin = row.origin.map(Rc::new);
        match row.payload {
            Payload::Nothing => {}
            Payload::Snapshot(bytes) => {
                let snapshot = self.codec.decode_state(&bytes).map_err(unreadable)?;
                slot.snapshot_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                slot.restore(&mut self.replicas, snapshot.estado);
            }
            Payload::Document(bytes) => {
                let record = self.codec.decode_event(&bytes).map_err(unreadable)?;
                slot.origin = Some(Rc::new(origin_of(&record.sobre)));
                slot.fold(&mut self.replicas, &record.evento);
            }
        }
        Ok(())
    }

    /// Arms or disarms the timer of a document at the end of an epoch, by what its saga now waits for.
    fn arm(&mut self, place: Place) {
        let slot = &mut self.slots[place];
        match (slot.timer, slot.deadline()) {
            (None, Some((at, intento))) => {
                slot.timer = Some(at);
                self.timers.insert((at, slot.target.clone()), intento);
            }
            (Some(at), None) => {
                slot.timer = None;
                self.timers.remove(&(at, slot.target.clone()));
            }
            (Some(old), Some((at, intento))) => {
                let armed = (old, slot.target.clone());
                // Another attempt than the one it was armed for, within one epoch.
                if self.timers.get(&armed).is_some_and(|of| *of != intento) {
                    self.timers.remove(&armed);
                    slot.timer = Some(at);
                    self.timers.insert((at, armed.1), intento);
                }
            }
            (None, None) => {}
        }
    }

    fn count_command(&mut self, tipo: &'static str, outcome: &'static str) {
        *self.tally.entry((tipo, outcome)).or_default() += 1;
    }

    /// What was decided since the last call.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Number of actors in memory, of open sagas and of dirty actors.
    pub fn gauges(&self) -> (usize, usize, usize) {
        (self.slots.len(), self.timers.len(), self.dirty.len())
    }
}

/// What an open saga is told when its time comes.
fn reminder(target: &Direccionado, intento: u32) -> Comando {
    match (target.tipo, target.id.as_str().split_once(':')) {
        (TipoAgregado::NotaCredito, Some(_)) => {
            let mut parts = target.id.partes().map(|part| crate::domain::valores::Id::compuesto(&[part]));
            let (factura_id, nota_id) = (parts.next(), parts.next());
            let missing = || target.id.clone();
            Comando::NotaCredito(ComandoNotaCredito::ReanudarNota {
                factura_id: factura_id.unwrap_or_else(missing),
                nota_id: nota_id.unwrap_or_else(missing),
            })
        }
        _ => Comando::Factura(ComandoFactura::VencioPlazo { factura_id: target.id.clone(), intento }),
    }
}

fn dead_letter(
    entrada: Entrada,
    record: &StoredRecord,
    etapa: EtapaDlq,
    codigo: &str,
    causa: String,
    now: Instante,
) -> RegistroDlq {
    RegistroDlq {
        entrada,
        clave: record.record.key.clone(),
        valor: fitting(&record.record.value),
        command_id: None,
        correlation_id: None,
        aggregate: None,
        etapa,
        codigo: Arc::from(codigo),
        causa: Arc::from(causa),
        intentos: 1,
        primera_vez: now,
        version_procesador: Arc::from(env!("CARGO_PKG_VERSION")),
        // It is all that its input led to.
        apartado: Some(letter_id(now, &entrada, 0)),
        resolucion: None,
    }
}

/// Id of a letter: that of an event that the same input led to.
fn letter_id(now: Instante, entrada: &Entrada, ordinal: u32) -> Apartado {
    Apartado(event_id(now, entrada, ordinal).as_u128())
}

/// Original bytes that a DLQ record has room for, beside its own fields, within the log's 1 MiB.
const MAX_DEAD_BYTES: usize = (1 << 20) - (64 << 10);

/// The original bytes, or as many of them as fit; the whole record stays on its command topic as long as that is kept.
fn fitting(value: &bytes::Bytes) -> bytes::Bytes {
    value.slice(..value.len().min(MAX_DEAD_BYTES))
}

/// The origin that an event's envelope names.
pub(crate) fn origin_of(sobre: &crate::contracts::EventEnvelope) -> store::Origin {
    store::Origin {
        command_id: sobre.command_id.clone(),
        huella: sobre.huella,
        correlation_id: sobre.correlation_id.clone(),
        usuario: sobre.usuario.clone(),
        recibido_en: sobre.ocurrido_en,
    }
}
