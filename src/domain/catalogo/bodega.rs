//! Bodega: warehouse that holds stock; belongs to a Sucursal.

use std::sync::Arc;

use crate::domain::valores::{Direccion, Id};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatosBodega {
    pub sucursal_id: Id,
    pub nombre: Arc<str>,
    pub direccion: Option<Direccion>,
}

/// Changed fields; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CambiosBodega {
    pub nombre: Option<Arc<str>>,
    pub direccion: Option<Direccion>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ComandoBodega {
    CrearBodega { bodega_id: Id, datos: DatosBodega },
    ActualizarBodega { bodega_id: Id, cambios: CambiosBodega },
    InactivarBodega { bodega_id: Id },
}

impl ComandoBodega {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::CrearBodega { .. } => "CrearBodega",
            Self::ActualizarBodega { .. } => "ActualizarBodega",
            Self::InactivarBodega { .. } => "InactivarBodega",
        }
    }

    pub fn bodega_id(&self) -> &Id {
        match self {
            Self::CrearBodega { bodega_id, .. }
            | Self::ActualizarBodega { bodega_id, .. }
            | Self::InactivarBodega { bodega_id } => bodega_id,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventoBodega {
    BodegaCreada { bodega_id: Id, datos: DatosBodega },
    BodegaActualizada { bodega_id: Id, cambios: CambiosBodega },
    BodegaInactivada { bodega_id: Id },
}

impl EventoBodega {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::BodegaCreada { .. } => "BodegaCreada",
            Self::BodegaActualizada { .. } => "BodegaActualizada",
            Self::BodegaInactivada { .. } => "BodegaInactivada",
        }
    }
}

/// State.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bodega {
    pub bodega_id: Id,
    pub datos: DatosBodega,
    pub activa: bool,
}
