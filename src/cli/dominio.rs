//! `dominio explicar`: what a sale would take, decided by the code that decides sales, changing nothing.

use serde_json::Value;

use super::{
    args::ExplicarArgs,
    consultar::leer,
    contexto::Contexto,
    fallo::{Clase, Fallo},
    vista::{cifra, lista, texto},
};
use crate::domain::valores::{Cantidad, decimal_exacto, fecha_iso};

/// # Errors
/// `Uso` for a quantity or a date that is none; `NoEncontrado`; `Validacion` when the sale would be refused; else why the data could not
/// be reached.
pub fn explicar(contexto: &Contexto, args: &ExplicarArgs) -> Result<(), Fallo> {
    let cantidad = decimal_exacto(&args.cantidad).ok().and_then(|d| Cantidad::nuevo(d).ok()).filter(|c| !c.es_cero());
    let cantidad = cantidad.ok_or_else(|| {
        uso("la cantidad no sirve", "es un número mayor que cero, con 6 decimales como máximo", "Por ejemplo: --cantidad 2.5.")
    })?;
    let fecha = args.fecha.as_deref().map(|f| {
        fecha_iso(f)
            .ok_or_else(|| uso("la fecha no sirve", "se escribe AAAA-MM-DD y debe existir", "Por ejemplo: --fecha 2026-11-23."))
    });
    let fecha = fecha.transpose()?;
    let hallada = leer(contexto, |acceso| acceso.explicar(&args.producto, &args.bodega, cantidad, fecha))?;
    let Some(explicacion) = hallada else {
        return Err(Fallo::new(
            Clase::NoEncontrado,
            format!("no hay inventario de «{}» en la bodega «{}»", args.producto, args.bodega),
            "ese producto nunca entró a esa bodega",
            "Compruebe el producto y elija la bodega con --bodega.",
        ));
    };
    mostrar(contexto, &explicacion);
    contexto.salida.resultado(&explicacion);
    Ok(())
}

fn uso(que: &str, por_que: &str, hacer: &str) -> Fallo {
    Fallo::new(Clase::Uso, que, por_que, hacer)
}

fn mostrar(contexto: &Contexto, explicacion: &Value) {
    let salida = contexto.salida;
    let encabezado = format!("{} en {}", texto(explicacion, "producto_id"), texto(explicacion, "bodega_id"));
    salida.linea(format!(
        "{}  venta de {} el {}",
        salida.negrita(&encabezado),
        cifra(explicacion, "cantidad"),
        texto(explicacion, "fecha")
    ));
    salida.linea(format!(
        "  Existencia {}, reservado {}, disponible {}",
        cifra(explicacion, "stock"),
        cifra(explicacion, "reservado"),
        cifra(explicacion, "disponible")
    ));
    for lote in lista(explicacion, "lotes") {
        let (id, cantidad, costo) = (texto(lote, "lote_id"), cifra(lote, "cantidad"), cifra(lote, "costo_unitario"));
        salida.linea(format!("  Lote {id:<10} {cantidad:>14} a {costo:>14}   ingresó el {}", texto(lote, "fecha_ingreso")));
    }
    if explicacion["se_concede"] == true {
        let (costo, queda) = (cifra(explicacion, "costo_total"), cifra(explicacion, "stock_resultante"));
        salida.linea(format!("  Costo {costo}; quedarían {queda}"));
    }
    for error in lista(explicacion, "errores") {
        salida.linea(format!("  {} {}  {}", salida.rojo("✖"), texto(error, "regla"), texto(error, "mensaje")));
    }
}
