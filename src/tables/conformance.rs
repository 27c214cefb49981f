//! The laws of the port `Tables`, one function each, for every adapter: `run_all(&|| fresh, empty tables)`.
//!
//! The functions panic when a law is broken; they are for tests only.

use std::sync::Arc;

use bytes::Bytes;
use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Column, ColumnType, From, Key, Order, Row, SinkPosition, Table, Tables, TablesError, Value, Write};
use crate::{
    domain::{Contexto, valores::Instante},
    log::{Topic, TopicPartition},
};

const fn column(name: &'static str, kind: ColumnType) -> Column {
    Column { name, kind }
}

/// Movements by product: newest day first, then by number.
pub static MOVEMENTS: Table = Table {
    name: "movimientos_prueba",
    doc: "Movimientos de un producto, el día más nuevo primero",
    partition: &[column("producto", ColumnType::Text)],
    clustering: &[(column("dia", ColumnType::Date), Order::Desc), (column("numero", ColumnType::Int), Order::Asc)],
    columns: &[column("cantidad", ColumnType::Decimal), column("nota", ColumnType::Text)],
};

/// One row of every column type.
pub static TYPES: Table = Table {
    name: "tipos_prueba",
    doc: "Una columna de cada tipo",
    partition: &[column("p", ColumnType::Bool), column("q", ColumnType::Int)],
    clustering: &[],
    columns: &[
        column("texto", ColumnType::Text),
        column("entero", ColumnType::Int),
        column("decimal", ColumnType::Decimal),
        column("fecha", ColumnType::Date),
        column("instante", ColumnType::Timestamp),
        column("logico", ColumnType::Bool),
        column("bytes", ColumnType::Bytes),
    ],
};

/// The same name as [`MOVEMENTS`] with another shape.
static CHANGED: Table = Table {
    name: "movimientos_prueba",
    doc: "",
    partition: &[column("producto", ColumnType::Text)],
    clustering: &[(column("dia", ColumnType::Date), Order::Asc), (column("numero", ColumnType::Int), Order::Asc)],
    columns: &[column("cantidad", ColumnType::Decimal), column("nota", ColumnType::Text)],
};

const SOURCE: TopicPartition = TopicPartition { topic: Topic::Eventos(Contexto::TODOS[0]), partition: 1 };

/// Makes fresh, empty tables.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Tables>;
/// A law: its name and the check of it.
pub type Law = (&'static str, fn(Make<'_>));

/// Every law.
pub const LAWS: &[Law] = &[
    ("every_type_comes_back", every_type_comes_back),
    ("what_was_not_written_is_not_there", what_was_not_written_is_not_there),
    ("a_lower_or_equal_version_never_overwrites", a_lower_or_equal_version_never_overwrites),
    ("the_rule_holds_within_a_batch", the_rule_holds_within_a_batch),
    ("a_delete_removes_and_stays", a_delete_removes_and_stays),
    ("inserts_are_written", inserts_are_written),
    ("slices_are_in_clustering_order", slices_are_in_clustering_order),
    ("slices_start_where_told", slices_start_where_told),
    ("cursors_page_without_gap_or_repeat", cursors_page_without_gap_or_repeat),
    ("a_slice_stays_in_its_partition", a_slice_stays_in_its_partition),
    ("scan_pages_over_everything_once", scan_pages_over_everything_once),
    ("positions_come_with_their_rows", positions_come_with_their_rows),
    ("a_wrong_row_leaves_nothing", a_wrong_row_leaves_nothing),
    ("declaring_again_is_fine_and_changing_is_refused", declaring_again_is_fine_and_changing_is_refused),
    ("clear_takes_rows_and_positions", clear_takes_rows_and_positions),
    ("repeating_a_batch_changes_nothing", repeating_a_batch_changes_nothing),
    ("concurrent_versions_end_with_the_highest", concurrent_versions_end_with_the_highest),
];

/// Runs every law on fresh tables.
pub fn run_all(make: Make<'_>) {
    for (name, law) in LAWS {
        eprintln!("ley {name}");
        law(make);
    }
}

