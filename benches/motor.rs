//! The engine on the embedded log, without projections or HTTP: invoices a second and CPU by thread; then credit notes and annulments of
//! those invoices, and drafts that are issued.
//!
//! `cargo bench --bench motor -- 200000 [products] [window] [of each of the others] [which of them: note annulment draft issue]`

use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};

use factumarket::{
    cli::banco::{
        carga::{Carga, Perfil},
        corrida::{self, Ritmo},
        medidas::{Cpu, Proceso},
    },
    contracts::{Codec, EmbeddedRegistry, Resultado},
    domain::{
        Comando,
        catalogo::{
            bodega::{ComandoBodega, DatosBodega},
            sucursal::{ComandoSucursal, DatosSucursal},
        },
        emisor::Emisor,
        facturacion::{
            factura::{Campo, ComandoFactura, DatosFactura, LineaPedida},
            nota_credito::{ComandoNotaCredito, ConceptoNota, DatosNotaCredito, FechasNota, LineaNotaPedida},
        },
        numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
        valores::{Decimal, Id, fecha_iso},
    },
    engine::{
        Engine, EngineOptions,
        core::CoreLimits,
        gateway::{Gateway, NewCommand},
        lane::EpochLimits,
        ports::{Clock, SystemClock},
        shell::metrics::EngineMetrics,
        store::StateStore,
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
    println!("  processor total  {:>7.2} µs/invoice", per(cpu.de(&ENGINE_GROUPS)));
    println!(
        "p50 {:.1} ms p99 {:.1} ms RSS {} MB written {:.0} B/invoice",
        done.ms(0.5),
        done.ms(0.99),
        after.rss_bytes >> 20,
        (after.escritos_bytes - io.escritos_bytes) as f64 / facturas as f64
    );
    let others = args.get(3).copied().unwrap_or(facturas / 4).min(facturas / 2);
    let kinds: Vec<String> = std::env::args().skip(1).filter(|a| KINDS.contains(&a.as_str())).collect();
    let wanted = |kind: &str| kinds.is_empty() || kinds.iter().any(|k| k == kind);
    others_after(&gateway, others, ventana, &wanted)?;
    runtime.block_on(engine.stop(false))?;
    Ok(())
}

const KINDS: [&str; 4] = ["note", "annulment", "draft", "issue"];
const ENGINE_GROUPS: [&str; 5] = ["ingesta", "motor", "registro", "respuestas", "fjall:worker"];

/// What follows the invoices `b1-0`, `b1-1`…: a note of one unit on each of the first ones, the annulment of the next ones, and as many
/// drafts of three lines, created before they are measured and then issued.
fn others_after(
    gateway: &Arc<dyn Gateway>,
    each: u64,
    window: usize,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let invoice = |n: u64| Id::new(&format!("b1-{n}")).expect("id");
    let tomorrow = SystemClock::new().now().mas_milis(86_400_000).fecha_en_utc_menos_5();
    let note = |n: u64| {
        let line = LineaNotaPedida {
            linea_factura: 1,
            cantidad: Some(Decimal::ONE),
            monto: None,
            afecta_inventario: None,
            bodega_id: None,
        };
        let datos = DatosNotaCredito {
            sucursal_id: None,
            concepto: ConceptoNota::DevolucionParcial,
            motivo: "devolución de prueba".into(),
            politica_retorno: None,
            fechas: FechasNota { fecha_emision: Some(tomorrow), ..FechasNota::default() },
            lineas: vec![line],
        };
        let (factura_id, nota_id) = (invoice(n), Id::new("n1").expect("id"));
        Comando::NotaCredito(ComandoNotaCredito::CrearYEmitirNotaCredito { factura_id, nota_id, datos: Box::new(datos) })
    };
    let annul = |n: u64| {
        let factura_id = invoice(each + n);
        Comando::Factura(ComandoFactura::AnularFactura { factura_id, motivo: "anulación de prueba".into() })
    };
    let draft_id = |n: u64| Id::new(&format!("borrador-{n}")).expect("id");
    let draft =
        |n: u64| Comando::Factura(ComandoFactura::CrearFactura { factura_id: draft_id(n), datos: Box::new(three_lines(n)) });
    let issue = |n: u64| Comando::Factura(ComandoFactura::EmitirFactura { factura_id: draft_id(n), fechas: None });
    let each_kind: [&dyn Fn(u64) -> Comando; 4] = [&note, &annul, &draft, &issue];
    for (kind, command) in KINDS.into_iter().zip(each_kind) {
        if wanted(kind) {
            measure(gateway, kind, each, window, command)?;
        }
    }
    Ok(())
}

fn three_lines(n: u64) -> DatosFactura {
    let line = |k: u64| LineaPedida {
        producto_id: Some(Id::new(&format!("bp{}", (n * 3 + k) % 100)).expect("id")),
        bodega_id: None,
        descripcion: None,
        cantidad: Decimal::ONE,
        precio_unitario: None,
        impuesto: Campo::Ausente,
        descuento: None,
    };
    DatosFactura::de(Id::new("bc1").expect("id"), (0..3).map(line).collect())
}

/// Sends as many commands, a window of them in flight, and tells the processor's CPU a command.
fn measure(
    gateway: &Arc<dyn Gateway>,
    what: &str,
    count: u64,
    window: usize,
    command: &dyn Fn(u64) -> Comando,
) -> Result<(), Box<dyn std::error::Error>> {
    const BATCH: u64 = 64;
    let before = Cpu::ahora()?;
    let (mut sent, mut in_flight, mut done) = (0, VecDeque::new(), 0_u64);
    while sent < count || !in_flight.is_empty() {
        while sent < count && in_flight.len() < window {
            let batch = sent..count.min(sent + BATCH);
            sent = batch.end;
            in_flight.extend(gateway.send(batch.map(|n| new_command(&format!("{what}-{n}"), command(n))).collect())?);
        }
        if let Some(waiter) = in_flight.pop_front() {
            let reply = waiter.blocking_recv()?;
            done += u64::from(matches!(reply.resultado, Resultado::Aceptado { .. } | Resultado::NotaAceptada { .. }));
        }
    }
    let cpu = Cpu::ahora()?.desde(&before);
    let per = |d: Duration| d.as_secs_f64() * 1e6 / count as f64;
    println!(
        "{what:<10} {done}/{count} done  motor {:>6.2}  registro {:>6.2}  processor {:>6.2} µs each",
        per(cpu.de(&["motor"])),
        per(cpu.de(&["registro"])),
        per(cpu.de(&ENGINE_GROUPS))
    );
    Ok(())
}

fn new_command(command_id: &str, comando: Comando) -> NewCommand {
    let command_id = Id::new(command_id).expect("id");
    NewCommand {
        correlation_id: command_id.clone(),
        command_id,
        usuario: None,
        canal: None,
        version_esperada: None,
        traceparent: None,
        comando,
    }
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
            rango_id: rango_id(&principal, TipoDocumento::NotaCredito, "NC"),
            sucursal_id: principal.clone(),
            tipo_documento: TipoDocumento::NotaCredito,
            prefijo: "NC".into(),
            autorizacion: autorizacion.clone(),
        }),
        Comando::Rango(ComandoRango::CrearRango {
            rango_id: rango_id(&principal, TipoDocumento::Factura, "F"),
            sucursal_id: principal,
            tipo_documento: TipoDocumento::Factura,
            prefijo: "F".into(),
            autorizacion,
        }),
    ];
    let command = |(n, comando): (usize, Comando)| new_command(&format!("base-{n}"), comando);
    commands.into_iter().enumerate().map(command).collect()
}
