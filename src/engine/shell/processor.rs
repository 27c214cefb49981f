//! The processor's thread: feeds the core, closes epochs, keeps at most two in hand.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use super::{
    committer::{CommitError, Committer, EncodedEpoch, Encoder},
    failures::{ProcessorError, Suspects},
    intake::{self, Credits, IntakeLimits},
    metrics::EngineMetrics,
};
use crate::{
    domain::{Contexto, valores::Instante},
    engine::{
        core::{Core, CoreStats, Input},
        ports::Clock,
        recovery::{self, CoreParts, RecoveryReport},
    },
    log::{Log, LogError, Position, StoredRecord, Topic, TopicPartition},
};

/// Rows the checkpoint writes at a time on an idle node.
const IDLE_QUOTA: usize = 256;
/// How long a node without input waits before it works on its checkpoint.
const IDLE: Duration = Duration::from_millis(250);

/// What reaches the processor's thread.
pub enum Work {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    Inputs { from: TopicPartition, records: Vec<StoredRecord>, bytes: usize },
    IntakeFailed(LogError),
    Committed { number: u64, ends: Vec<(TopicPartition, Position)> },
    CommitFailed(CommitError),
    Stop,
}

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

/// Everything a processor needs.
#[derive(Clone)]
pub struct ProcessorParts {
    pub log: Arc<dyn Log>,
    pub core: CoreParts,
    pub clock: Arc<dyn Clock>,
    pub limits: EpochLimits,
    pub metrics: Arc<EngineMetrics>,
    /// Consumer group of the processors.
    pub group: String,
    /// Name whose place is claimed on the log: the node's.
    pub owner: String,
    pub suspects: Arc<Mutex<Suspects>>,
}

/// News for whoever supervises.
pub enum News {
    Progress { done: u64, total: u64 },
    Ready(RecoveryReport),
}

/// Runs a processor until told to stop: recovery, intake, epochs, commits. Blocks its thread.
///
/// # Errors
/// Whatever ended it; the caller decides whether to build another from the log.
pub fn run(
    parts: &ProcessorParts,
    inbox: (Sender<Work>, Receiver<Work>),
    news: &mut dyn FnMut(News),
) -> Result<(), ProcessorError> {
    let (sender, receiver) = inbox;
    let token = parts.log.claim(&parts.owner)?;
    let now = parts.clock.now();
    let (core, report) =
        recovery::recover(&*parts.log, parts.core.clone(), now, &mut |done, total| news(News::Progress { done, total }))?;
    let topics = Contexto::TODOS.map(Topic::Comandos);
    let subscription = parts.log.subscribe(&parts.group, &topics)?;
    news(News::Ready(report));

    let stop = AtomicBool::new(false);
    let credits = Credits::new(parts.limits.in_flight_bytes);
    let (epochs, closed) = channel::<EncodedEpoch>();
    let committer = Committer {
        log: Arc::clone(&parts.log),
        store: Arc::clone(&parts.core.store),
        clock: Arc::clone(&parts.clock),
        metrics: Arc::clone(&parts.metrics),
    };
    let encoder = Encoder { codec: Arc::clone(&parts.core.codec), token, group: parts.group.clone() };
    thread::scope(|scope| {
        let for_commit = sender.clone();
        let commit = thread::Builder::new()
            .name("registro".to_owned())
            .spawn_scoped(scope, move || committer.run(&closed, &for_commit))
            .map_err(|e| ProcessorError::Thread("registro", e))?;
        let (stop, credits, for_intake) = (&stop, &credits, sender.clone());
        // Also when the core panics: the scope waits for its threads, and the intake only ends when told to.
        let _stop_at_the_end = StopAtTheEnd(stop);
        let limits = IntakeLimits { max_records: 256, max_bytes: 256 << 10 };
        let intake = thread::Builder::new()
            .name("ingesta".to_owned())
            .spawn_scoped(scope, move || {
                if let Err(error) = intake::run(subscription, credits, limits, &for_intake, stop) {
                    // The processor may be gone already; then nobody needs to know.
                    drop(for_intake.send(Work::IntakeFailed(error)));
                }
            })
            .map_err(|e| ProcessorError::Thread("ingesta", e))?;
        let mut processor = Processor {
            parts,
            core,
            encoder,
            credits,
            epochs: Some(epochs),
            in_flight: 0,
            bytes: Vec::new(),
            waiting: VecDeque::new(),
            seen: CoreStats::default(),
        };
        let result = processor.run(&receiver);
        stop.store(true, Ordering::Release);
        processor.epochs = None;
        let joined = intake.join().is_ok() & commit.join().is_ok();
        result?;
        if !joined {
            return Err(ProcessorError::Panic("un hilo auxiliar terminó con un fallo".to_owned()));
        }
        processor.drain_acks(&receiver);
        processor.checkpoint_to_the_end()
    })
}

