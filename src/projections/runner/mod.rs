//! The sinks: what feeds the read models from the log.
//!
//! One supervised actor per partition reads and decodes each record once and hands it to every projection of that topic. Each
//! projection keeps its own position, written with its rows, so each resumes and is rebuilt by itself: those at one position move
//! together, one that is behind catches up in batches of its own. All of it runs on threads named `proy-N`.

mod actor;
mod partition;
mod watcher;

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use ractor::{Actor, ActorRef};
use tokio::runtime::{Builder, Runtime};

pub use self::partition::SinkError;
use self::{
    actor::{SinkHandle, SupervisorActor, SupervisorMsg},
    partition::{PartitionSink, Shared, Step},
};
use super::{
    auditoria::AUDITORIA_SPEC,
    bodegas::BODEGAS_SPEC,
    clientes::CLIENTES_SPEC,
    comandos::COMANDOS_SPEC,
    descuentos::DESCUENTOS_SPEC,
    existencias::EXISTENCIAS_SPEC,
    facturas::FACTURAS_SPEC,
    movimientos::MOVIMIENTOS_SPEC,
    notas::NOTAS_SPEC,
    numeracion::NUMERACION_SPEC,
    productos::PRODUCTOS_SPEC,
    progress::Progress,
    projection::{Anomalies, Decoder, ProjectionSpec},
    sagas::SAGAS_SPEC,
    sucursales::SUCURSALES_SPEC,
    ventas::VENTAS_SPEC,
};
use crate::{
    engine::ports::{Clock, SystemClock},
    log::{Log, TopicPartition, all_partitions},
    tables::{Tables, TablesError},
};

/// Every read model and the audit.
pub static PROYECCIONES: &[&ProjectionSpec] = &[
    &CLIENTES_SPEC,
    &PRODUCTOS_SPEC,
    &DESCUENTOS_SPEC,
    &SUCURSALES_SPEC,
    &BODEGAS_SPEC,
    &NUMERACION_SPEC,
    &EXISTENCIAS_SPEC,
    &MOVIMIENTOS_SPEC,
    &FACTURAS_SPEC,
    &NOTAS_SPEC,
    &VENTAS_SPEC,
    &COMANDOS_SPEC,
    &SAGAS_SPEC,
    &AUDITORIA_SPEC,
];

/// The read model of a name.
pub fn proyeccion(nombre: &str) -> Option<&'static ProjectionSpec> {
    PROYECCIONES.iter().copied().find(|spec| spec.name == nombre)
}

