//! The audit of a data folder that nobody uses: export, verification, seals, and folding the chain again.

use std::{io::Write, sync::Arc, time::Duration};

use serde_json::Value;

use super::{Claves, Pruebas, TABLAS, claves};
use crate::{
    audit::cadena::{
        Almacen, ErrorCadena, Informe, Llavero, Medios, OpcionesSellos, SelloFirmado, Sumidero, Vuelta,
        en_linea::{self, Exportado, Origen, Progreso},
        sumidero::CONSUMIDOR,
    },
    contracts::Codec,
    log::Log,
    node::{
        Carpeta, NodeError, NodeOptions, esquemas, registro,
        start::almacen,
        tablas::{self, Turno, alimentador},
    },
    projections::auditoria::TABLAS_DE_CADENA,
    tables::feeding::Feeding,
};

/// Log, keys and, where the configuration has them, tables; with the folder held.
pub struct AuditoriaDeCarpeta {
    log: Arc<dyn Log>,
    codec: Arc<Codec>,
    claves: Claves,
    almacen: Option<Almacen>,
    turnos: Option<Arc<dyn Feeding>>,
    options: NodeOptions,
    carpeta: Carpeta,
}

impl AuditoriaDeCarpeta {
    /// `llavero`: the keys that are believed, instead of those of the configuration; nothing is signed then.
    ///
    /// # Errors
    /// When the folder is in use, something in it cannot be opened, or there are no keys.
    pub fn abrir(options: &NodeOptions, llavero: Option<Llavero>) -> Result<Self, NodeError> {
        let carpeta = Carpeta::abrir(&options.carpeta, options.particiones)?;
        let log = registro::open_log(&carpeta, options)?;
        let codec = esquemas::codec(&carpeta, options, &log)?;
        let claves = match llavero {
            Some(llavero) => Some(Claves { privada: None, llavero }),
            None => claves::existentes(options)?,
        };
        let claves = claves.ok_or_else(|| NodeError::Claves {
            archivo: claves::archivo_de_publicas(options),
            causa: "no existe: sin claves públicas no se sabe en qué sellos confiar".to_owned(),
        })?;
        let (almacen, turnos) = if options.proyecciones && options.sellos.activos {
            let abiertas = tablas::abrir(&carpeta.tablas(), options.tablas.as_ref())?;
            let tablas = abiertas.copias.en_uso();
            tablas.declare(TABLAS_DE_CADENA).map_err(almacen)?;
            (Some(Almacen { tablas, nombres: TABLAS }), abiertas.turnos)
        } else {
            (None, None)
        };
        Ok(Self { log, codec, claves, almacen, turnos, options: options.clone(), carpeta })
    }

    fn origen(&self) -> Origen<'_> {
        Origen { log: &*self.log, codec: &self.codec, llavero: &self.claves.llavero }
    }

    /// The keys that are believed.
    pub fn llavero(&self) -> &Llavero {
        &self.claves.llavero
    }

    /// # Errors
    /// Of log or destination.
    pub fn exportar(&self, destino: impl Write, con_datos: bool, progreso: Progreso<'_>) -> Result<Exportado, ErrorCadena> {
        en_linea::exportar(self.origen(), destino, con_datos, progreso)
    }

    /// As Apache Parquet.
    ///
    /// # Errors
    /// Of log or destination.
    #[cfg(feature = "parquet")]
    pub fn exportar_parquet(
        &self,
        destino: impl Write + Send,
        con_datos: bool,
        progreso: Progreso<'_>,
    ) -> Result<Exportado, ErrorCadena> {
        en_linea::exportar_parquet(self.origen(), destino, con_datos, progreso)
    }

    /// # Errors
    /// Of log or tables.
    pub fn verificar(&self, anclas: &[SelloFirmado], progreso: Progreso<'_>) -> Result<Informe, ErrorCadena> {
        en_linea::verificar_registro(self.origen(), self.almacen.as_ref(), anclas, progreso)
    }

    /// Compares an exported file's report with the log.
    ///
    /// # Errors
    /// Of the log.
    pub fn contrastar(&self, archivo: &mut Informe, progreso: Progreso<'_>) -> Result<(), ErrorCadena> {
        en_linea::contra_registro(self.origen(), archivo, progreso)
    }

    /// The last seal of each partition.
    ///
    /// # Errors
    /// Of the tables.
    pub fn sellos(&self) -> Result<Vec<Value>, ErrorCadena> {
        let Some(almacen) = self.almacen.clone() else { return Ok(Vec::new()) };
        let (log, codec, llavero) = (Arc::clone(&self.log), Arc::clone(&self.codec), self.claves.llavero.clone());
        Pruebas { log, codec, almacen, llavero }.sellos()
    }

    /// Takes the turn to feed tables of a database, as [`AuditoriaDeCarpeta::reconstruir`] must.
    ///
    /// # Errors
    /// When another process has it.
    pub fn turno(&self) -> Result<Turno, NodeError> {
        Turno::tomar(self.turnos.as_ref(), alimentador(&self.carpeta, &self.options)?)
    }

    /// Empties what is kept of the chains, folds the log again and checks every seal that is on it; then seals what none covers.
    ///
    /// # Errors
    /// Of log or tables.
    pub fn reconstruir(&self, progreso: &mut dyn FnMut(u64)) -> Result<Vuelta, ErrorCadena> {
        let Some(almacen) = self.almacen.clone() else { return Ok(Vuelta::default()) };
        almacen.tablas.clear(TABLAS_DE_CADENA, CONSUMIDOR)?;
        let mut sumidero = Sumidero::abrir(self.medios(almacen))?;
        let mut total = 0;
        loop {
            let vuelta = sumidero.vuelta()?;
            total += vuelta.hojas;
            progreso(total);
            if vuelta.hojas == 0 {
                break;
            }
        }
        let ultima = sumidero.cerrar(Duration::MAX)?;
        Ok(Vuelta { hojas: total + ultima.hojas, ..ultima })
    }

    fn medios(&self, almacen: Almacen) -> Medios {
        medios(&self.options, &self.log, &self.codec, &self.claves, almacen)
    }
}

/// What the sink of a node works with.
pub(in crate::node) fn medios(
    options: &NodeOptions,
    log: &Arc<dyn Log>,
    codec: &Arc<Codec>,
    claves: &Claves,
    almacen: Almacen,
) -> Medios {
    Medios {
        log: Arc::clone(log),
        codec: Arc::clone(codec),
        almacen,
        reloj: Arc::clone(&options.clock),
        clave: claves.privada.clone(),
        llavero: claves.llavero.clone(),
        opciones: OpcionesSellos { hojas: options.sellos.hojas, plazo: options.sellos.plazo },
    }
}
