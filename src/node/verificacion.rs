//! The verification of a folder: beside a running engine, or over a folder that nobody uses.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{Carpeta, NodeError, NodeOptions, esquemas, registro, start, tablas};
use crate::{
    audit::{
        invariantes::{
            ErrorVerificacion, Informe, LibroAuditoria, Opciones, Progreso, Proyeccion, Proyecciones, Sumidero, verificar,
        },
        oraculo::verificar_y_juzgar,
    },
    contracts::Codec,
    domain::emisor::Emisor,
    http::Verificacion,
    log::Log,
    projections::{auditoria, clientes, existencias, facturas, runner},
    tables::Tables,
};

/// How long the sinks of a running node may take to come up to the log.
const ESPERA: Duration = Duration::from_secs(30);

/// What a verification reads.
pub(super) struct Verificador {
    pub log: Arc<dyn Log>,
    pub codec: Arc<Codec>,
    pub emisor: Arc<Emisor>,
    /// Not set (switched off, or still opening): the read side is not compared.
    pub tables: Arc<OnceLock<Arc<dyn Tables>>>,
    pub espera: Duration,
}

impl Verificador {
    /// A verification beside running sinks.
    pub(super) fn en_marcha(
        log: Arc<dyn Log>,
        codec: Arc<Codec>,
        emisor: Arc<Emisor>,
        tables: Arc<OnceLock<Arc<dyn Tables>>>,
    ) -> Self {
        Self { log, codec, emisor, tables, espera: ESPERA }
    }

    fn verificar(&self, quieto: bool, con_oraculo: bool, progreso: Progreso<'_>) -> Result<Informe, ErrorVerificacion> {
        let sumideros: Vec<Sumidero> =
            runner::PROYECCIONES.iter().map(|spec| Sumidero { consumidor: spec.name, temas: spec.topics }).collect();
        let proyecciones = self.tables.get().map(|tablas| Proyecciones {
            tablas: &**tablas,
            facturas: Proyeccion { tabla: &facturas::FACTURAS, consumidor: facturas::FACTURAS_SPEC.name },
            existencias: Proyeccion { tabla: &existencias::EXISTENCIAS, consumidor: existencias::EXISTENCIAS_SPEC.name },
            clientes: Proyeccion { tabla: &clientes::CLIENTES, consumidor: clientes::CLIENTES_SPEC.name },
            auditoria: Some(LibroAuditoria {
                proyeccion: Proyeccion { tabla: &auditoria::AUDITORIA, consumidor: auditoria::AUDITORIA_SPEC.name },
                flujo: auditoria::huella_de_flujo,
            }),
            sumideros: &sumideros,
            espera: self.espera,
        });
        let opciones = Opciones { emisor: Some(&self.emisor), proyecciones, quieto, ..Opciones::default() };
        if con_oraculo {
            let juzgado = verificar_y_juzgar(&*self.log, &self.codec, &self.emisor, &opciones, progreso);
            return juzgado.map(|(informe, _)| informe);
        }
        verificar(&*self.log, &self.codec, &opciones, progreso)
    }

    /// The door that the API opens to it.
    pub(super) fn puerta(self) -> Verificacion {
        Arc::new(move |quieto| {
            self.verificar(quieto, false, &mut |_, _| {}).map(|informe| informe.to_json()).map_err(|e| e.to_string())
        })
    }
}

/// Verifies a folder that nobody uses, without starting its engine or its sinks: rows that lag are not compared. With the
/// oracle, every event is decided again too, which keeps the log in memory.
///
/// # Errors
/// Why the folder could not be opened or read.
pub fn verificar_carpeta(
    options: &NodeOptions,
    quieto: bool,
    con_oraculo: bool,
    progreso: Progreso<'_>,
) -> Result<Informe, NodeError> {
    let carpeta = Carpeta::abrir(&options.carpeta, options.particiones)?;
    let log = registro::open_log(&carpeta, options)?;
    let codec = esquemas::codec(&carpeta, options, &log)?;
    let tables = Arc::new(OnceLock::new());
    if options.proyecciones {
        let opened = tablas::abrir(&carpeta.tablas(), options.tablas.as_ref())?.copias.en_uso();
        runner::declare(&*opened, runner::PROYECCIONES).map_err(start::almacen)?;
        // Nobody else has it yet.
        let _ = tables.set(opened);
    }
    let emisor = Arc::new(options.emisor.clone());
    let verificador = Verificador { log, codec, emisor, tables, espera: Duration::ZERO };
    verificador.verificar(quieto, con_oraculo, progreso).map_err(start::almacen)
}
