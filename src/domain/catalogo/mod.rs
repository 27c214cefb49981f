//! Catalogues: Cliente, Producto, Descuento, Sucursal, Bodega, and the view of them that decisions read.

pub mod bodega;
pub mod cliente;
pub mod descuento;
pub mod producto;
mod revision;
pub mod sucursal;

use chrono::NaiveDate;

use super::valores::Id;
use super::{numeracion, valores};

/// What decisions read of other aggregates: replicas kept by the processor. Never a query to another actor.
pub trait Catalogo {
    fn cliente(&self, id: &Id) -> Option<&cliente::Cliente>;
    fn producto(&self, id: &Id) -> Option<&producto::Producto>;
    fn descuento(&self, id: &Id) -> Option<&descuento::Descuento>;
    fn sucursal(&self, id: &Id) -> Option<&sucursal::Sucursal>;
    fn bodega(&self, id: &Id) -> Option<&bodega::Bodega>;
    /// The first bodega of the sucursal, by id, active ones first.
    fn bodega_de(&self, sucursal: &Id) -> Option<Id>;
    /// Ids of the ranges of (sucursal, tipo) in force on the date, the soonest to expire first, ties by id.
    fn rangos_vigentes(&self, sucursal: &Id, tipo: numeracion::TipoDocumento, fecha: NaiveDate) -> Vec<valores::Id>;
}

/// A catalogue with nothing in it: for decisions that ask it nothing.
pub struct SinCatalogo;

impl Catalogo for SinCatalogo {
    fn cliente(&self, _: &Id) -> Option<&cliente::Cliente> {
        None
    }

    fn producto(&self, _: &Id) -> Option<&producto::Producto> {
        None
    }

    fn descuento(&self, _: &Id) -> Option<&descuento::Descuento> {
        None
    }

    fn sucursal(&self, _: &Id) -> Option<&sucursal::Sucursal> {
        None
    }

    fn bodega(&self, _: &Id) -> Option<&bodega::Bodega> {
        None
    }

    fn bodega_de(&self, _: &Id) -> Option<Id> {
        None
    }

    fn rangos_vigentes(&self, _: &Id, _: numeracion::TipoDocumento, _: NaiveDate) -> Vec<valores::Id> {
        Vec::new()
    }
}

#[cfg(test)]
pub(crate) mod tests;
