//! Who feeds tables that several processes reach: one at a time. The others wait for their turn.

use std::time::Duration;

use crate::domain::valores::Instante;

/// The process that asks for the turn.
#[derive(Debug, Clone)]
pub struct Feeder {
    /// What only one process at a time can be in, such as a locked folder: a turn that was taken in it is of a process that is gone.
    pub place: Option<String>,
    /// The log that it folds. Tables that were fed from another are refused. `None`: it folds none.
    pub log: Option<String>,
    /// Node, machine and process, for people.
    pub who: String,
    /// Silence after which another process takes the turn.
    pub lease: Duration,
}

/// The process that has the turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub who: String,
    pub since: Instante,
    /// Counts the turns of these tables.
    pub epoch: u64,
    pub lease: Duration,
}

/// Whose turn it is, as this process knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It was not asked for, or the tables do not answer.
    Unknown {
        why: String,
    },
    /// Another's. `alive`: it renewed it while this process looked.
    Waiting {
        holder: Holder,
        alive: bool,
    },
    /// The tables are of another log: it will never be this process's.
    Foreign {
        log: String,
    },
    Mine {
        holder: Holder,
    },
    /// It was this process's, and could not be renewed in time.
    Expired {
        holder: Holder,
    },
    /// Given up for good.
    Released,
}

/// Taking turns. Writing is refused with [`TablesError::Elsewhere`](super::TablesError::Elsewhere) to whoever does not have it.
pub trait Feeding: Send + Sync {
    /// Asks for the turn from now on, and keeps it. Only the first call counts.
    fn start(&self, feeder: Feeder);
    fn turn(&self) -> Turn;
    /// Waits until the turn is this process's, or it is known that it will not be soon; at most so long.
    fn wait(&self, patience: Duration) -> Turn;
    /// Gives the turn up, so that another takes it at once. Nothing is written afterwards.
    fn release(&self);
}
