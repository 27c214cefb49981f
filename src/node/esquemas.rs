//! Where the ids of the schemas come from: the folder itself, or the registry of an installation of Kafka and what the folder keeps of it.

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use prometheus::IntGauge;

use super::{
    NodeError, NodeOptions, boveda,
    carpeta::{ARCHIVO_REGISTRO, Carpeta},
    start::almacen,
};
use crate::{
    config::AjustesEsquemas,
    contracts::{Boveda, CachedRegistry, Codec, EmbeddedRegistry, KeptIds, Registry},
    log::Log,
};

/// Between two attempts to compare the ids in use with a registry that does not answer.
const REINTENTO: Duration = Duration::from_secs(30);

/// Longest password and certificate files.
#[cfg(feature = "kafka")]
const MAX_ARCHIVO_BYTES: u64 = 1 << 20;

/// Compares once, on a thread of its own, the ids that a node started with and what the registry has; until it answers. Dropped, it ends.
pub(super) struct Vigia {
    _vive: mpsc::Sender<()>,
}

/// The codec of a node, and whoever watches its ids when they came from a folder instead of the registry.
pub(super) fn abrir(
    carpeta: &Carpeta,
    options: &NodeOptions,
    log: &Arc<dyn Log>,
    metricas: &prometheus::Registry,
) -> Result<(Arc<Codec>, Option<Vigia>), NodeError> {
    let boveda = boveda::abrir(options, log, true)?;
    let cifra = options.datos_personales.cifrar;
    let Some(registro) = del_registro(carpeta, options)? else { return Ok((codec_de(&local(carpeta)?, boveda, cifra)?, None)) };
    let codec = codec_de(&*registro, boveda, cifra)?;
    let vigia = Vigia::start(registro, metricas).map_err(|causa| NodeError::Interno(causa.to_string()))?;
    Ok((codec, Some(vigia)))
}

/// As [`abrir`], for who only reads.
pub(super) fn codec(carpeta: &Carpeta, options: &NodeOptions, log: &Arc<dyn Log>) -> Result<Arc<Codec>, NodeError> {
    let boveda = boveda::abrir(options, log, false)?;
    match del_registro(carpeta, options)? {
        Some(registro) => codec_de(&*registro, boveda, false),
        None => codec_de(&local(carpeta)?, boveda, false),
    }
}

fn codec_de(registro: &dyn Registry, boveda: Option<Arc<dyn Boveda>>, cifra: bool) -> Result<Arc<Codec>, NodeError> {
    let codec = Codec::new(registro).map_err(|e| NodeError::Esquemas(e.to_string()))?;
    Ok(Arc::new(match boveda {
        Some(boveda) => codec.with_keys(boveda, cifra),
        None => codec,
    }))
}

fn local(carpeta: &Carpeta) -> Result<EmbeddedRegistry, NodeError> {
    EmbeddedRegistry::open(&carpeta.esquemas()).map_err(almacen)
}

/// The registry of the installation behind what the folder keeps of it; `None` when ids are the folder's own.
fn del_registro(carpeta: &Carpeta, options: &NodeOptions) -> Result<Option<Arc<CachedRegistry>>, NodeError> {
    let Some(kafka) = &options.kafka else { return Ok(None) };
    let ajeno = |archivo: &Path, hacer: &str| {
        let causa = format!("la carpeta tiene ids de esquemas de otra procedencia ({}): {hacer}", archivo.display());
        if archivo.exists() { Err(NodeError::Esquemas(causa)) } else { Ok(()) }
    };
    if options.esquemas.urls.is_empty() {
        ajeno(&carpeta.esquemas_del_registro(), "lo escrito lleva los del registro; ponga su dirección en esquemas.url")?;
        tracing::warn!(
            evento = "sin_registro_de_esquemas",
            "los ids de los esquemas son de la carpeta: nadie más puede leer los eventos"
        );
        return Ok(None);
    }
    ajeno(&carpeta.esquemas(), "lo escrito lleva los de la carpeta; ponga esquemas.url en «ninguno», o use otro prefijo")?;
    let fuente = fuente(&options.esquemas, &kafka.prefijo)?;
    CachedRegistry::open(&carpeta.esquemas_del_registro(), fuente).map(Arc::new).map(Some).map_err(almacen)
}

