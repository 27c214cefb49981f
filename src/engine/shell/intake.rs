//! Intake: reads commands on its own thread, as far as the credits reach.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, Sender, sync_channel},
    },
    time::Duration,
};

use super::processor::Work;
use crate::log::{Delivery, LogError, Subscription, TopicPartition};

/// How long the intake sleeps at most before it looks whether it should stop.
const PATIENCE: Duration = Duration::from_millis(200);

/// How long the epochs in hand may take when partitions are revoked (`architecture.md` section 4).
const REVOCATION: Duration = Duration::from_secs(5);

/// Bytes of commands read and not yet committed: the bound on what waits in memory.
pub struct Credits {
    free: Mutex<usize>,
    total: usize,
    returned: Condvar,
}

impl Credits {
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(total), total, returned: Condvar::new() })
    }

    /// Waits for `bytes` (never more than the whole) for at most `patience`; `false` when they did not come.
    fn take(&self, bytes: usize, patience: Duration) -> bool {
        let wanted = bytes.min(self.total);
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.returned.wait_timeout_while(free, patience, |free| *free < wanted);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *free < wanted {
            return false;
        }
        *free -= wanted;
        true
    }

    /// Gives back what one input took.
    pub fn give_back(&self, bytes: usize) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = (*free + bytes).min(self.total);
        self.returned.notify_one();
    }

    /// Bytes in flight.
    pub fn in_flight(&self) -> usize {
        self.total - *self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Limits of one read.
#[derive(Debug, Clone, Copy)]
pub struct IntakeLimits {
    pub max_records: usize,
    pub max_bytes: usize,
}

/// How an intake is told to end.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    pub stop: &'a AtomicBool,
    /// Whether to leave the group at once then; everything in hand is committed.
    pub leave: &'a AtomicBool,
}

/// Body of the `ingesta` thread: until told to stop or until nobody listens.
///
/// # Errors
/// Those of the log.
pub fn run(
    mut subscription: Box<dyn Subscription>,
    credits: &Credits,
    limits: IntakeLimits,
    inbox: &Sender<Work>,
    end: End<'_>,
) -> Result<(), LogError> {
    let stop = end.stop;
    while !stop.load(Ordering::Acquire) {
        let work = match subscription.poll(limits.max_records, limits.max_bytes, PATIENCE)? {
            Delivery::Idle => continue,
            Delivery::Assigned(partitions) => Work::Assigned(partitions),
            Delivery::Revoked(partitions) => {
                hand_over(partitions, inbox, stop)?;
                continue;
            }
            Delivery::Records(from, records) => {
                let bytes = records.iter().map(|r| r.record.value.len()).sum();
                while !credits.take(bytes, PATIENCE) {
                    if stop.load(Ordering::Acquire) {
                        return Ok(());
                    }
                }
                Work::Inputs { from, records, bytes }
            }
        };
        if inbox.send(work).is_err() {
            return Ok(());
        }
    }
    if end.leave.load(Ordering::Acquire) {
        subscription.leave()?;
    }
    Ok(())
}

/// Waits until the partitions are let go of: the next poll acknowledges the revocation.
fn hand_over(partitions: Vec<TopicPartition>, inbox: &Sender<Work>, stop: &AtomicBool) -> Result<(), LogError> {
    let (done, waiting) = sync_channel(1);
    if inbox.send(Work::Revoked { partitions, done }).is_err() {
        return Ok(());
    }
    let rounds = (REVOCATION.as_millis() / PATIENCE.as_millis()).max(1);
    for _ in 0..rounds {
        match waiting.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) if !stop.load(Ordering::Acquire) => {}
            // Let go of, or the processor is gone and with it whatever it had of them.
            _ => return Ok(()),
        }
    }
    Err(LogError::Unreachable(format!("las épocas de particiones revocadas no se confirmaron en {REVOCATION:?}: se abandonan")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credits_bound_what_is_in_flight_and_come_back() {
        let credits = Credits::new(100);
        assert!(credits.take(60, Duration::ZERO));
        assert!(!credits.take(60, Duration::ZERO));
        credits.give_back(60);
        assert!(credits.take(500, Duration::ZERO), "una entrada mayor que el total toma el total");
        assert_eq!(credits.in_flight(), 100);
    }
}
