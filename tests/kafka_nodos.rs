//! Several processes of one installation: they share the partitions, sagas cross them, any of them may die or go away, and the ledger of the
//! clients agrees with what is on the log. Times are measured and told; they decide nothing.

mod cli_comun;
mod kafka_comun;
mod libro_comun;
mod nodos_comun;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cli_comun::{carpeta, correr, montar};
use libro_comun::{Desenlace, Libro, Orden, agente, comprobar_en_marcha, comprobar_parado, leer, resolver, sembrar};
use nodos_comun::{Carga, Nodo};

const TODO: &str = "api,procesador,proyecciones";

/// Settings of an installation of its own, with its topics made.
fn instalacion(nombre: &str) -> Vec<String> {
    let mut ajustes = kafka_comun::ajustes(nombre);
    for ajuste in ["kafka.sesion_ms=3000", "motor.particiones=6"] {
        ajustes.extend(["--set".to_owned(), ajuste.to_owned()]);
    }
    montar(&como_textos(&ajustes), &kafka_comun::esquemas());
    ajustes
}

fn como_textos(ajustes: &[String]) -> Vec<&str> {
    ajustes.iter().map(String::as_str).collect()
}

fn urls(nodos: &[Nodo]) -> Vec<String> {
    nodos.iter().filter(|nodo| nodo.corre()).map(|nodo| nodo.url.clone()).collect()
}

/// Invoices whose reservation was recorded: what an invoice decided in one place at one time never leaves.
fn cruzadas(libro: &Libro, url: &str) -> usize {
    let con_reserva = |orden: &Orden| {
        let Desenlace::Hecha { id, .. } = &orden.desenlace else { return false };
        leer(&agente(), url, &format!("/api/v1/auditoria/{id}")).to_string().contains("StockReservado")
    };
    libro.hechas("/facturas").into_iter().filter(con_reserva).count()
}

fn acabar(carga: Carga, nodos: &mut [Nodo], ajustes: &[String]) {
    let libro = Arc::clone(&carga.libro);
    carga.terminar();
    resolver(&libro, &urls(nodos));
    println!("{} facturas, {} pedidos", libro.hechas("/facturas").len(), libro.con(|_| true).len());
    for nodo in nodos.iter() {
        comprobar_en_marcha(&libro, &nodo.url);
    }
    let cruzadas = cruzadas(&libro, &nodos[0].url);
    println!("{cruzadas} facturas cruzaron de un nodo a otro");
    assert!(cruzadas > 0, "las sagas cruzan");
    for nodo in nodos.iter_mut() {
        let (codigo, tardo) = nodo.terminar();
        println!("{}: parada en {tardo:?}", nodo.nombre);
        assert_eq!(codigo, 0, "{}", nodo.cola());
        assert!(tardo < Duration::from_secs(10), "la parada tardó {tardo:?}");
    }
    comprobar_parado(&nodos[0].datos, &como_textos(ajustes));
}

#[test]
fn two_nodes_share_the_partitions_and_one_dies() {
    let ajustes = instalacion("dos");
    let dir = carpeta();
    let mut nodos: Vec<Nodo> = ["n1", "n2"].iter().map(|nombre| Nodo::nuevo(dir.path(), nombre, TODO, &ajustes)).collect();
    nodos.iter_mut().for_each(Nodo::arrancar);
    let libro = Arc::new(Libro::default());
    sembrar(&agente(), &nodos[0].url, &libro);
    let carga = Carga::empezar(libro, urls(&nodos), 6, 1);
    carga.esperar(80);
    let cada_uno: Vec<f64> = nodos.iter().map(|nodo| nodo.metrica("factumarket_commands_total", "")).collect();
    assert!(cada_uno.iter().all(|decididos| *decididos > 0.0), "los dos deciden: {cada_uno:?}");
    // Killed for longer than its session, so that the other takes over; and back.
    let muerte = Instant::now();
    nodos[1].matar();
    carga.dirigir(urls(&nodos));
    carga.esperar(50);
    println!("muerte de un nodo: pausa de {:?} con sesión de 3 s", carga.pausa_desde(muerte));
    nodos[1].arrancar();
    carga.dirigir(urls(&nodos));
    carga.esperar(50);
    // Killed and back within its session: it finds its place, and what it left open is settled.
    let muerte = Instant::now();
    nodos[0].matar();
    nodos[0].arrancar();
    carga.dirigir(urls(&nodos));
    carga.esperar(50);
    println!("muerte y regreso: pausa de {:?}", carga.pausa_desde(muerte));
    acabar(carga, &mut nodos, &ajustes);
}

