//! A flipped byte anywhere in the store's files ends in an error or in a correct read, never in other data or in fewer.

mod registro_comun;

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use factumarket::log::{Log, LogError, StoredRecord, TopicPartition, embedded::EmbeddedLogOptions};
use registro_comun::*;

const FLIPS: u64 = 320;

type Contents = Vec<(TopicPartition, Vec<StoredRecord>)>;

/// A killed log with some blocks in tables, some in the journal only.
fn store() -> (tempfile::TempDir, Contents) {
    let live = tempfile::tempdir().unwrap();
    let options = EmbeddedLogOptions { memtable_bytes: 64 << 10, ..EmbeddedLogOptions::default() };
    let log = open(live.path(), options).unwrap();
    let token = log.claim("p").unwrap();
    let mut flushed = false;
    for step in 0..1200 {
        let out = vec![
            (at(EVENTS, (step % 3) as u16), record("a", &noise(step, 300))),
            (at(COMMANDS, (step % 2) as u16), record("b", &noise(step, 100))),
        ];
        log.commit(transaction(&token, out, step)).unwrap();
        if step % 50 == 0 {
            flushed = files(live.path()).iter().any(|f| f.components().any(|c| c.as_os_str() == "blobs"));
            if flushed && step >= 600 {
                break;
            }
        }
    }
    assert!(flushed, "el almacén no llegó a escribir tablas");
    let contents = partitions().map(|p| (p, read_all(&*log, p).unwrap())).collect();
    let folder = tempfile::tempdir().unwrap();
    // The store's thread may be moving files: without the log there is nobody.
    drop(log);
    copy(live.path(), folder.path(), 4096);
    (folder, contents)
}

fn partitions() -> impl Iterator<Item = TopicPartition> {
    (0..4).flat_map(|p| [at(EVENTS, p), at(COMMANDS, p)])
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Refused,
    ReadError,
    Correct,
}

fn outcome(path: &Path, contents: &Contents, what: &str) -> Outcome {
    let Ok(log) = open(path, EmbeddedLogOptions::default()) else { return Outcome::Refused };
    let mut outcome = Outcome::Correct;
    for (partition, wanted) in contents {
        match read_all(&*log, *partition) {
            Ok(read) => assert!(read == *wanted, "{what}: {partition} se leyó distinto sin error"),
            Err(LogError::Corrupt { .. } | LogError::Storage(_)) => outcome = Outcome::ReadError,
            Err(other) => panic!("{what}: {other:?}"),
        }
    }
    if let Ok(position) = log.position(GROUP, at(COMMANDS, 0)) {
        assert!(position.is_some(), "{what}: se perdió la posición del grupo");
    }
    outcome
}

fn flip(path: &Path, at: u64, mask: u8) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ mask], at).unwrap();
}

#[test]
fn flipped_bytes_are_never_silently_read() {
    let (folder, contents) = store();
    assert_eq!(outcome(clone(&folder).path(), &contents, "intacto"), Outcome::Correct);
    let all: Vec<(PathBuf, u64)> = files(folder.path())
        .into_iter()
        .map(|f| (f.strip_prefix(folder.path()).unwrap().to_owned(), f.metadata().unwrap().len()))
        .filter(|(_, length)| *length > 0)
        .collect();
    let mut counts = [0; 3];
    for i in 0..FLIPS {
        let random = u64::from_le_bytes(noise(i + 77, 8).try_into().unwrap());
        let (file, length) = &all[i as usize % all.len()];
        let (place, mask) = (random % length, 1 << (random >> 60 & 7));
        let damaged = clone(&folder);
        flip(&damaged.path().join(file), place, mask);
        let what = format!("{} byte {place} de {length} con {mask:#x}", file.display());
        counts[outcome(damaged.path(), &contents, &what) as usize] += 1;
    }
    eprintln!(
        "{FLIPS} bytes cambiados en {} archivos: {} se negó a abrir, {} error al leer, {} se leyó bien",
        all.len(),
        counts[0],
        counts[1],
        counts[2]
    );
    assert!(counts[0] + counts[1] > 0);
}

fn clone(folder: &tempfile::TempDir) -> tempfile::TempDir {
    let out = tempfile::tempdir().unwrap();
    for file in files(folder.path()) {
        let target = out.path().join(file.strip_prefix(folder.path()).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
    out
}
