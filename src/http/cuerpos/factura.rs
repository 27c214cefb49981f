//! Body of an invoice (`dominio.md` section 15).

use serde_json::{Value, json};

use super::{ContextoCuerpo, ErroresCuerpo, catalogo::impuesto, id_o_nuevo, inventario::limite_cantidad, lector::Lector, leer};
use crate::domain::{
    catalogo::descuento::ValorDeclarado,
    facturacion::factura::{CambioFechas, ComandoFactura, DatosFactura, DescuentoPedido, FormaPago, FormaPagoTipo, LineaPedida},
    reglas::{Falla, Regla},
    valores::{Decimal, Dinero, ErrorDecimal, Id},
};

/// Lines of one document.
pub const MAXIMO_LINEAS: usize = 500;
const MAXIMO_FORMAS_PAGO: usize = 20;
const LARGO_CANAL: usize = 64;
const LARGO_PEDIDO: usize = 128;
const LARGO_DESCRIPCION: usize = 300;
const LARGO_MEDIO: usize = 32;
const LARGO_NOTAS: usize = 2_000;
const LARGO_MONEDA: usize = 3;

const CAMPOS: &[&str] = &[
    "id",
    "cliente_id",
    "sucursal_id",
    "bodega_id",
    "moneda",
    "fecha_emision",
    "fecha_autorizacion",
    "fecha_caducidad",
    "canal",
    "pedido_id",
    "notas",
    "orden_compra",
    "formas_pago",
    "total",
    "lineas",
    "descuento",
];

const CAMPOS_DESCUENTO: &[&str] = &["porcentaje", "monto", "descuento_id"];

const CAMPOS_LINEA: &[&str] = &["producto_id", "bodega_id", "descripcion", "cantidad", "precio_unitario", "impuesto", "descuento"];

/// `POST /facturas`: creates and issues. Absent fields are left absent: their defaults are decided with the command's own day.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_factura(valor: &Value, contexto: &ContextoCuerpo<'_>) -> Result<ComandoFactura, ErroresCuerpo> {
    let (factura_id, datos) = datos_factura(valor, "CrearYEmitirFactura", true, contexto)?;
    Ok(ComandoFactura::CrearYEmitirFactura { factura_id, datos })
}

/// `POST /facturas?emitir=false`: creates the draft, with or without lines.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_borrador(valor: &Value, contexto: &ContextoCuerpo<'_>) -> Result<ComandoFactura, ErroresCuerpo> {
    let (factura_id, datos) = datos_factura(valor, "CrearFactura", false, contexto)?;
    Ok(ComandoFactura::CrearFactura { factura_id, datos })
}

fn datos_factura(
    valor: &Value,
    tipo_comando: &str,
    con_lineas: bool,
    contexto: &ContextoCuerpo<'_>,
) -> Result<(Id, Box<DatosFactura>), ErroresCuerpo> {
    leer(valor, CAMPOS, |lector| {
        let factura_id = id_o_nuevo(lector, "id", tipo_comando, contexto);
        let cliente_id = lector.id("cliente_id");
        let cliente_id = lector.exigir("cliente_id", Regla::ClienteValido, cliente_id);
        let descuento = descuento(lector);
        let sucursal_id = lector.id("sucursal_id");
        let bodega_id = lector.id("bodega_id");
        let moneda = lector.texto("moneda", LARGO_MONEDA, Regla::MonedaValida);
        let fecha_emision = lector.fecha("fecha_emision");
        let fecha_autorizacion = lector.fecha("fecha_autorizacion");
        let fecha_caducidad = lector.fecha_o_nulo("fecha_caducidad");
        let canal = lector.texto("canal", LARGO_CANAL, Regla::TextoValido);
        let pedido_id = texto_o_numero(lector, "pedido_id", LARGO_PEDIDO);
        let notas = lector.texto_largo("notas", LARGO_NOTAS);
        let orden_compra = texto_o_numero(lector, "orden_compra", LARGO_PEDIDO);
        let total = lector.decimal("total", Regla::TotalesConsistentes, limite_dinero);
        let formas_pago = formas_pago(lector);
        let lineas = if con_lineas || lector.presente("lineas") { lineas(lector) } else { Some(Vec::new()) };
        let datos = DatosFactura {
            cliente_id: cliente_id?,
            sucursal_id,
            bodega_id,
            moneda,
            fecha_emision,
            fecha_autorizacion,
            fecha_caducidad,
            canal,
            pedido_id,
            notas,
            orden_compra,
            formas_pago: formas_pago?,
            total,
            lineas: lineas?,
            descuento: descuento?,
        };
        Some((factura_id?, Box::new(datos)))
    })
}

