//! The queries over rows at rest: shapes, filters, pages, cursors, marks.

mod proyecciones_comun;

use std::sync::Arc;

use factumarket::{
    domain::TipoAgregado,
    log::{StoredRecord, Topic},
    projections::{
        Anomalies, ConsultaError, Consultas, FiltroClientes, FiltroFacturas, PROYECCIONES, Pagina, Progress,
        projection::{Content, Decoder, Entry, TablesReader},
    },
    tables::Tables,
};
use proyecciones_comun::{
    EnMemoria, codec,
    memoria::Memoria,
    mundo::{Mundo, dia, id},
};
use serde_json::Value;

/// Folds the whole world, record by record.
fn proyectar(mundo: &Mundo) -> (Consultas, Arc<Anomalies>) {
    let (tables, codec, anomalies) = (Memoria::default(), codec(), Anomalies::new());
    for spec in PROYECCIONES {
        let mut folds = std::collections::HashMap::new();
        for (n, (partition, record)) in mundo.records.iter().enumerate().filter(|(_, (p, _))| spec.topics.contains(&p.topic)) {
            let content = match partition.topic {
                Topic::Auditoria => Content::Audit(Box::new(codec.audit(&record.value).unwrap())),
                _ => Content::Event(Box::new(codec.event(&record.value).unwrap())),
            };
            let (position, timestamp, key, value) = (n as u64, record.timestamp, record.key.clone(), record.value.clone());
            let entry = Entry { partition: *partition, position, timestamp, key, value, content };
            let fold = folds.entry(*partition).or_insert_with(|| (spec.fresh)(Arc::clone(&anomalies)));
            fold.fold(&entry, &TablesReader(&tables)).unwrap();
        }
        let mut writes = Vec::new();
        folds.values_mut().for_each(|fold| fold.flush(&mut writes));
        tables.apply(writes, &[]).unwrap();
    }
    let records =
        mundo.records.iter().enumerate().map(|(n, (p, record))| (*p, StoredRecord { position: n as u64, record: record.clone() }));
    let registros = Arc::new(EnMemoria(records.collect()));
    (Consultas::new(Arc::new(tables), codec, registros, Progress::at_rest()), anomalies)
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|i| i["id"].as_str().unwrap()).collect()
}

/// All the pages of a list, joined.
fn todas(consulta: impl Fn(&Pagina) -> Result<factumarket::projections::PaginaDe, ConsultaError>, limite: usize) -> Vec<Value> {
    let mut pagina = Pagina { limite, despues: None };
    let mut items = Vec::new();
    for _ in 0..1_000 {
        let tramo = consulta(&pagina).unwrap();
        assert!(tramo.items.len() <= limite);
        items.extend(tramo.items);
        pagina.despues = tramo.despues;
        if !tramo.tiene_mas {
            return items;
        }
    }
    panic!("la lista no acaba");
}

fn mundo() -> Mundo {
    let mut mundo = Mundo::new(codec());
    for cliente in ["Ana", "Beto", "Carla"] {
        mundo.crear_cliente(cliente);
    }
    mundo.crear_producto("P1");
    mundo.entrada("P1:PRINCIPAL", 100, 250, dia(0), None);
    mundo
}

#[test]
fn invoices_come_newest_first_across_days_and_both_dates_are_inclusive() {
    let mut mundo = mundo();
    for (n, (cliente, mas)) in [("Ana", 2), ("Beto", 0), ("Ana", 0), ("Ana", 5), ("Beto", 2)].into_iter().enumerate() {
        assert!(mundo.emitir(&format!("f{n}"), cliente, &[("P1:PRINCIPAL", 1)], dia(mas)));
    }
    let (consultas, _) = proyectar(&mundo);
    let filtro = FiltroFacturas::default();
    for limite in [1, 2, 3, 100] {
        assert_eq!(ids(&todas(|p| consultas.facturas(&filtro, p), limite)), ["f3", "f4", "f0", "f2", "f1"]);
    }
    let entre = |desde, hasta, cliente: Option<&str>| FiltroFacturas {
        fecha_inicio: Some(dia(desde)),
        fecha_fin: Some(dia(hasta)),
        cliente_id: cliente.map(id),
    };
    assert_eq!(ids(&todas(|p| consultas.facturas(&entre(0, 2, None), p), 2)), ["f4", "f0", "f2", "f1"]);
    assert_eq!(ids(&todas(|p| consultas.facturas(&entre(1, 4, None), p), 2)), ["f4", "f0"]);
    assert_eq!(ids(&todas(|p| consultas.facturas(&entre(2, 5, Some("Ana")), p), 1)), ["f3", "f0"]);
    assert_eq!(ids(&todas(|p| consultas.facturas(&entre(0, 1, Some("Ana")), p), 1)), ["f2"]);
    assert!(todas(|p| consultas.facturas(&entre(0, 5, Some("nadie")), p), 1).is_empty());
    let invertido = consultas.facturas(&entre(3, 2, None), &Pagina::default());
    assert!(matches!(invertido, Err(ConsultaError::IntervaloInvertido { .. })));
}

