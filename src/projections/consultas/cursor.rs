//! Opaque cursors: hexadecimal of {checksum, fingerprint of the query, position in the list}.
//! The checksum finds altered text; the fingerprint refuses a cursor of another query or other filters.

use super::ConsultaError;
use crate::domain::valores::Id;

/// Longest cursor accepted, in characters.
const MAX_TEXTO: usize = 4_096;

/// Identity of a query and its filters.
pub fn huella(consulta: &str, filtros: &[&str]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(consulta.as_bytes());
    for filtro in filtros {
        hasher.update(&[0xff]);
        hasher.update(filtro.as_bytes());
    }
    hasher.finalize()
}

/// `lugar` is what the query needs to go on.
pub fn codificar(huella: u32, lugar: &[u8]) -> String {
    let mut cuerpo = huella.to_be_bytes().to_vec();
    cuerpo.extend_from_slice(lugar);
    let mut texto = format!("{:08x}", crc32fast::hash(&cuerpo));
    for byte in cuerpo {
        texto.push(digito(byte >> 4));
        texto.push(digito(byte & 15));
    }
    texto
}

fn digito(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 })
}

/// The `lugar` of a cursor made by [`codificar`] with the same fingerprint.
pub fn decodificar(huella: u32, texto: &str) -> Result<Vec<u8>, ConsultaError> {
    let bytes = de_hexadecimal(texto).ok_or(ConsultaError::CursorInvalido)?;
    let (suma, cuerpo) = bytes.split_first_chunk::<4>().ok_or(ConsultaError::CursorInvalido)?;
    let (suya, lugar) = cuerpo.split_first_chunk::<4>().ok_or(ConsultaError::CursorInvalido)?;
    let intacto = u32::from_be_bytes(*suma) == crc32fast::hash(cuerpo);
    let de_esta_consulta = u32::from_be_bytes(*suya) == huella;
    if intacto && de_esta_consulta { Ok(lugar.to_vec()) } else { Err(ConsultaError::CursorInvalido) }
}

fn de_hexadecimal(texto: &str) -> Option<Vec<u8>> {
    if texto.len() > MAX_TEXTO || !texto.len().is_multiple_of(2) {
        return None;
    }
    let valor = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    texto.as_bytes().chunks_exact(2).map(|par| Some(valor(par[0])? << 4 | valor(par[1])?)).collect()
}

/// Fields of a `lugar`: texts and integers, in order.
#[derive(Default)]
pub struct Escritor(Vec<u8>);

impl Escritor {
    pub fn texto(mut self, texto: &str) -> Self {
        let largo = u16::try_from(texto.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&largo.to_be_bytes());
        self.0.extend_from_slice(&texto.as_bytes()[..usize::from(largo)]);
        self
    }

    pub fn entero(mut self, numero: i64) -> Self {
        self.0.extend_from_slice(&numero.to_be_bytes());
        self
    }

    pub fn terminar(self, huella: u32) -> String {
        codificar(huella, &self.0)
    }
}

pub struct Lector {
    bytes: Vec<u8>,
    at: usize,
}

impl Lector {
    pub fn new(huella: u32, texto: &str) -> Result<Self, ConsultaError> {
        Ok(Self { bytes: decodificar(huella, texto)?, at: 0 })
    }

    fn tomar(&mut self, cuantos: usize) -> Result<&[u8], ConsultaError> {
        let hasta = self.at + cuantos;
        let parte = self.bytes.get(self.at..hasta).ok_or(ConsultaError::CursorInvalido)?;
        self.at = hasta;
        Ok(parte)
    }

    pub fn texto(&mut self) -> Result<String, ConsultaError> {
        let largo = self.tomar(2)?;
        let largo = usize::from(u16::from_be_bytes([largo[0], largo[1]]));
        let bytes = self.tomar(largo)?.to_vec();
        String::from_utf8(bytes).map_err(|_| ConsultaError::CursorInvalido)
    }

    /// A text that is an id. Anyone can make a cursor: no other text may become part of a key.
    pub fn id(&mut self) -> Result<Id, ConsultaError> {
        Id::de_clave(&self.texto()?).map_err(|_| ConsultaError::CursorInvalido)
    }

    pub fn entero(&mut self) -> Result<i64, ConsultaError> {
        let bytes = self.tomar(8)?;
        bytes.try_into().map(i64::from_be_bytes).map_err(|_| ConsultaError::CursorInvalido)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_returns_only_to_its_own_query() {
        let huella_a = huella("facturas", &["2026-11-23", ""]);
        let cursor = Escritor::default().texto("á:b").entero(-7).terminar(huella_a);
        let mut lector = Lector::new(huella_a, &cursor).unwrap();
        assert_eq!(lector.texto().unwrap(), "á:b");
        assert_eq!(lector.entero().unwrap(), -7);
        assert!(lector.entero().is_err());
        assert!(Lector::new(huella("facturas", &["", "2026-11-23"]), &cursor).is_err());
        assert!(Lector::new(huella("clientes", &["2026-11-23", ""]), &cursor).is_err());
    }

    #[test]
    fn any_altered_character_is_found() {
        let h = huella("clientes", &[]);
        let cursor = codificar(h, b"abc");
        for at in 0..cursor.len() {
            let mut otro = cursor.clone().into_bytes();
            otro[at] = if otro[at] == b'0' { b'1' } else { b'0' };
            let otro = String::from_utf8(otro).unwrap();
            assert!(decodificar(h, &otro).is_err(), "alterado en {at}");
        }
        for malo in ["", "zz", "0", "00000000", "ñ", &"0".repeat(5_000)] {
            assert!(decodificar(h, malo).is_err());
        }
    }
}
