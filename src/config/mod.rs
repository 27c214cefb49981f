//! Configuration in layers: defaults, then the TOML file, then the environment, then the command line; the later layer wins.
//!
//! [`AJUSTES`] is the one declaration of every setting: parsing, errors, `config ver`, the guide and the defaults derive from it.
//! Reading never stops at the first failure: [`cargar`] reports all of them together, each with what is wrong, where it stands
//! and what is allowed.

mod ajustes;
mod archivo;
mod capas;
mod errores;
mod guia;
mod impuestos;
mod tipado;
mod valores;

#[cfg(test)]
mod tests;

pub use ajustes::{AJUSTES, Ajuste, Tipo, buscar};
pub use capas::{Fuentes, Origen, Resuelto, cargar};
pub use errores::{ErroresConfiguracion, Problema};
pub use guia::pagina;
pub use tipado::{
    AjustesAuditoria, AjustesBitacora, AjustesDatosPersonales, AjustesEsquemas, AjustesKafka, AjustesMotor, AjustesProyecciones,
    AjustesRegistro, AjustesSellos, AjustesServidor, AjustesTablas, Configuracion, ConsistenciaTablas, ConsultasAuditadas,
    FormatoBitacora, SeguridadKafka, TipoRegistro,
};
pub use valores::Valor;

/// Name of the file that is read from the working folder when `--config` names none.
pub const ARCHIVO_POR_DEFECTO: &str = "factumarket.toml";

/// Prefix of the environment variables: `FACTUMARKET__SECCION__CLAVE`.
pub const PREFIJO_ENTORNO: &str = "FACTUMARKET__";
