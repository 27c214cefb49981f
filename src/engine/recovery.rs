//! Recovery: from the local store and the tail of the log (warm), or from the whole log (cold), to a core that can decide.
//!
//! Warm reads the checkpoint's positions, the catalogues and the open sagas, and folds what came after; its time does not grow with
//! the history. Cold folds everything into a new store: snapshots first, then every event, skipping bodies that a snapshot covers.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    core::{Core, CoreError, CoreLimits, Refold},
    routing::Ownership,
    store::{self, AggregateRow, Positions, StateStore, StoreError},
};
use crate::{
    contracts::{Codec, CodecError},
    domain::{
        Contexto, Direccionado, TipoAgregado,
        emisor::Emisor,
        valores::{Id, Instante},
    },
    log::{Log, LogError, Topic, TopicPartition},
};

/// Bytes asked of the log at a time.
const CHUNK_BYTES: usize = 1 << 20;
const MILLIS_PER_DAY: i64 = 86_400_000;

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error(transparent)]
    Core(#[from] CoreError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("el almacén local va por delante del registro en {0}: se reconstruye")]
    AheadOfLog(TopicPartition),
}

impl RecoveryError {
    /// Whether dropping the local store and folding the whole log can help.
    pub fn is_of_the_store(&self) -> bool {
        matches!(self, Self::AheadOfLog(_) | Self::Core(CoreError::Store(_) | CoreError::State { .. } | CoreError::Hole { .. }))
    }
}

impl From<StoreError> for RecoveryError {
    fn from(error: StoreError) -> Self {
        Self::Core(error.into())
    }
}

/// What a core is made of besides the log.
#[derive(Clone)]
pub struct CoreParts {
    pub emisor: Arc<Emisor>,
    pub codec: Arc<Codec>,
    pub store: Arc<dyn StateStore>,
    pub ownership: Ownership,
    pub limits: CoreLimits,
}

/// What recovery did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    pub cold: bool,
    pub records: u64,
    pub folded: u64,
    pub skipped: u64,
    pub bad_snapshots: u64,
    pub open_sagas: usize,
}

/// Records read and records to read, as far as known.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Builds a core that stands where the log stands.
///
/// # Errors
/// Those of log and store; [`RecoveryError::is_of_the_store`] says whether a new store helps.
pub fn recover(
    log: &dyn Log,
    parts: CoreParts,
    now: Instante,
    progress: Progress<'_>,
) -> Result<(Core, RecoveryReport), RecoveryError> {
    let CoreParts { emisor, codec, store, ownership, limits } = parts;
    let from = match store.get(store::META_KEY)? {
        Some(bytes) => Some(store::decode_positions(bytes)?),
        None => None,
    };
    let ends = stable_ends(log, &ownership)?;
    let start = from.clone().unwrap_or_default();
    if let Some((ahead, _)) = start.iter().find(|(tp, position)| ends.get(tp).is_some_and(|end| *position > end)) {
        return Err(RecoveryError::AheadOfLog(*ahead));
    }
    let remember_from = now.mas_milis(-limits.memory_days * MILLIS_PER_DAY);
    let mut core = Core::new(emisor, Arc::clone(&codec), Arc::clone(&store), ownership.clone(), limits, ends.clone());
    let mut report = RecoveryReport { cold: from.is_none(), ..RecoveryReport::default() };
    if report.cold {
        adopt_snapshots(log, &codec, &ownership, &mut core, &mut report)?;
    } else {
        adopt_catalogues(&*store, &mut core)?;
    }
    let total = ends.iter().map(|(tp, end)| end - start.get(tp).copied().unwrap_or_default().min(*end)).sum();
    let mut refold = Refold::since(remember_from);
    for (tp, end) in &ends {
        let first = start.get(tp).copied().unwrap_or_default();
        read_range(log, *tp, first, *end, &mut |value| {
            report.records += 1;
            if report.records.is_multiple_of(4_096) {
                progress(report.records, total);
            }
            match tp.topic {
                Topic::Auditoria => core.refold_audit(&mut refold, value)?,
                _ => core.refold(&mut refold, value)?,
            }
            Ok(())
        })?;
    }
    (report.folded, report.skipped) = (refold.events, refold.skipped);
    core.finish_refold(refold, ends)?;
    report.open_sagas = core.arm_open_sagas(open_sagas(&*store)?)?;
    progress(report.records, report.records);
    Ok((core, report))
}

