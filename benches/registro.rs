//! Costs of the embedded stores: `cargo bench --bench registro -- [commits|abrir|tablas|estado] [cantidad] [carpeta]`; all without arguments.
//!
//! CPU is of all threads of the process, the store's background thread included, from the kernel's accounting.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use factumarket::{
    domain::{Contexto, valores::Instante},
    log::{
        Header, Log, Record, Topic, TopicPartition, Transaction,
        embedded::{EmbeddedLog, EmbeddedLogOptions},
    },
    tables::{
        Column, ColumnType, Order, Row, SinkPosition, Table, Tables, Value, Write,
        embedded::{EmbeddedTables, EmbeddedTablesOptions},
        kv::KvStore,
    },
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let count = |default: u64| args.get(1).and_then(|n| n.parse().ok()).unwrap_or(default);
    let folder = args.get(2).map(PathBuf::from);
    match args.first().map(String::as_str) {
        Some("commits") => commits(count(20_000), 10, folder),
        Some("commits50") => commits(count(4_000), 50, folder),
        Some("abrir") => open(&folder.expect("carpeta")),
        Some("latencia") => latency(count(2_000)),
        Some("tablas") => tables(count(2_000_000)),
        Some("estado") => state(count(1_000_000)),
        _ => ["commits", "commits50", "latencia", "tablas", "estado"].iter().for_each(|part| {
            let myself = std::env::current_exe().expect("programa");
            assert!(Command::new(myself).arg(part).status().expect("orden").success());
        }),
    }
}

/// CPU seconds of the threads that are alive.
fn cpu() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("proc").flatten();
    let nanos = tasks.filter_map(|t| {
        let text = fs::read_to_string(t.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    nanos.sum::<u64>() as f64 / 1e9
}

fn proc_value(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|v| v.parse().ok()).unwrap_or(0)
}

fn resident_mib() -> u64 {
    proc_value("/proc/self/status", "VmRSS:") / 1024
}

fn disk(path: &Path) -> u64 {
    fs::read_dir(path).map_or(0, |entries| {
        entries
            .flatten()
            .map(|e| match e.metadata() {
                Ok(m) if m.is_dir() => disk(&e.path()),
                Ok(m) => std::os::unix::fs::MetadataExt::blocks(&m) * 512,
                Err(_) => 0,
            })
            .sum()
    })
}

/// A cheap generator, so that values are not all alike.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(length).collect()
    }
}

fn record(noise: &mut Noise, value: usize) -> Record {
    let headers = vec![
        Header { name: "tipo", value: Bytes::from_static(b"factura.emitida") },
        Header { name: "correlation_id", value: noise.bytes(16).into() },
    ];
    Record { key: noise.bytes(16).into(), value: noise.bytes(value).into(), headers, timestamp: Instante(1_790_000_000_000_000) }
}