/// `descuento: {porcentaje | monto | descuento_id}`; which of the three, and how much, the rules say. `None` when it cannot be read.
fn descuento(lector: &mut Lector<'_, '_>) -> Option<Option<Box<DescuentoPedido>>> {
    let Some(valor) = lector.crudo("descuento") else { return Some(None) };
    let ruta = lector.ruta("descuento");
    let mut interno = Lector::abrir(valor, ruta, CAMPOS_DESCUENTO, lector.errores)?;
    Some(Some(Box::new(descuento_de(&mut interno))))
}

fn descuento_de(lector: &mut Lector<'_, '_>) -> DescuentoPedido {
    let valor = ValorDeclarado {
        porcentaje: lector.decimal("porcentaje", Regla::DescuentoValido, |_| Ok(())),
        monto: lector.decimal("monto", Regla::DescuentoValido, |_| Ok(())),
    };
    DescuentoPedido { valor, descuento_id: lector.id("descuento_id") }
}

/// `POST /facturas/{id}/lineas`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_linea(valor: &Value, factura_id: &Id) -> Result<ComandoFactura, ErroresCuerpo> {
    leer(valor, CAMPOS_LINEA, |lector| {
        Some(ComandoFactura::AgregarLinea { factura_id: factura_id.clone(), linea: Box::new(linea_de(lector)?) })
    })
}

/// `DELETE /facturas/{id}/lineas/{numero}` as the command line states it.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_quitar_linea(valor: &Value, factura_id: &Id) -> Result<ComandoFactura, ErroresCuerpo> {
    leer(valor, &["linea"], |lector| {
        let linea = lector.entero("linea", Regla::LineaValida);
        let linea = lector.exigir("linea", Regla::LineaValida, linea);
        // A line beyond any invoice's is as unknown as line 0.
        let linea = u16::try_from(linea?).unwrap_or(0);
        Some(ComandoFactura::QuitarLinea { factura_id: factura_id.clone(), linea })
    })
}

/// Bodies of the command line name `factura_id`, which the routes have in their address: the id, and the rest as the route reads it.
///
/// # Errors
/// IdValido, FacturaExiste when it is absent.
pub fn factura_del_cuerpo(valor: &Value) -> Result<(Id, Value), ErroresCuerpo> {
    let mut resto = valor.clone();
    let factura_id = resto.as_object_mut().and_then(|campos| campos.shift_remove("factura_id"));
    let solo_id = factura_id.map_or_else(|| json!({}), |id| json!({ "factura_id": id }));
    let factura_id = leer(&solo_id, &["factura_id"], |lector| {
        let factura_id = lector.id("factura_id");
        lector.exigir("factura_id", Regla::FacturaExiste, factura_id)
    })?;
    Ok((factura_id, resto))
}

/// `POST /facturas/{id}/descuentos`: for the line `linea`, or for the document without it.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_aplicar_descuento(valor: &Value, factura_id: &Id) -> Result<ComandoFactura, ErroresCuerpo> {
    leer(valor, &["linea", "porcentaje", "monto", "descuento_id"], |lector| {
        let linea = match lector.entero("linea", Regla::LineaValida).map(u16::try_from) {
            Some(Err(_)) => {
                lector.falla("linea", Regla::LineaValida, format!("las líneas van de 1 a {MAXIMO_LINEAS}"));
                None
            }
            otra => otra.and_then(Result::ok),
        };
        let descuento = Box::new(descuento_de(lector));
        Some(ComandoFactura::AplicarDescuento { factura_id: factura_id.clone(), linea, descuento })
    })
}

/// `POST /facturas/{id}/formas-pago`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_formas_pago(valor: &Value, factura_id: &Id) -> Result<ComandoFactura, ErroresCuerpo> {
    leer(valor, &["formas_pago"], |lector| {
        let formas_pago = formas_pago(lector);
        let formas_pago = if lector.presente("formas_pago") {
            formas_pago
        } else {
            lector.falla("formas_pago", Regla::FormaPagoValida, "falta este campo obligatorio");
            None
        };
        Some(ComandoFactura::DefinirFormasPago { factura_id: factura_id.clone(), formas_pago: formas_pago? })
    })
}

const CAMPOS_FECHAS: &[&str] = &["fecha_emision", "fecha_autorizacion", "fecha_caducidad"];

fn fechas(lector: &mut Lector<'_, '_>) -> CambioFechas {
    CambioFechas {
        fecha_emision: lector.fecha("fecha_emision"),
        fecha_autorizacion: lector.fecha("fecha_autorizacion"),
        fecha_caducidad: lector.fecha_o_nulo("fecha_caducidad"),
    }
}

/// `POST /facturas/{id}/fechas`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_fechas(valor: &Value, factura_id: &Id) -> Result<ComandoFactura, ErroresCuerpo> {
    leer(valor, CAMPOS_FECHAS, |lector| {
        Some(ComandoFactura::CambiarFechas { factura_id: factura_id.clone(), fechas: Box::new(fechas(lector)) })
    })
}

