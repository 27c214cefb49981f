//! Credit notes and annulments on one node.

use super::*;
use crate::domain::{
    facturacion::{
        factura::{EstadoDian, RespuestaDian},
        nota_credito::{
            ComandoNotaCredito, ConceptoNota, DatosNotaCredito, EventoNotaCredito, FechasNota, LineaNotaPedida, NotaCreditoEmitida,
            clave_nota,
        },
    },
    inventario::PoliticaRetorno,
};

/// The day after that of [`NOW`] in Bogotá, when notes on invoices of [`NOW`] may be issued.
pub const MANANA: &str = "2026-11-19";

pub fn dia(texto: &str) -> chrono::NaiveDate {
    fecha_iso(texto).expect("fecha")
}

pub fn por_cantidad(linea: u16, cantidad: &str) -> LineaNotaPedida {
    LineaNotaPedida {
        linea_factura: linea,
        cantidad: Some(cantidad.parse().expect("cantidad")),
        monto: None,
        afecta_inventario: None,
        bodega_id: None,
    }
}

pub fn por_monto(linea: u16, monto: &str) -> LineaNotaPedida {
    LineaNotaPedida { cantidad: None, monto: Some(monto.parse().expect("monto")), ..por_cantidad(linea, "1") }
}

pub fn datos(lineas: Vec<LineaNotaPedida>) -> DatosNotaCredito {
    DatosNotaCredito {
        sucursal_id: None,
        concepto: ConceptoNota::DevolucionParcial,
        motivo: "llegó golpeado".into(),
        politica_retorno: None,
        fechas: FechasNota { fecha_emision: Some(dia(MANANA)), ..FechasNota::default() },
        lineas,
    }
}

pub fn crear(factura: &str, nota: &str, datos: DatosNotaCredito) -> Comando {
    let (factura_id, nota_id) = (id(factura), id(nota));
    Comando::NotaCredito(ComandoNotaCredito::CrearYEmitirNotaCredito { factura_id, nota_id, datos: Box::new(datos) })
}

pub fn note(factura: &str, nota: &str, lineas: Vec<LineaNotaPedida>) -> Comando {
    crear(factura, nota, datos(lineas))
}

pub fn annul(factura: &str) -> Comando {
    Comando::Factura(ComandoFactura::AnularFactura { factura_id: id(factura), motivo: "pedido duplicado".into() })
}

pub fn dian(factura: &str, estado: EstadoDian) -> Comando {
    let respuesta = Box::new(RespuestaDian { estado, codigo: None, mensaje: None });
    Comando::Factura(ComandoFactura::RegistrarRespuestaDian { factura_id: id(factura), respuesta })
}

/// Rules of the refusal that the last reply is.
pub fn reglas(node: &Node) -> Vec<Regla> {
    match &node.last_reply().resultado {
        Resultado::Rechazado { errores } => errores.iter().map(|e| e.regla).collect(),
        otro => panic!("se esperaba un rechazo: {otro:?}"),
    }
}

/// Number of the note that the last reply is about.
pub fn numero(node: &Node) -> String {
    match &node.last_reply().resultado {
        Resultado::NotaAceptada { nota } => nota.numero.to_string(),
        otro => panic!("se esperaba una nota: {otro:?}"),
    }
}

pub fn emitidas(node: &Node) -> Vec<Arc<NotaCreditoEmitida>> {
    let notas = node.events.iter().filter_map(|e| match &e.record.evento {
        Evento::NotaCredito(EventoNotaCredito::NotaCreditoEmitida(nota)) => Some(Arc::clone(nota)),
        _ => None,
    });
    notas.collect()
}

pub fn inventario_de<'a>(node: &'a Node, producto: &str) -> Option<&'a crate::domain::inventario::Inventario> {
    let target = Direccionado::new(TipoAgregado::Inventario, inventario_id(&id(producto), &id("PRINCIPAL")));
    match node.core.slots.get(&target).map(|s| &s.state) {
        Some(SlotState::Inventario(Some(state))) => Some(state),
        _ => None,
    }
}

