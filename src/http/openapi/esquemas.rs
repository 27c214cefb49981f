//! Schemas of bodies and answers, as compact tables.

use serde_json::{Map, Value, json};

/// Schema of a query parameter by its name.
pub fn parametro(nombre: &str) -> Value {
    match nombre {
        "limite" => json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
        "version_minima" => json!({"type": "integer", "minimum": 1}),
        "emitir" => json!({"type": "boolean", "default": true}),
        "cantidad" => de("Decimal"),
        "fechaInicio" | "fechaFin" | "fecha" => json!({"type": "string", "format": "date"}),
        "desde" | "hasta" => json!({"type": "string", "format": "date-time"}),
        "agrupar" => json!({"enum": ["dia", "producto", "canal"], "default": "dia"}),
        "producto_id" | "bodega_id" => json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}),
        "canal" => json!({"type": "string", "minLength": 1, "maxLength": 64}),
        "despues" => json!({"type": "string", "description": "Cursor «despues» de la página anterior"}),
        "despues_de" => {
            json!({"type": "string", "description": "Valor de X-Factumarket-Despues-De: espera a que la lista lo muestre"})
        }
        _ => json!({"type": "string", "maxLength": 300}),
    }
}

/// Every named schema.
pub fn todos() -> Value {
    let mut mapa = Map::new();
    basicos(&mut mapa);
    catalogo(&mut mapa);
    inventario(&mut mapa);
    numeracion(&mut mapa);
    factura(&mut mapa);
    nota(&mut mapa);
    respuestas(&mut mapa);
    Value::Object(mapa)
}

fn de(nombre: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{nombre}")})
}

/// A strict object.
fn objeto(obligatorios: &[&str], campos: &[(&str, Value)]) -> Value {
    let propiedades: Map<String, Value> = campos.iter().map(|(nombre, esquema)| ((*nombre).to_owned(), esquema.clone())).collect();
    let mut esquema = json!({"type": "object", "additionalProperties": false, "properties": propiedades});
    if let (false, Some(mapa)) = (obligatorios.is_empty(), esquema.as_object_mut()) {
        mapa.insert("required".to_owned(), json!(obligatorios));
    }
    esquema
}

fn texto(maximo: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": maximo})
}

fn fecha() -> Value {
    json!({"type": "string", "format": "date"})
}

