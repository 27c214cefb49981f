//! `nota`, `anular` and `dominio explicar`, over a folder and over a running process.

mod cli_comun;

use cli_comun::{Servicio, carpeta, correr, json};
use rust_decimal::Decimal;
use serde_json::Value;

const MISMO_DIA: &str = "emisor.nota_credito_mismo_dia=true";

/// Runs a command over the folder; its JSON.
fn hacer(datos: &str, argumentos: &[&str]) -> Value {
    let salida = correr(&[argumentos, &["--datos", datos, "--set", MISMO_DIA, "--json"]].concat());
    assert_eq!(salida.codigo, 0, "{argumentos:?}: {}{}", salida.normal, salida.error);
    json(&salida)
}

/// The example's invoice: three units of a product whose stock comes with it.
fn factura(datos: &str, clave: &str) -> Value {
    hacer(datos, &["emitir", "--ejemplo", "--clave", clave])["factura"].clone()
}

#[test]
fn una_factura_se_acredita_y_otra_se_anula_y_todo_cuadra() {
    let temporal = carpeta();
    let datos = temporal.path().join("datos");
    let datos = datos.to_str().expect("ruta");
    let vendida = factura(datos, "una");
    let (id, producto) = (vendida["id"].as_str().expect("id"), vendida["lineas"][0]["producto_id"].as_str().expect("producto"));
    let bodega = vendida["grupos"][0]["bodega_id"].as_str().expect("bodega");
    let explicar =
        |cantidad: &str| hacer(datos, &["dominio", "explicar", "--producto", producto, "--bodega", bodega, "--cantidad", cantidad]);
    let nada = explicar("1");
    assert_eq!(
        (&nada["se_concede"], &nada["errores"][0]["regla"]),
        (&Value::Bool(false), &Value::from("StockSuficienteParaFactura"))
    );
    let nota = hacer(datos, &["nota", id, "--motivo", "llegó golpeado", "--linea", "1=2", "--id", "n1"]);
    assert_eq!((nota["numero"].as_str(), nota["estado"].as_str()), (Some("NC1"), Some("EMITIDA")));
    // What comes back is what an exit takes next, and saying so changes nothing.
    let explicada = explicar("1.5");
    assert_eq!(explicada["se_concede"], true, "{explicada}");
    assert_eq!(explicar("1.5"), explicada);
    assert_eq!(explicada["disponible"], "2");
    let credito = hacer(datos, &["factura", id]);
    assert_eq!((&credito["estado"], &credito["credito"]), (&Value::from("EMITIDA"), &nota["total"]));
    let de_mas = correr(&["nota", id, "--motivo", "otra vez todo", "--total", "--datos", datos, "--set", MISMO_DIA, "--json"]);
    assert_eq!(de_mas.codigo, 3, "{}", de_mas.error);
    assert!(format!("{}{}", de_mas.normal, de_mas.error).contains("LineasValidasContraFactura"));
    let con_nota = correr(&["anular", id, "--motivo", "ya no se quiere", "--datos", datos, "--json"]);
    assert_eq!(con_nota.codigo, 3, "{}", con_nota.error);
    let otra = factura(datos, "otra");
    let anulada = hacer(datos, &["anular", otra["id"].as_str().expect("id"), "--motivo", "pedido duplicado"]);
    assert_eq!((&anulada["estado"], &anulada["anulacion"]["motivo"]), (&Value::from("ANULADA"), &Value::from("pedido duplicado")));
    assert_eq!(explicar("5")["se_concede"], true, "dos de la nota y tres de la anulada");
    assert_eq!(correr(&["verificar", "--datos", datos]).codigo, 0);
    let en_carpeta = libros(&["--datos", datos], producto, bodega, &nota);
    assert_eq!(en_carpeta, 8, "dos facturas de dos entradas y una venta, la nota y la anulación");
    por_http(temporal.path().join("datos").as_path(), id, producto, bodega);
}

