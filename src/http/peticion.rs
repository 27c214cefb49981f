//! A request as handlers see it: parts of the path, query, headers and body read and bounded.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Query,
    http::{HeaderMap, Uri, header},
};
use http_body_util::BodyExt;
use serde_json::Value;

use super::{
    cuerpos::leer_json,
    estado::AppState,
    ids,
    lecturas::{ErrorLectura, Lecturas},
    problema::{ErrorProblema, Problema},
    sugerencia::mas_parecido,
};
use crate::domain::valores::Id;

/// Longest query string, in bytes.
const LARGO_CONSULTA: usize = 8 * 1024;
/// What is read and thrown away of a body that is too large, so that its sender gets to read the answer.
const DESCARTE_MAXIMO: usize = 32 * 1024 * 1024;
/// How long a body may take to arrive.
const PLAZO_CUERPO: Duration = Duration::from_secs(10);
/// Longest `Idempotency-Key`.
const LARGO_CLAVE: usize = 255;

pub const CLAVE_IDEMPOTENCIA: &str = "idempotency-key";
pub const CORRELACION: &str = "x-correlation-id";

pub struct Peticion {
    pub estado: Arc<AppState>,
    /// The path's variables, decoded, in order: name and value.
    pub partes: Vec<(String, String)>,
    pub consulta: Vec<(String, String)>,
    pub encabezados: HeaderMap,
    pub cuerpo: Bytes,
    pub correlation_id: Id,
    /// Whether the caller gave the correlation id.
    pub correlacion_dada: bool,
    /// The key the command went under, once known: every answer carries it.
    pub clave: Arc<OnceLock<String>>,
    /// Set once requests carry an identity.
    pub usuario: Option<Arc<str>>,
}

impl Peticion {
    /// A variable of the path, as it came.
    pub fn parte(&self, posicion: usize) -> &str {
        self.partes.get(posicion).map_or("", |(_, valor)| valor.as_str())
    }

    /// A variable of the path as a simple id. What cannot be an id names nothing.
    pub fn id(&self, posicion: usize) -> Result<Id, Problema> {
        let texto = self.parte(posicion);
        Id::new(texto).map_err(|_| Problema::no_existe("un identificador así"))
    }

    /// A variable of the path as a key, simple or compound (`PRINCIPAL:FACTURA:F`).
    pub fn clave_compuesta(&self, posicion: usize) -> Result<Id, Problema> {
        let texto = self.parte(posicion);
        Id::de_clave(texto).map_err(|_| Problema::no_existe("un identificador así"))
    }

