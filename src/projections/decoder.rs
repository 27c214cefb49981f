//! The codec as projections use it.

use bytes::Bytes;

use super::projection::Decoder;
use crate::contracts::{Codec, RecordedEvent, RegistroAuditoria, RegistroDlq};

impl Decoder for Codec {
    fn event(&self, value: &[u8]) -> Result<RecordedEvent, String> {
        self.decode_event(value).map_err(|e| e.to_string())
    }

    fn audit(&self, value: &[u8]) -> Result<RegistroAuditoria, String> {
        self.decode_audit(value).map_err(|e| e.to_string())
    }

    fn dlq(&self, value: &[u8]) -> Result<RegistroDlq, String> {
        self.decode_dlq(value).map_err(|e| e.to_string())
    }

    fn encode_dlq(&self, registro: &RegistroDlq) -> Result<Bytes, String> {
        Codec::encode_dlq(self, registro).map_err(|e| e.to_string())
    }
}
