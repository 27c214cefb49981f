//! The processor's thread: drives the lane, keeps at most two epochs in hand.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel},
    },
    thread,
    time::Duration,
};

use super::{
    committer::Committer,
    intake::{self, Credits, IntakeLimits},
    metrics::EngineMetrics,
};
use crate::{
    domain::Contexto,
    engine::{
        core::CoreStats,
        encode::{CommitError, EncodedEpoch},
        failures::ProcessorError,
        lane::{Lane, LaneParts},
        ports::Clock,
        recovery::RecoveryReport,
    },
    log::{Log, LogError, Position, StoredRecord, Topic, TopicPartition},
};

/// Rows the checkpoint writes at a time on an idle node.
const IDLE_QUOTA: usize = 256;
/// How long a node without input waits before it works on its checkpoint.
const IDLE: Duration = Duration::from_millis(250);
/// How often a node looks at the log while it waits for it to be decided, and at the catalogues of other nodes.
const LOOK: Duration = Duration::from_millis(20);

/// What reaches the processor's thread.
pub enum Work {
    Assigned(Vec<TopicPartition>),
    /// The intake waits for `done` before it acknowledges.
    Revoked {
        partitions: Vec<TopicPartition>,
        done: SyncSender<()>,
    },
    Inputs {
        from: TopicPartition,
        records: Vec<StoredRecord>,
        bytes: usize,
    },
    IntakeFailed(LogError),
    Committed {
        number: u64,
        ends: Vec<(TopicPartition, Position)>,
    },
    CommitFailed(CommitError),
    /// `retire`: the partitions go to others at once, not when this node's silence is noticed.
    Stop {
        retire: bool,
    },
}

/// Everything a processor needs.
#[derive(Clone)]
pub struct ProcessorParts {
    pub log: Arc<dyn Log>,
    pub lane: LaneParts,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<EngineMetrics>,
    /// Name whose place is claimed on the log: the node's.
    pub owner: String,
}

/// News for whoever supervises.
pub enum News {
    Progress {
        done: u64,
        total: u64,
    },
    Ready(RecoveryReport),
    /// The log is not decided up to where it must be folded.
    Held,
    /// The group has no partition for this node.
    Unneeded,
}

