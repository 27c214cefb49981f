//! Encoding: a closed epoch as the bytes of one transaction, and the rows that become due to the local store once it is durable.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    core::{ClosedEpoch, ClosedEvent, ClosedRow},
    store::{AggregateRow, Payload, StoreError, StoreWrite},
};
use crate::{
    contracts::{Codec, CodecError, RegistroAuditoria, event_type},
    domain::{clave_de, cuarentena::Cola, valores::Instante},
    log::{Header, LogError, OwnerToken, Record, Topic, TopicPartition, Transaction},
};

#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no se pudo codificar {what}: {cause}")]
    Encode { what: &'static str, cause: CodecError },
}

/// Encodes closed epochs; lives on the processor's thread.
pub struct Encoder {
    pub codec: Arc<Codec>,
    pub token: OwnerToken,
    pub group: String,
}

/// An epoch as bytes, on its way to the log.
pub struct EncodedEpoch {
    pub number: u64,
    /// Inputs it decided.
    pub inputs: u32,
    pub transaction: Transaction,
    pub rows: Vec<StoreWrite>,
}

impl Encoder {
    /// Leaves the epoch's buffers empty, for the next one.
    ///
    /// # Errors
    /// When a record cannot be written: a limit was not enforced where it should have been.
    pub fn encode(&self, epoch: &mut ClosedEpoch) -> Result<EncodedEpoch, CommitError> {
        let ClosedEpoch { number, now, inputs, .. } = *epoch;
        let codec = &self.codec;
        let failed = |what| move |cause| CommitError::Encode { what, cause };
        let others = epoch.replies.len() + epoch.snapshots.len() + epoch.rejections.len() + epoch.dead.len() + epoch.remote.len();
        let mut records = Vec::with_capacity(epoch.events.len() + others);
        for event in &epoch.events {
            let value = codec.encode_event(&event.record.sobre, &event.record.evento).map_err(failed("un evento"))?;
            records.push((event.to, event_record(event, value)));
        }
        epoch.events.clear();
        let rows = epoch.rows.drain(..).map(|row| store_row(row, &records)).collect();
        for (to, refusal) in epoch.rejections.drain(..) {
            let key = clave_de(refusal.aggregate_tipo, &refusal.aggregate_id).to_owned();
            let value = codec.encode_audit(&RegistroAuditoria::Rechazo(refusal)).map_err(failed("un rechazo"))?;
            records.push((to, plain(&key, value, now)));
        }
        for (reply, partition) in epoch.replies.drain(..).zip(epoch.reply_partitions.drain(..)) {
            let value = codec.encode_reply(&reply).map_err(failed("una respuesta"))?;
            records.push((TopicPartition::new(Topic::Respuestas, partition), plain(reply.command_id.as_str(), value, now)));
        }
        for (to, letter) in epoch.dead.drain(..) {
            let value = codec.encode_dlq(&letter).map_err(failed("una carta muerta"))?;
            records.push((to, Record { key: letter.clave.clone(), value, headers: Vec::new(), timestamp: now }));
        }
        for (to, key, envelope) in epoch.remote.drain(..) {
            let value = codec.encode_command(&envelope).map_err(failed("un mensaje de saga"))?;
            records.push((to, plain(key.as_str(), value, now)));
        }
        codec.sync_keys().map_err(failed("una clave de datos personales"))?;
        records.extend(epoch.snapshots.drain(..).map(|s| (s.to, plain(s.key.as_str(), s.value, now))));
        let positions = std::mem::take(&mut epoch.positions);
        let transaction = Transaction { token: self.token.clone(), group: self.group.clone(), records, positions };
        Ok(EncodedEpoch { number, inputs, transaction, rows })
    }
}

fn plain(key: &str, value: Bytes, timestamp: Instante) -> Record {
    Record { key: Bytes::copy_from_slice(key.as_bytes()), value, headers: Vec::new(), timestamp }
}

/// CloudEvents 1.0.2, binary mode: the four attributes it requires and no more; the rest is in the envelope.
fn event_record(event: &ClosedEvent, value: Bytes) -> Record {
    let sobre = &event.record.sobre;
    let id = sobre.event_id.hyphenated().to_string();
    let headers = vec![
        Header { name: "ce_specversion", value: Bytes::from_static(b"1.0") },
        Header { name: "ce_type", value: Bytes::from_static(event_type(event.record.evento.tipo()).as_bytes()) },
        Header { name: "ce_source", value: Bytes::from_static(b"/factumarket") },
        Header { name: "ce_id", value: Bytes::from(id) },
    ];
    let key = Bytes::copy_from_slice(clave_de(sobre.aggregate_tipo, &sobre.aggregate_id).as_bytes());
    Record { key, value, headers, timestamp: sobre.ocurrido_en }
}

/// A row as the store takes it; a document's payload is its encoded event.
fn store_row(row: ClosedRow, records: &[(TopicPartition, Record)]) -> StoreWrite {
    match row {
        ClosedRow::Ready(write) => write,
        ClosedRow::Document { key, event, version } => {
            let payload = Payload::Document(records[event as usize].1.value.clone());
            (key, Some(AggregateRow { version, queue: Cola::default(), origin: None, payload }.encode()))
        }
    }
}
