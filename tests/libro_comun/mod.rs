//! A ledger beside the system: every request and every answer as the client knows them, and what both must agree on at the end.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use factumarket::{cli::banco::carga::Azar, domain::valores::Decimal};
use serde_json::{Value, json};
use ureq::Agent;

use crate::cli_comun::{correr, json};

/// A process that says nothing for so long is a failure, not a moment.
pub const PACIENCIA: Duration = Duration::from_secs(60);

/// Invoices read back through the API at most, spread over all; `verificar` looks at every one.
const LEIDAS: usize = 2_000;

#[derive(Debug, Clone, PartialEq)]
pub enum Desenlace {
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
pub struct Orden {
    pub metodo: &'static str,
    pub ruta: String,
    pub clave: String,
    pub cuerpo: Value,
    pub desenlace: Desenlace,
}

/// The client's ledger.
#[derive(Default)]
pub struct Libro {
    ordenes: Mutex<BTreeMap<String, Orden>>,
    pub repetidas: AtomicUsize,
}

impl Libro {
    pub fn anotar(&self, orden: Orden) {
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

    pub fn con(&self, cual: impl Fn(&Orden) -> bool) -> Vec<Orden> {
        self.ordenes.lock().expect("libro").values().filter(|o| cual(o)).cloned().collect()
    }

    pub fn desconocidas(&self) -> Vec<Orden> {
        self.con(|o| o.desenlace == Desenlace::Desconocido)
    }

    /// One of the first that were done, without a look at the others.
    pub fn una_hecha(&self, ruta: &str, cual: usize) -> Option<Orden> {
        let ordenes = self.ordenes.lock().expect("libro");
        ordenes.values().filter(|o| o.ruta.ends_with(ruta) && matches!(o.desenlace, Desenlace::Hecha { .. })).nth(cual).cloned()
    }

    pub fn hechas(&self, ruta: &str) -> Vec<Orden> {
        self.con(|o| o.ruta.ends_with(ruta) && matches!(o.desenlace, Desenlace::Hecha { .. }))
    }
}

pub fn agente() -> Agent {
    Agent::config_builder().timeout_global(Some(PACIENCIA)).http_status_as_error(false).build().new_agent()
}

/// Sends a request once and says what is known of it afterwards.
pub fn enviar(agente: &Agent, url: &str, orden: &Orden) -> Desenlace {
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

pub fn orden(metodo: &'static str, ruta: &str, clave: String, cuerpo: Value) -> Orden {
    Orden { metodo, ruta: ruta.to_owned(), clave, cuerpo, desenlace: Desenlace::Desconocido }
}

/// The next request of a thread: mostly orders, some entries and changes of the catalogue.
pub fn nueva(azar: &mut Azar, clave: String) -> Orden {
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

/// Sends so many new requests; all of them must be answered.
pub fn emitir(url: &str, libro: &Libro, azar: &mut Azar, prefijo: &str, cuantas: usize) {
    let agente = agente();
    for n in 0..cuantas {
        let mut orden = nueva(azar, format!("{prefijo}-{n}"));
        orden.desenlace = enviar(&agente, url, &orden);
        assert!(orden.desenlace != Desenlace::Desconocido, "los comandos siguen: {orden:?}");
        libro.anotar(orden);
    }
}

pub fn sembrar(agente: &Agent, url: &str, libro: &Libro) {
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
        let cantidad = if n == 0 { 40 } else { 1_000_000 };
        let ruta = format!("/api/v1/inventarios/p{n}/PRINCIPAL/entradas");
        ordenes.push(orden("POST", &ruta, format!("entrada-{n}"), json!({ "cantidad": cantidad, "costo_unitario": 77 })));
    }
    for orden in ordenes {
        sembrar_uno(agente, url, libro, orden);
    }
}

/// With several nodes, the one that decides may not know yet what another has just made: that is refused, and asked for anew.
fn sembrar_uno(agente: &Agent, url: &str, libro: &Libro, orden: Orden) {
    for vez in 0..100 {
        let clave = if vez == 0 { orden.clave.clone() } else { format!("{}-{vez}", orden.clave) };
        let mut orden = Orden { clave, ..orden.clone() };
        orden.desenlace = enviar(agente, url, &orden);
        libro.anotar(orden.clone());
        if matches!(orden.desenlace, Desenlace::Hecha { .. }) {
            return;
        }
        assert_eq!(orden.desenlace, Desenlace::Rechazada(422), "{orden:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no se pudo sembrar: {orden:?}");
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

pub fn leer(agente: &Agent, url: &str, ruta: &str) -> Value {
    let respuesta = agente.get(format!("{url}{ruta}")).call().expect("respuesta");
    assert_eq!(respuesta.status().as_u16(), 200, "{ruta}");
    serde_json::from_str(&respuesta.into_body().read_to_string().expect("cuerpo")).expect("JSON")
}

/// Repeats every request without an answer, with its key, at one of `urls` in turn, until each has one.
pub fn resolver(libro: &Libro, urls: &[String]) {
    let agente = agente();
    for vuelta in 0..60 {
        let pendientes = libro.desconocidas();
        if pendientes.is_empty() {
            return;
        }
        for (n, mut orden) in pendientes.into_iter().enumerate() {
            orden.desenlace = enviar(&agente, &urls[(n + vuelta) % urls.len()], &orden);
            libro.anotar(orden);
        }
    }
    panic!("siguen sin respuesta: {:#?}", libro.desconocidas());
}

/// Against a running process with the tables: nothing that was answered is missing, nothing is there twice, and `verificar` agrees.
pub fn comprobar_en_marcha(libro: &Libro, url: &str) {
    let (agente, hechas) = (agente(), libro.hechas("/facturas"));
    // Through the API: nothing that was answered is missing, and the numbers are all different.
    let informe = json(&correr(&["verificar", "--quieto", "--json", "--url", url]));
    assert_eq!(informe["sano"], true, "{informe:#}");
    assert_eq!(informe["facturas"]["emitidas"], hechas.len(), "{informe:#}");
    let auditados = informe["auditoria"]["filas"].as_u64().unwrap_or_default();
    assert!(auditados >= informe["eventos"].as_u64().unwrap_or(u64::MAX), "la auditoría se comparó: {informe:#}");
    let (mut numeros, cada) = (BTreeSet::new(), hechas.len() / LEIDAS + 1);
    for (n, orden) in hechas.iter().enumerate() {
        let Desenlace::Hecha { id, numero } = &orden.desenlace else { unreachable!("sólo las hechas") };
        assert!(numeros.insert(numero.clone()), "el número {numero} salió dos veces");
        if n % cada == 0 {
            let factura = leer(&agente, url, &format!("/api/v1/facturas/{id}"));
            assert_eq!(factura["numero"].as_str(), Some(numero.as_str()), "{id}");
        }
    }
    for (producto, cantidad) in stock_del_libro(libro) {
        let stock = leer(&agente, url, &format!("/api/v1/inventarios/{producto}/PRINCIPAL/stock"));
        assert_eq!(decimal(&stock["stock"]), cantidad, "{producto}: {stock:#}");
        assert!(cantidad >= Decimal::ZERO);
    }
}

/// Over the folder of a process that ended.
pub fn comprobar_parado(datos: &Path, ajustes: &[&str]) {
    let mut argumentos = vec!["verificar", "--json", "--datos", datos.to_str().expect("ruta")];
    argumentos.extend_from_slice(ajustes);
    let salida = correr(&argumentos);
    let informe = json(&salida);
    assert_eq!(
        (salida.codigo, &informe["sano"], &informe["corte_exacto"]),
        (0, &Value::Bool(true), &Value::Bool(true)),
        "{informe:#}"
    );
}
