//! Queries, health, metrics and the front page; and the server on a real socket.

mod http_comun;

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use factumarket::{
    domain::{Contexto, valores::Id},
    http::{
        lecturas::{Lista, Pagina},
        openapi, rutas, serve,
    },
    log::{Topic, TopicPartition},
    projections::Agrupacion,
};
use http_comun::*;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

#[tokio::test]
async fn lo_que_existe_y_lo_que_no() {
    let borde = borde();
    for que in ["clientes", "productos", "sucursales", "bodegas", "facturas", "comandos", "numeracion"] {
        let r = borde.get(&format!("/api/v1/{que}/1")).await;
        assert_eq!((r.status.as_u16(), r.encabezado("etag")), (200, "\"7\""), "{que}");
        assert!(!r.encabezado("x-correlation-id").is_empty());
        borde.get(&format!("/api/v1/{que}/2")).await.es_problema(404);
    }
    assert_eq!(borde.get("/api/v1/inventarios/1/b/stock").await.status, 200);
    borde.get("/api/v1/inventarios/2/b/stock").await.es_problema(404);
    for ruta in
        ["notas-credito/1", "facturas/9/notas-credito/1", "clientes/1/estado-de-cuenta", "inventarios/1/b/explicacion?cantidad=2.5"]
    {
        assert_eq!(borde.get(&format!("/api/v1/{ruta}")).await.status, 200, "{ruta}");
    }
    assert_eq!(borde.get("/api/v1/notas-credito/repetida").await.es_problema(409).codigo(), "IdAmbiguo");
    borde.get("/api/v1/notas-credito/2").await.es_problema(404);
    for cantidad in ["", "?cantidad=0", "?cantidad=-1", "?cantidad=1.0000001", "?cantidad=1&fecha=2026-02-30"] {
        borde.get(&format!("/api/v1/inventarios/1/b/explicacion{cantidad}")).await.es_problema(400);
    }
    borde.get("/api/v1/clientes/1/estado-de-cuenta?fechaInicio=2026-01-01").await.es_problema(400);
    assert_eq!(borde.pedir("HEAD", "/api/v1/clientes/1", &[], Body::empty()).await.status, 200);
}

#[tokio::test]
async fn version_minima_espera_o_dice_que_aun_no() {
    let borde = borde();
    assert_eq!(borde.get("/api/v1/facturas/1?version_minima=7").await.status, 200);
    let r = borde.get("/api/v1/facturas/1?version_minima=8").await;
    assert_eq!(r.es_problema(503).codigo(), "AunNoVisible");
    assert_eq!(r.encabezado("retry-after"), "1");
    borde.get("/api/v1/facturas/1?version_minima=-1").await.es_problema(400);
}

#[tokio::test]
async fn despues_de_espera_a_las_posiciones() {
    let borde = borde();
    assert_eq!(borde.get("/api/v1/facturas?despues_de=4-0.513_5-2.88").await.status, 200);
    let esperadas = vec![
        (TopicPartition::new(Topic::Eventos(Contexto::Facturacion), 0), 513),
        (TopicPartition::new(Topic::Eventos(Contexto::Inventario), 2), 88),
    ];
    assert_eq!(*borde.lecturas.esperas.lock().unwrap(), [esperadas]);
    borde.get("/api/v1/facturas?despues_de=hola").await.es_problema(400);
    let atrasado = borde_con(Ajustes { atrasadas: true, ..Ajustes::default() });
    atrasado.get("/api/v1/clientes?despues_de=4-0.1").await.es_problema(503);
}

#[tokio::test]
async fn las_paginas_y_sus_limites() {
    let borde = borde();
    let r = borde.get("/api/v1/clientes?nombre=acme&limite=10&despues=c1").await;
    assert_eq!(r.json(), json!({"items": [{"id": "1"}], "despues": "c2", "tiene_mas": true}));
    let (lista, pagina) = borde.lecturas.listas.lock().unwrap()[0].clone();
    assert_eq!(pagina, Pagina { limite: 10, despues: Some("c1".to_owned()) });
    assert!(matches!(lista, Lista::Clientes { nombre: Some(n), identificacion: None, .. } if n == "acme"));
    for mala in ["limite=0", "limite=101", "limite=x", "despues=", "despues=ajeno"] {
        let r = borde.get(&format!("/api/v1/clientes?{mala}")).await;
        assert_eq!(r.es_problema(400).codigo(), "ParametroInvalido", "{mala}");
    }
    let enorme = format!("/api/v1/clientes?despues={}", "c".repeat(9_000));
    borde.get(&enorme).await.es_problema(400);
}

