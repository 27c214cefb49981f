//! The thread that chains and seals.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use prometheus::{IntCounter, IntGauge, Registry};

use crate::{
    audit::cadena::{ErrorCadena, Medios, Sumidero, Vuelta},
    tables::TablesError,
};

/// Between two looks at the log: a seal may wait a minute, and few rounds with much in each cost less.
const PASO: Duration = Duration::from_secs(1);
/// A round that chained so many is followed by the next at once.
const APRISA: u64 = 4_096;
/// How long a stop goes on chaining what is left; less than the node's patience with it.
const CIERRE: Duration = Duration::from_secs(1);
/// First and longest wait after a failure; doubles in between.
const ESPERA_MIN: Duration = Duration::from_millis(250);
const ESPERA_MAX: Duration = Duration::from_secs(30);

/// What `/metrics` says of the seals.
#[derive(Clone)]
pub struct Metricas {
    ultimo: IntGauge,
    sin_sellar: IntGauge,
    rotas: IntGauge,
    sellos: IntCounter,
    hojas: IntCounter,
}

impl Metricas {
    /// # Errors
    /// When the registry already has them.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metricas = Self {
            ultimo: IntGauge::new(
                "factumarket_audit_last_checkpoint_timestamp_seconds",
                "Cuándo se hizo el último sello de auditoría, en segundos desde 1970; 0 si este proceso no ha hecho ninguno",
            )?,
            sin_sellar: IntGauge::new("factumarket_audit_unsealed_records", "Registros de auditoría que ningún sello cubre")?,
            rotas: IntGauge::new(
                "factumarket_audit_broken_chains",
                "Particiones cuya cadena de auditoría no puede seguir: no es la que se selló, o este programa no conoce un esquema",
            )?,
            sellos: IntCounter::new("factumarket_audit_checkpoints_total", "Sellos de auditoría hechos")?,
            hojas: IntCounter::new("factumarket_audit_chained_records_total", "Registros encadenados en la auditoría")?,
        };
        let todas: [Box<dyn prometheus::core::Collector>; 5] = [
            Box::new(metricas.ultimo.clone()),
            Box::new(metricas.sin_sellar.clone()),
            Box::new(metricas.rotas.clone()),
            Box::new(metricas.sellos.clone()),
            Box::new(metricas.hojas.clone()),
        ];
        todas.into_iter().try_for_each(|una| registry.register(una))?;
        Ok(metricas)
    }

    fn anotar(&self, medios: &Medios, sumidero: &Sumidero, vuelta: &Vuelta) {
        let entero = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.hojas.inc_by(vuelta.hojas);
        self.sellos.inc_by(vuelta.sellos);
        if vuelta.sellos > 0 {
            self.ultimo.set(medios.reloj.now().micros().div_euclid(1_000_000));
        }
        self.sin_sellar.set(entero(sumidero.sin_sellar()));
        self.rotas.set(entero(vuelta.detenidas.len() as u64));
    }
}

/// The running sink.
pub struct Sellador {
    alto: Mutex<Option<Sender<()>>>,
    hilo: Mutex<Option<JoinHandle<()>>>,
}

impl Sellador {
    /// # Errors
    /// When the system gives no thread.
    pub fn empezar(medios: Medios, metricas: Metricas) -> io::Result<Self> {
        let (alto, avisado) = channel();
        let hilo = thread::Builder::new().name("sellos".to_owned()).spawn(move || trabajar(&medios, &metricas, &avisado))?;
        Ok(Self { alto: Mutex::new(Some(alto)), hilo: Mutex::new(Some(hilo)) })
    }

    /// Chains and seals what there is, and ends. Blocks.
    pub fn cerrar(&self) {
        drop(self.alto.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(hilo) = self.hilo.lock().unwrap_or_else(PoisonError::into_inner).take()
            && hilo.join().is_err()
        {
            tracing::error!(evento = "sellos_caidos", "el hilo que sella la auditoría terminó con un fallo");
        }
    }
}

fn trabajar(medios: &Medios, metricas: &Metricas, alto: &Receiver<()>) {
    let (mut sumidero, mut espera, mut dichas) = (None, Duration::ZERO, Vec::new());
    // The sender's end is the stop.
    while matches!(alto.recv_timeout(espera), Err(RecvTimeoutError::Timeout)) {
        match dar_una_vuelta(medios, &mut sumidero) {
            Ok((abierto, vuelta)) => {
                metricas.anotar(medios, abierto, &vuelta);
                decir(&vuelta, &mut dichas);
                espera = if vuelta.hojas >= APRISA { Duration::ZERO } else { PASO };
            }
            // Told once by the tables.
            Err(ErrorCadena::Tablas(TablesError::Elsewhere(_))) => (sumidero, espera) = (None, PASO),
            Err(error) => {
                sumidero = None;
                espera = espera.saturating_mul(2).clamp(ESPERA_MIN, ESPERA_MAX);
                tracing::warn!(
                    evento = "sellos_reintenta", causa = %error, espera_ms = espera.as_millis() as u64,
                    "la auditoría no se pudo sellar y se reintenta"
                );
            }
        }
    }
    if let Some(mut abierto) = sumidero {
        match abierto.cerrar(CIERRE) {
            Ok(vuelta) => metricas.anotar(medios, &abierto, &vuelta),
            Err(error) => {
                tracing::warn!(evento = "sellos_sin_cerrar", causa = %error, "queda auditoría sin sellar hasta el próximo inicio");
            }
        }
    }
}

fn dar_una_vuelta<'a>(medios: &Medios, sumidero: &'a mut Option<Sumidero>) -> Result<(&'a Sumidero, Vuelta), ErrorCadena> {
    let abierto = match sumidero.take() {
        Some(abierto) => sumidero.insert(abierto),
        None => sumidero.insert(Sumidero::abrir(medios.clone())?),
    };
    let vuelta = abierto.vuelta()?;
    Ok((abierto, vuelta))
}

/// Each partition that stops is told once.
fn decir(vuelta: &Vuelta, dichas: &mut Vec<(crate::log::TopicPartition, String)>) {
    for (particion, motivo) in &vuelta.detenidas {
        if !dichas.iter().any(|(de, que)| (de, que) == (particion, motivo)) {
            tracing::error!(evento = "cadena_detenida", %particion, motivo, "la cadena de auditoría no sigue");
        }
    }
    dichas.clone_from(&vuelta.detenidas);
}