/// Runs a processor until told to stop: assignment, recovery, intake, epochs, commits. Blocks its thread.
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
    let topics = Contexto::TODOS.map(Topic::Comandos);
    let subscription = parts.log.subscribe(&parts.lane.group, &topics)?;

    let (stop, leave) = (AtomicBool::new(false), AtomicBool::new(false));
    let credits = Credits::new(parts.lane.limits.in_flight_bytes);
    let (epochs, closed) = channel::<EncodedEpoch>();
    let committer = Committer {
        log: Arc::clone(&parts.log),
        store: Arc::clone(&parts.lane.core.store),
        clock: Arc::clone(&parts.clock),
        metrics: Arc::clone(&parts.metrics),
    };
    thread::scope(|scope| {
        let for_commit = sender.clone();
        let commit = thread::Builder::new()
            .name("registro".to_owned())
            .spawn_scoped(scope, move || committer.run(&closed, &for_commit))
            .map_err(|e| ProcessorError::Thread("registro", e))?;
        let (stop, leave, credits, for_intake) = (&stop, &leave, &credits, sender.clone());
        // Also when the core panics: the scope waits for its threads, and the intake only ends when told to.
        let _stop_at_the_end = StopAtTheEnd(stop);
        let limits = IntakeLimits { max_records: 256, max_bytes: 256 << 10 };
        let intake = thread::Builder::new()
            .name("ingesta".to_owned())
            .spawn_scoped(scope, move || {
                if let Err(error) = intake::run(subscription, credits, limits, &for_intake, intake::End { stop, leave }) {
                    // The processor may be gone already; then nobody needs to know.
                    drop(for_intake.send(Work::IntakeFailed(error)));
                }
            })
            .map_err(|e| ProcessorError::Thread("ingesta", e))?;
        let lane = Lane::new(parts.lane.clone(), token);
        let mut processor = Processor {
            parts,
            lane,
            credits,
            epochs: Some(epochs),
            bytes: vec![0],
            seen: CoreStats::default(),
            later: VecDeque::new(),
            followed_at: Duration::ZERO,
            retire: false,
            news,
        };
        let result = processor.run(&receiver);
        leave.store(processor.retire && result.is_ok(), Ordering::Release);
        stop.store(true, Ordering::Release);
        processor.epochs = None;
        let joined = intake.join().is_ok() & commit.join().is_ok();
        result?;
        if !joined {
            return Err(ProcessorError::Panic("un hilo auxiliar terminó con un fallo".to_owned()));
        }
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
    lane: Lane,
    credits: &'a Credits,
    epochs: Option<Sender<EncodedEpoch>>,
    /// Input bytes of each epoch handed over, oldest first, then of the one in course.
    bytes: Vec<usize>,
    seen: CoreStats,
    /// Changes of hands that came while another one waited for the epochs in hand.
    later: VecDeque<Work>,
    /// Monotonic time of the last look at other nodes' catalogues.
    followed_at: Duration,
    retire: bool,
    news: &'a mut dyn FnMut(News),
}

/// What to do after a piece of work.
enum Flow {
    Go,
    Stop,
}

impl Processor<'_> {
    fn run(&mut self, inbox: &Receiver<Work>) -> Result<(), ProcessorError> {
        loop {
            self.restore()?;
            let next = match self.later.pop_front() {
                Some(work) => Ok(work),
                None => inbox.recv_timeout(self.patience()),
            };
            let flow = match next {
                Ok(work) => self.take(work, inbox)?,
                Err(RecvTimeoutError::Timeout) => self.idle()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            if let Flow::Stop = flow {
                return self.drain(inbox).map(drop);
            }
            // Whatever has arrived meanwhile belongs to the same epoch, as far as its limits go.
            while self.lane.has_room()
                && let Ok(work) = inbox.try_recv()
            {
                if let Flow::Stop = self.take(work, inbox)? {
                    return self.drain(inbox).map(drop);
                }
            }
            self.lane.fire(self.parts.clock.now())?;
            self.follow()?;
            self.close_if_free()?;
        }
    }

    /// Time until the next deadline, or until there is something to look at.
    fn patience(&self) -> Duration {
        let idle = if self.lane.is_restoring() || self.lane.follows() { LOOK } else { IDLE };
        let Some(at) = self.lane.next_deadline() else { return idle };
        let micros = at.micros().saturating_sub(self.parts.clock.now().micros()).max(0);
        Duration::from_micros(micros.unsigned_abs()).min(idle)
    }

    fn restore(&mut self) -> Result<(), ProcessorError> {
        if !self.lane.is_restoring() {
            return Ok(());
        }
        let began = self.parts.clock.monotonic();
        let (now, news) = (self.parts.clock.now(), &mut *self.news);
        let restored = self.lane.restore(&*self.parts.log, now, &mut |done, total| news(News::Progress { done, total }))?;
        let Some(report) = restored else {
            (self.news)(News::Held);
            return Ok(());
        };
        let folding = (self.parts.clock.monotonic() - began).as_millis();
        tracing::info!(evento = "recuperado", registros = report.records, sagas = report.open_sagas, ms = folding, "estado al día");
        self.seen = CoreStats::default();
        (self.news)(News::Ready(report));
        self.lane.decide(now)
    }

    fn follow(&mut self) -> Result<(), ProcessorError> {
        let now = self.parts.clock.monotonic();
        if !self.lane.follows() || now.saturating_sub(self.followed_at) < LOOK {
            return Ok(());
        }
        self.followed_at = now;
        self.lane.follow(&*self.parts.log)
    }

    fn take(&mut self, work: Work, inbox: &Receiver<Work>) -> Result<Flow, ProcessorError> {
        match work {
            Work::Inputs { from, records, bytes } => {
                let deciding = self.parts.clock.monotonic();
                self.lane.take(from, records, self.parts.clock.now())?;
                self.parts.metrics.stage("decidir").observe((self.parts.clock.monotonic() - deciding).as_secs_f64());
                if let Some(last) = self.bytes.last_mut() {
                    *last += bytes;
                }
            }
            Work::Committed { number, ends } => self.committed(number, &ends)?,
            Work::CommitFailed(error) => return Err(self.commit_failed(error)),
            Work::IntakeFailed(error) => return Err(error.into()),
            Work::Assigned(partitions) if partitions.is_empty() => (self.news)(News::Unneeded),
            Work::Assigned(partitions) => {
                tracing::info!(evento = "particiones_asignadas", cantidad = partitions.len(), "particiones asignadas");
                let flow = self.drain(inbox)?;
                self.lane.assigned(&partitions);
                self.restore()?;
                return Ok(flow);
            }
            Work::Revoked { partitions, done } => {
                tracing::info!(evento = "particiones_revocadas", cantidad = partitions.len(), "particiones revocadas");
                let flow = self.drain(inbox)?;
                self.lane.revoked(&partitions);
                // The intake may have lost its patience: then it has said so itself.
                let _ = done.send(());
                return Ok(flow);
            }
            Work::Stop { retire } => {
                self.retire = retire;
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Go)
    }

    fn commit_failed(&self, error: CommitError) -> ProcessorError {
        let result = match &error {
            CommitError::Log(LogError::Aborted { .. }) => "aborted",
            CommitError::Log(LogError::Fenced { .. }) => "fenced",
            CommitError::Log(LogError::NotAssigned { .. }) => "unassigned",
            _ => "unknown",
        };
        self.parts.metrics.transactions.with_label_values(&[result]).inc();
        error.into()
    }

    fn idle(&mut self) -> Result<Flow, ProcessorError> {
        let rows = self.lane.maintain(IDLE_QUOTA)?;
        if !rows.is_empty() {
            self.parts.lane.core.store.write(rows)?;
        }
        Ok(Flow::Go)
    }

    /// Hands the epoch in course over when no other is being committed, and goes on with what waits.
    fn close_if_free(&mut self) -> Result<(), ProcessorError> {
        let closing = self.parts.clock.monotonic();
        let Some(epoch) = self.lane.close(self.parts.clock.now())? else { return Ok(()) };
        self.parts.metrics.epoch_inputs.observe(f64::from(epoch.inputs));
        self.parts.metrics.stage("cerrar").observe((self.parts.clock.monotonic() - closing).as_secs_f64());
        self.bytes.push(0);
        let sent = self.epochs.as_ref().is_some_and(|epochs| epochs.send(epoch).is_ok());
        if sent { Ok(()) } else { Err(ProcessorError::Panic("el hilo registro terminó antes de tiempo".to_owned())) }
    }

    fn committed(&mut self, number: u64, ends: &[(TopicPartition, Position)]) -> Result<(), ProcessorError> {
        self.lane.committed(number, ends);
        let bytes = self.bytes.remove(0);
        self.credits.give_back(bytes);
        self.parts.metrics.transactions.with_label_values(&["committed"]).inc();
        self.publish();
        self.lane.decide(self.parts.clock.now())
    }

    fn publish(&mut self) {
        let (metrics, now, before) = (&self.parts.metrics, self.lane.stats(), self.seen);
        let (active, open, dirty) = self.lane.gauges();
        for ((tipo, outcome), count) in self.lane.take_tally() {
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

    /// Commits what is decided and takes nothing more in: before partitions change hands, and before stopping.
    fn drain(&mut self, inbox: &Receiver<Work>) -> Result<Flow, ProcessorError> {
        let mut flow = Flow::Go;
        while !self.lane.is_drained() {
            self.close_if_free()?;
            match inbox.recv() {
                Ok(Work::Committed { number, ends }) => {
                    self.lane.committed(number, &ends);
                    self.credits.give_back(self.bytes.remove(0));
                    self.publish();
                }
                Ok(Work::CommitFailed(error)) => return Err(self.commit_failed(error)),
                Ok(Work::Inputs { from, records, bytes }) => {
                    self.lane.queue(from, records);
                    if let Some(last) = self.bytes.last_mut() {
                        *last += bytes;
                    }
                }
                Ok(Work::IntakeFailed(error)) => return Err(error.into()),
                Ok(Work::Stop { retire }) => {
                    self.retire = retire;
                    flow = Flow::Stop;
                }
                Ok(next @ (Work::Assigned(_) | Work::Revoked { .. })) => self.later.push_back(next),
                Err(_) => return Ok(Flow::Stop),
            }
        }
        Ok(flow)
    }

    /// A clean stop leaves nothing to fold: the next start is immediate.
    fn checkpoint_to_the_end(&mut self) -> Result<(), ProcessorError> {
        for _ in 0..2 {
            let rows = self.lane.maintain(usize::MAX)?;
            self.parts.lane.core.store.write(rows)?;
        }
        self.parts.lane.core.store.flush()?;
        Ok(())
    }
}
