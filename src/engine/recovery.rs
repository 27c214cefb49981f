//! Recovery: from the local store and the tail of the log (warm), or from the whole log (cold), to a core that can decide.
//!
//! Warm reads the checkpoint's positions, the catalogues and the open sagas, and folds what came after; its time does not grow with
//! the history. Cold folds everything into a new store: snapshots first, then every event, skipping bodies that a snapshot covers.
//! A partition that was not this node's when the checkpoint was written is cold by itself: the others stay warm.
//!
//! The order matters (`architecture.md` section 4): the assignment brings the stable committed positions; then the high watermark of
//! each partition to fold is taken ([`Restore::aim`]); then the log is read up to *that*, not up to what happens to be stable
//! ([`Restore::undecided`] waits for it). Whatever a predecessor left undecided ends below that watermark, in or out.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    core::{Checkpoint, Core, CoreError, CoreLimits, Refold},
    routing::Ownership,
    store::{self, AggregateRow, Positions, StateStore, StoreError},
};
use crate::{
    contracts::{Codec, CodecError},
    defectos::{Defecto, plantado},
    domain::{
        Contexto, Direccionado, TipoAgregado,
        emisor::Emisor,
        valores::{Id, Instante},
    },
    log::{Log, LogError, Position, Topic, TopicPartition, Watermarks},
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

/// What a core is made of besides the log and what it owns.
#[derive(Clone)]
pub struct CoreParts {
    pub emisor: Arc<Emisor>,
    pub codec: Arc<Codec>,
    pub store: Arc<dyn StateStore>,
    pub limits: CoreLimits,
}

/// What recovery did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Nothing was in the local store.
    pub cold: bool,
    pub records: u64,
    pub folded: u64,
    pub skipped: u64,
    pub bad_snapshots: u64,
    pub open_sagas: usize,
}

/// Records read and records to read, as far as known.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// A core on its way: what it will own and up to where the log must be folded before it may decide.
#[derive(Debug)]
pub struct Restore {
    ownership: Ownership,
    /// High watermarks, when they were taken, of what is folded: events of what is owned, and the refusals.
    ends: Positions,
    /// The same of the catalogues and ranges of other nodes.
    followed: Positions,
    /// First positions that are still there.
    firsts: Positions,
    /// Next positions of the owned command partitions.
    consumed: Positions,
}

impl Restore {
    /// Takes the watermarks. Call it after the assignment, with nothing in hand. The positions must be stable ones: those of what was kept
    /// over a rebalance may have been moved by this node a moment ago.
    ///
    /// # Errors
    /// Those of the log.
    pub fn aim(log: &dyn Log, group: &str, ownership: Ownership) -> Result<Self, LogError> {
        let mut commands: Vec<TopicPartition> = Vec::new();
        let mut folded: Vec<TopicPartition> = Vec::new();
        for (contexto, partition) in ownership.owned() {
            commands.push(TopicPartition::new(Topic::Comandos(contexto), partition));
            folded.push(TopicPartition::new(Topic::Eventos(contexto), partition));
            folded.push(TopicPartition::new(Topic::Auditoria, partition));
        }
        folded.sort_unstable();
        folded.dedup();
        let positions = log.positions_of(group, &commands)?.into_iter().map(Option::unwrap_or_default);
        let consumed = commands.iter().copied().zip(positions).collect();
        let mut firsts = Positions::new();
        let ends = targets(log, &folded, &mut firsts)?;
        let followed = targets(log, &ownership.followed().collect::<Vec<_>>(), &mut firsts)?;
        Ok(Self { ownership, ends, followed, firsts, consumed })
    }

    /// The first partition in which something below its watermark is not decided yet, committed or not, with its stable end.
    ///
    /// # Errors
    /// Those of the log.
    pub fn undecided(&self, log: &dyn Log) -> Result<Option<(TopicPartition, Position)>, LogError> {
        let (partitions, wanted): (Vec<_>, Vec<_>) = self.ends.iter().chain(&self.followed).map(|(tp, end)| (*tp, *end)).unzip();
        let stable = log.stable_ends(&partitions)?;
        Ok(partitions.into_iter().zip(stable).zip(wanted).find(|((_, stable), end)| stable < end).map(|(found, _)| found))
    }

