//! Lines of a file, one at a time: memory is bounded by one line, however large the file or the line is.

use std::io::{self, BufRead, Read};

/// Longest line taken; a longer one is refused and skipped.
pub const MAX_LINEA: usize = 1 << 20;

/// A line of the file, numbered from 1. The bytes have no end of line.
#[derive(Debug, PartialEq, Eq)]
pub enum Linea {
    Entera(Vec<u8>),
    /// The last one, when the file does not end in an end of line.
    SinFin(Vec<u8>),
    /// Longer than [`MAX_LINEA`]: its first bytes.
    Larga(Vec<u8>),
}

/// Reader of lines.
pub struct Lineas<R> {
    fuente: R,
    numero: u64,
    leidos: u64,
}

impl<R: BufRead> Lineas<R> {
    pub fn new(fuente: R) -> Self {
        Self { fuente, numero: 0, leidos: 0 }
    }

    /// Bytes read so far.
    pub fn leidos(&self) -> u64 {
        self.leidos
    }

    /// The next line and its number; `None` at the end.
    ///
    /// # Errors
    /// Those of the file.
    pub fn siguiente(&mut self) -> io::Result<Option<(u64, Linea)>> {
        let mut bytes = Vec::new();
        let leidos = (&mut self.fuente).take(MAX_LINEA as u64 + 2).read_until(b'\n', &mut bytes)?;
        if leidos == 0 {
            return Ok(None);
        }
        self.numero += 1;
        self.leidos += leidos as u64;
        let con_fin = bytes.last() == Some(&b'\n');
        if con_fin {
            bytes.pop();
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        if self.numero == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
            bytes.drain(..3);
        }
        let linea = if bytes.len() > MAX_LINEA {
            if !con_fin {
                self.saltar()?;
            }
            bytes.truncate(200);
            Linea::Larga(bytes)
        } else if con_fin {
            Linea::Entera(bytes)
        } else {
            Linea::SinFin(bytes)
        };
        Ok(Some((self.numero, linea)))
    }

    /// Reads to the end of the line without keeping it.
    fn saltar(&mut self) -> io::Result<()> {
        loop {
            let trozo = self.fuente.fill_buf()?;
            if trozo.is_empty() {
                return Ok(());
            }
            let fin = trozo.iter().position(|b| *b == b'\n');
            let usados = fin.map_or(trozo.len(), |i| i + 1);
            self.fuente.consume(usados);
            self.leidos += usados as u64;
            if fin.is_some() {
                return Ok(());
            }
        }
    }
}
