//! The registry of upcasters: what each version of the contract added to what older ones wrote, and what it holds there.
//!
//! A step belongs to a type of the wire, so that every event, snapshot, command and answer that carries the type takes it: `wire` names
//! the step at its field (`origen_lote_id desde LOTE_SIN_ORIGEN`), and there is no other way to read a field that a record may lack. The
//! version of a step is a constant: a record of this version pays one comparison with a constant, as it would for any optional field.
//!
//! `tests/contratos/versiones.rs` holds the table to the schemas, field by field: none is missing, none is left over.

use std::{collections::VecDeque, sync::Arc};

use super::ResolucionApartado;
use crate::domain::{
    cuarentena::Apartado,
    facturacion::factura::{DescuentoFactura, DescuentoPedido, Posterior, TotalesFactura},
    valores::Id,
};

/// A step up: from any version before `a` to version `a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ascenso {
    /// The type's name in the schemas.
    pub tipo: &'static str,
    pub campo: &'static str,
    /// First version of the contract with the field; from 2.
    pub a: u16,
    /// What the field holds in an older record, and why that is what the record means. In Spanish, for the guide.
    pub vale: &'static str,
}

impl Ascenso {
    /// Last version without the field.
    pub const fn de(&self) -> u16 {
        self.a - 1
    }
}

/// A step and its function.
pub(super) struct Paso<T> {
    ascenso: Ascenso,
    subir: fn() -> T,
}

impl<T> Paso<T> {
    #[inline]
    pub const fn a(&self) -> u16 {
        self.ascenso.a
    }

    /// What the field holds in a record that lacks it.
    #[inline]
    pub fn subir(&self) -> T {
        (self.subir)()
    }
}

macro_rules! ascensos {
    ($($nombre:ident: $tipo:ident.$campo:ident desde $a:literal, $valor:ty = $subir:expr, $vale:literal;)*) => {
        $(
            #[doc = $vale]
            pub(super) const $nombre: Paso<$valor> = Paso {
                ascenso: Ascenso { tipo: stringify!($tipo), campo: stringify!($campo), a: $a, vale: $vale },
                subir: $subir,
            };
        )*

        /// Every step, oldest version first.
        pub const ASCENSOS: &[Ascenso] = &[$($nombre.ascenso),*];
    };
}

ascensos! {
    CUARENTENA_SIN_CARTA: AgregadoEnCuarentena.apartado desde 2, Option<Apartado> = || None,
        "nulo: la versión 1 no daba identidad a lo apartado; el comando que abrió la cuarentena está en la DLQ por su posición";
    CARTA_SIN_ID: RegistroDlq.apartado desde 2, Option<Apartado> = || None,
        "nulo: la versión 1 no daba identidad a lo apartado; su id se deriva de dónde está";
    CARTA_SIN_RESOLVER: RegistroDlq.resolucion desde 2, Option<ResolucionApartado> = || None,
        "nulo: la versión 1 no resolvía lo apartado; sigue pendiente";
    PEDIDO_SIN_DESCUENTO: DatosFactura.descuento desde 2, Option<Box<DescuentoPedido>> = || None,
        "nulo: en la versión 1 no se pedían descuentos";
    LINEA_PEDIDA_SIN_DESCUENTO: LineaPedida.descuento desde 2, Option<Box<DescuentoPedido>> = || None,
        "nulo: en la versión 1 no se pedían descuentos";
    CABECERA_SIN_DESCUENTO: CabeceraFactura.descuento desde 2, Option<Box<DescuentoFactura>> = || None,
        "nulo: en la versión 1 no había descuentos";
    LINEA_SIN_DESCUENTO: LineaFactura.descuento desde 2, Option<Box<DescuentoFactura>> = || None,
        "nulo: en la versión 1 no había descuentos";
    CREADA_SIN_TOTALES: FacturaCreada.totales desde 2, Option<Arc<TotalesFactura>> = || None,
        "nulo: la versión 1 no tenía borradores que mostrar; los totales están en la emisión, que venía en el mismo comando";
    LINEA_SIN_TOTALES: LineaAgregada.totales desde 2, Option<Arc<TotalesFactura>> = || None,
        "nulo: la versión 1 no tenía borradores que mostrar; los totales están en la emisión, que venía en el mismo comando";
    LOTE_SIN_ORIGEN: LoteConsumido.origen_lote_id desde 2, Option<Id> = || None,
        "nulo: en la versión 1 no había devoluciones, así que ningún lote venía de otro";
    INVENTARIO_SIN_DEVUELTAS: InstantaneaInventario.devueltas desde 2, VecDeque<Id> = VecDeque::new,
        "vacía: en la versión 1 no había devoluciones que recordar";
    CLIENTE_SIN_SUPRIMIR: InstantaneaCliente.suprimido desde 2, bool = || false,
        "falso: en la versión 1 no se suprimían datos personales";
    INICIO_SIN_CLIENTE: InicioEmision.cliente_id desde 2, Option<Id> = || None,
        "nulo: en la versión 1 nada se cifraba, y el cliente se sabe por su factura";
    BORRADOR_SIN_TOTALES: InstantaneaFactura.totales_borrador desde 2, Option<Arc<TotalesFactura>> = || None,
        "nulo: como en FacturaCreada; una factura rechazada los recibe en su próxima edición";
    FACTURA_SIN_POSTERIOR: InstantaneaFactura.posterior desde 2, Option<Box<Posterior>> = || None,
        "nulo: en la versión 1 no había notas, anulaciones ni respuestas de la DIAN";
}
