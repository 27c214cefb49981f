//! The processor without its threads: what it does with assignments, inputs, deadlines and the fate of its epochs.
//!
//! ```text
//!   assigned / revoked ──▶ (nothing in hand) ──▶ Restoring ── log decided up to its watermarks ──▶ Deciding
//!   take(records) ─▶ core ─▶ close() ─▶ EncodedEpoch ─▶ the log ─▶ committed(n) | the lane is dropped
//! ```
//! It is a state machine that is told things and asked for epochs. Threads (`shell`) and the simulator drive the same one. It touches
//! the log only to read, and only when it is told to restore or to follow. Whatever goes wrong ends the lane: the next one starts from
//! the log. A change of assignment rebuilds the core from local store and tail; memory is never patched (ADR 8).

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    core::{Core, CoreStats, Input, Tally},
    encode::{CommitError, EncodedEpoch, Encoder},
    failures::{ProcessorError, Suspects},
    recovery::{self, CoreParts, Progress, RecoveryReport, Restore},
    routing::Ownership,
    store::{Positions, StoreWrite},
};
use crate::{
    defectos::{Defecto, plantado},
    domain::valores::Instante,
    log::{Log, OwnerToken, Position, StoredRecord, Topic, TopicPartition},
};

/// Limits of an epoch and of what is in flight.
#[derive(Debug, Clone, Copy)]
pub struct EpochLimits {
    /// Inputs of an epoch at most. Default 512: what an epoch allocates stays in the processor's cache (ADR 1).
    pub max_inputs: u32,
    /// Bytes of inputs of an epoch at most. Default 4 MiB.
    pub max_bytes: usize,
    /// Bytes of commands read and not committed. Default 16 MiB.
    pub in_flight_bytes: usize,
}

impl Default for EpochLimits {
    fn default() -> Self {
        Self { max_inputs: 512, max_bytes: 4 << 20, in_flight_bytes: 16 << 20 }
    }
}

/// What a lane is made of.
#[derive(Clone)]
pub struct LaneParts {
    pub core: CoreParts,
    pub limits: EpochLimits,
    /// Consumer group of the processors.
    pub group: String,
    /// Partitions of each command topic.
    pub partitions: u16,
    /// Inputs that may have ended earlier lanes of this node.
    pub suspects: Arc<Mutex<Suspects>>,
}

enum State {
    /// No partition is this node's.
    Idle,
    /// Waits for the log to be decided up to the watermarks.
    Restoring(Option<Restore>),
    Deciding(Box<Core>),
}

pub struct Lane {
    parts: LaneParts,
    encoder: Encoder,
    ownership: Ownership,
    state: State,
    /// Epochs handed over and not yet acknowledged: 0 or 1.
    in_flight: u32,
    /// Records that wait for the epoch in course to be closed, in order of arrival.
    waiting: VecDeque<(TopicPartition, VecDeque<StoredRecord>)>,
    /// Next positions of the catalogues and ranges of other nodes.
    followed: Positions,
}

impl Lane {
    /// A lane without partitions. `token` is the place it claimed on the log.
    pub fn new(parts: LaneParts, token: OwnerToken) -> Self {
        let encoder = Encoder { codec: Arc::clone(&parts.core.codec), token, group: parts.group.clone() };
        let ownership = Ownership::none(parts.partitions);
        Self { parts, encoder, ownership, state: State::Idle, in_flight: 0, waiting: VecDeque::new(), followed: Positions::new() }
    }

    /// These partitions are this node's from now on.
    ///
    /// # Panics
    /// When something is in hand: see [`Self::is_drained`].
    pub fn assigned(&mut self, partitions: &[TopicPartition]) {
        self.change(partitions, Ownership::take);
    }

    /// These partitions are this node's no more: call it before the revocation is acknowledged.
    ///
    /// # Panics
    /// When something is in hand: see [`Self::is_drained`].
    pub fn revoked(&mut self, partitions: &[TopicPartition]) {
        if plantado(Defecto::MetadatosTrasRevocacion) {
            return;
        }
        self.change(partitions, Ownership::give_up);
    }

