//! The schema registry of an installation, for real: registered, compared, refused when it differs; and a node that goes on without it.

mod cli_comun;
mod kafka_comun;

use std::{net::TcpListener, path::PathBuf, process::Command};

use cli_comun::{Servicio, carpeta, correr, json};
use serde_json::{Value, json};

/// A registry of this test's own, in memory; gone when dropped.
struct Registro {
    puerto: u16,
    carpeta: tempfile::TempDir,
}

impl Registro {
    fn arriba() -> Self {
        let puerto = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("un puerto libre").port();
        let registro = Self { puerto, carpeta: carpeta() };
        registro.volver();
        registro
    }

    fn servicios(&self, orden: &str) -> bool {
        let guion = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/local/servicios");
        let mut pedido = Command::new(guion);
        pedido
            .args([orden, "registro"])
            .env("REGISTRO_PUERTO", self.puerto.to_string())
            .env("SERVICIOS_CARPETA", self.carpeta.path());
        pedido.status().expect("el guion corre").success()
    }

    fn volver(&self) {
        assert!(self.servicios("arriba"), "sin registro de esquemas no hay prueba");
    }

    fn abajo(&self) {
        assert!(self.servicios("abajo"), "el registro se detiene");
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.puerto)
    }

    /// Registers a schema as somebody else would.
    fn registrar(&self, sujeto: &str, esquema: &Value) {
        let url = format!("{}/subjects/{sujeto}/versions", self.url());
        let cuerpo = json!({ "schema": esquema.to_string() });
        let respuesta = ureq::post(url).header("Content-Type", "application/vnd.schemaregistry.v1+json").send(cuerpo.to_string());
        assert_eq!(respuesta.expect("responde").status().as_u16(), 200);
    }
}

impl Drop for Registro {
    fn drop(&mut self) {
        self.servicios("abajo");
    }
}

/// The settings of a use of its own, with this registry.
fn ajustes(registro: &Registro, what: &str) -> Vec<String> {
    let mut ajustes = kafka_comun::ajustes(what);
    ajustes.retain(|ajuste| !ajuste.starts_with("esquemas.url"));
    // The flag of what was taken out stays behind: it is the last one's.
    ajustes.push(format!("esquemas.url={}", registro.url()));
    ajustes
}

fn con<'a>(orden: &[&'a str], ajustes: &'a [String]) -> Vec<&'a str> {
    orden.iter().copied().chain(ajustes.iter().map(String::as_str)).collect()
}

fn prefijo(ajustes: &[String]) -> &str {
    ajustes.iter().find_map(|a| a.strip_prefix("kafka.prefijo=")).expect("prefijo")
}

fn post(url: &str, ruta: &str, clave: &str, cuerpo: &Value) -> u16 {
    let agente = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let pedido = agente.post(format!("{url}{ruta}")).header("Idempotency-Key", clave).header("Prefer", "wait=30");
    pedido.send_json(cuerpo).expect("responde").status().as_u16()
}

fn emitir(url: &str, clave: &str) -> u16 {
    let lineas = json!([{ "producto_id": "p", "cantidad": 1 }]);
    post(url, "/api/v1/facturas", clave, &json!({ "cliente_id": "c", "lineas": lineas }))
}

fn sembrar(url: &str) {
    let cliente =
        json!({ "id": "c", "nombre": "C", "identificacion": "900000001", "correo": "c@ejemplo.co", "direccion": "Calle 1" });
    let producto = json!({ "id": "p", "codigo": "P", "nombre": "P", "precio": 1_000, "controla_inventario": true,
        "impuesto": { "codigo": "IVA", "tarifa": 19 } });
    for (ruta, clave, cuerpo) in [
        ("/api/v1/clientes", "1", cliente),
        ("/api/v1/productos", "2", producto),
        ("/api/v1/inventarios", "3", json!({ "producto_id": "p", "bodega_id": "PRINCIPAL" })),
        ("/api/v1/inventarios/p/PRINCIPAL/entradas", "4", json!({ "cantidad": 50, "costo_unitario": 10 })),
    ] {
        assert!(matches!(post(url, ruta, clave, &cuerpo), 200 | 201), "{ruta}");
    }
}

