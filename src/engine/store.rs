//! The local state store: what an aggregate was at some committed version, so that a restart folds only the tail of the log.
//!
//! It is a cache of the log in every sense: rows are written only after the epoch that produced them is durable, each may be newer
//! than the checkpoint's positions (folding skips versions already in it), and a missing, older or damaged store is rebuilt from the log.
//!
//! Keys: `A` tipo id = an aggregate; `R` tipo id 0 command_id = the outcome of a client's command; `S` document id = an open saga;
//! `M` = checkpoint positions.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::{Buf, BufMut, Bytes};

use crate::{
    contracts::Huella,
    domain::{
        Direccionado, TipoAgregado,
        cuarentena::{Apartado, Cola},
        valores::{Id, Instante},
    },
    engine::routing::Ownership,
    log::{Position, Topic, TopicPartition},
    tables::kv::{KvError, KvStore},
};

/// Format of the rows below; another one is rebuilt from the log.
const FORMAT: u8 = 1;

/// Write of the store: `None` removes.
pub type StoreWrite = (Vec<u8>, Option<Vec<u8>>);

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("almacén local dañado: {0}; se reconstruye desde el registro")]
    Corrupt(String),
    #[error("almacén local: {0}")]
    Storage(String),
}

/// Hears each row of a scan: key and value.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], Bytes) -> Result<(), StoreError>;

/// Port of the local store. Synchronous: a hit in memory costs about a microsecond.
pub trait StateStore: Send + Sync + 'static {
    /// # Errors
    /// `Corrupt` when the value's checksum fails, `Storage` otherwise.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;
    /// One atomic batch.
    ///
    /// # Errors
    /// `Storage`.
    fn write(&self, batch: Vec<StoreWrite>) -> Result<(), StoreError>;
    /// Every row under a prefix, in key order, handed to `visit`.
    ///
    /// # Errors
    /// `Corrupt`, `Storage`, or what `visit` returns.
    fn scan(&self, prefix: &[u8], visit: Visit<'_>) -> Result<(), StoreError>;
    /// Makes everything written durable.
    ///
    /// # Errors
    /// `Storage`.
    fn flush(&self) -> Result<(), StoreError>;
}

/// A store in memory, for tests and the simulator.
#[derive(Default)]
pub struct MemoryStore {
    rows: Mutex<BTreeMap<Vec<u8>, Bytes>>,
}

impl MemoryStore {
    fn rows(&self) -> std::sync::MutexGuard<'_, BTreeMap<Vec<u8>, Bytes>> {
        self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl StateStore for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.rows().get(key).cloned())
    }

    fn write(&self, batch: Vec<StoreWrite>) -> Result<(), StoreError> {
        let mut rows = self.rows();
        for (key, value) in batch {
            match value {
                Some(value) => rows.insert(key, Bytes::from(value)),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }

    fn scan(&self, prefix: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        let found: Vec<_> = self
            .rows()
            .range(prefix.to_vec()..)
            .take_while(|(k, _)| k.starts_with(prefix))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        found.into_iter().try_for_each(|(key, value)| visit(&key, value))
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Key of an aggregate's row.
pub fn aggregate_key(target: &Direccionado) -> Vec<u8> {
    let id = target.id.as_str().as_bytes();
    let mut key = Vec::with_capacity(2 + id.len());
    key.extend([b'A', target.tipo as u8]);
    key.extend(id);
    key
}

/// Prefix of the rows of every aggregate of a kind.
pub fn aggregates_of(tipo: TipoAgregado) -> [u8; 2] {
    [b'A', tipo as u8]
}

/// The id at the end of an aggregate's key.
///
/// # Errors
/// `Corrupt` when it is not one.
pub fn id_of_aggregate_key(key: &[u8]) -> Result<Id, StoreError> {
    let text = key.get(2..).and_then(|id| std::str::from_utf8(id).ok());
    text.and_then(|t| Id::de_clave(t).ok()).ok_or_else(|| StoreError::Corrupt("clave de agregado ilegible".to_owned()))
}

pub fn memory_key(target: &Direccionado, command_id: &Id) -> Vec<u8> {
    let mut key = vec![b'R', target.tipo as u8];
    key.extend(target.id.as_str().as_bytes());
    key.push(0);
    key.extend(command_id.as_str().as_bytes());
    key
}

pub const MEMORY_PREFIX: &[u8] = b"R";
pub const OPEN_SAGA_PREFIX: &[u8] = b"S";
pub const META_KEY: &[u8] = b"M";

/// The document of an open saga: an invoice, or `factura:nota`.
pub fn open_saga_key(document_id: &Id) -> Vec<u8> {
    let mut key = OPEN_SAGA_PREFIX.to_vec();
    key.extend(document_id.as_str().as_bytes());
    key
}

/// The command that started what a document is doing: what its outcome is answered to.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    pub command_id: Id,
    pub huella: Option<Huella>,
    pub correlation_id: Id,
    pub usuario: Option<Arc<str>>,
    pub recibido_en: Instante,
}

/// What an aggregate's row holds of its state.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// No state: only outcomes are remembered.
    Nothing,
    /// An encoded `Instantanea`.
    Snapshot(Bytes),
    /// The encoded event that carries the whole document.
    Document(Bytes),
}

/// Row of an aggregate.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateRow {
    pub version: u64,
    pub queue: Cola,
    pub origin: Option<Origin>,
    pub payload: Payload,
}

