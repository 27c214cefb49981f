//! A mutator without feedback: the same seed makes the same inputs.

/// Longest input made.
const LARGO: usize = 1 << 16;

/// Numbers at which readers go wrong, as bytes and as text.
const BORDES: [u64; 12] = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, 1 << 63, u64::MAX];

pub struct Mutador {
    estado: u64,
    corpus: Vec<Vec<u8>>,
    palabras: &'static [&'static str],
}

impl Mutador {
    /// `nombre` is the seed.
    pub fn new(nombre: &str, corpus: Vec<Vec<u8>>, palabras: &'static [&'static str]) -> Self {
        let estado = nombre.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self { estado, corpus, palabras }
    }

    /// splitmix64.
    fn azar(&mut self) -> u64 {
        self.estado = self.estado.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.estado ^ (self.estado >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `tope`, exclusive; 0 when it is 0.
    fn hasta(&mut self, tope: usize) -> usize {
        (self.azar() % tope.max(1) as u64) as usize
    }

    /// An input of the corpus with one to eight changes: one in half of the cases, two in a quarter… More of them are seldom still read.
    pub fn siguiente(&mut self) -> Vec<u8> {
        let elegida = self.hasta(self.corpus.len());
        let mut datos = self.corpus.get(elegida).cloned().unwrap_or_default();
        for _ in 0..=self.azar().trailing_zeros().min(7) {
            self.cambiar(&mut datos);
        }
        datos.truncate(LARGO);
        datos
    }

    fn cambiar(&mut self, datos: &mut Vec<u8>) {
        let (a, b) = (self.hasta(datos.len() + 1), self.hasta(datos.len() + 1));
        let (desde, hasta) = (a.min(b), a.max(b));
        match self.hasta(10) {
            0 | 1 if a < datos.len() => datos[a] ^= 1 << self.hasta(8),
            2 if a < datos.len() => datos[a] = self.azar() as u8,
            3 => datos.truncate(a),
            4 => drop(datos.drain(desde..hasta)),
            5 => {
                let trozo = datos[desde..hasta].to_vec();
                let lugar = self.hasta(datos.len() + 1);
                datos.splice(lugar..lugar, trozo);
            }
            6 => {
                let cual = self.hasta(self.corpus.len());
                let otra = self.corpus.get(cual).cloned().unwrap_or_default();
                let corte = self.hasta(otra.len() + 1);
                datos.splice(a.., otra[corte..].iter().copied());
            }
            7 if !self.palabras.is_empty() => {
                let palabra = self.palabras[self.hasta(self.palabras.len())];
                datos.splice(a..a, palabra.bytes());
            }
            8 => {
                let borde = BORDES[self.hasta(BORDES.len())];
                let ancho = [1, 2, 4, 8][self.hasta(4)];
                let fin = (a + ancho).min(datos.len());
                if self.hasta(2) == 0 {
                    datos.splice(a..fin, borde.to_le_bytes()[..ancho].iter().copied());
                } else {
                    datos.splice(a..fin, borde.to_be_bytes()[8 - ancho..].iter().copied());
                }
            }
            _ => {
                let ruido: Vec<u8> = (0..self.hasta(12)).map(|_| self.azar() as u8).collect();
                datos.splice(a..a, ruido);
            }
        }
    }
}
