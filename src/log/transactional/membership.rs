//! What a producer must know of its group: the metadata of the current assignment, and what is owned under it.
//!
//! The broker checks the generation that comes with the positions and nothing else: live metadata with a position of a partition
//! that is somebody else's by now is accepted. So the metadata belongs to an assignment: it is read anew at every completed
//! rebalance, and from the moment a revocation is acknowledged until the next assignment is known there is none.

use crate::{
    defectos::{Defecto, plantado},
    log::{LogError, Position, TopicPartition},
};

/// The standing of one member in its group. `M` is the adapter's metadata: member, generation, instance.
#[derive(Debug, Clone)]
pub struct Membership<M> {
    group: String,
    metadata: Option<M>,
    /// Ascending, with the position committed last, or the one reading starts from; `None` while a commit of unknown outcome may have
    /// moved it.
    owned: Vec<(TopicPartition, Option<Position>)>,
    /// Times that partitions went: a transaction that was under way at one of them has no standing any more.
    losses: u64,
    /// The producer was claimed since positions were forgotten: what the group has now stands.
    claimed: bool,
    /// It came back to what it had left; a round is still owed to whoever was to have what it let go.
    owes_round: bool,
}

impl<M> Membership<M> {
    /// A member that has been assigned nothing.
    pub fn new(group: &str) -> Self {
        Self { group: group.to_owned(), metadata: None, owned: Vec::new(), losses: 0, claimed: false, owes_round: false }
    }

    pub fn group(&self) -> &str {
        &self.group
    }

    /// The metadata to send with positions, while there is any.
    pub fn metadata(&self) -> Option<&M> {
        self.metadata.as_ref()
    }

    /// Partitions owned, ascending.
    pub fn owned(&self) -> impl Iterator<Item = TopicPartition> {
        self.owned.iter().map(|(partition, _)| *partition)
    }

    pub fn owns(&self, partition: TopicPartition) -> bool {
        self.place(partition).is_ok()
    }

    /// Whether a commit would be sent, whatever is owned that it changes.
    pub fn can_commit(&self) -> bool {
        self.metadata.is_some() && !self.owned.is_empty() && !self.needs_positions()
    }

    pub(super) fn losses(&self) -> u64 {
        self.losses
    }

    fn place(&self, partition: TopicPartition) -> Result<usize, usize> {
        self.owned.binary_search_by_key(&partition, |(owned, _)| *owned)
    }

    /// A rebalance was completed and this member told of it: its generation is the one to show from now on. What is to be revoked
    /// under it is still owned until [`Membership::released`].
    pub fn refreshed(&mut self, metadata: M) {
        self.metadata = Some(metadata);
    }

    /// Partitions gained, with their stable committed positions (or where reading starts).
    pub fn gained(&mut self, partitions: &[(TopicPartition, Position)]) {
        for (partition, position) in partitions {
            match self.place(*partition) {
                Ok(place) => self.owned[place].1 = Some(*position),
                Err(place) => self.owned.insert(place, (*partition, Some(*position))),
            }
        }
    }

    /// A revocation is being acknowledged: these partitions may be somebody else's the next moment.
    pub fn released(&mut self, partitions: &[TopicPartition]) {
        if plantado(Defecto::MetadatosTrasRevocacion) {
            return;
        }
        self.owned.retain(|(owned, _)| !partitions.contains(owned));
        self.metadata = None;
        self.losses += 1;
    }

    /// The group put this member out: nothing is owned any more, whatever the application still holds.
    pub fn lost(&mut self) {
        self.owned.clear();
        self.metadata = None;
        self.losses += 1;
        self.owes_round = false;
    }

    /// A static member joined and was given its assignment of before without a round. If it died between letting partitions go and
    /// joining again, those belong to nobody until the next round, and nobody else knows that there is reason for one: it joins again.
    pub fn came_back(&mut self) {
        self.owes_round = true;
    }

    /// Whether to join again, once what was gained is taken over and nothing is being let go.
    pub fn owes_round(&self) -> bool {
        self.owes_round
    }

    /// It joined again, or found that nobody waits for it.
    pub fn round_paid(&mut self) {
        self.owes_round = false;
    }

    /// A commit moved these positions.
    pub fn committed(&mut self, positions: &[(TopicPartition, Position)]) {
        for (partition, position) in positions {
            if let Ok(place) = self.place(*partition) {
                self.owned[place].1 = Some(*position);
            }
        }
    }

    /// A transaction did not end well: what it moved, if anything, has to be fetched anew once the producer is claimed again. A position
    /// remembered from before would take the group back.
    pub(super) fn forget_positions(&mut self) {
        self.owned.iter_mut().for_each(|(_, position)| *position = None);
        self.claimed = false;
    }

    /// The producer was claimed: nothing of the lives before it can move the group any more.
    pub fn claimed(&mut self) {
        self.claimed = true;
    }

    /// Partitions whose committed positions are to be fetched now and told with [`Membership::gained`]: all that are owned, once the
    /// producer is claimed after a transaction that did not end well. Earlier, its remnant could still move them.
    pub fn to_recall(&self) -> Option<Vec<TopicPartition>> {
        (self.claimed && self.needs_positions()).then(|| self.owned().collect())
    }

    /// Whether committed positions must be fetched and told with [`Membership::gained`].
    pub fn needs_positions(&self) -> bool {
        self.owned.iter().any(|(_, position)| position.is_none())
    }

    /// The position a transaction without any of its own carries: only with one does the broker check the generation.
    fn stand_in(&self) -> Option<(TopicPartition, Position)> {
        self.owned.iter().find_map(|(partition, position)| Some((*partition, (*position)?)))
    }

