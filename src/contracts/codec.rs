//! The codec: records of the system to and from framed Avro.

use bytes::Bytes;

use super::{
    CodecError, CommandEnvelope, EventEnvelope, Huella, Instantanea, RecordedEvent, RegistroAuditoria, RegistroDlq, Registry,
    RegistryError, Respuesta,
};
use crate::domain::Evento;

/// A command as it came off the log.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedCommand {
    pub envelope: CommandEnvelope,
    pub huella: Huella,
}

/// The body of an event whose envelope is decoded; decoded only when asked.
#[derive(Debug, Clone, Copy)]
pub struct EventBody<'a> {
    bytes: &'a [u8],
}

impl EventBody<'_> {
    /// `FacturaEmitida`, `StockReducido`…
    pub fn tipo(&self) -> &'static str {
        unimplemented!()
    }

    /// # Errors
    /// Any [`CodecError`] but framing.
    pub fn decode(&self) -> Result<Evento, CodecError> {
        let _ = self.bytes;
        unimplemented!()
    }
}

/// Knows the id of every schema; share it behind an `Arc`.
pub struct Codec {}

impl Codec {
    /// Registers every schema of this version.
    ///
    /// # Errors
    /// When the registry fails.
    pub fn new(_registry: &dyn Registry) -> Result<Self, RegistryError> {
        unimplemented!()
    }

    /// # Errors
    /// `NotOnWire`, `OutOfDomain`, `TooLarge`.
    pub fn encode_command(&self, _command: &CommandEnvelope) -> Result<Bytes, CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_command(&self, _bytes: &[u8]) -> Result<DecodedCommand, CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// `OutOfDomain`, `TooLarge`.
    pub fn encode_event(&self, _sobre: &EventEnvelope, _evento: &Evento) -> Result<Bytes, CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_event(&self, _bytes: &[u8]) -> Result<RecordedEvent, CodecError> {
        unimplemented!()
    }

    /// The envelope without the body: recovery skips bodies.
    ///
    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_event_envelope<'a>(&self, _bytes: &'a [u8]) -> Result<(EventEnvelope, EventBody<'a>), CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// `OutOfDomain`, `TooLarge`.
    pub fn encode_reply(&self, _reply: &Respuesta) -> Result<Bytes, CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_reply(&self, _bytes: &[u8]) -> Result<Respuesta, CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// `OutOfDomain`, `TooLarge`.
    pub fn encode_snapshot(&self, _snapshot: &Instantanea) -> Result<Bytes, CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_snapshot(&self, _bytes: &[u8]) -> Result<Instantanea, CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// `OutOfDomain`, `TooLarge`.
    pub fn encode_audit(&self, _record: &RegistroAuditoria) -> Result<Bytes, CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_audit(&self, _bytes: &[u8]) -> Result<RegistroAuditoria, CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// `OutOfDomain`, `TooLarge`.
    pub fn encode_dlq(&self, _record: &RegistroDlq) -> Result<Bytes, CodecError> {
        unimplemented!()
    }

    /// # Errors
    /// Any [`CodecError`].
    pub fn decode_dlq(&self, _bytes: &[u8]) -> Result<RegistroDlq, CodecError> {
        unimplemented!()
    }
}
