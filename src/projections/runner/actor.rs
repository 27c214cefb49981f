//! The ractor shells: one sink actor a partition, and the supervisor that starts a dead one again.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::partition::{PartitionSink, Shared, Step};
use crate::{
    log::{Position, TopicPartition},
    projections::projection::ProjectionSpec,
};

/// How often a sink asks whether it is this process's turn to feed the tables.
const TURN_LOOK: Duration = Duration::from_millis(250);

/// "There may be something to read." At most one is queued per sink (see [`SinkHandle::wake`]): mailboxes are unbounded.
pub struct Wake;

/// A partition's sink as the watcher and the supervisor see it. It outlives the actors that serve it.
pub struct SinkHandle {
    pub partition: TopicPartition,
    specs: Vec<&'static ProjectionSpec>,
    shared: Arc<Shared>,
    actor: Mutex<Option<ActorRef<Wake>>>,
    queued: AtomicBool,
    backing_off: AtomicBool,
    next: AtomicU64,
    /// When the last batch ended, in microseconds of the monotonic clock.
    fed_at: AtomicU64,
}

impl SinkHandle {
    pub fn new(partition: TopicPartition, specs: Vec<&'static ProjectionSpec>, shared: &Arc<Shared>) -> Arc<Self> {
        let next = specs.iter().filter_map(|spec| shared.progress.next(spec.name, partition)).min().unwrap_or(0);
        Arc::new(Self {
            partition,
            specs,
            shared: Arc::clone(shared),
            actor: Mutex::new(None),
            queued: AtomicBool::new(false),
            backing_off: AtomicBool::new(false),
            next: AtomicU64::new(next),
            fed_at: AtomicU64::new(0),
        })
    }

    /// The lowest position that a projection of this partition has still to read.
    pub fn next(&self) -> Position {
        self.next.load(Ordering::Acquire)
    }

    /// Time since the last batch.
    pub fn idle(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_micros(self.fed_at.load(Ordering::Relaxed)))
    }

    /// Queues one wake-up unless one is queued.
    pub fn wake(&self) {
        if self.backing_off.load(Ordering::Acquire) || self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let actor = self.actor.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sent = actor.is_some_and(|actor| actor.cast(Wake).is_ok());
        if !sent {
            // Between two lives of the actor: its start wakes it.
            self.queued.store(false, Ordering::Release);
        }
    }

    fn fed(&self, next: Position, now: Duration) {
        self.next.store(next, Ordering::Release);
        self.fed_at.store(u64::try_from(now.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn attach(&self, actor: ActorRef<Wake>) {
        *self.actor.lock().unwrap_or_else(PoisonError::into_inner) = Some(actor);
        self.queued.store(false, Ordering::Release);
        self.backing_off.store(false, Ordering::Release);
        self.wake();
    }

    /// Stops the actor after the batch in hand.
    pub async fn stop(&self) {
        let actor = self.actor.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(actor) = actor {
            // An error says that it is already dead.
            let _ = actor.stop_and_wait(None, None).await;
        }
    }

    fn is_served_by(&self, id: ActorId) -> bool {
        let actor = self.actor.lock().unwrap_or_else(PoisonError::into_inner);
        actor.as_ref().is_some_and(|actor| actor.get_id() == id)
    }
}

/// Serves one partition: a wake-up is a batch, and a batch that was applied is followed by another wake-up behind those of the
/// other sinks, so that they take turns.
struct SinkActor;

struct SinkState {
    handle: Arc<SinkHandle>,
    sink: PartitionSink,
    failures: u32,
}

impl Actor for SinkActor {
    type Msg = Wake;
    type State = SinkState;
    type Arguments = Arc<SinkHandle>;

    async fn pre_start(&self, _myself: ActorRef<Wake>, handle: Arc<SinkHandle>) -> Result<SinkState, ActorProcessingErr> {
        let sink = PartitionSink::open(handle.partition, &handle.specs, Arc::clone(&handle.shared))?;
        Ok(SinkState { handle, sink, failures: 0 })
    }

    async fn handle(&self, myself: ActorRef<Wake>, _wake: Wake, state: &mut SinkState) -> Result<(), ActorProcessingErr> {
        let handle = &state.handle;
        handle.queued.store(false, Ordering::Release);
        let outcome = state.sink.step();
        handle.fed(state.sink.next(), handle.shared.options.clock.monotonic());
        match outcome {
            Ok(Step::Applied) => {
                state.failures = 0;
                let rest = handle.shared.log.watermarks(handle.partition).map_or(0, |w| w.stable.saturating_sub(handle.next()));
                // Fewer than a batch is worth: the watcher wakes it at its pace.
                if rest >= handle.shared.options.eager_records {
                    handle.wake();
                }
            }
            Ok(Step::CaughtUp) => state.failures = 0,
            // No failure: whose turn it is, and why, is told once by the tables.
            Err(error) if error.is_elsewhere() => back_off(handle, myself.get_id(), TURN_LOOK),
            Err(error) => {
                let wait = backoff(&handle.shared, state.failures);
                state.failures = state.failures.saturating_add(1);
                handle.shared.anomalies.count_failures(1);
                tracing::warn!(
                    evento = "proyeccion_reintenta", particion = %handle.partition, espera_ms = wait.as_millis() as u64, error = %error,
                    "la proyección no pudo avanzar y se reintenta"
                );
                back_off(handle, myself.get_id(), wait);
            }
        }
        Ok(())
    }
}

/// Wakes a sink again after a wait, and nobody before.
fn back_off(handle: &Arc<SinkHandle>, id: ActorId, wait: Duration) {
    handle.backing_off.store(true, Ordering::Release);
    let handle = Arc::clone(handle);
    tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        if handle.is_served_by(id) {
            handle.backing_off.store(false, Ordering::Release);
            handle.wake();
        }
    });
}

