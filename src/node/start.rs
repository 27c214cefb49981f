//! Putting a node together, from the bottom up.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::{self, JoinHandle},
};

use prometheus::IntCounter;
use ractor::Actor;
use tokio::{runtime::Runtime, sync::watch};

use super::{
    Node, NodeError, NodeOptions,
    apertura::LecturasEnApertura,
    auditoria::AuditoriaDeConsultas,
    carpeta::Carpeta,
    dlq::Dlq,
    esquemas,
    lecturas::{LecturasDeProyecciones, SinConsultas},
    metricas::{self, Retrasos, Turnos},
    registro,
    retraso::Medidor,
    salud::SaludDelNodo,
    sellos::{self, Claves, Pruebas, Sellador, TABLAS},
    siembra,
    supervisor::{HttpTask, NodeSupervisor, Parts},
    supresiones::{self, Supresor},
    tablas::{self, Abiertas},
    verificacion::Verificador,
};
use crate::{
    audit::cadena::Almacen,
    contracts::Codec,
    engine::{
        Engine, EngineOptions,
        core::CoreLimits,
        lane::EpochLimits,
        routing::partition_for,
        shell::{metrics::EngineMetrics, supervisor::StoreFactory},
        store::{StateStore, StoreError},
    },
    http::{self, AppState, Partes, lecturas::Lecturas},
    log::{Log, Topic, TopicPartition},
    projections::{
        Consultas, DelRegistro, Progress, ProjectionRunner, RunnerOptions, auditoria::TABLAS_DE_CADENA, copias::Copias,
        reconstruccion::Medios, runner,
    },
    tables::{
        Tables,
        kv::{KvError, KvStore},
        memory::MemoryTables,
    },
};

/// Block cache of the local store: aggregates come from it one by one.
const STATE_CACHE_BYTES: u64 = 16 << 20;
/// What an active aggregate weighs, about: the memory budget is turned into a number of actors with it.
const BYTES_PER_ACTOR: usize = 2_048;