/// Commits of `invoices` invoices, each 7 records of 350 bytes, over 22 partitions.
fn commits(count: u64, invoices: u64, folder: Option<PathBuf>) {
    let records = 7 * invoices;
    let temporary = tempfile::tempdir().expect("carpeta");
    let path = folder.unwrap_or_else(|| temporary.path().to_owned());
    let log = EmbeddedLog::open(&path, EmbeddedLogOptions::default()).expect("abrir");
    let token = log.claim("banco").expect("claim");
    let mut noise = Noise(7);
    let pool: Vec<Record> = (0..512).map(|_| record(&mut noise, 290)).collect();
    let make = |i: u64| Transaction {
        token: token.clone(),
        group: "procesador".to_owned(),
        records: (0..records as usize)
            .map(|r| {
                let topic = if r % 7 == 0 { Topic::Respuestas } else { Topic::Eventos(Contexto::TODOS[r % 2]) };
                let partition = (i as usize * 3 + r) % usize::from(log.partitions(topic)).min(9);
                (TopicPartition::new(topic, partition as u16), pool[(i as usize * 31 + r) % 512].clone())
            })
            .collect(),
        positions: (0..12).map(|p| (TopicPartition::new(Topic::Comandos(Contexto::TODOS[0]), p), i)).collect(),
    };
    let before = cpu();
    (0..count).for_each(|i| drop(std::hint::black_box(make(i))));
    let making = cpu() - before;
    let (before, start) = (cpu(), Instant::now());
    for i in 0..count {
        log.commit(make(i)).expect("commit");
    }
    let (used, elapsed, stats) = (cpu() - before - making, start.elapsed().as_secs_f64(), log.stats());
    let written = proc_value("/proc/self/io", "write_bytes:");
    println!(
        "commits: {count} de {invoices} facturas × 7 registros × 350 B, bloques por commit {:.1}",
        stats.blocks as f64 / count as f64
    );
    println!(
        "  CPU {:.1} µs por commit, {:.2} µs por factura (preparar los registros, aparte: {:.1} µs)",
        used * 1e6 / count as f64,
        used * 1e6 / (count * invoices) as f64,
        making * 1e6 / count as f64
    );
    println!(
        "  {:.0} commits/s, {:.1} MB/s, fsync por commit {:.3}",
        count as f64 / elapsed,
        stats.bytes as f64 / 1e6 / elapsed,
        stats.fsyncs as f64 / (count + 1) as f64
    );
    println!(
        "  bytes por registro: {:.0} en bloques, {:.0} escritos en disco, {:.0} ocupados; RSS {} MiB",
        stats.bytes as f64 / (records * count) as f64,
        written as f64 / (records * count) as f64,
        disk(&path) as f64 / (records * count) as f64,
        resident_mib()
    );
    // As after kill -9: nothing is closed in order.
    let status = Command::new(std::env::current_exe().expect("programa"));
    abandon_and_open(status, &path, log);
}

/// Opens a copy of the folder as a killed process would leave it.
fn abandon_and_open(mut open: Command, path: &Path, log: Arc<EmbeddedLog>) {
    let copy = tempfile::tempdir().expect("carpeta");
    let done = Command::new("cp").arg("-r").arg(path).arg(copy.path().join("d")).status().expect("cp");
    assert!(done.success());
    drop(log);
    assert!(open.arg("abrir").arg("0").arg(copy.path().join("d")).status().expect("orden").success());
}

fn open(path: &Path) {
    let start = Instant::now();
    let log = EmbeddedLog::open(path, EmbeddedLogOptions::default()).expect("abrir");
    let opened = start.elapsed();
    println!(
        "  abrir {} MiB sin cierre ordenado: {:.0} ms, RSS {} MiB",
        disk(path) >> 20,
        opened.as_secs_f64() * 1e3,
        resident_mib()
    );
    let (start, before) = (Instant::now(), cpu());
    let (mut records, mut bytes) = (0u64, 0u64);
    for partition in 0..log.partitions(Topic::Eventos(Contexto::TODOS[0])) {
        let id = TopicPartition::new(Topic::Eventos(Contexto::TODOS[0]), partition);
        let mut from = 0;
        loop {
            let read = log.read(id, from, 4 << 20).expect("leer");
            let Some(last) = read.last() else { break };
            from = last.position + 1;
            records += read.len() as u64;
            bytes += read.iter().map(|r| r.record.value.len() as u64).sum::<u64>();
        }
    }
    let elapsed = start.elapsed().as_secs_f64();
    println!(
        "  leer un tópico entero: {records} registros, {:.0} MB/s, {:.2} µs CPU por registro, RSS {} MiB",
        bytes as f64 / 1e6 / elapsed,
        (cpu() - before) * 1e6 / records.max(1) as f64,
        resident_mib()
    );
    std::thread::sleep(std::time::Duration::from_secs(3));
    println!("  en reposo tras leer: RSS {} MiB", resident_mib());
}

