//! Recovery of the embedded log: a killed log's folder whose files are changed, then opened and read. The bytes are changes of 8 bytes each:
//! operation, file, place (4), value, length.
//!
//! One change ends in a refusal, in an error when it is read, or in what was written. Several may agree to hide a lost tail (the journal
//! cut and its mark gone), so then what is read is a beginning of what was written.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use factumarket::log::{Log, LogError, StoredRecord, TopicPartition, embedded::EmbeddedLogOptions};
use registro_comun::{COMMANDS, EVENTS, at, copy, files, noise, open, read_all, record, transaction};
use tempfile::TempDir;

use super::registro::carpeta;

#[path = "../../registro_comun/mod.rs"]
mod registro_comun;

/// Changes made at most: each costs little, the opening costs milliseconds.
const CAMBIOS: usize = 4;

/// A killed log, its files and what was written to it.
struct Muerto {
    folder: TempDir,
    archivos: Vec<PathBuf>,
    escrito: Vec<(TopicPartition, Vec<StoredRecord>)>,
}

static MUERTO: LazyLock<Muerto> = LazyLock::new(|| {
    let folder = carpeta();
    let vivo = carpeta();
    let escrito = escribir(vivo.path());
    copy(vivo.path(), folder.path(), 4096);
    let relativo = |f: PathBuf| f.strip_prefix(folder.path()).expect("dentro").to_owned();
    let archivos = files(folder.path()).into_iter().map(relativo).collect();
    Muerto { folder, archivos, escrito }
});

fn opciones() -> EmbeddedLogOptions {
    EmbeddedLogOptions { partitions: 2, reply_partitions: 1, memtable_bytes: 64 << 10, ..EmbeddedLogOptions::default() }
}

/// Some blocks in tables, some in the journal only.
fn escribir(carpeta: &Path) -> Vec<(TopicPartition, Vec<StoredRecord>)> {
    let log = open(carpeta, opciones()).expect("registro nuevo");
    let token = log.claim("p").expect("dueño");
    for paso in 0..400 {
        let datos = vec![
            (at(EVENTS, (paso % 2) as u16), record("a", &noise(paso, 300))),
            (at(COMMANDS, (paso % 2) as u16), record("b", &noise(paso, 100))),
        ];
        log.commit(transaction(&token, datos, paso)).expect("confirmado");
    }
    let particiones = (0..2).flat_map(|p| [at(EVENTS, p), at(COMMANDS, p)]);
    particiones.map(|p| (p, read_all(&*log, p).expect("legible"))).collect()
}

pub fn cuerpo(datos: &[u8]) -> bool {
    let muerto = &*MUERTO;
    let copia = carpeta();
    for archivo in &muerto.archivos {
        let destino = copia.path().join(archivo);
        fs::create_dir_all(destino.parent().expect("dentro")).expect("disco");
        fs::copy(muerto.folder.path().join(archivo), destino).expect("disco");
    }
    let cambios: Vec<&[u8; 8]> = datos.as_chunks::<8>().0.iter().take(CAMBIOS).collect();
    cambios.iter().for_each(|cambio| aplicar(copia.path(), cambio));
    leer(copia.path(), muerto, cambios.len() <= 1)
}

/// A change of a file: flipped bits, a byte set, a run of one value, cut, lengthened, gone, a part copied elsewhere.
fn aplicar(carpeta: &Path, cambio: &[u8; 8]) {
    let [operacion, archivo, a, b, c, d, valor, largo] = *cambio;
    let archivos = &MUERTO.archivos;
    let ruta = carpeta.join(&archivos[usize::from(archivo) % archivos.len()]);
    let Ok(mut bytes) = fs::read(&ruta) else { return };
    let lugar = u32::from_le_bytes([a, b, c, d]) as usize % bytes.len().max(1);
    let fin = (lugar + usize::from(largo)).min(bytes.len());
    match operacion % 7 {
        0 | 1 if bytes.is_empty() => bytes.push(valor),
        0 => bytes[lugar] ^= valor.max(1),
        1 => bytes[lugar] = valor,
        2 => bytes[lugar..fin].fill(valor),
        3 => bytes.truncate(lugar),
        4 => bytes.resize(bytes.len() + usize::from(largo), valor),
        5 => {
            let trozo = bytes[lugar..fin].to_vec();
            let otro = usize::from(valor) * 131 % bytes.len().max(1);
            bytes.splice(otro..otro, trozo);
        }
        _ => return fs::remove_file(&ruta).expect("disco"),
    }
    fs::write(&ruta, bytes).expect("disco");
}

fn leer(carpeta: &Path, muerto: &Muerto, uno: bool) -> bool {
    let log = match open(carpeta, opciones()) {
        Ok(log) => log,
        Err(error) => {
            assert!(error.to_string().len() > 20, "una negativa dice qué pasa: {error}");
            return false;
        }
    };
    for (particion, escrito) in &muerto.escrito {
        match read_all(&*log, *particion) {
            Ok(leido) if uno => assert!(leido == *escrito, "{particion}: {} registros de {}", leido.len(), escrito.len()),
            Ok(leido) => assert!(escrito.starts_with(&leido), "{particion}: se leyó otra cosa"),
            Err(LogError::Corrupt { .. } | LogError::Storage(_)) => {}
            Err(otro) => panic!("{particion}: {otro:?}"),
        }
    }
    true
}