#[test]
fn a_cursor_serves_its_own_query_and_no_other() {
    let mut mundo = mundo();
    for n in 0..4 {
        assert!(mundo.emitir(&format!("f{n}"), "Ana", &[("P1:PRINCIPAL", 1)], dia(0)));
    }
    let (consultas, _) = proyectar(&mundo);
    let cursor = consultas.facturas(&FiltroFacturas::default(), &Pagina { limite: 1, despues: None }).unwrap().despues;
    let con = |texto: Option<String>| Pagina { limite: 1, despues: texto };
    assert!(consultas.facturas(&FiltroFacturas::default(), &con(cursor.clone())).is_ok());
    let de_ana = FiltroFacturas { cliente_id: Some(id("Ana")), ..FiltroFacturas::default() };
    for resultado in [
        consultas.facturas(&de_ana, &con(cursor.clone())),
        consultas.productos(&con(cursor.clone())),
        consultas.sagas(&con(cursor.clone())),
        consultas.clientes(&FiltroClientes::default(), &con(cursor.clone())),
        consultas.movimientos(&id("P1"), &id("PRINCIPAL"), &con(cursor.clone())),
        consultas.auditoria_de_factura(&id("f0"), &con(cursor.clone())),
        consultas.facturas(&FiltroFacturas::default(), &con(Some("basura".to_owned()))),
    ] {
        assert!(matches!(resultado, Err(ConsultaError::CursorInvalido)), "{resultado:?}");
    }
    for limite in [0, 101] {
        let resultado = consultas.facturas(&FiltroFacturas::default(), &Pagina { limite, despues: None });
        assert!(matches!(resultado, Err(ConsultaError::LimiteInvalido)));
    }
}

#[test]
fn clients_are_found_by_any_filter_and_an_old_mail_finds_nobody() {
    let mut mundo = mundo();
    mundo.cambiar_correo("Beto", "Nuevo@Ejemplo.co");
    let (consultas, _) = proyectar(&mundo);
    let buscar = |filtro: FiltroClientes| {
        let mut encontrados: Vec<String> =
            ids(&todas(|p| consultas.clientes(&filtro, p), 1)).into_iter().map(str::to_owned).collect();
        encontrados.sort();
        encontrados
    };
    let texto = |t: &str| Some(t.to_owned());
    assert_eq!(buscar(FiltroClientes::default()), ["Ana", "Beto", "Carla"]);
    assert_eq!(buscar(FiltroClientes { nombre: texto("AR"), ..Default::default() }), ["Carla"]);
    assert_eq!(buscar(FiltroClientes { identificacion: texto("800123456"), ..Default::default() }), ["Ana", "Beto", "Carla"]);
    assert_eq!(buscar(FiltroClientes { correo: texto("nuevo@ejemplo.CO"), ..Default::default() }), ["Beto"]);
    assert!(buscar(FiltroClientes { correo: texto("beto@ejemplo.co"), ..Default::default() }).is_empty());
    assert!(buscar(FiltroClientes { estado_fiscal: texto("SUSPENDIDO"), ..Default::default() }).is_empty());
    let filtro = FiltroClientes { identificacion: texto("800123456"), nombre: texto("ana"), ..Default::default() };
    assert_eq!(buscar(filtro), ["Ana"]);
    let beto = consultas.cliente(&id("Beto")).unwrap().unwrap();
    assert_eq!((beto["version"].as_u64(), beto["responsabilidades"][1].as_str()), (Some(2), Some("O-13")));
    assert!(consultas.cliente(&id("Nadie")).unwrap().is_none());
}

