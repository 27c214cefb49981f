//! Commands over HTTP: statuses, idempotency, waiting.

mod http_comun;

use std::time::{Duration, Instant};

use axum::body::Body;
use factumarket::{
    contracts::Resultado,
    domain::{
        Comando,
        facturacion::factura::ComandoFactura,
        reglas::{Falla, Regla},
    },
    http::Opciones,
};
use http_comun::*;

#[tokio::test]
async fn una_factura_aceptada() {
    let borde = borde();
    let r = borde.post("/api/v1/facturas", FACTURA).await;
    assert_eq!(r.status, 201, "{}", r.texto);
    let cuerpo = r.json();
    let id = cuerpo["id"].as_str().expect("id");
    assert_eq!(r.encabezado("location"), format!("/api/v1/facturas/{id}"));
    for (campo, valor) in [
        ("numero", "F1"),
        ("estado", "EMITIDA"),
        ("fecha_emision", "2026-11-23"),
        ("moneda", "COP"),
        ("subtotal", "100000.00"),
        ("impuestos", "19000.00"),
        ("total", "119000.00"),
    ] {
        assert_eq!(cuerpo[campo], valor, "{campo}");
    }
    assert_eq!(cuerpo["version"].to_string(), "3");
    assert_eq!(r.encabezado("etag"), "\"3\"");
    assert_eq!(r.encabezado("x-factumarket-version"), "3");
    let enviado = &borde.pasarela.recibidos()[0];
    assert_eq!(cuerpo["comando_id"], enviado.command_id.as_str());
    assert_eq!(r.encabezado("idempotency-key"), enviado.command_id.as_str());
    assert_eq!(r.encabezado("x-correlation-id"), enviado.correlation_id.as_str());
    assert_eq!(r.encabezado("idempotent-replayed"), "");
}

#[tokio::test]
async fn repetir_con_la_clave_devuelta_es_el_mismo_comando_y_la_misma_factura() {
    let borde = borde();
    let primera = borde.post("/api/v1/facturas", FACTURA).await;
    let clave = primera.encabezado("idempotency-key").to_owned();
    let resumen = Resultado::Aceptado { factura: None };
    borde.pasarela.preparar(Guion::Repetir(resumen));
    let segunda = borde.pedir("POST", "/api/v1/facturas", &[("idempotency-key", &clave)], FACTURA).await;
    assert_eq!(segunda.status, 201);
    assert_eq!(segunda.encabezado("idempotent-replayed"), "true");
    assert_eq!(segunda.encabezado("idempotency-key"), clave);
    let recibidos = borde.pasarela.recibidos();
    assert_eq!(recibidos[0].command_id, recibidos[1].command_id);
    assert_eq!(recibidos[0].comando, recibidos[1].comando, "el id de la factura es el mismo");
}

#[tokio::test]
async fn la_correlacion_sola_identifica_al_comando() {
    let borde = borde();
    let encabezados = [("x-correlation-id", "flujo-9")];
    for _ in 0..2 {
        assert_eq!(borde.pedir("POST", "/api/v1/facturas", &encabezados, FACTURA).await.status, 201);
    }
    assert_eq!(borde.pedir("POST", "/api/v1/clientes", &encabezados, CLIENTE).await.status, 201);
    let recibidos = borde.pasarela.recibidos();
    assert_eq!(recibidos[0].command_id, recibidos[1].command_id);
    assert_eq!(recibidos[0].comando, recibidos[1].comando);
    assert_eq!(recibidos[0].correlation_id.as_str(), "flujo-9");
    assert_ne!(recibidos[0].command_id, recibidos[2].command_id);
}

#[tokio::test]
async fn claves_y_correlaciones_invalidas() {
    let borde = borde();
    let larga = "k".repeat(256);
    for encabezado in [("idempotency-key", ""), ("idempotency-key", larga.as_str()), ("x-correlation-id", "con espacio")] {
        let r = borde.pedir("POST", "/api/v1/clientes", &[encabezado], CLIENTE).await;
        assert_eq!(r.es_problema(400).codigo(), "EncabezadoInvalido");
    }
    let rara = borde.pedir("POST", "/api/v1/clientes", &[("idempotency-key", "clave con espacios")], CLIENTE).await;
    assert_eq!(rara.status, 201);
    assert_eq!(rara.encabezado("idempotency-key"), "clave con espacios");
    assert_eq!(borde.pasarela.recibidos().len(), 1);
}

