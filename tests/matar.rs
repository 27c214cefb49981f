//! kill -9 at any moment under load: what was answered is there, what was not is there once or not at all, and `verificar` finds nothing
//! lost, doubled or oversold. A ledger beside the system knows every request and every answer; moments come from a seed and from counts
//! of answers, never from a clock.

mod cli_comun;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Stdio,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use cli_comun::{Servicio, carpeta, correr, json, programa};
use factumarket::{cli::banco::carga::Azar, domain::valores::Decimal};
use serde_json::{Value, json};
use ureq::Agent;

const MUERTES: u64 = 20;
const HILOS: u64 = 8;
/// Answers of a round after which the process dies: below this.
const RESPUESTAS: u64 = 60;
/// A process that says nothing for so long is a failure, not a moment.
const PACIENCIA: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq)]
enum Desenlace {
    Hecha {
        id: String,
        numero: String,
    },
    Rechazada(u16),
    /// No answer: it may have happened or not.
    Desconocido,
}

/// A request as the client remembers it.
#[derive(Debug, Clone)]
struct Orden {
    metodo: &'static str,
    ruta: String,
    clave: String,
    cuerpo: Value,
    desenlace: Desenlace,
}

/// The client's ledger.
#[derive(Default)]
struct Libro {
    ordenes: Mutex<BTreeMap<String, Orden>>,
    repetidas: AtomicUsize,
}

