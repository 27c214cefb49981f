//! Ids, names, mail and postal addresses. Text arrives NFC-normalised from the edge.

use std::{borrow::Borrow, cell::RefCell, fmt, fmt::Write as _, sync::Arc};

thread_local! {
    /// Where compound keys are joined before their one allocation: an invoice of three lines makes 26.
    static JUNTA: RefCell<String> = const { RefCell::new(String::new()) };
}

/// 1 to 64 characters `[A-Za-z0-9._-]`; compound keys (`a:b`, `a:b:c`) join such parts with colons.
/// Cloning is a reference count.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdInvalido;

/// Which bytes a simple id may have. A table: every record read has several ids, and each byte of them is asked.
static LETRAS: [bool; 256] = {
    let mut letras = [false; 256];
    let mut b = 0;
    while b < 256 {
        letras[b] = (b as u8).is_ascii_alphanumeric() || matches!(b as u8, b'.' | b'_' | b'-');
        b += 1;
    }
    letras
};

impl Id {
    pub const MAX: usize = 64;

    /// # Errors
    /// When the text is empty, longer than 64 or has another character.
    pub fn new(texto: &str) -> Result<Self, IdInvalido> {
        if Self::es_simple(texto) { Ok(Self(Arc::from(texto))) } else { Err(IdInvalido) }
    }

    fn es_simple(texto: &str) -> bool {
        (1..=Self::MAX).contains(&texto.len()) && texto.bytes().all(Self::es_letra)
    }

    fn es_letra(b: u8) -> bool {
        LETRAS[usize::from(b)]
    }

    /// Parts between colons, each empty or simple. One pass: every record read has several.
    fn es_clave(texto: &str) -> bool {
        let mut largo = 0;
        let cabe = |b: u8| {
            largo = if b == b':' { 0 } else { largo + 1 };
            b == b':' || (largo <= Self::MAX && Self::es_letra(b))
        };
        (1..=200).contains(&texto.len()) && texto.bytes().all(cabe)
    }

    /// `partes` joined by `:`; each part was a valid simple id or is empty (an empty number prefix).
    pub fn compuesto(partes: &[&str]) -> Self {
        Self::unir(|junta| {
            for (i, parte) in partes.iter().enumerate() {
                if i > 0 {
                    junta.push(':');
                }
                junta.push_str(parte);
            }
        })
    }

    /// `base:intento:grupo` or `base:intento:grupo:letra`, the keys of a saga's step.
    pub fn de_paso(base: &Self, intento: u32, grupo: usize, letra: Option<&str>) -> Self {
        Self::unir(|junta| {
            junta.push_str(base.as_str());
            junta.push(':');
            agregar_numero(junta, intento as usize);
            junta.push(':');
            agregar_numero(junta, grupo);
            if let Some(letra) = letra {
                junta.push(':');
                junta.push_str(letra);
            }
        })
    }

    fn unir(escribir: impl FnOnce(&mut String)) -> Self {
        JUNTA.with_borrow_mut(|junta| {
            junta.clear();
            escribir(junta);
            Self(Arc::from(junta.as_str()))
        })
    }

    /// Any key as it stands on the log: simple or compound, at most 200 characters, parts valid or empty.
    ///
    /// # Errors
    /// When a part is not an id.
    pub fn de_clave(texto: &str) -> Result<Self, IdInvalido> {
        if Self::es_clave(texto) { Ok(Self(Arc::from(texto))) } else { Err(IdInvalido) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself, shared.
    pub fn texto(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    pub fn partes(&self) -> impl Iterator<Item = &str> {
        self.0.split(':')
    }
}

/// Attempts and groups have one digit nearly always; formatting is left for longer ones.
fn agregar_numero(junta: &mut String, numero: usize) {
    match u8::try_from(numero).ok().filter(|cifra| *cifra < 10) {
        Some(cifra) => junta.push(char::from(b'0' + cifra)),
        // Writing to a String never fails.
        None => drop(write!(junta, "{numero}")),
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Postal address; plain text becomes `linea`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direccion {
    /// 1–300 characters.
    pub linea: Arc<str>,
    pub ciudad: Option<Arc<str>>,
    pub region: Option<Arc<str>>,
    pub pais: Option<Arc<str>>,
}

impl Direccion {
    /// Plain text as an address: all of it in `linea`.
    pub fn de_linea(linea: &str) -> Self {
        Self { linea: Arc::from(linea), ciudad: None, region: None, pais: None }
    }
}

/// Longest free text of a catalogue or document, in characters.
pub const TEXTO_MAX: usize = 300;

/// Longest mail address (RFC 5321), in characters.
const CORREO_MAX: usize = 254;

/// 1 to `maximo` characters after trimming, no control characters. Counts characters, not bytes.
pub fn texto_valido(texto: &str, maximo: usize) -> bool {
    // No text of more bytes than this fits: a huge one is refused without being walked.
    if texto.len() > maximo.saturating_mul(8).saturating_add(64) {
        return false;
    }
    (1..=maximo).contains(&texto.trim().chars().count()) && !texto.chars().any(char::is_control)
}

/// 1–300 characters after trimming, no control characters.
pub fn nombre_valido(nombre: &str) -> bool {
    texto_valido(nombre, TEXTO_MAX)
}

/// One `@` with text before it and a dotted domain after it; no blanks, at most 254 characters.
pub fn correo_valido(correo: &str) -> bool {
    let Some((usuario, dominio)) = correo.split_once('@') else { return false };
    let sin_raros = !correo.chars().any(|c| c.is_whitespace() || c.is_control());
    let con_punto = dominio.contains('.') && dominio.split('.').all(|etiqueta| !etiqueta.is_empty());
    sin_raros && !usuario.is_empty() && !dominio.contains('@') && con_punto && correo.chars().count() <= CORREO_MAX
}

#[cfg(test)]
mod tests;