#[test]
fn three_nodes_are_restarted_one_after_the_other_and_one_retires() {
    let ajustes = instalacion("tres");
    let dir = carpeta();
    let nombres = ["n1", "n2", "n3"];
    let mut nodos: Vec<Nodo> = nombres.iter().map(|nombre| Nodo::nuevo(dir.path(), nombre, TODO, &ajustes)).collect();
    nodos.iter_mut().for_each(Nodo::arrancar);
    let libro = Arc::new(Libro::default());
    sembrar(&agente(), &nodos[0].url, &libro);
    let carga = Carga::empezar(libro, urls(&nodos), 6, 2);
    carga.esperar(60);
    for cual in 0..nodos.len() {
        let inicio = Instant::now();
        let (codigo, parada) = nodos[cual].terminar();
        assert_eq!(codigo, 0, "{}", nodos[cual].cola());
        nodos[cual].arrancar();
        let vuelta = inicio.elapsed();
        carga.dirigir(urls(&nodos));
        carga.esperar(40);
        let nombre = &nodos[cual].nombre;
        println!("{nombre}: parada {parada:?}, de vuelta a los {vuelta:?}, pausa de los clientes {:?}", carga.pausa_desde(inicio));
    }
    // One goes for good: its folder says who serves it, and the others have its partitions before its session would end.
    let mut retirado = nodos.remove(2);
    carga.dirigir(urls(&nodos));
    let inicio = Instant::now();
    let salida = correr(&["servir", "--retirar", "--datos", retirado.datos.to_str().expect("ruta")]);
    assert_eq!(salida.codigo, 0, "{}", salida.error);
    assert_eq!(retirado.esperar(), 0, "{}", retirado.cola());
    carga.esperar(60);
    println!("retiro: pausa de {:?}", carga.pausa_desde(inicio));
    let repetida = correr(&["servir", "--retirar", "--datos", retirado.datos.to_str().expect("ruta")]);
    assert_eq!(repetida.codigo, 4, "{}", repetida.error);
    acabar(carga, &mut nodos, &ajustes);
}

#[test]
fn each_role_in_a_process_of_its_own() {
    let ajustes = instalacion("papeles");
    let dir = carpeta();
    let mut nodos = vec![
        Nodo::nuevo(dir.path(), "motor1", "procesador", &ajustes),
        Nodo::nuevo(dir.path(), "puerta", "api", &ajustes),
        Nodo::nuevo(dir.path(), "lectura", "api,proyecciones", &ajustes),
    ];
    nodos.iter_mut().for_each(Nodo::arrancar);
    let libro = Arc::new(Libro::default());
    sembrar(&agente(), &nodos[1].url, &libro);
    let carga = Carga::empezar(libro, vec![nodos[1].url.clone(), nodos[2].url.clone()], 4, 3);
    carga.esperar(60);
    let estado = |url: &str, ruta: &str| {
        let respuesta = agente().get(format!("{url}{ruta}")).call().expect("respuesta");
        (respuesta.status().as_u16(), respuesta.into_body().read_to_string().expect("cuerpo"))
    };
    let (codigo, cuerpo) = estado(&nodos[0].url, "/api/v1/clientes");
    assert!(codigo == 503 && cuerpo.contains("SinApi"), "{codigo} {cuerpo}");
    let (codigo, cuerpo) = estado(&nodos[1].url, "/api/v1/clientes");
    assert!(codigo == 503 && cuerpo.contains("--roles api,proyecciones"), "{codigo} {cuerpo}");
    assert_eq!(estado(&nodos[2].url, "/api/v1/clientes").0, 200);
    for nodo in &nodos {
        let (codigo, salud) = nodo.salud();
        assert_eq!((codigo, &salud["detalle"]["nodo"]), (200, &nodo.nombre.as_str().into()), "{salud:#}");
    }
    // The only processor dies: commands wait on the log, nothing is lost.
    nodos[0].matar();
    nodos[0].arrancar();
    carga.esperar(50);
    let libro = Arc::clone(&carga.libro);
    carga.terminar();
    resolver(&libro, &[nodos[1].url.clone()]);
    comprobar_en_marcha(&libro, &nodos[2].url);
    for nodo in &mut nodos {
        assert_eq!(nodo.terminar().0, 0, "{}", nodo.cola());
    }
    comprobar_parado(&nodos[2].datos, &como_textos(&ajustes));
    let argumentos = |roles| ["servir", "--roles", roles, "--datos", "no-importa", "--set", "registro.tipo=kafka"];
    let solas = correr(&argumentos("proyecciones"));
    assert!(solas.codigo == 2 && solas.error.contains("sólo él las abre"), "{}", solas.error);
    let embebido = correr(&["servir", "--roles", "api", "--datos", "no-importa"]);
    assert!(embebido.codigo == 2 && embebido.error.contains("sólo un proceso la abre"), "{}", embebido.error);
}
