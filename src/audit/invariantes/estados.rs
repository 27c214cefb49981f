//! The aggregates of one partition, folded with the domain's own `evolucionar`.

use hashbrown::HashMap;

use super::{
    cruces::Cruces,
    facturas::FacturaSeguida,
    informe::{Codigo, Informe},
    inventarios::InventarioSeguido,
    notas::NotaSeguida,
    rangos::RangoSeguido,
};
use crate::{
    contracts::{Codec, Entrada, EstadoAgregado, RecordedEvent},
    domain::{
        Evento, TipoAgregado,
        catalogo::{
            bodega::{self, Bodega},
            cliente::{self, Cliente},
            descuento::{self, Descuento},
            producto::{self, Producto},
            sucursal::{self, Sucursal},
        },
        cuarentena::EventoCuarentena,
        emisor::Emisor,
        valores::Id,
    },
    log::{Log, Position, TopicPartition},
};

/// Reads again what was let go: the document of an invoice, when something happens to it after its issue.
pub(super) struct Relector<'a> {
    pub log: &'a dyn Log,
    pub codec: &'a Codec,
    pub particion: TopicPartition,
}

impl Relector<'_> {
    /// The event at a position of the partition; `None` when it cannot be read.
    pub(super) fn evento(&self, posicion: Position) -> Option<Evento> {
        let registro = self.log.read(self.particion, posicion, 1).ok()?.into_iter().next()?;
        self.codec.decode_event(&registro.record.value).ok().map(|registrado| registrado.evento)
    }
}

pub(super) enum Estado {
    Cliente(Option<Box<Cliente>>),
    Producto(Option<Box<Producto>>),
    Descuento(Option<Box<Descuento>>),
    Sucursal(Option<Box<Sucursal>>),
    Bodega(Option<Box<Bodega>>),
    Inventario(Box<InventarioSeguido>),
    Rango(Box<RangoSeguido>),
    Factura(FacturaSeguida),
    NotaCredito(NotaSeguida),
}

impl Estado {
    fn new(tipo: TipoAgregado) -> Self {
        match tipo {
            TipoAgregado::Cliente => Self::Cliente(None),
            TipoAgregado::Producto => Self::Producto(None),
            TipoAgregado::Descuento => Self::Descuento(None),
            TipoAgregado::Sucursal => Self::Sucursal(None),
            TipoAgregado::Bodega => Self::Bodega(None),
            TipoAgregado::Inventario => Self::Inventario(Box::default()),
            TipoAgregado::RangoNumeracion => Self::Rango(Box::default()),
            TipoAgregado::Factura => Self::Factura(FacturaSeguida::default()),
            TipoAgregado::NotaCredito => Self::NotaCredito(NotaSeguida::default()),
        }
    }

    /// Copy of the state as a snapshot holds it.
    pub(super) fn copia(&self) -> Option<EstadoAgregado> {
        match self {
            Self::Cliente(estado) => estado.clone().map(EstadoAgregado::Cliente),
            Self::Producto(estado) => estado.clone().map(EstadoAgregado::Producto),
            Self::Descuento(estado) => estado.clone().map(EstadoAgregado::Descuento),
            Self::Sucursal(estado) => estado.clone().map(EstadoAgregado::Sucursal),
            Self::Bodega(estado) => estado.clone().map(EstadoAgregado::Bodega),
            Self::Inventario(seguido) => seguido.estado.clone().map(|e| EstadoAgregado::Inventario(Box::new(e))),
            Self::Rango(seguido) => seguido.estado.clone().map(|e| EstadoAgregado::Rango(Box::new(e))),
            Self::Factura(seguida) => seguida.estado.clone().map(EstadoAgregado::Factura),
            Self::NotaCredito(seguida) => seguida.estado.clone().map(EstadoAgregado::NotaCredito),
        }
    }
}

pub(super) struct Seguido {
    pub version: u64,
    pub en_cuarentena: bool,
    /// The input that decides again a command that waited: what it leads to is in order.
    reproduce: Option<Entrada>,
    pub estado: Estado,
}

#[derive(Default)]
pub(super) struct Estados {
    por_id: HashMap<(TipoAgregado, Id), Seguido>,
}

