//! Credit that others have seen, and lots that go back where they were.

use super::{
    notas::{MANANA, annul, crear, datos, dia, inventario_de, note, numero, por_cantidad, por_monto, reglas},
    *,
};
use crate::domain::{
    facturacion::{
        factura::credito::{Acreditado, LineaNotaCredito, SolicitudCredito},
        nota_credito::{DatosNotaCredito, LineaNotaPedida, clave_nota},
    },
    inventario::PoliticaRetorno,
};

/// A step of a note's saga, as it would come off a topic; all of them in the name of the note's own command.
fn step_of_a_note(node: &mut Node, factura: &str, nota: &str, paso: Paso, comando: ComandoFactura) {
    let paso = PasoSaga { documento_id: clave_nota(&id(factura), &id(nota)), intento: 1, grupo: 0, paso };
    let comando = Comando::Factura(comando);
    let key = comando.destino();
    let envelope = CommandEnvelope {
        command_id: id(&format!("{nota}-pedida")),
        correlation_id: id(nota),
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
    node.take(to, &key.clave_id(), &envelope);
}

fn reservar(nota: &str, cantidad: i64) -> ComandoFactura {
    let linea = LineaNotaCredito {
        numero: 1,
        linea_factura: 1,
        acreditado: Acreditado::Cantidad { cantidad: Cantidad::nuevo(Decimal::from(cantidad)).expect("cantidad") },
        afecta_inventario: true,
        bodega_id: None,
    };
    let solicitud = SolicitudCredito {
        nota_id: id(nota),
        intento: 1,
        sucursal_id: None,
        politica: PoliticaRetorno::LoteNuevo,
        fecha_emision: dia(MANANA),
        lineas: vec![Arc::new(linea)],
    };
    ComandoFactura::ReservarCredito { factura_id: id("f1"), solicitud: Box::new(solicitud) }
}

fn liberar(nota: &str) -> ComandoFactura {
    ComandoFactura::LiberarCredito { factura_id: id("f1"), nota_id: id(nota), intento: 1 }
}

fn vendida(cantidad: i64) -> Node {
    let mut node = Node::alone();
    node.give("venta", invoice("f1", &[("p1", cantidad)]));
    node.end_epoch();
    node
}

#[test]
fn credit_that_another_saga_met_is_recorded_though_it_is_released_in_the_same_epoch() {
    let mut node = vendida(60);
    step_of_a_note(&mut node, "f1", "n1", Paso::Acreditar, reservar("n1", 60));
    step_of_a_note(&mut node, "f1", "n1", Paso::Acreditar, reservar("n1", 60));
    step_of_a_note(&mut node, "f1", "n1", Paso::Liberar, liberar("n1"));
    assert_eq!(node.end_epoch(), ["CreditoLiberado"], "nadie más lo vio");
    // Refused because of n2's: whoever reads the log must find it there.
    step_of_a_note(&mut node, "f1", "n2", Paso::Acreditar, reservar("n2", 60));
    step_of_a_note(&mut node, "f1", "n3", Paso::Acreditar, reservar("n3", 1));
    step_of_a_note(&mut node, "f1", "n2", Paso::Liberar, liberar("n2"));
    assert_eq!(node.end_epoch(), ["CreditoReservado", "CreditoLiberado"]);
    // The same of an annulment, which finds a note in course.
    step_of_a_note(&mut node, "f1", "n4", Paso::Acreditar, reservar("n4", 60));
    node.give("anula", annul("f1"));
    step_of_a_note(&mut node, "f1", "n4", Paso::Liberar, liberar("n4"));
    assert_eq!(node.end_epoch(), ["CreditoReservado", "CreditoLiberado"]);
    assert_eq!(reglas(&node), [Regla::FacturaAnulable]);
}

#[test]
fn credit_of_a_saga_that_began_before_the_epoch_stays_when_it_is_applied() {
    let mut node = vendida(60);
    step_of_a_note(&mut node, "f1", "n1", Paso::Acreditar, reservar("n1", 60));
    let aplicar = ComandoFactura::AplicarCredito { factura_id: id("f1"), nota_id: id("n1"), intento: 1 };
    step_of_a_note(&mut node, "f1", "n1", Paso::Aplicar, aplicar);
    assert_eq!(node.end_epoch(), ["CreditoReservado", "CreditoAplicado"]);
}

#[test]
fn a_note_of_nothing_is_refused_and_one_that_only_brings_goods_back_is_not() {
    let mut node = Node::alone();
    let Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, mut datos }) = invoice("f1", &[("p1", 10)]) else {
        unreachable!("una factura")
    };
    datos.lineas[0].precio_unitario = Some("0.001".parse().expect("precio"));
    node.give("venta", Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, datos }));
    node.end_epoch();
    // 0.01 in all: a tenth of it rounds to nothing.
    let sin_mercancia = |cantidad: &str| {
        let linea = LineaNotaPedida { afecta_inventario: Some(false), ..por_cantidad(1, cantidad) };
        vec![linea]
    };
    node.give("nada", note("f1", "n1", sin_mercancia("1")));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::MontoPositivo]);
    node.give("mercancia", note("f1", "n2", vec![por_cantidad(1, "1")]));
    node.end_epoch();
    assert_eq!(numero(&node), "NC1");
    node.give("monto", note("f1", "n3", vec![por_monto(1, "0.01")]));
    node.end_epoch();
    assert_eq!(numero(&node), "NC2");
}

#[test]
fn a_lot_that_goes_back_where_it_was_keeps_where_it_came_from() {
    let mut node = vendida(100);
    // All of it comes back as new lots, which remember their origin…
    node.give("vuelve", note("f1", "n1", vec![por_cantidad(1, "100")]));
    node.end_epoch();
    let nuevos = inventario_de(&node, "p1").expect("inventario").clone();
    let origenes = |i: &crate::domain::inventario::Inventario| -> Vec<Option<Id>> {
        i.lotes.values().map(|lote| lote.origen_lote_id.clone()).collect()
    };
    assert_eq!(origenes(&nuevos), [Some(id("L-1")), Some(id("L-2"))]);
    // …also once they are sold to the last unit and revived.
    node.give("otra", invoice("f2", &[("p1", 100)]));
    node.end_epoch();
    assert!(inventario_de(&node, "p1").expect("inventario").lotes.is_empty());
    let reversa = datos(vec![por_cantidad(1, "100")]);
    let reversa = DatosNotaCredito { politica_retorno: Some(PoliticaRetorno::ReversaFifo), ..reversa };
    node.give("revive", crear("f2", "n1", reversa));
    node.end_epoch();
    assert_eq!(inventario_de(&node, "p1").expect("inventario").lotes, nuevos.lotes);
    node.give("otra-mas", invoice("f3", &[("p1", 100)]));
    node.give("anula", annul("f3"));
    node.end_epoch();
    assert_eq!(inventario_de(&node, "p1").expect("inventario").lotes, nuevos.lotes);
}
