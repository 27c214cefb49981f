//! CrearInventario and CambiarStockMinimo.

use super::DecisionInventario;
use crate::domain::{
    ContextoDecision, Rechazo,
    inventario::{EventoInventario, Inventario, inventario_id as clave_de},
    reglas::{Falla, Regla},
    valores::{Cantidad, Id},
};

pub(super) fn crear(
    estado: Option<&Inventario>,
    inventario_id: &Id,
    producto_id: &Id,
    bodega_id: &Id,
    stock_minimo: Option<Cantidad>,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionInventario, Rechazo> {
    let mut fallas = Vec::new();
    if *inventario_id != clave_de(producto_id, bodega_id) {
        fallas.push(Falla::new(Regla::ClaveAjena, "", "la clave del inventario no es producto:bodega"));
    }
    if estado.is_some() {
        let mensaje = format!("ya existe el inventario de {producto_id} en {bodega_id}");
        fallas.push(Falla::new(Regla::YaExiste, "", mensaje));
    }
    fallas.extend(falla_de_producto(producto_id, ctx));
    if ctx.catalogo.bodega(bodega_id).is_none() {
        let mensaje = format!("la bodega {bodega_id} no existe");
        fallas.push(Falla::new(Regla::BodegaNoExiste, "/bodega_id", mensaje).con("bodega_id", bodega_id));
    }
    if !fallas.is_empty() {
        return Err(Rechazo::new(fallas));
    }
    Ok(DecisionInventario::registra(vec![EventoInventario::InventarioCreado {
        inventario_id: inventario_id.clone(),
        producto_id: producto_id.clone(),
        bodega_id: bodega_id.clone(),
        stock_minimo,
    }]))
}

fn falla_de_producto(producto_id: &Id, ctx: &ContextoDecision<'_>) -> Option<Falla> {
    let (regla, mensaje) = match ctx.catalogo.producto(producto_id) {
        None => (Regla::ProductoNoExiste, format!("el producto {producto_id} no existe")),
        Some(p) if !p.datos.controla_inventario => {
            (Regla::ProductoValido, format!("el producto {producto_id} no controla inventario"))
        }
        Some(_) => return None,
    };
    Some(Falla::new(regla, "/producto_id", mensaje).con("producto_id", producto_id))
}

/// A minimum raised above the stock warns like a stock that falls below its minimum: at once, and once.
pub(super) fn cambiar_minimo(inventario: &Inventario, stock_minimo: Option<Cantidad>) -> Result<DecisionInventario, Rechazo> {
    let inventario_id = || inventario.inventario_id.clone();
    let mut eventos = vec![EventoInventario::StockMinimoCambiado { inventario_id: inventario_id(), stock_minimo }];
    let estaba_bien = inventario.stock_minimo.is_none_or(|anterior| inventario.stock >= anterior);
    if let Some(stock_minimo) = stock_minimo.filter(|m| inventario.stock < *m && estaba_bien && !inventario.bajo_minimo) {
        eventos.push(EventoInventario::StockBajo { inventario_id: inventario_id(), stock: inventario.stock, stock_minimo });
    }
    Ok(DecisionInventario::registra(eventos))
}
