//! Scenarios of the catalogues: given past events, when a command, then events or every failure.

mod casos_bodega;
mod casos_cliente;
mod casos_descuento;
mod casos_producto;
mod casos_sucursal;
pub mod propiedades;

use chrono::NaiveDate;

use super::*;
use crate::domain::{
    ContextoDecision, Rechazo,
    emisor::Emisor,
    numeracion::TipoDocumento,
    reglas::Regla,
    valores::{Id, Instante},
};

/// 2026-11-23 at noon in Bogotá.
const AHORA: Instante = Instante(1_795_453_200_000_000);

/// A catalogue with sucursales only: nothing else is read by these decisions.
#[derive(Default)]
struct CatalogoDePrueba(Vec<sucursal::Sucursal>);

impl Catalogo for CatalogoDePrueba {
    fn cliente(&self, _: &Id) -> Option<&cliente::Cliente> {
        None
    }
    fn producto(&self, _: &Id) -> Option<&producto::Producto> {
        None
    }
    fn descuento(&self, _: &Id) -> Option<&crate::domain::catalogo::descuento::Descuento> {
        None
    }

    fn sucursal(&self, id: &Id) -> Option<&sucursal::Sucursal> {
        self.0.iter().find(|s| s.sucursal_id == *id)
    }
    fn bodega(&self, _: &Id) -> Option<&bodega::Bodega> {
        None
    }
    fn bodega_de(&self, _: &Id) -> Option<Id> {
        None
    }
    fn rangos_vigentes(&self, _: &Id, _: TipoDocumento, _: NaiveDate) -> Vec<Id> {
        Vec::new()
    }
}

/// Decides a command in the context of these tests.
fn con_contexto<R>(emisor: &Emisor, catalogo: &CatalogoDePrueba, decidir: impl FnOnce(&ContextoDecision<'_>) -> R) -> R {
    decidir(&ContextoDecision::new(AHORA, emisor, catalogo))
}

fn id(texto: &str) -> Id {
    Id::new(texto).unwrap()
}

/// The failures of a refusal, as (rule, field) pairs in their order.
fn fallas<T: std::fmt::Debug>(resultado: Result<T, Rechazo>) -> Vec<(Regla, String)> {
    resultado.unwrap_err().errores.into_iter().map(|f| (f.regla, f.campo)).collect()
}

fn par(regla: Regla, campo: &str) -> (Regla, String) {
    (regla, campo.to_owned())
}

/// `given(events).when(command)` for one catalogue: folds the events and decides.
macro_rules! escenario {
    ($modulo:ident, $evento:ty, $comando:ty) => {
        fn dado_cuando(eventos: &[$evento], comando: &$comando) -> Result<Vec<$evento>, crate::domain::Rechazo> {
            dado_cuando_con(&CatalogoDePrueba::default(), eventos, comando)
        }

        fn dado_cuando_con(
            catalogo: &CatalogoDePrueba,
            eventos: &[$evento],
            comando: &$comando,
        ) -> Result<Vec<$evento>, crate::domain::Rechazo> {
            let mut estado = None;
            eventos.iter().for_each(|e| $modulo::evolucionar(&mut estado, e));
            con_contexto(&Emisor::co(), catalogo, |ctx| $modulo::decidir(estado.as_ref(), comando, ctx))
        }
    };
}
use escenario;
