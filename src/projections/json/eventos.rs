//! The body of every event, refusal and query in JSON: what the audit shows as `payload`.

use serde_json::{Map, Value, json};

use super::{
    cabecera, cifra, datos_cliente, descuento, dinero, direccion, factura_emitida, fallas, fecha, fecha_opcional, forma_pago,
    identificacion, impuesto, linea_emitida, linea_factura, movimiento, texto_opcional, totales, valor_descuento,
};
use crate::{
    contracts::{ComandoRechazado, ConsultaRealizada},
    domain::{
        Evento,
        catalogo::{
            bodega::EventoBodega,
            cliente::{CambiosCliente, EventoCliente},
            descuento::{CambiosDescuento, DatosDescuento, EventoDescuento},
            producto::{CambiosProducto, DatosProducto, EventoProducto},
            sucursal::EventoSucursal,
        },
        cuarentena::{Apartado, EventoCuarentena},
        facturacion::factura::{EmisionIniciada, EventoFactura, TotalesFactura},
        inventario::EventoInventario,
        numeracion::{Autorizacion, EventoRango, NumeroDocumento},
        valores::{Cantidad, Direccion},
    },
};

/// The body of an event, without its envelope.
pub fn cuerpo_de_evento(evento: &Evento) -> Value {
    match evento {
        Evento::Cliente(e) => cliente(e),
        Evento::Producto(e) => producto(e),
        Evento::Descuento(e) => descuento_del_catalogo(e),
        Evento::Sucursal(e) => sucursal(e),
        Evento::Bodega(e) => bodega(e),
        Evento::Inventario(e) => inventario(e),
        Evento::Rango(e) => rango(e),
        Evento::Factura(e) => factura(e),
        Evento::NotaCredito(e) => super::notas::evento(e),
        Evento::Cuarentena(e) => cuarentena(e),
    }
}

fn cuarentena(evento: &EventoCuarentena) -> Value {
    let id = |apartado: &Apartado| uuid::Uuid::from_u128(apartado.0).hyphenated().to_string();
    match evento {
        EventoCuarentena::AgregadoEnCuarentena { causa, apartado } => {
            sin_nulos(json!({ "causa": &**causa, "apartado": apartado.as_ref().map(id) }))
        }
        EventoCuarentena::ComandoReproducido { apartado, motivo } => json!({ "apartado": id(apartado), "motivo": &**motivo }),
        EventoCuarentena::ComandoDescartado { apartado, comando, command_id, motivo } => sin_nulos(json!({
            "apartado": id(apartado),
            "comando": &**comando,
            "command_id": command_id.as_ref().map(|c| c.as_str()),
            "motivo": &**motivo,
        })),
        EventoCuarentena::CuarentenaLevantada { motivo } => json!({ "motivo": &**motivo }),
    }
}

/// A refused command and its reasons.
pub fn cuerpo_de_rechazo(rechazo: &ComandoRechazado) -> Value {
    json!({
        "tipo_comando": &*rechazo.tipo_comando,
        "recibido_en": rechazo.recibido_en.rfc3339(),
        "errores": fallas(&rechazo.errores),
    })
}

/// A query that somebody made.
pub fn cuerpo_de_consulta(consulta: &ConsultaRealizada) -> Value {
    let pares = consulta.parametros.iter().map(|(nombre, valor)| (nombre.to_string(), Value::String(valor.to_string())));
    json!({ "consulta": &*consulta.consulta, "parametros": pares.collect::<Map<_, _>>() })
}

/// An object without its null fields: the fields that did not change.
fn sin_nulos(campos: Value) -> Value {
    match campos {
        Value::Object(campos) => campos.into_iter().filter(|(_, v)| !v.is_null()).collect::<Map<_, _>>().into(),
        otro => otro,
    }
}

fn con_id(nombre: &str, id: &str, resto: Value) -> Value {
    let mut campos = Map::new();
    campos.insert(nombre.to_owned(), Value::String(id.to_owned()));
    super::unir(&mut campos, resto);
    Value::Object(campos)
}

