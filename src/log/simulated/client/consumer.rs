//! The consumer of a client: membership, positions, reading.

use super::super::{
    Api, Micros,
    cluster::Cluster,
    group::Standing,
    request::{Code, Metadata},
};
use crate::log::{Delivery, LogError, Position, Topic, TopicPartition, transactional::Membership};

/// What a turn brought.
#[derive(Debug)]
pub(in super::super) enum Turn {
    Delivery(Delivery),
    /// Something moved; another turn may bring more at once.
    Progress,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Out,
    /// Waits for the others of its round.
    Joining,
    In,
}

#[derive(Debug)]
struct Held {
    place: usize,
    id: TopicPartition,
    next: Position,
}

pub(in super::super) struct Consumer {
    node: u32,
    group: usize,
    name: String,
    instance: Option<String>,
    topics: Vec<Topic>,
    member: Option<u64>,
    generation: u64,
    phase: Phase,
    pub membership: Membership<Metadata>,
    /// Ascending by partition.
    held: Vec<Held>,
    /// Assigned, and their committed positions not known yet.
    gaining: Vec<usize>,
    /// To be told of their revocation.
    leaving: Vec<TopicPartition>,
    /// Told, not acknowledged.
    told: Vec<TopicPartition>,
    lost: bool,
    rejoin: bool,
    fenced: bool,
    next_beat: Micros,
    turn: usize,
}

impl Consumer {
    pub(in super::super) fn new(
        cluster: &mut Cluster,
        node: u32,
        group: &str,
        instance: Option<String>,
        topics: Vec<Topic>,
    ) -> Self {
        Self::of_group(cluster.group(group), group, node, instance, topics)
    }

    /// Another consumer of the same name, which has not joined.
    pub(in super::super) fn anew(self) -> Self {
        Self::of_group(self.group, &self.name, self.node, self.instance, self.topics)
    }

    fn of_group(group: usize, name: &str, node: u32, instance: Option<String>, topics: Vec<Topic>) -> Self {
        Self {
            node,
            group,
            name: name.to_owned(),
            instance,
            topics,
            member: None,
            generation: 0,
            phase: Phase::Out,
            membership: Membership::new(name),
            held: Vec::new(),
            gaining: Vec::new(),
            leaving: Vec::new(),
            told: Vec::new(),
            lost: false,
            rejoin: false,
            fenced: false,
            next_beat: 0,
            turn: 0,
        }
    }

    pub(in super::super) fn name(&self) -> &str {
        &self.name
    }

    pub(in super::super) fn assignment_lost(&self) -> bool {
        self.lost
    }

    pub(in super::super) fn positions_are_stable(&self, cluster: &Cluster) -> bool {
        let places: Vec<usize> = self.held.iter().map(|held| held.place).collect();
        cluster.groups[self.group].stable_positions(&places).is_some()
    }

    pub(in super::super) fn seek(&mut self, partition: TopicPartition, position: Position) {
        if let Some(held) = self.held.iter_mut().find(|held| held.id == partition) {
            held.next = position;
        }
    }

    pub(in super::super) fn leave(&mut self, cluster: &mut Cluster) {
        let Some(member) = self.member.take() else { return };
        if cluster.round_trip(Api::LeaveGroup, self.node).0 {
            cluster.leave(self.group, member);
        }
        self.phase = Phase::Out;
        self.put_out();
    }

    /// One turn: at most one round trip.
    pub(in super::super) fn turn(&mut self, cluster: &mut Cluster, max_records: usize, max_bytes: usize) -> Result<Turn, LogError> {
        self.acknowledge();
        if let Some(told) = self.revocation() {
            return Ok(Turn::Delivery(Delivery::Revoked(told)));
        }
        if self.background(cluster) {
            return Ok(Turn::Progress);
        }
        if self.fenced {
            return Err(self.taken());
        }
        if let Some(told) = self.revocation() {
            return Ok(Turn::Delivery(Delivery::Revoked(told)));
        }
        if self.phase == Phase::In && !self.gaining.is_empty() && self.membership.metadata().is_some() {
            match self.fetch_positions(cluster) {
                Some(gained) => return Ok(Turn::Delivery(Delivery::Assigned(gained))),
                None => return self.read(cluster, max_records, max_bytes),
            }
        }
        self.read(cluster, max_records, max_bytes)
    }

