//! Scenarios of the core: commands in, epochs out, no threads and no disk.

mod azar;
mod borradores;
mod cuarentena;
mod fallas;
mod grandes;
mod notas;
mod notas_dos_nodos;
mod notas_observadas;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::*;
use crate::{
    contracts::{ComandoRechazado, CommandEnvelope, EmbeddedRegistry, RegistroAuditoria, Respuesta, Resultado},
    domain::{
        Evento,
        catalogo::{
            bodega::{ComandoBodega, DatosBodega},
            cliente::{ComandoCliente, DatosCliente, EstadoFiscal},
            producto::{ComandoProducto, DatosProducto},
            sucursal::{ComandoSucursal, DatosSucursal},
        },
        cuarentena::Cola,
        facturacion::factura::{Campo, DatosFactura, DireccionRespuesta, EventoFactura, LineaPedida, Paso, PasoSaga},
        inventario::{ComandoInventario, MotivoEntrada, inventario_id},
        numeracion::{Autorizacion, ComandoRango, TipoDocumento, rango_id},
        reglas::Regla,
        valores::{Cantidad, Decimal, Direccion, Id, Identificacion, PrecioUnitario, TipoIdentificacion, fecha_iso},
    },
    engine::{
        core::epoch::ClosedRow,
        store::{MemoryStore, Positions},
    },
    log::Record,
};

const NOW: Instante = Instante(1_795_000_000_000_000);
const PARTITIONS: u16 = 12;

fn id(text: &str) -> Id {
    Id::new(text).expect("id de prueba")
}

fn codec() -> Arc<Codec> {
    Arc::new(Codec::new(&EmbeddedRegistry::in_memory()).expect("códec"))
}

/// A decision of this command panics.
const PANICS: &str = "entra-en-panico";
/// This command ends the processor that takes it in.
pub const ENDS_THE_PROCESS: &str = "termina-el-proceso";

pub fn panic_if_asked(command_id: &Id) {
    assert!(command_id.as_str() != PANICS, "fallo plantado en la decisión");
}

pub fn end_the_process_if_asked(command_id: &Id) {
    assert!(command_id.as_str() != ENDS_THE_PROCESS, "fallo plantado en el núcleo");
}

/// One node: a core, its store, and what it has produced.
struct Node {
    core: Core,
    store: Arc<MemoryStore>,
    codec: Arc<Codec>,
    positions: BTreeMap<TopicPartition, u64>,
    ends: BTreeMap<TopicPartition, u64>,
    events: Vec<ClosedEvent>,
    replies: Vec<Respuesta>,
    remote: Vec<(TopicPartition, Id, CommandEnvelope)>,
    rejections: usize,
    refused: Vec<ComandoRechazado>,
    dead: Vec<RegistroDlq>,
}

impl Node {
    fn new(ownership: Ownership) -> Self {
        let store = Arc::new(MemoryStore::default());
        let codec = codec();
        let core = Core::new(
            Arc::new(Emisor::co()),
            Arc::clone(&codec),
            Arc::clone(&store) as Arc<dyn StateStore>,
            ownership,
            CoreLimits { trap: Some(panic_if_asked), ..CoreLimits::default() },
            Checkpoint::new(Positions::new(), Positions::new(), Positions::new()),
        );
        Self {
            core,
            store,
            codec,
            positions: BTreeMap::new(),
            ends: BTreeMap::new(),
            events: Vec::new(),
            replies: Vec::new(),
            remote: Vec::new(),
            rejections: 0,
            refused: Vec::new(),
            dead: Vec::new(),
        }
    }

    fn alone() -> Self {
        let mut node = Self::new(Ownership::all(PARTITIONS));
        for (n, comando) in catalogue().into_iter().enumerate() {
            node.give(&format!("semilla-{n}"), comando);
        }
        node.end_epoch();
        node
    }

    fn give(&mut self, command_id: &str, comando: Comando) {
        self.give_at(command_id, comando, NOW);
    }