fn cliente(evento: &EventoCliente) -> Value {
    match evento {
        EventoCliente::ClienteCreado { cliente_id, datos } => con_id("cliente_id", cliente_id.as_str(), datos_cliente(datos)),
        EventoCliente::ClienteActualizado { cliente_id, cambios } => {
            con_id("cliente_id", cliente_id.as_str(), cambios_cliente(cambios))
        }
        EventoCliente::ClienteInactivado { cliente_id }
        | EventoCliente::ClienteReactivado { cliente_id }
        | EventoCliente::ClienteSuprimido { cliente_id } => {
            json!({ "cliente_id": cliente_id.as_str() })
        }
    }
}

fn cambios_cliente(cambios: &CambiosCliente) -> Value {
    sin_nulos(json!({
        "nombre": texto_opcional(cambios.nombre.as_ref()),
        "identificacion": cambios.identificacion.as_ref().map(identificacion),
        "correo": texto_opcional(cambios.correo.as_ref()),
        "direccion": cambios.direccion.as_ref().map(direccion),
        "estado_fiscal": cambios.estado_fiscal.map(|e| e.nombre()),
        "tipo_persona": texto_opcional(cambios.tipo_persona.as_ref()),
        "responsabilidades": cambios.responsabilidades.as_ref().map(|r| r.iter().map(|t| t.to_string()).collect::<Vec<_>>()),
        "municipio": texto_opcional(cambios.municipio.as_ref()),
        "departamento": texto_opcional(cambios.departamento.as_ref()),
    }))
}

fn producto(evento: &EventoProducto) -> Value {
    match evento {
        EventoProducto::ProductoCreado { producto_id, datos } => con_id("producto_id", producto_id.as_str(), datos_producto(datos)),
        EventoProducto::ProductoActualizado { producto_id, cambios } => {
            con_id("producto_id", producto_id.as_str(), cambios_producto(cambios))
        }
        EventoProducto::PrecioCambiado { producto_id, anterior, nuevo } => json!({
            "producto_id": producto_id.as_str(),
            "anterior": cifra(anterior.valor()),
            "nuevo": cifra(nuevo.valor()),
        }),
        EventoProducto::ProductoInactivado { producto_id } => json!({ "producto_id": producto_id.as_str() }),
    }
}

/// The fields of a product.
pub fn datos_producto(datos: &DatosProducto) -> Value {
    json!({
        "codigo": &*datos.codigo,
        "nombre": &*datos.nombre,
        "unidad": &*datos.unidad,
        "precio": cifra(datos.precio.valor()),
        "impuesto": impuesto(datos.impuesto.as_ref()),
        "controla_inventario": datos.controla_inventario,
        "codigo_estandar": texto_opcional(datos.codigo_estandar.as_ref()),
        "esquema_codigo": texto_opcional(datos.esquema_codigo.as_ref()),
    })
}

fn cambios_producto(cambios: &CambiosProducto) -> Value {
    let mut campos = sin_nulos(json!({
        "codigo": texto_opcional(cambios.codigo.as_ref()),
        "nombre": texto_opcional(cambios.nombre.as_ref()),
        "unidad": texto_opcional(cambios.unidad.as_ref()),
        "codigo_estandar": texto_opcional(cambios.codigo_estandar.as_ref()),
        "esquema_codigo": texto_opcional(cambios.esquema_codigo.as_ref()),
    }));
    // Here null is a change: the product became excluded.
    if let Some(nuevo) = &cambios.impuesto {
        campos["impuesto"] = impuesto(nuevo.as_ref());
    }
    campos
}

