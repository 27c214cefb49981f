//! The log is opened after every prefix of its writes, the last one torn: it has exactly the transactions written whole before the cut.

mod registro_comun;

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use factumarket::log::{Log, embedded::EmbeddedLogOptions};
use registro_comun::*;

const STEPS: u64 = 40;

/// What the store's files held when a step was durable.
struct Moment {
    journal: u64,
    mark: Vec<u8>,
}

/// A log that took `STEPS` steps and was killed, with the moment after each (the first: before any).
struct Story {
    folder: tempfile::TempDir,
    journal: PathBuf,
    bytes: Vec<u8>,
    moments: Vec<Moment>,
}

/// Step i writes i+1 to partition 0, something to partition 1 + i % 3, and the group's position i+1.
fn records_of(step: u64) -> Vec<(factumarket::log::TopicPartition, factumarket::log::Record)> {
    let size = 20 + (step as usize * 37) % 400;
    vec![
        (at(EVENTS, 0), record("a", &noise(step, size))),
        (at(EVENTS, 1 + (step % 3) as u16), record("b", &noise(step + 1000, size / 2))),
        (at(EVENTS, 0), record("c", &step.to_le_bytes())),
    ]
}

fn story() -> Story {
    let folder = tempfile::tempdir().unwrap();
    let live = tempfile::tempdir().unwrap();
    let log = open(live.path(), EmbeddedLogOptions::default()).unwrap();
    let token = log.claim("p").unwrap();
    let journals: Vec<_> = files(live.path()).into_iter().filter(|f| is_journal(f)).collect();
    let [journal] = &journals[..] else { panic!("{journals:?}") };
    let mut bytes = used(journal, 0);
    let mut moments = Vec::new();
    for step in 0..=STEPS {
        if step > 0 {
            if step % 5 == 0 {
                drop(log.append(records_of(step - 1)[..1].to_vec()).unwrap());
                log.commit(transaction(&token, records_of(step - 1)[1..].to_vec(), step)).unwrap();
            } else {
                log.commit(transaction(&token, records_of(step - 1), step)).unwrap();
            }
            // A batch may end in zeros, which cannot be told from the room behind: read again from the last moment.
            let from: u64 = moments.last().map_or(0, |m: &Moment| m.journal);
            bytes.truncate(from as usize);
            bytes.extend(used(journal, from));
        }
        moments.push(Moment { journal: bytes.len() as u64, mark: fs::read(live.path().join("marca")).unwrap() });
    }
    let relative = journal.strip_prefix(live.path()).unwrap().to_owned();
    copy(live.path(), folder.path(), 0);
    Story { folder, journal: relative, bytes, moments }
}

impl Story {
    /// The folder as a kill left it: the journal up to `cut` and `room` zeros, the mark as it was at moment `marked`.
    fn rebuild(&self, cut: u64, room: u64, marked: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path(), 0);
        let journal = File::options().write(true).open(folder.path().join(&self.journal)).unwrap();
        journal.set_len(0).unwrap();
        journal.write_all_at(&self.bytes[..cut as usize], 0).unwrap();
        journal.set_len(cut + room).unwrap();
        fs::write(folder.path().join("marca"), &self.moments[marked].mark).unwrap();
        folder
    }

    /// Number of steps whose bytes are all before the cut.
    fn whole(&self, cut: u64) -> usize {
        self.moments.iter().rposition(|m| m.journal <= cut).unwrap()
    }
}

/// Exactly the first `steps` steps are there, whole, and the log goes on.
fn check(path: &Path, steps: usize, what: &str) {
    let log = open(path, EmbeddedLogOptions::default()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let expected: Vec<_> = (0..steps as u64).flat_map(records_of).collect();
    for number in 0..4 {
        let partition = at(EVENTS, number);
        let wanted: Vec<_> = expected.iter().filter(|(p, _)| *p == partition).map(|(_, r)| r.clone()).collect();
        let read = read_all(&*log, partition).unwrap();
        assert!(read.iter().enumerate().all(|(i, r)| r.position == i as u64), "{what}: {partition}");
        assert_eq!(read.into_iter().map(|r| r.record).collect::<Vec<_>>(), wanted, "{what}: {partition}");
    }
    let position = (steps > 0).then_some(steps as u64);
    assert_eq!(log.position(GROUP, at(COMMANDS, 0)).unwrap(), position, "{what}");
    let token = log.claim("p").unwrap();
    assert_eq!(token.epoch, 2, "{what}");
    let committed = log.commit(transaction(&token, records_of(7), 99)).unwrap();
    assert_eq!(committed.ends[0].1, 2 * steps as u64 + 2);
    drop(log);
    let log = open(path, EmbeddedLogOptions::default()).unwrap_or_else(|e| panic!("{what}, otra vez: {e}"));
    assert_eq!(read_all(&*log, at(EVENTS, 0)).unwrap().len(), 2 * steps + 2, "{what}, otra vez");
}

#[test]
fn every_prefix_has_exactly_its_transactions() {
    let story = story();
    let mut cuts: Vec<u64> = Vec::new();
    for pair in story.moments.windows(2) {
        let (from, to) = (pair[0].journal, pair[1].journal);
        assert!(from < to, "cada paso escribe en el diario");
        let length = to - from;
        cuts.extend([
            from,
            from + 1,
            from + 2,
            from + length / 4,
            from + length / 2,
            from + length * 3 / 4,
            to - 9,
            to - 2,
            to - 1,
        ]);
    }
    cuts.push(story.bytes.len() as u64);
    for cut in cuts {
        let steps = story.whole(cut);
        for room in [0, 1 << 20] {
            let folder = story.rebuild(cut, room, steps);
            check(folder.path(), steps, &format!("diario cortado en {cut} con {room} ceros"));
        }
    }
}

#[test]
fn every_byte_of_one_batch_may_be_the_last() {
    let story = story();
    let (from, to) = (story.moments[4].journal, story.moments[5].journal);
    for cut in from..=to {
        let steps = story.whole(cut);
        let folder = story.rebuild(cut, 4096, steps);
        check(folder.path(), steps, &format!("diario cortado en {cut}"));
    }
}

#[test]
fn a_journal_cut_below_what_was_durable_is_refused() {
    let story = story();
    for (cut, marked) in [(10, 11), (10, 40), (0, 1), (39, 40)] {
        let folder = story.rebuild(story.moments[cut].journal, 0, marked);
        let text = open(folder.path(), EmbeddedLogOptions::default()).err().expect("debía negarse").to_string();
        assert!(text.contains("faltan transacciones"), "{text}");
    }
}
