//! Credit notes and annulments whose stock, numbers or documents live on two nodes, with failures in between.

use super::{
    notas::{annul, dian, emitidas, inventario_de, note, numero, por_cantidad, reglas},
    *,
};
use crate::domain::facturacion::factura::{EstadoDian, EstadoFactura};

/// Both nodes with the catalogue.
pub fn preparados() -> (Node, Node) {
    let (mut a, mut b) = two_nodes();
    for (n, comando) in catalogue().into_iter().enumerate() {
        let target = comando.destino();
        if es_de_catalogo(&target) {
            b.core.adopt_replica(&comando);
        }
        let node = if a.core.ownership.is_local(&target) { &mut a } else { &mut b };
        node.give(&format!("semilla-{n}"), comando);
        a.end_epoch();
        b.end_epoch();
    }
    (a, b)
}

pub fn es_de_catalogo(target: &Direccionado) -> bool {
    matches!(target.tipo.contexto(), crate::domain::Contexto::Catalogo | crate::domain::Contexto::Numeracion)
}

pub fn dar(a: &mut Node, b: &mut Node, command_id: &str, comando: Comando) {
    let node = if a.core.ownership.is_local(&comando.destino()) { &mut *a } else { &mut *b };
    node.give(command_id, comando);
    a.end_epoch();
    b.end_epoch();
}

/// Delivers the messages that wait, once: how many there were.
pub fn un_turno(a: &mut Node, b: &mut Node) -> usize {
    let messages: Vec<_> = a.remote.drain(..).chain(b.remote.drain(..)).collect();
    let cuantos = messages.len();
    for (to, key, envelope) in messages {
        let node = if a.core.ownership.is_local(&envelope.comando.destino()) { &mut *a } else { &mut *b };
        node.take(to, &key, &envelope);
    }
    a.end_epoch();
    b.end_epoch();
    cuantos
}

/// The process dies: what it knows is what it recorded. Its open sagas are driven again.
pub fn morir(node: &mut Node, es_b: bool) {
    morir_hasta(node, es_b, NOW);
}

/// The same; it comes back at an instant.
pub fn morir_hasta(node: &mut Node, es_b: bool, vuelve: Instante) {
    let mut again = Node::new(node.core.ownership.clone());
    if es_b {
        catalogue().iter().filter(|c| es_de_catalogo(&c.destino())).for_each(|c| again.core.adopt_replica(c));
    }
    let mut refold = Refold::default();
    for event in &node.events {
        let value = node.codec.encode_event(&event.record.sobre, &event.record.evento).expect("evento");
        again.core.refold(&mut refold, &value).expect("plegar");
    }
    again.core.finish_refold(refold).expect("fin");
    let mut abiertas = Vec::new();
    let visitar = &mut |key: &[u8], _: Bytes| {
        let texto = std::str::from_utf8(&key[store::OPEN_SAGA_PREFIX.len()..]).expect("texto");
        abiertas.push(Id::de_clave(texto).expect("id"));
        Ok(())
    };
    again.store.scan(store::OPEN_SAGA_PREFIX, visitar).expect("sagas");
    again.core.arm_open_sagas(abiertas).expect("armar");
    node.core = again.core;
    node.store = again.store;
    node.core.fire(vuelve).expect("vencer");
    node.end_epoch();
}

fn todas_emitidas(a: &Node, b: &Node) -> Vec<String> {
    let mut notas: Vec<String> = emitidas(a)
        .iter()
        .chain(&emitidas(b))
        .map(|n| format!("{}:{} {} {:?} {}", n.factura_id, n.nota_id, n.numero, n.totales.total, n.costo_devuelto))
        .collect();
    notas.sort();
    notas
}

pub fn stock(a: &Node, b: &Node, producto: &str) -> String {
    inventario_de(a, producto).or_else(|| inventario_de(b, producto)).expect("inventario").stock.to_string()
}

fn ordenes() -> Vec<(String, Comando)> {
    let mut ordenes = Vec::new();
    for n in 0..8 {
        let factura = format!("f{n}");
        ordenes.push((format!("venta-{n}"), invoice(&factura, &[("p1", 4), ("p2", 2), ("p3", 1)])));
        ordenes.push((format!("nota-{n}"), note(&factura, "n1", vec![por_cantidad(1, "3"), por_cantidad(3, "1")])));
        ordenes.push((format!("de-mas-{n}"), note(&factura, "n2", vec![por_cantidad(1, "2"), por_cantidad(2, "1")])));
        ordenes.push((format!("otra-{n}"), note(&factura, "n3", vec![por_cantidad(1, "1"), por_cantidad(2, "2")])));
        ordenes.push((format!("anulada-{n}"), invoice(&format!("a{n}"), &[("p1", 1), ("p3", 2)])));
        ordenes.push((format!("anula-{n}"), annul(&format!("a{n}"))));
    }
    ordenes
}

