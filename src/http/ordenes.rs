//! The routes that send commands.

use serde_json::Value;

use super::{
    comandos::{Exito, ejecutar, ejecutar_con_opciones, ejecutar_sin_cuerpo},
    cuerpos,
    peticion::Peticion,
    problema::Problema,
    rutas::Respondido,
};
use crate::domain::{
    Comando,
    catalogo::{
        bodega::ComandoBodega, cliente::ComandoCliente, descuento::ComandoDescuento, producto::ComandoProducto,
        sucursal::ComandoSucursal,
    },
    facturacion::{factura::ComandoFactura, nota_credito::clave_nota},
    inventario::inventario_id,
    valores::Id,
};

pub async fn crear_cliente(p: &Peticion) -> Respondido {
    ejecutar(p, Exito::Creado, "CrearCliente", None, |v, c| Ok(vec![Comando::Cliente(cuerpos::cuerpo_cliente(v, c)?)])).await
}

pub async fn cambiar_cliente(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    let construir =
        |v: &Value, c: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Cliente(cuerpos::cuerpo_cliente_cambios(v, &id, c)?)]);
    ejecutar(p, Exito::Hecho, "ActualizarCliente", Some(&id), construir).await
}

pub async fn inactivar_cliente(p: &Peticion) -> Respondido {
    ejecutar_sin_cuerpo(p, Comando::Cliente(ComandoCliente::InactivarCliente { cliente_id: p.id(0)? })).await
}

pub async fn reactivar_cliente(p: &Peticion) -> Respondido {
    ejecutar_sin_cuerpo(p, Comando::Cliente(ComandoCliente::ReactivarCliente { cliente_id: p.id(0)? })).await
}

/// Refused where the log would not forget: who asks must not believe that it did.
pub async fn suprimir_cliente(p: &Peticion) -> Respondido {
    if !p.estado.partes.opciones.olvida {
        return Err(Problema::no_olvida());
    }
    ejecutar_sin_cuerpo(p, Comando::Cliente(ComandoCliente::SuprimirCliente { cliente_id: p.id(0)? })).await
}

pub async fn crear_producto(p: &Peticion) -> Respondido {
    ejecutar(p, Exito::Creado, "CrearProducto", None, |v, c| Ok(vec![Comando::Producto(cuerpos::cuerpo_producto(v, c)?)])).await
}

pub async fn cambiar_producto(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    let construir = |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| {
        Ok(cuerpos::cuerpo_producto_cambios(v, &id)?.into_iter().map(Comando::Producto).collect())
    };
    ejecutar(p, Exito::Hecho, "ActualizarProducto", Some(&id), construir).await
}

pub async fn inactivar_producto(p: &Peticion) -> Respondido {
    ejecutar_sin_cuerpo(p, Comando::Producto(ComandoProducto::InactivarProducto { producto_id: p.id(0)? })).await
}

pub async fn crear_descuento(p: &Peticion) -> Respondido {
    ejecutar(p, Exito::Creado, "CrearDescuento", None, |v, c| Ok(vec![Comando::Descuento(cuerpos::cuerpo_descuento(v, c)?)])).await
}

pub async fn cambiar_descuento(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    let construir =
        |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Descuento(cuerpos::cuerpo_descuento_cambios(v, &id)?)]);
    ejecutar(p, Exito::Hecho, "ActualizarDescuento", Some(&id), construir).await
}

pub async fn inactivar_descuento(p: &Peticion) -> Respondido {
    ejecutar_sin_cuerpo(p, Comando::Descuento(ComandoDescuento::InactivarDescuento { descuento_id: p.id(0)? })).await
}

pub async fn crear_sucursal(p: &Peticion) -> Respondido {
    ejecutar(p, Exito::Creado, "CrearSucursal", None, |v, c| Ok(vec![Comando::Sucursal(cuerpos::cuerpo_sucursal(v, c)?)])).await
}

pub async fn cambiar_sucursal(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    let construir =
        |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Sucursal(cuerpos::cuerpo_sucursal_cambios(v, &id)?)]);
    ejecutar(p, Exito::Hecho, "ActualizarSucursal", Some(&id), construir).await
}

pub async fn inactivar_sucursal(p: &Peticion) -> Respondido {
    ejecutar_sin_cuerpo(p, Comando::Sucursal(ComandoSucursal::InactivarSucursal { sucursal_id: p.id(0)? })).await
}

pub async fn crear_bodega(p: &Peticion) -> Respondido {
    ejecutar(p, Exito::Creado, "CrearBodega", None, |v, c| Ok(vec![Comando::Bodega(cuerpos::cuerpo_bodega(v, c)?)])).await
}