fn stock(node: &Node, producto: &str) -> String {
    inventario_de(node, producto).expect("inventario").stock.to_string()
}

/// A node with invoice `f1`: 60 of p1 (50 at 10 and 10 at 12) at 1,000 each.
fn vendida() -> Node {
    let mut node = Node::alone();
    node.give("venta", invoice("f1", &[("p1", 60)]));
    node.end_epoch();
    node
}

/// A node that knows only what another recorded.
fn reiniciado(node: &Node) -> Node {
    let mut again = Node::new(Ownership::all(PARTITIONS));
    let mut refold = Refold::default();
    for event in &node.events {
        let value = node.codec.encode_event(&event.record.sobre, &event.record.evento).expect("evento");
        again.core.refold(&mut refold, &value).expect("plegar");
    }
    again.core.finish_refold(refold).expect("fin");
    again.positions = node.positions.clone();
    again
}

#[test]
fn a_note_on_one_node_leaves_only_what_somebody_could_observe() {
    let mut node = vendida();
    node.give("nota", note("f1", "n1", vec![por_cantidad(1, "15")]));
    let names = node.end_epoch();
    assert_eq!(names, ["NumeroAsignado", "LoteCreado", "LoteCreado", "StockIncrementado", "CreditoAplicado", "NotaCreditoEmitida"]);
    let Resultado::NotaAceptada { nota } = &node.last_reply().resultado else { panic!("{:?}", node.last_reply()) };
    assert_eq!((&*nota.numero, nota.total.to_string().as_str(), nota.nota_id.as_str()), ("NC1", "15000.00", "n1"));
    // Ten of the last lot and five of the one before, at what they cost.
    let emitida = &emitidas(&node)[0];
    assert_eq!(emitida.costo_devuelto.valor(), Decimal::from(10 * 12 + 5 * 10));
    assert_eq!(stock(&node, "p1"), "55");
    for address in ["f1", "f1:n1"] {
        let target = Direccionado::documento(Id::de_clave(address).expect("id"));
        assert!(node.core.slots.place(&target).is_none(), "{address} sale de memoria");
    }
    assert!(inventario_de(&node, "p1").expect("inventario").devueltas.is_empty(), "nadie repetirá la devolución");
}

#[test]
fn a_return_into_the_original_lots_and_an_annulment_restore_them() {
    let mut node = Node::alone();
    node.give("calienta", invoice("f0", &[("p1", 1)]));
    node.end_epoch();
    let antes = inventario_de(&node, "p1").expect("inventario").clone();
    node.give("venta", invoice("f1", &[("p1", 60)]));
    node.end_epoch();
    let reversa = DatosNotaCredito { politica_retorno: Some(PoliticaRetorno::ReversaFifo), ..datos(vec![por_cantidad(1, "60")]) };
    node.give("nota", crear("f1", "n1", reversa));
    node.end_epoch();
    assert_eq!(numero(&node), "NC1");
    assert_eq!(inventario_de(&node, "p1"), Some(&antes));
    node.give("otra-venta", invoice("f2", &[("p1", 70)]));
    node.end_epoch();
    node.give("anula", annul("f2"));
    assert_eq!(node.end_epoch(), ["StockIncrementado", "FacturaAnulada"]);
    assert_eq!(inventario_de(&node, "p1"), Some(&antes));
    let Resultado::Aceptado { factura: Some(resumen) } = &node.last_reply().resultado else { panic!("{:?}", node.last_reply()) };
    assert_eq!((&*resumen.estado, &*resumen.numero), ("ANULADA", "F3"));
    // The number stays used.
    node.give("siguiente", invoice("f3", &[("p1", 1)]));
    node.end_epoch();
    assert_eq!(node.issued().last().map(|f| f.1.clone()), Some("F4".to_owned()));
}