/// Limits of the sinks.
#[derive(Clone)]
pub struct RunnerOptions {
    pub projections: Vec<&'static ProjectionSpec>,
    /// Threads that decode, fold and write. 1 to 64.
    pub worker_threads: usize,
    /// Bytes of values and records of a batch. At least one record is taken.
    pub batch_bytes: usize,
    pub batch_records: usize,
    /// A partition with fewer records waiting than `eager_records` is not fed more often than this, so that under load batches
    /// are worth their cost. A partition at rest is fed at once.
    pub pace: Duration,
    pub eager_records: u64,
    /// First and longest wait after a failure; doubles in between.
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    /// Whether tables that do not answer at the start are waited for by the sinks, each with its back-off, instead of failing.
    pub patient: bool,
    pub clock: Arc<dyn Clock>,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            projections: PROYECCIONES.to_vec(),
            worker_threads: 1,
            batch_bytes: 2 << 20,
            batch_records: 8_192,
            pace: Duration::from_millis(50),
            eager_records: 512,
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(5),
            patient: false,
            clock: SystemClock::new(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    #[error(transparent)]
    Tables(#[from] TablesError),
    #[error("no se pudieron iniciar los hilos de las proyecciones: {0}")]
    Threads(String),
    #[error("no existe la proyección «{0}»")]
    UnknownProjection(String),
}

/// The running sinks. Dropping it without [`ProjectionRunner::stop`] abandons them between two batches or in one: what was
/// not applied is read again at the next start.
pub struct ProjectionRunner {
    progress: Arc<Progress>,
    anomalies: Arc<Anomalies>,
    supervisor: ActorRef<SupervisorMsg>,
    handles: Arc<[Arc<SinkHandle>]>,
    shared: Arc<Shared>,
    watcher: Option<thread::JoinHandle<()>>,
    runtime: Option<Runtime>,
}

impl ProjectionRunner {
    /// Declares the tables, reads the positions and starts the sinks where each stopped.
    ///
    /// # Errors
    /// Of the tables, or when threads cannot be started.
    pub fn start(
        log: Arc<dyn Log>,
        tables: Arc<dyn Tables>,
        codec: Arc<dyn Decoder>,
        options: RunnerOptions,
    ) -> Result<Self, RunnerError> {
        declare(&*tables, &options.projections)?;
        let mut partitions: Vec<(TopicPartition, Vec<&'static ProjectionSpec>)> = Vec::new();
        let mut consumers = Vec::new();
        let mut away = false;
        for partition in partitions_of(&*log, &options.projections) {
            let specs: Vec<_> = options.projections.iter().copied().filter(|s| s.topics.contains(&partition.topic)).collect();
            for spec in &specs {
                let asked = if away { Ok(None) } else { tables.position(spec.name, partition) };
                let next = match asked {
                    Ok(next) => next.unwrap_or(0),
                    // Each sink asks again, and its place is known from then on.
                    Err(TablesError::Storage(_)) if options.patient => {
                        away = true;
                        0
                    }
                    Err(error) => return Err(error.into()),
                };
                consumers.push((spec.name, partition, next));
            }
            partitions.push((partition, specs));
        }
        let progress = Progress::new(consumers);
        let anomalies = Anomalies::new();
        let runtime = runtime(options.worker_threads)?;
        let shared = Arc::new(Shared {
            log: Arc::clone(&log),
            tables,
            decoder: codec,
            progress: Arc::clone(&progress),
            anomalies: Arc::clone(&anomalies),
            options,
            stopping: AtomicBool::new(false),
            batches: RwLock::default(),
            changes: AtomicU64::new(0),
        });
        let handles: Arc<[Arc<SinkHandle>]> =
            partitions.into_iter().map(|(partition, specs)| SinkHandle::new(partition, specs, &shared)).collect();
        let supervisor = spawn_supervisor(&runtime, &handles, &shared)?;
        let watcher = watcher::spawn(Arc::clone(&handles), Arc::clone(&shared));
        let watcher = watcher.map_err(|e| RunnerError::Threads(e.to_string()))?;
        Ok(Self { progress, anomalies, supervisor, handles, shared, watcher: Some(watcher), runtime: Some(runtime) })
    }

    /// Where each sink is.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    pub fn anomalies(&self) -> Arc<Anomalies> {
        Arc::clone(&self.anomalies)
    }

    /// For what must be done while no sink is in the middle of a batch.
    pub fn pausa(&self) -> Pausa {
        Pausa(Arc::clone(&self.shared))
    }

    /// Stops after the batches in hand; what was applied stays, the rest is read at the next start.
    pub async fn stop(mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        for handle in self.handles.iter() {
            handle.stop().await;
        }
        // An error says that the supervisor is already dead.
        let _ = self.supervisor.stop_and_wait(None, None).await;
        if let Some(watcher) = self.watcher.take() {
            let _ = tokio::task::spawn_blocking(move || watcher.join()).await;
        }
    }
}

impl Drop for ProjectionRunner {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Holds the running sinks between two batches.
#[derive(Clone)]
pub struct Pausa(Arc<Shared>);

impl Pausa {
    /// Does something while no batch is in hand. When it worked, every sink takes its rows and positions from the tables again.
    ///
    /// # Errors
    /// What it failed of.
    pub fn mientras<T, E>(&self, hacer: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let _nobody = self.0.batches.write().unwrap_or_else(PoisonError::into_inner);
        let hecho = hacer()?;
        self.0.changes.fetch_add(1, Ordering::Release);
        Ok(hecho)
    }
}

/// All sinks without their actors and threads, a batch at a time: for whoever keeps the time himself, as the simulator.
pub struct Sinks {
    shared: Arc<Shared>,
    sinks: Vec<PartitionSink>,
}

impl Sinks {
    /// Declares the tables and resumes every sink where its rows are.
    ///
    /// # Errors
    /// Of the tables.
    pub fn open(
        log: Arc<dyn Log>,
        tables: Arc<dyn Tables>,
        decoder: Arc<dyn Decoder>,
        options: RunnerOptions,
    ) -> Result<Self, SinkError> {
        declare(&*tables, &options.projections)?;
        let partitions = partitions_of(&*log, &options.projections);
        let shared = Arc::new(Shared {
            log,
            tables,
            decoder,
            progress: Progress::new(Vec::new()),
            anomalies: Anomalies::new(),
            options,
            stopping: AtomicBool::new(false),
            batches: RwLock::default(),
            changes: AtomicU64::new(0),
        });
        let open = |partition: TopicPartition| {
            let of_topic = |spec: &&&'static ProjectionSpec| spec.topics.contains(&partition.topic);
            let specs: Vec<_> = shared.options.projections.iter().filter(of_topic).copied().collect();
            PartitionSink::open(partition, &specs, Arc::clone(&shared))
        };
        let sinks = partitions.into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { shared, sinks })
    }

    /// Number of sinks: one for each partition that a projection reads.
    pub fn len(&self) -> usize {
        self.sinks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    /// Applies the next batch of a sink; `false` when it had nothing to read.
    ///
    /// # Errors
    /// Of log or tables: the next step tries the batch again.
    pub fn step(&mut self, sink: usize) -> Result<bool, SinkError> {
        Ok(self.sinks[sink].step()? == Step::Applied)
    }

    pub fn anomalies(&self) -> &Anomalies {
        &self.shared.anomalies
    }
}

/// Declares the tables of projections; also for queries over tables at rest.
///
/// # Errors
/// Of the tables.
pub fn declare(tables: &dyn Tables, projections: &[&'static ProjectionSpec]) -> Result<(), TablesError> {
    let all: Vec<_> = projections.iter().flat_map(|spec| spec.tables.iter().copied()).collect();
    tables.declare(&all)
}

/// Empties a projection, so that the next start builds it again from the first record. Only while no sink runs.
///
/// # Errors
/// `UnknownProjection`; of the tables.
pub fn clear(tables: &dyn Tables, name: &str) -> Result<(), RunnerError> {
    let spec = proyeccion(name).ok_or_else(|| RunnerError::UnknownProjection(name.to_owned()))?;
    tables.declare(spec.tables)?;
    Ok(tables.clear(spec.tables, spec.name)?)
}

fn partitions_of(log: &dyn Log, projections: &[&'static ProjectionSpec]) -> Vec<TopicPartition> {
    let mut topics: Vec<_> = projections.iter().flat_map(|spec| spec.topics.iter().copied()).collect();
    topics.sort_unstable();
    topics.dedup();
    all_partitions(log, topics)
}

fn runtime(worker_threads: usize) -> Result<Runtime, RunnerError> {
    let next = AtomicUsize::new(0);
    Builder::new_multi_thread()
        .worker_threads(worker_threads.clamp(1, 64))
        .thread_name_fn(move || format!("proy-{}", next.fetch_add(1, Ordering::Relaxed)))
        .enable_time()
        .build()
        .map_err(|e| RunnerError::Threads(e.to_string()))
}

/// Starts the supervisor on the sinks' own runtime and waits for it there: the caller may be on another one.
fn spawn_supervisor(
    runtime: &Runtime,
    handles: &Arc<[Arc<SinkHandle>]>,
    shared: &Arc<Shared>,
) -> Result<ActorRef<SupervisorMsg>, RunnerError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let arguments = (Arc::clone(handles), Arc::clone(shared));
    runtime.spawn(async move {
        let spawned = Actor::spawn(None, SupervisorActor, arguments).await;
        let _ = sender.send(spawned.map(|(actor, _)| actor).map_err(|e| e.to_string()));
    });
    let spawned = receiver.recv().map_err(|e| RunnerError::Threads(e.to_string()))?;
    spawned.map_err(RunnerError::Threads)
}
