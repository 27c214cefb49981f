//! Dead letters: what could not be processed, and what an operator does about it.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::Value;

use super::{
    comandos::json_con,
    peticion::Peticion,
    problema::{ErrorProblema, Problema},
    rutas::Respondido,
};

/// Letters of a page, at most.
const LIMITE: usize = 100;

/// What is asked about dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrdenDlq {
    /// In the order of their topics. `todas`: also those that are resolved. `despues`: id of the last one of the page before.
    Listar {
        todas: bool,
        limite: usize,
        despues: Option<String>,
    },
    Ver {
        id: String,
    },
    /// What deciding it now would lead to; changes nothing.
    Probar {
        id: String,
    },
    Resolver {
        id: String,
        descartar: bool,
        motivo: String,
        usuario: Option<Arc<str>>,
    },
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorDlq {
    NoExiste,
    /// Its turn has not come, it is resolved already, it failed again: what the engine says.
    Rechazada(String),
    /// The request itself is wrong.
    Invalida(String),
    Servicio(String),
}

/// The door that a node opens to its dead letters. Blocks for as long as it takes.
pub trait CartasMuertas: Send + Sync + 'static {
    /// # Errors
    /// See [`ErrorDlq`].
    fn pedir(&self, orden: OrdenDlq) -> Result<Value, ErrorDlq>;
}

pub async fn listar(p: &Peticion) -> Respondido {
    let si_o_no = |nombre| match p.parametro(nombre) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problema::parametro(nombre, "ParametroInvalido", "se espera true o false")),
    };
    let limite = match p.parametro("limite").map(str::parse::<usize>) {
        None => LIMITE,
        Some(Ok(limite)) if (1..=LIMITE).contains(&limite) => limite,
        Some(_) => return Err(Problema::parametro("limite", "ParametroInvalido", "se espera un número de 1 a 100")),
    };
    pedir(p, OrdenDlq::Listar { todas: si_o_no("todas")?, limite, despues: p.parametro("despues").map(str::to_owned) }).await
}

pub async fn ver(p: &Peticion) -> Respondido {
    pedir(p, OrdenDlq::Ver { id: p.parte(0).to_owned() }).await
}

pub async fn probar(p: &Peticion) -> Respondido {
    pedir(p, OrdenDlq::Probar { id: p.parte(0).to_owned() }).await
}

pub async fn reproducir(p: &Peticion) -> Respondido {
    resolver(p, false).await
}

pub async fn descartar(p: &Peticion) -> Respondido {
    resolver(p, true).await
}

/// `{"motivo": "…"}`: a reason is part of the order.
async fn resolver(p: &Peticion, descartar: bool) -> Respondido {
    let cuerpo = p.json()?;
    let motivo =
        cuerpo.as_object().filter(|campos| campos.len() == 1).and_then(|campos| campos.get("motivo")).and_then(Value::as_str);
    let Some(motivo) = motivo else {
        return Err(Problema::parametros(vec![ErrorProblema::de_parametro(
            "motivo",
            "CampoInvalido",
            "se espera {\"motivo\": \"…\"}",
        )]));
    };
    pedir(p, OrdenDlq::Resolver { id: p.parte(0).to_owned(), descartar, motivo: motivo.to_owned(), usuario: p.usuario.clone() })
        .await
}

async fn pedir(p: &Peticion, orden: OrdenDlq) -> Respondido {
    let Some(puerta) = p.estado.partes.dlq.clone() else {
        let detalle = "este proceso no atiende la DLQ";
        return Err(Problema::new(StatusCode::NOT_FOUND, "DlqNoDisponible", "DLQ no disponible", detalle));
    };
    // Each reads topics whole, or waits for the engine: one at a time.
    let Ok(turno) = Arc::clone(&p.estado.en_dlq).acquire_owned().await else { return Err(Problema::interno()) };
    let hecho = tokio::task::spawn_blocking(move || {
        let _turno = turno;
        puerta.pedir(orden)
    });
    let hecho = hecho.await.unwrap_or_else(|error| Err(ErrorDlq::Servicio(error.to_string())));
    hecho.map(|valor| json_con(StatusCode::OK, &valor)).map_err(|error| match error {
        ErrorDlq::NoExiste => Problema::no_existe("el registro de la DLQ"),
        ErrorDlq::Rechazada(causa) => Problema::new(StatusCode::CONFLICT, "ApartadoPorResolver", "No se pudo resolver", causa),
        ErrorDlq::Invalida(causa) => {
            Problema::new(StatusCode::UNPROCESSABLE_ENTITY, "ReglasIncumplidas", "Validación fallida", causa)
        }
        ErrorDlq::Servicio(causa) => {
            tracing::error!(codigo = "DlqNoDisponible", causa, "no se pudo trabajar con la DLQ");
            Problema::new(StatusCode::SERVICE_UNAVAILABLE, "DlqNoDisponible", "DLQ no disponible", causa).reintentar(5)
        }
    })
}