fn descuento_del_catalogo(evento: &EventoDescuento) -> Value {
    match evento {
        EventoDescuento::DescuentoCreado { descuento_id, datos } => {
            con_id("descuento_id", descuento_id.as_str(), datos_descuento(datos))
        }
        EventoDescuento::DescuentoActualizado { descuento_id, cambios } => {
            con_id("descuento_id", descuento_id.as_str(), cambios_descuento(cambios))
        }
        EventoDescuento::DescuentoInactivado { descuento_id } => json!({ "descuento_id": descuento_id.as_str() }),
    }
}

/// The fields of a discount.
pub fn datos_descuento(datos: &DatosDescuento) -> Value {
    let (porcentaje, monto) = valor_descuento(datos.valor);
    json!({
        "nombre": texto_opcional(datos.nombre.as_ref()),
        "ambito": datos.ambito.nombre(),
        "porcentaje": porcentaje,
        "monto": monto,
        "vigente_desde": fecha(datos.vigente_desde),
        "vigente_hasta": fecha_opcional(datos.vigente_hasta),
    })
}

fn cambios_descuento(cambios: &CambiosDescuento) -> Value {
    let mut campos = sin_nulos(json!({
        "nombre": texto_opcional(cambios.nombre.as_ref()),
        "vigente_desde": cambios.vigente_desde.map(fecha),
    }));
    // In these, null is a change: the value became the other kind, or the validity has no end.
    if let Some(valor) = cambios.valor {
        (campos["porcentaje"], campos["monto"]) = valor_descuento(valor);
    }
    if let Some(hasta) = cambios.vigente_hasta {
        campos["vigente_hasta"] = fecha_opcional(hasta);
    }
    campos
}

fn sucursal(evento: &EventoSucursal) -> Value {
    match evento {
        EventoSucursal::SucursalCreada { sucursal_id, datos } => {
            let resto = lugar(Some(datos.nombre.to_string()), datos.direccion.as_ref());
            con_id("sucursal_id", sucursal_id.as_str(), resto)
        }
        EventoSucursal::SucursalActualizada { sucursal_id, cambios } => {
            let resto = lugar(cambios.nombre.as_ref().map(ToString::to_string), cambios.direccion.as_ref());
            con_id("sucursal_id", sucursal_id.as_str(), resto)
        }
        EventoSucursal::SucursalInactivada { sucursal_id } => json!({ "sucursal_id": sucursal_id.as_str() }),
    }
}

fn bodega(evento: &EventoBodega) -> Value {
    match evento {
        EventoBodega::BodegaCreada { bodega_id, datos } => {
            let mut resto = lugar(Some(datos.nombre.to_string()), datos.direccion.as_ref());
            resto["sucursal_id"] = Value::String(datos.sucursal_id.to_string());
            con_id("bodega_id", bodega_id.as_str(), resto)
        }
        EventoBodega::BodegaActualizada { bodega_id, cambios } => {
            let resto = lugar(cambios.nombre.as_ref().map(ToString::to_string), cambios.direccion.as_ref());
            con_id("bodega_id", bodega_id.as_str(), resto)
        }
        EventoBodega::BodegaInactivada { bodega_id } => json!({ "bodega_id": bodega_id.as_str() }),
    }
}

fn lugar(nombre: Option<String>, donde: Option<&Direccion>) -> Value {
    sin_nulos(json!({ "nombre": nombre, "direccion": donde.map(direccion) }))
}

fn minimo(stock_minimo: Option<Cantidad>) -> Value {
    stock_minimo.map_or(Value::Null, |m| cifra(m.valor()))
}

