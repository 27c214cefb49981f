//! How far the projections are behind, measured beside whoever asks: the log may take long to answer, or not answer at all, and health is
//! asked for exactly then.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    engine::ports::Clock,
    log::{Log, LogError, Topic, TopicPartition},
    projections::Progress,
};

/// How often it is measured.
const CADA: Duration = Duration::from_secs(1);
/// Silence of the log after which it counts as absent.
const SILENCIO: Duration = Duration::from_secs(5);

/// What was measured last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Medida {
    /// Lag of the slowest projection; `None` without projections.
    pub retraso: Option<Duration>,
    /// How long the log has not answered, once that is long.
    pub ausente: Option<Duration>,
}

struct Comun {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    /// Set once the tables are open.
    progress: Arc<OnceLock<Arc<Progress>>>,
    /// The lag, and when the log answered last (monotonic).
    ultima: Mutex<(Option<Duration>, Duration)>,
    fin: AtomicBool,
}

/// A thread that measures, and what it found.
pub struct Medidor {
    comun: Arc<Comun>,
    hilo: Option<JoinHandle<()>>,
}

impl Medidor {
    /// # Errors
    /// When the system gives no thread.
    pub fn empezar(log: Arc<dyn Log>, clock: Arc<dyn Clock>, progress: Arc<OnceLock<Arc<Progress>>>) -> std::io::Result<Self> {
        let ultima = Mutex::new((None, clock.monotonic()));
        let comun = Arc::new(Comun { log, clock, progress, ultima, fin: AtomicBool::new(false) });
        let propio = Arc::clone(&comun);
        let hilo = thread::Builder::new().name("retraso".to_owned()).spawn(move || {
            while !propio.fin.load(Ordering::Acquire) {
                propio.medir();
                thread::park_timeout(CADA);
            }
        })?;
        Ok(Self { comun, hilo: Some(hilo) })
    }

    pub fn medida(&self) -> Medida {
        let (retraso, visto) = *self.comun.ultima.lock().unwrap_or_else(PoisonError::into_inner);
        let silencio = self.comun.clock.monotonic().saturating_sub(visto);
        Medida { retraso, ausente: (silencio >= SILENCIO).then_some(silencio) }
    }
}

impl Drop for Medidor {
    /// Does not wait: it may be asking a log that does not answer.
    fn drop(&mut self) {
        self.comun.fin.store(true, Ordering::Release);
        if let Some(hilo) = self.hilo.take() {
            hilo.thread().unpark();
        }
    }
}

impl Comun {
    fn medir(&self) {
        match self.retraso() {
            Ok(retraso) => *self.ultima.lock().unwrap_or_else(PoisonError::into_inner) = (retraso, self.clock.monotonic()),
            Err(error) => {
                tracing::warn!(evento = "retraso_desconocido", causa = %error, "no se pudo medir el retraso de las proyecciones");
            }
        }
    }

    fn retraso(&self) -> Result<Option<Duration>, LogError> {
        let Some(progress) = self.progress.get().filter(|progress| progress.is_live()) else {
            // Whether the log answers is asked all the same.
            self.log.stable_ends(&[TopicPartition::new(Topic::Respuestas, 0)])?;
            return Ok(None);
        };
        let lags = progress.lag(&*self.log, self.clock.now())?;
        Ok(Some(lags.into_iter().map(|lag| lag.time).max().unwrap_or_default()))
    }
}
