//! One node in epochs of any size leaves what the serial oracle leaves.

use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::Config};

use super::comercio::{AHORA, Edicion, Orden, base, orden};
use crate::{
    audit::{
        oraculo::{Mundo, OraculoSerial, de_registro},
        pruebas::nodos::{Nodos, id},
    },
    contracts::CommandEnvelope,
    domain::{
        Comando, TipoAgregado,
        facturacion::{factura::EstadoFactura, nota_credito::EstadoNota},
        valores::Id,
    },
};

/// The commands that the orders become as the oracle takes them, one after the other.
pub fn mandar(nodos: &Nodos, oraculo: &mut OraculoSerial, ordenes: &[Orden]) -> Vec<CommandEnvelope> {
    let mut sobres: Vec<CommandEnvelope> = Vec::new();
    let semilla = base().into_iter().enumerate().map(|(n, comando)| nodos.sobre(&format!("s{n}"), comando));
    for sobre in semilla {
        oraculo.tomar(&sobre).expect("modelado");
        sobres.push(sobre);
    }
    for (n, orden) in ordenes.iter().enumerate() {
        let anterior = |atras: u8| &sobres[sobres.len().saturating_sub(usize::from(atras))];
        let sobre = match orden {
            Orden::Repetida { atras, otro_id: false } => anterior(*atras).clone(),
            Orden::Repetida { atras, otro_id: true } => {
                CommandEnvelope { command_id: id(&format!("o{n}")), ..anterior(*atras).clone() }
            }
            Orden::Usurpada { atras } => usurpada(&sobres, usize::from(*atras)),
            Orden::Edicion { atras, que, version } => {
                let atras = usize::from(*atras);
                let factura = match que {
                    Edicion::Anular => emitida(oraculo.mundo(), &sobres, atras),
                    _ => documento(&sobres, atras),
                };
                let comando = que.comando(&factura, oraculo.mundo());
                let actual = oraculo.version(&comando.destino());
                let version_esperada = version.map(|buena| if buena { actual } else { actual + 1 });
                CommandEnvelope { version_esperada, ..nodos.sobre(&format!("o{n}"), comando) }
            }
            Orden::Nota { atras, nota } => {
                let factura = emitida(oraculo.mundo(), &sobres, usize::from(*atras));
                nodos.sobre(&format!("o{n}"), nota.comando(n, &factura))
            }
            Orden::EdicionNota { atras, que, version } => {
                let comando = que.comando(nota(&sobres, usize::from(*atras)));
                let actual = oraculo.version(&comando.destino());
                let version_esperada = version.map(|buena| if buena { actual } else { actual + 1 });
                CommandEnvelope { version_esperada, ..nodos.sobre(&format!("o{n}"), comando) }
            }
            _ => nodos.sobre(&format!("o{n}"), orden.comando(n, oraculo.mundo()).expect("un comando")),
        };
        oraculo.tomar(&sobre).expect("modelado");
        sobres.push(sobre);
    }
    sobres
}

/// The document of one of the last commands that had one.
fn documento(sobres: &[CommandEnvelope], atras: usize) -> Id {
    let documentos = sobres.iter().rev().map(|s| s.comando.destino()).filter(|d| d.tipo == TipoAgregado::Factura);
    documentos.take(atras).last().map_or_else(|| id("nunca"), |d| d.id)
}

/// One of the last invoices issued; now and then any document, as when there is none.
fn emitida(mundo: &Mundo, sobres: &[CommandEnvelope], atras: usize) -> Id {
    let facturas = sobres.iter().rev().map(|s| s.comando.destino().id);
    let emitidas = facturas.filter(|id| mundo.facturas.get(id).is_some_and(|f| f.estado == EstadoFactura::Emitida));
    let emitida = emitidas.take(atras).last().filter(|_| !atras.is_multiple_of(5));
    emitida.unwrap_or_else(|| documento(sobres, atras))
}

/// One of the last notes that a command was about, with its invoice.
fn nota(sobres: &[CommandEnvelope], atras: usize) -> (Id, Id) {
    let notas = sobres.iter().rev().filter_map(|s| match &s.comando {
        Comando::NotaCredito(comando) => Some(comando.ids()),
        _ => None,
    });
    notas.take(atras).last().map_or_else(|| (id("nunca"), id("nunca")), |(factura, nota)| (factura.clone(), nota.clone()))
}

