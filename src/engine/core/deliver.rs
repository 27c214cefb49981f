//! Delivery of one message to its actor, and of what that actor sends, until nothing is left.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use bytes::Bytes;

use super::{
    Core, CoreError,
    documents::{self, Role, is_answer, is_of_an_attempt, waiting_address},
    epoch::{Cause, InputContext, PendingEvent, RemoteMessage},
    replicas::{Replicas, Told},
    slot::{Slot, SlotState},
    slots::Place,
};
use crate::{
    contracts::{CommandEnvelope, DecodedCommand},
    defectos::{Defecto, plantado},
    domain::{
        Comando, ContextoDecision, Direccionado, Evento, Rechazo, ResultadoPaso, TipoAgregado,
        catalogo::{
            bodega,
            cliente::{self, ComandoCliente},
            descuento, producto, sucursal,
        },
        emisor::Emisor,
        facturacion::{
            factura::{self, ComandoFactura, DireccionRespuesta, Envio, EventoFactura, NotaSaga, Paso, PasoSaga},
            nota_credito::{self, EventoNotaCredito, NotaSagaCredito},
        },
        inventario::{self, EventoInventario},
        numeracion,
        reglas::{Falla, version_esperada},
        valores::{Id, Instante},
    },
    engine::store::Origin,
};

/// What only a client's command carries.
#[derive(Debug)]
pub struct ClientCall {
    pub responder_a: Option<DireccionRespuesta>,
    pub version_esperada: Option<u64>,
}

/// A message on its way to an actor of this node.
#[derive(Debug)]
pub struct Message {
    pub target: Direccionado,
    pub comando: Comando,
    /// Set on the steps of a saga: who decides, answers to this. The step's own command id derives from it.
    pub paso: Option<PasoSaga>,
    pub cause: Cause,
    /// The command that began the flow.
    pub origin: Rc<Origin>,
    pub client: Option<ClientCall>,
    /// `recibido_en` of the command that began the flow: what *hoy* comes from.
    pub ahora: Instante,
    /// Original bytes of an input.
    pub raw: Option<Bytes>,
    /// Its client has been asked of another node already: what is known of it is all there is.
    pub told: bool,
    /// A step of a saga that began in the epoch in course: none of its messages can be anywhere but here.
    pub fresh: bool,
}

impl Message {
    /// Id of the command it carries: its step's, or the one it came with.
    pub fn command_id(&self) -> Id {
        self.paso.as_ref().map_or_else(|| self.origin.command_id.clone(), PasoSaga::command_id)
    }

    /// Whether its outcome is that of an attempt to issue a document.
    pub fn issues(&self) -> bool {
        matches!(&self.comando, Comando::Factura(c) if c.emite())
    }

    pub fn internal(
        target: Direccionado,
        comando: Comando,
        paso: Option<PasoSaga>,
        cause: Cause,
        origin: Rc<Origin>,
        ahora: Instante,
    ) -> Self {
        Self { target, comando, paso, cause, origin, client: None, ahora, raw: None, told: false, fresh: false }
    }

    pub fn from_command(command: DecodedCommand, raw: Option<Bytes>) -> Self {
        let DecodedCommand { envelope, huella } = command;
        let from_saga = envelope.es_de_saga();
        let client =
            (!from_saga).then_some(ClientCall { responder_a: envelope.responder_a, version_esperada: envelope.version_esperada });
        let origin = Origin {
            command_id: envelope.command_id,
            huella: (!from_saga).then_some(huella),
            correlation_id: envelope.correlation_id,
            usuario: envelope.usuario,
            recibido_en: envelope.recibido_en,
        };
        Self {
            target: envelope.comando.destino(),
            comando: envelope.comando,
            paso: envelope.paso,
            cause: Cause::Input,
            origin: Rc::new(origin),
            client,
            ahora: envelope.recibido_en,
            raw,
            told: false,
            fresh: false,
        }
    }
}