/// The ledger of the product and the account of the client, as the command line tells them; how many movements there are.
fn libros(donde: &[&str], producto: &str, bodega: &str, nota: &Value) -> usize {
    let pedir = |argumentos: &[&str]| correr(&[argumentos, donde, &["--json"]].concat());
    let kardex = json(&pedir(&["kardex", producto, "--bodega", bodega]));
    let movimientos = kardex["movimientos"].as_array().expect("lista").clone();
    // Each balance is the one before, with the movement.
    let cifra = |valor: &Value| valor.as_str().and_then(|t| t.parse::<i64>().ok()).expect("entero");
    movimientos.iter().fold(0, |saldo, m| {
        let signo = if m["tipo"] == "SALIDA" { -1 } else { 1 };
        let queda = saldo + signo * cifra(&m["cantidad"]);
        assert_eq!(cifra(&m["saldo"]), queda, "{m}");
        queda
    });
    let primero = json(&pedir(&["kardex", producto, "--bodega", bodega, "--limite", "1"]));
    assert_eq!((&primero["movimientos"][0], &primero["tiene_mas"]), (&movimientos[0], &Value::Bool(true)));
    assert_eq!(pedir(&["kardex", "no-hay", "--bodega", bodega]).codigo, 4);
    let cliente = nota["cliente_id"].as_str().expect("cliente");
    let cuenta = json(&pedir(&["cuenta", cliente]));
    let tipos: Vec<_> = cuenta["movimientos"].as_array().expect("lista").iter().map(|m| m["tipo"].clone()).collect();
    assert!(tipos.contains(&"NOTA_CREDITO".into()) && tipos.contains(&"FACTURA_ANULADA".into()), "{cuenta}");
    let hoy = nota["fecha_emision"].as_str().expect("fecha");
    assert_eq!(json(&pedir(&["cuenta", cliente, "--desde", hoy, "--hasta", hoy]))["saldo"], cuenta["saldo"]);
    assert_eq!(pedir(&["cuenta", "no-hay"]).codigo, 4);
    assert_eq!(pedir(&["cuenta", cliente, "--desde", "2026-02-30", "--hasta", hoy]).codigo, 2);
    reportes(donde, producto, bodega, hoy, &movimientos);
    movimientos.len()
}

/// The sales of the day in every grouping, and the ages: what they add up to is what the ledger and the account say.
fn reportes(donde: &[&str], producto: &str, bodega: &str, hoy: &str, movimientos: &[Value]) {
    let pedir = |argumentos: &[&str]| correr(&[&["reportes"], argumentos, donde, &["--json"]].concat());
    let costo = |motivo: &str| -> Decimal {
        let suyos = movimientos.iter().filter(|m| m["motivo"] == motivo);
        suyos.map(|m| m["costo_total"].as_str().and_then(|t| t.parse::<Decimal>().ok()).expect("costo")).sum()
    };
    let cifra = |item: &Value, campo: &str| item[campo].as_str().and_then(|t| t.parse::<Decimal>().ok()).expect("cifra");
    for agrupar in ["dia", "producto", "canal"] {
        let reporte = json(&pedir(&["ventas", "--desde", hoy, "--hasta", hoy, "--agrupar", agrupar]));
        let items = reporte["items"].as_array().expect("lista");
        assert_eq!((items.len(), &reporte["tiene_mas"]), (1, &Value::Bool(false)), "{reporte}");
        let uno = &items[0];
        assert_eq!((&uno["facturas"], &uno["anuladas"]), (&1.into(), &1.into()), "{uno}");
        assert_eq!(cifra(uno, "costo"), costo("VENTA") - costo("ANULACION"), "{uno}");
        assert_eq!(cifra(uno, "costo_devuelto"), costo("DEVOLUCION_CLIENTE"), "{uno}");
        assert_eq!(cifra(uno, "margen"), cifra(uno, "ventas_netas") - cifra(uno, "costo_neto"));
        let de_otro = json(&pedir(&["ventas", "--producto", "otro", "--agrupar", agrupar]));
        assert_eq!(de_otro["items"], serde_json::json!([]));
    }
    let canal = json(&pedir(&["ventas", "--agrupar", "canal"]))["items"][0]["canal"].clone();
    assert_eq!(canal, "ejemplo");
    let hay = movimientos.last().expect("movimiento")["saldo"].clone();
    let edades = json(&pedir(&["antiguedad", "--producto", producto, "--bodega", bodega]));
    let tramos = edades["items"][0]["tramos"].as_array().expect("tramos").clone();
    let en_tramos: Decimal = tramos.iter().map(|tramo| cifra(tramo, "cantidad")).sum();
    assert_eq!((&edades["items"][0]["stock"], en_tramos.to_string()), (&hay, hay.as_str().expect("saldo").to_owned()), "{edades}");
    assert_eq!(json(&pedir(&["antiguedad", "--bodega", bodega]))["items"], edades["items"]);
    for malo in [
        &["ventas", "--agrupar", "mes"][..],
        &["ventas", "--desde", hoy],
        &["ventas", "--desde", hoy, "--hasta", "2026-01-01"],
        &["ventas", "--desde", "2020-01-01", "--hasta", hoy],
        &["antiguedad", "--producto", "a b"],
    ] {
        let salida = pedir(malo);
        assert_eq!(salida.codigo, 2, "{malo:?}: {}{}", salida.normal, salida.error);
    }
    let para_personas = correr(&[&["reportes", "ventas", "--agrupar", "producto"], donde].concat());
    assert!(para_personas.normal.contains("Margen %") && para_personas.normal.contains(producto), "{}", para_personas.normal);
    let para_personas = correr(&[&["reportes", "antiguedad"], donde].concat());
    assert!(para_personas.normal.contains("más de 180") && para_personas.normal.contains("Valor"), "{}", para_personas.normal);
}

