//! Shells around the core: threads and actors that wait for input, for the disk and for time.
//!
//! ```text
//! ingesta ──inputs──▶ motor (core) ──closed epochs──▶ registro ──log.commit──▶ respuestas ──▶ whoever waits
//!    ▲ credits            ▲────────────acks────────────────┘
//! ```
//! Threads are named so that CPU can be accounted for: `ingesta`, `motor`, `registro`, `respuestas`.

pub mod committer;
pub mod gateway;
pub mod intake;
pub mod metrics;
pub mod patience;
pub mod processor;
pub mod progress;
pub mod replies;
pub mod supervisor;