#[test]
fn notes_and_annulments_over_two_nodes_end_like_on_a_single_one() {
    let mut sola = Node::alone();
    let (mut a, mut b) = preparados();
    for (command_id, comando) in ordenes() {
        sola.give(&command_id, comando.clone());
        sola.end_epoch();
        dar(&mut a, &mut b, &command_id, comando);
        settle(&mut a, &mut b);
    }
    let esperadas = todas_emitidas(&sola, &Node::new(Ownership::none(PARTITIONS)));
    assert_eq!(esperadas.len(), 16);
    assert_eq!(todas_emitidas(&a, &b), esperadas);
    assert_eq!(a.core.gauges().1 + b.core.gauges().1, 0, "ninguna saga abierta");
    for producto in ["p1", "p2", "p3"] {
        assert_eq!(stock(&a, &b, producto), inventario_de(&sola, producto).expect("inventario").stock.to_string(), "{producto}");
    }
}

#[test]
fn whoever_dies_wherever_the_note_is_it_ends_once() {
    let mut distintos = 0;
    for paso in 0..8 {
        for muere_b in [false, true] {
            let (mut a, mut b) = preparados();
            dar(&mut a, &mut b, "venta", invoice("f2", &[("p1", 60), ("p2", 5), ("p3", 7)]));
            settle(&mut a, &mut b);
            let lineas = vec![por_cantidad(1, "15"), por_cantidad(2, "5"), por_cantidad(3, "1")];
            dar(&mut a, &mut b, "nota", note("f2", "n1", lineas.clone()));
            for _ in 0..paso {
                distintos += un_turno(&mut a, &mut b);
            }
            if muere_b {
                morir(&mut b, true)
            } else {
                morir(&mut a, false)
            }
            settle(&mut a, &mut b);
            let notas = todas_emitidas(&a, &b);
            assert_eq!(notas.len(), 1, "paso {paso}, muere {}: {notas:?}", if muere_b { "b" } else { "a" });
            assert!(notas[0].starts_with("f2:n1 NC1 "), "{}", notas[0]);
            assert_eq!((stock(&a, &b, "p1"), stock(&a, &b, "p2"), stock(&a, &b, "p3")), ("55".into(), "100".into(), "94".into()));
            assert_eq!(a.core.gauges().1 + b.core.gauges().1, 0, "ninguna saga abierta");
        }
    }
    assert!(distintos > 20, "los mensajes cruzan de un nodo a otro: {distintos}");
}

/// An invoice of these products whose stock is not where the invoice is.
pub fn vendida_lejos() -> (Node, Node, String) {
    let (mut a, mut b) = preparados();
    let producto = Direccionado::new(TipoAgregado::Inventario, inventario_id(&id("p1"), &id("PRINCIPAL")));
    let en_a = a.core.ownership.is_local(&producto);
    let lejos = |n: &usize| {
        let factura = Direccionado::documento(id(&format!("f{n}")));
        a.core.ownership.is_local(&factura) != en_a
    };
    let factura = format!("f{}", (0..100).find(lejos).expect("alguna cae en el otro nodo"));
    dar(&mut a, &mut b, "venta", invoice(&factura, &[("p1", 10)]));
    settle(&mut a, &mut b);
    (a, b, factura)
}

pub fn estado_de(a: &mut Node, b: &mut Node, factura: &str) -> EstadoFactura {
    let target = Direccionado::documento(id(factura));
    let node = if a.core.ownership.is_local(&target) { a } else { b };
    let place = node.core.activate(&target).expect("activar");
    node.core.slots[place].factura().expect("factura").estado
}

pub fn respuesta<'a>(a: &'a Node, b: &'a Node, factura: &str) -> &'a Node {
    if a.core.ownership.is_local(&Direccionado::documento(id(factura))) { a } else { b }
}

#[test]
fn an_annulment_finds_a_note_in_course_and_a_note_finds_an_annulment_in_course() {
    let (mut a, mut b, factura) = vendida_lejos();
    dar(&mut a, &mut b, "nota", note(&factura, "n1", vec![por_cantidad(1, "1")]));
    dar(&mut a, &mut b, "anula", annul(&factura));
    assert_eq!(reglas(respuesta(&a, &b, &factura)), [Regla::FacturaAnulable]);
    settle(&mut a, &mut b);
    assert_eq!(numero(respuesta(&a, &b, &factura)), "NC1");
    let (mut a, mut b, factura) = vendida_lejos();
    dar(&mut a, &mut b, "anula", annul(&factura));
    assert_eq!(estado_de(&mut a, &mut b, &factura), EstadoFactura::EnAnulacion);
    dar(&mut a, &mut b, "nota", note(&factura, "n1", vec![por_cantidad(1, "1")]));
    assert_eq!(reglas(respuesta(&a, &b, &factura)), [Regla::FacturaAcreditable]);
    settle(&mut a, &mut b);
    assert_eq!(estado_de(&mut a, &mut b, &factura), EstadoFactura::Anulada);
    assert_eq!(stock(&a, &b, "p1"), "100");
}