/// The same folder served: the same answers, and the lists.
fn por_http(datos: &std::path::Path, id: &str, producto: &str, bodega: &str) {
    let servicio = Servicio::empezar(datos, &["--set", MISMO_DIA]);
    let pedir = |argumentos: &[&str]| json(&correr(&[argumentos, &["--url", &servicio.url, "--json"]].concat()));
    let explicada = pedir(&["dominio", "explicar", "--producto", producto, "--bodega", bodega, "--cantidad", "5"]);
    assert_eq!(explicada["se_concede"], true, "{explicada}");
    let nota = pedir(&["nota", id, "--motivo", "el resto", "--linea", "1=1", "--id", "n2"]);
    assert_eq!(nota["numero"], "NC2", "{nota}");
    let leer = |ruta: &str| -> Value {
        let mut respuesta = ureq::get(format!("{}{ruta}", servicio.url)).call().expect("responde");
        serde_json::from_str(&respuesta.body_mut().read_to_string().expect("texto")).expect("JSON")
    };
    let notas = leer(&format!("/api/v1/facturas/{id}/notas-credito"));
    let emitidas = |notas: &Value| -> Vec<Value> {
        let lista = notas["items"].as_array().expect("lista").iter();
        lista.filter(|n| n["estado"] == "EMITIDA").map(|n| n["id"].clone()).collect()
    };
    assert_eq!(
        (notas["items"].as_array().map(Vec::len), emitidas(&notas)),
        (Some(3), vec!["n1".into(), "n2".into()]),
        "y una rechazada"
    );
    let hoy = nota["fecha_emision"].as_str().expect("fecha");
    let por_dia = leer(&format!("/api/v1/notas-credito?fechaInicio={hoy}&fechaFin={hoy}"));
    assert_eq!(emitidas(&por_dia), ["n2", "n1"], "la más reciente primero");
    assert_eq!(leer("/api/v1/notas-credito/n1")["factura_id"], id);
    let cliente = nota["cliente_id"].as_str().expect("cliente");
    let cuenta = leer(&format!("/api/v1/clientes/{cliente}/estado-de-cuenta"));
    assert_eq!(cuenta["movimientos"].as_array().map(Vec::len), Some(4), "dos facturas, una anulada, y dos notas: {cuenta}");
    assert_eq!(cuenta["saldo"], "0.00", "todo se acreditó o se anuló");
    let kardex = leer(&format!("/api/v1/inventarios/{producto}/{bodega}/movimientos?limite=100"));
    let ultimo = kardex["items"].as_array().expect("lista").last().expect("movimiento").clone();
    assert_eq!((&ultimo["motivo"], &ultimo["saldo"]), (&Value::from("DEVOLUCION_CLIENTE"), &Value::from("6")), "{ultimo}");
    let historia = leer(&format!("/api/v1/auditoria/{id}?limite=100"));
    let eventos: Vec<_> = historia["items"].as_array().expect("lista").iter().map(|r| r["evento"].clone()).collect();
    for esperado in ["FacturaEmitida", "NotaCreditoEmitida", "CreditoAplicado", "StockIncrementado"] {
        assert!(eventos.iter().any(|e| e == esperado), "{esperado} no está en {eventos:?}");
    }
    libros(&["--url", &servicio.url], producto, bodega, &nota);
    assert_eq!(servicio.terminar(), 0);
    let datos = datos.to_str().expect("ruta");
    assert_eq!(correr(&["verificar", "--datos", datos]).codigo, 0);
    let comparadas = json(&correr(&["proyecciones", "comparar", "--datos", datos, "--json"]));
    let ventas =
        comparadas["proyecciones"].as_array().expect("lista").iter().find(|p| p["proyeccion"] == "ventas").expect("ventas");
    assert!(ventas["filas"].as_u64() > Some(2) && ventas["diferencias"] == 0, "{ventas}");
    let otra_vez = correr(&["proyecciones", "reconstruir", "ventas", "--datos", datos, "--json"]);
    assert_eq!(otra_vez.codigo, 0, "{}", otra_vez.error);
    assert_eq!(correr(&["proyecciones", "comparar", "ventas", "--datos", datos]).codigo, 0);
}
