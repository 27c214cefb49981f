//! The tables on a CQL database, against the one that `FACTUMARKET_CQL` names (`host:port`; `.ci/cql` starts an Apache Cassandra).

mod proyecciones_comun;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use factumarket::{
    domain::facturacion::factura::FacturaEmitida,
    log::Log,
    projections::{
        Agrupacion, Consultas, DelRegistro, FiltroVentas, PROYECCIONES, Pagina, Progress, RunnerOptions,
        comparacion::comparar,
        fisico::FISICO,
        runner::{self, Sinks},
        ventas::VENTAS_SPEC,
    },
    tables::{
        From, Row, Tables, TablesError, Value, Write,
        conformance::{self, MOVEMENTS, TYPES},
        cql::{Bucket, Compaction, Consistency, CqlOptions, CqlTables, Difference, Layout},
        feeding::{Feeder, Feeding, Turn},
        memory::MemoryTables,
    },
};
use proyecciones_comun::{
    codec, escribir,
    mundo::{Mundo, dia, ventas::vestir},
    registro,
};
use rust_decimal::Decimal;

/// Split by day: the laws then cross buckets.
static SPLIT: &[Layout] = &[
    Layout { table: &MOVEMENTS, bucket: Bucket::Days(1), bound: "", compaction: Compaction::Leveled },
    Layout { table: &TYPES, bucket: Bucket::One, bound: "", compaction: Compaction::Leveled },
];

/// All days of the laws in one bucket.
static WHOLE: &[Layout] = &[
    Layout { table: &MOVEMENTS, bucket: Bucket::One, bound: "", compaction: Compaction::SizeTiered },
    Layout { table: &TYPES, bucket: Bucket::One, bound: "", compaction: Compaction::SizeTiered },
];

fn node() -> String {
    std::env::var("FACTUMARKET_CQL").expect("FACTUMARKET_CQL=host:puerto de una base CQL; véase .ci/cql")
}

/// A keyspace of its own for each.
fn options() -> CqlOptions {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let keyspace = format!("prueba_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    CqlOptions { nodes: vec![node()], keyspace, consistency: Consistency::LocalQuorum, seize: true, ..CqlOptions::default() }
}

fn open(options: CqlOptions, layouts: &'static [Layout]) -> Arc<CqlTables> {
    CqlTables::open(options, layouts).expect("tablas")
}

fn row(number: i64, version: u64, note: &str) -> Row {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 26).expect("día");
    Row {
        key: vec![Value::Text("p".into()), Value::Date(day), Value::Int(number)],
        values: vec![Value::Decimal(Decimal::new(version.cast_signed(), 2)), Value::Text(note.into())],
        version,
    }
}

fn upsert(row: Row) -> Vec<Write> {
    vec![Write::Upsert { table: &MOVEMENTS, row }]
}

/// Empty tables for each law, in one keyspace: making tables is slow work for a database, and it keeps a schema for ever.
fn run_laws(layouts: &'static [Layout]) {
    let options = options();
    conformance::run_all(&|| {
        let tables = open(options.clone(), layouts);
        tables.declare(&[&MOVEMENTS, &TYPES]).expect("declare");
        tables.clear(&[&MOVEMENTS, &TYPES], "uno").expect("clear");
        ["dos", "unos"].iter().for_each(|consumer| tables.clear(&[], consumer).expect("clear"));
        tables
    });
}

#[test]
fn the_laws_hold_on_split_partitions() {
    run_laws(SPLIT);
}

#[test]
fn the_laws_hold_on_whole_partitions() {
    run_laws(WHOLE);
}

/// Two processes that know nothing of each other, as an old owner of a partition and the new one.
#[test]
fn a_late_write_of_another_process_never_wins() {
    let options = options();
    let (old, new) = (open(options.clone(), SPLIT), open(options, SPLIT));
    new.declare(&[&MOVEMENTS]).expect("declare");
    old.declare(&[&MOVEMENTS]).expect("declare");
    new.apply(upsert(row(1, 5, "nueva")), &[]).expect("apply");
    old.apply(upsert(row(1, 4, "tardía")), &[]).expect("apply");
    assert_eq!(new.get(&MOVEMENTS, &row(1, 5, "").key).expect("get"), Some(row(1, 5, "nueva")));
    let delete = |version| vec![Write::Delete { table: &MOVEMENTS, key: row(1, 1, "").key, version }];
    old.apply(delete(4), &[]).expect("apply");
    assert_eq!(new.get(&MOVEMENTS, &row(1, 5, "").key).expect("get"), Some(row(1, 5, "nueva")));
    new.apply(delete(6), &[]).expect("apply");
    old.apply(upsert(row(1, 5, "nueva")), &[]).expect("apply");
    old.apply(upsert(row(1, 6, "resucitada")), &[]).expect("apply");
    assert_eq!(old.get(&MOVEMENTS, &row(1, 5, "").key).expect("get"), None);
    // A null of a later version covers what was there.
    old.apply(upsert(row(2, 1, "con nota")), &[]).expect("apply");
    let bare = Row { values: vec![Value::Null, Value::Null], ..row(2, 2, "") };
    new.apply(upsert(bare.clone()), &[]).expect("apply");
    assert_eq!(old.get(&MOVEMENTS, &bare.key).expect("get"), Some(bare));
}

