//! The keys of the audit's seals, in files.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    audit::cadena::{ClavePrivada, ClavePublica, Llavero, nota::MAX_ARCHIVO_CLAVES},
    node::{NodeError, NodeOptions, carpeta},
};

/// Name of the installation whose key the program made by itself.
pub const NOMBRE_POR_DEFECTO: &str = "factumarket.local";
/// The key's file in a data folder.
const ARCHIVO: &str = "auditoria.clave";

/// The keys of a process: the one that signs, when it has one, and those that are believed.
#[derive(Debug, Clone)]
pub struct Claves {
    pub privada: Option<ClavePrivada>,
    pub llavero: Llavero,
}

/// The public keys that belong to a key's file.
pub fn publicas_de(clave: &Path) -> PathBuf {
    let mut nombre = clave.as_os_str().to_owned();
    nombre.push(".pub");
    PathBuf::from(nombre)
}

fn archivo_de_clave(options: &NodeOptions) -> PathBuf {
    options.sellos.clave_archivo.clone().unwrap_or_else(|| options.carpeta.join(ARCHIVO))
}

/// Where the public keys of a configuration are.
pub fn archivo_de_publicas(options: &NodeOptions) -> PathBuf {
    options.sellos.publicas_archivo.clone().unwrap_or_else(|| publicas_de(&archivo_de_clave(options)))
}

/// The public keys of a file.
///
/// # Errors
/// When it is not there or is no file of keys.
pub fn leer_publicas(archivo: &Path) -> Result<Llavero, NodeError> {
    let texto = leer(archivo)?.ok_or_else(|| fallo(archivo, "no existe"))?;
    Llavero::leer(&texto).map_err(|e| fallo(archivo, &e.to_string()))
}

/// The private key of a file; `None` when there is no such file.
///
/// # Errors
/// When it is no file of a key.
pub fn leer_privada(archivo: &Path) -> Result<Option<ClavePrivada>, NodeError> {
    let Some(texto) = leer(archivo)? else { return Ok(None) };
    ClavePrivada::leer(texto.trim()).map(Some).map_err(|e| fallo(archivo, &e.to_string()))
}

/// Makes a key and writes its two files: the key, for its owner's eyes only, and the public ones. A key that is there, or that was lost, is
/// succeeded only when `relevar`: its public key stays among those that are believed, and the key itself is gone.
///
/// # Errors
/// When there are keys already, or there is none to succeed, or the disk refuses.
pub fn crear(archivo: &Path, nombre: &str, relevar: bool) -> Result<ClavePublica, NodeError> {
    let publicas = publicas_de(archivo);
    let (hay_privada, mut texto) = (leer_privada(archivo)?.is_some(), leer(&publicas)?.unwrap_or_default());
    match (relevar, hay_privada, texto.is_empty()) {
        (false, true, _) => return Err(fallo(archivo, "ya hay una clave: para relevarla use --relevar")),
        (false, false, false) => {
            let que = "la clave que firma no está y quedan las públicas: recupérela del respaldo, o relévela con «auditoria clave crear --relevar»";
            return Err(fallo(archivo, que));
        }
        (true, true, true) => return Err(fallo(&publicas, "no existe, y sin él los sellos de antes no se verifican")),
        (true, false, true) => return Err(fallo(archivo, "no hay clave que relevar")),
        (true, _, false) | (false, false, true) => {}
    }
    let anteriores =
        (!texto.is_empty()).then(|| Llavero::leer(&texto)).transpose().map_err(|e| fallo(&publicas, &e.to_string()))?;
    let nombre = anteriores.as_ref().map_or(nombre, |llavero| llavero.nombre());
    let mut semilla = [0; 32];
    getrandom::fill(&mut semilla).map_err(|e| fallo(archivo, &format!("el sistema no da números al azar: {e}")))?;
    let clave = ClavePrivada::nueva(nombre, &semilla).map_err(|e| fallo(archivo, &e.to_string()))?;
    if !texto.is_empty() && !texto.ends_with('\n') {
        texto.push('\n');
    }
    texto.push_str(&format!("{}\n", clave.publica()));
    Llavero::leer(&texto).map_err(|e| fallo(&publicas, &e.to_string()))?;
    // The public one first: a key that signs is always among those that are believed.
    escribir(&publicas, &texto, 0o644)?;
    escribir(archivo, &format!("{}\n", clave.secreta()), 0o600)?;
    Ok(clave.publica())
}

/// The keys of a process that serves. In a folder with its own log, without a configured key, they are made the first time: while the log
/// has no seal, which is what `hay_sellos` says. On Kafka without one this process signs nothing; without public keys it has no chain:
/// `None`.
///
/// # Errors
/// A file that is no key, or a key that is not among those that are believed; seals without their key.
pub fn de(options: &NodeOptions, hay_sellos: impl FnOnce() -> bool) -> Result<Option<Claves>, NodeError> {
    let archivo = archivo_de_clave(options);
    let propia = options.sellos.clave_archivo.is_none() && options.kafka.is_none();
    if propia && leer_privada(&archivo)?.is_none() {
        if hay_sellos() && leer(&archivo_de_publicas(options))?.is_none() {
            return Err(fallo(
                &archivo,
                "no está, y el registro tiene sellos: recupere del respaldo la clave que los firma y su .pub",
            ));
        }
        crear(&archivo, NOMBRE_POR_DEFECTO, false)?;
    }
    existentes(options)
}

/// The keys that there are; none is made.
///
/// # Errors
/// As [`de`].
pub fn existentes(options: &NodeOptions) -> Result<Option<Claves>, NodeError> {
    let archivo = archivo_de_clave(options);
    let privada = leer_privada(&archivo)?;
    if privada.is_none() && options.sellos.clave_archivo.is_some() {
        return Err(fallo(&archivo, "no existe: la indica auditoria.clave_archivo; «factumarket auditoria clave crear» hace una"));
    }
    let publicas = archivo_de_publicas(options);
    if privada.is_none() && options.sellos.publicas_archivo.is_none() && leer(&publicas)?.is_none() {
        return Ok(None);
    }
    let llavero = leer_publicas(&publicas)?;
    if let Some(clave) = &privada
        && llavero.claves().last() != Some(&clave.publica())
    {
        return Err(fallo(&publicas, "su última clave no es la pública de la que firma"));
    }
    Ok(Some(Claves { privada, llavero }))
}

fn leer(archivo: &Path) -> Result<Option<String>, NodeError> {
    carpeta::leer_texto(archivo, MAX_ARCHIVO_CLAVES).map_err(|e| fallo(archivo, &e.to_string()))
}

fn escribir(archivo: &Path, texto: &str, modo: u32) -> Result<(), NodeError> {
    let escrito = carpeta::escribir_entero(archivo, modo, |nuevo| nuevo.write_all(texto.as_bytes()));
    escrito.map(drop).map_err(|e| fallo(archivo, &e.to_string()))
}

fn fallo(archivo: &Path, que: &str) -> NodeError {
    NodeError::Claves { archivo: archivo.to_owned(), causa: que.to_owned() }
}
