//! Putting a node together, from the bottom up.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use prometheus::IntCounter;
use ractor::Actor;
use tokio::{runtime::Runtime, sync::watch};

use super::{
    Node, NodeError, NodeOptions,
    auditoria::AuditoriaDeConsultas,
    carpeta::Carpeta,
    lecturas::LecturasDeProyecciones,
    salud::SaludDelNodo,
    siembra,
    supervisor::{HttpTask, NodeSupervisor, Parts},
    verificacion::Verificador,
};
use crate::{
    contracts::{Codec, EmbeddedRegistry},
    engine::{
        Engine, EngineOptions,
        core::CoreLimits,
        shell::{metrics::EngineMetrics, processor::EpochLimits, supervisor::StoreFactory},
        store::{StateStore, StoreError},
    },
    http::{self, AppState, Partes, lecturas::Lecturas},
    log::{
        Log,
        embedded::{EmbeddedLog, EmbeddedLogOptions},
    },
    projections::{Consultas, DelRegistro, Progress, ProjectionRunner, RunnerOptions, runner},
    tables::{
        Tables,
        embedded::{EmbeddedTables, EmbeddedTablesOptions},
        kv::KvStore,
    },
};

/// Name of this node on its log.
const NODE: &str = "nodo-1";
/// Block cache of the local store: aggregates come from it one by one.
const STATE_CACHE_BYTES: u64 = 16 << 20;
/// What an active aggregate weighs, about: the memory budget is turned into a number of actors with it.
const BYTES_PER_ACTOR: usize = 2_048;

pub(super) fn start(options: NodeOptions) -> Result<Node, NodeError> {
    // The port first: it fails at once and leaves nothing behind.
    let listener = options.http.map(bind).transpose()?;
    let carpeta = Carpeta::abrir(&options.carpeta, options.particiones)?;
    let registry = prometheus::Registry::new();
    let codec = open_codec(&carpeta)?;
    let log = open_log(&carpeta, &options)?;
    let fresh = !siembra::sembrado(&*log).map_err(almacen)?;
    let runtime = runtime()?;
    let emisor = Arc::new(options.emisor.clone());
    let engine = runtime.block_on(Engine::start(EngineOptions {
        log: Arc::clone(&log),
        store: store_factory(carpeta.estado()),
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
        node: NODE.to_owned(),
        reply_partition: 0,
        max_waiting: options.max_en_curso as u64,
    }));
    let engine = engine.map_err(|e| NodeError::Motor(e.to_string()))?;
    let tables = open_tables(&carpeta)?;
    let (runner, consultas) = open_reads(Arc::clone(&tables), &options, &log, &codec)?;
    let progress = Arc::clone(consultas.progress());
    let lecturas: Arc<dyn Lecturas> =
        Arc::new(LecturasDeProyecciones { consultas: consultas.clone(), runtime: runtime.handle().clone() });
    let (gateway, phase) = (engine.gateway(), engine.phase());
    let (seeded, ready) = watch::channel(!fresh);
    let mut parts =
        Parts { engine: Some(engine), http: None, runner, audit: None, log: Arc::clone(&log), clock: Arc::clone(&options.clock) };
    let mut address = None;
    if let Some(listener) = listener {
        let salud = SaludDelNodo {
            phase: phase.clone(),
            progress: Arc::clone(&progress),
            log: Arc::clone(&log),
            clock: Arc::clone(&options.clock),
            reloj_fijo: options.reloj_fijo,
            ready,
        };
        let audit = start_audit(&log, &codec, &options, &registry)?;
        let verificador = Verificador::en_marcha(
            Arc::clone(&log),
            Arc::clone(&codec),
            Arc::clone(&emisor),
            options.proyecciones.then(|| Arc::clone(&tables)),
        );
        let partes = Partes {
            gateway: Arc::clone(&gateway),
            lecturas: Arc::clone(&lecturas),
            clock: Arc::clone(&options.clock),
            ids: Arc::clone(&options.ids),
            health: Arc::new(salud),
            registry: registry.clone(),
            opciones: options.http_opciones.clone(),
            log: Some(Arc::clone(&log)),
            auditoria: Some(Arc::clone(&audit) as Arc<dyn http::QueryAudit>),
            verificacion: Some(verificador.puerta()),
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
        carpeta: Some(carpeta),
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

pub(super) fn open_codec(carpeta: &Carpeta) -> Result<Arc<Codec>, NodeError> {
    let registry = EmbeddedRegistry::open(&carpeta.esquemas()).map_err(almacen)?;
    Ok(Arc::new(Codec::new(&registry).map_err(almacen)?))
}

pub(super) fn open_log(carpeta: &Carpeta, options: &NodeOptions) -> Result<Arc<dyn Log>, NodeError> {
    let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
    let log = EmbeddedLog::open(
        &carpeta.registro(),
        EmbeddedLogOptions {
            partitions: options.particiones,
            command_retention: micros(options.retencion_comandos),
            reply_retention: micros(options.retencion_respuestas),
            cache_bytes: usize::try_from(options.cache_bytes / 2).unwrap_or(usize::MAX),
            store_cache_bytes: options.cache_bytes / 2,
            ..EmbeddedLogOptions::default()
        },
    );
    Ok(log.map_err(almacen)?)
}

fn store_factory(dir: PathBuf) -> StoreFactory {
    Arc::new(move |again| {
        let failed = |e: crate::tables::kv::KvError| StoreError::Storage(e.to_string());
        if again {
            KvStore::destroy(&dir).map_err(failed)?;
        }
        let store = KvStore::open(&dir, STATE_CACHE_BYTES).map_err(failed)?;
        Ok(Arc::new(store) as Arc<dyn StateStore>)
    })
}

pub(super) fn open_tables(carpeta: &Carpeta) -> Result<Arc<dyn Tables>, NodeError> {
    Ok(EmbeddedTables::open(&carpeta.tablas(), EmbeddedTablesOptions::default()).map_err(almacen)?)
}

/// The tables with their sinks, or at rest, and the queries over them.
fn open_reads(
    tables: Arc<dyn Tables>,
    options: &NodeOptions,
    log: &Arc<dyn Log>,
    codec: &Arc<Codec>,
) -> Result<(Option<ProjectionRunner>, Consultas), NodeError> {
    let decoder = Arc::clone(codec) as Arc<dyn crate::projections::Decoder>;
    let (runner, progress) = if options.proyecciones {
        let limits = RunnerOptions {
            worker_threads: options.hilos_proyecciones,
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
    Ok((runner, consultas))
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
