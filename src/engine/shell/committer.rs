//! Commit: an epoch's records as one transaction, then the rows that became due to the local store.

use std::sync::{
    Arc,
    mpsc::{Receiver, Sender},
};

use super::{metrics::EngineMetrics, processor::Work};
use crate::{
    engine::{
        encode::{CommitError, EncodedEpoch},
        ports::Clock,
        store::StateStore,
    },
    log::{Log, TopicPartition},
};

/// Writes encoded epochs; lives on the `registro` thread.
pub struct Committer {
    pub log: Arc<dyn Log>,
    pub store: Arc<dyn StateStore>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<EngineMetrics>,
}

impl Committer {
    /// Body of the thread: one epoch after the other, until the core lets go or one fails.
    pub fn run(&self, epochs: &Receiver<EncodedEpoch>, inbox: &Sender<Work>) {
        while let Ok(epoch) = epochs.recv() {
            let number = epoch.number;
            let work = match self.commit(epoch) {
                Ok(ends) => Work::Committed { number, ends },
                Err(error) => Work::CommitFailed(error),
            };
            let failed = matches!(work, Work::CommitFailed(_));
            if inbox.send(work).is_err() || failed {
                return;
            }
        }
    }

    fn commit(&self, epoch: EncodedEpoch) -> Result<Vec<(TopicPartition, u64)>, CommitError> {
        let committing = self.clock.monotonic();
        let committed = self.log.commit(epoch.transaction)?;
        let storing = self.clock.monotonic();
        self.metrics.stage("confirmar").observe((storing - committing).as_secs_f64());
        if !epoch.rows.is_empty() {
            self.store.write(epoch.rows)?;
            self.metrics.stage("guardar").observe((self.clock.monotonic() - storing).as_secs_f64());
        }
        Ok(committed.ends)
    }
}
