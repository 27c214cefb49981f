//! Every kind of bad body, and the good ones of the specification.

use chrono::NaiveDate;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    domain::{
        catalogo::{cliente::ComandoCliente, producto::ComandoProducto},
        facturacion::factura::{Campo, ComandoFactura, DatosFactura},
        inventario::ComandoInventario,
        valores::TipoIdentificacion,
    },
    engine::ports::SystemIds,
};

fn contexto() -> ContextoCuerpo<'static> {
    let hoy = NaiveDate::from_ymd_opt(2026, 11, 23).expect("fecha");
    ContextoCuerpo { hoy, origen: OrigenIds { usuario: None, clave: Some("k1"), ids: &SystemIds }, verificar_digito_ruc: false }
}

fn json(texto: &str) -> Value {
    leer_json(texto.as_bytes()).expect("JSON de la prueba")
}

fn factura(texto: &str) -> Result<DatosFactura, ErroresCuerpo> {
    match cuerpo_factura(&json(texto), &contexto())? {
        ComandoFactura::CrearYEmitirFactura { datos, .. } => Ok(*datos),
        otro => panic!("otro comando: {otro:?}"),
    }
}

/// (rule, field) of every value error.
fn reglas(errores: &ErroresCuerpo) -> Vec<(&'static str, String)> {
    errores.valores.iter().map(|f| (f.regla.nombre(), f.campo.clone())).collect()
}

#[test]
fn la_factura_de_la_especificacion() {
    let datos = factura(
        r#"{"cliente_id":1,"fecha_emision":"2026-11-23","lineas":[{"descripcion":"Servicio","cantidad":1,"precio_unitario":100000}]}"#,
    )
    .expect("válida");
    assert_eq!(datos.cliente_id.as_str(), "1");
    assert_eq!(datos.lineas[0].cantidad.to_string(), "1");
    assert_eq!(datos.lineas[0].impuesto, Campo::Ausente);
    assert_eq!(datos.fecha_caducidad, Campo::Ausente);
}