#[test]
fn an_acceptance_stops_an_annulment_until_the_goods_are_on_their_way() {
    // Before: the Inventarios have only been asked whether they exist.
    let (mut a, mut b, factura) = vendida_lejos();
    dar(&mut a, &mut b, "anula", annul(&factura));
    dar(&mut a, &mut b, "dian", dian(&factura, EstadoDian::Aceptada));
    settle(&mut a, &mut b);
    assert_eq!(estado_de(&mut a, &mut b, &factura), EstadoFactura::Emitida);
    assert_eq!(stock(&a, &b, "p1"), "90");
    let node = respuesta(&a, &b, &factura);
    let rechazo = node.replies.iter().rev().find(|r| r.command_id == id("anula")).expect("respuesta de la anulación");
    assert!(matches!(&rechazo.resultado, Resultado::Rechazado { errores } if errores[0].regla == Regla::FacturaAnulable));
    // After: it is only written down.
    let (mut a, mut b, factura) = vendida_lejos();
    dar(&mut a, &mut b, "anula", annul(&factura));
    un_turno(&mut a, &mut b);
    un_turno(&mut a, &mut b);
    dar(&mut a, &mut b, "dian", dian(&factura, EstadoDian::Aceptada));
    settle(&mut a, &mut b);
    assert_eq!(estado_de(&mut a, &mut b, &factura), EstadoFactura::Anulada);
    assert_eq!(stock(&a, &b, "p1"), "100");
}

/// Who was refused because of it, or answered while it was in course, finds it on the log.
#[test]
fn an_annulment_that_others_met_is_recorded_though_it_ends_in_the_same_epoch() {
    let (mut a, mut b, factura) = vendida_lejos();
    let node = if a.core.ownership.is_local(&Direccionado::documento(id(&factura))) { &mut a } else { &mut b };
    node.give("anula", annul(&factura));
    node.give("nota", note(&factura, "n1", vec![por_cantidad(1, "1")]));
    node.give("dian", dian(&factura, EstadoDian::Aceptada));
    let eventos = node.end_epoch();
    let de_la_factura = ["AnulacionIniciada", "RespuestaDianRegistrada", "AnulacionRechazada"];
    let recorded: Vec<&str> = eventos.iter().map(|e| e.as_ref()).filter(|e| de_la_factura.contains(e)).collect();
    assert_eq!(recorded, de_la_factura);
    assert!(eventos.contains(&"NotaCreditoRechazada"));
}

#[test]
fn whoever_dies_wherever_the_annulment_is_it_ends_once() {
    for paso in 0..5 {
        for muere_b in [false, true] {
            let (mut a, mut b, factura) = vendida_lejos();
            dar(&mut a, &mut b, "anula", annul(&factura));
            for _ in 0..paso {
                un_turno(&mut a, &mut b);
            }
            if muere_b {
                morir(&mut b, true)
            } else {
                morir(&mut a, false)
            }
            settle(&mut a, &mut b);
            assert_eq!(estado_de(&mut a, &mut b, &factura), EstadoFactura::Anulada, "paso {paso}");
            assert_eq!(stock(&a, &b, "p1"), "100", "paso {paso}");
            let anuladas = a.events.iter().chain(&b.events).filter(|e| e.record.evento.tipo() == "FacturaAnulada").count();
            assert_eq!(anuladas, 1, "paso {paso}");
        }
    }
}

#[test]
fn a_release_that_overtakes_a_reservation_leaves_nothing_held() {
    let (mut a, mut b) = preparados();
    let producto = Direccionado::new(TipoAgregado::Inventario, inventario_id(&id("p1"), &id("PRINCIPAL")));
    let en_a = a.core.ownership.is_local(&producto);
    let lejos = |n: &usize| a.core.ownership.is_local(&Direccionado::documento(id(&format!("f{n}")))) != en_a;
    let factura = format!("f{}", (0..100).find(lejos).expect("alguna cae en el otro nodo"));
    dar(&mut a, &mut b, "venta", invoice(&factura, &[("p1", 10)]));
    let (coordina, tiene) = if en_a { (&mut b, &mut a) } else { (&mut a, &mut b) };
    let reserva = coordina.remote.pop().expect("la reserva va en camino");
    assert_eq!(reserva.2.comando.tipo(), "ReservarStock");
    coordina.core.fire(NOW.mas_milis(31_000)).expect("vencer");
    coordina.end_epoch();
    assert_eq!(reglas(coordina), [Regla::EmisionVencida]);
    let (to, key, liberacion) = coordina.remote.pop().expect("la liberación va en camino");
    assert_eq!(liberacion.comando.tipo(), "LiberarReserva");
    tiene.take(to, &key, &liberacion);
    tiene.take(reserva.0, &reserva.1, &reserva.2);
    tiene.end_epoch();
    let inventario = inventario_de(tiene, "p1").expect("inventario");
    assert_eq!((inventario.stock.to_string(), inventario.reservado.to_string()), ("100".to_owned(), "0".to_owned()));
    settle(&mut a, &mut b);
    assert_eq!(estado_de(&mut a, &mut b, &factura), EstadoFactura::Rechazada);
}