impl Libro {
    fn anotar(&self, orden: Orden) {
        let mut ordenes = self.ordenes.lock().expect("libro");
        if let Some(previa) = ordenes.get(&orden.clave) {
            match (&previa.desenlace, &orden.desenlace) {
                (Desenlace::Desconocido, _) => {}
                (_, Desenlace::Desconocido) => return,
                (antes, ahora) => {
                    assert_eq!(antes, ahora, "la misma clave respondió otra cosa: {orden:?}");
                    self.repetidas.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        ordenes.insert(orden.clave.clone(), orden);
    }

    fn con(&self, cual: impl Fn(&Orden) -> bool) -> Vec<Orden> {
        self.ordenes.lock().expect("libro").values().filter(|o| cual(o)).cloned().collect()
    }

    fn desconocidas(&self) -> Vec<Orden> {
        self.con(|o| o.desenlace == Desenlace::Desconocido)
    }

    fn hechas(&self, ruta: &str) -> Vec<Orden> {
        self.con(|o| o.ruta.ends_with(ruta) && matches!(o.desenlace, Desenlace::Hecha { .. }))
    }
}

fn agente() -> Agent {
    Agent::config_builder().timeout_global(Some(PACIENCIA)).http_status_as_error(false).build().new_agent()
}

/// Sends a request once and says what is known of it afterwards.
fn enviar(agente: &Agent, url: &str, orden: &Orden) -> Desenlace {
    let ruta = format!("{url}{}", orden.ruta);
    let pedido = if orden.metodo == "PUT" { agente.put(ruta) } else { agente.post(ruta) };
    let Ok(respuesta) = pedido.header("Idempotency-Key", &orden.clave).header("Prefer", "wait=30").send_json(&orden.cuerpo) else {
        return Desenlace::Desconocido;
    };
    let estado = respuesta.status().as_u16();
    let Ok(texto) = respuesta.into_body().read_to_string() else { return Desenlace::Desconocido };
    let cuerpo: Value = serde_json::from_str(&texto).unwrap_or_default();
    let campo = |nombre: &str| cuerpo[nombre].as_str().unwrap_or_default().to_owned();
    match estado {
        200 | 201 => Desenlace::Hecha { id: campo("id"), numero: campo("numero") },
        400..=428 | 430..=499 => Desenlace::Rechazada(estado),
        _ => Desenlace::Desconocido,
    }
}

fn orden(metodo: &'static str, ruta: &str, clave: String, cuerpo: Value) -> Orden {
    Orden { metodo, ruta: ruta.to_owned(), clave, cuerpo, desenlace: Desenlace::Desconocido }
}

/// The next request of a thread: mostly orders, some entries and changes of the catalogue.
fn nueva(azar: &mut Azar, clave: String) -> Orden {
    match azar.bajo(10) {
        0 => {
            let ruta = format!("/api/v1/inventarios/p{}/PRINCIPAL/entradas", azar.bajo(4));
            orden("POST", &ruta, clave, json!({ "cantidad": 1 + azar.bajo(5), "costo_unitario": 100 + azar.bajo(50) }))
        }
        1 => {
            let nombre = format!("Cliente {}", azar.bajo(1_000));
            orden("PUT", &format!("/api/v1/clientes/c{}", azar.bajo(3)), clave, json!({ "nombre": nombre }))
        }
        _ => {
            let linea = |azar: &mut Azar| json!({ "producto_id": format!("p{}", azar.bajo(4)), "cantidad": 1 + azar.bajo(3) });
            let lineas: Vec<Value> = (0..1 + azar.bajo(3)).map(|_| linea(azar)).collect();
            orden("POST", "/api/v1/facturas", clave, json!({ "cliente_id": format!("c{}", azar.bajo(3)), "lineas": lineas }))
        }
    }
}

fn sembrar(agente: &Agent, url: &str, libro: &Libro) {
    let mut ordenes = Vec::new();
    for n in 0..3 {
        let cuerpo = json!({ "id": format!("c{n}"), "nombre": format!("C {n}"), "identificacion": format!("9{n:08}"),
            "correo": format!("c{n}@ejemplo.co"), "direccion": "Calle 1" });
        ordenes.push(orden("POST", "/api/v1/clientes", format!("cliente-{n}"), cuerpo));
    }
    for n in 0..4 {
        let cuerpo = json!({ "id": format!("p{n}"), "codigo": format!("SKU-{n}"), "nombre": format!("P {n}"), "precio": 1_000 + n,
            "controla_inventario": true, "impuesto": { "codigo": "IVA", "tarifa": 19 } });
        ordenes.push(orden("POST", "/api/v1/productos", format!("producto-{n}"), cuerpo));
        let cuerpo = json!({ "producto_id": format!("p{n}"), "bodega_id": "PRINCIPAL" });
        ordenes.push(orden("POST", "/api/v1/inventarios", format!("inventario-{n}"), cuerpo));
        // The first product runs out soon: some orders must be refused.
        let cantidad = if n == 0 { 40 } else { 5_000 };
        let ruta = format!("/api/v1/inventarios/p{n}/PRINCIPAL/entradas");
        ordenes.push(orden("POST", &ruta, format!("entrada-{n}"), json!({ "cantidad": cantidad, "costo_unitario": 77 })));
    }
    for mut orden in ordenes {
        orden.desenlace = enviar(agente, url, &orden);
        assert!(matches!(orden.desenlace, Desenlace::Hecha { .. }), "{orden:?}");
        libro.anotar(orden);
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
        let repetida = || libro.hechas("/facturas").into_iter().nth(n % 7);
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

/// Load on a process, and its death after a number of answers.
fn ronda(servicio: Servicio, libro: &Libro, ronda: u64, respuestas: u64) {
    let fin = AtomicBool::new(false);
    let mut pendientes: Vec<Vec<Orden>> = vec![Vec::new(); HILOS as usize];
    for (n, orden) in libro.desconocidas().into_iter().enumerate() {
        pendientes[n % HILOS as usize].push(orden);
    }
    thread::scope(|hilos| {
        let (avisa, avisos) = mpsc::channel();
        for (hilo, pendientes) in pendientes.into_iter().enumerate() {
            let (url, fin, avisa) = (&servicio.url, &fin, avisa.clone());
            let url = url.clone();
            hilos.spawn(move || cliente(&url, libro, 1_000 * ronda + hilo as u64, ronda, pendientes, fin, &avisa));
        }
        for _ in 0..respuestas {
            avisos.recv_timeout(PACIENCIA).expect("el servicio responde");
        }
        servicio.matar();
        fin.store(true, Ordering::Release);
    });
}

/// Dies while it starts: as soon as it has the folder.
fn morir_al_arrancar(datos: &Path) {
    let argumentos = ["servir", "--direccion", "127.0.0.1:0", "--datos", datos.to_str().expect("ruta")];
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

fn decimal(valor: &Value) -> Decimal {
    let texto = valor.as_str().map_or_else(|| valor.to_string(), str::to_owned);
    texto.parse().unwrap_or_else(|_| panic!("no es un decimal: {valor}"))
}

/// Stock by product as the ledger has it.
fn stock_del_libro(libro: &Libro) -> BTreeMap<String, Decimal> {
    let mut stock = BTreeMap::new();
    for entrada in libro.hechas("/entradas") {
        let producto = entrada.ruta.split('/').nth(4).expect("producto").to_owned();
        *stock.entry(producto).or_insert(Decimal::ZERO) += decimal(&entrada.cuerpo["cantidad"]);
    }
    for factura in libro.hechas("/facturas") {
        for linea in factura.cuerpo["lineas"].as_array().expect("líneas") {
            let producto = linea["producto_id"].as_str().expect("producto").to_owned();
            *stock.entry(producto).or_insert(Decimal::ZERO) -= decimal(&linea["cantidad"]);
        }
    }
    stock
}

fn leer(agente: &Agent, url: &str, ruta: &str) -> Value {
    let respuesta = agente.get(format!("{url}{ruta}")).call().expect("respuesta");
    assert_eq!(respuesta.status().as_u16(), 200, "{ruta}");
    serde_json::from_str(&respuesta.into_body().read_to_string().expect("cuerpo")).expect("JSON")
}

#[test]
fn twenty_deaths_lose_nothing_and_double_nothing() {
    let dir = carpeta();
    let datos = dir.path().join("datos");
    let (agente, libro, mut azar) = (agente(), Libro::default(), Azar::new(4_711));
    let servicio = Servicio::empezar(&datos, &[]);
    sembrar(&agente, &servicio.url, &libro);
    let mut vivo = Some(servicio);
    let mut sin_respuesta = 0;
    for muerte in 0..MUERTES {
        if muerte % 5 == 4 {
            drop(vivo.take());
            morir_al_arrancar(&datos);
            continue;
        }
        let servicio = vivo.take().unwrap_or_else(|| Servicio::empezar(&datos, &[]));
        ronda(servicio, &libro, muerte, azar.bajo(RESPUESTAS));
        sin_respuesta += libro.desconocidas().len();
    }
    assert!(sin_respuesta > 0, "ninguna muerte dejó un pedido sin respuesta");
    // Healed: every unknown request is repeated with its key until it is answered.
    let servicio = Servicio::empezar(&datos, &[]);
    for mut orden in libro.desconocidas() {
        orden.desenlace = enviar(&agente, &servicio.url, &orden);
        assert_ne!(orden.desenlace, Desenlace::Desconocido, "{orden:?}");
        libro.anotar(orden);
    }
    let hechas = libro.hechas("/facturas");
    println!(
        "{MUERTES} muertes: {} facturas, {} pedidos, {sin_respuesta} sin respuesta al morir, {} repetidos",
        hechas.len(),
        libro.con(|_| true).len(),
        libro.repetidas.load(Ordering::Relaxed)
    );
    assert!(hechas.len() > 50, "la carga fue de {} facturas", hechas.len());
    assert!(!libro.con(|o| matches!(o.desenlace, Desenlace::Rechazada(_))).is_empty(), "algún pedido debe rechazarse");
    // Through the API: nothing that was answered is missing, and the numbers are all different.
    let informe = json(&correr(&["verificar", "--quieto", "--json", "--url", &servicio.url]));
    assert_eq!(informe["sano"], true, "{informe:#}");
    assert_eq!(informe["facturas"]["emitidas"], hechas.len(), "{informe:#}");
    let auditados = informe["auditoria"]["filas"].as_u64().unwrap_or_default();
    assert!(auditados >= informe["eventos"].as_u64().unwrap_or(u64::MAX), "la auditoría se comparó: {informe:#}");
    let mut numeros = BTreeSet::new();
    for orden in &hechas {
        let Desenlace::Hecha { id, numero } = &orden.desenlace else { unreachable!("sólo las hechas") };
        let factura = leer(&agente, &servicio.url, &format!("/api/v1/facturas/{id}"));
        assert_eq!(factura["numero"].as_str(), Some(numero.as_str()), "{id}");
        assert!(numeros.insert(numero.clone()), "el número {numero} salió dos veces");
    }
    for (producto, cantidad) in stock_del_libro(&libro) {
        let stock = leer(&agente, &servicio.url, &format!("/api/v1/inventarios/{producto}/PRINCIPAL/stock"));
        assert_eq!(decimal(&stock["stock"]), cantidad, "{producto}: {stock:#}");
        assert!(cantidad >= Decimal::ZERO);
    }
    // And over the stopped folder.
    assert_eq!(servicio.terminar(), 0);
    let salida = correr(&["verificar", "--json", "--datos", datos.to_str().expect("ruta")]);
    let informe = json(&salida);
    assert_eq!(
        (salida.codigo, &informe["sano"], &informe["corte_exacto"]),
        (0, &Value::Bool(true), &Value::Bool(true)),
        "{informe:#}"
    );
}
