//! What the embedded log keeps: blocks, control values, the store's journals. First byte: which.

use std::{cell::RefCell, path::Path};

use factumarket::log::embedded::fuzz;
use tempfile::TempDir;

use super::memoria::acotada;

/// The walk over a journal reads it by windows of this size, twice.
const FIJO: usize = 1 << 20;
const POR_BYTE: usize = 64;

thread_local! {
    static CARPETA: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// A folder of this thread, in memory where there is such a file system.
pub fn carpeta() -> TempDir {
    let memoria = Path::new("/dev/shm");
    if memoria.is_dir() { tempfile::tempdir_in(memoria) } else { tempfile::tempdir() }.expect("carpeta temporal")
}

pub fn cuerpo(datos: &[u8]) -> bool {
    let Some((cual, resto)) = datos.split_first() else { return false };
    acotada(FIJO + POR_BYTE * datos.len(), || match cual % 4 {
        0 => fuzz::bloque(resto),
        1 => fuzz::control(resto),
        2 => fuzz::nombre(resto),
        _ => diario(resto),
    })
}

/// Damage is found where there is some: what is whole up to its end, with an unwritten room behind, is whole with more room too.
fn diario(datos: &[u8]) -> bool {
    CARPETA.with_borrow_mut(|carpeta| {
        let carpeta = carpeta.get_or_insert_with(self::carpeta).path();
        let hallado = fuzz::diario(carpeta, datos).expect("disco");
        let con_hueco = fuzz::diario(carpeta, &[datos, &[0; 64]].concat()).expect("disco");
        assert_eq!(hallado.is_some(), con_hueco.is_some(), "el hueco detrás no cambia el diario");
        hallado.is_none()
    })
}

/// Whole things of each kind, for the corpus: what it takes and its bytes.
pub fn semillas() -> Vec<(u8, Vec<u8>)> {
    let cabeza = |count: u32| {
        let mut bytes = vec![7, 0, 0, 0, 0, 0, 0, 0, 1, 0];
        bytes.extend(count.to_le_bytes());
        bytes.extend(7u64.to_le_bytes());
        bytes.extend(5i64.to_le_bytes());
        bytes.extend(5i64.to_le_bytes());
        bytes.extend([0; 4]);
        bytes
    };
    // One header, a key of 1, a value of 2, the base's time; then a plain record.
    let uno = [&cabeza(1)[..], &[1, 1, 2, 0, b'k', 0, 3, b'a', b'b', b'c', b'v', b'w']].concat();
    let dos = [&cabeza(2)[..], &[0, 0, 1, 2, b'v', 0, 1, 0, 1, b'k']].concat();
    let posiciones = [[0, 4, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0], [0, 5, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0]].concat();
    vec![(0, uno), (0, dos), (1, posiciones), (2, b"procesador".to_vec()), (3, lote(1)), (3, [lote(1), lote(2)].concat())]
}

/// A batch of a journal, of one entry: see `log::embedded::journal`.
fn lote(numero: u64) -> Vec<u8> {
    let mut lote = vec![1, 1, 0, 0, 0];
    lote.extend(numero.to_le_bytes());
    lote.extend([2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 2, 0, 0, 0, b'k', b'v', b'w', 3]);
    lote.extend([0; 8]);
    lote.extend(b"FJL\x03");
    lote
}
