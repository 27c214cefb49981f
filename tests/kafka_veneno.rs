//! Records that nobody can decide, by the thousand, between the commands of clients: each ends in its dead letter topic, once, and nobody else
//! notices. `VENENOS` (200) says how many; the promise is of 10,000.

mod cli_comun;
mod kafka_comun;
mod libro_comun;
mod nodos_comun;
#[path = "fallas/veneno.rs"]
mod veneno;

use std::{sync::Arc, time::Instant};

use cli_comun::{carpeta, montar};
use factumarket::cli::banco::carga::Azar;
use libro_comun::{Libro, agente, comprobar_en_marcha, comprobar_parado, resolver, sembrar};
use nodos_comun::{Carga, Nodo};

const PARTICIONES: u16 = 4;

#[test]
fn thousands_of_poisonous_records_stall_nobody() {
    let cuantos: u64 = std::env::var("VENENOS").map_or(200, |texto| texto.parse().expect("VENENOS"));
    let prefijo = kafka_comun::prefix("veneno");
    let mut ajustes = kafka_comun::ajustes_con(&prefijo);
    ajustes.extend(["--set".to_owned(), format!("motor.particiones={PARTICIONES}")]);
    let textos: Vec<&str> = ajustes.iter().map(String::as_str).collect();
    montar(&textos, &kafka_comun::esquemas());
    let dir = carpeta();
    let mut nodo = Nodo::nuevo(dir.path(), "n1", "api,procesador,proyecciones", &ajustes);
    nodo.arrancar();
    let libro = Arc::new(Libro::default());
    sembrar(&agente(), &nodo.url, &libro);
    let carga = Carga::empezar(Arc::clone(&libro), vec![nodo.url.clone()], 4, 1);
    carga.esperar(20);
    let (inicio, antes) = (Instant::now(), carga.respuestas());
    let opciones = kafka_comun::options(&prefijo, PARTICIONES);
    veneno::echar_muchos(&opciones, &mut Azar::new(7), cuantos);
    let echado = inicio.elapsed();
    // Whoever sends commands behind the last of it is answered.
    carga.esperar(40);
    let pausa = carga.pausa_desde(inicio);
    println!(
        "{cuantos} venenos en {echado:?}; {} respuestas entre tanto, la pausa más larga de {pausa:?}",
        carga.respuestas() - antes
    );
    carga.terminar();
    resolver(&libro, std::slice::from_ref(&nodo.url));
    comprobar_en_marcha(&libro, &nodo.url);
    assert!(nodo.corre(), "{}", nodo.cola());
    assert_eq!(nodo.terminar().0, 0, "{}", nodo.cola());
    comprobar_parado(&nodo.datos, &textos);
    assert_eq!(veneno::apartados(&opciones), cuantos, "cada veneno acaba en su tema de cartas muertas, una vez");
    kafka_comun::forget(&opciones);
}
