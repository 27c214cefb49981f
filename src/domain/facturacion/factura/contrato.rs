//! Commands, events and saga messages of Factura.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{
    credito::{CargoLinea, CreditoNota, SolicitudCredito},
    posterior::{AnulacionIniciada, FacturaAnulada, RespuestaDian},
};
use crate::domain::{
    Comando, ComandoEnEspera, ResultadoPaso,
    catalogo::{
        cliente::{Cliente, DatosCliente},
        descuento::{AmbitoDescuento, ValorDeclarado, ValorDescuento},
        producto::Impuesto,
    },
    inventario::LoteConsumido,
    numeracion::NumeroDocumento,
    reglas::Falla,
    valores::{Cantidad, CostoTotal, Decimal, Dinero, Id, Instante, PrecioUnitario},
};

/// Whether a field was absent, null or given: absence takes a default, null means none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Campo<T> {
    #[default]
    Ausente,
    Nulo,
    Valor(T),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormaPagoTipo {
    Contado,
    Credito,
}

impl FormaPagoTipo {
    pub fn nombre(self) -> &'static str {
        match self {
            Self::Contado => "CONTADO",
            Self::Credito => "CREDITO",
        }
    }

    pub fn de_nombre(nombre: &str) -> Option<Self> {
        [Self::Contado, Self::Credito].into_iter().find(|f| f.nombre() == nombre)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct FormaPago {
    pub forma: FormaPagoTipo,
    /// Means code, 1–32 characters: `EFECTIVO`, `10`…
    pub medio: Arc<str>,
    pub monto: Dinero,
    pub fecha_vencimiento: Option<NaiveDate>,
}

/// A discount as the caller states it: a percentage, an amount, or one of the catalogue; one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DescuentoPedido {
    pub valor: ValorDeclarado,
    pub descuento_id: Option<Id>,
}

/// A discount as a document keeps it: the value is a copy, so that later changes of the catalogue do not alter it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescuentoFactura {
    /// The one of the catalogue it came from.
    pub descuento_id: Option<Id>,
    pub valor: ValorDescuento,
}

/// New dates of a draft; what is absent stays as it is, and a null expiry takes it away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CambioFechas {
    pub fecha_emision: Option<NaiveDate>,
    pub fecha_autorizacion: Option<NaiveDate>,
    pub fecha_caducidad: Campo<NaiveDate>,
}

/// A line as the caller states it; amounts unchecked.
#[derive(Debug, Clone, PartialEq)]
pub struct LineaPedida {
    pub producto_id: Option<Id>,
    pub bodega_id: Option<Id>,
    pub descripcion: Option<Arc<str>>,
    pub cantidad: Decimal,
    /// Absent = the product's price.
    pub precio_unitario: Option<Decimal>,
    /// Absent = the product's tax, or excluded without product; null = excluded.
    pub impuesto: Campo<Impuesto>,
    pub descuento: Option<Box<DescuentoPedido>>,
}

/// An invoice as the caller states it; absent fields take their defaults when decided.
#[derive(Debug, Clone, PartialEq)]
pub struct DatosFactura {
    pub cliente_id: Id,
    pub sucursal_id: Option<Id>,
    pub bodega_id: Option<Id>,
    pub moneda: Option<Arc<str>>,
    pub fecha_emision: Option<NaiveDate>,
    pub fecha_autorizacion: Option<NaiveDate>,
    pub fecha_caducidad: Campo<NaiveDate>,
    pub canal: Option<Arc<str>>,
    pub pedido_id: Option<Arc<str>>,
    pub notas: Option<Arc<str>>,
    pub orden_compra: Option<Arc<str>>,
    pub formas_pago: Vec<FormaPago>,
    /// Stated total; must equal the computed one (`TotalesConsistentes`).
    pub total: Option<Decimal>,
    pub lineas: Vec<LineaPedida>,
    /// Of the whole document.
    pub descuento: Option<Box<DescuentoPedido>>,
}

