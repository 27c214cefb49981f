//! The sinks end to end over the embedded log and tables.

#[path = "proyecciones_sumideros/por_partes.rs"]
mod por_partes;
mod proyecciones_comun;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use factumarket::{
    contracts::{Boveda, BovedaEnMemoria, Clave, Codec, ErrorBoveda, EstadoClave, EtapaDlq},
    domain::{Contexto, TipoAgregado},
    log::{Log, Topic, TopicPartition, embedded::EmbeddedLog},
    projections::{
        Consultas, DelRegistro, FiltroFacturas, PROYECCIONES, Pagina, Progress, ProjectionRunner, ProjectionSpec, RunnerOptions,
        projection::{Entry, Projection, RowReader},
        runner,
    },
    tables::{
        Row, SinkPosition, Tables, TablesError, Write,
        embedded::{EmbeddedTables, EmbeddedTablesOptions},
        layer::Layer,
    },
};
use proyecciones_comun::{
    PARTICIONES, codec, escribir,
    memoria::{Memoria, diferencia},
    mundo::{Mundo, dia, id},
    registro,
};

const ESPERA: Duration = Duration::from_secs(20);

/// The durable end of every partition that something was written to.
fn finales(log: &dyn Log, mundo: &Mundo) -> Vec<(TopicPartition, u64)> {
    let mut particiones: Vec<_> = mundo.records.iter().map(|(p, _)| *p).collect();
    particiones.sort_unstable();
    particiones.dedup();
    particiones.into_iter().map(|p| (p, log.watermarks(p).unwrap().stable)).collect()
}

/// A process that only answers reads its own writes from tables that another one feeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_feed_the_tables_waits_for_whoever_does() {
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(&carpeta.path().join("registro")));
    let tables = EmbeddedTables::open(&carpeta.path().join("tablas"), EmbeddedTablesOptions::default()).unwrap();
    runner::declare(&*tables, PROYECCIONES).unwrap();
    let registros = Arc::new(DelRegistro(log.clone()));
    let consultas = Consultas::new(tables.clone(), codec.clone(), registros, Progress::at_rest()).de_otro_proceso();
    let mut mundo = Mundo::new(codec.clone());
    mundo.crear_cliente("C1");
    escribir(&*log, &mundo.records);
    let finales = finales(&*log, &mundo);
    assert!(!consultas.esperar_version(TipoAgregado::Cliente, &id("C1"), 1, Duration::from_millis(60)).await);
    assert!(!consultas.esperar_posiciones(&finales, Duration::from_millis(60)).await);
    let cliente = id("C1");
    let version = consultas.esperar_version(TipoAgregado::Cliente, &cliente, 1, ESPERA);
    let posiciones = consultas.esperar_posiciones(&finales, ESPERA);
    let alimenta = async { ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), RunnerOptions::default()).unwrap() };
    let (version, posiciones, runner) = tokio::join!(version, posiciones, alimenta);
    assert!(version && posiciones);
    runner.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_is_queried_from_every_side_a_moment_after_it_is_on_the_log() {
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(&carpeta.path().join("registro")));
    let tables = EmbeddedTables::open(&carpeta.path().join("tablas"), EmbeddedTablesOptions::default()).unwrap();
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), RunnerOptions::default()).unwrap();
    let consultas = Consultas::new(tables.clone(), codec.clone(), Arc::new(DelRegistro(log.clone())), runner.progress());
    let mut mundo = Mundo::new(codec.clone());
    mundo.crear_cliente("C1");
    mundo.crear_producto("P1");
    mundo.entrada("P1:PRINCIPAL", 10, 500, dia(0), None);
    mundo.entrada("P2:PRINCIPAL", 5, 700, dia(0), None);
    assert!(mundo.emitir("FA", "C1", &[("P1:PRINCIPAL", 4), ("P2:PRINCIPAL", 1)], dia(0)));
    mundo.rechazo(TipoAgregado::Cliente, "C1", "otra-vez");
    mundo.consulta(Some("FA"));
    escribir(&*log, &mundo.records);
    assert!(consultas.esperar_version(TipoAgregado::Factura, &id("FA"), 1, ESPERA).await);
    assert!(consultas.esperar_posiciones(&finales(&*log, &mundo), ESPERA).await);

    let factura = consultas.factura(&id("FA")).unwrap().unwrap();
    assert_eq!(factura["estado"], "EMITIDA");
    assert_eq!(factura["numero"], "F1");
    assert_eq!(factura["total"], "5950.00");
    assert_eq!(factura["impuestos"], "950.00");
    assert_eq!(factura["cliente"]["nombre"], "C1");
    assert_eq!(factura["grupos"][0]["lotes"][0]["lote_id"], "L-1");
    let stock = consultas.stock(&id("P1"), &id("PRINCIPAL")).unwrap().unwrap();
    assert_eq!((&stock["stock"], &stock["reservado"], &stock["disponible"]), (&"6".into(), &"0".into(), &"6".into()));
    assert_eq!(stock["valor"], "30");
    assert_eq!(stock["lotes"].as_array().unwrap().len(), 1);
    let movimientos = consultas.movimientos(&id("P1"), &id("PRINCIPAL"), &Pagina::default()).unwrap();
    let saldos: Vec<_> = movimientos.items.iter().map(|m| (m["saldo"].as_str(), m["valor_saldo"].as_str())).collect();
    assert_eq!(saldos, [(Some("10"), Some("50")), (Some("6"), Some("30"))]);
    let lista = consultas.facturas(&FiltroFacturas::default(), &Pagina::default()).unwrap();
    assert_eq!(lista.items.len(), 1);
    assert_eq!(lista.items[0]["numero"], "F1");
    assert_eq!(consultas.comando(&id("FA")).unwrap().unwrap()["estado"], "ACEPTADO");
    assert_eq!(consultas.comando(&id("otra-vez")).unwrap().unwrap()["errores"][0]["regla"], "YaExiste");
    assert_eq!(consultas.numeracion().unwrap()[0]["siguiente"], 2);
    let historia = consultas.auditoria_de_factura(&id("FA"), &Pagina::default()).unwrap();
    let eventos: Vec<_> = historia.items.iter().map(|r| r["evento"].as_str().unwrap().to_owned()).collect();
    assert_eq!(eventos, ["StockReducido", "StockReducido", "NumeroAsignado", "FacturaEmitida", "ConsultaRealizada"]);
    assert_eq!(historia.items[3]["payload"]["total"], "5950.00");
    let flujo = consultas.auditoria(Some(&id("flujo-FA")), None, None, &Pagina::default()).unwrap();
    assert_eq!(flujo.items.len(), 4);
    assert!(consultas.auditoria_de_factura(&id("no-existe"), &Pagina::default()).unwrap().items.is_empty());
    assert_eq!(runner.anomalies().holes(), 0);
    assert_eq!(runner.anomalies().poisoned(), 0);
    assert!(runner.progress().lag(&*log, factumarket::domain::valores::Instante(0)).unwrap().iter().all(|l| l.records == 0));
    runner.stop().await;
}

