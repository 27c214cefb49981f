//! The law of snapshots: a snapshot and the events after it are the whole history, also when both have been bytes.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::{
    CONGELADOS, Codec, EmbeddedRegistry, Entrada, EstadoAgregado, EventEnvelope, Instantanea, NAMESPACE, Registro, Registry,
    VERSION,
    wire::{Body, SobreInstantanea, Wire, Writer, write_estado},
};
use crate::{
    domain::{
        Evento, TipoAgregado,
        catalogo::{cliente, producto, tests::propiedades as de_catalogo},
        facturacion::{
            factura::{
                self, EventoFactura,
                tests::{
                    mundo::{Caso, Mundo, pedido},
                    propiedades as de_factura,
                },
            },
            nota_credito::{self, tests as de_nota},
        },
        inventario::{self, EventoInventario, Movimiento, tests::generadores as de_inventario},
        numeracion::{self, tests::propiedades as de_rango},
        valores::{Id, Instante},
    },
    log::{Topic, TopicPartition},
};

static REGISTRO: LazyLock<EmbeddedRegistry> = LazyLock::new(EmbeddedRegistry::in_memory);
static CODEC: LazyLock<Arc<Codec>> = LazyLock::new(|| Arc::new(Codec::new(&*REGISTRO).expect("códec")));

/// A record framed as the program of a closed version wrote it; `None` when it could not say it.
fn escrito_por(version: u16, registro: Registro, escribir: impl FnOnce(&mut Writer)) -> Option<Vec<u8>> {
    let _with_every_id = &*CODEC;
    let esquema = CONGELADOS.iter().find(|e| e.version == version && e.registro == registro)?;
    let subject = format!("{}-{NAMESPACE}.{}", registro.clase().topics().into_iter().next()?, registro.nombre());
    let id = REGISTRO.id_for(&subject, esquema.json()).expect("id de una versión cerrada");
    let mut w = Writer::default();
    w.clear_for(version);
    escribir(&mut w);
    let bytes = [&[0], &id.to_be_bytes()[..], &w.bytes].concat();
    w.take_error().is_none().then_some(bytes)
}

/// How an aggregate is folded, and what it is on the wire.
struct Agregado<E, S> {
    tipo: TipoAgregado,
    evolucionar: fn(&mut Option<S>, &E),
    evento: fn(E) -> Evento,
    de_evento: fn(Evento) -> Option<E>,
    estado: fn(Box<S>) -> EstadoAgregado,
    de_estado: fn(EstadoAgregado) -> Option<Box<S>>,
}

/// The functions of [`Agregado`] for a variant of both families.
macro_rules! agregado {
    ($variante:ident, $tipo:ident, $evolucionar:path) => {
        Agregado {
            tipo: TipoAgregado::$tipo,
            evolucionar: $evolucionar,
            evento: Evento::$variante,
            de_evento: |evento| if let Evento::$variante(e) = evento { Some(e) } else { None },
            estado: EstadoAgregado::$variante,
            de_estado: |estado| if let EstadoAgregado::$variante(s) = estado { Some(s) } else { None },
        }
    };
}

impl<E: Clone, S: Clone + PartialEq + std::fmt::Debug> Agregado<E, S> {
    fn plegar(&self, eventos: &[E]) -> Option<S> {
        let mut estado = None;
        eventos.iter().for_each(|evento| (self.evolucionar)(&mut estado, evento));
        estado
    }

    fn instantanea(&self, estado: &S, version: usize) -> Vec<u8> {
        let instantanea = Instantanea {
            aggregate_tipo: self.tipo,
            aggregate_id: Id::compuesto(&["a"]),
            aggregate_version: version as u64,
            version_esquema: VERSION,
            estado: (self.estado)(Box::new(estado.clone())),
        };
        CODEC.encode_snapshot(&instantanea).expect("instantánea").to_vec()
    }

    /// What comes back of a snapshot's bytes.
    fn leer(&self, bytes: &[u8]) -> S {
        let leida = CODEC.decode_snapshot(bytes).expect("instantánea");
        *(self.de_estado)(leida.estado).expect("del mismo agregado")
    }

    /// What comes back of an event's bytes.
    fn ida_y_vuelta(&self, evento: &E, version: usize) -> E {
        let bytes = CODEC.encode_event(&self.sobre(version), &(self.evento)(evento.clone())).expect("evento");
        (self.de_evento)(CODEC.decode_event(&bytes).expect("evento").evento).expect("del mismo agregado")
    }