struct StopAtTheEnd<'a>(&'a AtomicBool);

impl Drop for StopAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

struct Processor<'a> {
    parts: &'a ProcessorParts,
    core: Core,
    encoder: Encoder,
    credits: &'a Credits,
    epochs: Option<Sender<EncodedEpoch>>,
    /// Epochs handed over and not yet acknowledged: 0 or 1.
    in_flight: u32,
    /// Work that came while the epoch in course was full.
    waiting: VecDeque<Work>,
    /// Input bytes of each epoch handed over, oldest first, then of the one in course.
    bytes: Vec<usize>,
    seen: CoreStats,
}

/// What to do after a piece of work.
enum Flow {
    Go,
    Stop,
}

impl Processor<'_> {
    fn run(&mut self, inbox: &Receiver<Work>) -> Result<(), ProcessorError> {
        self.bytes.push(0);
        loop {
            let flow = match self.waiting.pop_front() {
                Some(work) => self.take(work)?,
                None => match inbox.recv_timeout(self.patience()) {
                    Ok(work) => self.take(work)?,
                    Err(RecvTimeoutError::Timeout) => self.idle()?,
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                },
            };
            if let Flow::Stop = flow {
                return self.finish(inbox);
            }
            // Whatever has arrived meanwhile belongs to the same epoch, as far as its limits go.
            while self.has_room()
                && let Some(work) = self.waiting.pop_front().or_else(|| inbox.try_recv().ok())
            {
                if let Flow::Stop = self.take(work)? {
                    return self.finish(inbox);
                }
            }
            self.close_if_free()?;
            if !self.has_room() {
                self.await_commit(inbox)?;
            }
        }
    }

    /// Time until the next deadline, or until idle work.
    fn patience(&self) -> Duration {
        let Some(at) = self.core.next_deadline() else { return IDLE };
        let micros = at.micros().saturating_sub(self.parts.clock.now().micros()).max(0);
        Duration::from_micros(micros.unsigned_abs()).min(IDLE)
    }

    fn has_room(&self) -> bool {
        let (inputs, bytes) = self.core.pending();
        let max_inputs = if self.suspects().alone > 0 { 1 } else { self.parts.limits.max_inputs };
        inputs < max_inputs && bytes < self.parts.limits.max_bytes
    }

    fn suspects(&self) -> MutexGuard<'_, Suspects> {
        self.parts.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&mut self, work: Work) -> Result<Flow, ProcessorError> {
        match work {
            Work::Inputs { from, records, bytes } => {
                let now = self.parts.clock.now();
                let deciding = self.parts.clock.monotonic();
                self.take_records(from, records, now)?;
                self.parts.metrics.stage("decidir").observe((self.parts.clock.monotonic() - deciding).as_secs_f64());
                if let Some(last) = self.bytes.last_mut() {
                    *last += bytes;
                }
            }
            Work::Committed { number, ends } => self.committed(number, &ends),
            Work::CommitFailed(error) => {
                self.parts.metrics.transactions.with_label_values(&["unknown"]).inc();
                return Err(error.into());
            }
            Work::IntakeFailed(error) => return Err(error.into()),
            Work::Assigned(partitions) => {
                tracing::info!(evento = "particiones_asignadas", cantidad = partitions.len(), "particiones asignadas")
            }
            Work::Revoked(partitions) => {
                tracing::info!(evento = "particiones_revocadas", cantidad = partitions.len(), "particiones revocadas")
            }
            Work::Stop => return Ok(Flow::Stop),
        }
        Ok(Flow::Go)
    }

    /// Feeds records to the core as far as the epoch has room; the rest waits.
    fn take_records(&mut self, from: TopicPartition, records: Vec<StoredRecord>, now: Instante) -> Result<(), ProcessorError> {
        let mut records = records.into_iter();
        for record in records.by_ref() {
            let decoded = self.encoder.codec.decode_command(&record.record.value);
            let park = self.suspects().take_in_hand((from, record.position));
            let input = Input { from, record, decoded };
            if park {
                self.core.set_input_aside(input, now);
            } else {
                self.core.handle(input, now)?;
            }
            if !self.has_room() {
                break;
            }
        }
        let rest: Vec<StoredRecord> = records.collect();
        if !rest.is_empty() {
            self.waiting.push_front(Work::Inputs { from, records: rest, bytes: 0 });
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<Flow, ProcessorError> {
        let now = self.parts.clock.now();
        if self.core.next_deadline().is_some_and(|at| at <= now) {
            self.core.fire(now)?;
        } else if self.in_flight == 0 && !self.core.has_work() {
            let rows = self.core.maintain(IDLE_QUOTA)?;
            if !rows.is_empty() {
                self.parts.core.store.write(rows)?;
            }
        }
        Ok(Flow::Go)
    }

    /// Hands the epoch in course over when no other is being committed.
    fn close_if_free(&mut self) -> Result<(), ProcessorError> {
        if self.in_flight > 0 || !self.core.has_work() {
            return Ok(());
        }
        let closing = self.parts.clock.monotonic();
        let epoch = self.core.close(self.parts.clock.now())?;
        self.parts.metrics.epoch_inputs.observe(f64::from(epoch.inputs));
        let epoch = self.encoder.encode(epoch)?;
        self.parts.metrics.stage("cerrar").observe((self.parts.clock.monotonic() - closing).as_secs_f64());
        self.in_flight += 1;
        self.bytes.push(0);
        let sent = self.epochs.as_ref().is_some_and(|epochs| epochs.send(epoch).is_ok());
        if sent { Ok(()) } else { Err(ProcessorError::Panic("el hilo registro terminó antes de tiempo".to_owned())) }
    }

    fn committed(&mut self, number: u64, ends: &[(TopicPartition, Position)]) {
        self.core.committed(number, ends);
        self.in_flight -= 1;
        let bytes = self.bytes.remove(0);
        self.credits.give_back(bytes);
        self.parts.metrics.transactions.with_label_values(&["committed"]).inc();
        self.publish();
    }

    fn publish(&mut self) {
        let (metrics, now, before) = (&self.parts.metrics, self.core.stats, self.seen);
        let (active, open, dirty) = self.core.gauges();
        for ((tipo, outcome), count) in self.core.take_tally() {
            metrics.commands.with_label_values(&[tipo, outcome]).inc_by(count);
        }
        metrics.invoices.inc_by(now.issued - before.issued);
        metrics.elided.inc_by(now.elided - before.elided);
        metrics.panics.inc_by(now.panics - before.panics);
        metrics.dlq.inc_by(now.dead - before.dead);
        metrics.active.set(active as i64);
        metrics.open_sagas.set(open as i64);
        metrics.dirty.set(dirty as i64);
        metrics.in_flight_bytes.set(self.credits.in_flight() as i64);
        self.seen = now;
    }

    /// The epoch is full and another one is being committed: nothing more is taken in until it is.
    fn await_commit(&mut self, inbox: &Receiver<Work>) -> Result<(), ProcessorError> {
        while self.in_flight > 0 {
            match inbox.recv() {
                Ok(Work::Committed { number, ends }) => self.committed(number, &ends),
                Ok(Work::Inputs { from, records, bytes }) => self.waiting.push_back(Work::Inputs { from, records, bytes }),
                Ok(work) => {
                    if let Flow::Stop = self.take(work)? {
                        return self.finish(inbox);
                    }
                }
                Err(_) => return Ok(()),
            }
        }
        self.close_if_free()
    }

    /// Told to stop: commits what is in hand.
    fn finish(&mut self, inbox: &Receiver<Work>) -> Result<(), ProcessorError> {
        while self.in_flight > 0 || self.core.has_work() {
            self.close_if_free()?;
            match inbox.recv() {
                Ok(Work::Committed { number, ends }) => self.committed(number, &ends),
                Ok(Work::CommitFailed(error)) => return Err(error.into()),
                Ok(_) => {}
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    fn drain_acks(&mut self, inbox: &Receiver<Work>) {
        while let Ok(work) = inbox.try_recv() {
            if let Work::Committed { number, ends } = work {
                self.committed(number, &ends);
            }
        }
    }

    /// A clean stop leaves nothing to fold: the next start is immediate.
    fn checkpoint_to_the_end(&mut self) -> Result<(), ProcessorError> {
        for _ in 0..2 {
            let rows = self.core.maintain(usize::MAX)?;
            self.parts.core.store.write(rows)?;
        }
        self.parts.core.store.flush()?;
        Ok(())
    }
}
