//! `ejemplos`: writes the files of the repository that are made by the program: the example orders, the page of settings.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use serde_json::json;

use super::{
    ejemplo,
    fallo::{Clase, Fallo},
    salida::Salida,
};
use crate::config;

/// # Errors
/// Class `Servicio` when the file cannot be written.
pub fn generar(ruta: &Path, salida: Salida) -> Result<(), Fallo> {
    let escrito = File::create(ruta).and_then(|archivo| {
        let mut destino = BufWriter::new(archivo);
        ejemplo::archivo(&mut destino)?;
        destino.flush()
    });
    escrito.map_err(|e| no_escrito(ruta, &e))?;
    salida.linea(format!("{}: {} pedidos, de los que {} deben rechazarse", ruta.display(), ejemplo::PEDIDOS, ejemplo::RECHAZADOS));
    salida.resultado(&json!({
        "archivo": ruta.display().to_string(),
        "pedidos": ejemplo::PEDIDOS,
        "deben_rechazarse": ejemplo::RECHAZADOS,
    }));
    Ok(())
}

/// # Errors
/// Class `Servicio` when the file cannot be written.
pub fn configuracion(ruta: &Path, salida: Salida) -> Result<(), Fallo> {
    fs::write(ruta, config::pagina()).map_err(|e| no_escrito(ruta, &e))?;
    salida.linea(format!("{}: {} ajustes", ruta.display(), config::AJUSTES.len()));
    salida.resultado(&json!({ "archivo": ruta.display().to_string(), "ajustes": config::AJUSTES.len() }));
    Ok(())
}

fn no_escrito(ruta: &Path, e: &io::Error) -> Fallo {
    let que = format!("no se pudo escribir {}", ruta.display());
    Fallo::new(Clase::Servicio, que, e.to_string(), "Revise la ruta, sus permisos y el espacio libre.")
}