/// Sinks over tables in memory, fast to fail and to compare.
fn opciones() -> RunnerOptions {
    RunnerOptions {
        batch_records: 7,
        pace: Duration::ZERO,
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(4),
        ..RunnerOptions::default()
    }
}

fn mundo_mediano(codec: &Arc<Codec>) -> Mundo {
    let mut mundo = Mundo::new(codec.clone());
    mundo.crear_cliente("C1");
    mundo.entrada("P1:PRINCIPAL", 500, 500, dia(0), None);
    mundo.entrada("P2:PRINCIPAL", 500, 700, dia(0), None);
    for n in 0..60 {
        assert!(mundo.emitir(&format!("f{n}"), "C1", &[("P1:PRINCIPAL", 4), ("P2:PRINCIPAL", 1)], dia(n % 3)));
        if n % 7 == 0 {
            mundo.rechazar(&format!("r{n}"), "C1", dia(0));
            mundo.consulta(Some(&format!("f{n}")));
        }
    }
    mundo
}

/// The rows of an undisturbed run.
async fn referencia(log: &Arc<EmbeddedLog>, codec: &Arc<Codec>, mundo: &Mundo) -> Vec<(String, Vec<Row>)> {
    let tables = Arc::new(Memoria::default());
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), RunnerOptions::default()).unwrap();
    assert!(runner.progress().wait_positions(&finales(&**log, mundo), ESPERA).await);
    runner.stop().await;
    tables.volcado()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_fail_now_and_then_end_with_the_same_rows() {
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(carpeta.path()));
    let mundo = mundo_mediano(&codec);
    escribir(&*log, &mundo.records);
    let tables = Arc::new(Memoria::default());
    tables.fallos.store(25, Ordering::SeqCst);
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), opciones()).unwrap();
    assert!(runner.progress().wait_positions(&finales(&*log, &mundo), ESPERA).await);
    assert_eq!(runner.anomalies().failures(), 25);
    runner.stop().await;
    assert_eq!(diferencia(&tables.volcado(), &referencia(&log, &codec, &mundo).await), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_stopped_anywhere_and_taken_back_end_with_the_same_rows() {
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(carpeta.path()));
    let mundo = mundo_mediano(&codec);
    let tables = Arc::new(Memoria::default());
    for parte in mundo.records.chunks(mundo.records.len() / 6 + 1) {
        let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), opciones()).unwrap();
        escribir(&*log, parte);
        runner.stop().await;
        for (particion, _) in finales(&*log, &mundo) {
            for spec in PROYECCIONES.iter().filter(|s| s.topics.contains(&particion.topic)) {
                let next = tables.position(spec.name, particion).unwrap().unwrap_or(0);
                tables.retroceder(spec.name, particion, next.saturating_sub(next % 5));
            }
        }
    }
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), opciones()).unwrap();
    assert!(runner.progress().wait_positions(&finales(&*log, &mundo), ESPERA).await);
    runner.stop().await;
    assert_eq!(diferencia(&tables.volcado(), &referencia(&log, &codec, &mundo).await), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_projection_is_built_again_while_the_others_go_on() {
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(carpeta.path()));
    let mundo = mundo_mediano(&codec);
    let (antes, despues) = mundo.records.split_at(mundo.records.len() / 2);
    escribir(&*log, antes);
    let tables = Arc::new(Memoria::default());
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), opciones()).unwrap();
    let mitad: Vec<_> = finales(&*log, &mundo);
    assert!(runner.progress().wait_positions(&mitad, ESPERA).await);
    runner.stop().await;
    runner::clear(&*tables, "existencias").unwrap();
    assert!(runner::clear(&*tables, "no-existe").is_err());
    escribir(&*log, despues);
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), opciones()).unwrap();
    assert!(runner.progress().wait_positions(&finales(&*log, &mundo), ESPERA).await);
    runner.stop().await;
    assert_eq!(diferencia(&tables.volcado(), &referencia(&log, &codec, &mundo).await), None);
}

