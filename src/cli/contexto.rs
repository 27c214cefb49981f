//! What every command starts from: its output and its configuration.

use std::path::PathBuf;

use serde_json::json;

use super::{
    args::Global,
    fallo::{Clase, Fallo},
    salida::Salida,
};
use crate::config::{self, Configuracion, ErroresConfiguracion, Fuentes, Origen};

/// Output, configuration and the `--url` of a command.
pub struct Contexto {
    pub salida: Salida,
    pub configuracion: Configuracion,
    pub url: Option<String>,
}

impl Contexto {
    /// Resolves the configuration with the command's own flags (`seccion.clave`, value, flag as written) on top.
    ///
    /// # Errors
    /// Every problem of the configuration, as one failure of class `Uso`.
    pub fn new(global: &Global, propias: Vec<(String, String, String)>, salida: Salida) -> Result<Self, Fallo> {
        if let Some(url) = global.url.as_deref().filter(|url| !url_valida(url)) {
            return Err(Fallo::new(
                Clase::Uso,
                format!("--url «{url}» no sirve"),
                "debe ser http://, una dirección y un puerto, sin ruta",
                "Por ejemplo: --url http://127.0.0.1:8080.",
            ));
        }
        let configuracion = config::cargar(&fuentes(global, propias)?).map_err(|e| fallo_de_configuracion(&e))?;
        Ok(Self { salida, configuracion, url: global.url.clone() })
    }

    /// Whether nobody chose the data folder: not a flag, not the environment, not the file.
    pub fn carpeta_sin_elegir(&self) -> bool {
        self.configuracion.resueltos().iter().any(|r| r.ajuste.nombre == "datos.carpeta" && r.origen == Origen::Defecto)
    }

    /// The same context over another folder.
    pub fn con_carpeta(mut self, carpeta: &str) -> Self {
        self.configuracion.carpeta = PathBuf::from(carpeta);
        self
    }

    pub fn carpeta(&self) -> PathBuf {
        self.configuracion.carpeta.clone()
    }
}

/// `http://` and an authority: the API is plain HTTP, and its routes are ours to add.
fn url_valida(url: &str) -> bool {
    let autoridad = url.strip_prefix("http://").map(|resto| resto.trim_end_matches('/'));
    autoridad.is_some_and(|a| {
        !a.is_empty() && a.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'-' | b'[' | b']'))
    })
}

/// The layers of the process, with the flags of this command line.
///
/// # Errors
/// A `--set` without `=`.
pub fn fuentes(global: &Global, propias: Vec<(String, String, String)>) -> Result<Fuentes, Fallo> {
    let mut ordenes = Vec::new();
    for ajuste in &global.ajustes {
        let Some((nombre, valor)) = ajuste.split_once('=') else {
            return Err(Fallo::new(
                Clase::Uso,
                format!("--set «{ajuste}» no tiene valor"),
                "un ajuste se escribe seccion.clave=valor",
                "Por ejemplo: --set motor.memoria_mb=512.",
            ));
        };
        ordenes.push((nombre.trim().to_owned(), valor.to_owned(), format!("--set {nombre}")));
    }
    if let Some(carpeta) = &global.datos {
        ordenes.push(("datos.carpeta".to_owned(), carpeta.to_string_lossy().into_owned(), "--datos".to_owned()));
    }
    ordenes.extend(propias);
    Ok(Fuentes::del_proceso(global.config.clone(), ordenes))
}

pub fn fallo_de_configuracion(errores: &ErroresConfiguracion) -> Fallo {
    let lista: Vec<_> = errores.0.iter().map(|p| json!({ "que": p.que, "donde": p.donde, "que_hacer": p.hacer })).collect();
    let por_que: Vec<_> = errores.0.iter().map(|p| format!("\n    · {p}")).collect();
    let que = if lista.len() == 1 {
        "la configuración tiene un problema".to_owned()
    } else {
        format!("la configuración tiene {} problemas", lista.len())
    };
    Fallo::new(
        Clase::Uso,
        que,
        por_que.concat(),
        "Corrija cada uno donde se indica. Los ajustes y sus límites: factumarket config ver.",
    )
    .con_detalle(json!(lista))
}
