//! Credit notes, and what happens to an invoice after its issue, in JSON.

use serde_json::{Map, Value, json};

use super::{
    cifra, datos_cliente, dinero, eventos::numero, fallas, fecha, fecha_opcional, impuesto, lote_consumido, texto_opcional,
    totales, unir,
};
use crate::domain::{
    facturacion::{
        factura::{
            EventoFactura, FacturaAnulada, RespuestaDian,
            credito::{Acreditado, CargoLinea, CreditoNota, GrupoDevolucion, LineaAcreditada, LineaNotaCredito},
        },
        nota_credito::{CabeceraNota, EventoNotaCredito, NotaCreditoEmitida},
    },
    valores::Id,
};

fn id_opcional(id: Option<&Id>) -> Value {
    id.map_or(Value::Null, |id| Value::String(id.to_string()))
}

fn de_nota(factura_id: &Id, nota_id: &Id, campos: Value) -> Value {
    let mut todos = Map::new();
    todos.insert("factura_id".to_owned(), Value::String(factura_id.to_string()));
    todos.insert("nota_id".to_owned(), Value::String(nota_id.to_string()));
    unir(&mut todos, campos);
    Value::Object(todos)
}

/// The body of an event of a note.
pub fn evento(evento: &EventoNotaCredito) -> Value {
    match evento {
        EventoNotaCredito::NotaCreditoCreada { factura_id, nota_id, cabecera } => {
            de_nota(factura_id, nota_id, cabecera_nota(cabecera))
        }
        EventoNotaCredito::LineaNotaCreditoAgregada { factura_id, nota_id, linea } => {
            de_nota(factura_id, nota_id, json!({ "linea": linea_nota(linea) }))
        }
        EventoNotaCredito::EmisionNotaCreditoIniciada(inicio) => {
            let campos = json!({
                "intento": inicio.intento,
                "cabecera": cabecera_nota(&inicio.cabecera),
                "reanudar_en": inicio.reanudar_en.rfc3339(),
            });
            de_nota(&inicio.factura_id, &inicio.nota_id, campos)
        }
        EventoNotaCredito::NumeracionNotaCreditoRecibida { factura_id, nota_id, intento, numero: recibido } => {
            de_nota(factura_id, nota_id, json!({ "intento": intento, "numero": numero(recibido) }))
        }
        EventoNotaCredito::NotaCreditoEmitida(emitida) => {
            let mut campos = nota_emitida(emitida);
            campos.insert("intento".to_owned(), Value::from(emitida.intento));
            de_nota(&emitida.factura_id, &emitida.nota_id, Value::Object(campos))
        }
        EventoNotaCredito::NotaCreditoRechazada { factura_id, nota_id, intento, errores } => {
            de_nota(factura_id, nota_id, json!({ "intento": intento, "errores": fallas(errores) }))
        }
    }
}

/// The body of an event of an invoice after its issue; of any other, nothing.
pub fn posterior(evento: &EventoFactura) -> Value {
    match evento {
        EventoFactura::CreditoReservado { factura_id, credito } => de_nota(factura_id, &credito.nota_id, credito_nota(credito)),
        EventoFactura::CreditoAplicado { factura_id, nota_id, intento, cargos } => {
            let cargos: Value = cargos.iter().map(cargo).collect();
            de_nota(factura_id, nota_id, json!({ "intento": intento, "cargos": cargos }))
        }
        EventoFactura::CreditoLiberado { factura_id, nota_id, intento } => {
            de_nota(factura_id, nota_id, json!({ "intento": intento }))
        }
        EventoFactura::AnulacionIniciada(inicio) => json!({
            "factura_id": inicio.factura_id.as_str(),
            "intento": inicio.intento,
            "motivo": &*inicio.motivo,
            "reanudar_en": inicio.reanudar_en.rfc3339(),
        }),
        EventoFactura::AnulacionAsegurada { factura_id, intento } => {
            json!({ "factura_id": factura_id.as_str(), "intento": intento })
        }
        EventoFactura::FacturaAnulada(anulada) => {
            let mut campos = Map::new();
            campos.insert("factura_id".to_owned(), Value::String(anulada.documento.factura_id.to_string()));
            campos.insert("numero".to_owned(), Value::String(anulada.documento.numero.to_string()));
            campos.insert("total".to_owned(), dinero(anulada.documento.totales.total.valor()));
            unir(&mut campos, anulacion(anulada));
            Value::Object(campos)
        }
        EventoFactura::AnulacionRechazada { factura_id, intento, errores } => {
            json!({ "factura_id": factura_id.as_str(), "intento": intento, "errores": fallas(errores) })
        }
        EventoFactura::RespuestaDianRegistrada { factura_id, respuesta } => {
            json!({ "factura_id": factura_id.as_str(), "dian": respuesta_dian(respuesta) })
        }
        _ => Value::Null,
    }
}

/// `{motivo, anulada_en, movimientos[]}`.
pub fn anulacion(anulada: &FacturaAnulada) -> Value {
    let movimientos: Value = anulada
        .movimientos
        .iter()
        .map(|m| {
            json!({
                "producto_id": m.producto_id.as_str(),
                "bodega_id": m.bodega_id.as_str(),
                "movimiento_id": m.movimiento_id.as_str(),
                "costo_total": cifra(m.costo_total.valor()),
            })
        })
        .collect();
    json!({ "motivo": &*anulada.motivo, "anulada_en": anulada.anulada_en.rfc3339(), "movimientos": movimientos })
}

