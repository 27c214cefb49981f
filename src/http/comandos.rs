//! From a command to its answer: idempotency, the wait, and the status of each outcome (`dominio.md` sections 13 and 15).

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde_json::{Map, Value, json};

use super::{
    cuerpos::{ContextoCuerpo, ErroresCuerpo},
    ids::{self, OrigenIds},
    peticion::Peticion,
    problema::Problema,
    token,
};
use crate::{
    contracts::{Respuesta, Resultado, ResumenFactura, ResumenNota},
    domain::{Comando, TipoAgregado, inventario::ComandoInventario, reglas::Regla, valores::Id},
    engine::gateway::{NewCommand, Outcome, submit},
};

/// Longest wait that `Prefer: wait=N` gets, in seconds.
const ESPERA_MAXIMA_S: u64 = 30;
/// Kept between the wait and the time-out of the whole request.
const MARGEN: Duration = Duration::from_millis(1_500);

const VERSION: HeaderName = HeaderName::from_static("x-factumarket-version");
const DESPUES_DE: HeaderName = HeaderName::from_static("x-factumarket-despues-de");
const REPETIDO: HeaderName = HeaderName::from_static("idempotent-replayed");
const PREFERENCIA: HeaderName = HeaderName::from_static("preference-applied");

/// What the answer to an accepted command looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exito {
    /// 201 with `Location`.
    Creado,
    /// 200.
    Hecho,
}

/// How long the caller waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preferencia {
    Esperar(Duration),
    NoEsperar,
}