impl DatosFactura {
    /// With nothing stated but a client and lines.
    pub fn de(cliente_id: Id, lineas: Vec<LineaPedida>) -> Self {
        Self {
            cliente_id,
            sucursal_id: None,
            bodega_id: None,
            moneda: None,
            fecha_emision: None,
            fecha_autorizacion: None,
            fecha_caducidad: Campo::Ausente,
            canal: None,
            pedido_id: None,
            notas: None,
            orden_compra: None,
            formas_pago: Vec::new(),
            total: None,
            lineas,
            descuento: None,
        }
    }
}

/// Where a reply goes: a partition of `respuestas` and the request's id there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DireccionRespuesta {
    pub particion: u16,
    pub peticion: u64,
}

/// A step of a saga. Its letter ends the step's command id: `documento_id:intento:grupo:letra`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Paso {
    Reservar,
    Numerar,
    Confirmar,
    /// Of a reservation or of credit; nobody waits for its answer.
    Liberar,
    /// ReservarCredito.
    Acreditar,
    /// VerificarInventario.
    Verificar,
    /// DevolverStock.
    Devolver,
    /// AplicarCredito.
    Aplicar,
}

impl Paso {
    pub const TODOS: [Self; 8] = [
        Self::Reservar,
        Self::Numerar,
        Self::Confirmar,
        Self::Liberar,
        Self::Acreditar,
        Self::Verificar,
        Self::Devolver,
        Self::Aplicar,
    ];

    pub fn letra(self) -> &'static str {
        match self {
            Self::Reservar => "R",
            Self::Numerar => "N",
            Self::Confirmar => "V",
            Self::Liberar => "X",
            Self::Acreditar => "C",
            Self::Verificar => "E",
            Self::Devolver => "D",
            Self::Aplicar => "A",
        }
    }

    pub fn de_letra(letra: &str) -> Option<Self> {
        Self::TODOS.into_iter().find(|p| p.letra() == letra)
    }
}

/// Which step of which saga a message belongs to. For `Numerar`, `grupo` is the index of the candidate range.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PasoSaga {
    /// The document that coordinates: `factura_id`, or `factura_id:nota_id` of a credit note.
    pub documento_id: Id,
    pub intento: u32,
    pub grupo: u16,
    pub paso: Paso,
}

impl PasoSaga {
    /// The derived, repeatable id of the step's command.
    pub fn command_id(&self) -> Id {
        Id::de_paso(&self.documento_id, self.intento, usize::from(self.grupo), Some(self.paso.letra()))
    }
}

