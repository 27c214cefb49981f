//! The layers, resolved over the table of settings.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::{
    AJUSTES, ARCHIVO_POR_DEFECTO, Ajuste, Configuracion, PREFIJO_ENTORNO, Valor, archivo, buscar,
    errores::{ErroresConfiguracion, Problema, parecido},
};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origen {
    Defecto,
    /// `archivo:línea`.
    Archivo(String),
    /// Name of the variable.
    Entorno(String),
    /// The flag, as written.
    Orden(String),
}

impl fmt::Display for Origen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defecto => f.write_str("por defecto"),
            Self::Archivo(donde) => write!(f, "archivo {donde}"),
            Self::Entorno(variable) => write!(f, "entorno {variable}"),
            Self::Orden(bandera) => write!(f, "orden {bandera}"),
        }
    }
}

/// What the layers are read from. The caller hands over the environment, so that tests need not touch the process's.
#[derive(Debug, Clone, Default)]
pub struct Fuentes {
    /// `--config`; `None` looks for `factumarket.toml` in `carpeta_de_trabajo`.
    pub archivo: Option<PathBuf>,
    /// Where the default file is looked for.
    pub carpeta_de_trabajo: PathBuf,
    /// Variables, in any order; those without our prefix are skipped.
    pub entorno: Vec<(String, String)>,
    /// Settings of the command line: name (`seccion.clave`), value, flag as written. Later ones win.
    pub ordenes: Vec<(String, String, String)>,
}

impl Fuentes {
    /// The process's environment and working folder.
    pub fn del_proceso(archivo: Option<PathBuf>, ordenes: Vec<(String, String, String)>) -> Self {
        let entorno = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.to_string_lossy().into_owned())));
        Self { archivo, carpeta_de_trabajo: PathBuf::from("."), entorno: entorno.collect(), ordenes }
    }
}

/// A setting with the value that won and its origin.
#[derive(Debug, Clone)]
pub struct Resuelto {
    pub ajuste: &'static Ajuste,
    pub valor: Valor,
    pub origen: Origen,
}

struct Lectura {
    valores: BTreeMap<&'static str, (Valor, Origen)>,
    problemas: Vec<Problema>,
}

/// Reads every layer.
///
/// # Errors
/// All the failures found in any layer, at once.
pub fn cargar(fuentes: &Fuentes) -> Result<Configuracion, ErroresConfiguracion> {
    let mut lectura = Lectura { valores: BTreeMap::new(), problemas: Vec::new() };
    lectura.defectos();
    lectura.archivo(fuentes);
    lectura.entorno(fuentes);
    lectura.ordenes(fuentes);
    let resueltos = AJUSTES.iter().filter_map(|ajuste| {
        let (valor, origen) = lectura.valores.get(ajuste.nombre)?.clone();
        Some(Resuelto { ajuste, valor, origen })
    });
    let configuracion = Configuracion::armar(resueltos.collect(), &mut lectura.problemas);
    if lectura.problemas.is_empty() { Ok(configuracion) } else { Err(ErroresConfiguracion(lectura.problemas)) }
}

impl Lectura {
    fn defectos(&mut self) {
        for ajuste in AJUSTES {
            self.poner(ajuste.nombre, Ok(ajuste.defecto.to_owned()), Origen::Defecto, "defecto");
        }
    }

    fn archivo(&mut self, fuentes: &Fuentes) {
        let por_defecto = || {
            // «./factumarket.toml» reads worse than «factumarket.toml» in every message.
            let carpeta = &fuentes.carpeta_de_trabajo;
            if carpeta.as_os_str() == "." { PathBuf::from(ARCHIVO_POR_DEFECTO) } else { carpeta.join(ARCHIVO_POR_DEFECTO) }
        };
        let ruta = fuentes.archivo.clone().unwrap_or_else(por_defecto);
        for entrada in archivo::leer(&ruta, fuentes.archivo.is_some(), &mut self.problemas) {
            let donde = entrada.donde;
            self.poner(&entrada.nombre, entrada.texto, Origen::Archivo(donde.clone()), &donde);
        }
    }

    fn entorno(&mut self, fuentes: &Fuentes) {
        let mut variables: Vec<_> = fuentes.entorno.iter().filter(|(nombre, _)| nombre.starts_with(PREFIJO_ENTORNO)).collect();
        variables.sort();
        for (variable, valor) in variables {
            let nombre = variable[PREFIJO_ENTORNO.len()..].to_lowercase().replacen("__", ".", 1);
            self.poner(&nombre, Ok(valor.clone()), Origen::Entorno(variable.clone()), variable);
        }
    }

    fn ordenes(&mut self, fuentes: &Fuentes) {
        for (nombre, valor, bandera) in &fuentes.ordenes {
            self.poner(nombre, Ok(valor.clone()), Origen::Orden(bandera.clone()), bandera);
        }
    }

    fn poner(&mut self, nombre: &str, texto: Result<String, ()>, origen: Origen, donde: &str) {
        let Some(ajuste) = buscar(nombre) else {
            self.problemas.push(desconocido(nombre, donde));
            return;
        };
        match texto.clone().and_then(|t| Valor::leer(ajuste.tipo, &t)) {
            Ok(valor) => {
                self.valores.insert(ajuste.nombre, (valor, origen));
            }
            Err(()) => {
                let escrito = texto.unwrap_or_else(|()| "una lista o una tabla".to_owned());
                self.problemas.push(Problema {
                    que: format!("el valor de {nombre} no es válido: «{}»", recortar(&escrito)),
                    donde: donde.to_owned(),
                    hacer: format!("Permitido: {}.", ajuste.tipo.permitido()),
                });
            }
        }
    }
}

/// A value in an error message is an excerpt: it may be a whole file pasted by mistake.
fn recortar(texto: &str) -> String {
    const MAX: usize = 80;
    let limpio: String = texto.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX).collect();
    if texto.chars().count() > MAX { format!("{limpio}…") } else { limpio }
}

fn desconocido(nombre: &str, donde: &str) -> Problema {
    let sugerencia = parecido(nombre, AJUSTES.iter().map(|a| a.nombre));
    let hacer = match sugerencia {
        Some(mejor) => format!("¿Quiso decir «{mejor}»? Todas las claves: factumarket config ver."),
        None => "Vea todas las claves con: factumarket config ver.".to_owned(),
    };
    Problema { que: format!("no existe la clave «{}»", recortar(nombre)), donde: donde.to_owned(), hacer }
}
