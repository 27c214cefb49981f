//! Drafts through the core: what is recorded, answered, remembered and folded back, whatever the epochs.

use super::*;
use crate::domain::{
    catalogo::descuento::{AmbitoDescuento, ComandoDescuento, DescuentoDeclarado, ValorDeclarado},
    facturacion::factura::{self, CambioFechas, DescuentoPedido, EstadoFactura},
};

fn draft(factura_id: &str, lines: &[(&str, i64)]) -> Comando {
    match invoice(factura_id, lines) {
        Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, datos }) => {
            Comando::Factura(ComandoFactura::CrearFactura { factura_id, datos })
        }
        other => other,
    }
}

fn add_line(factura_id: &str, producto: &str, cantidad: i64) -> Comando {
    let Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, mut datos }) =
        invoice(factura_id, &[(producto, cantidad)])
    else {
        unreachable!("invoice da un CrearYEmitirFactura")
    };
    let linea = Box::new(datos.lineas.remove(0));
    Comando::Factura(ComandoFactura::AgregarLinea { factura_id, linea })
}

fn discount(factura_id: &str, linea: Option<u16>, descuento: DescuentoPedido) -> Comando {
    let factura_id = id(factura_id);
    Comando::Factura(ComandoFactura::AplicarDescuento { factura_id, linea, descuento: Box::new(descuento) })
}

fn percent(value: i64) -> DescuentoPedido {
    let valor = ValorDeclarado { porcentaje: Some(Decimal::from(value)), monto: None };
    DescuentoPedido { valor, descuento_id: None }
}

fn issue(factura_id: &str, fecha_emision: Option<&str>) -> Comando {
    let fechas = fecha_emision
        .map(|texto| Box::new(CambioFechas { fecha_emision: Some(fecha_iso(texto).expect("fecha")), ..CambioFechas::default() }));
    Comando::Factura(ComandoFactura::EmitirFactura { factura_id: id(factura_id), fechas })
}

fn entry(producto: &str, cantidad: i64) -> Comando {
    let inventario = inventario_id(&id(producto), &id("PRINCIPAL"));
    stock_entry(&inventario, &format!("{producto}-mas"), Decimal::from(cantidad), Decimal::from(10))
}

/// A node that has folded everything that another one recorded.
pub(super) fn refolded(node: &Node) -> Node {
    let mut again = Node::new(Ownership::all(PARTITIONS));
    let mut refold = Refold::since(NOW.mas_milis(-1));
    for event in &node.events {
        let value = node.codec.encode_event(&event.record.sobre, &event.record.evento).expect("evento");
        again.core.refold(&mut refold, &value).expect("plegar");
    }
    for refusal in &node.refused {
        let value = node.codec.encode_audit(&RegistroAuditoria::Rechazo(refusal.clone())).expect("rechazo");
        again.core.refold_audit(&mut refold, &value).expect("rechazo");
    }
    again.core.finish_refold(refold).expect("fin");
    again
}

/// State and version of an invoice, wherever it is kept.
fn state(node: &mut Node, factura_id: &str) -> (Option<factura::Factura>, u64) {
    let place = node.core.activate(&Direccionado::new(TipoAgregado::Factura, id(factura_id))).expect("activar");
    let slot = &node.core.slots[place];
    (slot.factura().cloned(), slot.version)
}

fn refused(node: &Node) -> Vec<Regla> {
    let Resultado::Rechazado { errores } = &node.last_reply().resultado else { panic!("{:?}", node.last_reply()) };
    errores.iter().map(|e| e.regla).collect()
}

#[test]
fn a_draft_lives_over_epochs_and_its_issue_carries_the_whole_document() {
    let mut node = Node::alone();
    let steps = [
        ("c1", draft("f1", &[]), vec!["FacturaCreada"]),
        ("c2", add_line("f1", "p1", 3), vec!["LineaAgregada"]),
        ("c3", add_line("f1", "p2", 2), vec!["LineaAgregada"]),
        ("c4", discount("f1", Some(1), percent(50)), vec!["DescuentoAplicado"]),
    ];
    for (n, (command_id, comando, esperados)) in steps.into_iter().enumerate() {
        node.give(command_id, comando);
        assert_eq!(node.end_epoch(), esperados);
        let reply = node.last_reply();
        assert_eq!((&reply.resultado, reply.versiones[0].version), (&Resultado::Aceptado { factura: None }, n as u64 + 1));
    }
    node.give("c5", issue("f1", None));
    assert_eq!(node.end_epoch(), ["NumeroAsignado", "StockReducido", "StockReducido", "FacturaEmitida"]);
    let Resultado::Aceptado { factura: Some(resumen) } = &node.last_reply().resultado else { panic!("{:?}", node.last_reply()) };
    assert_eq!(resumen.total.to_string(), "3500.00");
    let emitida = state(&mut node, "f1");
    assert_eq!((emitida.0.as_ref().map(|f| f.estado), emitida.1), (Some(EstadoFactura::Emitida), 5));
    assert_eq!(state(&mut refolded(&node), "f1"), emitida);
}