/// Doubles from the first wait to the longest one.
fn backoff(shared: &Shared, failures: u32) -> Duration {
    let doubled = shared.options.backoff_min.saturating_mul(1u32.checked_shl(failures.min(20)).unwrap_or(u32::MAX));
    doubled.min(shared.options.backoff_max)
}

/// Owns the sinks. A sink that dies is started again from its stored positions, after a wait that doubles while it keeps dying.
pub struct SupervisorActor;

pub enum SupervisorMsg {
    /// Start the sink of this index.
    Start(usize),
}

pub struct SupervisorState {
    handles: Arc<[Arc<SinkHandle>]>,
    shared: Arc<Shared>,
    /// Deaths of each sink.
    deaths: Vec<u32>,
}

impl Actor for SupervisorActor {
    type Msg = SupervisorMsg;
    type State = SupervisorState;
    type Arguments = (Arc<[Arc<SinkHandle>]>, Arc<Shared>);

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMsg>,
        (handles, shared): Self::Arguments,
    ) -> Result<SupervisorState, ActorProcessingErr> {
        for index in 0..handles.len() {
            myself.cast(SupervisorMsg::Start(index))?;
        }
        let deaths = vec![0; handles.len()];
        Ok(SupervisorState { handles, shared, deaths })
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMsg>,
        SupervisorMsg::Start(index): SupervisorMsg,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        let Some(handle) = state.handles.get(index).cloned() else { return Ok(()) };
        if state.shared.stopping.load(Ordering::Acquire) {
            return Ok(());
        }
        match Actor::spawn_linked(None, SinkActor, Arc::clone(&handle), myself.get_cell()).await {
            Ok((actor, _)) => handle.attach(actor),
            Err(error) => {
                tracing::error!(evento = "proyeccion_no_inicia", particion = %handle.partition, error = %error, "se reintenta");
                start_later(&myself, state, index);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMsg>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        let (dead, why) = match event {
            SupervisionEvent::ActorFailed(cell, error) => (cell.get_id(), error.to_string()),
            SupervisionEvent::ActorTerminated(cell, _, reason) => (cell.get_id(), reason.unwrap_or_default()),
            _ => return Ok(()),
        };
        if state.shared.stopping.load(Ordering::Acquire) {
            return Ok(());
        }
        let Some(index) = state.handles.iter().position(|handle| handle.is_served_by(dead)) else { return Ok(()) };
        let partition = state.handles[index].partition;
        tracing::error!(evento = "proyeccion_caida", particion = %partition, causa = why, "se inicia de nuevo desde su posición");
        state.shared.anomalies.count_restarts(1);
        start_later(&myself, state, index);
        Ok(())
    }
}

fn start_later(myself: &ActorRef<SupervisorMsg>, state: &mut SupervisorState, index: usize) {
    let Some(deaths) = state.deaths.get_mut(index) else { return };
    let wait = backoff(&state.shared, *deaths);
    *deaths = deaths.saturating_add(1);
    // It fires by itself; nobody waits for it.
    drop(myself.send_after(wait, move || SupervisorMsg::Start(index)));
}
