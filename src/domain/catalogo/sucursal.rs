//! Sucursal: branch that issues documents.

use std::sync::Arc;

use super::revision;
use crate::domain::{
    ContextoDecision, Rechazo,
    reglas::{Falla, Fallas, Regla},
    valores::{Direccion, Id},
};

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

/// What a command on a branch means.
///
/// # Errors
/// Every failure at once: YaExiste, SucursalNoExiste, NombreValido, DireccionValida, TextoValido, EstadoValido.
pub fn decidir(
    estado: Option<&Sucursal>,
    comando: &ComandoSucursal,
    _ctx: &ContextoDecision<'_>,
) -> Result<Vec<EventoSucursal>, Rechazo> {
    match (estado, comando) {
        (_, ComandoSucursal::CrearSucursal { sucursal_id, datos }) => crear(estado, sucursal_id, datos),
        (None, _) => Err(Rechazo::de(Falla::simple(Regla::SucursalNoExiste, ""))),
        (Some(_), ComandoSucursal::ActualizarSucursal { sucursal_id, cambios }) => actualizar(sucursal_id, cambios),
        (Some(sucursal), ComandoSucursal::InactivarSucursal { sucursal_id }) if sucursal.activa => {
            Ok(vec![EventoSucursal::SucursalInactivada { sucursal_id: sucursal_id.clone() }])
        }
        (Some(_), ComandoSucursal::InactivarSucursal { .. }) => Err(revision::estado_invalido("la sucursal ya está inactiva")),
    }
}

fn crear(estado: Option<&Sucursal>, sucursal_id: &Id, datos: &DatosSucursal) -> Result<Vec<EventoSucursal>, Rechazo> {
    let mut fallas = Fallas::new();
    revision::no_existe(&mut fallas, estado, "una sucursal");
    revision::nombre(&mut fallas, "/nombre", &datos.nombre);
    if let Some(direccion) = &datos.direccion {
        revision::direccion(&mut fallas, "/direccion", direccion);
    }
    fallas.resultado(vec![EventoSucursal::SucursalCreada { sucursal_id: sucursal_id.clone(), datos: datos.clone() }])
}

fn actualizar(sucursal_id: &Id, cambios: &CambiosSucursal) -> Result<Vec<EventoSucursal>, Rechazo> {
    let mut fallas = Fallas::new();
    revision::algun_cambio(&mut fallas, *cambios != CambiosSucursal::default());
    if let Some(nombre) = &cambios.nombre {
        revision::nombre(&mut fallas, "/nombre", nombre);
    }
    if let Some(direccion) = &cambios.direccion {
        revision::direccion(&mut fallas, "/direccion", direccion);
    }
    let evento = EventoSucursal::SucursalActualizada { sucursal_id: sucursal_id.clone(), cambios: cambios.clone() };
    fallas.resultado(vec![evento])
}

/// The fold of one event. Total: an event that cannot apply (a second creation, a change of nothing) leaves the state as it is.
pub fn evolucionar(estado: &mut Option<Sucursal>, evento: &EventoSucursal) {
    match (estado, evento) {
        (estado @ None, EventoSucursal::SucursalCreada { sucursal_id, datos }) => {
            *estado = Some(Sucursal { sucursal_id: sucursal_id.clone(), datos: datos.clone(), activa: true });
        }
        (Some(sucursal), EventoSucursal::SucursalActualizada { cambios, .. }) => {
            revision::cambiar(&mut sucursal.datos.nombre, cambios.nombre.as_ref());
            revision::cambiar_opcional(&mut sucursal.datos.direccion, cambios.direccion.as_ref());
        }
        (Some(sucursal), EventoSucursal::SucursalInactivada { .. }) => sucursal.activa = false,
        (Some(_), EventoSucursal::SucursalCreada { .. }) | (None, _) => {}
    }
}
