//! The audit of an installation on Kafka: one process seals it with a key of its own, dies under load, and goes on where its seals are. What it
//! exports is every record that was committed, and holds far from there.

mod cli_comun;
mod kafka_comun;
mod libro_comun;
mod nodos_comun;

use std::{
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use cli_comun::{Salida, carpeta, correr, json, montar};
use factumarket::{
    domain::Contexto,
    log::{Log, Topic, TopicPartition, all_partitions, kafka::KafkaLog},
};
use libro_comun::{Libro, agente, leer, resolver, sembrar};
use nodos_comun::{Carga, Nodo};
use serde_json::{Value, json};

const PARTICIONES: u16 = 4;
const PACIENCIA: Duration = Duration::from_secs(60);
const MUERTES: usize = 2;

fn ruta(archivo: &Path) -> &str {
    archivo.to_str().expect("ruta")
}

fn auditoria(argumentos: &[&str], ajustes: &[String]) -> Salida {
    let ajustes: Vec<&str> = ajustes.iter().map(String::as_str).collect();
    correr(&[&["auditoria"], argumentos, &["--json"], &ajustes].concat())
}

/// Runs it and gives its JSON; it must end well.
fn bien(argumentos: &[&str], ajustes: &[String]) -> Value {
    let salida = auditoria(argumentos, ajustes);
    assert_eq!(salida.codigo, 0, "{argumentos:?}: {}{}", salida.normal, salida.error);
    json(&salida)
}

/// Every committed record that is audited.
fn auditados(prefijo: &str) -> usize {
    let log = KafkaLog::open(kafka_comun::options(prefijo, PARTICIONES)).expect("registro");
    let temas = Contexto::TODOS.map(Topic::Eventos).into_iter().chain([Topic::Auditoria]);
    let contar = |parte: TopicPartition| {
        let (mut cuantos, mut desde, fin) = (0, 0, log.watermarks(parte).expect("límites").stable);
        while desde < fin {
            let registros = log.read(parte, desde, 1 << 20).expect("lectura");
            let Some(ultimo) = registros.last() else { break };
            (cuantos, desde) = (cuantos + registros.len(), ultimo.position + 1);
        }
        cuantos
    };
    all_partitions(&*log, temas).into_iter().map(contar).sum()
}

fn sellos(url: &str) -> usize {
    leer(&agente(), url, "/api/v1/sellos")["items"].as_array().map_or(0, Vec::len)
}

#[test]
fn the_audit_is_sealed_through_deaths_and_holds_elsewhere() {
    let dir = carpeta();
    let (clave, publica) = (dir.path().join("auditoria.clave"), dir.path().join("auditoria.clave.pub"));
    bien(&["clave", "crear", "--archivo", ruta(&clave), "--nombre", "prueba.example.co/auditoria"], &[]);
    let prefijo = kafka_comun::prefix("sellos");
    let mut ajustes = kafka_comun::ajustes_con(&prefijo);
    ajustes.extend(["--set".to_owned(), format!("motor.particiones={PARTICIONES}")]);
    montar(&ajustes.iter().map(String::as_str).collect::<Vec<_>>(), &kafka_comun::esquemas());
    let mut con_clave = ajustes.clone();
    for ajuste in [format!("auditoria.clave_archivo={}", clave.display()), "auditoria.hojas_por_sello=20".to_owned()] {
        con_clave.extend(["--set".to_owned(), ajuste]);
    }
    let mut decide = Nodo::nuevo(dir.path(), "n1", "api,procesador", &ajustes);
    let mut sella = Nodo::nuevo(dir.path(), "n2", "api,proyecciones", &con_clave);
    decide.arrancar();
    sella.arrancar();

    let libro = Arc::new(Libro::default());
    sembrar(&agente(), &decide.url, &libro);
    let carga = Carga::empezar(Arc::clone(&libro), vec![decide.url.clone()], 4, 11);
    for _ in 0..MUERTES {
        let (habia, limite) = (sellos(&sella.url), Instant::now() + PACIENCIA);
        while sellos(&sella.url) <= habia {
            assert!(Instant::now() < limite, "no sella:\n{}", sella.cola());
            thread::sleep(Duration::from_millis(20));
        }
        sella.matar();
        carga.esperar(20);
        sella.arrancar();
    }
    let en_linea = bien(&["verificar", "--url", &sella.url], &[]);
    assert_eq!(en_linea["integro"], true, "{en_linea}");
    carga.terminar();
    resolver(&libro, &[decide.url.clone()]);
    assert_eq!(sella.metrica("factumarket_audit_broken_chains", ""), 0.0);
    for nodo in [&mut decide, &mut sella] {
        assert_eq!(nodo.terminar().0, 0, "{}", nodo.cola());
    }

    // Stopped, its folder has the chain; the other one's last records may have come after its last round.
    let datos = ruta(&sella.datos).to_owned();
    bien(&["reconstruir", "--datos", &datos], &con_clave);
    let archivo = dir.path().join("auditoria.ndjson");
    let hecho = bien(&["exportar", "--archivo", ruta(&archivo), "--datos", &datos], &con_clave);
    assert_eq!(hecho["hojas"], json!(auditados(&prefijo)), "cada registro confirmado, una vez: {hecho}");
    let informe = bien(&["verificar", "--estricto", "--archivo", ruta(&archivo), "--clave", ruta(&publica)], &[]);
    assert_eq!((&informe["integro"], &informe["hojas"]), (&json!(true), &hecho["hojas"]), "{informe}");
    println!("{} hojas, {} sellos, {MUERTES} muertes de quien sella", hecho["hojas"], hecho["sellos"]);

    // What was changed, or taken from its end, is seen against the key or against the log.
    let texto = fs::read_to_string(&archivo).expect("texto");
    let (cambiado, corto) = (dir.path().join("cambiado.ndjson"), dir.path().join("corto.ndjson"));
    fs::write(&cambiado, texto.replacen("\"FacturaEmitida\"", "\"FacturaAnulada\"", 1)).expect("escribe");
    assert_eq!(auditoria(&["verificar", "--archivo", ruta(&cambiado), "--clave", ruta(&publica)], &[]).codigo, 1);
    let lineas: Vec<&str> = texto.lines().collect();
    fs::write(&corto, lineas[..lineas.len() - 2].join("\n") + "\n").expect("escribe");
    let contra = ["verificar", "--archivo", ruta(&corto), "--clave", ruta(&publica), "--contra-registro", "--datos", &datos];
    assert_eq!(auditoria(&contra, &con_clave).codigo, 1);
    kafka_comun::forget(&kafka_comun::options(&prefijo, PARTICIONES));
}
