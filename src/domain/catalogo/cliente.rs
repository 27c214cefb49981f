//! Cliente: the buyer.

use std::sync::Arc;

use crate::domain::valores::{Direccion, Id, Identificacion};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EstadoFiscal {
    Activo,
    Suspendido,
    Cancelado,
}

impl EstadoFiscal {
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Activo => "ACTIVO",
            Self::Suspendido => "SUSPENDIDO",
            Self::Cancelado => "CANCELADO",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        [Self::Activo, Self::Suspendido, Self::Cancelado].into_iter().find(|e| e.nombre() == nombre)
    }
}

/// The personal data of a client. On the wire it travels in the union `cliente: claro | cifrado`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatosCliente {
    pub nombre: Arc<str>,
    pub identificacion: Identificacion,
    pub correo: Arc<str>,
    pub direccion: Direccion,
    pub estado_fiscal: EstadoFiscal,
    pub tipo_persona: Option<Arc<str>>,
    pub responsabilidades: Vec<Arc<str>>,
    pub municipio: Option<Arc<str>>,
    pub departamento: Option<Arc<str>>,
}

/// Changed fields; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CambiosCliente {
    pub nombre: Option<Arc<str>>,
    pub identificacion: Option<Identificacion>,
    pub correo: Option<Arc<str>>,
    pub direccion: Option<Direccion>,
    pub estado_fiscal: Option<EstadoFiscal>,
    pub tipo_persona: Option<Arc<str>>,
    pub responsabilidades: Option<Vec<Arc<str>>>,
    pub municipio: Option<Arc<str>>,
    pub departamento: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ComandoCliente {
    CrearCliente { cliente_id: Id, datos: DatosCliente },
    ActualizarCliente { cliente_id: Id, cambios: CambiosCliente },
    InactivarCliente { cliente_id: Id },
    ReactivarCliente { cliente_id: Id },
}

impl ComandoCliente {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::CrearCliente { .. } => "CrearCliente",
            Self::ActualizarCliente { .. } => "ActualizarCliente",
            Self::InactivarCliente { .. } => "InactivarCliente",
            Self::ReactivarCliente { .. } => "ReactivarCliente",
        }
    }

    pub fn cliente_id(&self) -> &Id {
        match self {
            Self::CrearCliente { cliente_id, .. }
            | Self::ActualizarCliente { cliente_id, .. }
            | Self::InactivarCliente { cliente_id }
            | Self::ReactivarCliente { cliente_id } => cliente_id,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventoCliente {
    ClienteCreado { cliente_id: Id, datos: DatosCliente },
    ClienteActualizado { cliente_id: Id, cambios: CambiosCliente },
    ClienteInactivado { cliente_id: Id },
    ClienteReactivado { cliente_id: Id },
}

impl EventoCliente {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::ClienteCreado { .. } => "ClienteCreado",
            Self::ClienteActualizado { .. } => "ClienteActualizado",
            Self::ClienteInactivado { .. } => "ClienteInactivado",
            Self::ClienteReactivado { .. } => "ClienteReactivado",
        }
    }
}

/// State of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cliente {
    pub cliente_id: Id,
    pub datos: DatosCliente,
    pub activo: bool,
}
