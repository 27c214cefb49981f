//! Body of an invoice (`dominio.md` section 15).

use serde_json::Value;

use super::{ContextoCuerpo, ErroresCuerpo, catalogo::impuesto, id_o_nuevo, inventario::limite_cantidad, lector::Lector, leer};
use crate::domain::{
    facturacion::factura::{ComandoFactura, DatosFactura, FormaPago, FormaPagoTipo, LineaPedida},
    reglas::{Falla, Regla},
    valores::{Decimal, Dinero, ErrorDecimal},
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
const SIN_DESCUENTOS: &str = "los descuentos aún no están disponibles: quite este campo";

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
    "descuentos",
];

const CAMPOS_LINEA: &[&str] =
    &["producto_id", "bodega_id", "descripcion", "cantidad", "precio_unitario", "impuesto", "descuento", "descuentos"];

/// `POST /facturas`: creates and issues. Absent fields are left absent: their defaults are decided with the command's own day.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_factura(valor: &Value, contexto: &ContextoCuerpo<'_>) -> Result<ComandoFactura, ErroresCuerpo> {
    leer(valor, CAMPOS, |lector| {
        let factura_id = id_o_nuevo(lector, "id", "CrearYEmitirFactura", contexto);
        let cliente_id = lector.id("cliente_id");
        let cliente_id = lector.exigir("cliente_id", Regla::ClienteValido, cliente_id);
        sin_descuentos(lector);
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
        let lineas = lineas(lector);
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
        };
        Some(ComandoFactura::CrearYEmitirFactura { factura_id: factura_id?, datos: Box::new(datos) })
    })
}

/// Discounts are not computed yet; taking the field silently would issue another total than the caller expects.
fn sin_descuentos(lector: &mut Lector<'_, '_>) {
    for campo in ["descuento", "descuentos"] {
        if lector.presente(campo) {
            lector.falla(campo, Regla::DescuentoValido, SIN_DESCUENTOS);
        }
    }
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
    let mut lector = Lector::abrir(valor, ruta, CAMPOS_LINEA, errores)?;
    sin_descuentos(&mut lector);
    let producto_id = lector.id("producto_id");
    let bodega_id = lector.id("bodega_id");
    let descripcion = lector.texto("descripcion", LARGO_DESCRIPCION, Regla::LineaValida);
    let cantidad = lector.decimal("cantidad", Regla::LineaValida, limite_cantidad);
    let cantidad = lector.exigir("cantidad", Regla::LineaValida, cantidad);
    let precio_unitario = lector.decimal("precio_unitario", Regla::LineaValida, limite_cantidad);
    let impuesto = impuesto(&mut lector);
    Some(LineaPedida { producto_id, bodega_id, descripcion, cantidad: cantidad?, precio_unitario, impuesto })
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
