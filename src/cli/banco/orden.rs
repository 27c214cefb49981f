//! The command: prepares a folder, runs the load, prints what it gave and what it cost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    carga::{Carga, Perfil},
    corrida::{self, ErrorCorrida, Resultados, Ritmo},
    medidas::{Cpu, Proceso},
};
use crate::{
    cli::{
        args::BancoArgs,
        contexto::Contexto,
        fallo::{Clase, Fallo},
        formato::entero,
        nodo,
        salida::Salida,
    },
    node::{Node, NodeError, NodeOptions},
};

/// Threads of the processor: engine, codec and log. The stores' own workers are counted apart.
const MOTOR: [&str; 4] = ["ingesta", "motor", "registro", "respuestas"];
/// Threads of the projections and the audit.
const PROYECCIONES: [&str; 2] = ["proy", "proy-vigia"];
/// Workers of the embedded stores (log, local state, tables).
const ALMACENES: [&str; 1] = ["fjall:worker"];

/// # Errors
/// When the folder cannot be used or the engine stops taking or answering orders.
pub fn ejecutar(contexto: &Contexto, args: &BancoArgs) -> Result<(), Fallo> {
    if args.kafka {
        return sobre_kafka(contexto, args);
    }
    let temporal = contexto.carpeta_sin_elegir().then(carpeta_temporal).transpose()?;
    let mut opciones = NodeOptions::new(&contexto.configuracion);
    if let Some(temporal) = &temporal {
        opciones.carpeta = temporal.0.clone();
    }
    opciones.proyecciones = !args.sin_proyecciones;
    opciones.max_en_curso = opciones.max_en_curso.max(200_000);
    let salida = contexto.salida;
    let node = nodo::con_opciones(opciones)?;
    let informe = medir(&node, args, salida);
    let detenido = node.stop().map_err(|e| nodo::fallo(&e));
    let informe = informe?;
    detenido?;
    informe.mostrar(&salida);
    Ok(())
}

#[cfg(feature = "kafka")]
fn sobre_kafka(contexto: &Contexto, args: &BancoArgs) -> Result<(), Fallo> {
    super::kafka::ejecutar(contexto, args)
}

#[cfg(not(feature = "kafka"))]
fn sobre_kafka(_: &Contexto, _: &BancoArgs) -> Result<(), Fallo> {
    Err(crate::cli::topologia::sin_kafka())
}

/// A folder that goes away with the run.
pub(super) struct Temporal(pub(super) std::path::PathBuf);

impl Drop for Temporal {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(evento = "carpeta_temporal", carpeta = %self.0.display(), causa = %error, "no se pudo borrar la carpeta del banco");
        }
    }
}

pub(super) fn carpeta_temporal() -> Result<Temporal, Fallo> {
    let carpeta = std::env::temp_dir().join(format!("factumarket-banco-{}", std::process::id()));
    std::fs::create_dir_all(&carpeta).map(|()| Temporal(carpeta.clone())).map_err(|e| {
        Fallo::new(Clase::Servicio, "no se pudo crear una carpeta temporal", e.to_string(), "Indique una con --datos.")
    })
}

fn medir(node: &Node, args: &BancoArgs, salida: Salida) -> Result<Informe, Fallo> {
    let (lineas_min, lineas_max) = args.lineas;
    let perfil = Perfil { productos: args.productos, lineas_min, lineas_max, zipf: args.zipf, semilla: args.semilla };
    // Runs on one folder must not repeat each other's ids.
    let corrida = u64::try_from(node.clock().now().micros() / 1_000).unwrap_or_default();
    let mut carga = Carga::new(perfil, corrida);
    let gateway = node.gateway();
    corrida::preparar(&gateway, carga.catalogos()).map_err(|e| fallo(node, &e))?;
    if !args.sin_proyecciones {
        node.wait_projections(Duration::from_secs(120));
    }
    let ritmo = Ritmo { facturas: args.facturas, tasa: args.tasa, ventana: args.ventana };
    let barra = barra(salida, args.facturas);
    let vigia = Vigia::nuevo();
    let (cpu, proceso) = (Cpu::ahora().map_err(sin_proc)?, Proceso::ahora().map_err(sin_proc)?);
    let (resultados, retraso) = thread::scope(|hilos| {
        let vigilado = hilos.spawn(|| vigia.vigilar(node));
        let resultados = corrida::correr(&gateway, &mut carga, ritmo, &mut |hechas| barra.set_position(hechas));
        vigia.parar();
        (resultados, vigilado.join().unwrap_or_default())
    });
    let resultados = resultados.map_err(|e| fallo(node, &e))?;
    barra.finish_and_clear();
    let drenando = Instant::now();
    let al_dia = args.sin_proyecciones || node.wait_projections(Duration::from_secs(600));
    let drenaje = drenando.elapsed();
    let gastado = Cpu::ahora().map_err(sin_proc)?.desde(&cpu);
    let despues = Proceso::ahora().map_err(sin_proc)?;
    Ok(Informe {
        resultados,
        cpu: gastado,
        proceso: despues,
        escritos: despues.escritos_bytes - proceso.escritos_bytes,
        retraso_proyecciones: retraso,
        drenaje,
        al_dia,
        facturas: args.facturas,
        con_proyecciones: !args.sin_proyecciones,
    })
}

/// Watches how far the projections fall behind while the load runs.
struct Vigia {
    parar: AtomicBool,
}

