//! Between which versions of a stream something happened, by the only order that several nodes share: inputs of one partition are
//! taken in in their order.

use std::ops::Range;

use crate::{
    contracts::{Entrada, RecordedEvent},
    engine::core::is_of_timer,
    log::{Position, Topic, TopicPartition},
};

/// The versions that a stream may have had while the inputs `desde..=hasta` of a partition were decided: after everything that earlier
/// inputs of it led to, before anything that later ones did. Versions as states: 0 = nothing yet.
pub(super) fn versiones(corriente: &[RecordedEvent], particion: TopicPartition, desde: Position, hasta: Position) -> Range<u64> {
    let mut rango = 0..corriente.last().map_or(0, |ultimo| ultimo.sobre.aggregate_version) + 1;
    // The events of a timer name a position that they did not come from.
    let suyos = corriente.iter().filter(|r| r.sobre.entrada.particion == particion && !is_of_timer(r.sobre.event_id));
    for registrado in suyos {
        let (posicion, version) = (registrado.sobre.entrada.posicion, registrado.sobre.aggregate_version);
        if posicion < desde {
            rango.start = rango.start.max(version);
        }
        if posicion > hasta {
            rango.end = rango.end.min(version);
        }
    }
    rango
}

/// The versions that a stream may have had from the decision of an input to that of another one, of any partitions.
pub(super) fn entre(corriente: &[RecordedEvent], desde: Entrada, hasta: Entrada) -> Range<u64> {
    let primeras = versiones(corriente, desde.particion, desde.posicion, Position::MAX);
    let ultimas = versiones(corriente, hasta.particion, 0, hasta.posicion);
    primeras.start..ultimas.end
}

/// The first event whose input is before that of an earlier event, both of the partition of the stream's own commands. Those are taken in
/// in their order; and a timer names the next position, after all that was taken in before it.
pub(super) fn retroceso(corriente: &[RecordedEvent]) -> Option<&RecordedEvent> {
    let propia = |r: &&RecordedEvent| r.sobre.entrada.particion.topic == Topic::Comandos(r.sobre.aggregate_tipo.contexto());
    let particion = corriente.iter().find(propia)?.sobre.entrada.particion;
    let mut ultima = 0;
    corriente.iter().filter(|r| r.sobre.entrada.particion == particion).find(|registrado| {
        let posicion = registrado.sobre.entrada.posicion;
        let retrocede = posicion < ultima;
        ultima = posicion;
        retrocede
    })
}
