//! The state machine of one transactional producer.

use std::sync::Arc;

use super::{Call, Flags, Membership, Verdict, verdict};
use crate::{
    defectos::{Defecto, plantado},
    log::{Committed, LogError, OwnerToken, Position, Record, TopicPartition, Transaction},
};

/// Times the same call is made again before it is given up.
const MAX_REPEATS: u32 = 8;

/// Records of one partition, in order.
#[derive(Debug, Clone)]
pub struct Batch {
    pub partition: TopicPartition,
    pub records: Arc<[Record]>,
    end: Position,
}

/// A call that did not answer well.
#[derive(Debug, Clone)]
pub struct Failure {
    pub flags: Flags,
    /// What the library says, for people.
    pub what: String,
}

/// What came of a call.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The number a call answers with: `Init`, how often the id was taken (0 when the library does not say); `Send`, the position after
    /// the batch; the others, 0.
    pub result: Result<u64, Failure>,
    /// Answered at the first try: no time-out, no disconnect, no repeated request.
    pub smooth: bool,
}

impl Heard {
    /// Done at the first try.
    pub fn done(number: u64) -> Self {
        Self { result: Ok(number), smooth: true }
    }
}

/// What the caller is told.
#[derive(Debug)]
pub enum Outcome {
    Claimed(Result<OwnerToken, LogError>),
    Ended(Result<Committed, LogError>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Must be claimed before anything else.
    Spent,
    Ready,
    /// Replaced before the next transaction.
    Worn,
}

#[derive(Debug)]
struct Course {
    batches: Vec<Batch>,
    group: String,
    positions: Vec<(TopicPartition, Position)>,
    /// Losses of the membership when it began; `None`: the producer is no member.
    losses: Option<u64>,
    stage: Call,
    smooth: bool,
    /// Why it is being aborted.
    cause: Option<String>,
    repeats: u32,
}

/// One transactional producer of one owner.
#[derive(Debug)]
pub struct Producer {
    owner: String,
    epoch: u64,
    life: Life,
    /// A claim is under way: calls repeated so far.
    claiming: Option<u32>,
    course: Option<Course>,
}

impl Producer {
    /// Not claimed yet.
    pub fn new(owner: &str) -> Self {
        Self { owner: owner.to_owned(), epoch: 0, life: Life::Spent, claiming: None, course: None }
    }

    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Takes the owner's place, or takes it anew; what was under way is left to the coordinator.
    pub fn claim(&mut self) {
        self.course = None;
        self.claiming = Some(0);
    }

    /// Whether there is nothing to call.
    pub fn is_idle(&self) -> bool {
        self.claiming.is_none() && self.course.is_none()
    }

    /// Starts a transaction. `membership` of its group, when the caller is a member: then the transaction needs standing in it.
    ///
    /// # Errors
    /// `Fenced` for a token that is not the last claim's; `NotAssigned`; `Storage` when the producer is spent or busy. Nothing was sent.
    pub fn begin<M>(&mut self, transaction: Transaction, membership: Option<&Membership<M>>) -> Result<(), LogError> {
        let Transaction { token, group, records, positions } = transaction;
        if token.owner != self.owner || token.epoch != self.epoch {
            return Err(LogError::Fenced { owner: token.owner, held: token.epoch, found: self.epoch });
        }
        if self.life == Life::Spent || !self.is_idle() {
            return Err(LogError::Storage(format!(
                "el productor de «{}» no puede empezar otra transacción: reclame su lugar y recargue desde el registro",
                self.owner
            )));
        }
        if let Some(membership) = membership
            && !plantado(Defecto::MetadatosTrasRevocacion)
        {
            membership.check(&positions)?;
        }
        let batches = batches(records);
        let positions = match membership {
            Some(membership) => membership.held_back(positions, batches.iter().map(|batch| batch.partition))?,
            None => positions,
        };
        let stage = if self.life == Life::Worn { Call::Init } else { Call::Begin };
        self.course = Some(Course {
            batches,
            group,
            positions,
            losses: membership.map(Membership::losses),
            stage,
            smooth: true,
            cause: None,
            repeats: 0,
        });
        Ok(())
    }