/// What an actor decided.
#[derive(Default)]
pub struct Decision {
    pub eventos: Vec<Evento>,
    pub notas: Notes,
    pub envios: Vec<Envio>,
    pub resultado: Option<ResultadoPaso>,
}

/// What a document only remembers.
#[derive(Default)]
pub enum Notes {
    #[default]
    None,
    Factura(Vec<NotaSaga>),
    NotaCredito(Vec<NotaSagaCredito>),
}

impl Core {
    /// Runs an input and everything it leads to here.
    pub(super) fn run(&mut self, first: Message, input: Rc<InputContext>) -> Result<(), CoreError> {
        self.ordinal = 0;
        self.queue.push_back(first);
        self.drain(&input)
    }

    pub(super) fn drain(&mut self, input: &Rc<InputContext>) -> Result<(), CoreError> {
        let first_reply = self.epoch.replies.len();
        let first_event = self.epoch.events.len();
        let mut hops = 0;
        while let Some(message) = self.queue.pop_front() {
            hops += 1;
            if hops > self.limits.max_hops {
                self.queue.clear();
                return Err(CoreError::TooManyHops(input.entrada.particion));
            }
            self.deliver(&message, input)?;
        }
        self.stats.hops += u64::from(hops);
        let end_event = index(self.epoch.events.len());
        for reply in &mut self.epoch.replies[first_reply..] {
            reply.first_event = index(first_event);
            reply.end_event = end_event;
        }
        Ok(())
    }

    fn deliver(&mut self, message: &Message, input: &Rc<InputContext>) -> Result<(), CoreError> {
        if !self.ownership.is_local(&message.target) {
            self.send_away(message, input);
            return Ok(());
        }
        let place = self.activate(&message.target)?;
        match &message.comando {
            Comando::Cliente(ComandoCliente::ConsultarCliente { factura_id, pedido, .. }) => {
                self.answer_question(message, place, factura_id, pedido);
                return Ok(());
            }
            Comando::Factura(ComandoFactura::ClienteConsultado { cliente_id, version, cliente, pedido, .. }) => {
                // A client that has become this node's own meanwhile is known better here.
                let own = self.ownership.is_local(&Direccionado::new(TipoAgregado::Cliente, cliente_id.clone()));
                let told = match own {
                    true => Told::Good,
                    false => self.replicas.adopt_foreign_client(cliente_id, *version, cliente.as_deref().cloned()),
                };
                self.resume((cliente_id, told), pedido, message, input);
                return Ok(());
            }
            _ => {}
        }
        if message.client.is_some() && !plantado(Defecto::SinDeduplicar) && self.answer_from_memory(message, place, input)? {
            return Ok(());
        }
        if let Comando::Cuarentena(resolucion) = &message.comando {
            return self.resolve_letter(message, resolucion, place, input);
        }
        // Behind the memory: what was decided before the quarantine is answered as it was.
        if self.slots[place].quarantined() && !plantado(Defecto::CuarentenaAMedias) {
            self.park(message, place, input);
            return Ok(());
        }
        if let Some(cliente_id) = client_of(&self.slots[place], &message.comando)
            && !self.has_client_at_hand(&cliente_id, message.told)?
        {
            self.ask_for_client(&cliente_id, message);
            return Ok(());
        }
        self.decide_and_apply(message, place, input)
    }

    fn decide_and_apply(&mut self, message: &Message, place: Place, input: &Rc<InputContext>) -> Result<(), CoreError> {
        let slot = &mut self.slots[place];
        slot.used_in = self.number;
        keep_what_is_observed(slot, &self.epoch.events, message);
        if let Some(stale) = stale_version(slot, message) {
            return self.refuse(message, Rechazo::de(stale), input);
        }
        match decide(&self.emisor, &self.replicas, slot, message, self.limits.trap) {
            Ok(Ok(decision)) => self.apply(message, place, decision, input),
            Ok(Err(rechazo)) => self.refuse(message, rechazo, input),
            Err(cause) => {
                self.poison(message, place, &cause, input);
                Ok(())
            }
        }
    }

