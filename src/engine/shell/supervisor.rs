//! The processor's supervisor: a ractor actor that keeps one processor running, rebuilding it from the log when it ends by itself.
//!
//! Memory is never patched: whatever ended the processor, the next one starts from what is committed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Sender, channel},
    },
    thread,
    time::Duration,
};

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::watch;

use super::{
    patience::{Ending, Next, Patience},
    processor::{self, ProcessorParts, Work},
    progress::Reporter,
};
use crate::engine::{
    failures::ProcessorError,
    recovery::RecoveryReport,
    store::{StateStore, StoreError},
};

/// What the engine is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Folding the log: records done and to do.
    Recovering {
        done: u64,
        total: u64,
    },
    Ready(RecoveryReport),
    /// Failed; another attempt follows.
    Waiting {
        cause: String,
        retry_in: Duration,
    },
    /// Other processes decide; this one has no processor.
    Elsewhere,
    /// Stopped by request.
    Stopped,
    /// Failed for good: the process should end and say this.
    Failed {
        cause: String,
    },
}

/// Opens the local store; `fresh` drops what is there first.
pub type StoreFactory = Arc<dyn Fn(bool) -> Result<Arc<dyn StateStore>, StoreError> + Send + Sync>;

pub enum Message {
    /// The processor's thread ended.
    Exited(Result<(), ProcessorError>),
    /// Time to build another.
    Restart,
    /// Stop cleanly, and hand the partitions over at once when `retire`; answered when everything is down.
    Stop { retire: bool, reply: RpcReplyPort<()> },
}

pub struct Arguments {
    pub parts: ProcessorParts,
    pub store: StoreFactory,
    pub phase: watch::Sender<Phase>,
}

pub struct State {
    arguments: Arguments,
    inbox: Option<Sender<Work>>,
    stopping: Option<RpcReplyPort<()>>,
    patience: Patience,
    /// Epochs committed when the processor that runs was started.
    committed: u64,
    fresh_store: bool,
}

pub struct ProcessorSupervisor;

impl Actor for ProcessorSupervisor {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, myself: ActorRef<Message>, arguments: Arguments) -> Result<State, ActorProcessingErr> {
        myself.cast(Message::Restart)?;
        let patience = Patience::default();
        Ok(State { arguments, inbox: None, stopping: None, patience, committed: 0, fresh_store: false })
    }

    async fn handle(&self, myself: ActorRef<Message>, message: Message, state: &mut State) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Restart => start(&myself, state),
            Message::Exited(result) => exited(&myself, state, result),
            Message::Stop { retire, reply } => stop(&myself, state, retire, reply),
        }
        Ok(())
    }
}

fn start(myself: &ActorRef<Message>, state: &mut State) {
    if state.stopping.is_some() || state.inbox.is_some() {
        return;
    }
    state.committed = committed(state);
    let (sender, receiver) = channel();
    let parts = state.arguments.parts.clone();
    let (factory, fresh) = (Arc::clone(&state.arguments.store), std::mem::take(&mut state.fresh_store));
    let (for_thread, inbox) = (myself.clone(), sender.clone());
    let mut reporter = Reporter::new(state.arguments.phase.clone(), Arc::clone(&parts.metrics), Arc::clone(&parts.clock));
    let spawned = thread::Builder::new().name("motor".to_owned()).spawn(move || {
        let panic_guard = PanicGuard { supervisor: for_thread, result: Mutex::new(None) };
        // Declared after the guard, so let go before it reports: whoever hears of the end finds the stores free.
        let mut parts = parts;
        let result = factory(fresh).map_err(ProcessorError::from).and_then(|store| {
            parts.lane.core.store = store;
            processor::run(&parts, (inbox, receiver), &mut |news| reporter.tell(news))
        });
        *panic_guard.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    });
    match spawned {
        Ok(_) => state.inbox = Some(sender),
        Err(error) => drop(myself.cast(Message::Exited(Err(ProcessorError::Thread("motor", error))))),
    }
}

/// Reports how the thread ended, also when it panicked.
struct PanicGuard {
    supervisor: ActorRef<Message>,
    result: Mutex<Option<Result<(), ProcessorError>>>,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        let result = result.unwrap_or_else(|| Err(ProcessorError::Panic("el hilo motor falló".to_owned())));
        // A supervisor that is gone has no use for the news.
        drop(self.supervisor.cast(Message::Exited(result)));
    }
}

fn exited(myself: &ActorRef<Message>, state: &mut State, result: Result<(), ProcessorError>) {
    state.inbox = None;
    if let Some(reply) = state.stopping.take() {
        if let Err(error) = result {
            tracing::error!(evento = "procesador_detenido_con_error", causa = %error, "el procesador terminó con un error al detenerse");
        }
        state.arguments.phase.send_replace(Phase::Stopped);
        drop(reply.send(()));
        myself.stop(None);
        return;
    }
    let error = match result {
        Ok(()) => ProcessorError::Panic("terminó sin que nadie lo pidiera".to_owned()),
        Err(error) => error,
    };
    state.arguments.parts.metrics.restarts.inc();
    let (now, progressed) = (state.arguments.parts.clock.monotonic(), committed(state) > state.committed);
    let Next::RetryIn(retry_in) = state.patience.after(ending(&error), now, progressed) else {
        let cause = explain(&error);
        tracing::error!(evento = "procesador_abandonado", causa = %cause, "el procesador no puede seguir");
        state.arguments.phase.send_replace(Phase::Failed { cause });
        return;
    };
    if error.is_of_an_input() {
        let parts = &state.arguments.parts;
        let suspects = &parts.lane.suspects;
        suspects.lock().unwrap_or_else(PoisonError::into_inner).blame(parts.lane.limits.max_inputs);
    }
    state.fresh_store = error.is_of_the_store();
    tracing::warn!(evento = "procesador_reconstruido", causa = %error, reconstruye_almacen = state.fresh_store, "el procesador se reconstruye desde el registro");
    state.arguments.phase.send_replace(Phase::Waiting { cause: error.to_string(), retry_in });
    myself.send_after(retry_in, || Message::Restart);
}

fn ending(error: &ProcessorError) -> Ending {
    match error {
        fatal if fatal.is_fatal() => Ending::Fatal,
        fenced if fenced.is_fenced() => Ending::Fenced,
        passing if passing.is_passing() => Ending::Passing,
        _ => Ending::Failure,
    }
}

/// Epochs that this process has committed.
fn committed(state: &State) -> u64 {
    state.arguments.parts.metrics.transactions.with_label_values(&["committed"]).get()
}

fn explain(error: &ProcessorError) -> String {
    if error.is_fenced() {
        return format!("{error}: otro proceso usa el mismo nodo; deténgalo o cambie `motor.nodo`");
    }
    error.to_string()
}

fn stop(myself: &ActorRef<Message>, state: &mut State, retire: bool, reply: RpcReplyPort<()>) {
    match state.inbox.take() {
        Some(inbox) if inbox.send(Work::Stop { retire }).is_ok() => state.stopping = Some(reply),
        _ => {
            state.arguments.phase.send_replace(Phase::Stopped);
            drop(reply.send(()));
            myself.stop(None);
        }
    }
}
