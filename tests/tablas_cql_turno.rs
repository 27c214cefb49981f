//! Several processes of one installation and one keyspace: one feeds the tables, the others wait for their turn, and whoever is frozen, killed
//! or stopped gives way. Against the broker that `FACTUMARKET_KAFKA` names and the database that `FACTUMARKET_CQL` does:
//! `deploy/local/servicios arriba kafka cassandra`, then
//! `FACTUMARKET_KAFKA=127.0.0.1:9092 FACTUMARKET_CQL=127.0.0.1:9042 cargo test --features kafka,scylla,parquet --test tablas_cql_turno`.

mod cli_comun;
mod kafka_comun;
mod libro_comun;
mod nodos_comun;

use std::{
    thread,
    time::{Duration, Instant},
};

use cli_comun::{carpeta, correr, json, montar};
use factumarket::cli::banco::carga::Azar;
use libro_comun::{Libro, PACIENCIA, agente, emitir, sembrar};
use nodos_comun::Nodo;
use serde_json::Value;

/// Silence after which another process takes the turn.
const RELEVO: Duration = Duration::from_secs(3);

/// Waits until something is so; how long it took.
fn hasta(que: &str, mut se_cumple: impl FnMut() -> bool) -> Duration {
    let desde = Instant::now();
    while !se_cumple() {
        assert!(desde.elapsed() < PACIENCIA, "en {PACIENCIA:?} no: {que}");
        thread::sleep(Duration::from_millis(20));
    }
    desde.elapsed()
}

fn alimenta(nodo: &Nodo) -> bool {
    turno(nodo)["alimenta"] == true
}

fn turno(nodo: &Nodo) -> Value {
    nodo.salud().1["detalle"]["tablas"].clone()
}

fn al_dia(nodo: &Nodo) -> Duration {
    hasta("al día", || nodo.metrica("factumarket_projection_lag_records{", "") == 0.0)
}