    pub(super) fn apply(
        &mut self,
        message: &Message,
        place: Place,
        decision: Decision,
        input: &Rc<InputContext>,
    ) -> Result<(), CoreError> {
        let Decision { eventos, notas, envios, resultado } = decision;
        let role = self.role_of(message, place, &eventos)?;
        let origin = self.origin_for(message, place, role);
        let waiting = waiting_address(&self.slots[place], message, role);
        let mut cause = message.cause;
        let mut finished = None;
        for evento in eventos {
            finished = self.ends_a_document(place, &evento).or(finished);
            let its_origin = if role == Role::Aside && !is_of_an_attempt(&evento) { &message.origin } else { &origin };
            cause = self.push_event(place, evento, message, its_origin, input);
        }
        self.note(place, notas);
        let fresh = !envios.is_empty() && began_in(&self.slots[place], &self.epoch.events);
        for Envio { paso, comando } in envios {
            let target = comando.destino();
            let step = Message::internal(target, comando, Some(paso), cause, Rc::clone(&origin), message.ahora);
            self.queue.push_back(Message { fresh, ..step });
        }
        if let (Some(paso), Some(resultado)) = (&message.paso, resultado) {
            self.answer_step(paso, resultado, cause, message);
        }
        self.settle(message, place, &origin, waiting, role, finished);
        Ok(())
    }

    /// What a document only remembers of its open saga.
    fn note(&mut self, place: Place, notes: Notes) {
        match (&mut self.slots[place].state, notes) {
            (SlotState::Factura(Some(state)), Notes::Factura(notes)) => {
                notes.into_iter().for_each(|note| factura::anotar(state, note));
            }
            (SlotState::NotaCredito(Some(state)), Notes::NotaCredito(notes)) => {
                notes.into_iter().for_each(|note| nota_credito::anotar(state, note));
            }
            _ => {}
        }
    }

    /// Records an event and folds it, dropping what it makes unobservable.
    pub(super) fn push_event(
        &mut self,
        place: Place,
        evento: Evento,
        message: &Message,
        origin: &Rc<Origin>,
        input: &Rc<InputContext>,
    ) -> Cause {
        let at = index(self.epoch.events.len());
        let slot = &mut self.slots[place];
        if slot.changed_in != self.number {
            slot.changed_in = self.number;
            self.epoch.touched.push(place);
        }
        slot.fold(&mut self.replicas, &evento);
        let returned = ends_a_return(&evento) && began_in(slot, &self.epoch.events);
        self.stats.elided += elide(slot, &mut self.epoch.events, &evento, message.fresh, origin);
        if returned {
            self.close_returns(&evento);
        }
        let slot = &mut self.slots[place];
        if may_be_elided(&evento) {
            slot.elidable.push(at);
        }
        slot.kept += 1;
        let ordinal = self.ordinal;
        self.ordinal += 1;
        self.epoch.events.push(PendingEvent {
            place,
            evento: Some(evento),
            cause: message.cause,
            origin: Rc::clone(origin),
            paso: message.paso.clone(),
            input: Rc::clone(input),
            ordinal,
        });
        Cause::Event(at)
    }

    /// Answers a step of a saga, unless it was a release, which nobody waits for.
    pub(super) fn answer_step(&mut self, paso: &PasoSaga, resultado: ResultadoPaso, cause: Cause, message: &Message) {
        if paso.paso == Paso::Liberar {
            return;
        }
        let target = Direccionado::documento(paso.documento_id.clone());
        let comando = documents::answer(&target, paso, resultado);
        self.queue.push_back(Message::internal(target, comando, None, cause, Rc::clone(&message.origin), message.ahora));
    }

