//! Bodies of the fuzz targets: one for everything that parses bytes from outside. A body takes any bytes, and panics when a law is broken:
//! nothing panics, memory is bounded, what is read and written again is read the same.
//!
//! Two runners share them: `tests/fuzz.rs`, over the kept corpus and what a deterministic mutator makes of it, without coverage guidance;
//! and the coverage-guided targets of this package (`make noche`).

pub mod cable;
pub mod comandos;
pub mod configuracion;
pub mod cursores;
pub mod filas;
pub mod importacion;
pub mod memoria;
pub mod peticiones;
pub mod recuperacion;
pub mod registro;
pub mod sellos;
pub mod valores;

/// A target: its name, which is also its corpus folder's, and its body.
#[derive(Clone, Copy)]
pub struct Objetivo {
    pub nombre: &'static str,
    /// Says whether the bytes were read as something: for the runners to tell that they reach behind the refusals.
    pub cuerpo: fn(&[u8]) -> bool,
    /// Texts that its inputs are made of, for the mutator.
    pub palabras: &'static [&'static str],
    /// Mutated inputs of the plain test: fewer where one takes milliseconds.
    pub mutaciones: usize,
}

const fn objetivo(
    nombre: &'static str,
    cuerpo: fn(&[u8]) -> bool,
    palabras: &'static [&'static str],
    mutaciones: usize,
) -> Objetivo {
    Objetivo { nombre, cuerpo, palabras, mutaciones }
}

/// Every target.
pub const OBJETIVOS: &[Objetivo] = &[
    objetivo("cable", cable::cuerpo, &[], 20_000),
    objetivo("comandos", comandos::cuerpo, comandos::PALABRAS, 20_000),
    objetivo("configuracion", configuracion::cuerpo, configuracion::PALABRAS, 10_000),
    objetivo("cursores", cursores::cuerpo, &[], 20_000),
    objetivo("filas", filas::cuerpo, &[], 20_000),
    objetivo("importacion", importacion::cuerpo, importacion::PALABRAS, 20_000),
    objetivo("peticiones", peticiones::cuerpo, peticiones::PALABRAS, 10_000),
    objetivo("recuperacion", recuperacion::cuerpo, &[], 400),
    objetivo("registro", registro::cuerpo, &[], 20_000),
    objetivo("sellos", sellos::cuerpo, sellos::PALABRAS, 20_000),
    objetivo("valores", valores::cuerpo, valores::PALABRAS, 20_000),
];