fn fresh(make: Make<'_>) -> Arc<dyn Tables> {
    let tables = make();
    tables.declare(&[&MOVEMENTS, &TYPES]).expect("declare");
    tables
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn day(number: u32) -> Value {
    Value::Date(NaiveDate::from_ymd_opt(2026, 11, number).expect("día"))
}

fn key(product: &str, at: u32, number: i64) -> Key {
    vec![text(product), day(at), Value::Int(number)]
}

fn row(product: &str, at: u32, number: i64, version: u64) -> Row {
    let values =
        vec![Value::Decimal(Decimal::new(version as i64 * 100 + number, 2)), text(&format!("{product}{at}.{number}v{version}"))];
    Row { key: key(product, at, number), values, version }
}

fn upsert(row: Row) -> Write {
    Write::Upsert { table: &MOVEMENTS, row }
}

fn apply(tables: &dyn Tables, writes: Vec<Write>) {
    tables.apply(writes, &[]).expect("apply");
}

fn get(tables: &dyn Tables, row: &Row) -> Option<Row> {
    tables.get(&MOVEMENTS, &row.key).expect("get")
}

/// Products a, b, c with 4 days of 3 numbers each.
fn filled(make: Make<'_>) -> Arc<dyn Tables> {
    let tables = fresh(make);
    for product in ["b", "a", "c"] {
        for at in [3, 1, 4, 2] {
            apply(&*tables, [2, -1, 0].map(|n| upsert(row(product, at, n, 1))).into());
        }
    }
    tables
}

/// Days and numbers of a slice.
fn slice(tables: &dyn Tables, product: &str, from: &From, reverse: bool, limit: usize) -> Vec<(u32, i64)> {
    let rows = tables.slice(&MOVEMENTS, &[text(product)], from, reverse, limit).expect("slice");
    rows.iter()
        .map(|r| match &r.key[..] {
            [Value::Text(p), Value::Date(d), Value::Int(n)] if **p == *product => (chrono::Datelike::day(d), *n),
            other => panic!("clave inesperada {other:?}"),
        })
        .collect()
}

/// Newest day first, numbers ascending.
fn ordered() -> Vec<(u32, i64)> {
    [4, 3, 2, 1].iter().flat_map(|d| [-1, 0, 2].map(|n| (*d, n))).collect()
}

pub fn every_type_comes_back(make: Make<'_>) {
    let tables = fresh(make);
    let full = vec![
        text("ñandú \0 €"),
        Value::Int(i64::MIN),
        Value::Decimal(Decimal::from_i128_with_scale(-79_228_162_514_264_337_593_543_950_335, 28)),
        day(23),
        Value::Timestamp(Instante(-1)),
        Value::Bool(true),
        Value::Bytes(Bytes::from_static(&[0, 255, 7])),
    ];
    let zero_scale = Value::Decimal(Decimal::new(100, 2));
    let mut other = vec![Value::Null; 7];
    other[2] = zero_scale;
    for (q, values) in [full, vec![Value::Null; 7], other].into_iter().enumerate() {
        let row = Row { key: vec![Value::Bool(q == 1), Value::Int(-(q as i64))], values, version: u64::MAX - q as u64 };
        apply(&*tables, vec![Write::Upsert { table: &TYPES, row: row.clone() }]);
        let found = tables.get(&TYPES, &row.key).expect("get");
        assert_eq!(format!("{found:?}"), format!("{:?}", Some(row)), "con su escala");
    }
}

pub fn what_was_not_written_is_not_there(make: Make<'_>) {
    let tables = filled(make);
    assert_eq!(get(&*tables, &row("a", 9, 0, 1)), None);
    assert!(slice(&*tables, "d", &From::Start, false, 10).is_empty());
    assert_eq!(tables.position("nadie", SOURCE).expect("position"), None);
}

pub fn a_lower_or_equal_version_never_overwrites(make: Make<'_>) {
    let tables = fresh(make);
    let second = row("a", 1, 1, 2);
    apply(&*tables, vec![upsert(second.clone())]);
    for version in [1, 2] {
        let mut late = row("a", 1, 1, version);
        late.values[1] = text("tarde");
        apply(&*tables, vec![upsert(late)]);
        assert_eq!(get(&*tables, &second), Some(second.clone()));
    }
    let third = row("a", 1, 1, 3);
    apply(&*tables, vec![upsert(third.clone())]);
    assert_eq!(get(&*tables, &third), Some(third));
}

pub fn the_rule_holds_within_a_batch(make: Make<'_>) {
    let tables = fresh(make);
    apply(&*tables, [1, 3, 2].map(|v| upsert(row("a", 1, 1, v))).into());
    let third = row("a", 1, 1, 3);
    assert_eq!(get(&*tables, &third), Some(third.clone()));
    let delete = Write::Delete { table: &MOVEMENTS, key: third.key.clone(), version: 5 };
    apply(&*tables, vec![upsert(row("a", 1, 1, 4)), delete, upsert(row("a", 1, 1, 5))]);
    assert_eq!(get(&*tables, &third), None);
}

pub fn a_delete_removes_and_stays(make: Make<'_>) {
    let tables = filled(make);
    let target = row("a", 2, 0, 1);
    let delete = |version| vec![Write::Delete { table: &MOVEMENTS, key: target.key.clone(), version }];
    apply(&*tables, vec![upsert(row("a", 2, 0, 4))]);
    apply(&*tables, delete(3));
    assert!(get(&*tables, &target).is_some(), "hay una versión mayor");
    apply(&*tables, delete(4));
    assert_eq!(get(&*tables, &target), None);
    apply(&*tables, vec![upsert(row("a", 2, 0, 4))]);
    assert_eq!(get(&*tables, &target), None, "una versión tardía no la resucita");
    assert_eq!(slice(&*tables, "a", &From::Start, false, 100).len(), 11);
    assert_eq!(slice(&*tables, "a", &From::Start, false, 8).len(), 8, "lo borrado no cuenta en el límite");
    apply(&*tables, vec![upsert(row("a", 2, 0, 5))]);
    assert_eq!(get(&*tables, &target), Some(row("a", 2, 0, 5)));
    apply(&*tables, vec![Write::Delete { table: &MOVEMENTS, key: key("z", 1, 1), version: 1 }]);
}

pub fn inserts_are_written(make: Make<'_>) {
    let tables = fresh(make);
    let rows: Vec<_> = (0..50).map(|n| row("a", 1, n, 1)).collect();
    apply(&*tables, rows.iter().map(|r| Write::Insert { table: &MOVEMENTS, row: r.clone() }).collect());
    assert_eq!(tables.slice(&MOVEMENTS, &[text("a")], &From::Start, false, 100).expect("slice"), rows);
}

pub fn slices_are_in_clustering_order(make: Make<'_>) {
    let tables = filled(make);
    assert_eq!(slice(&*tables, "b", &From::Start, false, 100), ordered());
    let mut turned = ordered();
    turned.reverse();
    assert_eq!(slice(&*tables, "b", &From::Start, true, 100), turned);
    assert_eq!(slice(&*tables, "b", &From::Start, true, 5), turned[..5]);
    assert!(slice(&*tables, "b", &From::Start, false, 0).is_empty());
}

pub fn slices_start_where_told(make: Make<'_>) {
    let tables = filled(make);
    let all = ordered();
    assert_eq!(slice(&*tables, "b", &From::At(vec![day(3)]), false, 100), all[3..]);
    assert_eq!(slice(&*tables, "b", &From::At(vec![day(3), Value::Int(0)]), false, 100), all[4..]);
    assert_eq!(slice(&*tables, "b", &From::At(vec![day(3), Value::Int(1)]), false, 100), all[5..]);
    let mut turned = all[..6].to_vec();
    turned.reverse();
    assert_eq!(slice(&*tables, "b", &From::At(vec![day(3)]), true, 100), turned);
    assert_eq!(slice(&*tables, "b", &From::After(vec![day(3), Value::Int(0)]), false, 100), all[5..]);
    assert_eq!(slice(&*tables, "b", &From::After(vec![day(3), Value::Int(0)]), true, 100), turned[2..]);
    let bad = tables.slice(&MOVEMENTS, &[text("b")], &From::After(vec![day(3)]), false, 1);
    assert!(matches!(bad, Err(TablesError::Shape { .. })));
}

pub fn cursors_page_without_gap_or_repeat(make: Make<'_>) {
    let tables = filled(make);
    for (reverse, size) in [(false, 1), (false, 5), (true, 4)] {
        let mut seen = Vec::new();
        let mut from = From::Start;
        loop {
            let rows = tables.slice(&MOVEMENTS, &[text("b")], &from, reverse, size).expect("slice");
            let Some(last) = rows.last() else { break };
            from = From::After(last.key[1..].to_vec());
            seen.extend(rows);
        }
        assert_eq!(seen, tables.slice(&MOVEMENTS, &[text("b")], &From::Start, reverse, 100).expect("slice"));
        assert_eq!(seen.len(), 12);
    }
}

pub fn a_slice_stays_in_its_partition(make: Make<'_>) {
    let tables = fresh(make);
    for product in ["", "a", "a\0", "a\0b", "ab", "b", "\u{10FFFF}"] {
        apply(&*tables, vec![upsert(row(product, 1, 1, 1))]);
    }
    for product in ["", "a", "a\0", "a\0b", "ab", "b", "\u{10FFFF}"] {
        assert_eq!(slice(&*tables, product, &From::Start, false, 100), [(1, 1)]);
        assert_eq!(slice(&*tables, product, &From::Start, true, 100), [(1, 1)]);
    }
}

pub fn scan_pages_over_everything_once(make: Make<'_>) {
    let tables = filled(make);
    apply(&*tables, vec![Write::Delete { table: &MOVEMENTS, key: key("a", 1, 0), version: 2 }]);
    for size in [1, 7, 35, 36, 1000] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let (rows, next) = tables.scan(&MOVEMENTS, after.as_ref(), size).expect("scan");
            assert!(rows.len() <= size);
            seen.extend(rows.into_iter().map(|r| format!("{:?}", r.key)));
            match next {
                Some(cursor) => after = Some(cursor),
                None => break,
            }
        }
        let total = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((total, seen.len()), (35, 35));
    }
    assert!(tables.scan(&TYPES, None, 10).expect("scan").0.is_empty());
}