impl AggregateRow {
    pub fn encode(&self) -> Vec<u8> {
        let (kind, payload): (u8, &[u8]) = match &self.payload {
            Payload::Nothing => (0, &[]),
            Payload::Snapshot(bytes) => (1, bytes),
            Payload::Document(bytes) => (2, bytes),
        };
        let mut out = Vec::with_capacity(payload.len() + 64);
        out.put_u8(FORMAT);
        out.put_u64(self.version);
        put_queue(&mut out, &self.queue);
        out.put_u8(u8::from(self.origin.is_some()));
        if let Some(origin) = &self.origin {
            put_text(&mut out, origin.command_id.as_str());
            out.put_u8(u8::from(origin.huella.is_some()));
            out.put_slice(&origin.huella.unwrap_or_default());
            put_text(&mut out, origin.correlation_id.as_str());
            put_text(&mut out, origin.usuario.as_deref().unwrap_or_default());
            out.put_i64(origin.recibido_en.micros());
        }
        out.put_u8(kind);
        out.put_slice(payload);
        out
    }

    /// # Errors
    /// `Corrupt` when the bytes are not a row of this format.
    pub fn decode(mut bytes: Bytes) -> Result<Self, StoreError> {
        let format = take_u8(&mut bytes)?;
        if format != FORMAT {
            return Err(StoreError::Corrupt(format!("formato de fila {format}, se esperaba {FORMAT}")));
        }
        let version = bytes.try_get_u64().map_err(short)?;
        let queue = take_queue(&mut bytes)?;
        let origin = if take_u8(&mut bytes)? == 0 { None } else { Some(take_origin(&mut bytes)?) };
        let payload = match take_u8(&mut bytes)? {
            0 => Payload::Nothing,
            1 => Payload::Snapshot(bytes),
            2 => Payload::Document(bytes),
            other => return Err(StoreError::Corrupt(format!("clase de fila {other}"))),
        };
        Ok(Self { version, queue, origin, payload })
    }
}

