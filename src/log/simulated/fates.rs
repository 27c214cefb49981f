//! What the simulator decides: the fate of every request, and every choice that a real cluster leaves to chance.

/// Simulated time in microseconds, from 0.
pub type Micros = u64;

/// Kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    InitProducerId,
    AddPartitionsToTxn,
    Produce,
    AddOffsetsToTxn,
    TxnOffsetCommit,
    EndTxn,
    JoinGroup,
    SyncGroup,
    Heartbeat,
    LeaveGroup,
    OffsetFetch,
    Fetch,
    /// An append outside any transaction.
    Append,
}

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub struct RequestInfo {
    pub api: Api,
    /// The number its maker gave the client.
    pub node: u32,
    pub now: Micros,
}

/// What happens to a request. Requests to the group and fetches know no half measures: anything but `Deliver` and `LoseAnswer` loses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Arrives and is answered at once.
    Deliver,
    /// Never arrives; the client waits for its time-out.
    LoseRequest,
    /// Arrives and takes effect; the client waits for its time-out.
    LoseAnswer,
    /// Arrives, and is answered, after so long. A client that has given it up by then hears nothing; the effect is there all the same.
    Delay(Micros),
    /// As `Delay`, but it arrives at the worst moment of that time: right after the next batch that the same producer sends. Only an
    /// EndTxn knows such a moment; any other request is delayed.
    Ambush(Micros),
    /// The connection broke and the client sent it again: one arrives and is answered at once, the other after so long. A network
    /// doubles nothing by itself, so the client knows that it sent two (an `Append` is taken for a client's that does not care).
    Duplicate(Micros),
}

/// What a fetch brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// Place among the partitions that have something to read, in the order of turns.
    pub partition: usize,
    /// Records at most, at least 1.
    pub max_records: usize,
}

/// Decides. Every method has the answer of a network and a cluster without faults.
pub trait Fates: Send {
    fn request(&mut self, _request: &RequestInfo) -> Fate {
        Fate::Deliver
    }

    /// Time from the decision of a transaction to its marker on one of its partitions.
    fn marker_delay(&mut self) -> Micros {
        0
    }

    /// Time until the followers have what was produced: until then it is not acknowledged, not read, and lost by a fail-over.
    fn replication_delay(&mut self) -> Micros {
        0
    }

    /// How many of the `left` partitions still to add one AddPartitionsToTxn adds; from 1 to `left`.
    fn partitions_at_once(&mut self, left: usize) -> usize {
        left
    }

    /// Which of the `ready` partitions is read next, and how much of it.
    fn portion(&mut self, _ready: usize) -> Portion {
        Portion { partition: 0, max_records: usize::MAX }
    }

    /// Whether a heartbeat that is due goes out now: it has a thread of its own, which may come after anything else.
    fn beats(&mut self) -> bool {
        true
    }

    /// Whether this `read` of the port fails with `Storage`.
    fn read_fails(&mut self) -> bool {
        false
    }
}

/// No faults, no choices.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Fates for NoFaults {}
