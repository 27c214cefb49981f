//! The cut: up to where each partition is read, so that a running system is seen consistently.
//!
//! An epoch commits its positions, events, refusals and snapshots at once. So the positions of the processor are taken first: what they
//! cover is in the outputs whose ends are taken after them. Snapshots' ends are taken before events', and those of
//! `eventos.facturacion` before those of stock and numbers: a snapshot's events and an invoice's counterparts are inside the cut.
//! When two rounds find the same ends nothing moved between them, and the cut is a moment of the log: every link must close.
//!
//! A transaction of Kafka ends partition by partition, its positions too: what was appended when a stage of the cut began has to be
//! decided before it is measured. When it is not (a transaction hangs), what is missing may be there: no failure yet ([`Corte::firme`]).

use std::{collections::BTreeMap, thread, time::Duration};

use super::{ErrorVerificacion, huellas::Lugar, lectura::Lector};
use crate::{
    domain::Contexto,
    log::{Log, Position, Topic, TopicPartition, all_partitions},
};

/// Rounds tried for an exact cut.
const RONDAS: usize = 20;
/// Time between two looks at a transaction in course.
const PAUSA: Duration = Duration::from_millis(1);

/// First position kept and the end of the cut of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tramo {
    pub desde: Position,
    pub hasta: Position,
}

impl Tramo {
    pub(super) fn largo(self) -> u64 {
        self.hasta.saturating_sub(self.desde)
    }
}

type Tramos = BTreeMap<TopicPartition, Tramo>;

#[derive(Debug)]
pub(super) struct Corte {
    /// Next position of the processor, by partition of comandos.
    decididos: BTreeMap<TopicPartition, Position>,
    tramos: Tramos,
    pub(super) exacto: bool,
    /// No record that the cut may need was of an undecided transaction.
    pub(super) firme: bool,
}

impl Corte {
    /// `paciencia`: how long transactions in course are waited for.
    pub(super) fn tomar(log: &dyn Log, grupo: &str, paciencia: Duration) -> Result<Self, ErrorVerificacion> {
        let mut espera = Espera(paciencia);
        let mut decididos = BTreeMap::new();
        let mut tramos = Tramos::new();
        let (mut exacto, mut firme) = (false, false);
        for _ in 0..RONDAS {
            decididos = posiciones(log, grupo)?;
            (tramos, firme) = salidas(log, &mut espera)?;
            let (despues, sigue_firme) = salidas(log, &mut espera)?;
            exacto = firme && sigue_firme && tramos == despues && decididos == posiciones(log, grupo)?;
            if exacto || !firme {
                break;
            }
        }
        // Last: the commands of every outcome seen are inside.
        medir(log, Contexto::TODOS.map(Topic::Comandos), &mut Espera(Duration::ZERO), &mut tramos)?;
        Ok(Self { decididos, tramos, exacto, firme })
    }

    pub(super) fn tramo(&self, particion: TopicPartition) -> Tramo {
        self.tramos.get(&particion).copied().unwrap_or_default()
    }

    /// Next position of the processor in a partition of comandos, when the cut began.
    pub(super) fn siguiente(&self, particion: TopicPartition) -> Position {
        self.decididos.get(&particion).copied().unwrap_or_default()
    }

    /// Whether the processor had passed the position when the cut began.
    pub(super) fn decidido(&self, particion: TopicPartition, posicion: Position) -> bool {
        posicion < self.siguiente(particion)
    }

    /// Whether everything that this input led to is inside the cut, so that a link which does not close is a failure.
    pub(super) fn cerrado(&self, entrada: Lugar) -> bool {
        self.exacto || (self.firme && entrada.particion().is_some_and(|tp| self.decidido(tp, entrada.posicion())))
    }

    /// Whether the processors had read a topic of commands to its end.
    pub(super) fn leido(&self, log: &dyn Log, lector: &Lector<'_>, topic: Topic) -> bool {
        let pendiente = |tp| Tramo { desde: self.siguiente(tp), hasta: self.tramo(tp).hasta };
        !all_partitions(log, [topic]).into_iter().any(|tp| lector.queda(tp, pendiente(tp)))
    }

    /// Records to read.
    pub(super) fn total(&self) -> u64 {
        self.tramos.values().map(|tramo| tramo.largo()).sum()
    }
}

fn posiciones(log: &dyn Log, grupo: &str) -> Result<BTreeMap<TopicPartition, Position>, ErrorVerificacion> {
    let particiones = all_partitions(log, Contexto::TODOS.map(Topic::Comandos));
    let encontradas = log.positions_of(grupo, &particiones)?.into_iter().map(Option::unwrap_or_default);
    Ok(particiones.iter().copied().zip(encontradas).collect())
}

/// How long undecided records are still waited for.
struct Espera(Duration);

impl Espera {
    /// Sleeps a moment; `false` when there is no patience left.
    fn pausa(&mut self) -> bool {
        let Some(queda) = self.0.checked_sub(PAUSA) else { return false };
        self.0 = queda;
        thread::sleep(PAUSA);
        true
    }
}

/// The outputs, in stages: what a stage has appended is decided before the next one is measured. With it, whether that held.
fn salidas(log: &dyn Log, espera: &mut Espera) -> Result<(Tramos, bool), ErrorVerificacion> {
    let mut tramos = Tramos::new();
    let mut firme = medir(log, Contexto::TODOS.map(Topic::Instantaneas), espera, &mut tramos)?;
    firme &= medir(log, [Topic::Eventos(Contexto::Facturacion)], espera, &mut tramos)?;
    let otros = [Contexto::Inventario, Contexto::Numeracion, Contexto::Catalogo];
    firme &= medir(log, otros.map(Topic::Eventos), espera, &mut tramos)?;
    firme &= medir(log, Contexto::TODOS.map(Topic::Dlq), espera, &mut tramos)?;
    firme &= medir(log, [Topic::Auditoria], espera, &mut tramos)?;
    Ok((tramos, firme))
}

/// Adds the stretches of the topics; whether everything appended when it began was decided when it ended.
fn medir(
    log: &dyn Log,
    topics: impl IntoIterator<Item = Topic>,
    espera: &mut Espera,
    tramos: &mut Tramos,
) -> Result<bool, ErrorVerificacion> {
    let particiones = all_partitions(log, topics);
    let antes = log.watermarks_of(&particiones)?;
    let ahora = log.watermarks_of(&particiones)?;
    let mut firme = true;
    for ((tp, mut marcas), fin) in particiones.into_iter().zip(ahora).zip(antes.iter().map(|antes| antes.end)) {
        while marcas.stable < fin && espera.pausa() {
            marcas = log.watermarks(tp)?;
        }
        firme &= marcas.stable >= fin;
        tramos.insert(tp, Tramo { desde: marcas.first, hasta: marcas.stable });
    }
    Ok(firme)
}