/// 0: not in quarantine; 1: in quarantine, and nothing is known to wait; 2: what waits follows.
fn put_queue(out: &mut Vec<u8>, queue: &Cola) {
    let waiting = queue.esperan();
    if waiting.len() == 0 {
        out.put_u8(u8::from(queue.en_cuarentena()));
        return;
    }
    out.put_u8(2);
    out.put_u32(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
    waiting.for_each(|Apartado(id)| out.put_u128(id));
}

fn take_queue(bytes: &mut Bytes) -> Result<Cola, StoreError> {
    let kind = take_u8(bytes)?;
    let waiting = if kind == 2 { bytes.try_get_u32().map_err(short)? } else { 0 };
    let waiting = (0..waiting).map(|_| bytes.try_get_u128().map(Apartado)).collect::<Result<_, _>>().map_err(short)?;
    Ok(Cola::de(kind != 0, waiting))
}

fn take_origin(bytes: &mut Bytes) -> Result<Origin, StoreError> {
    let command_id = take_id(bytes)?;
    let with_huella = take_u8(bytes)? != 0;
    let mut huella = Huella::default();
    bytes.try_copy_to_slice(&mut huella).map_err(short)?;
    let correlation_id = take_id(bytes)?;
    let usuario = take_text(bytes)?;
    let recibido_en = Instante(bytes.try_get_i64().map_err(short)?);
    let usuario = (!usuario.is_empty()).then(|| Arc::from(usuario.as_str()));
    Ok(Origin { command_id, huella: with_huella.then_some(huella), correlation_id, usuario, recibido_en })
}

/// Remembered outcome of a client's command.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryRow {
    pub huella: Option<Huella>,
    pub recibido_en: Instante,
    pub outcome: MemoryOutcome,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MemoryOutcome {
    /// Accepted; the aggregate's version right after.
    Accepted { version: u64 },
    /// Refused: the encoded `ComandoRechazado`.
    Refused(Bytes),
    /// Of a document that went on with another command: the encoded `Respuesta`.
    Replied(Bytes),
}

impl MemoryRow {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.put_u8(FORMAT);
        out.put_i64(self.recibido_en.micros());
        out.put_u8(u8::from(self.huella.is_some()));
        out.put_slice(&self.huella.unwrap_or_default());
        match &self.outcome {
            MemoryOutcome::Accepted { version } => {
                out.put_u8(0);
                out.put_u64(*version);
            }
            MemoryOutcome::Refused(bytes) => {
                out.put_u8(1);
                out.put_slice(bytes);
            }
            MemoryOutcome::Replied(bytes) => {
                out.put_u8(2);
                out.put_slice(bytes);
            }
        }
        out
    }

    /// # Errors
    /// `Corrupt` when the bytes are not a row of this format.
    pub fn decode(mut bytes: Bytes) -> Result<Self, StoreError> {
        let format = take_u8(&mut bytes)?;
        if format != FORMAT {
            return Err(StoreError::Corrupt(format!("formato de fila {format}, se esperaba {FORMAT}")));
        }
        let recibido_en = Instante(bytes.try_get_i64().map_err(short)?);
        let with_huella = take_u8(&mut bytes)? != 0;
        let mut huella = Huella::default();
        bytes.try_copy_to_slice(&mut huella).map_err(short)?;
        let outcome = match take_u8(&mut bytes)? {
            0 => MemoryOutcome::Accepted { version: bytes.try_get_u64().map_err(short)? },
            1 => MemoryOutcome::Refused(bytes),
            2 => MemoryOutcome::Replied(bytes),
            other => return Err(StoreError::Corrupt(format!("clase de recuerdo {other}"))),
        };
        Ok(Self { huella: with_huella.then_some(huella), recibido_en, outcome })
    }
}

/// Checkpoint: for each partition that recovery folds, the position up to which its records are in the store.
pub type Positions = BTreeMap<TopicPartition, Position>;

/// The row of a checkpoint: for each owned partition of a context, how far its events are in the store (`eventos.X/n`) and how far the
/// refusals of its aggregates are (`comandos.X/n`, a position of `auditoria/n`, which the contexts share); for others, what was known.
pub fn checkpoint_row(ends: &Positions, carried: &Positions, ownership: &Ownership) -> StoreWrite {
    let mut positions = carried.clone();
    for (contexto, partition) in ownership.owned() {
        let at = |topic| ends.get(&TopicPartition::new(topic, partition)).copied().unwrap_or_default();
        positions.insert(TopicPartition::new(Topic::Eventos(contexto), partition), at(Topic::Eventos(contexto)));
        positions.insert(TopicPartition::new(Topic::Comandos(contexto), partition), at(Topic::Auditoria));
    }
    (META_KEY.to_vec(), Some(encode_positions(&positions)))
}

pub fn encode_positions(positions: &Positions) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + positions.len() * 12);
    out.put_u8(FORMAT);
    for (tp, position) in positions {
        out.put_u16(tp.topic.codigo());
        out.put_u16(tp.partition);
        out.put_u64(*position);
    }
    out
}

/// # Errors
/// `Corrupt` when the bytes are not a checkpoint of this format.
pub fn decode_positions(mut bytes: Bytes) -> Result<Positions, StoreError> {
    if take_u8(&mut bytes)? != FORMAT {
        return Err(StoreError::Corrupt("punto de control de otro formato".to_owned()));
    }
    let mut positions = Positions::new();
    while bytes.has_remaining() {
        let topic = Topic::de_codigo(bytes.try_get_u16().map_err(short)?);
        let topic = topic.ok_or_else(|| StoreError::Corrupt("tema desconocido en el punto de control".to_owned()))?;
        let partition = bytes.try_get_u16().map_err(short)?;
        positions.insert(TopicPartition::new(topic, partition), bytes.try_get_u64().map_err(short)?);
    }
    Ok(positions)
}

