//! Making a new store: in memory, then copied to disk whole and durable.
//!
//! The store asks for some twenty fsyncs for each keyspace it makes, one after the other. Nobody can have written to it yet, so only its
//! complete files need to be durable, once, before the folder gets its name. Where no memory file system can be used it is made in place.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    thread,
};

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";
/// Names tried before the disk is used instead.
const TRIES: u32 = 16;
/// Files made durable at a time: the file system writes those that come together with one commit.
const SYNCS: usize = 4;
const BUFFER: usize = 64 << 10;

/// A folder in memory, removed when dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// `None` where there is no such file system or it takes no folder.
    pub(super) fn new() -> Option<Self> {
        let folder = |n| Path::new(MEMORY).join(format!("factumarket-{}-{n}", std::process::id()));
        (0..TRIES).map(folder).find(|path| DirBuilder::new().mode(0o700).create(path).is_ok()).map(Self)
    }

    pub(super) fn store(&self) -> PathBuf {
        self.0.join("almacen")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is small and used by nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies a folder that nobody writes to a new one; at the return every file and folder of it is durable.
pub(super) fn copy_durably(from: &Path, to: &Path) -> io::Result<()> {
    let mut copied = Vec::new();
    copy_folder(from, to, &mut copied)?;
    let share = copied.len().div_ceil(SYNCS).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> = copied.chunks(share).map(|files| scope.spawn(|| files.iter().try_for_each(File::sync_all))).collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|_| Err(io::Error::other("un hilo terminó con un fallo"))))
    })
}

/// Open handles of everything copied go to `copied`.
fn copy_folder(from: &Path, to: &Path, copied: &mut Vec<File>) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target, copied)?;
        } else {
            copied.push(copy_file(&entry.path(), &target)?);
        }
    }
    copied.push(File::open(to)?);
    Ok(())
}

/// Holes stay holes: a new journal is 64 MiB of them.
fn copy_file(from: &Path, to: &Path) -> io::Result<File> {
    let (mut source, mut target) = (File::open(from)?, File::create_new(to)?);
    let mut buffer = vec![0; BUFFER];
    let mut at = 0;
    while let Some(data) = next_data(&source, at)? {
        source.seek(SeekFrom::Start(data))?;
        target.seek(SeekFrom::Start(data))?;
        let read = source.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        target.write_all(&buffer[..read])?;
        at = data + read as u64;
    }
    target.set_len(source.metadata()?.len())?;
    Ok(target)
}

/// Where the next written byte of a file is at or behind `from`, or earlier where the file system does not tell; `None`: only zeros
/// follow. Moves the file's cursor.
pub(super) fn next_data(file: &File, from: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(from)) {
        Ok(data) => Ok(Some(data)),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::OPNOTSUPP) => Ok((from < file.metadata()?.len()).then_some(from)),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_copy_is_the_same_with_its_holes() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir_all(from.join("dentro/vacía")).unwrap();
        fs::write(from.join("dentro/entero"), vec![7; 3 * BUFFER + 11]).unwrap();
        let holed = File::create(from.join("hueco")).unwrap();
        holed.set_len(8 << 20).unwrap();
        holed.write_all_at(b"antes", 10).unwrap();
        holed.write_all_at(b"en medio", 5 << 20).unwrap();
        copy_durably(&from, &to).unwrap();
        for name in ["dentro/entero", "hueco"] {
            assert!(fs::read(from.join(name)).unwrap() == fs::read(to.join(name)).unwrap(), "{name}");
        }
        assert!(to.join("dentro/vacía").is_dir());
        assert!(copy_durably(&from, &to).is_err(), "never over something");
    }

    #[test]
    fn written_bytes_are_found_behind_holes() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4 << 20).unwrap();
        assert!(next_data(&file, 4 << 20).unwrap().is_none());
        file.write_all_at(b"x", 2 << 20).unwrap();
        assert!(next_data(&file, 0).unwrap().unwrap() <= 2 << 20);
        assert_eq!(next_data(&file, 2 << 20).unwrap(), Some(2 << 20));
    }

    #[test]
    fn the_folder_in_memory_goes_when_dropped() {
        let Some(scratch) = Scratch::new() else { return };
        fs::create_dir_all(scratch.store()).unwrap();
        let path = scratch.0.clone();
        drop(scratch);
        assert!(!path.exists());
    }
}
