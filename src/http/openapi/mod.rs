//! The OpenAPI 3.1 document, made from the table of routes and the fields of the bodies.

mod esquemas;

use serde_json::{Map, Value, json};

use super::rutas::{Clase, Cuerpo, Metodo, RUTAS, Ruta};

/// The document; `schemas/openapi.json` is this, and a test keeps it so.
pub fn documento() -> Value {
    let mut caminos = Map::new();
    for ruta in RUTAS {
        let camino = caminos.entry(ruta.patron).or_insert_with(|| json!({}));
        if let Some(operaciones) = camino.as_object_mut() {
            operaciones.insert(ruta.metodo.nombre().to_lowercase(), operacion(ruta));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "FactuMarket",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Facturación electrónica e inventario FIFO por eventos. Los decimales viajan como texto en las respuestas y como \
                            número o texto en las peticiones; los identificadores admiten números y se guardan como texto.",
        },
        "servers": [{"url": "/"}],
        "paths": caminos,
        "components": {"schemas": esquemas::todos(), "responses": respuestas_comunes()},
    })
}

fn operacion(ruta: &Ruta) -> Value {
    let mut operacion = json!({
        "summary": ruta.resumen,
        "operationId": identificador(ruta),
        "parameters": parametros(ruta),
        "responses": respuestas(ruta),
    });
    if let (Some(cuerpo), Some(mapa)) = (cuerpo(ruta), operacion.as_object_mut()) {
        mapa.insert("requestBody".to_owned(), cuerpo);
    }
    operacion
}

/// `get /api/v1/clientes/{id}` is `get_clientes_id`.
fn identificador(ruta: &Ruta) -> String {
    let camino = ruta.patron.trim_start_matches("/api/v1").replace(['{', '}'], "").replace(['/', '-', '.'], "_");
    let camino = camino.trim_matches('_');
    let metodo = ruta.metodo.nombre().to_lowercase();
    if camino.is_empty() { format!("{metodo}_portada") } else { format!("{metodo}_{camino}") }
}

fn parametros(ruta: &Ruta) -> Vec<Value> {
    let del_camino = ruta
        .patron
        .split('/')
        .filter_map(|parte| parte.strip_prefix('{')?.strip_suffix('}'))
        .map(|nombre| json!({"name": nombre, "in": "path", "required": true, "schema": {"type": "string", "maxLength": 200}}));
    let de_consulta =
        ruta.parametros.iter().map(|nombre| json!({"name": nombre, "in": "query", "schema": esquemas::parametro(nombre)}));
    let encabezados: &[(&str, &str)] = match ruta.clase {
        Clase::Comando(_) => &[
            (
                "Idempotency-Key",
                "Clave de la petición: repetida con el mismo cuerpo da la misma respuesta. Si falta, la respuesta trae una.",
            ),
            ("X-Correlation-Id", "Identifica el flujo entero en la auditoría."),
            ("Prefer", "wait=N espera hasta N segundos (0 a 30) el resultado; respond-async contesta 202 enseguida."),
            ("If-Match", "Versión esperada del agregado, como la dio ETag."),
        ],
        Clase::Consulta(_) => &[("X-Correlation-Id", "Identifica el flujo entero en la auditoría.")],
        Clase::Servicio | Clase::Larga => &[],
    };
    let de_encabezado = encabezados
        .iter()
        .map(|(nombre, para)| json!({"name": nombre, "in": "header", "description": para, "schema": {"type": "string", "maxLength": 255}}));
    del_camino.chain(de_consulta).chain(de_encabezado).collect()
}

fn cuerpo(ruta: &Ruta) -> Option<Value> {
    let nombre = match ruta.clase {
        Clase::Comando(Cuerpo::Pequeno(nombre) | Cuerpo::Opcional(nombre)) => nombre,
        Clase::Comando(Cuerpo::Factura) => "Factura",
        _ => return None,
    };
    let esquema = json!({"$ref": format!("#/components/schemas/{nombre}")});
    let obligatorio = !matches!(ruta.clase, Clase::Comando(Cuerpo::Opcional(_)));
    Some(json!({"required": obligatorio, "content": {"application/json": {"schema": esquema}}}))
}

fn respuestas(ruta: &Ruta) -> Value {
    let comunes = |codigos: &[&str]| -> Map<String, Value> {
        codigos.iter().map(|c| ((*c).to_owned(), json!({"$ref": "#/components/responses/Problema"}))).collect()
    };
    let (exito, descripcion, esquema) = match ruta.clase {
        Clase::Comando(Cuerpo::Factura) => ("201", "Emitida, o creado su borrador", "FacturaEmitida"),
        Clase::Comando(Cuerpo::Opcional(_)) => ("200", "Emitida", "FacturaEmitida"),
        Clase::Comando(_) if es_creacion(ruta) => ("201", "Hecho", "Aceptado"),
        Clase::Comando(_) => ("200", "Hecho", "Aceptado"),
        Clase::Consulta(nombre) if nombre.ends_with(".listar") || ruta.parametros.contains(&"limite") => {
            ("200", "Una página", "Pagina")
        }
        Clase::Larga if ruta.patron.ends_with("/reconstruccion") => {
            ("202", "Empezó: cómo va se pregunta en la misma ruta", "Objeto")
        }
        Clase::Consulta(_) | Clase::Larga | Clase::Servicio => ("200", "Lo pedido", "Objeto"),
    };
    let mut mapa = match ruta.clase {
        Clase::Comando(_) => comunes(&["400", "404", "409", "413", "415", "422", "429", "503"]),
        Clase::Consulta(_) => comunes(&["400", "404", "503"]),
        Clase::Larga => comunes(&["404", "429", "503"]),
        Clase::Servicio => comunes(&["503"]),
    };
    let tipo = match ruta.patron {
        "/" => "text/html",
        "/metrics" => "text/plain",
        _ => "application/json",
    };
    let contenido = if tipo == "application/json" {
        json!({"schema": {"$ref": format!("#/components/schemas/{esquema}")}})
    } else {
        json!({"schema": {"type": "string"}})
    };
    mapa.insert(exito.to_owned(), json!({"description": descripcion, "content": {tipo: contenido}}));
    if matches!(ruta.clase, Clase::Comando(_)) {
        mapa.insert("202".to_owned(), json!({"$ref": "#/components/responses/EnCurso"}));
    }
    mapa.sort_keys();
    Value::Object(mapa)
}

/// POSTs to a collection create; POSTs that act on one thing answer 200.
fn es_creacion(ruta: &Ruta) -> bool {
    const ACCIONES: [&str; 12] = [
        "/reactivar",
        "/suprimir",
        "/renovar",
        "/inutilizar",
        "{id}/descuentos",
        "/formas-pago",
        "/fechas",
        "/emitir",
        "/descartar",
        "/anular",
        "/respuesta-dian",
        "{nota}/lineas",
    ];
    let accion = ACCIONES.iter().any(|fin| ruta.patron.ends_with(fin));
    ruta.metodo == Metodo::Post && !accion
}

fn respuestas_comunes() -> Value {
    json!({
        "Problema": {
            "description": "Error (RFC 9457), con todos los fallos a la vez",
            "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Segundos; con 429 y 503"}},
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problema"}}},
        },
        "EnCurso": {
            "description": "Aceptado y duradero; el resultado se pregunta en Location",
            "headers": {"Location": {"schema": {"type": "string"}}},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EnCurso"}}},
        },
    })
}