/// Durable ends of every partition that recovery folds: events of what is owned, and the refusals.
fn stable_ends(log: &dyn Log, ownership: &Ownership) -> Result<Positions, LogError> {
    let mut partitions: Vec<TopicPartition> =
        ownership.owned().map(|(contexto, partition)| TopicPartition::new(Topic::Eventos(contexto), partition)).collect();
    let mut numbers: Vec<u16> = ownership.owned().map(|(_, partition)| partition).collect();
    numbers.sort_unstable();
    numbers.dedup();
    partitions.extend(numbers.into_iter().map(|partition| TopicPartition::new(Topic::Auditoria, partition)));
    // Catalogues and ranges first: nothing depends on the order, but a reader of the progress sees the small ones go by.
    partitions.into_iter().map(|tp| Ok((tp, log.watermarks(tp)?.stable))).collect()
}

/// Hands every record of `[from, to)` to `visit`, in chunks.
fn read_range(
    log: &dyn Log,
    tp: TopicPartition,
    from: u64,
    to: u64,
    visit: &mut dyn FnMut(&Bytes) -> Result<(), RecoveryError>,
) -> Result<(), RecoveryError> {
    let mut next = from.max(log.watermarks(tp)?.first);
    while next < to {
        let chunk = log.read(tp, next, CHUNK_BYTES)?;
        if chunk.is_empty() {
            return Ok(());
        }
        for stored in chunk {
            if stored.position >= to {
                return Ok(());
            }
            next = stored.position + 1;
            visit(&stored.record.value)?;
        }
    }
    Ok(())
}

/// Cold start: the newest readable snapshot of each aggregate. One that cannot be read is skipped with a warning: its events are folded.
fn adopt_snapshots(
    log: &dyn Log,
    codec: &Codec,
    ownership: &Ownership,
    core: &mut Core,
    report: &mut RecoveryReport,
) -> Result<(), RecoveryError> {
    for (contexto, partition) in ownership.owned().filter(|(contexto, _)| *contexto != Contexto::Facturacion) {
        let tp = TopicPartition::new(Topic::Instantaneas(contexto), partition);
        let end = log.watermarks(tp)?.stable;
        read_range(log, tp, 0, end, &mut |value| {
            match codec.decode_snapshot(value) {
                Ok(snapshot) => core.adopt_snapshot(snapshot)?,
                Err(cause) => skip_snapshot(tp, &cause, report),
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn skip_snapshot(tp: TopicPartition, cause: &CodecError, report: &mut RecoveryReport) {
    report.bad_snapshots += 1;
    tracing::warn!(evento = "instantanea_ilegible", particion = %tp, causa = %cause, "se ignora una instantánea y se pliegan sus eventos");
}

/// Warm start: what decisions read of the catalogues must be whole before the first of them.
fn adopt_catalogues(store: &dyn StateStore, core: &mut Core) -> Result<(), RecoveryError> {
    const WHOLE: [TipoAgregado; 5] = [
        TipoAgregado::Producto,
        TipoAgregado::Descuento,
        TipoAgregado::Sucursal,
        TipoAgregado::Bodega,
        TipoAgregado::RangoNumeracion,
    ];
    for tipo in WHOLE {
        let mut rows: Vec<(Id, AggregateRow)> = Vec::new();
        store.scan(&store::aggregates_of(tipo), &mut |key, value| {
            rows.push((store::id_of_aggregate_key(key)?, AggregateRow::decode(value)?));
            Ok(())
        })?;
        for (id, row) in rows {
            core.adopt_row(Direccionado::new(tipo, id), row)?;
        }
    }
    Ok(())
}

fn open_sagas(store: &dyn StateStore) -> Result<Vec<Id>, RecoveryError> {
    let mut ids = Vec::new();
    store.scan(store::OPEN_SAGA_PREFIX, &mut |key, _| {
        let text = std::str::from_utf8(&key[store::OPEN_SAGA_PREFIX.len()..]).ok();
        let id = text.and_then(|t| Id::de_clave(t).ok());
        ids.push(id.ok_or_else(|| StoreError::Corrupt("clave de saga ilegible".to_owned()))?);
        Ok(())
    })?;
    Ok(ids)
}
