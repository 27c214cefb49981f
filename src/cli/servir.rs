//! `servir`: the API over a data folder, until it is told to stop.

use std::{
    net::SocketAddr,
    process, thread,
    time::{Duration, Instant},
};

use chrono::DateTime;
use serde_json::json;

use super::{
    args::ServirArgs,
    contexto::Contexto,
    fallo::{Clase, Fallo},
    nodo, retirar,
    salida::Salida,
    senales::Parada,
};
use crate::{
    domain::valores::Instante,
    engine::ports::FixedClock,
    node::{NodeError, NodeOptions, Papeles},
};

/// How often the engine is asked whether it gave up.
const VIGILANCIA: Duration = Duration::from_millis(250);
/// Longest stop.
const CIERRE: Duration = Duration::from_millis(9_500);
/// Exit code of a stop that took longer: the service, not the use.
const CIERRE_AGOTADO: i32 = 6;

/// # Errors
/// Why it could not start, or not stop cleanly.
pub fn ejecutar(contexto: &Contexto, args: &ServirArgs) -> Result<(), Fallo> {
    if args.retirar {
        return retirar::ejecutar(contexto);
    }
    let direccion = contexto.configuracion.servidor.direccion;
    let mut opciones = NodeOptions { http: Some(direccion), ..NodeOptions::new(&contexto.configuracion) };
    opciones.papeles = args.roles.unwrap_or(Papeles::TODOS);
    let papeles = opciones.papeles;
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
    if papeles != Papeles::TODOS {
        salida.linea(format!("  Papeles   {papeles}"));
    }
    if let Some(reloj) = &args.reloj {
        salida.linea(salida.amarillo(&format!("  Reloj fijo en {reloj}: sólo para pruebas")));
    }
    salida.linea(format!("  Listo en {} ms. Salir: Ctrl-C (sin pérdida)", inicio.elapsed().as_millis()));
    salida.resultado(&json!({
        "url": url,
        "carpeta": contexto.carpeta().display().to_string(),
        "pid": std::process::id(),
        "papeles": papeles.nombres().collect::<Vec<_>>(),
        "carpeta_nueva": node.is_fresh(),
        "listo_ms": inicio.elapsed().as_secs_f64() * 1_000.0,
    }));
    let mut fin = None;
    while fin.is_none() && !parada.esperar_por(VIGILANCIA) {
        fin = node.failure();
    }
    salida.nota("Deteniendo: se termina lo que está en curso…");
    let inicio = Instant::now();
    vigilar_cierre(salida)?;
    let detenido = if parada.es_retirada() { node.retire() } else { node.stop() };
    let detenido = detenido.map_err(|e| nodo::fallo(&e));
    if let Some(causa) = fin {
        return Err(nodo::fallo(&NodeError::Motor(causa)));
    }
    detenido?;
    salida.nota(format!("Detenido en {} ms, sin pérdida.", inicio.elapsed().as_millis()));
    Ok(())
}

/// A stop never takes longer than this, whatever does not answer: what was answered is on the log, and the rest was promised to nobody.
fn vigilar_cierre(salida: &Salida) -> Result<(), Fallo> {
    let salida = *salida;
    let vigila = move || {
        thread::sleep(CIERRE);
        salida.nota("Algo no responde: se termina sin esperarlo. Lo respondido está a salvo.");
        process::exit(CIERRE_AGOTADO);
    };
    let fallo = |e: std::io::Error| {
        Fallo::new(Clase::Servicio, "no se pudo vigilar el cierre", e.to_string(), "Termine el proceso con otra señal.")
    };
    thread::Builder::new().name("cierre".to_owned()).spawn(vigila).map(drop).map_err(fallo)
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
