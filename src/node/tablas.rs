//! Which tables a node feeds and asks: the ones in its folder, or those of a database.

use std::{path::Path, sync::Arc, time::Duration};

use super::{Carpeta, NodeError, NodeOptions, start::almacen};
use crate::{
    config::AjustesTablas,
    projections::{copias::Copias, fisico},
    tables::{
        embedded::{EmbeddedTables, EmbeddedTablesOptions},
        feeding::{Feeder, Feeding, Turn},
    },
};

/// How long a command waits for the turn beside the time that a process that is gone would have kept it.
const PACIENCIA_TURNO: Duration = Duration::from_secs(5);

/// How soon a process that only reads a database sees that a projection was rebuilt by another.
#[cfg(feature = "scylla")]
const VIGENCIA: Duration = Duration::from_secs(1);

/// The tables, and whose turn it is to feed them.
pub(super) struct Abiertas {
    pub copias: Arc<Copias>,
    /// `None`: this process alone reaches them.
    pub turnos: Option<Arc<dyn Feeding>>,
}

/// Opens the tables of the configuration. A database that does not answer yet is no failure: it is asked again with every use.
pub(super) fn abrir(carpeta: &Path, ajustes: Option<&AjustesTablas>) -> Result<Abiertas, NodeError> {
    match ajustes {
        None => en_carpeta(carpeta),
        Some(ajustes) => cql::abrir(ajustes),
    }
}

fn en_carpeta(carpeta: &Path) -> Result<Abiertas, NodeError> {
    let options = EmbeddedTablesOptions { expected: fisico::tablas().collect(), ..EmbeddedTablesOptions::default() };
    let copias = Copias::propias(EmbeddedTables::open(carpeta, options).map_err(almacen)?);
    Ok(Abiertas { copias, turnos: None })
}

/// This process, as it asks for the turn to feed tables of a database. `None`: they are in the folder.
pub(super) fn alimentador(carpeta: &Carpeta, options: &NodeOptions) -> Result<Option<Feeder>, NodeError> {
    let Some(ajustes) = &options.tablas else { return Ok(None) };
    Ok(Some(Feeder {
        place: Some(carpeta.identidad()?),
        log: Some(carpeta.origen()?),
        who: quien(&options.nodo),
        lease: ajustes.relevo,
    }))
}

/// Node, process and machine, for people.
pub(super) fn quien(nodo: &str) -> String {
    let maquina = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match maquina.trim() {
        "" => format!("«{nodo}» (proceso {})", std::process::id()),
        maquina => format!("«{nodo}» (proceso {} en {maquina})", std::process::id()),
    }
}

/// The turn of a command that has no log, to make tables.
///
/// # Errors
/// When another process feeds them.
#[cfg(feature = "scylla")]
pub fn turno_de_orden(turnos: &Arc<dyn Feeding>, ajustes: &AjustesTablas) -> Result<Turno, NodeError> {
    let alimentador = Feeder { place: None, log: None, who: quien("tablas aplicar"), lease: ajustes.relevo };
    Turno::tomar(Some(turnos), Some(alimentador))
}

/// The turn of a command that writes; given up when it ends.
pub struct Turno(Option<Arc<dyn Feeding>>);

impl Turno {
    /// Asks for it, and waits for no longer than a process that is gone would have kept it.
    ///
    /// # Errors
    /// When another process feeds the tables.
    pub(super) fn tomar(turnos: Option<&Arc<dyn Feeding>>, alimentador: Option<Feeder>) -> Result<Self, NodeError> {
        let (Some(turnos), Some(alimentador)) = (turnos, alimentador) else { return Ok(Self(None)) };
        // Another may have been started with a longer one.
        let paciencia = alimentador.lease.saturating_mul(2) + PACIENCIA_TURNO;
        turnos.start(alimentador);
        let turno = Self(Some(Arc::clone(turnos)));
        match turnos.wait(paciencia) {
            Turn::Mine { .. } => Ok(turno),
            Turn::Waiting { holder, .. } => Err(NodeError::Turno(format!(
                "las alimenta {} desde {} (turno {})",
                holder.who,
                holder.since.rfc3339(),
                holder.epoch
            ))),
            Turn::Foreign { log } => Err(NodeError::Turno(format!("son de otro registro: {log}"))),
            Turn::Unknown { why } => Err(NodeError::Almacen(why)),
            Turn::Expired { .. } | Turn::Released => Err(NodeError::Turno("el turno se perdió al tomarlo".to_owned())),
        }
    }
}

