//! Commands and events of Inventario.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::valores::{Cantidad, CostoTotal, CostoUnitario, Decimal, Id};

/// Why stock comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MotivoEntrada {
    Compra,
    Inicial,
    Ajuste,
    DevolucionCliente,
    Anulacion,
}

impl MotivoEntrada {
    pub const TODOS: [Self; 5] = [Self::Compra, Self::Inicial, Self::Ajuste, Self::DevolucionCliente, Self::Anulacion];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::Compra => "COMPRA",
            Self::Inicial => "INICIAL",
            Self::Ajuste => "AJUSTE",
            Self::DevolucionCliente => "DEVOLUCION_CLIENTE",
            Self::Anulacion => "ANULACION",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|m| m.nombre() == nombre)
    }
}

/// Why stock goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MotivoSalida {
    Venta,
    Ajuste,
    DevolucionProveedor,
}

impl MotivoSalida {
    pub const TODOS: [Self; 3] = [Self::Venta, Self::Ajuste, Self::DevolucionProveedor];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::Venta => "VENTA",
            Self::Ajuste => "AJUSTE",
            Self::DevolucionProveedor => "DEVOLUCION_PROVEEDOR",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|m| m.nombre() == nombre)
    }
}

/// Where the goods of a return go (`dominio.md` section 7, rule 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoliticaRetorno {
    /// One new lot per original lot, at its cost and expiry.
    LoteNuevo,
    /// Back into the original lots, at their original place.
    ReversaFifo,
}

impl PoliticaRetorno {
    pub const TODAS: [Self; 2] = [Self::LoteNuevo, Self::ReversaFifo];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::LoteNuevo => "LOTE_NUEVO",
            Self::ReversaFifo => "REVERSA_FIFO",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODAS.into_iter().find(|p| p.nombre() == nombre)
    }
}

/// The document a movement belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referencia {
    /// `FACTURA`, `NOTA_CREDITO`, `ORDEN_COMPRA`… 1–32 characters.
    pub tipo: Arc<str>,
    pub id: Arc<str>,
    pub numero: Option<Arc<str>>,
}

/// The key of an Inventario: `producto_id:bodega_id`.
pub fn inventario_id(producto_id: &Id, bodega_id: &Id) -> Id {
    Id::compuesto(&[producto_id.as_str(), bodega_id.as_str()])
}

/// Every command carries `inventario_id` = `producto_id:bodega_id`.
#[derive(Debug, Clone, PartialEq)]
pub enum ComandoInventario {
    CrearInventario {
        inventario_id: Id,
        producto_id: Id,
        bodega_id: Id,
        stock_minimo: Option<Cantidad>,
    },
    RegistrarEntrada {
        inventario_id: Id,
        movimiento_id: Id,
        motivo: MotivoEntrada,
        cantidad: Decimal,
        costo_unitario: Decimal,
        fecha_ingreso: NaiveDate,
        fecha_caducidad: Option<NaiveDate>,
        referencia: Option<Referencia>,
    },
    RegistrarSalida {
        inventario_id: Id,
        movimiento_id: Id,
        motivo: MotivoSalida,
        cantidad: Decimal,
        fecha: NaiveDate,
        referencia: Option<Referencia>,
    },
    ReservarStock {
        inventario_id: Id,
        reserva_id: Id,
        cantidad: Cantidad,
        fecha: NaiveDate,
    },
    ConfirmarReserva {
        inventario_id: Id,
        reserva_id: Id,
        movimiento_id: Id,
        referencia: Referencia,
    },
    LiberarReserva {
        inventario_id: Id,
        reserva_id: Id,
        causa: Arc<str>,
    },
    CambiarStockMinimo {
        inventario_id: Id,
        stock_minimo: Option<Cantidad>,
    },
    /// Goods that a note or an annulment brings back, at the cost they left with. A step of a saga.
    DevolverStock(Box<DevolucionPedida>),
    /// Whether the Inventario exists; records nothing. A step of a saga.
    VerificarInventario {
        inventario_id: Id,
    },
}

/// What DevolverStock carries.
#[derive(Debug, Clone, PartialEq)]
pub struct DevolucionPedida {
    pub inventario_id: Id,
    pub movimiento_id: Id,
    /// DEVOLUCION_CLIENTE or ANULACION.
    pub motivo: MotivoEntrada,
    pub politica: PoliticaRetorno,
    /// Slices of the lots of the original exit, oldest first; at most 1,000.
    pub lotes: Arc<[LoteConsumido]>,
    /// Entry date of new lots.
    pub fecha: NaiveDate,
    pub referencia: Referencia,
}

