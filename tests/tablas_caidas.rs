//! Embedded tables after crashes, reopening and damage.

mod registro_comun;

use std::{fs::File, os::unix::fs::FileExt, path::Path, sync::Arc};

use factumarket::{
    log::{Topic, TopicPartition},
    tables::{
        Column, ColumnType, Cursor, Order, Row, SinkPosition, Table, Tables, TablesError, Value, Write,
        embedded::{EmbeddedTables, EmbeddedTablesOptions},
        kv::KvStore,
    },
};
use registro_comun::{copy, files, is_journal, noise, used};

const fn column(name: &'static str, kind: ColumnType) -> Column {
    Column { name, kind }
}

static NOTES: Table = Table {
    name: "notas",
    doc: "",
    partition: &[column("grupo", ColumnType::Int)],
    clustering: &[(column("n", ColumnType::Int), Order::Desc)],
    columns: &[column("texto", ColumnType::Bytes)],
};

static LESS: Table = Table { name: "notas", doc: "", partition: NOTES.partition, clustering: NOTES.clustering, columns: &[] };

const SOURCE: TopicPartition = TopicPartition { topic: Topic::Auditoria, partition: 0 };

fn open(path: &Path) -> Result<Arc<EmbeddedTables>, TablesError> {
    let options = EmbeddedTablesOptions { memtable_bytes: 64 << 10, ..EmbeddedTablesOptions::default() };
    let tables = EmbeddedTables::open(path, options)?;
    tables.declare(&[&NOTES])?;
    Ok(tables)
}

fn row(n: u64) -> Row {
    Row {
        key: vec![Value::Int((n % 5) as i64), Value::Int(n as i64)],
        values: vec![Value::Bytes(noise(n, 120).into())],
        version: n + 1,
    }
}

/// Batch `b` writes rows 3b to 3b+2 and the position b+1.
fn write(tables: &dyn Tables, batch: u64) {
    let rows = (3 * batch..3 * batch + 3).map(row);
    let writes = rows
        .map(|row| if row.version % 2 == 0 { Write::Insert { table: &NOTES, row } } else { Write::Upsert { table: &NOTES, row } })
        .collect();
    tables.apply(writes, &[SinkPosition { consumer: "notas", partition: SOURCE, next: batch + 1 }]).unwrap();
}

fn all(tables: &dyn Tables) -> Result<Vec<Row>, TablesError> {
    let (mut rows, mut after): (Vec<Row>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let (page, next) = tables.scan(&NOTES, after.as_ref(), 100)?;
        rows.extend(page);
        match next {
            Some(cursor) => after = Some(cursor),
            None => break,
        }
    }
    rows.sort_by_key(|r| r.version);
    Ok(rows)
}

/// The rows are exactly those of the batches before the position.
fn consistent(tables: &dyn Tables, what: &str) -> u64 {
    let position = tables.position("notas", SOURCE).unwrap().unwrap_or(0);
    let expected: Vec<_> = (0..3 * position).map(row).collect();
    assert!(all(tables).unwrap() == expected, "{what}: las filas no son las de la posición {position}");
    position
}

#[test]
fn an_orderly_stop_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tables = open(folder.path()).unwrap();
    (0..2000).for_each(|b| write(&*tables, b));
    tables.flush().unwrap();
    drop(tables);
    let tables = open(folder.path()).unwrap();
    assert_eq!(consistent(&*tables, "reabierta"), 2000);
    tables.clear(&[&NOTES], "notas").unwrap();
    drop(tables);
    let tables = open(folder.path()).unwrap();
    assert_eq!(consistent(&*tables, "vaciada"), 0);
    (0..10).for_each(|b| write(&*tables, b));
    drop(tables);
    assert_eq!(consistent(&*open(folder.path()).unwrap(), "llenada otra vez"), 10);
}

#[test]
fn a_crash_loses_whole_batches_from_the_end() {
    let live = tempfile::tempdir().unwrap();
    let tables = open(live.path()).unwrap();
    (0..60).for_each(|b| write(&*tables, b));
    tables.flush().unwrap();
    let frozen = tempfile::tempdir().unwrap();
    copy(live.path(), frozen.path(), 0);
    let journal = files(frozen.path()).into_iter().find(|f| is_journal(f)).unwrap();
    let length = used(&journal, 0).len() as u64;
    let mut seen = Vec::new();
    for i in 0..60 {
        let cut = length * i / 59;
        let crashed = tempfile::tempdir().unwrap();
        copy(frozen.path(), crashed.path(), 0);
        let file = File::options().write(true).open(crashed.path().join(journal.strip_prefix(frozen.path()).unwrap())).unwrap();
        file.set_len(cut).unwrap();
        file.set_len(cut + 4096).unwrap();
        let tables = open(crashed.path()).unwrap();
        let position = consistent(&*tables, &format!("diario cortado en {cut} de {length}"));
        seen.push(position);
        write(&*tables, position);
        consistent(&*tables, "tras seguir");
    }
    assert!(seen.is_sorted() && seen[0] == 0 && seen[59] == 60, "{seen:?}");
}

