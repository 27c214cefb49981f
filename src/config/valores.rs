//! Values of settings: parsed from text by the declared type, shown as they would be written.

use std::{fmt, net::SocketAddr, path::PathBuf};

use super::ajustes::Tipo;

/// A value that fits its setting's type and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Valor {
    Texto(String),
    Entero(i64),
    Ninguno,
    Booleano(bool),
    Direccion(SocketAddr),
    Ruta(PathBuf),
}

impl Valor {
    /// Parses `texto` by `tipo`.
    ///
    /// # Errors
    /// `Err(())` when it is not of the type or out of its limits; [`Tipo::permitido`] says what would be.
    pub(super) fn leer(tipo: Tipo, texto: &str) -> Result<Self, ()> {
        let recortado = texto.trim();
        match tipo {
            Tipo::Texto { min, max } => texto_con_limites(texto, min, max),
            Tipo::Entero { min, max } => entero(recortado, min, max),
            Tipo::EnteroOpcional { .. } if recortado.is_empty() || recortado == "ninguno" => Ok(Self::Ninguno),
            Tipo::EnteroOpcional { min, max } => entero(recortado, min, max),
            Tipo::Booleano => match recortado {
                "true" | "si" | "sí" | "1" => Ok(Self::Booleano(true)),
                "false" | "no" | "0" => Ok(Self::Booleano(false)),
                _ => Err(()),
            },
            Tipo::Opcion(opciones) => {
                opciones.iter().find(|o| o.eq_ignore_ascii_case(recortado)).map(|o| Self::Texto((*o).to_owned())).ok_or(())
            }
            Tipo::Direccion => recortado.parse().map(Self::Direccion).map_err(|_| ()),
            Tipo::Ruta if texto.is_empty() || texto.contains('\0') => Err(()),
            Tipo::Ruta => Ok(Self::Ruta(PathBuf::from(texto))),
        }
    }
}

fn texto_con_limites(texto: &str, min: usize, max: usize) -> Result<Valor, ()> {
    let largo = texto.chars().count();
    let cabe = (min..=max).contains(&largo) && !texto.chars().any(char::is_control);
    if cabe { Ok(Valor::Texto(texto.to_owned())) } else { Err(()) }
}

fn entero(texto: &str, min: i64, max: i64) -> Result<Valor, ()> {
    let sin_guiones: String = texto.chars().filter(|c| *c != '_').collect();
    match sin_guiones.parse::<i64>() {
        Ok(valor) if (min..=max).contains(&valor) => Ok(Valor::Entero(valor)),
        _ => Err(()),
    }
}

impl fmt::Display for Valor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Texto(texto) => f.write_str(texto),
            Self::Entero(valor) => write!(f, "{valor}"),
            Self::Ninguno => f.write_str("ninguno"),
            Self::Booleano(valor) => write!(f, "{valor}"),
            Self::Direccion(direccion) => write!(f, "{direccion}"),
            Self::Ruta(ruta) => write!(f, "{}", ruta.display()),
        }
    }
}