/// A message that the saga sends: a command to another aggregate, answered with a `RespuestaPaso` unless it is a `Liberar`.
#[derive(Debug, Clone, PartialEq)]
pub struct Envio {
    pub paso: PasoSaga,
    pub comando: Comando,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ComandoFactura {
    CrearYEmitirFactura {
        factura_id: Id,
        datos: Box<DatosFactura>,
    },
    /// A draft, with the lines it comes with.
    CrearFactura {
        factura_id: Id,
        datos: Box<DatosFactura>,
    },
    AgregarLinea {
        factura_id: Id,
        linea: Box<LineaPedida>,
    },
    /// The lines after it move up by one.
    QuitarLinea {
        factura_id: Id,
        /// Its number, from 1.
        linea: u16,
    },
    /// Takes the place of the discount that the line, or the document, had; one of 0 takes it away.
    AplicarDescuento {
        factura_id: Id,
        /// Number of the line; `None` = the document.
        linea: Option<u16>,
        descuento: Box<DescuentoPedido>,
    },
    /// Takes the place of the forms of payment that the draft had; none takes them away.
    DefinirFormasPago {
        factura_id: Id,
        formas_pago: Vec<FormaPago>,
    },
    CambiarFechas {
        factura_id: Id,
        fechas: Box<CambioFechas>,
    },
    /// Issues a draft, or tries again after a rejection.
    EmitirFactura {
        factura_id: Id,
        fechas: Option<Box<CambioFechas>>,
    },
    DescartarFactura {
        factura_id: Id,
    },
    /// From an aggregate that took part in the saga.
    RespuestaPaso {
        factura_id: Id,
        intento: u32,
        grupo: u16,
        paso: Paso,
        resultado: ResultadoPaso,
    },
    /// From the owner of a client asked in step 0: its state as of `version` (`None`: it does not exist), and the command that waited.
    ClienteConsultado {
        factura_id: Id,
        cliente_id: Id,
        version: u64,
        cliente: Option<Box<Cliente>>,
        pedido: ComandoEnEspera,
    },
    /// From the engine's timer: the deadline of an attempt passed, or the saga is to be driven again. Never on a topic.
    VencioPlazo {
        factura_id: Id,
        intento: u32,
    },
    /// A step of a note's saga.
    ReservarCredito {
        factura_id: Id,
        solicitud: Box<SolicitudCredito>,
    },
    /// A step of a note's saga.
    AplicarCredito {
        factura_id: Id,
        nota_id: Id,
        intento: u32,
    },
    /// A step of a note's saga.
    LiberarCredito {
        factura_id: Id,
        nota_id: Id,
        intento: u32,
    },
    AnularFactura {
        factura_id: Id,
        motivo: Arc<str>,
    },
    RegistrarRespuestaDian {
        factura_id: Id,
        respuesta: Box<RespuestaDian>,
    },
}

impl ComandoFactura {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::CrearYEmitirFactura { .. } => "CrearYEmitirFactura",
            Self::CrearFactura { .. } => "CrearFactura",
            Self::AgregarLinea { .. } => "AgregarLinea",
            Self::QuitarLinea { .. } => "QuitarLinea",
            Self::AplicarDescuento { .. } => "AplicarDescuento",
            Self::DefinirFormasPago { .. } => "DefinirFormasPago",
            Self::CambiarFechas { .. } => "CambiarFechas",
            Self::EmitirFactura { .. } => "EmitirFactura",
            Self::DescartarFactura { .. } => "DescartarFactura",
            Self::RespuestaPaso { .. } => "RespuestaPaso",
            Self::ClienteConsultado { .. } => "ClienteConsultado",
            Self::VencioPlazo { .. } => "VencioPlazo",
            Self::ReservarCredito { .. } => "ReservarCredito",
            Self::AplicarCredito { .. } => "AplicarCredito",
            Self::LiberarCredito { .. } => "LiberarCredito",
            Self::AnularFactura { .. } => "AnularFactura",
            Self::RegistrarRespuestaDian { .. } => "RegistrarRespuestaDian",
        }
    }

    pub fn factura_id(&self) -> &Id {
        match self {
            Self::CrearYEmitirFactura { factura_id, .. }
            | Self::CrearFactura { factura_id, .. }
            | Self::AgregarLinea { factura_id, .. }
            | Self::QuitarLinea { factura_id, .. }
            | Self::AplicarDescuento { factura_id, .. }
            | Self::DefinirFormasPago { factura_id, .. }
            | Self::CambiarFechas { factura_id, .. }
            | Self::EmitirFactura { factura_id, .. }
            | Self::DescartarFactura { factura_id }
            | Self::RespuestaPaso { factura_id, .. }
            | Self::ClienteConsultado { factura_id, .. }
            | Self::VencioPlazo { factura_id, .. }
            | Self::ReservarCredito { factura_id, .. }
            | Self::AplicarCredito { factura_id, .. }
            | Self::LiberarCredito { factura_id, .. }
            | Self::AnularFactura { factura_id, .. }
            | Self::RegistrarRespuestaDian { factura_id, .. } => factura_id,
        }
    }

    /// Whether its outcome is that of an attempt to issue: it is answered when the attempt ends.
    pub fn emite(&self) -> bool {
        matches!(self, Self::CrearYEmitirFactura { .. } | Self::EmitirFactura { .. })
    }
}

/// A line with its defaults resolved, as the draft keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct LineaFactura {
    /// 1 to 500.
    pub numero: u16,
    pub producto_id: Option<Id>,
    /// The bodega its stock leaves; `None` when it moves no stock.
    pub bodega_id: Option<Id>,
    pub descripcion: Arc<str>,
    pub cantidad: Cantidad,
    pub precio_unitario: PrecioUnitario,
    pub impuesto: Option<Impuesto>,
    pub descuento: Option<Box<DescuentoFactura>>,
}

/// The amounts of a line (`dominio.md` section 4).
#[derive(Debug, Clone, PartialEq)]
pub struct LineaEmitida {
    pub linea: Arc<LineaFactura>,
    pub bruto: Dinero,
    /// Line discount.
    pub descuento: Dinero,
    /// Part of the document's discount.
    pub descuento_documento: Dinero,
    pub subtotal: Dinero,
    /// Tax value; zero when excluded.
    pub impuesto: Dinero,
}