#[test]
fn a_changed_shape_is_refused_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let tables = EmbeddedTables::open(folder.path(), EmbeddedTablesOptions::default()).unwrap();
    let text = tables.declare(&[&LESS]).unwrap_err().to_string();
    assert!(text.contains("notas") && text.contains("otra versión"), "{text}");
    let undeclared = tables.get(&NOTES, &row(0).key).unwrap_err().to_string();
    assert!(undeclared.contains("no está declarada"), "{undeclared}");
}

#[test]
fn a_folder_in_use_or_of_the_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tables = open(folder.path()).unwrap();
    assert!(open(folder.path()).err().unwrap().to_string().contains("otro proceso"));
    drop(tables);
    assert!(
        KvStore::open(folder.path(), 1 << 20).err().unwrap().to_string().contains("otra versión o no es un almacén de este tipo")
    );
}

fn flip(path: &Path, at: u64, mask: u8) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ mask], at).unwrap();
}

/// Flips a byte in each file in turn; `check` opens the folder and answers whether it refused or read.
fn flips(folder: &Path, count: u64, check: impl Fn(&Path, &str) -> bool) {
    let files: Vec<_> = files(folder).into_iter().filter(|f| f.metadata().unwrap().len() > 0).collect();
    let mut refused = 0;
    for i in 0..count {
        let file = &files[i as usize % files.len()];
        let random = u64::from_le_bytes(noise(i + 5, 8).try_into().unwrap());
        let place = random % file.metadata().unwrap().len();
        let damaged = tempfile::tempdir().unwrap();
        copy(folder, damaged.path(), 4096);
        let target = damaged.path().join(file.strip_prefix(folder).unwrap());
        if place >= target.metadata().unwrap().len() {
            continue;
        }
        flip(&target, place, 1 << (random >> 60 & 7));
        refused += u64::from(check(damaged.path(), &format!("{} byte {place}", file.display())));
    }
    assert!(refused > 0, "ningún daño se notó");
}

/// Damage to a journal may cost what is newest in it, rows or positions: rows that had already left for their own files stay, and
/// are written again, the same, from the position that is left. Never rows in the middle, never other rows, never a position ahead
/// of its rows.
#[test]
fn flipped_bytes_in_tables_are_never_silently_read() {
    let live = tempfile::tempdir().unwrap();
    let tables = open(live.path()).unwrap();
    (0..1500).for_each(|b| write(&*tables, b));
    tables.flush().unwrap();
    drop(tables);
    let frozen = tempfile::tempdir().unwrap();
    copy(live.path(), frozen.path(), 0);
    flips(frozen.path(), 160, |path, what| {
        let Ok(tables) = open(path) else { return true };
        let Ok(rows) = all(&*tables) else { return true };
        let Ok(position) = tables.position("notas", SOURCE) else { return true };
        let expected: Vec<_> = (0..rows.len() as u64).map(row).collect();
        let covered = rows.len() as u64 >= 3 * position.unwrap_or(0);
        assert!(covered && rows == expected, "{what}: {} filas con posición {position:?}", rows.len());
        false
    });
}

#[test]
fn flipped_bytes_in_the_local_store_are_never_silently_read() {
    let live = tempfile::tempdir().unwrap();
    let store = KvStore::open(live.path(), 1 << 20).unwrap();
    for i in 0..600u64 {
        store.write(vec![(i.to_be_bytes().to_vec(), Some(noise(i, 200)))]).unwrap();
    }
    store.flush().unwrap();
    drop(store);
    flips(live.path(), 60, |path, what| {
        let Ok(store) = KvStore::open(path, 1 << 20) else { return true };
        (0..600u64).any(|i| match store.get(&i.to_be_bytes()) {
            Ok(Some(value)) => {
                assert!(value == noise(i, 200), "{what}: el valor {i} es otro");
                false
            }
            // A journal that ends early is what a crash leaves: the engine rebuilds what is missing from the log.
            Ok(None) => true,
            Err(_) => true,
        })
    });
}