#[test]
fn partial_notes_in_any_order_end_exactly_at_the_invoice_and_the_next_one_is_refused() {
    let mut node = vendida();
    for (n, cantidad) in ["7", "0.5", "52.5"].into_iter().enumerate() {
        node.give(&format!("nota-{n}"), note("f1", &format!("n{n}"), vec![por_cantidad(1, cantidad)]));
        node.end_epoch();
        assert_eq!(numero(&node), format!("NC{}", n + 1));
    }
    let total: Decimal = emitidas(&node).iter().map(|n| n.totales.total.valor()).sum();
    assert_eq!(total, Decimal::from(60_000));
    let costo: Decimal = emitidas(&node).iter().map(|n| n.costo_devuelto.valor()).sum();
    assert_eq!(costo, Decimal::from(50 * 10 + 10 * 12), "todo lo vendido, al costo FIFO");
    node.give("de-mas", note("f1", "n9", vec![por_cantidad(1, "0.000001")]));
    let empezada = ["NotaCreditoCreada", "LineaNotaCreditoAgregada", "EmisionNotaCreditoIniciada", "NotaCreditoRechazada"];
    assert_eq!(node.end_epoch(), empezada);
    assert_eq!(reglas(&node), [Regla::LineasValidasContraFactura]);
    assert_eq!(stock(&node, "p1"), "100");
}

#[test]
fn credit_in_money_leaves_the_quantity_that_can_still_come_back() {
    let mut node = vendida();
    node.give("monto", note("f1", "n1", vec![por_monto(1, "60000")]));
    assert_eq!(node.end_epoch(), ["NumeroAsignado", "CreditoAplicado", "NotaCreditoEmitida"]);
    assert_eq!(numero(&node), "NC1");
    node.give("mercancia", note("f1", "n2", vec![por_cantidad(1, "60")]));
    node.end_epoch();
    let nota = emitidas(&node).remove(1);
    assert_eq!((nota.totales.total.to_string(), nota.costo_devuelto.to_string()), ("0.00".to_owned(), "620".to_owned()));
    node.give("mas-monto", note("f1", "n3", vec![por_monto(1, "0.01")]));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::LineasValidasContraFactura]);
}

#[test]
fn two_notes_race_for_the_last_units_and_the_invoice_serializes_them() {
    let mut node = vendida();
    node.give("una", note("f1", "n1", vec![por_cantidad(1, "60")]));
    node.give("otra", note("f1", "n2", vec![por_cantidad(1, "1")]));
    node.end_epoch();
    assert_eq!(emitidas(&node).len(), 1);
    assert_eq!(reglas(&node), [Regla::LineasValidasContraFactura]);
    assert_eq!(stock(&node, "p1"), "100");
}

#[test]
fn every_reason_of_a_refusal_is_told_at_once() {
    let mut node = vendida();
    let malos = DatosNotaCredito {
        politica_retorno: Some(PoliticaRetorno::ReversaFifo),
        fechas: FechasNota { fecha_emision: Some(dia("2026-11-18")), ..FechasNota::default() },
        ..datos(vec![por_cantidad(1, "61"), por_cantidad(7, "1")])
    };
    node.give("mala", crear("f1", "n1", malos));
    node.end_epoch();
    use Regla::{FechaEmisionPosteriorFactura, LineasValidasContraFactura};
    assert_eq!(reglas(&node), [FechaEmisionPosteriorFactura, LineasValidasContraFactura, LineasValidasContraFactura]);
    let ilegal = DatosNotaCredito {
        motivo: "no".into(),
        fechas: FechasNota { fecha_emision: Some(dia("2026-11-17")), ..FechasNota::default() },
        ..datos(vec![LineaNotaPedida { monto: Some(Decimal::ONE), ..por_cantidad(1, "0") }, por_cantidad(1, "0")])
    };
    node.give("ilegal", crear("f1", "n2", ilegal));
    assert!(node.end_epoch().is_empty(), "un borrador ilegal no se registra");
    use Regla::{FechaEmisionValida, LineaValida, MotivoValido};
    assert_eq!(reglas(&node), [MotivoValido, FechaEmisionValida, LineaValida, LineaValida]);
    node.give("huerfana", note("nadie", "n1", vec![por_cantidad(1, "1")]));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::FacturaExiste]);
    node.give("sin-stock", invoice("f9", &[("p2", 500)]));
    node.end_epoch();
    node.give("rechazada", note("f9", "n1", vec![por_cantidad(1, "1")]));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::FacturaAcreditable]);
}

