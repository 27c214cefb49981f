//! The invoice with its defaults taken (`dominio.md` section 9), before any rule looks at it.

use std::sync::Arc;

use chrono::{Days, NaiveDate};

use super::{
    Campo, DIAS_CADUCIDAD, DatosFactura, DescuentoFactura, DescuentoPedido, Factura, LINEAS_MAX, LineaFactura, LineaPedida,
};
use crate::domain::{
    ContextoDecision,
    catalogo::{
        descuento::{AmbitoDescuento, ValorDeclarado, ValorDescuento},
        producto::{Impuesto, Producto},
    },
    numeracion::TipoDocumento,
    reglas::{Falla, Regla},
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
    /// Of the whole document.
    pub descuento: DescuentoPropuesto,
    /// At most the first 500: a longer invoice is refused anyway.
    pub lineas: Vec<LineaPropuesta<'a>>,
}

/// A discount with its value taken from where the caller says; whether it fits its base is seen with the amounts.
pub enum DescuentoPropuesto {
    Ninguno,
    Valido(Box<DescuentoFactura>),
    /// What is wrong with it (rule DescuentoValido).
    Invalido(Falla),
}

impl DescuentoPropuesto {
    /// The discount, when there is one and it may be used.
    pub fn en_limpio(&self) -> Option<&DescuentoFactura> {
        match self {
            Self::Valido(descuento) => Some(descuento),
            Self::Ninguno | Self::Invalido(_) => None,
        }
    }
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
    pub descuento: DescuentoPropuesto,
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
            // One that takes nothing is none.
            descuento: self.descuento.en_limpio().filter(|d| !d.valor.es_cero()).cloned().map(Box::new),
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
        let origen = Origen { bodega: bodega_id.as_ref(), fecha_emision, ctx };
        let lineas = lineas.map(|(indice, pedida)| proponer(indice, pedida, &origen)).collect();
        let descuento = proponer_descuento(datos.descuento.as_deref(), AmbitoDescuento::Documento, "/descuento", &origen);
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
            descuento,
            lineas,
        }
    }

    /// A draft as what it was asked for, `datos`, made of it by [`pedido_de`]: its discounts are the copies that it keeps, used
    /// as long as the catalogue lets them be used.
    pub fn de_borrador(datos: &'a DatosFactura, factura: &Factura, ctx: &'a ContextoDecision<'a>) -> Self {
        let mut pedido = Self::resolver(datos, ctx);
        conservar(&mut pedido.descuento, factura.cabecera.descuento.as_deref());
        for (propuesta, linea) in pedido.lineas.iter_mut().zip(&factura.lineas) {
            conservar(&mut propuesta.descuento, linea.descuento.as_deref());
        }
        pedido
    }
}

/// The value that the document copied, instead of the catalogue's of today.
fn conservar(propuesto: &mut DescuentoPropuesto, copia: Option<&DescuentoFactura>) {
    if let (DescuentoPropuesto::Valido(descuento), Some(copia)) = (propuesto, copia) {
        descuento.valor = copia.valor;
    }
}

/// A draft as a caller would state it, everything explicit.
pub fn pedido_de(factura: &Factura) -> DatosFactura {
    let cabecera = &*factura.cabecera;
    DatosFactura {
        cliente_id: cabecera.cliente_id.clone(),
        sucursal_id: Some(cabecera.sucursal_id.clone()),
        bodega_id: cabecera.bodega_id.clone(),
        moneda: Some(Arc::clone(&cabecera.moneda)),
        fecha_emision: Some(cabecera.fecha_emision),
        fecha_autorizacion: Some(cabecera.fecha_autorizacion),
        fecha_caducidad: cabecera.fecha_caducidad.map_or(Campo::Nulo, Campo::Valor),
        canal: cabecera.canal.clone(),
        pedido_id: cabecera.pedido_id.clone(),
        notas: cabecera.notas.clone(),
        orden_compra: cabecera.orden_compra.clone(),
        formas_pago: cabecera.formas_pago.clone(),
        total: cabecera.total_declarado.map(|total| total.valor()),
        lineas: factura.lineas.iter().map(|linea| linea_de(linea)).collect(),
        descuento: cabecera.descuento.as_deref().map(descuento_de),
    }
}

fn linea_de(linea: &LineaFactura) -> LineaPedida {
    LineaPedida {
        producto_id: linea.producto_id.clone(),
        bodega_id: linea.bodega_id.clone(),
        descripcion: Some(Arc::clone(&linea.descripcion)),
        cantidad: linea.cantidad.valor(),
        precio_unitario: Some(linea.precio_unitario.valor()),
        impuesto: linea.impuesto.clone().map_or(Campo::Nulo, Campo::Valor),
        descuento: linea.descuento.as_deref().map(descuento_de),
    }
}

