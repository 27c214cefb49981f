//! Requests of a producer to the cluster, and their answers.

use std::sync::Arc;

use crate::log::{Position, Record, transactional::Flags};

/// Identity of a producer: who, and which of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ProducerId {
    pub id: u64,
    pub epoch: u32,
}

/// Proof of membership that goes with positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    pub(super) member: u64,
    pub(super) generation: u64,
}

/// `txn`, `group` and `partition` are places in the cluster's tables. Cloning one copies no record.
#[derive(Debug, Clone)]
pub(super) enum Request {
    InitProducerId {
        txn: usize,
    },
    AddPartitions {
        txn: usize,
        producer: ProducerId,
        partitions: Arc<[usize]>,
    },
    Produce {
        txn: usize,
        producer: ProducerId,
        partition: usize,
        sequence: u64,
        records: Arc<[Record]>,
    },
    AddOffsets {
        txn: usize,
        producer: ProducerId,
        group: usize,
    },
    TxnOffsetCommit {
        txn: usize,
        producer: ProducerId,
        group: usize,
        metadata: Option<Metadata>,
        positions: Arc<[(usize, Position)]>,
    },
    /// `meant` is no part of the protocol: which transaction the client means, for the statistics only.
    EndTxn {
        txn: usize,
        producer: ProducerId,
        commit: bool,
        meant: u64,
    },
    Append {
        records: Arc<[(usize, Record)]>,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// A number that depends on the request: transaction it belongs to, position after what was produced, or 0.
    Done(u64),
    Producer {
        producer: ProducerId,
        taken: u64,
    },
    /// Positions given.
    Appended(Vec<Position>),
    /// Not answered yet: the leader waits for its followers.
    Held,
    Refused(Code),
}

/// Error codes, with Kafka's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Code {
    #[error("CONCURRENT_TRANSACTIONS")]
    ConcurrentTransactions,
    #[error("INVALID_TXN_STATE")]
    InvalidTxnState,
    #[error("PRODUCER_FENCED")]
    ProducerFenced,
    #[error("OUT_OF_ORDER_SEQUENCE_NUMBER")]
    OutOfOrderSequence,
    #[error("NOT_LEADER_OR_FOLLOWER")]
    NotLeader,
    #[error("ILLEGAL_GENERATION")]
    IllegalGeneration,
    #[error("UNKNOWN_MEMBER_ID")]
    UnknownMember,
    #[error("FENCED_INSTANCE_ID")]
    FencedInstance,
}

/// What the client library makes of an error code.
pub(super) enum Reaction {
    /// Asks again after a pause. The request was answered, so none is left on its way.
    AskAgain,
    /// Asks again after finding the new leader: what became of the first request is not known.
    Reconnect,
    Fail(Flags),
}

impl Code {
    pub(super) fn reaction(self, is_produce: bool) -> Reaction {
        let abortable = Flags { requires_abort: true, ..Flags::default() };
        match self {
            Self::ConcurrentTransactions => Reaction::AskAgain,
            Self::NotLeader => Reaction::Reconnect,
            Self::ProducerFenced => Reaction::Fail(Flags { fatal: true, fenced: true, ..Flags::default() }),
            Self::InvalidTxnState if !is_produce => Reaction::Fail(Flags { fatal: true, ..Flags::default() }),
            Self::InvalidTxnState
            | Self::OutOfOrderSequence
            | Self::IllegalGeneration
            | Self::UnknownMember
            | Self::FencedInstance => Reaction::Fail(abortable),
        }
    }
}