#[test]
fn each_date_rule_before_on_and_after_its_limit() {
    let con_fecha = |fecha: &str| {
        let fechas = FechasNota { fecha_emision: Some(dia(fecha)), ..FechasNota::default() };
        DatosNotaCredito { fechas, ..datos(vec![por_cantidad(1, "1")]) }
    };
    let casos = [
        ("2026-11-18", Some(Regla::FechaEmisionPosteriorFactura)),
        ("2026-11-19", None),
        ("2026-12-17", None),
        ("2026-12-18", None),
        ("2026-12-19", Some(Regla::PlazoNotaCreditoValido)),
    ];
    let mut node = vendida();
    for (n, (fecha, regla)) in casos.into_iter().enumerate() {
        node.give(&format!("nota-{n}"), crear("f1", &format!("n{n}"), con_fecha(fecha)));
        node.end_epoch();
        match regla {
            Some(regla) => assert_eq!(reglas(&node), [regla], "{fecha}"),
            None => assert!(numero(&node).starts_with("NC"), "{fecha}"),
        }
    }
    // Annulment: the day of the issue, the next one (the limit), and the one after it.
    let un_dia = 86_400_000;
    for (dias, entra) in [(0, true), (1, true), (2, false)] {
        let mut node = vendida();
        node.give_at("anula", annul("f1"), NOW.mas_milis(dias * un_dia));
        node.end_epoch();
        match entra {
            true => assert!(matches!(node.last_reply().resultado, Resultado::Aceptado { .. }), "{dias} días"),
            false => assert_eq!(reglas(&node), [Regla::PlazoAnulacionValido], "{dias} días"),
        }
    }
}

#[test]
fn midnight_in_bogota_is_that_of_the_receipt_not_of_the_processing() {
    // 23:59:59.999999 of the 18th and 00:00 of the 19th in Bogotá; both processed at the same later instant.
    let medianoche = Instante(1_795_064_400_000_000);
    let sin_fechas = || DatosNotaCredito { fechas: FechasNota::default(), ..datos(vec![por_cantidad(1, "1")]) };
    let mut node = vendida();
    node.give_at("antes", crear("f1", "n1", sin_fechas()), Instante(medianoche.micros() - 1));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::FechaEmisionPosteriorFactura]);
    node.give_at("despues", crear("f1", "n2", sin_fechas()), medianoche);
    node.end_epoch();
    assert_eq!(numero(&node), "NC1");
    assert_eq!(emitidas(&node)[0].cabecera.fecha_emision, dia("2026-11-19"));
}

#[test]
fn notes_and_annulment_exclude_each_other() {
    let mut node = vendida();
    node.give("nota", note("f1", "n1", vec![por_cantidad(1, "1")]));
    node.give("anula", annul("f1"));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::FacturaAnulable]);
    node.give("venta-2", invoice("f2", &[("p1", 1)]));
    node.give("anula-2", annul("f2"));
    node.give("nota-2", note("f2", "n1", vec![por_cantidad(1, "1")]));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::FacturaAcreditable]);
    node.give("anula-otra-vez", annul("f2"));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::EstadoValido]);
    // A refused note does not stand in the way.
    node.give("venta-3", invoice("f3", &[("p2", 1)]));
    node.give("nota-3", note("f3", "n1", vec![por_cantidad(1, "2")]));
    node.give("anula-3", annul("f3"));
    node.end_epoch();
    assert!(matches!(node.last_reply().resultado, Resultado::Aceptado { .. }), "{:?}", node.last_reply());
}

