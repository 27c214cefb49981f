//! The processor: core (sans I/O), shells, recovery, snapshots.
//!
//! [`Engine`] is what the rest of the program sees: a gateway for commands, a phase to watch, a clean stop.

pub mod core;
pub mod encode;
pub mod failures;
pub mod gateway;
pub mod lane;
pub mod ports;
pub mod recovery;
pub mod routing;
pub mod shell;
pub mod store;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use ractor::{Actor, ActorRef, SpawnErr, call_t};
use tokio::{sync::watch, task::JoinHandle};

use self::{
    core::CoreLimits,
    gateway::Gateway,
    lane::{EpochLimits, LaneParts},
    ports::Clock,
    recovery::CoreParts,
    routing::Ownership,
    shell::{
        gateway::LogGateway,
        metrics::EngineMetrics,
        processor::ProcessorParts,
        replies::{self, Waiters},
        supervisor::{self, Phase, ProcessorSupervisor, StoreFactory},
    },
};
use crate::{
    contracts::Codec,
    domain::{Contexto, emisor::Emisor},
    log::{Log, LogError, Topic, TopicPartition},
};

/// What an engine is started with.
pub struct EngineOptions {
    pub log: Arc<dyn Log>,
    pub store: StoreFactory,
    pub codec: Arc<Codec>,
    pub emisor: Arc<Emisor>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<EngineMetrics>,
    pub epoch: EpochLimits,
    pub core: CoreLimits,
    /// Name of the node: the owner whose place is claimed on the log.
    pub node: String,
    /// Partition of `respuestas` that this instance reads.
    pub reply_partition: u16,
    /// Whether this process decides commands; else it only sends them and waits for their outcomes.
    pub processor: bool,
    /// Requests that may wait at once.
    pub max_waiting: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("no se pudo iniciar el supervisor del procesador: {0}")]
    Actor(#[from] SpawnErr),
    #[error("el sistema no pudo crear el hilo de respuestas: {0}")]
    Thread(std::io::Error),
    #[error("el procesador no se detuvo en {0:?}")]
    StopTimeout(Duration),
}

/// A running engine.
pub struct Engine {
    gateway: Arc<LogGateway>,
    /// With what ends when the supervisor has let go of everything it holds.
    supervisor: Option<(ActorRef<supervisor::Message>, JoinHandle<()>)>,
    /// Keeps the phase of an engine without a processor.
    _elsewhere: Option<watch::Sender<Phase>>,
    phase: watch::Receiver<Phase>,
    replies: Option<thread::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    waiters: Arc<Waiters>,
    metrics: Arc<EngineMetrics>,
}

/// A clean stop takes at most this long, and then what is left is abandoned: it is whole on the log.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// How long whoever reads the replies may take to notice.
const REPLIES_PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    /// Starts recovery and, after it, the processor. Returns at once: watch [`Engine::phase`].
    ///
    /// # Errors
    /// When the log cannot be read or a thread cannot be created.
    pub async fn start(options: EngineOptions) -> Result<Self, EngineError> {
        let partitions = options.log.partitions(Topic::Comandos(Contexto::Facturacion));
        let stop = Arc::new(AtomicBool::new(false));
        let first_request = u64::try_from(options.clock.now().micros()).unwrap_or_default();
        let waiters = Waiters::new(first_request, Arc::clone(&options.clock), options.metrics.command_duration.clone());
        let gateway = Arc::new(LogGateway {
            log: Arc::clone(&options.log),
            codec: Arc::clone(&options.codec),
            clock: Arc::clone(&options.clock),
            waiters: Arc::clone(&waiters),
            routing: Ownership::none(partitions),
            reply_partition: options.reply_partition,
            max_waiting: options.max_waiting,
        });
        let replies = read_replies(&options, &waiters, &stop)?;
        let metrics = Arc::clone(&options.metrics);
        let (sender, phase) = watch::channel(Phase::Recovering { done: 0, total: 0 });
        let (supervisor, elsewhere) = if options.processor {
            (Some(supervise(options, partitions, sender).await?), None)
        } else {
            sender.send_replace(Phase::Elsewhere);
            (None, Some(sender))
        };
        tokio::spawn(close_on_failure(phase.clone(), Arc::clone(&waiters)));
        let replies = Some(replies);
        Ok(Self { gateway, supervisor, _elsewhere: elsewhere, phase, replies, stop, waiters, metrics })
    }

    pub fn gateway(&self) -> Arc<dyn Gateway> {
        Arc::clone(&self.gateway) as Arc<dyn Gateway>
    }

    /// What the engine is doing, to read or to wait on.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.clone()
    }

    /// Waits until the engine decides, or is told that others do, or has failed for good.
    ///
    /// # Errors
    /// The cause, when it failed.
    pub async fn ready(&self) -> Result<(), String> {
        let mut phase = self.phase.clone();
        let settled = phase.wait_for(|p| !matches!(p, Phase::Recovering { .. } | Phase::Waiting { .. })).await;
        match settled.as_deref() {
            Ok(Phase::Ready(_) | Phase::Elsewhere) => Ok(()),
            Ok(Phase::Failed { cause }) => Err(cause.clone()),
            _ => Err("el procesador se detuvo".to_owned()),
        }
    }

    /// Requests that wait for their outcome.
    pub fn waiting(&self) -> u64 {
        let waiting = self.waiters.waiting();
        self.metrics.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        waiting
    }

    /// Commits what is in hand, brings the checkpoint to its end and stops. With `retire` the partitions go to other nodes at once; without,
    /// they wait for this node's return as long as its session lasts.
    ///
    /// # Errors
    /// When that takes longer than five seconds; the log is whole all the same.
    pub async fn stop(mut self, retire: bool) -> Result<(), EngineError> {
        let stopped = match self.supervisor.take() {
            Some(supervisor) => stop_processor(supervisor, retire).await,
            None => Ok(()),
        };
        self.stop.store(true, Ordering::Release);
        if let Some(replies) = self.replies.take() {
            let joined = tokio::time::timeout(REPLIES_PATIENCE, tokio::task::spawn_blocking(move || replies.join())).await;
            if !matches!(joined, Ok(Ok(Ok(())))) {
                tracing::error!(evento = "hilo_respuestas", "el hilo de respuestas no terminó bien");
            }
        }
        self.waiters.close();
        stopped
    }
}

