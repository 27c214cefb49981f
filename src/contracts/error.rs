//! What can be wrong with a record.

use super::ErrorBoveda;

/// Why a record cannot be written or read. All but `Encrypted` and `Keys` belong in the DLQ when they come from a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("el registro no lleva el marco de Confluent (byte 0 y cuatro bytes de id de esquema)")]
    NotFramed,
    #[error("el id de esquema {0} no es de esta versión del programa")]
    UnknownSchema(u32),
    #[error("se esperaba {expected} y el registro es {found}")]
    UnexpectedRecord { expected: &'static str, found: &'static str },
    #[error("bytes indescifrables: {0}")]
    Undecodable(&'static str),
    #[error("{what} fuera de su dominio: {value}")]
    OutOfDomain { what: &'static str, value: String },
    #[error(
        "los datos del cliente están cifrados con la clave «{clave_id}», que no se tiene: vea datos_personales.clave_maestra_archivo"
    )]
    Encrypted { clave_id: String },
    #[error(transparent)]
    Keys(#[from] ErrorBoveda),
    #[error("el registro ocupa {bytes} bytes y el máximo es {max}")]
    TooLarge { bytes: usize, max: usize },
    #[error("{0} es interno: nunca se escribe")]
    NotOnWire(&'static str),
}

impl CodecError {
    /// Nothing is wrong with the record: the keys of its personal data are missing, or away. It is read or written again.
    pub fn is_of_the_keys(&self) -> bool {
        matches!(self, Self::Encrypted { .. } | Self::Keys(_))
    }
}
