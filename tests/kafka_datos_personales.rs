//! Personal data on an installation of several processes: sealed with the same keys by all, forgotten by all.

mod cli_comun;
mod kafka_comun;
mod libro_comun;
mod nodos_comun;

use std::{
    collections::BTreeMap,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use cli_comun::{carpeta, correr, json, montar};
use factumarket::{
    domain::Contexto,
    log::{
        Log, Topic, TopicPartition,
        kafka::{KafkaLog, KafkaOptions},
    },
};
use libro_comun::{Desenlace, agente, enviar, orden};
use nodos_comun::Nodo;
use serde_json::{Value, json};

const TODO: &str = "api,procesador,proyecciones";
const PARTICIONES: u16 = 4;
const CLIENTES: usize = 10;
const PACIENCIA: Duration = Duration::from_secs(60);
/// In every client's name: nothing that is kept may say it.
const APELLIDO: &str = "Inolvidable";

struct Instalacion {
    prefijo: String,
    ajustes: Vec<String>,
}

/// Topics of its own, and settings with which everybody seals.
fn instalacion(dir: &Path) -> Instalacion {
    let maestra = dir.join("maestra");
    std::fs::write(&maestra, "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n").expect("clave maestra");
    let prefijo = kafka_comun::prefix("datos");
    let mut ajustes = kafka_comun::ajustes_con(&prefijo);
    let mas = [
        "kafka.sesion_ms=3000".to_owned(),
        format!("motor.particiones={PARTICIONES}"),
        "datos_personales.cifrar=true".to_owned(),
        format!("datos_personales.clave_maestra_archivo={}", maestra.display()),
    ];
    ajustes.extend(mas.into_iter().flat_map(|ajuste| ["--set".to_owned(), ajuste]));
    montar(&textos(&ajustes), &kafka_comun::esquemas());
    Instalacion { prefijo, ajustes }
}

fn textos(ajustes: &[String]) -> Vec<&str> {
    ajustes.iter().map(String::as_str).collect()
}

/// Sends it until it is done. The node that decides may not know yet what the other has just made: that is refused, and asked for anew.
fn hecho(url: &str, clave: &str, ruta: &str, cuerpo: Value) -> String {
    let (agente, mut orden) = (agente(), orden("POST", &format!("/api/v1/{ruta}"), clave.to_owned(), cuerpo));
    let (limite, mut vez) = (Instant::now() + PACIENCIA, 0);
    loop {
        match enviar(&agente, url, &orden) {
            Desenlace::Hecha { id, .. } => return id,
            Desenlace::Desconocido if Instant::now() < limite => {}
            Desenlace::Rechazada(422) if Instant::now() < limite => {
                vez += 1;
                orden.clave = format!("{clave}-{vez}");
                thread::sleep(Duration::from_millis(50));
            }
            otro => panic!("{ruta}: {otro:?}"),
        }
    }
}

/// Asks again until it is so.
fn hasta(url: &str, ruta: &str, es: impl Fn(&Value) -> bool) -> Value {
    let limite = Instant::now() + PACIENCIA;
    loop {
        let respuesta = agente().get(format!("{url}/api/v1/{ruta}")).call().expect("respuesta");
        let cuerpo: Value = serde_json::from_str(&respuesta.into_body().read_to_string().expect("cuerpo")).expect("JSON");
        if es(&cuerpo) {
            return cuerpo;
        }
        assert!(Instant::now() < limite, "{ruta}: {cuerpo:#}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn cliente(n: usize) -> String {
    format!("c{n}")
}

fn nombre(n: usize) -> String {
    format!("Ana {APELLIDO} {n}")
}

/// A client's name as a document or its record has it.
fn se_llama(nombre: &str) -> impl Fn(&Value) -> bool {
    move |v| v["nombre"] == nombre || v["cliente"]["nombre"] == nombre
}

/// Clients made by one process or the other and, of each, an invoice asked of both at once: both may make the key of its documents.
fn vender(urls: &[String; 2]) -> Vec<[String; 2]> {
    hecho(&urls[0], "producto", "productos", json!({"id": "p", "nombre": "Pan", "precio": "1000", "controla_inventario": true}));
    hecho(&urls[0], "inventario", "inventarios", json!({"producto_id": "p", "bodega_id": "PRINCIPAL"}));
    let entrada = json!({"motivo": "COMPRA", "cantidad": "1000", "costo_unitario": "500"});
    hecho(&urls[0], "entrada", "inventarios/p/PRINCIPAL/entradas", entrada);
    let uno = |n: usize| {
        let cuerpo = json!({"id": cliente(n), "nombre": nombre(n), "identificacion": format!("9000{n:05}"), "direccion": "Calle 1", "correo": format!("{APELLIDO}{n}@ejemplo.co")});
        hecho(&urls[n % 2], &format!("cliente-{n}"), "clientes", cuerpo);
        let factura = |k: usize| {
            let cuerpo = json!({"cliente_id": cliente(n), "lineas": [{"producto_id": "p", "cantidad": "1"}]});
            hecho(&urls[k], &format!("factura-{n}-{k}"), "facturas", cuerpo)
        };
        thread::scope(|scope| [0, 1].map(|k| scope.spawn(move || factura(k))).map(|hilo| hilo.join().expect("factura")))
    };
    (0..CLIENTES).map(uno).collect()
}

/// How many of the records that are kept say it, and how many there are of each kind of topic.
fn los_que_dicen(opciones: KafkaOptions, texto: &str) -> (usize, BTreeMap<Topic, usize>) {
    let log = KafkaLog::open(opciones).expect("registro");
    let temas = Contexto::TODOS.into_iter().flat_map(|c| [Topic::Eventos(c), Topic::Instantaneas(c)]);
    let (mut dicen, mut leidos) = (0, BTreeMap::new());
    for tema in temas.chain([Topic::Auditoria, Topic::Claves]) {
        for tp in (0..log.partitions(tema)).map(|n| TopicPartition::new(tema, n)) {
            let (mut desde, fin) = (0, log.watermarks(tp).expect("límites").stable);
            while desde < fin {
                let registros = log.read(tp, desde, 1 << 20).expect("lectura");
                let Some(ultimo) = registros.last() else { break };
                desde = ultimo.position + 1;
                *leidos.entry(tema).or_default() += registros.len();
                let dice = |valor: &[u8]| valor.windows(texto.len()).any(|v| v == texto.as_bytes());
                dicen += registros.iter().filter(|r| dice(&r.record.value)).count();
            }
        }
    }
    (dicen, leidos)
}

#[test]
fn two_nodes_seal_with_the_same_keys_and_forget_together() {
    let dir = carpeta();
    let instalacion = instalacion(dir.path());
    let nodo = |nombre: &str| Nodo::nuevo(dir.path(), nombre, TODO, &instalacion.ajustes);
    let mut nodos = [nodo("n1"), nodo("n2")];
    nodos.iter_mut().for_each(Nodo::arrancar);
    let urls = nodos.each_ref().map(|nodo| nodo.url.clone());
    let facturas = vender(&urls);
    for url in &urls {
        for (n, suyas) in facturas.iter().enumerate() {
            hasta(url, &format!("clientes/{}", cliente(n)), se_llama(&nombre(n)));
            suyas.iter().for_each(|id| drop(hasta(url, &format!("facturas/{id}"), se_llama(&nombre(n)))));
        }
    }

    // One dies, and what it decided is taken over by who has nothing but the log and its keys.
    nodos[0].matar();
    let mut tercero = nodo("n3");
    tercero.arrancar();
    hecho(&tercero.url, "olvido", &format!("clientes/{}/suprimir", cliente(0)), json!({}));
    nodos[0].arrancar();
    for url in [&nodos[0].url, &nodos[1].url, &tercero.url] {
        hasta(url, &format!("clientes/{}", cliente(0)), |c| c["nombre"] == "[suprimido]" && c["suprimido"] == true);
        hasta(url, &format!("clientes/{}", cliente(1)), se_llama(&nombre(1)));
        // The law keeps it there.
        hasta(url, &format!("facturas/{}", facturas[0][0]), se_llama(&nombre(0)));
    }
    let limite = Instant::now() + PACIENCIA;
    let destruidas = || -> f64 {
        let de = |nodo: &Nodo| nodo.metrica("factumarket_personal_keys_destroyed_total", "ficha");
        nodos.iter().map(de).sum::<f64>() + de(&tercero)
    };
    while destruidas() < 1.0 {
        assert!(Instant::now() < limite, "nadie destruyó la clave");
        thread::sleep(Duration::from_millis(50));
    }

    for nodo in nodos.iter_mut().chain([&mut tercero]) {
        assert_eq!(nodo.terminar().0, 0, "{}", nodo.cola());
    }
    let opciones = kafka_comun::options(&instalacion.prefijo, PARTICIONES);
    let (dicen, leidos) = los_que_dicen(opciones, APELLIDO);
    assert_eq!(dicen, 0, "nada de lo que se guarda lo dice en claro: {leidos:?}");
    // Two keys a client, one that says that a key is destroyed, and a tombstone of it; more where two made one at once.
    assert!(leidos[&Topic::Claves] >= 2 * CLIENTES + 2, "{leidos:?}");
    println!("{} registros de claves para {CLIENTES} clientes", leidos[&Topic::Claves]);

    let ajustes = textos(&instalacion.ajustes);
    let con =
        |orden: &[&str], datos: &Path| correr(&[orden, &["--json", "--datos", datos.to_str().expect("ruta")], &ajustes].concat());
    let verificada = con(&["verificar", "--oraculo"], &tercero.datos);
    assert_eq!((verificada.codigo, &json(&verificada)["sano"]), (0, &json!(true)), "{} {}", verificada.normal, verificada.error);
    let comparadas = con(&["proyecciones", "comparar", "clientes"], &tercero.datos);
    assert_eq!((comparadas.codigo, &json(&comparadas)["diferencias"]), (0, &json!(0)), "{}", comparadas.normal);

    // Without the master key nobody starts believing that it is not needed.
    let maestra = dir.path().join("maestra");
    std::fs::write(&maestra, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").expect("otra");
    let ajena = con(&["verificar"], &tercero.datos);
    assert!(ajena.codigo != 0 && ajena.normal.contains("otra clave maestra"), "{} {}", ajena.codigo, ajena.normal);
    std::fs::remove_file(&maestra).expect("estaba");
    let ausente = con(&["verificar"], &tercero.datos);
    assert!(ausente.codigo != 0 && ausente.normal.contains("clave_maestra_archivo"), "{} {}", ausente.codigo, ausente.normal);
}
