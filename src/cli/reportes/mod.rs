//! `reportes ventas` and `reportes antiguedad`: through the API of the process that uses the folder, or over the folder itself.

pub mod args;
mod vista;

use chrono::Days;
use serde_json::{Value, json};

use self::args::{Accion, AntiguedadArgs, VentasArgs};
use super::{acceso::Acceso, consultar::leer, contexto::Contexto, destino::en_ruta, fallo::Fallo};
use crate::http::lecturas::Lista;

/// Days of a report of sales that names none; they end today.
const DIAS_POR_DEFECTO: u64 = 30;

/// # Errors
/// `Uso` when the interval is not one; or why the data could not be reached.
pub fn ejecutar(contexto: &Contexto, accion: &Accion) -> Result<(), Fallo> {
    let leido = leer(contexto, |acceso| match accion {
        Accion::Ventas(args) => ventas(acceso, args).map(Some),
        Accion::Antiguedad(args) => antiguedad(acceso, args).map(Some),
    })?;
    let reporte = leido.unwrap_or_default();
    match accion {
        Accion::Ventas(_) => vista::ventas(&contexto.salida, &reporte),
        Accion::Antiguedad(_) => vista::antiguedad(&contexto.salida, &reporte),
    }
    contexto.salida.resultado(&reporte);
    Ok(())
}

fn ventas(acceso: &Acceso, args: &VentasArgs) -> Result<Value, Fallo> {
    let hoy = acceso.hoy();
    let ultimos = (hoy.checked_sub_days(Days::new(DIAS_POR_DEFECTO - 1)).unwrap_or(hoy), hoy);
    let (desde, hasta) = args.desde.zip(args.hasta).unwrap_or(ultimos);
    let agrupar = args.agrupar.into();
    let lista = Lista::Ventas { fechas: (desde, hasta), producto: args.producto.clone(), canal: args.canal.clone(), agrupar };
    let mut ruta = format!("/api/v1/reportes/ventas?fechaInicio={desde}&fechaFin={hasta}&agrupar={}&", agrupar.nombre());
    for (nombre, valor) in [("producto_id", args.producto.as_ref().map(|id| id.as_str())), ("canal", args.canal.as_deref())] {
        ruta.extend(valor.map(|valor| format!("{nombre}={}&", en_ruta(valor))));
    }
    let (items, tiene_mas) = acceso.paginas(&ruta, &lista, args.limite as usize)?;
    let (desde, hasta) = (desde.to_string(), hasta.to_string());
    Ok(json!({ "desde": desde, "hasta": hasta, "agrupar": agrupar.nombre(), "items": items, "tiene_mas": tiene_mas }))
}

fn antiguedad(acceso: &Acceso, args: &AntiguedadArgs) -> Result<Value, Fallo> {
    let dia = args.fecha.unwrap_or_else(|| acceso.hoy());
    let lista = Lista::Antiguedad { producto: args.producto.clone(), bodega: args.bodega.clone(), fecha: Some(dia) };
    let mut ruta = format!("/api/v1/reportes/antiguedad?fecha={dia}&");
    for (nombre, id) in [("producto_id", &args.producto), ("bodega_id", &args.bodega)] {
        ruta.extend(id.as_ref().map(|id| format!("{nombre}={}&", en_ruta(id.as_str()))));
    }
    let (items, tiene_mas) = acceso.paginas(&ruta, &lista, args.limite as usize)?;
    Ok(json!({ "fecha": dia.to_string(), "items": items, "tiene_mas": tiene_mas }))
}