#[test]
fn el_cliente_de_la_especificacion() {
    let valor = json(r#"{"id":1,"nombre":" ACME S.A.S. ","identificacion":"800123456-7","correo":"a@b.co","direccion":"Calle 1"}"#);
    let ComandoCliente::CrearCliente { cliente_id, datos } = cuerpo_cliente(&valor, &contexto()).expect("válido") else {
        panic!("otro comando")
    };
    assert_eq!(cliente_id.as_str(), "1");
    assert_eq!(&*datos.nombre, "ACME S.A.S.");
    assert_eq!(datos.identificacion.tipo, TipoIdentificacion::SinTipo);
    assert_eq!(&*datos.identificacion.numero, "800123456-7");
    assert_eq!(&*datos.direccion.linea, "Calle 1");
}

#[test]
fn identificaciones_con_tipo_y_sin_el() {
    let cliente = |identificacion: &str| {
        let texto =
            format!(r#"{{"id":1,"nombre":"A","correo":"a@b.co","direccion":{{"linea":"C","pais":"CO"}},{identificacion}}}"#);
        cuerpo_cliente(&json(&texto), &contexto())
    };
    for buena in [
        r#""identificacion":"860.002.964-4","tipo_identificacion":"NIT""#,
        r#""identificacion":{"tipo":"NIT","numero":"860002964","dv":4}"#,
        r#""identificacion":8600029644,"tipo_identificacion":"NIT""#,
    ] {
        let ComandoCliente::CrearCliente { datos, .. } = cliente(buena).expect(buena) else { panic!("otro comando") };
        assert_eq!(datos.identificacion.tipo, TipoIdentificacion::Nit);
        assert_eq!((&*datos.identificacion.numero, datos.identificacion.dv), ("860002964", Some(4)), "{buena}");
    }
    for (mala, campo) in [
        (r#""identificacion":"860002964-5","tipo_identificacion":"NIT""#, "/identificacion"),
        (r#""identificacion":"1","tipo_identificacion":"NITT""#, "/tipo_identificacion"),
        (r#""identificacion":1e9"#, "/identificacion"),
        (r#""identificacion":{"tipo":"NIT","numero":"860002964","dv":10}"#, "/identificacion/dv"),
        (r#""identificacion":{"tipo":"NIT"}"#, "/identificacion/numero"),
        (r#""identificacion":" ""#, "/identificacion"),
        (r#""tipo_identificacion":"NIT""#, "/tipo_identificacion"),
    ] {
        let errores = cliente(mala).expect_err(mala);
        assert_eq!(reglas(&errores)[0], ("IdentificacionValida", campo.to_owned()), "{mala}");
    }
}

#[test]
fn nulo_y_ausente_no_son_lo_mismo() {
    let datos = factura(
        r#"{"cliente_id":"c","fecha_caducidad":null,"lineas":[{"producto_id":"p","cantidad":"2.5","impuesto":null},
            {"producto_id":"p","cantidad":1,"impuesto":{"codigo":"IVA","tarifa":19}}]}"#,
    )
    .expect("válida");
    assert_eq!(datos.fecha_caducidad, Campo::Nulo);
    assert_eq!(datos.lineas[0].impuesto, Campo::Nulo);
    assert!(matches!(&datos.lineas[1].impuesto, Campo::Valor(i) if &*i.codigo == "IVA"));
}

#[test]
fn todo_lo_que_falla_se_dice_a_la_vez() {
    let errores = factura(
        r#"{"cliente_id":"con espacio","fecha_emision":"2026-02-30","fecha_autorizacion":"23/11/2026","descuento":{"porcentaje":"cinco"},
            "total":"10.001","lineas":[{"cantidad":1e400,"precio_unitario":123456789012345678901234567890},
            {"precio_unitario":"1.1234567","descuento":{"monto":"uno"}},{"cantidad":"abc","impuesto":{"codigo":"IVA","tarifa":101}}]}"#,
    )
    .expect_err("inválida");
    assert!(errores.forma.is_empty());
    let esperadas = [
        ("IdValido", "/cliente_id"),
        ("DescuentoValido", "/descuento/porcentaje"),
        ("FechaFormato", "/fecha_emision"),
        ("FechaFormato", "/fecha_autorizacion"),
        ("PrecisionExcedida", "/total"),
        ("PrecisionExcedida", "/lineas/0/cantidad"),
        ("PrecisionExcedida", "/lineas/0/precio_unitario"),
        ("DescuentoValido", "/lineas/1/descuento/monto"),
        ("LineaValida", "/lineas/1/cantidad"),
        ("PrecisionExcedida", "/lineas/1/precio_unitario"),
        ("LineaValida", "/lineas/2/cantidad"),
        ("ImpuestoValido", "/lineas/2/impuesto/tarifa"),
    ];
    assert_eq!(reglas(&errores), esperadas.map(|(r, c)| (r, c.to_owned())));
}

#[test]
fn campos_desconocidos_con_su_parecido_y_tipos_incorrectos() {
    let errores = factura(r#"{"cliente_di":1,"lineas":[{"cantida":1,"cantidad":true}],"canal":[]}"#).expect_err("inválida");
    let vistos: Vec<_> = errores.forma.iter().map(|e| (e.codigo, e.campo.as_str())).collect();
    assert_eq!(
        vistos,
        [
            ("CampoDesconocido", "/cliente_di"),
            ("TipoIncorrecto", "/canal"),
            ("CampoDesconocido", "/lineas/0/cantida"),
            ("TipoIncorrecto", "/lineas/0/cantidad")
        ]
    );
    assert!(errores.forma[0].mensaje.contains("«cliente_id»"));
    assert!(errores.forma[2].mensaje.contains("«cantidad»"));
}

#[test]
fn quinientas_una_lineas() {
    let lineas = vec![r#"{"cantidad":1}"#; 501].join(",");
    let errores = factura(&format!(r#"{{"cliente_id":1,"lineas":[{lineas}]}}"#)).expect_err("demasiadas");
    assert_eq!(reglas(&errores), [("FacturaTieneLineas", "/lineas".to_owned())]);
    let quinientas = vec![r#"{"cantidad":1}"#; 500].join(",");
    assert_eq!(factura(&format!(r#"{{"cliente_id":1,"lineas":[{quinientas}]}}"#)).expect("caben").lineas.len(), 500);
}

#[test]
fn sin_lineas_o_sin_cliente() {
    assert_eq!(
        reglas(&factura("{}").expect_err("vacía")),
        [("ClienteValido", "/cliente_id".to_owned()), ("FacturaTieneLineas", "/lineas".to_owned())]
    );
    assert_eq!(cuerpo_factura(&json("[]"), &contexto()).expect_err("lista").forma[0].codigo, "TipoIncorrecto");
}

#[test]
fn el_texto_se_normaliza_y_se_acota() {
    let valor = json("{\"nombre\":\"Jose\u{301}\",\"precio\":10,\"id\":\"p1\"}");
    let ComandoProducto::CrearProducto { datos, .. } = cuerpo_producto(&valor, &contexto()).expect("válido") else {
        panic!("otro comando")
    };
    assert_eq!(&*datos.nombre, "José");
    assert_eq!(&*datos.codigo, "p1");
    assert!(datos.controla_inventario);
    let largo = json(&format!(r#"{{"nombre":"{}","precio":0,"unidad":"a\u0000b"}}"#, "x".repeat(301)));
    let errores = cuerpo_producto(&largo, &contexto()).expect_err("inválido");
    assert_eq!(
        reglas(&errores),
        [("NombreValido", "/nombre".to_owned()), ("TextoValido", "/unidad".to_owned()), ("PrecioValido", "/precio".to_owned())]
    );
}

#[test]
fn un_put_de_precio_y_nombre_son_dos_comandos() {
    let id = Id::new("p1").expect("id");
    let comandos = cuerpo_producto_cambios(&json(r#"{"nombre":"Mesa","precio":"12.50"}"#), &id).expect("válido");
    assert_eq!(comandos.iter().map(ComandoProducto::tipo).collect::<Vec<_>>(), ["ActualizarProducto", "CambiarPrecio"]);
    assert_eq!(cuerpo_producto_cambios(&json(r#"{"precio":1}"#), &id).expect("válido").len(), 1);
    assert!(cuerpo_producto_cambios(&json("{}"), &id).is_err());
    assert!(cuerpo_producto_cambios(&json(r#"{"id":"otro","precio":1}"#), &id).is_err());
}

#[test]
fn entradas_y_salidas() {
    let (p, b) = (Id::new("p").expect("id"), Id::new("b").expect("id"));
    let entrada = cuerpo_entrada(&json(r#"{"cantidad":"10","costo_unitario":5}"#), Some((&p, &b)), &contexto()).expect("válida");
    let ComandoInventario::RegistrarEntrada { inventario_id, fecha_ingreso, .. } = entrada else { panic!("otro comando") };
    assert_eq!(inventario_id.as_str(), "p:b");
    assert_eq!(fecha_ingreso, contexto().hoy);
    let sin_destino = cuerpo_entrada(&json(r#"{"cantidad":"10","costo_unitario":5}"#), None, &contexto()).expect_err("sin destino");
    assert_eq!(reglas(&sin_destino), [("IdValido", "/producto_id".to_owned()), ("IdValido", "/bodega_id".to_owned())]);
    let venta = cuerpo_salida(&json(r#"{"cantidad":1,"motivo":"VENTA"}"#), Some((&p, &b)), &contexto()).expect_err("motivo");
    assert_eq!(reglas(&venta), [("TextoValido", "/motivo".to_owned())]);
    let ajena = cuerpo_salida(&json(r#"{"cantidad":1,"bodega_id":"z"}"#), Some((&p, &b)), &contexto()).expect_err("bodega");
    assert_eq!(reglas(&ajena), [("IdValido", "/bodega_id".to_owned())]);
}

#[test]
fn stock_minimo_nulo_lo_quita_y_ausente_es_error() {
    let (p, b) = (Id::new("p").expect("id"), Id::new("b").expect("id"));
    let quita = cuerpo_stock_minimo(&json(r#"{"stock_minimo":null}"#), &p, &b).expect("válido");
    assert!(matches!(quita, ComandoInventario::CambiarStockMinimo { stock_minimo: None, .. }));
    assert!(cuerpo_stock_minimo(&json("{}"), &p, &b).is_err());
    assert!(cuerpo_stock_minimo(&json(r#"{"stock_minimo":-1}"#), &p, &b).is_err());
}

#[test]
fn rangos_de_numeracion() {
    let bueno = r#"{"prefijo":"FE","desde":1,"hasta":"5000","vigente_desde":"2026-01-01","vigente_hasta":"2027-01-01"}"#;
    assert_eq!(cuerpo_rango(&json(bueno)).expect("válido").rango_id().as_str(), "PRINCIPAL:FACTURA:FE");
    let malo = r#"{"prefijo":"LARGO","desde":1.5,"hasta":-3,"vigente_desde":"2026-13-01"}"#;
    let campos: Vec<_> = cuerpo_rango(&json(malo)).expect_err("inválido").valores.into_iter().map(|f| f.campo).collect();
    assert_eq!(campos, ["/prefijo", "/desde", "/hasta", "/vigente_desde", "/vigente_hasta"]);
}

#[test]
fn la_lista_de_errores_esta_acotada() {
    let claves: Vec<_> = (0..5_000).map(|i| format!("\"zz{i}\":1")).collect();
    let errores = factura(&format!("{{{}}}", claves.join(","))).expect_err("inválida");
    assert!(errores.forma.len() <= super::errores::MAXIMO_ERRORES);
}

/// Any JSON, with names of real fields among its keys so that the readers are reached.
fn cualquier_json() -> impl Strategy<Value = Value> {
    let hoja = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[-]?[0-9]{1,40}(\\.[0-9]{1,20})?(e[0-9]{1,4})?".prop_map(|t| serde_json::from_str(&t).unwrap_or(Value::Null)),
        "\\PC{0,20}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}".prop_map(Value::from),
    ];
    let clave = prop_oneof![
        prop::sample::select(vec![
            "id",
            "cliente_id",
            "nombre",
            "identificacion",
            "tipo_identificacion",
            "correo",
            "direccion",
            "linea",
            "lineas",
            "cantidad",
            "precio",
            "precio_unitario",
            "impuesto",
            "codigo",
            "tarifa",
            "formas_pago",
            "monto",
            "fecha_emision",
            "desde",
            "hasta",
            "producto_id",
            "bodega_id",
            "stock_minimo",
            "responsabilidades",
            "numero",
            "dv",
            "tipo",
            "referencia",
            "total",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ];
    hoja.prop_recursive(4, 64, 8, move |interno| {
        prop_oneof![
            prop::collection::vec(interno.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((clave.clone(), interno), 0..8).prop_map(|pares| Value::Object(pares.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever comes, each reader gives a command or at least one reason; none panics.
    #[test]
    fn ningun_cuerpo_hace_panico(valor in cualquier_json()) {
        let id = Id::new("x").expect("id");
        let ctx = contexto();
        let fallos = [
            cuerpo_cliente(&valor, &ctx).err(),
            cuerpo_cliente_cambios(&valor, &id, &ctx).err(),
            cuerpo_producto(&valor, &ctx).err(),
            cuerpo_producto_cambios(&valor, &id).err(),
            cuerpo_sucursal(&valor, &ctx).err(),
            cuerpo_sucursal_cambios(&valor, &id).err(),
            cuerpo_bodega(&valor, &ctx).err(),
            cuerpo_bodega_cambios(&valor, &id).err(),
            cuerpo_inventario(&valor).err(),
            cuerpo_entrada(&valor, Some((&id, &id)), &ctx).err(),
            cuerpo_salida(&valor, None, &ctx).err(),
            cuerpo_stock_minimo(&valor, &id, &id).err(),
            cuerpo_rango(&valor).err(),
            cuerpo_renovar(&valor, &id).err(),
            cuerpo_inutilizar(&valor, &id).err(),
            cuerpo_factura(&valor, &ctx).err(),
        ];
        for errores in fallos.into_iter().flatten() {
            prop_assert!(!errores.vacio());
            prop_assert!(errores.forma.iter().all(|e| e.mensaje != "no se pudo leer el cuerpo"), "un fallo sin su razón");
        }
    }

    /// Bytes that are no JSON never panic either.
    #[test]
    fn ningun_texto_hace_panico(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(errores) = leer_json(&bytes) {
            prop_assert!(!errores.forma.is_empty());
        }
    }
}
