//! The REST edge: strict bodies, idempotent commands, cursor-paged queries, problem+json errors, health and metrics.
//!
//! Everything from outside is checked here before it reaches the log: what a command carries is exact, bounded and normalised.
//! `rutas::RUTAS` is the table of what there is; `servidor` surrounds every handler with its limits.

mod comandos;
mod consultas;
pub mod cuerpos;
mod dlq;
mod estado;
pub mod ids;
pub mod lecturas;
mod metricas;
pub mod openapi;
mod ordenes;
mod peticion;
mod problema;
mod proyecciones;
mod reportes;
pub mod rutas;
mod salud;
mod servidor;
mod sugerencia;
#[doc(hidden)]
pub mod token;

pub use dlq::{CartasMuertas, ErrorDlq, OrdenDlq};
pub use estado::{AppState, Consulta, Health, Opciones, Partes, QueryAudit, Salud, Verificacion, VerificacionDeSellos};
pub use proyecciones::{ErrorProyecciones, Proyecciones};
pub use servidor::{router, serve};
