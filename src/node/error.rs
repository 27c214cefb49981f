//! Why a node does not start.

use std::{net::SocketAddr, path::PathBuf};

/// Failures of a node. Messages are Spanish and say what to do.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("la carpeta {carpeta} la usa otro proceso{}", quien(*.pid, .url.as_deref()))]
    EnUso { carpeta: PathBuf, pid: Option<u32>, url: Option<String> },
    #[error("la carpeta {carpeta} es de la versión «{encontrada}» y este programa usa la «{esperada}»")]
    OtraVersion { carpeta: PathBuf, encontrada: String, esperada: &'static str },
    #[error("la carpeta {carpeta} se creó con {hechas} particiones y la configuración pide {pedidas}")]
    OtrasParticiones { carpeta: PathBuf, hechas: u16, pedidas: u16 },
    #[error("la carpeta {carpeta} es de otro registro ({encontrado}) y la configuración pide {pedido}")]
    OtroRegistro { carpeta: PathBuf, encontrado: String, pedido: String },
    #[error("la carpeta {carpeta} no está vacía y no es una carpeta de datos de FactuMarket")]
    NoEsCarpetaDeDatos { carpeta: PathBuf },
    #[error("no se puede usar la carpeta {carpeta}: {causa}")]
    Carpeta { carpeta: PathBuf, causa: String },
    #[error("no se puede atender en {direccion}: {causa}")]
    Puerto { direccion: SocketAddr, causa: String },
    /// Roles that cannot work.
    #[error("{0}")]
    Papeles(String),
    /// Another process feeds the tables of the database.
    #[error("las tablas de la base no son de este proceso: {0}")]
    Turno(String),
    /// A file of the audit's keys.
    #[error("{archivo}: {causa}")]
    Claves { archivo: PathBuf, causa: String },
    /// The keys of personal data.
    #[error("{0}")]
    DatosPersonales(String),
    /// Log, tables or schemas do not open.
    #[error("{0}")]
    Almacen(String),
    /// Ids of the schemas cannot be known, or are not those of what is written.
    #[error("{0}")]
    Esquemas(String),
    /// The engine gave up, or did not stop.
    #[error("{0}")]
    Motor(String),
    /// Threads, runtime, metrics.
    #[error("{0}")]
    Interno(String),
}

fn quien(pid: Option<u32>, url: Option<&str>) -> String {
    match (pid, url) {
        (Some(pid), Some(url)) => format!(" (pid {pid}, atiende en {url})"),
        (Some(pid), None) => format!(" (pid {pid})"),
        (None, _) => String::new(),
    }
}