#[tokio::test]
async fn cada_rechazo_con_su_estado() {
    let borde = borde();
    let casos = [
        (vec![Regla::StockSuficienteParaFactura, Regla::ClienteValido], 422, "ReglasIncumplidas"),
        (vec![Regla::EstadoValido], 409, "Conflicto"),
        (vec![Regla::YaExiste], 409, "Conflicto"),
        (vec![Regla::VersionEsperada], 409, "Conflicto"),
        (vec![Regla::ClaveIdempotenciaEnConflicto], 409, "Conflicto"),
        (vec![Regla::EnCuarentena], 503, "EnCuarentena"),
    ];
    for (reglas, status, codigo) in casos {
        let fallas: Vec<_> = reglas.iter().map(|r| Falla::simple(*r, "/x").con("solicitado", 5)).collect();
        borde.pasarela.preparar(rechazo(fallas));
        let r = borde.post("/api/v1/facturas", FACTURA).await;
        assert_eq!(r.es_problema(status).codigo(), codigo);
        assert_eq!(r.errores().len(), reglas.len());
        assert_eq!(r.json()["errores"][0]["datos"]["solicitado"], "5");
        assert!(r.json()["errores"][0]["mensaje"].as_str().expect("texto").starts_with("Validación fallida: "));
        assert!(!r.encabezado("idempotency-key").is_empty(), "también los errores llevan la clave");
        assert_eq!(r.encabezado("retry-after").is_empty(), status != 503);
    }
}

