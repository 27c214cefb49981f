//! The audit's seals in a node: their keys, the thread that makes them, the proofs that the API gives, and a folder's chain at rest.

mod carpeta;
mod claves;
mod hilo;
mod pruebas;

pub use carpeta::AuditoriaDeCarpeta;
pub(super) use carpeta::medios;
pub(super) use claves::de as claves;
pub use claves::{Claves, NOMBRE_POR_DEFECTO, archivo_de_publicas, crear, leer_privada, leer_publicas, publicas_de};
pub(super) use hilo::{Metricas, Sellador};
pub(super) use pruebas::Pruebas;

use crate::{
    audit::cadena::TablasDeCadena,
    projections::auditoria::{AUDITORIA_AZULEJOS, AUDITORIA_CADENAS, AUDITORIA_SELLOS},
};

/// The tables of the chains, as `projections` declares them.
pub(super) const TABLAS: TablasDeCadena =
    TablasDeCadena { cadenas: &AUDITORIA_CADENAS, azulejos: &AUDITORIA_AZULEJOS, sellos: &AUDITORIA_SELLOS };
