//! The sinks end to end over the embedded log and tables.

mod proyecciones_comun;

use std::{sync::Arc, time::Duration};

use factumarket::{
    domain::TipoAgregado,
    log::Log,
    projections::{Consultas, FiltroFacturas, Pagina, ProjectionRunner, RunnerOptions},
    tables::embedded::{EmbeddedTables, EmbeddedTablesOptions},
};
use proyecciones_comun::{
    codec, escribir,
    mundo::{Mundo, dia, id},
    registro,
};

const ESPERA: Duration = Duration::from_secs(20);

/// The durable end of every partition that something was written to.
fn finales(log: &dyn Log, mundo: &Mundo) -> Vec<(factumarket::log::TopicPartition, u64)> {
    let mut particiones: Vec<_> = mundo.records.iter().map(|(p, _)| *p).collect();
    particiones.sort_unstable();
    particiones.dedup();
    particiones.into_iter().map(|p| (p, log.watermarks(p).unwrap().stable)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_is_queried_from_every_side_a_moment_after_it_is_on_the_log() {
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(&carpeta.path().join("registro")));
    let tables = EmbeddedTables::open(&carpeta.path().join("tablas"), EmbeddedTablesOptions::default()).unwrap();
    let runner = ProjectionRunner::start(log.clone(), tables.clone(), codec.clone(), RunnerOptions::default()).unwrap();
    let consultas = Consultas::new(tables.clone(), codec.clone(), runner.progress());
    let mut mundo = Mundo::new(codec.clone());
    mundo.crear_cliente("C1");
    mundo.crear_producto("P1");
    mundo.entrada("P1:PRINCIPAL", 10, 500, dia(0), None);
    mundo.entrada("P2:PRINCIPAL", 5, 700, dia(0), None);
    assert!(mundo.emitir("FA", "C1", &[("P1:PRINCIPAL", 4), ("P2:PRINCIPAL", 1)], dia(0)));
    mundo.rechazo(TipoAgregado::Cliente, "C1", "otra-vez");
    mundo.consulta(Some("FA"));
    escribir(&*log, &mundo.records);
    assert!(consultas.esperar_version(TipoAgregado::Factura, &id("FA"), 1, ESPERA).await);
    assert!(consultas.esperar_posiciones(&finales(&*log, &mundo), ESPERA).await);

    let factura = consultas.factura(&id("FA")).unwrap().unwrap();
    assert_eq!(factura["estado"], "EMITIDA");
    assert_eq!(factura["numero"], "F1");
    assert_eq!(factura["total"], "5950.00");
    assert_eq!(factura["impuestos"], "950.00");
    assert_eq!(factura["cliente"]["nombre"], "C1");
    assert_eq!(factura["grupos"][0]["lotes"][0]["lote_id"], "L-1");
    let stock = consultas.stock(&id("P1"), &id("PRINCIPAL")).unwrap().unwrap();
    assert_eq!((&stock["stock"], &stock["reservado"], &stock["disponible"]), (&"6".into(), &"0".into(), &"6".into()));
    assert_eq!(stock["valor"], "30");
    assert_eq!(stock["lotes"].as_array().unwrap().len(), 1);
    let movimientos = consultas.movimientos(&id("P1"), &id("PRINCIPAL"), &Pagina::default()).unwrap();
    let saldos: Vec<_> = movimientos.items.iter().map(|m| (m["saldo"].as_str(), m["valor_saldo"].as_str())).collect();
    assert_eq!(saldos, [(Some("10"), Some("50")), (Some("6"), Some("30"))]);
    let lista = consultas.facturas(&FiltroFacturas::default(), &Pagina::default()).unwrap();
    assert_eq!(lista.items.len(), 1);
    assert_eq!(lista.items[0]["numero"], "F1");
    assert_eq!(consultas.comando(&id("FA")).unwrap().unwrap()["estado"], "ACEPTADO");
    assert_eq!(consultas.comando(&id("otra-vez")).unwrap().unwrap()["errores"][0]["regla"], "YaExiste");
    assert_eq!(consultas.numeracion().unwrap()[0]["siguiente"], 2);
    let historia = consultas.auditoria_de_factura(&id("FA"), &Pagina::default()).unwrap();
    let eventos: Vec<_> = historia.items.iter().map(|r| r["evento"].as_str().unwrap().to_owned()).collect();
    assert_eq!(eventos, ["StockReducido", "StockReducido", "NumeroAsignado", "FacturaEmitida", "ConsultaRealizada"]);
    assert_eq!(historia.items[3]["payload"]["total"], "5950.00");
    let flujo = consultas.auditoria(Some(&id("flujo-FA")), None, None, &Pagina::default()).unwrap();
    assert_eq!(flujo.items.len(), 4);
    assert!(consultas.auditoria_de_factura(&id("no-existe"), &Pagina::default()).unwrap().items.is_empty());
    assert_eq!(runner.anomalies().holes(), 0);
    assert_eq!(runner.anomalies().poisoned(), 0);
    assert!(runner.progress().lag(&*log, factumarket::domain::valores::Instante(0)).unwrap().iter().all(|l| l.records == 0));
    runner.stop().await;
    drop(Arc::clone(&tables));
}
