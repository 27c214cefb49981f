//! Flags of the commands that run something: the service, loads, measures.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use crate::node::Papeles;

#[derive(Debug, Args)]
#[command(override_usage = "factumarket demo [OPCIONES]", after_help = "Ejemplo:\n  factumarket demo --tasa 50 --datos datos-demo")]
pub struct DemoArgs {
    /// Facturas por segundo, de 1 a 2000 (20 si no se indica)
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub tasa: u32,
    /// Dirección y puerto de la API (ajuste servidor.direccion)
    #[arg(long, value_name = "IP:PUERTO")]
    pub direccion: Option<SocketAddr>,
    /// Termina después de estos segundos; sin ella sigue hasta Ctrl-C
    #[arg(long, value_name = "SEGUNDOS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub duracion: Option<u64>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket servir [OPCIONES]",
    after_help = "Ejemplos:\n  factumarket servir --datos datos --direccion 127.0.0.1:8080\n  \
                  factumarket servir --datos nodo-2 --roles procesador --set registro.tipo=kafka --set motor.nodo=nodo-2\n  \
                  factumarket servir --datos nodo-2 --retirar"
)]
pub struct ServirArgs {
    /// Dirección y puerto de la API (ajuste servidor.direccion)
    #[arg(long, value_name = "IP:PUERTO")]
    pub direccion: Option<SocketAddr>,
    /// Fija el reloj en un instante RFC 3339, sólo en una dirección local y para pruebas
    #[arg(long, value_name = "INSTANTE")]
    pub reloj: Option<String>,
    /// Papeles de este proceso, con comas: api, procesador, proyecciones (todos si no se indica)
    #[arg(long, value_name = "PAPELES", value_parser = clap::value_parser!(Papeles))]
    pub roles: Option<Papeles>,
    /// Dónde están las tablas de consulta: nodos de ScyllaDB o Cassandra (host:puerto, con comas), o «carpeta»
    #[arg(long, value_name = "NODOS")]
    pub tablas: Option<String>,
    /// Retira el proceso que sirve la carpeta: termina lo que tiene en curso, entrega sus particiones a otros en el acto y acaba
    #[arg(long, conflicts_with_all = ["reloj", "roles", "direccion", "tablas"])]
    pub retirar: bool,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket importar ARCHIVO [OPCIONES]",
    after_help = "Cada línea es un objeto JSON: {\"tipo\":\"cliente|producto|bodega|entrada|pedido\", …cuerpo de su POST…}.\n\
                  Importar dos veces el mismo archivo no cambia nada.\n\n\
                  Ejemplo:\n  factumarket importar ejemplos/pedidos.ndjson --datos datos"
)]
pub struct ImportarArgs {
    /// Archivo NDJSON: un objeto JSON por línea
    #[arg(value_name = "ARCHIVO")]
    pub archivo: PathBuf,
    /// Dónde escribir las líneas rechazadas con sus motivos (ARCHIVO.rechazados.ndjson si no se indica)
    #[arg(long, value_name = "ARCHIVO")]
    pub rechazados: Option<PathBuf>,
    /// Líneas en curso a la vez, de 1 a 8192 (1024 si no se indica)
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=8_192))]
    pub en_curso: u32,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket banco [OPCIONES]",
    after_help = "Sin --datos usa una carpeta temporal que borra al terminar. Con --tasa el plan no espera resultados (lazo abierto).\n\n\
                  Ejemplos:\n  factumarket banco --facturas 100000 --productos 10000 --lineas 3..3\n  factumarket banco --facturas 3000 --tasa 50"
)]
pub struct BancoArgs {
    /// Facturas que se piden
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub facturas: u64,
    /// Productos del catálogo
    #[arg(long, value_name = "P", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=200_000))]
    pub productos: u64,
    /// Líneas por factura, mínimo..máximo
    #[arg(long, value_name = "MIN..MAX", default_value = "1..5", value_parser = lineas)]
    pub lineas: (u64, u64),
    /// Popularidad de los productos: exponente de Zipf; 0 = todos iguales
    #[arg(long, value_name = "S", default_value_t = 0.8, value_parser = zipf)]
    pub zipf: f64,
    /// Facturas por segundo, en lazo abierto; sin ella, tan rápido como respondan
    #[arg(long, value_name = "R", value_parser = tasa)]
    pub tasa: Option<f64>,
    /// Facturas en curso a la vez, sin --tasa
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = ventana)]
    pub ventana: usize,
    /// Semilla de la carga: la misma da los mismos pedidos
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub semilla: u64,
    /// Mide sólo motor y registro, sin proyecciones ni auditoría
    #[arg(long)]
    pub sin_proyecciones: bool,
    /// Mide el procesador sobre un broker de Kafka propio: en frío, en caliente, a ritmo fijo y tras kill -9
    #[arg(long)]
    pub kafka: bool,
    /// Mide después, en el mismo broker, la aplicación Kafka Streams de esta carpeta
    #[arg(long, value_name = "CARPETA", requires = "kafka")]
    pub par: Option<PathBuf>,
    /// Intervalo de confirmación de la aplicación Kafka Streams, de 1 a 10000 ms
    #[arg(long, value_name = "MS", default_value_t = 100, requires = "kafka", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub confirmacion_ms: u32,
    /// Procesadores que se reparten las particiones en --kafka, de 1 a 8: con más de uno las sagas cruzan de uno a otro
    #[arg(long, value_name = "N", default_value_t = 1, requires = "kafka", value_parser = clap::value_parser!(u16).range(1..=8))]
    pub procesadores: u16,
    /// Tandas calientes, de 1 a 100; cuentan sus medianas
    #[arg(long, value_name = "N", default_value_t = 3, requires = "kafka", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub tandas: u32,
    /// Segundos de cada medida a ritmo fijo, de 1 a 3600
    #[arg(long, value_name = "N", default_value_t = 20, requires = "kafka", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub segundos: u32,
}

fn lineas(texto: &str) -> Result<(u64, u64), String> {
    let (minimo, maximo) = texto.split_once("..").unwrap_or((texto, texto));
    match (minimo.parse::<u64>(), maximo.parse::<u64>()) {
        (Ok(minimo), Ok(maximo)) if 1 <= minimo && minimo <= maximo && maximo <= 500 => Ok((minimo, maximo)),
        _ => Err("se escribe MIN..MAX, de 1 a 500; por ejemplo 1..5".to_owned()),
    }
}

fn zipf(texto: &str) -> Result<f64, String> {
    texto.parse().ok().filter(|s| (0.0..=3.0).contains(s)).ok_or_else(|| "es un número de 0 a 3".to_owned())
}

fn tasa(texto: &str) -> Result<f64, String> {
    texto.parse().ok().filter(|r| (0.1..=100_000.0).contains(r)).ok_or_else(|| "es un número de 0.1 a 100000".to_owned())
}

fn ventana(texto: &str) -> Result<usize, String> {
    texto.parse().ok().filter(|v| (1..=100_000).contains(v)).ok_or_else(|| "es un número de 1 a 100000".to_owned())
}
