//! Time and entropy as ports: nothing in `domain` or `engine` reads the machine's.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use uuid::Uuid;

use crate::domain::valores::Instante;

pub trait Clock: Send + Sync + 'static {
    /// Wall clock: what `recibido_en` and `ocurrido_en` say.
    fn now(&self) -> Instante;
    /// Monotonic time since an arbitrary start: what deadlines and measurements use.
    fn monotonic(&self) -> Duration;
}

pub trait Ids: Send + Sync + 'static {
    /// A UUIDv7 of now.
    fn uuid_v7(&self) -> Uuid;
}

/// The machine's clock.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now() })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instante {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instante(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A wall clock that stands still at one instant (`servir --reloj`); monotonic time still flows.
pub struct FixedClock {
    at: Instante,
    start: Instant,
}

impl FixedClock {
    pub fn new(at: Instante) -> Arc<Self> {
        Arc::new(Self { at, start: Instant::now() })
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Instante {
        self.at
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// The machine's entropy.
pub struct SystemIds;

impl Ids for SystemIds {
    fn uuid_v7(&self) -> Uuid {
        Uuid::now_v7()
    }
}
