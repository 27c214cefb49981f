//! Sinks over tables whose batches are not atomic, as a database's are not: of a batch that fails some rows are there.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use crate::proyecciones_comun::{
    codec, escribir,
    memoria::{Memoria, diferencia},
    mundo::{Mundo, dia},
    registro,
};
use factumarket::{
    log::{Log, TopicPartition},
    projections::{RunnerOptions, runner::Sinks},
    tables::{SinkPosition, Tables, TablesError, Write, layer::Layer},
};

/// The rows of a batch, and where it brings its sinks.
type Lote = (Vec<Write>, Vec<SinkPosition>);

struct PorPartes {
    tablas: Memoria,
    /// The batches that were cut short, by partition of the log.
    anotados: Mutex<HashMap<TopicPartition, Lote>>,
    /// Whether they are finished when it is asked for.
    termina: bool,
    azar: AtomicU64,
    cortes: AtomicU32,
}

impl PorPartes {
    fn nuevas(semilla: u64, termina: bool) -> Arc<Self> {
        let (tablas, anotados, cortes) = (Memoria::default(), Mutex::default(), AtomicU32::new(0));
        Arc::new(Self { tablas, anotados, termina, azar: AtomicU64::new(semilla), cortes })
    }

    /// Below `tope`.
    fn azar(&self, tope: u64) -> u64 {
        let n = self.azar.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (n ^ (n >> 27)) % tope
    }
}

impl Layer for PorPartes {
    type Below = Memoria;

    fn below(&self) -> &Memoria {
        &self.tablas
    }

    fn write(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError> {
        if self.azar(3) > 0 {
            return self.tablas.apply(writes, positions);
        }
        let algunas: Vec<Write> = writes.iter().filter(|_| self.azar(2) == 0).cloned().collect();
        self.tablas.apply(algunas, &[])?;
        if let Some(primera) = positions.first() {
            self.anotados.lock().unwrap().insert(primera.partition, (writes, positions.to_vec()));
        }
        self.cortes.fetch_add(1, Ordering::Relaxed);
        Err(TablesError::Storage("se cortó".to_owned()))
    }

    fn finish(&self, partition: TopicPartition) -> Result<(), TablesError> {
        match self.anotados.lock().unwrap().remove(&partition).filter(|_| self.termina) {
            Some((writes, positions)) => self.tablas.apply(writes, &positions),
            None => Ok(()),
        }
    }
}

/// Steps every sink until nothing is left, whatever fails; every now and then all of them die and start again.
fn plegar(log: &Arc<dyn Log>, tablas: &Arc<PorPartes>) {
    let opciones = || RunnerOptions { batch_records: 7, ..RunnerOptions::default() };
    let abrir = || Sinks::open(Arc::clone(log), Arc::clone(tablas) as Arc<dyn Tables>, codec(), opciones()).expect("sumideros");
    let mut sumideros = abrir();
    let mut queda = true;
    while std::mem::take(&mut queda) {
        for sumidero in 0..sumideros.len() {
            queda |= sumideros.step(sumidero).unwrap_or(true);
        }
        if tablas.azar(4) == 0 {
            sumideros = abrir();
        }
    }
}

fn historia() -> (tempfile::TempDir, Arc<dyn Log>) {
    let carpeta = tempfile::tempdir().unwrap();
    let log = registro(&carpeta.path().join("registro"));
    let mut mundo = Mundo::new(codec());
    mundo.crear_cliente("C1");
    for n in 0..6 {
        mundo.entrada("P1:PRINCIPAL", 60, 500 + n, dia(0), None);
        mundo.entrada("P2:PRINCIPAL", 20, 700 + n, dia(0), None);
    }
    for n in 0..80 {
        assert!(mundo.emitir(&format!("f{n}"), "C1", &[("P1:PRINCIPAL", 4), ("P2:PRINCIPAL", 1)], dia(n % 3)));
        mundo.comenzar(&format!("s{n}"), "C1", 1);
        mundo.cambiar_correo("C1", &format!("c{n}@ejemplo.co"));
    }
    escribir(&*log, &mundo.records);
    (carpeta, log)
}

#[test]
fn un_lote_cortado_se_termina_y_las_filas_son_las_de_siempre() {
    let (_carpeta, log) = historia();
    let enteras = Memoria::default();
    let enteras = Arc::new(enteras);
    let mut sumideros = Sinks::open(Arc::clone(&log), Arc::clone(&enteras) as Arc<dyn Tables>, codec(), RunnerOptions::default())
        .expect("sumideros");
    for sumidero in 0..sumideros.len() {
        while sumideros.step(sumidero).expect("sin fallas") {}
    }
    for semilla in 0..30 {
        let tablas = PorPartes::nuevas(semilla, true);
        plegar(&log, &tablas);
        assert!(tablas.cortes.load(Ordering::Relaxed) > 10, "semilla {semilla}");
        assert_eq!(diferencia(&tablas.tablas.volcado(), &enteras.volcado()), None, "semilla {semilla}");
    }
    // Without finishing what was cut, rows are lost or wrong: the test would see it.
    let mal = (0..30).filter(|semilla| {
        let tablas = PorPartes::nuevas(*semilla, false);
        plegar(&log, &tablas);
        diferencia(&tablas.tablas.volcado(), &enteras.volcado()).is_some()
    });
    assert!(mal.count() > 15);
}