#[test]
fn ten_thousand_rows_of_one_partition_come_back_in_order_through_pages() {
    let tables = open(CqlOptions { in_flight: 4, ..options() }, SPLIT);
    tables.declare(&[&MOVEMENTS]).expect("declare");
    let rows: Vec<Row> = (0..10_000).map(|n| row(n, 1, "x")).collect();
    for batch in rows.chunks(2_048) {
        let writes = batch.iter().map(|row| Write::Insert { table: &MOVEMENTS, row: row.clone() }).collect();
        tables.apply(writes, &[]).expect("apply");
    }
    let (mut seen, mut from) = (Vec::new(), From::Start);
    loop {
        let page = tables.slice(&MOVEMENTS, &[Value::Text("p".into())], &from, false, 1_000).expect("slice");
        let Some(last) = page.last() else { break };
        from = From::After(last.key[1..].to_vec());
        seen.extend(page);
    }
    assert!(seen == rows);
}

/// Cassandra forgets a statement that two ask for at once, until the second one has it: a first batch whose rows all ask for theirs is refused.
#[test]
fn the_first_rows_of_new_tables_go_together() {
    for round in 0..6 {
        let tables = open(options(), SPLIT);
        tables.declare(&[&MOVEMENTS]).expect("declare");
        let of_its_own = |n: i64| {
            let mut row = row(n, 1, "x");
            row.key[0] = Value::Text(format!("p{n}").into());
            upsert(row)
        };
        tables.apply((0..1_000).flat_map(of_its_own).collect(), &[]).unwrap_or_else(|e| panic!("vuelta {round}: {e}"));
    }
}

#[test]
fn the_tables_of_the_read_side_are_created_verified_and_a_change_is_told() {
    let options = options();
    let all: Vec<_> = PROYECCIONES.iter().flat_map(|spec| spec.tables.iter().copied()).collect();
    let forbidden = open(CqlOptions { create: false, ..options.clone() }, FISICO);
    let why = runner::declare(&*forbidden, PROYECCIONES).expect_err("no hay nada").to_string();
    assert!(why.contains("tablas aplicar") && why.contains("tablas.crear"), "{why}");
    let tables = open(options.clone(), FISICO);
    let missing = tables.differences(&all).expect("differences");
    assert!(missing.len() > all.len() && missing.iter().all(|d| matches!(d, Difference::Missing { .. })), "{missing:?}");
    runner::declare(&*tables, PROYECCIONES).expect("declare");
    assert_eq!(tables.differences(&all).expect("differences"), []);
    runner::declare(&*forbidden, PROYECCIONES).expect("ya está todo");
}

/// A log of sales folded into the database is what folding it in memory gives, row by row; and the reports read it, what has no product and no
/// channel included: those are empty texts in keys.
#[test]
fn the_sales_of_a_log_are_the_same_rows_as_in_memory_and_the_reports_read_them() {
    let folder = tempfile::tempdir().expect("carpeta");
    let codec = codec();
    let log: Arc<dyn Log> = registro(folder.path());
    let mut world = Mundo::new(codec.clone());
    world.entrada("P1:PRINCIPAL", 100, 300, dia(0), None);
    for n in 0..12 {
        let channel = (n % 3 > 0).then_some("web");
        let dressed = |document: &mut FacturaEmitida| vestir(document, channel, if n % 4 == 0 { 7_000 } else { 0 }, 0);
        // Months, and buckets, apart.
        assert!(world.emitir_con(&format!("f{n}"), "C1", &[("P1:PRINCIPAL", 2)], dia(n * 20), dressed));
    }
    assert!(world.acreditar("f1", 1, 1, true, dia(21)) && world.anular("f2"));
    escribir(&*log, &world.records);
    let tables: Arc<dyn Tables> = open(options(), FISICO);
    let fold = |tables: &Arc<dyn Tables>| {
        let options = RunnerOptions { projections: vec![&VENTAS_SPEC], batch_records: 5, ..RunnerOptions::default() };
        let mut sinks = Sinks::open(Arc::clone(&log), Arc::clone(tables), codec.clone(), options).expect("sumideros");
        for sink in 0..sinks.len() {
            while sinks.step(sink).expect("lote") {}
        }
    };
    fold(&tables);
    let found = comparar(&log, &tables, codec.clone(), &VENTAS_SPEC, &mut |_, _| {}).expect("comparación");
    assert!(found.filas > 30 && found.diferencias == 0, "{found:?}");
    let queries = |tables| Consultas::new(tables, codec.clone(), Arc::new(DelRegistro(Arc::clone(&log))), Progress::at_rest());
    let memory: Arc<dyn Tables> = Arc::new(MemoryTables::default());
    fold(&memory);
    let (here, there) = (queries(tables), queries(memory));
    for agrupar in Agrupacion::TODAS {
        let filter = FiltroVentas { fechas: (dia(0), dia(240)), producto: None, canal: None, agrupar };
        let page = Pagina { limite: 100, despues: None };
        let told = here.ventas(&filter, &page).expect("reporte");
        assert!(told.items.len() > 1, "{agrupar:?}");
        assert_eq!(told, there.ventas(&filter, &page).expect("reporte"), "{agrupar:?}");
    }
}

