//! The command line of `auditoria`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(
    override_usage = "factumarket auditoria verificar|exportar|sellos|reconstruir|clave [OPCIONES]",
    after_help = "Ejemplos:\n  factumarket auditoria exportar --archivo auditoria.ndjson --datos datos\n  \
                  factumarket auditoria verificar --archivo auditoria.ndjson --clave auditoria.clave.pub"
)]
pub struct AuditoriaArgs {
    #[command(subcommand)]
    pub accion: AuditoriaAccion,
}

#[derive(Debug, Subcommand)]
pub enum AuditoriaAccion {
    /// Comprueba que nada de lo sellado cambió: un archivo, una prueba, o el registro mismo
    #[command(
        override_usage = "factumarket auditoria verificar [--archivo ARCHIVO | --prueba ARCHIVO] [--clave ARCHIVO] [OPCIONES]",
        after_help = "Con --archivo o --prueba no hace falta nada más que la clave pública. Sin ellos vuelve a encadenar el registro: por la API del \
                      proceso en marcha, o directamente si nadie usa la carpeta.\n\
                      Salida: 0 íntegra · 1 algo cambió · 6 no se pudo revisar\n\n\
                      Ejemplos:\n  factumarket auditoria verificar --archivo auditoria.ndjson --clave auditoria.clave.pub --sello sellos.txt\n  \
                      factumarket auditoria verificar --datos datos"
    )]
    Verificar(VerificarArgs),
    /// Escribe la auditoría y sus sellos en un archivo que se verifica solo
    #[command(
        override_usage = "factumarket auditoria exportar --archivo ARCHIVO [OPCIONES]",
        after_help = "Lee la carpeta y el registro directamente: detenga antes el proceso que los usa. Sin --con-datos no lleva datos personales.\n\n\
                      Ejemplo:\n  factumarket auditoria exportar --archivo auditoria.ndjson --datos datos"
    )]
    Exportar {
        /// Archivo que se escribe; no debe existir
        #[arg(long, value_name = "ARCHIVO")]
        archivo: PathBuf,
        /// Cada hoja lleva además los bytes de su registro
        #[arg(long)]
        con_datos: bool,
        /// ndjson, que se verifica; o parquet, para analizarla
        #[arg(long, value_name = "FORMATO", value_enum, default_value_t = Formato::Ndjson, hide_possible_values = true)]
        formato: Formato,
    },
    /// Escribe el último sello de cada partición, para guardarlo donde nadie de aquí lo pueda cambiar
    #[command(
        override_usage = "factumarket auditoria sellos [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket auditoria sellos --datos datos > sellos.txt"
    )]
    Sellos,
    /// Vacía lo guardado de las cadenas y las vuelve a plegar del registro
    #[command(
        override_usage = "factumarket auditoria reconstruir [OPCIONES]",
        after_help = "Los sellos no se tocan: están en el registro, y se comprueban al pasar por ellos.\n\n\
                      Ejemplo:\n  factumarket auditoria reconstruir --datos datos"
    )]
    Reconstruir,
    /// Crea, releva o muestra la clave que firma los sellos
    #[command(
        override_usage = "factumarket auditoria clave crear|ver [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket auditoria clave crear --archivo auditoria.clave --nombre tienda.example.co/auditoria"
    )]
    Clave(ClaveArgs),
}

/// Of an exported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Formato {
    Ndjson,
    Parquet,
}

#[derive(Debug, Args)]
pub struct VerificarArgs {
    /// Archivo de auditoria exportar
    #[arg(long, value_name = "ARCHIVO", conflicts_with = "prueba")]
    pub archivo: Option<PathBuf>,
    /// Respuesta de GET /api/v1/auditoria/FACTURA/prueba, guardada
    #[arg(long, value_name = "ARCHIVO")]
    pub prueba: Option<PathBuf>,
    /// Claves públicas en que se confía (auditoria.publicas_archivo si no se indica)
    #[arg(long, value_name = "ARCHIVO")]
    pub clave: Option<PathBuf>,
    /// Sellos guardados aparte: lo que cubren debe estar (se puede repetir)
    #[arg(long = "sello", value_name = "ARCHIVO")]
    pub sellos: Vec<PathBuf>,
    /// Compara además el archivo con el registro de la carpeta: lo que le falte por el final se dice
    #[arg(long, requires = "archivo")]
    pub contra_registro: bool,
    /// Falla también si queda algo que ningún sello cubre
    #[arg(long)]
    pub estricto: bool,
}

#[derive(Debug, Args)]
pub struct ClaveArgs {
    #[command(subcommand)]
    pub accion: ClaveAccion,
}

#[derive(Debug, Subcommand)]
pub enum ClaveAccion {
    /// Crea una clave y su archivo público (.pub)
    #[command(
        override_usage = "factumarket auditoria clave crear --archivo ARCHIVO [--nombre NOMBRE | --relevar] [OPCIONES]",
        after_help = "Con --relevar, la nueva toma el lugar de la que hay, que desaparece; su pública se queda en el .pub, antes que la nueva.\n\n\
                      Ejemplo:\n  factumarket auditoria clave crear --archivo auditoria.clave --nombre tienda.example.co/auditoria"
    )]
    Crear {
        /// Archivo de la clave privada
        #[arg(long, value_name = "ARCHIVO")]
        archivo: PathBuf,
        /// Nombre de la instalación, como una dirección sin https://
        #[arg(long, value_name = "NOMBRE", default_value = crate::node::sellos::NOMBRE_POR_DEFECTO)]
        nombre: String,
        /// Releva la clave que hay, con su mismo nombre
        #[arg(long, conflicts_with = "nombre")]
        relevar: bool,
    },
    /// Muestra las claves públicas en que se confía
    #[command(
        override_usage = "factumarket auditoria clave ver [--clave ARCHIVO] [--particion TEMA/N] [OPCIONES]",
        after_help = "Ejemplo:\n  factumarket auditoria clave ver --clave auditoria.clave.pub --particion eventos.facturacion/3"
    )]
    Ver {
        /// Archivo de claves públicas (auditoria.publicas_archivo si no se indica)
        #[arg(long, value_name = "ARCHIVO")]
        clave: Option<PathBuf>,
        /// Como la nombran los sellos de una partición: la «vkey» de C2SP para herramientas ajenas
        #[arg(long, value_name = "TEMA/N")]
        particion: Option<String>,
    },
}