fn short(_: bytes::TryGetError) -> StoreError {
    StoreError::Corrupt("fila incompleta".to_owned())
}

fn take_u8(bytes: &mut Bytes) -> Result<u8, StoreError> {
    bytes.try_get_u8().map_err(short)
}

/// Texts of a row: at most 255 bytes (ids, users). A longer one loses its end, by whole characters.
fn put_text(out: &mut Vec<u8>, text: &str) {
    let kept = &text[..text.floor_char_boundary(255)];
    out.put_u8(kept.len() as u8);
    out.put_slice(kept.as_bytes());
}

fn take_text(bytes: &mut Bytes) -> Result<String, StoreError> {
    let length = usize::from(take_u8(bytes)?);
    if bytes.remaining() < length {
        return Err(StoreError::Corrupt("texto incompleto".to_owned()));
    }
    String::from_utf8(bytes.split_to(length).to_vec()).map_err(|_| StoreError::Corrupt("texto ilegible".to_owned()))
}

fn take_id(bytes: &mut Bytes) -> Result<Id, StoreError> {
    Id::de_clave(&take_text(bytes)?).map_err(|_| StoreError::Corrupt("id ilegible".to_owned()))
}

impl From<KvError> for StoreError {
    fn from(error: KvError) -> Self {
        match error {
            KvError::Corrupt { .. } => Self::Corrupt(error.to_string()),
            other => Self::Storage(other.to_string()),
        }
    }
}

impl StateStore for KvStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(KvStore::get(self, key)?)
    }

    fn write(&self, batch: Vec<StoreWrite>) -> Result<(), StoreError> {
        Ok(KvStore::write(self, batch)?)
    }

    fn scan(&self, prefix: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        for item in self.scan_prefix(prefix) {
            let (key, value) = item?;
            visit(&key, value)?;
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(KvStore::flush(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).expect("id")
    }

    #[test]
    fn rows_come_back_as_they_were_written() {
        let origin = Origin {
            command_id: id("c-1"),
            huella: Some([7; 16]),
            correlation_id: id("flujo"),
            usuario: Some(Arc::from("ana")),
            recibido_en: Instante(1_700_000_000_000_000),
        };
        let waiting = vec![Apartado(1), Apartado(u128::MAX)];
        let queues = [Cola::default(), Cola::de(true, Vec::new()), Cola::de(true, waiting)];
        for payload in
            [Payload::Nothing, Payload::Snapshot(Bytes::from_static(b"abc")), Payload::Document(Bytes::from_static(b"xyz"))]
        {
            for origin in [None, Some(origin.clone())] {
                for queue in queues.clone() {
                    let row = AggregateRow { version: 9, queue, origin: origin.clone(), payload: payload.clone() };
                    assert_eq!(AggregateRow::decode(row.encode().into()).expect("row"), row);
                }
            }
        }
        let outcomes = [
            MemoryOutcome::Accepted { version: 3 },
            MemoryOutcome::Refused(Bytes::from_static(b"no")),
            MemoryOutcome::Replied(Bytes::from_static(b"si")),
        ];
        for outcome in outcomes {
            let row = MemoryRow { huella: Some([1; 16]), recibido_en: Instante(5), outcome };
            assert_eq!(MemoryRow::decode(row.encode().into()).expect("row"), row);
        }
    }

    #[test]
    fn every_truncation_is_an_error_or_a_shorter_payload_and_never_a_panic() {
        let origin = Origin { command_id: id("c"), huella: None, correlation_id: id("f"), usuario: None, recibido_en: Instante(1) };
        let row =
            AggregateRow { version: 1, queue: Cola::de(true, vec![Apartado(9)]), origin: Some(origin), payload: Payload::Nothing };
        let row = Bytes::from(row.encode());
        for length in 0..row.len() {
            assert!(AggregateRow::decode(row.slice(..length)).is_err(), "{length}");
        }
    }

    #[test]
    fn positions_come_back_in_order() {
        let positions: Positions = Topic::todos().map(|t| (TopicPartition::new(t, 3), u64::from(t.codigo()) * 10)).collect();
        assert_eq!(decode_positions(encode_positions(&positions).into()).expect("positions"), positions);
    }
}
