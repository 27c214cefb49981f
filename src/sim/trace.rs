//! What happened, as text for people and as a digest for the test that the same seed happens the same.

use xxhash_rust::xxh3::Xxh3Default;

/// The trace of a run. Lines are made only when somebody wants them, or for the digest when asked.
pub struct Trace {
    lines: Option<Vec<String>>,
    digest: Option<Box<Xxh3Default>>,
    time: u64,
    steps: u64,
}

impl Trace {
    /// Keeps nothing.
    pub fn none() -> Self {
        Self { lines: None, digest: None, time: 0, steps: 0 }
    }

    /// Keeps a digest of everything said.
    pub fn digest() -> Self {
        Self { digest: Some(Box::default()), ..Self::none() }
    }

    /// Keeps the lines too.
    pub fn lines() -> Self {
        Self { lines: Some(Vec::new()), ..Self::digest() }
    }

    /// Simulated time in µs of what is said from here on.
    pub fn at(&mut self, time: u64) {
        self.time = time;
        self.steps += 1;
    }

    pub fn say(&mut self, what: impl FnOnce() -> String) {
        if self.digest.is_none() {
            return;
        }
        let line = format!("{:>10.3} ms #{} {}", self.time as f64 / 1_000.0, self.steps, what());
        if let Some(digest) = &mut self.digest {
            digest.update(line.as_bytes());
        }
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// 0 when none is kept.
    pub fn sum(&self) -> u64 {
        self.digest.as_ref().map_or(0, |digest| digest.digest())
    }

    pub fn take_lines(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }
}
