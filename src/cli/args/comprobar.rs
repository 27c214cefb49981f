//! Flags of the commands that check, and of those that only write out.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket verificar [OPCIONES]",
    after_help = "Con un proceso en marcha lo pide por su API; si nadie usa la carpeta, la lee directamente.\n\
                  Salida: 0 sano · 1 hay fallas · 6 no se pudo revisar\n\n\
                  Ejemplo:\n  factumarket verificar --datos datos"
)]
pub struct VerificarArgs {
    /// Exige además que no quede nada por hacer: sin retraso, sin sagas abiertas, sin comandos en curso (I12)
    #[arg(long)]
    pub quieto: bool,
    /// Decide además otra vez cada evento donde ocurrió; lee la carpeta directamente y la tiene en memoria (hasta 1.000.000 de registros)
    #[arg(long)]
    pub oraculo: bool,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket sim [OPCIONES]",
    after_help = "La misma semilla con las mismas opciones sucede igual, byte por byte. No toca carpeta ni servicio alguno.\n\n\
                  Ejemplos:\n  factumarket sim --cantidad 1000\n  factumarket sim --semilla 4711 --traza"
)]
pub struct SimArgs {
    /// Corre sólo esta semilla
    #[arg(long, value_name = "N", conflicts_with_all = ["desde", "cantidad", "archivo"])]
    pub semilla: Option<u64>,
    /// Escribe todo lo que pasa, con --semilla
    #[arg(long, requires = "semilla")]
    pub traza: bool,
    /// Primera semilla
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub desde: u64,
    /// Cuántas semillas
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub cantidad: u64,
    /// Corre las semillas de un archivo, una por línea
    #[arg(long, value_name = "ARCHIVO", conflicts_with_all = ["desde", "cantidad"])]
    pub archivo: Option<PathBuf>,
    /// Hilos, de 1 a 64
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub hilos: u8,
    /// Órdenes de cada corrida, sin contar repeticiones
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::sim::COMMANDS_MAX)))]
    pub ordenes: u32,
    /// Nodos; 0 = de 1 a 3, según la semilla
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(crate::sim::NODES_MAX)))]
    pub nodos: u32,
    /// Clases de falla que no vienen, separadas por comas
    #[arg(long, value_name = "FALLA", value_delimiter = ',')]
    pub sin: Vec<String>,
    /// Deja de empezar semillas tras tantas que fallan
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub fallas: u32,
    /// Busca lo menos con que cada semilla que falla sigue fallando
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "true|false")]
    pub reducir: bool,
    /// Archivo en que se anotan las semillas que fallan
    #[arg(long, value_name = "ARCHIVO")]
    pub anotar: Option<PathBuf>,
    /// Dice qué defectos se pueden plantar
    #[arg(long)]
    pub defectos: bool,
    /// Corre cada semilla dos veces y exige que suceda igual, byte por byte
    #[arg(long, conflicts_with = "semilla")]
    pub doble: bool,
    /// Planta un defecto, en un binario compilado con --features defectos
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub defecto: u8,
}

#[derive(Debug, Args)]
#[command(override_usage = "factumarket doctor [OPCIONES]", after_help = "Ejemplo:\n  factumarket doctor --datos datos")]
pub struct DoctorArgs {}

#[derive(Debug, Args)]
#[command(override_usage = "factumarket config ver [OPCIONES]", after_help = "Ejemplo:\n  factumarket config ver --origen")]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub accion: ConfigAccion,
}

#[derive(Debug, Subcommand)]
pub enum ConfigAccion {
    /// Muestra todos los ajustes con su valor
    #[command(override_usage = "factumarket config ver [OPCIONES]", after_help = "Ejemplo:\n  factumarket config ver --origen")]
    Ver {
        /// Dice de dónde viene cada valor
        #[arg(long)]
        origen: bool,
    },
}

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket ejemplos generar ARCHIVO",
    after_help = "Ejemplo:\n  factumarket ejemplos generar ejemplos/pedidos.ndjson"
)]
pub struct EjemplosArgs {
    #[command(subcommand)]
    pub accion: EjemplosAccion,
}

#[derive(Debug, Subcommand)]
pub enum EjemplosAccion {
    /// Escribe el archivo de pedidos de ejemplo; siempre el mismo
    #[command(
        override_usage = "factumarket ejemplos generar ARCHIVO",
        after_help = "Ejemplo:\n  factumarket ejemplos generar ejemplos/pedidos.ndjson"
    )]
    Generar {
        /// Archivo que se escribe
        #[arg(value_name = "ARCHIVO")]
        archivo: PathBuf,
    },
    /// Escribe la página de la guía que lista los ajustes
    #[command(
        override_usage = "factumarket ejemplos configuracion ARCHIVO",
        after_help = "Ejemplo:\n  factumarket ejemplos configuracion docs/guide/configuracion.md"
    )]
    Configuracion {
        /// Archivo que se escribe
        #[arg(value_name = "ARCHIVO")]
        archivo: PathBuf,
    },
}
