//! The simulated log: a cluster in memory with the semantics of Kafka's transactions and consumer groups, and with its faults.
//!
//! Everything is deterministic: time is passed in ([`SimulatedLog::advance`]), chance is asked of [`Fates`], and whatever happens by
//! itself happens in the order (time, when it was planned).
//!
//! # What is modelled
//! * **Partitions.** Records of real bytes; markers occupy positions, so readers meet gaps; high watermark and last stable offset; what is
//!   open, aborted or not replicated is read by nobody (every reader here is read_committed). A leader appends a produced batch of
//!   a known sequence once; a fail-over loses the tail that was not acknowledged.
//! * **Transaction coordinator**, as Kafka ≥ 4 treats clients of the first protocol: fencing by `InitProducerId`, which aborts what the
//!   holder had open; abort by age, with a new epoch; markers that reach one partition after the other, CONCURRENT_TRANSACTIONS meanwhile;
//!   records and positions of partitions and groups that the open transaction does not have are refused. EndTxn knows only producer,
//!   epoch and state: late or repeated it decides whatever it finds open, also torn. The opposite of what was decided is INVALID_TXN_STATE.
//! * **Group coordinator**: generations, instances, sessions, cooperative rounds. Positions in a transaction are checked for member and
//!   generation, *not* for ownership. Committed positions are fetched stable: not while a transaction holds one of them back.
//! * **Network**: each request is delivered, lost, answered in vain, late, or doubled, as [`Fates`] says. The client library in front of
//!   it repeats a request a bounded number of times, then calls the call timed out.
//! * **Broker**: down for a while, leader fail-over, clocks that jump.
//!
//! # What is not
//! Replicas as such (a tail is either replicated or not), the coordinators' own fail-overs (their state is as durable as a partition's;
//! a broker that is down takes them along), batches of several partitions in one produce request, more than one request of a client on
//! its way at a time but for late and doubled ones, fetch sessions, compaction, quotas.
//!
//! # How to drive it
//! A simulator makes one [`SimulatedLog`], a [`Client`] for each node, and steps them as it likes: [`Client::poll`], and
//! [`Client::begin_claim`] or [`Client::begin_commit`] followed by [`Client::step`]s, each at most one round trip. [`Client::wakes_at`]
//! and [`SimulatedLog::next_event`] say how far time may go when nobody can do anything now. A crash is dropping the client; a frozen
//! process is a client that is not stepped. [`Log`](super::Log) on top of it blocks and runs everything to its end.

mod client;
mod cluster;
mod coordinator;
mod fates;
mod group;
mod partition;
mod port;
mod request;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

pub use self::{
    client::{Client, ClientOptions, Step},
    fates::{Api, Fate, Fates, Micros, NoFaults, Portion, RequestInfo},
    request::Metadata,
};
use self::{cluster::Cluster, port::Locals};
use super::{LogError, Position, Record, Topic, TopicPartition};

/// How the cluster and its clients are set up. Times in µs.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Partitions of comandos, eventos, instantaneas, dlq and auditoria topics.
    pub partitions: u16,
    /// Partitions of respuestas.
    pub reply_partitions: u16,
    /// Age at which the coordinator aborts a transaction.
    pub transaction_timeout: Micros,
    /// Silence after which a member is out of its group.
    pub session_timeout: Micros,
    /// How long a round of joining waits for the slowest.
    pub rebalance_timeout: Micros,
    /// Time between two heartbeats of a client; 0: at every poll and step.
    pub heartbeat_interval: Micros,
    /// How long a client waits for one answer.
    pub request_timeout: Micros,
    /// Times a client sends the same request when no answer comes.
    pub request_attempts: u32,
    /// How long a client asks again after answers that say so.
    pub call_timeout: Micros,
    /// Pause of a client before it asks again.
    pub retry_backoff: Micros,
    /// Age in µs after which consumed records of comandos go.
    pub command_retention: i64,
    /// Age in µs after which records of respuestas go.
    pub reply_retention: i64,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        const SECOND: Micros = 1_000_000;
        Self {
            partitions: 4,
            reply_partitions: 4,
            transaction_timeout: 10 * SECOND,
            session_timeout: 10 * SECOND,
            rebalance_timeout: 15 * SECOND,
            heartbeat_interval: 0,
            request_timeout: SECOND,
            request_attempts: 3,
            call_timeout: 20 * SECOND,
            retry_backoff: 5_000,
            command_retention: 7 * 86_400 * SECOND as i64,
            reply_retention: 3_600 * SECOND as i64,
        }
    }
}

