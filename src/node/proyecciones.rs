//! The read side of a folder that nobody uses: where its projections are, rebuilding one, comparing one with the log.

use std::sync::{Arc, atomic::AtomicBool};

use super::{
    Carpeta, NodeError, NodeOptions, esquemas, registro,
    start::almacen,
    tablas::{self, Turno, alimentador},
};
use crate::{
    contracts::Codec,
    log::Log,
    projections::{
        PROYECCIONES, ProjectionSpec,
        comparacion::{self, Avance, Comparacion, Progreso},
        copias::Copias,
        reconstruccion::Medios,
        runner,
    },
    tables::{
        Tables,
        feeding::{Feeder, Feeding},
    },
};

/// The log and the tables, with the folder held.
pub struct LadoDeLectura {
    log: Arc<dyn Log>,
    codec: Arc<Codec>,
    copias: Arc<Copias>,
    tablas: Arc<dyn Tables>,
    turnos: Option<Arc<dyn Feeding>>,
    alimentador: Option<Feeder>,
    _carpeta: Carpeta,
}

impl LadoDeLectura {
    /// # Errors
    /// When the folder is in use or something in it cannot be opened.
    pub fn abrir(options: &NodeOptions) -> Result<Self, NodeError> {
        let carpeta = Carpeta::abrir(&options.carpeta, options.particiones)?;
        let log = registro::open_log(&carpeta, options)?;
        let codec = esquemas::codec(&carpeta, options, &log)?;
        let abiertas = tablas::abrir(&carpeta.tablas(), options.tablas.as_ref())?;
        let (copias, turnos) = (abiertas.copias, abiertas.turnos);
        let tablas = copias.en_uso();
        runner::declare(&*tablas, PROYECCIONES).map_err(almacen)?;
        let alimentador = alimentador(&carpeta, options)?;
        Ok(Self { log, codec, copias, tablas, turnos, alimentador, _carpeta: carpeta })
    }

    /// # Errors
    /// Of log or tables.
    pub fn avance(&self, spec: &'static ProjectionSpec) -> Result<Vec<Avance>, NodeError> {
        comparacion::avance(&*self.log, &*self.tablas, spec).map_err(almacen)
    }

    /// # Errors
    /// Of log or tables; when another process feeds these.
    pub fn reconstruir(&self, spec: &'static ProjectionSpec, progreso: Progreso<'_>) -> Result<(), NodeError> {
        let _turno = Turno::tomar(self.turnos.as_ref(), self.alimentador.clone())?;
        let medios = Medios {
            log: Arc::clone(&self.log),
            copias: Arc::clone(&self.copias),
            decoder: Arc::clone(&self.codec) as Arc<dyn crate::projections::Decoder>,
            sumideros: None,
        };
        // Nobody asks it to stop: it comes to its end.
        medios.reconstruir(spec, &AtomicBool::new(false), progreso).map(drop).map_err(almacen)
    }

    /// # Errors
    /// Of log or tables.
    pub fn comparar(&self, spec: &'static ProjectionSpec, progreso: Progreso<'_>) -> Result<Comparacion, NodeError> {
        let codec = Arc::clone(&self.codec) as Arc<dyn crate::projections::Decoder>;
        comparacion::comparar(&self.log, &self.tablas, codec, spec, progreso).map_err(almacen)
    }
}
