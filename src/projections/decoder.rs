//! The codec as projections use it.

use bytes::Bytes;

use super::projection::{Decoder, Unreadable};
use crate::contracts::{Codec, CodecError, RecordedEvent, RegistroAuditoria, RegistroDlq};

impl From<CodecError> for Unreadable {
    fn from(error: CodecError) -> Self {
        let text = error.to_string();
        if error.is_of_the_keys() { Self::Keys(text) } else { Self::Bytes(text) }
    }
}

impl Decoder for Codec {
    fn event(&self, value: &[u8]) -> Result<RecordedEvent, Unreadable> {
        Ok(self.decode_event(value)?)
    }

    fn audit(&self, value: &[u8]) -> Result<RegistroAuditoria, Unreadable> {
        Ok(self.decode_audit(value)?)
    }

    fn dlq(&self, value: &[u8]) -> Result<RegistroDlq, Unreadable> {
        Ok(self.decode_dlq(value)?)
    }

    fn encode_dlq(&self, registro: &RegistroDlq) -> Result<Bytes, String> {
        Codec::encode_dlq(self, registro).map_err(|e| e.to_string())
    }
}