    fn give_at(&mut self, command_id: &str, comando: Comando, recibido_en: Instante) {
        let key = comando.destino();
        let envelope = CommandEnvelope {
            command_id: id(command_id),
            correlation_id: id(command_id),
            causation_id: None,
            recibido_en,
            usuario: None,
            canal: None,
            version_esperada: None,
            responder_a: Some(DireccionRespuesta { particion: 0, peticion: 1 }),
            traceparent: None,
            paso: None,
            comando,
        };
        let to = self.core.ownership.commands_of(&key);
        self.take(to, &key.clave_id(), &envelope);
    }

    fn take(&mut self, from: TopicPartition, key: &Id, envelope: &CommandEnvelope) {
        let value = self.codec.encode_command(envelope).expect("codificar");
        self.take_bytes(from, Bytes::copy_from_slice(key.as_str().as_bytes()), value);
    }

    fn take_bytes(&mut self, from: TopicPartition, key: Bytes, value: Bytes) {
        let position = self.positions.entry(from).or_default();
        let record = StoredRecord { position: *position, record: Record { key, value, headers: Vec::new(), timestamp: NOW } };
        *position += 1;
        let decoded = self.codec.decode_command(&record.record.value);
        self.core.handle(Input { from, record, decoded }, NOW).expect("entrada");
    }

    /// Closes the epoch and does what the commit thread does with it; the epoch's events.
    fn end_epoch(&mut self) -> Vec<&'static str> {
        let epoch = self.core.close(NOW).expect("cerrar");
        self.commit(epoch)
    }

    /// What the commit thread does with a closed epoch; its events.
    fn commit(&mut self, epoch: ClosedEpoch) -> Vec<&'static str> {
        let encoded: Vec<Bytes> =
            epoch.events.iter().map(|e| self.codec.encode_event(&e.record.sobre, &e.record.evento).expect("evento")).collect();
        let rows = epoch.rows.into_iter().map(|row| match row {
            ClosedRow::Ready(write) => write,
            ClosedRow::Document { key, event, version } => {
                let payload = Payload::Document(encoded[event as usize].clone());
                (key, Some(AggregateRow { version, queue: Cola::default(), origin: None, payload }.encode()))
            }
        });
        self.store.write(rows.collect()).expect("filas");
        for event in &epoch.events {
            *self.ends.entry(event.to).or_default() += 1;
        }
        let ends: Vec<_> = self.ends.iter().map(|(tp, end)| (*tp, *end)).collect();
        self.core.committed(epoch.number, &ends);
        let names = epoch.events.iter().map(|e| e.record.evento.tipo()).collect();
        self.events.extend(epoch.events);
        self.replies.extend(epoch.replies);
        self.remote.extend(epoch.remote);
        self.rejections += epoch.rejections.len();
        self.refused.extend(epoch.rejections.into_iter().map(|(_, refusal)| refusal));
        self.dead.extend(epoch.dead.into_iter().map(|(_, letter)| letter));
        names
    }

    fn last_reply(&self) -> &Respuesta {
        self.replies.last().expect("hay respuesta")
    }

    fn issued(&self) -> Vec<(String, String, String)> {
        let issued = self.events.iter().filter_map(|e| match &e.record.evento {
            Evento::Factura(EventoFactura::FacturaEmitida(f)) => {
                Some((f.factura_id.to_string(), f.numero.to_string(), format!("{:?} {:?}", f.grupos, f.totales)))
            }
            _ => None,
        });
        issued.collect()
    }
}

