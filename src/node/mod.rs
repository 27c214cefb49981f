//! Composition root: the data folder, and the node that puts log, tables, engine, projections and HTTP together.

mod apertura;
mod auditoria;
mod boveda;
mod carpeta;
mod dlq;
mod error;
mod esquemas;
mod lecturas;
mod metricas;
mod options;
mod papeles;
mod proyecciones;
mod reconstrucciones;
mod registro;
mod retraso;
mod salud;
pub mod sellos;
mod siembra;
mod start;
mod supervisor;
mod supresiones;
mod tablas;
mod verificacion;

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ractor::{ActorRef, call_t};
use tokio::{
    runtime::{Handle, Runtime},
    sync::watch,
};

pub use carpeta::{Carpeta, EstadoCarpeta, Proceso, VERSION_CARPETA, espacio_libre, inspeccionar};
pub use error::NodeError;
pub use esquemas::ids_guardados;
#[cfg(feature = "kafka")]
pub use esquemas::registro_de_esquemas;
pub use options::NodeOptions;
pub use papeles::Papeles;
pub use proyecciones::LadoDeLectura;
#[cfg(feature = "kafka")]
pub use registro::opciones_de_kafka;
pub use registro::topologia;
pub use tablas::Turno;
#[cfg(feature = "scylla")]
pub use tablas::{conectar as tablas_de_la_base, turno_de_orden};
pub use verificacion::verificar_carpeta;

use crate::{
    contracts::Codec,
    domain::emisor::Emisor,
    engine::{
        gateway::Gateway,
        ports::{Clock, Ids},
        shell::supervisor::Phase,
    },
    http::{CartasMuertas, lecturas::Lecturas},
    log::Log,
    projections::{Consultas, Progress},
};

/// Longest clean stop.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// A running node. [`Node::stop`] ends it cleanly; dropping it does the same.
pub struct Node {
    runtime: Option<Runtime>,
    handle: Handle,
    supervisor: ActorRef<supervisor::Message>,
    gateway: Arc<dyn Gateway>,
    log: Arc<dyn Log>,
    codec: Arc<Codec>,
    consultas: Consultas,
    lecturas: Arc<dyn Lecturas>,
    progress: Arc<Progress>,
    phase: watch::Receiver<Phase>,
    registry: prometheus::Registry,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    emisor: Arc<Emisor>,
    address: Option<SocketAddr>,
    fresh: bool,
    cartas_muertas: Arc<dlq::Dlq>,
    /// Compares the ids in use with the schema registry while the node runs.
    _vigia: Option<esquemas::Vigia>,
    /// Destroys keys while the node runs.
    _supresor: Option<supresiones::Supresor>,
    /// Last: the folder is let go when everything else is down.
    carpeta: Option<Carpeta>,
}

impl Node {
    /// Starts a node and returns when it decides commands.
    ///
    /// # Errors
    /// Why it cannot: the folder, the port, the stores, the engine.
    pub fn start(options: NodeOptions) -> Result<Self, NodeError> {
        start::start(options)
    }

    pub fn gateway(&self) -> Arc<dyn Gateway> {
        Arc::clone(&self.gateway)
    }

    pub fn log(&self) -> Arc<dyn Log> {
        Arc::clone(&self.log)
    }

    pub fn codec(&self) -> Arc<Codec> {
        Arc::clone(&self.codec)
    }

    /// The queries, typed.
    pub fn consultas(&self) -> &Consultas {
        &self.consultas
    }

    /// The queries, as the API makes them.
    pub fn lecturas(&self) -> &Arc<dyn Lecturas> {
        &self.lecturas
    }

    pub fn registry(&self) -> &prometheus::Registry {
        &self.registry
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub fn ids(&self) -> Arc<dyn Ids> {
        Arc::clone(&self.ids)
    }

    pub fn emisor(&self) -> &Arc<Emisor> {
        &self.emisor
    }

    /// Where the API answers, when it is served.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Dead letters, and what an operator does about them. Blocks; not from a runtime's thread.
    pub fn cartas_muertas(&self) -> Arc<dyn CartasMuertas> {
        Arc::clone(&self.cartas_muertas) as Arc<dyn CartasMuertas>
    }

    /// Whether the folder had nothing before this start.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// How far the slowest projection is behind.
    pub fn projection_lag(&self) -> Duration {
        salud::lag(&self.progress, &*self.log, &*self.clock)
    }

    /// Why the engine gave up for good, when it did: nothing more will be decided in this process.
    pub fn failure(&self) -> Option<String> {
        failure_of(&self.phase.borrow())
    }

    /// What the engine is doing, to wait on.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.clone()
    }

    /// The runtime that a caller outside of it may block on.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits until the projections have come to where the log is now; false when the time ran out.
    pub fn wait_projections(&self, timeout: Duration) -> bool {
        let ends = salud::event_ends(&*self.log);
        self.handle.block_on(self.progress.wait_positions(&ends, timeout))
    }

    /// Stops taking requests, ends what is in hand, and lets the folder go.
    ///
    /// # Errors
    /// When the engine did not stop in time; what was answered is safe all the same.
    pub fn stop(mut self) -> Result<(), NodeError> {
        self.shut_down(false)
    }

    /// The same, and other nodes get its partitions at once: it is not coming back soon.
    ///
    /// # Errors
    /// As [`Node::stop`].
    pub fn retire(mut self) -> Result<(), NodeError> {
        self.shut_down(true)
    }

    fn shut_down(&mut self, retire: bool) -> Result<(), NodeError> {
        let Some(runtime) = self.runtime.take() else { return Ok(()) };
        let patience = u64::try_from(STOP_PATIENCE.as_millis()).unwrap_or(u64::MAX);
        let stopped =
            runtime.block_on(async { call_t!(self.supervisor, |reply| supervisor::Message::Stop { retire, reply }, patience) });
        runtime.shutdown_timeout(Duration::from_secs(2));
        drop(self.carpeta.take());
        match stopped {
            Ok(Ok(())) => Ok(()),
            Ok(Err(cause)) => Err(NodeError::Motor(cause)),
            Err(e) => Err(NodeError::Motor(format!("no se detuvo a tiempo: {e}"))),
        }
    }
}

/// The cause, when the engine will decide nothing more.
pub fn failure_of(phase: &Phase) -> Option<String> {
    match phase {
        Phase::Failed { cause } => Some(cause.clone()),
        Phase::Stopped => Some("el procesador se detuvo".to_owned()),
        Phase::Recovering { .. } | Phase::Ready(_) | Phase::Elsewhere | Phase::Waiting { .. } => None,
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Err(error) = self.shut_down(false) {
            tracing::error!(evento = "nodo_mal_detenido", causa = %error, "el nodo no se detuvo limpiamente");
        }
    }
}
