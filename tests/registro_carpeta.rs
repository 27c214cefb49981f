//! Folders that cannot be used are refused with what to do; reopened ones have everything.

mod registro_comun;

use std::{fs, process::Command};

use factumarket::{
    domain::valores::Instante,
    log::{Log, LogError, embedded::EmbeddedLogOptions},
};
use registro_comun::*;

fn refusal(path: &std::path::Path) -> String {
    match open(path, EmbeddedLogOptions::default()) {
        Ok(_) => panic!("se abrió"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn everything_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let small = || EmbeddedLogOptions { cache_bytes: 1 << 10, ..EmbeddedLogOptions::default() };
    let mut sent = Vec::new();
    let mut epoch = 0;
    for round in 0..4u64 {
        let log = open(folder.path(), small()).unwrap();
        let token = log.claim("p").unwrap();
        assert!(token.epoch > epoch, "las épocas sobreviven");
        epoch = token.epoch;
        for i in 0..30 {
            let value = noise(round * 100 + i, 50 + 40 * i as usize);
            sent.push(value.clone());
            log.commit(transaction(&token, vec![(at(EVENTS, 2), record("k", &value))], round * 100 + i)).unwrap();
        }
        let read = read_all(&*log, at(EVENTS, 2)).unwrap();
        assert_eq!(read.iter().map(|r| r.record.value.to_vec()).collect::<Vec<_>>(), sent);
        assert!(read.iter().enumerate().all(|(i, r)| r.position == i as u64));
        assert_eq!(log.position(GROUP, at(COMMANDS, 0)).unwrap(), Some(round * 100 + 29));
    }
}

#[test]
fn what_retention_removed_stays_removed() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), EmbeddedLogOptions::default()).unwrap();
    for _ in 0..10 {
        log.append(vec![(at(COMMANDS, 0), record("k", b"x"))]).unwrap().wait().unwrap();
    }
    let token = log.claim("p").unwrap();
    log.commit(transaction(&token, vec![], 10)).unwrap();
    assert_eq!(log.retain(Instante(i64::MAX)).unwrap(), 9, "el último bloque dice dónde está el fin");
    drop(log);
    let log = open(folder.path(), EmbeddedLogOptions::default()).unwrap();
    let marks = log.watermarks(at(COMMANDS, 0)).unwrap();
    assert_eq!((marks.first, marks.stable, marks.end), (9, 10, 10));
    assert!(matches!(log.read(at(COMMANDS, 0), 3, 1), Err(LogError::PositionGone { wanted: 3, first: 9, .. })));
    assert_eq!(log.read(at(COMMANDS, 0), 9, 1).unwrap().len(), 1);
}

#[test]
fn a_second_opener_is_refused_and_told_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), EmbeddedLogOptions::default()).unwrap();
    let text = refusal(folder.path());
    assert!(text.contains("otro proceso") && text.contains(&*folder.path().to_string_lossy()), "{text}");
    drop(log);
    open(folder.path(), EmbeddedLogOptions::default()).unwrap();
}

#[test]
fn another_process_is_refused() {
    const FOLDER: &str = "REGISTRO_CARPETA_EN_USO";
    if let Ok(folder) = std::env::var(FOLDER) {
        assert!(refusal(folder.as_ref()).contains("otro proceso"));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _log = open(folder.path(), EmbeddedLogOptions::default()).unwrap();
    let myself = std::env::current_exe().unwrap();
    let other = Command::new(myself).args(["--exact", "another_process_is_refused"]).env(FOLDER, folder.path()).status().unwrap();
    assert!(other.success());
}

#[test]
fn another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), EmbeddedLogOptions::default()).unwrap());
    fs::write(folder.path().join("formato"), "factumarket registro 99\n").unwrap();
    let text = refusal(folder.path());
    assert!(text.contains("otra versión") && text.contains("registro 99"), "{text}");
}

#[test]
fn a_folder_with_other_files_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("fotos.zip"), "recuerdos").unwrap();
    let text = refusal(folder.path());
    assert!(text.contains("fotos.zip") && text.contains("elija otra carpeta"), "{text}");
    assert_eq!(files(folder.path()).iter().filter(|f| !f.ends_with("bloqueo")).count(), 1);
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("datos");
    fs::write(&path, "").unwrap();
    assert!(refusal(&path).contains("no se puede usar la carpeta"));
}

#[test]
fn a_store_that_vanished_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), EmbeddedLogOptions::default()).unwrap();
    log.append(vec![(at(EVENTS, 0), record("k", b"x"))]).unwrap().wait().unwrap();
    drop(log);
    fs::remove_dir_all(folder.path().join("almacen")).unwrap();
    let text = refusal(folder.path());
    assert!(text.contains("faltan transacciones"), "{text}");
}

#[test]
fn a_creation_that_was_interrupted_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), EmbeddedLogOptions::default()).unwrap());
    let complete = folder.path().join("almacen");
    for file in files(&complete) {
        let again = tempfile::tempdir().unwrap();
        fs::copy(folder.path().join("formato"), again.path().join("formato")).unwrap();
        let partial = again.path().join("almacen.nuevo");
        fs::create_dir_all(&partial).unwrap();
        fs::copy(&file, partial.join(file.file_name().unwrap())).unwrap();
        let log = open(again.path(), EmbeddedLogOptions::default()).unwrap();
        log.append(vec![(at(EVENTS, 0), record("k", b"x"))]).unwrap().wait().unwrap();
    }
}

#[test]
fn impossible_layouts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for partitions in [0, 1025] {
        assert!(open(folder.path(), EmbeddedLogOptions { partitions, ..EmbeddedLogOptions::default() }).is_err());
    }
}