pub fn catalogue() -> Vec<Comando> {
    let (sucursal, bodega) = (id("PRINCIPAL"), id("PRINCIPAL"));
    let direccion = Direccion { linea: "Calle 1".into(), ciudad: None, region: None, pais: None };
    let autorizacion = Autorizacion {
        desde: 1,
        hasta: 1_000_000,
        vigente_desde: fecha_iso("2020-01-01").expect("fecha"),
        vigente_hasta: fecha_iso("2099-12-31").expect("fecha"),
        resolucion: "".into(),
        fecha_resolucion: None,
    };
    let notes = Comando::Rango(ComandoRango::CrearRango {
        rango_id: rango_id(&sucursal, TipoDocumento::NotaCredito, "NC"),
        sucursal_id: sucursal.clone(),
        tipo_documento: TipoDocumento::NotaCredito,
        prefijo: "NC".into(),
        autorizacion: autorizacion.clone(),
    });
    let mut commands = vec![
        Comando::Sucursal(ComandoSucursal::CrearSucursal {
            sucursal_id: sucursal.clone(),
            datos: DatosSucursal { nombre: "Principal".into(), direccion: Some(direccion.clone()) },
        }),
        Comando::Bodega(ComandoBodega::CrearBodega {
            bodega_id: bodega.clone(),
            datos: DatosBodega { sucursal_id: sucursal.clone(), nombre: "Principal".into(), direccion: None },
        }),
        Comando::Rango(ComandoRango::CrearRango {
            rango_id: rango_id(&sucursal, TipoDocumento::Factura, "F"),
            sucursal_id: sucursal,
            tipo_documento: TipoDocumento::Factura,
            prefijo: "F".into(),
            autorizacion,
        }),
        Comando::Cliente(ComandoCliente::CrearCliente {
            cliente_id: id("c1"),
            datos: DatosCliente {
                nombre: "ACME S.A.S.".into(),
                identificacion: Identificacion { tipo: TipoIdentificacion::SinTipo, numero: "800123456-7".into(), dv: None },
                correo: "a@b.co".into(),
                direccion,
                estado_fiscal: EstadoFiscal::Activo,
                tipo_persona: None,
                responsabilidades: Vec::new(),
                municipio: None,
                departamento: None,
            }
            .into(),
        }),
        notes,
    ];
    for producto in ["p1", "p2", "p3"] {
        commands.extend(product_with_stock(producto, &bodega));
    }
    commands
}

fn product_with_stock(producto: &str, bodega: &Id) -> Vec<Comando> {
    let producto_id = id(producto);
    let inventario = inventario_id(&producto_id, bodega);
    let mut commands = vec![
        Comando::Producto(ComandoProducto::CrearProducto {
            producto_id: producto_id.clone(),
            datos: DatosProducto {
                codigo: producto.into(),
                nombre: producto.into(),
                unidad: "UND".into(),
                precio: PrecioUnitario::nuevo(Decimal::from(1_000)).expect("precio"),
                impuesto: None,
                controla_inventario: true,
                codigo_estandar: None,
                esquema_codigo: None,
            }
            .into(),
        }),
        Comando::Inventario(ComandoInventario::CrearInventario {
            inventario_id: inventario.clone(),
            producto_id,
            bodega_id: bodega.clone(),
            stock_minimo: None,
        }),
    ];
    for (n, cost) in [(1, 10), (2, 12)] {
        commands.push(stock_entry(&inventario, &format!("{producto}-e{n}"), Decimal::from(50), Decimal::from(cost)));
    }
    commands
}

/// Goods that come in, bought.
fn stock_entry(inventario: &Id, movimiento: &str, cantidad: Decimal, costo_unitario: Decimal) -> Comando {
    Comando::Inventario(ComandoInventario::RegistrarEntrada {
        inventario_id: inventario.clone(),
        movimiento_id: id(movimiento),
        motivo: MotivoEntrada::Compra,
        cantidad,
        costo_unitario,
        fecha_ingreso: fecha_iso("2026-01-01").expect("fecha"),
        fecha_caducidad: None,
        referencia: None,
    })
}

