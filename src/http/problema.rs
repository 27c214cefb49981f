//! Errors as problem+json (RFC 9457): what happened, where, and what to do, in Spanish.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::{Map, Value, json};

use super::cuerpos::ErroresCuerpo;
use crate::{
    domain::reglas::{Falla, Regla},
    engine::gateway::SubmitError,
    tables::TablesError,
};

/// One entry of `errores`.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorProblema {
    pub regla: String,
    /// JSON Pointer into the body, `?nombre` for a query parameter.
    pub campo: String,
    pub mensaje: String,
    pub datos: Vec<(String, String)>,
}

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq)]
pub struct Problema {
    pub status: StatusCode,
    /// Stable name of the kind of error: `CuerpoInvalido`, `ReglasIncumplidas`, `NoExiste`…
    pub codigo: &'static str,
    pub titulo: &'static str,
    pub detalle: String,
    pub errores: Vec<ErrorProblema>,
    /// Seconds of `Retry-After`.
    pub reintentar_s: Option<u32>,
    /// The same answer as the first time the command was sent.
    pub repetido: bool,
}

/// What the request adds to every problem.
pub struct Ubicacion<'a> {
    pub instance: &'a str,
    pub request_id: &'a str,
}

impl Problema {
    pub fn new(status: StatusCode, codigo: &'static str, titulo: &'static str, detalle: impl Into<String>) -> Self {
        Self { status, codigo, titulo, detalle: detalle.into(), errores: Vec::new(), reintentar_s: None, repetido: false }
    }

    /// With `Retry-After`.
    pub fn reintentar(mut self, segundos: u32) -> Self {
        self.reintentar_s = Some(segundos.max(1));
        self
    }

    /// Marks the answer as given before (`Idempotent-Replayed`).
    pub fn repetido(mut self, repetido: bool) -> Self {
        self.repetido = repetido;
        self
    }

    fn con_error(mut self, error: ErrorProblema) -> Self {
        self.errores.push(error);
        self
    }

    pub fn ruta_desconocida() -> Self {
        let detalle = "no hay nada en esta dirección; la lista de rutas está en /api/v1/openapi.json";
        Self::new(StatusCode::NOT_FOUND, "RutaDesconocida", "No existe esa ruta", detalle)
    }

    pub fn metodo_no_permitido() -> Self {
        let detalle = "la ruta existe, pero no con este método; los que admite van en el encabezado Allow";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MetodoNoPermitido", "Método no permitido", detalle)
    }

    pub fn no_existe(que: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NoExiste", "No existe", format!("{que} no existe, o aún no se ve en las consultas"))
    }

    /// An id that names several things.
    pub fn ambiguo(mensaje: String) -> Self {
        Self::new(StatusCode::CONFLICT, "IdAmbiguo", "El identificador nombra varias cosas", mensaje)
    }

    pub fn tipo_de_contenido() -> Self {
        let detalle = "el cuerpo debe ser JSON: envíe Content-Type: application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "TipoDeContenido", "Tipo de contenido no admitido", detalle)
    }

