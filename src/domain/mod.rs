//! The domain: pure, deterministic, no I/O, no clock, no entropy. Spanish, as its people speak it.
//!
//! Depends on chrono, rust_decimal and the standard library only. Each aggregate is a folder with
//! its commands, its events, its state, `decidir` (what a command means in a state) and
//! `evolucionar` (the fold of one event; total: it never fails and never panics on any event that was
//! ever written).

pub mod catalogo;
pub mod cuarentena;
pub mod emisor;
pub mod facturacion;
pub mod inventario;
pub mod numeracion;
pub mod reglas;
pub mod valores;

use std::fmt;

use catalogo::{bodega, cliente, descuento, producto, sucursal};
use chrono::NaiveDate;
use emisor::Emisor;
use facturacion::{factura, nota_credito};
use valores::{Id, Instante};

/// The kinds of aggregate, in a fixed order (also the order of their codes in the local store).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum TipoAgregado {
    Cliente = 1,
    Producto = 2,
    Sucursal = 3,
    Bodega = 4,
    Inventario = 5,
    RangoNumeracion = 6,
    Factura = 7,
    Descuento = 8,
    NotaCredito = 9,
}

impl TipoAgregado {
    pub const TODOS: [TipoAgregado; 9] = [
        Self::Cliente,
        Self::Producto,
        Self::Sucursal,
        Self::Bodega,
        Self::Inventario,
        Self::RangoNumeracion,
        Self::Factura,
        Self::Descuento,
        Self::NotaCredito,
    ];

    /// Name in envelopes: `Cliente`, `Inventario`…
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Cliente => "Cliente",
            Self::Producto => "Producto",
            Self::Sucursal => "Sucursal",
            Self::Bodega => "Bodega",
            Self::Inventario => "Inventario",
            Self::RangoNumeracion => "RangoNumeracion",
            Self::Factura => "Factura",
            Self::Descuento => "Descuento",
            Self::NotaCredito => "NotaCredito",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|t| t.nombre() == nombre)
    }

    /// The context (family of topics) the aggregate lives in.
    pub fn contexto(self) -> Contexto {
        match self {
            Self::Cliente | Self::Producto | Self::Descuento | Self::Sucursal | Self::Bodega => Contexto::Catalogo,
            Self::Inventario => Contexto::Inventario,
            Self::RangoNumeracion => Contexto::Numeracion,
            Self::Factura | Self::NotaCredito => Contexto::Facturacion,
        }
    }

    /// Whether it is a document: it ends, leaves memory, and coordinates its own saga.
    pub fn es_documento(self) -> bool {
        matches!(self, Self::Factura | Self::NotaCredito)
    }
}

impl fmt::Display for TipoAgregado {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.nombre())
    }
}

/// The four contexts: each has its topics `comandos.X`, `eventos.X`, `instantaneas.X`, `dlq.X`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Contexto {
    Facturacion = 0,
    Inventario = 1,
    Catalogo = 2,
    Numeracion = 3,
}

impl Contexto {
    pub const TODOS: [Contexto; 4] = [Self::Facturacion, Self::Inventario, Self::Catalogo, Self::Numeracion];

    pub fn nombre(self) -> &'static str {
        match self {
            Self::Facturacion => "facturacion",
            Self::Inventario => "inventario",
            Self::Catalogo => "catalogo",
            Self::Numeracion => "numeracion",
        }
    }
}

/// Address of an aggregate: its kind and its id: `producto:bodega` for Inventario, `sucursal:tipo_documento:prefijo` for
/// RangoNumeracion, `factura:nota` for NotaCredito, the own id for the others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Direccionado {
    pub tipo: TipoAgregado,
    pub id: Id,
}

impl Direccionado {
    pub fn new(tipo: TipoAgregado, id: Id) -> Self {
        Self { tipo, id }
    }

    /// A document by its id: that of a credit note is `factura:nota`, that of an invoice is simple.
    pub fn documento(id: Id) -> Self {
        let tipo = if id.as_str().contains(':') { TipoAgregado::NotaCredito } else { TipoAgregado::Factura };
        Self { tipo, id }
    }

    /// The message key, which fixes the partition: the id, but for NotaCredito, which lives beside its invoice: `factura`.
    pub fn clave(&self) -> &str {
        clave_de(self.tipo, &self.id)
    }

    /// [`Self::clave`] as an id of its own.
    pub fn clave_id(&self) -> Id {
        match self.tipo {
            TipoAgregado::NotaCredito => Id::compuesto(&[self.clave()]),
            _ => self.id.clone(),
        }
    }
}

/// The message key of an aggregate: see [`Direccionado::clave`].
pub fn clave_de(tipo: TipoAgregado, id: &Id) -> &str {
    match tipo {
        TipoAgregado::NotaCredito => id.partes().next().unwrap_or_else(|| id.as_str()),
        _ => id.as_str(),
    }
}

/// A command of any aggregate.
#[derive(Debug, Clone, PartialEq)]
pub enum Comando {
    Cliente(cliente::ComandoCliente),
    Producto(producto::ComandoProducto),
    Descuento(descuento::ComandoDescuento),
    Sucursal(sucursal::ComandoSucursal),
    Bodega(bodega::ComandoBodega),
    Inventario(inventario::ComandoInventario),
    Rango(numeracion::ComandoRango),
    Factura(factura::ComandoFactura),
    NotaCredito(nota_credito::ComandoNotaCredito),
    /// An operator's, about any aggregate.
    Cuarentena(cuarentena::ComandoCuarentena),
}