fn basicos(mapa: &mut Map<String, Value>) {
    mapa.insert(
        "Id".to_owned(),
        json!({"oneOf": [{"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}, {"type": "integer", "minimum": 0}]}),
    );
    mapa.insert(
        "Decimal".to_owned(),
        json!({"description": "Exacto; hasta 6 decimales y 14 cifras (importes: 2 decimales)", "oneOf": [
            {"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?$"}, {"type": "number"}]}),
    );
    mapa.insert(
        "Direccion".to_owned(),
        json!({"oneOf": [texto(300), objeto(&["linea"], &[
            ("linea", texto(300)), ("ciudad", texto(100)), ("region", texto(100)), ("pais", texto(100))])]}),
    );
    mapa.insert(
        "TipoIdentificacion".to_owned(),
        json!({"enum": ["NIT", "RUC", "CEDULA_CO", "CEDULA_EC", "PASAPORTE", "CONSUMIDOR_FINAL", "SIN_TIPO"]}),
    );
    mapa.insert(
        "Identificacion".to_owned(),
        json!({"oneOf": [{"type": "string", "maxLength": 40}, {"type": "integer"}, objeto(&["numero"], &[
            ("tipo", de("TipoIdentificacion")), ("numero", texto(40)), ("dv", json!({"type": "integer", "minimum": 0, "maximum": 9}))])]}),
    );
    mapa.insert("Impuesto".to_owned(), objeto(&["codigo", "tarifa"], &[("codigo", texto(16)), ("tarifa", de("Decimal"))]));
}

fn catalogo(mapa: &mut Map<String, Value>) {
    let cliente = [
        ("id", de("Id")),
        ("nombre", texto(300)),
        ("identificacion", de("Identificacion")),
        ("tipo_identificacion", de("TipoIdentificacion")),
        ("correo", json!({"type": "string", "format": "email", "maxLength": 254})),
        ("direccion", de("Direccion")),
        ("estado_fiscal", json!({"enum": ["ACTIVO", "SUSPENDIDO", "CANCELADO"]})),
        ("tipo_persona", texto(64)),
        ("responsabilidades", json!({"type": "array", "maxItems": 20, "items": texto(64)})),
        ("municipio", texto(64)),
        ("departamento", texto(64)),
    ];
    mapa.insert("Cliente".to_owned(), objeto(&["nombre", "identificacion", "correo", "direccion"], &cliente));
    mapa.insert("ClienteCambios".to_owned(), objeto(&[], &cliente));
    let producto = [
        ("id", de("Id")),
        ("codigo", texto(64)),
        ("nombre", texto(300)),
        ("unidad", texto(16)),
        ("precio", de("Decimal")),
        ("impuesto", json!({"oneOf": [de("Impuesto"), {"type": "null"}]})),
        ("codigo_estandar", texto(64)),
        ("esquema_codigo", texto(64)),
    ];
    mapa.insert("ProductoCambios".to_owned(), objeto(&[], &producto));
    let completo = [&producto[..], &[("controla_inventario", json!({"type": "boolean", "default": true}))]].concat();
    mapa.insert("Producto".to_owned(), objeto(&["nombre", "precio"], &completo));
    let descuento = [
        ("id", de("Id")),
        ("nombre", texto(300)),
        ("porcentaje", de("Decimal")),
        ("monto", de("Decimal")),
        ("vigente_desde", fecha()),
        ("vigente_hasta", json!({"oneOf": [fecha(), {"type": "null"}]})),
    ];
    mapa.insert("DescuentoCambios".to_owned(), objeto(&[], &descuento));
    let completo = [&descuento[..], &[("ambito", json!({"enum": ["LINEA", "DOCUMENTO"]}))]].concat();
    mapa.insert("Descuento".to_owned(), objeto(&["ambito"], &completo));
    let sucursal = [("id", de("Id")), ("nombre", texto(300)), ("direccion", de("Direccion"))];
    mapa.insert("SucursalCambios".to_owned(), objeto(&[], &sucursal));
    mapa.insert("BodegaCambios".to_owned(), objeto(&[], &sucursal));
    mapa.insert("Sucursal".to_owned(), objeto(&["nombre"], &sucursal));
    let bodega = [&sucursal[..], &[("sucursal_id", de("Id"))]].concat();
    mapa.insert("Bodega".to_owned(), objeto(&["nombre"], &bodega));
}

fn inventario(mapa: &mut Map<String, Value>) {
    let minimo = json!({"oneOf": [de("Decimal"), {"type": "null"}]});
    let destino = [("producto_id", de("Id")), ("bodega_id", de("Id"))];
    let inventario = [&destino[..], &[("stock_minimo", minimo.clone())]].concat();
    mapa.insert("Inventario".to_owned(), objeto(&["producto_id", "bodega_id"], &inventario));
    mapa.insert("StockMinimo".to_owned(), objeto(&["stock_minimo"], &[("stock_minimo", minimo)]));
    let referencia = objeto(&["tipo", "id"], &[("tipo", texto(32)), ("id", texto(64)), ("numero", texto(64))]);
    let comunes = [("movimiento_id", de("Id")), ("cantidad", de("Decimal")), ("referencia", referencia)];
    let de_entrada = [
        ("motivo", json!({"enum": ["COMPRA", "INICIAL", "AJUSTE", "DEVOLUCION_CLIENTE", "ANULACION"], "default": "COMPRA"})),
        ("costo_unitario", de("Decimal")),
        ("fecha_ingreso", fecha()),
        ("fecha_caducidad", fecha()),
    ];
    mapa.insert(
        "Entrada".to_owned(),
        objeto(&["cantidad", "costo_unitario"], &[&destino[..], &comunes[..], &de_entrada[..]].concat()),
    );
    let de_salida = [("motivo", json!({"enum": ["AJUSTE", "DEVOLUCION_PROVEEDOR"], "default": "AJUSTE"})), ("fecha", fecha())];
    mapa.insert("Salida".to_owned(), objeto(&["cantidad"], &[&destino[..], &comunes[..], &de_salida[..]].concat()));
}

fn numeracion(mapa: &mut Map<String, Value>) {
    let entero = json!({"type": "integer", "minimum": 0});
    let autorizacion = [
        ("desde", entero.clone()),
        ("hasta", entero.clone()),
        ("vigente_desde", fecha()),
        ("vigente_hasta", fecha()),
        ("resolucion", texto(64)),
        ("fecha_resolucion", fecha()),
    ];
    let obligatorios = ["desde", "hasta", "vigente_desde", "vigente_hasta"];
    mapa.insert("Renovacion".to_owned(), objeto(&obligatorios, &autorizacion));
    let rango = [
        ("sucursal_id", de("Id")),
        ("tipo_documento", json!({"enum": ["FACTURA", "NOTA_CREDITO"], "default": "FACTURA"})),
        ("prefijo", json!({"type": "string", "pattern": "^[A-Za-z0-9]{0,4}$"})),
    ];
    mapa.insert("Rango".to_owned(), objeto(&obligatorios, &[&rango[..], &autorizacion[..]].concat()));
    mapa.insert("Inutilizacion".to_owned(), objeto(&["consecutivo", "motivo"], &[("consecutivo", entero), ("motivo", texto(300))]));
}

fn factura(mapa: &mut Map<String, Value>) {
    let linea = [
        ("producto_id", de("Id")),
        ("bodega_id", de("Id")),
        ("descripcion", texto(300)),
        ("cantidad", de("Decimal")),
        ("precio_unitario", de("Decimal")),
        ("impuesto", json!({"oneOf": [de("Impuesto"), {"type": "null"}]})),
        ("descuento", de("DescuentoPedido")),
    ];
    let valor = [("porcentaje", de("Decimal")), ("monto", de("Decimal")), ("descuento_id", de("Id"))];
    let mut pedido = objeto(&[], &valor);
    pedido["description"] = json!("Uno de los tres");
    mapa.insert("DescuentoPedido".to_owned(), pedido);
    let linea_o_documento =
        json!({"type": "integer", "minimum": 1, "maximum": 500, "description": "Número de la línea; sin él, el documento"});
    mapa.insert("DescuentoAplicado".to_owned(), objeto(&[], &[&valor[..], &[("linea", linea_o_documento)]].concat()));
    let fechas = [
        ("fecha_emision", fecha()),
        ("fecha_autorizacion", fecha()),
        ("fecha_caducidad", json!({"oneOf": [fecha(), {"type": "null"}]})),
    ];
    mapa.insert("Fechas".to_owned(), objeto(&[], &fechas));
    mapa.insert("Linea".to_owned(), objeto(&["cantidad"], &linea));
    let pago = [
        ("forma", json!({"enum": ["CONTADO", "CREDITO"]})),
        ("medio", texto(32)),
        ("monto", de("Decimal")),
        ("fecha_vencimiento", fecha()),
    ];
    mapa.insert("FormaPago".to_owned(), objeto(&["forma", "medio", "monto"], &pago));
    let pagos = json!({"type": "array", "maxItems": 20, "items": de("FormaPago")});
    mapa.insert("FormasPago".to_owned(), objeto(&["formas_pago"], &[("formas_pago", pagos.clone())]));
    let factura = [
        ("id", de("Id")),
        ("cliente_id", de("Id")),
        ("sucursal_id", de("Id")),
        ("bodega_id", de("Id")),
        ("moneda", texto(3)),
        ("fecha_emision", fecha()),
        ("fecha_autorizacion", fecha()),
        ("fecha_caducidad", json!({"oneOf": [fecha(), {"type": "null"}]})),
        ("canal", texto(64)),
        ("pedido_id", texto(128)),
        ("notas", texto(2_000)),
        ("orden_compra", texto(128)),
        ("formas_pago", pagos),
        ("descuento", de("DescuentoPedido")),
        ("total", de("Decimal")),
        (
            "lineas",
            json!({"type": "array", "maxItems": 500, "items": de("Linea"), "description": "Al menos una, salvo en un borrador"}),
        ),
    ];
    mapa.insert("Factura".to_owned(), objeto(&["cliente_id", "lineas"], &factura));
}

fn nota(mapa: &mut Map<String, Value>) {
    let linea = [
        ("linea_factura", json!({"type": "integer", "minimum": 1, "maximum": 500})),
        ("cantidad", de("Decimal")),
        ("monto", de("Decimal")),
        ("afecta_inventario", json!({"type": "boolean"})),
        ("bodega_id", de("Id")),
    ];
    mapa.insert("LineaNota".to_owned(), objeto(&["linea_factura"], &linea));
    let fechas = [
        ("fecha_emision", fecha()),
        ("fecha_autorizacion", fecha()),
        ("fecha_caducidad", json!({"oneOf": [fecha(), {"type": "null"}]})),
    ];
    mapa.insert("FechasNota".to_owned(), objeto(&[], &fechas));
    let motivo = json!({"type": "string", "minLength": 5, "maxLength": 300});
    let nota = [
        ("id", de("Id")),
        ("factura_id", de("Id")),
        ("sucursal_id", de("Id")),
        ("concepto", json!({"enum": ["DEVOLUCION_PARCIAL", "ANULACION", "DESCUENTO", "AJUSTE_PRECIO", "OTRO"]})),
        ("motivo", motivo.clone()),
        ("politica_retorno", json!({"enum": ["LOTE_NUEVO", "REVERSA_FIFO"], "default": "LOTE_NUEVO"})),
        ("lineas", json!({"type": "array", "maxItems": 500, "items": de("LineaNota")})),
    ];
    mapa.insert("NotaCredito".to_owned(), objeto(&["concepto", "motivo"], &[&nota[..], &fechas[..]].concat()));
    let respuesta = [
        ("factura_id", de("Id")),
        ("estado", json!({"enum": ["ENVIADA", "ACEPTADA", "RECHAZADA"]})),
        ("codigo", texto(64)),
        ("mensaje", texto(1_000)),
    ];
    mapa.insert("RespuestaDian".to_owned(), objeto(&["estado"], &respuesta));
    mapa.insert("Anulacion".to_owned(), objeto(&["motivo"], &[("factura_id", de("Id")), ("motivo", motivo)]));
}

/// What answers look like. These are open: fields may be added.
fn respuestas(mapa: &mut Map<String, Value>) {
    let abierto = |campos: &[&str]| {
        let propiedades: Map<String, Value> = campos.iter().map(|c| ((*c).to_owned(), json!({"type": "string"}))).collect();
        json!({"type": "object", "properties": propiedades})
    };
    mapa.insert("Objeto".to_owned(), json!({"type": "object"}));
    mapa.insert("Aceptado".to_owned(), con_version(abierto(&["id", "movimiento_id", "comando_id"])));
    mapa.insert(
        "FacturaEmitida".to_owned(),
        con_version(abierto(&[
            "id",
            "numero",
            "estado",
            "fecha_emision",
            "moneda",
            "subtotal",
            "impuestos",
            "total",
            "comando_id",
        ])),
    );
    mapa.insert("EnCurso".to_owned(), abierto(&["comando_id", "estado", "consulta"]));
    mapa.insert(
        "Pagina".to_owned(),
        json!({"type": "object", "properties": {"items": {"type": "array", "items": {"type": "object"}},
            "despues": {"type": ["string", "null"]}, "tiene_mas": {"type": "boolean"}}}),
    );
    let error = json!({"type": "object", "properties": {"regla": {"type": "string"}, "campo": {"type": "string"},
        "mensaje": {"type": "string"}, "datos": {"type": "object", "additionalProperties": {"type": "string"}}}});
    mapa.insert(
        "Problema".to_owned(),
        json!({"type": "object", "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "detail": {"type": "string"}, "instance": {"type": "string"}, "codigo": {"type": "string"},
            "request_id": {"type": "string"}, "errores": {"type": "array", "items": error}}}),
    );
}

fn con_version(mut esquema: Value) -> Value {
    if let Some(propiedades) = esquema.get_mut("properties").and_then(Value::as_object_mut) {
        propiedades.insert("version".to_owned(), json!({"type": "integer"}));
    }
    esquema
}
