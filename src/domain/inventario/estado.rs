//! State of an Inventario.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use chrono::NaiveDate;

use super::{LoteConsumido, Resumen};
use crate::domain::valores::{Cantidad, CostoTotal, CostoUnitario, Id};

/// Place of a lot in the FIFO queue: entry date, then arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PuestoLote {
    pub fecha_ingreso: NaiveDate,
    pub secuencia: u64,
}

/// A cost layer with something left in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lote {
    pub lote_id: Id,
    pub cantidad: Cantidad,
    pub costo_unitario: CostoUnitario,
    pub fecha_caducidad: Option<NaiveDate>,
    pub origen_lote_id: Option<Id>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Reserva {
    pub cantidad: Cantidad,
    /// Date of the exit it was granted for: decides which lots count as expired.
    pub fecha: NaiveDate,
}

/// Result of a confirmed reservation, to answer the same again.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirmacion {
    pub reserva_id: Id,
    pub lotes: Arc<[LoteConsumido]>,
    pub costo_total: CostoTotal,
}

/// Stock of one Producto in one Bodega. `disponible = stock - reservado - vencido`.
#[derive(Debug, Clone, PartialEq)]
pub struct Inventario {
    pub inventario_id: Id,
    pub producto_id: Id,
    pub bodega_id: Id,
    pub stock_minimo: Option<Cantidad>,
    /// Lots with quantity left, in FIFO order.
    pub lotes: BTreeMap<PuestoLote, Lote>,
    /// Sequence of the next lot, from 1.
    pub siguiente_secuencia: u64,
    pub stock: Cantidad,
    pub reservado: Cantidad,
    /// Reservations held, by id.
    pub reservas: BTreeMap<Id, Reserva>,
    /// The last 4,096 confirmations of reservations whose StockReservado is on the log, oldest first.
    pub confirmadas: VecDeque<Confirmacion>,
    /// The last 4,096 released reservation ids, oldest first.
    pub liberadas: VecDeque<Id>,
    /// Ids of the last 4,096 returns whose saga went on in a later epoch, oldest first.
    pub devueltas: VecDeque<Id>,
    /// The stock is below its minimum and StockBajo was recorded.
    pub bajo_minimo: bool,
    /// Figures and indexes derived from the fields above; rebuilt with `Resumen::de`, never stored.
    pub resumen: Resumen,
}