    fn sobre(&self, version: usize) -> EventEnvelope {
        let particion = TopicPartition::new(Topic::Comandos(self.tipo.contexto()), 0);
        EventEnvelope {
            event_id: uuid::Uuid::nil(),
            version_esquema: VERSION,
            aggregate_tipo: self.tipo,
            aggregate_id: Id::compuesto(&["a"]),
            aggregate_version: version as u64,
            ocurrido_en: Instante(1_795_453_200_000_000),
            entrada: Entrada { particion, posicion: 0 },
            correlation_id: Id::compuesto(&["c"]),
            causation_id: Arc::from("c"),
            command_id: Id::compuesto(&["c"]),
            huella: None,
            servicio_origen: Arc::from("prueba"),
            usuario: None,
        }
    }

    /// A snapshot at `corte` and the tail give, to the byte, what the whole history gives.
    fn ley(&self, eventos: &[E], corte: prop::sample::Index) -> Result<(), TestCaseError> {
        let corte = corte.index(eventos.len() + 1);
        let (antes, cola) = eventos.split_at(corte);
        let mut estado = self.plegar(antes).map(|estado| self.leer(&self.instantanea(&estado, corte)));
        for (n, evento) in cola.iter().enumerate() {
            (self.evolucionar)(&mut estado, &self.ida_y_vuelta(evento, corte + n + 1));
        }
        let entero = self.plegar(eventos);
        prop_assert_eq!(&estado, &entero);
        let bytes = |estado: &Option<S>| estado.as_ref().map(|estado| self.instantanea(estado, eventos.len()));
        prop_assert_eq!(bytes(&estado), bytes(&entero));
        Ok(())
    }
}

impl<E: Body + Clone + PartialEq + std::fmt::Debug, S: Clone + PartialEq + std::fmt::Debug> Agregado<E, S> {
    /// The event as a closed version wrote it, read again.
    fn subido(&self, desde: u16, evento: &E, version: usize) -> Option<E> {
        let sobre = EventEnvelope { version_esquema: desde, ..self.sobre(version) };
        let bytes = escrito_por(desde, evento.registro()?, |w| {
            sobre.write(w);
            evento.write_body(w);
        })?;
        (self.de_evento)(CODEC.decode_event(&bytes).expect("evento de una versión cerrada").evento)
    }

    /// The snapshot as a closed version wrote it, read again.
    fn instantanea_subida(&self, desde: u16, estado: &S, version: usize) -> Option<S> {
        let instantanea = Instantanea {
            aggregate_tipo: self.tipo,
            aggregate_id: Id::compuesto(&["a"]),
            aggregate_version: version as u64,
            version_esquema: desde,
            estado: (self.estado)(Box::new(estado.clone())),
        };
        let bytes = escrito_por(desde, Registro::instantanea(self.tipo), |w| {
            SobreInstantanea::from(&instantanea).write(w);
            write_estado(&instantanea.estado, w);
        })?;
        Some(self.leer(&bytes))
    }

    /// What a closed version could say of a story, written by it and read by us, folds to the state it folded to then: the events alone,
    /// and a snapshot of that version with the events after it. `como_entonces` takes off what that version did not state.
    fn ley_de_ascenso(&self, eventos: &[E], como_entonces: fn(E) -> E, corte: prop::sample::Index) -> Result<(), TestCaseError> {
        if eventos.is_empty() {
            return Ok(());
        }
        for desde in 1..VERSION {
            let dichos: Vec<E> = eventos.iter().cloned().map(como_entonces).collect();
            let subidos: Vec<E> = dichos.iter().enumerate().map_while(|(n, e)| self.subido(desde, e, n + 1)).collect();
            prop_assert!(!subidos.is_empty(), "la versión {} no pudo decir nada de {:?}", desde, eventos);
            prop_assert_eq!(&subidos[..], &dichos[..subidos.len()]);
            let corte = corte.index(subidos.len() + 1);
            let mut estado = match self.plegar(&dichos[..corte]) {
                None => None,
                Some(antes) => {
                    let subida = self.instantanea_subida(desde, &antes, corte);
                    prop_assert!(subida.is_some(), "la versión {} no pudo guardar {:?}", desde, antes);
                    subida
                }
            };
            subidos[corte..].iter().for_each(|evento| (self.evolucionar)(&mut estado, evento));
            prop_assert_eq!(estado, self.plegar(&dichos[..subidos.len()]));
        }
        Ok(())
    }
}

