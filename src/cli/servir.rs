//! `servir`: the API over a data folder, until it is told to stop.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use chrono::DateTime;
use serde_json::json;

use super::{
    args::ServirArgs,
    contexto::Contexto,
    fallo::{Clase, Fallo},
    nodo,
    senales::Parada,
};
use crate::{
    domain::valores::Instante,
    engine::ports::FixedClock,
    node::{NodeError, NodeOptions},
};

/// How often the engine is asked whether it gave up.
const VIGILANCIA: Duration = Duration::from_millis(250);

/// # Errors
/// Why it could not start, or not stop cleanly.
pub fn ejecutar(contexto: &Contexto, args: &ServirArgs) -> Result<(), Fallo> {
    let direccion = contexto.configuracion.servidor.direccion;
    let mut opciones = NodeOptions { http: Some(direccion), ..NodeOptions::new(&contexto.configuracion) };
    if let Some(texto) = &args.reloj {
        opciones.clock = FixedClock::new(instante(texto, direccion)?);
        opciones.reloj_fijo = true;
    }
    let parada = Parada::escuchar()?;
    let inicio = Instant::now();
    let node = nodo::con_opciones(opciones)?;
    let salida = &contexto.salida;
    let url = format!("http://{}", node.address().unwrap_or(direccion));
    salida.linea(format!("FactuMarket {} · datos en {}", env!("CARGO_PKG_VERSION"), contexto.carpeta().display()));
    salida.linea(format!("  API       {url}/api/v1"));
    salida.linea(format!("  Contrato  {url}/api/v1/openapi.json     Salud  {url}/salud/listo     Métricas  {url}/metrics"));
    if let Some(reloj) = &args.reloj {
        salida.linea(salida.amarillo(&format!("  Reloj fijo en {reloj}: sólo para pruebas")));
    }
    salida.linea(format!("  Listo en {} ms. Salir: Ctrl-C (sin pérdida)", inicio.elapsed().as_millis()));
    salida.resultado(&json!({
        "url": url,
        "carpeta": contexto.carpeta().display().to_string(),
        "pid": std::process::id(),
        "carpeta_nueva": node.is_fresh(),
        "listo_ms": inicio.elapsed().as_secs_f64() * 1_000.0,
    }));
    let mut fin = None;
    while fin.is_none() && !parada.esperar_por(VIGILANCIA) {
        fin = node.failure();
    }
    salida.nota("Deteniendo: se termina lo que está en curso…");
    let inicio = Instant::now();
    let detenido = node.stop().map_err(|e| nodo::fallo(&e));
    if let Some(causa) = fin {
        return Err(nodo::fallo(&NodeError::Motor(causa)));
    }
    detenido?;
    salida.nota(format!("Detenido en {} ms, sin pérdida.", inicio.elapsed().as_millis()));
    Ok(())
}

/// A clock that stands still would date every invoice of a real deployment wrongly: only where nobody else can reach it.
fn instante(texto: &str, direccion: SocketAddr) -> Result<Instante, Fallo> {
    if !direccion.ip().is_loopback() {
        return Err(Fallo::new(
            Clase::Uso,
            "--reloj sólo se admite en una dirección local",
            format!("{direccion} es visible desde otras máquinas"),
            "Quite --reloj, o atienda en 127.0.0.1.",
        ));
    }
    DateTime::parse_from_rfc3339(texto).map(|t| Instante(t.timestamp_micros())).map_err(|_| {
        Fallo::new(
            Clase::Uso,
            format!("«{texto}» no es un instante"),
            "debe ser RFC 3339, con fecha, hora y desfase",
            "Por ejemplo: --reloj 2026-11-23T09:00:00-05:00.",
        )
    })
}