pub(super) fn start(options: NodeOptions) -> Result<Node, NodeError> {
    options.papeles.revisar(options.kafka.is_none(), options.tablas.is_none()).map_err(NodeError::Papeles)?;
    // The port first: it fails at once and leaves nothing behind.
    let listener = options.http.map(bind).transpose()?;
    let carpeta = Carpeta::abrir(&options.carpeta, options.particiones)?;
    let registry = prometheus::Registry::new();
    // The three stores wait for the disk, and none for another: they open at the same time.
    let state = open_if(options.papeles.procesador, "abre-estado", carpeta.estado(), open_state)?;
    let ajustes = options.tablas.clone();
    let open_tables = move |dir: &Path| tablas::abrir(dir, ajustes.as_ref());
    let tables = open_if(has_tables(&options), "abre-tablas", carpeta.tablas(), open_tables)?;
    // The log first: it knows whether the folder is its own.
    let log = registro::open_log(&carpeta, &options)?;
    let (codec, vigia) = esquemas::abrir(&carpeta, &options, &log, &registry)?;
    let claves = match has_tables(&options) && options.sellos.activos {
        true => sellos::claves(&options, || hay_sellos(&*log))?,
        false => None,
    };
    let fresh = !siembra::sembrado(&*log).map_err(almacen)?;
    let runtime = runtime()?;
    let emisor = Arc::new(options.emisor.clone());
    let engine = runtime.block_on(Engine::start(EngineOptions {
        log: Arc::clone(&log),
        store: store_factory(carpeta.estado(), state),
        codec: Arc::clone(&codec),
        emisor: Arc::clone(&emisor),
        clock: Arc::clone(&options.clock),
        metrics: Arc::new(EngineMetrics::new(&registry).map_err(interno)?),
        epoch: EpochLimits {
            max_inputs: u32::try_from(options.epoca_max_registros).unwrap_or(u32::MAX),
            max_bytes: options.epoca_max_bytes,
            ..EpochLimits::default()
        },
        core: CoreLimits {
            snapshot_every: u32::try_from(options.instantanea_cada).unwrap_or(u32::MAX),
            max_active: (options.memoria_bytes / BYTES_PER_ACTOR).max(1_024),
            ..CoreLimits::default()
        },
        node: options.nodo.clone(),
        reply_partition: reply_partition(&options, &*log),
        processor: options.papeles.procesador,
        max_waiting: options.max_en_curso as u64,
    }));
    let engine = engine.map_err(|e| NodeError::Motor(e.to_string()))?;
    let (gateway, phase) = (engine.gateway(), engine.phase());
    // Whoever decides also makes what every installation starts with.
    let fresh = fresh && options.papeles.procesador;
    let (seeded, ready) = watch::channel(!fresh);
    let cartas_muertas = Arc::new(Dlq {
        log: Arc::clone(&log),
        codec: Arc::clone(&codec),
        gateway: Arc::clone(&gateway),
        clock: Arc::clone(&options.clock),
        ids: Arc::clone(&options.ids),
        emisor: Arc::clone(&emisor),
        handle: runtime.handle().clone(),
    });
    let mut parts = Parts {
        engine: Some(engine),
        http: None,
        runner: None,
        turnos: None,
        audit: None,
        sellador: None,
        reconstrucciones: Arc::default(),
        log: Arc::clone(&log),
        clock: Arc::clone(&options.clock),
    };
    let (opening, known_progress) = (Arc::new(LecturasEnApertura::default()), Arc::new(OnceLock::new()));
    let (known_tables, known_turns) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
    let lags = Retrasos::new(Arc::clone(&log), Arc::clone(&options.clock), Arc::clone(&known_progress)).map_err(interno)?;
    registry.register(Box::new(lags)).map_err(interno)?;
    metricas::registrar_version(&registry).map_err(interno)?;
    if has_sinks(&options) && options.tablas.is_some() {
        registry.register(Box::new(Turnos::new(Arc::clone(&known_turns)).map_err(interno)?)).map_err(interno)?;
    }
    let mut address = None;
    if let Some(listener) = listener {
        let salud = SaludDelNodo {
            phase: phase.clone(),
            medidor: Medidor::empezar(Arc::clone(&log), Arc::clone(&options.clock), Arc::clone(&known_progress))
                .map_err(interno)?,
            clock: Arc::clone(&options.clock),
            nodo: options.nodo.clone(),
            papeles: options.papeles,
            reloj_fijo: options.reloj_fijo,
            ready,
            turnos: Arc::clone(&known_turns),
        };
        let audit = start_audit(&log, &codec, &options, &registry)?;
        let verificador =
            Verificador::en_marcha(Arc::clone(&log), Arc::clone(&codec), Arc::clone(&emisor), Arc::clone(&known_tables));
        let partes = Partes {
            gateway: Arc::clone(&gateway),
            lecturas: Arc::clone(&opening) as Arc<dyn Lecturas>,
            clock: Arc::clone(&options.clock),
            ids: Arc::clone(&options.ids),
            health: Arc::new(salud),
            registry: registry.clone(),
            opciones: http::Opciones {
                api: options.papeles.api,
                olvida: codec.boveda().is_some(),
                ..options.http_opciones.clone()
            },
            log: Some(Arc::clone(&log)),
            auditoria: Some(Arc::clone(&audit) as Arc<dyn http::QueryAudit>),
            verificacion: Some(verificador.puerta()),
            verificacion_de_sellos: claves.as_ref().map(|claves| verificacion_de_sellos(&log, &codec, claves, &known_tables)),
            dlq: Some(Arc::clone(&cartas_muertas) as Arc<dyn http::CartasMuertas>),
            proyecciones: Some(Arc::clone(&parts.reconstrucciones) as Arc<dyn http::Proyecciones>),
        };
        let state = AppState::new(partes).map_err(interno)?;
        address = Some(listener.local_addr().map_err(interno)?);
        // A fresh folder takes no request before its branch and its ranges exist; connections wait in the system's queue.
        if fresh {
            seed(&runtime, &parts, &gateway)?;
        }
        parts.http = Some(serve(&runtime, listener, state)?);
        parts.audit = Some(audit);
        carpeta.anunciar(address)?;
        wait_ready(&runtime, &parts)?;
    } else {
        wait_ready(&runtime, &parts)?;
        if fresh {
            seed(&runtime, &parts, &gateway)?;
        }
    }
    seeded.send_replace(true);
    let own_tables = tables.map(Opening::opened).transpose()?.transpose()?;
    let in_memory = || Abiertas { copias: Copias::propias(Arc::new(MemoryTables::default())), turnos: None };
    let Abiertas { copias, turnos } = own_tables.unwrap_or_else(in_memory);
    let tables = copias.en_uso();
    if has_sinks(&options) {
        // Only this start sets it.
        let _ = known_tables.set(Arc::clone(&tables));
        parts.turnos = turnos.clone();
    }
    if let (Some(turnos), Some(alimentador)) = (parts.turnos.clone(), tablas::alimentador(&carpeta, &options)?) {
        turnos.start(alimentador);
        let _ = known_turns.set(turnos);
    }
    let pruebas = claves.as_ref().map(|claves| pruebas(&log, &codec, claves, &tables));
    let supresor = start_supresor(&options, &codec, &tables, &registry)?;
    let (runner, consultas) = open_reads(&options, tables, &log, &codec)?;
    if let Some(runner) = &runner {
        parts.reconstrucciones.abrir(Medios {
            log: Arc::clone(&log),
            copias,
            decoder: Arc::clone(&codec) as Arc<dyn crate::projections::Decoder>,
            sumideros: Some(runner.pausa()),
        });
    }
    parts.runner = runner;
    if let (Some(claves), Some(pruebas)) = (&claves, &pruebas) {
        pruebas.almacen.tablas.declare(TABLAS_DE_CADENA).map_err(almacen)?;
        if has_sinks(&options) {
            let medios = sellos::medios(&options, &log, &codec, claves, pruebas.almacen.clone());
            let metricas = sellos::Metricas::new(&registry).map_err(interno)?;
            parts.sellador = Some(Sellador::empezar(medios, metricas).map_err(interno)?);
        }
    }
    let progress = Arc::clone(consultas.progress());
    let lecturas: Arc<dyn Lecturas> = if has_tables(&options) {
        Arc::new(LecturasDeProyecciones { consultas: consultas.clone(), runtime: runtime.handle().clone(), pruebas })
    } else {
        Arc::new(SinConsultas)
    };
    // Only this start sets it.
    let _ = known_progress.set(Arc::clone(&progress));
    opening.abrir(Arc::clone(&lecturas));
    let supervisor = runtime.block_on(Actor::spawn(None, NodeSupervisor, parts)).map_err(interno)?.0;
    Ok(Node {
        handle: runtime.handle().clone(),
        runtime: Some(runtime),
        supervisor,
        gateway,
        log,
        codec,
        consultas,
        lecturas,
        progress,
        phase,
        registry,
        clock: options.clock,
        ids: options.ids,
        emisor,
        address,
        fresh,
        cartas_muertas,
        _vigia: vigia,
        _supresor: supresor,
        carpeta: Some(carpeta),
    })
}