/// Keys that are away until they are back.
#[derive(Debug, Default)]
struct Lejana {
    claves: BovedaEnMemoria,
    presente: AtomicBool,
}

impl Boveda for Lejana {
    fn clave(&self, clave_id: &str) -> Result<EstadoClave, ErrorBoveda> {
        if self.presente.load(Ordering::SeqCst) { self.claves.clave(clave_id) } else { Err(ErrorBoveda("no responden".to_owned())) }
    }

    fn clave_o_nueva(&self, clave_id: &str) -> Result<Option<Arc<Clave>>, ErrorBoveda> {
        self.claves.clave_o_nueva(clave_id)
    }

    fn sincronizar(&self) -> Result<(), ErrorBoveda> {
        Ok(())
    }

    fn destruir(&self, clave_id: &str) -> Result<bool, ErrorBoveda> {
        self.claves.destruir(clave_id)
    }
}

/// Nothing is wrong with an event whose key cannot be had now: it is waited for, and nobody's dead letter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_waits_for_its_key() {
    let carpeta = tempfile::tempdir().unwrap();
    let (plain, log) = (codec(), registro(carpeta.path()));
    let boveda = Arc::new(Lejana::default());
    let sealing = Arc::new(Codec::clone(&plain).with_keys(Arc::clone(&boveda) as Arc<dyn Boveda>, true));
    let mundo = mundo_mediano(&sealing);
    escribir(&*log, &mundo.records);
    let tables = Arc::new(Memoria::default());
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), sealing.clone(), opciones()).unwrap();
    let limite = std::time::Instant::now() + ESPERA;
    while runner.anomalies().failures() < 3 {
        assert!(std::time::Instant::now() < limite);
        tokio::task::yield_now().await;
    }
    boveda.presente.store(true, Ordering::SeqCst);
    assert!(runner.progress().wait_positions(&finales(&*log, &mundo), ESPERA).await);
    assert_eq!(runner.anomalies().poisoned(), 0);
    runner.stop().await;
    assert_eq!(diferencia(&tables.volcado(), &referencia(&log, &sealing, &mundo).await), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_event_go_to_the_dlq_and_the_rest_goes_on() {
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(carpeta.path()));
    let mut mundo = Mundo::new(codec.clone());
    mundo.crear_cliente("C1");
    mundo.anexar(Topic::Eventos(Contexto::Catalogo), "C1", bytes::Bytes::from_static(b"\0\0\0\0\x01basura"));
    mundo.cambiar_correo("C1", "despues@ejemplo.co");
    escribir(&*log, &mundo.records);
    let tables = Arc::new(Memoria::default());
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), opciones()).unwrap();
    assert!(runner.progress().wait_positions(&finales(&*log, &mundo), ESPERA).await);
    let consultas = Consultas::new(tables.clone(), codec.clone(), Arc::new(DelRegistro(log.clone())), runner.progress());
    assert_eq!(consultas.cliente(&id("C1")).unwrap().unwrap()["correo"], "despues@ejemplo.co");
    assert_eq!(runner.anomalies().poisoned(), 1);
    runner.stop().await;
    let apartados: Vec<_> = (0..PARTICIONES)
        .flat_map(|n| log.read(TopicPartition::new(Topic::DlqProyecciones, n), 0, 1 << 20).unwrap())
        .map(|r| codec.decode_dlq(&r.record.value).unwrap())
        .collect();
    assert_eq!(apartados.len(), 1);
    assert_eq!((apartados[0].etapa, &*apartados[0].codigo), (EtapaDlq::Proyectar, "Indecodificable"));
    assert_eq!(&apartados[0].valor[..], b"\0\0\0\0\x01basura");
}

