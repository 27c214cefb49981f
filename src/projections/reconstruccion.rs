//! Rebuilding a projection: the log is folded into the copy that is not in use, and then the copies change places.
//!
//! Sinks and queries go on meanwhile over the old copy. At the change the sinks wait for as long as the new copy takes to come to where
//! the old one is, so that no reader ever goes back. A rebuild that is cut short leaves the old copy in use; the next one begins anew.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
};

use super::{
    comparacion::{Progreso, avance, particiones, plegar},
    copias::Copias,
    corte::Corte,
    projection::{Decoder, ProjectionSpec},
    runner::{Pausa, RunnerOptions, SinkError},
};
use crate::{
    log::{Log, Position, TopicPartition},
    tables::Tables,
};

/// Turns before the sinks are held: each is shorter than the one before, as long as a fold is faster than what comes in.
const VUELTAS: usize = 3;

/// What a rebuild works with.
pub struct Medios {
    pub log: Arc<dyn Log>,
    pub copias: Arc<Copias>,
    pub decoder: Arc<dyn Decoder>,
    /// The sinks that feed the copy in use; `None` when nobody does.
    pub sumideros: Option<Pausa>,
}

impl Medios {
    fn entre_lotes<T>(&self, hacer: impl FnOnce() -> Result<T, SinkError>) -> Result<T, SinkError> {
        match &self.sumideros {
            Some(sumideros) => sumideros.mientras(hacer),
            None => hacer(),
        }
    }

    /// Rebuilds a projection; whether it came to its end, which it does not when `parar` is set meanwhile. `progreso` is told the records
    /// folded, and how many there were at the beginning.
    ///
    /// # Errors
    /// Of log or tables: the old copy stays in use.
    pub fn reconstruir(
        &self,
        spec: &'static ProjectionSpec,
        parar: &AtomicBool,
        progreso: Progreso<'_>,
    ) -> Result<bool, SinkError> {
        let nueva = self.entre_lotes(|| Ok(self.copias.vaciar_la_otra(spec)?))?;
        let mut vueltas = Vueltas { medios: self, nueva, spec, parar, hechos: 0, total: 0, progreso };
        for _ in 0..VUELTAS {
            if !vueltas.una()? {
                return Ok(false);
            }
        }
        self.entre_lotes(|| {
            let entera = vueltas.una()?;
            if entera {
                self.copias.relevar(spec)?;
            }
            Ok(entera)
        })
    }
}

/// A fold that runs after the log: each turn brings it to where it ended when the turn began.
struct Vueltas<'a> {
    medios: &'a Medios,
    nueva: Arc<dyn Tables>,
    spec: &'static ProjectionSpec,
    parar: &'a AtomicBool,
    /// Records of the turns that ended.
    hechos: u64,
    total: u64,
    progreso: Progreso<'a>,
}

impl Vueltas<'_> {
    fn una(&mut self) -> Result<bool, SinkError> {
        let medios = self.medios;
        let hasta = finales(&*medios.log, self.spec)?;
        let corte: Arc<dyn Log> = Arc::new(Corte { log: Arc::clone(&medios.log), hasta });
        let faltan: u64 = avance(&*corte, &*self.nueva, self.spec)?.iter().map(|avance| avance.atraso).sum();
        self.total = self.total.max(self.hechos + faltan);
        let options = RunnerOptions { projections: vec![self.spec], ..RunnerOptions::default() };
        let (antes, total, progreso) = (self.hechos, self.total, &mut *self.progreso);
        let mut medir = |hechos, _| {
            self.hechos = antes + hechos;
            progreso(antes + hechos, total);
        };
        let (nueva, decoder) = (Arc::clone(&self.nueva), Arc::clone(&medios.decoder));
        plegar(corte, nueva, decoder, options, faltan, self.parar, &mut medir)
    }
}

/// Where every partition that a projection reads ends now: no sink is beyond it.
fn finales(log: &dyn Log, spec: &'static ProjectionSpec) -> Result<BTreeMap<TopicPartition, Position>, SinkError> {
    let particiones = particiones(log, spec);
    let finales = log.stable_ends(&particiones)?;
    Ok(particiones.into_iter().zip(finales).collect())
}
