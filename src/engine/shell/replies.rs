//! Replies: reads this instance's partition of `respuestas` and wakes whoever waits.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use hashbrown::HashMap;
use prometheus::Histogram;
use tokio::sync::oneshot;

use crate::{
    contracts::{Codec, Respuesta},
    domain::valores::Id,
    engine::{gateway::Waiter, ports::Clock},
    log::{Log, LogError, Position, Topic, TopicPartition},
};

const PATIENCE: Duration = Duration::from_millis(200);
/// How long an absent log is given before it is asked again.
const ABSENCE: Duration = Duration::from_millis(500);
const CHUNK_BYTES: usize = 1 << 20;
/// Requests are spread over this many locks.
const SHARDS: usize = 16;

/// Whoever waits, and since when (monotonic).
struct Waiting {
    sender: oneshot::Sender<Respuesta>,
    /// Another instance may read the same partition and count its requests as this one does.
    command_id: Id,
    since: Duration,
}

/// Who waits for which request.
pub struct Waiters {
    clock: Arc<dyn Clock>,
    durations: Histogram,
    next: AtomicU64,
    shards: [Mutex<HashMap<u64, Waiting>>; SHARDS],
    waiting: AtomicU64,
    /// Nobody will answer any more.
    closed: AtomicBool,
}

impl Waiters {
    /// Requests are numbered from `first`, so that an answer to an earlier process is nobody's.
    pub fn new(first: u64, clock: Arc<dyn Clock>, durations: Histogram) -> Arc<Self> {
        let shards = std::array::from_fn(|_| Mutex::new(HashMap::new()));
        Arc::new(Self {
            clock,
            durations,
            next: AtomicU64::new(first),
            shards,
            waiting: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        })
    }

    fn shard(&self, request: u64) -> std::sync::MutexGuard<'_, HashMap<u64, Waiting>> {
        self.shards[(request as usize) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new request and what to wait on.
    pub fn register(&self, command_id: &Id) -> (u64, Waiter) {
        let request = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        let since = self.clock.monotonic();
        self.shard(request).insert(request, Waiting { sender, command_id: command_id.clone(), since });
        self.waiting.fetch_add(1, Ordering::Relaxed);
        (request, receiver)
    }

    /// Takes a request back that was never sent.
    pub fn forget(&self, request: u64) {
        if self.shard(request).remove(&request).is_some() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    fn answer(&self, reply: Respuesta) {
        let mut shard = self.shard(reply.peticion);
        if shard.get(&reply.peticion).is_none_or(|waiting| waiting.command_id != reply.command_id) {
            return;
        }
        let Some(Waiting { sender, since, .. }) = shard.remove(&reply.peticion) else { return };
        drop(shard);
        self.durations.observe(self.clock.monotonic().saturating_sub(since).as_secs_f64());
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        // Whoever asked may have stopped waiting: the outcome stands on the log all the same.
        drop(sender.send(reply));
    }

    /// Drops the requests whose callers stopped waiting; how many.
    pub fn sweep(&self) -> u64 {
        let mut swept = 0;
        for shard in &self.shards {
            let mut waiting = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let before = waiting.len();
            waiting.retain(|_, waiting| !waiting.sender.is_closed());
            swept += (before - waiting.len()) as u64;
        }
        self.waiting.fetch_sub(swept, Ordering::Relaxed);
        swept
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Wakes everybody with nothing, now and from now on: the instance stops, or its engine failed for good.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for shard in &self.shards {
            let mut waiting = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let dropped = waiting.len() as u64;
            waiting.clear();
            self.waiting.fetch_sub(dropped, Ordering::Relaxed);
        }
    }
}

/// Body of the `respuestas` thread.
///
/// # Errors
/// Those of the log.
pub fn run(
    log: &dyn Log,
    codec: &Codec,
    partition: u16,
    from: Position,
    waiters: &Waiters,
    stop: &AtomicBool,
) -> Result<(), LogError> {
    let tp = TopicPartition::new(Topic::Respuestas, partition);
    let mut next = from;
    while !stop.load(Ordering::Acquire) {
        let chunk = match log.read_or_wait(tp, next, CHUNK_BYTES, PATIENCE) {
            // Whoever stops reading leaves everybody without an answer: only what another try cannot change ends it.
            Err(error @ (LogError::Unreachable(_) | LogError::Storage(_))) => {
                tracing::warn!(evento = "respuestas_en_espera", causa = %error, "no se pueden leer las respuestas: se vuelve a intentar");
                thread::sleep(ABSENCE);
                continue;
            }
            chunk => chunk?,
        };
        if chunk.is_empty() {
            waiters.sweep();
            continue;
        }
        for stored in chunk {
            next = stored.position + 1;
            match codec.decode_reply(&stored.record.value) {
                Ok(reply) => waiters.answer(reply),
                Err(cause) => tracing::error!(evento = "respuesta_ilegible", posicion = stored.position, causa = %cause,
                    "una respuesta no se pudo leer; su resultado está en /comandos"),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Resultado;

    fn reply(peticion: u64) -> Respuesta {
        Respuesta {
            peticion,
            command_id: Id::new("c").expect("id"),
            repetido: false,
            resultado: Resultado::Aceptado { factura: None },
            versiones: Vec::new(),
            particiones: Vec::new(),
        }
    }

    #[test]
    fn an_answer_wakes_its_request_and_no_other() {
        let durations = Histogram::with_opts(prometheus::HistogramOpts::new("x", "x")).expect("histograma");
        let waiters = Waiters::new(7, crate::engine::ports::SystemClock::new(), durations.clone());
        let id = Id::new("c").expect("id");
        let (a, mut first) = waiters.register(&id);
        let (b, mut second) = waiters.register(&id);
        let (other, mut third) = waiters.register(&Id::new("otro").expect("id"));
        waiters.answer(reply(other));
        assert!(third.try_recv().is_err(), "la respuesta es de un comando de otra instancia");
        waiters.forget(other);
        waiters.answer(reply(b));
        assert_eq!(second.try_recv().expect("answered").peticion, b);
        assert!(first.try_recv().is_err());
        assert_eq!(durations.get_sample_count(), 1);
        waiters.answer(reply(999));
        assert_eq!((a, waiters.waiting()), (7, 1));
        drop(first);
        assert_eq!((waiters.sweep(), waiters.waiting()), (1, 0));
    }
}