#[tokio::test]
async fn lo_que_no_existe_es_404_solo_si_es_lo_direccionado() {
    let borde = borde();
    borde.pasarela.preparar(rechazo(vec![Falla::simple(Regla::ClienteNoExiste, "")]));
    borde.pedir("DELETE", "/api/v1/clientes/9", &[], Body::empty()).await.es_problema(404);
    borde.pasarela.preparar(rechazo(vec![Falla::simple(Regla::InventarioNoExiste, "")]));
    borde.post("/api/v1/inventarios/p/b/entradas", r#"{"cantidad":1,"costo_unitario":1}"#).await.es_problema(404);
    borde.pasarela.preparar(rechazo(vec![Falla::simple(Regla::SucursalNoExiste, "/sucursal_id")]));
    borde.post("/api/v1/bodegas", r#"{"id":"b","nombre":"B","sucursal_id":"zz"}"#).await.es_problema(422);
}

#[tokio::test]
async fn la_pasarela_que_no_puede() {
    let borde = borde();
    borde.pasarela.preparar(Guion::Ocupada);
    let r = borde.post("/api/v1/clientes", CLIENTE).await;
    assert_eq!(r.es_problema(429).encabezado("retry-after"), "2");
    borde.pasarela.preparar(Guion::Parada);
    assert!(!borde.post("/api/v1/clientes", CLIENTE).await.es_problema(503).encabezado("retry-after").is_empty());
    borde.pasarela.preparar(Guion::Enorme);
    borde.post("/api/v1/clientes", CLIENTE).await.es_problema(413);
    for (codigo, status) in [("EnCuarentena", 503), ("ClaveAjena", 422)] {
        borde.pasarela.preparar(Guion::Responder(Resultado::Apartado { codigo: codigo.into(), causa: "por la prueba".into() }));
        borde.post("/api/v1/clientes", CLIENTE).await.es_problema(status);
    }
}

#[tokio::test]
async fn lo_que_sigue_en_curso_es_202_con_donde_preguntar() {
    let borde = borde();
    borde.pasarela.preparar(Guion::Responder(Resultado::EnCurso));
    let r = borde.pedir("POST", "/api/v1/facturas", &[("idempotency-key", "k1")], FACTURA).await;
    assert_eq!((r.status.as_u16(), r.encabezado("location")), (202, "/api/v1/comandos/k1"));
    assert_eq!(r.json()["comando_id"], "k1");

    borde.pasarela.preparar(Guion::Callar);
    let r = borde.pedir("POST", "/api/v1/facturas", &[("prefer", "wait=0"), ("idempotency-key", "k2")], FACTURA).await;
    assert_eq!((r.status.as_u16(), r.encabezado("location")), (202, "/api/v1/comandos/k2"));

    let r = borde.pedir("POST", "/api/v1/facturas", &[("prefer", "respond-async"), ("idempotency-key", "k3")], FACTURA).await;
    assert_eq!((r.status.as_u16(), r.encabezado("location")), (202, "/api/v1/comandos/k3"));
    assert_eq!(r.encabezado("preference-applied"), "respond-async");

    let r = borde.pedir("POST", "/api/v1/facturas", &[("prefer", "wait=x")], FACTURA).await;
    r.es_problema(400);
}

#[tokio::test]
async fn sin_preferencia_se_espera_lo_configurado_dos_segundos() {
    assert_eq!(Opciones::default().espera, Duration::from_secs(2));
    let espera = Duration::from_millis(60);
    let borde = borde_con(Ajustes { opciones: Opciones { espera, ..Opciones::default() }, ..Ajustes::default() });
    borde.pasarela.preparar(Guion::Callar);
    let antes = Instant::now();
    assert_eq!(borde.post("/api/v1/facturas", FACTURA).await.status, 202);
    assert!(antes.elapsed() >= espera);
}

#[tokio::test]
async fn if_match_es_la_version_esperada() {
    let borde = borde();
    let r = borde.pedir("PUT", "/api/v1/clientes/1", &[("if-match", "\"7\"")], r#"{"nombre":"Otro"}"#).await;
    assert_eq!(r.status, 200, "{}", r.texto);
    assert_eq!(borde.pasarela.recibidos()[0].version_esperada, Some(7));
    borde.pedir("PUT", "/api/v1/clientes/1", &[("if-match", "siete")], r#"{"nombre":"Otro"}"#).await.es_problema(400);
}

#[tokio::test]
async fn cada_ruta_de_comando_llega_con_su_comando() {
    let borde = borde();
    let rango = r#"{"desde":1,"hasta":9,"vigente_desde":"2026-01-01","vigente_hasta":"2027-01-01"}"#;
    let casos = [
        ("POST", "/api/v1/clientes", CLIENTE, 201, "CrearCliente", "1"),
        ("PUT", "/api/v1/clientes/1", r#"{"correo":"c@d.co"}"#, 200, "ActualizarCliente", "1"),
        ("DELETE", "/api/v1/clientes/1", "", 200, "InactivarCliente", "1"),
        ("POST", "/api/v1/clientes/1/reactivar", "", 200, "ReactivarCliente", "1"),
        ("POST", "/api/v1/productos", r#"{"id":"p","nombre":"P","precio":"9.5"}"#, 201, "CrearProducto", "p"),
        ("PUT", "/api/v1/productos/p", r#"{"precio":7}"#, 200, "CambiarPrecio", "p"),
        ("DELETE", "/api/v1/productos/p", "", 200, "InactivarProducto", "p"),
        ("POST", "/api/v1/sucursales", r#"{"id":"s","nombre":"S"}"#, 201, "CrearSucursal", "s"),
        ("PUT", "/api/v1/sucursales/s", r#"{"nombre":"S2"}"#, 200, "ActualizarSucursal", "s"),
        ("DELETE", "/api/v1/sucursales/s", "", 200, "InactivarSucursal", "s"),
        ("POST", "/api/v1/bodegas", r#"{"id":"b","nombre":"B"}"#, 201, "CrearBodega", "b"),
        ("PUT", "/api/v1/bodegas/b", r#"{"direccion":"Calle 2"}"#, 200, "ActualizarBodega", "b"),
        ("DELETE", "/api/v1/bodegas/b", "", 200, "InactivarBodega", "b"),
        ("POST", "/api/v1/numeracion", rango, 201, "CrearRango", "PRINCIPAL:FACTURA:"),
        ("POST", "/api/v1/numeracion/PRINCIPAL:FACTURA:F/renovar", rango, 200, "RenovarRango", "PRINCIPAL:FACTURA:F"),
        (
            "POST",
            "/api/v1/numeracion/PRINCIPAL:FACTURA:F/inutilizar",
            r#"{"consecutivo":4,"motivo":"papel roto"}"#,
            200,
            "InutilizarNumero",
            "PRINCIPAL:FACTURA:F",
        ),
        ("POST", "/api/v1/inventarios", r#"{"producto_id":"p","bodega_id":"b"}"#, 201, "CrearInventario", "p:b"),
        ("POST", "/api/v1/inventarios/p/b/entradas", r#"{"cantidad":1,"costo_unitario":0}"#, 201, "RegistrarEntrada", "p:b"),
        ("POST", "/api/v1/inventarios/p/b/salidas", r#"{"cantidad":1}"#, 201, "RegistrarSalida", "p:b"),
        ("PUT", "/api/v1/inventarios/p/b/stock-minimo", r#"{"stock_minimo":5}"#, 200, "CambiarStockMinimo", "p:b"),
        ("POST", "/api/v1/facturas", r#"{"id":"f1","cliente_id":1,"lineas":[{"cantidad":1}]}"#, 201, "CrearYEmitirFactura", "f1"),
    ];
    for (metodo, ruta, cuerpo, status, tipo, id) in casos {
        let r = borde.pedir(metodo, ruta, &[], cuerpo).await;
        assert_eq!(r.status.as_u16(), status, "{metodo} {ruta}: {}", r.texto);
        let recibido = borde.pasarela.recibidos().pop().expect("un comando");
        assert_eq!((recibido.comando.tipo(), recibido.comando.destino().id.as_str()), (tipo, id));
        assert_eq!(r.json()["id"], id);
    }
}

#[tokio::test]
async fn un_put_de_producto_con_precio_manda_dos_comandos_y_el_rechazo_del_primero_para() {
    let borde = borde();
    let cuerpo = r#"{"nombre":"Mesa","precio":7}"#;
    let r = borde.pedir("PUT", "/api/v1/productos/p", &[("if-match", "2")], cuerpo).await;
    assert_eq!(r.status, 200);
    let recibidos = borde.pasarela.recibidos();
    assert_eq!(recibidos.iter().map(|c| c.comando.tipo()).collect::<Vec<_>>(), ["ActualizarProducto", "CambiarPrecio"]);
    assert_eq!((recibidos[0].version_esperada, recibidos[1].version_esperada), (Some(2), None));
    assert_ne!(recibidos[0].command_id, recibidos[1].command_id);
    borde.pasarela.preparar(rechazo(vec![Falla::simple(Regla::VersionEsperada, "")]));
    borde.pedir("PUT", "/api/v1/productos/p", &[], cuerpo).await.es_problema(409);
    assert_eq!(borde.pasarela.recibidos().len(), 3);
}

#[tokio::test]
async fn un_borrador_se_crea_se_edita_y_se_emite_por_sus_rutas() {
    let borde = borde();
    borde.post("/api/v1/facturas?emitir=quizas", FACTURA).await.es_problema(400);
    assert!(borde.pasarela.recibidos().is_empty());
    assert_eq!(borde.post("/api/v1/facturas?emitir=false", r#"{"id":"f9","cliente_id":1}"#).await.status, 201);
    let linea = r#"{"producto_id":"p","cantidad":2,"descuento":{"porcentaje":"12.5"}}"#;
    assert_eq!(borde.post("/api/v1/facturas/f9/lineas", linea).await.status, 201);
    assert_eq!(borde.pedir("DELETE", "/api/v1/facturas/f9/lineas/1", &[], "").await.status, 200);
    assert_eq!(borde.post("/api/v1/facturas/f9/descuentos", r#"{"linea":1,"descuento_id":"d"}"#).await.status, 200);
    let pagos = r#"{"formas_pago":[{"forma":"CREDITO","medio":"30","monto":1,"fecha_vencimiento":"2026-12-31"}]}"#;
    assert_eq!(borde.post("/api/v1/facturas/f9/formas-pago", pagos).await.status, 200);
    assert_eq!(borde.post("/api/v1/facturas/f9/fechas", r#"{"fecha_caducidad":null}"#).await.status, 200);
    assert_eq!(borde.pedir("POST", "/api/v1/facturas/f9/emitir", &[("if-match", "7")], "").await.status, 200);
    assert_eq!(borde.post("/api/v1/facturas/f9/emitir", r#"{"fecha_emision":"2026-12-01"}"#).await.status, 200);
    assert_eq!(borde.pedir("POST", "/api/v1/facturas/f9/descartar", &[], "").await.status, 200);
    let recibidos = borde.pasarela.recibidos();
    let tipos: Vec<_> = recibidos.iter().map(|c| c.comando.tipo()).collect();
    let esperados = [
        "CrearFactura",
        "AgregarLinea",
        "QuitarLinea",
        "AplicarDescuento",
        "DefinirFormasPago",
        "CambiarFechas",
        "EmitirFactura",
        "EmitirFactura",
        "DescartarFactura",
    ];
    assert_eq!(tipos, esperados);
    assert!(recibidos.iter().all(|c| c.comando.destino().id.as_str() == "f9"));
    assert_eq!(recibidos[6].version_esperada, Some(7));
    let Comando::Factura(ComandoFactura::AgregarLinea { linea, .. }) = &recibidos[1].comando else { panic!("otro comando") };
    let descuento = linea.descuento.as_ref().expect("descuento");
    assert_eq!(descuento.valor.porcentaje.map(|p| p.to_string()).as_deref(), Some("12.5"));
    let Comando::Factura(ComandoFactura::EmitirFactura { fechas: None, .. }) = &recibidos[6].comando else { panic!("sin fechas") };
    let Comando::Factura(ComandoFactura::EmitirFactura { fechas: Some(_), .. }) = &recibidos[7].comando else {
        panic!("con fechas")
    };
}

#[tokio::test]
async fn los_cuerpos_de_un_borrador_son_estrictos() {
    let borde = borde();
    for (ruta, cuerpo) in [
        ("lineas", r#"{"cantidad":1,"color":2}"#),
        ("descuentos", r#"{"linea":"x"}"#),
        ("descuentos", r#"{"linea":70000,"porcentaje":1}"#),
        ("formas-pago", "{}"),
        ("fechas", r#"{"fecha_emision":"30/02/2026"}"#),
        ("emitir", r#"{"fechas":{}}"#),
    ] {
        let r = borde.post(&format!("/api/v1/facturas/f9/{ruta}"), cuerpo).await;
        assert!(r.status == 400 || r.status == 422, "{ruta} {cuerpo}: {}", r.status);
    }
    borde.pedir("DELETE", "/api/v1/facturas/f9/lineas/uno", &[], "").await.es_problema(404);
    assert!(borde.pasarela.recibidos().is_empty());
}

#[tokio::test]
async fn los_descuentos_tienen_sus_rutas() {
    let borde = borde();
    let cuerpo = r#"{"id":"d","ambito":"LINEA","porcentaje":10,"vigente_hasta":"2026-12-31"}"#;
    let r = borde.post("/api/v1/descuentos", cuerpo).await;
    assert_eq!(r.status, 201);
    assert_eq!(borde.pedir("PUT", "/api/v1/descuentos/d", &[], r#"{"monto":"5","vigente_hasta":null}"#).await.status, 200);
    assert_eq!(borde.pedir("DELETE", "/api/v1/descuentos/d", &[], "").await.status, 200);
    borde.post("/api/v1/descuentos", r#"{"ambito":"CASA","porcentaje":1}"#).await.es_problema(422);
    let tipos: Vec<_> = borde.pasarela.recibidos().iter().map(|c| c.comando.tipo()).collect();
    assert_eq!(tipos, ["CrearDescuento", "ActualizarDescuento", "InactivarDescuento"]);
}

#[tokio::test]
async fn el_canal_del_pedido_va_en_el_sobre() {
    let borde = borde();
    let cuerpo = r#"{"cliente_id":1,"canal":"tienda","pedido_id":77,"lineas":[{"cantidad":1}]}"#;
    assert_eq!(borde.post("/api/v1/facturas", cuerpo).await.status, 201);
    let recibido = &borde.pasarela.recibidos()[0];
    assert_eq!(recibido.canal.as_deref(), Some("tienda"));
    assert!(matches!(&recibido.comando, Comando::Factura(_)));
}

#[tokio::test]
async fn una_nota_se_pide_por_su_factura_o_con_ella_en_el_cuerpo() {
    let borde = borde();
    let lineas = r#""lineas":[{"linea_factura":1,"cantidad":"2"},{"linea_factura":2,"monto":10.5,"afecta_inventario":false}]"#;
    let cuerpo =
        format!(r#"{{"id":"n1","concepto":"DEVOLUCION_PARCIAL","motivo":"llegó golpeado","fecha_caducidad":null,{lineas}}}"#);
    let r = borde.post("/api/v1/facturas/f1/notas-credito", cuerpo.clone()).await;
    assert_eq!(r.status, 201, "{}", r.texto);
    assert_eq!(r.encabezado("location"), "/api/v1/facturas/f1/notas-credito/n1");
    assert_eq!(r.json()["id"], "n1");
    let con_factura = cuerpo.replacen('{', r#"{"factura_id":"f1","#, 1);
    assert_eq!(borde.post("/api/v1/notas-credito", con_factura.clone()).await.status, 201);
    let enviados = borde.pasarela.recibidos();
    assert_eq!(enviados[0].comando, enviados[1].comando);
    assert!(
        matches!(&enviados[0].comando, Comando::NotaCredito(c) if c.tipo() == "CrearYEmitirNotaCredito" && c.ids().0.as_str() == "f1")
    );
    assert_eq!(borde.post("/api/v1/facturas/f1/notas-credito?emitir=false", cuerpo.clone()).await.status, 201);
    assert_eq!(borde.pasarela.recibidos()[2].comando.tipo(), "CrearNotaCredito");
    // What is wrong with a body is told at once, and another invoice than the address's is refused.
    assert_eq!(borde.post("/api/v1/facturas/f2/notas-credito", con_factura).await.status, 422);
    assert_eq!(borde.post("/api/v1/notas-credito", cuerpo).await.status, 422);
    let r = borde.post("/api/v1/facturas/f1/notas-credito", r#"{"concepto":"REGALO","lineas":[{"cantidad":"x"}]}"#).await;
    assert_eq!(r.es_problema(422).json()["errores"].as_array().map(Vec::len), Some(4), "{}", r.texto);
}

#[tokio::test]
async fn un_borrador_de_nota_se_llena_y_se_emite_y_una_factura_se_anula() {
    let borde = borde();
    let nota = "/api/v1/facturas/f1/notas-credito/n1";
    for (ruta, cuerpo, tipo) in [
        (format!("{nota}/lineas"), r#"{"linea_factura":1,"cantidad":"1"}"#, "AgregarLineaNotaCredito"),
        (format!("{nota}/emitir"), "{}", "EmitirNotaCredito"),
        (format!("{nota}/emitir"), r#"{"fecha_emision":"2026-11-30"}"#, "EmitirNotaCredito"),
        ("/api/v1/facturas/f1/anular".to_owned(), r#"{"motivo":"pedido duplicado"}"#, "AnularFactura"),
        ("/api/v1/facturas/f1/respuesta-dian".to_owned(), r#"{"estado":"ACEPTADA","codigo":"00"}"#, "RegistrarRespuestaDian"),
    ] {
        let r = borde.post(&ruta, cuerpo).await;
        assert_eq!(r.status, 200, "{ruta}: {}", r.texto);
        let enviados = borde.pasarela.recibidos();
        assert_eq!(enviados.last().expect("enviado").comando.tipo(), tipo);
    }
    assert_eq!(borde.post("/api/v1/facturas/f1/anular", "{}").await.status, 422);
}
