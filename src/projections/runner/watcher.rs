//! The watcher: one thread that sleeps until the log grows and wakes the sinks that are behind.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use super::{actor::SinkHandle, partition::Shared};

/// How often the thread looks whether it must stop while nothing is written.
const STOP_CHECK: Duration = Duration::from_millis(250);

pub fn spawn(handles: Arc<[Arc<SinkHandle>]>, shared: Arc<Shared>) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("proy-vigia".to_owned()).spawn(move || watch(&handles, &shared))
}

fn watch(handles: &[Arc<SinkHandle>], shared: &Shared) {
    let mut seen = 0;
    let partitions: Vec<_> = handles.iter().map(|handle| handle.partition).collect();
    if let Err(error) = shared.log.watch(&partitions) {
        tracing::warn!(evento = "vigia_sin_avisos", causa = %error, "lo que escriban otros procesos se verá cada {STOP_CHECK:?}");
    }
    let mut wait = Duration::ZERO;
    while !shared.stopping.load(Ordering::Acquire) {
        seen = shared.log.wait_stable(seen, wait);
        wait = wake_those_behind(handles, shared).unwrap_or(STOP_CHECK).min(STOP_CHECK);
    }
}

/// Wakes the sinks whose turn it is; when to look again although the log does not grow, if any was behind.
fn wake_those_behind(handles: &[Arc<SinkHandle>], shared: &Shared) -> Option<Duration> {
    let now = shared.options.clock.monotonic();
    let mut look_again: Option<Duration> = None;
    let partitions: Vec<_> = handles.iter().map(|handle| handle.partition).collect();
    let stable = shared.log.stable_ends(&partitions);
    for (place, handle) in handles.iter().enumerate() {
        // A failure of the log shows in the sink's own step.
        let behind = stable.as_ref().map_or(1, |ends| ends.get(place).map_or(0, |end| end.saturating_sub(handle.next())));
        if behind == 0 {
            continue;
        }
        let mut left = shared.options.pace.saturating_sub(handle.idle(now));
        if behind >= shared.options.eager_records || left.is_zero() {
            handle.wake();
            left = shared.options.pace;
        }
        look_again = Some(look_again.map_or(left, |s| s.min(left)));
    }
    look_again
}