#[test]
fn a_database_that_does_not_answer_is_told_with_its_settings() {
    // Nobody listens there.
    let away = CqlOptions { nodes: vec!["127.0.0.1:9".to_owned()], timeout: Duration::from_millis(300), ..CqlOptions::default() };
    let tables = open(away.clone(), SPLIT);
    let told = tables.declare(&[&MOVEMENTS]).expect_err("nadie responde");
    assert!(matches!(&told, TablesError::Storage(why) if why.contains("[tablas] nodos")), "{told}");
    let patient = open(CqlOptions { patient: true, ..away }, SPLIT);
    patient.declare(&[&MOVEMENTS]).expect("se espera");
    assert!(matches!(patient.position("uno", conformance_partition()), Err(TablesError::Storage(_))));
}

fn conformance_partition() -> factumarket::log::TopicPartition {
    factumarket::log::TopicPartition::new(factumarket::log::Topic::Auditoria, 0)
}

/// The batch of a sink that died in the middle: some rows are there, its position is not. Whoever comes next finishes it first.
#[test]
fn a_batch_that_was_cut_is_finished_before_its_rows_are_read() {
    use factumarket::tables::SinkPosition;

    let options = options();
    let partition = conformance_partition();
    let at = |next| vec![SinkPosition { consumer: "uno", partition, next }];
    let first = open(options.clone(), SPLIT);
    first.declare(&[&MOVEMENTS]).expect("declare");
    let batch: Vec<Write> = (0..200).flat_map(|n| upsert(row(n, 2, "x"))).collect();
    first.apply(batch, &at(7)).expect("apply");
    // As if its rows but the first ones, and its position, had not been made.
    for n in 3..200 {
        first.apply(vec![Write::Delete { table: &MOVEMENTS, key: row(n, 1, "").key, version: 1 }], &[]).expect("apply");
    }
    let next = open(options.clone(), SPLIT);
    next.declare(&[&MOVEMENTS]).expect("declare");
    next.recover(partition).expect("nada a medias");
    let slice =
        |tables: &CqlTables| tables.slice(&MOVEMENTS, &[Value::Text("p".into())], &From::Start, false, 1_000).expect("slice").len();
    assert_eq!(slice(&next), 200, "un borrado de la versión 1 no toca la 2");
    // A position that was not written: the same rows again, and nothing else.
    next.apply(Vec::new(), &at(6)).expect("apply");
    next.recover(partition).expect("recover");
    assert_eq!(next.position("uno", partition).expect("position"), Some(7));
    // Emptying takes what was written down with it: a rebuild starts from nothing.
    next.clear(&[&MOVEMENTS], "uno").expect("clear");
    next.recover(partition).expect("recover");
    assert_eq!((slice(&next), next.position("uno", partition).expect("position")), (0, None));
}

/// A feeder of its own place, which gives way after two seconds of silence.
fn feeder(place: &str, log: &str) -> Feeder {
    let text = |what: &str| Some(what.to_owned()).filter(|what| !what.is_empty());
    Feeder { place: text(place), log: text(log), who: format!("proceso de {place}"), lease: Duration::from_secs(2) }
}

fn is_mine(turn: &Turn) -> bool {
    matches!(turn, Turn::Mine { .. })
}