impl ClusterOptions {
    /// Number of partitions of a topic.
    pub fn partitions(&self, topic: Topic) -> u16 {
        match topic {
            Topic::Respuestas => self.reply_partitions,
            Topic::Claves => 1,
            _ => self.partitions,
        }
    }
}

/// What happened in a cluster so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClusterStats {
    /// Transactions decided for commit, and for abort.
    pub committed: u64,
    pub aborted: u64,
    pub committed_records: u64,
    /// Open transactions aborted for their age.
    pub expired: u64,
    /// Open transactions aborted because their id was taken.
    pub fenced_open: u64,
    /// EndTxn requests that decided the records of another transaction than the one they were meant for.
    pub misdecided: u64,
    /// Transactions with records decided for commit without the position of any group.
    pub without_position: u64,
    /// Transactions decided for commit that changed aggregates of a partition without holding a position of its commands back.
    pub unheld: u64,
    /// Requests that arrived when nobody waited for them any more.
    pub late_requests: u64,
    pub rebalances: u64,
    /// Members put out for their silence.
    pub sessions_lost: u64,
    pub fail_overs: u64,
    /// Records lost by fail-overs; none was acknowledged.
    pub truncated_records: u64,
    /// Fetches of positions that had to wait for a transaction.
    pub unstable_fetches: u64,
}

impl ClusterStats {
    /// The counts with their names in reports.
    pub fn by_name(&self) -> [(&'static str, u64); 14] {
        [
            ("transacciones confirmadas", self.committed),
            ("transacciones abortadas", self.aborted),
            ("registros confirmados", self.committed_records),
            ("transacciones vencidas", self.expired),
            ("transacciones abiertas que otro abortó", self.fenced_open),
            ("transacciones decididas por otro EndTxn", self.misdecided),
            ("transacciones confirmadas sin posición", self.without_position),
            ("transacciones que no retuvieron lo que cambiaron", self.unheld),
            ("peticiones que llegaron tarde", self.late_requests),
            ("repartos de particiones", self.rebalances),
            ("sesiones perdidas", self.sessions_lost),
            ("conmutaciones", self.fail_overs),
            ("registros sin acuse perdidos", self.truncated_records),
            ("posiciones inestables", self.unstable_fetches),
        ]
    }

    pub fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.aborted += other.aborted;
        self.committed_records += other.committed_records;
        self.expired += other.expired;
        self.fenced_open += other.fenced_open;
        self.misdecided += other.misdecided;
        self.without_position += other.without_position;
        self.unheld += other.unheld;
        self.late_requests += other.late_requests;
        self.rebalances += other.rebalances;
        self.sessions_lost += other.sessions_lost;
        self.fail_overs += other.fail_overs;
        self.truncated_records += other.truncated_records;
        self.unstable_fetches += other.unstable_fetches;
    }
}

struct Shared {
    cluster: Mutex<Cluster>,
    /// Something became readable, or a group changed.
    changed: Condvar,
    /// Threads that wait for it. A simulation has none, and wakes nobody thousands of times a second.
    waiting: AtomicUsize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits. Call it after letting the cluster go.
    fn announce(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.changed.notify_all();
        }
    }

    /// Waits for the next news, at most so long.
    fn wait_for_news(&self, cluster: MutexGuard<'_, Cluster>, timeout: Duration) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        drop(self.changed.wait_timeout(cluster, timeout));
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Waits at most so long, unless `unless` says that there is no need.
    fn wait<'a>(
        &self,
        cluster: MutexGuard<'a, Cluster>,
        timeout: Duration,
        unless: impl Fn(&Cluster) -> bool,
    ) -> MutexGuard<'a, Cluster> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let waited = self.changed.wait_timeout_while(cluster, timeout, |cluster| !unless(cluster));
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A process's view of the cluster. Clones share it; [`SimulatedLog::another_process`] shares the cluster only.
#[derive(Clone)]
pub struct SimulatedLog {
    shared: Arc<Shared>,
    /// What the blocking port keeps.
    locals: Arc<Mutex<Locals>>,
}