#[test]
fn un_proceso_alimenta_el_keyspace_y_el_otro_lo_releva_cuando_calla_muere_o_se_va() {
    let cql = std::env::var("FACTUMARKET_CQL").expect("FACTUMARKET_CQL=host:puerto de una base CQL; véase .ci/cql");
    let mut ajustes = kafka_comun::ajustes("turno");
    let propios = [
        "kafka.sesion_ms=3000".to_owned(),
        "motor.particiones=3".to_owned(),
        "tablas.tipo=cql".to_owned(),
        format!("tablas.nodos={cql}"),
        format!("tablas.espacio=turno_{}", std::process::id()),
        format!("tablas.relevo_ms={}", RELEVO.as_millis()),
    ];
    ajustes.extend(propios.into_iter().flat_map(|ajuste| ["--set".to_owned(), ajuste]));
    let textos: Vec<&str> = ajustes.iter().map(String::as_str).collect();
    montar(&textos, &kafka_comun::esquemas());
    let dir = carpeta();
    let nodo = |nombre: &str, roles: &str| Nodo::nuevo(dir.path(), nombre, roles, &ajustes);
    let (mut motor, mut a, mut b) = (nodo("motor", "api,procesador"), nodo("a", "proyecciones"), nodo("b", "proyecciones"));
    motor.arrancar();
    let (libro, mut azar) = (Libro::default(), Azar::new(31));
    sembrar(&agente(), &motor.url, &libro);
    a.arrancar();
    hasta("a alimenta", || alimenta(&a));
    b.arrancar();
    emitir(&motor.url, &libro, &mut azar, "a", 60);
    al_dia(&a);
    // The second one waits, and says for whom, since when and what to do.
    hasta("b sabe quién alimenta", || turno(&b)["quien"].is_string());
    let dicho = turno(&b);
    assert_eq!((dicho["alimenta"].as_bool(), dicho["turno"].as_u64()), (Some(false), Some(1)), "{dicho:#}");
    assert!(dicho["quien"].as_str().is_some_and(|quien| quien.contains("«a»")), "{dicho:#}");
    assert!(dicho["desde"].is_string() && dicho["que_hacer"].as_str().is_some_and(|que| que.contains("detenga uno")), "{dicho:#}");
    assert_eq!((a.metrica("factumarket_tables_feeding", ""), b.metrica("factumarket_tables_feeding", "")), (1.0, 0.0));
    assert_eq!((a.metrica("factumarket_tables_turn", ""), b.metrica("factumarket_tables_turn", "")), (1.0, 1.0));
    assert!(b.cola().contains("las alimenta «a»"), "{}", b.cola());
    // So do commands that write: they are told to ask that process, or to wait.
    let mut aparte = nodo("aparte", "api");
    aparte.arrancar();
    assert_eq!(aparte.terminar().0, 0, "{}", aparte.cola());
    let orden = |que: &[&str]| correr(&[que, &["--datos", aparte.datos.to_str().expect("ruta")], &textos].concat());
    let negada = orden(&["proyecciones", "reconstruir", "facturas"]);
    assert_eq!(negada.codigo, 5, "{}\n{}", negada.normal, negada.error);
    assert!(negada.error.contains("«a»"), "{}", negada.error);
    // The chain of the audit is not kept here: its tables are missing, and the process that feeds makes tables too.
    assert_eq!(orden(&["tablas", "aplicar"]).codigo, 5, "hay tablas que crear, y quien alimenta también las crea");
    let sola = orden(&["tablas", "aplicar", "--set", "tablas.crear=false"]);
    assert_eq!(sola.codigo, 0, "sólo esta orden las crea\n{}", sola.error);

    // Frozen for longer than its lease, while orders come in and after.
    a.avisar("STOP");
    let tardo = thread::scope(|hilos| {
        hilos.spawn(|| emitir(&motor.url, &libro, &mut azar, "congelada", 60));
        hasta("b releva a la congelada", || alimenta(&b))
    });
    println!("b tomó el turno de un proceso congelado en {tardo:?} (plazo {RELEVO:?})");
    al_dia(&b);
    a.avisar("CONT");
    hasta("a sabe que perdió el turno", || turno(&a)["quien"].as_str().is_some_and(|quien| quien.contains("«b»")));
    assert!(!alimenta(&a) && alimenta(&b), "{}", a.cola());
    emitir(&motor.url, &libro, &mut azar, "b", 60);
    al_dia(&b);
    // What it shows is what the other writes.
    println!("el que espera sabe a los {:?} que el otro está al día", al_dia(&a));

    // kill -9 under load.
    let tardo = thread::scope(|hilos| {
        let emite = hilos.spawn(|| emitir(&motor.url, &libro, &mut azar, "muerta", 60));
        thread::sleep(Duration::from_millis(300));
        b.matar();
        let tardo = hasta("a releva a la muerta", || alimenta(&a));
        emite.join().expect("los comandos siguen");
        tardo
    });
    println!("a tomó el turno de un proceso muerto en {tardo:?}");
    al_dia(&a);

    // An orderly stop hands the turn over.
    b.arrancar();
    hasta("b espera", || turno(&b)["quien"].as_str().is_some_and(|quien| quien.contains("«a»")));
    emitir(&motor.url, &libro, &mut azar, "entrega", 30);
    assert_eq!(a.terminar().0, 0, "{}", a.cola());
    let tardo = hasta("b sigue", || alimenta(&b));
    println!("b tomó el turno entregado en {tardo:?}");
    assert!(tardo < RELEVO, "una entrega no espera el plazo: {tardo:?}");
    al_dia(&b);
    assert_eq!(turno(&b)["turno"], 4, "{:#}", turno(&b));
    assert_eq!(b.terminar().0, 0, "{}", b.cola());
    assert_eq!(motor.terminar().0, 0, "{}", motor.cola());

    let comparado = orden(&["proyecciones", "comparar", "--json"]);
    let hallado = json(&comparado);
    assert_eq!((comparado.codigo, &hallado["diferencias"]), (0, &Value::from(0)), "{hallado:#}\n{}", comparado.error);
    let filas: u64 = hallado["proyecciones"].as_array().expect("lista").iter().filter_map(|p| p["filas"].as_u64()).sum();
    println!("{filas} filas comparadas, 0 diferencias");
    assert!(filas > 500, "{hallado:#}");
    // Nobody has the turn: a command takes it, and gives it back.
    let hecha = orden(&["proyecciones", "reconstruir", "facturas"]);
    assert_eq!(hecha.codigo, 0, "{}\n{}", hecha.normal, hecha.error);
    assert_eq!(orden(&["proyecciones", "comparar", "--json"]).codigo, 0);
}
