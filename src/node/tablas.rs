//! Which tables a node feeds and asks: the ones in its folder, or those of a database.

#[cfg(feature = "scylla")]
use std::time::Duration;
use std::{path::Path, sync::Arc};

use super::{NodeError, start::almacen};
use crate::{
    config::AjustesTablas,
    projections::{copias::Copias, fisico},
    tables::embedded::{EmbeddedTables, EmbeddedTablesOptions},
};

/// How soon a process that only reads a database sees that a projection was rebuilt by another.
#[cfg(feature = "scylla")]
const VIGENCIA: Duration = Duration::from_secs(1);

/// Opens the tables of the configuration. A database that does not answer yet is no failure: it is asked again with every use.
pub(super) fn abrir(carpeta: &Path, ajustes: Option<&AjustesTablas>) -> Result<Arc<Copias>, NodeError> {
    match ajustes {
        None => en_carpeta(carpeta),
        Some(ajustes) => cql::abrir(ajustes),
    }
}

fn en_carpeta(carpeta: &Path) -> Result<Arc<Copias>, NodeError> {
    let options = EmbeddedTablesOptions { expected: fisico::tablas().collect(), ..EmbeddedTablesOptions::default() };
    Ok(Copias::propias(EmbeddedTables::open(carpeta, options).map_err(almacen)?))
}

#[cfg(not(feature = "scylla"))]
mod cql {
    use super::{AjustesTablas, Arc, Copias, NodeError};

    pub(super) fn abrir(_: &AjustesTablas) -> Result<Arc<Copias>, NodeError> {
        Err(NodeError::Almacen(
            "tablas.tipo dice «cql» y este programa se construyó sin esa base: constrúyalo con `cargo build --release --features scylla`, \
             o ponga tablas.tipo en «carpeta»"
                .to_owned(),
        ))
    }
}

#[cfg(feature = "scylla")]
mod cql {
    use super::{AjustesTablas, Arc, Copias, NodeError, VIGENCIA};

    pub(super) fn abrir(ajustes: &AjustesTablas) -> Result<Arc<Copias>, NodeError> {
        let tablas = super::conectar(ajustes, true)?;
        let sin_diario = tablas.without_journal();
        Ok(Copias::new(tablas, sin_diario, Some(VIGENCIA)))
    }
}

/// The tables of the database that the configuration says. `paciente`: one that does not answer is asked again later, instead of failing.
///
/// # Errors
/// A password file that cannot be read; threads that cannot be started.
#[cfg(feature = "scylla")]
pub fn conectar(ajustes: &AjustesTablas, paciente: bool) -> Result<Arc<crate::tables::cql::CqlTables>, NodeError> {
    use crate::{
        config::ConsistenciaTablas,
        node::registro::leer,
        projections::fisico::con_segundas,
        tables::cql::{Consistency, CqlOptions, CqlTables},
    };

    const MAX_CONTRASENA_BYTES: u64 = 4_096;
    let usuario = match (ajustes.usuario.as_str(), ajustes.contrasena_archivo.as_str()) {
        ("", "") => None,
        ("", _) | (_, "") => {
            let que = "tablas.usuario y tablas.contrasena_archivo van juntos: indique los dos o ninguno";
            return Err(NodeError::Almacen(que.to_owned()));
        }
        (usuario, archivo) => {
            let contrasena = leer("tablas.contrasena_archivo", archivo, MAX_CONTRASENA_BYTES)?;
            Some((usuario.to_owned(), contrasena.trim_end_matches(['\r', '\n']).to_owned()))
        }
    };
    let options = CqlOptions {
        nodes: ajustes.nodos.clone(),
        keyspace: ajustes.espacio.clone(),
        user: usuario,
        consistency: match ajustes.consistencia {
            ConsistenciaTablas::Uno => Consistency::One,
            ConsistenciaTablas::QuorumLocal => Consistency::LocalQuorum,
            ConsistenciaTablas::Quorum => Consistency::Quorum,
        },
        replicas: ajustes.replicas,
        create: ajustes.crear,
        timeout: ajustes.plazo,
        in_flight: ajustes.en_vuelo,
        patient: paciente,
    };
    CqlTables::open(options, con_segundas()).map_err(almacen)
}
