//! JSON commands of the HTTP bodies. First byte: the route; the rest is the body.

use factumarket::{
    contracts::{CodecError, CommandEnvelope},
    domain::{
        Comando,
        valores::{Id, Instante},
    },
    engine::{gateway::NewCommand, ports::SystemIds},
    http::{
        cuerpos::{self, ContextoCuerpo, ErroresCuerpo, leer_json},
        ids::OrigenIds,
    },
};
use serde_json::Value;

use super::{cable::CODEC, memoria::acotada};

/// Fields and values of the bodies.
pub const PALABRAS: &[&str] = &[
    "\"id\":",
    "\"cliente_id\":",
    "\"nombre\":",
    "\"identificacion\":",
    "\"tipo_identificacion\":",
    "\"correo\":",
    "\"direccion\":",
    "\"linea\":",
    "\"lineas\":[",
    "\"cantidad\":",
    "\"precio\":",
    "\"precio_unitario\":",
    "\"impuesto\":",
    "\"codigo\":",
    "\"tarifa\":",
    "\"formas_pago\":[",
    "\"monto\":",
    "\"fecha_emision\":",
    "\"fecha_caducidad\":",
    "\"producto_id\":",
    "\"bodega_id\":",
    "\"stock_minimo\":",
    "\"responsabilidades\":[",
    "\"numero\":",
    "\"dv\":",
    "\"tipo\":",
    "\"total\":",
    "null",
    "true",
    "1e400",
    "-0",
    "1e-28",
    "99999999999999.999999",
    "0.0000001",
    "\"2026-11-23\"",
    "\"0000-01-01\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"e\u{301}\"",
    "$serde_json::private::Number",
    "$serde_json::private::RawValue",
    "\"NIT\"",
    "\"CONTADO\"",
];

/// 2026-11-23T12:00:00Z.
const AHORA: Instante = Instante(1_795_435_200_000_000);
/// Bytes held for each byte of a body, and besides: a body that is wrong throughout has a thousand errors, each quoting its fields.
const POR_BYTE: usize = 256;
const FIJO: usize = 2 << 20;

/// What a body is read with.
pub fn contexto(ids: &SystemIds) -> ContextoCuerpo<'_> {
    let origen = OrigenIds { usuario: None, clave: Some("clave"), ids };
    ContextoCuerpo { hoy: AHORA.fecha_en_utc_menos_5(), origen, verificar_digito_ruc: true }
}

type Leidos = Result<Vec<Comando>, ErroresCuerpo>;

fn leer(ruta: u8, valor: &Value) -> Leidos {
    let ids = SystemIds;
    let (c, id) = (contexto(&ids), Id::compuesto(&["1"]));
    Ok(vec![match ruta % 18 {
        0 => Comando::Cliente(cuerpos::cuerpo_cliente(valor, &c)?),
        1 => Comando::Cliente(cuerpos::cuerpo_cliente_cambios(valor, &id, &c)?),
        2 => Comando::Producto(cuerpos::cuerpo_producto(valor, &c)?),
        3 => return Ok(cuerpos::cuerpo_producto_cambios(valor, &id)?.into_iter().map(Comando::Producto).collect()),
        4 => Comando::Sucursal(cuerpos::cuerpo_sucursal(valor, &c)?),
        5 => Comando::Sucursal(cuerpos::cuerpo_sucursal_cambios(valor, &id)?),
        6 => Comando::Bodega(cuerpos::cuerpo_bodega(valor, &c)?),
        7 => Comando::Bodega(cuerpos::cuerpo_bodega_cambios(valor, &id)?),
        8 => Comando::Inventario(cuerpos::cuerpo_inventario(valor)?),
        9 => Comando::Inventario(cuerpos::cuerpo_entrada(valor, Some((&id, &id)), &c)?),
        10 => Comando::Inventario(cuerpos::cuerpo_entrada(valor, None, &c)?),
        11 => Comando::Inventario(cuerpos::cuerpo_salida(valor, Some((&id, &id)), &c)?),
        12 => Comando::Inventario(cuerpos::cuerpo_salida(valor, None, &c)?),
        13 => Comando::Inventario(cuerpos::cuerpo_stock_minimo(valor, &id, &id)?),
        14 => Comando::Rango(cuerpos::cuerpo_rango(valor)?),
        15 => Comando::Rango(cuerpos::cuerpo_renovar(valor, &id)?),
        16 => Comando::Rango(cuerpos::cuerpo_inutilizar(valor, &id)?),
        _ => Comando::Factura(cuerpos::cuerpo_factura(valor, &c)?),
    }])
}

