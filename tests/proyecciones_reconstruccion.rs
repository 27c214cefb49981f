//! Rebuilding a projection beside its sinks: who asks it never sees it half made nor older than before, and what was wrong in it is mended.

mod proyecciones_comun;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use factumarket::{
    contracts::Codec,
    log::{Log, embedded::EmbeddedLog},
    projections::{
        PROYECCIONES, ProjectionRunner, ProjectionSpec, RunnerOptions,
        comparacion::{avance, comparar},
        copias::Copias,
        existencias::{EXISTENCIAS, EXISTENCIAS_SPEC},
        facturas::{FACTURAS, FACTURAS_SPEC},
        reconstruccion::Medios,
        rows::{id_value, text_value},
    },
    tables::{
        Value, Write,
        embedded::{EmbeddedTables, EmbeddedTablesOptions},
    },
};
use proyecciones_comun::{
    codec, escribir,
    mundo::{Mundo, dia, id},
    registro,
};

struct Tienda {
    carpeta: tempfile::TempDir,
    codec: Arc<Codec>,
    log: Arc<EmbeddedLog>,
    mundo: Mundo,
    facturas: usize,
}

impl Tienda {
    fn nueva() -> Self {
        let carpeta = tempfile::tempdir().unwrap();
        let (codec, log) = (codec(), registro(&carpeta.path().join("registro")));
        let mut mundo = Mundo::new(codec.clone());
        mundo.crear_cliente("C1");
        mundo.crear_producto("P1");
        mundo.entrada("P1:PRINCIPAL", 1_000_000, 500, dia(0), None);
        Self { carpeta, codec, log, mundo, facturas: 0 }
    }

    /// Writes what happened since the last call, and so many invoices more.
    fn emitir(&mut self, cuantas: usize) {
        for _ in 0..cuantas {
            self.facturas += 1;
            assert!(self.mundo.emitir(&format!("F{}", self.facturas), "C1", &[("P1:PRINCIPAL", 1)], dia(0)));
        }
        escribir(&*self.log, &std::mem::take(&mut self.mundo.records));
    }

    fn tablas(&self) -> Arc<EmbeddedTables> {
        EmbeddedTables::open(&self.carpeta.path().join("tablas"), EmbeddedTablesOptions::default()).unwrap()
    }

    fn medios(&self, copias: &Arc<Copias>, runner: Option<&ProjectionRunner>) -> Medios {
        Medios {
            log: self.log.clone(),
            copias: Arc::clone(copias),
            decoder: self.codec.clone(),
            sumideros: runner.map(ProjectionRunner::pausa),
        }
    }

    fn sumideros(&self, copias: &Arc<Copias>) -> ProjectionRunner {
        ProjectionRunner::start(self.log.clone(), copias.en_uso(), self.codec.clone(), RunnerOptions::default()).unwrap()
    }

    fn diferencias(&self, copias: &Arc<Copias>, spec: &'static ProjectionSpec) -> u64 {
        let log: Arc<dyn Log> = self.log.clone();
        let hallado = comparar(&log, &copias.en_uso(), self.codec.clone(), spec, &mut |_, _| {}).unwrap();
        assert_eq!(hallado.atraso, 0, "{}", spec.name);
        hallado.diferencias
    }

    fn al_dia(&self, copias: &Arc<Copias>) -> bool {
        let atraso = |spec| avance(&*self.log, &*copias.en_uso(), spec).unwrap().iter().map(|a| a.atraso).sum::<u64>();
        PROYECCIONES.iter().all(|spec| atraso(*spec) == 0)
    }