/// `POST /facturas/{id}/emitir`: with the dates of the body, if any.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_emitir(valor: &Value, factura_id: &Id) -> Result<ComandoFactura, ErroresCuerpo> {
    leer(valor, CAMPOS_FECHAS, |lector| {
        let fechas = fechas(lector);
        let fechas = (fechas != CambioFechas::default()).then(|| Box::new(fechas));
        Some(ComandoFactura::EmitirFactura { factura_id: factura_id.clone(), fechas })
    })
}

/// Order numbers of channels come as text or as whole numbers.
fn texto_o_numero(lector: &mut Lector<'_, '_>, campo: &str, maximo: usize) -> Option<std::sync::Arc<str>> {
    match lector.crudo(campo) {
        Some(Value::Number(_)) => lector.id(campo).map(|id| std::sync::Arc::from(id.as_str())),
        _ => lector.texto(campo, maximo, Regla::TextoValido),
    }
}

fn limite_dinero(valor: Decimal) -> Result<(), ErrorDecimal> {
    Dinero::nuevo(valor).map(drop)
}

fn lineas(lector: &mut Lector<'_, '_>) -> Option<Vec<LineaPedida>> {
    if !lector.presente("lineas") {
        lector.falla("lineas", Regla::FacturaTieneLineas, Regla::FacturaTieneLineas.significado());
        return None;
    }
    let lista = lector.lista("lineas")?;
    if lista.len() > MAXIMO_LINEAS {
        let mensaje = format!("la factura tiene {} líneas; se admiten hasta {MAXIMO_LINEAS}: divídala en varias", lista.len());
        let falla = Falla::new(Regla::FacturaTieneLineas, lector.ruta("lineas"), mensaje);
        lector.errores.anotar(falla.con("lineas", lista.len()).con("maximo", MAXIMO_LINEAS));
        return None;
    }
    let ruta = lector.ruta("lineas");
    let leidas: Vec<_> = lista.iter().enumerate().map(|(i, valor)| linea(valor, format!("{ruta}/{i}"), lector.errores)).collect();
    leidas.into_iter().collect()
}

fn linea(valor: &Value, ruta: String, errores: &mut ErroresCuerpo) -> Option<LineaPedida> {
    linea_de(&mut Lector::abrir(valor, ruta, CAMPOS_LINEA, errores)?)
}

fn linea_de(lector: &mut Lector<'_, '_>) -> Option<LineaPedida> {
    let descuento = descuento(lector);
    let producto_id = lector.id("producto_id");
    let bodega_id = lector.id("bodega_id");
    let descripcion = lector.texto("descripcion", LARGO_DESCRIPCION, Regla::LineaValida);
    let cantidad = lector.decimal("cantidad", Regla::LineaValida, limite_cantidad);
    let cantidad = lector.exigir("cantidad", Regla::LineaValida, cantidad);
    let precio_unitario = lector.decimal("precio_unitario", Regla::LineaValida, limite_cantidad);
    let impuesto = impuesto(lector);
    Some(LineaPedida { producto_id, bodega_id, descripcion, cantidad: cantidad?, precio_unitario, impuesto, descuento: descuento? })
}

fn formas_pago(lector: &mut Lector<'_, '_>) -> Option<Vec<FormaPago>> {
    if !lector.presente("formas_pago") {
        return Some(Vec::new());
    }
    let lista = lector.lista("formas_pago")?;
    if lista.len() > MAXIMO_FORMAS_PAGO {
        lector.falla("formas_pago", Regla::FormaPagoValida, format!("se admiten hasta {MAXIMO_FORMAS_PAGO} formas de pago"));
        return None;
    }
    let ruta = lector.ruta("formas_pago");
    let leidas: Vec<_> =
        lista.iter().enumerate().map(|(i, valor)| forma_pago(valor, format!("{ruta}/{i}"), lector.errores)).collect();
    leidas.into_iter().collect()
}

fn forma_pago(valor: &Value, ruta: String, errores: &mut ErroresCuerpo) -> Option<FormaPago> {
    let mut lector = Lector::abrir(valor, ruta, &["forma", "medio", "monto", "fecha_vencimiento"], errores)?;
    let formas = [FormaPagoTipo::Contado, FormaPagoTipo::Credito].map(FormaPagoTipo::nombre);
    let forma = lector.opcion("forma", &formas, Regla::FormaPagoValida, FormaPagoTipo::de_nombre);
    let forma = lector.exigir("forma", Regla::FormaPagoValida, forma);
    let medio = lector.texto("medio", LARGO_MEDIO, Regla::FormaPagoValida);
    let medio = lector.exigir("medio", Regla::FormaPagoValida, medio);
    let monto = lector.decimal("monto", Regla::FormaPagoValida, limite_dinero);
    let monto = lector.exigir("monto", Regla::FormaPagoValida, monto).and_then(|m| Dinero::nuevo(m).ok());
    let fecha_vencimiento = lector.fecha("fecha_vencimiento");
    Some(FormaPago { forma: forma?, medio: medio?, monto: monto?, fecha_vencimiento })
}
