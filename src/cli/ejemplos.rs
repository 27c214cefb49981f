//! `ejemplos generar`: writes the example file of orders.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use serde_json::json;

use super::{
    ejemplo,
    fallo::{Clase, Fallo},
    salida::Salida,
};

/// # Errors
/// Class `Servicio` when the file cannot be written.
pub fn generar(ruta: &Path, salida: Salida) -> Result<(), Fallo> {
    let escrito = File::create(ruta).and_then(|archivo| {
        let mut destino = BufWriter::new(archivo);
        ejemplo::archivo(&mut destino)?;
        destino.flush()
    });
    escrito.map_err(|e| {
        let que = format!("no se pudo escribir {}", ruta.display());
        Fallo::new(Clase::Servicio, que, e.to_string(), "Revise la ruta, sus permisos y el espacio libre.")
    })?;
    salida.linea(format!("{}: {} pedidos, de los que {} deben rechazarse", ruta.display(), ejemplo::PEDIDOS, ejemplo::RECHAZADOS));
    salida.resultado(&json!({
        "archivo": ruta.display().to_string(),
        "pedidos": ejemplo::PEDIDOS,
        "deben_rechazarse": ejemplo::RECHAZADOS,
    }));
    Ok(())
}
