//! The failure table of the sagas (`dominio.md` section 11), row by row, on one node and over two; and what two sagas do to each other.

use super::{
    notas::{inventario_de, note, numero, por_cantidad, reglas},
    notas_dos_nodos::{dar, estado_de, morir_hasta, preparados, respuesta, stock, un_turno, vendida_lejos},
    *,
};
use crate::domain::{Contexto, facturacion::factura::EstadoFactura};

/// Number of each issued invoice, by id.
fn emitidas(nodes: &[&Node]) -> BTreeMap<String, String> {
    let todas: Vec<_> = nodes.iter().flat_map(|node| node.issued()).map(|(id, numero, _)| (id, numero)).collect();
    let por_id: BTreeMap<String, String> = todas.iter().cloned().collect();
    assert_eq!(por_id.len(), todas.len(), "ninguna factura se emite dos veces: {todas:?}");
    por_id
}

fn cuantos(nodes: &[&Node], tipo: &str) -> usize {
    nodes.iter().flat_map(|node| &node.events).filter(|e| e.record.evento.tipo() == tipo).count()
}

/// `stock` and `reservado` of each product.
fn existencias(nodes: &[&Node]) -> Vec<(String, String)> {
    let de = |producto: &&str| {
        let inventario = nodes.iter().find_map(|node| inventario_de(node, producto)).expect("inventario");
        (inventario.stock.to_string(), inventario.reservado.to_string())
    };
    ["p1", "p2", "p3"].iter().map(de).collect()
}

fn par(stock: &str) -> (String, String) {
    (stock.to_owned(), "0".to_owned())
}

fn abiertas(nodes: &[&Node]) -> usize {
    nodes.iter().map(|node| node.core.gauges().1).sum()
}

/// An invoice whose own node is (or is not) the one with the stock of p1.
fn factura_de(a: &Node, desde: usize, junto: bool) -> String {
    let local = |target: &Direccionado| a.core.ownership.is_local(target);
    let en_a = local(&Direccionado::new(TipoAgregado::Inventario, inventario_id(&id("p1"), &id("PRINCIPAL"))));
    let sirve = |n: &usize| (local(&Direccionado::documento(id(&format!("f{n}")))) == en_a) == junto;
    format!("f{}", (desde..desde + 100).find(sirve).expect("alguna cae ahí"))
}

/// Row 1: one of three products lacks stock.
#[test]
fn one_of_three_products_lacks_stock_and_nothing_moves() {
    let pedido = |factura: &str| invoice(factura, &[("p1", 10), ("p2", 101), ("p3", 5)]);
    let dice_la_falta = |node: &Node| {
        let Resultado::Rechazado { errores } = &node.last_reply().resultado else { panic!("{:?}", node.last_reply()) };
        assert_eq!(errores.iter().map(|e| e.regla).collect::<Vec<_>>(), [Regla::StockSuficienteParaFactura]);
        let dato = |nombre: &str| errores[0].datos.iter().find(|(n, _)| n == nombre).map(|(_, v)| v.as_str());
        assert_eq!((dato("solicitado"), dato("disponible")), (Some("101"), Some("100")));
    };
    let mut sola = Node::alone();
    sola.give("pide", pedido("f1"));
    sola.end_epoch();
    dice_la_falta(&sola);
    assert_eq!(existencias(&[&sola]), [par("100"), par("100"), par("100")]);
    assert_eq!(cuantos(&[&sola], "StockReducido"), 0);
    for junto in [true, false] {
        let (mut a, mut b) = preparados();
        let factura = factura_de(&a, 0, junto);
        dar(&mut a, &mut b, "pide", pedido(&factura));
        settle(&mut a, &mut b);
        dice_la_falta(respuesta(&a, &b, &factura));
        assert_eq!(existencias(&[&a, &b]), [par("100"), par("100"), par("100")]);
        assert_eq!((cuantos(&[&a, &b], "StockReducido"), cuantos(&[&a, &b], "NumeroAsignado")), (0, 0));
        assert_eq!(abiertas(&[&a, &b]), 0);
        // No number was taken.
        dar(&mut a, &mut b, "otra", invoice("f200", &[("p1", 1)]));
        settle(&mut a, &mut b);
        assert_eq!(emitidas(&[&a, &b])["f200"], "F1");
    }
}

