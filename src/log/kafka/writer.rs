//! The transactional producer of one owner: makes the calls that the protocol (`log::transactional`) names, and tells it what came of them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, Producer as _},
};

use super::{
    client::{Context, Troubles},
    convert,
    raw::{self, CallError, Events},
    settings::{CALL, KafkaOptions, explain, hint},
    standing::Standing,
};
use crate::log::{
    Committed, LogError, OwnerToken, Position, Transaction,
    transactional::{Call, Failure, Flags, Heard, Outcome, Producer},
};

/// How long positions wait for the generation of a round that has begun since the transaction did.
const ROUND: Duration = Duration::from_secs(1);

/// The producer of an owner.
pub struct Writer {
    options: KafkaOptions,
    machine: Producer,
    client: Option<BaseProducer<Context>>,
    sent: Sent,
}

/// What became of the batches of the transaction under way.
#[derive(Default)]
struct Sent {
    /// Records of each batch without a report yet.
    pending: Vec<usize>,
    /// Position after the last record of each batch.
    ends: Vec<Position>,
    failure: Option<RDKafkaErrorCode>,
}

impl Sent {
    fn take(&mut self, events: &mut Events, troubles: &Troubles) {
        for (batch, outcome) in events.reports.drain(..) {
            if let Some(pending) = self.pending.get_mut(batch) {
                *pending = pending.saturating_sub(1);
            }
            match (outcome, self.ends.get_mut(batch)) {
                (Ok(offset), Some(end)) => *end = (*end).max(u64::try_from(offset + 1).unwrap_or_default()),
                (Ok(_), None) => {}
                (Err(code), _) => drop(self.failure.get_or_insert(code)),
            }
        }
        for (code, text) in events.errors.drain(..) {
            troubles.heard_error(&KafkaError::Global(code), &text);
        }
    }
}

impl Writer {
    pub fn new(options: &KafkaOptions, owner: &str) -> Self {
        Self { options: options.clone(), machine: Producer::new(owner), client: None, sent: Sent::default() }
    }

    /// Takes the owner's place.
    ///
    /// # Errors
    /// `Fenced`; `Storage` when the broker does not give it.
    pub fn claim(&mut self) -> Result<OwnerToken, LogError> {
        self.machine.claim();
        match self.run(None) {
            Outcome::Claimed(claimed) => claimed,
            Outcome::Ended(_) => Err(confused()),
        }
    }

    /// # Errors
    /// Those of the port.
    pub fn commit(&mut self, transaction: Transaction, standing: Option<&Standing>) -> Result<Committed, LogError> {
        {
            let membership = standing.map(Standing::membership);
            self.machine.begin(transaction, membership.as_deref())?;
        }
        match self.run(standing) {
            Outcome::Ended(ended) => ended,
            Outcome::Claimed(_) => Err(confused()),
        }
    }

    fn run(&mut self, standing: Option<&Standing>) -> Outcome {
        loop {
            let call = {
                let membership = standing.map(Standing::membership);
                self.machine.next_call(membership.as_deref())
            };
            let Some(call) = call else { return Outcome::Ended(Err(confused())) };
            let heard = self.make(call, standing);
            let mut membership = standing.map(Standing::membership);
            if let Some(outcome) = self.machine.heard(heard, membership.as_deref_mut()) {
                return outcome;
            }
        }
    }

    fn make(&mut self, call: Call, standing: Option<&Standing>) -> Heard {
        let start = Instant::now();
        let result = match call {
            Call::Init => self.init(),
            Call::Begin => self.with(|client| raw::begin(client.client())),
            Call::Send(place) => self.send(place),
            Call::SendOffsets => self.send_offsets(standing),
            Call::Commit => self.with(|client| raw::commit(client.client(), self.options.transaction)),
            Call::Abort => self.abort(),
        };
        tracing::trace!(evento = "llamada", llamada = ?call, micros = start.elapsed().as_micros(), exito = result.is_ok(), "transacción");
        Heard { result, smooth: !self.had_trouble() }
    }

