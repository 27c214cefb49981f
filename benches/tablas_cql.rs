//! What the query tables cost on a CQL database: rows that the sinks write per second of our processor (the database's is not counted; 50,000
//! are asked), how fast they come up to date after an outage against the rate that comes in (five times is asked), and how long queries take.
//!
//! `FACTUMARKET_CQL=127.0.0.1:9042 cargo bench --features scylla --bench tablas_cql`, or `-- INVOICES` (20,000 when not said);
//! `POR_TABLA=1` tells the rows of each table, at the cost of counting them; `EN_VUELO` is the setting `tablas.en_vuelo`. It makes a keyspace
//! of its own and leaves it there.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use factumarket::{
    cli::banco::{
        carga::{Carga, Perfil},
        corrida::{self, Ritmo},
        medidas::Cpu,
    },
    config::{Fuentes, cargar},
    domain::valores::Id,
    log::Log,
    node::{Node, NodeOptions},
    projections::{
        Consultas, DelRegistro, FiltroFacturas, Pagina, Progress, ProjectionRunner, RunnerOptions, facturas::FACTURAS,
        fisico::FISICO,
    },
    tables::{
        SinkPosition, Tables, TablesError, Value, Write,
        cql::{CqlOptions, CqlTables},
        layer::Layer,
    },
};
use hdrhistogram::Histogram;

/// The program's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads that feed the tables: folds, and the driver.
const HILOS: [&str; 3] = ["proy", "proy-vigia", "cql"];
const PRODUCTOS: u64 = 2_000;
const CONSULTAS: usize = 2_000;
/// How many times faster than what comes in the sinks must be.
const VECES: f64 = 5.0;
const SEGUNDOS_EN_VIVO: u64 = 20;

/// The tables, with their rows counted.
struct Contadas {
    tablas: Arc<dyn Tables>,
    filas: AtomicU64,
    lotes: AtomicU64,
    /// Of each table: rows, and partitions that a batch touched (rows of one travel together). `None`: not counted, as counting costs.
    por_tabla: Option<Mutex<BTreeMap<&'static str, (u64, u64)>>>,
}

impl Contadas {
    fn contar(&self, writes: &[Write]) {
        let Some(por_tabla) = &self.por_tabla else { return };
        let mut por_tabla = por_tabla.lock().expect("cuenta");
        let mut particiones = HashSet::new();
        for write in writes {
            let (table, key) = match write {
                Write::Upsert { table, row } | Write::Insert { table, row } => (*table, &row.key),
                Write::Delete { table, key, .. } => (*table, key),
            };
            let de_tabla = por_tabla.entry(table.name).or_default();
            de_tabla.0 += 1;
            de_tabla.1 += u64::from(particiones.insert((table.name, format!("{:?}", &key[..table.partition.len()]))));
        }
    }

    fn mostrar(&self, facturas: u64) {
        let Some(por_tabla) = &self.por_tabla else { return };
        for (tabla, (filas, particiones)) in por_tabla.lock().expect("cuenta").iter() {
            let por_factura = |n: u64| n as f64 / facturas.max(1) as f64;
            println!(
                "    {tabla:<28} {:.2} filas por factura en {:.2} particiones",
                por_factura(*filas),
                por_factura(*particiones)
            );
        }
    }
}

impl Layer for Contadas {
    type Below = dyn Tables;

    fn below(&self) -> &dyn Tables {
        &*self.tablas
    }