    /// Polling again says that what was revoked has been let go.
    fn acknowledge(&mut self) {
        if self.told.is_empty() {
            return;
        }
        let told = std::mem::take(&mut self.told);
        if self.lost {
            self.lost = !self.leaving.is_empty();
        } else {
            self.membership.released(&told);
            self.rejoin = true;
        }
    }

    fn revocation(&mut self) -> Option<Vec<TopicPartition>> {
        if self.leaving.is_empty() {
            return None;
        }
        self.told = std::mem::take(&mut self.leaving);
        Some(self.told.clone())
    }

    /// What a client does without being asked: joins, learns its assignment, beats. Whether something moved.
    pub(in super::super) fn background(&mut self, cluster: &mut Cluster) -> bool {
        if self.fenced {
            return false;
        }
        // A revocation under way comes first: its end is said by the next turn.
        let free = self.told.is_empty() && self.leaving.is_empty();
        match self.phase {
            Phase::Out => free && self.join(cluster),
            Phase::Joining => self.sync(cluster),
            // What was given is taken over first: it can be worked on while the others join.
            Phase::In if (self.rejoin || self.membership.owes_round()) && free && self.gaining.is_empty() => self.join(cluster),
            Phase::In => self.beat(cluster) || self.recall(cluster),
        }
    }

    fn join(&mut self, cluster: &mut Cluster) -> bool {
        let (arrives, answered) = cluster.round_trip(Api::JoinGroup, self.node);
        if !arrives {
            return false;
        }
        let held: Vec<usize> = self.held.iter().map(|held| held.place).collect();
        let joined = cluster.join(self.group, self.member, self.instance.as_deref(), &self.topics, &held);
        if !answered {
            return false;
        }
        match joined {
            Ok((member, standing)) => {
                self.member = Some(member);
                self.phase = Phase::Joining;
                self.rejoin = false;
                self.membership.round_paid();
                let kept = matches!(standing, Standing::Kept { .. });
                self.learn(cluster, standing);
                if kept {
                    self.membership.came_back();
                }
                true
            }
            Err(code) => self.stranger(code),
        }
    }

    fn sync(&mut self, cluster: &mut Cluster) -> bool {
        let Some(member) = self.member else { return false };
        let (true, true) = cluster.round_trip(Api::SyncGroup, self.node) else { return false };
        match cluster.sync(self.group, member) {
            Ok(standing) => self.learn(cluster, standing),
            Err(code) => self.stranger(code),
        }
    }

    fn beat(&mut self, cluster: &mut Cluster) -> bool {
        let Some(member) = self.member.filter(|_| cluster.now >= self.next_beat) else { return false };
        if !cluster.fates.beats() {
            return false;
        }
        self.next_beat = cluster.now + cluster.options.heartbeat_interval;
        let (arrives, answered) = cluster.round_trip(Api::Heartbeat, self.node);
        if !arrives {
            return false;
        }
        let standing = cluster.heartbeat(self.group, member, self.instance.as_deref(), self.generation);
        match standing {
            _ if !answered => false,
            Ok(standing) => self.learn(cluster, standing),
            Err(code) => self.stranger(code),
        }
    }

    fn learn(&mut self, cluster: &Cluster, standing: Standing) -> bool {
        match standing {
            Standing::Steady | Standing::Wait => false,
            Standing::Rejoin => {
                let news = !self.rejoin;
                self.rejoin = true;
                self.phase = Phase::In;
                news
            }
            Standing::Assigned { member, generation, partitions } | Standing::Kept { member, generation, partitions } => {
                self.phase = Phase::In;
                self.generation = generation;
                self.membership.refreshed(Metadata { member, generation });
                let lost = self.held.iter().filter(|held| !partitions.contains(&held.place));
                self.leaving = lost.map(|held| held.id).collect();
                self.held.retain(|held| partitions.contains(&held.place));
                self.gaining = partitions.into_iter().filter(|place| self.held.iter().all(|held| held.place != *place)).collect();
                self.next_beat = cluster.now + cluster.options.heartbeat_interval;
                true
            }
        }
    }