fn inventario(evento: &EventoInventario) -> Value {
    match evento {
        EventoInventario::InventarioCreado { inventario_id, producto_id, bodega_id, stock_minimo } => json!({
            "inventario_id": inventario_id.as_str(),
            "producto_id": producto_id.as_str(),
            "bodega_id": bodega_id.as_str(),
            "stock_minimo": minimo(*stock_minimo),
        }),
        EventoInventario::LoteCreado {
            inventario_id,
            lote_id,
            secuencia,
            cantidad,
            costo_unitario,
            fecha_ingreso,
            fecha_caducidad,
            origen_lote_id,
        } => json!({
            "inventario_id": inventario_id.as_str(),
            "lote_id": lote_id.as_str(),
            "secuencia": secuencia,
            "cantidad": cifra(cantidad.valor()),
            "costo_unitario": cifra(costo_unitario.valor()),
            "fecha_ingreso": fecha(*fecha_ingreso),
            "fecha_caducidad": fecha_opcional(*fecha_caducidad),
            "origen_lote_id": origen_lote_id.as_ref().map(ToString::to_string),
        }),
        EventoInventario::StockIncrementado(m) => movimiento(m, m.motivo.nombre()),
        EventoInventario::StockReducido(m) => movimiento(m, m.motivo.nombre()),
        EventoInventario::StockReservado { inventario_id, reserva_id, cantidad, fecha: dia, disponible_resultante } => json!({
            "inventario_id": inventario_id.as_str(),
            "reserva_id": reserva_id.as_str(),
            "cantidad": cifra(cantidad.valor()),
            "fecha": fecha(*dia),
            "disponible_resultante": cifra(disponible_resultante.valor()),
        }),
        EventoInventario::ReservaLiberada { inventario_id, reserva_id, causa, disponible_resultante } => json!({
            "inventario_id": inventario_id.as_str(),
            "reserva_id": reserva_id.as_str(),
            "causa": &**causa,
            "disponible_resultante": cifra(disponible_resultante.valor()),
        }),
        EventoInventario::StockMinimoCambiado { inventario_id, stock_minimo } => {
            json!({ "inventario_id": inventario_id.as_str(), "stock_minimo": minimo(*stock_minimo) })
        }
        EventoInventario::StockBajo { inventario_id, stock, stock_minimo } => json!({
            "inventario_id": inventario_id.as_str(),
            "stock": cifra(stock.valor()),
            "stock_minimo": cifra(stock_minimo.valor()),
        }),
    }
}

/// The interval and validity of a range.
pub fn autorizacion(autorizacion: &Autorizacion) -> Value {
    json!({
        "desde": autorizacion.desde,
        "hasta": autorizacion.hasta,
        "vigente_desde": fecha(autorizacion.vigente_desde),
        "vigente_hasta": fecha(autorizacion.vigente_hasta),
        "resolucion": &*autorizacion.resolucion,
        "fecha_resolucion": fecha_opcional(autorizacion.fecha_resolucion),
    })
}

pub(super) fn numero(numero: &NumeroDocumento) -> Value {
    json!({
        "rango_id": numero.rango_id.as_str(),
        "numero": numero.to_string(),
        "prefijo": &*numero.prefijo,
        "consecutivo": numero.consecutivo,
        "resolucion": &*numero.resolucion,
    })
}

fn rango(evento: &EventoRango) -> Value {
    match evento {
        EventoRango::RangoCreado { rango_id, sucursal_id, tipo_documento, prefijo, autorizacion: a } => {
            let mut campos = autorizacion(a);
            campos["sucursal_id"] = Value::String(sucursal_id.to_string());
            campos["tipo_documento"] = Value::String(tipo_documento.nombre().to_owned());
            campos["prefijo"] = Value::String(prefijo.to_string());
            con_id("rango_id", rango_id.as_str(), campos)
        }
        EventoRango::NumeroAsignado { documento_id, numero: asignado, fecha: dia } => {
            let mut campos = numero(asignado);
            campos["fecha"] = fecha(*dia);
            con_id("documento_id", documento_id.as_str(), campos)
        }
        EventoRango::RangoRenovado { rango_id, autorizacion: a } => con_id("rango_id", rango_id.as_str(), autorizacion(a)),
        EventoRango::RangoPorAgotarse { rango_id, restantes } => {
            json!({ "rango_id": rango_id.as_str(), "restantes": restantes })
        }
        EventoRango::NumeroInutilizado { rango_id, consecutivo, motivo } => {
            json!({ "rango_id": rango_id.as_str(), "consecutivo": consecutivo, "motivo": &**motivo })
        }
    }
}