/// From append to the subscriber's thread having the record.
fn latency(count: u64) {
    let folder = tempfile::tempdir().expect("carpeta");
    let log = EmbeddedLog::open(folder.path(), EmbeddedLogOptions::default()).expect("abrir");
    let topic = Topic::Comandos(Contexto::TODOS[0]);
    let mut subscription = log.subscribe("banco", &[topic]).expect("subscribe");
    let (sender, receiver) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut seen = 0;
        while seen < count {
            if let factumarket::log::Delivery::Records(_, records) =
                subscription.poll(100, 1 << 20, std::time::Duration::from_secs(1)).expect("poll")
            {
                let now = Instant::now();
                seen += records.len() as u64;
                records.iter().for_each(|_| sender.send(now).expect("canal"));
            }
        }
    });
    let mut noise = Noise(9);
    let mut micros: Vec<f64> = Vec::new();
    for _ in 0..count {
        std::thread::sleep(std::time::Duration::from_micros(300));
        let start = Instant::now();
        let pending = log.append(vec![(TopicPartition::new(topic, 0), record(&mut noise, 290))]).expect("append");
        micros.push(receiver.recv().expect("canal").duration_since(start).as_secs_f64() * 1e6);
        drop(pending);
    }
    reader.join().expect("hilo");
    micros.sort_by(f64::total_cmp);
    let at = |q: f64| micros[(q * (micros.len() - 1) as f64) as usize];
    println!("latencia de append a suscriptor: p50 {:.0} µs, p99 {:.0} µs", at(0.5), at(0.99));
}

const fn column(name: &'static str, kind: ColumnType) -> Column {
    Column { name, kind }
}

static AUDIT: Table = Table {
    name: "auditoria",
    doc: "",
    partition: &[column("factura", ColumnType::Text)],
    clustering: &[(column("cuando", ColumnType::Timestamp), Order::Asc), (column("n", ColumnType::Int), Order::Asc)],
    columns: &[column("tipo", ColumnType::Text), column("total", ColumnType::Decimal), column("detalle", ColumnType::Text)],
};

static STOCK: Table = Table {
    name: "stock",
    doc: "",
    partition: &[column("producto", ColumnType::Int)],
    clustering: &[(column("bodega", ColumnType::Int), Order::Asc)],
    columns: &[column("cantidad", ColumnType::Decimal), column("nombre", ColumnType::Text), column("dia", ColumnType::Timestamp)],
};

fn audit_row(noise: &mut Noise, i: u64) -> Row {
    let id = format!("{:016x}{:016x}", noise.next(), noise.next());
    let detail = format!("{:0>80}", noise.next());
    Row {
        key: vec![Value::Text(id.into()), Value::Timestamp(Instante(1_790_000_000_000_000 + i as i64)), Value::Int(i as i64)],
        values: vec![
            Value::Text("factura.emitida".into()),
            Value::Decimal(rust_decimal::Decimal::new(i as i64, 2)),
            Value::Text(detail.into()),
        ],
        version: 1,
    }
}

fn stock_row(noise: &mut Noise, i: u64, products: u64) -> Row {
    Row {
        key: vec![Value::Int((noise.next() % products) as i64), Value::Int(1)],
        values: vec![
            Value::Decimal(rust_decimal::Decimal::new(i as i64, 2)),
            Value::Text("Producto de prueba con su nombre".into()),
            Value::Timestamp(Instante(i as i64)),
        ],
        version: i + 1,
    }
}