    /// The group does not know this member any more.
    fn stranger(&mut self, code: Code) -> bool {
        self.fenced = code == Code::FencedInstance;
        (self.member, self.phase, self.rejoin) = (None, Phase::Out, false);
        self.put_out();
        true
    }

    fn put_out(&mut self) {
        self.membership.lost();
        self.gaining.clear();
        // What is being let go already needs no second word.
        let held = self.held.drain(..).map(|held| held.id).filter(|id| !self.told.contains(id));
        self.leaving = held.collect();
        self.lost = !self.leaving.is_empty() || !self.told.is_empty();
    }

    fn recall(&mut self, cluster: &mut Cluster) -> bool {
        let Some(owned) = self.membership.to_recall() else { return false };
        let (true, true) = cluster.round_trip(Api::OffsetFetch, self.node) else { return false };
        let places: Vec<usize> = owned.iter().filter_map(|partition| cluster.place(*partition).ok()).collect();
        let Some(positions) = cluster.groups[self.group].stable_positions(&places) else {
            cluster.stats.unstable_fetches += 1;
            return false;
        };
        let known = owned.into_iter().zip(places).zip(positions).map(|((partition, place), committed)| {
            (partition, committed.unwrap_or_else(|| cluster.partitions[place].watermarks().first))
        });
        self.membership.gained(&known.collect::<Vec<_>>());
        true
    }

    /// Stable committed positions of what was gained; `None` while a transaction holds one back.
    fn fetch_positions(&mut self, cluster: &mut Cluster) -> Option<Vec<TopicPartition>> {
        let (true, true) = cluster.round_trip(Api::OffsetFetch, self.node) else { return None };
        let Some(positions) = cluster.groups[self.group].stable_positions(&self.gaining) else {
            cluster.stats.unstable_fetches += 1;
            return None;
        };
        let mut gained = Vec::with_capacity(positions.len());
        for (place, committed) in std::mem::take(&mut self.gaining).into_iter().zip(positions) {
            let partition = &cluster.partitions[place];
            let next = committed.unwrap_or_else(|| partition.watermarks().first);
            self.held.push(Held { place, id: partition.id, next });
            gained.push((partition.id, next));
        }
        self.held.sort_by_key(|held| held.id);
        self.membership.gained(&gained);
        Some(gained.into_iter().map(|(partition, _)| partition).collect())
    }

    /// Records of one partition. None are given while there is no assignment to commit them under.
    fn read(&mut self, cluster: &mut Cluster, max_records: usize, max_bytes: usize) -> Result<Turn, LogError> {
        if self.membership.metadata().is_none() {
            return Ok(Turn::Nothing);
        }
        let ready = self.ready(cluster)?;
        if ready.is_empty() {
            return Ok(Turn::Nothing);
        }
        let (true, true) = cluster.round_trip(Api::Fetch, self.node) else { return Ok(Turn::Nothing) };
        let portion = cluster.fates.portion(ready.len());
        let place = ready[portion.partition % ready.len()];
        let held = &mut self.held[place];
        let max_records = max_records.min(portion.max_records.max(1));
        let (records, next) = cluster.partitions[held.place].read(held.next, max_records, max_bytes);
        held.next = next;
        self.turn = place + 1;
        Ok(Turn::Delivery(Delivery::Records(held.id, records)))
    }

    /// Places in `held` of the partitions with something to read, in the order of turns.
    fn ready(&mut self, cluster: &Cluster) -> Result<Vec<usize>, LogError> {
        let count = self.held.len();
        let mut ready = Vec::new();
        for place in (0..count).map(|i| (self.turn + i) % count) {
            let held = &mut self.held[place];
            let partition = &cluster.partitions[held.place];
            let marks = partition.watermarks();
            if held.next < marks.first {
                return Err(LogError::PositionGone { partition: held.id, wanted: held.next, first: marks.first });
            }
            if held.next >= marks.stable {
                continue;
            }
            held.next = partition.next_readable(held.next);
            if held.next < marks.stable {
                ready.push(place);
            }
        }
        Ok(ready)
    }

    fn taken(&self) -> LogError {
        let owner = self.instance.clone().unwrap_or_default();
        LogError::Fenced { owner, held: self.generation, found: self.generation + 1 }
    }
}
