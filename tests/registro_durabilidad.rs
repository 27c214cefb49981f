//! Between an append and its answer there is one fsync; a failing disk stops the log; nothing durable is lost.

mod registro_comun;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use factumarket::log::{
    Delivery, Log, LogError,
    embedded::{EmbeddedLogOptions, StoreHooks},
};
use registro_comun::*;

#[derive(Default)]
struct Disk {
    syncs: AtomicU64,
    fail_sync: AtomicBool,
    fail_write: AtomicBool,
    full: AtomicBool,
}

impl Disk {
    fn options(self: &Arc<Self>) -> EmbeddedLogOptions {
        let (writes, syncs) = (self.clone(), self.clone());
        let hooks = StoreHooks {
            on_write: Some(Arc::new(move |_| {
                if writes.full.load(SeqCst) {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                if writes.fail_write.load(SeqCst) { Err(io::Error::other("escritura")) } else { Ok(()) }
            })),
            on_sync: Some(Arc::new(move || {
                syncs.syncs.fetch_add(1, SeqCst);
                if syncs.fail_sync.load(SeqCst) { Err(io::Error::other("fsync")) } else { Ok(()) }
            })),
        };
        EmbeddedLogOptions { hooks, ..EmbeddedLogOptions::default() }
    }
}

#[test]
fn one_fsync_between_append_and_answer() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let log = open(folder.path(), disk.options()).unwrap();
    let token = log.claim("p").unwrap();
    let mut subscription = log.subscribe(GROUP, &[COMMANDS]).unwrap();
    assert!(matches!(subscription.poll(10, 1 << 20, Duration::from_secs(5)).unwrap(), Delivery::Assigned(_)));
    for round in 0..20 {
        let before = disk.syncs.load(SeqCst);
        let pending = log.append(vec![(at(COMMANDS, 0), record("k", b"comando"))]).unwrap();
        let Delivery::Records(partition, records) = subscription.poll(10, 1 << 20, Duration::from_secs(5)).unwrap() else {
            panic!("no llegó el comando");
        };
        assert_eq!(disk.syncs.load(SeqCst), before, "el comando se entrega antes de ser durable");
        assert_eq!(log.watermarks(partition).unwrap().stable, round);
        let next = records.last().unwrap().position + 1;
        log.commit(transaction(&token, vec![(at(EVENTS, 0), record("k", b"evento"))], next)).unwrap();
        assert_eq!(disk.syncs.load(SeqCst), before + 1);
        pending.wait().unwrap();
        assert_eq!(disk.syncs.load(SeqCst), before + 1, "el commit ya lo cubrió");
        assert_eq!(log.watermarks(at(COMMANDS, 0)).unwrap().stable, next);
    }
}

#[test]
fn many_appends_share_a_fsync() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let log = open(folder.path(), disk.options()).unwrap();
    let pending: Vec<_> = (0..100).map(|_| log.append(vec![(at(COMMANDS, 1), record("k", b"x"))]).unwrap()).collect();
    assert_eq!(disk.syncs.load(SeqCst), 0);
    for pending in pending {
        pending.wait().unwrap();
    }
    assert_eq!(disk.syncs.load(SeqCst), 1);
    assert_eq!(log.stats().blocks, 1, "un bloque por partición y lote");
}

#[test]
fn an_append_that_is_awaited_survives_a_kill_and_a_dropped_log_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), EmbeddedLogOptions::default()).unwrap();
    log.append(vec![(at(COMMANDS, 0), record("k", b"esperado"))]).unwrap().wait().unwrap();
    drop(log.append(vec![(at(COMMANDS, 0), record("k", b"sin esperar"))]).unwrap());
    let killed = tempfile::tempdir().unwrap();
    copy(folder.path(), killed.path(), 1 << 20);
    let found = open(killed.path(), EmbeddedLogOptions::default()).unwrap();
    assert_eq!(read_all(&*found, at(COMMANDS, 0)).unwrap().len(), 1);
    drop(log);
    let found = open(folder.path(), EmbeddedLogOptions::default()).unwrap();
    assert_eq!(read_all(&*found, at(COMMANDS, 0)).unwrap().len(), 2, "al cerrar en orden todo queda durable");
}

/// Fails a commit, then checks that every later write fails and that a new process finds what was durable.
fn poisoned(break_disk: fn(&Disk), expected: fn(&LogError) -> bool) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let log = open(folder.path(), disk.options()).unwrap();
    let token = log.claim("p").unwrap();
    let commit = |value: &[u8]| log.commit(transaction(&token, vec![(at(EVENTS, 0), record("k", value))], 1));
    commit(b"bueno").unwrap();
    let waiting = log.append(vec![(at(EVENTS, 1), record("k", b"en espera"))]).unwrap();
    break_disk(&disk);
    let failed = commit(b"perdido").unwrap_err();
    assert!(expected(&failed), "{failed:?}");
    disk.fail_sync.store(false, SeqCst);
    disk.fail_write.store(false, SeqCst);
    disk.full.store(false, SeqCst);
    for result in [
        commit(b"tarde").map(drop),
        log.append(vec![(at(EVENTS, 0), record("k", b"tarde"))]).map(drop),
        log.claim("otro").map(drop),
        waiting.wait(),
        log.retain(factumarket::domain::valores::Instante(0)).map(drop),
    ] {
        assert!(matches!(result, Err(LogError::Poisoned(_) | LogError::DiskFull { .. })), "{result:?}");
    }
    assert_eq!(read_all(&*log, at(EVENTS, 0)).unwrap().len(), 1, "lo durable se sigue leyendo, lo incierto no");
    assert_eq!(log.position(GROUP, at(COMMANDS, 0)).unwrap(), Some(1));
    drop(log);
    let log = open(folder.path(), EmbeddedLogOptions::default()).unwrap();
    assert_eq!(read_all(&*log, at(EVENTS, 0)).unwrap()[0].record.value, &b"bueno"[..]);
    log.commit(transaction(&log.claim("p").unwrap(), vec![(at(EVENTS, 0), record("k", b"sigue"))], 2)).unwrap();
}

#[test]
fn a_failed_fsync_poisons_the_log() {
    poisoned(|d| d.fail_sync.store(true, SeqCst), |e| matches!(e, LogError::Poisoned(_)));
}

#[test]
fn a_failed_write_poisons_the_log() {
    poisoned(|d| d.fail_write.store(true, SeqCst), |e| matches!(e, LogError::Poisoned(_)));
}

#[test]
fn a_full_disk_says_so() {
    poisoned(
        |d| d.full.store(true, SeqCst),
        |e| matches!(e, LogError::DiskFull { .. }) && e.to_string().contains("libere espacio"),
    );
}

#[test]
fn waiters_of_a_failed_flush_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    let log = open(folder.path(), disk.options()).unwrap();
    disk.fail_sync.store(true, SeqCst);
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let log = &log;
                scope.spawn(move || log.append(vec![(at(EVENTS, 0), record("k", b"x"))]).and_then(|p| p.wait()))
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(results.iter().all(Result::is_err));
    assert_eq!(log.watermarks(at(EVENTS, 0)).unwrap().stable, 0);
}