#[test]
fn what_the_tax_authority_has_is_not_annulled() {
    for (estado, entra) in [(EstadoDian::Enviada, false), (EstadoDian::Aceptada, false), (EstadoDian::Rechazada, true)] {
        let mut node = vendida();
        node.give("dian", dian("f1", estado));
        assert_eq!(node.end_epoch(), ["RespuestaDianRegistrada"]);
        assert_eq!(node.last_reply().resultado, Resultado::Aceptado { factura: None });
        node.give("anula", annul("f1"));
        node.end_epoch();
        match entra {
            true => assert!(matches!(node.last_reply().resultado, Resultado::Aceptado { .. }), "{estado:?}"),
            false => assert_eq!(reglas(&node), [Regla::FacturaAnulable], "{estado:?}"),
        }
    }
}

#[test]
fn a_draft_is_filled_issued_refused_and_tried_again() {
    let mut node = vendida();
    let (factura_id, nota_id) = (id("f1"), id("n1"));
    let nuevo = ComandoNotaCredito::CrearNotaCredito {
        factura_id: factura_id.clone(),
        nota_id: nota_id.clone(),
        datos: Box::new(datos(Vec::new())),
    };
    let emitir = || {
        let (factura_id, nota_id) = (factura_id.clone(), nota_id.clone());
        Comando::NotaCredito(ComandoNotaCredito::EmitirNotaCredito { factura_id, nota_id, fechas: None })
    };
    let agregar = |cantidad: &str| {
        let (factura_id, nota_id) = (factura_id.clone(), nota_id.clone());
        Comando::NotaCredito(ComandoNotaCredito::AgregarLineaNotaCredito { factura_id, nota_id, linea: por_cantidad(1, cantidad) })
    };
    node.give("crea", Comando::NotaCredito(nuevo));
    node.give("emite-vacia", emitir());
    assert_eq!(node.end_epoch(), ["NotaCreditoCreada", "NotaCreditoRechazada"]);
    assert_eq!(reglas(&node), [Regla::NotaCreditoTieneLineas]);
    node.give("agrega", agregar("4"));
    node.give("emite", emitir());
    assert_eq!(node.end_epoch()[..1], ["LineaNotaCreditoAgregada"], "lo que tuvo su propio comando queda");
    assert_eq!(numero(&node), "NC1");
    assert_eq!(emitidas(&node)[0].intento, 2);
    node.give("agrega-tarde", agregar("1"));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::EstadoValido]);
    // Each command asked again answers what it answered, also after a restart.
    let mut otro = reiniciado(&node);
    for node in [&mut node, &mut otro] {
        node.give("emite-vacia", emitir());
        assert!(node.end_epoch().is_empty());
        assert!(node.last_reply().repetido);
        assert_eq!(reglas(node), [Regla::NotaCreditoTieneLineas]);
        node.give("emite", emitir());
        node.end_epoch();
        assert!(node.last_reply().repetido);
        assert_eq!(numero(node), "NC1");
        node.give("agrega", agregar("4"));
        node.end_epoch();
        assert!(node.last_reply().repetido);
    }
}

