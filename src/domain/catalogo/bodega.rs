//! Bodega: warehouse that holds stock; belongs to a Sucursal.

use std::sync::Arc;

use super::revision;
use crate::domain::{
    ContextoDecision, Rechazo,
    reglas::{Falla, Fallas, Regla},
    valores::{Direccion, Id},
};

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

/// What a command on a warehouse means.
///
/// # Errors
/// Every failure at once: YaExiste, BodegaNoExiste, SucursalNoExiste (absent or inactive), NombreValido, DireccionValida, TextoValido, EstadoValido.
pub fn decidir(estado: Option<&Bodega>, comando: &ComandoBodega, ctx: &ContextoDecision<'_>) -> Result<Vec<EventoBodega>, Rechazo> {
    match (estado, comando) {
        (_, ComandoBodega::CrearBodega { bodega_id, datos }) => crear(estado, bodega_id, datos, ctx),
        (None, _) => Err(Rechazo::de(Falla::simple(Regla::BodegaNoExiste, ""))),
        (Some(_), ComandoBodega::ActualizarBodega { bodega_id, cambios }) => actualizar(bodega_id, cambios),
        (Some(bodega), ComandoBodega::InactivarBodega { bodega_id }) if bodega.activa => {
            Ok(vec![EventoBodega::BodegaInactivada { bodega_id: bodega_id.clone() }])
        }
        (Some(_), ComandoBodega::InactivarBodega { .. }) => Err(revision::estado_invalido("la bodega ya está inactiva")),
    }
}

fn crear(
    estado: Option<&Bodega>,
    bodega_id: &Id,
    datos: &DatosBodega,
    ctx: &ContextoDecision<'_>,
) -> Result<Vec<EventoBodega>, Rechazo> {
    let mut fallas = Fallas::new();
    revision::no_existe(&mut fallas, estado, "una bodega");
    revisar_sucursal(&mut fallas, &datos.sucursal_id, ctx);
    revision::nombre(&mut fallas, "/nombre", &datos.nombre);
    if let Some(direccion) = &datos.direccion {
        revision::direccion(&mut fallas, "/direccion", direccion);
    }
    fallas.resultado(vec![EventoBodega::BodegaCreada { bodega_id: bodega_id.clone(), datos: datos.clone() }])
}

/// A new Bodega belongs to a Sucursal that is there to use it.
fn revisar_sucursal(fallas: &mut Fallas, sucursal_id: &Id, ctx: &ContextoDecision<'_>) {
    let mensaje = match ctx.catalogo.sucursal(sucursal_id) {
        Some(sucursal) if sucursal.activa => return,
        Some(_) => format!("la sucursal {sucursal_id} está inactiva"),
        None => format!("la sucursal {sucursal_id} no existe; créela primero"),
    };
    fallas.agregar(Falla::new(Regla::SucursalNoExiste, "/sucursal_id", mensaje));
}

fn actualizar(bodega_id: &Id, cambios: &CambiosBodega) -> Result<Vec<EventoBodega>, Rechazo> {
    let mut fallas = Fallas::new();
    revision::algun_cambio(&mut fallas, *cambios != CambiosBodega::default());
    if let Some(nombre) = &cambios.nombre {
        revision::nombre(&mut fallas, "/nombre", nombre);
    }
    if let Some(direccion) = &cambios.direccion {
        revision::direccion(&mut fallas, "/direccion", direccion);
    }
    let evento = EventoBodega::BodegaActualizada { bodega_id: bodega_id.clone(), cambios: cambios.clone() };
    fallas.resultado(vec![evento])
}

/// The fold of one event. Total: an event that cannot apply (a second creation, a change of nothing) leaves the state as it is.
pub fn evolucionar(estado: &mut Option<Bodega>, evento: &EventoBodega) {
    match (estado, evento) {
        (estado @ None, EventoBodega::BodegaCreada { bodega_id, datos }) => {
            *estado = Some(Bodega { bodega_id: bodega_id.clone(), datos: datos.clone(), activa: true });
        }
        (Some(bodega), EventoBodega::BodegaActualizada { cambios, .. }) => {
            revision::cambiar(&mut bodega.datos.nombre, cambios.nombre.as_ref());
            revision::cambiar_opcional(&mut bodega.datos.direccion, cambios.direccion.as_ref());
        }
        (Some(bodega), EventoBodega::BodegaInactivada { .. }) => bodega.activa = false,
        (Some(_), EventoBodega::BodegaCreada { .. }) | (None, _) => {}
    }
}