    pub fn cuerpo_demasiado_grande(limite: usize) -> Self {
        let detalle = format!("el cuerpo pasa de {} KiB, el máximo de esta ruta; divídalo en varias peticiones", limite / 1024);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "CuerpoDemasiadoGrande", "Cuerpo demasiado grande", detalle)
    }

    /// A header of the request that cannot be used.
    pub fn encabezado(nombre: &str, detalle: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "EncabezadoInvalido", "Encabezado inválido", format!("{nombre}: {detalle}"))
    }

    /// Query parameters that cannot be used, all of them.
    pub fn parametros(errores: Vec<ErrorProblema>) -> Self {
        let detalle = resumen(&errores);
        Self { errores, ..Self::new(StatusCode::BAD_REQUEST, "ParametroInvalido", "Parámetros inválidos", detalle) }
    }

    /// One query parameter that cannot be used.
    pub fn parametro(nombre: &str, regla: &str, mensaje: impl Into<String>) -> Self {
        Self::parametros(vec![ErrorProblema::de_parametro(nombre, regla, mensaje)])
    }

    /// This process has no part in requests.
    pub fn no_olvida() -> Self {
        let detalle = "los datos personales no van cifrados, y el registro no los olvidaría: ponga datos_personales.cifrar en true y reinicie; lo \
                       escrito antes sigue en claro";
        Self::new(StatusCode::CONFLICT, "NoOlvida", "No se puede olvidar", detalle)
    }

    pub fn sin_api() -> Self {
        let detalle = "este proceso no atiende peticiones: use uno que sirva con --roles api";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "SinApi", "Este proceso no atiende la API", detalle)
    }

    pub fn sobrecarga() -> Self {
        let detalle = "hay demasiadas peticiones a la vez; reintente en un segundo";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServicioOcupado", "Servicio ocupado", detalle).reintentar(1)
    }

    pub fn plazo_agotado() -> Self {
        let detalle = "la petición no terminó a tiempo; si era un comando puede estar en curso: repítalo con la misma clave";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "PlazoAgotado", "Plazo agotado", detalle).reintentar(2)
    }

    pub fn cuerpo_lento() -> Self {
        let detalle = "el cuerpo no llegó completo a tiempo";
        Self::new(StatusCode::REQUEST_TIMEOUT, "CuerpoLento", "Cuerpo incompleto", detalle)
    }

    /// Something of ours failed; what, stays in the server's log under the request's id.
    pub fn interno() -> Self {
        let detalle = "algo falló en el servidor; el detalle está en su bitácora con este request_id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "ErrorInterno", "Error interno", detalle)
    }

    /// What was asked for cannot be seen yet by the queries.
    pub fn aun_no_visible() -> Self {
        let detalle = "las consultas aún no muestran lo pedido; reintente";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "AunNoVisible", "Aún no visible", detalle).reintentar(1)
    }

    /// 202 cannot be said, nor anything else: the gateway refused.
    pub fn de_envio(error: &SubmitError) -> Self {
        match error {
            SubmitError::Busy { retry_after } => {
                let segundos = u32::try_from(retry_after.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
                Self::new(StatusCode::TOO_MANY_REQUESTS, "DemasiadosComandos", "Demasiados comandos en curso", error.to_string())
                    .reintentar(segundos)
            }
            SubmitError::Unavailable(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServicioNoDisponible", "Servicio no disponible", error.to_string())
                    .reintentar(5)
            }
            SubmitError::TooLarge(_) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                Regla::DocumentoDemasiadoGrande.nombre(),
                "Documento demasiado grande",
                error.to_string(),
            ),
        }
    }

    pub fn de_tablas(error: &TablesError) -> Self {
        tracing::error!(codigo = "ConsultaFallida", %error, "una consulta falló");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ConsultaNoDisponible", "Consulta no disponible", error.to_string())
            .reintentar(5)
    }

    /// Refusals of the domain to a status: conflicts 409, quarantine 503, the addressed thing missing 404, else 422.
    pub fn de_fallas(fallas: &[Falla], inexistente: Regla) -> Self {
        let conflicto = [Regla::EstadoValido, Regla::YaExiste, Regla::VersionEsperada, Regla::ClaveIdempotenciaEnConflicto];
        let alguna = |reglas: &[Regla]| fallas.iter().any(|f| reglas.contains(&f.regla));
        let errores: Vec<_> = fallas.iter().map(ErrorProblema::de_falla).collect();
        let detalle = resumen(&errores);
        let base = if alguna(&[Regla::EnCuarentena]) {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "EnCuarentena", "En cuarentena", detalle).reintentar(30)
        } else if alguna(&conflicto) {
            Self::new(StatusCode::CONFLICT, "Conflicto", "Conflicto con el estado actual", detalle)
        } else if !fallas.is_empty() && fallas.iter().all(|f| f.regla == inexistente) {
            Self::new(StatusCode::NOT_FOUND, "NoExiste", "No existe", detalle)
        } else {
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ReglasIncumplidas", "Validación fallida", detalle)
        };
        Self { errores, ..base }
    }

    /// A command that was set aside: behind a quarantine (503, try later) or for good (422).
    pub fn de_apartado(codigo: &str, causa: &str) -> Self {
        let error = ErrorProblema { regla: codigo.to_owned(), campo: String::new(), mensaje: causa.to_owned(), datos: Vec::new() };
        let detalle = format!("el comando quedó apartado ({codigo}): {causa}");
        if codigo == Regla::EnCuarentena.nombre() || codigo == "Panico" {
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "EnCuarentena", "En cuarentena", detalle)
                .reintentar(30)
                .con_error(error);
        }
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ComandoApartado", "Comando apartado", detalle).con_error(error)
    }

    /// The response, with the place of the request in it.
    pub fn responder(&self, ubicacion: &Ubicacion<'_>) -> Response<Body> {
        let cuerpo = json!({
            "type": format!("urn:factumarket:problema:{}", self.codigo),
            "title": self.titulo,
            "status": self.status.as_u16(),
            "detail": self.detalle,
            "instance": ubicacion.instance,
            "codigo": self.codigo,
            "request_id": ubicacion.request_id,
            "errores": self.errores.iter().map(ErrorProblema::a_json).collect::<Vec<_>>(),
        });
        let mut respuesta = Response::new(Body::from(cuerpo.to_string()));
        *respuesta.status_mut() = self.status;
        let encabezados = respuesta.headers_mut();
        encabezados.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(segundos) = self.reintentar_s {
            encabezados.insert(header::RETRY_AFTER, HeaderValue::from(segundos));
        }
        if self.repetido {
            encabezados.insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        respuesta
    }
}