fn factura(evento: &EventoFactura) -> Value {
    match evento {
        EventoFactura::FacturaCreada { factura_id, cabecera: c, totales: t } => {
            let mut campos = cabecera(c);
            campos.insert("total_declarado".to_owned(), c.total_declarado.map_or(Value::Null, |t| dinero(t.valor())));
            con_totales(con_id("factura_id", factura_id.as_str(), Value::Object(campos)), t.as_deref())
        }
        EventoFactura::LineaAgregada { factura_id, linea, totales: t } => {
            con_totales(json!({ "factura_id": factura_id.as_str(), "linea": linea_factura(linea) }), t.as_deref())
        }
        EventoFactura::LineaQuitada { factura_id, linea, totales: t } => {
            con_totales(json!({ "factura_id": factura_id.as_str(), "linea": linea }), Some(t))
        }
        EventoFactura::DescuentoAplicado(aplicado) => {
            let campos = json!({
                "factura_id": aplicado.factura_id.as_str(),
                "ambito": aplicado.ambito.nombre(),
                "linea": aplicado.linea,
                "descuento": descuento(Some(&aplicado.descuento)),
            });
            con_totales(campos, Some(&aplicado.totales))
        }
        EventoFactura::FormasPagoDefinidas { factura_id, formas_pago } => {
            let formas: Value = formas_pago.iter().map(forma_pago).collect();
            json!({ "factura_id": factura_id.as_str(), "formas_pago": formas })
        }
        EventoFactura::FechasCambiadas { factura_id, fecha_emision, fecha_autorizacion, fecha_caducidad } => json!({
            "factura_id": factura_id.as_str(),
            "fecha_emision": fecha(*fecha_emision),
            "fecha_autorizacion": fecha(*fecha_autorizacion),
            "fecha_caducidad": fecha_opcional(*fecha_caducidad),
        }),
        EventoFactura::FacturaDescartada { factura_id } => json!({ "factura_id": factura_id.as_str() }),
        EventoFactura::EmisionIniciada(inicio) => emision_iniciada(inicio),
        EventoFactura::StockAsegurado { factura_id, intento } => {
            json!({ "factura_id": factura_id.as_str(), "intento": intento })
        }
        EventoFactura::NumeracionRecibida { factura_id, intento, numero: recibido } => {
            json!({ "factura_id": factura_id.as_str(), "intento": intento, "numero": numero(recibido) })
        }
        EventoFactura::FacturaEmitida(emitida) => {
            let mut campos = factura_emitida(emitida);
            campos.insert("intento".to_owned(), Value::from(emitida.intento));
            con_id("factura_id", emitida.factura_id.as_str(), Value::Object(campos))
        }
        EventoFactura::FacturaRechazada { factura_id, intento, errores } => {
            json!({ "factura_id": factura_id.as_str(), "intento": intento, "errores": fallas(errores) })
        }
        otro => super::notas::posterior(otro),
    }
}

/// With the totals of the draft, when the event carries them.
fn con_totales(mut campos: Value, del_borrador: Option<&TotalesFactura>) -> Value {
    if let Some(del_borrador) = del_borrador {
        campos["totales"] = totales(del_borrador);
    }
    campos
}

fn emision_iniciada(inicio: &EmisionIniciada) -> Value {
    json!({
        "factura_id": inicio.factura_id.as_str(),
        "intento": inicio.intento,
        "cliente": datos_cliente(&inicio.cliente),
        "lineas": inicio.lineas.iter().map(linea_emitida).collect::<Value>(),
        "totales": totales(&inicio.totales),
        "grupos": inicio.grupos.iter().map(|grupo| super::factura::grupo(grupo)).collect::<Value>(),
        "rangos": inicio.rangos.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "vence_en": inicio.vence_en.rfc3339(),
    })
}