/// The id of an earlier command with the content of another one of its aggregate, or else the same again.
fn usurpada(sobres: &[CommandEnvelope], atras: usize) -> CommandEnvelope {
    let victima = &sobres[sobres.len().saturating_sub(atras)];
    let otro = sobres.iter().find(|s| s.comando.destino() == victima.comando.destino() && s.comando != victima.comando);
    CommandEnvelope { command_id: victima.command_id.clone(), ..otro.unwrap_or(victima).clone() }
}

proptest! {
    #![proptest_config(Config { cases: 24, max_shrink_iters: 400, ..Config::default() })]

    #[test]
    fn epochs_of_any_size_leave_what_the_serial_oracle_leaves(
        ordenes in vec(orden(), 1..60),
        tamanos in vec(1..40_usize, 1..5),
        con_control in any::<bool>(),
    ) {
        let mut nodos = Nodos::uno(4, con_control, AHORA);
        let mut oraculo = OraculoSerial::new((*nodos.emisor).clone());
        let sobres = mandar(&nodos, &mut oraculo, &ordenes);
        nodos.en_orden(&sobres, &tamanos);
        prop_assert_eq!(oraculo.discrepancias(), &[] as &[String]);
        let (del_registro, serial) = (de_registro(&*nodos.log, &nodos.codec).expect("retrato"), oraculo.retrato());
        prop_assert_eq!(del_registro.diferencia(&serial), None);
        prop_assert_eq!(del_registro.texto(), serial.texto());
    }
}

/// What a deterministic draw of many orders comes to, so that the property above is known to see every case.
#[test]
fn the_orders_meet_every_case() {
    let mut corredor = proptest::test_runner::TestRunner::deterministic();
    let (mut emitidas, mut rechazadas, mut anuladas, mut notas, mut textos) = (0, 0, 0, 0, String::new());
    for _ in 0..30 {
        let ordenes = vec(orden(), 60).new_tree(&mut corredor).expect("órdenes").current();
        let nodos = Nodos::uno(4, false, AHORA);
        let mut oraculo = OraculoSerial::new((*nodos.emisor).clone());
        mandar(&nodos, &mut oraculo, &ordenes);
        emitidas += oraculo.mundo().facturas.values().filter(|f| f.emitida.is_some()).count();
        rechazadas += oraculo.mundo().facturas.values().filter(|f| f.estado == EstadoFactura::Rechazada).count();
        anuladas += oraculo.mundo().facturas.values().filter(|f| f.estado == EstadoFactura::Anulada).count();
        notas += oraculo.mundo().notas.values().filter(|n| n.estado == EstadoNota::Emitida).count();
        textos.push_str(&oraculo.retrato().texto());
    }
    assert!(emitidas > 40 && rechazadas > 25, "{emitidas} emitidas, {rechazadas} rechazadas");
    assert!(anuladas > 5 && notas > 10, "{anuladas} anuladas, {notas} notas emitidas");
    for regla in [
        "LineasValidasContraFactura",
        "FacturaAcreditable",
        "NotaCreditoTieneLineas",
        "FacturaAnulable",
        "StockSuficienteParaFactura",
        "StockInsuficiente",
        "InventarioExisteParaFactura",
        "InventarioNoExiste",
        "ClienteValido",
        "ProductoValido",
        "ClaveIdempotenciaEnConflicto",
        "EstadoValido",
        "YaExiste",
        "RangoValido",
        "VersionEsperada",
        "DescuentoValido",
        "FormaPagoValida",
        "FechaEmisionValida",
        "FacturaExiste",
    ] {
        assert!(textos.contains(&format!("regla: {regla}")), "ninguna orden llegó a {regla}");
    }
}

/// The comparison has teeth: an oracle that missed one command differs.
#[test]
fn a_command_more_or_less_shows() {
    let mut nodos = Nodos::uno(4, false, AHORA);
    let mut oraculo = OraculoSerial::new((*nodos.emisor).clone());
    let ordenes = vec![Orden::Entrada { lugar: (0, 0), cantidad: 100, costo: 7, ingreso: 1, caduca: None }];
    let sobres = mandar(&nodos, &mut oraculo, &ordenes);
    nodos.en_orden(&sobres[..sobres.len() - 1], &[3]);
    let diferencia = de_registro(&*nodos.log, &nodos.codec).expect("retrato").diferencia(&oraculo.retrato());
    assert!(diferencia.is_some_and(|d| d.contains("inventario p0:NORTE") && d.contains("stock: Cantidad(60)")));
}