/// Whether the log has seals of the audit. One that does not answer may have some.
fn hay_sellos(log: &dyn Log) -> bool {
    let particiones: Vec<_> =
        (0..log.partitions(Topic::AuditoriaSellos)).map(|n| TopicPartition::new(Topic::AuditoriaSellos, n)).collect();
    log.stable_ends(&particiones).map_or(true, |fines| fines.into_iter().any(|fin| fin > 0))
}

/// Whoever feeds the tables destroys the keys that their clients asked to destroy.
fn start_supresor(
    options: &NodeOptions,
    codec: &Codec,
    tablas: &Arc<dyn Tables>,
    registry: &prometheus::Registry,
) -> Result<Option<Supresor>, NodeError> {
    let Some(boveda) = codec.boveda().filter(|_| has_sinks(options)) else { return Ok(None) };
    let medios = supresiones::Medios {
        boveda: Arc::clone(boveda),
        tablas: Arc::clone(tablas),
        clock: Arc::clone(&options.clock),
        conservar_anos: options.datos_personales.conservar_anos,
    };
    Supresor::empezar(medios, registry).map(Some).map_err(interno)
}

fn pruebas(log: &Arc<dyn Log>, codec: &Arc<Codec>, claves: &Claves, tables: &Arc<dyn Tables>) -> Pruebas {
    Pruebas {
        log: Arc::clone(log),
        codec: Arc::clone(codec),
        almacen: Almacen { tablas: Arc::clone(tables), nombres: TABLAS },
        llavero: claves.llavero.clone(),
    }
}

