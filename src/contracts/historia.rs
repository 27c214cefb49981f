//! Every schema this system ever wrote, by version of the contract: what was written stays readable for ever.
//!
//! A version is the whole contract at one release. Records are upcast while they are read: [`Reader`](super::wire::Reader) knows the
//! version that wrote them, and a field marked `desde PASO` in `wire` takes from that step of [`ASCENSOS`](super::ASCENSOS) what it
//! holds in a record of an older version. So an old record costs what a new one costs, and nothing is rewritten on the log. The schemas
//! of a closed version are files of `schemas/historia/vN`, and a record of each of its types is in `tests/golden/vN`; neither changes
//! any more (`tests/contratos/versiones.rs` holds them to it, and holds the current schemas to BACKWARD_TRANSITIVE).

use super::tipos::Registro;

/// Version of the contract that this program writes. Also `version_esquema` of its events and snapshots.
pub const VERSION: u16 = 2;

/// A record's schema as a closed version had it.
#[derive(Debug, Clone, Copy)]
pub struct EsquemaCongelado {
    pub version: u16,
    pub registro: Registro,
    archivo: &'static str,
}

impl EsquemaCongelado {
    /// The schema as registries got it, to the byte.
    pub fn json(&self) -> &'static str {
        self.archivo.trim_end()
    }
}

macro_rules! congelados {
    ($($version:literal => $($nombre:ident)*;)*) => {
        /// The schemas of every closed version, oldest first.
        pub const CONGELADOS: &[EsquemaCongelado] = &[$($(EsquemaCongelado {
            version: $version,
            registro: Registro::$nombre,
            archivo: include_str!(concat!("../../schemas/historia/v", stringify!($version), "/", stringify!($nombre), ".avsc")),
        }),*),*];
    };
}

congelados! {
    1 =>
        ActualizarBodega ActualizarCliente ActualizarProducto ActualizarSucursal AgregadoEnCuarentena AsignarNumero
        BodegaActualizada BodegaCreada BodegaInactivada CambiarPrecio CambiarStockMinimo ClienteActualizado
        ClienteCreado ClienteInactivado ClienteReactivado ComandoRechazado ConfirmarReserva ConsultaRealizada
        CrearBodega CrearCliente CrearInventario CrearProducto CrearRango CrearSucursal CrearYEmitirFactura
        CuarentenaLevantada EmisionIniciada FacturaCreada FacturaEmitida FacturaRechazada InactivarBodega
        InactivarCliente InactivarProducto InactivarSucursal InstantaneaBodega InstantaneaCliente InstantaneaFactura
        InstantaneaInventario InstantaneaProducto InstantaneaRango InstantaneaSucursal InutilizarNumero InventarioCreado
        LiberarReserva LineaAgregada LoteCreado NumeracionRecibida NumeroAsignado NumeroInutilizado PrecioCambiado
        ProductoActualizado ProductoCreado ProductoInactivado RangoCreado RangoPorAgotarse RangoRenovado
        ReactivarCliente RegistrarEntrada RegistrarSalida RegistroDlq RenovarRango ReservaLiberada ReservarStock
        Respuesta RespuestaPaso StockAsegurado StockBajo StockIncrementado StockMinimoCambiado StockReducido
        StockReservado SucursalActualizada SucursalCreada SucursalInactivada;
}
