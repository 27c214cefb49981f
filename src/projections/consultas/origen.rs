//! Records read from the log by the place a row names.

use super::{ConsultaError, Consultas};
use crate::{
    contracts::RecordedEvent,
    log::{Position, StoredRecord, Topic, TopicPartition},
    projections::projection::Content,
};

/// A partition as rows hold it.
///
/// # Errors
/// `Ilegible` when the number is that of none.
pub(super) fn particion_de(tema: Topic, particion: u64) -> Result<TopicPartition, ConsultaError> {
    let numero = u16::try_from(particion).map_err(|_| ConsultaError::Ilegible(format!("partición {particion} desconocida")))?;
    Ok(TopicPartition::new(tema, numero))
}

impl Consultas {
    /// The event at a place.
    ///
    /// # Errors
    /// Of the log; `Ilegible` when there is none.
    pub(super) fn evento(&self, particion: TopicPartition, posicion: Position) -> Result<RecordedEvent, ConsultaError> {
        let stored = self.registros.uno(particion, posicion)?.ok_or_else(|| ausente(particion, posicion))?;
        self.decoder.event(&stored.record.value).map_err(|e| ConsultaError::Ilegible(e.to_string()))
    }

    /// The event, refusal or query at a place.
    ///
    /// # Errors
    /// Of the log; `Ilegible` when there is none.
    pub(super) fn contenido(&self, particion: TopicPartition, posicion: Position) -> Result<Content, ConsultaError> {
        let stored = self.registros.uno(particion, posicion)?.ok_or_else(|| ausente(particion, posicion))?;
        self.decodificar(particion.topic, &stored)
    }

    /// A record of `eventos.*` or `auditoria`.
    ///
    /// # Errors
    /// `Ilegible` when its bytes are no such thing.
    pub(super) fn decodificar(&self, tema: Topic, stored: &StoredRecord) -> Result<Content, ConsultaError> {
        let value = &stored.record.value;
        let content = match tema {
            Topic::Auditoria => self.decoder.audit(value).map(|a| Content::Audit(Box::new(a))),
            _ => self.decoder.event(value).map(|e| Content::Event(Box::new(e))),
        };
        content.map_err(|e| ConsultaError::Ilegible(e.to_string()))
    }
}

fn ausente(particion: TopicPartition, posicion: Position) -> ConsultaError {
    ConsultaError::Ilegible(format!("el registro no tiene la posición {posicion} de {particion}"))
}
