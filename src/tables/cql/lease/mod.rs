//! The turn to feed a keyspace: a row that its holder renews, by lightweight transactions.
//!
//! Nobody's clock is compared with another's. The holder counts its lease from before each renewal, and a process that waits counts it from
//! when it last saw the row change, so the first ends before the second. What a process that was frozen sends afterwards is refused by the
//! epoch of the turn: a batch is made once its partition of the journal has taken it under the same epoch (see `recovery`), and what is not
//! of an aggregate's version is written with the epoch as its time.

mod keep;
mod row;

use std::{
    collections::HashMap,
    sync::{
        Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use self::row::Record;
use crate::tables::feeding::{Feeder, Turn};

/// Bits of a write's time that count the writes of one epoch; the epoch is above them.
const STAMP_BITS: u32 = 36;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::valores::Instante;

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
