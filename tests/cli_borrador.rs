//! A draft's life over the real program: the command line, HTTP, read models, audit, a kill in the middle, and the verifier at the end.

mod cli_comun;

use cli_comun::{Salida, Servicio, carpeta, correr, json as leer};
use serde_json::{Value, json};

struct Api<'s>(&'s Servicio);

impl Api<'_> {
    fn pedir(&self, metodo: &str, ruta: &str, encabezados: &[(&str, &str)], cuerpo: Option<&Value>) -> (u16, Value) {
        let agente: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut pedido = ureq::http::Request::builder().method(metodo).uri(format!("{}/api/v1{ruta}", self.0.url));
        for (nombre, valor) in encabezados {
            pedido = pedido.header(*nombre, *valor);
        }
        pedido = pedido.header("content-type", "application/json");
        let texto = cuerpo.map(Value::to_string).unwrap_or_default();
        let mut respuesta = agente.run(pedido.body(texto).expect("petición")).expect("respuesta");
        let texto = respuesta.body_mut().read_to_string().expect("cuerpo");
        (respuesta.status().as_u16(), serde_json::from_str(&texto).unwrap_or(Value::Null))
    }

    fn post(&self, ruta: &str, cuerpo: Value) -> (u16, Value) {
        self.pedir("POST", ruta, &[], Some(&cuerpo))
    }

    fn hecho(&self, ruta: &str, cuerpo: Value) -> Value {
        let (status, respuesta) = self.post(ruta, cuerpo);
        assert!(status == 200 || status == 201, "{ruta}: {status} {respuesta}");
        respuesta
    }

    /// The invoice as its read model shows it, from a version on.
    fn factura(&self, version: u64) -> Value {
        let (status, valor) = self.pedir("GET", &format!("/facturas/f1?version_minima={version}"), &[], None);
        assert_eq!(status, 200, "{valor}");
        valor
    }
}

fn preparar(api: &Api<'_>) {
    let cliente = json!({"id": "c", "nombre": "ACME", "identificacion": "800123456-7", "correo": "a@b.co", "direccion": "Calle 1"});
    api.hecho("/clientes", cliente);
    let producto = json!({"id": "p", "nombre": "Café", "precio": 1000, "impuesto": {"codigo": "IVA", "tarifa": 19}});
    api.hecho("/productos", producto);
    api.hecho("/inventarios", json!({"producto_id": "p", "bodega_id": "PRINCIPAL"}));
    api.hecho("/inventarios/p/PRINCIPAL/entradas", json!({"cantidad": 5, "costo_unitario": 600}));
    api.hecho("/descuentos", json!({"id": "d", "ambito": "DOCUMENTO", "porcentaje": "10", "nombre": "Feria"}));
}

#[test]
fn un_borrador_de_principio_a_fin() {
    let temporal = carpeta();
    let servicio = Servicio::empezar(temporal.path(), &[]);
    let api = Api(&servicio);
    preparar(&api);
    let (status, creada) = api.post("/facturas?emitir=false", json!({"id": "f1", "cliente_id": "c"}));
    assert_eq!((status, creada["version"].as_u64()), (201, Some(1)), "{creada}");
    api.hecho("/facturas/f1/lineas", json!({"producto_id": "p", "cantidad": 4}));
    api.hecho("/facturas/f1/lineas", json!({"producto_id": "p", "cantidad": 2, "descuento": {"monto": "500"}}));
    let aplicado = api.hecho("/facturas/f1/descuentos", json!({"descuento_id": "d"}));
    let version = aplicado["version"].as_u64().expect("versión");
    let borrador = api.factura(version);
    assert_eq!((&borrador["estado"], &borrador["version"]), (&json!("BORRADOR"), &json!(4)));
    // 6000 less 500 of the line, and less a tenth; IVA of the rest.
    let totales = ["bruto", "descuentos", "subtotal", "total"].map(|campo| borrador[campo].as_str().unwrap_or_default().to_owned());
    assert_eq!(totales, ["6000.00", "1050.00", "4950.00", "5890.50"]);
    assert_eq!(borrador["descuento_aplicado"], json!({"descuento_id": "d", "porcentaje": "10", "monto": null}));

    let (status, vieja) =
        api.pedir("POST", "/facturas/f1/lineas", &[("if-match", "\"1\"")], Some(&json!({"producto_id": "p", "cantidad": 1})));
    assert_eq!((status, &vieja["errores"][0]["regla"]), (409, &json!("VersionEsperada")), "{vieja}");
    let (status, sin_stock) = api.pedir("POST", "/facturas/f1/emitir", &[("idempotency-key", "intento-1")], None);
    assert_eq!((status, &sin_stock["errores"][0]["regla"]), (422, &json!("StockSuficienteParaFactura")), "{sin_stock}");
    let rechazada = api.factura(5);
    assert_eq!(
        (&rechazada["estado"], &rechazada["errores"][0]["regla"]),
        (&json!("RECHAZADA"), &json!("StockSuficienteParaFactura"))
    );

    servicio.matar();
    let servicio = Servicio::empezar(temporal.path(), &[]);
    let api = Api(&servicio);
    let (status, quitada) = api.pedir("DELETE", "/facturas/f1/lineas/2", &[], None);
    assert_eq!(status, 200, "{quitada}");
    let pagos = json!({"formas_pago": [{"forma": "CONTADO", "medio": "EFECTIVO", "monto": "4284.00"}]});
    api.hecho("/facturas/f1/formas-pago", pagos);
    api.hecho("/facturas/f1/fechas", json!({"fecha_caducidad": null}));
    let (_, otra_vez) = api.pedir("POST", "/facturas/f1/emitir", &[("idempotency-key", "intento-1")], None);
    assert_eq!(otra_vez["errores"][0]["regla"], "StockSuficienteParaFactura", "el primer intento sigue rechazado: {otra_vez}");
    let (status, emitida) = api.pedir("POST", "/facturas/f1/emitir", &[("idempotency-key", "intento-2")], None);
    assert_eq!((status, &emitida["estado"], &emitida["total"]), (200, &json!("EMITIDA"), &json!("4284.00")), "{emitida}");
    let documento = api.factura(emitida["version"].as_u64().expect("versión"));
    assert_eq!((&documento["numero"], &documento["fecha_caducidad"]), (&json!("F1"), &Value::Null));
    assert_eq!(documento["lineas"][0]["descuento_documento"], "400.00");
    assert_eq!(documento["grupos"][0]["movimiento_id"], "f1:2:0:V");
    consultas(&api);
    assert_eq!(servicio.terminar(), 0);
    let revision = correr(&["verificar", "--datos", temporal.path().to_str().expect("ruta")]);
    assert_eq!(revision.codigo, 0, "{}{}", revision.normal, revision.error);
}

