//! What the read side costs: CPU per invoice of 3 lines, by thread, measured and not asserted (walls and neighbours vary).
//!
//! `cargo test --release --test proyecciones_costo -- --ignored --nocapture` with FACTURAS=20000 PRODUCTOS=200 by default.

mod proyecciones_comun;

use std::{collections::BTreeMap, env, fs, sync::Arc, time::Duration};

use factumarket::{
    log::Log,
    projections::{PROYECCIONES, ProjectionRunner, RunnerOptions},
    tables::embedded::{EmbeddedTables, EmbeddedTablesOptions},
};
use proyecciones_comun::{
    codec, escribir,
    mundo::{Mundo, dia},
    registro,
};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn numero(nombre: &str, defecto: u64) -> u64 {
    env::var(nombre).ok().and_then(|v| v.parse().ok()).unwrap_or(defecto)
}

/// Microseconds of CPU of the threads of this process, by name without its number.
fn cpu_por_hilo() -> BTreeMap<String, u64> {
    let mut suma = BTreeMap::new();
    for hilo in fs::read_dir("/proc/self/task").expect("proc").flatten() {
        let Ok(schedstat) = fs::read_to_string(hilo.path().join("schedstat")) else { continue };
        let nombre = fs::read_to_string(hilo.path().join("comm")).unwrap_or_default();
        let nanos: u64 = schedstat.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
        *suma.entry(nombre.trim().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()).or_insert(0) += nanos / 1_000;
    }
    suma
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "medición: se corre a mano en modo release"]
async fn cost_of_an_invoice_of_three_lines() {
    let (facturas, productos) = (numero("FACTURAS", 20_000), numero("PRODUCTOS", 200));
    let carpeta = tempfile::tempdir().unwrap();
    let (codec, log) = (codec(), registro(&carpeta.path().join("registro")));
    let mut mundo = Mundo::new(codec.clone());
    mundo.crear_cliente("C1");
    let inventarios: Vec<String> = (0..productos).map(|p| format!("P{p}:PRINCIPAL")).collect();
    for (n, inventario) in inventarios.iter().enumerate() {
        for lote in 0..8 {
            mundo.entrada(inventario, 1_000_000 / 8, 500 + lote, dia(n as u64 % 5), None);
        }
    }
    let semillas = mundo.records.len();
    for n in 0..facturas {
        let de = |k: u64| inventarios[((n * 7 + k * 31) % productos) as usize].as_str();
        let lineas = [(de(0), 1), (de(1), 2), (de(2), 3)];
        assert!(mundo.emitir(&format!("0190a1b2-c3d4-7e5f-8a6b-{n:012}"), "C1", &lineas, dia(0)));
    }
    let eventos = mundo.records.len() - semillas;
    let bytes: usize = mundo.records.iter().map(|(_, r)| r.value.len()).sum();
    escribir(&*log, &mundo.records);
    let particiones: std::collections::BTreeSet<_> = mundo.records.iter().map(|(p, _)| *p).collect();
    let finales: Vec<_> = particiones.into_iter().map(|p| (p, log.watermarks(p).unwrap().stable)).collect();
    println!("{facturas} facturas, {eventos} eventos, {} bytes por factura", bytes as u64 / facturas);
    let mut medir: Vec<(String, Vec<_>)> = vec![("todas".to_owned(), PROYECCIONES.to_vec())];
    medir.extend(PROYECCIONES.iter().map(|spec| (spec.name.to_owned(), vec![*spec])));
    for (nombre, projections) in medir {
        let tables =
            EmbeddedTables::open(&carpeta.path().join(format!("tablas-{nombre}")), EmbeddedTablesOptions::default()).unwrap();
        let antes = cpu_por_hilo();
        let options = RunnerOptions { projections, ..RunnerOptions::default() };
        let runner = ProjectionRunner::start(Arc::clone(&log) as Arc<dyn Log>, tables.clone(), codec.clone(), options).unwrap();
        assert!(runner.progress().wait_positions(&finales, Duration::from_secs(600)).await);
        let despues = cpu_por_hilo();
        let mut linea = format!("{nombre:>12}:");
        for (hilo, micros) in despues {
            let gastado = micros - antes.get(&hilo).copied().unwrap_or(0);
            if gastado * 50 > facturas {
                linea.push_str(&format!("  {hilo} {:.1}", gastado as f64 / facturas as f64));
            }
        }
        println!("{linea}  µs/factura · {} lotes · {} MB", runner.anomalies().batches(), tables.disk_space().unwrap() >> 20);
        runner.stop().await;
    }
}