    /// Hands a message over to the node that owns its target, through that target's topic.
    fn send_away(&mut self, message: &Message, input: &Rc<InputContext>) {
        let command_id = message.command_id();
        // The ids of answers and questions derive from what they belong to, so that they are the same however often they are given.
        let suffix = match &message.comando {
            answer if is_answer(answer) => Some("A"),
            Comando::Cliente(ComandoCliente::ConsultarCliente { .. }) => Some("Q"),
            Comando::Factura(ComandoFactura::ClienteConsultado { .. }) => Some("R"),
            _ => None,
        };
        let envelope = CommandEnvelope {
            command_id: suffix.map_or_else(|| command_id.clone(), |suffix| Id::compuesto(&[command_id.as_str(), suffix])),
            correlation_id: message.origin.correlation_id.clone(),
            causation_id: None,
            recibido_en: message.ahora,
            usuario: message.origin.usuario.clone(),
            canal: None,
            version_esperada: None,
            responder_a: None,
            traceparent: None,
            paso: message.paso.clone(),
            comando: message.comando.clone(),
        };
        let target = message.target.clone();
        self.epoch.remote.push(RemoteMessage { target, envelope, cause: message.cause, input: Rc::clone(input) });
    }
}

/// The client that a command issues to.
pub(super) fn client_of(slot: &Slot, comando: &Comando) -> Option<Id> {
    match comando {
        Comando::Factura(ComandoFactura::CrearYEmitirFactura { datos, .. }) => Some(datos.cliente_id.clone()),
        Comando::Factura(ComandoFactura::EmitirFactura { .. }) => slot.factura().map(|f| f.cabecera.cliente_id.clone()),
        _ => None,
    }
}

fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or_else(|_| unreachable!("una época no llega a 2^32 eventos"))
}

/// Whether the attempt that a document is at began in this epoch.
fn began_in(slot: &Slot, events: &[PendingEvent]) -> bool {
    let begins = |at: &u32| {
        matches!(
            events[*at as usize].evento,
            Some(
                Evento::Factura(EventoFactura::EmisionIniciada(_) | EventoFactura::AnulacionIniciada(_))
                    | Evento::NotaCredito(EventoNotaCredito::EmisionNotaCreditoIniciada(_))
            )
        )
    };
    slot.elidable.iter().any(begins)
}

/// Whether an event ends a saga that returns goods to inventories.
fn ends_a_return(evento: &Evento) -> bool {
    matches!(
        evento,
        Evento::Factura(EventoFactura::FacturaAnulada(_)) | Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(_))
    )
}

/// Events that a later one of the same epoch may make unobservable (`architecture.md` section 4).
fn may_be_elided(evento: &Evento) -> bool {
    match evento {
        Evento::Inventario(EventoInventario::StockReservado { .. }) => true,
        // Not dropped, but its mark may still go: see `close_returns`.
        Evento::Inventario(EventoInventario::StockIncrementado(m)) => m.reserva_id.is_some(),
        Evento::Factura(e) => !matches!(
            e,
            EventoFactura::FacturaEmitida(_)
                | EventoFactura::FacturaRechazada { .. }
                | EventoFactura::FacturaDescartada { .. }
                | EventoFactura::FacturaAnulada(_)
                | EventoFactura::AnulacionRechazada { .. }
                | EventoFactura::CreditoAplicado { .. }
                | EventoFactura::CreditoLiberado { .. }
                | EventoFactura::RespuestaDianRegistrada { .. }
        ),
        Evento::NotaCredito(e) => {
            !matches!(e, EventoNotaCredito::NotaCreditoEmitida(_) | EventoNotaCredito::NotaCreditoRechazada { .. })
        }
        _ => false,
    }
}

/// The failure of `version_esperada`, when the caller gave one and the aggregate has moved on.
pub(super) fn stale_version(slot: &Slot, message: &Message) -> Option<Falla> {
    let expected = message.client.as_ref()?.version_esperada?;
    version_esperada(expected, slot.version_now())
}