impl From<ErroresCuerpo> for Problema {
    /// 400 with any error of shape, else 422; the list has both kinds, shape first.
    fn from(errores: ErroresCuerpo) -> Self {
        let de_forma = !errores.forma.is_empty();
        let forma = errores.forma.into_iter().map(|e| ErrorProblema {
            regla: e.codigo.to_owned(),
            campo: e.campo,
            mensaje: e.mensaje,
            datos: e.datos,
        });
        let errores: Vec<_> = forma.chain(errores.valores.iter().map(ErrorProblema::de_falla)).collect();
        let detalle = resumen(&errores);
        let base = if de_forma {
            Self::new(StatusCode::BAD_REQUEST, "CuerpoInvalido", "Cuerpo inválido", detalle)
        } else {
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ReglasIncumplidas", "Validación fallida", detalle)
        };
        Self { errores, ..base }
    }
}

impl ErrorProblema {
    pub fn de_falla(falla: &Falla) -> Self {
        Self {
            regla: falla.regla.nombre().to_owned(),
            campo: falla.campo.clone(),
            mensaje: falla.to_string(),
            datos: falla.datos.clone(),
        }
    }

    /// An error of a query parameter.
    pub fn de_parametro(nombre: &str, regla: &str, mensaje: impl Into<String>) -> Self {
        let corto: String = nombre.chars().take(64).collect();
        Self { regla: regla.to_owned(), campo: format!("?{corto}"), mensaje: mensaje.into(), datos: Vec::new() }
    }

    fn a_json(&self) -> Value {
        let datos: Map<String, Value> = self.datos.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect();
        json!({"regla": self.regla, "campo": self.campo, "mensaje": self.mensaje, "datos": datos})
    }
}

/// The first messages, for whoever reads only `detail`.
fn resumen(errores: &[ErrorProblema]) -> String {
    const MOSTRADOS: usize = 3;
    let mut partes: Vec<String> = errores
        .iter()
        .take(MOSTRADOS)
        .map(|e| if e.campo.is_empty() { e.mensaje.clone() } else { format!("{}: {}", e.campo, e.mensaje) })
        .collect();
    if errores.len() > MOSTRADOS {
        partes.push(format!("y {} más en errores", errores.len() - MOSTRADOS));
    }
    partes.join("; ")
}