impl Drop for Turno {
    fn drop(&mut self) {
        if let Some(turnos) = &self.0 {
            turnos.release();
        }
    }
}

#[cfg(not(feature = "scylla"))]
mod cql {
    use super::{Abiertas, AjustesTablas, NodeError};

    pub(super) fn abrir(_: &AjustesTablas) -> Result<Abiertas, NodeError> {
        Err(NodeError::Almacen(
            "tablas.tipo dice «cql» y este programa se construyó sin esa base: constrúyalo con `cargo build --release --features scylla`, \
             o ponga tablas.tipo en «carpeta»"
                .to_owned(),
        ))
    }
}

#[cfg(feature = "scylla")]
mod cql {
    use super::{Abiertas, AjustesTablas, Arc, Copias, NodeError, VIGENCIA};

    pub(super) fn abrir(ajustes: &AjustesTablas) -> Result<Abiertas, NodeError> {
        let tablas = super::conectar(ajustes, true)?;
        let sin_diario = tablas.without_journal();
        Ok(Abiertas { copias: Copias::new(Arc::clone(&tablas) as Arc<_>, sin_diario, Some(VIGENCIA)), turnos: Some(tablas) })
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
        tls: tls(ajustes)?,
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
        seize: false,
    };
    CqlTables::open(options, con_segundas()).map_err(almacen)
}

/// What TLS needs; `None`: the connection is in the clear, and none of its settings may be there.
#[cfg(feature = "scylla")]
fn tls(ajustes: &AjustesTablas) -> Result<Option<crate::tables::cql::TlsOptions>, NodeError> {
    let archivo = |nombre: &str| Some(std::path::PathBuf::from(nombre)).filter(|_| !nombre.is_empty());
    let propios = (archivo(&ajustes.certificado_archivo), archivo(&ajustes.clave_archivo));
    let trusted = archivo(&ajustes.ca_archivo);
    if !ajustes.tls {
        let sobran = trusted.is_some() || propios != (None, None) || !ajustes.nombres_tls.is_empty();
        let que = "tablas.ca_archivo, nombres_tls, certificado_archivo y clave_archivo no tienen efecto sin tablas.tls: póngalo, o quítelos";
        return if sobran { Err(NodeError::Almacen(que.to_owned())) } else { Ok(None) };
    }
    let own = match propios {
        (Some(certificado), Some(clave)) => Some((certificado, clave)),
        (None, None) => None,
        _ => {
            let que = "tablas.certificado_archivo y tablas.clave_archivo van juntos: indique los dos o ninguno";
            return Err(NodeError::Almacen(que.to_owned()));
        }
    };
    Ok(Some(crate::tables::cql::TlsOptions { trusted, own, names: ajustes.nombres_tls.clone() }))
}

#[cfg(all(test, feature = "scylla"))]
mod tests {
    use super::*;
    use crate::config::{Fuentes, cargar};

    fn ajustes(pares: &[(&str, &str)]) -> AjustesTablas {
        let todos = [&[("tablas.tipo", "cql")], pares].concat();
        let ordenes = todos.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned(), format!("--set {n}"))).collect();
        cargar(&Fuentes { ordenes, ..Fuentes::default() }).expect("configuración").tablas.expect("en una base")
    }

    #[test]
    fn lo_que_tls_necesita_se_traduce_y_lo_que_sobra_o_falta_se_dice() {
        let dicho = |pares: &[(&str, &str)]| tls(&ajustes(pares)).expect_err("rechazado").to_string();
        assert_eq!(tls(&ajustes(&[])).expect("sin TLS"), None);
        for ajuste in ["tablas.ca_archivo", "tablas.nombres_tls", "tablas.certificado_archivo"] {
            assert!(dicho(&[(ajuste, "algo")]).contains("sin tablas.tls"), "{ajuste}");
        }
        assert!(dicho(&[("tablas.tls", "true"), ("tablas.clave_archivo", "k.pem")]).contains("van juntos"));
        let completo = [("tablas.tls", "true"), ("tablas.ca_archivo", "ca.pem"), ("tablas.nombres_tls", "a.interno, b.interno")];
        let opciones = tls(&ajustes(&completo)).expect("completo").expect("con TLS");
        assert_eq!((opciones.trusted, opciones.own), (Some("ca.pem".into()), None));
        assert_eq!(opciones.names, ["a.interno", "b.interno"]);
    }
}