    /// The batch of [`Call::Send`].
    pub fn batch(&self, place: usize) -> Option<&Batch> {
        self.course.as_ref()?.batches.get(place)
    }

    /// Batches of the transaction under way.
    pub fn batches(&self) -> &[Batch] {
        self.course.as_ref().map_or(&[], |course| &course.batches)
    }

    /// Group and positions of [`Call::SendOffsets`].
    pub fn positions(&self) -> Option<(&str, &[(TopicPartition, Position)])> {
        self.course.as_ref().map(|course| (course.group.as_str(), &*course.positions))
    }

    /// The call to make now, if any. A transaction whose standing in the group is gone turns to its abort here.
    pub fn next_call<M>(&mut self, membership: Option<&Membership<M>>) -> Option<Call> {
        if self.claiming.is_some() {
            return Some(if self.keeps_producer_at_claim() { Call::Begin } else { Call::Init });
        }
        let course = self.course.as_mut()?;
        let open = matches!(course.stage, Call::Send(_) | Call::SendOffsets);
        if open && course.lost_standing(membership) {
            course.abort("la asignación bajo la que empezó ya no vale".to_owned());
        }
        Some(course.stage)
    }

    /// Planted: what was kept after an unknown outcome is also kept by the claim that follows.
    fn keeps_producer_at_claim(&self) -> bool {
        plantado(Defecto::ProductorTrasIncierto) && self.life == Life::Ready
    }

    /// Takes what came of the call that [`Producer::next_call`] named last; an outcome ends the claim or the transaction.
    pub fn heard<M>(&mut self, heard: Heard, membership: Option<&mut Membership<M>>) -> Option<Outcome> {
        if self.claiming.is_some() {
            return self.heard_of_claim(heard);
        }
        let course = self.course.as_mut()?;
        if course.stage == Call::Init {
            // Whatever the producer before this one left on its way can reach no transaction of this one.
            course.smooth = true;
        } else {
            course.smooth &= heard.smooth;
        }
        let mut membership = membership;
        let outcome = match heard.result {
            Ok(number) => self.went_well(number, membership.as_deref_mut()),
            Err(failure) => self.went_wrong(failure, membership.as_deref_mut()),
        };
        if let (Some(Outcome::Ended(Err(_))), Some(membership)) = (&outcome, membership) {
            membership.forget_positions();
        }
        outcome
    }

    fn heard_of_claim(&mut self, heard: Heard) -> Option<Outcome> {
        let failure = match heard.result {
            Ok(taken) => {
                self.epoch = taken.max(self.epoch + 1);
                (self.life, self.claiming) = (Life::Ready, None);
                let token = OwnerToken { owner: self.owner.clone(), epoch: self.epoch };
                return Some(Outcome::Claimed(Ok(token)));
            }
            Err(failure) => failure,
        };
        let verdict = verdict(Call::Init, failure.flags);
        let repeats = self.claiming.as_mut()?;
        *repeats += 1;
        if verdict == Verdict::Repeat && *repeats <= MAX_REPEATS {
            return None;
        }
        (self.life, self.claiming) = (Life::Spent, None);
        let told = || format!("no se pudo tomar el lugar de «{}»: {}", self.owner, failure.what);
        let error = match verdict {
            Verdict::Fenced => self.fenced(),
            Verdict::Repeat => LogError::Unreachable(told()),
            _ => LogError::Storage(told()),
        };
        Some(Outcome::Claimed(Err(error)))
    }

    fn went_well<M>(&mut self, number: u64, membership: Option<&mut Membership<M>>) -> Option<Outcome> {
        let course = self.course.as_mut()?;
        course.repeats = 0;
        match course.stage {
            Call::Init => course.stage = Call::Begin,
            Call::Begin => course.stage = course.after_begin(),
            Call::Send(place) => {
                course.batches[place].end = number;
                course.stage = course.after_batch(place + 1);
            }
            Call::SendOffsets => course.stage = course.after_batch(0),
            Call::Commit => return self.committed(membership),
            Call::Abort => return self.aborted(),
        }
        None
    }

