//! How a processor may end before it is told to, and what the next one is told of it.

use std::collections::BTreeMap;

use super::{core::CoreError, encode::CommitError, recovery::RecoveryError, store::StoreError};
use crate::{
    contracts::CodecError,
    log::{LogError, Position, TopicPartition},
};

/// Why a processor ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ProcessorError {
    #[error(transparent)]
    Core(#[from] CoreError),
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("el sistema no pudo crear el hilo {0}: {1}")]
    Thread(&'static str, std::io::Error),
    #[error("el hilo del procesador terminó con un fallo interno: {0}")]
    Panic(String),
}

impl ProcessorError {
    fn log_error(&self) -> Option<&LogError> {
        match self {
            Self::Log(e) | Self::Commit(CommitError::Log(e)) | Self::Recovery(RecoveryError::Log(e)) => Some(e),
            _ => None,
        }
    }

    /// The log refuses all further writes: only a new process helps.
    pub fn is_fatal(&self) -> bool {
        matches!(self.log_error(), Some(LogError::Poisoned(_) | LogError::Corrupt { .. } | LogError::DiskFull { .. }))
    }

    /// The log was away or answered late, or the group moved on: what is committed stands, and the next processor goes on from it.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.log_error(),
            Some(
                LogError::Unreachable(_)
                    | LogError::OutcomeUnknown { .. }
                    | LogError::Aborted { .. }
                    | LogError::NotAssigned { .. }
            )
        )
    }

    /// Another process has the owner's place.
    pub fn is_fenced(&self) -> bool {
        matches!(self.log_error(), Some(LogError::Fenced { .. }))
    }

    /// Something in an input did it, not the machine nor the keys of personal data.
    pub fn is_of_an_input(&self) -> bool {
        let encoding = match self {
            Self::Core(CoreError::Encode { cause, .. }) | Self::Commit(CommitError::Encode { cause, .. }) => Some(cause),
            _ => None,
        };
        if encoding.is_some_and(CodecError::is_of_the_keys) {
            return false;
        }
        matches!(
            self,
            Self::Panic(_)
                | Self::Core(CoreError::Encode { .. } | CoreError::TooManyHops(_))
                | Self::Commit(CommitError::Encode { .. } | CommitError::Log(LogError::TooLarge { .. }))
        )
    }

    /// Dropping the local store and folding the log may help.
    pub fn is_of_the_store(&self) -> bool {
        match self {
            Self::Recovery(e) => e.is_of_the_store(),
            Self::Store(_) | Self::Core(CoreError::Store(_) | CoreError::State { .. } | CoreError::Hole { .. }) => true,
            Self::Commit(CommitError::Store(_)) => true,
            _ => false,
        }
    }
}

/// Inputs that may have ended earlier processors: what the next one is told of its predecessors.
#[derive(Debug, Default)]
pub struct Suspects {
    /// The input in hand, while inputs are taken one an epoch.
    in_hand: Option<(TopicPartition, Position)>,
    failures: BTreeMap<(TopicPartition, Position), u32>,
    /// Inputs still to take one an epoch.
    pub alone: u32,
}

/// Processors that an input may end before it is parked undecided.
const MAX_ENDED: u32 = 3;

impl Suspects {
    /// A processor ended by something in its inputs: the next one takes them one by one, and the one in hand is held to account.
    pub fn blame(&mut self, max_inputs: u32) {
        self.alone = max_inputs.saturating_mul(2);
        if let Some(at) = self.in_hand.take() {
            *self.failures.entry(at).or_default() += 1;
        }
    }

    /// Takes an input in hand; whether it has ended too many processors to be decided.
    pub fn take_in_hand(&mut self, at: (TopicPartition, Position)) -> bool {
        if self.alone == 0 {
            self.in_hand = None;
            return false;
        }
        self.alone -= 1;
        self.in_hand = Some(at);
        let ended = self.failures.get(&at).copied().unwrap_or_default();
        ended >= MAX_ENDED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::ErrorBoveda;

    /// A command is not to blame for keys that could not be kept, and is not parked for it.
    #[test]
    fn keys_are_nobodys_fault() {
        let cause = |keys: bool| match keys {
            true => CodecError::Keys(ErrorBoveda("el disco está lleno".to_owned())),
            false => CodecError::TooLarge { bytes: 2, max: 1 },
        };
        for keys in [true, false] {
            let of_the_core = ProcessorError::Core(CoreError::Encode { what: "x".to_owned(), cause: cause(keys) });
            let of_the_commit = ProcessorError::Commit(CommitError::Encode { what: "x", cause: cause(keys) });
            assert_eq!([of_the_core.is_of_an_input(), of_the_commit.is_of_an_input()], [!keys; 2]);
        }
    }
}