impl SimulatedLog {
    /// An empty cluster.
    ///
    /// # Panics
    /// When a topic would have no partition, or a time-out is 0.
    pub fn new(options: ClusterOptions, fates: Box<dyn Fates>) -> Self {
        assert!(options.partitions > 0 && options.reply_partitions > 0, "un tema tiene al menos una partición");
        assert!(options.request_timeout > 0 && options.request_attempts > 0, "un cliente espera algo y lo intenta una vez");
        assert!(
            options.transaction_timeout > 0 && options.session_timeout > 0 && options.rebalance_timeout > 0,
            "plazos mayores que 0"
        );
        let cluster = Mutex::new(Cluster::new(options, fates));
        Self { shared: Arc::new(Shared { cluster, changed: Condvar::new(), waiting: AtomicUsize::new(0) }), locals: Arc::default() }
    }

    /// The same cluster as another process sees it: what this one claimed and joined is not known there.
    pub fn another_process(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), locals: Arc::default() }
    }

    /// A client of one node. It sends nothing yet.
    pub fn client(&self, options: ClientOptions) -> Client {
        Client::new(Arc::clone(&self.shared), options)
    }

    /// Simulated time.
    pub fn now(&self) -> Micros {
        self.shared.lock().now
    }

    /// Lets time pass; whatever is due on the way happens in its order. Time never goes back.
    pub fn advance(&self, to: Micros) {
        self.shared.lock().advance(to);
        self.shared.announce();
    }

    /// When something happens by itself next: a late request, a marker, a time-out.
    pub fn next_event(&self) -> Option<Micros> {
        self.shared.lock().next_event()
    }

    /// From now on these decide.
    pub fn set_fates(&self, fates: Box<dyn Fates>) {
        self.shared.lock().fates = fates;
    }

    /// The broker answers nobody until `until`; its timers wait for it too.
    pub fn take_down(&self, until: Micros) {
        self.shared.lock().take_down(until);
    }

    /// The broker answers again.
    pub fn bring_up(&self) {
        self.shared.lock().bring_up();
    }

    /// A new leader for the partition: what was not acknowledged is lost.
    ///
    /// # Errors
    /// `UnknownPartition`.
    pub fn fail_over(&self, partition: TopicPartition) -> Result<(), LogError> {
        let mut cluster = self.shared.lock();
        let place = cluster.place(partition)?;
        cluster.fail_over(place);
        Ok(())
    }

    /// The coordinator aborts the open transaction of an owner, as when it is too old. Whether there was one.
    pub fn expire_transaction(&self, owner: &str) -> bool {
        self.shared.lock().expire_now(owner)
    }

    /// The coordinators' wall clock jumps by so many µs.
    pub fn jump_clock(&self, by: i64) {
        self.shared.lock().jump_clock(by);
    }

    /// Whether a transaction is open or being decided anywhere.
    pub fn has_unsettled(&self) -> bool {
        self.shared.lock().has_unsettled()
    }

    pub fn stats(&self) -> ClusterStats {
        self.shared.lock().stats
    }

    /// The groups, for a trace.
    pub fn describe_groups(&self) -> String {
        format!("{:?}", self.shared.lock().groups)
    }

    /// Appends outside any transaction, once, in one request of `node`.
    ///
    /// # Errors
    /// Limits, `UnknownPartition`: nothing was sent. `OutcomeUnknown`: no answer; the records may be there, come later, or never.
    pub fn produce(&self, node: u32, records: Vec<(TopicPartition, Record)>) -> Result<Vec<Position>, LogError> {
        let produced = port::produce(&mut self.shared.lock(), node, records);
        self.shared.announce();
        produced
    }
}