/// A tax of the document: code and rate with its base and value.
#[derive(Debug, Clone, PartialEq)]
pub struct TotalImpuesto {
    pub impuesto: Impuesto,
    pub base: Dinero,
    pub valor: Dinero,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TotalesFactura {
    pub bruto: Dinero,
    pub descuentos: Dinero,
    pub subtotal: Dinero,
    /// In order of code, then rate.
    pub impuestos: Vec<TotalImpuesto>,
    pub total: Dinero,
}

/// The quantity that an invoice takes of one Inventario, all its lines added.
#[derive(Debug, Clone, PartialEq)]
pub struct GrupoEmision {
    pub producto_id: Id,
    pub bodega_id: Id,
    pub cantidad: Cantidad,
    /// Numbers of its lines, ascending.
    pub lineas: Vec<u16>,
}

/// A group whose stock has left.
#[derive(Debug, Clone, PartialEq)]
pub struct GrupoEmitido {
    pub grupo: Arc<GrupoEmision>,
    pub movimiento_id: Id,
    pub lotes: Arc<[LoteConsumido]>,
    pub costo_total: CostoTotal,
}

/// The head of an invoice with its defaults resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct CabeceraFactura {
    pub cliente_id: Id,
    pub sucursal_id: Id,
    pub bodega_id: Option<Id>,
    /// ISO 4217.
    pub moneda: Arc<str>,
    pub fecha_emision: NaiveDate,
    pub fecha_autorizacion: NaiveDate,
    pub fecha_caducidad: Option<NaiveDate>,
    pub canal: Option<Arc<str>>,
    pub pedido_id: Option<Arc<str>>,
    pub notas: Option<Arc<str>>,
    pub orden_compra: Option<Arc<str>>,
    pub formas_pago: Vec<FormaPago>,
    pub total_declarado: Option<Dinero>,
    /// Of the whole document.
    pub descuento: Option<Box<DescuentoFactura>>,
}

/// The whole issued document. Its parts are shared with the events and states they came from: copying them took a twelfth of an
/// invoice's instructions (ADR 4).
#[derive(Debug, Clone, PartialEq)]
pub struct FacturaEmitida {
    pub factura_id: Id,
    pub intento: u32,
    pub numero: NumeroDocumento,
    pub emitida_en: Instante,
    pub cabecera: Arc<CabeceraFactura>,
    /// The client as it was at issue: later changes of the catalogue never alter it.
    pub cliente: Arc<DatosCliente>,
    pub lineas: Arc<[LineaEmitida]>,
    pub totales: Arc<TotalesFactura>,
    pub costo_ventas: CostoTotal,
    pub grupos: Vec<GrupoEmitido>,
}

/// The start of an attempt: everything the rest of the saga needs, so that it survives the processor.
#[derive(Debug, Clone, PartialEq)]
pub struct EmisionIniciada {
    pub factura_id: Id,
    pub intento: u32,
    pub cliente: Arc<DatosCliente>,
    pub lineas: Arc<[LineaEmitida]>,
    pub totales: Arc<TotalesFactura>,
    pub grupos: Vec<Arc<GrupoEmision>>,
    /// Candidate ranges in the order they are asked.
    pub rangos: Vec<Id>,
    pub vence_en: Instante,
    /// Who waits for the outcome.
    pub responder_a: Option<DireccionRespuesta>,
    /// Whose data `cliente` is: the invoice's. None: recorded before the second version of the contract.
    pub cliente_id: Option<Id>,
}

