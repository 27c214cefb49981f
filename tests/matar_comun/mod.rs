//! kill -9 at any moment under load: what was answered is there, what was not is there once or not at all, and `verificar` finds nothing
//! lost, doubled or oversold. A ledger beside the system knows every request and every answer; moments come from a seed and from counts
//! of answers, never from a clock.

use std::{
    fs,
    path::Path,
    process::Stdio,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use crate::cli_comun::{Servicio, carpeta, programa};
use crate::libro_comun::{
    Desenlace, Libro, Orden, PACIENCIA, agente, comprobar_en_marcha, comprobar_parado, enviar, nueva, resolver, sembrar,
};
use factumarket::cli::banco::carga::Azar;
use serde_json::Value;

/// How long the trial is. The figures of the promise, over the release build: `PROGRAMA=target/release/factumarket MATAR_MUERTES=100
/// MATAR_HILOS=32 MATAR_RESPUESTAS=2600 cargo test --features kafka --test kafka_matar -- --nocapture`.
struct Medida {
    muertes: u64,
    hilos: u64,
    /// Answers of a round after which the process dies: below this.
    respuestas: u64,
}

impl Medida {
    fn leer() -> Self {
        let variable = |nombre: &str, si_no| std::env::var(nombre).map_or(si_no, |texto| texto.parse().expect(nombre));
        Self {
            muertes: variable("MATAR_MUERTES", 20),
            hilos: variable("MATAR_HILOS", 8),
            respuestas: variable("MATAR_RESPUESTAS", 60),
        }
    }
}

/// A client that sends until there is no answer: first what it does not know, with the same keys; then new requests and repeats.
fn cliente(
    url: &str,
    libro: &Libro,
    semilla: u64,
    ronda: u64,
    pendientes: Vec<Orden>,
    fin: &AtomicBool,
    avisos: &mpsc::Sender<()>,
) {
    let (agente, mut azar) = (agente(), Azar::new(semilla));
    let mut pendientes = pendientes.into_iter();
    for n in 0.. {
        if fin.load(Ordering::Acquire) {
            return;
        }
        let repetida = || libro.una_hecha("/facturas", n % 7);
        let mut orden = match pendientes.next() {
            Some(orden) => orden,
            None if azar.bajo(8) == 0 => repetida().unwrap_or_else(|| nueva(&mut azar, format!("o-{ronda}-{semilla}-{n}"))),
            None => nueva(&mut azar, format!("o-{ronda}-{semilla}-{n}")),
        };
        orden.desenlace = Desenlace::Desconocido;
        // The intent is on the ledger before the request leaves.
        libro.anotar(orden.clone());
        orden.desenlace = enviar(&agente, url, &orden);
        let respondida = orden.desenlace != Desenlace::Desconocido;
        libro.anotar(orden);
        if !respondida {
            return;
        }
        let _ = avisos.send(());
    }
}

/// Load of so many threads on a process, and its death after a number of answers. When the first came, and when it died.
fn ronda(servicio: Servicio, libro: &Libro, ronda: u64, hilos: u64, respuestas: u64) -> (Option<Instant>, Instant) {
    let fin = AtomicBool::new(false);
    let mut pendientes: Vec<Vec<Orden>> = vec![Vec::new(); hilos as usize];
    for (n, orden) in libro.desconocidas().into_iter().enumerate() {
        pendientes[n % hilos as usize].push(orden);
    }
    thread::scope(|hilos| {
        let (avisa, avisos) = mpsc::channel();
        for (hilo, pendientes) in pendientes.into_iter().enumerate() {
            let (url, fin, avisa) = (&servicio.url, &fin, avisa.clone());
            let url = url.clone();
            hilos.spawn(move || cliente(&url, libro, 1_000 * ronda + hilo as u64, ronda, pendientes, fin, &avisa));
        }
        let mut primera = None;
        for _ in 0..respuestas {
            avisos.recv_timeout(PACIENCIA).expect("el servicio responde");
            primera = primera.or_else(|| Some(Instant::now()));
        }
        let muere = Instant::now();
        servicio.matar();
        fin.store(true, Ordering::Release);
        (primera, muere)
    })
}

/// Dies while it starts: as soon as it has the folder.
fn morir_al_arrancar(datos: &Path, ajustes: &[&str]) {
    let mut argumentos = vec!["servir", "--direccion", "127.0.0.1:0", "--datos", datos.to_str().expect("ruta")];
    argumentos.extend_from_slice(ajustes);
    let mut proceso = programa(&argumentos).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("el programa corre");
    // It says who it is as soon as the folder is its own.
    let quien = || serde_json::from_slice::<Value>(&fs::read(datos.join("proceso.json")).unwrap_or_default()).unwrap_or_default();
    while quien()["pid"] != proceso.id() {
        assert!(proceso.try_wait().expect("estado").is_none(), "terminó solo al arrancar");
        thread::yield_now();
    }
    proceso.kill().expect("kill -9");
    proceso.wait().expect("termina");
}

/// The whole trial, on the log that the settings (`--set …`) choose.
pub fn veinte_muertes(ajustes: &[&str]) {
    let dir = carpeta();
    let datos = dir.path().join("datos");
    let (agente, libro, mut azar, medida) = (agente(), Libro::default(), Azar::new(4_711), Medida::leer());
    let servicio = Servicio::empezar(&datos, ajustes);
    sembrar(&agente, &servicio.url, &libro);
    let mut vivo = Some(servicio);
    let (mut sin_respuesta, mut murio, mut vueltas) = (0, None, Vec::new());
    for muerte in 0..medida.muertes {
        if muerte % 5 == 4 {
            drop(vivo.take());
            morir_al_arrancar(&datos, ajustes);
            murio = None;
            continue;
        }
        let servicio = vivo.take().unwrap_or_else(|| Servicio::empezar(&datos, ajustes));
        let (empieza, respuestas) = (Instant::now(), azar.bajo(medida.respuestas));
        let (primera, muere) = ronda(servicio, &libro, muerte, medida.hilos, respuestas);
        println!("muerte {muerte}: tras {respuestas} respuestas en {:.1} s", muere.duration_since(empieza).as_secs_f64());
        vueltas.extend(murio.zip(primera).map(|(antes, primera): (Instant, Instant)| primera.duration_since(antes)));
        murio = Some(muere);
        sin_respuesta += libro.desconocidas().len();
    }
    assert!(sin_respuesta > 0, "ninguna muerte dejó un pedido sin respuesta");
    // Healed: every unknown request is repeated with its key until it is answered.
    let servicio = Servicio::empezar(&datos, ajustes);
    resolver(&libro, std::slice::from_ref(&servicio.url));
    let hechas = libro.hechas("/facturas");
    println!(
        "{} muertes: {} facturas, {} pedidos, {sin_respuesta} sin respuesta al morir, {} repetidos",
        medida.muertes,
        hechas.len(),
        libro.con(|_| true).len(),
        libro.repetidas.load(Ordering::Relaxed)
    );
    vueltas.sort_unstable();
    let en = |percentil: usize| vueltas.get(vueltas.len() * percentil / 100).map_or(0, |d| d.as_millis());
    println!("de la muerte a la primera respuesta: p50 {} ms, p95 {} ms, de {} vueltas", en(50), en(95), vueltas.len());
    assert!(hechas.len() > 50, "la carga fue de {} facturas", hechas.len());
    assert!(!libro.con(|o| matches!(o.desenlace, Desenlace::Rechazada(_))).is_empty(), "algún pedido debe rechazarse");
    comprobar_en_marcha(&libro, &servicio.url);
    // And over the stopped folder.
    assert_eq!(servicio.terminar(), 0);
    comprobar_parado(&datos, ajustes);
}
