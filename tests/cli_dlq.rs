//! `dlq` as an operator uses it: over a folder that nobody uses, and through the API of the process that does.

mod cli_comun;

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use cli_comun::{Salida, Servicio, carpeta, correr, json};
use factumarket::{
    config::{Fuentes, cargar},
    contracts::CommandEnvelope,
    domain::{
        Comando, Contexto,
        catalogo::cliente::{ComandoCliente, DatosCliente, EstadoFiscal},
        valores::{Direccion, Id, Identificacion, Instante, TipoIdentificacion},
    },
    log::{Record, Topic, TopicPartition},
    node::{Node, NodeOptions},
};
use serde_json::{Value, json};

fn id(texto: &str) -> Id {
    Id::new(texto).expect("id")
}

fn sobre(cliente: &str) -> CommandEnvelope {
    CommandEnvelope {
        command_id: id(&format!("crea-{cliente}")),
        correlation_id: id("flujo"),
        causation_id: None,
        recibido_en: Instante(1_795_000_000_000_000),
        usuario: Some(Arc::from("ana")),
        canal: None,
        version_esperada: None,
        responder_a: None,
        traceparent: None,
        paso: None,
        comando: Comando::Cliente(ComandoCliente::CrearCliente {
            cliente_id: id(cliente),
            datos: Arc::new(DatosCliente {
                nombre: "Ana".into(),
                identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: "900000001".into(), dv: None },
                correo: "ana@ejemplo.co".into(),
                direccion: Direccion::de_linea("Calle 1"),
                estado_fiscal: EstadoFiscal::Activo,
                tipo_persona: None,
                responsabilidades: Vec::new(),
                municipio: None,
                departamento: None,
            }),
        }),
    }
}

/// A folder whose DLQ has something: bytes that are nothing, and a good command under a key that is not its own.
fn con_dlq(datos: &Path) {
    let configuracion = cargar(&Fuentes::default()).expect("configuración");
    let opciones = NodeOptions { carpeta: datos.to_owned(), ..NodeOptions::new(&configuracion) };
    let nodo = Node::start(opciones).expect("nodo");
    let tp = TopicPartition::new(Topic::Comandos(Contexto::Catalogo), 3);
    let registro = |clave: &'static str, value: Bytes| {
        (tp, Record { key: Bytes::from_static(clave.as_bytes()), value, headers: Vec::new(), timestamp: Instante(1) })
    };
    let buena = nodo.codec().encode_command(&sobre("ana")).expect("orden");
    let puestos =
        nodo.log().append(vec![registro("x", Bytes::from_static(b"basura")), registro("ajena", buena)]).expect("registro");
    puestos.wait().expect("durable");
    // The processor passes them before it stops.
    let decididas = || nodo.log().position("procesador", tp).expect("posición").unwrap_or_default();
    while decididas() < 2 {
        std::thread::yield_now();
    }
    nodo.stop().expect("detener");
}

fn dlq(argumentos: &[&str], de: &[&str]) -> Salida {
    correr(&[&["dlq"], argumentos, de, &["--json"]].concat())
}

fn cartas(salida: &Salida) -> Vec<Value> {
    json(salida)["cartas"].as_array().cloned().unwrap_or_else(|| panic!("{} {}", salida.normal, salida.error))
}

fn de_codigo(cartas: &[Value], codigo: &str) -> String {
    let carta = cartas.iter().find(|c| c["codigo"] == codigo).unwrap_or_else(|| panic!("no hay {codigo}: {cartas:?}"));
    carta["id"].as_str().expect("id").to_owned()
}

/// The same on a folder and through the API.
fn operar(de: &[&str]) {
    let esperan = cartas(&dlq(&["listar"], de));
    assert_eq!(esperan.len(), 2, "{esperan:?}");
    let (basura, ajena) = (de_codigo(&esperan, "Indecodificable"), de_codigo(&esperan, "ClaveAjena"));
    let vista = json(&dlq(&["ver", &basura], de));
    assert_eq!((&vista["valor"], vista["comando"]["ilegible"].is_string()), (&json!("626173757261"), true), "{vista}");
    let prueba = json(&dlq(&["probar", &ajena], de));
    assert_eq!(prueba["eventos"][0]["evento"], "ClienteCreado", "{prueba}");
    assert_eq!(cartas(&dlq(&["listar"], de)).len(), 2, "a trial changes nothing");

    let sin_motivo = dlq(&["reproducir", &ajena, "--motivo", "no"], de);
    assert_eq!((sin_motivo.codigo, json(&sin_motivo)["fallidas"][0]["id"].as_str()), (5, Some(&*ajena)), "{}", sin_motivo.error);
    let motivo = ["--motivo", "la clave era de otro"];
    let hecha = dlq(&[&["reproducir", &ajena], &motivo[..]].concat(), de);
    assert_eq!((hecha.codigo, &json(&hecha)["resueltas"]), (0, &json!([ajena])), "{}", hecha.normal);
    let otra = dlq(&[&["reproducir", &ajena], &motivo[..]].concat(), de);
    assert!(otra.codigo == 5 && otra.normal.contains("ya está reproducido"), "{}", otra.normal);
    // What is given again and still cannot be read is in the DLQ again, as another letter.
    assert_eq!(dlq(&[&["reproducir", &basura], &motivo[..]].concat(), de).codigo, 0);
    let quedan = loop {
        let quedan = cartas(&dlq(&["listar"], de));
        if !quedan.is_empty() {
            break quedan;
        }
    };
    assert_ne!(de_codigo(&quedan, "Indecodificable"), basura);
    assert_eq!(dlq(&["descartar", "--todas", "--motivo", "no es de nadie"], de).codigo, 0);
    assert!(cartas(&dlq(&["listar"], de)).is_empty());
    let todas = cartas(&dlq(&["listar", "--todas"], de));
    let estados: Vec<&str> = todas.iter().filter_map(|c| c["estado"].as_str()).collect();
    assert_eq!((todas.len(), estados.iter().filter(|e| **e == "descartado").count()), (3, 1), "{todas:?}");
    let nadie = dlq(&["ver", "019a0b1c-0000-7000-8000-000000000001"], de);
    assert_eq!(nadie.codigo, 4, "{}", nadie.normal);
    let informe = json(&correr(&[&["verificar", "--json"], de].concat()));
    assert_eq!(informe["sano"], json!(true), "{informe:#}");
}

#[test]
fn letters_are_listed_tried_replayed_and_discarded_on_a_folder_that_nobody_uses() {
    let dir = carpeta();
    let datos = dir.path().join("datos");
    con_dlq(&datos);
    operar(&["--datos", datos.to_str().expect("ruta")]);
}

#[test]
fn letters_are_listed_tried_replayed_and_discarded_through_the_api() {
    let dir = carpeta();
    let datos = dir.path().join("datos");
    con_dlq(&datos);
    let servicio = Servicio::empezar(&datos, &[]);
    operar(&["--url", &servicio.url]);
    // A page of somebody else cannot do it: the body must say that it is JSON.
    let agente = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let ruta = format!("{}/api/v1/dlq/019a0b1c-0000-7000-8000-000000000001/descartar", servicio.url);
    let ajeno = agente.post(&ruta).header("Origin", "http://ajeno.example").send("{\"motivo\": \"porque sí\"}").expect("responde");
    assert_eq!(ajeno.status().as_u16(), 415);
    assert_eq!(servicio.terminar(), 0);
}