/// Rows 2 and 3: the coordinator, or whoever holds the stock, dies before or after the number, and is back at once.
#[test]
fn whoever_dies_wherever_the_invoice_is_it_is_issued_once() {
    let mut cruzaron = 0;
    for paso in 0..9 {
        for muere_b in [false, true] {
            let (mut a, mut b) = preparados();
            dar(&mut a, &mut b, "venta", invoice("f2", &[("p1", 60), ("p2", 5), ("p3", 7)]));
            for _ in 0..paso {
                cruzaron += un_turno(&mut a, &mut b);
            }
            morir_hasta(if muere_b { &mut b } else { &mut a }, muere_b, NOW);
            settle(&mut a, &mut b);
            let quien = if muere_b { "b" } else { "a" };
            assert_eq!(emitidas(&[&a, &b]), BTreeMap::from([("f2".to_owned(), "F1".to_owned())]), "paso {paso}, muere {quien}");
            assert_eq!(existencias(&[&a, &b]), [par("40"), par("95"), par("93")], "paso {paso}, muere {quien}");
            assert_eq!(abiertas(&[&a, &b]), 0);
            // Numbers have no hole.
            dar(&mut a, &mut b, "otra", invoice("f3", &[("p1", 1)]));
            settle(&mut a, &mut b);
            assert_eq!(emitidas(&[&a, &b])["f3"], "F2", "paso {paso}, muere {quien}");
        }
    }
    assert!(cruzaron > 20, "los mensajes cruzan de un nodo a otro: {cruzaron}");
}

/// Rows 2 and 3 again: it is back when the deadline has passed. Before the stock is held for certain the attempt ends and everything is
/// released; from there on it only goes forward.
#[test]
fn a_coordinator_back_after_its_deadline_ends_the_attempt_or_goes_forward() {
    let mut finales = BTreeMap::new();
    for paso in 0..9 {
        let (mut a, mut b) = preparados();
        let factura = factura_de(&a, 0, false);
        dar(&mut a, &mut b, "venta", invoice(&factura, &[("p1", 60)]));
        for _ in 0..paso {
            un_turno(&mut a, &mut b);
        }
        let coordina_b = !a.core.ownership.is_local(&Direccionado::documento(id(&factura)));
        morir_hasta(if coordina_b { &mut b } else { &mut a }, coordina_b, NOW.mas_milis(31_000));
        settle(&mut a, &mut b);
        let estado = estado_de(&mut a, &mut b, &factura);
        let (emitida, queda) = (estado == EstadoFactura::Emitida, stock(&a, &b, "p1"));
        match emitida {
            true => assert_eq!((emitidas(&[&a, &b])[&factura].as_str(), queda.as_str()), ("F1", "40"), "paso {paso}"),
            false => {
                assert_eq!((estado, queda.as_str()), (EstadoFactura::Rechazada, "100"), "paso {paso}");
                assert_eq!(cuantos(&[&a, &b], "NumeroAsignado"), 0, "paso {paso}");
                assert_eq!(reglas(respuesta(&a, &b, &factura)), [Regla::EmisionVencida], "paso {paso}");
            }
        }
        assert_eq!(existencias(&[&a, &b])[0].1, "0", "paso {paso}: nada queda reservado");
        assert_eq!(abiertas(&[&a, &b]), 0, "paso {paso}");
        *finales.entry(estado.nombre()).or_insert(0) += 1;
    }
    assert!(finales.len() == 2, "unos siguen y otros no: {finales:?}");
}

/// Row 4: the release overtakes the reservation. (Over two nodes: `a_release_that_overtakes_a_reservation_leaves_nothing_held`.)
#[test]
fn a_late_reservation_is_refused_once_it_was_released() {
    let mut node = Node::alone();
    let inventario = inventario_id(&id("p1"), &id("PRINCIPAL"));
    let reserva_id = Id::de_paso(&id("f1"), 1, 0, None);
    let liberar = ComandoInventario::LiberarReserva {
        inventario_id: inventario.clone(),
        reserva_id: reserva_id.clone(),
        causa: "FACTURA_RECHAZADA".into(),
    };
    let reservar = ComandoInventario::ReservarStock {
        inventario_id: inventario,
        reserva_id,
        cantidad: Cantidad::nuevo(Decimal::from(10)).expect("cantidad"),
        fecha: fecha_iso("2026-11-18").expect("fecha"),
    };
    for _ in 0..2 {
        step(&mut node, "f1", Paso::Liberar, liberar.clone());
        step(&mut node, "f1", Paso::Reservar, reservar.clone());
    }
    assert_eq!(node.end_epoch(), ["ReservaLiberada"]);
    assert_eq!(inventario_de(&node, "p1").map(|i| i.reservado.to_string()), Some("0".to_owned()));
}