/// An event of an invoice as a program without drafts wrote it.
fn sin_totales(evento: EventoFactura) -> EventoFactura {
    match evento {
        EventoFactura::FacturaCreada { factura_id, cabecera, .. } => {
            EventoFactura::FacturaCreada { factura_id, cabecera, totales: None }
        }
        EventoFactura::LineaAgregada { factura_id, linea, .. } => EventoFactura::LineaAgregada { factura_id, linea, totales: None },
        otro => otro,
    }
}

/// An event of an Inventario as a program without returns wrote it.
fn sin_marca(evento: EventoInventario) -> EventoInventario {
    match evento {
        EventoInventario::StockIncrementado(m) => {
            EventoInventario::StockIncrementado(Box::new(Movimiento { reserva_id: None, ..*m }))
        }
        otro => otro,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What older versions wrote of stock, numbers and catalogues.
    #[test]
    fn lo_que_escribio_una_version_anterior_se_pliega_igual(
        de_inventario in de_inventario::historia(),
        de_rango in de_rango::historia(),
        de_cliente in de_catalogo::historia_de_cliente(),
        de_producto in de_catalogo::historia_de_producto(),
        corte: prop::sample::Index,
    ) {
        agregado!(Inventario, Inventario, inventario::evolucionar).ley_de_ascenso(&de_inventario, sin_marca, corte)?;
        agregado!(Rango, RangoNumeracion, numeracion::evolucionar).ley_de_ascenso(&de_rango, |e| e, corte)?;
        agregado!(Cliente, Cliente, cliente::evolucionar).ley_de_ascenso(&de_cliente, |e| e, corte)?;
        agregado!(Producto, Producto, producto::evolucionar).ley_de_ascenso(&de_producto, |e| e, corte)?;
    }

    /// What older versions wrote of an invoice whose saga met anything.
    #[test]
    fn una_factura_que_escribio_una_version_anterior_se_pliega_igual(
        lineas in de_factura::lineas(),
        turnos in prop::collection::vec(de_factura::turno(), 0..40),
        corte: prop::sample::Index,
    ) {
        let mundo = Mundo::nuevo();
        let mut caso = Caso::nuevo(&mundo, pedido(lineas));
        de_factura::jugar(&mut caso, &turnos);
        agregado!(Factura, Factura, factura::evolucionar).ley_de_ascenso(&caso.eventos, sin_totales, corte)?;
    }

    /// Snapshot and tail of an Inventario.
    #[test]
    fn instantanea_y_cola_de_un_inventario_son_su_historia(eventos in de_inventario::historia(), corte: prop::sample::Index) {
        agregado!(Inventario, Inventario, inventario::evolucionar).ley(&eventos, corte)?;
    }

    /// Of a range of numbers.
    #[test]
    fn instantanea_y_cola_de_un_rango_son_su_historia(eventos in de_rango::historia(), corte: prop::sample::Index) {
        agregado!(Rango, RangoNumeracion, numeracion::evolucionar).ley(&eventos, corte)?;
    }

    /// Of a client and of a product.
    #[test]
    fn instantanea_y_cola_de_un_catalogo_son_su_historia(
        de_cliente in de_catalogo::historia_de_cliente(),
        de_producto in de_catalogo::historia_de_producto(),
        corte: prop::sample::Index,
    ) {
        agregado!(Cliente, Cliente, cliente::evolucionar).ley(&de_cliente, corte)?;
        agregado!(Producto, Producto, producto::evolucionar).ley(&de_producto, corte)?;
    }

    /// Of an invoice whose saga met anything.
    #[test]
    fn instantanea_y_cola_de_una_factura_son_su_historia(
        lineas in de_factura::lineas(),
        turnos in prop::collection::vec(de_factura::turno(), 0..40),
        corte: prop::sample::Index,
    ) {
        let mundo = Mundo::nuevo();
        let mut caso = Caso::nuevo(&mundo, pedido(lineas));
        de_factura::jugar(&mut caso, &turnos);
        agregado!(Factura, Factura, factura::evolucionar).ley(&caso.eventos, corte)?;
    }

    /// Of a note, and of its invoice with the credit it gave.
    #[test]
    fn instantanea_y_cola_de_una_nota_y_de_su_factura_son_su_historia(
        lineas in de_nota::pedidas(),
        turnos in prop::collection::vec(de_nota::turno(), 0..40),
        corte: prop::sample::Index,
    ) {
        let mundo = Mundo::nuevo();
        let mut caso = de_nota::Caso::nuevo(&mundo, lineas);
        caso.jugar(&turnos);
        agregado!(NotaCredito, NotaCredito, nota_credito::evolucionar).ley(&caso.eventos, corte)?;
        agregado!(Factura, Factura, factura::evolucionar).ley(&caso.de_la_factura, corte)?;
    }
}
