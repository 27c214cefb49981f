//! Ctrl-C and SIGTERM: the wish to stop. SIGUSR1: the wish to stop for good. A second one ends the process at once, as people expect.

use std::{
    io, process,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use super::fallo::{Clase, Fallo};

/// Exit code of a process that a signal ended, by convention: 128 and the number of SIGINT.
const INTERRUMPIDO: i32 = 130;

/// Sends a signal to another process.
///
/// # Errors
/// When there is no such process, or the system refuses.
pub fn enviar(pid: u32, senal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    Ok(kill_process(pid, senal)?)
}

/// Whether to stop has been asked for; shared by threads.
#[derive(Clone, Default)]
pub struct Parada(Arc<Pedida>);

#[derive(Default)]
struct Pedida {
    pedida: Mutex<bool>,
    aviso: Condvar,
    retirada: AtomicBool,
}

impl Parada {
    /// Starts listening to the signals of the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn escuchar() -> Result<Self, Fallo> {
        let fallo = |e: std::io::Error| {
            Fallo::new(Clase::Servicio, "no se pueden atender las señales del sistema", e.to_string(), "Vuelva a intentarlo.")
        };
        let parada = Self::default();
        let avisada = parada.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fallo)?;
        let (mut terminar, mut retirar) = {
            use tokio::signal::unix::{SignalKind, signal};
            let _dentro = runtime.enter();
            (signal(SignalKind::terminate()).map_err(fallo)?, signal(SignalKind::user_defined1()).map_err(fallo)?)
        };
        thread::Builder::new()
            .name("senales".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    for vez in 0.. {
                        tokio::select! {
                            _ = tokio::signal::ctrl_c() => {}
                            _ = terminar.recv() => {}
                            _ = retirar.recv() => avisada.0.retirada.store(true, Ordering::Release),
                        }
                        if vez > 0 {
                            process::exit(INTERRUMPIDO);
                        }
                        avisada.pedir();
                    }
                });
            })
            .map_err(fallo)?;
        Ok(parada)
    }

    /// Asks to stop.
    pub fn pedir(&self) {
        *self.0.pedida.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.aviso.notify_all();
    }

    /// Whether the process is not to come back.
    pub fn es_retirada(&self) -> bool {
        self.0.retirada.load(Ordering::Acquire)
    }

    /// Waits until the instant or until it is asked for; says whether it was.
    pub fn esperar_hasta(&self, instante: Instant) -> bool {
        self.esperar_por(instante.saturating_duration_since(Instant::now()))
    }

    /// Waits at most so long; says whether it was asked for.
    pub fn esperar_por(&self, plazo: Duration) -> bool {
        let guardia = self.0.pedida.lock().unwrap_or_else(PoisonError::into_inner);
        match self.0.aviso.wait_timeout_while(guardia, plazo, |pedida| !*pedida) {
            Ok((guardia, _)) => *guardia,
            Err(_) => true,
        }
    }
}
