//! The engine on the embedded log, without projections or HTTP: invoices a second and CPU by thread.
//!
//! `cargo bench --bench motor -- 200000 [products] [window]`

use std::{path::Path, sync::Arc, time::Duration};

use factumarket::{
    cli::banco::{
        carga::{Carga, Perfil},
        corrida::{self, Ritmo},
        medidas::{Cpu, Proceso},
    },
    contracts::{Codec, EmbeddedRegistry},
    domain::{
        Comando,
        catalogo::{
            bodega::{ComandoBodega, DatosBodega},
            sucursal::{ComandoSucursal, DatosSucursal},
        },
        emisor::Emisor,
        numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
        valores::{Id, fecha_iso},
    },
    engine::{
        Engine, EngineOptions, core::CoreLimits, gateway::NewCommand, lane::EpochLimits, ports::SystemClock,
        shell::metrics::EngineMetrics, store::StateStore,
    },
    log::embedded::{EmbeddedLog, EmbeddedLogOptions},
    tables::kv::KvStore,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let facturas = args.first().copied().unwrap_or(200_000);
    let productos = args.get(1).copied().unwrap_or(10_000);
    let ventana = args.get(2).copied().unwrap_or(4_096) as usize;
    let dir = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let engine = runtime.block_on(start(dir.path()))?;
    let gateway = engine.gateway();
    let perfil = Perfil { productos, lineas_min: 3, lineas_max: 3, zipf: 0.8, semilla: 1 };
    let mut carga = Carga::new(perfil, 1);
    corrida::preparar(&gateway, vec![basics()])?;
    corrida::preparar(&gateway, carga.catalogos())?;
    let warm = Ritmo { facturas: facturas / 10, tasa: None, ventana };
    corrida::correr(&gateway, &mut carga, warm, &mut |_| {})?;
    let (before, io) = (Cpu::ahora()?, Proceso::ahora()?);
    let done = corrida::correr(&gateway, &mut carga, Ritmo { facturas, tasa: None, ventana }, &mut |_| {})?;
    let (cpu, after) = (Cpu::ahora()?.desde(&before), Proceso::ahora()?);
    let per = |d: Duration| d.as_secs_f64() * 1e6 / facturas as f64;
    println!("{} issued, {} refused, {:.0}/s", done.emitidas, done.rechazadas, facturas as f64 / done.duracion.as_secs_f64());
    for (name, time) in &cpu.0 {
        println!("  {name:<16} {:>7.2} µs/invoice", per(*time));
    }
    let engine_groups = ["ingesta", "motor", "registro", "respuestas", "fjall:worker"];
    println!("  processor total  {:>7.2} µs/invoice", per(cpu.de(&engine_groups)));
    println!(
        "p50 {:.1} ms p99 {:.1} ms RSS {} MB written {:.0} B/invoice",
        done.ms(0.5),
        done.ms(0.99),
        after.rss_bytes >> 20,
        (after.escritos_bytes - io.escritos_bytes) as f64 / facturas as f64
    );
    runtime.block_on(engine.stop(false))?;
    Ok(())
}

async fn start(dir: &Path) -> Result<Engine, Box<dyn std::error::Error>> {
    let log = EmbeddedLog::open(&dir.join("registro"), EmbeddedLogOptions::default())?;
    let state = dir.join("estado");
    let store = Arc::new(move |_fresh| {
        let kv = KvStore::open(&state, 32 << 20)?;
        Ok(Arc::new(kv) as Arc<dyn StateStore>)
    });
    let engine = Engine::start(EngineOptions {
        log,
        store,
        codec: Arc::new(Codec::new(&EmbeddedRegistry::in_memory())?),
        emisor: Arc::new(Emisor::co()),
        clock: SystemClock::new(),
        metrics: Arc::new(EngineMetrics::new(&prometheus::Registry::new())?),
        epoch: EpochLimits::default(),
        core: CoreLimits::default(),
        node: "banco".to_owned(),
        reply_partition: 0,
        processor: true,
        max_waiting: 100_000,
    })
    .await?;
    engine.ready().await?;
    Ok(engine)
}

fn basics() -> Vec<NewCommand> {
    let principal = Id::new("PRINCIPAL").expect("id");
    let autorizacion = Autorizacion {
        desde: 1,
        hasta: 999_999_999,
        vigente_desde: fecha_iso("2020-01-01").expect("date"),
        vigente_hasta: fecha_iso("2099-12-31").expect("date"),
        resolucion: "".into(),
        fecha_resolucion: None,
    };
    let commands = [
        Comando::Sucursal(ComandoSucursal::CrearSucursal {
            sucursal_id: principal.clone(),
            datos: DatosSucursal { nombre: "Principal".into(), direccion: None },
        }),
        Comando::Bodega(ComandoBodega::CrearBodega {
            bodega_id: principal.clone(),
            datos: DatosBodega { sucursal_id: principal.clone(), nombre: "Principal".into(), direccion: None },
        }),
        Comando::Rango(ComandoRango::CrearRango {
            rango_id: rango_id(&principal, TipoDocumento::Factura, "F"),
            sucursal_id: principal,
            tipo_documento: TipoDocumento::Factura,
            prefijo: "F".into(),
            autorizacion,
        }),
    ];
    let command = |(n, comando): (usize, Comando)| {
        let command_id = Id::new(&format!("base-{n}")).expect("id");
        NewCommand {
            correlation_id: command_id.clone(),
            command_id,
            usuario: None,
            canal: None,
            version_esperada: None,
            traceparent: None,
            comando,
        }
    };
    commands.into_iter().enumerate().map(command).collect()
}
