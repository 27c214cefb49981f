//! The data folder: its layout, its version, and the lock that keeps a second process out.
//!
//! ```text
//! VERSION         version of the layout, and the number of partitions the folder was made with
//! candado         locked while a process uses the folder
//! proceso.json    who that process is and where it answers
//! origen          which log the rest belongs to: the one in the folder, or a cluster of Kafka and a prefix
//! identidad       what tells this folder from any other, to whoever shares tables with it
//! registro/       the log: the only truth (not with Kafka)
//! estado/         local store of the engine; rebuilt from the log
//! tablas/         projections and audit; rebuilt from the log
//! claves.ndjson   keys of the clients' personal data, when they are sealed
//! claves.maestra  what wraps them, when no file elsewhere is configured
//! esquemas.json   ids given to the Avro schemas
//! esquemas-registro.json   with a schema registry: the ids it gave, so that the node starts without it
//! ```

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::NodeError;

/// Version of the folder's layout that this program reads and writes.
pub const VERSION_CARPETA: &str = "factumarket 1";

const ARCHIVO_VERSION: &str = "VERSION";
const CLAVE_PARTICIONES: &str = "particiones";
const ARCHIVO_CANDADO: &str = "candado";
const ARCHIVO_PROCESO: &str = "proceso.json";
const ARCHIVO_ORIGEN: &str = "origen";
const ARCHIVO_IDENTIDAD: &str = "identidad";
/// What the schema registry of an installation answered.
pub(super) const ARCHIVO_REGISTRO: &str = "esquemas-registro.json";
/// The log that is in the folder itself.
pub(super) const EMBEBIDO: &str = "embebido";
/// Neither VERSION nor `proceso.json` is ever near this; a larger one is not ours.
const MAX_BYTES: u64 = 4_096;

/// The process that uses a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proceso {
    pub pid: u32,
    /// Where its API answers, when it serves one: `http://127.0.0.1:8080`.
    pub url: Option<String>,
}

/// What a look at a folder finds, without taking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EstadoCarpeta {
    /// It does not exist yet or is empty: it would be made.
    Nueva,
    /// A data folder of this version that nobody uses.
    Libre,
    /// In use; who, when it said so.
    EnUso(Option<Proceso>),
    /// A data folder of another version.
    OtraVersion(String),
    /// Has files of something else.
    Ajena,
}

/// A folder held by this process. Dropping it lets it go.
#[derive(Debug)]
pub struct Carpeta {
    raiz: PathBuf,
    /// The lock lasts as long as the open file, so that a killed process leaves none behind.
    _candado: File,
}

/// Takes the lock for its owner; false when another owner has it. Who only looks ([`inspeccionar`]) shares it for an instant, and is
/// waited for.
fn tomar(candado: &File) -> io::Result<bool> {
    const INTENTOS: u32 = 200;
    for _ in 0..INTENTOS {
        match candado.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(e)) => return Err(e),
            Err(TryLockError::WouldBlock) => {}
        }
        match candado.try_lock_shared() {
            // No owner, only somebody who looks.
            Ok(()) => candado.unlock()?,
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(e)) => return Err(e),
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(false)
}

impl Carpeta {
    /// Makes the folder when it is missing, and takes it.
    ///
    /// # Errors
    /// `EnUso`, `OtraVersion`, `OtrasParticiones`, `NoEsCarpetaDeDatos`, or `Carpeta` when the disk refuses.
    pub fn abrir(raiz: &Path, particiones: u16) -> Result<Self, NodeError> {
        let fallo = |e: io::Error| NodeError::Carpeta { carpeta: raiz.to_owned(), causa: causa(&e) };
        fs::create_dir_all(raiz).map_err(fallo)?;
        rechazar_ajena(raiz)?;
        let candado = File::options().create(true).append(true).open(raiz.join(ARCHIVO_CANDADO)).map_err(fallo)?;
        tomar(&candado).map_err(fallo)?.then_some(()).ok_or_else(|| en_uso(raiz))?;
        // Looked at again under the lock: another process may have made the folder in between.
        rechazar_ajena(raiz)?;
        match leer_corto(&raiz.join(ARCHIVO_VERSION)).map_err(fallo)? {
            Some(marca) => mismas_particiones(raiz, &marca, particiones)?,
            None => {
                let marca = format!("{VERSION_CARPETA}\n{CLAVE_PARTICIONES} {particiones}\n");
                escribir_corto(raiz, ARCHIVO_VERSION, marca.as_bytes()).map_err(fallo)?;
            }
        }
        let carpeta = Self { raiz: raiz.to_owned(), _candado: candado };
        carpeta.anunciar(None)?;
        Ok(carpeta)
    }

