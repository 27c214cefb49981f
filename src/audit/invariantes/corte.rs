//! The cut: up to where each partition is read, so that a running system is seen consistently.
//!
//! An epoch commits its positions, events, refusals and snapshots at once. So the positions of the processor are taken first: what they
//! cover is in the outputs whose ends are taken after them. Snapshots' ends are taken before events', and those of
//! `eventos.facturacion` before those of stock and numbers: a snapshot's events and an invoice's counterparts are inside the cut.
//! When two rounds find the same ends nothing moved between them, and the cut is a moment of the log: every link must close.

use std::collections::BTreeMap;

use super::{ErrorVerificacion, huellas::Lugar};
use crate::{
    domain::Contexto,
    log::{Log, Position, Topic, TopicPartition},
};

/// Rounds tried for an exact cut.
const RONDAS: usize = 20;

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
}

impl Corte {
    pub(super) fn tomar(log: &dyn Log, grupo: &str) -> Result<Self, ErrorVerificacion> {
        let mut decididos = BTreeMap::new();
        let mut tramos = Tramos::new();
        let mut exacto = false;
        for _ in 0..RONDAS {
            decididos = posiciones(log, grupo)?;
            tramos = salidas(log)?;
            exacto = tramos == salidas(log)? && decididos == posiciones(log, grupo)?;
            if exacto {
                break;
            }
        }
        // Last: the commands of every outcome seen are inside.
        medir(log, Contexto::TODOS.map(Topic::Comandos), &mut tramos)?;
        Ok(Self { decididos, tramos, exacto })
    }

    pub(super) fn tramo(&self, particion: TopicPartition) -> Tramo {
        self.tramos.get(&particion).copied().unwrap_or_default()
    }

    /// Whether the processor had passed the position when the cut began.
    pub(super) fn decidido(&self, particion: TopicPartition, posicion: Position) -> bool {
        self.decididos.get(&particion).is_some_and(|siguiente| posicion < *siguiente)
    }

    /// Whether everything that this input led to is inside the cut, so that a link which does not close is a failure.
    pub(super) fn cerrado(&self, entrada: Lugar) -> bool {
        self.exacto || entrada.particion().is_some_and(|tp| self.decidido(tp, entrada.posicion()))
    }

    /// Records to read.
    pub(super) fn total(&self) -> u64 {
        self.tramos.values().map(|tramo| tramo.largo()).sum()
    }
}

fn posiciones(log: &dyn Log, grupo: &str) -> Result<BTreeMap<TopicPartition, Position>, ErrorVerificacion> {
    let mut encontradas = BTreeMap::new();
    for topic in Contexto::TODOS.map(Topic::Comandos) {
        for partition in 0..log.partitions(topic) {
            let tp = TopicPartition::new(topic, partition);
            encontradas.insert(tp, log.position(grupo, tp)?.unwrap_or_default());
        }
    }
    Ok(encontradas)
}

fn salidas(log: &dyn Log) -> Result<Tramos, ErrorVerificacion> {
    let mut tramos = Tramos::new();
    medir(log, Contexto::TODOS.map(Topic::Instantaneas), &mut tramos)?;
    medir(log, [Topic::Eventos(Contexto::Facturacion)], &mut tramos)?;
    let otros = [Contexto::Inventario, Contexto::Numeracion, Contexto::Catalogo];
    medir(log, otros.map(Topic::Eventos), &mut tramos)?;
    medir(log, Contexto::TODOS.map(Topic::Dlq), &mut tramos)?;
    medir(log, [Topic::Auditoria], &mut tramos)?;
    Ok(tramos)
}

fn medir(log: &dyn Log, topics: impl IntoIterator<Item = Topic>, tramos: &mut Tramos) -> Result<(), ErrorVerificacion> {
    for topic in topics {
        for partition in 0..log.partitions(topic) {
            let tp = TopicPartition::new(topic, partition);
            let marcas = log.watermarks(tp)?;
            tramos.insert(tp, Tramo { desde: marcas.first, hasta: marcas.stable });
        }
    }
    Ok(())
}
