//! Whole requests: method and target, headers, an empty line, the body. The edge's own readers (paths, queries, headers, tokens) are
//! reached as its callers reach them.

use std::{cell::RefCell, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use super::{comandos::viaja_con, memoria::acotada};
use http_comun::{Borde, borde};

#[path = "../../http_comun/mod.rs"]
mod http_comun;

pub const PALABRAS: &[&str] = &[
    "GET /api/v1/",
    "POST /api/v1/",
    "PUT /api/v1/",
    "clientes",
    "productos",
    "sucursales",
    "bodegas",
    "facturas",
    "inventarios",
    "inventarios/1/1/movimientos",
    "rangos",
    "comandos/",
    "auditoria",
    "sagas",
    "?limite=",
    "&despues=",
    "&despues_de=4-0.1",
    "&version_minima=",
    "&fechaInicio=2026-11-23&fechaFin=2026-11-24",
    "&correlation_id=",
    "&desde=2026-11-23T00:00:00Z",
    "&desde=-262143-01-01T00:00:00Z",
    "&hasta=+262142-12-31T23:59:59Z",
    "%00",
    "%2B",
    "%ff",
    "+",
    "\nidempotency-key: ",
    "\nif-match: \"3\"",
    "\nprefer: wait=",
    "\nprefer: respond-async",
    "\nx-correlation-id: ",
    "\ncontent-type: application/json",
    "\norigin: http://x",
    "\ncontent-length: ",
    "\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "\n\n{}",
];

/// The router's own state comes and goes with each request.
const TOPE: usize = 16 << 20;

thread_local! {
    static BORDE: RefCell<Option<(Runtime, Borde)>> = const { RefCell::new(None) };
}

fn abrir() -> (Runtime, Borde) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let borde = runtime.block_on(async { borde() });
    (runtime, borde)
}

/// The request that the bytes state; `None` when they cannot be one, which the server's parser would have refused.
fn peticion(datos: &[u8]) -> Option<Request<Body>> {
    let corte = datos.windows(2).position(|w| w == b"\n\n");
    let (cabeza, cuerpo) = corte.map_or((datos, &[][..]), |i| (&datos[..i], &datos[i + 2..]));
    let mut lineas = cabeza.split(|b| *b == b'\n');
    let primera = lineas.next()?;
    let espacio = primera.iter().position(|b| *b == b' ')?;
    let mut peticion = Request::builder().method(&primera[..espacio]).uri(&primera[espacio + 1..]);
    for linea in lineas {
        let dos_puntos = linea.iter().position(|b| *b == b':')?;
        peticion = peticion.header(&linea[..dos_puntos], linea[dos_puntos + 1..].trim_ascii());
    }
    peticion.body(Body::from(cuerpo.to_vec())).ok()
}

pub fn cuerpo(datos: &[u8]) -> bool {
    let Some(peticion) = peticion(datos) else { return false };
    BORDE.with_borrow_mut(|abierto| {
        let (runtime, borde) = abierto.get_or_insert_with(abrir);
        let hecha = acotada(TOPE, || runtime.block_on(responder(borde, peticion)));
        // What the stand-ins note down is nobody's here.
        let recibidos = std::mem::take(&mut *borde.pasarela.recibidos.lock().expect("nadie más"));
        recibidos.into_iter().for_each(|comando| viaja_con(comando, datos.len()));
        borde.lecturas.listas.lock().expect("nadie más").clear();
        borde.lecturas.esperas.lock().expect("nadie más").clear();
        borde.auditoria.0.lock().expect("nadie más").clear();
        hecha
    })
}

/// Any request is answered, soon, and never with a failure of ours (503 asks to come again); what says it is JSON, is. Says whether it was done.
async fn responder(borde: &Borde, peticion: Request<Body>) -> bool {
    let que = format!("{} {}", peticion.method(), peticion.uri());
    let respuesta = borde.router.clone().oneshot(peticion);
    let respuesta =
        tokio::time::timeout(Duration::from_secs(20), respuesta).await.expect("respondida a tiempo").expect("respondida");
    let (cabeza, cuerpo) = respuesta.into_parts();
    let cuerpo = to_bytes(cuerpo, usize::MAX).await.expect("cuerpo");
    let texto = String::from_utf8_lossy(&cuerpo);
    let nuestra = cabeza.status.is_server_error() && cabeza.status != StatusCode::SERVICE_UNAVAILABLE;
    assert!(!nuestra, "{que}: {} {texto}", cabeza.status);
    let tipo = cabeza.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    if tipo.ends_with("json") && !cuerpo.is_empty() {
        let json: Value = serde_json::from_slice(&cuerpo).unwrap_or_else(|e| panic!("{que}: no es JSON ({e}): {texto}"));
        assert!(tipo != "application/problem+json" || json["codigo"].is_string(), "{que}: {json}");
    }
    cabeza.status.is_success()
}