/// The door that the API opens to the verification of the seals, once the tables are there.
fn verificacion_de_sellos(
    log: &Arc<dyn Log>,
    codec: &Arc<Codec>,
    claves: &Claves,
    known_tables: &Arc<OnceLock<Arc<dyn Tables>>>,
) -> http::VerificacionDeSellos {
    let (log, codec, claves, tables) = (Arc::clone(log), Arc::clone(codec), claves.clone(), Arc::clone(known_tables));
    Arc::new(move || {
        let tables = tables.get().ok_or("este proceso no alimenta las tablas de la auditoría, o todavía se están abriendo")?;
        pruebas(&log, &codec, &claves, tables).verificar().map_err(|e| e.to_string())
    })
}

fn bind(direccion: SocketAddr) -> Result<TcpListener, NodeError> {
    let fallo = |e: std::io::Error| {
        let causa = match e.kind() {
            std::io::ErrorKind::AddrInUse => "otro programa usa ese puerto".to_owned(),
            std::io::ErrorKind::PermissionDenied => "no hay permiso para usar ese puerto".to_owned(),
            std::io::ErrorKind::AddrNotAvailable => "esta máquina no tiene esa dirección".to_owned(),
            _ => e.to_string(),
        };
        NodeError::Puerto { direccion, causa }
    };
    let listener = TcpListener::bind(direccion).map_err(fallo)?;
    listener.set_nonblocking(true).map_err(fallo)?;
    Ok(listener)
}

/// A store that opens on a thread of its own. Dropped, it waits for it, so that a start that failed leaves no folder taken.
struct Opening<T>(Option<JoinHandle<T>>);

impl<T: Send + 'static> Opening<T> {
    fn start(name: &str, open: impl FnOnce() -> T + Send + 'static) -> Result<Self, NodeError> {
        Ok(Self(Some(thread::Builder::new().name(name.to_owned()).spawn(open).map_err(interno)?)))
    }
}

impl<T> Opening<T> {
    fn opened(mut self) -> Result<T, NodeError> {
        let failed = || NodeError::Interno("un hilo terminó con un fallo al abrir los almacenes".to_owned());
        self.0.take().and_then(|thread| thread.join().ok()).ok_or_else(failed)
    }
}

impl<T> Drop for Opening<T> {
    fn drop(&mut self) {
        // Whoever drops it has an error of its own to tell.
        let _ = self.0.take().map(JoinHandle::join);
    }
}

/// Starts to open a store that a role needs.
fn open_if<T: Send + 'static>(
    needed: bool,
    thread: &str,
    dir: PathBuf,
    open: impl FnOnce(&Path) -> T + Send + 'static,
) -> Result<Option<Opening<T>>, NodeError> {
    needed.then(|| Opening::start(thread, move || open(&dir))).transpose()
}

/// Tables of the folder are of the process that feeds them; those of a database, also of one that only answers.
fn has_tables(options: &NodeOptions) -> bool {
    options.papeles.proyecciones || (options.papeles.api && options.tablas.is_some())
}

fn has_sinks(options: &NodeOptions) -> bool {
    options.papeles.proyecciones && options.proyecciones
}

/// Where this process reads the outcomes of what it sends. Processes may share one: an outcome is told from another's by its command.
fn reply_partition(options: &NodeOptions, log: &dyn Log) -> u16 {
    match options.kafka {
        Some(_) => partition_for(options.nodo.as_bytes(), log.partitions(Topic::Respuestas)),
        None => 0,
    }
}

fn open_state(dir: &Path) -> Result<KvStore, KvError> {
    KvStore::open(dir, STATE_CACHE_BYTES)
}

