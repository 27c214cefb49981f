//! Step 0 of an invoice: its client, asked of its owner when that is another node (`dominio.md` section 6).
//!
//! ```text
//! node of the invoice   CrearYEmitirFactura ─ client unknown ─▶ ConsultarCliente{pedido}   (the command waits inside the question)
//! node of the client    ConsultarCliente ─▶ ClienteConsultado{cliente, pedido}             (given back with the answer)
//! node of the invoice   ClienteConsultado ─▶ the client enters the cache ─▶ pedido is decided as if it had just come
//! ```
//! Nothing is kept while it waits: question and answer are messages of epochs, as durable as the command was.

use std::rc::Rc;

use bytes::Bytes;

use super::{Core, CoreError, deliver::Message, epoch::InputContext, replicas::Told, slots::Place};
use crate::domain::{
    Comando, ComandoEnEspera, Direccionado, TipoAgregado, catalogo::cliente::ComandoCliente, facturacion::factura::ComandoFactura,
    valores::Id,
};

impl Core {
    /// Whether the client can be looked at: its own actor is brought into memory, another node's is in the cache or was asked for.
    pub(super) fn has_client_at_hand(&mut self, cliente_id: &Id, told: bool) -> Result<bool, CoreError> {
        let cliente = Direccionado::new(TipoAgregado::Cliente, cliente_id.clone());
        if self.ownership.is_local(&cliente) {
            self.activate(&cliente)?;
            return Ok(true);
        }
        Ok(told || self.replicas.clientes.get(cliente_id).is_some_and(Option::is_some))
    }

    /// Sends the command to the owner of its client, inside the question.
    pub(super) fn ask_for_client(&mut self, cliente_id: &Id, message: &Message) {
        let bytes = message.raw.clone().unwrap_or_else(|| self.encode_step(message));
        let pregunta = ComandoCliente::ConsultarCliente {
            cliente_id: cliente_id.clone(),
            factura_id: message.target.id.clone(),
            pedido: ComandoEnEspera(bytes.as_ref().into()),
        };
        let comando = Comando::Cliente(pregunta);
        let question = Message::internal(comando.destino(), comando, None, message.cause, message.origin.clone(), message.ahora);
        self.queue.push_back(question);
    }

    /// Answers with the client as it is now, also from quarantine: its state is good.
    pub(super) fn answer_question(&mut self, message: &Message, place: Place, factura_id: &Id, pedido: &ComandoEnEspera) {
        let id = &message.target.id;
        let cliente = self.replicas.clientes.get(id).and_then(Option::as_ref).cloned();
        let respuesta = ComandoFactura::ClienteConsultado {
            factura_id: factura_id.clone(),
            cliente_id: id.clone(),
            version: self.slots[place].version_now(),
            cliente: cliente.map(Box::new),
            pedido: pedido.clone(),
        };
        let comando = Comando::Factura(respuesta);
        let answer = Message::internal(comando.destino(), comando, None, message.cause, message.origin.clone(), message.ahora);
        // Should the command that waited go to the DLQ from here, it goes as the input that brought it.
        self.queue.push_back(Message { raw: message.raw.clone(), ..answer });
    }

    /// Decides the command that waited; told of its client by an answer that an event has overtaken, it asks again.
    pub(super) fn resume(
        &mut self,
        (cliente_id, told): (&Id, Told),
        pedido: &ComandoEnEspera,
        message: &Message,
        input: &Rc<InputContext>,
    ) {
        let bytes = Bytes::copy_from_slice(&pedido.0);
        match self.codec.decode_command(&bytes) {
            Ok(command) if told == Told::Stale => self.ask_for_client(cliente_id, &Message::from_command(command, Some(bytes))),
            Ok(command) => {
                // Should it go to the DLQ, it goes as the input that brought it.
                let raw = message.raw.clone().or(Some(bytes));
                let waited = Message { told: true, ..Message::from_command(command, raw) };
                self.queue.push_front(waited);
            }
            Err(cause) => self.set_aside(message, "Indecodificable", &cause.to_string(), input),
        }
    }
}
