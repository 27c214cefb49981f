//! `demo`: a shop that sells, and that goes on from where it was.

mod cli_comun;

use std::time::{Duration, Instant};

use cli_comun::{carpeta, correr};
use serde_json::Value;

/// The JSON values that a command wrote, one after the other.
fn valores(texto: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(texto).into_iter().map(|v| v.expect("JSON")).collect()
}

fn demo(datos: &str) -> Vec<Value> {
    let inicio = Instant::now();
    let salida = correr(&["demo", "--tasa", "100", "--duracion", "3", "--direccion", "127.0.0.1:0", "--datos", datos, "--json"]);
    assert_eq!(salida.codigo, 0, "{}{}", salida.normal, salida.error);
    assert!(inicio.elapsed() < Duration::from_secs(30));
    valores(&salida.normal)
}

#[test]
fn la_demo_vende_rechaza_lo_imposible_y_sigue_donde_quedo() {
    let temporal = carpeta();
    let datos = temporal.path().join("demo");
    let datos = datos.to_str().expect("ruta");
    let primera = demo(datos);
    assert_eq!((primera[0]["evento"].as_str(), primera[0]["carpeta_nueva"].as_bool()), (Some("lista"), Some(true)));
    let (emitidas, rechazadas) =
        (primera[1]["emitidas"].as_u64().expect("cuenta"), primera[1]["rechazadas"].as_u64().expect("cuenta"));
    assert!(emitidas >= 150, "emitidas {emitidas}");
    assert!((1..=emitidas / 50).contains(&rechazadas), "rechazadas {rechazadas} de {emitidas}");
    let segunda = demo(datos);
    assert_eq!(segunda[0]["carpeta_nueva"].as_bool(), Some(false));
    let emision = correr(&["emitir", "--ejemplo", "--datos", datos, "--json"]);
    let numero = valores(&emision.normal)[0]["factura"]["consecutivo"].as_u64().expect("número");
    assert_eq!(numero, emitidas + segunda[1]["emitidas"].as_u64().expect("cuenta") + 1, "los números siguen sin huecos");
}
