//! A look at the store's journals before it opens them: a torn end is normal after a crash, damage before the end is not.
//!
//! The store cuts a journal at the first entry it cannot read, as if everything behind had never been written. So the entries are walked
//! here first (format 3 of the store): when one cannot be read and an end marker still follows, or numbers do not ascend, the journal was
//! damaged. Checksums are left to the store, which refuses wrong ones.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use super::creation::next_data;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
/// What ends every batch, behind its checksum.
const MAGIC: &[u8; 4] = b"FJL\x03";
const BUFFER: usize = 256 << 10;

/// Where a journal below the folder is damaged, if one is.
pub(super) fn damage(store: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(store)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "jnl")
            && let Some(place) = damage_of(&path)?
        {
            return Ok(Some(format!("{} byte {place}", path.display())));
        }
    }
    Ok(None)
}

fn damage_of(path: &Path) -> io::Result<Option<u64>> {
    let mut walk = Walk { reader: BufReader::with_capacity(BUFFER, File::open(path)?), at: 0, last: None };
    loop {
        let good = walk.at;
        match walk.batch() {
            Ok(true) => {}
            Ok(false) => return Ok((walk.marker_follows(path, good)?).then_some(good)),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok((walk.marker_follows(path, good)?).then_some(good)),
            Err(e) => return Err(e),
        }
    }
}

struct Walk {
    reader: BufReader<File>,
    at: u64,
    /// Number of the batch before.
    last: Option<u64>,
}

impl Walk {
    /// Walks over one whole batch; false when it cannot be one.
    fn batch(&mut self) -> io::Result<bool> {
        if self.take::<1>()? != [START] {
            return Ok(false);
        }
        let count = u32::from_le_bytes(self.take()?);
        let number = u64::from_le_bytes(self.take()?);
        if self.last.is_some_and(|last| number <= last) {
            return Ok(false);
        }
        let mut clears = false;
        for _ in 0..count {
            match self.entry()? {
                Some(entry) => clears |= entry == CLEAR,
                None => return Ok(false),
            }
        }
        if self.take::<1>()? != [END] {
            return Ok(false);
        }
        self.skip(8)?;
        // A keyspace emptied takes its numbers along: after a reopening the store may count on from below.
        self.last = (!clears).then_some(number);
        Ok(self.take::<4>()? == *MAGIC)
    }

    /// Walks over an entry and answers its kind.
    fn entry(&mut self) -> io::Result<Option<u8>> {
        match self.take::<1>()? {
            [ITEM] => {
                // Kind of value, compression, keyspace.
                self.skip(10)?;
                let key = u16::from_le_bytes(self.take()?);
                self.skip(4)?;
                let value = u32::from_le_bytes(self.take()?);
                self.skip(u64::from(key) + u64::from(value))?;
                Ok(Some(ITEM))
            }
            [CLEAR] => self.skip(8).map(|()| Some(CLEAR)),
            _ => Ok(None),
        }
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let here = self.reader.fill_buf()?.len() as u64;
            if here == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step = here.min(left);
            // At most the buffer's length.
            self.reader.consume(step as usize);
            self.at += step;
            left -= step;
        }
        Ok(())
    }

    /// True when the end of a batch is found at or behind `from`: what cannot be read there was once whole. Holes, which the journal's
    /// unused room is made of, hold no marker and are not read.
    fn marker_follows(&self, path: &Path, from: u64) -> io::Result<bool> {
        let mut reader = File::open(path)?;
        let mut window = vec![0; BUFFER];
        let (mut at, mut kept) = (from, 0);
        loop {
            let Some(data) = next_data(&reader, at)? else { return Ok(false) };
            if data > at {
                kept = 0;
            }
            io::Seek::seek(&mut reader, io::SeekFrom::Start(data))?;
            let read = reader.read(&mut window[kept..])?;
            if read == 0 {
                return Ok(false);
            }
            at = data + read as u64;
            let filled = kept + read;
            if window[..filled].windows(MAGIC.len()).any(|w| w == MAGIC) {
                return Ok(true);
            }
            kept = filled.min(MAGIC.len() - 1);
            window.copy_within(filled - kept..filled, 0);
        }
    }
}
