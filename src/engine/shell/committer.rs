//! Commit: an epoch's records as one transaction, then the rows that became due to the local store.
//!
//! Encoding stays on the processor's thread: what the core allocated is freed where it is warm, and only bytes change threads (ADR 1).

use std::sync::{
    Arc,
    mpsc::{Receiver, Sender},
};

use bytes::Bytes;

use super::{metrics::EngineMetrics, processor::Work};
use crate::{
    contracts::{Codec, CodecError, RegistroAuditoria, event_type},
    domain::{clave_de, valores::Instante},
    engine::{
        core::{ClosedEpoch, ClosedEvent, ClosedRow},
        ports::Clock,
        store::{AggregateRow, Payload, StateStore, StoreError, StoreWrite},
    },
    log::{Header, Log, LogError, OwnerToken, Record, Topic, TopicPartition, Transaction},
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
    pub transaction: Transaction,
    pub rows: Vec<StoreWrite>,
}

/// Writes encoded epochs; lives on the `registro` thread.
pub struct Committer {
    pub log: Arc<dyn Log>,
    pub store: Arc<dyn StateStore>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<EngineMetrics>,
}

impl Committer {
    /// Body of the thread: one epoch after the other, until the core lets go or one fails.
    pub fn run(&self, epochs: &Receiver<EncodedEpoch>, inbox: &Sender<Work>) {
        while let Ok(epoch) = epochs.recv() {
            let number = epoch.number;
            let work = match self.commit(epoch) {
                Ok(ends) => Work::Committed { number, ends },
                Err(error) => Work::CommitFailed(error),
            };
            let failed = matches!(work, Work::CommitFailed(_));
            if inbox.send(work).is_err() || failed {
                return;
            }
        }
    }

    fn commit(&self, epoch: EncodedEpoch) -> Result<Vec<(TopicPartition, u64)>, CommitError> {
        let committing = self.clock.monotonic();
        let committed = self.log.commit(epoch.transaction)?;
        let storing = self.clock.monotonic();
        self.metrics.stage("confirmar").observe((storing - committing).as_secs_f64());
        if !epoch.rows.is_empty() {
            self.store.write(epoch.rows)?;
            self.metrics.stage("guardar").observe((self.clock.monotonic() - storing).as_secs_f64());
        }
        Ok(committed.ends)
    }
}

impl Encoder {
    /// # Errors
    /// When a record cannot be written: a limit was not enforced where it should have been.
    pub fn encode(&self, epoch: ClosedEpoch) -> Result<EncodedEpoch, CommitError> {
        let ClosedEpoch {
            number,
            now,
            events,
            replies,
            reply_partitions,
            rejections,
            dead,
            remote,
            snapshots,
            positions,
            rows,
            ..
        } = epoch;
        let codec = &self.codec;
        let failed = |what| move |cause| CommitError::Encode { what, cause };
        let mut records = Vec::with_capacity(events.len() + replies.len() + snapshots.len() + rejections.len() + dead.len());
        for event in &events {
            let value = codec.encode_event(&event.record.sobre, &event.record.evento).map_err(failed("un evento"))?;
            records.push((event.to, event_record(event, value)));
        }
        let rows = rows.into_iter().map(|row| store_row(row, &records)).collect();
        for (to, refusal) in rejections {
            let key = clave_de(refusal.aggregate_tipo, &refusal.aggregate_id).to_owned();
            let value = codec.encode_audit(&RegistroAuditoria::Rechazo(refusal)).map_err(failed("un rechazo"))?;
            records.push((to, plain(&key, value, now)));
        }
        for (reply, partition) in replies.into_iter().zip(reply_partitions) {
            let value = codec.encode_reply(&reply).map_err(failed("una respuesta"))?;
            records.push((TopicPartition::new(Topic::Respuestas, partition), plain(reply.command_id.as_str(), value, now)));
        }
        for (to, letter) in dead {
            let value = codec.encode_dlq(&letter).map_err(failed("una carta muerta"))?;
            records.push((to, Record { key: letter.clave.clone(), value, headers: Vec::new(), timestamp: now }));
        }
        for (to, key, envelope) in remote {
            let value = codec.encode_command(&envelope).map_err(failed("un mensaje de saga"))?;
            records.push((to, plain(key.as_str(), value, now)));
        }
        records.extend(snapshots.into_iter().map(|s| (s.to, plain(s.key.as_str(), s.value, now))));
        let transaction = Transaction { token: self.token.clone(), group: self.group.clone(), records, positions };
        Ok(EncodedEpoch { number, transaction, rows })
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
            (key, Some(AggregateRow { version, quarantined: false, origin: None, payload }.encode()))
        }
    }
}
