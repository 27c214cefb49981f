//! Bodies of stock: create, entries, exits, minimum.

use serde_json::Value;

use super::{ContextoCuerpo, ErroresCuerpo, id_o_nuevo, lector::Lector, leer};
use crate::domain::{
    inventario::{ComandoInventario, MotivoEntrada, MotivoSalida, Referencia, inventario_id},
    reglas::Regla,
    valores::{Cantidad, Decimal, ErrorDecimal, Id},
};

const LARGO_TIPO: usize = 32;
const LARGO_REFERENCIA: usize = 64;

/// At most 6 decimals and 14 significant digits; the sign is the domain's to judge.
pub fn limite_cantidad(valor: Decimal) -> Result<(), ErrorDecimal> {
    Cantidad::nuevo(valor.abs()).map(drop)
}

/// `POST /inventarios`.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_inventario(valor: &Value) -> Result<ComandoInventario, ErroresCuerpo> {
    leer(valor, &["producto_id", "bodega_id", "stock_minimo"], |lector| {
        let destino = destino(lector, None);
        let stock_minimo = minimo(lector);
        let (producto_id, bodega_id) = destino?;
        let inventario_id = inventario_id(&producto_id, &bodega_id);
        Some(ComandoInventario::CrearInventario { inventario_id, producto_id, bodega_id, stock_minimo })
    })
}

/// `POST /inventarios/{producto}/{bodega}/entradas`. Without `destino` (the importer) the body names `producto_id` and `bodega_id`.
/// Without `motivo` it is COMPRA; without `fecha_ingreso`, today.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_entrada(
    valor: &Value,
    destino_url: Option<(&Id, &Id)>,
    contexto: &ContextoCuerpo<'_>,
) -> Result<ComandoInventario, ErroresCuerpo> {
    const CAMPOS: &[&str] = &[
        "producto_id",
        "bodega_id",
        "movimiento_id",
        "motivo",
        "cantidad",
        "costo_unitario",
        "fecha_ingreso",
        "fecha_caducidad",
        "referencia",
    ];
    leer(valor, CAMPOS, |lector| {
        let destino = destino(lector, destino_url);
        let movimiento_id = id_o_nuevo(lector, "movimiento_id", "RegistrarEntrada", contexto);
        let motivos = MotivoEntrada::TODOS.map(MotivoEntrada::nombre);
        let motivo = lector.opcion("motivo", &motivos, Regla::TextoValido, MotivoEntrada::de_nombre);
        let cantidad = lector.decimal("cantidad", Regla::CantidadInvalida, limite_cantidad);
        let cantidad = lector.exigir("cantidad", Regla::CantidadInvalida, cantidad);
        let costo = lector.decimal("costo_unitario", Regla::CostoInvalido, limite_cantidad);
        let costo = lector.exigir("costo_unitario", Regla::CostoInvalido, costo);
        let fecha_ingreso = lector.fecha("fecha_ingreso").unwrap_or(contexto.hoy);
        let fecha_caducidad = lector.fecha("fecha_caducidad");
        let referencia = referencia(lector);
        let (producto_id, bodega_id) = destino?;
        Some(ComandoInventario::RegistrarEntrada {
            inventario_id: inventario_id(&producto_id, &bodega_id),
            movimiento_id: movimiento_id?,
            motivo: motivo.unwrap_or(MotivoEntrada::Compra),
            cantidad: cantidad?,
            costo_unitario: costo?,
            fecha_ingreso,
            fecha_caducidad,
            referencia,
        })
    })
}

