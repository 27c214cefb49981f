//! Random commands and events for the laws.

use std::sync::Arc;

use proptest::prelude::*;

use super::mesa::*;
use crate::domain::{
    inventario::{
        ComandoInventario, DevolucionPedida, EventoInventario, LoteConsumido, MotivoEntrada, MotivoSalida, Movimiento,
        PoliticaRetorno, Referencia,
    },
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

/// A return in the making: which sale comes back, and how.
#[derive(Debug, Clone)]
struct Devolucion {
    venta: prop::sample::Index,
    /// Thousandths; no more than what is left of the sale.
    tanto: i64,
    politica: PoliticaRetorno,
    /// Few, so that steps repeat.
    movimiento: u32,
    dia: u32,
}

fn devolucion() -> impl Strategy<Value = Devolucion> {
    let politica = prop_oneof![Just(PoliticaRetorno::ReversaFifo), Just(PoliticaRetorno::LoteNuevo)];
    (any::<prop::sample::Index>(), 1_i64..30_000, politica, 0_u32..8, HOY..HOY + 5)
        .prop_map(|(venta, tanto, politica, movimiento, dia)| Devolucion { venta, tanto, politica, movimiento, dia })
}

#[derive(Debug, Clone)]
enum Accion {
    Comando(ComandoInventario),
    Devolver(Devolucion),
}

/// What is left of each sale of a story: its lots, the first consumed first.
#[derive(Default)]
struct Ventas {
    vistos: usize,
    quedan: Vec<Vec<LoteConsumido>>,
}

impl Ventas {
    /// Takes note of the sales that the bench made since.
    fn mirar(&mut self, historia: &[EventoInventario]) {
        let nuevas = historia[self.vistos..].iter().filter_map(|evento| match evento {
            EventoInventario::StockReducido(m) if m.motivo == MotivoSalida::Venta => Some(m.lotes.to_vec()),
            _ => None,
        });
        self.quedan.extend(nuevas);
        self.vistos = historia.len();
    }

    /// The last consumed of a sale, and what then is left of it; `None` when nothing is.
    fn tomar(&self, devolucion: &Devolucion) -> Option<(usize, Vec<LoteConsumido>, Vec<LoteConsumido>)> {
        let con_algo: Vec<usize> = (0..self.quedan.len()).filter(|i| !self.quedan[*i].is_empty()).collect();
        let venta = *con_algo.get(devolucion.venta.index(con_algo.len().max(1)))?;
        let mut falta = Decimal::new(devolucion.tanto, 3);
        let (mut vuelven, mut quedan) = (Vec::new(), Vec::new());
        for lote in self.quedan[venta].iter().rev() {
            let parte = falta.min(lote.cantidad.valor());
            falta -= parte;
            let de = |cantidad| LoteConsumido { cantidad: Cantidad::nuevo(cantidad).unwrap(), ..lote.clone() };
            vuelven.extend(Some(parte).filter(|p| !p.is_zero()).map(de));
            quedan.extend(Some(lote.cantidad.valor() - parte).filter(|p| !p.is_zero()).map(de));
        }
        // As a note's saga asks for them: the oldest first.
        vuelven.sort_by_key(|lote: &LoteConsumido| (lote.fecha_ingreso, lote.secuencia));
        quedan.reverse();
        Some((venta, vuelven, quedan))
    }
}

/// Commands for a bench just created. Returns are of sales that the commands before them made, and never more than was sold.
pub fn comandos() -> impl Strategy<Value = Vec<ComandoInventario>> {
    let accion = prop_oneof![5 => comando().prop_map(Accion::Comando), 1 => devolucion().prop_map(Accion::Devolver)];
    prop::collection::vec(accion, 1..60).prop_map(|acciones| {
        let (mut mesa, mut ventas, mut comandos) = (Mesa::creada(), Ventas::default(), Vec::new());
        for accion in acciones {
            ventas.mirar(&mesa.historia);
            let (comando, devuelta) = match accion {
                Accion::Comando(comando) => (comando, None),
                Accion::Devolver(devolucion) => match ventas.tomar(&devolucion) {
                    Some((venta, vuelven, quedan)) => (devolver(&devolucion, vuelven), Some((venta, quedan))),
                    None => continue,
                },
            };
            let hecho = mesa.hacer(&comando);
            // A return with the id of another was that one: nothing came back.
            if let (Ok(hecho), Some((venta, quedan))) = (hecho, devuelta)
                && !hecho.eventos.is_empty()
            {
                ventas.quedan[venta] = quedan;
            }
            comandos.push(comando);
        }
        comandos
    })
}

fn devolver(devolucion: &Devolucion, lotes: Vec<LoteConsumido>) -> ComandoInventario {
    ComandoInventario::DevolverStock(Box::new(DevolucionPedida {
        inventario_id: clave(),
        movimiento_id: id(&format!("d{}", devolucion.movimiento)),
        motivo: MotivoEntrada::DevolucionCliente,
        politica: devolucion.politica,
        lotes: lotes.into(),
        fecha: dia(devolucion.dia),
        referencia: Referencia { tipo: Arc::from("NOTA_CREDITO"), id: Arc::from("f1:n1"), numero: Some(Arc::from("NC1")) },
    }))
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