pub fn positions_come_with_their_rows(make: Make<'_>) {
    let tables = fresh(make);
    let at = |consumer, next| SinkPosition { consumer, partition: SOURCE, next };
    tables.apply(vec![upsert(row("a", 1, 1, 1))], &[at("uno", 7), at("dos", 9)]).expect("apply");
    tables.apply(vec![], &[at("uno", 8)]).expect("apply");
    assert_eq!(tables.position("uno", SOURCE).expect("position"), Some(8));
    assert_eq!(tables.position("dos", SOURCE).expect("position"), Some(9));
    let other = TopicPartition::new(SOURCE.topic, 2);
    assert_eq!(tables.position("uno", other).expect("position"), None);
}

pub fn a_wrong_row_leaves_nothing(make: Make<'_>) {
    let tables = fresh(make);
    let good = row("a", 1, 1, 1);
    let change = |f: fn(&mut Row)| {
        let mut bad = row("a", 1, 2, 1);
        f(&mut bad);
        bad
    };
    let wrong: [fn(&mut Row); 5] = [
        |r| r.key[0] = Value::Null,
        |r| r.values[0] = Value::Int(1),
        |r| r.version = 0,
        |r| drop(r.values.pop()),
        |r| drop(r.key.pop()),
    ];
    for f in wrong {
        let position = SinkPosition { consumer: "uno", partition: SOURCE, next: 1 };
        let result = tables.apply(vec![upsert(good.clone()), upsert(change(f))], &[position]);
        assert!(matches!(result, Err(TablesError::Shape { .. })), "{result:?}");
    }
    assert_eq!(get(&*tables, &good), None);
    assert_eq!(tables.position("uno", SOURCE).expect("position"), None);
}