/// `POST /inventarios/{producto}/{bodega}/salidas`. Sales leave by invoices only: `motivo` is AJUSTE (default) or DEVOLUCION_PROVEEDOR.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_salida(
    valor: &Value,
    destino_url: Option<(&Id, &Id)>,
    contexto: &ContextoCuerpo<'_>,
) -> Result<ComandoInventario, ErroresCuerpo> {
    const CAMPOS: &[&str] = &["producto_id", "bodega_id", "movimiento_id", "motivo", "cantidad", "fecha", "referencia"];
    const MOTIVOS: [MotivoSalida; 2] = [MotivoSalida::Ajuste, MotivoSalida::DevolucionProveedor];
    leer(valor, CAMPOS, |lector| {
        let destino = destino(lector, destino_url);
        let movimiento_id = id_o_nuevo(lector, "movimiento_id", "RegistrarSalida", contexto);
        let nombres = MOTIVOS.map(MotivoSalida::nombre);
        let motivo = lector.opcion("motivo", &nombres, Regla::TextoValido, |nombre| {
            MotivoSalida::de_nombre(nombre).filter(|motivo| MOTIVOS.contains(motivo))
        });
        let cantidad = lector.decimal("cantidad", Regla::CantidadInvalida, limite_cantidad);
        let cantidad = lector.exigir("cantidad", Regla::CantidadInvalida, cantidad);
        let fecha = lector.fecha("fecha").unwrap_or(contexto.hoy);
        let referencia = referencia(lector);
        let (producto_id, bodega_id) = destino?;
        Some(ComandoInventario::RegistrarSalida {
            inventario_id: inventario_id(&producto_id, &bodega_id),
            movimiento_id: movimiento_id?,
            motivo: motivo.unwrap_or(MotivoSalida::Ajuste),
            cantidad: cantidad?,
            fecha,
            referencia,
        })
    })
}

/// `PUT /inventarios/{producto}/{bodega}/stock-minimo`; null removes the minimum.
///
/// # Errors
/// Everything wrong with the body.
pub fn cuerpo_stock_minimo(valor: &Value, producto_id: &Id, bodega_id: &Id) -> Result<ComandoInventario, ErroresCuerpo> {
    leer(valor, &["stock_minimo"], |lector| {
        let stock_minimo = minimo(lector);
        if !lector.es_nulo("stock_minimo") {
            lector.exigir("stock_minimo", Regla::CantidadInvalida, stock_minimo);
        }
        Some(ComandoInventario::CambiarStockMinimo { inventario_id: inventario_id(producto_id, bodega_id), stock_minimo })
    })
}

fn minimo(lector: &mut Lector<'_, '_>) -> Option<Cantidad> {
    let valor = lector.decimal("stock_minimo", Regla::CantidadInvalida, |v| Cantidad::nuevo(v).map(drop))?;
    Cantidad::nuevo(valor).ok()
}

/// The stock addressed: by the URL (the body may repeat it, not contradict it), or by the body.
fn destino(lector: &mut Lector<'_, '_>, url: Option<(&Id, &Id)>) -> Option<(Id, Id)> {
    let producto = lector.id("producto_id");
    let bodega = lector.id("bodega_id");
    let Some((producto_url, bodega_url)) = url else {
        let producto = lector.exigir("producto_id", Regla::IdValido, producto);
        let bodega = lector.exigir("bodega_id", Regla::IdValido, bodega);
        return producto.zip(bodega);
    };
    for (campo, escrito, de_url) in [("producto_id", producto, producto_url), ("bodega_id", bodega, bodega_url)] {
        if escrito.is_some_and(|id| id != *de_url) {
            lector.falla(campo, Regla::IdValido, format!("no es el de la dirección («{de_url}»)"));
        }
    }
    Some((producto_url.clone(), bodega_url.clone()))
}

fn referencia(lector: &mut Lector<'_, '_>) -> Option<Referencia> {
    let valor = lector.crudo("referencia")?;
    let ruta = lector.ruta("referencia");
    let mut interno = Lector::abrir(valor, ruta, &["tipo", "id", "numero"], lector.errores)?;
    let tipo = interno.texto("tipo", LARGO_TIPO, Regla::TextoValido);
    let tipo = interno.exigir("tipo", Regla::TextoValido, tipo);
    let id = interno.texto("id", LARGO_REFERENCIA, Regla::TextoValido);
    let id = interno.exigir("id", Regla::TextoValido, id);
    let numero = interno.texto("numero", LARGO_REFERENCIA, Regla::TextoValido);
    Some(Referencia { tipo: tipo?, id: id?, numero })
}