    fn change(&mut self, partitions: &[TopicPartition], each: fn(&mut Ownership, crate::domain::Contexto, u16)) {
        assert!(self.is_drained(), "las particiones sólo cambian de dueño sin épocas en curso");
        // What waits undecided of a partition that goes is its next owner's to read.
        let owned = |ownership: &Ownership, tp: &TopicPartition| match tp.topic {
            Topic::Comandos(contexto) => ownership.owns(contexto, tp.partition),
            _ => false,
        };
        for tp in partitions {
            if let Topic::Comandos(contexto) = tp.topic {
                each(&mut self.ownership, contexto, tp.partition);
            }
        }
        let ownership = &self.ownership;
        self.waiting.retain(|(tp, _)| owned(ownership, tp));
        self.state = if self.ownership.is_empty() { State::Idle } else { State::Restoring(None) };
    }

    /// Nothing decided is uncommitted.
    pub fn is_drained(&self) -> bool {
        let in_course = matches!(&self.state, State::Deciding(core) if core.has_work());
        self.in_flight == 0 && !in_course
    }

    /// Whether it has partitions and has not yet read what it must know of them.
    pub fn is_restoring(&self) -> bool {
        matches!(self.state, State::Restoring(_))
    }

    /// Goes on restoring, without waiting; the report when it is done. `None`: the log is not decided up to the watermarks yet.
    ///
    /// # Errors
    /// Those of log and store.
    pub fn restore(
        &mut self,
        log: &dyn Log,
        now: Instante,
        progress: Progress<'_>,
    ) -> Result<Option<RecoveryReport>, ProcessorError> {
        let State::Restoring(restore) = &mut self.state else { return Ok(None) };
        if restore.is_none() {
            *restore = Some(Restore::aim(log, &self.parts.group, self.ownership.clone())?);
        }
        if let Some(restore) = restore
            && let Some((tp, stable)) = restore.undecided(log)?
        {
            tracing::debug!(evento = "por_decidir", particion = %tp, estable = stable, "una transacción abierta retiene la recuperación");
            return Ok(None);
        }
        let Some(restore) = restore.take() else { return Ok(None) };
        let (core, followed, report) = restore.fold(log, self.parts.core.clone(), now, progress)?;
        self.followed = followed;
        self.state = State::Deciding(Box::new(core));
        Ok(Some(report))
    }

    /// Folds what other nodes' catalogues have committed since the last call.
    ///
    /// # Errors
    /// Those of the log; an unreadable event.
    pub fn follow(&mut self, log: &dyn Log) -> Result<(), ProcessorError> {
        let State::Deciding(core) = &mut self.state else { return Ok(()) };
        let partitions: Vec<TopicPartition> = self.followed.keys().copied().collect();
        let ends = log.stable_ends(&partitions)?;
        for ((tp, next), stable) in self.followed.iter_mut().zip(ends) {
            recovery::read_range(log, *tp, *next, stable, &mut |value| Ok(core.follow(value)?))?;
            *next = stable.max(*next);
        }
        Ok(())
    }

    /// Takes records in without deciding them yet.
    pub fn queue(&mut self, from: TopicPartition, records: Vec<StoredRecord>) {
        self.waiting.push_back((from, records.into()));
    }

    /// Takes records in: decides them as far as the epoch has room, keeps the rest.
    ///
    /// # Errors
    /// Those of the core.
    pub fn take(&mut self, from: TopicPartition, records: Vec<StoredRecord>, now: Instante) -> Result<(), ProcessorError> {
        self.queue(from, records);
        self.decide(now)
    }

    /// Decides what waits, as far as the epoch in course has room.
    ///
    /// # Errors
    /// Those of the core.
    pub fn decide(&mut self, now: Instante) -> Result<(), ProcessorError> {
        while self.has_room()
            && let Some((from, records)) = self.waiting.front_mut()
        {
            let from = *from;
            match records.pop_front() {
                Some(record) => self.handle(from, record, now)?,
                None => _ = self.waiting.pop_front(),
            }
        }
        while self.waiting.front().is_some_and(|(_, records)| records.is_empty()) {
            self.waiting.pop_front();
        }
        Ok(())
    }

    fn handle(&mut self, from: TopicPartition, record: StoredRecord, now: Instante) -> Result<(), ProcessorError> {
        let State::Deciding(core) = &mut self.state else { unreachable!("sólo hay lugar mientras decide") };
        let decoded = self.encoder.codec.decode_command(&record.record.value);
        let park = suspects(&self.parts).take_in_hand((from, record.position));
        let input = Input { from, record, decoded };
        if park {
            core.set_input_aside(input, now);
            return Ok(());
        }
        Ok(core.handle(input, now)?)
    }

