//! Every record type of the system: its name, its schema, the topics it goes to.

use crate::{
    domain::{Contexto, TipoAgregado},
    log::Topic,
};

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clase {
    Comando(TipoAgregado),
    /// An operator's command about any aggregate.
    ComandoDeCuarentena,
    Evento(TipoAgregado),
    /// An event in the stream of any aggregate.
    Cuarentena,
    Instantanea(TipoAgregado),
    Respuesta,
    Auditoria,
    Dlq,
}

impl Clase {
    pub fn topics(self) -> Vec<Topic> {
        match self {
            Self::Comando(tipo) => vec![Topic::Comandos(tipo.contexto())],
            Self::ComandoDeCuarentena => Contexto::TODOS.map(Topic::Comandos).to_vec(),
            Self::Evento(tipo) => vec![Topic::Eventos(tipo.contexto())],
            Self::Cuarentena => Contexto::TODOS.map(Topic::Eventos).to_vec(),
            Self::Instantanea(tipo) => vec![Topic::Instantaneas(tipo.contexto())],
            Self::Respuesta => vec![Topic::Respuestas],
            Self::Auditoria => vec![Topic::Auditoria],
            Self::Dlq => Contexto::TODOS.map(Topic::Dlq).into_iter().chain([Topic::DlqProyecciones]).collect(),
        }
    }
}

macro_rules! registros {
    ($($clase:expr => $($nombre:ident)*;)*) => {
        /// A record type, named as its schema.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Registro { $($($nombre),*),* }

        impl Registro {
            pub const TODOS: &'static [Self] = &[$($(Self::$nombre),*),*];

            pub fn nombre(self) -> &'static str {
                match self { $($(Self::$nombre => stringify!($nombre)),*),* }
            }

            pub fn clase(self) -> Clase {
                match self { $($(Self::$nombre)|* => $clase),* }
            }

            /// Its file of `schemas/avro`: may name other records, which have files of their own.
            pub(super) fn archivo(self) -> &'static str {
                match self {
                    $($(Self::$nombre => include_str!(concat!("../../schemas/avro/", stringify!($nombre), ".avsc"))),*),*
                }
            }
        }
    };
}

use TipoAgregado::{Bodega, Cliente, Descuento, Factura, Inventario, NotaCredito, Producto, RangoNumeracion, Sucursal};

registros! {
    Clase::Comando(Cliente) => CrearCliente ActualizarCliente InactivarCliente ReactivarCliente SuprimirCliente ConsultarCliente;
    Clase::Comando(Producto) => CrearProducto ActualizarProducto CambiarPrecio InactivarProducto;
    Clase::Comando(Sucursal) => CrearSucursal ActualizarSucursal InactivarSucursal;
    Clase::Comando(Bodega) => CrearBodega ActualizarBodega InactivarBodega;
    Clase::Comando(Inventario) => CrearInventario RegistrarEntrada RegistrarSalida ReservarStock ConfirmarReserva LiberarReserva
        CambiarStockMinimo DevolverStock VerificarInventario;
    Clase::Comando(RangoNumeracion) => CrearRango AsignarNumero RenovarRango InutilizarNumero;
    Clase::Comando(Factura) => CrearYEmitirFactura CrearFactura AgregarLinea QuitarLinea AplicarDescuento DefinirFormasPago
        CambiarFechas EmitirFactura DescartarFactura RespuestaPaso ClienteConsultado ReservarCredito AplicarCredito LiberarCredito
        AnularFactura RegistrarRespuestaDian;
    Clase::Comando(Descuento) => CrearDescuento ActualizarDescuento InactivarDescuento;
    Clase::Comando(NotaCredito) => CrearNotaCredito AgregarLineaNotaCredito EmitirNotaCredito CrearYEmitirNotaCredito
        RespuestaPasoNota;
    Clase::ComandoDeCuarentena => ResolverApartado;
    Clase::Evento(Cliente) => ClienteCreado ClienteActualizado ClienteInactivado ClienteReactivado ClienteSuprimido;
    Clase::Evento(Producto) => ProductoCreado ProductoActualizado PrecioCambiado ProductoInactivado;
    Clase::Evento(Sucursal) => SucursalCreada SucursalActualizada SucursalInactivada;
    Clase::Evento(Bodega) => BodegaCreada BodegaActualizada BodegaInactivada;
    Clase::Evento(Inventario) => InventarioCreado LoteCreado StockIncrementado StockReducido StockReservado ReservaLiberada
        StockMinimoCambiado StockBajo;
    Clase::Evento(RangoNumeracion) => RangoCreado NumeroAsignado RangoRenovado RangoPorAgotarse NumeroInutilizado;
    Clase::Evento(Factura) => FacturaCreada LineaAgregada LineaQuitada DescuentoAplicado FormasPagoDefinidas FechasCambiadas
        FacturaDescartada EmisionIniciada StockAsegurado NumeracionRecibida FacturaEmitida FacturaRechazada CreditoReservado
        CreditoAplicado CreditoLiberado AnulacionIniciada AnulacionAsegurada FacturaAnulada AnulacionRechazada
        RespuestaDianRegistrada;
    Clase::Evento(Descuento) => DescuentoCreado DescuentoActualizado DescuentoInactivado;
    Clase::Evento(NotaCredito) => NotaCreditoCreada LineaNotaCreditoAgregada EmisionNotaCreditoIniciada
        NumeracionNotaCreditoRecibida NotaCreditoEmitida NotaCreditoRechazada;
    Clase::Cuarentena => AgregadoEnCuarentena CuarentenaLevantada ComandoReproducido ComandoDescartado;
    Clase::Instantanea(Cliente) => InstantaneaCliente;
    Clase::Instantanea(Producto) => InstantaneaProducto;
    Clase::Instantanea(Sucursal) => InstantaneaSucursal;
    Clase::Instantanea(Bodega) => InstantaneaBodega;
    Clase::Instantanea(Inventario) => InstantaneaInventario;
    Clase::Instantanea(RangoNumeracion) => InstantaneaRango;
    Clase::Instantanea(Factura) => InstantaneaFactura;
    Clase::Instantanea(Descuento) => InstantaneaDescuento;
    Clase::Instantanea(NotaCredito) => InstantaneaNotaCredito;
    Clase::Respuesta => Respuesta;
    Clase::Auditoria => ComandoRechazado ConsultaRealizada;
    Clase::Dlq => RegistroDlq;
}

impl Registro {
    /// The snapshot's record of an aggregate's kind.
    pub(super) fn instantanea(tipo: TipoAgregado) -> Self {
        match tipo {
            Cliente => Self::InstantaneaCliente,
            Producto => Self::InstantaneaProducto,
            Descuento => Self::InstantaneaDescuento,
            Sucursal => Self::InstantaneaSucursal,
            Bodega => Self::InstantaneaBodega,
            Inventario => Self::InstantaneaInventario,
            RangoNumeracion => Self::InstantaneaRango,
            Factura => Self::InstantaneaFactura,
            NotaCredito => Self::InstantaneaNotaCredito,
        }
    }
}
