//! `importar`, `emitir`, `factura`, `stock`, `servir` on real folders.

mod cli_comun;

use std::{fs, path::Path};

use cli_comun::{Servicio, carpeta, correr, json};
use serde_json::Value;

const PEDIDOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ejemplos/pedidos.ndjson");

fn importar(archivo: &str, datos: &Path, rechazados: &Path) -> Value {
    let (datos, rechazados) = (datos.to_str().expect("ruta"), rechazados.to_str().expect("ruta"));
    let salida = correr(&["importar", archivo, "--datos", datos, "--rechazados", rechazados, "--json"]);
    assert_eq!(salida.codigo, 0, "{}\n{}", salida.normal, salida.error);
    json(&salida)
}

fn cuenta(informe: &Value, campo: &str) -> u64 {
    informe[campo].as_u64().unwrap_or_else(|| panic!("falta {campo}: {informe}"))
}

/// The reasons that the file was made with.
const POR_REGLA: [(&str, u64); 8] = [
    ("ClienteValido", 18),
    ("FechaFormato", 8),
    ("ImpuestoValido", 12),
    ("InventarioExisteParaFactura", 6),
    ("LineaValida", 12),
    ("ProductoValido", 12),
    ("StockSuficienteParaFactura", 20),
    ("TotalesConsistentes", 12),
];

fn revisar_rechazos(informe: &Value, rechazados: &Path) {
    assert_eq!(cuenta(informe, "rechazadas"), 100);
    for (regla, veces) in POR_REGLA {
        assert_eq!(informe["por_regla"][regla].as_u64(), Some(veces), "{regla}: {informe}");
    }
    let texto = fs::read_to_string(rechazados).expect("rechazados");
    let lineas: Vec<Value> = texto.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(lineas.len(), 100);
    assert!(
        lineas
            .iter()
            .all(|l| l["linea"].is_u64() && l["motivos"][0]["mensaje"].is_string() && l["original"]["pedido_id"].is_string())
    );
}

#[test]
fn el_archivo_de_ejemplo_importado_dos_veces_no_cambia_nada() {
    let temporal = carpeta();
    let (datos, rechazados) = (temporal.path().join("datos"), temporal.path().join("r.ndjson"));
    let primera = importar(PEDIDOS, &datos, &rechazados);
    assert_eq!((cuenta(&primera, "leidas"), cuenta(&primera, "aceptadas"), cuenta(&primera, "repetidas")), (5_601, 5_501, 0));
    assert_eq!((cuenta(&primera, "facturas_emitidas"), &primera["ultima_factura"]), (4_900, &Value::from("F4900")));
    revisar_rechazos(&primera, &rechazados);
    let segunda = importar(PEDIDOS, &datos, &rechazados);
    assert_eq!(
        (cuenta(&segunda, "aceptadas"), cuenta(&segunda, "repetidas"), cuenta(&segunda, "facturas_emitidas")),
        (0, 5_501, 0)
    );
    revisar_rechazos(&segunda, &rechazados);
    let stock = correr(&["stock", "CAFE-500", "--bodega", "BOGOTA", "--datos", datos.to_str().expect("ruta"), "--json"]);
    let stock = json(&stock);
    let en_lotes: f64 = stock["lotes"].as_array().expect("lotes").iter().map(numero).sum();
    assert!(en_lotes > 0.0 && (en_lotes - stock["stock"].as_str().expect("texto").parse::<f64>().expect("número")).abs() < 1e-6);
}

fn numero(lote: &Value) -> f64 {
    lote["cantidad"].as_str().expect("texto").parse().expect("número")
}

#[test]
fn importar_a_un_proceso_en_marcha_da_lo_mismo_y_sobrevive_a_un_kill() {
    let temporal = carpeta();
    let (datos, rechazados) = (temporal.path().join("datos"), temporal.path().join("r.ndjson"));
    let servicio = Servicio::empezar(&datos, &[]);
    let primera = importar(PEDIDOS, &datos, &rechazados);
    assert_eq!((cuenta(&primera, "aceptadas"), cuenta(&primera, "facturas_emitidas")), (5_501, 4_900));
    revisar_rechazos(&primera, &rechazados);
    servicio.matar();
    let segunda = importar(PEDIDOS, &datos, &rechazados);
    assert_eq!((cuenta(&segunda, "aceptadas"), cuenta(&segunda, "repetidas")), (0, 5_501));
    revisar_rechazos(&segunda, &rechazados);
}

