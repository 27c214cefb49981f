//! Reading a partition in big chunks, with the progress of the whole.

use std::collections::{BTreeMap, VecDeque};

use super::{
    ErrorVerificacion,
    corte::{Corte, Tramo},
};
use crate::log::{Log, LogError, Position, StoredRecord, TopicPartition};

/// Bytes asked of the log at a time.
const BYTES: usize = 4 << 20;
/// Records between two calls of the progress.
const CADA: u64 = 8_192;

/// Told how many records were read, and how many there are.
pub type Progreso<'a> = &'a mut dyn FnMut(u64, u64);

pub(super) struct Lector<'a> {
    log: &'a dyn Log,
    progreso: Progreso<'a>,
    leidos: u64,
    total: u64,
    /// What is still to be read, in its order: an adapter over a network fetches it ahead.
    por_leer: VecDeque<(TopicPartition, Position)>,
    /// Of each partition that was read: the first position that was still there, and the one after its last record.
    leidas: BTreeMap<TopicPartition, (Position, Position)>,
}

impl<'a> Lector<'a> {
    /// `orden`: the partitions in the order in which they will be read.
    pub(super) fn new(log: &'a dyn Log, progreso: Progreso<'a>, corte: &Corte, orden: Vec<TopicPartition>) -> Self {
        let total = corte.total();
        progreso(0, total);
        let por_leer = orden.into_iter().map(|tp| (tp, corte.tramo(tp))).filter(|(_, tramo)| tramo.largo() > 0);
        Self {
            log,
            progreso,
            leidos: 0,
            total,
            por_leer: por_leer.map(|(tp, tramo)| (tp, tramo.desde)).collect(),
            leidas: BTreeMap::new(),
        }
    }

    /// Told that a partition is the next to be read.
    fn prever(&mut self, particion: TopicPartition) {
        if self.por_leer.front().is_some_and(|(tp, _)| *tp == particion) {
            self.log.foresee(self.por_leer.make_contiguous());
            self.por_leer.pop_front();
        }
    }

    /// Hands over the records of the stretch, in order; gives the first position that was still there.
    pub(super) fn recorrer(
        &mut self,
        particion: TopicPartition,
        tramo: Tramo,
        visitar: &mut dyn FnMut(StoredRecord) -> Result<(), ErrorVerificacion>,
    ) -> Result<Position, ErrorVerificacion> {
        self.prever(particion);
        let (primera, siguiente) = self.leer(particion, tramo, visitar)?;
        self.leidas.insert(particion, (primera, siguiente));
        Ok(primera)
    }

    /// The first position that was still there, and the one after the last record.
    fn leer(
        &mut self,
        particion: TopicPartition,
        tramo: Tramo,
        visitar: &mut dyn FnMut(StoredRecord) -> Result<(), ErrorVerificacion>,
    ) -> Result<(Position, Position), ErrorVerificacion> {
        let (mut primera, mut siguiente) = (tramo.desde, tramo.desde);
        while siguiente < tramo.hasta {
            let registros = match self.log.read(particion, siguiente, BYTES) {
                Ok(registros) => registros,
                // Retention took the oldest commands away meanwhile.
                Err(LogError::PositionGone { first, .. }) if first > siguiente => {
                    (primera, siguiente) = (first, first);
                    continue;
                }
                Err(otro) => return Err(otro.into()),
            };
            if registros.is_empty() {
                break;
            }
            for registro in registros {
                if registro.position >= tramo.hasta {
                    return Ok((primera, siguiente));
                }
                siguiente = registro.position + 1;
                visitar(registro)?;
                self.contar();
            }
        }
        Ok((primera, siguiente))
    }

    fn contar(&mut self) {
        self.leidos += 1;
        if self.leidos.is_multiple_of(CADA) {
            (self.progreso)(self.leidos.min(self.total), self.total);
        }
    }

    pub(super) fn terminar(&mut self) {
        (self.progreso)(self.total, self.total);
    }

    /// Whether someone who stands at `desde` has records to read before `hasta`, in a partition that was read here. Positions that hold none
    /// (the control records of Kafka, what was aborted) are nothing to read; what was not read and is gone is.
    pub(super) fn queda(&self, particion: TopicPartition, tramo: Tramo) -> bool {
        let (primera, fin) = self.leidas.get(&particion).copied().unwrap_or((Position::MAX, 0));
        tramo.largo() > 0 && (tramo.desde < primera || tramo.desde < fin.min(tramo.hasta))
    }
}
