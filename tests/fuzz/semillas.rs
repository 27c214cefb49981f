//! Seeds of the corpus: golden records, bodies of the tests, cursors as they are given, rows as they are written.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use factumarket::{
    audit::cadena::{Cadena, Escritor, Hoja, Sello, SelloFirmado, hoja},
    contracts::Registro,
    domain::valores::{Id, Instante},
    engine::store::{AggregateRow, MemoryOutcome, MemoryRow, Origin, Payload, Positions, encode_positions},
    log::{Topic, TopicPartition},
};

use crate::cuerpos::{cable, cursores, registro, sellos};

/// Target, name of the file, bytes.
pub type Semilla = (&'static str, String, Vec<u8>);

/// Route and body: see `comandos::cuerpo`.
const COMANDOS: &[(u8, &str)] = &[
    (0, r#"{"id":1,"nombre":"ACME S.A.S.","identificacion":"800123456-7","correo":"a@b.co","direccion":"Calle 1"}"#),
    (
        0,
        r#"{"nombre":"Ñandú","identificacion":{"tipo":"NIT","numero":"800100000","dv":1},"correo":"a@b.co","direccion":{"linea":"Calle 1","ciudad":"Bogotá","pais":"CO"},"estado_fiscal":"ACTIVO","tipo_persona":"2","responsabilidades":["O-13","R-99-PN"],"municipio":"11001","departamento":"11"}"#,
    ),
    (1, r#"{"correo":"nuevo@b.co","tipo_identificacion":"CEDULA_CO","identificacion":"1020304050"}"#),
    (
        2,
        r#"{"id":"P1","codigo":"C-1","nombre":"Café 500 g","unidad":"UND","precio":10000.50,"impuesto":{"codigo":"IVA","tarifa":19},"controla_inventario":true,"codigo_estandar":"7701234567897","esquema_codigo":"GTIN"}"#,
    ),
    (3, r#"{"nombre":"Café","precio":"12000","impuesto":null}"#),
    (4, r#"{"id":"S1","nombre":"Norte","direccion":"Calle 2"}"#),
    (5, r#"{"nombre":"Sur"}"#),
    (6, r#"{"id":"B1","sucursal_id":"S1","nombre":"Principal","direccion":{"linea":"Calle 3"}}"#),
    (7, r#"{"direccion":"Calle 4"}"#),
    (8, r#"{"producto_id":"P1","bodega_id":"B1","stock_minimo":5}"#),
    (9, r#"{"cantidad":100,"costo_unitario":"5000.25","fecha_caducidad":"2027-01-31"}"#),
    (10, r#"{"movimiento_id":"m1","producto_id":"P1","bodega_id":"B1","cantidad":1.5,"costo_unitario":0}"#),
    (11, r#"{"cantidad":"2"}"#),
    (
        12,
        r#"{"producto_id":"P1","bodega_id":"B1","cantidad":2,"motivo":"AJUSTE","fecha":"2026-11-22","referencia":{"tipo":"conteo","id":"c-1","numero":"7"}}"#,
    ),
    (13, r#"{"stock_minimo":10}"#),
    (
        14,
        r#"{"sucursal_id":"PRINCIPAL","tipo_documento":"FACTURA","prefijo":"F","desde":1,"hasta":5000,"resolucion":"18760000001","fecha_resolucion":"2025-12-15","vigente_desde":"2026-01-01","vigente_hasta":"2027-12-31"}"#,
    ),
    (15, r#"{"desde":5001,"hasta":9000,"resolucion":"18760000002","vigente_desde":"2026-01-01","vigente_hasta":"2028-12-31"}"#),
    (16, r#"{"consecutivo":7,"motivo":"dañado"}"#),
    (
        17,
        r#"{"cliente_id":1,"fecha_emision":"2026-11-23","lineas":[{"descripcion":"Servicio","cantidad":1,"precio_unitario":100000}]}"#,
    ),
    (
        17,
        r#"{"id":"f-1","cliente_id":"1","sucursal_id":"PRINCIPAL","bodega_id":"PRINCIPAL","moneda":"COP","fecha_autorizacion":"2026-11-23","fecha_caducidad":null,"canal":"web","pedido_id":1001,"notas":"a\nb","orden_compra":"oc","formas_pago":[{"forma":"CREDITO","medio":"42","monto":119000.00,"fecha_vencimiento":"2026-12-23"}],"total":"119000.00","lineas":[{"producto_id":"P1","bodega_id":"B1","cantidad":"2.5","precio_unitario":1e3,"impuesto":{"codigo":"IVA","tarifa":"19.0"}},{"producto_id":2,"cantidad":1,"impuesto":null}]}"#,
    ),
];

const IMPORTACIONES: &[&str] = &[
    "{\"tipo\":\"cliente\",\"id\":1,\"nombre\":\"ACME\",\"identificacion\":\"800123456-7\",\"correo\":\"a@b.co\",\"direccion\":\"Calle 1\"}\n",
    "\u{feff}{\"tipo\":\"producto\",\"id\":\"P1\",\"nombre\":\"Café\",\"precio\":100,\"impuesto\":{\"codigo\":\"IVA\",\"tarifa\":19}}\r\n\r\n{\"tipo\":\"bodega\",\"id\":\"B1\",\"nombre\":\"Norte\"}",
    "{\"tipo\":\"entrada\",\"producto_id\":\"P1\",\"bodega_id\":\"B1\",\"cantidad\":10,\"costo_unitario\":50}\n{\"tipo\":\"entrada\",\"movimiento_id\":\"m\",\"producto_id\":\"P1\",\"bodega_id\":\"B1\",\"cantidad\":1,\"costo_unitario\":5}\n",
    "{\"tipo\":\"pedido\",\"canal\":\"web\",\"pedido_id\":1001,\"cliente_id\":1,\"lineas\":[{\"producto_id\":\"P1\",\"cantidad\":2}]}\n{\"tipo\":\"pedido\",\"canal\":",
];

const CONFIGURACIONES: &[&str] = &[
    "[servidor]\ndireccion = \"127.0.0.1:0\"\nmax_peticiones = 1_000\n[datos]\ncarpeta = 'da\"tos'\n",
    "[emisor]\nregimen = \"ec\"\nnombre = \"Tienda Ñandú\"\nmax_dias_futuro = 10\nredondeo = \"mitad_par\"\nidentificacion = \"1790011674001\"\n",
    "[motor]\nmemoria_mb = 0x100\n[bitacora]\nnivel = \"traza\"\n\0EMISOR__PLAZO_EMISION_SEGUNDOS=5\nMOTOR__PARTICIONES=3\n",
];

const PETICIONES: &[&str] = &[
    "GET /api/v1/clientes?limite=10&nombre=a%C3%B1\naccept: application/json\n\n",
    "GET /api/v1/facturas?fechaInicio=2026-11-01&fechaFin=2026-11-30&cliente_id=1&despues_de=4-0.513_5-2.88\n\n",
    "GET /api/v1/auditoria?desde=2026-11-23T00:00:00-05:00&hasta=2026-11-24T00:00:00Z&limite=1&despues=00\n\n",
    "GET /api/v1/facturas/1?version_minima=7\nx-correlation-id: flujo-1\n\n",
    "POST /api/v1/clientes\ncontent-type: application/json\nidempotency-key: c 1\nprefer: wait=5\n\n{\"id\":1,\"nombre\":\"ACME\",\"identificacion\":\"800123456-7\",\"correo\":\"a@b.co\",\"direccion\":\"Calle 1\"}",
    "PUT /api/v1/productos/1\ncontent-type: application/merge-patch+json; charset=utf-8\nif-match: W/\"3\"\n\n{\"precio\":5,\"nombre\":\"x\"}",
    "POST /api/v1/facturas\nprefer: respond-async\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n\n{\"cliente_id\":1,\"lineas\":[{\"descripcion\":\"s\",\"cantidad\":1,\"precio_unitario\":1}]}",
    "GET /metrics\n\n",
    "GET /api/v1/openapi.json\n\n",
    "DELETE /api/v1/clientes/1\n\n",
];

const VALORES: &[&str] = &[
    "800100000-1",
    "900.123.456-8",
    "1790011674001",
    "1710034065",
    "222222222222",
    "AB12345",
    "cliente-1",
    "PRINCIPAL:FACTURA:F",
    "119000.00",
    "-0.50",
    "1e3",
    "0.0000000000000000000000000001",
    "79228162514264337593543950335",
    "2026-11-23",
    "a.b+c@ejemplo.co",
    "4-0.513_5-2.88",
];

/// Inputs that are refused, each for a reason of its own.
const MALAS: &[(&str, &str)] = &[
    ("comandos", "\x11{\"a\":1,\"a\":2}"),
    ("comandos", "\x11[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
    ("configuracion", "suelta = 1\n[motor]\nparticiones = [1]\n[servidor]\ndireccion = \"localhost\"\n\0XYZW=1\n"),
    ("peticiones", "PATCH /api/v1/clientes/1\n\n"),
];

fn texto(objetivo: &'static str, textos: &[&str]) -> Vec<Semilla> {
    textos.iter().enumerate().map(|(n, t)| (objetivo, format!("semilla-{n:02}"), t.as_bytes().to_vec())).collect()
}

fn con_byte(objetivo: &'static str, entradas: impl IntoIterator<Item = (u8, Vec<u8>)>) -> Vec<Semilla> {
    let numerar =
        |(n, (byte, datos)): (usize, (u8, Vec<u8>))| (objetivo, format!("semilla-{n:02}"), [&[byte], &datos[..]].concat());
    entradas.into_iter().enumerate().map(numerar).collect()
}

/// Every seed.
pub fn todas() -> Vec<Semilla> {
    let mut todas = dorados();
    todas.extend(con_byte("comandos", COMANDOS.iter().map(|(ruta, json)| (*ruta, json.as_bytes().to_vec()))));
    todas.extend(
        MALAS.iter().enumerate().map(|(n, (objetivo, mala))| (*objetivo, format!("mala-{n:02}"), mala.as_bytes().to_vec())),
    );
    todas.extend(texto("importacion", IMPORTACIONES));
    todas.extend(texto("configuracion", CONFIGURACIONES));
    todas.extend(texto("peticiones", PETICIONES));
    todas.extend(con_byte("valores", VALORES.iter().enumerate().map(|(n, t)| (n as u8, t.as_bytes().to_vec()))));
    todas.extend(cursores::lugares().into_iter().enumerate().map(|(n, lugar)| ("cursores", format!("semilla-{n:02}"), lugar)));
    todas.extend(con_byte("filas", filas()));
    todas.extend(con_byte("registro", registro::semillas()));
    todas.extend(con_byte("sellos", auditoria()));
    todas.extend(con_byte("recuperacion", recuperaciones()));
    todas
}

/// The golden records, each behind the mark of its type.
fn dorados() -> Vec<Semilla> {
    let carpeta = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let leer = |r: &Registro| {
        let hex = fs::read_to_string(carpeta.join(format!("{}.hex", r.nombre()))).unwrap();
        let cifras: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let avro: Vec<u8> =
            cifras.chunks(2).map(|par| u8::from_str_radix(std::str::from_utf8(par).unwrap(), 16).unwrap()).collect();
        ("cable", r.nombre().to_owned(), cable::entrada(*r, &avro))
    };
    Registro::TODOS.iter().map(leer).collect()
}

fn filas() -> Vec<(u8, Vec<u8>)> {
    let id = |t: &str| Id::de_clave(t).unwrap();
    let origin = Origin {
        command_id: id("c-1"),
        huella: Some([7; 16]),
        correlation_id: id("flujo:1"),
        usuario: Some("ana".into()),
        recibido_en: Instante(1_795_435_200_000_000),
    };
    let row = |origin, payload| {
        AggregateRow { version: 9, queue: factumarket::domain::cuarentena::Cola::default(), origin, payload }.encode()
    };
    let recuerdo = |outcome| MemoryRow { huella: None, recibido_en: Instante(5), outcome }.encode();
    let positions: Positions = Topic::todos().map(|t| (TopicPartition::new(t, 3), 7)).collect();
    vec![
        (0, row(Some(origin), Payload::Snapshot(Bytes::from_static(b"instantanea")))),
        (0, row(None, Payload::Nothing)),
        (0, row(None, Payload::Document(Bytes::from_static(b"documento")))),
        (1, recuerdo(MemoryOutcome::Accepted { version: 3 })),
        (1, recuerdo(MemoryOutcome::Refused(Bytes::from_static(b"no")))),
        (2, encode_positions(&positions)),
        (3, b"A\x06f-1".to_vec()),
        (4, "usuario de muy lejos".as_bytes().to_vec()),
        // Key and row of the tables: see `tables::embedded::fuzz`.
        (5, b"p\0\0\xff\xff\x80\0\0\0\0\0\0\x07\x7f\xf4\xb4\xb4\x7f\xff\xff\xff\xff\xff\xff\xff\xfe".to_vec()),
        (6, b"\x01\x01\x01\x02ab\x02\x0e\x03\x02\xf6\x01\x04\x80\x80\x5a\x05\x10\x07\x08\x03xyz".to_vec()),
        (6, b"\x07\x00".to_vec()),
    ]
}

/// Keys, a note, a seal, lines and a whole file of the audit.
fn auditoria() -> Vec<(u8, Vec<u8>)> {
    let clave = sellos::clave();
    let particion = TopicPartition::new(Topic::Auditoria, 3);
    let (mut cadena, mut archivo) = (Cadena::nueva(particion), Vec::new());
    let mut escritor = Escritor::nuevo(&mut archivo, clave.nombre()).unwrap();
    escritor.particion(particion).unwrap();
    let valor = b"valor";
    let id = uuid::Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001);
    let ocurrido_en = Instante(1_795_435_200_000_000);
    for (version, evento_id) in [(1, Some(id)), (0, None)] {
        let hoja = Hoja { evento_id, tipo: "ComandoRechazado", version, ocurrido_en, datos: hoja::de_datos(valor) };
        let eslabon = cadena.agregar(&hoja);
        escritor.hoja(&hoja, &eslabon, Some(valor)).unwrap();
    }
    let sello = Sello::de(&cadena, clave.nombre(), 2, &Sello::sin_anterior(particion));
    let firmado = SelloFirmado::firmar(sello, &clave);
    escritor.sello(&firmado.nota).unwrap();
    escritor.terminar().unwrap();
    let lineas = archivo.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| (3, l.to_vec()));
    let mut todas = vec![
        (0, clave.publica().to_string().into_bytes()),
        (0, clave.secreta().into_bytes()),
        (1, firmado.nota.clone().into_bytes()),
        (2, firmado.sello.texto().into_bytes()),
        (4, archivo.clone()),
    ];
    todas.extend(lineas);
    todas
}

/// Changes of one file each, of all kinds; the first byte is the operation of the first change.
fn recuperaciones() -> Vec<(u8, Vec<u8>)> {
    (0..28u8).map(|n| (n % 7, vec![n / 2, n.wrapping_mul(37), n, 0, 0, 1 << (n % 8), 16])).collect()
}