    pub fn raiz(&self) -> &Path {
        &self.raiz
    }

    pub fn registro(&self) -> PathBuf {
        self.raiz.join("registro")
    }

    pub fn estado(&self) -> PathBuf {
        self.raiz.join("estado")
    }

    pub fn tablas(&self) -> PathBuf {
        self.raiz.join("tablas")
    }

    pub fn esquemas(&self) -> PathBuf {
        self.raiz.join("esquemas.json")
    }

    /// What the schema registry of the installation answered.
    pub fn esquemas_del_registro(&self) -> PathBuf {
        self.raiz.join(ARCHIVO_REGISTRO)
    }

    /// Positions kept in the folder are of one log: notes which at the first start, and refuses another later.
    ///
    /// # Errors
    /// `OtroRegistro`; `Carpeta` when the disk refuses.
    pub fn es_del_registro(&self, pedido: &str) -> Result<(), NodeError> {
        let fallo = |e: io::Error| NodeError::Carpeta { carpeta: self.raiz.clone(), causa: causa(&e) };
        let notado = leer_corto(&self.raiz.join(ARCHIVO_ORIGEN)).map_err(fallo)?;
        // A folder of before there was Kafka has no note.
        let embebido = || self.registro().exists().then(|| EMBEBIDO.to_owned());
        match notado.map(|texto| texto.trim().to_owned()).or_else(embebido) {
            Some(encontrado) if encontrado == pedido => Ok(()),
            Some(encontrado) => Err(NodeError::OtroRegistro { carpeta: self.raiz.clone(), encontrado, pedido: pedido.to_owned() }),
            None => escribir_corto(&self.raiz, ARCHIVO_ORIGEN, format!("{pedido}\n").as_bytes()).map_err(fallo),
        }
    }

    /// What tells this folder from any other; made the first time.
    ///
    /// # Errors
    /// `Carpeta` when the disk refuses.
    pub fn identidad(&self) -> Result<String, NodeError> {
        let fallo = |e: io::Error| NodeError::Carpeta { carpeta: self.raiz.clone(), causa: causa(&e) };
        if let Some(texto) = leer_corto(&self.raiz.join(ARCHIVO_IDENTIDAD)).map_err(fallo)? {
            return Ok(texto.trim().to_owned());
        }
        let nueva = uuid::Uuid::now_v7().to_string();
        escribir_corto(&self.raiz, ARCHIVO_IDENTIDAD, format!("{nueva}\n").as_bytes()).map_err(fallo)?;
        Ok(nueva)
    }

    /// The log that the folder belongs to, as nobody else's: a cluster of Kafka and a prefix, or this folder.
    ///
    /// # Errors
    /// `Carpeta` when the disk refuses.
    pub fn origen(&self) -> Result<String, NodeError> {
        let fallo = |e: io::Error| NodeError::Carpeta { carpeta: self.raiz.clone(), causa: causa(&e) };
        let notado = leer_corto(&self.raiz.join(ARCHIVO_ORIGEN)).map_err(fallo)?;
        match notado.as_deref().map(str::trim) {
            Some(origen) if origen != EMBEBIDO => Ok(origen.to_owned()),
            _ => Ok(format!("carpeta {}", self.identidad()?)),
        }
    }