pub fn invoice(factura_id: &str, lines: &[(&str, i64)]) -> Comando {
    let line = |(producto, cantidad): &(&str, i64)| LineaPedida {
        producto_id: Some(id(producto)),
        bodega_id: None,
        descripcion: None,
        cantidad: Decimal::from(*cantidad),
        precio_unitario: None,
        impuesto: Campo::Ausente,
        descuento: None,
    };
    let datos = DatosFactura::de(id("c1"), lines.iter().map(line).collect());
    Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id: id(factura_id), datos: Box::new(datos) })
}

#[test]
fn an_invoice_on_one_node_leaves_only_what_somebody_could_observe() {
    let mut node = Node::alone();
    node.give("cmd-1", invoice("f1", &[("p1", 3), ("p2", 2), ("p3", 1)]));
    let names = node.end_epoch();
    assert_eq!(names, ["NumeroAsignado", "StockReducido", "StockReducido", "StockReducido", "FacturaEmitida"]);
    let Resultado::Aceptado { factura: Some(summary) } = &node.last_reply().resultado else {
        panic!("se esperaba una factura emitida: {:?}", node.last_reply());
    };
    assert_eq!((&*summary.numero, summary.total.to_string().as_str()), ("F1", "6000.00"));
    assert_eq!(node.last_reply().versiones[0].version, 1);
    assert!(node.last_reply().particiones.len() >= 3);
    assert_eq!(node.core.gauges().0, node.core.slots.len());
    assert!(
        node.core.slots.place(&Direccionado::new(TipoAgregado::Factura, id("f1"))).is_none(),
        "el documento terminado sale de memoria"
    );
}

#[test]
fn causation_leads_from_every_event_back_to_the_command() {
    let mut node = Node::alone();
    let before = node.events.len();
    node.give("cmd-1", invoice("f1", &[("p1", 3)]));
    node.end_epoch();
    let ids: Vec<String> = node.events.iter().map(|e| e.record.sobre.event_id.to_string()).collect();
    for event in &node.events[before..] {
        let causation = &*event.record.sobre.causation_id;
        assert!(causation == "cmd-1" || ids.iter().any(|id| id == causation), "{causation}");
        assert_eq!(event.record.sobre.correlation_id, id("cmd-1"));
    }
}

#[test]
fn a_lack_of_stock_refuses_the_invoice_and_moves_nothing() {
    let mut node = Node::alone();
    node.give("cmd-1", invoice("f1", &[("p1", 3), ("p2", 200)]));
    node.end_epoch();
    let Resultado::Rechazado { errores } = &node.last_reply().resultado else { panic!("se esperaba un rechazo") };
    assert_eq!(errores.iter().map(|e| e.regla).collect::<Vec<_>>(), [Regla::StockSuficienteParaFactura]);
    node.give("cmd-2", invoice("f2", &[("p1", 100)]));
    node.end_epoch();
    assert!(matches!(node.last_reply().resultado, Resultado::Aceptado { .. }), "el stock de p1 sigue entero");
}

#[test]
fn the_same_command_again_answers_the_same_and_records_nothing() {
    let mut node = Node::alone();
    node.give("cmd-1", invoice("f1", &[("p1", 3)]));
    node.end_epoch();
    let first = node.last_reply().clone();
    node.give("cmd-1", invoice("f1", &[("p1", 3)]));
    assert!(node.end_epoch().is_empty());
    let again = node.last_reply();
    assert!(again.repetido);
    assert_eq!((&again.resultado, &again.versiones), (&first.resultado, &first.versiones));
    // And for a command that was accepted without a document, and for one that was refused.
    for (command_id, comando) in [("semilla-3", catalogue().remove(3)), ("cmd-9", invoice("f9", &[("nada", 1)]))] {
        node.give(command_id, comando.clone());
        node.end_epoch();
        let first = node.last_reply().resultado.clone();
        node.give(command_id, comando);
        assert!(node.end_epoch().is_empty(), "{command_id}");
        assert!(node.last_reply().repetido, "{command_id}");
        assert_eq!(node.last_reply().resultado, first, "{command_id}");
    }
    assert_eq!(node.rejections, 1);
}