pub fn respuesta_dian(respuesta: &RespuestaDian) -> Value {
    json!({
        "estado": respuesta.estado.nombre(),
        "codigo": texto_opcional(respuesta.codigo.as_ref()),
        "mensaje": texto_opcional(respuesta.mensaje.as_ref()),
    })
}

/// The head of a note, with the names of the request's body.
pub fn cabecera_nota(cabecera: &CabeceraNota) -> Value {
    json!({
        "sucursal_id": id_opcional(cabecera.sucursal_id.as_ref()),
        "concepto": cabecera.concepto.nombre(),
        "motivo": &*cabecera.motivo,
        "politica_retorno": cabecera.politica_retorno.nombre(),
        "fecha_emision": fecha(cabecera.fecha_emision),
        "fecha_autorizacion": fecha(cabecera.fecha_autorizacion),
        "fecha_caducidad": fecha_opcional(cabecera.fecha_caducidad),
    })
}

pub fn linea_nota(linea: &LineaNotaCredito) -> Value {
    let (cantidad, monto) = match linea.acreditado {
        Acreditado::Cantidad { cantidad } => (cifra(cantidad.valor()), Value::Null),
        Acreditado::Monto { monto } => (Value::Null, dinero(monto.valor())),
    };
    json!({
        "numero": linea.numero,
        "linea_factura": linea.linea_factura,
        "cantidad": cantidad,
        "monto": monto,
        "afecta_inventario": linea.afecta_inventario,
        "bodega_id": id_opcional(linea.bodega_id.as_ref()),
    })
}

fn linea_acreditada(acreditada: &LineaAcreditada) -> Value {
    let mut campos = linea_nota(&acreditada.linea);
    campos["producto_id"] = id_opcional(acreditada.producto_id.as_ref());
    campos["descripcion"] = Value::String(acreditada.descripcion.to_string());
    campos["precio_unitario"] = cifra(acreditada.precio_unitario.valor());
    campos["impuesto"] = impuesto(acreditada.impuesto.as_ref());
    campos["subtotal"] = dinero(acreditada.subtotal.valor());
    campos["valor_impuesto"] = dinero(acreditada.valor_impuesto.valor());
    campos
}

fn grupo(grupo: &GrupoDevolucion) -> Value {
    json!({
        "producto_id": grupo.producto_id.as_str(),
        "bodega_origen": grupo.bodega_origen.as_str(),
        "bodega_id": grupo.bodega_id.as_str(),
        "cantidad": cifra(grupo.cantidad.valor()),
        "lineas": grupo.lineas,
        "costo_total": cifra(grupo.costo_total.valor()),
        "lotes": grupo.lotes.iter().map(lote_consumido).collect::<Value>(),
    })
}

fn cargo(cargo: &CargoLinea) -> Value {
    json!({
        "linea": cargo.linea,
        "cantidad": cifra(cargo.cantidad.valor()),
        "subtotal": dinero(cargo.subtotal.valor()),
        "impuesto": dinero(cargo.impuesto.valor()),
        "lotes": cargo.lotes.iter().map(lote_consumido).collect::<Value>(),
    })
}

fn credito_nota(credito: &CreditoNota) -> Value {
    json!({
        "intento": credito.intento,
        "sucursal_id": credito.sucursal_id.as_str(),
        "lineas": credito.lineas.iter().map(linea_acreditada).collect::<Value>(),
        "totales": totales(&credito.totales),
        "cargos": credito.cargos.iter().map(cargo).collect::<Value>(),
        "grupos": credito.grupos.iter().map(|g| grupo(g)).collect::<Value>(),
        "rangos": credito.rangos.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// The document without its state: number, head, its invoice, lines, totals, lots.
pub fn nota_emitida(emitida: &NotaCreditoEmitida) -> Map<String, Value> {
    let mut campos = Map::new();
    campos.insert("numero".to_owned(), Value::String(emitida.numero.to_string()));
    campos.insert("prefijo".to_owned(), Value::String(emitida.numero.prefijo.to_string()));
    campos.insert("consecutivo".to_owned(), Value::from(emitida.numero.consecutivo));
    campos.insert("resolucion".to_owned(), Value::String(emitida.numero.resolucion.to_string()));
    campos.insert("emitida_en".to_owned(), Value::String(emitida.emitida_en.rfc3339()));
    unir(&mut campos, cabecera_nota(&emitida.cabecera));
    campos.insert("sucursal_id".to_owned(), Value::String(emitida.sucursal_id.to_string()));
    campos.insert("moneda".to_owned(), Value::String(emitida.factura.moneda.to_string()));
    campos.insert("cliente_id".to_owned(), Value::String(emitida.factura.cliente_id.to_string()));
    campos.insert("cliente".to_owned(), datos_cliente(&emitida.factura.cliente));
    let factura = json!({ "numero": emitida.factura.numero.to_string(), "fecha_emision": fecha(emitida.factura.fecha_emision) });
    campos.insert("factura".to_owned(), factura);
    campos.insert("lineas".to_owned(), emitida.lineas.iter().map(linea_acreditada).collect());
    unir(&mut campos, totales(&emitida.totales));
    campos.insert("costo_devuelto".to_owned(), cifra(emitida.costo_devuelto.valor()));
    let grupos = emitida.grupos.iter().map(|devuelto| {
        let mut campos = grupo(&devuelto.grupo);
        campos["movimiento_id"] = Value::String(devuelto.movimiento_id.to_string());
        campos
    });
    campos.insert("grupos".to_owned(), grupos.collect());
    campos
}
