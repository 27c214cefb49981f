//! The OpenAPI 3.1 document, made from the table of routes.

use serde_json::{Map, Value, json};

use super::rutas::{Clase, Cuerpo, RUTAS, Ruta};

/// The document; `schemas/openapi.json` is this, and a test keeps it so.
pub fn documento() -> Value {
    let mut caminos = Map::new();
    for ruta in RUTAS {
        let camino = caminos.entry(ruta.patron).or_insert_with(|| json!({}));
        if let Some(operaciones) = camino.as_object_mut() {
            operaciones.insert(ruta.metodo.nombre().to_lowercase(), operacion(ruta));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "FactuMarket", "version": env!("CARGO_PKG_VERSION")},
        "paths": caminos,
    })
}

fn operacion(ruta: &Ruta) -> Value {
    let con_cuerpo = !matches!(ruta.clase, Clase::Comando(Cuerpo::Ninguno));
    json!({"summary": ruta.resumen, "x-cuerpo": con_cuerpo})
}