    /// Builds the core. With it, the next positions to follow of other nodes' catalogues.
    ///
    /// # Errors
    /// Those of log and store; [`RecoveryError::is_of_the_store`] says whether a new store helps.
    pub fn fold(
        self,
        log: &dyn Log,
        parts: CoreParts,
        now: Instante,
        progress: Progress<'_>,
    ) -> Result<(Core, Positions, RecoveryReport), RecoveryError> {
        let CoreParts { emisor, codec, store, limits } = parts;
        let Self { ownership, ends, followed, firsts, consumed } = self;
        let known = match store.get(store::META_KEY)? {
            Some(bytes) => Some(store::decode_positions(bytes)?),
            None => None,
        };
        let mut report = RecoveryReport { cold: known.is_none(), ..RecoveryReport::default() };
        let Start { from, carried, cold } = start(&ownership, known.unwrap_or_default());
        if let Some((ahead, _)) = from.iter().find(|(tp, position)| ends.get(tp).is_some_and(|end| *position > end)) {
            return Err(RecoveryError::AheadOfLog(*ahead));
        }
        let remember_from = now.mas_milis(-limits.memory_days * MILLIS_PER_DAY);
        let checkpoint = Checkpoint::new(ends.clone(), carried, consumed);
        let mut core = Core::new(emisor, Arc::clone(&codec), Arc::clone(&store), ownership.clone(), limits, checkpoint);
        adopt_catalogues(&*store, &ownership, &mut core)?;
        let begin = |tp: &TopicPartition| firsts.get(tp).max(from.get(tp)).copied().unwrap_or_default();
        let snapshots = snapshots_of(log, &cold)?;
        let to_fold = ends.iter().map(|(tp, end)| end - begin(tp).min(*end)).sum::<u64>();
        let total = to_fold + snapshots.iter().map(|(_, marks)| marks.stable - marks.first).sum::<u64>();
        let mut done = Done { count: 0, total, progress };
        adopt_snapshots(log, &codec, &snapshots, &mut core, &mut report, &mut done)?;
        let mut refold = Refold::since(remember_from);
        let mut ranges = ranges_to(&ends, begin);
        let folded = ranges.len();
        ranges.extend(ranges_to(&followed, |tp| firsts.get(tp).copied().unwrap_or_default()));
        for (place, (tp, first)) in ranges[..folded].iter().enumerate() {
            log.foresee(&ranges[place..]);
            read_range(log, *tp, *first, ends[tp], &mut |value| {
                report.records += 1;
                done.one_more();
                match tp.topic {
                    Topic::Auditoria => core.refold_audit(&mut refold, value)?,
                    _ => core.refold(&mut refold, value)?,
                }
                Ok(())
            })?;
        }
        (report.folded, report.skipped) = (refold.events, refold.skipped);
        core.finish_refold(refold)?;
        for (place, (tp, first)) in ranges.iter().enumerate().skip(folded) {
            log.foresee(&ranges[place..]);
            read_range(log, *tp, *first, followed[tp], &mut |value| Ok(core.follow(value)?))?;
        }
        report.open_sagas = core.arm_open_sagas(open_sagas(&*store)?)?;
        Ok((core, followed, report))
    }
}

/// Records read so far, of so many: positions, some of which hold marks of transactions and no record.
struct Done<'a> {
    count: u64,
    total: u64,
    progress: Progress<'a>,
}

impl Done<'_> {
    fn one_more(&mut self) {
        self.count += 1;
        if self.count.is_multiple_of(4_096) {
            (self.progress)(self.count, self.total);
        }
    }
}