#[test]
fn an_invoice_answers_its_own_command_the_same_whatever_happened_since() {
    let mut node = vendida();
    let primera = node.last_reply().clone();
    node.give("nota", note("f1", "n1", vec![por_cantidad(1, "5")]));
    node.end_epoch();
    let nota = node.last_reply().clone();
    node.give("venta-2", invoice("f2", &[("p2", 3)]));
    node.end_epoch();
    let segunda = node.last_reply().clone();
    node.give("anula", annul("f2"));
    node.end_epoch();
    let anulada = node.last_reply().clone();
    let mut otro = reiniciado(&node);
    for node in [&mut node, &mut otro] {
        let mut otra_vez = |command_id: &str, comando: Comando, antes: &Respuesta| {
            node.give(command_id, comando);
            assert!(node.end_epoch().is_empty(), "{command_id}");
            assert!(node.last_reply().repetido, "{command_id}");
            assert_eq!(node.last_reply().resultado, antes.resultado, "{command_id}");
        };
        otra_vez("venta", invoice("f1", &[("p1", 60)]), &primera);
        otra_vez("nota", note("f1", "n1", vec![por_cantidad(1, "5")]), &nota);
        otra_vez("venta-2", invoice("f2", &[("p2", 3)]), &segunda);
        otra_vez("anula", annul("f2"), &anulada);
        node.give("nota", note("f1", "n1", vec![por_cantidad(1, "6")]));
        node.end_epoch();
        assert_eq!(reglas(node), [Regla::ClaveIdempotenciaEnConflicto]);
    }
}

#[test]
fn a_core_folded_from_the_log_credits_as_the_one_that_wrote_it() {
    let mut node = vendida();
    node.give("nota", note("f1", "n1", vec![por_cantidad(1, "15"), por_monto(1, "100")]));
    node.give("mala", note("f1", "n2", vec![por_cantidad(1, "50")]));
    node.end_epoch();
    let mut otro = reiniciado(&node);
    for (n, cantidad) in ["44", "2", "1"].into_iter().enumerate() {
        for side in [&mut node, &mut otro] {
            side.give(&format!("mas-{n}"), note("f1", &format!("m{n}"), vec![por_cantidad(1, cantidad)]));
            side.end_epoch();
        }
        assert_eq!(node.last_reply(), otro.last_reply(), "{cantidad}");
    }
    assert_eq!(inventario_de(&node, "p1"), inventario_de(&otro, "p1"));
    assert_eq!(emitidas(&node)[1..], emitidas(&otro)[..]);
}

#[test]
fn five_hundred_lines_of_one_product_are_one_exit_and_one_return() {
    let mut node = Node::alone();
    let Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, mut datos }) = invoice("f1", &[("p1", 1)]) else {
        unreachable!("una factura")
    };
    datos.lineas[0].cantidad = "0.2".parse().expect("cantidad");
    datos.lineas = vec![datos.lineas[0].clone(); 500];
    node.give("venta", Comando::Factura(ComandoFactura::CrearYEmitirFactura { factura_id, datos }));
    assert_eq!(node.end_epoch(), ["NumeroAsignado", "StockReducido", "FacturaEmitida"]);
    assert_eq!(stock(&node, "p1"), "0");
    let lineas = (1..=500).map(|linea| por_cantidad(linea, "0.2")).collect();
    node.give("nota", note("f1", "n1", lineas));
    assert_eq!(
        node.end_epoch(),
        ["NumeroAsignado", "LoteCreado", "LoteCreado", "StockIncrementado", "CreditoAplicado", "NotaCreditoEmitida"]
    );
    let nota = &emitidas(&node)[0];
    assert_eq!(nota.costo_devuelto.valor(), Decimal::from(50 * 10 + 50 * 12));
    assert_eq!(nota.totales.total.valor(), Decimal::from(100_000));
    assert_eq!(stock(&node, "p1"), "100");
}

