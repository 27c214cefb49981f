//! Removal of old blocks of comandos and respuestas.

use super::{EmbeddedLog, ready};
use crate::{
    domain::valores::Instante,
    log::{LogError, Position, Topic, TopicPartition},
};

impl EmbeddedLog {
    /// Removes whole blocks older than their topic's retention that every group has passed, and answers how many records went.
    ///
    /// A command nobody has consumed yet stays whatever its age; a partition's last block always stays, as it tells where the end is.
    pub(super) fn remove_expired(&self, now: Instante) -> Result<u64, LogError> {
        let mut gone = 0;
        for topic in Topic::todos() {
            let Some(age) = self.options.retention(topic) else { continue };
            let oldest = Instante(now.0.saturating_sub(age));
            for number in 0..self.options.partitions(topic) {
                gone += self.remove_from(TopicPartition::new(topic, number), oldest)?;
            }
        }
        if gone > 0 {
            let state = self.shared.lock();
            let open = state.open;
            drop(self.shared.settle(state, open)?);
        }
        Ok(gone)
    }

    fn remove_from(&self, partition: TopicPartition, oldest: Instante) -> Result<u64, LogError> {
        let Some((first, limit)) = self.removable(partition)? else { return Ok(0) };
        let mut blocks: Vec<Position> = Vec::new();
        let mut left = first;
        for block in self.shared.store.blocks_from(partition, first)? {
            let block = block?;
            if block.end() > limit || block.newest >= oldest.0 {
                break;
            }
            blocks.push(block.first);
            left = block.end();
        }
        if blocks.is_empty() {
            return Ok(0);
        }
        let mut state = self.shared.lock();
        ready(&state)?;
        let index = state.index(partition)?;
        state.partitions[index].first = left;
        state.removed.push((partition, blocks, left));
        Ok(left - first)
    }

    /// First position kept and the one up to which blocks may go: below the last durable record and every group's position.
    fn removable(&self, partition: TopicPartition) -> Result<Option<(Position, Position)>, LogError> {
        let state = self.shared.lock();
        ready(&state)?;
        let found = state.partitions[state.index(partition)?].watermarks();
        let consumed = state.positions.values().filter_map(|p| p.get(&partition)).min().copied();
        let limit = match (consumed, partition.topic) {
            (Some(position), _) => position,
            (None, Topic::Respuestas) => found.stable,
            (None, _) => return Ok(None),
        };
        let limit = limit.min(found.stable.saturating_sub(1));
        Ok((limit > found.first).then_some((found.first, limit)))
    }
}
