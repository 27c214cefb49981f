//! The clients: they create a shop, send commands at random, repeat what is not answered, and keep a ledger of what they were told.

mod documents;
mod orders;
mod poison;
mod queries;
mod shop;

use std::collections::BTreeMap;

use bytes::Bytes;

use self::{documents::Documents, queries::Queries};
use super::{faults::Fault, node::Shared, rng::Rng, sinks::ReadSide, trace::Trace};
use crate::{
    contracts::{CommandEnvelope, Respuesta, Resultado},
    domain::{
        Comando,
        facturacion::factura::DireccionRespuesta,
        inventario::ComandoInventario,
        reglas::Regla,
        valores::{Decimal, Id, Instante},
    },
    engine::routing::Ownership,
    log::{Log, Position, Record, Topic, TopicPartition, simulated::Micros},
};
pub use poison::panic_if_poisoned;

/// Number of the clients' connection, as requests show it.
const CONNECTION: u32 = 1_000;
/// How long a client waits before it repeats a command for the first time; each time twice as long, up to eight times.
const PATIENCE: Micros = 3_000_000;
/// One command and what is known of it.
struct Order {
    command_id: Id,
    comando: Comando,
    version_esperada: Option<u64>,
    first_sent: Option<Micros>,
    last_sent: Micros,
    sends: u32,
    /// What the first answer that was one said.
    outcome: Option<Resultado>,
    /// Sent with an id that another order uses with other content: both may be told of the conflict.
    shares_id: bool,
}

impl Order {
    /// When it is sent again if nothing is heard.
    fn due(&self) -> Micros {
        self.last_sent + (PATIENCE << self.sends.saturating_sub(1).min(3))
    }
}

/// What a client needs to make up an order.
struct Client<'a> {
    rng: &'a mut Rng,
    shared: &'a Shared,
    documents: &'a mut Documents,
    movements: &'a mut u32,
}

pub struct Clients {
    rng: Rng,
    orders: Vec<Order>,
    /// Orders by the number that answers carry.
    waiting: BTreeMap<u64, usize>,
    /// Before this none of them is due: they are not looked through until then.
    none_due_before: Micros,
    /// Next position of each partition of `respuestas`.
    replies: Vec<Position>,
    /// Orders still to be made up.
    left: u32,
    routing: Ownership,
    queries: Queries,
    findings: Vec<String>,
    documents: Documents,
    movements: u32,
    /// Answers heard.
    pub answers: u64,
    pub repeated: u64,
}

impl Clients {
    pub fn new(shared: &Shared, rng: Rng) -> Self {
        let replies = vec![0; usize::from(shared.log.partitions(Topic::Respuestas))];
        Self {
            rng,
            // It grows once at most: for a shop of more than a third.
            orders: Vec::with_capacity(shared.plan.commands as usize),
            waiting: BTreeMap::new(),
            none_due_before: 0,
            replies,
            left: shared.plan.commands,
            routing: Ownership::none(shared.plan.partitions),
            queries: Queries::default(),
            findings: Vec::new(),
            documents: Documents::default(),
            movements: 0,
            answers: 0,
            repeated: 0,
        }
    }

    /// The commands that make the shop, in groups: each group needs the one before.
    pub fn set_up(&mut self, shared: &Shared) -> Vec<Vec<usize>> {
        let groups = shop::shop(shared, &mut self.rng);
        let of_the_shop = groups.iter().map(Vec::len).sum::<usize>() as u32;
        self.left -= of_the_shop.min(self.left / 3);
        let add = |clients: &mut Self, comando: Comando| clients.add(format!("base-{}", clients.orders.len()), comando);
        groups.into_iter().map(|group| group.into_iter().map(|comando| add(self, comando)).collect()).collect()
    }

    fn add(&mut self, command_id: String, comando: Comando) -> usize {
        let command_id = Id::de_clave(&command_id).unwrap_or_else(|_| unreachable!("los ids de la simulación son válidos"));
        let order = Order {
            command_id,
            comando,
            version_esperada: None,
            first_sent: None,
            last_sent: 0,
            sends: 0,
            outcome: None,
            shares_id: false,
        };
        self.orders.push(order);
        let at = self.orders.len() - 1;
        self.wait_for(at);
        at
    }

    fn wait_for(&mut self, at: usize) {
        self.waiting.insert(at as u64, at);
        self.none_due_before = self.none_due_before.min(self.orders[at].due());
    }