    fn with(&self, call: impl FnOnce(&BaseProducer<Context>) -> Result<(), CallError>) -> Result<u64, Failure> {
        let client = self.client.as_ref().ok_or_else(no_client)?;
        call(client).map(|()| 0).map_err(|error| failure(&error, &client.context().troubles))
    }

    /// Lets the client go without waiting for it.
    fn discard(&mut self) {
        if let Some(old) = self.client.take() {
            let _ = thread::Builder::new().name("cierra-productor".to_owned()).spawn(move || drop(old));
        }
    }

    /// Any trouble since this client began may have left a request on its way.
    fn had_trouble(&self) -> bool {
        self.client.as_ref().is_none_or(|client| client.context().troubles.count() > 0)
    }

    /// A client that had trouble is not asked again: a new one takes the id, which decides whatever the old one left open.
    fn init(&mut self) -> Result<u64, Failure> {
        self.discard();
        let config = self.options.transactional(self.machine.owner());
        let client = BaseProducer::from_config_and_context(&config, Context::default())
            .map_err(|e| Failure { flags: Flags::default(), what: explain(&e) })?;
        let result = raw::init(client.client(), CALL);
        let mut events = Events::default();
        raw::events(client.client(), Duration::ZERO, &mut events);
        self.sent.take(&mut events, &client.context().troubles);
        let result = result.map(|()| 0).map_err(|error| failure(&error, &client.context().troubles));
        self.client = Some(client);
        result
    }

