//! The projections of the process: how far each is, and rebuilding one while it is asked.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{comandos::json_con, peticion::Peticion, problema::Problema, rutas::Respondido};

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorProyecciones {
    NoExiste,
    /// One at a time.
    EnCurso,
    NoDisponible(String),
}

/// The door that a node opens to its projections.
pub trait Proyecciones: Send + Sync + 'static {
    /// `{items: [{nombre, que_es, tablas, atraso, reconstruccion}]}`. Asks the tables.
    ///
    /// # Errors
    /// [`ErrorProyecciones::NoDisponible`].
    fn listar(&self) -> Result<Value, ErrorProyecciones>;
    /// The last rebuild of a projection since the start: `{estado, causa, registros, total}`; `estado` is `en_curso`, `terminada` or `fallida`.
    ///
    /// # Errors
    /// [`ErrorProyecciones::NoExiste`].
    fn reconstruccion(&self, nombre: &str) -> Result<Option<Value>, ErrorProyecciones>;
    /// Begins a rebuild, and does not wait for it.
    ///
    /// # Errors
    /// See [`ErrorProyecciones`].
    fn reconstruir(&self, nombre: &str) -> Result<(), ErrorProyecciones>;
}

pub async fn listar(p: &Peticion) -> Respondido {
    let puerta = puerta(p)?;
    let leidas = tokio::task::spawn_blocking(move || puerta.listar()).await.map_err(|_| Problema::interno())?;
    leidas.map(|valor| json_con(StatusCode::OK, &valor)).map_err(problema)
}

pub async fn ver_reconstruccion(p: &Peticion) -> Respondido {
    match puerta(p)?.reconstruccion(p.parte(0)).map_err(problema)? {
        Some(valor) => Ok(json_con(StatusCode::OK, &valor)),
        None => Err(Problema::no_existe("la reconstrucción: no se ha pedido desde que el proceso empezó")),
    }
}

pub async fn reconstruir(p: &Peticion) -> Respondido {
    puerta(p)?.reconstruir(p.parte(0)).map_err(problema)?;
    Ok(json_con(StatusCode::ACCEPTED, &json!({ "estado": "en_curso" })))
}

fn puerta(p: &Peticion) -> Result<Arc<dyn Proyecciones>, Problema> {
    let que = "este proceso no alimenta proyecciones";
    p.estado.partes.proyecciones.clone().ok_or_else(|| problema(ErrorProyecciones::NoDisponible(que.to_owned())))
}

fn problema(error: ErrorProyecciones) -> Problema {
    const TITULO: &str = "No se pudo trabajar con las proyecciones";
    match error {
        ErrorProyecciones::NoExiste => Problema::no_existe("la proyección"),
        ErrorProyecciones::EnCurso => {
            let detalle = "ya se reconstruye una proyección; se hace una a la vez: espere a que termine y repita";
            Problema::new(StatusCode::CONFLICT, "ReconstruccionEnCurso", TITULO, detalle)
        }
        ErrorProyecciones::NoDisponible(causa) => {
            Problema::new(StatusCode::SERVICE_UNAVAILABLE, "ProyeccionesNoDisponibles", TITULO, causa).reintentar(5)
        }
    }
}
