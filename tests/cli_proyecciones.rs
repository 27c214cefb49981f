//! `proyecciones` on a process in course, as an operator types it: the rebuild goes on while orders come in, and `comparar` finds nothing after.

mod cli_comun;
mod libro_comun;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use cli_comun::{Servicio, carpeta, correr, json, texto_de_error};
use factumarket::cli::banco::carga::Azar;
use libro_comun::{Libro, agente, comprobar_en_marcha, emitir, sembrar};
use serde_json::Value;

fn proyecciones(argumentos: &[&str], datos: &Path) -> (i32, Value) {
    let todos: Vec<&str> =
        ["proyecciones"].iter().chain(argumentos).chain(&["--json", "--datos", datos.to_str().expect("ruta")]).copied().collect();
    let salida = correr(&todos);
    (salida.codigo, if salida.codigo == 0 { json(&salida) } else { Value::from(texto_de_error(&salida)) })
}

#[test]
fn se_reconstruye_en_marcha_y_detenido_y_nada_difiere() {
    let dir = carpeta();
    let datos = dir.path().join("datos");
    let servicio = Servicio::empezar(&datos, &[]);
    let (libro, mut azar) = (Libro::default(), Azar::new(5));
    sembrar(&agente(), &servicio.url, &libro);
    let fin = AtomicBool::new(false);
    thread::scope(|hilos| {
        let emite = hilos.spawn(|| {
            let mut tandas = 0;
            while !fin.load(Ordering::Acquire) {
                emitir(&servicio.url, &libro, &mut azar, &format!("en-marcha-{tandas}"), 5);
                tandas += 1;
            }
            tandas
        });
        for nombre in ["facturas", "existencias", "facturas", "auditoria"] {
            let (codigo, hecho) = proyecciones(&["reconstruir", nombre], &datos);
            assert_eq!(codigo, 0, "{hecho:#}");
            assert!(hecho["registros"].as_u64() > Some(0), "{hecho:#}");
        }
        let (codigo, lista) = proyecciones(&["listar"], &datos);
        assert_eq!(codigo, 0, "{lista:#}");
        let facturas =
            lista["proyecciones"].as_array().expect("lista").iter().find(|p| p["nombre"] == "facturas").expect("facturas");
        assert_eq!(facturas["reconstruccion"]["estado"], "terminada", "{facturas:#}");
        fin.store(true, Ordering::Release);
        assert!(emite.join().expect("los comandos siguen") > 0);
    });
    let (codigo, error) = proyecciones(&["reconstruir", "ninguna"], &datos);
    assert_ne!(codigo, 0, "{error}");
    comprobar_en_marcha(&libro, &servicio.url);
    assert_eq!(servicio.terminar(), 0);
    let (codigo, hallado) = proyecciones(&["comparar"], &datos);
    assert_eq!((codigo, &hallado["diferencias"]), (0, &Value::from(0)), "{hallado:#}");
    let (codigo, hecho) = proyecciones(&["reconstruir", "facturas"], &datos);
    assert_eq!(codigo, 0, "{hecho:#}");
    let (codigo, hallado) = proyecciones(&["comparar", "facturas"], &datos);
    assert_eq!((codigo, &hallado["diferencias"]), (0, &Value::from(0)), "{hallado:#}");
}