/// Panics on the client «C1», folds nothing else.
struct Explosiva;

impl Projection for Explosiva {
    fn fold(&mut self, entry: &Entry, _rows: &dyn RowReader) -> Result<(), TablesError> {
        if &entry.key[..] == b"C1" {
            panic!("no soporta a C1");
        }
        Ok(())
    }

    fn flush(&mut self, _out: &mut Vec<Write>) {}

    fn forget(&mut self) {}
}

static EXPLOSIVA: ProjectionSpec = ProjectionSpec {
    name: "explosiva",
    doc: "Entra en pánico",
    tables: &[],
    topics: &[Topic::Eventos(Contexto::Catalogo)],
    fresh: |_| Box::new(Explosiva),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fold_that_panics_loses_its_record_to_the_dlq_and_nobody_elses() {
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(carpeta.path()));
    let mut mundo = Mundo::new(codec.clone());
    mundo.crear_cliente("C1");
    mundo.crear_cliente("C2");
    escribir(&*log, &mundo.records);
    let tables = Arc::new(Memoria::default());
    let projections = PROYECCIONES.iter().copied().chain([&EXPLOSIVA]).collect();
    let options = RunnerOptions { projections, ..opciones() };
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), options).unwrap();
    assert!(runner.progress().wait_positions(&finales(&*log, &mundo), ESPERA).await);
    assert_eq!((runner.anomalies().poisoned(), runner.anomalies().restarts()), (1, 0));
    let consultas = Consultas::new(tables.clone(), codec.clone(), Arc::new(DelRegistro(log.clone())), runner.progress());
    assert!(consultas.cliente(&id("C1")).unwrap().is_some());
    assert!(consultas.cliente(&id("C2")).unwrap().is_some());
    runner.stop().await;
}

/// Tables whose first write panics, as a bug of an adapter would.
struct Rota {
    dentro: Memoria,
    panicos: AtomicU32,
}

impl Layer for Rota {
    type Below = Memoria;

    fn below(&self) -> &Memoria {
        &self.dentro
    }

    fn write(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError> {
        if self.panicos.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            panic!("tabla rota");
        }
        self.dentro.apply(writes, positions)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_dies_is_started_again_where_its_rows_are() {
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(carpeta.path()));
    let mundo = mundo_mediano(&codec);
    escribir(&*log, &mundo.records);
    let tables = Arc::new(Rota { dentro: Memoria::default(), panicos: AtomicU32::new(3) });
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), opciones()).unwrap();
    assert!(runner.progress().wait_positions(&finales(&*log, &mundo), ESPERA).await);
    assert_eq!(runner.anomalies().restarts(), 3);
    runner.stop().await;
    assert_eq!(diferencia(&tables.dentro.volcado(), &referencia(&log, &codec, &mundo).await), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_what_never_comes_ends_in_time_and_at_rest_at_once() {
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(carpeta.path()));
    let tables = Arc::new(Memoria::default());
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), opciones()).unwrap();
    let consultas = Consultas::new(tables.clone(), codec.clone(), Arc::new(DelRegistro(log.clone())), runner.progress());
    assert!(!consultas.esperar_version(TipoAgregado::Cliente, &id("nadie"), 1, Duration::from_millis(20)).await);
    let futuro = [(TopicPartition::new(Topic::Eventos(Contexto::Catalogo), 0), 10)];
    assert!(!consultas.esperar_posiciones(&futuro, Duration::from_millis(20)).await);
    runner.stop().await;
    assert!(!Progress::at_rest().reached(&futuro));
}