/// What else shows of it: the catalogue, the outcome of its commands, its story.
fn consultas(api: &Api<'_>) {
    let (status, descuento) = api.pedir("GET", "/descuentos/d", &[], None);
    assert_eq!((status, &descuento["porcentaje"], &descuento["activo"]), (200, &json!("10"), &json!(true)), "{descuento}");
    let (_, descuentos) = api.pedir("GET", "/descuentos", &[], None);
    assert_eq!(descuentos["items"].as_array().map(Vec::len), Some(1));
    let (_, auditoria) = api.pedir("GET", "/auditoria/f1?limite=100", &[], None);
    let historia: Vec<&str> = auditoria["items"].as_array().expect("lista").iter().filter_map(|r| r["evento"].as_str()).collect();
    for evento in [
        "FacturaCreada",
        "LineaAgregada",
        "DescuentoAplicado",
        "FacturaRechazada",
        "LineaQuitada",
        "FormasPagoDefinidas",
        "FechasCambiadas",
        "FacturaEmitida",
    ] {
        assert!(historia.contains(&evento), "falta {evento} en {historia:?}");
    }
    api.hecho("/facturas?emitir=false", json!({"id": "f2", "cliente_id": "c"}));
    let descartada = api.hecho("/facturas/f2/descartar", json!({}));
    let comando = descartada["comando_id"].as_str().expect("comando");
    let (_, visto) = api.pedir("GET", &format!("/facturas/f2?version_minima={}", descartada["version"]), &[], None);
    assert_eq!(visto["estado"], "DESCARTADA");
    let aceptado = (0..100).any(|_| {
        let (_, desenlace) = api.pedir("GET", &format!("/comandos/{comando}"), &[], None);
        desenlace["estado"] == "ACEPTADO"
    });
    assert!(aceptado, "el descarte no aparece entre los comandos");
}

/// Runs `borrador …`; its result.
fn borrador(donde: &[&str], argumentos: &[&str]) -> Salida {
    correr(&[&["borrador"], argumentos, donde, &["--json"]].concat())
}

fn hecho(donde: &[&str], argumentos: &[&str]) -> Value {
    let salida = borrador(donde, argumentos);
    assert_eq!(salida.codigo, 0, "{argumentos:?}: {}{}", salida.normal, salida.error);
    leer(&salida)
}

/// Exit code and rules of a refusal.
fn negado(donde: &[&str], argumentos: &[&str]) -> (i32, Vec<String>) {
    let salida = borrador(donde, argumentos);
    let error = leer(&salida)["error"].clone();
    assert!(["que", "por_que", "que_hacer"].iter().all(|c| error[c].as_str().is_some_and(|t| !t.is_empty())), "{error}");
    let detalle = error["detalle"].as_array().cloned().unwrap_or_default();
    (salida.codigo, detalle.iter().filter_map(|m| m["regla"].as_str()).map(str::to_owned).collect())
}

/// Client, product without stock control of its own, discount: what the drafts of the command line name.
fn sembrar(datos: &std::path::Path) {
    let servicio = Servicio::empezar(datos, &[]);
    preparar(&Api(&servicio));
    assert_eq!(servicio.terminar(), 0);
}

