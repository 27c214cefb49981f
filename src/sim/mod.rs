//! The simulator: the production core, lanes, sagas, recovery and projections over a simulated cluster, several nodes in one thread, driven
//! by one seed. The last line of every change (`reliability.md` section 4).
//!
//! What runs is what ships: [`crate::engine::lane`], [`crate::engine::core`], the codec, the transactional protocol of the log, the sinks
//! of the projections. What is simulated is around it: the cluster ([`crate::log::simulated`]), the disk of the local store, the tables,
//! the clock, the clients, and the scheduler that lets one of them at a time do one small step.
//!
//! The same seed with the same settings happens the same, to the byte: nothing here reads a clock, entropy, or the order of a hash map.

mod checks;
mod clients;
mod faults;
mod node;
mod plan;
mod rng;
mod shrink;
mod sinks;
mod store;
mod trace;
mod world;

use std::{
    any::Any,
    cell::RefCell,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use self::trace::Trace;
pub use self::{
    faults::{Counts, Fault},
    plan::{Plan, Settings},
    rng::splitmix64,
    shrink::{Shrunk, shrink},
    world::{Kit, Outcome},
};
use crate::{
    contracts::{Codec, EmbeddedRegistry, RegistryError},
    domain::emisor::Emisor,
    log::simulated::ClusterStats,
};

/// Settings limits, stated by the command line.
pub const COMMANDS_MAX: u32 = 1_000;
pub const NODES_MAX: u32 = 8;

impl Kit {
    /// # Errors
    /// When the schemas of this build are not right.
    pub fn new() -> Result<Self, RegistryError> {
        let codec = Codec::new(&EmbeddedRegistry::in_memory())?;
        let older = Arc::new(codec.as_older(1));
        Ok(Self { codec: Arc::new(codec), older, emisor: Arc::new(Emisor::co()) })
    }
}

/// How much of what happens is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Nothing,
    /// A digest of every line.
    Digest,
    Lines,
}

/// Runs one seed. A panic in what is simulated is a finding like any other. With it, the lines of the trace if they were kept.
pub fn run(kit: &Kit, seed: u64, settings: &Settings, keep: Keep) -> (Outcome, Vec<String>) {
    let mut trace = match keep {
        Keep::Nothing => Trace::none(),
        Keep::Digest => Trace::digest(),
        Keep::Lines => Trace::lines(),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| world::run(kit, seed, settings, &mut trace)));
    let outcome = outcome.unwrap_or_else(|panic| Outcome {
        plan: Plan::draw(seed, settings),
        findings: vec![format!("pánico: {}", text_of(&*panic))],
        faults: Counts::default(),
        cluster: ClusterStats::default(),
        steps: trace.steps(),
        commands: u64::from(settings.commands),
        events: 0,
        invoices: 0,
        epochs: 0,
        digest: trace.sum(),
    });
    (outcome, trace.take_lines())
}

thread_local! {
    /// Where the last panic of this thread was.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From now on panics are findings and nothing is printed of them. For a process that only simulates.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        LAST_PANIC.with_borrow_mut(|last| *last = place);
    }));
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    let place = LAST_PANIC.with_borrow_mut(std::mem::take);
    format!("{} {place}", text.unwrap_or_else(|| "sin mensaje".to_owned()))
}
