//! Invoices in JSON.

use serde_json::{Map, Value, json};

use super::{cifra, datos_cliente, dinero, fecha, fecha_opcional, impuesto, lote_consumido, texto_opcional};
use crate::domain::{
    catalogo::descuento::ValorDescuento,
    facturacion::factura::{
        CabeceraFactura, DescuentoFactura, FacturaEmitida, FormaPago, GrupoEmision, GrupoEmitido, LineaEmitida, LineaFactura,
        TotalesFactura,
    },
    valores::{Decimal, Id},
};

fn id_opcional(id: Option<&Id>) -> Value {
    id.map_or(Value::Null, |id| Value::String(id.to_string()))
}

/// The head, with the names of the request's body.
pub fn cabecera(cabecera: &CabeceraFactura) -> Map<String, Value> {
    let campos = json!({
        "cliente_id": cabecera.cliente_id.as_str(),
        "sucursal_id": cabecera.sucursal_id.as_str(),
        "bodega_id": id_opcional(cabecera.bodega_id.as_ref()),
        "moneda": &*cabecera.moneda,
        "fecha_emision": fecha(cabecera.fecha_emision),
        "fecha_autorizacion": fecha(cabecera.fecha_autorizacion),
        "fecha_caducidad": fecha_opcional(cabecera.fecha_caducidad),
        "canal": texto_opcional(cabecera.canal.as_ref()),
        "pedido_id": texto_opcional(cabecera.pedido_id.as_ref()),
        "notas": texto_opcional(cabecera.notas.as_ref()),
        "orden_compra": texto_opcional(cabecera.orden_compra.as_ref()),
        "formas_pago": cabecera.formas_pago.iter().map(forma_pago).collect::<Value>(),
        "descuento_aplicado": descuento(cabecera.descuento.as_deref()),
    });
    match campos {
        Value::Object(campos) => campos,
        _ => Map::new(),
    }
}

/// `{descuento_id, porcentaje, monto}`, one of the last two null; null without discount.
pub fn descuento(descuento: Option<&DescuentoFactura>) -> Value {
    let Some(descuento) = descuento else { return Value::Null };
    let (porcentaje, monto) = valor_descuento(descuento.valor);
    json!({ "descuento_id": id_opcional(descuento.descuento_id.as_ref()), "porcentaje": porcentaje, "monto": monto })
}

/// Percentage and amount, one of them null.
pub fn valor_descuento(valor: ValorDescuento) -> (Value, Value) {
    match valor {
        ValorDescuento::Porcentaje(p) => (cifra(p.valor()), Value::Null),
        ValorDescuento::Monto(m) => (Value::Null, dinero(m.valor())),
    }
}

pub fn forma_pago(forma: &FormaPago) -> Value {
    json!({
        "forma": forma.forma.nombre(),
        "medio": &*forma.medio,
        "monto": dinero(forma.monto.valor()),
        "fecha_vencimiento": fecha_opcional(forma.fecha_vencimiento),
    })
}

pub fn linea_factura(linea: &LineaFactura) -> Value {
    json!({
        "numero": linea.numero,
        "producto_id": id_opcional(linea.producto_id.as_ref()),
        "bodega_id": id_opcional(linea.bodega_id.as_ref()),
        "descripcion": &*linea.descripcion,
        "cantidad": cifra(linea.cantidad.valor()),
        "precio_unitario": cifra(linea.precio_unitario.valor()),
        "impuesto": impuesto(linea.impuesto.as_ref()),
        "descuento_aplicado": descuento(linea.descuento.as_deref()),
    })
}

pub fn linea_emitida(emitida: &LineaEmitida) -> Value {
    let mut campos = linea_factura(&emitida.linea);
    campos["bruto"] = dinero(emitida.bruto.valor());
    campos["descuento"] = dinero(emitida.descuento.valor());
    campos["descuento_documento"] = dinero(emitida.descuento_documento.valor());
    campos["subtotal"] = dinero(emitida.subtotal.valor());
    campos["valor_impuesto"] = dinero(emitida.impuesto.valor());
    campos
}

/// `{bruto, descuentos, subtotal, impuestos, detalle_impuestos[], total}`; `impuestos` is the sum of the taxes.
pub fn totales(totales: &TotalesFactura) -> Value {
    let impuestos: Decimal = totales.impuestos.iter().map(|i| i.valor.valor()).sum();
    let detalle: Value = totales
        .impuestos
        .iter()
        .map(|i| {
            let (codigo, tarifa) = (&*i.impuesto.codigo, cifra(i.impuesto.tarifa.valor()));
            json!({ "codigo": codigo, "tarifa": tarifa, "base": dinero(i.base.valor()), "valor": dinero(i.valor.valor()) })
        })
        .collect();
    json!({
        "bruto": dinero(totales.bruto.valor()),
        "descuentos": dinero(totales.descuentos.valor()),
        "subtotal": dinero(totales.subtotal.valor()),
        "impuestos": dinero(impuestos),
        "detalle_impuestos": detalle,
        "total": dinero(totales.total.valor()),
    })
}

pub fn grupo(grupo: &GrupoEmision) -> Value {
    json!({
        "producto_id": grupo.producto_id.as_str(),
        "bodega_id": grupo.bodega_id.as_str(),
        "cantidad": cifra(grupo.cantidad.valor()),
        "lineas": grupo.lineas,
    })
}

fn grupo_emitido(emitido: &GrupoEmitido) -> Value {
    let mut campos = grupo(&emitido.grupo);
    campos["movimiento_id"] = Value::String(emitido.movimiento_id.to_string());
    campos["costo_total"] = cifra(emitido.costo_total.valor());
    campos["lotes"] = emitido.lotes.iter().map(lote_consumido).collect();
    campos
}

/// The document without its state: number, head, client copy, lines, totals, lots.
pub fn factura_emitida(emitida: &FacturaEmitida) -> Map<String, Value> {
    let mut campos = Map::new();
    campos.insert("numero".to_owned(), Value::String(emitida.numero.to_string()));
    campos.insert("prefijo".to_owned(), Value::String(emitida.numero.prefijo.to_string()));
    campos.insert("consecutivo".to_owned(), Value::from(emitida.numero.consecutivo));
    campos.insert("resolucion".to_owned(), Value::String(emitida.numero.resolucion.to_string()));
    campos.insert("emitida_en".to_owned(), Value::String(emitida.emitida_en.rfc3339()));
    campos.extend(cabecera(&emitida.cabecera));
    campos.insert("cliente".to_owned(), datos_cliente(&emitida.cliente));
    campos.insert("lineas".to_owned(), emitida.lineas.iter().map(linea_emitida).collect());
    super::unir(&mut campos, totales(&emitida.totales));
    campos.insert("costo_ventas".to_owned(), cifra(emitida.costo_ventas.valor()));
    campos.insert("grupos".to_owned(), emitida.grupos.iter().map(grupo_emitido).collect());
    campos
}