/// A reservation, of stock or of credit, that another saga or command has met is observed: its refusal may come from it, or the figures
/// that its events state. So is what an invoice is at, by whatever another command led to. It stays, whatever follows in the epoch; so the
/// recorded stream has every state that somebody saw.
pub(super) fn keep_what_is_observed(slot: &mut Slot, events: &[PendingEvent], message: &Message) {
    if slot.elidable.is_empty() || !matches!(slot.target.tipo, TipoAgregado::Inventario | TipoAgregado::Factura) {
        return;
    }
    let saga = message.paso.as_ref().map(|paso| (&paso.documento_id, paso.intento));
    slot.elidable.retain(|at| {
        let pending = &events[*at as usize];
        if !pending.evento.as_ref().is_some_and(is_held_for_a_saga) {
            return are_of_one_command(&pending.origin, &message.origin);
        }
        let whose = pending.paso.as_ref().map(|paso| (&paso.documento_id, paso.intento));
        whose.is_some() && whose == saga
    });
}

/// What an Inventario, or an invoice, holds for the saga of another document. (The rest of an invoice's elidable events are its own.)
fn is_held_for_a_saga(evento: &Evento) -> bool {
    matches!(evento, Evento::Inventario(_) | Evento::Factura(EventoFactura::CreditoReservado { .. }))
}

/// Drops what `evento` makes unobservable; how many. Of a document, only what its own command led to: an edit that came before it
/// as a command of its own was answered with its version.
///
/// A reservation, of stock or of credit, of a saga that began before this epoch stays: an earlier copy of its request may still be
/// under way, and whoever receives it must know that it was granted. The same goes for a saga of another node.
fn elide(slot: &mut Slot, events: &mut [PendingEvent], evento: &Evento, fresh: bool, origin: &Rc<Origin>) -> u64 {
    if slot.elidable.is_empty() {
        return 0;
    }
    // A command of its own leaves an event of its own.
    let alike = |e: &PendingEvent| are_of_one_command(&e.origin, origin);
    match evento {
        // Credit belongs to the saga of a note.
        Evento::Factura(EventoFactura::CreditoAplicado { .. }) if !fresh => 0,
        Evento::Factura(later) => elide_where(slot, events, |pending, e| {
            matches!(e, Evento::Factura(earlier) if factura::elidibles(later, earlier)) && alike(pending)
        }),
        Evento::NotaCredito(later) => elide_where(slot, events, |pending, e| {
            matches!(e, Evento::NotaCredito(earlier) if nota_credito::elidibles(later, earlier)) && alike(pending)
        }),
        Evento::Inventario(EventoInventario::StockReducido(_)) if !fresh && !plantado(Defecto::ElisionDeSagaAjena) => 0,
        Evento::Inventario(EventoInventario::StockReducido(m)) => {
            m.reserva_id.as_ref().map_or(0, |id| elide_reservation(slot, events, id))
        }
        Evento::Inventario(EventoInventario::ReservaLiberada { reserva_id, .. }) => elide_reservation(slot, events, reserva_id),
        _ => 0,
    }
}

fn are_of_one_command(one: &Rc<Origin>, other: &Rc<Origin>) -> bool {
    Rc::ptr_eq(one, other) || one.command_id == other.command_id
}

fn elide_reservation(slot: &mut Slot, events: &mut [PendingEvent], id: &Id) -> u64 {
    let dropped = elide_where(
        slot,
        events,
        |_, e| matches!(e, Evento::Inventario(EventoInventario::StockReservado { reserva_id, .. }) if reserva_id == id),
    );
    if dropped > 0
        && !plantado(Defecto::ElisionSinRastro)
        && let SlotState::Inventario(Some(state)) = &mut slot.state
    {
        inventario::elidir_reserva(state, id);
    }
    dropped
}

fn elide_where(slot: &mut Slot, events: &mut [PendingEvent], unobservable: impl Fn(&PendingEvent, &Evento) -> bool) -> u64 {
    let before = slot.elidable.len();
    slot.elidable.retain(|at| {
        let pending = &mut events[*at as usize];
        let drop = pending.evento.as_ref().is_some_and(|evento| unobservable(pending, evento));
        if drop {
            pending.evento = None;
        }
        !drop
    });
    let dropped = (before - slot.elidable.len()) as u64;
    slot.kept -= dropped;
    dropped
}