pub fn cuerpo(datos: &[u8]) -> bool {
    let Some((ruta, texto)) = datos.split_first() else { return false };
    let tope = FIJO + POR_BYTE * texto.len();
    let valor = match acotada(tope, || leer_json(texto)) {
        Ok(valor) => valor,
        Err(errores) => {
            con_razones(&errores);
            return false;
        }
    };
    json_igual(texto, &valor);
    match acotada(tope, || leer(*ruta, &valor)) {
        Ok(comandos) => {
            comandos.into_iter().for_each(|comando| viaja(comando, texto.len()));
            true
        }
        Err(errores) => {
            con_razones(&errores);
            false
        }
    }
}

/// A refusal says why, at least once.
pub fn con_razones(errores: &ErroresCuerpo) {
    assert!(!errores.vacio(), "un fallo sin su razón");
    assert!(errores.forma.iter().all(|e| !e.mensaje.is_empty() && e.mensaje != "no se pudo leer el cuerpo"), "{errores:?}");
}

/// The JSON has the objects and lists that its text shows, and is read the same when it is written again.
fn json_igual(texto: &[u8], valor: &Value) {
    assert_eq!(contenedores(valor), abiertos(texto), "un objeto o una lista se leyó como otra cosa: {valor}");
    assert_eq!(leer_json(valor.to_string().as_bytes()).as_ref(), Ok(valor), "el JSON escrito otra vez se lee igual");
}

/// Objects and lists of a value.
fn contenedores(valor: &Value) -> (usize, usize) {
    let sumar = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
    match valor {
        Value::Object(mapa) => mapa.values().map(contenedores).fold((1, 0), sumar),
        Value::Array(lista) => lista.iter().map(contenedores).fold((0, 1), sumar),
        _ => (0, 0),
    }
}

/// Braces and brackets opened outside texts.
fn abiertos(texto: &[u8]) -> (usize, usize) {
    let (mut objetos, mut listas, mut dentro, mut escapado) = (0, 0, false, false);
    for byte in texto {
        match byte {
            _ if escapado => escapado = false,
            b'\\' => escapado = dentro,
            b'"' => dentro = !dentro,
            b'{' if !dentro => objetos += 1,
            b'[' if !dentro => listas += 1,
            _ => {}
        }
    }
    (objetos, listas)
}

/// What the edge accepts, the log carries and gives back.
pub fn viaja(comando: Comando, largo: usize) {
    let id = Id::compuesto(&["c"]);
    let (correlation_id, command_id) = (id.clone(), id);
    viaja_con(
        NewCommand { command_id, correlation_id, usuario: None, canal: None, version_esperada: None, traceparent: None, comando },
        largo,
    );
}

/// The same, with what came around the body.
pub fn viaja_con(nuevo: NewCommand, largo: usize) {
    let sobre = CommandEnvelope {
        command_id: nuevo.command_id,
        correlation_id: nuevo.correlation_id,
        causation_id: None,
        recibido_en: AHORA,
        usuario: nuevo.usuario,
        canal: nuevo.canal,
        version_esperada: nuevo.version_esperada,
        responder_a: None,
        traceparent: nuevo.traceparent,
        paso: None,
        comando: nuevo.comando,
    };
    match CODEC.encode_command(&sobre) {
        Ok(bytes) => assert_eq!(CODEC.decode_command(&bytes).map(|c| c.envelope), Ok(sobre)),
        Err(CodecError::TooLarge { .. }) if largo > 256 << 10 => {}
        Err(error) => panic!("el borde aceptó lo que el registro no lleva: {error}\n{sobre:?}"),
    }
}