#[test]
fn an_id_used_with_other_content_is_a_conflict_and_the_first_outcome_stands() {
    let mut node = Node::alone();
    node.give("cmd-1", invoice("f1", &[("p1", 3)]));
    node.end_epoch();
    node.give("cmd-1", invoice("f1", &[("p1", 4)]));
    node.end_epoch();
    let Resultado::Rechazado { errores } = &node.last_reply().resultado else { panic!("se esperaba un conflicto") };
    assert_eq!(errores[0].regla, Regla::ClaveIdempotenciaEnConflicto);
    node.give("cmd-1", invoice("f1", &[("p1", 3)]));
    node.end_epoch();
    assert!(node.last_reply().repetido);
}

#[test]
fn epochs_of_any_size_give_the_same_documents() {
    let orders: Vec<Comando> =
        (0..40).map(|n| invoice(&format!("f{n}"), &[("p1", 1 + n % 4), ("p2", 1 + n % 3), ("p1", 1)])).collect();
    let run = |per_epoch: usize| {
        let mut node = Node::alone();
        for (n, chunk) in orders.chunks(per_epoch).enumerate() {
            for (m, order) in chunk.iter().enumerate() {
                node.give(&format!("cmd-{}", n * per_epoch + m), order.clone());
            }
            node.end_epoch();
        }
        (node.issued(), node.replies.iter().map(|r| r.resultado.clone()).collect::<Vec<_>>())
    };
    let one_by_one = run(1);
    assert!(one_by_one.0.len() > 10 && one_by_one.0.len() < 40, "unas se emiten y otras no: {}", one_by_one.0.len());
    for size in [2, 7, 40] {
        assert_eq!(run(size), one_by_one, "épocas de {size}");
    }
}

#[test]
fn undecodable_and_misplaced_records_go_to_the_dlq_and_stop_nothing() {
    let mut node = Node::alone();
    let facturacion = TopicPartition::new(Topic::Comandos(crate::domain::Contexto::Facturacion), 3);
    node.take_bytes(facturacion, Bytes::from_static(b"f1"), Bytes::from_static(b"basura"));
    let envelope = CommandEnvelope {
        command_id: id("x"),
        correlation_id: id("x"),
        causation_id: None,
        recibido_en: NOW,
        usuario: None,
        canal: None,
        version_esperada: None,
        responder_a: None,
        traceparent: None,
        paso: None,
        comando: invoice("f1", &[("p1", 1)]),
    };
    node.take(facturacion, &id("otra-clave"), &envelope);
    assert_eq!(node.core.stats.dead, 2);
    node.give("cmd-1", invoice("f2", &[("p1", 1)]));
    node.end_epoch();
    assert_eq!(node.issued().len(), 1);
}

#[test]
fn a_poison_command_parks_its_aggregate_alone_and_the_quarantine_survives_a_restart() {
    let mut node = Node::alone();
    let entry = |n: &str| {
        let mut commands = product_with_stock("p1", &id("PRINCIPAL"));
        (n.to_owned(), commands.remove(2))
    };
    let (_, comando) = entry("x");
    node.give(PANICS, comando.clone());
    assert_eq!(node.end_epoch(), ["AgregadoEnCuarentena"]);
    assert!(matches!(&node.last_reply().resultado, Resultado::Apartado { codigo, .. } if &**codigo == "Panico"));
    node.give("despues", comando.clone());
    assert_eq!(node.end_epoch(), ["AgregadoEnCuarentena"], "what waits is in the stream, in order");
    assert!(matches!(&node.last_reply().resultado, Resultado::Apartado { codigo, .. } if &**codigo == "EnCuarentena"));
    assert_eq!((node.core.stats.dead, node.core.stats.panics), (2, 1));
    let tally = node.core.take_tally();
    assert_eq!((tally[&("RegistrarEntrada", "dead")], tally[&("RegistrarEntrada", "accepted")]), (2, 6));
    node.give("otra", invoice("f1", &[("p2", 1)]));
    assert!(node.end_epoch().contains(&"FacturaEmitida"), "los demás agregados siguen");
    let mut again = Node::new(Ownership::all(PARTITIONS));
    let mut refold = Refold::default();
    for event in &node.events {
        let value = node.codec.encode_event(&event.record.sobre, &event.record.evento).expect("evento");
        again.core.refold(&mut refold, &value).expect("plegar");
    }
    again.core.finish_refold(refold).expect("fin");
    again.give("tras-reinicio", comando);
    again.end_epoch();
    assert!(matches!(&again.last_reply().resultado, Resultado::Apartado { codigo, .. } if &**codigo == "EnCuarentena"));
}

