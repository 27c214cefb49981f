//! The protocol of a transactional client, without the client: what to call next, and what the answer means.
//!
//! ```text
//!  claim ─▶ Init ─▶ ready ◀───────────────────── committed at the first try
//!                     │ begin(transaction)                 ▲
//!                     ▼                                    │
//!                   Begin ─▶ SendOffsets ─▶ Send* ─▶ Commit ┤
//!                              │           │               ├─▶ committed, not at the first try: Init before the next Begin
//!                              └── Abort ◀─┘               └─▶ unknown: spent until the next claim
//!                                    └─▶ aborted: spent until the next claim
//! ```
//! [`Producer::next_call`] says which call to make, the adapter makes that one call, and [`Producer::heard`] takes what came of it. So
//! the same rules drive the simulated adapter, one network round trip at a time, and Kafka's. The rules:
//! * a producer is used again only after a commit that succeeded at the first try. A time-out, a disconnect or a repeated request since
//!   `Begin` may have left a request on its way, and a late commit decides whatever transaction it finds;
//! * an error or time-out of the commit call itself is *unknown*: [`LogError::OutcomeUnknown`](super::LogError::OutcomeUnknown). The call is never
//!   made again and nothing is assumed: the caller claims again, which decides the remnant, and reloads from the log;
//! * what can only be aborted is aborted, then told: [`LogError::Aborted`](super::LogError::Aborted);
//! * a taken place is [`LogError::Fenced`](super::LogError::Fenced);
//! * every transaction of a member carries a position of an owned partition, moved or not: only with one does the broker check the generation.
//!   One that is not moved is the committed one *as fetched since the last transaction that did not end well*: an older one takes the
//!   group back to inputs whose outcomes a commit of unknown outcome did write;
//! * a member that came back to what it had left without a round joins once more: what it let go just before belongs to nobody else yet;
//! * a transaction that lost its standing (a revocation was acknowledged, or the group put the member out) is not committed.
//!
//! What is not here: time, retries of single requests and their bounds. They are the client library's, and the adapter reports a call
//! that needed any as not smooth.

mod membership;
mod outcome;
mod producer;

pub use membership::Membership;
pub use outcome::{Call, Flags, Verdict, verdict};
pub use producer::{Batch, Failure, Heard, Outcome, Producer};

#[cfg(test)]
mod tests;