impl Vigia {
    fn nuevo() -> Arc<Self> {
        Arc::new(Self { parar: AtomicBool::new(false) })
    }

    fn parar(&self) {
        self.parar.store(true, Ordering::Release);
    }

    fn vigilar(&self, node: &Node) -> Duration {
        let mut peor = Duration::ZERO;
        while !self.parar.load(Ordering::Acquire) {
            peor = peor.max(node.projection_lag());
            thread::sleep(Duration::from_millis(250));
        }
        peor
    }
}

pub(super) fn barra(salida: Salida, facturas: u64) -> ProgressBar {
    if !salida.progreso() {
        return ProgressBar::hidden();
    }
    let estilo = ProgressStyle::with_template("{bar:40} {pos}/{len} facturas · {per_sec} · falta {eta}");
    ProgressBar::new(facturas).with_style(estilo.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

pub(super) fn fallo(node: &Node, error: &ErrorCorrida) -> Fallo {
    match node.failure() {
        Some(causa) => nodo::fallo(&NodeError::Motor(causa)),
        None => Fallo::new(
            Clase::Servicio,
            "la carga no pudo terminar",
            error.to_string(),
            "Baje --tasa o --ventana, o revise factumarket doctor.",
        ),
    }
}

pub(super) fn sin_proc(error: std::io::Error) -> Fallo {
    Fallo::new(Clase::Servicio, "no se puede medir el proceso", error.to_string(), "El banco necesita /proc: use Linux.")
}

struct Informe {
    resultados: Resultados,
    cpu: Cpu,
    proceso: Proceso,
    escritos: u64,
    retraso_proyecciones: Duration,
    drenaje: Duration,
    al_dia: bool,
    facturas: u64,
    con_proyecciones: bool,
}

impl Informe {
    fn micros(&self, tiempo: Duration) -> f64 {
        tiempo.as_secs_f64() * 1e6 / self.facturas as f64
    }

    fn por_segundo(&self) -> f64 {
        self.facturas as f64 / self.resultados.duracion.as_secs_f64()
    }

    fn mostrar(&self, salida: &Salida) {
        let r = &self.resultados;
        let motor = self.micros(self.cpu.de(&MOTOR));
        let (proyecciones, almacenes) = (self.micros(self.cpu.de(&PROYECCIONES)), self.micros(self.cpu.de(&ALMACENES)));
        salida.linea(format!(
            "Facturas        {} emitidas, {} rechazadas, {} sin resultado, en {:.1} s",
            entero(r.emitidas),
            entero(r.rechazadas),
            entero(r.otras),
            r.duracion.as_secs_f64()
        ));
        salida.linea(format!("Ritmo           {} facturas/s", entero(self.por_segundo() as u64)));
        salida.linea(format!(
            "Latencia        p50 {:.1} ms · p99 {:.1} ms · máx {:.1} ms (del envío planeado al resultado)",
            r.ms(0.5),
            r.ms(0.99),
            r.ms(1.0)
        ));
        salida.linea(format!("CPU por factura {motor:.1} µs motor, códec y registro · {proyecciones:.1} µs proyecciones y auditoría · {almacenes:.1} µs almacenes"));
        for (grupo, tiempo) in &self.cpu.0 {
            salida.linea(format!("    {grupo:<16}{:>8.2} µs", self.micros(*tiempo)));
        }
        if self.con_proyecciones {
            let estado = if self.al_dia { "al día" } else { "sin ponerse al día" };
            salida.linea(format!(
                "Proyecciones    retraso máximo {:.1} s; {estado} {:.1} s después de la última factura",
                self.retraso_proyecciones.as_secs_f64(),
                self.drenaje.as_secs_f64()
            ));
        }
        salida.linea(format!(
            "Memoria         {} MB (máx {} MB)     Escrito  {} bytes por factura",
            entero(self.proceso.rss_bytes >> 20),
            entero(self.proceso.rss_max_bytes >> 20),
            entero(self.escritos / self.facturas.max(1))
        ));
        salida.resultado(&self.json(motor, proyecciones, almacenes));
    }

    fn json(&self, motor: f64, proyecciones: f64, almacenes: f64) -> Value {
        let r = &self.resultados;
        let hilos: serde_json::Map<String, Value> =
            self.cpu.0.iter().map(|(grupo, tiempo)| (grupo.clone(), json!(self.micros(*tiempo)))).collect();
        json!({
            "facturas": self.facturas,
            "emitidas": r.emitidas,
            "rechazadas": r.rechazadas,
            "sin_resultado": r.otras,
            "segundos": r.duracion.as_secs_f64(),
            "facturas_por_segundo": self.por_segundo(),
            "latencia_ms": { "p50": r.ms(0.5), "p99": r.ms(0.99), "max": r.ms(1.0) },
            "retraso_generador_ms": r.retraso_max.as_secs_f64() * 1e3,
            "cpu_us_por_factura": { "motor": motor, "proyecciones": proyecciones, "almacenes": almacenes, "hilos": hilos },
            "proyecciones": {
                "activas": self.con_proyecciones,
                "retraso_max_s": self.retraso_proyecciones.as_secs_f64(),
                "drenaje_s": self.drenaje.as_secs_f64(),
                "al_dia": self.al_dia,
            },
            "rss_bytes": self.proceso.rss_bytes,
            "rss_max_bytes": self.proceso.rss_max_bytes,
            "bytes_escritos_por_factura": self.escritos / self.facturas.max(1),
        })
    }
}