impl Comando {
    /// Name of the command on the wire: `CrearCliente`, `CrearYEmitirFactura`…
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::Cliente(c) => c.tipo(),
            Self::Producto(c) => c.tipo(),
            Self::Descuento(c) => c.tipo(),
            Self::Sucursal(c) => c.tipo(),
            Self::Bodega(c) => c.tipo(),
            Self::Inventario(c) => c.tipo(),
            Self::Rango(c) => c.tipo(),
            Self::Factura(c) => c.tipo(),
            Self::NotaCredito(c) => c.tipo(),
            Self::Cuarentena(c) => c.tipo(),
        }
    }

    pub fn destino(&self) -> Direccionado {
        let (tipo, id) = match self {
            Self::Cliente(c) => (TipoAgregado::Cliente, c.cliente_id()),
            Self::Producto(c) => (TipoAgregado::Producto, c.producto_id()),
            Self::Descuento(c) => (TipoAgregado::Descuento, c.descuento_id()),
            Self::Sucursal(c) => (TipoAgregado::Sucursal, c.sucursal_id()),
            Self::Bodega(c) => (TipoAgregado::Bodega, c.bodega_id()),
            Self::Inventario(c) => (TipoAgregado::Inventario, c.inventario_id()),
            Self::Rango(c) => (TipoAgregado::RangoNumeracion, c.rango_id()),
            Self::Factura(c) => (TipoAgregado::Factura, c.factura_id()),
            Self::NotaCredito(c) => return Direccionado::new(TipoAgregado::NotaCredito, c.clave()),
            Self::Cuarentena(c) => return c.destino(),
        };
        Direccionado::new(tipo, id.clone())
    }
}

/// An event of any aggregate.
#[derive(Debug, Clone, PartialEq)]
pub enum Evento {
    Cliente(cliente::EventoCliente),
    Producto(producto::EventoProducto),
    Descuento(descuento::EventoDescuento),
    Sucursal(sucursal::EventoSucursal),
    Bodega(bodega::EventoBodega),
    Inventario(inventario::EventoInventario),
    Rango(numeracion::EventoRango),
    Factura(factura::EventoFactura),
    NotaCredito(nota_credito::EventoNotaCredito),
    /// Written by the engine into the stream of any aggregate (see `engine`, quarantine).
    Cuarentena(cuarentena::EventoCuarentena),
}

impl Evento {
    /// Name of the event: `FacturaEmitida`, `StockReducido`…
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::Cliente(e) => e.tipo(),
            Self::Producto(e) => e.tipo(),
            Self::Descuento(e) => e.tipo(),
            Self::Sucursal(e) => e.tipo(),
            Self::Bodega(e) => e.tipo(),
            Self::Inventario(e) => e.tipo(),
            Self::Rango(e) => e.tipo(),
            Self::Factura(e) => e.tipo(),
            Self::NotaCredito(e) => e.tipo(),
            Self::Cuarentena(e) => e.tipo(),
        }
    }
}

/// What a decision may look at besides the state: the day, the instant, the issuer, the catalogues.
/// All of it is data of the command or of the log, so a replay decides the same.
pub struct ContextoDecision<'a> {
    /// `recibido_en` of the command.
    pub ahora: Instante,
    /// The issuer's calendar day at `ahora` (`dominio.md` section 2).
    pub hoy: NaiveDate,
    pub emisor: &'a Emisor,
    pub catalogo: &'a dyn catalogo::Catalogo,
}

impl<'a> ContextoDecision<'a> {
    pub fn new(ahora: Instante, emisor: &'a Emisor, catalogo: &'a dyn catalogo::Catalogo) -> Self {
        Self { ahora, hoy: emisor.hoy(ahora), emisor, catalogo }
    }
}

/// A refused command: every failure at once, never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Rechazo {
    pub errores: Vec<reglas::Falla>,
}

impl Rechazo {
    /// # Panics
    /// When `errores` is empty: a refusal without a reason is a bug of the caller.
    pub fn new(errores: Vec<reglas::Falla>) -> Self {
        assert!(!errores.is_empty(), "un rechazo tiene al menos un error");
        Self { errores }
    }

    pub fn de(falla: reglas::Falla) -> Self {
        Self { errores: vec![falla] }
    }
}

/// A command as it came, in its wire form, that waits for something asked of another aggregate. Opaque to the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComandoEnEspera(pub std::sync::Arc<[u8]>);

/// What a message between aggregates answers to a saga's step. The answer to a repeated step is equal to the first.
#[derive(Debug, Clone, PartialEq)]
pub enum ResultadoPaso {
    /// ReservarStock granted.
    StockReservado,
    /// ConfirmarReserva done: the lots taken in FIFO order and their exact cost.
    ReservaConfirmada { lotes: std::sync::Arc<[inventario::LoteConsumido]>, costo_total: valores::CostoTotal },
    /// LiberarReserva done (or there was nothing to release).
    ReservaLiberada,
    /// AsignarNumero granted.
    NumeroAsignado { numero: numeracion::NumeroDocumento },
    /// VerificarInventario: it exists.
    InventarioVerificado,
    /// DevolverStock done.
    StockDevuelto,
    /// ReservarCredito granted.
    CreditoReservado { credito: std::sync::Arc<factura::credito::CreditoConcedido> },
    /// AplicarCredito done.
    CreditoAplicado,
    /// The step was refused; for good.
    Rechazado { errores: Vec<reglas::Falla> },
}
