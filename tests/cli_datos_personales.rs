//! Personal data on a process in course: sealed on the log, forgotten when asked, kept in documents while the law asks for them.

mod cli_comun;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use cli_comun::{Servicio, carpeta, correr, json};
use factumarket::{
    config::{Fuentes, cargar},
    domain::Contexto,
    log::{Topic, TopicPartition},
    node::{Node, NodeOptions},
};
use serde_json::{Value, json};
use ureq::Agent;

const CIFRADO: [&str; 2] = ["--set", "datos_personales.cifrar=true"];
const NOMBRE: &str = "Ana Inolvidable";
const CORREO: &str = "ana.inolvidable@ejemplo.co";
/// The last day of the tenth year after the invoice's, and the day after.
const ULTIMO_DIA: &str = "2036-12-31T12:00:00-05:00";
const VENCIDO: &str = "2037-01-02T12:00:00-05:00";
const PACIENCIA: Duration = Duration::from_secs(30);

fn agente() -> Agent {
    Agent::config_builder().timeout_global(Some(PACIENCIA)).http_status_as_error(false).build().new_agent()
}

fn pedir(servicio: &Servicio, ruta: &str, cuerpo: Option<Value>) -> (u16, Value) {
    let (agente, url) = (agente(), format!("{}/api/v1/{ruta}", servicio.url));
    let respuesta = match cuerpo {
        Some(cuerpo) => agente.post(url).send_json(cuerpo),
        None => agente.get(url).call(),
    };
    let respuesta = respuesta.expect("respuesta");
    let estado = respuesta.status().as_u16();
    (estado, serde_json::from_str(&respuesta.into_body().read_to_string().expect("cuerpo")).expect("JSON"))
}

fn hecho(servicio: &Servicio, ruta: &str, cuerpo: Value) -> Value {
    let (estado, cuerpo) = pedir(servicio, ruta, Some(cuerpo));
    assert!(matches!(estado, 200 | 201), "{ruta}: {estado} {cuerpo:#}");
    cuerpo
}

fn leido(servicio: &Servicio, ruta: &str) -> Value {
    let (estado, cuerpo) = pedir(servicio, ruta, None);
    assert_eq!(estado, 200, "{ruta}: {cuerpo:#}");
    cuerpo
}

/// Asks again until it is so.
fn hasta(servicio: &Servicio, ruta: &str, es: impl Fn(&Value) -> bool) -> Value {
    let limite = Instant::now() + PACIENCIA;
    loop {
        let (estado, cuerpo) = pedir(servicio, ruta, None);
        if estado == 200 && es(&cuerpo) {
            return cuerpo;
        }
        assert!(Instant::now() < limite, "{ruta}: {cuerpo:#}");
        std::thread::yield_now();
    }
}