#[test]
fn stock_sufficient_exact_and_insufficient_over_several_lots() {
    for (cantidad, sale) in [(99, true), (100, true), (101, false)] {
        let mut node = Node::alone();
        node.give("venta", invoice("f1", &[("p1", cantidad)]));
        node.end_epoch();
        if !sale {
            assert_eq!(reglas(&node), [Regla::StockSuficienteParaFactura]);
            assert_eq!(stock(&node, "p1"), "100");
            continue;
        }
        let costos: Vec<String> = node
            .events
            .iter()
            .filter_map(|e| match &e.record.evento {
                Evento::Factura(EventoFactura::FacturaEmitida(f)) => Some(f.costo_ventas.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(costos, [(50 * 10 + (cantidad - 50) * 12).to_string()]);
    }
}

#[test]
fn a_return_needs_an_inventario_in_the_bodega_it_asks_for() {
    let mut node = vendida();
    let otra = Comando::Bodega(ComandoBodega::CrearBodega {
        bodega_id: id("NORTE"),
        datos: DatosBodega { sucursal_id: id("PRINCIPAL"), nombre: "Norte".into(), direccion: None },
    });
    node.give("bodega", otra);
    node.end_epoch();
    let a_norte = || vec![LineaNotaPedida { bodega_id: Some(id("NORTE")), ..por_cantidad(1, "3") }];
    node.give("sin-inventario", note("f1", "n1", a_norte()));
    // The credit was granted, so its release stays on record.
    let names = node.end_epoch();
    let empezada = ["NotaCreditoCreada", "LineaNotaCreditoAgregada", "EmisionNotaCreditoIniciada", "NotaCreditoRechazada"];
    assert_eq!(names[..4], empezada);
    assert_eq!(names[4..], ["CreditoLiberado"]);
    assert_eq!(reglas(&node), [Regla::InventarioExisteParaNotaCredito]);
    let reversa = DatosNotaCredito { politica_retorno: Some(PoliticaRetorno::ReversaFifo), ..datos(a_norte()) };
    node.give("reversa", crear("f1", "n2", reversa));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::PoliticaRetornoValida]);
    node.give(
        "inventario",
        Comando::Inventario(ComandoInventario::CrearInventario {
            inventario_id: inventario_id(&id("p1"), &id("NORTE")),
            producto_id: id("p1"),
            bodega_id: id("NORTE"),
            stock_minimo: None,
        }),
    );
    let (factura_id, nota_id) = (id("f1"), id("n1"));
    node.give("reintenta", Comando::NotaCredito(ComandoNotaCredito::EmitirNotaCredito { factura_id, nota_id, fechas: None }));
    node.end_epoch();
    assert_eq!(numero(&node), "NC1");
    assert_eq!(stock(&node, "p1"), "40", "lo devuelto está en la otra bodega");
}

/// A refused attempt with dates of its own leaves a draft with those dates, also for whoever folds the log.
#[test]
fn the_dates_of_a_refused_attempt_are_on_the_log() {
    let mut node = vendida();
    let (factura_id, nota_id) = (id("f1"), id("n1"));
    let nueva = ComandoNotaCredito::CrearNotaCredito {
        factura_id: factura_id.clone(),
        nota_id: nota_id.clone(),
        datos: Box::new(datos(vec![por_cantidad(1, "999")])),
    };
    node.give("crea", Comando::NotaCredito(nueva));
    let fechas = FechasNota { fecha_emision: fecha_iso("2026-12-10"), ..FechasNota::default() };
    let emite = ComandoNotaCredito::EmitirNotaCredito { factura_id, nota_id, fechas: Some(fechas) };
    node.give("emite", Comando::NotaCredito(emite));
    node.end_epoch();
    assert_eq!(reglas(&node), [Regla::LineasValidasContraFactura]);
    let state = |node: &mut Node| {
        let place =
            node.core.activate(&Direccionado::new(TipoAgregado::NotaCredito, clave_nota(&id("f1"), &id("n1")))).expect("activar");
        match &node.core.slots[place].state {
            SlotState::NotaCredito(Some(nota)) => nota.clone(),
            _ => panic!("no hay nota"),
        }
    };
    let mut again = super::borradores::refolded(&node);
    let nota = state(&mut node);
    assert_eq!(Some(nota.cabecera.fecha_emision), fecha_iso("2026-12-10"));
    assert_eq!(state(&mut again), nota);
}