/// Row 5: a command that comes twice, while its saga is open and after it. (On one node: `the_same_command_again_answers_the_same…` and
/// `an_id_used_with_other_content_is_a_conflict…`.)
#[test]
fn a_command_that_comes_twice_over_two_nodes_is_done_once() {
    let (mut a, mut b) = preparados();
    let factura = factura_de(&a, 0, false);
    let pedido = || invoice(&factura, &[("p1", 10)]);
    dar(&mut a, &mut b, "venta", pedido());
    let eventos = a.events.len() + b.events.len();
    dar(&mut a, &mut b, "venta", pedido());
    assert_eq!(respuesta(&a, &b, &factura).last_reply().resultado, Resultado::EnCurso);
    assert_eq!(a.events.len() + b.events.len(), eventos, "repetir no registra nada");
    dar(&mut a, &mut b, "venta", invoice(&factura, &[("p1", 11)]));
    assert_eq!(reglas(respuesta(&a, &b, &factura)), [Regla::ClaveIdempotenciaEnConflicto]);
    settle(&mut a, &mut b);
    let primera = respuesta(&a, &b, &factura).last_reply().clone();
    assert!(matches!(primera.resultado, Resultado::Aceptado { .. }), "{primera:?}");
    dar(&mut a, &mut b, "venta", pedido());
    let otra = respuesta(&a, &b, &factura).last_reply();
    assert_eq!((otra.repetido, &otra.resultado), (true, &primera.resultado));
    assert_eq!((emitidas(&[&a, &b]).len(), stock(&a, &b, "p1").as_str()), (1, "90"));
}

/// Row 6: two notes race for the last units, the second while the first is in course. (On one node: `two_notes_race_for_the_last_units…`.)
#[test]
fn two_notes_race_for_the_last_units_over_two_nodes() {
    let (mut a, mut b, factura) = vendida_lejos();
    dar(&mut a, &mut b, "una", note(&factura, "n1", vec![por_cantidad(1, "6")]));
    dar(&mut a, &mut b, "otra", note(&factura, "n2", vec![por_cantidad(1, "5")]));
    assert_eq!(reglas(respuesta(&a, &b, &factura)), [Regla::LineasValidasContraFactura]);
    settle(&mut a, &mut b);
    assert_eq!(numero(respuesta(&a, &b, &factura)), "NC1");
    dar(&mut a, &mut b, "resto", note(&factura, "n3", vec![por_cantidad(1, "4")]));
    settle(&mut a, &mut b);
    assert_eq!((numero(respuesta(&a, &b, &factura)).as_str(), stock(&a, &b, "p1").as_str()), ("NC2", "100"));
}

/// Any decision about it fails: its commands go to the DLQ.
fn poner_en_cuarentena(node: &mut Node, producto: &str) {
    let mut surtido = product_with_stock(producto, &id("PRINCIPAL"));
    node.give(PANICS, surtido.remove(2));
    assert_eq!(node.end_epoch(), ["AgregadoEnCuarentena"]);
}

/// Row 7: a step that cannot be processed goes to the DLQ with its cause; its saga stays open and shows in a metric.
#[test]
fn a_step_that_cannot_be_processed_leaves_its_saga_open_and_counted() {
    let mut sola = Node::alone();
    poner_en_cuarentena(&mut sola, "p2");
    let apartados = sola.core.stats.dead;
    sola.give("venta", invoice("f1", &[("p1", 10), ("p2", 1)]));
    sola.end_epoch();
    assert_eq!((sola.core.stats.dead, abiertas(&[&sola])), (apartados + 1, 1));
    assert_eq!(existencias(&[&sola])[0], ("100".to_owned(), "10".to_owned()), "lo reservado espera");
    // No number was taken: the deadline ends it.
    sola.core.fire(NOW.mas_milis(31_000)).expect("vencer");
    sola.end_epoch();
    assert_eq!((reglas(&sola), abiertas(&[&sola])), (vec![Regla::EmisionVencida], 0));
    assert_eq!(existencias(&[&sola])[0], par("100"));

    // Past the number it stays open, whatever the time: an operator sees it and returns the step from the DLQ.
    let (mut a, mut b) = preparados();
    let factura = factura_de(&a, 0, false);
    dar(&mut a, &mut b, "venta", invoice(&factura, &[("p1", 10)]));
    let confirma = |a: &Node, b: &Node| a.remote.iter().chain(&b.remote).any(|(_, _, m)| m.comando.tipo() == "ConfirmarReserva");
    for _ in 0..9 {
        if confirma(&a, &b) {
            break;
        }
        un_turno(&mut a, &mut b);
    }
    assert!(confirma(&a, &b), "la confirmación va en camino");
    let en_a = inventario_de(&a, "p1").is_some();
    poner_en_cuarentena(if en_a { &mut a } else { &mut b }, "p1");
    let apartados = a.core.stats.dead + b.core.stats.dead;
    settle(&mut a, &mut b);
    assert_eq!((a.core.stats.dead + b.core.stats.dead, abiertas(&[&a, &b])), (apartados + 1, 1));
    assert_eq!(estado_de(&mut a, &mut b, &factura), EstadoFactura::EnEmision);
    assert_eq!((cuantos(&[&a, &b], "NumeroAsignado"), emitidas(&[&a, &b]).len()), (1, 0));
}