/// Whoever asks second waits, says for whom, and writes nothing; it goes on when the first gives its turn up, or dies.
#[test]
fn one_process_feeds_a_keyspace_and_the_others_wait_for_their_turn() {
    const PATIENCE: Duration = Duration::from_secs(30);
    let options = CqlOptions { seize: false, ..options() };
    let asks = |place: &str, log: &str| {
        let tables = open(options.clone(), SPLIT);
        tables.declare(&[&MOVEMENTS]).expect("declare");
        tables.start(feeder(place, log));
        tables
    };
    let first = asks("a", "registro 1");
    assert!(is_mine(&first.wait(PATIENCE)), "{:?}", first.turn());
    first.apply(upsert(row(1, 1, "a")), &[]).expect("apply");
    let second = asks("b", "registro 1");
    let Turn::Waiting { holder, alive: true } = second.wait(PATIENCE) else { panic!("{:?}", second.turn()) };
    assert_eq!((holder.who.as_str(), holder.epoch), ("proceso de a", 1));
    let refused = second.apply(upsert(row(1, 2, "b")), &[]).expect_err("no es su turno");
    assert!(
        matches!(&refused, TablesError::Elsewhere(why) if why.contains("proceso de a") && why.contains("se detenga")),
        "{refused}"
    );
    assert!(matches!(second.recover(conformance_partition()), Err(TablesError::Elsewhere(_))));
    assert!(matches!(second.clear(&[&MOVEMENTS], "uno"), Err(TablesError::Elsewhere(_))));
    assert_eq!(second.get(&MOVEMENTS, &row(1, 1, "").key).expect("leer es de todos"), Some(row(1, 1, "a")));
    // Tables of another log are nobody else's, alive or not.
    let foreign = asks("c", "registro 2");
    assert_eq!(foreign.wait(PATIENCE), Turn::Foreign { log: "registro 1".to_owned() });
    // An orderly hand-over takes a look, not the whole lease.
    let given = Instant::now();
    first.release();
    let soon = loop {
        if is_mine(&second.turn()) {
            break given.elapsed();
        }
        assert!(given.elapsed() < PATIENCE, "{:?}", second.turn());
        std::thread::sleep(Duration::from_millis(10));
    };
    println!("entrega ordenada en {soon:?}");
    assert!(matches!(first.apply(upsert(row(1, 3, "a")), &[]), Err(TablesError::Elsewhere(_))), "quien la entregó no escribe");
    second.apply(upsert(row(1, 3, "b")), &[]).expect("apply");
    // A process that dies says nothing. Who comes back in its place knows that it is gone; anybody else waits.
    drop(second);
    let again = asks("b", "registro 1");
    let begun = Instant::now();
    assert!(is_mine(&again.wait(PATIENCE)), "{:?}", again.turn());
    println!("de vuelta en su lugar en {:?}", begun.elapsed());
    drop(again);
    let other = asks("d", "registro 1");
    let begun = Instant::now();
    assert!(is_mine(&other.wait(PATIENCE)), "{:?}", other.turn());
    let took = begun.elapsed();
    println!("otro tomó el turno de uno muerto en {took:?}");
    assert!(took >= Duration::from_secs(2), "antes de que callara su plazo: {took:?}");
    assert_eq!(foreign.turn(), Turn::Foreign { log: "registro 1".to_owned() });
}

/// A process that was frozen and believes that it still has its turn: the database refuses its batches, and covers what else it sends.
#[test]
fn what_a_process_of_an_earlier_turn_sends_late_changes_nothing() {
    use factumarket::tables::SinkPosition;

    // Who seizes the turn does not renew it: it never learns by itself that it lost it.
    let options = options();
    let partition = conformance_partition();
    let at = |next| vec![SinkPosition { consumer: "uno", partition, next }];
    let batch = |version, note: &str| (0..3).flat_map(|n| upsert(row(n, version, note))).collect::<Vec<_>>();
    let old = open(options.clone(), SPLIT);
    old.declare(&[&MOVEMENTS]).expect("declare");
    old.recover(partition).expect("recover");
    old.apply(batch(1, "vieja"), &at(3)).expect("apply");
    let new = open(options.clone(), SPLIT);
    new.declare(&[&MOVEMENTS]).expect("declare");
    new.recover(partition).expect("recover");
    new.apply(Vec::new(), &at(12)).expect("apply");
    // A position alone is not asked about: it is covered.
    old.apply(Vec::new(), &at(5)).expect("no lo sabe");
    assert_eq!(new.position("uno", partition).expect("position"), Some(12));
    let refused = old.apply(batch(2, "tardía"), &at(6)).expect_err("su turno pasó");
    assert!(matches!(refused, TablesError::Elsewhere(_)), "{refused}");
    let slice = |tables: &CqlTables| tables.slice(&MOVEMENTS, &[Value::Text("p".into())], &From::Start, false, 10).expect("slice");
    assert!(slice(&new).iter().all(|row| row.version == 1), "{:?}", slice(&new));
    // The batch of a process that lost its turn between writing it down and making it is finished by the next one, not mixed with its own.
    new.apply(batch(3, "nueva"), &at(20)).expect("apply");
    let next = open(options, SPLIT);
    next.declare(&[&MOVEMENTS]).expect("declare");
    next.apply(Vec::new(), &at(12)).expect("una posición de antes del lote");
    next.recover(partition).expect("recover");
    assert_eq!(next.position("uno", partition).expect("position"), Some(20));
    assert!(slice(&next).iter().all(|row| row.version == 3));
}