#[tokio::test]
async fn parametros_desconocidos_y_repetidos() {
    let borde = borde();
    let r = borde.get("/api/v1/facturas?fechaInico=2026-01-01&limite=1&limite=2").await;
    let esperados = [("ParametroDesconocido", "?fechaInico"), ("ParametroRepetido", "?limite")];
    assert_eq!(r.es_problema(400).errores(), esperados.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert!(r.texto.contains("¿quiso decir «fechaInicio»?"));
    borde.get("/api/v1/clientes/1?x=1").await.es_problema(400);
}

#[tokio::test]
async fn los_reportes_dicen_de_una_vez_todo_lo_que_esta_mal() {
    let borde = borde();
    let malos = "fechaInicio=2026-11-24&fechaFin=2026-11-23&producto_id=a%20b&canal=&agrupar=mes&limite=0&despues=&despues_de=hola";
    let r = borde.get(&format!("/api/v1/reportes/ventas?{malos}")).await;
    let campos: Vec<_> = r.es_problema(400).errores().into_iter().map(|(_, campo)| campo).collect();
    let esperados = ["?limite", "?despues", "?despues_de", "?fechaInicio", "?producto_id", "?canal", "?agrupar"];
    assert_eq!(campos, esperados);
    assert!(r.texto.contains("es uno de: dia, producto, canal"), "{}", r.texto);
    for (consulta, regla) in [
        ("fechaInicio=2026-02-30&fechaFin=x", "FechaFormato"),
        ("fechaFin=2026-11-23", "FechaFormato"),
        ("fechaInicio=2025-11-23&fechaFin=2026-11-24", "IntervaloDemasiadoLargo"),
    ] {
        let r = borde.get(&format!("/api/v1/reportes/ventas?{consulta}")).await;
        assert_eq!(r.es_problema(400).errores()[0].0, regla, "{consulta}");
    }
    let r = borde.get("/api/v1/reportes/antiguedad?producto_id=a%20b&bodega_id=&fecha=hoy&limite=x").await;
    let campos: Vec<_> = r.es_problema(400).errores().into_iter().map(|(_, campo)| campo).collect();
    assert_eq!(campos, ["?limite", "?producto_id", "?bodega_id", "?fecha"]);
    assert!(borde.lecturas.listas.lock().unwrap().is_empty(), "nada de eso llegó a leerse");
}

#[tokio::test]
async fn los_reportes_piden_lo_que_se_les_pide() {
    let borde = borde();
    let dia = |texto: &str| texto.parse::<chrono::NaiveDate>().unwrap();
    let completa = "fechaInicio=2025-11-23&fechaFin=2026-11-23&producto_id=P1&canal=%20caf%C3%A9%20&agrupar=producto";
    for (ruta, lista) in [
        (
            format!("ventas?{completa}"),
            Lista::Ventas {
                fechas: (dia("2025-11-23"), dia("2026-11-23")),
                producto: Some(Id::new("P1").unwrap()),
                canal: Some("café".to_owned()),
                agrupar: Agrupacion::Producto,
            },
        ),
        (
            "ventas".to_owned(),
            Lista::Ventas {
                fechas: (AHORA.fecha_en_utc_menos_5() - chrono::Days::new(29), AHORA.fecha_en_utc_menos_5()),
                producto: None,
                canal: None,
                agrupar: Agrupacion::Dia,
            },
        ),
        (
            "antiguedad?bodega_id=B&fecha=2026-11-23".to_owned(),
            Lista::Antiguedad { producto: None, bodega: Some(Id::new("B").unwrap()), fecha: Some(dia("2026-11-23")) },
        ),
    ] {
        assert_eq!(borde.get(&format!("/api/v1/reportes/{ruta}")).await.status, 200, "{ruta}");
        assert_eq!(borde.lecturas.listas.lock().unwrap().last().unwrap().0, lista, "{ruta}");
    }
}

#[tokio::test]
async fn intervalos_de_facturas() {
    let borde = borde();
    let casos = [
        ("fechaInicio=2026-11-24&fechaFin=2026-11-23", "IntervaloInvertido"),
        ("fechaInicio=2026-02-30&fechaFin=2026-11-23", "FechaFormato"),
        ("fechaInicio=2026-11-23", "FechaFormato"),
        ("fechaInicio=2020-01-01&fechaFin=2026-11-23", "IntervaloDemasiadoLargo"),
        ("cliente_id=a%20b", "IdValido"),
    ];
    for (consulta, regla) in casos {
        let r = borde.get(&format!("/api/v1/facturas?{consulta}")).await;
        assert_eq!(r.es_problema(400).errores()[0].0, regla, "{consulta}");
    }
    for buena in ["", "?cliente_id=1", "?fechaInicio=2026-11-23&fechaFin=2026-11-23"] {
        assert_eq!(borde.get(&format!("/api/v1/facturas{buena}")).await.status, 200, "{buena}");
    }
    let hoy = AHORA.fecha_en_utc_menos_5();
    let listas: Vec<_> = borde.lecturas.listas.lock().unwrap().iter().map(|(lista, _)| lista.clone()).collect();
    assert_eq!(listas[0], Lista::Facturas { fechas: Some((hoy, hoy)), cliente: None });
    assert!(matches!(&listas[1], Lista::Facturas { fechas: None, cliente: Some(_) }));
}

#[tokio::test]
async fn auditoria_de_lo_dicho_y_de_lo_preguntado() {
    let borde = borde();
    assert_eq!(borde.get("/api/v1/auditoria/f-desconocida").await.status, 200);
    assert_eq!(borde.get("/api/v1/auditoria?desde=2026-11-23T00:00:00-05:00&hasta=2026-11-24T00:00:00Z").await.status, 200);
    for mala in ["", "?desde=ayer", "?desde=2026-11-24T00:00:00Z&hasta=2026-11-23T00:00:00Z"] {
        borde.get(&format!("/api/v1/auditoria{mala}")).await.es_problema(400);
    }
    borde.get("/api/v1/facturas/1").await;
    borde.get("/api/v1/facturas/2").await;
    borde.get("/salud/vivo").await;
    let anotadas = borde.auditoria.0.lock().unwrap().clone();
    let esperadas = [("auditoria.factura", Some("f-desconocida")), ("auditoria.listar", None), ("facturas.obtener", Some("1"))];
    assert_eq!(anotadas, esperadas.map(|(n, f)| (n.to_owned(), f.map(str::to_owned))));
}

#[tokio::test]
async fn salud_segun_el_estado() {
    let bien = borde();
    for ruta in ["/salud/vivo", "/salud/listo", "/salud/arranque"] {
        let r = bien.get(ruta).await;
        assert_eq!(r.status, 200, "{ruta}");
        assert_eq!(r.json()["detalle"]["reloj"], "fijo");
    }
    let cargando = borde_con(Ajustes { listo: false, ..Ajustes::default() });
    assert_eq!(cargando.get("/salud/vivo").await.status, 200);
    let r = cargando.get("/salud/listo").await;
    assert_eq!((r.status.as_u16(), r.encabezado("retry-after")), (503, "1"));
    assert_eq!(r.json()["motivos"], json!(["cargando el estado"]));
    assert_eq!(cargando.get("/salud/arranque").await.status, 503);
}

#[tokio::test]
async fn las_metricas_llevan_patrones_y_no_ids() {
    let borde = borde();
    borde.get("/api/v1/clientes/1").await;
    borde.get("/api/v1/clientes/2").await;
    borde.get("/no/existe/4711").await;
    borde.pedir("INVENTADO", "/api/v1/clientes", &[], Body::empty()).await.es_problema(405);
    let r = borde.get("/metrics").await;
    assert!(r.encabezado("content-type").starts_with("text/plain"));
    for linea in [
        r#"factumarket_http_requests_total{method="GET",route="/api/v1/clientes/{id}",status="200"} 1"#,
        r#"factumarket_http_requests_total{method="GET",route="/api/v1/clientes/{id}",status="404"} 1"#,
        r#"factumarket_http_requests_total{method="GET",route="desconocida",status="404"} 1"#,
        r#"factumarket_http_requests_total{method="OTRO",route="desconocida",status="405"} 1"#,
        r#"factumarket_http_request_duration_seconds_bucket{method="GET",route="/api/v1/clientes/{id}",le="0.0025"}"#,
    ] {
        assert!(r.texto.contains(linea), "falta {linea} en\n{}", r.texto);
    }
    assert!(!r.texto.contains("4711"));
}

#[tokio::test]
async fn la_portada_no_pide_nada_a_nadie() {
    let r = borde().get("/").await;
    assert_eq!((r.status.as_u16(), r.encabezado("content-type")), (200, "text/html; charset=utf-8"));
    assert!(r.texto.contains("<html lang=\"es\">"));
    assert!(r.texto.contains("localhost:8080/api/v1/clientes"));
    let otro = borde().pedir("GET", "/", &[("host", "tienda.local:9000")], Body::empty()).await;
    assert!(otro.texto.contains("tienda.local:9000/api/v1/clientes"));
    let malo = borde().pedir("GET", "/", &[("host", "<script>")], Body::empty()).await;
    assert!(!malo.texto.contains("<script>"));
    assert!(!r.texto.contains("http://") && !r.texto.contains("https://"), "ningún anfitrión ajeno");
}

#[tokio::test]
async fn la_verificacion_es_de_quien_la_pone() {
    borde().pedir("POST", "/api/v1/verificacion", &[], "").await.es_problema(404);
    let verificacion: factumarket::http::Verificacion = Arc::new(|quieto| Ok(json!({"hallazgos": 0, "quieto": quieto})));
    let borde = borde_con(Ajustes { verificacion: Some(verificacion), ..Ajustes::default() });
    let r = borde.pedir("POST", "/api/v1/verificacion", &[], "").await;
    assert_eq!((r.status.as_u16(), r.json()), (200, json!({"hallazgos": 0, "quieto": false})));
    let r = borde.pedir("POST", "/api/v1/verificacion?quieto=true", &[], "").await;
    assert_eq!((r.status.as_u16(), r.json()), (200, json!({"hallazgos": 0, "quieto": true})));
    borde.pedir("POST", "/api/v1/verificacion?quieto=tal-vez", &[], "").await.es_problema(400);
    let mala: factumarket::http::Verificacion = Arc::new(|_| panic!("de prueba"));
    let borde = borde_con(Ajustes { verificacion: Some(mala), ..Ajustes::default() });
    borde.pedir("POST", "/api/v1/verificacion", &[], "").await.es_problema(503);
    borde.pedir("POST", "/api/v1/verificacion", &[], "").await.es_problema(503);
}

#[tokio::test]
async fn el_contrato_tiene_todas_las_rutas() {
    let servido = borde().get("/api/v1/openapi.json").await.json();
    for ruta in rutas::RUTAS {
        let operacion = &servido["paths"][ruta.patron][ruta.metodo.nombre().to_lowercase()];
        assert!(operacion["summary"].is_string(), "falta {} {}", ruta.metodo.nombre(), ruta.patron);
    }
    let guardado =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/openapi.json")).expect("schemas/openapi.json");
    let actual = serde_json::to_string_pretty(&openapi::documento()).expect("JSON") + "\n";
    assert!(
        guardado == actual,
        "schemas/openapi.json no es el del código: cargo test --test http_consultas -- --ignored lo escribe"
    );
}

#[test]
#[ignore = "escribe schemas/openapi.json"]
fn escribir_el_contrato() {
    let actual = serde_json::to_string_pretty(&openapi::documento()).expect("JSON") + "\n";
    std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas")).expect("carpeta");
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/openapi.json"), actual).expect("escritura");
}

async fn leer_todo(flujo: &mut TcpStream) -> String {
    let mut texto = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(15), flujo.read_to_end(&mut texto)).await.expect("el servidor cierra");
    String::from_utf8_lossy(&texto).into_owned()
}

