//! Random commands and events for the laws.

use std::sync::Arc;

use proptest::prelude::*;

use super::mesa::*;
use crate::domain::{
    inventario::{ComandoInventario, EventoInventario, LoteConsumido, MotivoEntrada, MotivoSalida, Movimiento},
    valores::{Cantidad, CostoTotal, CostoUnitario, Decimal, Id},
};

/// 0.001 to 20, in thousandths: small enough that commands collide, fractional enough to split lots.
fn cantidad() -> impl Strategy<Value = String> {
    (1_i64..20_000).prop_map(|n| Decimal::new(n, 3).to_string())
}

fn costo() -> impl Strategy<Value = String> {
    (0_i64..10_000_000).prop_map(|n| Decimal::new(n, 6).to_string())
}

/// Few ids, so that steps repeat and overtake each other.
fn reserva() -> impl Strategy<Value = String> {
    (0_u32..12).prop_map(|n| format!("r{n}"))
}

/// Days around `HOY`, so that some lots are expired.
fn caducidad() -> impl Strategy<Value = Option<u32>> {
    prop::option::of(80_u32..120)
}

pub fn comando() -> impl Strategy<Value = ComandoInventario> {
    prop_oneof![
        4 => (cantidad(), costo(), 60_u32..80, caducidad()).prop_map(|(q, c, f, k)| entrada(&q, &c, f, k)),
        4 => (reserva(), cantidad()).prop_map(|(r, q)| reservar(&r, &q)),
        4 => reserva().prop_map(|r| confirmar(&r)),
        2 => reserva().prop_map(|r| liberar(&r)),
        1 => cantidad().prop_map(|q| salida(MotivoSalida::Ajuste, &q)),
        1 => cantidad().prop_map(|q| salida(MotivoSalida::DevolucionProveedor, &q)),
        1 => prop::option::of(cantidad()).prop_map(|q| minimo(q.as_deref())),
    ]
}

pub fn comandos() -> impl Strategy<Value = Vec<ComandoInventario>> {
    prop::collection::vec(comando(), 1..60)
}

/// The events of an Inventario that random commands made.
pub fn historia() -> impl Strategy<Value = Vec<EventoInventario>> {
    comandos().prop_map(|comandos| {
        let mut mesa = Mesa::creada();
        for comando in &comandos {
            let _granted_or_refused = mesa.hacer(comando);
        }
        mesa.historia
    })
}

/// Quantities of every size, extremes included.
fn cantidad_cualquiera() -> impl Strategy<Value = Cantidad> {
    prop_oneof![0_i64..50, 0_i64..99_999_999_999_999]
        .prop_flat_map(|n| (Just(n), 0_u32..=6))
        .prop_map(|(n, escala)| Cantidad::nuevo(Decimal::new(n, escala)).unwrap())
}

fn costo_cualquiera() -> impl Strategy<Value = CostoUnitario> {
    cantidad_cualquiera().prop_map(|c| CostoUnitario::nuevo(c.valor()).unwrap())
}

fn id_cualquiera() -> impl Strategy<Value = Id> {
    reserva().prop_map(|r| id(&r))
}

fn lote_cualquiera() -> impl Strategy<Value = LoteConsumido> {
    let secuencia = prop_oneof![1_u64..6, Just(u64::MAX)];
    (secuencia, 1_u32..4, caducidad(), cantidad_cualquiera(), costo_cualquiera()).prop_map(
        |(secuencia, ingreso, caduca, cantidad, costo_unitario)| LoteConsumido {
            lote_id: Id::compuesto(&[&format!("L-{secuencia}")]),
            secuencia,
            fecha_ingreso: dia(ingreso),
            fecha_caducidad: caduca.map(dia),
            cantidad,
            costo_unitario,
            origen_lote_id: None,
        },
    )
}

fn movimiento<M: Copy + std::fmt::Debug>(motivo: M) -> impl Strategy<Value = Box<Movimiento<M>>> {
    let lotes = prop::collection::vec(lote_cualquiera(), 0..4);
    (lotes, cantidad_cualquiera(), prop::option::of(id_cualquiera())).prop_map(move |(lotes, cantidad, reserva_id)| {
        Box::new(Movimiento {
            inventario_id: clave(),
            producto_id: id("P"),
            bodega_id: id("B"),
            movimiento_id: id("m"),
            motivo,
            referencia: None,
            reserva_id,
            cantidad,
            costo_total: CostoTotal::CERO,
            lotes: lotes.into(),
            stock_resultante: cantidad,
            disponible_resultante: cantidad,
        })
    })
}

/// Any event in any state: most could never have been decided.
pub fn evento() -> impl Strategy<Value = EventoInventario> {
    let causa: Arc<str> = Arc::from("causa");
    prop_oneof![
        prop::option::of(cantidad_cualquiera()).prop_map(|stock_minimo| EventoInventario::InventarioCreado {
            inventario_id: clave(),
            producto_id: id("P"),
            bodega_id: id("B"),
            stock_minimo
        }),
        lote_cualquiera().prop_map(|l| EventoInventario::LoteCreado {
            inventario_id: clave(),
            lote_id: l.lote_id,
            secuencia: l.secuencia,
            cantidad: l.cantidad,
            costo_unitario: l.costo_unitario,
            fecha_ingreso: l.fecha_ingreso,
            fecha_caducidad: l.fecha_caducidad,
            origen_lote_id: None
        }),
        movimiento(MotivoEntrada::DevolucionCliente).prop_map(EventoInventario::StockIncrementado),
        movimiento(MotivoSalida::Venta).prop_map(EventoInventario::StockReducido),
        (id_cualquiera(), cantidad_cualquiera()).prop_map(|(reserva_id, cantidad)| EventoInventario::StockReservado {
            inventario_id: clave(),
            reserva_id,
            cantidad,
            fecha: dia(HOY),
            disponible_resultante: cantidad
        }),
        id_cualquiera().prop_map(move |reserva_id| EventoInventario::ReservaLiberada {
            inventario_id: clave(),
            reserva_id,
            causa: causa.clone(),
            disponible_resultante: Cantidad::CERO
        }),
        prop::option::of(cantidad_cualquiera())
            .prop_map(|stock_minimo| EventoInventario::StockMinimoCambiado { inventario_id: clave(), stock_minimo }),
        cantidad_cualquiera().prop_map(|stock| EventoInventario::StockBajo { inventario_id: clave(), stock, stock_minimo: stock }),
    ]
}