    fn write(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError> {
        let filas = writes.len() as u64;
        self.contar(&writes);
        self.tablas.apply(writes, positions)?;
        self.filas.fetch_add(filas, Ordering::Relaxed);
        self.lotes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn nodo(carpeta: &std::path::Path) -> Node {
    let configuracion = cargar(&Fuentes::default()).expect("configuración");
    let mut options = NodeOptions::new(&configuracion);
    options.carpeta = carpeta.to_owned();
    options.proyecciones = false;
    options.max_en_curso = 200_000;
    Node::start(options).expect("nodo")
}

fn al_dia(progreso: &Progress, log: &dyn Log) -> bool {
    let ahora = factumarket::domain::valores::Instante(0);
    progreso.lag(log, ahora).expect("atraso").iter().all(|uno| uno.records == 0)
}

fn esperar_al_dia(progreso: &Progress, log: &dyn Log) -> Duration {
    let desde = Instant::now();
    while !al_dia(progreso, log) {
        thread::sleep(Duration::from_millis(20));
    }
    desde.elapsed()
}

/// Feeds what is on the log, and gives the running sinks with the seconds that it took.
fn ponerse_al_dia(node: &Node, contadas: &Arc<Contadas>) -> (ProjectionRunner, Duration) {
    let (antes, filas, lotes) = (Cpu::ahora().expect("/proc"), leer(&contadas.filas), leer(&contadas.lotes));
    let desde = Instant::now();
    let tablas = Arc::clone(contadas) as Arc<dyn Tables>;
    let runner = ProjectionRunner::start(node.log(), tablas, node.codec(), RunnerOptions::default()).expect("sumideros");
    esperar_al_dia(&runner.progress(), &*node.log());
    let tardo = desde.elapsed();
    let gastado = Cpu::ahora().expect("/proc").desde(&antes);
    let (filas, lotes) = (leer(&contadas.filas) - filas, leer(&contadas.lotes) - lotes);
    let cpu = gastado.de(&HILOS).as_secs_f64();
    println!(
        "Alimentar        {filas} filas en {lotes} lotes, {:.1} s: {:.0} filas/s; {cpu:.2} s de CPU nuestra ({:.2} de un núcleo)",
        tardo.as_secs_f64(),
        filas as f64 / tardo.as_secs_f64(),
        cpu / tardo.as_secs_f64()
    );
    println!(
        "Por núcleo       {:.0} filas por segundo de CPU, {:.1} µs cada una",
        filas as f64 / cpu,
        1e6 * cpu / filas.max(1) as f64
    );
    for (grupo, tiempo) in gastado.0.iter().filter(|(grupo, _)| HILOS.contains(&grupo.as_str())) {
        println!("    {grupo:<12} {:.2} µs por fila", 1e6 * tiempo.as_secs_f64() / filas.max(1) as f64);
    }
    (runner, tardo)
}

fn leer(cuenta: &AtomicU64) -> u64 {
    cuenta.load(Ordering::Relaxed)
}

/// Ids of invoices, spread over all.
fn facturas(tablas: &dyn Tables) -> Vec<Id> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let (filas, sigue) = tablas.scan(&FACTURAS, cursor.as_ref(), 1_000).expect("facturas");
        ids.extend(filas.iter().filter_map(|fila| match &fila.key[0] {
            Value::Text(id) => Id::new(id).ok(),
            _ => None,
        }));
        cursor = sigue;
        if cursor.is_none() || ids.len() > 10 * CONSULTAS {
            return ids;
        }
    }
}

fn medir_consultas(cuando: &str, consultas: &Consultas, ids: &[Id]) {
    let pagina = Pagina { limite: 50, despues: None };
    let dia = |texto: &str| texto.parse::<NaiveDate>().ok();
    let un_dia = FiltroFacturas { fecha_inicio: dia("2020-01-01"), fecha_fin: dia("2100-01-01"), ..FiltroFacturas::default() };
    let producto = |n: usize| Id::new(&format!("bp{}", n as u64 % PRODUCTOS)).expect("id");
    let bodega = Id::new("PRINCIPAL").expect("id");
    type Consulta<'a> = (&'a str, Box<dyn Fn(usize) + 'a>);
    let todas: [Consulta<'_>; 4] = [
        ("factura por id", Box::new(|n| drop(consultas.factura(&ids[n % ids.len()]).expect("factura")))),
        ("página de facturas", Box::new(|_| drop(consultas.facturas(&un_dia, &pagina).expect("página")))),
        ("existencia", Box::new(|n| drop(consultas.stock(&producto(n), &bodega).expect("stock")))),
        ("historia de una", Box::new(|n| drop(consultas.auditoria_de_factura(&ids[n % ids.len()], &pagina).expect("historia")))),
    ];
    for (nombre, una) in todas {
        let mut tiempos = Histogram::<u64>::new_with_bounds(1, 600_000_000, 3).expect("histograma");
        for n in 0..CONSULTAS {
            let desde = Instant::now();
            una(n * 7);
            tiempos.saturating_record((desde.elapsed().as_micros() as u64).max(1));
        }
        let ms = |cuantil| tiempos.value_at_quantile(cuantil) as f64 / 1e3;
        println!("Consulta {cuando}: {nombre:<20} p50 {:>6.2} ms · p99 {:>6.2} ms · máx {:>6.2} ms", ms(0.5), ms(0.99), ms(1.0));
    }
}

fn main() {
    let pedidas = std::env::args().skip(1).find_map(|texto| texto.parse().ok());
    let cuantas: u64 = pedidas.unwrap_or(20_000);
    let base = std::env::var("FACTUMARKET_CQL").unwrap_or_else(|_| "127.0.0.1:9042".to_owned());
    let carpeta = std::env::temp_dir().join(format!("factumarket-tablas-{}", std::process::id()));
    let node = nodo(&carpeta);
    let perfil = Perfil { productos: PRODUCTOS, lineas_min: 3, lineas_max: 3, zipf: 0.8, semilla: 1 };
    let mut carga = Carga::new(perfil, 1);
    corrida::preparar(&node.gateway(), carga.catalogos()).expect("catálogos");
    let tanda = Ritmo { facturas: cuantas, tasa: None, ventana: 1_024 };
    let hecho = corrida::correr(&node.gateway(), &mut carga, tanda, &mut |_| {}).expect("carga");
    println!("Carga            {} facturas de 3 líneas en el registro en {:.1} s", hecho.emitidas, hecho.duracion.as_secs_f64());

    let keyspace = format!("banco_{}", std::process::id());
    let en_vuelo = std::env::var("EN_VUELO").ok().and_then(|texto| texto.parse().ok());
    let in_flight = en_vuelo.unwrap_or(CqlOptions::default().in_flight);
    let options = CqlOptions { nodes: vec![base], keyspace, seize: true, in_flight, ..CqlOptions::default() };
    let tablas = CqlTables::open(options, FISICO).expect("tablas");
    let por_tabla = std::env::var_os("POR_TABLA").map(|_| Mutex::default());
    let contadas = Arc::new(Contadas { tablas, filas: AtomicU64::new(0), lotes: AtomicU64::new(0), por_tabla });
    factumarket::projections::runner::declare(&*contadas, factumarket::projections::PROYECCIONES).expect("tablas");
    let (runner, drenaje) = ponerse_al_dia(&node, &contadas);
    contadas.mostrar(cuantas);
    let ritmo = cuantas as f64 / drenaje.as_secs_f64();
    println!(
        "Tras una caída   {ritmo:.0} facturas/s al ponerse al día: {VECES} veces las {:.0} facturas/s en vivo que siguen",
        ritmo / VECES
    );

    let ids = facturas(&*contadas);
    let registros = Arc::new(DelRegistro(node.log()));
    let consultas = Consultas::new(Arc::clone(&contadas) as Arc<dyn Tables>, node.codec(), registros, runner.progress());
    medir_consultas("en reposo", &consultas, &ids);

    // What comes in while the tables are up to date, at a fifth of that.
    let tasa = (ritmo / VECES).max(1.0);
    let (facturas, gateway, antes, filas) =
        ((tasa * SEGUNDOS_EN_VIVO as f64) as u64, node.gateway(), Cpu::ahora().expect("/proc"), leer(&contadas.filas));
    let mut peor = 0;
    thread::scope(|hilos| {
        let en_vivo = Ritmo { facturas, tasa: Some(tasa), ventana: 1_024 };
        let carga = &mut carga;
        let emite = hilos.spawn(move || corrida::correr(&gateway, carga, en_vivo, &mut |_| {}).expect("carga"));
        let consultando = hilos.spawn(|| medir_consultas("en vivo  ", &consultas, &ids));
        while !emite.is_finished() {
            let atrasos = runner.progress().lag(&*node.log(), node.clock().now()).expect("atraso");
            peor = peor.max(atrasos.iter().map(|uno| uno.records).max().unwrap_or_default());
            thread::sleep(Duration::from_millis(100));
        }
        let hecho = emite.join().expect("emite");
        println!(
            "En vivo          {:.0} facturas/s durante {:.0} s: a lo sumo {peor} registros sin plegar en una partición, respuestas p99 {:.1} ms",
            tasa,
            hecho.duracion.as_secs_f64(),
            hecho.ms(0.99)
        );
        consultando.join().expect("consultas");
    });
    let cola = esperar_al_dia(&runner.progress(), &*node.log());
    let (cpu, filas) = (Cpu::ahora().expect("/proc").desde(&antes).de(&HILOS).as_secs_f64(), leer(&contadas.filas) - filas);
    println!(
        "                 al día {:.2} s después; {:.0} filas por segundo de CPU en lotes de ese ritmo",
        cola.as_secs_f64(),
        filas as f64 / cpu
    );
    node.handle().block_on(runner.stop());
    node.stop().expect("parada");
    // What a run leaves behind is in the way of nobody.
    let _ = std::fs::remove_dir_all(carpeta);
}
