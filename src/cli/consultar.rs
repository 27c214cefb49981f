//! `factura`, `stock`, `kardex` and `cuenta`.

use serde_json::{Value, json};

use super::{
    acceso::Acceso,
    args::{CuentaArgs, FacturaArgs, KardexArgs, StockArgs},
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
        return Err(sin_inventario(&args.producto, &args.bodega));
    };
    vista::stock(&contexto.salida, &stock);
    contexto.salida.resultado(&stock);
    Ok(())
}

/// The ledger of a product in a bodega.
///
/// # Errors
/// `NoEncontrado`, or why the data could not be reached.
pub fn kardex(contexto: &Contexto, args: &KardexArgs) -> Result<(), Fallo> {
    let leido = leer(contexto, |acceso| {
        if acceso.stock(&args.producto, &args.bodega)?.is_none() {
            return Ok(None);
        }
        let (movimientos, hay_mas) = acceso.movimientos(&args.producto, &args.bodega, args.limite as usize)?;
        let (producto, bodega) = (&args.producto, &args.bodega);
        Ok(Some(json!({ "producto_id": producto, "bodega_id": bodega, "movimientos": movimientos, "tiene_mas": hay_mas })))
    })?;
    let kardex = leido.ok_or_else(|| sin_inventario(&args.producto, &args.bodega))?;
    vista::kardex(&contexto.salida, &kardex);
    contexto.salida.resultado(&kardex);
    Ok(())
}

/// The account of a client.
///
/// # Errors
/// `NoEncontrado`, or why the data could not be reached.
pub fn cuenta(contexto: &Contexto, args: &CuentaArgs) -> Result<(), Fallo> {
    let dias = args.desde.zip(args.hasta);
    if let Some((desde, hasta)) = dias
        && desde > hasta
    {
        let por_que = format!("{desde} es posterior a {hasta}");
        return Err(Fallo::new(Clase::Uso, "el intervalo está al revés", por_que, "Cambie --desde por --hasta."));
    }
    let hallada = leer(contexto, |acceso| match acceso.cliente(&args.cliente)? {
        Some(_) => acceso.estado_de_cuenta(&args.cliente, dias),
        None => Ok(None),
    })?;
    let Some(cuenta) = hallada else {
        return Err(Fallo::new(
            Clase::NoEncontrado,
            format!("no existe el cliente «{}»", args.cliente),
            "ningún cliente tiene ese id",
            "El id es el que dio el POST, no la identificación. Compruebe también --datos o --url.",
        ));
    };
    vista::cuenta(&contexto.salida, &cuenta);
    contexto.salida.resultado(&cuenta);
    Ok(())
}

fn sin_inventario(producto: &str, bodega: &str) -> Fallo {
    Fallo::new(
        Clase::NoEncontrado,
        format!("no hay inventario de «{producto}» en la bodega «{bodega}»"),
        "ese producto nunca entró a esa bodega",
        "Compruebe el producto y elija la bodega con --bodega.",
    )
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