    fn committed<M>(&mut self, membership: Option<&mut Membership<M>>) -> Option<Outcome> {
        let course = self.course.take()?;
        let keep = course.smooth || plantado(Defecto::ProductorTrasReintento);
        self.life = if keep { Life::Ready } else { Life::Worn };
        if let Some(membership) = membership {
            membership.committed(&course.positions);
        }
        let ends = course.batches.iter().map(|batch| (batch.partition, batch.end)).collect();
        Some(Outcome::Ended(Ok(Committed { ends })))
    }

    fn aborted(&mut self) -> Option<Outcome> {
        let what = self.course.take().and_then(|course| course.cause).unwrap_or_default();
        self.life = Life::Spent;
        Some(Outcome::Ended(Err(LogError::Aborted { owner: self.owner.clone(), what })))
    }

    fn went_wrong<M>(&mut self, failure: Failure, membership: Option<&mut Membership<M>>) -> Option<Outcome> {
        let course = self.course.as_mut()?;
        let Failure { flags, what } = failure;
        match verdict(course.stage, flags) {
            Verdict::Repeat if course.repeats < MAX_REPEATS => {
                course.repeats += 1;
                course.smooth = false;
                None
            }
            // Nobody aborts for us: what is open dies with the next claim.
            Verdict::Repeat | Verdict::Abort if course.stage == Call::Abort => self.aborted(),
            Verdict::Repeat | Verdict::Abort if course.stage != Call::Init => {
                course.abort(what);
                None
            }
            Verdict::Repeat | Verdict::Abort | Verdict::Replace => {
                course.cause.get_or_insert(what);
                self.aborted()
            }
            Verdict::Unknown => self.unknown(what, membership),
            Verdict::Fenced => {
                self.course = None;
                self.life = Life::Spent;
                Some(Outcome::Ended(Err(self.fenced())))
            }
        }
    }

    fn unknown<M>(&mut self, what: String, membership: Option<&mut Membership<M>>) -> Option<Outcome> {
        if plantado(Defecto::InciertoComoExito) {
            return self.committed(membership);
        }
        if plantado(Defecto::InciertoSeRepite) {
            let course = self.course.as_mut()?;
            course.stage = Call::Begin;
            return None;
        }
        self.course = None;
        self.life = if plantado(Defecto::ProductorTrasIncierto) { Life::Ready } else { Life::Spent };
        Some(Outcome::Ended(Err(LogError::OutcomeUnknown { owner: self.owner.clone(), what })))
    }

    /// The library does not say how many took the place since: at least one.
    fn fenced(&self) -> LogError {
        LogError::Fenced { owner: self.owner.clone(), held: self.epoch, found: self.epoch + 1 }
    }
}

impl Course {
    /// Positions go first: a stale generation is refused before anything is written, and from here on whoever takes the partitions over waits
    /// for the end of this transaction.
    fn after_begin(&self) -> Call {
        if self.positions.is_empty() { self.after_batch(0) } else { Call::SendOffsets }
    }

    fn after_batch(&self, next: usize) -> Call {
        if next < self.batches.len() { Call::Send(next) } else { Call::Commit }
    }

    fn abort(&mut self, cause: String) {
        self.stage = Call::Abort;
        self.repeats = 0;
        self.cause.get_or_insert(cause);
    }

    fn lost_standing<M>(&self, membership: Option<&Membership<M>>) -> bool {
        let Some(losses) = self.losses else { return false };
        membership.is_none_or(|now| now.losses() != losses || now.metadata().is_none())
    }
}

/// Records by partition, in the order in which each partition first appears; order within a partition is kept.
fn batches(records: Vec<(TopicPartition, Record)>) -> Vec<Batch> {
    let mut sorted: Vec<(TopicPartition, Vec<Record>)> = Vec::new();
    for (partition, record) in records {
        match sorted.iter_mut().find(|(found, _)| *found == partition) {
            Some((_, records)) => records.push(record),
            None => sorted.push((partition, vec![record])),
        }
    }
    sorted.into_iter().map(|(partition, records)| Batch { partition, records: records.into(), end: 0 }).collect()
}
