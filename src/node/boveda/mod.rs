//! The keys of the clients' personal data (ADR 18), each wrapped by the master key, which belongs elsewhere
//! (`datos_personales.clave_maestra_archivo`). [`archivo`]: in a file of the folder, where the folder has its log too · [`tema`]: on a topic
//! of the log, where several processes share it.

mod archivo;
mod tema;

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

use self::{archivo::BovedaEnCarpeta, tema::BovedaEnTema};
use super::{
    NodeError, NodeOptions,
    carpeta::{self, RESERVADO},
};
use crate::{
    contracts::{BYTES_DE_CLAVE, Boveda, Clave},
    log::Log,
};

/// The keys of the clients, in a data folder.
const ARCHIVO: &str = "claves.ndjson";
/// The master key that a folder with its own log makes for itself.
const ARCHIVO_MAESTRA: &str = "claves.maestra";
/// The file of a master key: 44 characters and a line end.
const MAX_MAESTRA: u64 = 256;

/// A key, or that there is none any more: as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Linea {
    Vigente { clave: String, envuelta: String },
    Destruida { destruida: String },
}

/// The keys of a process; `None` when it needs none: nothing is sealed here, or this process was not given what opens it. Who does not write
/// (`crear` false) makes no file.
///
/// # Errors
/// Keys that are damaged, of another master key, or not there; a log that does not answer.
pub(super) fn abrir(options: &NodeOptions, log: &Arc<dyn Log>, crear: bool) -> Result<Option<Arc<dyn Boveda>>, NodeError> {
    if options.kafka.is_some() { en_tema(options, log) } else { en_carpeta(options, crear) }
}

/// Every process of an installation has the same keys, so each is told of the same master key; who is told of it reads, also while it does
/// not seal yet.
fn en_tema(options: &NodeOptions, log: &Arc<dyn Log>) -> Result<Option<Arc<dyn Boveda>>, NodeError> {
    let ajustes = &options.datos_personales;
    let Some(ruta) = ajustes.clave_maestra_archivo.as_deref() else {
        return match ajustes.cifrar {
            true => Err(NodeError::DatosPersonales(
                "con el registro en Kafka, datos_personales.cifrar pide datos_personales.clave_maestra_archivo: la misma clave maestra en \
                 todos los procesos; hágala una vez con «openssl rand -base64 32»"
                    .to_owned(),
            )),
            false => Ok(None),
        };
    };
    let maestra = leer_maestra(ruta)?.ok_or_else(|| sin_maestra(ruta))?;
    let boveda = BovedaEnTema::abrir(Arc::clone(log), maestra, Arc::clone(&options.clock));
    let boveda = boveda.map_err(|e| NodeError::DatosPersonales(e.to_string()))?;
    Ok(Some(Arc::new(boveda)))
}

fn en_carpeta(options: &NodeOptions, crear: bool) -> Result<Option<Arc<dyn Boveda>>, NodeError> {
    let ajustes = &options.datos_personales;
    let ruta = options.carpeta.join(ARCHIVO);
    let hay = ruta.exists();
    if !hay && options.carpeta.join(ARCHIVO_MAESTRA).exists() {
        return Err(NodeError::DatosPersonales(format!(
            "falta {}: está la clave maestra y no las que envuelve; recupérelo de su respaldo",
            ruta.display()
        )));
    }
    let querida = crear && ajustes.cifrar;
    if !hay && !querida {
        return Ok(None);
    }
    let abrir = |maestra| BovedaEnCarpeta::abrir(&ruta, maestra).map_err(|e| NodeError::DatosPersonales(e.to_string()));
    let propia = options.carpeta.join(ARCHIVO_MAESTRA);
    let lugar = ajustes.clave_maestra_archivo.as_deref().unwrap_or(&propia);
    if let Some(maestra) = leer_maestra(lugar)? {
        return Ok(Some(Arc::new(abrir(maestra)?)));
    }
    // The file of the keys is written before the folder's own master key: a process that died in between had made none.
    if ajustes.clave_maestra_archivo.is_some() || !BovedaEnCarpeta::vacia(&ruta) {
        return Err(sin_maestra(lugar));
    }
    if !querida {
        return Ok(None);
    }
    let bytes = al_azar().map_err(|e| de_la_maestra(&propia, e))?;
    BovedaEnCarpeta::empezar(&ruta, &Clave::new(bytes)).map_err(|e| NodeError::DatosPersonales(e.to_string()))?;
    let escrita = carpeta::escribir_entero(&propia, RESERVADO, |archivo| writeln!(archivo, "{}", BASE64.encode(bytes)));
    escrita.map_err(|e| de_la_maestra(&propia, e))?;
    Ok(Some(Arc::new(abrir(Clave::new(bytes))?)))
}

