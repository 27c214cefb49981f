//! The TOML layer: `[seccion]` tables of `clave = valor`, each value with the line it stands on.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};

use toml::de::{DeTable, DeValue};

use super::errores::Problema;

/// A configuration file is small; anything larger is another file by mistake.
const MAX_BYTES: u64 = 1_048_576;

/// A value as the file states it.
pub(super) struct Entrada {
    /// `seccion.clave`.
    pub nombre: String,
    /// Text of the value; `Err` when it is a list or a table.
    pub texto: Result<String, ()>,
    /// `archivo:línea`.
    pub donde: String,
}

/// Entries of the file. A missing file is a failure only when it was `pedido` by name.
pub(super) fn leer(ruta: &Path, pedido: bool, problemas: &mut Vec<Problema>) -> Vec<Entrada> {
    let texto = match leer_texto(ruta) {
        Ok(texto) => texto,
        Err(e) if e.kind() == ErrorKind::NotFound && !pedido => return Vec::new(),
        Err(e) => {
            problemas.push(Problema {
                que: format!("no se puede leer el archivo de configuración: {}", causa(&e)),
                donde: ruta.display().to_string(),
                hacer: "Indique con --config un archivo TOML que exista y se pueda leer.".to_owned(),
            });
            return Vec::new();
        }
    };
    entradas(&ruta.display().to_string(), &texto, problemas)
}

fn leer_texto(ruta: &Path) -> std::io::Result<String> {
    let mut texto = String::new();
    File::open(ruta)?.take(MAX_BYTES + 1).read_to_string(&mut texto)?;
    if texto.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other("mide más de 1 MiB"));
    }
    Ok(texto)
}

fn causa(e: &std::io::Error) -> String {
    match e.kind() {
        ErrorKind::NotFound => "no existe".to_owned(),
        ErrorKind::PermissionDenied => "sin permiso de lectura".to_owned(),
        ErrorKind::IsADirectory => "es una carpeta".to_owned(),
        ErrorKind::InvalidData => "no es texto UTF-8".to_owned(),
        _ => e.to_string(),
    }
}

fn entradas(archivo: &str, texto: &str, problemas: &mut Vec<Problema>) -> Vec<Entrada> {
    let (tabla, errores) = DeTable::parse_recoverable(texto);
    for error in &errores {
        let linea = error.span().map_or(1, |s| linea_de(texto, s.start));
        problemas.push(Problema {
            que: "el archivo de configuración no es TOML válido".to_owned(),
            donde: format!("{archivo}:{linea}"),
            hacer: "Escriba secciones [seccion] y líneas clave = valor, los textos entre comillas.".to_owned(),
        });
    }
    if !errores.is_empty() {
        return Vec::new();
    }
    let mut entradas = Vec::new();
    for (seccion, valor) in tabla.get_ref() {
        let donde = |inicio: usize| format!("{archivo}:{}", linea_de(texto, inicio));
        match valor.get_ref() {
            DeValue::Table(claves) => entradas.extend(claves.iter().map(|(clave, valor)| Entrada {
                nombre: format!("{}.{}", seccion.get_ref(), clave.get_ref()),
                texto: texto_de(valor.get_ref()),
                donde: donde(clave.span().start),
            })),
            otro => entradas.push(Entrada {
                nombre: seccion.get_ref().to_string(),
                texto: texto_de(otro),
                donde: donde(seccion.span().start),
            }),
        }
    }
    entradas
}

fn texto_de(valor: &DeValue<'_>) -> Result<String, ()> {
    match valor {
        DeValue::String(texto) => Ok(texto.to_string()),
        DeValue::Integer(numero) if numero.radix() == 10 => Ok(numero.as_str().to_owned()),
        DeValue::Integer(numero) => i64::from_str_radix(numero.as_str(), numero.radix()).map(|n| n.to_string()).map_err(|_| ()),
        DeValue::Float(numero) => Ok(numero.as_str().to_owned()),
        DeValue::Boolean(valor) => Ok(valor.to_string()),
        DeValue::Datetime(fecha) => Ok(fecha.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => Err(()),
    }
}

/// Line of a byte offset, from 1.
fn linea_de(texto: &str, inicio: usize) -> usize {
    1 + texto.bytes().take(inicio).filter(|b| *b == b'\n').count()
}
