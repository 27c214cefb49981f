//! `banco --kafka`: what an invoice costs on Kafka. One broker, our processor as a process of its own, or several that share the partitions,
//! and after it, on the same broker and on topics of its own, the peer: a Kafka Streams application that does the same job.
//!
//! Each is measured alike: a cold round, warm rounds (their median counts), latency at a fixed rate, a kill -9 in the middle of a round. The
//! orders of a round are all on the log before it begins. CPU is that of the process, from `/proc`; walls on a shared machine are noise.

mod broker;
mod informe;
mod medida;
mod par;
mod procesador;

use std::path::{Path, PathBuf};

use self::{broker::Broker, informe::Informe, par::Par, procesador::Procesador};
use super::orden::carpeta_temporal;
use crate::{
    cli::{args::BancoArgs, contexto::Contexto, fallo::Fallo, nodo},
    config::{Configuracion, TipoRegistro},
    node::{Node, NodeOptions, Papeles},
};

/// Prefix of our topics: the peer's are on the same broker.
const PREFIJO: &str = "banco.";
/// Partitions of each topic: as many as the peer gives its own.
const PARTICIONES: u16 = 4;

/// What is run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub facturas: u64,
    pub productos: u64,
    pub zipf: f64,
    /// Warm rounds.
    pub tandas: u32,
    /// Invoices a second of the latency stage, and how long it lasts.
    pub tasa: u32,
    pub segundos: u32,
    /// Processors that share the partitions.
    pub procesadores: u16,
}

/// # Errors
/// When the broker, the processor or the peer do not start, or the load cannot end.
pub fn ejecutar(contexto: &Contexto, args: &BancoArgs) -> Result<(), Fallo> {
    let temporal = carpeta_temporal()?;
    let plan = Plan {
        facturas: args.facturas,
        productos: args.productos,
        zipf: args.zipf,
        tandas: args.tandas,
        tasa: args.tasa.map_or(500, |tasa| tasa as u32).max(1),
        segundos: args.segundos,
        procesadores: args.procesadores,
    };
    // Before anything long is measured.
    let par = args.par.as_deref().map(|carpeta| Par::preparar(carpeta, &temporal.0)).transpose()?;
    let broker = Broker::arrancar(&temporal.0.join("servicios"))?;
    let nuestro = medir_el_nuestro(contexto, args, &plan, &broker, &temporal.0)?;
    let suyo = match &par {
        Some(par) => {
            contexto.salida.nota("Midiendo la aplicación Kafka Streams: no muestra avance, tarda minutos…");
            Some(par.medir(&broker, &plan, args.confirmacion_ms)?)
        }
        None => None,
    };
    Informe { plan, nuestro, suyo, confirmacion_ms: args.confirmacion_ms }.mostrar(&contexto.salida);
    Ok(())
}

fn medir_el_nuestro(
    contexto: &Contexto,
    args: &BancoArgs,
    plan: &Plan,
    broker: &Broker,
    carpeta: &Path,
) -> Result<medida::Medida, Fallo> {
    let configuracion = configuracion(&contexto.configuracion, broker, carpeta);
    let ajustes = ajustes(&configuracion);
    procesador::ordenar(&["topologia", "aplicar"], &ajustes)?;
    procesador::ordenar(&["esquemas", "aplicar"], &ajustes)?;
    let nombres = (1..=args.procesadores).map(|n| format!("procesador-{n}"));
    let procesadores: Result<Vec<Procesador>, Fallo> = nombres.map(|n| Procesador::arrancar(carpeta, &n, &ajustes)).collect();
    let mut procesadores = procesadores?;
    let api = api(&configuracion, carpeta.join("api"))?;
    let medida = medida::Banco { api: &api, procesadores: &mut procesadores, broker, plan, salida: contexto.salida }.medir(args);
    let detenida = api.stop().map_err(|e| nodo::fallo(&e));
    let medida = medida?;
    detenida?;
    Ok(medida)
}

/// The user's settings, on our broker.
fn configuracion(base: &Configuracion, broker: &Broker, carpeta: &Path) -> Configuracion {
    let mut configuracion = base.clone();
    configuracion.carpeta = carpeta.join("api");
    configuracion.registro.tipo = TipoRegistro::Kafka;
    configuracion.kafka.brokers = broker.direccion();
    configuracion.kafka.prefijo = PREFIJO.to_owned();
    configuracion.motor.particiones = PARTICIONES;
    (configuracion.kafka.replicas, configuracion.kafka.min_en_sincronia) = (1, 1);
    configuracion.esquemas.urls = vec![broker.esquemas()];
    configuracion
}

/// The same for the processor, as it is told them.
fn ajustes(configuracion: &Configuracion) -> Vec<String> {
    let kafka = &configuracion.kafka;
    vec![
        "registro.tipo=kafka".to_owned(),
        format!("kafka.brokers={}", kafka.brokers),
        format!("kafka.prefijo={}", kafka.prefijo),
        format!("esquemas.url={}", configuracion.esquemas.urls.join(",")),
        "kafka.replicas=1".to_owned(),
        "kafka.min_en_sincronia=1".to_owned(),
        format!("motor.particiones={}", configuracion.motor.particiones),
    ]
}

/// This process sends the orders and hears their outcomes.
fn api(configuracion: &Configuracion, carpeta: PathBuf) -> Result<Node, Fallo> {
    let mut opciones = NodeOptions::new(configuracion);
    opciones.carpeta = carpeta;
    opciones.papeles = Papeles { api: true, procesador: false, proyecciones: false };
    opciones.nodo = "banco".to_owned();
    opciones.max_en_curso = opciones.max_en_curso.max(200_000);
    nodo::con_opciones(opciones)
}
