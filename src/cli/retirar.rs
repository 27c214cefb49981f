//! `servir --retirar`: tells the process that serves a folder to stop for good, and waits until it did.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;

use super::{
    contexto::Contexto,
    fallo::{Clase, Fallo},
    senales,
};
use crate::node::{EstadoCarpeta, Proceso, inspeccionar};

/// Longest wait for the process to end: its own ten seconds, and some for the machine.
const PLAZO: Duration = Duration::from_secs(15);
/// How often the folder is looked at meanwhile.
const MIRADA: Duration = Duration::from_millis(50);

/// # Errors
/// When nobody serves the folder, or it does not end.
pub fn ejecutar(contexto: &Contexto) -> Result<(), Fallo> {
    let carpeta = contexto.carpeta();
    let proceso = quien(contexto)?;
    senales::enviar(proceso.pid, Signal::USR1).map_err(|e| fallo(&format!("no se pudo avisar al proceso {}: {e}", proceso.pid)))?;
    contexto.salida.nota(format!("Retirando el proceso {}: termina lo que está en curso y entrega sus particiones…", proceso.pid));
    let inicio = Instant::now();
    while inicio.elapsed() < PLAZO {
        match inspeccionar(&carpeta) {
            Ok(EstadoCarpeta::EnUso(Some(otro))) if otro == proceso => thread::sleep(MIRADA),
            Ok(EstadoCarpeta::EnUso(None)) => thread::sleep(MIRADA),
            Ok(_) => {
                contexto.salida.linea(format!("Retirado en {} ms.", inicio.elapsed().as_millis()));
                contexto.salida.resultado(&json!({ "pid": proceso.pid, "retirado_ms": inicio.elapsed().as_secs_f64() * 1_000.0 }));
                return Ok(());
            }
            Err(e) => return Err(fallo(&format!("no se puede mirar {}: {e}", carpeta.display()))),
        }
    }
    Err(fallo(&format!("el proceso {} no terminó en {} s", proceso.pid, PLAZO.as_secs())))
}

fn quien(contexto: &Contexto) -> Result<Proceso, Fallo> {
    let carpeta = contexto.carpeta();
    match inspeccionar(&carpeta) {
        Ok(EstadoCarpeta::EnUso(Some(proceso))) => Ok(proceso),
        Ok(EstadoCarpeta::EnUso(None)) => Err(fallo("la carpeta está en uso y su proceso no dice quién es: inténtelo de nuevo")),
        Ok(_) => Err(Fallo::new(
            Clase::NoEncontrado,
            "ningún proceso sirve esa carpeta",
            format!("nadie usa {}", carpeta.display()),
            "Si un nodo murió, sus particiones pasan a otros cuando se cumple kafka.sesion_ms.",
        )),
        Err(e) => Err(fallo(&format!("no se puede mirar {}: {e}", carpeta.display()))),
    }
}

fn fallo(causa: &str) -> Fallo {
    Fallo::new(
        Clase::Servicio,
        "no se pudo retirar el proceso",
        causa,
        "Vea su bitácora; con SIGTERM se detiene y conserva su lugar.",
    )
}
