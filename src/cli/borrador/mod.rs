//! `borrador`: a draft from its first line to its issue, over a running process or over the folder.

pub mod args;

use serde_json::{Map, Value, json};

use self::args::{Accion, Cambio, CrearArgs, DescuentoArgs, Fechas, LineaArgs, Pago, Valor};
use super::{
    contexto::Contexto,
    fallo::{Clase, Fallo},
    modificar::{con_acceso, esperar_version, pedir},
    peticion::{Edicion, Peticion, Recurso},
    vista,
};

/// Makes the change and shows the invoice as the queries then have it.
///
/// # Errors
/// `Validacion` when the rules refuse it, `Conflicto` when its state or its version do, `NoEncontrado`; else why it could not be tried.
pub fn ejecutar(contexto: &Contexto, accion: &Accion) -> Result<(), Fallo> {
    let peticion = peticion(accion)?;
    con_acceso(contexto, matches!(accion, Accion::Crear(_)), |acceso| {
        let hecha = pedir(acceso, peticion)?;
        let documento = esperar_version(|| acceso.factura(&hecha.id), hecha.version)?;
        vista::factura(&contexto.salida, &documento);
        contexto.salida.resultado(&documento);
        Ok(())
    })
}

fn peticion(accion: &Accion) -> Result<Peticion, Fallo> {
    let (edicion, cuerpo, cambio) = match accion {
        Accion::Crear(a) => (Edicion::Crear, crear(a), Cambio { clave: a.clave.clone(), version_esperada: None }),
        Accion::Linea(a) => (Edicion::Linea, linea(a), a.cambio.clone()),
        Accion::Quitar(a) => (Edicion::Quitar, de(&a.factura, json!({ "linea": a.linea })), a.cambio.clone()),
        Accion::Descuento(a) => (Edicion::Descuento, descuento(a)?, a.cambio.clone()),
        Accion::Pagos(a) => {
            let pagos: Vec<Value> = a.pagos.iter().map(pago).collect();
            (Edicion::Pagos, de(&a.factura, json!({ "formas_pago": pagos })), a.cambio.clone())
        }
        Accion::Fechas(a) => (Edicion::Fechas, de(&a.factura, Value::Object(fechas(&a.fechas))), a.cambio.clone()),
        Accion::Emitir(a) => (Edicion::Emitir, de(&a.factura, Value::Object(fechas(&a.fechas))), a.cambio.clone()),
        Accion::Descartar(a) => (Edicion::Descartar, de(&a.factura, json!({})), a.cambio.clone()),
    };
    let peticion = Peticion::con_clave(Recurso::Borrador(edicion), cuerpo, cambio.clave.as_deref())?;
    Ok(Peticion { version_esperada: cambio.version_esperada, ..peticion })
}

/// The body of a change, with the invoice that the route would have in its address.
fn de(factura: &str, mut cuerpo: Value) -> Value {
    cuerpo["factura_id"] = json!(factura);
    cuerpo
}

fn poner(campos: &mut Map<String, Value>, nombre: &str, valor: Option<&String>) {
    if let Some(valor) = valor {
        campos.insert(nombre.to_owned(), json!(valor));
    }
}

fn fechas(fechas: &Fechas) -> Map<String, Value> {
    let mut campos = Map::new();
    poner(&mut campos, "fecha_emision", fechas.emision.as_ref());
    poner(&mut campos, "fecha_autorizacion", fechas.autorizacion.as_ref());
    match fechas.caducidad.as_deref() {
        Some("nunca") => {
            campos.insert("fecha_caducidad".to_owned(), Value::Null);
        }
        _ => poner(&mut campos, "fecha_caducidad", fechas.caducidad.as_ref()),
    }
    campos
}

fn crear(args: &CrearArgs) -> Value {
    let mut campos = fechas(&args.fechas);
    poner(&mut campos, "id", args.id.as_ref());
    poner(&mut campos, "cliente_id", Some(&args.cliente));
    poner(&mut campos, "sucursal_id", args.sucursal.as_ref());
    poner(&mut campos, "bodega_id", args.bodega.as_ref());
    let linea = |(producto, cantidad): &(String, String)| json!({ "producto_id": producto, "cantidad": cantidad });
    campos.insert("lineas".to_owned(), args.lineas.iter().map(linea).collect());
    Value::Object(campos)
}

/// Of the three ways to state a discount, the one that was used.
fn valor(valor: &Valor) -> Map<String, Value> {
    let mut campos = Map::new();
    poner(&mut campos, "porcentaje", valor.porcentaje.as_ref());
    poner(&mut campos, "monto", valor.monto.as_ref());
    poner(&mut campos, "descuento_id", valor.descuento.as_ref());
    campos
}

fn linea(args: &LineaArgs) -> Value {
    let mut campos = Map::new();
    poner(&mut campos, "producto_id", args.producto.as_ref());
    poner(&mut campos, "cantidad", Some(&args.cantidad));
    poner(&mut campos, "precio_unitario", args.precio.as_ref());
    poner(&mut campos, "descripcion", args.descripcion.as_ref());
    poner(&mut campos, "bodega_id", args.bodega.as_ref());
    let descuento = valor(&args.valor);
    if !descuento.is_empty() {
        campos.insert("descuento".to_owned(), Value::Object(descuento));
    }
    de(&args.factura, Value::Object(campos))
}

fn descuento(args: &DescuentoArgs) -> Result<Value, Fallo> {
    let mut campos = valor(&args.valor);
    if campos.is_empty() {
        return Err(Fallo::new(
            Clase::Uso,
            "falta el descuento",
            "no se indicó porcentaje, monto ni descuento del catálogo",
            "Por ejemplo: --porcentaje 10, --monto 5000 o --descuento FERIA; uno de 0 quita el que tenía.",
        ));
    }
    if let Some(linea) = args.linea {
        campos.insert("linea".to_owned(), json!(linea));
    }
    Ok(de(&args.factura, Value::Object(campos)))
}

fn pago(pago: &Pago) -> Value {
    let mut campos = Map::new();
    poner(&mut campos, "forma", Some(&pago.forma));
    poner(&mut campos, "medio", Some(&pago.medio));
    poner(&mut campos, "monto", Some(&pago.monto));
    poner(&mut campos, "fecha_vencimiento", pago.vencimiento.as_ref());
    Value::Object(campos)
}
