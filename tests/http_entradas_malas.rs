//! Bad input over HTTP: each a clear problem in Spanish, and nothing sent.

mod http_comun;

use axum::body::Body;
use factumarket::http::Opciones;
use http_comun::*;
use proptest::prelude::*;

#[tokio::test]
async fn json_mal_formado_y_cuerpo_vacio() {
    let borde = borde();
    for cuerpo in ["", "   ", "{", r#"{"cliente_id":}"#, "[1,2", r#"{"a":1} sobra"#, "\u{0}"] {
        let r = borde.post("/api/v1/facturas", cuerpo).await;
        assert_eq!(r.es_problema(400).codigo(), "CuerpoInvalido");
        assert_eq!(r.errores()[0].0, "JsonInvalido", "{cuerpo:?}");
    }
    for cuerpo in ["[]", "1", "null", "\"x\""] {
        let r = borde.post("/api/v1/facturas", cuerpo).await;
        assert_eq!(r.es_problema(400).errores()[0].0, "TipoIncorrecto", "{cuerpo:?}");
    }
    assert!(borde.pasarela.recibidos().is_empty());
}

#[tokio::test]
async fn campos_desconocidos_y_repetidos() {
    let borde = borde();
    let r = borde.post("/api/v1/facturas", r#"{"cliente_di":1,"lineas":[]}"#).await;
    assert_eq!(r.es_problema(400).errores()[0], ("CampoDesconocido".to_owned(), "/cliente_di".to_owned()));
    assert!(r.texto.contains("¿quiso decir «cliente_id»?"));
    let r = borde.post("/api/v1/clientes", r#"{"id":1,"id":2}"#).await;
    assert_eq!(r.es_problema(400).errores(), [("ClaveRepetida".to_owned(), "/id".to_owned())]);
}

#[tokio::test]
async fn numeros_absurdos_y_fechas_que_no_existen() {
    let borde = borde();
    let cuerpo = r#"{"cliente_id":1,"fecha_emision":"2026-02-30","lineas":[
        {"cantidad":1e400,"precio_unitario":123456789012345678901234567890},{"cantidad":"0.0000001"}]}"#;
    let r = borde.post("/api/v1/facturas", cuerpo).await;
    assert_eq!(r.es_problema(422).codigo(), "ReglasIncumplidas");
    let esperados = [
        ("FechaFormato", "/fecha_emision"),
        ("PrecisionExcedida", "/lineas/0/cantidad"),
        ("PrecisionExcedida", "/lineas/0/precio_unitario"),
        ("PrecisionExcedida", "/lineas/1/cantidad"),
    ];
    assert_eq!(r.errores(), esperados.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert!(borde.pasarela.recibidos().is_empty());
}

#[tokio::test]
async fn quinientas_una_lineas_y_diez_megas() {
    let borde = borde();
    let lineas = vec![r#"{"cantidad":1}"#; 501].join(",");
    let r = borde.post("/api/v1/facturas", format!(r#"{{"cliente_id":1,"lineas":[{lineas}]}}"#)).await;
    assert_eq!(r.es_problema(422).errores(), [("FacturaTieneLineas".to_owned(), "/lineas".to_owned())]);
    let diez_megas = format!(r#"{{"notas":"{}"}}"#, "x".repeat(10 * 1024 * 1024));
    for encabezados in [vec![("content-type", "application/json")], vec![("content-length", "10485772")]] {
        let r = borde.pedir("POST", "/api/v1/facturas", &encabezados, diez_megas.clone()).await;
        assert_eq!(r.es_problema(413).codigo(), "CuerpoDemasiadoGrande");
    }
    let mediano = format!(r#"{{"nombre":"{}"}}"#, "x".repeat(300 * 1024));
    borde.post("/api/v1/clientes", mediano).await.es_problema(413);
}

#[tokio::test]
async fn tipos_de_contenido() {
    let borde = borde();
    for tipo in ["text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded"] {
        borde.pedir("POST", "/api/v1/clientes", &[("content-type", tipo)], "id=1").await.es_problema(415);
    }
    borde.pedir("POST", "/api/v1/clientes", &[("content-type", "text/plain")], CLIENTE).await.es_problema(415);
    for tipo in ["application/json; charset=utf-8", "application/vnd.x+json", "application/x-www-form-urlencoded"] {
        assert_eq!(borde.pedir("POST", "/api/v1/clientes", &[("content-type", tipo)], CLIENTE).await.status, 201, "{tipo}");
    }
    let desde_una_pagina = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://malo.example")];
    borde.pedir("POST", "/api/v1/clientes", &desde_una_pagina, CLIENTE).await.es_problema(415);
    borde.pedir("POST", "/api/v1/clientes", &[("origin", "https://malo.example")], CLIENTE).await.es_problema(415);
    assert_eq!(borde.pedir("POST", "/api/v1/clientes", &[], CLIENTE).await.status, 201, "sin tipo también");
}

#[tokio::test]
async fn rutas_y_metodos_desconocidos() {
    let borde = borde();
    for ruta in ["/nada", "/api/v1", "/api/v1/facturas/1/nada", "/api/v2/facturas", "/api/v1/clientes/"] {
        assert_eq!(borde.get(ruta).await.es_problema(404).codigo(), "RutaDesconocida", "{ruta}");
    }
    let r = borde.pedir("PATCH", "/api/v1/clientes/1", &[], Body::empty()).await;
    assert_eq!(r.es_problema(405).codigo(), "MetodoNoPermitido");
    for metodo in ["GET", "PUT", "DELETE"] {
        assert!(r.encabezado("allow").contains(metodo), "{}", r.encabezado("allow"));
    }
}

#[tokio::test]
async fn ids_imposibles_en_la_direccion() {
    let borde = borde();
    let largo = "x".repeat(65);
    for id in ["a%20b", "%C3%B1", "a%2Fb", "%FF", largo.as_str()] {
        borde.get(&format!("/api/v1/clientes/{id}")).await.es_problema(404);
        borde.pedir("DELETE", &format!("/api/v1/clientes/{id}"), &[], Body::empty()).await.es_problema(404);
    }
}

#[tokio::test]
async fn un_panico_no_cuenta_nada_de_dentro() {
    let borde = borde();
    borde.pasarela.preparar(Guion::Panico);
    let r = borde.post("/api/v1/clientes", CLIENTE).await;
    assert_eq!(r.es_problema(500).codigo(), "ErrorInterno");
    assert!(!r.texto.contains("pánico de prueba"));
    assert_eq!(borde.post("/api/v1/clientes", CLIENTE).await.status, 201, "y se sigue atendiendo");
}

#[tokio::test]
async fn sobrecarga_con_retry_after_y_la_salud_responde() {
    let opciones = Opciones { max_peticiones: 1, ..Opciones::default() };
    let borde = borde_con(Ajustes { opciones, ..Ajustes::default() });
    borde.pasarela.preparar(Guion::Callar);
    let ocupada = borde.pedir("POST", "/api/v1/facturas", &[("prefer", "wait=30")], FACTURA);
    tokio::pin!(ocupada);
    // One poll is enough to take the only permit; the rest of the request waits for an outcome that never comes.
    assert!(futures_poll(&mut ocupada).await.is_none());
    let r = borde.get("/api/v1/clientes/1").await;
    assert_eq!(r.es_problema(503).codigo(), "ServicioOcupado");
    assert_eq!(r.encabezado("retry-after"), "1");
    assert_eq!(borde.get("/salud/vivo").await.status, 200);
}

/// Polls a future once.
async fn futures_poll<F: Future + Unpin>(futuro: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *futuro).poll(cx) {
        std::task::Poll::Ready(valor) => std::task::Poll::Ready(Some(valor)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn una_peticion_que_no_termina_se_corta() {
    let opciones = Opciones { plazo_peticion: std::time::Duration::from_millis(80), ..Opciones::default() };
    let borde = borde_con(Ajustes { opciones, ..Ajustes::default() });
    let r = borde.pedir("POST", "/api/v1/facturas", &[], Body::new(Nunca)).await;
    assert_eq!(r.es_problema(503).codigo(), "PlazoAgotado");
}

/// A body that never comes and never ends.
struct Nunca;

impl hyper::body::Body for Nunca {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

fn cualquier_json() -> impl Strategy<Value = String> {
    let hoja = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        "-?(0|[1-9][0-9]{0,35})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,5})?",
        "\\PC{0,16}".prop_map(|t| serde_json::to_string(&t).expect("texto")),
    ];
    let claves = vec![
        "id",
        "cliente_id",
        "nombre",
        "identificacion",
        "correo",
        "direccion",
        "lineas",
        "cantidad",
        "precio",
        "precio_unitario",
        "impuesto",
        "codigo",
        "tarifa",
        "desde",
        "hasta",
        "producto_id",
        "bodega_id",
        "stock_minimo",
        "total",
        "formas_pago",
        "zz",
    ];
    hoja.prop_recursive(3, 40, 6, move |interno| {
        let pares = prop::collection::vec((prop::sample::select(claves.clone()), interno.clone()), 0..7);
        prop_oneof![
            prop::collection::vec(interno, 0..5).prop_map(|v| format!("[{}]", v.join(","))),
            pares.prop_map(|v| format!("{{{}}}", v.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect::<Vec<_>>().join(","))),
        ]
    })
}

proptest! {
    /// No body of any JSON makes a 5xx.
    #[test]
    fn ningun_json_hace_un_5xx(cuerpo in cualquier_json(), cual in 0_usize..8) {
        let (metodo, ruta) = [
            ("POST", "/api/v1/clientes"),
            ("PUT", "/api/v1/clientes/1"),
            ("POST", "/api/v1/productos"),
            ("PUT", "/api/v1/productos/1"),
            ("POST", "/api/v1/bodegas"),
            ("POST", "/api/v1/numeracion"),
            ("POST", "/api/v1/inventarios/p/b/entradas"),
            ("POST", "/api/v1/facturas"),
        ][cual];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
        let r = runtime.block_on(async { borde().pedir(metodo, ruta, &[], cuerpo.clone()).await });
        prop_assert!(r.status.as_u16() < 500, "{} {}", r.status, r.texto);
        if r.status.as_u16() >= 400 {
            prop_assert!(!r.errores().is_empty(), "{}", r.texto);
        }
    }
}