impl Estados {
    /// Folds an event and checks it; gives the aggregate as it is now.
    pub(super) fn plegar(
        &mut self,
        registrado: &RecordedEvent,
        lugar: (Position, &Relector<'_>),
        emisor: Option<&Emisor>,
        cruces: &mut Cruces,
        informe: &mut Informe,
    ) -> &Seguido {
        let RecordedEvent { sobre, evento } = registrado;
        let (tipo, id) = (sobre.aggregate_tipo, &sobre.aggregate_id);
        let nuevo = || Seguido { version: 0, en_cuarentena: false, reproduce: None, estado: Estado::new(tipo) };
        let seguido = self.por_id.entry((tipo, id.clone())).or_insert_with(nuevo);
        informe.revisado(Codigo::I7);
        informe.exigir(Codigo::I7, sobre.aggregate_version == seguido.version + 1, || {
            format!("{tipo} {id}: después de la versión {} viene la {}", seguido.version, sobre.aggregate_version)
        });
        seguido.version = sobre.aggregate_version;
        let en_orden = matches!(evento, Evento::Cuarentena(_)) || seguido.reproduce == Some(sobre.entrada);
        informe.exigir(Codigo::I11, !seguido.en_cuarentena || en_orden, || {
            format!("{tipo} {id} v{}: decidió {} estando en cuarentena", sobre.aggregate_version, evento.tipo())
        });
        match (&mut seguido.estado, evento) {
            (_, Evento::Cuarentena(e)) => match e {
                EventoCuarentena::AgregadoEnCuarentena { .. } => seguido.en_cuarentena = true,
                EventoCuarentena::CuarentenaLevantada { .. } => seguido.en_cuarentena = false,
                EventoCuarentena::ComandoReproducido { .. } => seguido.reproduce = Some(sobre.entrada),
                EventoCuarentena::ComandoDescartado { .. } => {}
            },
            (Estado::Cliente(estado), Evento::Cliente(e)) => plegar_en_caja(estado, e, cliente::evolucionar),
            (Estado::Producto(estado), Evento::Producto(e)) => plegar_en_caja(estado, e, producto::evolucionar),
            (Estado::Descuento(estado), Evento::Descuento(e)) => plegar_en_caja(estado, e, descuento::evolucionar),
            (Estado::Sucursal(estado), Evento::Sucursal(e)) => plegar_en_caja(estado, e, sucursal::evolucionar),
            (Estado::Bodega(estado), Evento::Bodega(e)) => plegar_en_caja(estado, e, bodega::evolucionar),
            (Estado::Inventario(seguido), Evento::Inventario(e)) => {
                seguido.plegar(sobre, e, emisor.is_none_or(|emisor| emisor.vender_vencidos), cruces, informe);
            }
            (Estado::Rango(seguido), Evento::Rango(e)) => seguido.plegar(sobre, e, cruces, informe),
            (Estado::Factura(seguida), Evento::Factura(e)) => {
                seguida.plegar(sobre, e, lugar, emisor.map(|emisor| &emisor.redondeo), cruces, informe);
            }
            (Estado::NotaCredito(seguida), Evento::NotaCredito(e)) => seguida.plegar(sobre, e, cruces, informe),
            (_, otro) => informe.falla(Codigo::I7, || format!("{tipo} {id}: tiene un evento ajeno, {}", otro.tipo())),
        }
        seguido
    }

    /// The aggregates of a kind, by id: reports do not depend on the order of a hash map.
    pub(super) fn de(&self, tipo: TipoAgregado) -> Vec<(&Id, &Seguido)> {
        let mut lista: Vec<_> = self.por_id.iter().filter(|((t, _), _)| *t == tipo).map(|((_, id), s)| (id, s)).collect();
        lista.sort_unstable_by_key(|(id, _)| *id);
        lista
    }

    /// The checks of the end of the stream.
    pub(super) fn terminar(&self, cruces: &mut Cruces, informe: &mut Informe) {
        let todos = TipoAgregado::TODOS.into_iter().flat_map(|tipo| self.de(tipo).into_iter().map(move |(id, s)| (tipo, id, s)));
        for (tipo, id, seguido) in todos {
            if seguido.en_cuarentena {
                cruces.en_cuarentena(tipo, id);
            }
            match &seguido.estado {
                Estado::Inventario(inventario) => inventario.terminar(seguido.en_cuarentena, cruces, informe),
                Estado::Rango(seguido) => seguido.terminar(cruces),
                Estado::Factura(seguida) => seguida.terminar(cruces),
                Estado::NotaCredito(_) => {}
                Estado::Cliente(_) | Estado::Producto(_) | Estado::Descuento(_) | Estado::Sucursal(_) | Estado::Bodega(_) => {}
            }
        }
    }
}

fn plegar_en_caja<S, E>(estado: &mut Option<Box<S>>, evento: &E, evolucionar: fn(&mut Option<S>, &E)) {
    let mut suelto = estado.take().map(|caja| *caja);
    evolucionar(&mut suelto, evento);
    *estado = suelto.map(Box::new);
}
