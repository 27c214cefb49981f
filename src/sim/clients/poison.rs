//! What no processor can decide: bytes that are no command, a command under another's key, one whose decision panics.

use std::panic;

use super::{CONNECTION, Clients, Order, orders::client_update, record};
use crate::{
    contracts::CommandEnvelope,
    domain::{
        Comando,
        valores::{Id, Instante},
    },
    log::{Topic, TopicPartition},
    sim::{node::Shared, trace::Trace},
};

/// Commands whose id begins so make the decision panic.
const POISON: &str = "veneno-";

/// The trap that the simulator sets in every core. It unwinds without the noise of a panic's message.
pub fn panic_if_poisoned(command_id: &Id) {
    if command_id.as_str().starts_with(POISON) {
        panic::resume_unwind(Box::new("veneno de la simulación".to_owned()));
    }
}

impl Clients {
    /// Bytes that are no command, a command in another's place, or one whose decision panics.
    pub(super) fn send_poison(&mut self, shared: &Shared, trace: &mut Trace) {
        let partition = self.rng.below(u64::from(shared.plan.partitions)) as u16;
        let at = Instante(shared.plan.epoch_start + shared.log.now() as i64);
        let n = self.orders.len();
        match self.rng.below(3) {
            0 => {
                let garbage: Vec<u8> = (0..self.rng.index(40)).map(|_| self.rng.next() as u8).collect();
                let topic = Topic::Comandos(self.rng.pick(&crate::domain::Contexto::TODOS));
                trace.say(|| format!("cliente envía basura a {topic}/{partition}"));
                drop(
                    shared
                        .log
                        .produce(CONNECTION, vec![(TopicPartition::new(topic, partition), record("basura", garbage.into(), at))]),
                );
            }
            1 => {
                let order = self.add(format!("ajena-{n}"), client_update("c1", n));
                self.waiting.remove(&(order as u64));
                let Order { command_id, comando, .. } = &self.orders[order];
                let envelope = bare(command_id.clone(), comando.clone(), at);
                let value = shared.codec.encode_command(&envelope).unwrap_or_default();
                let to = self.routing.commands_of(&comando.destino());
                trace.say(|| format!("cliente envía {command_id} con clave ajena"));
                drop(shared.log.produce(CONNECTION, vec![(to, record("otra-clave", value, at))]));
            }
            _ => {
                let invoice = self.rng.below(2) == 0;
                let comando = if invoice { self.client(shared).poisonous_invoice(n) } else { client_update("c-veneno", n) };
                let order = self.add(format!("{POISON}{n}"), comando);
                self.send(order, shared, trace);
            }
        }
    }
}

fn bare(command_id: Id, comando: Comando, recibido_en: Instante) -> CommandEnvelope {
    CommandEnvelope {
        correlation_id: command_id.clone(),
        command_id,
        causation_id: None,
        recibido_en,
        usuario: None,
        canal: None,
        version_esperada: None,
        responder_a: None,
        traceparent: None,
        paso: None,
        comando,
    }
}
