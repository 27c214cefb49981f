//! One node in epochs of any size leaves what the serial oracle leaves.

use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::Config};

use super::comercio::{AHORA, Orden, base, orden};
use crate::{
    audit::{
        oraculo::{OraculoSerial, de_registro},
        pruebas::nodos::{Nodos, id},
    },
    contracts::CommandEnvelope,
    domain::{TipoAgregado, facturacion::factura::EstadoFactura, valores::Id},
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
                let comando = que.comando(&documento(&sobres, usize::from(*atras)), oraculo.mundo());
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
    let (mut emitidas, mut rechazadas, mut textos) = (0, 0, String::new());
    for _ in 0..20 {
        let ordenes = vec(orden(), 60).new_tree(&mut corredor).expect("órdenes").current();
        let nodos = Nodos::uno(4, false, AHORA);
        let mut oraculo = OraculoSerial::new((*nodos.emisor).clone());
        mandar(&nodos, &mut oraculo, &ordenes);
        emitidas += oraculo.mundo().facturas.values().filter(|f| f.estado == EstadoFactura::Emitida).count();
        rechazadas += oraculo.mundo().facturas.values().filter(|f| f.estado == EstadoFactura::Rechazada).count();
        textos.push_str(&oraculo.retrato().texto());
    }
    assert!(emitidas > 40 && rechazadas > 25, "{emitidas} emitidas, {rechazadas} rechazadas");
    for regla in [
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