    /// Writes `proceso.json`: this process, and the address of its API once it has one.
    ///
    /// # Errors
    /// `Carpeta` when the disk refuses.
    pub fn anunciar(&self, direccion: Option<SocketAddr>) -> Result<(), NodeError> {
        let proceso = Proceso { pid: std::process::id(), url: direccion.map(|d| format!("http://{}", alcanzable(d))) };
        serde_json::to_vec(&proceso)
            .map_err(io::Error::other)
            .and_then(|bytes| escribir_corto(&self.raiz, ARCHIVO_PROCESO, &bytes))
            .map_err(|e| NodeError::Carpeta { carpeta: self.raiz.clone(), causa: causa(&e) })
    }
}

impl Drop for Carpeta {
    fn drop(&mut self) {
        // Left behind it would only be stale: readers believe it while the lock is held.
        let _ = fs::remove_file(self.raiz.join(ARCHIVO_PROCESO));
    }
}

/// Looks at a folder without taking it or changing anything in it.
///
/// # Errors
/// When it cannot be read.
pub fn inspeccionar(raiz: &Path) -> io::Result<EstadoCarpeta> {
    let marca = leer_corto(&raiz.join(ARCHIVO_VERSION))?;
    match &marca {
        Some(marca) if version(marca) != VERSION_CARPETA => return Ok(EstadoCarpeta::OtraVersion(version(marca))),
        None if !vacia(raiz)? => return Ok(EstadoCarpeta::Ajena),
        _ => {}
    }
    let candado = match File::options().read(true).open(raiz.join(ARCHIVO_CANDADO)) {
        Ok(candado) => candado,
        // A restored folder: the lock is no part of a backup.
        Err(e) if e.kind() == ErrorKind::NotFound && marca.is_some() => return Ok(EstadoCarpeta::Libre),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(EstadoCarpeta::Nueva),
        Err(e) => return Err(e),
    };
    match candado.try_lock_shared() {
        Ok(()) => Ok(EstadoCarpeta::Libre),
        Err(TryLockError::WouldBlock) => Ok(EstadoCarpeta::EnUso(leer_proceso(raiz))),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// Bytes that an ordinary user may still write where `ruta` is, or would be made.
///
/// # Errors
/// When no part of the path exists or can be asked.
pub fn espacio_libre(ruta: &Path) -> io::Result<u64> {
    let existente = ruta.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
    let existente = if existente.as_os_str().is_empty() { Path::new(".") } else { existente };
    let cifras = rustix::fs::statvfs(existente)?;
    Ok(cifras.f_bavail.saturating_mul(cifras.f_frsize))
}

fn rechazar_ajena(raiz: &Path) -> Result<(), NodeError> {
    let fallo = |e: io::Error| NodeError::Carpeta { carpeta: raiz.to_owned(), causa: causa(&e) };
    match leer_corto(&raiz.join(ARCHIVO_VERSION)).map_err(fallo)? {
        Some(marca) if version(&marca) != VERSION_CARPETA => {
            Err(NodeError::OtraVersion { carpeta: raiz.to_owned(), encontrada: version(&marca), esperada: VERSION_CARPETA })
        }
        None if !vacia(raiz).map_err(fallo)? => Err(NodeError::NoEsCarpetaDeDatos { carpeta: raiz.to_owned() }),
        _ => Ok(()),
    }
}

/// Nothing in it but what this program makes before VERSION.
fn vacia(raiz: &Path) -> io::Result<bool> {
    let entradas = match fs::read_dir(raiz) {
        Ok(entradas) => entradas,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(true),
        Err(e) => return Err(e),
    };
    for entrada in entradas {
        let nombre = entrada?.file_name();
        if nombre != ARCHIVO_CANDADO && nombre != nombre_temporal(ARCHIVO_VERSION).as_str() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn en_uso(raiz: &Path) -> NodeError {
    let proceso = leer_proceso(raiz);
    NodeError::EnUso { carpeta: raiz.to_owned(), pid: proceso.as_ref().map(|p| p.pid), url: proceso.and_then(|p| p.url) }
}

fn leer_proceso(raiz: &Path) -> Option<Proceso> {
    let texto = leer_corto(&raiz.join(ARCHIVO_PROCESO)).ok()??;
    serde_json::from_str(&texto).ok()
}

/// Text of a small file; `None` when it does not exist. Bytes that are no text are shown as such.
fn leer_corto(ruta: &Path) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    match File::open(ruta) {
        Ok(archivo) => archivo.take(MAX_BYTES).read_to_end(&mut bytes)?,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Text of a file of at most `max` bytes; `None` when there is no such file.
pub(super) fn leer_texto(ruta: &Path, max: u64) -> io::Result<Option<String>> {
    let mut texto = String::new();
    match File::open(ruta) {
        Ok(archivo) => archivo.take(max + 1).read_to_string(&mut texto)?,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    if texto.len() as u64 > max { Err(io::Error::other(format!("mide más de {max} bytes"))) } else { Ok(Some(texto)) }
}

/// First line of VERSION, fit to be shown.
fn version(marca: &str) -> String {
    marca.lines().next().unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(40).collect()
}

/// The number of partitions decides where every key lives, so it never changes in a folder.
fn mismas_particiones(raiz: &Path, marca: &str, pedidas: u16) -> Result<(), NodeError> {
    let linea = marca.lines().find_map(|l| l.strip_prefix(CLAVE_PARTICIONES));
    match linea.and_then(|n| n.trim().parse::<u16>().ok()) {
        Some(hechas) if hechas != pedidas => Err(NodeError::OtrasParticiones { carpeta: raiz.to_owned(), hechas, pedidas }),
        _ => Ok(()),
    }
}

const SUFIJO_TEMPORAL: &str = ".nuevo";

fn nombre_temporal(nombre: &str) -> String {
    format!("{nombre}{SUFIJO_TEMPORAL}")
}

/// A short file of the folder.
fn escribir_corto(raiz: &Path, nombre: &str, bytes: &[u8]) -> io::Result<()> {
    escribir_entero(&raiz.join(nombre), LEGIBLE, |archivo| archivo.write_all(bytes)).map(drop)
}

/// What others may read.
pub(super) const LEGIBLE: u32 = 0o666;
/// What only its owner may read.
pub(super) const RESERVADO: u32 = 0o600;

/// A file, whole or not at all: written beside, made durable, renamed. What it holds is what `escribir` wrote; it is left open after it.
/// `modo`: its permissions, less what the process never gives.
///
/// # Errors
/// When the disk refuses; the file may then be the one of before or the new one.
pub(super) fn escribir_entero(archivo: &Path, modo: u32, escribir: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<File> {
    let mut temporal = archivo.as_os_str().to_owned();
    temporal.push(SUFIJO_TEMPORAL);
    let temporal = PathBuf::from(temporal);
    // What a write that was cut left behind may have other permissions.
    match fs::remove_file(&temporal) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut nuevo = OpenOptions::new().write(true).create_new(true).mode(modo).open(&temporal)?;
    escribir(&mut nuevo)?;
    nuevo.sync_all()?;
    fs::rename(&temporal, archivo)?;
    let dentro = archivo.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dentro)?.sync_all()?;
    Ok(nuevo)
}

/// The address a client on this machine uses: `0.0.0.0` is no destination.
fn alcanzable(direccion: SocketAddr) -> SocketAddr {
    let mut direccion = direccion;
    if direccion.ip().is_unspecified() {
        let local: std::net::IpAddr =
            if direccion.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        direccion.set_ip(local);
    }
    direccion
}

fn causa(e: &io::Error) -> String {
    match e.kind() {
        ErrorKind::PermissionDenied => "sin permiso de escritura".to_owned(),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "hay un archivo con ese nombre".to_owned(),
        ErrorKind::StorageFull => "no queda espacio en el disco".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "el disco es de sólo lectura".to_owned(),
        _ => e.to_string(),
    }
}