#[test]
fn a_refused_invoice_shows_its_draft_and_its_reasons() {
    let mut mundo = mundo();
    mundo.rechazar("mala", "Ana", dia(1));
    let (consultas, _) = proyectar(&mundo);
    let factura = consultas.factura(&id("mala")).unwrap().unwrap();
    assert_eq!(factura["estado"], "RECHAZADA");
    assert_eq!(factura["cliente_id"], "Ana");
    assert_eq!(factura["fecha_emision"], "2026-11-24");
    assert_eq!(factura["lineas"].as_array().unwrap().len(), 2);
    assert_eq!(factura["errores"][0]["regla"], "StockSuficienteParaFactura");
    assert_eq!(factura["version"], 4);
    let comando = consultas.comando(&id("mala")).unwrap().unwrap();
    assert_eq!((comando["estado"].as_str(), comando["errores"][0]["datos"]["disponible"].as_str()), (Some("RECHAZADO"), Some("3")));
    let lista = consultas.facturas(&FiltroFacturas::default(), &Pagina::default()).unwrap();
    assert_eq!((lista.items[0]["estado"].as_str(), &lista.items[0]["numero"]), (Some("RECHAZADA"), &Value::Null));
}

#[test]
fn a_saga_shows_while_it_is_open_and_leaves_when_it_ends() {
    let mut mundo = mundo();
    mundo.comenzar("abierta", "Ana", 2);
    mundo.comenzar("cerrada", "Ana", 3);
    mundo.terminar("cerrada", "Ana");
    let (consultas, _) = proyectar(&mundo);
    let sagas = consultas.sagas(&Pagina::default()).unwrap().items;
    assert_eq!(sagas.len(), 1);
    assert_eq!((sagas[0]["factura_id"].as_str(), sagas[0]["fase"].as_str()), (Some("abierta"), Some("NUMERANDO")));
    assert_eq!(consultas.comando(&id("abierta")).unwrap().unwrap()["estado"], "EN_CURSO");
    assert_eq!(consultas.factura(&id("abierta")).unwrap().unwrap()["estado"], "EN_EMISION");
    assert_eq!(consultas.factura(&id("cerrada")).unwrap().unwrap()["estado"], "EMITIDA");
    assert_eq!(consultas.comando(&id("cerrada")).unwrap().unwrap()["estado"], "ACEPTADO");
}

#[test]
fn a_hole_in_the_versions_marks_the_aggregate_parks_what_follows_and_is_counted() {
    let mut mundo = mundo();
    mundo.saltar_version(TipoAgregado::Cliente, "Ana");
    mundo.cambiar_correo("Ana", "perdido@ejemplo.co");
    mundo.saltar_version(TipoAgregado::Inventario, "P1:PRINCIPAL");
    mundo.salida("P1:PRINCIPAL", 7);
    mundo.salida("P1:PRINCIPAL", 7);
    let (consultas, anomalies) = proyectar(&mundo);
    let ana = consultas.cliente(&id("Ana")).unwrap().unwrap();
    assert_eq!((ana["incompleta"].as_bool(), ana["version"].as_u64()), (Some(true), Some(3)));
    assert_eq!(ana["correo"], "ana@Ejemplo.co");
    let stock = consultas.stock(&id("P1"), &id("PRINCIPAL")).unwrap().unwrap();
    assert_eq!((stock["incompleta"].as_bool(), stock["stock"].as_str()), (Some(true), Some("100")));
    assert!(consultas.cliente(&id("Beto")).unwrap().unwrap().get("incompleta").is_none());
    assert_eq!(anomalies.holes(), 2);
}

#[test]
fn quarantine_shows_keeps_versions_whole_and_a_stub_is_no_aggregate() {
    let mut mundo = mundo();
    mundo.cuarentena(TipoAgregado::Cliente, "Ana", true);
    mundo.cuarentena(TipoAgregado::Cliente, "Beto", true);
    mundo.cuarentena(TipoAgregado::Cliente, "Beto", false);
    mundo.cambiar_correo("Beto", "libre@ejemplo.co");
    mundo.cuarentena(TipoAgregado::Cliente, "Nonato", true);
    let (consultas, anomalies) = proyectar(&mundo);
    assert_eq!(consultas.cliente(&id("Ana")).unwrap().unwrap()["en_cuarentena"], true);
    let beto = consultas.cliente(&id("Beto")).unwrap().unwrap();
    assert_eq!((beto.get("en_cuarentena"), beto["correo"].as_str()), (None, Some("libre@ejemplo.co")));
    assert!(consultas.cliente(&id("Nonato")).unwrap().is_none());
    assert_eq!(consultas.version(TipoAgregado::Cliente, &id("Nonato")).unwrap(), Some(1));
    assert_eq!(anomalies.holes(), 0);
}