async fn stop_processor(
    (supervisor, supervised): (ActorRef<supervisor::Message>, JoinHandle<()>),
    retire: bool,
) -> Result<(), EngineError> {
    let asked = |reply| supervisor::Message::Stop { retire, reply };
    let patience = u64::try_from(STOP_PATIENCE.as_millis()).unwrap_or(u64::MAX);
    call_t!(supervisor, asked, patience).map_err(|_| EngineError::StopTimeout(STOP_PATIENCE))?;
    let ended = tokio::time::timeout(STOP_PATIENCE, supervised).await;
    ended.map(drop).map_err(|_| EngineError::StopTimeout(STOP_PATIENCE))
}

/// Starts the processor's supervisor.
async fn supervise(
    options: EngineOptions,
    partitions: u16,
    phase: watch::Sender<Phase>,
) -> Result<(ActorRef<supervisor::Message>, JoinHandle<()>), EngineError> {
    let core = CoreParts {
        emisor: options.emisor,
        codec: options.codec,
        store: Arc::new(store::MemoryStore::default()),
        limits: options.core,
    };
    let lane = LaneParts { core, limits: options.epoch, group: "procesador".to_owned(), partitions, suspects: Arc::default() };
    let parts = ProcessorParts { log: options.log, lane, clock: options.clock, metrics: options.metrics, owner: options.node };
    let arguments = supervisor::Arguments { parts, store: options.store, phase };
    Ok(Actor::spawn(None, ProcessorSupervisor, arguments).await?)
}

/// An engine that failed for good answers nobody any more: whoever waits should know.
async fn close_on_failure(mut phase: watch::Receiver<Phase>, waiters: Arc<Waiters>) {
    if phase.wait_for(|p| matches!(p, Phase::Failed { .. })).await.is_ok() {
        waiters.close();
    }
}

fn read_replies(
    options: &EngineOptions,
    waiters: &Arc<Waiters>,
    stop: &Arc<AtomicBool>,
) -> Result<thread::JoinHandle<()>, EngineError> {
    let partition = options.reply_partition;
    let from = options.log.watermarks(TopicPartition::new(Topic::Respuestas, partition))?.end;
    let (log, codec) = (Arc::clone(&options.log), Arc::clone(&options.codec));
    let (waiters, stop) = (Arc::clone(waiters), Arc::clone(stop));
    let run = move || {
        if let Err(error) = replies::run(&*log, &codec, partition, from, &waiters, &stop) {
            tracing::error!(evento = "respuestas_detenidas", causa = %error, "no se leen más respuestas; los resultados siguen en /comandos");
            waiters.close();
        }
    };
    thread::Builder::new().name("respuestas".to_owned()).spawn(run).map_err(EngineError::Thread)
}