impl ComandoInventario {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::CrearInventario { .. } => "CrearInventario",
            Self::RegistrarEntrada { .. } => "RegistrarEntrada",
            Self::RegistrarSalida { .. } => "RegistrarSalida",
            Self::ReservarStock { .. } => "ReservarStock",
            Self::ConfirmarReserva { .. } => "ConfirmarReserva",
            Self::LiberarReserva { .. } => "LiberarReserva",
            Self::CambiarStockMinimo { .. } => "CambiarStockMinimo",
            Self::DevolverStock(_) => "DevolverStock",
            Self::VerificarInventario { .. } => "VerificarInventario",
        }
    }

    pub fn inventario_id(&self) -> &Id {
        match self {
            Self::CrearInventario { inventario_id, .. }
            | Self::RegistrarEntrada { inventario_id, .. }
            | Self::RegistrarSalida { inventario_id, .. }
            | Self::ReservarStock { inventario_id, .. }
            | Self::ConfirmarReserva { inventario_id, .. }
            | Self::LiberarReserva { inventario_id, .. }
            | Self::CambiarStockMinimo { inventario_id, .. }
            | Self::VerificarInventario { inventario_id } => inventario_id,
            Self::DevolverStock(devolucion) => &devolucion.inventario_id,
        }
    }
}

/// A slice of a lot that an exit took.
#[derive(Debug, Clone, PartialEq)]
pub struct LoteConsumido {
    /// `L-<secuencia>`, unique in its Inventario.
    pub lote_id: Id,
    pub secuencia: u64,
    pub fecha_ingreso: NaiveDate,
    pub fecha_caducidad: Option<NaiveDate>,
    pub cantidad: Cantidad,
    pub costo_unitario: CostoUnitario,
    /// The lot that a returned one came from; with it a lot that goes back where it was is what it was.
    pub origen_lote_id: Option<Id>,
}

/// Stock that left or came in, with its lots and exact cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Movimiento<M> {
    pub inventario_id: Id,
    pub producto_id: Id,
    pub bodega_id: Id,
    pub movimiento_id: Id,
    pub motivo: M,
    pub referencia: Option<Referencia>,
    /// Of an exit: the reservation it confirmed. Of a return: its own `movimiento_id` when its saga went on after the epoch that
    /// recorded it, so that the step may come again and is remembered.
    pub reserva_id: Option<Id>,
    pub cantidad: Cantidad,
    pub costo_total: CostoTotal,
    pub lotes: Arc<[LoteConsumido]>,
    pub stock_resultante: Cantidad,
    pub disponible_resultante: Cantidad,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventoInventario {
    InventarioCreado {
        inventario_id: Id,
        producto_id: Id,
        bodega_id: Id,
        stock_minimo: Option<Cantidad>,
    },
    LoteCreado {
        inventario_id: Id,
        lote_id: Id,
        secuencia: u64,
        cantidad: Cantidad,
        costo_unitario: CostoUnitario,
        fecha_ingreso: NaiveDate,
        fecha_caducidad: Option<NaiveDate>,
        origen_lote_id: Option<Id>,
    },
    StockIncrementado(Box<Movimiento<MotivoEntrada>>),
    StockReducido(Box<Movimiento<MotivoSalida>>),
    /// Elidable when its StockReducido or ReservaLiberada follows in the same epoch.
    StockReservado {
        inventario_id: Id,
        reserva_id: Id,
        cantidad: Cantidad,
        fecha: NaiveDate,
        disponible_resultante: Cantidad,
    },
    ReservaLiberada {
        inventario_id: Id,
        reserva_id: Id,
        causa: Arc<str>,
        disponible_resultante: Cantidad,
    },
    StockMinimoCambiado {
        inventario_id: Id,
        stock_minimo: Option<Cantidad>,
    },
    StockBajo {
        inventario_id: Id,
        stock: Cantidad,
        stock_minimo: Cantidad,
    },
}

impl EventoInventario {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::InventarioCreado { .. } => "InventarioCreado",
            Self::LoteCreado { .. } => "LoteCreado",
            Self::StockIncrementado(_) => "StockIncrementado",
            Self::StockReducido(_) => "StockReducido",
            Self::StockReservado { .. } => "StockReservado",
            Self::ReservaLiberada { .. } => "ReservaLiberada",
            Self::StockMinimoCambiado { .. } => "StockMinimoCambiado",
            Self::StockBajo { .. } => "StockBajo",
        }
    }
}