fn descuento_de(descuento: &DescuentoFactura) -> Box<DescuentoPedido> {
    let valor = match (&descuento.descuento_id, descuento.valor) {
        (Some(_), _) => ValorDeclarado::default(),
        (None, ValorDescuento::Porcentaje(p)) => ValorDeclarado { porcentaje: Some(p.valor()), monto: None },
        (None, ValorDescuento::Monto(m)) => ValorDeclarado { porcentaje: None, monto: Some(m.valor()) },
    };
    Box::new(DescuentoPedido { valor, descuento_id: descuento.descuento_id.clone() })
}

/// A discount with its value; `lugar` is its place in the body.
fn proponer_descuento(
    pedido: Option<&DescuentoPedido>,
    ambito: AmbitoDescuento,
    lugar: &str,
    origen: &Origen<'_, '_>,
) -> DescuentoPropuesto {
    let Some(pedido) = pedido else { return DescuentoPropuesto::Ninguno };
    match descuento_pedido(pedido, ambito, lugar, origen) {
        Ok(descuento) => DescuentoPropuesto::Valido(Box::new(descuento)),
        Err(falla) => DescuentoPropuesto::Invalido(falla),
    }
}

/// A discount that is given to a draft by itself; its place is the whole body.
///
/// # Errors
/// DescuentoValido, PrecisionExcedida.
pub fn proponer_para(
    pedido: &DescuentoPedido,
    ambito: AmbitoDescuento,
    fecha_emision: NaiveDate,
    ctx: &ContextoDecision<'_>,
) -> Result<DescuentoFactura, Falla> {
    descuento_pedido(pedido, ambito, "", &Origen { bodega: None, fecha_emision, ctx })
}

fn descuento_pedido(
    pedido: &DescuentoPedido,
    ambito: AmbitoDescuento,
    lugar: &str,
    origen: &Origen<'_, '_>,
) -> Result<DescuentoFactura, Falla> {
    let Some(id) = &pedido.descuento_id else {
        let valor = pedido.valor.revisar(lugar)?;
        return con_decimales(valor, lugar, origen).map(|valor| DescuentoFactura { descuento_id: None, valor });
    };
    if !pedido.valor.esta_vacio() {
        return Err(Falla::new(Regla::DescuentoValido, lugar, "indique descuento_id o un valor, no ambos"));
    }
    let motivo = match origen.ctx.catalogo.descuento(id) {
        None => "no existe; créelo o indique porcentaje o monto".to_owned(),
        Some(d) if !d.activo => "está inactivo; indique otro".to_owned(),
        Some(d) if d.datos.ambito != ambito => {
            format!("es de ámbito {} y aquí se aplica a {}", d.datos.ambito.nombre(), ambito.nombre())
        }
        Some(d) if !d.datos.rige_en(origen.fecha_emision) => format!("no está vigente el {}", origen.fecha_emision),
        Some(d) => {
            return con_decimales(d.datos.valor, lugar, origen)
                .map(|valor| DescuentoFactura { descuento_id: Some(id.clone()), valor });
        }
    };
    let campo = format!("{lugar}/descuento_id");
    Err(Falla::new(Regla::DescuentoValido, campo, format!("el descuento {id} {motivo}")).con("descuento_id", id))
}

/// An amount has no more decimals than the issuer's documents.
fn con_decimales(valor: ValorDescuento, lugar: &str, origen: &Origen<'_, '_>) -> Result<ValorDescuento, Falla> {
    let decimales = origen.ctx.emisor.redondeo.decimales;
    match valor {
        ValorDescuento::Monto(monto) if monto.valor().scale() > decimales => {
            let mensaje = format!("los importes de este emisor tienen {decimales} decimales; redondee el monto del descuento");
            Err(Falla::new(Regla::PrecisionExcedida, format!("{lugar}/monto"), mensaje).con("monto", monto))
        }
        _ => Ok(valor),
    }
}

fn caducidad(pedida: &Campo<NaiveDate>, fecha_emision: NaiveDate) -> Option<NaiveDate> {
    match pedida {
        Campo::Ausente => fecha_emision.checked_add_days(Days::new(DIAS_CADUCIDAD)),
        Campo::Nulo => None,
        Campo::Valor(fecha) => Some(*fecha),
    }
}

/// What the defaults of a line come from.
struct Origen<'c, 'a> {
    /// The document's.
    bodega: Option<&'c Id>,
    fecha_emision: NaiveDate,
    ctx: &'c ContextoDecision<'a>,
}

fn proponer<'a>(indice: usize, pedida: &'a LineaPedida, origen: &Origen<'_, 'a>) -> LineaPropuesta<'a> {
    let ctx = origen.ctx;
    let producto = pedida.producto_id.as_ref().and_then(|id| ctx.catalogo.producto(id));
    let de_producto = producto.map(|p| &p.datos);
    let bodega_id =
        de_producto.filter(|p| p.controla_inventario).and_then(|_| pedida.bodega_id.as_ref().or(origen.bodega)).cloned();
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
        descuento: match &pedida.descuento {
            None => DescuentoPropuesto::Ninguno,
            Some(d) => proponer_descuento(Some(d), AmbitoDescuento::Linea, &format!("/lineas/{indice}/descuento"), origen),
        },
    }
}
