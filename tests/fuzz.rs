//! The bodies of the fuzz targets over the kept corpus (`tests/fuzz/corpus`) and what a deterministic mutator makes of it. There is no
//! coverage guidance here: `make noche` has it, with the same bodies.
//!
//! `ESCRIBIR_CORPUS=1 cargo test --test fuzz` writes the seeds that are missing; it never replaces one. A crash found anywhere goes to the
//! corpus, so that it is run for ever.

#[path = "fuzz/src/lib.rs"]
mod cuerpos;
#[path = "fuzz/mutador.rs"]
mod mutador;
#[path = "fuzz/semillas.rs"]
mod semillas;

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::Instant,
};

use cuerpos::{OBJETIVOS, Objetivo};
use mutador::Mutador;

fn carpeta(objetivo: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(objetivo)
}

/// The kept inputs and this version's seeds, by name: a new record type is run from its golden file before its seed is kept.
fn corpus(objetivo: &str) -> BTreeMap<String, Vec<u8>> {
    let suyas = semillas::todas().into_iter().filter(|(suyo, ..)| *suyo == objetivo);
    let mut corpus: BTreeMap<_, _> = suyas.map(|(_, nombre, datos)| (nombre, datos)).collect();
    let guardadas = fs::read_dir(carpeta(objetivo)).unwrap_or_else(|e| panic!("el corpus de {objetivo}: {e}"));
    for entrada in guardadas {
        let entrada = entrada.unwrap();
        corpus.insert(entrada.file_name().to_string_lossy().into_owned(), fs::read(entrada.path()).unwrap());
    }
    corpus
}

/// Runs one input and says whether it was read; a failure names it and leaves its bytes where they can be kept.
fn probar(objetivo: &Objetivo, que: &str, datos: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (objetivo.cuerpo)(datos))).unwrap_or_else(|panico| {
        let caido = std::env::temp_dir().join(format!("{}-{:08x}", objetivo.nombre, crc32fast::hash(datos)));
        fs::write(&caido, datos).unwrap();
        eprintln!("{} falló con {que}; guárdelo en el corpus: {}", objetivo.nombre, caido.display());
        std::panic::resume_unwind(panico)
    })
}

fn correr(nombre: &str) {
    let objetivo = OBJETIVOS.iter().find(|o| o.nombre == nombre).unwrap();
    let corpus = corpus(nombre);
    let inicio = Instant::now();
    let leidas = corpus.iter().filter(|(entrada, datos)| probar(objetivo, entrada, datos)).count();
    assert!(leidas >= 3, "el corpus de {nombre} no pasa de las primeras negativas: {leidas} de {} se leen", corpus.len());
    let mut mutador = Mutador::new(nombre, corpus.into_values().collect(), objetivo.palabras);
    let probar_mutacion = |vuelta: &usize| probar(objetivo, &format!("la mutación {vuelta}"), &mutador.siguiente());
    let leidas = (0..objetivo.mutaciones).filter(probar_mutacion).count();
    let segundos = inicio.elapsed().as_secs_f64();
    let mutaciones = objetivo.mutaciones;
    eprintln!("{nombre}: corpus y {mutaciones} mutaciones ({leidas} leídas) en {segundos:.1} s, sin guía de cobertura");
    assert!(leidas > mutaciones / 200, "las mutaciones de {nombre} apenas se leen: {leidas} de {mutaciones}");
}

macro_rules! objetivos {
    ($($nombre:ident)*) => {
        $(#[test]
        fn $nombre() {
            correr(stringify!($nombre));
        })*

        #[test]
        fn cada_objetivo_tiene_su_prueba_y_su_binario() {
            assert_eq!([$(stringify!($nombre)),*].as_slice(), OBJETIVOS.iter().map(|o| o.nombre).collect::<Vec<_>>());
            let raiz = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
            let manifiesto = fs::read_to_string(raiz.join("Cargo.toml")).unwrap();
            for objetivo in OBJETIVOS {
                assert!(manifiesto.contains(&format!("path = \"objetivos/{}.rs\"", objetivo.nombre)), "{}", objetivo.nombre);
                let binario = fs::read_to_string(raiz.join(format!("objetivos/{}.rs", objetivo.nombre))).unwrap();
                assert!(binario.contains(&format!("factumarket_fuzz::{}::cuerpo", objetivo.nombre)), "{}", objetivo.nombre);
            }
        }
    };
}

objetivos! { cable comandos configuracion cursores filas importacion peticiones recuperacion registro sellos valores }

/// The mutator is a function of its seed and reaches all kinds of change: without that the tests above would run less than they say.
#[test]
fn el_mutador_es_determinista_y_cambia_lo_que_recibe() {
    let semilla = || Mutador::new("prueba", vec![b"hola mundo".to_vec(), vec![]], &["palabra"]);
    let (mut uno, mut otro) = (semilla(), semilla());
    let salidas: Vec<_> = (0..2_000).map(|_| uno.siguiente()).collect();
    assert!(salidas.iter().all(|s| *s == otro.siguiente()));
    assert!(salidas.iter().filter(|s| *s != b"hola mundo").count() > 1_900);
    assert!(salidas.iter().any(|s| s.windows(7).any(|w| w == b"palabra")));
    assert!(salidas.iter().any(|s| s.len() > 20) && salidas.iter().any(|s| s.is_empty()));
}

/// The seeds of this version of the program are read: they lead where refusals end. `ESCRIBIR_CORPUS` keeps those that are missing.
#[test]
fn las_semillas_se_leen() {
    let escribir = std::env::var_os("ESCRIBIR_CORPUS").is_some();
    for (objetivo, nombre, datos) in semillas::todas() {
        let archivo = carpeta(objetivo).join(&nombre);
        if escribir && !archivo.exists() {
            fs::create_dir_all(carpeta(objetivo)).unwrap();
            fs::write(&archivo, &datos).unwrap();
        }
        let ciega = nombre.starts_with("mala") || matches!(objetivo, "cursores" | "recuperacion");
        let cuerpo = OBJETIVOS.iter().find(|o| o.nombre == objetivo).unwrap().cuerpo;
        assert!(ciega || cuerpo(&datos), "la semilla {nombre} de {objetivo} ya no se lee");
    }
}
