//! The turn to feed a keyspace: a row that its holder renews, by lightweight transactions.
//!
//! Nobody's clock is compared with another's. The holder counts its lease from before each renewal, and a process that waits counts it from
//! when it last saw the row change, so the first ends before the second. What a process that was frozen sends afterwards is refused by the
//! epoch of the turn: a batch is made once its partition of the journal has taken it under the same epoch (see `recovery`), and what is not
//! of an aggregate's version is written with the epoch as its time.

use std::{
    collections::HashMap,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use scylla::value::{CqlValue, MaybeUnset, Row};

use super::{
    ddl,
    shared::Shared,
    values::{Bound, number},
};
use crate::{
    domain::valores::Instante,
    tables::{
        TablesError,
        feeding::{Feeder, Holder, Turn},
    },
};

/// The only turn there is.
const ROLE: &str = "proyecciones";
/// Bits of a write's time that count the writes of one epoch; the epoch is above them.
const STAMP_BITS: u32 = 36;
/// Longest wait between two looks of a process that waits.
const LOOK_AT_MOST: Duration = Duration::from_secs(1);
/// How long giving the turn up may take.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

/// What this process knows of the turn.
pub(super) struct Lease {
    feeder: OnceLock<Feeder>,
    /// Of this process alone.
    instance: String,
    state: Mutex<State>,
    changed: Condvar,
    /// Writes of which the time is an epoch.
    stamps: AtomicU64,
    /// The epoch in which each partition of the log was closed to those before.
    fenced: Mutex<HashMap<(u16, u16), u64>>,
    seizing: tokio::sync::Mutex<()>,
}

struct State {
    turn: Turn,
    /// Until when the turn is this process's; `None`: nobody contends for it.
    until: Option<Instant>,
}

/// The row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    epoch: u64,
    instance: String,
    place: String,
    log: String,
    who: String,
    since: Instante,
    lease: Duration,
    beat: u64,
}

/// What a process that waits has seen.
#[derive(Default)]
struct Watch {
    /// The row, and when it was first seen as it is.
    seen: Option<(Record, Instant)>,
    /// Whether it ever saw the holder renew it.
    alive: bool,
    /// Whether the row was read before: only a process that starts knows that the one before it in its place is gone.
    looked: bool,
    settled: bool,
    beat: u64,
}