/// Where the fold of each partition must reach: the high watermark. `firsts` learns where it may begin.
fn targets(log: &dyn Log, partitions: &[TopicPartition], firsts: &mut Positions) -> Result<Positions, LogError> {
    let end = |marks: &Watermarks| if plantado(Defecto::RestaurarHastaLso) { marks.stable } else { marks.end };
    let marks = log.watermarks_of(partitions)?;
    firsts.extend(partitions.iter().copied().zip(marks.iter().map(|marks| marks.first)));
    Ok(partitions.iter().copied().zip(marks.iter().map(end)).collect())
}

/// Where the fold of each partition begins.
struct Start {
    from: Positions,
    /// Positions of partitions that are not owned: kept for the day they are again.
    carried: Positions,
    /// Owned partitions that the store knows nothing of.
    cold: Vec<(Contexto, u16)>,
}

/// Reads a checkpoint (see [`store::checkpoint_row`]) for what is owned now.
fn start(ownership: &Ownership, known: Positions) -> Start {
    let mut carried = known;
    let (mut from, mut cold) = (Positions::new(), Vec::new());
    for (contexto, partition) in ownership.owned() {
        let events = TopicPartition::new(Topic::Eventos(contexto), partition);
        let refusals = carried.remove(&TopicPartition::new(Topic::Comandos(contexto), partition)).unwrap_or_default();
        match carried.remove(&events) {
            Some(position) => _ = from.insert(events, position),
            None => cold.push((contexto, partition)),
        }
        // The contexts share `auditoria/n`: from where the one that knows least of it stands.
        let audit = from.entry(TopicPartition::new(Topic::Auditoria, partition)).or_insert(refusals);
        *audit = if plantado(Defecto::RechazosPorParticion) { refusals.max(*audit) } else { refusals.min(*audit) };
    }
    Start { from, carried, cold }
}

/// Where there is something to read before the end, with where that begins.
fn ranges_to(ends: &Positions, begin: impl Fn(&TopicPartition) -> Position) -> Vec<(TopicPartition, Position)> {
    ends.iter()
        .map(|(tp, end)| (*tp, begin(tp), *end))
        .filter(|(_, first, end)| first < end)
        .map(|(tp, first, _)| (tp, first))
        .collect()
}

/// Hands every record of `[from, to)` to `visit`, in chunks.
pub(super) fn read_range(
    log: &dyn Log,
    tp: TopicPartition,
    from: u64,
    to: u64,
    visit: &mut dyn FnMut(&Bytes) -> Result<(), RecoveryError>,
) -> Result<(), RecoveryError> {
    let mut next = from;
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

/// Where the snapshots of cold partitions are; documents have none.
fn snapshots_of(log: &dyn Log, cold: &[(Contexto, u16)]) -> Result<Vec<(TopicPartition, Watermarks)>, LogError> {
    let with_snapshots = cold.iter().filter(|(contexto, _)| *contexto != Contexto::Facturacion);
    with_snapshots
        .map(|(contexto, partition)| {
            let tp = TopicPartition::new(Topic::Instantaneas(*contexto), *partition);
            Ok((tp, log.watermarks(tp)?))
        })
        .collect()
}

/// Cold partitions: the newest readable snapshot of each aggregate. One that cannot be read is skipped with a warning: its events are
/// folded.
fn adopt_snapshots(
    log: &dyn Log,
    codec: &Codec,
    snapshots: &[(TopicPartition, Watermarks)],
    core: &mut Core,
    report: &mut RecoveryReport,
    done: &mut Done<'_>,
) -> Result<(), RecoveryError> {
    for (tp, marks) in snapshots {
        read_range(log, *tp, marks.first, marks.stable, &mut |value| {
            done.one_more();
            match codec.decode_snapshot(value) {
                Ok(snapshot) => core.adopt_snapshot(snapshot)?,
                Err(cause) => skip_snapshot(*tp, &cause, report),
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

/// What decisions read of the catalogues must be whole before the first of them.
fn adopt_catalogues(store: &dyn StateStore, ownership: &Ownership, core: &mut Core) -> Result<(), RecoveryError> {
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
            let target = Direccionado::new(tipo, id);
            // Rows of an aggregate that is another node's now are as old as the day it left.
            if ownership.is_local(&target) {
                core.adopt_row(target, row)?;
            }
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