/// The ids that a node of a folder has from a schema registry; `None` when there are none. Looks only, also while the node runs.
///
/// # Errors
/// A file that cannot be read or is damaged.
pub fn ids_guardados(carpeta: &Path) -> Result<Option<KeptIds>, NodeError> {
    KeptIds::read(&carpeta.join(ARCHIVO_REGISTRO)).map_err(almacen)
}

impl Vigia {
    fn start(registro: Arc<CachedRegistry>, metricas: &prometheus::Registry) -> Result<Self, String> {
        let arriba = IntGauge::new(
            "factumarket_schema_registry_up",
            "1: el registro de esquemas respondió y sus ids son los que se escriben; 0: aún no; -1: son otros",
        );
        let arriba = arriba.map_err(|e| e.to_string())?;
        metricas.register(Box::new(arriba.clone())).map_err(|e| e.to_string())?;
        let (vive, fin) = mpsc::channel();
        let hilo = move || {
            while !comparar(&registro, &arriba) {
                if fin.recv_timeout(REINTENTO) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        thread::Builder::new().name("esquemas".to_owned()).spawn(hilo).map_err(|e| e.to_string())?;
        Ok(Self { _vive: vive })
    }
}

/// Whether there is nothing more to find out.
fn comparar(registro: &CachedRegistry, arriba: &IntGauge) -> bool {
    match registro.check() {
        Ok(_) => {
            arriba.set(1);
            true
        }
        Err(causa) if causa.is_unreachable() => {
            tracing::warn!(evento = "registro_de_esquemas_caido", %causa, "se sigue con los ids que guarda la carpeta");
            false
        }
        Err(causa) => {
            arriba.set(-1);
            tracing::error!(evento = "registro_de_esquemas_ajeno", %causa, "lo que se escribe no se leerá con este registro de esquemas");
            true
        }
    }
}

#[cfg(not(feature = "kafka"))]
fn fuente(_: &AjustesEsquemas, _: &str) -> Result<Arc<dyn Registry>, NodeError> {
    Err(NodeError::Esquemas(
        "este programa se construyó sin Kafka: constrúyalo con `cargo build --release --features kafka`".to_owned(),
    ))
}

#[cfg(feature = "kafka")]
fn fuente(ajustes: &AjustesEsquemas, prefijo: &str) -> Result<Arc<dyn Registry>, NodeError> {
    Ok(Arc::new(registro_de_esquemas(ajustes, prefijo)?))
}

/// The registry of the configuration. Secrets are read from their files here.
///
/// # Errors
/// No address, a file that cannot be read.
#[cfg(feature = "kafka")]
pub fn registro_de_esquemas(ajustes: &AjustesEsquemas, prefijo: &str) -> Result<crate::contracts::ConfluentRegistry, NodeError> {
    let archivo =
        |nombre: &str, ruta: &str| (!ruta.is_empty()).then(|| super::registro::leer(nombre, ruta, MAX_ARCHIVO_BYTES)).transpose();
    let contrasena = archivo("esquemas.contrasena_archivo", &ajustes.contrasena_archivo)?;
    let opciones = crate::contracts::ConfluentOptions {
        urls: ajustes.urls.clone(),
        user: contrasena.map(|c| (ajustes.usuario.clone(), c.trim_end_matches(['\r', '\n']).to_owned())),
        ca: archivo("esquemas.ca_archivo", &ajustes.ca_archivo)?.map(String::into_bytes),
        timeout: ajustes.plazo,
        prefix: prefijo.to_owned(),
    };
    crate::contracts::ConfluentRegistry::new(opciones).map_err(|e| NodeError::Esquemas(e.to_string()))
}
