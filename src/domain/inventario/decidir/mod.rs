//! What a command means for an Inventario in a state. Pure: decides by the state, the command and the context alone.

mod devoluciones;
mod entradas;
mod existencia;
mod explicar;
mod reservas;
mod salidas;

pub use explicar::explicar_salida;

use super::{ComandoInventario, EventoInventario, Inventario, restar, sumar_costo};
use crate::domain::{
    ContextoDecision, Rechazo, ResultadoPaso,
    reglas::{Falla, Regla},
    valores::{Cantidad, CostoTotal, Decimal, ErrorDecimal, Id},
};

/// What a granted command records, and what it answers when it is the step of a saga.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionInventario {
    /// Empty only for a repeated step, or for a release with nothing to release.
    pub eventos: Vec<EventoInventario>,
    /// `Some` for the steps of sagas (ReservarStock, ConfirmarReserva, LiberarReserva, DevolverStock, VerificarInventario): equal
    /// each time the step is repeated.
    pub resultado: Option<ResultadoPaso>,
}

impl DecisionInventario {
    fn registra(eventos: Vec<EventoInventario>) -> Self {
        Self { eventos, resultado: None }
    }

    fn responde(eventos: Vec<EventoInventario>, resultado: ResultadoPaso) -> Self {
        Self { eventos, resultado: Some(resultado) }
    }
}

/// Decides a command. Never changes anything: the events do, through `evolucionar`.
///
/// # Errors
/// Every failure at once, by the table of `dominio.md` section 7.
///
/// # Panics
/// When the decision would break an invariant of the stock (a bug, or a corrupt state): better no event than a false one.
pub fn decidir(
    estado: Option<&Inventario>,
    comando: &ComandoInventario,
    ctx: &ContextoDecision<'_>,
) -> Result<DecisionInventario, Rechazo> {
    match comando {
        ComandoInventario::CrearInventario { inventario_id, producto_id, bodega_id, stock_minimo } => {
            existencia::crear(estado, inventario_id, producto_id, bodega_id, *stock_minimo, ctx)
        }
        ComandoInventario::CambiarStockMinimo { inventario_id, stock_minimo } => {
            existencia::cambiar_minimo(existente(estado, inventario_id)?, *stock_minimo)
        }
        ComandoInventario::RegistrarEntrada {
            inventario_id,
            movimiento_id,
            motivo,
            cantidad,
            costo_unitario,
            fecha_ingreso,
            fecha_caducidad,
            referencia,
        } => {
            let entrada = entradas::Entrada {
                movimiento_id,
                motivo: *motivo,
                cantidad: *cantidad,
                costo_unitario: *costo_unitario,
                fecha_ingreso: *fecha_ingreso,
                fecha_caducidad: *fecha_caducidad,
                referencia: referencia.as_ref(),
            };
            entradas::registrar(estado, inventario_id, &entrada, ctx)
        }
        ComandoInventario::RegistrarSalida { inventario_id, movimiento_id, motivo, cantidad, fecha, referencia } => {
            let salida = salidas::Salida {
                movimiento_id,
                motivo: *motivo,
                cantidad: *cantidad,
                fecha: *fecha,
                referencia: referencia.as_ref(),
            };
            salidas::registrar(estado, inventario_id, &salida, ctx)
        }
        ComandoInventario::ReservarStock { inventario_id, reserva_id, cantidad, fecha } => {
            reservas::reservar(estado, inventario_id, reserva_id, *cantidad, *fecha, ctx)
        }
        ComandoInventario::ConfirmarReserva { reserva_id, movimiento_id, referencia, .. } => {
            reservas::confirmar(estado, reserva_id, movimiento_id, referencia, ctx)
        }
        ComandoInventario::LiberarReserva { reserva_id, causa, .. } => reservas::liberar(estado, reserva_id, causa, ctx),
        ComandoInventario::DevolverStock(devolucion) => devoluciones::devolver(estado, devolucion, ctx),
        ComandoInventario::VerificarInventario { inventario_id } => devoluciones::verificar(estado, inventario_id),
    }
}