#[test]
fn la_orden_borrador_hace_lo_mismo_sobre_la_carpeta_y_sobre_un_proceso() {
    let temporal = carpeta();
    sembrar(temporal.path());
    let ruta = temporal.path().to_str().expect("ruta").to_owned();
    let en_carpeta = ["--datos", ruta.as_str()];
    una_vida(&en_carpeta, "a");
    let servicio = Servicio::empezar(temporal.path(), &[]);
    una_vida(&["--url", &servicio.url], "b");
    dian(&["--url", &servicio.url], "b1");
    assert_eq!(servicio.terminar(), 0);
    dian(&en_carpeta, "a1");
    let revision = correr(&["verificar", "--datos", &ruta]);
    assert_eq!(revision.codigo, 0, "{}{}", revision.normal, revision.error);
}

/// From an empty draft to its issue, with everything that may go wrong on the way.
fn una_vida(donde: &[&str], letra: &str) {
    let (una, otra) = (format!("{letra}1"), format!("{letra}2"));
    let creada = hecho(donde, &["crear", "--cliente", "c", "--id", &una, "--linea", "p=1", "--caducidad", "nunca"]);
    assert_eq!((&creada["estado"], &creada["fecha_caducidad"]), (&json!("BORRADOR"), &Value::Null), "{creada}");
    let repetida =
        hecho(donde, &["linea", &una, "--producto", "p", "--cantidad", "1", "--monto", "500", "--clave", &format!("{letra}-l")]);
    let con_linea =
        hecho(donde, &["linea", &una, "--producto", "p", "--cantidad", "1", "--monto", "500", "--clave", &format!("{letra}-l")]);
    assert_eq!(con_linea, repetida, "la misma clave no agrega otra línea");
    assert_eq!(con_linea["lineas"].as_array().map(Vec::len), Some(2));
    let version = con_linea["version"].as_u64().expect("versión");
    let con_descuento = hecho(donde, &["descuento", &una, "--descuento", "d", "--version-esperada", &version.to_string()]);
    // 2000 less 500, and less a tenth; IVA of the rest.
    assert_eq!(con_descuento["total"], "1606.50", "{con_descuento}");
    let vieja = negado(donde, &["quitar", &una, "2", "--version-esperada", &version.to_string()]);
    assert_eq!(vieja, (5, vec!["VersionEsperada".to_owned()]));
    assert_eq!(hecho(donde, &["quitar", &una, "2"])["total"], "1071.00");
    let pagos = ["pagos", una.as_str(), "--pago", "CONTADO:10:1000"];
    assert_eq!(hecho(donde, &pagos)["formas_pago"].as_array().map(Vec::len), Some(1));
    assert_eq!(negado(donde, &["emitir", &una]), (3, vec!["FormaPagoValida".to_owned()]), "no suman el total");
    assert_eq!(hecho(donde, &["pagos", &una])["estado"], "BORRADOR", "editar una rechazada la reabre");
    let caducidad = hecho(donde, &["fechas", &una, "--caducidad", "2099-12-31"]);
    assert_eq!(caducidad["fecha_caducidad"], "2099-12-31");
    let emitida = hecho(donde, &["emitir", &una]);
    assert_eq!((&emitida["estado"], &emitida["total"]), (&json!("EMITIDA"), &json!("1071.00")), "{emitida}");
    assert_eq!(negado(donde, &["emitir", &una]), (5, vec!["EstadoValido".to_owned()]));
    hecho(donde, &["crear", "--cliente", "c", "--id", &otra]);
    assert_eq!(negado(donde, &["emitir", &otra]), (3, vec!["FacturaTieneLineas".to_owned()]));
    assert_eq!(hecho(donde, &["descartar", &otra])["estado"], "DESCARTADA");
    assert_eq!(negado(donde, &["descartar", "no-hay"]), (4, vec!["FacturaExiste".to_owned()]));
    assert_eq!(negado(donde, &["linea", &otra, "--producto", "p", "--cantidad", "dos"]).0, 3);
    assert_eq!(negado(donde, &["descuento", &una]).0, 2, "falta decir cuál");
    assert_eq!(negado(donde, &["pagos", &una, "--pago", "CONTADO"]).0, 2);
}

/// What the tax authority answered shows, and keeps the invoice from being annulled.
fn dian(donde: &[&str], factura: &str) {
    let pedir = |argumentos: &[&str]| correr(&[argumentos, donde, &["--json"]].concat());
    let mala = pedir(&["respuesta-dian", factura, "--estado", "QUIZAS"]);
    assert_eq!(mala.codigo, 3, "{}{}", mala.normal, mala.error);
    let anotada = pedir(&["respuesta-dian", factura, "--estado", "ACEPTADA", "--codigo", "00", "--mensaje", "Procesado"]);
    assert_eq!(anotada.codigo, 0, "{}{}", anotada.normal, anotada.error);
    assert_eq!(leer(&anotada)["dian"], json!({"estado": "ACEPTADA", "codigo": "00", "mensaje": "Procesado"}));
    let anular = pedir(&["anular", factura, "--motivo", "pedido duplicado"]);
    assert_eq!(anular.codigo, 3, "{}{}", anular.normal, anular.error);
    assert!(format!("{}{}", anular.normal, anular.error).contains("FacturaAnulable"));
}