/// Waits until that many keys were destroyed since the process started.
fn destruidas(servicio: &Servicio, uso: &str) {
    let serie = format!("factumarket_personal_keys_destroyed_total{{uso=\"{uso}\"}} 1");
    let limite = Instant::now() + PACIENCIA;
    loop {
        let metricas = agente().get(format!("{}/metrics", servicio.url)).call().expect("métricas");
        if metricas.into_body().read_to_string().expect("texto").contains(&serie) {
            return;
        }
        assert!(Instant::now() < limite, "la clave de {uso} no se destruyó");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How many records of what is kept for ever say it in the clear.
fn en_claro(datos: &Path, texto: &str) -> usize {
    let configuracion = cargar(&Fuentes::default()).expect("configuración");
    let opciones = NodeOptions { carpeta: datos.to_owned(), ..NodeOptions::new(&configuracion) };
    let nodo = Node::start(opciones).expect("nodo");
    let log = nodo.log();
    let temas = Contexto::TODOS.into_iter().flat_map(|c| [Topic::Eventos(c), Topic::Instantaneas(c)]).chain([Topic::Auditoria]);
    let (mut dicen, mut leidos) = (0, 0);
    for tp in temas.flat_map(|tema| (0..log.partitions(tema)).map(move |n| TopicPartition::new(tema, n))) {
        let (mut desde, fin) = (0, log.watermarks(tp).expect("límites").stable);
        while desde < fin {
            let registros = log.read(tp, desde, 1 << 20).expect("lectura");
            let Some(ultimo) = registros.last() else { break };
            desde = ultimo.position + 1;
            leidos += registros.len();
            dicen += registros.iter().filter(|r| r.record.value.windows(texto.len()).any(|v| v == texto.as_bytes())).count();
        }
    }
    nodo.stop().expect("detener");
    assert!(leidos > 0);
    dicen
}

fn vender(servicio: &Servicio) -> String {
    hecho(
        servicio,
        "clientes",
        json!({"id": "ana", "nombre": NOMBRE, "identificacion": "900000001", "correo": CORREO, "direccion": "Calle 1"}),
    );
    let cambiado = agente().put(format!("{}/api/v1/clientes/ana", servicio.url)).send_json(json!({"direccion": "Calle 2"}));
    assert_eq!(cambiado.expect("respuesta").status().as_u16(), 200);
    hecho(servicio, "productos", json!({"id": "p", "nombre": "Pan", "precio": "1000", "controla_inventario": true}));
    hecho(servicio, "inventarios", json!({"producto_id": "p", "bodega_id": "PRINCIPAL"}));
    hecho(servicio, "inventarios/p/PRINCIPAL/entradas", json!({"motivo": "COMPRA", "cantidad": "10", "costo_unitario": "500"}));
    let factura = hecho(servicio, "facturas", json!({"cliente_id": "ana", "lineas": [{"producto_id": "p", "cantidad": "2"}]}));
    factura["id"].as_str().expect("id").to_owned()
}

#[test]
fn lo_que_se_suprime_se_olvida_y_la_factura_lo_conserva_mientras_la_ley_lo_pide() {
    let dir = carpeta();
    let datos = dir.path().join("datos");
    let servicio = Servicio::empezar(&datos, &CIFRADO);
    let factura = vender(&servicio);
    let ruta = format!("facturas/{factura}");
    hasta(&servicio, &ruta, |f| f["cliente"]["nombre"] == NOMBRE);
    hasta(&servicio, "clientes/ana", |c| c["nombre"] == NOMBRE && c["direccion"]["linea"] == "Calle 2");
    assert_eq!(leido(&servicio, &format!("clientes?correo={CORREO}"))["items"][0]["nombre"], NOMBRE);
    servicio.terminar();
    assert_eq!((en_claro(&datos, NOMBRE), en_claro(&datos, CORREO)), (0, 0), "nada de lo que se guarda lo dice en claro");

    // A process that does not seal any more still opens what was sealed.
    let servicio = Servicio::empezar(&datos, &[]);
    assert_eq!(leido(&servicio, &ruta)["cliente"]["nombre"], NOMBRE);
    servicio.matar();

    let servicio = Servicio::empezar(&datos, &CIFRADO);
    hecho(&servicio, "clientes/ana/suprimir", json!({}));
    destruidas(&servicio, "ficha");
    let ficha = hasta(&servicio, "clientes/ana", |c| c["suprimido"] == true);
    assert_eq!((&ficha["nombre"], &ficha["activo"]), (&json!("[suprimido]"), &json!(false)), "{ficha:#}");
    assert_eq!(leido(&servicio, &format!("clientes?correo={CORREO}"))["items"], json!([]));
    assert_eq!(leido(&servicio, &ruta)["cliente"]["nombre"], NOMBRE, "el documento lo conserva");
    for (que, cuerpo) in [("clientes/ana/suprimir", json!({})), ("clientes/ana/reactivar", json!({}))] {
        assert_eq!(pedir(&servicio, que, Some(cuerpo)).0, 409, "{que}");
    }
    servicio.matar();

    sano(&datos);
    // What the dead process had not written yet is folded again, over rows that know what the log forgot.
    let servicio = Servicio::empezar(&datos, &CIFRADO);
    hasta(&servicio, "clientes/ana", |c| c["suprimido"] == true);
    servicio.terminar();
    // Every projection folds what is left, and gives what it has.
    let comparadas = correr(&["proyecciones", "comparar", "--json", "--datos", datos.to_str().expect("ruta")]);
    assert_eq!((comparadas.codigo, &json(&comparadas)["diferencias"]), (0, &json!(0)), "{}", comparadas.normal);

    let servicio = Servicio::empezar(&datos, &[&CIFRADO[..], &["--reloj", ULTIMO_DIA]].concat());
    assert_eq!(leido(&servicio, "clientes/ana")["nombre"], "[suprimido]");
    assert_eq!(leido(&servicio, &ruta)["cliente"]["nombre"], NOMBRE, "el último día del término");
    servicio.terminar();
    let servicio = Servicio::empezar(&datos, &[&CIFRADO[..], &["--reloj", VENCIDO]].concat());
    destruidas(&servicio, "documentos");
    servicio.terminar();
    sano(&datos);
    let rehecha = correr(&["proyecciones", "reconstruir", "facturas", "--json", "--datos", datos.to_str().expect("ruta")]);
    assert_eq!(rehecha.codigo, 0, "{}", rehecha.error);
    let servicio = Servicio::empezar(&datos, &CIFRADO);
    let documento = leido(&servicio, &ruta);
    assert_eq!(documento["cliente"]["nombre"], "[suprimido]", "{documento:#}");
    assert_eq!(documento["estado"], "EMITIDA", "{documento:#}");
    servicio.terminar();
}

/// The invariants of the log, and the proofs of its audit.
fn sano(datos: &Path) {
    let ruta = datos.to_str().expect("ruta");
    let verificada = correr(&["verificar", "--oraculo", "--json", "--datos", ruta]);
    assert_eq!((verificada.codigo, &json(&verificada)["sano"]), (0, &json!(true)), "{}", verificada.normal);
    let auditada = correr(&["auditoria", "verificar", "--json", "--datos", ruta]);
    assert_eq!(auditada.codigo, 0, "{} {}", auditada.normal, auditada.error);
}

#[test]
fn sin_sus_claves_no_se_arranca() {
    let dir = carpeta();
    let datos = dir.path().join("datos");
    let servicio = Servicio::empezar(&datos, &CIFRADO);
    vender(&servicio);
    servicio.terminar();
    for (archivo, dice) in [("claves.maestra", "clave_maestra_archivo"), ("claves.ndjson", "claves.ndjson")] {
        let (lugar, aparte) = (datos.join(archivo), dir.path().join(archivo));
        std::fs::rename(&lugar, &aparte).expect("estaba");
        let salida = correr(&["emitir", "--ejemplo", "--datos", datos.to_str().expect("ruta")]);
        assert!(salida.codigo != 0 && salida.error.contains(dice), "{archivo}: {}", salida.error);
        std::fs::rename(&aparte, &lugar).expect("vuelve");
    }
    let salida = correr(&["emitir", "--ejemplo", "--datos", datos.to_str().expect("ruta")]);
    assert_eq!(salida.codigo, 0, "{}", salida.error);
}

/// Who asks to forget somebody must not believe that it was done.
#[test]
fn sin_cifrar_no_se_promete_olvidar() {
    let dir = carpeta();
    let servicio = Servicio::empezar(&dir.path().join("datos"), &[]);
    vender(&servicio);
    let (estado, problema) = pedir(&servicio, "clientes/ana/suprimir", Some(json!({})));
    assert_eq!((estado, &problema["codigo"]), (409, &json!("NoOlvida")), "{problema:#}");
    hasta(&servicio, "clientes/ana", |c| c["nombre"] == NOMBRE);
}