/// Asks the domain. The state is only borrowed, so a panic leaves it good.
pub(super) fn decide(
    emisor: &Emisor,
    replicas: &Replicas,
    slot: &Slot,
    message: &Message,
    trap: Option<fn(&Id)>,
) -> Result<Result<Decision, Rechazo>, String> {
    let context = ContextoDecision::new(message.ahora, emisor, replicas);
    let decided = catch_unwind(AssertUnwindSafe(|| {
        if let Some(trap) = trap {
            trap(&message.origin.command_id);
        }
        decide_by_kind(&context, replicas, slot, message)
    }));
    decided.map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "fallo sin mensaje".to_owned())
    })
}

fn decide_by_kind(ctx: &ContextoDecision<'_>, replicas: &Replicas, slot: &Slot, message: &Message) -> Result<Decision, Rechazo> {
    let id = &message.target.id;
    match (&message.comando, &slot.state) {
        (Comando::Cliente(c), _) => plain(cliente::decidir(catalogued(replicas.clientes.get(id)), c, ctx), Evento::Cliente),
        (Comando::Producto(c), _) => plain(producto::decidir(catalogued(replicas.productos.get(id)), c, ctx), Evento::Producto),
        (Comando::Descuento(c), _) => plain(descuento::decidir(catalogued(replicas.descuentos.get(id)), c, ctx), Evento::Descuento),
        (Comando::Sucursal(c), _) => plain(sucursal::decidir(catalogued(replicas.sucursales.get(id)), c, ctx), Evento::Sucursal),
        (Comando::Bodega(c), _) => plain(bodega::decidir(catalogued(replicas.bodegas.get(id)), c, ctx), Evento::Bodega),
        (Comando::Inventario(c), SlotState::Inventario(state)) => {
            let d = inventario::decidir(state.as_ref(), c, ctx)?;
            Ok(Decision { eventos: wrap(d.eventos, Evento::Inventario), resultado: d.resultado, ..Decision::default() })
        }
        (Comando::Rango(c), SlotState::Rango(state)) => {
            let d = numeracion::decidir(state.as_ref(), c, ctx)?;
            Ok(Decision { eventos: wrap(d.eventos, Evento::Rango), resultado: d.resultado, ..Decision::default() })
        }
        (Comando::Factura(c), SlotState::Factura(state)) => {
            let responder_a = message.client.as_ref().and_then(|client| client.responder_a.as_ref());
            let d = factura::decidir(state.as_ref(), c, responder_a, ctx)?;
            let notas = Notes::Factura(d.notas);
            Ok(Decision { eventos: wrap(d.eventos, Evento::Factura), notas, envios: d.envios, resultado: d.resultado })
        }
        (Comando::NotaCredito(c), SlotState::NotaCredito(state)) => {
            let responder_a = message.client.as_ref().and_then(|client| client.responder_a.as_ref());
            let d = nota_credito::decidir(state.as_ref(), c, responder_a, ctx)?;
            let notas = Notes::NotaCredito(d.notas);
            Ok(Decision { eventos: wrap(d.eventos, Evento::NotaCredito), notas, envios: d.envios, resultado: None })
        }
        _ => unreachable!("el comando y el actor son de la misma clase: lo da su destino"),
    }
}

fn catalogued<T>(state: Option<&Option<T>>) -> Option<&T> {
    state.and_then(Option::as_ref)
}

fn wrap<E>(eventos: Vec<E>, into: fn(E) -> Evento) -> Vec<Evento> {
    eventos.into_iter().map(into).collect()
}

fn plain<E>(decided: Result<Vec<E>, Rechazo>, into: fn(E) -> Evento) -> Result<Decision, Rechazo> {
    Ok(Decision { eventos: wrap(decided?, into), ..Decision::default() })
}
