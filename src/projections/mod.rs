//! Read models: one file each, the sinks that feed them, and the queries over them.

pub mod aggregate;
pub mod auditoria;
pub mod bodegas;
pub mod cache;
pub mod clientes;
pub mod comandos;
pub mod comparacion;
pub mod consultas;
pub mod copias;
mod corte;
mod decoder;
pub mod descuentos;
pub mod existencias;
pub mod facturas;
pub mod fisico;
pub mod json;
pub mod movimientos;
pub mod notas;
pub mod numeracion;
pub mod productos;
mod progress;
pub mod projection;
pub mod reconstruccion;
pub mod registros;
pub mod rows;
pub mod runner;
pub mod sagas;
pub mod sucursales;
pub mod ventas;

pub use consultas::{
    Agrupacion, ConsultaError, Consultas, FiltroAntiguedad, FiltroClientes, FiltroFacturas, FiltroVentas, LIMITE_MAX, Pagina,
    PaginaDe,
};
pub use progress::{Lag, Progress};
pub use projection::{Anomalies, Decoder, ProjectionSpec, Unreadable};
pub use registros::{DelRegistro, Registros};
pub use runner::{PROYECCIONES, Pausa, ProjectionRunner, RunnerError, RunnerOptions};