#[test]
fn la_misma_clave_da_la_misma_factura_en_marcha_y_detenido() {
    let temporal = carpeta();
    let datos = temporal.path().join("datos");
    let ruta = datos.to_str().expect("ruta");
    let emitir = |clave: &str| {
        let salida = correr(&["emitir", "--ejemplo", "--clave", clave, "--datos", ruta, "--json"]);
        assert_eq!(salida.codigo, 0, "{}{}", salida.normal, salida.error);
        json(&salida)
    };
    let directa = emitir("pedido-1");
    assert_eq!((directa["repetida"].as_bool(), directa["factura"]["numero"].as_str()), (Some(false), Some("F1")));
    assert_eq!(directa["factura"]["grupos"][0]["lotes"].as_array().map(Vec::len), Some(2), "tres unidades de dos lotes");
    let servicio = Servicio::empezar(&datos, &[]);
    let repetida = emitir("pedido-1");
    assert_eq!((repetida["repetida"].as_bool(), &repetida["factura"]["id"]), (Some(true), &directa["factura"]["id"]));
    assert_eq!(emitir("pedido-2")["factura"]["numero"], "F2");
    let id = directa["factura"]["id"].as_str().expect("id");
    let por_api = json(&correr(&["factura", id, "--url", &servicio.url, "--json"]));
    assert_eq!(servicio.terminar(), 0);
    let por_carpeta = json(&correr(&["factura", id, "--datos", ruta, "--json"]));
    assert_eq!(por_api, por_carpeta, "la misma respuesta por la API y directamente");
    assert_eq!(por_carpeta["estado"], "EMITIDA");
}

#[test]
fn los_archivos_que_no_sirven_se_explican() {
    let temporal = carpeta();
    let datos = temporal.path().join("datos");
    let casos: [(&str, &[u8], &str); 2] =
        [("vacio.ndjson", b"", "está vacío"), ("x.ndjson.gz", b"\x1f\x8b\x08\x00\x00\x00", "gzip")];
    for (nombre, bytes, esperado) in casos {
        let archivo = temporal.path().join(nombre);
        fs::write(&archivo, bytes).expect("archivo");
        let salida = correr(&["importar", archivo.to_str().expect("ruta"), "--datos", datos.to_str().expect("ruta")]);
        assert_eq!(salida.codigo, 2, "{}", salida.error);
        assert!(salida.error.contains(esperado) && salida.error.contains("Qué hacer:"), "{}", salida.error);
    }
    assert!(!datos.exists(), "no se crea la carpeta por un archivo que no sirve");
}

#[test]
fn un_archivo_cortado_importa_lo_entero_y_dice_lo_que_falta() {
    let temporal = carpeta();
    let archivo = temporal.path().join("cortado.ndjson");
    let todo = fs::read(PEDIDOS).expect("ejemplo");
    let corte = todo.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(43).map(|(i, _)| i).expect("44 líneas");
    fs::write(&archivo, &todo[..corte + 60]).expect("archivo");
    let (datos, rechazados) = (temporal.path().join("datos"), temporal.path().join("r.ndjson"));
    let informe = importar(archivo.to_str().expect("ruta"), &datos, &rechazados);
    assert_eq!((cuenta(&informe, "aceptadas"), cuenta(&informe, "rechazadas")), (44, 1));
    assert_eq!(informe["por_regla"]["LineaCortada"], 1);
}

#[test]
fn si_ninguna_linea_sirve_el_codigo_es_3() {
    let temporal = carpeta();
    let archivo = temporal.path().join("malo.ndjson");
    fs::write(&archivo, "hola\n{\"tipo\":\"gato\"}\n").expect("archivo");
    let salida =
        correr(&["importar", archivo.to_str().expect("ruta"), "--datos", temporal.path().join("d").to_str().expect("ruta")]);
    assert_eq!(salida.codigo, 3, "{}{}", salida.normal, salida.error);
    assert!(temporal.path().join("malo.ndjson.rechazados.ndjson").exists());
}