    fn esperar_al_dia(&self, copias: &Arc<Copias>) {
        let limite = std::time::Instant::now() + Duration::from_secs(60);
        while !self.al_dia(copias) {
            assert!(std::time::Instant::now() < limite, "los sumideros no se ponen al día");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

static NUNCA: AtomicBool = AtomicBool::new(false);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_and_sinks_go_on_while_every_projection_is_rebuilt() {
    let mut tienda = Tienda::nueva();
    let copias = Copias::propias(tienda.tablas());
    let runner = tienda.sumideros(&copias);
    tienda.emitir(400);
    tienda.esperar_al_dia(&copias);
    let medios = tienda.medios(&copias, Some(&runner));
    let (fin, tablas) = (AtomicBool::new(false), copias.en_uso());
    thread::scope(|hilos| {
        // An invoice that is there stays there, and no row goes back.
        let lee = hilos.spawn(|| {
            let (mut lecturas, mut version) = (0_u64, 0);
            while !fin.load(Ordering::Acquire) {
                for numero in [1, 200, 400] {
                    let fila = tablas.get(&FACTURAS, &[text_value(&format!("F{numero}"))]).unwrap();
                    assert!(fila.is_some(), "F{numero} desapareció");
                }
                let stock = tablas.get(&EXISTENCIAS, &clave_de_stock()).unwrap().unwrap();
                assert!(stock.version >= version, "el stock retrocedió de {version} a {}", stock.version);
                version = stock.version;
                lecturas += 1;
            }
            lecturas
        });
        let reconstruye = hilos.spawn(|| {
            for spec in PROYECCIONES.iter().chain([&&EXISTENCIAS_SPEC, &&FACTURAS_SPEC]) {
                let mut plegados = 0;
                assert!(medios.reconstruir(spec, &NUNCA, &mut |hechos, _| plegados = hechos).unwrap(), "{}", spec.name);
                assert!(plegados > 0, "{} no leyó nada", spec.name);
            }
        });
        for _ in 0..40 {
            tienda.emitir(10);
            tienda.esperar_al_dia(&copias);
        }
        reconstruye.join().unwrap();
        fin.store(true, Ordering::Release);
        assert!(lee.join().unwrap() > 0);
    });
    tienda.emitir(50);
    tienda.esperar_al_dia(&copias);
    for spec in PROYECCIONES {
        assert_eq!(tienda.diferencias(&copias, spec), 0, "{}", spec.name);
    }
    runner.stop().await;
    // The copies in use are those of the next process too.
    drop((copias, medios, tablas));
    let copias = Copias::propias(tienda.tablas());
    let runner = tienda.sumideros(&copias);
    tienda.emitir(10);
    tienda.esperar_al_dia(&copias);
    for spec in PROYECCIONES {
        assert_eq!(tienda.diferencias(&copias, spec), 0, "{}", spec.name);
    }
    runner.stop().await;
}

fn clave_de_stock() -> Vec<Value> {
    vec![text_value("P1"), text_value("PRINCIPAL")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_in_a_projection_is_mended_and_a_rebuild_cut_short_changes_nothing() {
    let mut tienda = Tienda::nueva();
    let copias = Copias::propias(tienda.tablas());
    let runner = tienda.sumideros(&copias);
    tienda.emitir(300);
    tienda.esperar_al_dia(&copias);
    let mut fila = copias.en_uso().get(&FACTURAS, &[id_value(&id("F7"))]).unwrap().unwrap();
    fila.values[0] = text_value("ANULADA");
    copias.en_uso().apply(vec![Write::Insert { table: &FACTURAS, row: fila }], &[]).unwrap();
    assert_eq!(tienda.diferencias(&copias, &FACTURAS_SPEC), 1);
    let medios = tienda.medios(&copias, Some(&runner));
    // Stopped after its first batch: the old copy goes on being fed.
    let parar = AtomicBool::new(false);
    let entera = medios.reconstruir(&FACTURAS_SPEC, &parar, &mut |_, _| parar.store(true, Ordering::Release)).unwrap();
    assert!(!entera);
    tienda.emitir(10);
    tienda.esperar_al_dia(&copias);
    assert_eq!(tienda.diferencias(&copias, &FACTURAS_SPEC), 1);
    assert!(medios.reconstruir(&FACTURAS_SPEC, &NUNCA, &mut |_, _| {}).unwrap());
    assert_eq!(tienda.diferencias(&copias, &FACTURAS_SPEC), 0);
    tienda.emitir(10);
    tienda.esperar_al_dia(&copias);
    assert_eq!(tienda.diferencias(&copias, &FACTURAS_SPEC), 0);
    runner.stop().await;
}

/// Another process over the same tables follows a change of copies after the time it was given.
#[test]
fn another_reader_sees_the_copy_in_use() {
    let mut tienda = Tienda::nueva();
    tienda.emitir(100);
    let tablas = tienda.tablas();
    let copias = Copias::propias(tablas.clone());
    copias.en_uso().declare(&PROYECCIONES.iter().flat_map(|spec| spec.tables.iter().copied()).collect::<Vec<_>>()).unwrap();
    let lector = Copias::new(tablas.clone(), tablas, Some(Duration::ZERO)).en_uso();
    let clave = [id_value(&id("F7"))];
    assert_eq!(lector.get(&FACTURAS, &clave).unwrap(), None);
    for _ in 0..2 {
        assert!(tienda.medios(&copias, None).reconstruir(&FACTURAS_SPEC, &NUNCA, &mut |_, _| {}).unwrap());
        assert!(lector.get(&FACTURAS, &clave).unwrap().is_some());
    }
}
