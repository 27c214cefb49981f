//! Producto: an item for sale.

use std::sync::Arc;

use super::revision;
use crate::domain::{
    ContextoDecision, Rechazo,
    reglas::{Falla, Fallas, Regla},
    valores::{Decimal, ErrorDecimal, Id, Porcentaje, PrecioUnitario},
};

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
    CrearProducto { producto_id: Id, datos: Box<DatosProducto> },
    ActualizarProducto { producto_id: Id, cambios: Box<CambiosProducto> },
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
    ProductoCreado { producto_id: Id, datos: Box<DatosProducto> },
    ProductoActualizado { producto_id: Id, cambios: Box<CambiosProducto> },
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

/// What a command on a product means.
///
/// # Errors
/// Every failure at once: YaExiste, ProductoNoExiste, NombreValido, TextoValido, PrecioValido, PrecisionExcedida,
/// ImpuestoValido (the issuer's catalogue, today), EstadoValido.
pub fn decidir(
    estado: Option<&Producto>,
    comando: &ComandoProducto,
    ctx: &ContextoDecision<'_>,
) -> Result<Vec<EventoProducto>, Rechazo> {
    match (estado, comando) {
        (_, ComandoProducto::CrearProducto { producto_id, datos }) => crear(estado, producto_id, datos, ctx),
        (None, _) => Err(Rechazo::de(Falla::simple(Regla::ProductoNoExiste, ""))),
        (Some(_), ComandoProducto::ActualizarProducto { producto_id, cambios }) => actualizar(producto_id, cambios, ctx),
        (Some(producto), ComandoProducto::CambiarPrecio { producto_id, precio }) => cambiar_precio(producto, producto_id, *precio),
        (Some(producto), ComandoProducto::InactivarProducto { producto_id }) if producto.activo => {
            Ok(vec![EventoProducto::ProductoInactivado { producto_id: producto_id.clone() }])
        }
        (Some(_), ComandoProducto::InactivarProducto { .. }) => Err(revision::estado_invalido("el producto ya está inactivo")),
    }
}

fn crear(
    estado: Option<&Producto>,
    producto_id: &Id,
    datos: &DatosProducto,
    ctx: &ContextoDecision<'_>,
) -> Result<Vec<EventoProducto>, Rechazo> {
    let mut fallas = Fallas::new();
    revision::no_existe(&mut fallas, estado, "un producto");
    revision::texto(&mut fallas, "/codigo", &datos.codigo, revision::CODIGO_MAX);
    revision::nombre(&mut fallas, "/nombre", &datos.nombre);
    revision::texto(&mut fallas, "/unidad", &datos.unidad, revision::CODIGO_MAX);
    fallas.exigir(!datos.precio.es_cero(), || Falla::simple(Regla::PrecioValido, "/precio"));
    if let Some(impuesto) = &datos.impuesto {
        revisar_impuesto(&mut fallas, impuesto, ctx);
    }
    revision::texto_opcional(&mut fallas, "/codigo_estandar", datos.codigo_estandar.as_ref(), revision::CODIGO_MAX);
    revision::texto_opcional(&mut fallas, "/esquema_codigo", datos.esquema_codigo.as_ref(), revision::CODIGO_MAX);
    fallas.resultado(vec![EventoProducto::ProductoCreado { producto_id: producto_id.clone(), datos: Box::new(datos.clone()) }])
}

