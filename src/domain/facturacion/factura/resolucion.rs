//! The invoice with its defaults taken (`dominio.md` section 9), before any rule looks at it.

use std::sync::Arc;

use chrono::{Days, NaiveDate};

use super::{Campo, DIAS_CADUCIDAD, DatosFactura, LINEAS_MAX, LineaFactura, LineaPedida};
use crate::domain::{
    ContextoDecision,
    catalogo::producto::{Impuesto, Producto},
    numeracion::TipoDocumento,
    valores::{Cantidad, ErrorDecimal, Id, PrecioUnitario},
};

/// The sucursal of an invoice that states none.
const SUCURSAL_PREDETERMINADA: &str = "PRINCIPAL";

/// What the rules look at.
pub struct Pedido<'a> {
    pub datos: &'a DatosFactura,
    pub ctx: &'a ContextoDecision<'a>,
    pub sucursal_id: Id,
    /// Stated, else the sucursal's first.
    pub bodega_id: Option<Id>,
    pub moneda: Arc<str>,
    pub fecha_emision: NaiveDate,
    pub fecha_autorizacion: NaiveDate,
    pub fecha_caducidad: Option<NaiveDate>,
    /// Candidate ranges, in the order they are asked.
    pub rangos: Vec<Id>,
    /// At most the first 500: a longer invoice is refused anyway.
    pub lineas: Vec<LineaPropuesta<'a>>,
}

/// A line with its defaults taken; nothing is checked yet.
pub struct LineaPropuesta<'a> {
    /// From 0, as the caller counts.
    pub indice: usize,
    pub pedida: &'a LineaPedida,
    /// `None` without product, or when it does not exist.
    pub producto: Option<&'a Producto>,
    /// The bodega its stock leaves; `None` when it moves none, or none could be found.
    pub bodega_id: Option<Id>,
    pub descripcion: Option<Arc<str>>,
    pub cantidad: Result<Cantidad, ErrorDecimal>,
    /// `None` when neither the caller nor a product states one.
    pub precio_unitario: Option<Result<PrecioUnitario, ErrorDecimal>>,
    pub impuesto: Option<&'a Impuesto>,
}

impl LineaPropuesta<'_> {
    /// Whether its goods leave a bodega.
    pub fn mueve_inventario(&self) -> bool {
        self.producto.is_some_and(|p| p.datos.controla_inventario)
    }

    /// The line as the draft keeps it, once its rules hold.
    pub fn en_limpio(&self) -> Option<LineaFactura> {
        Some(LineaFactura {
            numero: u16::try_from(self.indice + 1).ok()?,
            producto_id: self.pedida.producto_id.clone(),
            bodega_id: self.bodega_id.clone(),
            descripcion: self.descripcion.clone()?,
            cantidad: self.cantidad.ok()?,
            precio_unitario: self.precio_unitario?.ok()?,
            impuesto: self.impuesto.cloned(),
        })
    }
}

impl<'a> Pedido<'a> {
    /// Takes the defaults of an invoice.
    pub fn resolver(datos: &'a DatosFactura, ctx: &'a ContextoDecision<'a>) -> Self {
        let sucursal_id = datos.sucursal_id.clone().unwrap_or_else(|| Id::compuesto(&[SUCURSAL_PREDETERMINADA]));
        let bodega_id = datos.bodega_id.clone().or_else(|| ctx.catalogo.bodega_de(&sucursal_id));
        let fecha_emision = datos.fecha_emision.unwrap_or(ctx.hoy);
        let lineas = datos.lineas.iter().take(LINEAS_MAX).enumerate();
        let lineas = lineas.map(|(indice, pedida)| proponer(indice, pedida, bodega_id.as_ref(), ctx)).collect();
        let rangos = ctx.catalogo.rangos_vigentes(&sucursal_id, TipoDocumento::Factura, fecha_emision);
        Self {
            datos,
            ctx,
            sucursal_id,
            rangos,
            bodega_id,
            moneda: datos.moneda.clone().unwrap_or_else(|| Arc::from(ctx.emisor.moneda())),
            fecha_emision,
            fecha_autorizacion: datos.fecha_autorizacion.unwrap_or_else(|| ctx.hoy.min(fecha_emision)),
            fecha_caducidad: caducidad(&datos.fecha_caducidad, fecha_emision),
            lineas,
        }
    }
}

fn caducidad(pedida: &Campo<NaiveDate>, fecha_emision: NaiveDate) -> Option<NaiveDate> {
    match pedida {
        Campo::Ausente => fecha_emision.checked_add_days(Days::new(DIAS_CADUCIDAD)),
        Campo::Nulo => None,
        Campo::Valor(fecha) => Some(*fecha),
    }
}

fn proponer<'a>(
    indice: usize,
    pedida: &'a LineaPedida,
    bodega_documento: Option<&Id>,
    ctx: &ContextoDecision<'a>,
) -> LineaPropuesta<'a> {
    let producto = pedida.producto_id.as_ref().and_then(|id| ctx.catalogo.producto(id));
    let de_producto = producto.map(|p| &p.datos);
    let bodega_id =
        de_producto.filter(|p| p.controla_inventario).and_then(|_| pedida.bodega_id.as_ref().or(bodega_documento)).cloned();
    LineaPropuesta {
        indice,
        pedida,
        producto,
        bodega_id,
        descripcion: pedida.descripcion.clone().or_else(|| de_producto.map(|p| Arc::clone(&p.nombre))),
        cantidad: Cantidad::nuevo(pedida.cantidad),
        precio_unitario: pedida.precio_unitario.map(PrecioUnitario::nuevo).or_else(|| de_producto.map(|p| Ok(p.precio))),
        impuesto: match &pedida.impuesto {
            Campo::Ausente => de_producto.and_then(|p| p.impuesto.as_ref()),
            Campo::Nulo => None,
            Campo::Valor(impuesto) => Some(impuesto),
        },
    }
}