pub async fn cambiar_bodega(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    let construir = |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Bodega(cuerpos::cuerpo_bodega_cambios(v, &id)?)]);
    ejecutar(p, Exito::Hecho, "ActualizarBodega", Some(&id), construir).await
}

pub async fn inactivar_bodega(p: &Peticion) -> Respondido {
    ejecutar_sin_cuerpo(p, Comando::Bodega(ComandoBodega::InactivarBodega { bodega_id: p.id(0)? })).await
}

pub async fn crear_rango(p: &Peticion) -> Respondido {
    ejecutar(p, Exito::Creado, "CrearRango", None, |v, _| Ok(vec![Comando::Rango(cuerpos::cuerpo_rango(v)?)])).await
}

pub async fn renovar_rango(p: &Peticion) -> Respondido {
    let id = p.clave_compuesta(0)?;
    let construir = |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Rango(cuerpos::cuerpo_renovar(v, &id)?)]);
    ejecutar(p, Exito::Hecho, "RenovarRango", Some(&id), construir).await
}

pub async fn inutilizar_numero(p: &Peticion) -> Respondido {
    let id = p.clave_compuesta(0)?;
    let construir = |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Rango(cuerpos::cuerpo_inutilizar(v, &id)?)]);
    ejecutar(p, Exito::Hecho, "InutilizarNumero", Some(&id), construir).await
}

pub async fn crear_inventario(p: &Peticion) -> Respondido {
    ejecutar(p, Exito::Creado, "CrearInventario", None, |v, _| Ok(vec![Comando::Inventario(cuerpos::cuerpo_inventario(v)?)])).await
}

/// Producto and bodega of the address, and the key of their Inventario.
fn inventario(p: &Peticion) -> Result<(Id, Id, Id), Problema> {
    let (producto, bodega) = (p.id(0)?, p.id(1)?);
    let inventario = inventario_id(&producto, &bodega);
    Ok((producto, bodega, inventario))
}

pub async fn registrar_entrada(p: &Peticion) -> Respondido {
    let (producto, bodega, inventario) = inventario(p)?;
    let construir = |v: &Value, c: &cuerpos::ContextoCuerpo<'_>| {
        Ok(vec![Comando::Inventario(cuerpos::cuerpo_entrada(v, Some((&producto, &bodega)), c)?)])
    };
    ejecutar(p, Exito::Creado, "RegistrarEntrada", Some(&inventario), construir).await
}

pub async fn registrar_salida(p: &Peticion) -> Respondido {
    let (producto, bodega, inventario) = inventario(p)?;
    let construir = |v: &Value, c: &cuerpos::ContextoCuerpo<'_>| {
        Ok(vec![Comando::Inventario(cuerpos::cuerpo_salida(v, Some((&producto, &bodega)), c)?)])
    };
    ejecutar(p, Exito::Creado, "RegistrarSalida", Some(&inventario), construir).await
}

pub async fn cambiar_minimo(p: &Peticion) -> Respondido {
    let (producto, bodega, inventario) = inventario(p)?;
    let construir = |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| {
        Ok(vec![Comando::Inventario(cuerpos::cuerpo_stock_minimo(v, &producto, &bodega)?)])
    };
    ejecutar(p, Exito::Hecho, "CambiarStockMinimo", Some(&inventario), construir).await
}

/// Creates and issues; with `emitir=false`, a draft.
pub async fn crear_factura(p: &Peticion) -> Respondido {
    match p.parametro("emitir") {
        None | Some("true") => {
            let construir = |v: &Value, c: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Factura(cuerpos::cuerpo_factura(v, c)?)]);
            ejecutar(p, Exito::Creado, "CrearYEmitirFactura", None, construir).await
        }
        Some("false") => {
            let construir =
                |v: &Value, c: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Factura(cuerpos::cuerpo_borrador(v, c)?)]);
            ejecutar(p, Exito::Creado, "CrearFactura", None, construir).await
        }
        Some(_) => Err(Problema::parametro("emitir", "ParametroInvalido", "emitir es true o false")),
    }
}

/// A command that edits the draft of the address, made of its body.
async fn editar(
    p: &Peticion,
    exito: Exito,
    tipo: &'static str,
    construir: fn(&Value, &Id) -> Result<ComandoFactura, cuerpos::ErroresCuerpo>,
) -> Respondido {
    let id = p.id(0)?;
    ejecutar(p, exito, tipo, Some(&id), |v, _| Ok(vec![Comando::Factura(construir(v, &id)?)])).await
}