#[test]
fn a_core_folded_from_the_log_decides_as_the_one_that_wrote_it() {
    let mut node = Node::alone();
    for n in 0..10 {
        node.give(&format!("cmd-{n}"), invoice(&format!("f{n}"), &[("p1", 2), ("p2", 1)]));
    }
    node.end_epoch();
    let mut again = Node::new(Ownership::all(PARTITIONS));
    let mut refold = Refold::default();
    for event in &node.events {
        let value = node.codec.encode_event(&event.record.sobre, &event.record.evento).expect("evento");
        again.core.refold(&mut refold, &value).expect("plegar");
    }
    again.core.finish_refold(refold).expect("fin");
    again.positions = node.positions.clone();
    for n in ["cmd-3", "nuevo"] {
        let factura = if n == "nuevo" { "f99" } else { "f3" };
        for side in [&mut node, &mut again] {
            side.give(n, invoice(factura, &[("p1", 2), ("p2", 1)]));
            side.end_epoch();
        }
        assert_eq!(node.last_reply(), again.last_reply(), "{n}");
    }
    assert_eq!(again.issued().last().map(|f| f.1.clone()), Some("F11".to_owned()));
    for slot in node.core.slots.iter().filter(|slot| slot.target.tipo == TipoAgregado::Inventario) {
        let other = again.core.slots.get(&slot.target).and_then(|s| s.snapshot_state(&again.core.replicas));
        assert_eq!(slot.snapshot_state(&node.core.replicas), other, "{:?}", slot.target);
    }
}

/// Two nodes that own every other partition; messages go over their topics.
fn two_nodes() -> (Node, Node) {
    let mut halves = [Ownership::none(PARTITIONS), Ownership::none(PARTITIONS)];
    for contexto in crate::domain::Contexto::TODOS {
        for partition in 0..PARTITIONS {
            // Catalogues and ranges on the first node; documents and stock on either.
            let first = matches!(contexto, crate::domain::Contexto::Catalogo | crate::domain::Contexto::Numeracion);
            let owner = usize::from(!first && partition % 2 == 1);
            halves[owner].take(contexto, partition);
        }
    }
    let [a, b] = halves;
    (Node::new(a), Node::new(b))
}

/// Carries messages between the nodes until none is left.
fn settle(a: &mut Node, b: &mut Node) {
    loop {
        let messages: Vec<_> = a.remote.drain(..).chain(b.remote.drain(..)).collect();
        if messages.is_empty() {
            return;
        }
        for (to, key, envelope) in messages {
            let target = envelope.comando.destino();
            let node = if a.core.ownership.is_local(&target) { &mut *a } else { &mut *b };
            node.take(to, &key, &envelope);
        }
        a.end_epoch();
        b.end_epoch();
    }
}