#[test]
fn what_a_command_was_answered_for_is_kept_even_when_the_issue_follows_in_the_epoch() {
    let mut node = Node::alone();
    node.give("c1", draft("f1", &[("p1", 1)]));
    node.give("c2", add_line("f1", "p2", 1));
    node.give("c3", issue("f1", Some("2026-12-01")));
    let esperados =
        ["FacturaCreada", "LineaAgregada", "LineaAgregada", "NumeroAsignado", "StockReducido", "StockReducido", "FacturaEmitida"];
    assert_eq!(node.end_epoch(), esperados);
    let versiones: Vec<u64> = node.replies[node.replies.len() - 3..].iter().map(|r| r.versiones[0].version).collect();
    assert_eq!(versiones, [2, 3, 4], "cada respuesta dice la versión que quedó en el registro");
    let emitida = state(&mut node, "f1");
    assert_eq!(state(&mut refolded(&node), "f1"), emitida);
}

#[test]
fn after_a_refusal_the_draft_is_retried_and_each_command_keeps_its_outcome() {
    let mut node = Node::alone();
    node.give("c1", draft("f1", &[("p1", 120)]));
    node.give("c2", issue("f1", None));
    node.end_epoch();
    assert_eq!(refused(&node), [Regla::StockSuficienteParaFactura]);
    node.give("c3", entry("p1", 50));
    node.give("c4", issue("f1", None));
    node.end_epoch();
    let Resultado::Aceptado { factura: Some(_) } = &node.last_reply().resultado else { panic!("{:?}", node.last_reply()) };
    assert_eq!(state(&mut node, "f1").0.map(|f| f.intento), Some(2));
    let movimientos: Vec<String> = node
        .events
        .iter()
        .filter_map(|e| match &e.record.evento {
            Evento::Inventario(crate::domain::inventario::EventoInventario::StockReducido(m)) => Some(m.movimiento_id.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(movimientos, ["f1:2:0:V"]);
    let outcome = |node: &mut Node, command_id: &str, comando: Comando| {
        node.give(command_id, comando);
        assert!(node.end_epoch().is_empty(), "{command_id} no registra nada más");
        let reply = node.last_reply();
        assert!(reply.repetido, "{command_id}");
        reply.resultado.clone()
    };
    let mut cold = refolded(&node);
    for node in [&mut node, &mut cold] {
        let created = outcome(node, "c1", draft("f1", &[("p1", 120)]));
        assert_eq!(created, Resultado::Aceptado { factura: None });
        assert!(matches!(outcome(node, "c2", issue("f1", None)), Resultado::Rechazado { .. }), "el primer intento sigue rechazado");
        assert_eq!(refused(node), [Regla::StockSuficienteParaFactura]);
        assert!(matches!(outcome(node, "c4", issue("f1", None)), Resultado::Aceptado { factura: Some(_) }));
    }
}

#[test]
fn an_edit_after_a_refusal_does_not_lose_its_outcome() {
    let mut node = Node::alone();
    node.give("c1", draft("f1", &[("p1", 120)]));
    node.give("c2", issue("f1", None));
    node.end_epoch();
    node.give("c3", Comando::Factura(ComandoFactura::QuitarLinea { factura_id: id("f1"), linea: 1 }));
    assert_eq!(node.end_epoch(), ["LineaQuitada"]);
    node.give("c2", issue("f1", None));
    assert!(node.end_epoch().is_empty());
    assert_eq!(refused(&node), [Regla::StockSuficienteParaFactura]);
    node.give("c4", Comando::Factura(ComandoFactura::DescartarFactura { factura_id: id("f1") }));
    assert_eq!(node.end_epoch(), ["FacturaDescartada"]);
    node.give("c5", issue("f1", None));
    node.end_epoch();
    assert_eq!(refused(&node), [Regla::EstadoValido]);
}

#[test]
fn an_expected_version_that_has_passed_is_refused() {
    let mut node = Node::alone();
    node.give("c1", draft("f1", &[("p1", 1)]));
    node.end_epoch();
    let mut expecting = |command_id: &str, version: u64, comando: Comando| {
        let to = node.core.ownership.commands_of(&comando.destino());
        let key = comando.destino().id;
        let envelope = CommandEnvelope {
            command_id: id(command_id),
            correlation_id: id(command_id),
            causation_id: None,
            recibido_en: NOW,
            usuario: None,
            canal: None,
            version_esperada: Some(version),
            responder_a: Some(DireccionRespuesta { particion: 0, peticion: 1 }),
            traceparent: None,
            paso: None,
            comando,
        };
        node.take(to, &key, &envelope);
        node.end_epoch();
        node.last_reply().resultado.clone()
    };
    let edits = [add_line("f1", "p2", 1), discount("f1", None, percent(1)), issue("f1", None)];
    for (n, comando) in edits.into_iter().enumerate() {
        let resultado = expecting(&format!("tarde-{n}"), 1, comando);
        assert!(
            matches!(&resultado, Resultado::Rechazado { errores } if errores[0].regla == Regla::VersionEsperada),
            "{resultado:?}"
        );
    }
    assert_eq!(expecting("a-tiempo", 2, add_line("f1", "p2", 1)), Resultado::Aceptado { factura: None });
}

#[test]
fn a_discount_of_the_catalogue_is_known_at_once_and_after_a_restart() {
    let mut node = Node::alone();
    let datos = DescuentoDeclarado {
        nombre: None,
        ambito: AmbitoDescuento::Documento,
        valor: ValorDeclarado { porcentaje: None, monto: Some(Decimal::from(500)) },
        vigente_desde: None,
        vigente_hasta: None,
    };
    node.give("d", Comando::Descuento(ComandoDescuento::CrearDescuento { descuento_id: id("D"), datos: Box::new(datos) }));
    node.give("c1", draft("f1", &[("p1", 1)]));
    let del_catalogo = || DescuentoPedido { descuento_id: Some(id("D")), ..DescuentoPedido::default() };
    node.give("c2", discount("f1", None, del_catalogo()));
    assert_eq!(node.end_epoch(), ["DescuentoCreado", "FacturaCreada", "LineaAgregada", "DescuentoAplicado"]);
    let mut again = refolded(&node);
    assert_eq!(state(&mut again, "f1"), state(&mut node, "f1"));
    again.give("c3", draft("f2", &[("p1", 1)]));
    again.give("c4", discount("f2", None, del_catalogo()));
    again.end_epoch();
    assert_eq!(again.last_reply().resultado, Resultado::Aceptado { factura: None });
}

#[test]
fn epochs_of_any_size_leave_the_same_drafts() {
    let mut orders = Vec::new();
    for n in 0..12 {
        let f = format!("f{n}");
        orders.push(draft(&f, &[("p1", 1 + n % 3)]));
        orders.push(add_line(&f, "p2", 5));
        orders.push(issue(&f, None));
        orders.push(discount(&f, Some(1), percent(10 * (n % 4))));
        orders.push(issue(&f, Some("2026-12-01")));
    }
    let run = |per_epoch: usize| {
        let mut node = Node::alone();
        for (n, chunk) in orders.chunks(per_epoch).enumerate() {
            for (m, order) in chunk.iter().enumerate() {
                node.give(&format!("cmd-{}", n * per_epoch + m), order.clone());
            }
            node.end_epoch();
        }
        let states: Vec<_> = (0..12).map(|n| state(&mut node, &format!("f{n}")).0).collect();
        let mut cold = refolded(&node);
        let folded: Vec<_> = (0..12).map(|n| state(&mut cold, &format!("f{n}")).0).collect();
        assert_eq!(folded, states, "plegar lo registrado da lo mismo, en épocas de {per_epoch}");
        (states, node.replies.iter().map(|r| r.resultado.clone()).collect::<Vec<_>>())
    };
    let one_by_one = run(1);
    for size in [2, 5, 60] {
        assert_eq!(run(size), one_by_one, "épocas de {size}");
    }
}

/// Somebody annuls an invoice that does not exist yet; then it is issued. (The row that remembers the refusal took the place of the document's.)
#[test]
fn a_refusal_from_before_the_document_does_not_take_its_row() {
    let mut node = Node::alone();
    node.give("antes", Comando::Factura(ComandoFactura::AnularFactura { factura_id: id("f1"), motivo: "Equivocada".into() }));
    assert!(node.end_epoch().is_empty());
    assert_eq!(refused(&node), [Regla::FacturaExiste]);
    node.give("c1", invoice("f1", &[("p1", 1)]));
    node.end_epoch();
    let emitida = state(&mut node, "f1");
    assert!(emitida.0.is_some());
    assert_eq!(state(&mut refolded(&node), "f1"), emitida);
}