#[test]
fn an_id_used_again_with_other_content_keeps_its_first_outcome() {
    let mut mundo = mundo();
    mundo.rechazo(TipoAgregado::Cliente, "Otro", "crear-Ana");
    let (consultas, _) = proyectar(&mundo);
    assert_eq!(consultas.comando(&id("crear-Ana")).unwrap().unwrap()["estado"], "ACEPTADO");
    assert!(consultas.comando(&id("desconocido")).unwrap().is_none());
}

#[test]
fn movements_join_page_by_page_with_their_balance() {
    let mut mundo = mundo();
    for n in 1..=9 {
        mundo.salida("P1:PRINCIPAL", n);
    }
    let (consultas, _) = proyectar(&mundo);
    let movimientos = todas(|p| consultas.movimientos(&id("P1"), &id("PRINCIPAL"), p), 4);
    let saldos: Vec<i64> = movimientos.iter().map(|m| m["saldo"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(saldos, [100, 99, 97, 94, 90, 85, 79, 72, 64, 55]);
    assert_eq!(movimientos[9]["valor_saldo"], "137.5");
    assert_eq!(movimientos[9]["lotes"][0]["cantidad"], "9");
}

#[test]
fn a_flow_is_told_between_two_instants() {
    let mut mundo = mundo();
    assert!(mundo.emitir("f1", "Ana", &[("P1:PRINCIPAL", 1)], dia(0)));
    let medio = mundo.ahora();
    mundo.avanzar(7_200_000_000);
    mundo.consulta(Some("f1"));
    mundo.consulta(None);
    let (consultas, _) = proyectar(&mundo);
    let eventos = |pagina: factumarket::projections::PaginaDe| -> Vec<String> {
        pagina.items.iter().map(|r| r["evento"].as_str().unwrap().to_owned()).collect()
    };
    let flujo = consultas.auditoria(Some(&id("flujo-f1")), None, None, &Pagina::default()).unwrap();
    assert_eq!(eventos(flujo), ["StockReducido", "NumeroAsignado", "FacturaEmitida"]);
    let despues = consultas.auditoria(None, Some(medio), None, &Pagina::default()).unwrap();
    assert_eq!(eventos(despues), ["ConsultaRealizada", "ConsultaRealizada"]);
    let antes = consultas.auditoria(Some(&id("flujo-f1")), Some(medio), None, &Pagina::default()).unwrap();
    assert!(antes.items.is_empty());
    let hasta = todas(|p| consultas.auditoria(None, None, Some(medio), p), 3);
    assert_eq!(hasta.len(), mundo.records.len() - 2);
    assert_eq!(hasta[hasta.len() - 1]["factura_id"], "f1");
    let vacio = consultas.auditoria(None, Some(mundo.ahora()), Some(medio), &Pagina::default());
    assert!(matches!(vacio, Err(ConsultaError::IntervaloInvertido { .. })));
}

#[test]
fn records_of_one_instant_are_paged_in_the_order_of_their_places() {
    let mut mundo = mundo();
    mundo.detener();
    let (instante, antes) = (mundo.ahora(), mundo.records.len());
    for n in 0..400 {
        mundo.entrada("P1:PRINCIPAL", 1, 250, dia(0), None);
        mundo.cambiar_correo("Ana", &format!("a{n}@ejemplo.co"));
        mundo.consulta(None);
    }
    let (consultas, _) = proyectar(&mundo);
    let registros = todas(|p| consultas.auditoria(None, Some(instante), None, p), 7);
    let lugar = |registro: &Value| {
        let origen = &registro["origen"];
        let tema = Topic::todos().find(|t| Some(t.nombre().as_str()) == origen["tema"].as_str()).unwrap();
        (tema, origen["particion"].as_u64().unwrap(), origen["posicion"].as_u64().unwrap())
    };
    let lugares: Vec<_> = registros.iter().map(lugar).collect();
    assert_eq!(lugares.len(), mundo.records.len() - antes);
    assert!(lugares.is_sorted_by(|a, b| a < b));
}
