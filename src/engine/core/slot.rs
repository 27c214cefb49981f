//! The slot of a virtual actor: its state, its version and what the core keeps for it while it is active.

use std::rc::Rc;

use crate::{
    contracts::{EstadoAgregado, VersionAgregado},
    domain::{
        Direccionado, Evento, TipoAgregado,
        cuarentena::Cola,
        facturacion::{
            factura::{self, Factura},
            nota_credito::{self, EstadoNota, NotaCredito},
        },
        inventario::{self, Inventario},
        numeracion::{self, RangoNumeracion},
        valores::Instante,
    },
    engine::store::Origin,
    log::{Topic, TopicPartition},
};

use super::replicas::Replicas;

/// State of an actor. The catalogue's lives in [`Replicas`].
#[derive(Debug)]
pub enum SlotState {
    Catalogo,
    Inventario(Option<Inventario>),
    Rango(Option<RangoNumeracion>),
    Factura(Option<Factura>),
    NotaCredito(Option<NotaCredito>),
}

/// An active actor.
#[derive(Debug)]
pub struct Slot {
    pub target: Direccionado,
    /// Partition of its topics.
    pub partition: u16,
    pub state: SlotState,
    /// Version at the last epoch boundary.
    pub version: u64,
    /// Events of this epoch that stand so far.
    pub kept: u64,
    /// Events of this epoch that a later one may drop (indices into the epoch), oldest first.
    pub elidable: Vec<u32>,
    /// For a document: the command whose outcome it works on or ended with.
    pub origin: Option<Rc<Origin>>,
    /// For a Factura: name of that command, as far as this activation knows.
    pub issued_by: &'static str,
    /// What waits of it, while it is in quarantine.
    pub queue: Cola,
    /// Number of the last epoch that changed it; 0 = none since it was activated.
    pub changed_in: u64,
    /// Number of the last epoch that addressed it.
    pub used_in: u64,
    /// When the timer of its saga fires, if it is armed.
    pub timer: Option<Instante>,
    /// Waits in the checkpoint's queue.
    pub dirty: bool,
    /// The local store has rows of it, or will with this epoch: its own or of outcomes. Without, nothing is looked up.
    pub stored: bool,
    /// Waits in the queue of snapshots.
    pub snapshot_due: bool,
    pub events_since_snapshot: u32,
    pub bytes_since_snapshot: u32,
    /// Size of its last snapshot; 0 before the first.
    pub snapshot_bytes: u32,
}

impl Slot {
    pub fn new(target: Direccionado, partition: u16) -> Self {
        let state = match target.tipo {
            TipoAgregado::Inventario => SlotState::Inventario(None),
            TipoAgregado::RangoNumeracion => SlotState::Rango(None),
            TipoAgregado::Factura => SlotState::Factura(None),
            TipoAgregado::NotaCredito => SlotState::NotaCredito(None),
            TipoAgregado::Cliente
            | TipoAgregado::Producto
            | TipoAgregado::Descuento
            | TipoAgregado::Sucursal
            | TipoAgregado::Bodega => SlotState::Catalogo,
        };
        Self {
            target,
            partition,
            state,
            version: 0,
            kept: 0,
            elidable: Vec::new(),
            origin: None,
            issued_by: "CrearYEmitirFactura",
            queue: Cola::default(),
            changed_in: 0,
            used_in: 0,
            timer: None,
            dirty: false,
            stored: false,
            snapshot_due: false,
            events_since_snapshot: 0,
            bytes_since_snapshot: 0,
            snapshot_bytes: 0,
        }
    }

    /// Version as of now: what the epoch has kept counts.
    pub fn version_now(&self) -> u64 {
        self.version + self.kept
    }

    pub fn version_as_answer(&self) -> VersionAgregado {
        VersionAgregado { tipo: self.target.tipo, id: self.target.id.clone(), version: self.version_now() }
    }

    /// Partition of the log that its events go to.
    pub fn events_to(&self) -> TopicPartition {
        TopicPartition::new(Topic::Eventos(self.target.tipo.contexto()), self.partition)
    }

    /// Folds an event into the state (the catalogue's into `replicas`).
    pub fn fold(&mut self, replicas: &mut Replicas, evento: &Evento) {
        match (&mut self.state, evento) {
            (SlotState::Inventario(state), Evento::Inventario(e)) => inventario::evolucionar(state, e),
            (SlotState::Rango(state), Evento::Rango(e)) => numeracion::evolucionar(state, e),
            (SlotState::Factura(state), Evento::Factura(e)) => factura::evolucionar(state, e),
            (SlotState::NotaCredito(state), Evento::NotaCredito(e)) => nota_credito::evolucionar(state, e),
            (_, Evento::Cuarentena(e)) => self.queue.evolucionar(e),
            _ => {}
        }
        if matches!(self.state, SlotState::Catalogo | SlotState::Rango(_)) {
            replicas.fold(&self.target.id, evento);
        }
    }