pub async fn agregar_linea(p: &Peticion) -> Respondido {
    editar(p, Exito::Creado, "AgregarLinea", cuerpos::cuerpo_linea).await
}

pub async fn quitar_linea(p: &Peticion) -> Respondido {
    let (factura_id, linea) = (p.id(0)?, p.id(1)?);
    let numero = linea.as_str().parse().map_err(|_| Problema::no_existe("la línea"))?;
    ejecutar_sin_cuerpo(p, Comando::Factura(ComandoFactura::QuitarLinea { factura_id, linea: numero })).await
}

pub async fn aplicar_descuento(p: &Peticion) -> Respondido {
    editar(p, Exito::Hecho, "AplicarDescuento", cuerpos::cuerpo_aplicar_descuento).await
}

pub async fn definir_formas_pago(p: &Peticion) -> Respondido {
    editar(p, Exito::Hecho, "DefinirFormasPago", cuerpos::cuerpo_formas_pago).await
}

pub async fn cambiar_fechas(p: &Peticion) -> Respondido {
    editar(p, Exito::Hecho, "CambiarFechas", cuerpos::cuerpo_fechas).await
}

/// Issues a draft; the body, if any, states new dates.
pub async fn emitir_factura(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    let construir = |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Factura(cuerpos::cuerpo_emitir(v, &id)?)]);
    ejecutar_con_opciones(p, Exito::Hecho, "EmitirFactura", Some(&id), construir).await
}

pub async fn descartar_factura(p: &Peticion) -> Respondido {
    ejecutar_sin_cuerpo(p, Comando::Factura(ComandoFactura::DescartarFactura { factura_id: p.id(0)? })).await
}

/// Whether `emitir` says so: by default it does.
fn emitir(p: &Peticion) -> Result<bool, Problema> {
    match p.parametro("emitir") {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Problema::parametro("emitir", "ParametroInvalido", "es true o false")),
    }
}

/// Creates a credit note of the invoice of the address and issues it; with `emitir=false`, its draft.
pub async fn crear_nota_de_factura(p: &Peticion) -> Respondido {
    let factura = p.id(0)?;
    crear_nota_con(p, Some(factura)).await
}

/// The same, with the invoice in the body.
pub async fn crear_nota(p: &Peticion) -> Respondido {
    crear_nota_con(p, None).await
}

async fn crear_nota_con(p: &Peticion, factura: Option<Id>) -> Respondido {
    let emitir = emitir(p)?;
    let tipo = if emitir { "CrearYEmitirNotaCredito" } else { "CrearNotaCredito" };
    let construir = |v: &Value, c: &cuerpos::ContextoCuerpo<'_>| {
        Ok(vec![Comando::NotaCredito(cuerpos::cuerpo_nota(v, factura.as_ref(), emitir, c)?)])
    };
    ejecutar(p, Exito::Creado, tipo, None, construir).await
}

/// Invoice and note of the address, and the key of the note.
fn nota(p: &Peticion) -> Result<(Id, Id, Id), Problema> {
    let (factura, nota) = (p.id(0)?, p.id(1)?);
    let clave = clave_nota(&factura, &nota);
    Ok((factura, nota, clave))
}

pub async fn agregar_linea_nota(p: &Peticion) -> Respondido {
    let (factura, nota, clave) = nota(p)?;
    let construir = |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| {
        Ok(vec![Comando::NotaCredito(cuerpos::cuerpo_linea_nota(v, &factura, &nota)?)])
    };
    ejecutar(p, Exito::Hecho, "AgregarLineaNotaCredito", Some(&clave), construir).await
}

pub async fn emitir_nota(p: &Peticion) -> Respondido {
    let (factura, nota, clave) = nota(p)?;
    let construir = |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| {
        Ok(vec![Comando::NotaCredito(cuerpos::cuerpo_emitir_nota(v, &factura, &nota)?)])
    };
    ejecutar(p, Exito::Hecho, "EmitirNotaCredito", Some(&clave), construir).await
}

pub async fn anular_factura(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    let construir = |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Factura(cuerpos::cuerpo_anular(v, Some(&id))?)]);
    ejecutar(p, Exito::Hecho, "AnularFactura", Some(&id), construir).await
}

pub async fn registrar_respuesta_dian(p: &Peticion) -> Respondido {
    let id = p.id(0)?;
    let construir =
        |v: &Value, _: &cuerpos::ContextoCuerpo<'_>| Ok(vec![Comando::Factura(cuerpos::cuerpo_respuesta_dian(v, Some(&id))?)]);
    ejecutar(p, Exito::Hecho, "RegistrarRespuestaDian", Some(&id), construir).await
}