    /// Sends these again; for the shop, which is set up in calm weather.
    pub fn send_all(&mut self, orders: &[usize], shared: &Shared, trace: &mut Trace) {
        for order in orders {
            self.send(*order, shared, trace);
        }
    }

    pub fn accepted(&self, orders: &[usize]) -> bool {
        orders.iter().all(|at| matches!(self.orders[*at].outcome, Some(Resultado::Aceptado { .. })))
    }

    /// All orders were made up, sent and answered.
    pub fn is_done(&self) -> bool {
        self.left == 0 && self.waiting.is_empty()
    }

    /// All orders were made up.
    pub fn has_sent_all(&self) -> bool {
        self.left == 0
    }

    /// When the next repetition is due.
    pub fn wakes_at(&self) -> Option<Micros> {
        self.waiting.values().map(|at| self.orders[*at].due()).min()
    }

    pub fn take_findings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.findings)
    }

    pub fn unanswered(&self) -> Vec<String> {
        self.waiting.values().map(|at| self.orders[*at].command_id.to_string()).collect()
    }

    /// One act: a new command, or a repetition that is due, or an old command once more. Whether it sent something.
    pub fn act(&mut self, shared: &Shared, trace: &mut Trace) -> bool {
        let now = shared.log.now();
        if let Some(at) = self.due(now) {
            self.send(at, shared, trace);
            return true;
        }
        if self.left == 0 || self.waiting.len() >= shared.plan.pressure as usize {
            return false;
        }
        self.left -= 1;
        if shared.weather.strikes(Fault::Poison) {
            self.send_poison(shared, trace);
            return true;
        }
        if !self.orders.is_empty() && self.rng.below(14) == 0 {
            // A caller that does not know whether its call went through, long after it did.
            let at = self.rng.index(self.orders.len());
            self.repeated += 1;
            self.wait_for(at);
            self.send(at, shared, trace);
            return true;
        }
        let at = self.make_up(shared);
        self.send(at, shared, trace);
        true
    }

    /// A command whose repetition is due.
    fn due(&mut self, now: Micros) -> Option<usize> {
        if now < self.none_due_before {
            return None;
        }
        let due = self.waiting.values().copied().find(|at| self.orders[*at].due() <= now);
        if due.is_none() {
            self.none_due_before = self.wakes_at().unwrap_or(Micros::MAX);
        }
        due
    }

    fn send(&mut self, at: usize, shared: &Shared, trace: &mut Trace) {
        let now = shared.log.now();
        let order = &mut self.orders[at];
        order.first_sent.get_or_insert(now);
        order.last_sent = now;
        order.sends += 1;
        let partitions = self.replies.len() as u64;
        let envelope = CommandEnvelope {
            command_id: order.command_id.clone(),
            correlation_id: order.command_id.clone(),
            causation_id: None,
            recibido_en: Instante(shared.plan.epoch_start + now as i64),
            usuario: None,
            canal: None,
            version_esperada: order.version_esperada,
            responder_a: Some(DireccionRespuesta { particion: self.rng.below(partitions) as u16, peticion: at as u64 }),
            traceparent: None,
            paso: None,
            comando: order.comando.clone(),
        };
        let target = order.comando.destino();
        // Where two versions of the program run side by side, either sends it; a repetition may come from the other one.
        let codec = if shared.plan.upgrade && self.rng.below(2) == 0 { &shared.older } else { &shared.codec };
        let value = codec.encode_command(&envelope).unwrap_or_else(|e| unreachable!("un comando de la simulación: {e}"));
        let record = record(target.clave(), value, envelope.recibido_en);
        let sent = shared.log.produce(CONNECTION, vec![(self.routing.commands_of(&target), record)]);
        trace.say(|| format!("cliente envía {} {} {}: {sent:?}", envelope.command_id, envelope.comando.tipo(), target.id));
    }

    /// A new order, at random.
    fn make_up(&mut self, shared: &Shared) -> usize {
        let n = self.orders.len();
        let Some(comando) = self.client(shared).order(n) else { return self.reuse_an_id(shared) };
        let at = self.add(format!("c-{n}"), comando);
        // Who read the document before it edits it, perhaps not what is there now.
        if self.orders[at].comando.destino().tipo.es_documento() && self.rng.below(12) == 0 {
            self.orders[at].version_esperada = Some(self.rng.between(1, 4));
        }
        at
    }

    fn client<'a>(&'a mut self, shared: &'a Shared) -> Client<'a> {
        Client { rng: &mut self.rng, shared, documents: &mut self.documents, movements: &mut self.movements }
    }

    /// The id of an earlier command with other content: a mistake of the caller, refused without touching the first.
    fn reuse_an_id(&mut self, shared: &Shared) -> usize {
        let n = self.orders.len();
        let candidates: Vec<usize> = (0..n)
            .filter(|at| {
                let order = &self.orders[*at];
                matches!(order.comando, Comando::Inventario(ComandoInventario::RegistrarEntrada { .. })) && !order.shares_id
            })
            .collect();
        if candidates.is_empty() {
            let comando = self.client(shared).entry();
            return self.add(format!("c-{n}"), comando);
        }
        let first = candidates[self.rng.index(candidates.len())];
        let mut comando = self.orders[first].comando.clone();
        if let Comando::Inventario(ComandoInventario::RegistrarEntrada { cantidad, .. }) = &mut comando {
            *cantidad += Decimal::ONE;
        }
        let command_id = self.orders[first].command_id.to_string();
        self.orders[first].shares_id = true;
        let at = self.add(command_id, comando);
        self.orders[at].shares_id = true;
        at
    }

    /// Reads answers, as far as there are, and holds them against what was heard before.
    pub fn listen(&mut self, shared: &Shared, trace: &mut Trace) -> bool {
        let mut heard = false;
        for partition in 0..self.replies.len() {
            let tp = TopicPartition::new(Topic::Respuestas, partition as u16);
            let Ok(records) = shared.log.read(tp, self.replies[partition], usize::MAX) else { continue };
            for stored in records {
                self.replies[partition] = stored.position + 1;
                heard = true;
                match shared.codec.decode_reply(&stored.record.value) {
                    Ok(reply) => self.hear(reply, trace),
                    Err(error) => self.findings.push(format!("respuesta ilegible: {error}")),
                }
            }
        }
        heard
    }

    fn hear(&mut self, reply: Respuesta, trace: &mut Trace) {
        self.answers += 1;
        let at = reply.peticion as usize;
        let Some(order) = self.orders.get_mut(at) else {
            self.findings.push(format!("I2: respuesta a una petición que nadie hizo: {reply:?}"));
            return;
        };
        trace.say(|| format!("cliente oye de {}: {:?} (repetido: {})", order.command_id, reply.resultado, reply.repetido));
        if let Resultado::EnCurso = reply.resultado {
            return;
        }
        self.waiting.remove(&(at as u64));
        if order.shares_id || is_conflict(&reply.resultado) {
            return;
        }
        match &order.outcome {
            None => {
                match &reply.resultado {
                    Resultado::Aceptado { factura: Some(told) } => {
                        self.documents.was_issued(&told.factura_id);
                        self.queries.was_told(told);
                    }
                    Resultado::NotaAceptada { nota } => self.queries.was_told_of_note(nota),
                    _ => {}
                }
                order.outcome = Some(reply.resultado);
            }
            // A parked command is parked again, with another reason.
            Some(Resultado::Apartado { .. }) if matches!(reply.resultado, Resultado::Apartado { .. }) => {}
            Some(first) if *first == reply.resultado => {}
            Some(first) => {
                let what = format!("I1: {} tuvo dos desenlaces: {first:?} y {:?}", order.command_id, reply.resultado);
                self.findings.push(what);
            }
        }
    }

    /// Somebody asks the read side, and what is answered is held against what was told.
    pub fn query(&mut self, shared: &Shared, reads: &ReadSide, trace: &mut Trace) {
        self.queries.ask(shared, reads, &mut self.rng, trace, &mut self.findings);
    }

    /// Outcomes heard, by command: what the log must agree with.
    pub fn ledger(&self) -> BTreeMap<Id, &Resultado> {
        let told = |order: &'_ Order| !order.shares_id && order.outcome.is_some();
        self.orders.iter().filter(|o| told(o)).filter_map(|o| Some((o.command_id.clone(), o.outcome.as_ref()?))).collect()
    }
}

fn is_conflict(resultado: &Resultado) -> bool {
    matches!(resultado, Resultado::Rechazado { errores } if errores.iter().any(|e| e.regla == Regla::ClaveIdempotenciaEnConflicto))
}

fn id(text: &str) -> Id {
    Id::de_clave(text).unwrap_or_else(|_| unreachable!("los ids de la simulación son válidos: {text}"))
}

fn record(key: &str, value: Bytes, timestamp: Instante) -> Record {
    Record { key: Bytes::copy_from_slice(key.as_bytes()), value, headers: Vec::new(), timestamp }
}
