//! The projections of a running process, through its API.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    cli::{
        destino::ClienteHttp,
        fallo::{Clase, Fallo},
    },
    projections::comparacion::Progreso,
};

/// Between two looks at how far a rebuild is.
const CADA: Duration = Duration::from_millis(200);

/// # Errors
/// Class `Servicio`.
pub fn listar(url: &str) -> Result<Vec<Value>, Fallo> {
    let cliente = ClienteHttp::new(url);
    let respuesta = cliente.get("/api/v1/proyecciones")?;
    match (respuesta.estado, respuesta.cuerpo["items"].as_array()) {
        (200, Some(items)) => Ok(items.clone()),
        _ => Err(cliente.mal_estado(&respuesta)),
    }
}

/// Begins a rebuild and waits for its end. Cut short here, it goes on there.
///
/// # Errors
/// Class `Conflicto` while another one is in course; `Falla` when it failed; `Servicio`.
pub fn reconstruir(url: &str, nombre: &str, progreso: Progreso<'_>) -> Result<(), Fallo> {
    let cliente = ClienteHttp::new(url);
    let ruta = format!("/api/v1/proyecciones/{nombre}/reconstruccion");
    let empezada = cliente.post(&ruta, "proyecciones", &json!({}))?;
    match empezada.estado {
        202 => {}
        409 => {
            let causa = empezada.cuerpo["detail"].as_str().unwrap_or_default().to_owned();
            let hacer = format!("Vea cómo va con: curl -s {url}/api/v1/proyecciones");
            return Err(Fallo::new(Clase::Conflicto, format!("no se empezó a reconstruir {nombre}"), causa, hacer));
        }
        _ => return Err(cliente.mal_estado(&empezada)),
    }
    loop {
        let respuesta = cliente.get(&ruta)?;
        let cuerpo = &respuesta.cuerpo;
        let numero = |campo: &str| cuerpo[campo].as_u64().unwrap_or_default();
        progreso(numero("registros"), numero("total"));
        match (respuesta.estado, cuerpo["estado"].as_str()) {
            (200, Some("en_curso")) => thread::sleep(CADA),
            (200, Some("terminada")) => return Ok(()),
            (200, Some(_)) => {
                let causa = cuerpo["causa"].as_str().unwrap_or_default().to_owned();
                let hacer = "Sigue en uso la copia de antes. Resuelva la causa y repita la orden.";
                return Err(Fallo::new(Clase::Falla, format!("no se reconstruyó {nombre}"), causa, hacer));
            }
            _ => return Err(cliente.mal_estado(&respuesta)),
        }
    }
}
