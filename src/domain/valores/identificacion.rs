//! Tax and personal identifications (`dominio.md` section 2).

use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TipoIdentificacion {
    Nit,
    Ruc,
    CedulaCo,
    CedulaEc,
    Pasaporte,
    ConsumidorFinal,
    SinTipo,
}

impl TipoIdentificacion {
    pub const TODOS: [Self; 7] =
        [Self::Nit, Self::Ruc, Self::CedulaCo, Self::CedulaEc, Self::Pasaporte, Self::ConsumidorFinal, Self::SinTipo];

    /// `NIT`, `CEDULA_CO`…
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Nit => "NIT",
            Self::Ruc => "RUC",
            Self::CedulaCo => "CEDULA_CO",
            Self::CedulaEc => "CEDULA_EC",
            Self::Pasaporte => "PASAPORTE",
            Self::ConsumidorFinal => "CONSUMIDOR_FINAL",
            Self::SinTipo => "SIN_TIPO",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|t| t.nombre() == nombre)
    }
}

/// A checked identification; typed numbers carry no separators, a NIT's check digit stands in `dv`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identificacion {
    pub tipo: TipoIdentificacion,
    pub numero: Arc<str>,
    pub dv: Option<u8>,
}
