//! The group coordinator: members, generations, assignments, committed positions. Classic protocol, cooperative.
//!
//! A rebalance is a round of joining: every member says what it holds; when all have, or at the deadline, whoever has not is out, the
//! generation goes up for all and each is told what it has from now on. A partition that is to move is first taken from its holder;
//! once the holder has let it go it joins again, and the round that follows gives it away.

use super::{
    Micros,
    cluster::{Cluster, Event},
    request::{Code, Metadata},
};
use crate::log::{Position, Topic};

#[derive(Debug)]
struct Member {
    id: u64,
    instance: Option<String>,
    topics: Vec<Topic>,
    seen: Micros,
    /// Has joined the round under way.
    joined: bool,
    /// What it said it held when it joined.
    held: Vec<usize>,
    /// What it has in this generation.
    assigned: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Group {
    pub name: String,
    members: Vec<Member>,
    generation: u64,
    /// A round of joining is under way.
    joining: bool,
    /// Rounds so far.
    round: u64,
    committed: Vec<(usize, Position)>,
    /// Positions of transactions not settled: producer, partition, position.
    pending: Vec<(u64, usize, Position)>,
}

/// What a member that joined or beats is told.
#[derive(Debug)]
pub(super) enum Standing {
    /// All as it was.
    Steady,
    /// The others have not joined yet.
    Wait,
    /// A round is under way that it has not joined.
    Rejoin,
    /// A known instance that came back in the middle of a generation: it has what it had.
    Kept { member: u64, generation: u64, partitions: Vec<usize> },
    /// The generation that was made, and what is the member's in it.
    Assigned { member: u64, generation: u64, partitions: Vec<usize> },
}

impl Group {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            members: Vec::new(),
            generation: 0,
            joining: false,
            round: 0,
            committed: Vec::new(),
            pending: Vec::new(),
        }
    }

    fn member(&mut self, id: u64) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }

    /// Why a member is unknown: its instance has another member by now, or it was silent for too long.
    fn stranger(&self, instance: Option<&str>) -> Code {
        let taken = instance.is_some() && self.members.iter().any(|member| member.instance.as_deref() == instance);
        if taken { Code::FencedInstance } else { Code::UnknownMember }
    }

    /// The check of positions that come in a transaction.
    pub(super) fn check(&self, metadata: Option<Metadata>) -> Result<(), Code> {
        let Some(Metadata { member, generation }) = metadata else {
            return if self.members.is_empty() { Ok(()) } else { Err(Code::UnknownMember) };
        };
        if !self.members.iter().any(|found| found.id == member) {
            return Err(Code::UnknownMember);
        }
        if generation == self.generation { Ok(()) } else { Err(Code::IllegalGeneration) }
    }

    pub(super) fn committed(&self, partition: usize) -> Option<Position> {
        self.committed.iter().find(|(found, _)| *found == partition).map(|(_, position)| *position)
    }

    /// Holds positions back until their transaction is settled.
    pub(super) fn hold(&mut self, producer: u64, positions: &[(usize, Position)]) {
        for (partition, position) in positions {
            self.pending.retain(|(id, found, _)| (*id, *found) != (producer, *partition));
            self.pending.push((producer, *partition, *position));
        }
    }

    /// Whether a transaction of this producer holds a position of the partition back.
    pub(super) fn holds(&self, producer: u64, partition: usize) -> bool {
        self.pending.iter().any(|(id, found, _)| (*id, *found) == (producer, partition))
    }

    pub(super) fn settle(&mut self, producer: u64, commit: bool) {
        let (settled, pending) = std::mem::take(&mut self.pending).into_iter().partition(|(id, ..)| *id == producer);
        self.pending = pending;
        let settled: Vec<(u64, usize, Position)> = settled;
        for (_, partition, position) in settled.into_iter().filter(|_| commit) {
            match self.committed.iter_mut().find(|(found, _)| *found == partition) {
                Some((_, committed)) => *committed = position,
                None => self.committed.push((partition, position)),
            }
        }
    }

    /// Committed positions of these partitions, once no transaction holds any of them back.
    pub(super) fn stable_positions(&self, partitions: &[usize]) -> Option<Vec<Option<Position>>> {
        let held_back = self.pending.iter().any(|(_, partition, _)| partitions.contains(partition));
        (!held_back).then(|| partitions.iter().map(|partition| self.committed(*partition)).collect())
    }
}

impl Cluster {
    /// Joins, or joins again, with what is held. A new member of a known instance takes the place of the one before, without a round
    /// while the group is settled: even when that one was to let partitions go and join again, which then are nobody's until the next
    /// round.
    pub(super) fn join(
        &mut self,
        group: usize,
        member: Option<u64>,
        instance: Option<&str>,
        topics: &[Topic],
        held: &[usize],
    ) -> Result<(u64, Standing), Code> {
        let now = self.now;
        let found = &mut self.groups[group];
        let id = match member {
            Some(id) => {
                if found.member(id).is_none() {
                    return Err(found.stranger(instance));
                }
                id
            }
            None => {
                let id = self.next_member;
                self.next_member += 1;
                let before = instance.and_then(|i| found.members.iter().position(|m| m.instance.as_deref() == Some(i)));
                if let Some(place) = before {
                    let settled = !found.joining && found.members[place].topics == topics;
                    found.members[place].id = id;
                    found.members[place].seen = now;
                    if settled {
                        let (generation, partitions) = (found.generation, found.members[place].assigned.clone());
                        self.watch(group, id);
                        return Ok((id, Standing::Kept { member: id, generation, partitions }));
                    }
                } else {
                    found.members.push(Member {
                        id,
                        instance: instance.map(str::to_owned),
                        topics: Vec::new(),
                        seen: now,
                        joined: false,
                        held: Vec::new(),
                        assigned: Vec::new(),
                    });
                }
                self.watch(group, id);
                id
            }
        };
        let found = &mut self.groups[group];
        if let Some(member) = found.member(id) {
            member.topics = topics.to_vec();
            member.held = held.to_vec();
            member.joined = true;
            member.seen = now;
        }
        self.start_round(group);
        self.complete_if_all_joined(group);
        let standing = self.sync(group, id)?;
        Ok((id, standing))
    }