#[test]
fn una_carpeta_en_uso_dice_quien_la_usa() {
    let temporal = carpeta();
    let datos = temporal.path().join("datos");
    let servicio = Servicio::empezar(&datos, &[]);
    let salida = correr(&["servir", "--direccion", "127.0.0.1:0", "--datos", datos.to_str().expect("ruta")]);
    assert_eq!(salida.codigo, 5, "{}", salida.error);
    assert!(salida.error.contains(&servicio.url) && salida.error.contains("pid "), "{}", salida.error);
    let ocupado = servicio.url.trim_start_matches("http://").to_owned();
    let otro = temporal.path().join("otra");
    let puerto = correr(&["servir", "--direccion", &ocupado, "--datos", otro.to_str().expect("ruta")]);
    assert_eq!(puerto.codigo, 6, "{}", puerto.error);
    assert!(puerto.error.contains("otro programa usa ese puerto"), "{}", puerto.error);
    assert!(!otro.exists(), "un puerto ocupado no deja una carpeta a medias");
    assert_eq!(servicio.terminar(), 0);
}

#[test]
fn una_carpeta_de_otra_version_o_ajena_no_se_toca() {
    for (archivo, contenido, esperado) in
        [("VERSION", "factumarket 99\n", "«factumarket 99»"), ("tesis.txt", "mía", "no es una carpeta de datos")]
    {
        let temporal = carpeta();
        fs::write(temporal.path().join(archivo), contenido).expect("archivo");
        let salida = correr(&["servir", "--direccion", "127.0.0.1:0", "--datos", temporal.path().to_str().expect("ruta")]);
        assert_eq!(salida.codigo, 2, "{}", salida.error);
        assert!(salida.error.contains(esperado), "{}", salida.error);
        assert_eq!(fs::read_dir(temporal.path()).expect("legible").count(), 1, "no deja nada suyo");
    }
}

#[test]
fn el_reloj_fijo_solo_se_admite_en_una_direccion_local() {
    let temporal = carpeta();
    let datos = temporal.path().join("datos");
    let ruta = datos.to_str().expect("ruta");
    let publica = correr(&["servir", "--direccion", "0.0.0.0:0", "--reloj", "2026-01-02T00:00:00-05:00", "--datos", ruta]);
    assert_eq!(publica.codigo, 2, "{}", publica.error);
    let mala = correr(&["servir", "--direccion", "127.0.0.1:0", "--reloj", "ayer", "--datos", ruta]);
    assert!(mala.codigo == 2 && mala.error.contains("RFC 3339"), "{}", mala.error);
    let servicio = Servicio::empezar(&datos, &["--reloj", "2031-05-06T07:08:09-05:00"]);
    let emitida = json(&correr(&["emitir", "--ejemplo", "--clave", "a", "--url", &servicio.url, "--json"]));
    assert_eq!(emitida["factura"]["fecha_emision"], "2031-05-06");
}

#[test]
fn lo_que_no_existe_sale_con_4() {
    let temporal = carpeta();
    let datos = temporal.path().join("datos");
    let ruta = datos.to_str().expect("ruta");
    assert_eq!(correr(&["factura", "x", "--datos", ruta]).codigo, 4);
    assert!(!datos.exists(), "preguntar no crea la carpeta");
    let servicio = Servicio::empezar(&datos, &[]);
    for id in ["no-existe", "con/barra", "ñandú", "../../etc"] {
        assert_eq!(correr(&["factura", id, "--datos", ruta]).codigo, 4, "{id}");
        assert_eq!(correr(&["stock", id, "--datos", ruta]).codigo, 4, "{id}");
    }
    let sin_nadie = correr(&["factura", "x", "--url", "http://127.0.0.1:1"]);
    assert!(sin_nadie.codigo == 6 && sin_nadie.error.contains("no responde"), "{}", sin_nadie.error);
    assert_eq!(servicio.terminar(), 0);
    assert_eq!(correr(&["factura", "no-existe", "--datos", ruta]).codigo, 4);
}