/// Batches of 500 rows with a position.
fn tables(count: u64) {
    let folder = tempfile::tempdir().expect("carpeta");
    let tables = EmbeddedTables::open(folder.path(), EmbeddedTablesOptions::default()).expect("abrir");
    tables.declare(&[&AUDIT, &STOCK]).expect("declare");
    let insert = |noise: &mut Noise, i| Write::Insert { table: &AUDIT, row: audit_row(noise, i) };
    let hot = |noise: &mut Noise, i| Write::Upsert { table: &STOCK, row: stock_row(noise, i, 10_000) };
    let wide = |noise: &mut Noise, i| Write::Upsert { table: &STOCK, row: stock_row(noise, i, 1_000_000) };
    run_rows(&*tables, "Insert, claves al azar", count, insert);
    run_rows(&*tables, "Upsert, 10.000 claves", count, hot);
    run_rows(&*tables, "Upsert, 1.000.000 de claves", count, wide);
    println!(
        "  ocupado {} MiB, escrito {} MiB, RSS {} MiB",
        disk(folder.path()) >> 20,
        proc_value("/proc/self/io", "write_bytes:") >> 20,
        resident_mib()
    );
    let (before, mut noise) = (cpu(), Noise(5));
    for _ in 0..100_000 {
        let row = stock_row(&mut noise, 0, 1_000_000);
        std::hint::black_box(tables.get(&STOCK, &row.key).expect("get"));
    }
    println!("  get: {:.2} µs CPU", (cpu() - before) * 10.0);
    drop(tables);
    let start = Instant::now();
    drop(EmbeddedTables::open(folder.path(), EmbeddedTablesOptions::default()).expect("abrir"));
    println!("  abrir: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
}

fn run_rows(tables: &dyn Tables, name: &str, count: u64, make: impl Fn(&mut Noise, u64) -> Write) {
    let mut noise = Noise(11);
    let before = cpu();
    (0..count).for_each(|i| drop(std::hint::black_box(make(&mut noise, i))));
    let making = cpu() - before;
    let mut noise = Noise(11);
    let (before, start) = (cpu(), Instant::now());
    for batch in 0..count / 500 {
        let writes = (0..500).map(|i| make(&mut noise, batch * 500 + i)).collect();
        let partition = TopicPartition::new(Topic::Auditoria, 0);
        tables.apply(writes, &[SinkPosition { consumer: "banco", partition, next: batch }]).expect("apply");
    }
    let elapsed = start.elapsed().as_secs_f64();
    settle();
    println!(
        "tablas, {name}: {:.2} µs CPU por fila, {:.0} filas/s",
        (cpu() - before - making) * 1e6 / count as f64,
        count as f64 / elapsed
    );
}

/// Waits until the background thread has nothing to do.
fn settle() {
    loop {
        let before = cpu();
        std::thread::sleep(std::time::Duration::from_millis(300));
        if cpu() - before < 0.01 {
            return;
        }
    }
}

/// Documents of 900 bytes under UUID-like keys; then keys that are not there.
fn state(count: u64) {
    let folder = tempfile::tempdir().expect("carpeta");
    let store = KvStore::open(folder.path(), 16 << 20).expect("abrir");
    let batch = |noise: &mut Noise| (0..100).map(|_| (noise.bytes(16), Some(noise.bytes(900)))).collect::<Vec<_>>();
    let (mut noise, before) = (Noise(3), cpu());
    (0..count / 100).for_each(|_| drop(std::hint::black_box(batch(&mut noise))));
    let making = cpu() - before;
    let (mut noise, before) = (Noise(3), cpu());
    for _ in 0..count / 100 {
        store.write(batch(&mut noise)).expect("write");
    }
    settle();
    println!(
        "estado: {count} documentos de 900 B, {:.2} µs CPU por escritura, ocupado {} MiB, escrito {} MiB, RSS {} MiB",
        (cpu() - before - making) * 1e6 / count as f64,
        disk(folder.path()) >> 20,
        proc_value("/proc/self/io", "write_bytes:") >> 20,
        resident_mib()
    );
    let before = cpu();
    for _ in 0..200_000 {
        assert!(store.get(&noise.bytes(16)).expect("get").is_none());
    }
    println!("  clave que no está: {:.2} µs CPU", (cpu() - before) * 5.0);
    let (mut again, before) = (Noise(3), cpu());
    for _ in 0..100_000 {
        let key = again.bytes(16);
        again.bytes(900);
        std::hint::black_box(store.get(&key).expect("get").expect("valor"));
    }
    println!("  clave que está: {:.2} µs CPU, RSS {} MiB", (cpu() - before) * 10.0, resident_mib());
    store.flush().expect("flush");
    drop(store);
    let start = Instant::now();
    drop(KvStore::open(folder.path(), 16 << 20).expect("abrir"));
    println!("  abrir: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
}