/// Two invoices want the last units at once: one has them, whoever coordinates.
#[test]
fn two_invoices_race_for_the_last_units() {
    let mut sola = Node::alone();
    sola.give("una", invoice("f1", &[("p1", 60)]));
    sola.give("otra", invoice("f2", &[("p1", 60)]));
    sola.end_epoch();
    assert_eq!((emitidas(&[&sola]).len(), reglas(&sola)), (1, vec![Regla::StockSuficienteParaFactura]));
    let (mut a, mut b) = preparados();
    let (cerca, lejos) = (factura_de(&a, 0, true), factura_de(&a, 0, false));
    for (command_id, factura) in [("una", &cerca), ("otra", &lejos)] {
        let node = if a.core.ownership.is_local(&Direccionado::documento(id(factura))) { &mut a } else { &mut b };
        node.give(command_id, invoice(factura, &[("p1", 60)]));
    }
    a.end_epoch();
    b.end_epoch();
    settle(&mut a, &mut b);
    let hechas = emitidas(&[&a, &b]);
    assert_eq!((hechas.len(), stock(&a, &b, "p1").as_str()), (1, "40"));
    let negada = if hechas.contains_key(&cerca) { &lejos } else { &cerca };
    assert_eq!(reglas(respuesta(&a, &b, negada)), [Regla::StockSuficienteParaFactura]);
    assert_eq!((existencias(&[&a, &b])[0].1.as_str(), abiertas(&[&a, &b])), ("0", 0));
}

/// A warehouse that does not exist, and one that never had the product.
#[test]
fn a_wrong_warehouse_and_a_missing_inventory_are_told_apart() {
    let en_bodega = |factura: &str, bodega: &str| {
        let Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, mut datos }) =
            invoice(factura, &[("p1", 1), ("p1", 2)])
        else {
            unreachable!("una factura")
        };
        datos.lineas[1].bodega_id = Some(id(bodega));
        Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, datos })
    };
    let norte = Comando::Bodega(ComandoBodega::CrearBodega {
        bodega_id: id("NORTE"),
        datos: DatosBodega { sucursal_id: id("PRINCIPAL"), nombre: "Norte".into(), direccion: None },
    });
    let casos = [("NADA", Regla::BodegaValida), ("NORTE", Regla::InventarioExisteParaFactura)];
    let mut sola = Node::alone();
    sola.give("bodega", norte.clone());
    for (bodega, regla) in casos {
        sola.give(bodega, en_bodega("f1", bodega));
        sola.end_epoch();
        assert_eq!(reglas(&sola), [regla]);
        assert_eq!(existencias(&[&sola])[0], par("100"));
        for junto in [true, false] {
            let (mut a, mut b) = preparados();
            dar(&mut a, &mut b, "bodega", norte.clone());
            b.core.adopt_replica(&norte);
            let factura = factura_de(&a, 0, junto);
            dar(&mut a, &mut b, "pide", en_bodega(&factura, bodega));
            settle(&mut a, &mut b);
            assert_eq!(reglas(respuesta(&a, &b, &factura)), [regla]);
            assert_eq!((existencias(&[&a, &b])[0].clone(), abiertas(&[&a, &b])), (par("100"), 0));
        }
    }
}

/// Found by the simulator (seed 264): the refusal was decided while the epoch that had brought its actor into memory was being committed;
/// with that commit the actor left, and a repetition of the command found nothing and was refused once more.
#[test]
fn a_refusal_of_the_next_epoch_is_remembered_though_its_actor_was_about_to_leave() {
    let mut ownership = Ownership::none(PARTITIONS);
    (0..PARTITIONS).for_each(|partition| ownership.take(Contexto::Facturacion, partition));
    let mut node = Node::new(ownership);
    let annul = || Comando::Factura(ComandoFactura::AnularFactura { factura_id: id("f1"), motivo: "Equivocada".into() });
    // Its client is another node's: nothing is decided yet, and nothing but the actor in memory tells of it.
    node.give("c1", invoice("f1", &[("p1", 1)]));
    let asking = node.core.close(NOW).expect("cerrar");
    node.give("c2", annul());
    assert!(node.commit(asking).is_empty());
    node.give("c2", annul());
    node.end_epoch();
    assert_eq!(node.refused.len(), 1, "{:?}", node.refused);
    assert!(node.last_reply().repetido);
    // And it does leave, later.
    node.give("c3", annul());
    node.end_epoch();
    node.end_epoch();
    assert!(node.core.slots.place(&Direccionado::new(TipoAgregado::Factura, id("f1"))).is_none());
}
