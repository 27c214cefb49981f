//! Reading a partition in big chunks, with the progress of the whole.

use super::{ErrorVerificacion, corte::Tramo};
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
}

/// Whether a reader that stands at `desde` has records to read before `hasta`. Positions that hold none (the control records of
/// Kafka, what was aborted) are nothing to read.
pub(super) fn queda_por_leer(log: &dyn Log, particion: TopicPartition, tramo: Tramo) -> Result<bool, LogError> {
    if tramo.largo() == 0 {
        return Ok(false);
    }
    match log.read(particion, tramo.desde, 1) {
        Ok(registros) => Ok(registros.first().is_some_and(|registro| registro.position < tramo.hasta)),
        // What it did not read is gone.
        Err(LogError::PositionGone { .. }) => Ok(true),
        Err(otro) => Err(otro),
    }
}

impl<'a> Lector<'a> {
    pub(super) fn new(log: &'a dyn Log, progreso: Progreso<'a>, total: u64) -> Self {
        progreso(0, total);
        Self { log, progreso, leidos: 0, total }
    }

    /// Hands over the records of the stretch, in order; gives the first position that was still there.
    pub(super) fn recorrer(
        &mut self,
        particion: TopicPartition,
        tramo: Tramo,
        visitar: &mut dyn FnMut(StoredRecord) -> Result<(), ErrorVerificacion>,
    ) -> Result<Position, ErrorVerificacion> {
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
                    return Ok(primera);
                }
                siguiente = registro.position + 1;
                visitar(registro)?;
                self.contar();
            }
        }
        Ok(primera)
    }

    fn contar(&mut self) {
        self.leidos += 1;
        if self.leidos.is_multiple_of(CADA) {
            (self.progreso)(self.leidos.min(self.total), self.total);
        }
    }

    pub(super) fn terminar(self) {
        (self.progreso)(self.total, self.total);
    }
}
