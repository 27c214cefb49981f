//! The shapes of the public API: money with two decimals and quantities without trailing zeros, both as text; dates ISO; ids text.

mod eventos;
mod factura;
mod inventario;
mod notas;
mod ventas;

pub use eventos::{autorizacion, cuerpo_de_consulta, cuerpo_de_evento, cuerpo_de_rechazo, datos_descuento, datos_producto};
pub use factura::{cabecera, descuento, factura_emitida, forma_pago, linea_emitida, linea_factura, totales, valor_descuento};
pub use inventario::{lote_consumido, movimiento, referencia};
pub use notas::{anulacion, cabecera_nota, linea_nota, nota_emitida, respuesta_dian};
pub use ventas::sumas_de_ventas;

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::domain::{
    catalogo::{cliente::DatosCliente, producto::Impuesto},
    reglas::Falla,
    valores::{Direccion, Identificacion},
};

/// Money: always two decimals.
pub fn dinero(valor: Decimal) -> Value {
    Value::String(format!("{valor:.2}"))
}

/// Quantities, prices, costs: no trailing zeros.
pub fn cifra(valor: Decimal) -> Value {
    Value::String(valor.normalize().to_string())
}

pub fn fecha(dia: NaiveDate) -> Value {
    Value::String(dia.to_string())
}

pub fn fecha_opcional(dia: Option<NaiveDate>) -> Value {
    dia.map_or(Value::Null, fecha)
}

pub fn texto_opcional(texto: Option<&Arc<str>>) -> Value {
    texto.map_or(Value::Null, |t| Value::String(t.to_string()))
}

/// `[{regla, campo, mensaje, datos}]`, as problem+json carries them.
pub fn fallas(errores: &[Falla]) -> Value {
    errores.iter().map(falla).collect()
}

fn falla(falla: &Falla) -> Value {
    let datos: Map<String, Value> = falla.datos.iter().map(|(n, v)| (n.clone(), Value::String(v.clone()))).collect();
    json!({ "regla": falla.regla.nombre(), "campo": falla.campo, "mensaje": falla.to_string(), "datos": datos })
}

pub fn identificacion(identificacion: &Identificacion) -> Value {
    let dv = identificacion.dv.map_or(Value::Null, |dv| Value::String(dv.to_string()));
    json!({ "tipo": identificacion.tipo.nombre(), "numero": &*identificacion.numero, "dv": dv })
}

pub fn direccion(direccion: &Direccion) -> Value {
    json!({
        "linea": &*direccion.linea,
        "ciudad": texto_opcional(direccion.ciudad.as_ref()),
        "region": texto_opcional(direccion.region.as_ref()),
        "pais": texto_opcional(direccion.pais.as_ref()),
    })
}

pub fn impuesto(impuesto: Option<&Impuesto>) -> Value {
    impuesto.map_or(Value::Null, |i| json!({ "codigo": &*i.codigo, "tarifa": cifra(i.tarifa.valor()) }))
}

pub fn datos_cliente(datos: &DatosCliente) -> Value {
    json!({
        "nombre": &*datos.nombre,
        "identificacion": identificacion(&datos.identificacion),
        "correo": &*datos.correo,
        "direccion": direccion(&datos.direccion),
        "estado_fiscal": datos.estado_fiscal.nombre(),
        "tipo_persona": texto_opcional(datos.tipo_persona.as_ref()),
        "responsabilidades": datos.responsabilidades.iter().map(|r| Value::String(r.to_string())).collect::<Value>(),
        "municipio": texto_opcional(datos.municipio.as_ref()),
        "departamento": texto_opcional(datos.departamento.as_ref()),
    })
}

/// Adds the fields of one object to another.
pub fn unir(objeto: &mut Map<String, Value>, otro: Value) {
    if let Value::Object(campos) = otro {
        objeto.extend(campos);
    }
}
