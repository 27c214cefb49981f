//! Producto: an item for sale.

use std::sync::Arc;

use crate::domain::valores::{Decimal, Id, Porcentaje, PrecioUnitario};

/// A tax as lines and products state it: `IVA` 19, `INC` 8…
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impuesto {
    pub codigo: Arc<str>,
    pub tarifa: Porcentaje,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DatosProducto {
    pub codigo: Arc<str>,
    pub nombre: Arc<str>,
    /// Unit of measure: `UND`, `KGM`…
    pub unidad: Arc<str>,
    pub precio: PrecioUnitario,
    /// `None` = excluded from tax.
    pub impuesto: Option<Impuesto>,
    pub controla_inventario: bool,
    /// Standard code for the tax authority, and its scheme (UNSPSC, GTIN…).
    pub codigo_estandar: Option<Arc<str>>,
    pub esquema_codigo: Option<Arc<str>>,
}

/// Changed fields; `None` leaves a field as it is. The price has its own command.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CambiosProducto {
    pub codigo: Option<Arc<str>>,
    pub nombre: Option<Arc<str>>,
    pub unidad: Option<Arc<str>>,
    /// `Some(None)` excludes the product from tax.
    pub impuesto: Option<Option<Impuesto>>,
    pub codigo_estandar: Option<Arc<str>>,
    pub esquema_codigo: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ComandoProducto {
    CrearProducto { producto_id: Id, datos: DatosProducto },
    ActualizarProducto { producto_id: Id, cambios: CambiosProducto },
    CambiarPrecio { producto_id: Id, precio: Decimal },
    InactivarProducto { producto_id: Id },
}

impl ComandoProducto {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::CrearProducto { .. } => "CrearProducto",
            Self::ActualizarProducto { .. } => "ActualizarProducto",
            Self::CambiarPrecio { .. } => "CambiarPrecio",
            Self::InactivarProducto { .. } => "InactivarProducto",
        }
    }

    pub fn producto_id(&self) -> &Id {
        match self {
            Self::CrearProducto { producto_id, .. }
            | Self::ActualizarProducto { producto_id, .. }
            | Self::CambiarPrecio { producto_id, .. }
            | Self::InactivarProducto { producto_id } => producto_id,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventoProducto {
    ProductoCreado { producto_id: Id, datos: DatosProducto },
    ProductoActualizado { producto_id: Id, cambios: CambiosProducto },
    PrecioCambiado { producto_id: Id, anterior: PrecioUnitario, nuevo: PrecioUnitario },
    ProductoInactivado { producto_id: Id },
}

impl EventoProducto {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::ProductoCreado { .. } => "ProductoCreado",
            Self::ProductoActualizado { .. } => "ProductoActualizado",
            Self::PrecioCambiado { .. } => "PrecioCambiado",
            Self::ProductoInactivado { .. } => "ProductoInactivado",
        }
    }
}

/// State of a product.
#[derive(Debug, Clone, PartialEq)]
pub struct Producto {
    pub producto_id: Id,
    pub datos: DatosProducto,
    pub activo: bool,
}