    /// The positions of a transaction that writes to `written`: those it moves, and where the group stands in every other partition whose
    /// aggregates it changes. Whoever takes a partition over waits for the transactions that hold a position of *that partition* back, and
    /// for no other: without it, what this one changes there could be decided again by its next owner and both be committed (ADR 19).
    ///
    /// # Errors
    /// `NotAssigned` when it changes what is not owned, or where the group stands is not known.
    pub(super) fn held_back(
        &self,
        mut moved: Vec<(TopicPartition, Position)>,
        written: impl Iterator<Item = TopicPartition>,
    ) -> Result<Vec<(TopicPartition, Position)>, LogError> {
        if moved.is_empty() && plantado(Defecto::TemporizadorSinPosicion) {
            return Ok(moved);
        }
        for partition in written.filter_map(TopicPartition::governed_by) {
            if moved.iter().any(|(found, _)| *found == partition) || plantado(Defecto::PosicionSoloDeLoConsumido) {
                continue;
            }
            let place = self.place(partition).map_err(|_| self.refused(format!("{partition} no es de este miembro")))?;
            let stands = self.owned[place].1.ok_or_else(|| self.refused(format!("aún no se conoce la posición de {partition}")))?;
            moved.push((partition, stands));
        }
        if moved.is_empty() {
            moved.extend(self.stand_in());
        }
        Ok(moved)
    }

    fn refused(&self, what: String) -> LogError {
        LogError::NotAssigned { group: self.group.clone(), what }
    }

    /// Refuses a commit that has no standing.
    ///
    /// # Errors
    /// `NotAssigned`.
    pub fn check(&self, positions: &[(TopicPartition, Position)]) -> Result<(), LogError> {
        if self.metadata.is_none() {
            return Err(self.refused("no hay una asignación vigente".to_owned()));
        }
        if self.owned.is_empty() {
            return Err(self.refused("este miembro no tiene particiones".to_owned()));
        }
        if let Some((foreign, _)) = positions.iter().find(|(partition, _)| !self.owns(*partition)) {
            return Err(self.refused(format!("{foreign} no es de este miembro")));
        }
        if positions.is_empty() && self.stand_in().is_none() {
            return Err(self.refused("aún no se conocen las posiciones confirmadas".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Contexto, log::Topic};

    fn tp(partition: u16) -> TopicPartition {
        TopicPartition::new(Topic::Comandos(Contexto::Facturacion), partition)
    }

    #[test]
    fn metadata_lives_from_an_assignment_to_the_next_revocation() {
        let mut membership = Membership::new("g");
        assert!(membership.check(&[]).is_err(), "aún no hay asignación");
        membership.refreshed(7);
        assert!(membership.check(&[]).is_err(), "aún no hay particiones");
        membership.gained(&[(tp(2), 5), (tp(0), 3)]);
        assert!(membership.check(&[(tp(0), 4), (tp(2), 6)]).is_ok());
        assert!(membership.check(&[(tp(1), 1)]).is_err(), "no es suya");
        membership.refreshed(8);
        assert!(membership.check(&[(tp(2), 6)]).is_ok(), "lo que se va a revocar se puede cerrar");
        membership.released(&[tp(2)]);
        assert!(membership.metadata().is_none() && !membership.can_commit());
        assert!(membership.check(&[(tp(0), 4)]).is_err(), "ninguno se guarda tras una revocación");
        membership.refreshed(9);
        assert_eq!(membership.metadata(), Some(&9));
        assert!(membership.check(&[(tp(0), 4)]).is_ok());
        assert!(membership.check(&[(tp(2), 6)]).is_err());
        membership.lost();
        assert_eq!(membership.owned().count(), 0);
        assert_eq!(membership.losses(), 2);
    }

    #[test]
    fn the_stand_in_is_the_committed_position_of_an_owned_partition() {
        let mut membership = Membership::new("g");
        assert_eq!(membership.stand_in(), None);
        membership.refreshed(1);
        membership.gained(&[(tp(1), 5), (tp(3), 0)]);
        assert_eq!(membership.stand_in(), Some((tp(1), 5)));
        membership.committed(&[(tp(1), 9), (tp(0), 100)]);
        assert_eq!(membership.stand_in(), Some((tp(1), 9)));
        membership.forget_positions();
        assert_eq!(membership.stand_in(), None, "una posición de antes haría retroceder al grupo");
        assert!(membership.needs_positions() && !membership.can_commit());
        assert!(membership.check(&[]).is_err());
        assert!(membership.check(&[(tp(1), 10)]).is_ok());
        assert_eq!(membership.to_recall(), None, "lo que quedó en vuelo aún puede moverlas");
        membership.claimed();
        assert_eq!(membership.to_recall(), Some(vec![tp(1), tp(3)]));
        membership.gained(&[(tp(1), 12), (tp(3), 4)]);
        assert_eq!(membership.stand_in(), Some((tp(1), 12)));
        assert!(!membership.needs_positions());
        assert_eq!(membership.to_recall(), None);
        membership.forget_positions();
        assert_eq!(membership.to_recall(), None, "una toma de antes no vale para lo que falló después");
    }

    #[test]
    fn a_member_that_came_back_owes_one_round() {
        let mut membership = Membership::<u32>::new("g");
        assert!(!membership.owes_round());
        membership.came_back();
        membership.refreshed(1);
        membership.gained(&[(tp(1), 5)]);
        assert!(membership.owes_round());
        membership.round_paid();
        assert!(!membership.owes_round());
        membership.came_back();
        membership.lost();
        assert!(!membership.owes_round(), "quien está fuera entra por una ronda");
    }
}
