//! `factura` and `stock`.

use serde_json::Value;

use super::{
    acceso::Acceso,
    args::{FacturaArgs, StockArgs},
    contexto::Contexto,
    fallo::{Clase, Fallo},
    vista,
};

/// # Errors
/// `NoEncontrado`, or why the data could not be reached.
pub fn factura(contexto: &Contexto, args: &FacturaArgs) -> Result<(), Fallo> {
    let hallada = leer(contexto, |acceso| acceso.factura(&args.id))?;
    let Some(factura) = hallada else {
        return Err(Fallo::new(
            Clase::NoEncontrado,
            format!("no existe la factura «{}»", args.id),
            "ninguna factura tiene ese id",
            "El id es el que dio el POST o el pedido, no el número. Compruebe también --datos o --url.",
        ));
    };
    vista::factura(&contexto.salida, &factura);
    contexto.salida.resultado(&factura);
    Ok(())
}

/// # Errors
/// `NoEncontrado`, or why the data could not be reached.
pub fn stock(contexto: &Contexto, args: &StockArgs) -> Result<(), Fallo> {
    let hallado = leer(contexto, |acceso| acceso.stock(&args.producto, &args.bodega))?;
    let Some(stock) = hallado else {
        return Err(Fallo::new(
            Clase::NoEncontrado,
            format!("no hay inventario de «{}» en la bodega «{}»", args.producto, args.bodega),
            "ese producto nunca entró a esa bodega",
            "Compruebe el producto y elija la bodega con --bodega.",
        ));
    };
    vista::stock(&contexto.salida, &stock);
    contexto.salida.resultado(&stock);
    Ok(())
}

/// Opens, reads and closes; the node is stopped whatever the answer was.
///
/// # Errors
/// Why the data could not be reached, or those of the reading.
pub fn leer(contexto: &Contexto, consulta: impl FnOnce(&Acceso) -> Result<Option<Value>, Fallo>) -> Result<Option<Value>, Fallo> {
    let acceso = Acceso::consultar(contexto)?;
    let leido = consulta(&acceso);
    acceso.cerrar()?;
    leido
}