#[test]
fn schemas_are_registered_compared_and_refused_when_they_are_not_compatible() {
    let registro = Registro::arriba();
    let ajustes = ajustes(&registro, "esquemas");
    assert_eq!(correr(&con(&["esquemas", "verificar"], &ajustes)).codigo, 1, "nothing is registered yet");
    let aplicada = json(&correr(&con(&["esquemas", "aplicar", "--json"], &ajustes)));
    assert_eq!(aplicada["registrados"].as_array().map(|r| r.len() as u64), aplicada["esquemas"].as_u64());
    let otra_vez = json(&correr(&con(&["esquemas", "aplicar", "--json"], &ajustes)));
    assert_eq!(otra_vez["registrados"], json!([]), "the same again changes nothing");
    for orden in ["verificar", "diff"] {
        let salida = correr(&con(&["esquemas", orden], &ajustes));
        assert_eq!(salida.codigo, 0, "{orden}: {} {}", salida.normal, salida.error);
    }

    // Under another prefix, somebody has registered something else first.
    let otros = self::ajustes(&registro, "ajenos");
    let sujeto = format!("{}eventos.facturacion-co.factumarket.v1.FacturaEmitida", prefijo(&otros));
    let campo = json!({ "name": "ajeno", "type": "int" });
    registro.registrar(
        &sujeto,
        &json!({ "type": "record", "name": "FacturaEmitida", "namespace": "co.factumarket.v1", "fields": [campo] }),
    );
    let negada = correr(&con(&["esquemas", "aplicar", "--json"], &otros));
    let dicho = json(&negada);
    assert_eq!((negada.codigo, &dicho["incompatibles"][0], &dicho["registrados"]), (1, &json!(sujeto), &json!([])));
    let diff = correr(&con(&["esquemas", "diff"], &otros));
    assert_eq!(diff.codigo, 1);
    let visible = diff.normal.contains("cambia, incompatible") && diff.normal.contains("-       \"name\": \"ajeno\"");
    assert!(visible && diff.normal.contains("+       \"name\":"), "{}", diff.normal);
    let faltan = json(&correr(&con(&["esquemas", "verificar", "--json"], &otros)));
    let todas = faltan["diferencias"].as_array().map(Vec::len).unwrap_or_default();
    assert!(todas as u64 >= faltan["esquemas"].as_u64().expect("cuenta"), "nothing else was registered: {todas}");

    registro.abajo();
    let caida = correr(&con(&["esquemas", "verificar"], &ajustes));
    assert_eq!(caida.codigo, 6);
    assert!(caida.error.contains("no responde") && caida.error.contains("esquemas.url"), "{}", caida.error);
}

#[test]
fn a_node_goes_on_and_starts_again_without_the_registry_it_once_asked() {
    let registro = Registro::arriba();
    let ajustes = ajustes(&registro, "caido");
    let referencias: Vec<&str> = ajustes.iter().map(String::as_str).collect();
    let dir = carpeta();
    let datos = dir.path().join("datos");
    let ruta = datos.to_str().expect("ruta");
    assert_eq!(correr(&con(&["topologia", "aplicar"], &ajustes)).codigo, 0, "deploy/local/servicios arriba kafka");
    let sin_registrar = correr(&con(&["servir", "--datos", ruta, "--direccion", "127.0.0.1:0"], &ajustes));
    assert_eq!(sin_registrar.codigo, 6);
    assert!(sin_registrar.error.contains("factumarket esquemas aplicar"), "{}", sin_registrar.error);
    assert_eq!(correr(&con(&["esquemas", "aplicar"], &ajustes)).codigo, 0);

    let nodo = Servicio::empezar(&datos, &referencias);
    sembrar(&nodo.url);
    assert_eq!(emitir(&nodo.url, "f1"), 201);
    registro.abajo();
    assert_eq!(emitir(&nodo.url, "f2"), 201, "the registry is not needed to issue");
    nodo.matar();
    let nodo = Servicio::empezar(&datos, &referencias);
    assert_eq!(emitir(&nodo.url, "f3"), 201, "nor to start again");
    assert_eq!(emitir(&nodo.url, "f1"), 201, "what was written before is read");

    let nueva = dir.path().join("nueva");
    let fria = correr(&con(
        &["servir", "--datos", nueva.to_str().expect("ruta"), "--direccion", "127.0.0.1:0", "--set", "motor.nodo=otro"],
        &ajustes,
    ));
    assert_eq!(fria.codigo, 6);
    assert!(
        fria.error.contains("no responde") && fria.error.contains("esquemas.url"),
        "a folder without ids needs it: {}",
        fria.error
    );

    registro.volver();
    assert_eq!(correr(&con(&["esquemas", "aplicar"], &ajustes)).codigo, 0, "this registry forgets when it stops");
    let comparada = json(&correr(&con(&["esquemas", "verificar", "--json", "--datos", ruta], &ajustes)));
    assert_eq!(comparada["con_la_carpeta"], json!(true));
    assert_eq!(nodo.terminar(), 0);
    let otros_ids = correr(&con(&["verificar", "--datos", ruta, "--set", "esquemas.url=ninguno"], &ajustes[..ajustes.len() - 2]));
    assert!(otros_ids.error.contains("lo escrito lleva los del registro"), "{}", otros_ids.error);
    let sano = json(&correr(&con(&["verificar", "--json", "--quieto", "--datos", ruta], &ajustes)));
    assert_eq!(sano["sano"], json!(true), "{sano}");
}