    /// All batches are handed over with the first, so that they travel together; each call then waits for its own.
    fn send(&mut self, place: usize) -> Result<u64, Failure> {
        if place == 0 {
            self.hand_over()?;
        }
        let client = self.client.as_ref().ok_or_else(no_client)?;
        let troubles = &client.context().troubles;
        let mut events = Events::default();
        let deadline = Instant::now() + self.options.transaction;
        while self.sent.pending.get(place).is_some_and(|pending| *pending > 0) && self.sent.failure.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.sent.failure = Some(RDKafkaErrorCode::MessageTimedOut);
            }
            raw::events(client.client(), left.min(Duration::from_millis(100)), &mut events);
            self.sent.take(&mut events, troubles);
        }
        match self.sent.failure {
            Some(code) => Err(of_code(code, &format!("no se pudo escribir: {code}"), troubles)),
            None => Ok(self.sent.ends.get(place).copied().unwrap_or_default()),
        }
    }

    fn hand_over(&mut self) -> Result<(), Failure> {
        let client = self.client.as_ref().ok_or_else(no_client)?;
        let troubles = &client.context().troubles;
        let batches = self.machine.batches();
        self.sent = Sent {
            pending: batches.iter().map(|batch| batch.records.len()).collect(),
            ends: vec![0; batches.len()],
            failure: None,
        };
        let mut events = Events::default();
        for (number, batch) in batches.iter().enumerate() {
            let topic = self.options.topology.named(&batch.partition.topic.nombre());
            for record in &*batch.records {
                loop {
                    match convert::send(client, &topic, batch.partition.partition, record, number) {
                        Ok(()) => break,
                        Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                            raw::events(client.client(), Duration::from_millis(10), &mut events);
                            self.sent.take(&mut events, troubles);
                        }
                        Err(error) => {
                            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                            return Err(of_code(code, &explain(&error), troubles));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn send_offsets(&self, standing: Option<&Standing>) -> Result<u64, Failure> {
        let Some((group, positions)) = self.machine.positions() else { return Ok(0) };
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (partition, position) in positions {
            let topic = self.options.topology.named(&partition.topic.nombre());
            let offset = Offset::Offset(i64::try_from(*position).unwrap_or(i64::MAX));
            list.add_partition_offset(&topic, i32::from(partition.partition), offset)
                .map_err(|e| Failure { flags: Flags { requires_abort: true, ..Flags::default() }, what: explain(&e) })?;
        }
        let group = self.options.topology.named(group);
        if let Some(standing) = standing {
            standing.wait_for_round(ROUND);
        }
        // The metadata of the assignment, not what the library knows now: a generation that moved on must be refused.
        let metadata = standing.and_then(|standing| standing.membership().metadata().cloned());
        if standing.is_some() && metadata.is_none() {
            let flags = Flags { requires_abort: true, ..Flags::default() };
            return Err(Failure { flags, what: "la asignación terminó antes de enviar las posiciones".to_owned() });
        }
        self.with(|client| raw::send_offsets(client.client(), &list, &group, metadata.as_ref(), self.options.transaction))
    }

    /// The library waits for the reports of what it throws away, so somebody must take them meanwhile.
    ///
    /// One that had trouble is not asked: 2.12.1 ends the process when a partition's admission to the transaction is answered after its abort
    /// is done (`txn_req_cnt > 0`). What it has open dies with the next claim, or of age.
    fn abort(&mut self) -> Result<u64, Failure> {
        if self.had_trouble() || self.sent.failure.is_some() {
            self.discard();
            return Ok(0);
        }
        let client = self.client.as_ref().ok_or_else(no_client)?;
        let done = AtomicBool::new(false);
        let result = thread::scope(|scope| {
            scope.spawn(|| {
                let mut thrown_away = Events::default();
                while !done.load(Ordering::Acquire) {
                    raw::events(client.client(), Duration::from_millis(10), &mut thrown_away);
                    thrown_away = Events::default();
                }
            });
            let result = raw::abort(client.client(), self.options.transaction);
            done.store(true, Ordering::Release);
            result
        });
        result.map(|()| 0).map_err(|error| failure(&error, &client.context().troubles))
    }
}

fn confused() -> LogError {
    LogError::Storage("el productor respondió por otra llamada".to_owned())
}

fn no_client() -> Failure {
    Failure { flags: Flags::default(), what: "no hay productor: reclame el lugar".to_owned() }
}

fn flags(code: RDKafkaErrorCode) -> Flags {
    use RDKafkaErrorCode as Code;
    Flags {
        fenced: matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch),
        timed_out: matches!(code, Code::OperationTimedOut | Code::RequestTimedOut | Code::MessageTimedOut),
        ..Flags::default()
    }
}

fn failure(error: &CallError, troubles: &Troubles) -> Failure {
    let flags = Flags { retriable: error.retriable, requires_abort: error.requires_abort, fatal: error.fatal, ..flags(error.code) };
    Failure { flags, what: told(&error.text, error.code, troubles) }
}

fn of_code(code: RDKafkaErrorCode, text: &str, troubles: &Troubles) -> Failure {
    Failure { flags: flags(code), what: told(text, code, troubles) }
}

fn told(text: &str, code: RDKafkaErrorCode, troubles: &Troubles) -> String {
    let hint = hint(code).map(|hint| format!("; {hint}")).unwrap_or_default();
    troubles.with_last(format!("{text}{hint}"))
}

/// Writers of this process, by owner.
#[derive(Default)]
pub struct Writers(Mutex<Vec<(String, Arc<Mutex<Writer>>)>>);

impl Writers {
    pub fn find(&self, owner: &str) -> Option<Arc<Mutex<Writer>>> {
        let all = locked(&self.0);
        all.iter().find(|(name, _)| name == owner).map(|(_, writer)| Arc::clone(writer))
    }

    pub fn of(&self, options: &KafkaOptions, owner: &str) -> Arc<Mutex<Writer>> {
        let mut all = locked(&self.0);
        if let Some((_, writer)) = all.iter().find(|(name, _)| name == owner) {
            return Arc::clone(writer);
        }
        let writer = Arc::new(Mutex::new(Writer::new(options, owner)));
        all.push((owner.to_owned(), Arc::clone(&writer)));
        writer
    }
}

pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