    /// What became of the round this member joined.
    pub(super) fn sync(&mut self, group: usize, member: u64) -> Result<Standing, Code> {
        let now = self.now;
        let found = &mut self.groups[group];
        let (joining, generation) = (found.joining, found.generation);
        let Some(member) = found.member(member) else { return Err(Code::UnknownMember) };
        member.seen = now;
        Ok(match (joining, member.joined) {
            (true, true) => Standing::Wait,
            (true, false) => Standing::Rejoin,
            (false, _) => Standing::Assigned { member: member.id, generation, partitions: member.assigned.clone() },
        })
    }

    pub(super) fn heartbeat(
        &mut self,
        group: usize,
        member: u64,
        instance: Option<&str>,
        generation: u64,
    ) -> Result<Standing, Code> {
        let now = self.now;
        let found = &mut self.groups[group];
        let (joining, current) = (found.joining, found.generation);
        let Some(member) = found.member(member) else { return Err(found.stranger(instance)) };
        member.seen = now;
        // A generation behind: the round went by without it knowing, which only its own lost answers can bring about.
        Ok(if joining || generation != current { Standing::Rejoin } else { Standing::Steady })
    }

    pub(super) fn leave(&mut self, group: usize, member: u64) {
        let found = &mut self.groups[group];
        let before = found.members.len();
        found.members.retain(|found| found.id != member);
        if found.members.len() != before {
            self.start_round(group);
            self.complete_if_all_joined(group);
        }
    }

    fn watch(&mut self, group: usize, member: u64) {
        self.plan(self.now + self.options.session_timeout, Event::Silence { group, member });
    }

    /// The session of a member may be over.
    pub(super) fn silence(&mut self, group: usize, member: u64) {
        let (now, joining, timeout) = (self.now, self.groups[group].joining, self.options.session_timeout);
        let Some(found) = self.groups[group].member(member) else { return };
        let deadline = found.seen + timeout;
        if deadline > now {
            return self.plan(deadline, Event::Silence { group, member });
        }
        // Waiting for the others is not silence.
        if joining && found.joined {
            return self.plan(now + timeout, Event::Silence { group, member });
        }
        self.stats.sessions_lost += 1;
        self.leave(group, member);
    }

    fn start_round(&mut self, group: usize) {
        let deadline = self.now + self.options.rebalance_timeout;
        let found = &mut self.groups[group];
        if found.joining {
            return;
        }
        found.joining = true;
        found.round += 1;
        let round = found.round;
        self.plan(deadline, Event::JoinDeadline { group, round });
    }

    pub(super) fn join_deadline(&mut self, group: usize, round: u64) {
        let found = &mut self.groups[group];
        if found.joining && found.round == round {
            found.members.retain(|member| member.joined);
            self.complete(group);
        }
    }

    fn complete_if_all_joined(&mut self, group: usize) {
        if self.groups[group].members.iter().all(|member| member.joined) {
            self.complete(group);
        }
    }

    /// The round is over: a new generation.
    fn complete(&mut self, group: usize) {
        let partitions: Vec<(usize, Topic)> =
            self.partitions.iter().enumerate().map(|(place, partition)| (place, partition.id.topic)).collect();
        let found = &mut self.groups[group];
        found.joining = false;
        found.generation += 1;
        self.stats.rebalances += 1;
        assign(&mut found.members, &partitions);
        for member in &mut found.members {
            member.joined = false;
        }
    }
}

/// Sticky and even: each keeps what it holds up to its share; what nobody holds goes to whoever has least. What is above its holder's
/// share is only taken from it: it goes to another in the round after the holder has let it go.
fn assign(members: &mut [Member], partitions: &[(usize, Topic)]) {
    let wanted: Vec<(usize, Topic)> =
        partitions.iter().copied().filter(|(_, topic)| members.iter().any(|member| member.topics.contains(topic))).collect();
    if members.is_empty() {
        return;
    }
    let (share, extra) = (wanted.len() / members.len(), wanted.len() % members.len());
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(members[*place].held.len()));
    let mut shares = vec![share; members.len()];
    for place in order.into_iter().take(extra) {
        shares[place] += 1;
    }
    let mut counts = vec![0_usize; members.len()];
    let mut free = Vec::new();
    for member in members.iter_mut() {
        member.assigned.clear();
    }
    for (partition, topic) in wanted {
        let holder = members.iter().position(|member| member.held.contains(&partition) && member.topics.contains(&topic));
        match holder {
            Some(place) if counts[place] < shares[place] => {
                counts[place] += 1;
                members[place].assigned.push(partition);
            }
            Some(_) => free.push((partition, topic, true)),
            None => free.push((partition, topic, false)),
        }
    }
    for (partition, topic, held) in free {
        let candidates = (0..members.len()).filter(|place| members[*place].topics.contains(&topic));
        let Some(place) = candidates.min_by_key(|place| counts[*place]) else { continue };
        counts[place] += 1;
        // Its holder may be the one with least after all, when the others do not want its topic.
        if !held || members[place].held.contains(&partition) {
            members[place].assigned.push(partition);
        }
    }
    for member in members {
        member.assigned.sort_unstable();
    }
}