/// Reads the body, builds its commands and sees them through, one after the other; the answer is that of the last.
///
/// `tipo` is the command's type and `agregado` its target when the address names it: with them a bare correlation id
/// identifies the command.
///
/// # Errors
/// The problem to answer.
pub async fn ejecutar(
    peticion: &Peticion,
    exito: Exito,
    tipo: &'static str,
    agregado: Option<&Id>,
    construir: impl FnOnce(&Value, &ContextoCuerpo<'_>) -> Result<Vec<Comando>, ErroresCuerpo>,
) -> Result<Response<Body>, Problema> {
    ejecutar_con(peticion, exito, tipo, agregado, &peticion.json()?, construir).await
}

/// As [`ejecutar`] for an action whose body may be left out.
///
/// # Errors
/// The problem to answer.
pub async fn ejecutar_con_opciones(
    peticion: &Peticion,
    exito: Exito,
    tipo: &'static str,
    agregado: Option<&Id>,
    construir: impl FnOnce(&Value, &ContextoCuerpo<'_>) -> Result<Vec<Comando>, ErroresCuerpo>,
) -> Result<Response<Body>, Problema> {
    let valor = if peticion.cuerpo.iter().all(u8::is_ascii_whitespace) { json!({}) } else { peticion.json()? };
    ejecutar_con(peticion, exito, tipo, agregado, &valor, construir).await
}

async fn ejecutar_con(
    peticion: &Peticion,
    exito: Exito,
    tipo: &'static str,
    agregado: Option<&Id>,
    valor: &Value,
    construir: impl FnOnce(&Value, &ContextoCuerpo<'_>) -> Result<Vec<Comando>, ErroresCuerpo>,
) -> Result<Response<Body>, Problema> {
    let id_del_cuerpo = valor.get("id").map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
    let clave = clave_de(peticion, tipo, agregado.map(Id::as_str).or(id_del_cuerpo.as_deref()))?;
    let contexto = ContextoCuerpo {
        hoy: peticion.estado.partes.clock.now().fecha_en_utc_menos_5(),
        origen: OrigenIds { usuario: peticion.usuario.as_deref(), clave: Some(&clave), ids: &*peticion.estado.partes.ids },
        verificar_digito_ruc: peticion.estado.partes.opciones.verificar_digito_ruc,
    };
    let comandos = construir(valor, &contexto)?;
    enviar(peticion, exito, &clave, comandos).await
}

/// As [`ejecutar`] for an action whose address says everything: no body is read.
///
/// # Errors
/// The problem to answer.
pub async fn ejecutar_sin_cuerpo(peticion: &Peticion, comando: Comando) -> Result<Response<Body>, Problema> {
    let destino = comando.destino();
    let clave = clave_de(peticion, comando.tipo(), Some(destino.id.as_str()))?;
    enviar(peticion, Exito::Hecho, &clave, vec![comando]).await
}

/// The key of the request: the caller's; else derived from its correlation id; else a new one, which the answer carries so that
/// the request can be repeated with it. It is noted in the request: every answer, error or not, carries it.
fn clave_de(peticion: &Peticion, tipo: &str, agregado: Option<&str>) -> Result<String, Problema> {
    let clave = elegir_clave(peticion, tipo, agregado)?;
    Ok(peticion.clave.get_or_init(|| clave).clone())
}

fn elegir_clave(peticion: &Peticion, tipo: &str, agregado: Option<&str>) -> Result<String, Problema> {
    if let Some(clave) = peticion.clave_dada()? {
        return Ok(clave.to_owned());
    }
    if peticion.correlacion_dada {
        let id = ids::comando_de_correlacion(peticion.correlation_id.as_str(), tipo, agregado.unwrap_or_default());
        return Ok(id.as_str().to_owned());
    }
    Ok(peticion.estado.partes.ids.uuid_v7().to_string())
}

async fn enviar(peticion: &Peticion, exito: Exito, clave: &str, mut comandos: Vec<Comando>) -> Result<Response<Body>, Problema> {
    let preferencia = preferencia(peticion)?;
    let mut command_id = ids::comando_de_clave(clave);
    let mut version_esperada = peticion.version_esperada()?;
    let ultimo = comandos.pop().ok_or_else(Problema::interno)?;
    let espera = Preferencia::Esperar(peticion.estado.partes.opciones.espera);
    for comando in comandos {
        let paso = enviar_uno(peticion, exito, espera, command_id.clone(), version_esperada.take(), comando).await?;
        if paso.status() == StatusCode::ACCEPTED {
            // The next one must not overtake it; repeating the request with its key goes on from here.
            return Err(Problema::plazo_agotado());
        }
        command_id = ids::comando_derivado(&command_id, "siguiente");
    }
    enviar_uno(peticion, exito, preferencia, command_id, version_esperada, ultimo).await
}

async fn enviar_uno(
    peticion: &Peticion,
    exito: Exito,
    preferencia: Preferencia,
    command_id: Id,
    version_esperada: Option<u64>,
    comando: Comando,
) -> Result<Response<Body>, Problema> {
    let destino = Destino::de(&comando);
    let nuevo = NewCommand {
        command_id: command_id.clone(),
        correlation_id: peticion.correlation_id.clone(),
        usuario: peticion.usuario.clone(),
        canal: canal(&comando),
        version_esperada,
        traceparent: traceparent(peticion),
        comando,
    };
    let espera = match preferencia {
        Preferencia::Esperar(espera) => espera,
        Preferencia::NoEsperar => Duration::ZERO,
    };
    let salida = submit(&peticion.estado.partes.gateway, nuevo, espera).await.map_err(|e| Problema::de_envio(&e))?;
    let mut respuesta = match salida {
        Outcome::InCourse { command_id } => en_curso(&command_id),
        Outcome::Done(_) if preferencia == Preferencia::NoEsperar => en_curso(&command_id),
        Outcome::Done(reply) => contestar(peticion, &destino, exito, reply).await?,
    };
    if peticion.encabezados.contains_key("prefer") {
        let aplicada = match preferencia {
            Preferencia::NoEsperar => HeaderValue::from_static("respond-async"),
            Preferencia::Esperar(espera) => texto_encabezado(&format!("wait={}", espera.as_secs())),
        };
        respuesta.headers_mut().insert(PREFERENCIA, aplicada);
    }
    Ok(respuesta)
}

/// Orders say their channel in the body; it also goes in the envelope.
fn canal(comando: &Comando) -> Option<Arc<str>> {
    use crate::domain::facturacion::factura::ComandoFactura;
    match comando {
        Comando::Factura(ComandoFactura::CrearYEmitirFactura { datos, .. } | ComandoFactura::CrearFactura { datos, .. }) => {
            datos.canal.clone()
        }
        _ => None,
    }
}

/// The caller's W3C trace context, when it has the form of one.
fn traceparent(peticion: &Peticion) -> Option<Arc<str>> {
    let texto = peticion.encabezados.get("traceparent")?.to_str().ok()?;
    let forma = texto.len() == 55 && texto.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    forma.then(|| Arc::from(texto))
}

/// `Prefer: wait=N`, `Prefer: respond-async` (RFC 7240); preferences we do not know are ignored, as it asks.
fn preferencia(peticion: &Peticion) -> Result<Preferencia, Problema> {
    let opciones = &peticion.estado.partes.opciones;
    let antes_del_plazo = opciones.plazo_peticion.saturating_sub(MARGEN).max(opciones.plazo_peticion / 2);
    let tope = antes_del_plazo.min(Duration::from_secs(ESPERA_MAXIMA_S));
    let mut asincrona = false;
    for valor in peticion.encabezados.get_all("prefer") {
        for parte in valor.to_str().unwrap_or_default().split([',', ';']).map(str::trim) {
            if parte.eq_ignore_ascii_case("respond-async") {
                asincrona = true;
            } else if let Some(segundos) = parte.strip_prefix("wait=") {
                let segundos: u64 =
                    segundos.parse().map_err(|_| Problema::encabezado("Prefer", "wait es un número de segundos, de 0 a 30"))?;
                return Ok(Preferencia::Esperar(Duration::from_secs(segundos).min(tope)));
            }
        }
    }
    Ok(if asincrona { Preferencia::NoEsperar } else { Preferencia::Esperar(opciones.espera.min(tope)) })
}

/// Durable and not decided yet: where to ask.
fn en_curso(command_id: &Id) -> Response<Body> {
    let consulta = format!("/api/v1/comandos/{command_id}");
    let cuerpo = json!({"comando_id": command_id.as_str(), "estado": "EN_CURSO", "consulta": consulta});
    let mut respuesta = json_con(StatusCode::ACCEPTED, &cuerpo);
    respuesta.headers_mut().insert(header::LOCATION, texto_encabezado(&consulta));
    respuesta
}

async fn contestar(peticion: &Peticion, destino: &Destino, exito: Exito, reply: Respuesta) -> Result<Response<Body>, Problema> {
    match &reply.resultado {
        Resultado::Aceptado { factura } => {
            let resumen = factura.as_ref().map(resumen_de_factura).unwrap_or_default();
            Ok(con_token(peticion, &reply, aceptado(destino, exito, &reply, resumen)).await)
        }
        Resultado::NotaAceptada { nota } => {
            Ok(con_token(peticion, &reply, aceptado(destino, exito, &reply, resumen_de_nota(nota))).await)
        }
        Resultado::Rechazado { errores } => Err(Problema::de_fallas(errores, destino.inexistente).repetido(reply.repetido)),
        Resultado::Apartado { codigo, causa } => Err(Problema::de_apartado(codigo, causa)),
        Resultado::EnCurso => Ok(marcar_repetido(en_curso(&reply.command_id), reply.repetido)),
    }
}

/// With what a list is asked for to show what this command did.
async fn con_token(peticion: &Peticion, reply: &Respuesta, mut respuesta: Response<Body>) -> Response<Body> {
    if let Some(token) = token::de_respuesta(peticion, &reply.particiones).await {
        respuesta.headers_mut().insert(DESPUES_DE, texto_encabezado(&token));
    }
    respuesta
}

fn aceptado(destino: &Destino, exito: Exito, reply: &Respuesta, resumen: Map<String, Value>) -> Response<Body> {
    let version = reply.versiones.iter().find(|v| v.tipo == destino.tipo && v.id == destino.id).map(|v| v.version);
    let mut cuerpo = Map::new();
    cuerpo.insert("id".to_owned(), Value::from(destino.propio.as_str()));
    if let Some(movimiento) = &destino.movimiento {
        cuerpo.insert("movimiento_id".to_owned(), Value::from(movimiento.as_str()));
    }
    cuerpo.extend(resumen);
    if let Some(version) = version {
        cuerpo.insert("version".to_owned(), Value::from(version));
    }
    cuerpo.insert("comando_id".to_owned(), Value::from(reply.command_id.as_str()));
    let status = if exito == Exito::Creado { StatusCode::CREATED } else { StatusCode::OK };
    let mut respuesta = json_con(status, &Value::Object(cuerpo));
    let encabezados = respuesta.headers_mut();
    if exito == Exito::Creado {
        encabezados.insert(header::LOCATION, texto_encabezado(&destino.direccion));
    }
    if let Some(version) = version {
        encabezados.insert(VERSION, HeaderValue::from(version));
        encabezados.insert(header::ETAG, texto_encabezado(&format!("\"{version}\"")));
    }
    marcar_repetido(respuesta, reply.repetido)
}

fn textos<const N: usize>(textos: [(&str, String); N]) -> Map<String, Value> {
    textos.into_iter().map(|(nombre, texto)| (nombre.to_owned(), Value::from(texto))).collect()
}

fn resumen_de_factura(resumen: &ResumenFactura) -> Map<String, Value> {
    textos([
        ("numero", resumen.numero.to_string()),
        ("estado", resumen.estado.to_string()),
        ("fecha_emision", resumen.fecha_emision.to_string()),
        ("moneda", resumen.moneda.to_string()),
        ("subtotal", dos_decimales(resumen.subtotal.valor())),
        ("impuestos", dos_decimales(resumen.impuestos.valor())),
        ("total", dos_decimales(resumen.total.valor())),
    ])
}

fn resumen_de_nota(resumen: &ResumenNota) -> Map<String, Value> {
    textos([
        ("factura_id", resumen.factura_id.to_string()),
        ("numero", resumen.numero.to_string()),
        ("estado", resumen.estado.to_string()),
        ("fecha_emision", resumen.fecha_emision.to_string()),
        ("moneda", resumen.moneda.to_string()),
        ("subtotal", dos_decimales(resumen.subtotal.valor())),
        ("impuestos", dos_decimales(resumen.impuestos.valor())),
        ("total", dos_decimales(resumen.total.valor())),
    ])
}

/// Amounts of documents show their two decimals: `100000.00`.
fn dos_decimales(valor: crate::domain::valores::Decimal) -> String {
    format!("{valor:.2}")
}

fn marcar_repetido(mut respuesta: Response<Body>, repetido: bool) -> Response<Body> {
    if repetido {
        respuesta.headers_mut().insert(REPETIDO, HeaderValue::from_static("true"));
    }
    respuesta
}

/// Whom a command addresses, and how that shows in an answer.
struct Destino {
    tipo: TipoAgregado,
    id: Id,
    /// The id as the caller knows it: of a note, without its invoice's.
    propio: Id,
    direccion: String,
    movimiento: Option<Id>,
    /// The rule that says that the addressed thing does not exist.
    inexistente: Regla,
}

impl Destino {
    fn de(comando: &Comando) -> Self {
        let destino = comando.destino();
        let id = destino.id.as_str();
        let (direccion, inexistente) = match destino.tipo {
            TipoAgregado::Cliente => (format!("/api/v1/clientes/{id}"), Regla::ClienteNoExiste),
            TipoAgregado::Producto => (format!("/api/v1/productos/{id}"), Regla::ProductoNoExiste),
            TipoAgregado::Descuento => (format!("/api/v1/descuentos/{id}"), Regla::DescuentoNoExiste),
            TipoAgregado::Sucursal => (format!("/api/v1/sucursales/{id}"), Regla::SucursalNoExiste),
            TipoAgregado::Bodega => (format!("/api/v1/bodegas/{id}"), Regla::BodegaNoExiste),
            TipoAgregado::Inventario => (format!("/api/v1/inventarios/{}/stock", id.replace(':', "/")), Regla::InventarioNoExiste),
            TipoAgregado::RangoNumeracion => (format!("/api/v1/numeracion/{id}"), Regla::RangoNoExiste),
            TipoAgregado::Factura => (format!("/api/v1/facturas/{id}"), Regla::FacturaExiste),
            TipoAgregado::NotaCredito => {
                (format!("/api/v1/facturas/{}", id.replacen(':', "/notas-credito/", 1)), Regla::NotaCreditoExiste)
            }
        };
        let propio = match comando {
            Comando::NotaCredito(c) => c.ids().1.clone(),
            _ => destino.id.clone(),
        };
        let movimiento = match comando {
            Comando::Inventario(
                ComandoInventario::RegistrarEntrada { movimiento_id, .. }
                | ComandoInventario::RegistrarSalida { movimiento_id, .. },
            ) => Some(movimiento_id.clone()),
            _ => None,
        };
        Self { tipo: destino.tipo, propio, direccion, movimiento, inexistente, id: destino.id }
    }
}

/// A JSON response.
pub fn json_con(status: StatusCode, cuerpo: &Value) -> Response<Body> {
    let mut respuesta = Response::new(Body::from(cuerpo.to_string()));
    *respuesta.status_mut() = status;
    respuesta.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    respuesta
}

/// Text of ours as a header: ids, numbers and paths, always ASCII.
pub fn texto_encabezado(texto: &str) -> HeaderValue {
    HeaderValue::from_str(texto).unwrap_or_else(|_| HeaderValue::from_static(""))
}
