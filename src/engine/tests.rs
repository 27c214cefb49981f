//! The engine on its embedded log: threads, restarts, and inputs that end the processor.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    core::{
        CoreLimits,
        tests::{ENDS_THE_PROCESS, catalogue, invoice},
    },
    gateway::{Gateway, NewCommand, Outcome, SubmitError, submit},
    lane::EpochLimits,
    ports::SystemClock,
    shell::metrics::EngineMetrics,
    store::StateStore,
    *,
};
use crate::{
    contracts::{Codec, EmbeddedRegistry, Respuesta, Resultado},
    domain::{Comando, valores::Id},
    log::embedded::{EmbeddedLog, EmbeddedLogOptions, StoreHooks},
    tables::kv::KvStore,
};

async fn start(dir: &Path) -> (Engine, Arc<dyn Log>) {
    start_over(dir, StoreHooks::default()).await
}

async fn start_over(dir: &Path, hooks: StoreHooks) -> (Engine, Arc<dyn Log>) {
    let options = EmbeddedLogOptions { hooks, ..EmbeddedLogOptions::default() };
    let log: Arc<dyn Log> = EmbeddedLog::open(&dir.join("registro"), options).expect("registro");
    let state = dir.join("estado");
    let store: StoreFactory = Arc::new(move |fresh| {
        if fresh {
            KvStore::destroy(&state)?;
        }
        Ok(Arc::new(KvStore::open(&state, 8 << 20)?) as Arc<dyn StateStore>)
    });
    let options = EngineOptions {
        log: Arc::clone(&log),
        store,
        codec: Arc::new(Codec::new(&EmbeddedRegistry::in_memory()).expect("códec")),
        emisor: Arc::new(Emisor::co()),
        clock: SystemClock::new(),
        metrics: Arc::new(EngineMetrics::new(&prometheus::Registry::new()).expect("métricas")),
        epoch: EpochLimits { max_inputs: 8, ..EpochLimits::default() },
        core: CoreLimits::default(),
        node: "prueba".to_owned(),
        reply_partition: 0,
        processor: true,
        max_waiting: 1_000,
    };
    let engine = Engine::start(options).await.expect("motor");
    engine.ready().await.expect("listo");
    (engine, log)
}

async fn give(gateway: &Arc<dyn Gateway>, command_id: &str, comando: Comando) -> Respuesta {
    match try_give(gateway, command_id, comando).await.expect("aceptado") {
        Outcome::Done(reply) => reply,
        Outcome::InCourse { command_id } => panic!("{command_id} sin resultado"),
    }
}

async fn try_give(gateway: &Arc<dyn Gateway>, command_id: &str, comando: Comando) -> Result<Outcome, SubmitError> {
    let command_id = Id::new(command_id).expect("id");
    let command = NewCommand {
        correlation_id: command_id.clone(),
        command_id,
        usuario: None,
        canal: None,
        version_esperada: None,
        traceparent: None,
        comando,
    };
    submit(gateway, command, Duration::from_secs(60)).await
}

async fn seed(gateway: &Arc<dyn Gateway>) {
    for (n, comando) in catalogue().into_iter().enumerate() {
        let reply = give(gateway, &format!("semilla-{n}"), comando).await;
        assert!(matches!(reply.resultado, Resultado::Aceptado { .. }), "{reply:?}");
    }
}

fn number(reply: &Respuesta) -> &str {
    match &reply.resultado {
        Resultado::Aceptado { factura: Some(summary) } => &summary.numero,
        other => panic!("se esperaba una factura emitida: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_engine_goes_on_where_it_was_warm_and_cold() {
    let dir = tempfile::tempdir().expect("carpeta");
    let (engine, log) = start(dir.path()).await;
    seed(&engine.gateway()).await;
    let first = give(&engine.gateway(), "c1", invoice("f1", &[("p1", 3)])).await;
    assert_eq!(number(&first), "F1");
    engine.stop(false).await.expect("parada");
    drop(log);
    for (round, cold) in [(2, false), (3, true)] {
        if cold {
            KvStore::destroy(&dir.path().join("estado")).expect("sin estado");
        }
        let (engine, log) = start(dir.path()).await;
        let Phase::Ready(report) = engine.phase().borrow().clone() else { panic!("no está listo") };
        assert_eq!(report.cold, cold);
        let again = give(&engine.gateway(), "c1", invoice("f1", &[("p1", 3)])).await;
        assert!(again.repetido);
        assert_eq!(number(&again), "F1");
        let next = give(&engine.gateway(), &format!("c{round}"), invoice(&format!("f{round}"), &[("p1", 3)])).await;
        assert_eq!(number(&next), format!("F{round}"));
        engine.stop(false).await.expect("parada");
        drop(log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_ends_the_processor_is_parked_and_the_others_go_on() {
    let dir = tempfile::tempdir().expect("carpeta");
    let (engine, _log) = start(dir.path()).await;
    let gateway = engine.gateway();
    seed(&gateway).await;
    let poisoned = give(&gateway, ENDS_THE_PROCESS, invoice("f0", &[("p1", 1)])).await;
    assert!(matches!(&poisoned.resultado, Resultado::Apartado { codigo, .. } if &**codigo == "AbortaEpoca"), "{poisoned:?}");
    let healthy = give(&gateway, "c1", invoice("f1", &[("p1", 3)])).await;
    assert_eq!(number(&healthy), "F1");
    engine.stop(false).await.expect("parada");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_to_whoever_waits_and_to_whoever_comes_after_and_nothing_answered_is_lost() {
    let dir = tempfile::tempdir().expect("carpeta");
    let full = Arc::new(AtomicBool::new(false));
    let disk = Arc::clone(&full);
    let on_write = move |_: usize| match disk.load(Ordering::Acquire) {
        true => Err(io::ErrorKind::StorageFull.into()),
        false => Ok(()),
    };
    let hooks = StoreHooks { on_write: Some(Arc::new(on_write)), ..StoreHooks::default() };
    let (engine, log) = start_over(dir.path(), hooks).await;
    let gateway = engine.gateway();
    seed(&gateway).await;
    assert_eq!(number(&give(&gateway, "c1", invoice("f1", &[("p1", 3)])).await), "F1");
    full.store(true, Ordering::Release);
    let refused = try_give(&gateway, "c2", invoice("f2", &[("p1", 3)])).await;
    assert!(matches!(refused, Err(SubmitError::Unavailable(_))), "{refused:?}");
    let mut phase = engine.phase();
    let failed = phase.wait_for(|p| matches!(p, Phase::Failed { .. })).await.expect("fase").clone();
    let Phase::Failed { cause } = failed else { unreachable!() };
    assert!(cause.contains("sin espacio en disco") && cause.contains("libere espacio"), "{cause}");
    assert!(matches!(try_give(&gateway, "c3", invoice("f3", &[("p1", 3)])).await, Err(SubmitError::Unavailable(_))));
    full.store(false, Ordering::Release);
    engine.stop(false).await.expect("parada");
    drop((gateway, log));
    let (engine, _log) = start(dir.path()).await;
    let again = give(&engine.gateway(), "c1", invoice("f1", &[("p1", 3)])).await;
    assert!(again.repetido);
    let second = give(&engine.gateway(), "c2", invoice("f2", &[("p1", 3)])).await;
    assert_eq!(number(&second), "F2");
    engine.stop(false).await.expect("parada");
}