fn actualizar(producto_id: &Id, cambios: &CambiosProducto, ctx: &ContextoDecision<'_>) -> Result<Vec<EventoProducto>, Rechazo> {
    let mut fallas = Fallas::new();
    revision::algun_cambio(&mut fallas, *cambios != CambiosProducto::default());
    revision::texto_opcional(&mut fallas, "/codigo", cambios.codigo.as_ref(), revision::CODIGO_MAX);
    if let Some(nombre) = &cambios.nombre {
        revision::nombre(&mut fallas, "/nombre", nombre);
    }
    revision::texto_opcional(&mut fallas, "/unidad", cambios.unidad.as_ref(), revision::CODIGO_MAX);
    if let Some(Some(impuesto)) = &cambios.impuesto {
        revisar_impuesto(&mut fallas, impuesto, ctx);
    }
    revision::texto_opcional(&mut fallas, "/codigo_estandar", cambios.codigo_estandar.as_ref(), revision::CODIGO_MAX);
    revision::texto_opcional(&mut fallas, "/esquema_codigo", cambios.esquema_codigo.as_ref(), revision::CODIGO_MAX);
    let evento = EventoProducto::ProductoActualizado { producto_id: producto_id.clone(), cambios: Box::new(cambios.clone()) };
    fallas.resultado(vec![evento])
}

fn cambiar_precio(producto: &Producto, producto_id: &Id, precio: Decimal) -> Result<Vec<EventoProducto>, Rechazo> {
    let nuevo = PrecioUnitario::nuevo(precio).map_err(|error| {
        let regla = if error == ErrorDecimal::Rango { Regla::PrecioValido } else { Regla::PrecisionExcedida };
        Rechazo::de(Falla::simple(regla, "/precio").con("precio", precio))
    })?;
    Ok(vec![EventoProducto::PrecioCambiado { producto_id: producto_id.clone(), anterior: producto.datos.precio, nuevo }])
}

/// Rule ImpuestoValido: the rate is in the issuer's catalogue today; the failure says which ones are.
fn revisar_impuesto(fallas: &mut Fallas, impuesto: &Impuesto, ctx: &ContextoDecision<'_>) {
    fallas.exigir(ctx.emisor.impuesto_vigente(&impuesto.codigo, impuesto.tarifa, ctx.hoy), || {
        let vigentes: Vec<String> = ctx.emisor.impuestos_en(ctx.hoy).map(|i| format!("{} {}", i.codigo, i.tarifa)).collect();
        let conocido = ctx.emisor.impuestos_en(ctx.hoy).any(|i| *i.codigo == *impuesto.codigo);
        let campo = if conocido { "/impuesto/tarifa" } else { "/impuesto/codigo" };
        Falla::simple(Regla::ImpuestoValido, campo)
            .con("codigo", &impuesto.codigo)
            .con("tarifa", impuesto.tarifa)
            .con("vigentes", vigentes.join(", "))
    });
}

/// The fold of one event. Total: an event that cannot apply (a second creation, a change of nothing) leaves the state as it is.
pub fn evolucionar(estado: &mut Option<Producto>, evento: &EventoProducto) {
    match (estado, evento) {
        (estado @ None, EventoProducto::ProductoCreado { producto_id, datos }) => {
            *estado = Some(Producto { producto_id: producto_id.clone(), datos: (**datos).clone(), activo: true });
        }
        (Some(producto), EventoProducto::ProductoActualizado { cambios, .. }) => aplicar(&mut producto.datos, cambios),
        (Some(producto), EventoProducto::PrecioCambiado { nuevo, .. }) => producto.datos.precio = *nuevo,
        (Some(producto), EventoProducto::ProductoInactivado { .. }) => producto.activo = false,
        (Some(_), EventoProducto::ProductoCreado { .. }) | (None, _) => {}
    }
}

fn aplicar(datos: &mut DatosProducto, cambios: &CambiosProducto) {
    revision::cambiar(&mut datos.codigo, cambios.codigo.as_ref());
    revision::cambiar(&mut datos.nombre, cambios.nombre.as_ref());
    revision::cambiar(&mut datos.unidad, cambios.unidad.as_ref());
    revision::cambiar(&mut datos.impuesto, cambios.impuesto.as_ref());
    revision::cambiar_opcional(&mut datos.codigo_estandar, cambios.codigo_estandar.as_ref());
    revision::cambiar_opcional(&mut datos.esquema_codigo, cambios.esquema_codigo.as_ref());
}