/// Answers the store that is already being opened first, and opens it anew from then on.
fn store_factory(dir: PathBuf, first: Option<Opening<Result<KvStore, KvError>>>) -> StoreFactory {
    let first = Mutex::new(first);
    Arc::new(move |again| {
        let failed = |e: KvError| StoreError::Storage(e.to_string());
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let opened = first.map(|first| first.opened().map_err(|e| StoreError::Storage(e.to_string()))).transpose()?;
        let store = match opened {
            Some(opened) if !again => opened,
            unwanted => {
                // It holds the folder.
                drop(unwanted);
                if again {
                    KvStore::destroy(&dir).map_err(failed)?;
                }
                open_state(&dir)
            }
        };
        Ok(Arc::new(store.map_err(failed)?) as Arc<dyn StateStore>)
    })
}

/// The tables with their sinks, or at rest, and the queries over them.
fn open_reads(
    options: &NodeOptions,
    tables: Arc<dyn Tables>,
    log: &Arc<dyn Log>,
    codec: &Arc<Codec>,
) -> Result<(Option<ProjectionRunner>, Consultas), NodeError> {
    let decoder = Arc::clone(codec) as Arc<dyn crate::projections::Decoder>;
    let (runner, progress) = if has_sinks(options) {
        let limits = RunnerOptions {
            worker_threads: options.hilos_proyecciones,
            patient: options.tablas.is_some(),
            clock: Arc::clone(&options.clock),
            ..RunnerOptions::default()
        };
        let runner =
            ProjectionRunner::start(Arc::clone(log), Arc::clone(&tables), Arc::clone(&decoder), limits).map_err(almacen)?;
        let progress = runner.progress();
        (Some(runner), progress)
    } else {
        runner::declare(&*tables, runner::PROYECCIONES).map_err(almacen)?;
        (None, Progress::at_rest())
    };
    let registros = Arc::new(DelRegistro(Arc::clone(log)));
    let consultas =
        Consultas::new(tables, decoder, registros, progress).con_reloj(Arc::clone(&options.clock), options.emisor.vender_vencidos);
    let de_otro = !has_sinks(options) && options.tablas.is_some();
    Ok((runner, if de_otro { consultas.de_otro_proceso() } else { consultas }))
}

fn start_audit(
    log: &Arc<dyn Log>,
    codec: &Arc<Codec>,
    options: &NodeOptions,
    registry: &prometheus::Registry,
) -> Result<Arc<AuditoriaDeConsultas>, NodeError> {
    let lost =
        IntCounter::new("factumarket_audit_queries_lost_total", "Consultas que no cupieron en la auditoría").map_err(interno)?;
    registry.register(Box::new(lost.clone())).map_err(interno)?;
    let (log, codec) = (Arc::clone(log), Arc::clone(codec));
    let (clock, ids) = (Arc::clone(&options.clock), Arc::clone(&options.ids));
    AuditoriaDeConsultas::start(log, codec, clock, ids, options.consultas_auditadas, lost).map_err(interno)
}

fn serve(runtime: &Runtime, listener: TcpListener, state: Arc<AppState>) -> Result<HttpTask, NodeError> {
    let _inside = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener).map_err(interno)?;
    let (shutdown, mut asked) = watch::channel(false);
    let until = async move {
        // The sender lives as long as the node; its loss is a stop as well.
        let _ = asked.wait_for(|stop| *stop).await;
    };
    Ok(HttpTask { shutdown, task: runtime.spawn(http::serve(state, listener, until)) })
}

fn wait_ready(runtime: &Runtime, parts: &Parts) -> Result<(), NodeError> {
    match &parts.engine {
        Some(engine) => runtime.block_on(engine.ready()).map_err(NodeError::Motor),
        None => Ok(()),
    }
}

fn seed(runtime: &Runtime, parts: &Parts, gateway: &Arc<dyn crate::engine::gateway::Gateway>) -> Result<(), NodeError> {
    wait_ready(runtime, parts)?;
    runtime.block_on(siembra::sembrar(gateway)).map_err(|causa| NodeError::Motor(format!("no se pudo crear lo inicial: {causa}")))
}

fn runtime() -> Result<Runtime, NodeError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(64)
        .thread_name("nodo")
        .enable_all()
        .build()
        .map_err(interno)
}

pub(super) fn almacen(error: impl std::fmt::Display) -> NodeError {
    NodeError::Almacen(error.to_string())
}

fn interno(error: impl std::fmt::Display) -> NodeError {
    NodeError::Interno(error.to_string())
}