impl Lease {
    pub(super) fn new() -> Self {
        let why = "todavía no se ha preguntado".to_owned();
        Self {
            feeder: OnceLock::new(),
            instance: uuid::Uuid::now_v7().to_string(),
            state: Mutex::new(State { turn: Turn::Unknown { why }, until: None }),
            changed: Condvar::new(),
            stamps: AtomicU64::new(0),
            fenced: Mutex::default(),
            seizing: tokio::sync::Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn turn(&self) -> Turn {
        self.state().now()
    }

    /// The epoch of the turn, while it is this process's.
    fn held(&self) -> Option<u64> {
        match self.state().now() {
            Turn::Mine { holder } => Some(holder.epoch),
            _ => None,
        }
    }

    /// The epoch that this process took, whether or not its lease ran out since.
    fn taken(&self) -> Option<u64> {
        match &self.state().turn {
            Turn::Mine { holder } | Turn::Expired { holder } => Some(holder.epoch),
            _ => None,
        }
    }

    fn set(&self, turn: Turn, until: Option<Instant>) {
        let mut state = self.state();
        // Given up for good: what a look found meanwhile changes nothing.
        if state.turn != Turn::Released {
            *state = State { turn, until };
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The tables do not answer. A turn that was taken stays so until it runs out.
    fn away(&self, why: String) {
        let now = self.turn();
        match now {
            Turn::Mine { .. } | Turn::Released => return,
            Turn::Expired { holder } => {
                if matches!(self.state().turn, Turn::Mine { .. }) {
                    tracing::warn!(
                        evento = "turno_vencido",
                        causa = why,
                        epoca = holder.epoch,
                        "no se pudo renovar el turno de alimentar las tablas: no se escribe nada hasta renovarlo"
                    );
                    self.set(Turn::Expired { holder }, None);
                }
            }
            Turn::Waiting { .. } => {}
            _ => self.set(Turn::Unknown { why }, None),
        }
        self.changed.notify_all();
    }

    /// Waits until the turn is this process's, or will not be soon.
    pub(super) fn wait(&self, patience: Duration) -> Turn {
        let settled = |state: &mut State| {
            !matches!(state.now(), Turn::Mine { .. } | Turn::Foreign { .. } | Turn::Released | Turn::Waiting { alive: true, .. })
        };
        let waited = self.changed.wait_timeout_while(self.state(), patience, settled);
        waited.unwrap_or_else(PoisonError::into_inner).0.now()
    }

    /// The time of a write that any of a later epoch, and any later one of this, covers.
    pub(super) fn stamp(&self, epoch: u64) -> i64 {
        let count = self.stamps.fetch_add(1, Ordering::Relaxed);
        i64::try_from((epoch << STAMP_BITS).saturating_add(count)).unwrap_or(i64::MAX)
    }

    pub(super) fn fenced_in(&self, topic: u16, partition: u16) -> Option<u64> {
        self.fenced.lock().unwrap_or_else(PoisonError::into_inner).get(&(topic, partition)).copied()
    }

    pub(super) fn fence(&self, topic: u16, partition: u16, epoch: u64) {
        self.fenced.lock().unwrap_or_else(PoisonError::into_inner).insert((topic, partition), epoch);
    }
}

impl State {
    fn now(&self) -> Turn {
        match &self.turn {
            Turn::Mine { holder } if self.until.is_some_and(|until| Instant::now() >= until) => {
                Turn::Expired { holder: holder.clone() }
            }
            turn => turn.clone(),
        }
    }
}

impl Record {
    fn read(row: Row) -> Option<Self> {
        let mut columns = row.columns.into_iter();
        let epoch = whole(columns.next()?)?;
        let mut text = || match columns.next()? {
            Some(CqlValue::Text(text)) => Some(text),
            _ => None,
        };
        let (instance, place, log, who) = (text()?, text()?, text()?, text()?);
        let since = whole(columns.next()?)?;
        let lease = Duration::from_millis(whole(columns.next()?)?);
        let beat = whole(columns.next()?)?;
        Some(Self { epoch, instance, place, log, who, since: Instante(since.cast_signed()), lease, beat })
    }

    fn holder(&self) -> Holder {
        Holder { who: self.who.clone(), since: self.since, epoch: self.epoch, lease: self.lease }
    }

    fn bound(&self) -> Vec<Bound> {
        let millis = i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX);
        let texts = [&self.instance, &self.place, &self.log, &self.who].map(|value| text(value));
        let mut bound = vec![number(self.epoch.cast_signed())];
        bound.extend(texts);
        bound.extend([number(self.since.0), number(millis), number(self.beat.cast_signed())]);
        bound
    }
}

fn whole(value: Option<CqlValue>) -> Option<u64> {
    match value {
        Some(CqlValue::BigInt(number)) => u64::try_from(number).ok(),
        _ => None,
    }
}

fn text(value: &str) -> Bound {
    MaybeUnset::Set(Some(CqlValue::Text(value.to_owned())))
}

/// The wall clock, for people.
fn now() -> Instante {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Instante(i64::try_from(micros).unwrap_or(i64::MAX))
}

impl Watch {
    /// Takes in the row as it was just read; how long it has been as it is.
    fn see(&mut self, record: &Record) -> Duration {
        match &self.seen {
            Some((seen, since)) if seen == record => since.elapsed(),
            before => {
                self.alive = before.as_ref().is_some_and(|(seen, _)| seen.instance == record.instance);
                self.seen = Some((record.clone(), Instant::now()));
                Duration::ZERO
            }
        }
    }
}

impl Shared {
    /// The epoch in which this process may write now.
    pub(super) async fn epoch(&self) -> Result<u64, TablesError> {
        match self.lease.held() {
            Some(epoch) => Ok(epoch),
            None if self.options.seize && self.lease.feeder.get().is_none() => self.seize().await,
            None => Err(self.elsewhere()),
        }
    }

    /// Whether the turn is still the one of this epoch.
    pub(super) fn still(&self, epoch: u64) -> Result<(), TablesError> {
        if self.lease.held() == Some(epoch) { Ok(()) } else { Err(self.elsewhere()) }
    }

    /// The database refused a write of this epoch: another has begun, whatever this process believes.
    pub(super) fn overtaken(&self, epoch: u64) -> TablesError {
        if self.lease.taken() == Some(epoch) {
            tracing::warn!(evento = "turno_perdido", epoca = epoch, "otro proceso alimenta ya las tablas: éste no escribe más");
            self.lease.set(Turn::Unknown { why: "otro proceso tomó el turno".to_owned() }, None);
        }
        self.elsewhere()
    }

    /// Why this process does not write, for the user.
    pub(super) fn elsewhere(&self) -> TablesError {
        let space = &self.options.keyspace;
        TablesError::Elsewhere(match self.lease.turn() {
            Turn::Waiting { holder, .. } => format!(
                "las tablas del keyspace «{space}» las alimenta {} desde {}: este proceso espera, y sigue él cuando aquél se detenga o calle \
                 {} s; si no debe haber dos, detenga uno o quítele el papel «proyecciones»",
                holder.who,
                holder.since.rfc3339(),
                holder.lease.as_secs_f64()
            ),
            Turn::Foreign { log } => format!(
                "el keyspace «{space}» tiene las tablas de otro registro ({log}): ponga en tablas.espacio el de esta instalación, o bórrelo \
                 para llenarlo del registro de ésta"
            ),
            Turn::Expired { .. } => format!(
                "este proceso no pudo renovar a tiempo su turno de alimentar el keyspace «{space}»: no escribe hasta renovarlo; revise que la \
                 base responda"
            ),
            Turn::Unknown { why } => format!("no se sabe todavía si este proceso puede alimentar el keyspace «{space}»: {why}"),
            Turn::Mine { .. } => format!("el turno de alimentar el keyspace «{space}» cambió a mitad de un lote, que se repite"),
            Turn::Released => format!("este proceso ya no alimenta el keyspace «{space}»"),
        })
    }

    /// Asks for the turn and keeps it, for as long as the process lives.
    pub(super) async fn keep_turn(self: Arc<Self>, feeder: Feeder) {
        // Only the first one.
        if self.lease.feeder.set(feeder.clone()).is_err() {
            return;
        }
        let mut watch = Watch::default();
        while self.lease.turn() != Turn::Released {
            let asked = tokio::time::timeout(feeder.lease / 3, self.look(&feeder, &mut watch)).await;
            let wait = match asked {
                Ok(Ok(())) => feeder.lease / 4,
                Ok(Err(error)) => {
                    self.lease.away(error.to_string());
                    feeder.lease / 20
                }
                Err(_) => {
                    self.lease.away("la base de datos de las tablas no responde a tiempo".to_owned());
                    feeder.lease / 20
                }
            };
            tokio::time::sleep(wait.min(LOOK_AT_MOST)).await;
        }
    }

    async fn look(&self, feeder: &Feeder, watch: &mut Watch) -> Result<(), TablesError> {
        let link = self.link().await?;
        if !watch.settled {
            self.settle(link, &[]).await?;
            watch.settled = true;
        }
        if let Some(epoch) = self.lease.taken() {
            return self.renew(feeder, epoch, watch).await;
        }
        let Some(record) = self.record().await? else {
            return self.take(feeder, None).await.map(drop);
        };
        let still_for = watch.see(&record);
        let reborn = !watch.looked && feeder.place.as_ref() == Some(&record.place);
        watch.looked = true;
        if feeder.log.as_ref().is_some_and(|log| !record.log.is_empty() && *log != record.log) {
            self.tell_foreign(record.log);
            return Ok(());
        }
        let nobody = record.instance.is_empty() || record.instance == self.lease.instance;
        if nobody || reborn || still_for >= record.lease {
            return self.take(feeder, Some(&record)).await.map(drop);
        }
        self.tell_waiting(&record, watch.alive);
        Ok(())
    }

    fn tell_foreign(&self, log: String) {
        let turn = Turn::Foreign { log };
        if self.lease.turn() != turn {
            self.lease.set(turn, None);
            tracing::error!(evento = "keyspace_ajeno", "{}", self.elsewhere());
        }
    }

    fn tell_waiting(&self, record: &Record, alive: bool) {
        let new = !matches!(self.lease.turn(), Turn::Waiting { holder, .. } if holder == record.holder());
        self.lease.set(Turn::Waiting { holder: record.holder(), alive }, None);
        if new {
            tracing::warn!(evento = "turno_ajeno", epoca = record.epoch, "{}", self.elsewhere());
        }
    }

    async fn renew(&self, feeder: &Feeder, epoch: u64, watch: &mut Watch) -> Result<(), TablesError> {
        let text = format!("UPDATE {}{} SET latido = ? WHERE papel = ? IF epoca = ?", self.space, ddl::FEEDER);
        let begun = Instant::now();
        watch.beat += 1;
        let bound = vec![number(watch.beat.cast_signed()), role(), number(epoch.cast_signed())];
        if !self.link().await?.decide(&text, bound).await? {
            *watch = Watch { looked: true, settled: true, ..Watch::default() };
            self.overtaken(epoch);
            return Ok(());
        }
        let late = matches!(self.lease.turn(), Turn::Expired { .. });
        let (Turn::Mine { holder } | Turn::Expired { holder }) = self.lease.turn() else { return Ok(()) };
        self.lease.set(Turn::Mine { holder }, Some(begun + useful(feeder.lease)));
        if late {
            tracing::warn!(evento = "turno_renovado", epoca = epoch, "se vuelve a alimentar las tablas: nadie lo hizo entretanto");
        }
        Ok(())
    }

    /// Takes the turn after the one of a row, if the row is still as it was seen; the new epoch.
    async fn take(&self, feeder: &Feeder, after: Option<&Record>) -> Result<Option<u64>, TablesError> {
        let begun = Instant::now();
        let kept = |log: &Option<String>| log.clone().or_else(|| after.map(|record| record.log.clone())).unwrap_or_default();
        let next = Record {
            epoch: after.map_or(1, |record| record.epoch + 1),
            instance: self.lease.instance.clone(),
            place: feeder.place.clone().unwrap_or_default(),
            log: kept(&feeder.log),
            who: feeder.who.clone(),
            since: now(),
            lease: feeder.lease,
            beat: 0,
        };
        if !self.write_record(&next, after).await? {
            return Ok(None);
        }
        self.begin(&next, Some(begun + useful(feeder.lease)));
        match after {
            Some(record) if !record.instance.is_empty() => tracing::warn!(
                evento = "turno_tomado",
                epoca = next.epoch,
                de = record.who,
                desde = record.since.rfc3339(),
                "este proceso alimenta las tablas desde ahora, en lugar de uno que no se despidió"
            ),
            _ => tracing::info!(evento = "turno_tomado", epoca = next.epoch, "este proceso alimenta las tablas"),
        }
        Ok(Some(next.epoch))
    }

    /// What an earlier turn of this process knew of rows is of no use: another may have emptied them meanwhile.
    fn begin(&self, record: &Record, until: Option<Instant>) {
        self.forget_what_was_written();
        self.lease.set(Turn::Mine { holder: record.holder() }, until);
    }

    /// Takes the turn for whoever says that nobody else feeds the keyspace.
    async fn seize(&self) -> Result<u64, TablesError> {
        let _one = self.lease.seizing.lock().await;
        loop {
            if let Some(epoch) = self.lease.held() {
                return Ok(epoch);
            }
            let after = self.record().await?;
            let next = Record {
                epoch: after.as_ref().map_or(1, |record| record.epoch + 1),
                instance: String::new(),
                place: String::new(),
                log: after.as_ref().map(|record| record.log.clone()).unwrap_or_default(),
                who: "nadie".to_owned(),
                since: now(),
                lease: Duration::ZERO,
                beat: 0,
            };
            if self.write_record(&next, after.as_ref()).await? {
                self.begin(&next, None);
            }
        }
    }

    /// Gives the turn up.
    pub(super) async fn release_turn(&self) -> Result<(), TablesError> {
        let taken = self.lease.taken();
        self.lease.set(Turn::Released, None);
        let Some(epoch) = taken else { return Ok(()) };
        let text = format!("UPDATE {}{} SET titular = ? WHERE papel = ? IF epoca = ?", self.space, ddl::FEEDER);
        let given = async { self.link().await?.decide(&text, vec![text_of_nobody(), role(), number(epoch.cast_signed())]).await };
        match tokio::time::timeout(RELEASE_PATIENCE, given).await {
            Ok(given) => given.map(drop),
            // Whoever waits takes it when its lease ends.
            Err(_) => Ok(()),
        }
    }

    async fn record(&self) -> Result<Option<Record>, TablesError> {
        let text = format!(
            "SELECT epoca, titular, lugar, registro, quien, desde, plazo_ms, latido FROM {}{} WHERE papel = ?",
            self.space,
            ddl::FEEDER
        );
        let found = self.link().await?.decided(&text, vec![role()]).await?;
        let unreadable = || TablesError::Corrupt { table: ddl::FEEDER, what: "el turno no se lee".to_owned() };
        found.into_iter().next().map(|row| Record::read(row).ok_or_else(unreadable)).transpose()
    }

    async fn write_record(&self, next: &Record, after: Option<&Record>) -> Result<bool, TablesError> {
        let link = self.link().await?;
        let mut bound = next.bound();
        bound.push(role());
        let Some(after) = after else {
            let text = format!(
                "INSERT INTO {}{} (epoca, titular, lugar, registro, quien, desde, plazo_ms, latido, papel) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
                 IF NOT EXISTS",
                self.space,
                ddl::FEEDER
            );
            return link.decide(&text, bound).await;
        };
        let text = format!(
            "UPDATE {}{} SET epoca = ?, titular = ?, lugar = ?, registro = ?, quien = ?, desde = ?, plazo_ms = ?, latido = ? WHERE papel = ? \
             IF epoca = ? AND latido = ?",
            self.space,
            ddl::FEEDER
        );
        bound.extend([number(after.epoch.cast_signed()), number(after.beat.cast_signed())]);
        link.decide(&text, bound).await
    }
}

fn role() -> Bound {
    text(ROLE)
}

fn text_of_nobody() -> Bound {
    text("")
}

/// How much of its lease a holder uses: clocks do not run at the same pace.
fn useful(lease: Duration) -> Duration {
    lease - lease / 10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u64, beat: u64) -> Record {
        Record {
            epoch,
            instance: "uno".to_owned(),
            place: String::new(),
            log: String::new(),
            who: "nodo-1".to_owned(),
            since: Instante(0),
            lease: Duration::from_secs(1),
            beat,
        }
    }

    #[test]
    fn a_lease_that_ran_out_is_not_held_and_is_still_known_as_taken() {
        let lease = Lease::new();
        assert_eq!((lease.held(), lease.taken()), (None, None));
        lease.set(Turn::Mine { holder: record(3, 0).holder() }, Some(Instant::now() + Duration::from_secs(60)));
        assert_eq!(lease.held(), Some(3));
        lease.set(Turn::Mine { holder: record(3, 0).holder() }, Some(Instant::now()));
        assert_eq!((lease.held(), lease.taken()), (None, Some(3)));
        lease.set(Turn::Released, None);
        lease.set(Turn::Mine { holder: record(4, 0).holder() }, None);
        assert_eq!(lease.turn(), Turn::Released, "quien lo entregó no vuelve a tenerlo");
    }

    #[test]
    fn a_write_of_a_later_epoch_covers_every_one_of_those_before() {
        let (old, new) = (Lease::new(), Lease::new());
        let late: Vec<i64> = (0..1_000).map(|_| old.stamp(7)).collect();
        assert!(late.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(new.stamp(8) > late[999]);
    }

    #[test]
    fn a_row_that_changes_is_seen_alive_and_its_time_begins_again() {
        let mut watch = Watch::default();
        assert_eq!(watch.see(&record(1, 0)), Duration::ZERO);
        assert!(!watch.alive, "una fila vista una vez no dice que nadie viva");
        watch.see(&record(1, 0));
        assert!(!watch.alive);
        assert_eq!(watch.see(&record(1, 1)), Duration::ZERO);
        assert!(watch.alive);
    }
}
