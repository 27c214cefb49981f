//! Sucursal: branch that issues documents.

use std::sync::Arc;

use crate::domain::valores::{Direccion, Id};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatosSucursal {
    pub nombre: Arc<str>,
    pub direccion: Option<Direccion>,
}

/// Changed fields; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CambiosSucursal {
    pub nombre: Option<Arc<str>>,
    pub direccion: Option<Direccion>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ComandoSucursal {
    CrearSucursal { sucursal_id: Id, datos: DatosSucursal },
    ActualizarSucursal { sucursal_id: Id, cambios: CambiosSucursal },
    InactivarSucursal { sucursal_id: Id },
}

impl ComandoSucursal {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::CrearSucursal { .. } => "CrearSucursal",
            Self::ActualizarSucursal { .. } => "ActualizarSucursal",
            Self::InactivarSucursal { .. } => "InactivarSucursal",
        }
    }

    pub fn sucursal_id(&self) -> &Id {
        match self {
            Self::CrearSucursal { sucursal_id, .. }
            | Self::ActualizarSucursal { sucursal_id, .. }
            | Self::InactivarSucursal { sucursal_id } => sucursal_id,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventoSucursal {
    SucursalCreada { sucursal_id: Id, datos: DatosSucursal },
    SucursalActualizada { sucursal_id: Id, cambios: CambiosSucursal },
    SucursalInactivada { sucursal_id: Id },
}

impl EventoSucursal {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::SucursalCreada { .. } => "SucursalCreada",
            Self::SucursalActualizada { .. } => "SucursalActualizada",
            Self::SucursalInactivada { .. } => "SucursalInactivada",
        }
    }
}

/// State.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sucursal {
    pub sucursal_id: Id,
    pub datos: DatosSucursal,
    pub activa: bool,
}