fn existente<'a>(estado: Option<&'a Inventario>, inventario_id: &Id) -> Result<&'a Inventario, Rechazo> {
    estado.ok_or_else(|| Rechazo::de(falla_sin_inventario(Regla::InventarioNoExiste, inventario_id)))
}

fn falla_sin_inventario(regla: Regla, inventario_id: &Id) -> Falla {
    let mut partes = inventario_id.partes();
    let (producto, bodega) = (partes.next().unwrap_or_default(), partes.next().unwrap_or_default());
    Falla::new(regla, "", format!("no hay inventario del producto {producto} en la bodega {bodega}: créelo primero"))
        .con("producto_id", producto)
        .con("bodega_id", bodega)
}

/// `solicitado` against `disponible`, without trailing zeros: a state read from a snapshot must word it the same.
fn falla_sin_stock(regla: Regla, inventario: &Inventario, solicitado: Cantidad, disponible: Cantidad) -> Falla {
    let (solicitado, disponible) = (solicitado.valor().normalize(), disponible.valor().normalize());
    let (producto, bodega) = (&inventario.producto_id, &inventario.bodega_id);
    let mensaje = format!("stock insuficiente de {producto} en {bodega}: solicitado {solicitado}, disponible {disponible}");
    Falla::new(regla, "/cantidad", mensaje)
        .con("producto_id", producto)
        .con("bodega_id", bodega)
        .con("solicitado", solicitado)
        .con("disponible", disponible)
}

/// A quantity that moves: above zero, within its digits.
fn cantidad_que_mueve(cantidad: Decimal) -> Result<Cantidad, Falla> {
    if cantidad <= Decimal::ZERO {
        return Err(Falla::simple(Regla::CantidadInvalida, "/cantidad"));
    }
    Cantidad::nuevo(cantidad.normalize()).map_err(|_: ErrorDecimal| {
        let mensaje = "la cantidad admite 6 decimales y 14 dígitos significativos";
        Falla::new(Regla::PrecisionExcedida, "/cantidad", mensaje)
    })
}

/// The stock, or a figure of it, would need more than 14 digits.
fn falla_de_cifras(inventario: &Inventario) -> Falla {
    let stock = inventario.stock.valor().normalize();
    let mensaje = format!("con un stock de {stock}, la cantidad llevaría las existencias a más de 14 dígitos");
    Falla::new(Regla::PrecisionExcedida, "/cantidad", mensaje).con("stock", stock)
}

/// The stock would be worth `maximo` or more.
fn falla_de_valor(inventario: &Inventario, maximo: Decimal) -> Falla {
    let valor = inventario.valor().valor().normalize();
    let mensaje = format!(
        "con un valor de {valor}, el inventario llegaría a {maximo} o más; revise el costo o reparta la mercancía en otra bodega"
    );
    Falla::new(Regla::PrecisionExcedida, "/costo_unitario", mensaje).con("valor", valor).con("maximo", maximo)
}

/// Whether the stock stays below `maximo` with goods of this cost.
fn cabe_el_valor(inventario: &Inventario, entra: CostoTotal, maximo: Decimal) -> bool {
    sumar_costo(inventario.valor(), entra).is_some_and(|valor| valor.valor() < maximo)
}

/// The stock after an exit that was already found possible.
fn stock_tras_salida(inventario: &Inventario, cantidad: Cantidad) -> Cantidad {
    let resultante = restar(inventario.stock, cantidad);
    assert!(resultante.is_some(), "{}: la salida dejaría un stock imposible", inventario.inventario_id);
    resultante.unwrap_or_default()
}

/// StockBajo, once: when the stock goes from at or above its minimum to below it.
fn aviso_de_minimo(inventario: &Inventario, despues: Cantidad) -> Option<EventoInventario> {
    let stock_minimo = inventario.stock_minimo?;
    let cruza = inventario.stock >= stock_minimo && despues < stock_minimo && !inventario.bajo_minimo;
    cruza.then(|| EventoInventario::StockBajo { inventario_id: inventario.inventario_id.clone(), stock: despues, stock_minimo })
}