pub fn declaring_again_is_fine_and_changing_is_refused(make: Make<'_>) {
    let tables = filled(make);
    tables.declare(&[&MOVEMENTS]).expect("declare");
    assert_eq!(slice(&*tables, "a", &From::Start, false, 100).len(), 12);
    assert!(matches!(tables.declare(&[&CHANGED]), Err(TablesError::Shape { .. })));
}

pub fn clear_takes_rows_and_positions(make: Make<'_>) {
    let tables = filled(make);
    let at = |consumer| SinkPosition { consumer, partition: SOURCE, next: 3 };
    let other = Row { key: vec![Value::Bool(true), Value::Int(1)], values: vec![Value::Null; 7], version: 1 };
    tables.apply(vec![Write::Insert { table: &TYPES, row: other.clone() }], &[at("uno"), at("unos")]).expect("apply");
    tables.clear(&[&MOVEMENTS], "uno").expect("clear");
    assert!(tables.scan(&MOVEMENTS, None, 10).expect("scan").0.is_empty());
    assert_eq!(tables.position("uno", SOURCE).expect("position"), None);
    assert_eq!(tables.position("unos", SOURCE).expect("position"), Some(3));
    assert_eq!(tables.get(&TYPES, &other.key).expect("get"), Some(other));
    let again = row("a", 1, 0, 1);
    apply(&*tables, vec![upsert(again.clone())]);
    assert_eq!(get(&*tables, &again), Some(again));
}

pub fn repeating_a_batch_changes_nothing(make: Make<'_>) {
    let tables = fresh(make);
    let writes = || {
        vec![
            upsert(row("a", 1, 1, 1)),
            Write::Insert { table: &MOVEMENTS, row: row("a", 1, 2, 1) },
            upsert(row("a", 1, 3, 2)),
            Write::Delete { table: &MOVEMENTS, key: key("a", 1, 3), version: 3 },
        ]
    };
    apply(&*tables, writes());
    let before = tables.scan(&MOVEMENTS, None, 100).expect("scan").0;
    apply(&*tables, writes());
    assert_eq!(tables.scan(&MOVEMENTS, None, 100).expect("scan").0, before);
    assert_eq!(before.len(), 2);
}

pub fn concurrent_versions_end_with_the_highest(make: Make<'_>) {
    let tables = fresh(make);
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let tables = &tables;
            scope.spawn(move || {
                for step in 0..50 {
                    apply(&**tables, vec![upsert(row("a", 1, 1, 1 + step * 4 + thread))]);
                }
            });
        }
    });
    assert_eq!(get(&*tables, &row("a", 1, 1, 1)), Some(row("a", 1, 1, 200)));
}