#[tokio::test]
async fn el_servidor_atiende_termina_lo_que_tiene_y_se_va() {
    let borde = borde();
    borde.pasarela.preparar(Guion::Callar);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("puerto");
    let direccion = listener.local_addr().expect("dirección");
    let (parar, parado) = oneshot::channel::<()>();
    let servidor = tokio::spawn(serve(borde.estado.clone(), listener, async move {
        let _ = parado.await;
    }));
    let mut flujo = TcpStream::connect(direccion).await.expect("conexión");
    flujo.write_all(b"GET /salud/vivo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("envío");
    assert!(leer_todo(&mut flujo).await.starts_with("HTTP/1.1 200"));

    let mut flujo = TcpStream::connect(direccion).await.expect("conexión");
    let pedido = format!(
        "POST /api/v1/facturas HTTP/1.1\r\nhost: x\r\nprefer: wait=1\r\ncontent-length: {}\r\n\r\n{FACTURA}",
        FACTURA.len()
    );
    flujo.write_all(pedido.as_bytes()).await.expect("envío");
    while borde.pasarela.recibidos().is_empty() {
        tokio::task::yield_now().await;
    }
    parar.send(()).expect("el servidor vive");
    let respuesta = leer_todo(&mut flujo).await;
    assert!(respuesta.starts_with("HTTP/1.1 202"), "la petición en curso termina: {respuesta}");
    servidor.await.expect("sin pánico").expect("sin error");
    assert!(TcpStream::connect(direccion).await.is_err(), "ya no se aceptan conexiones");
}

#[tokio::test]
async fn un_cuerpo_enorme_por_un_socket_recibe_su_413() {
    let borde = borde();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("puerto");
    let direccion = listener.local_addr().expect("dirección");
    let servidor = tokio::spawn(serve(borde.estado.clone(), listener, std::future::pending()));
    let mut flujo = TcpStream::connect(direccion).await.expect("conexión");
    let largo = 10 * 1024 * 1024;
    let cabeza = format!("POST /api/v1/facturas HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {largo}\r\n\r\n");
    flujo.write_all(cabeza.as_bytes()).await.expect("envío");
    flujo.write_all(&vec![b'x'; largo]).await.expect("el servidor lee hasta el final");
    let respuesta = leer_todo(&mut flujo).await;
    assert!(respuesta.starts_with("HTTP/1.1 413"), "{respuesta}");
    assert!(respuesta.contains("application/problem+json"));
    servidor.abort();
}

/// The fields that a body's reader admits, as it says itself when it meets an unknown one.
async fn campos_admitidos(ruta: &rutas::Ruta) -> Vec<String> {
    let direccion = ruta.patron.replace("{id}", "1").replace("{producto}", "p").replace("{bodega}", "b").replace("{nota}", "n");
    let r = borde().pedir(ruta.metodo.nombre(), &direccion, &[], r#"{"campo_inexistente":1}"#).await;
    let mensaje = r.es_problema(400).json()["errores"][0]["mensaje"].as_str().expect("texto").to_owned();
    let lista = mensaje.split_once("se admiten: ").expect("la lista").1;
    let mut campos: Vec<_> = lista.split(", ").map(str::to_owned).collect();
    campos.sort();
    campos
}

#[tokio::test]
async fn los_esquemas_del_contrato_son_los_de_los_cuerpos() {
    let contrato = openapi::documento();
    for ruta in rutas::RUTAS {
        let nombre = match ruta.clase {
            rutas::Clase::Comando(rutas::Cuerpo::Pequeno(nombre) | rutas::Cuerpo::Opcional(nombre)) => nombre,
            rutas::Clase::Comando(rutas::Cuerpo::Factura) => "Factura",
            _ => continue,
        };
        let propiedades = contrato["components"]["schemas"][nombre]["properties"].as_object().expect("esquema");
        let mut declarados: Vec<_> = propiedades.keys().cloned().collect();
        declarados.sort();
        assert_eq!(campos_admitidos(ruta).await, declarados, "{nombre} de {}", ruta.patron);
    }
}