    /// Whether the epoch in course takes another input.
    pub fn has_room(&self) -> bool {
        let State::Deciding(core) = &self.state else { return false };
        let (inputs, bytes) = core.pending();
        let limits = &self.parts.limits;
        let max_inputs = if suspects(&self.parts).alone > 0 { 1 } else { limits.max_inputs };
        inputs < max_inputs && bytes < limits.max_bytes
    }

    /// Next moment at which [`Self::fire`] has work.
    pub fn next_deadline(&self) -> Option<Instante> {
        match &self.state {
            State::Deciding(core) => core.next_deadline(),
            _ => None,
        }
    }

    /// Drives the sagas whose deadline passed.
    ///
    /// # Errors
    /// Those of the core.
    pub fn fire(&mut self, now: Instante) -> Result<(), ProcessorError> {
        match &mut self.state {
            State::Deciding(core) if core.next_deadline().is_some_and(|at| at <= now) => Ok(core.fire(now)?),
            _ => Ok(()),
        }
    }

    /// The epoch in course, closed and encoded, when there is one and no other is being committed.
    ///
    /// # Errors
    /// Those of the core, and of encoding.
    pub fn close(&mut self, now: Instante) -> Result<Option<EncodedEpoch>, ProcessorError> {
        let State::Deciding(core) = &mut self.state else { return Ok(None) };
        if self.in_flight > 0 || !core.has_work() {
            return Ok(None);
        }
        let mut closed = core.close(now)?;
        let epoch = self.encoder.encode(&mut closed)?;
        core.reuse(closed);
        if plantado(Defecto::InstantaneaAdelantada) {
            self.parts.core.store.write(epoch.rows.clone())?;
        }
        self.in_flight += 1;
        Ok(Some(epoch))
    }

    /// The epoch that was handed over is durable, and its rows are written.
    pub fn committed(&mut self, number: u64, ends: &[(TopicPartition, Position)]) {
        self.in_flight -= 1;
        if let State::Deciding(core) = &mut self.state {
            core.committed(number, ends);
        }
    }

    /// The epoch that was handed over is not durable, or nobody knows: the lane ends, and the next one starts from the log. What is in
    /// memory is of an epoch that never was; it is not rolled back.
    ///
    /// # Errors
    /// Always, what happened to it.
    pub fn not_committed(&mut self, error: CommitError) -> Result<(), ProcessorError> {
        if plantado(Defecto::MemoriaTrasAborto) {
            self.in_flight -= 1;
            return Ok(());
        }
        Err(error.into())
    }

    /// Whether records wait undecided.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether other nodes' catalogues are followed.
    pub fn follows(&self) -> bool {
        !self.followed.is_empty()
    }

    /// Rows to write while nothing is in hand: brings the checkpoint forward, at most `quota` aggregates.
    ///
    /// # Errors
    /// When a state cannot be encoded.
    pub fn maintain(&mut self, quota: usize) -> Result<Vec<StoreWrite>, ProcessorError> {
        let drained = self.is_drained();
        match &mut self.state {
            State::Deciding(core) if drained => Ok(core.maintain(quota)?),
            _ => Ok(Vec::new()),
        }
    }

    /// Counters of the core; zero while there is none.
    pub fn stats(&self) -> CoreStats {
        match &self.state {
            State::Deciding(core) => core.stats,
            _ => CoreStats::default(),
        }
    }

    /// Commands decided since the last call, by type and outcome.
    pub fn take_tally(&mut self) -> Tally {
        match &mut self.state {
            State::Deciding(core) => core.take_tally(),
            _ => Tally::new(),
        }
    }

    /// Number of actors in memory, of open sagas and of dirty actors.
    pub fn gauges(&self) -> (usize, usize, usize) {
        match &self.state {
            State::Deciding(core) => core.gauges(),
            _ => (0, 0, 0),
        }
    }
}

fn suspects(parts: &LaneParts) -> MutexGuard<'_, Suspects> {
    parts.suspects.lock().unwrap_or_else(PoisonError::into_inner)
}
