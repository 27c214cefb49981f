//! Health, metrics, the front page, the contract, and the verification on demand.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::{Value, json};

use super::{comandos::json_con, estado::Salud, openapi, peticion::Peticion, problema::Problema, rutas::Respondido};

const PORTADA: &str = include_str!("portada.html");

pub async fn vivo(p: &Peticion) -> Respondido {
    Ok(estado(p, |salud| salud.vivo))
}

pub async fn listo(p: &Peticion) -> Respondido {
    Ok(estado(p, |salud| salud.vivo && salud.listo))
}

pub async fn arranque(p: &Peticion) -> Respondido {
    Ok(estado(p, |salud| salud.arrancado))
}

fn estado(p: &Peticion, bien: fn(&Salud) -> bool) -> Response<Body> {
    let salud = p.estado.partes.health.salud();
    let va_bien = bien(&salud);
    let cuerpo = json!({
        "estado": if va_bien { "bien" } else { "mal" },
        "vivo": salud.vivo,
        "arrancado": salud.arrancado,
        "listo": salud.listo,
        "motivos": salud.motivos,
        "detalle": salud.detalle,
    });
    let mut respuesta = json_con(if va_bien { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &cuerpo);
    respuesta.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !va_bien {
        respuesta.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    respuesta
}

pub async fn metrics(p: &Peticion) -> Respondido {
    // Some are asked of the log, which may take its time.
    let registry = p.estado.partes.registry.clone();
    let escritas = tokio::task::spawn_blocking(move || prometheus::TextEncoder::new().encode_to_string(&registry.gather())).await;
    let escritas = escritas.map_err(|error| error.to_string()).and_then(|texto| texto.map_err(|error| error.to_string()));
    let texto = escritas.map_err(|error| {
        tracing::error!(codigo = "MetricasFallidas", %error, "no se pudieron escribir las métricas");
        Problema::interno()
    })?;
    Ok(con_tipo(texto, prometheus::TEXT_FORMAT))
}

/// Says what this is and where to look; its examples use the address that the reader used.
pub async fn portada(p: &Peticion) -> Respondido {
    let mut respuesta = con_tipo(PORTADA.replace("{anfitrion}", anfitrion(p)), "text/html; charset=utf-8");
    let reglas = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'");
    respuesta.headers_mut().insert(header::CONTENT_SECURITY_POLICY, reglas);
    Ok(respuesta)
}

/// The `Host` of the request when it is plainly a name and a port: it goes into HTML.
fn anfitrion(p: &Peticion) -> &str {
    let texto = p.encabezados.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let sencillo = (1..=100).contains(&texto.len())
        && texto.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    if sencillo { texto } else { "localhost:8080" }
}

pub async fn openapi(_: &Peticion) -> Respondido {
    Ok(json_con(StatusCode::OK, &openapi::documento()))
}

fn con_tipo(cuerpo: impl Into<Body>, tipo: &'static str) -> Response<Body> {
    let mut respuesta = Response::new(cuerpo.into());
    respuesta.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(tipo));
    respuesta
}

/// Runs the verification; one at a time, because each reads the whole log. `quieto`: nothing may be left to do.
pub async fn verificacion(p: &Peticion) -> Respondido {
    let Some(verificar) = p.estado.partes.verificacion.clone() else {
        let detalle = "este proceso no puede verificar en marcha: deténgalo y use la orden verificar";
        return Err(Problema::new(StatusCode::NOT_FOUND, "VerificacionNoDisponible", "Verificación no disponible", detalle));
    };
    let quieto = match p.parametro("quieto") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problema::parametro("quieto", "ParametroInvalido", "se espera true o false")),
    };
    una_a_la_vez(p, move || verificar(quieto)).await
}

/// Chains the whole log again and checks the audit's seals; it takes turns with the other verification.
pub async fn verificacion_de_sellos(p: &Peticion) -> Respondido {
    let Some(verificar) = p.estado.partes.verificacion_de_sellos.clone() else {
        let detalle =
            "este proceso no sella la auditoría: pregunte al que alimenta las proyecciones, o use la orden auditoria verificar";
        return Err(Problema::new(StatusCode::NOT_FOUND, "VerificacionNoDisponible", "Verificación no disponible", detalle));
    };
    una_a_la_vez(p, move || verificar()).await
}

async fn una_a_la_vez(p: &Peticion, verificar: impl FnOnce() -> Result<Value, String> + Send + 'static) -> Respondido {
    let Ok(turno) = Arc::clone(&p.estado.verificando).try_acquire_owned() else {
        let detalle = "ya hay una verificación en marcha; espere a que termine";
        let ocupada = Problema::new(StatusCode::TOO_MANY_REQUESTS, "VerificacionEnMarcha", "Verificación en marcha", detalle);
        return Err(ocupada.reintentar(10));
    };
    let informe: Result<Value, String> = tokio::task::spawn_blocking(move || {
        let _turno = turno;
        verificar()
    })
    .await
    .unwrap_or_else(|error| Err(error.to_string()));
    informe.map(|valor| json_con(StatusCode::OK, &valor)).map_err(|causa| {
        tracing::error!(codigo = "VerificacionFallida", causa, "la verificación no terminó");
        Problema::new(StatusCode::SERVICE_UNAVAILABLE, "VerificacionFallida", "La verificación no terminó", causa).reintentar(10)
    })
}