fn leer_maestra(ruta: &Path) -> Result<Option<Clave>, NodeError> {
    let Some(texto) = carpeta::leer_texto(ruta, MAX_MAESTRA).map_err(|e| de_la_maestra(ruta, e))? else { return Ok(None) };
    let bytes = BASE64.decode(texto.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    let clave = bytes.map(Clave::new);
    clave.map(Some).ok_or_else(|| de_la_maestra(ruta, "no son 32 bytes en base64, como los da «openssl rand -base64 32»"))
}

fn sin_maestra(ruta: &Path) -> NodeError {
    de_la_maestra(
        ruta,
        "no existe, y sin ella no se leen los datos personales: recupérela de su respaldo (datos_personales.clave_maestra_archivo)",
    )
}

fn de_la_maestra(ruta: &Path, que: impl std::fmt::Display) -> NodeError {
    NodeError::DatosPersonales(format!("la clave maestra {}: {que}", ruta.display()))
}

fn al_azar<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// A key as it is kept: sealed by the master key under its own name, in base64.
fn envolver(maestra: &Clave, clave_id: &str, clave: &Clave) -> Option<String> {
    Some(BASE64.encode(maestra.sellar(clave_id, clave.bytes())?))
}

/// # Errors
/// Why it is no key of that name that this master key wrapped.
fn desenvolver(maestra: &Clave, clave_id: &str, envuelta: &str) -> Result<Clave, String> {
    let envuelta = BASE64.decode(envuelta).map_err(|e| e.to_string())?;
    let bytes = maestra.abrir(clave_id, &envuelta).ok_or("la clave no se abre: está cambiada, o la envolvió otra clave maestra")?;
    let bytes = <[u8; BYTES_DE_CLAVE]>::try_from(bytes.as_slice()).map_err(|_| "la clave no mide 32 bytes")?;
    Ok(Clave::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Fuentes, cargar},
        log::simulated::{ClusterOptions, NoFaults, SimulatedLog},
    };

    fn en(carpeta: &Path, cifrar: bool) -> Result<Option<Arc<dyn Boveda>>, NodeError> {
        let mut options = NodeOptions::new(&cargar(&Fuentes::default()).expect("configuración"));
        options.carpeta = carpeta.to_owned();
        options.datos_personales.cifrar = cifrar;
        let log: Arc<dyn Log> = Arc::new(SimulatedLog::new(ClusterOptions::default(), Box::new(NoFaults)));
        abrir(&options, &log, true)
    }

    /// The first start in a folder may be cut after any of the two files: nothing was sealed, and the next one begins again. Once there is a
    /// key, neither file is made in the place of one that is missing.
    #[test]
    fn un_comienzo_cortado_no_pide_un_respaldo_que_nunca_hubo() {
        let carpeta = tempfile::tempdir().expect("carpeta");
        let (claves, maestra) = (carpeta.path().join(ARCHIVO), carpeta.path().join(ARCHIVO_MAESTRA));
        assert!(en(carpeta.path(), false).expect("nada").is_none() && !claves.exists());
        en(carpeta.path(), true).expect("claves").expect("claves");
        std::fs::remove_file(&maestra).expect("estaba");
        assert!(en(carpeta.path(), false).expect("nada").is_none());
        let boveda = en(carpeta.path(), true).expect("otra vez").expect("claves");
        boveda.clave_o_nueva("ficha/1").expect("clave");
        boveda.sincronizar().expect("a salvo");
        drop(boveda);
        let guardada = std::fs::read(&maestra).expect("maestra");
        std::fs::remove_file(&maestra).expect("estaba");
        for cifrar in [true, false] {
            let error = en(carpeta.path(), cifrar).expect_err("hay una clave").to_string();
            assert!(error.contains("clave_maestra_archivo") && !maestra.exists(), "{error}");
        }
        std::fs::write(&maestra, guardada).expect("vuelve");
        std::fs::remove_file(&claves).expect("estaba");
        assert!(en(carpeta.path(), true).expect_err("faltan").to_string().contains(ARCHIVO));
    }
}