/// A discount given to a draft's line or document.
#[derive(Debug, Clone, PartialEq)]
pub struct DescuentoAplicado {
    pub factura_id: Id,
    pub ambito: AmbitoDescuento,
    /// Number of the line; `None` = the document.
    pub linea: Option<u16>,
    pub descuento: DescuentoFactura,
    /// Of the draft with it.
    pub totales: Arc<TotalesFactura>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventoFactura {
    /// Elidable with its lines when the epoch ends in the FacturaEmitida that carries them.
    FacturaCreada {
        factura_id: Id,
        cabecera: Arc<CabeceraFactura>,
        /// Of the draft after this event; `None` when another event of the same decision follows and carries them.
        totales: Option<Arc<TotalesFactura>>,
    },
    LineaAgregada {
        factura_id: Id,
        linea: Arc<LineaFactura>,
        /// As in FacturaCreada.
        totales: Option<Arc<TotalesFactura>>,
    },
    /// The lines after it move up by one.
    LineaQuitada {
        factura_id: Id,
        linea: u16,
        totales: Arc<TotalesFactura>,
    },
    DescuentoAplicado(Box<DescuentoAplicado>),
    FormasPagoDefinidas {
        factura_id: Id,
        formas_pago: Vec<FormaPago>,
    },
    /// The three dates as they are from now on.
    FechasCambiadas {
        factura_id: Id,
        fecha_emision: NaiveDate,
        fecha_autorizacion: NaiveDate,
        fecha_caducidad: Option<NaiveDate>,
    },
    FacturaDescartada {
        factura_id: Id,
    },
    /// Elidable, like StockAsegurado and NumeracionRecibida, when a later event of the document follows in the epoch.
    EmisionIniciada(Arc<EmisionIniciada>),
    StockAsegurado {
        factura_id: Id,
        intento: u32,
    },
    NumeracionRecibida {
        factura_id: Id,
        intento: u32,
        numero: NumeroDocumento,
    },
    FacturaEmitida(Arc<FacturaEmitida>),
    FacturaRechazada {
        factura_id: Id,
        intento: u32,
        errores: Vec<Falla>,
    },
    /// Elidable when its CreditoAplicado or CreditoLiberado follows in the same epoch.
    CreditoReservado {
        factura_id: Id,
        credito: Arc<CreditoNota>,
    },
    CreditoAplicado {
        factura_id: Id,
        nota_id: Id,
        intento: u32,
        /// What the note took, by line of the invoice.
        cargos: Arc<[CargoLinea]>,
    },
    CreditoLiberado {
        factura_id: Id,
        nota_id: Id,
        intento: u32,
    },
    /// Elidable when the annulment ends in the same epoch.
    AnulacionIniciada(Arc<AnulacionIniciada>),
    /// Every Inventario is there and the goods are sent back: nothing stops it any more. Elidable, as AnulacionIniciada.
    AnulacionAsegurada {
        factura_id: Id,
        intento: u32,
    },
    FacturaAnulada(Arc<FacturaAnulada>),
    AnulacionRechazada {
        factura_id: Id,
        intento: u32,
        errores: Vec<Falla>,
    },
    RespuestaDianRegistrada {
        factura_id: Id,
        respuesta: Arc<RespuestaDian>,
    },
}

impl EventoFactura {
    pub fn tipo(&self) -> &'static str {
        match self {
            Self::FacturaCreada { .. } => "FacturaCreada",
            Self::LineaAgregada { .. } => "LineaAgregada",
            Self::LineaQuitada { .. } => "LineaQuitada",
            Self::DescuentoAplicado(_) => "DescuentoAplicado",
            Self::FormasPagoDefinidas { .. } => "FormasPagoDefinidas",
            Self::FechasCambiadas { .. } => "FechasCambiadas",
            Self::FacturaDescartada { .. } => "FacturaDescartada",
            Self::EmisionIniciada(_) => "EmisionIniciada",
            Self::StockAsegurado { .. } => "StockAsegurado",
            Self::NumeracionRecibida { .. } => "NumeracionRecibida",
            Self::FacturaEmitida(_) => "FacturaEmitida",
            Self::FacturaRechazada { .. } => "FacturaRechazada",
            Self::CreditoReservado { .. } => "CreditoReservado",
            Self::CreditoAplicado { .. } => "CreditoAplicado",
            Self::CreditoLiberado { .. } => "CreditoLiberado",
            Self::AnulacionIniciada(_) => "AnulacionIniciada",
            Self::AnulacionAsegurada { .. } => "AnulacionAsegurada",
            Self::FacturaAnulada(_) => "FacturaAnulada",
            Self::AnulacionRechazada { .. } => "AnulacionRechazada",
            Self::RespuestaDianRegistrada { .. } => "RespuestaDianRegistrada",
        }
    }
}