#[test]
fn a_saga_over_two_nodes_ends_like_one_on_a_single_node() {
    let (mut a, mut b) = two_nodes();
    for (n, comando) in catalogue().into_iter().enumerate() {
        let target = comando.destino();
        if matches!(target.tipo.contexto(), crate::domain::Contexto::Catalogo | crate::domain::Contexto::Numeracion) {
            // Both know the catalogue and the ranges; on the second they are replicas.
            b.core.adopt_replica(&comando);
        }
        let node = if a.core.ownership.is_local(&target) { &mut a } else { &mut b };
        node.give(&format!("semilla-{n}"), comando);
        a.end_epoch();
        b.end_epoch();
    }
    for n in 0..30 {
        let comando = invoice(&format!("f{n}"), &[("p1", 2), ("p2", 1), ("p3", 3)]);
        let node = if a.core.ownership.is_local(&comando.destino()) { &mut a } else { &mut b };
        node.give(&format!("cmd-{n}"), comando);
        a.end_epoch();
        b.end_epoch();
        settle(&mut a, &mut b);
    }
    let mut issued = a.issued();
    issued.extend(b.issued());
    assert_eq!(issued.len(), 30);
    let mut numbers: Vec<u64> = issued.iter().map(|(_, number, _)| number[1..].parse().expect("número")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=30).collect::<Vec<_>>());
    assert_eq!(a.core.gauges().1 + b.core.gauges().1, 0, "ninguna saga abierta");
    let stocked = |node: &Node, producto: &str| {
        let target = Direccionado::new(TipoAgregado::Inventario, inventario_id(&id(producto), &id("PRINCIPAL")));
        match node.core.slots.get(&target).map(|s| &s.state) {
            Some(SlotState::Inventario(Some(state))) => Some(state.stock),
            _ => None,
        }
    };
    for (producto, left) in [("p1", 40), ("p2", 70), ("p3", 10)] {
        let stock = stocked(&a, producto).or_else(|| stocked(&b, producto));
        assert_eq!(stock, Cantidad::nuevo(Decimal::from(left)).ok(), "{producto}");
    }
}

/// The step of a saga of another node, as it comes off the topic.
fn step(node: &mut Node, factura: &str, paso: Paso, comando: ComandoInventario) {
    let paso = PasoSaga { documento_id: id(factura), intento: 1, grupo: 0, paso };
    let comando = Comando::Inventario(comando);
    let key = comando.destino();
    let envelope = CommandEnvelope {
        command_id: paso.command_id(),
        correlation_id: id(factura),
        causation_id: None,
        recibido_en: NOW,
        usuario: None,
        canal: None,
        version_esperada: None,
        responder_a: None,
        traceparent: None,
        paso: Some(paso),
        comando,
    };
    let to = node.core.ownership.commands_of(&key);
    node.take(to, &key.id, &envelope);
}

#[test]
fn a_reservation_that_another_saga_met_is_recorded_though_it_is_released_in_the_same_epoch() {
    let inventario = inventario_id(&id("p1"), &id("PRINCIPAL"));
    let reserve = |factura: &str, cantidad: i64| ComandoInventario::ReservarStock {
        inventario_id: inventario.clone(),
        reserva_id: Id::de_paso(&id(factura), 1, 0, None),
        cantidad: Cantidad::nuevo(Decimal::from(cantidad)).expect("cantidad"),
        fecha: fecha_iso("2026-11-18").expect("fecha"),
    };
    let release = |factura: &str| ComandoInventario::LiberarReserva {
        inventario_id: inventario.clone(),
        reserva_id: Id::de_paso(&id(factura), 1, 0, None),
        causa: "FACTURA_RECHAZADA".into(),
    };
    let mut node = Node::alone();
    step(&mut node, "f1", Paso::Reservar, reserve("f1", 60));
    step(&mut node, "f1", Paso::Reservar, reserve("f1", 60));
    step(&mut node, "f1", Paso::Liberar, release("f1"));
    assert_eq!(node.end_epoch(), ["ReservaLiberada"], "nadie más la vio");
    step(&mut node, "f2", Paso::Reservar, reserve("f2", 60));
    // Refused because of f2's: whoever reads the log must find it there.
    step(&mut node, "f3", Paso::Reservar, reserve("f3", 60));
    step(&mut node, "f2", Paso::Liberar, release("f2"));
    assert_eq!(node.end_epoch(), ["StockReservado", "ReservaLiberada"]);
}