    pub fn quarantined(&self) -> bool {
        self.queue.en_cuarentena()
    }

    pub fn factura(&self) -> Option<&Factura> {
        match &self.state {
            SlotState::Factura(state) => state.as_ref(),
            _ => None,
        }
    }

    pub fn nota(&self) -> Option<&NotaCredito> {
        match &self.state {
            SlotState::NotaCredito(state) => state.as_ref(),
            _ => None,
        }
    }

    /// Whether it is a document whose saga is open.
    pub fn has_open_saga(&self) -> bool {
        match &self.state {
            SlotState::Factura(Some(factura)) => factura.en_curso(),
            SlotState::NotaCredito(Some(nota)) => nota.estado == EstadoNota::EnEmision,
            _ => false,
        }
    }

    /// When its open saga is to be driven again, and which attempt it is.
    pub fn deadline(&self) -> Option<(Instante, u32)> {
        match &self.state {
            SlotState::Factura(Some(factura)) => factura::vencimiento(factura).map(|at| (at, factura.intento)),
            SlotState::NotaCredito(Some(nota)) => nota_credito::vencimiento(nota).map(|at| (at, nota.intento)),
            _ => None,
        }
    }

    /// Copy of the state for a snapshot; `None` when the aggregate does not exist.
    pub fn snapshot_state(&self, replicas: &Replicas) -> Option<EstadoAgregado> {
        fn cloned<T: Clone>(state: Option<&Option<T>>) -> Option<Box<T>> {
            state.and_then(|s| s.clone()).map(Box::new)
        }
        let target = &self.target;
        match (&self.state, target.tipo) {
            (SlotState::Inventario(state), _) => state.clone().map(|s| EstadoAgregado::Inventario(Box::new(s))),
            (SlotState::Rango(state), _) => state.clone().map(|s| EstadoAgregado::Rango(Box::new(s))),
            (SlotState::Factura(state), _) => state.clone().map(|s| EstadoAgregado::Factura(Box::new(s))),
            (SlotState::NotaCredito(state), _) => state.clone().map(|s| EstadoAgregado::NotaCredito(Box::new(s))),
            (SlotState::Catalogo, TipoAgregado::Cliente) => cloned(replicas.clientes.get(&target.id)).map(EstadoAgregado::Cliente),
            (SlotState::Catalogo, TipoAgregado::Producto) => {
                cloned(replicas.productos.get(&target.id)).map(EstadoAgregado::Producto)
            }
            (SlotState::Catalogo, TipoAgregado::Descuento) => {
                cloned(replicas.descuentos.get(&target.id)).map(EstadoAgregado::Descuento)
            }
            (SlotState::Catalogo, TipoAgregado::Sucursal) => {
                cloned(replicas.sucursales.get(&target.id)).map(EstadoAgregado::Sucursal)
            }
            (SlotState::Catalogo, _) => cloned(replicas.bodegas.get(&target.id)).map(EstadoAgregado::Bodega),
        }
    }

    /// Takes a state from a snapshot, into the slot or into `replicas`, and its indexes.
    pub fn restore(&mut self, replicas: &mut Replicas, estado: EstadoAgregado) {
        let id = &self.target.id;
        match estado {
            EstadoAgregado::Inventario(s) => self.state = SlotState::Inventario(Some(*s)),
            EstadoAgregado::Factura(s) => self.state = SlotState::Factura(Some(*s)),
            EstadoAgregado::NotaCredito(s) => self.state = SlotState::NotaCredito(Some(*s)),
            EstadoAgregado::Rango(s) => {
                let a = &s.autorizacion;
                replicas.index_range(id, &s.sucursal_id, s.tipo_documento, a.vigente_desde, a.vigente_hasta);
                self.state = SlotState::Rango(Some(*s));
            }
            EstadoAgregado::Cliente(s) => {
                replicas.clientes.insert(id.clone(), Some(*s));
            }
            EstadoAgregado::Producto(s) => {
                replicas.productos.insert(id.clone(), Some(*s));
            }
            EstadoAgregado::Descuento(s) => {
                replicas.descuentos.insert(id.clone(), Some(*s));
            }
            EstadoAgregado::Sucursal(s) => {
                replicas.sucursales.insert(id.clone(), Some(*s));
            }
            EstadoAgregado::Bodega(s) => {
                replicas.index_bodega(&s.datos.sucursal_id, id);
                replicas.bodegas.insert(id.clone(), Some(*s));
            }
        }
    }
}