    pub fn parametro(&self, nombre: &str) -> Option<&str> {
        self.consulta.iter().find(|(n, _)| n == nombre).map(|(_, valor)| valor.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Problema> {
        self.exigir_json()?;
        Ok(leer_json(&self.cuerpo)?)
    }

    /// JSON types. Also no type at all, and the form type that command-line clients send by default when the body plainly is a
    /// JSON object; but not from a browser page, which could send those two to us without asking its user.
    fn exigir_json(&self) -> Result<(), Problema> {
        let tipo = self.encabezados.get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap_or("?"));
        let tipo = tipo.map(|t| t.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let de_pagina = self.encabezados.contains_key(header::ORIGIN);
        let admitido = match tipo.as_deref() {
            None => !de_pagina,
            Some("application/x-www-form-urlencoded") => {
                !de_pagina && self.cuerpo.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
            }
            Some("application/json") => true,
            Some(otro) => otro.starts_with("application/") && otro.ends_with("+json"),
        };
        if admitido { Ok(()) } else { Err(Problema::tipo_de_contenido()) }
    }

    /// The caller's `Idempotency-Key`, 1 to 255 visible ASCII characters or spaces.
    pub fn clave_dada(&self) -> Result<Option<&str>, Problema> {
        let Some(valor) = self.encabezados.get(CLAVE_IDEMPOTENCIA) else { return Ok(None) };
        let texto = valor.to_str().map(str::trim).unwrap_or_default();
        if !(1..=LARGO_CLAVE).contains(&texto.len()) {
            return Err(Problema::encabezado("Idempotency-Key", "de 1 a 255 caracteres ASCII visibles"));
        }
        Ok(Some(texto))
    }

    /// `If-Match` as the version expected; `*` and absence expect none.
    pub fn version_esperada(&self) -> Result<Option<u64>, Problema> {
        let Some(valor) = self.encabezados.get(header::IF_MATCH) else { return Ok(None) };
        let texto = valor.to_str().unwrap_or_default().trim();
        if texto == "*" {
            return Ok(None);
        }
        // Versions are signed on the wire.
        let numero = texto.trim_start_matches("W/").trim_matches('"').parse::<i64>().ok().and_then(|n| u64::try_from(n).ok());
        numero.map(Some).ok_or_else(|| Problema::encabezado("If-Match", "se espera la versión leída en ETag, por ejemplo \"3\""))
    }

    /// Refuses query parameters that the route does not know, naming the nearest one; and repeated ones.
    pub fn revisar_parametros(&self, conocidos: &[&str]) -> Result<(), Problema> {
        let mut errores = Vec::new();
        for (indice, (nombre, _)) in self.consulta.iter().enumerate() {
            if !conocidos.contains(&nombre.as_str()) {
                errores.push(parametro_desconocido(nombre, conocidos));
            } else if self.consulta[..indice].iter().any(|(otro, _)| otro == nombre) {
                errores.push(ErrorProblema::de_parametro(nombre, "ParametroRepetido", "el parámetro está repetido"));
            }
        }
        if errores.is_empty() { Ok(()) } else { Err(Problema::parametros(errores)) }
    }

    /// Runs a blocking read off the server's threads.
    pub async fn leer<T: Send + 'static>(
        &self,
        lectura: impl FnOnce(&dyn Lecturas) -> Result<T, ErrorLectura> + Send + 'static,
    ) -> Result<T, Problema> {
        let lecturas = Arc::clone(&self.estado.partes.lecturas);
        let leido = tokio::task::spawn_blocking(move || lectura(&*lecturas)).await;
        match leido {
            Ok(Ok(valor)) => Ok(valor),
            Ok(Err(ErrorLectura::Cursor)) => {
                Err(Problema::parametro("despues", "CursorInvalido", "el cursor no es de esta lista: empiece sin «despues»"))
            }
            Ok(Err(ErrorLectura::Parametro(mensaje))) => Err(Problema::parametro("", "ParametroInvalido", mensaje)),
            Ok(Err(ErrorLectura::Ambigua(mensaje))) => Err(Problema::ambiguo(mensaje)),
            Ok(Err(ErrorLectura::Ilegible(error))) => {
                tracing::error!(codigo = "ConsultaIlegible", error, "lo guardado no se puede leer");
                Err(Problema::interno())
            }
            Ok(Err(ErrorLectura::Tablas(error))) => Err(Problema::de_tablas(&error)),
            Err(error) => {
                tracing::error!(codigo = "LecturaInterrumpida", %error, "una lectura terminó de golpe");
                Err(Problema::interno())
            }
        }
    }
}

fn parametro_desconocido(nombre: &str, conocidos: &[&str]) -> ErrorProblema {
    let mensaje = match (mas_parecido(nombre, conocidos), conocidos.is_empty()) {
        (Some(parecido), _) => format!("parámetro desconocido; ¿quiso decir «{parecido}»?"),
        (None, true) => "parámetro desconocido; esta ruta no admite ninguno".to_owned(),
        (None, false) => format!("parámetro desconocido; se admiten: {}", conocidos.join(", ")),
    };
    ErrorProblema::de_parametro(nombre, "ParametroDesconocido", mensaje)
}

/// The query string as pairs.
pub fn leer_consulta(uri: &Uri) -> Result<Vec<(String, String)>, Problema> {
    if uri.query().is_some_and(|q| q.len() > LARGO_CONSULTA) {
        return Err(Problema::parametro("", "ParametroInvalido", "la consulta es demasiado larga"));
    }
    let leida = Query::<Vec<(String, String)>>::try_from_uri(uri);
    leida.map(|Query(pares)| pares).map_err(|_| Problema::parametro("", "ParametroInvalido", "la consulta no es UTF-8 válido"))
}

/// The correlation id: the caller's, or a new one.
pub fn leer_correlacion(encabezados: &HeaderMap, estado: &AppState) -> (Result<Id, Problema>, bool) {
    match encabezados.get(CORRELACION) {
        None => (Ok(ids::de_uuid(estado.partes.ids.uuid_v7())), false),
        Some(valor) => {
            let id = valor.to_str().ok().and_then(|texto| Id::new(texto.trim()).ok());
            (id.ok_or_else(|| Problema::encabezado("X-Correlation-Id", "de 1 a 64 caracteres A-Z a-z 0-9 . _ -")), true)
        }
    }
}

/// Reads a body of at most `limite` bytes.
pub async fn leer_cuerpo(cuerpo: Body, encabezados: &HeaderMap, limite: usize) -> Result<Bytes, Problema> {
    let anunciado = encabezados.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|t| t.parse::<usize>().ok());
    let cabe = anunciado.is_none_or(|largo| largo <= limite);
    match tokio::time::timeout(PLAZO_CUERPO, acumular(cuerpo, if cabe { limite } else { 0 })).await {
        Err(_) => Err(Problema::cuerpo_lento()),
        Ok(Err(())) => Err(Problema::cuerpo_lento()),
        Ok(Ok(Some(bytes))) if cabe => Ok(bytes),
        Ok(Ok(_)) => Err(Problema::cuerpo_demasiado_grande(limite)),
    }
}

/// The bytes of a body; `None` when it has more than `limite`, after throwing the rest away. An error when it broke off.
async fn acumular(mut cuerpo: Body, limite: usize) -> Result<Option<Bytes>, ()> {
    let mut junto = Vec::new();
    let mut total = 0_usize;
    while let Some(trozo) = cuerpo.frame().await {
        let Ok(datos) = trozo.map_err(drop)?.into_data() else { continue };
        total = total.saturating_add(datos.len());
        if total <= limite {
            junto.extend_from_slice(&datos);
        } else if total > DESCARTE_MAXIMO {
            return Ok(None);
        } else {
            junto = Vec::new();
        }
    }
    Ok(if total <= limite { Some(Bytes::from(junto)) } else { None })
}
