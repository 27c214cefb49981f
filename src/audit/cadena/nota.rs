//! Signed notes of C2SP (`c2sp.org/signed-note`): a text, an empty line, signature lines. And the keys that sign them, as texts.
//!
//! One key signs the seals of every source partition. A seal's key name is its own origin, `NAME/eventos.facturacion/3`, as
//! `c2sp.org/tlog-checkpoint` asks, so a key is kept under the name of the installation and each origin has its own key id.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::hex;

/// Longest note, in bytes. What it leaves room for besides a seal are the cosignatures of witnesses.
pub const MAX_NOTA: usize = 64 << 10;
/// Signatures of a note at most; C2SP asks for 16.
pub const MAX_FIRMAS: usize = 32;
/// Longest name of a key, in bytes.
pub const MAX_NOMBRE: usize = 200;
/// Longest file of keys, in bytes.
pub const MAX_ARCHIVO_CLAVES: u64 = 16 << 10;
/// Keys that are trusted at once, at most.
const MAX_CLAVES: usize = 32;

/// Signature type of Ed25519.
const ED25519: u8 = 1;
const PREFIJO_PRIVADA: &str = "PRIVATE+KEY+";
const INICIO_FIRMA: &str = "\u{2014} ";

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorClave {
    #[error("el nombre de una clave tiene de 1 a {MAX_NOMBRE} caracteres A-Z a-z 0-9 . _ - / (como una dirección sin https://)")]
    Nombre,
    #[error("no es {0}")]
    Forma(&'static str),
    #[error("el identificador de la clave no es el de su nombre y sus bytes: está incompleta o se editó")]
    Identificador,
    #[error("es una clave privada: aquí va la pública")]
    EsPrivada,
    #[error("no hay ninguna clave")]
    Ninguna,
    #[error("hay más de {MAX_CLAVES} claves")]
    Demasiadas,
}

/// Why a text is no signed note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorNota {
    #[error("mide {0} bytes y el máximo es {MAX_NOTA}")]
    Larga(usize),
    #[error("no es una nota firmada de C2SP: {0}")]
    Forma(&'static str),
    #[error("la firma de «{0}» no es de este texto: el texto o la firma se alteraron")]
    FirmaFalsa(String),
    #[error("no la firma ninguna clave de confianza (firma «{0}»)")]
    FirmaDesconocida(String),
    #[error("firma una clave anterior a la de un sello previo: una clave relevada no vuelve a firmar")]
    ClaveRelevada,
}

/// The key id of a name: the first four bytes of `SHA-256(name ‖ 0x0A ‖ type ‖ public key)`.
fn identificador(nombre: &str, clave: &VerifyingKey) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(nombre.as_bytes());
    hash.update([b'\n', ED25519]);
    hash.update(clave.as_bytes());
    let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
    [a, b, c, d]
}

/// The name of a key of ours: of the characters of an address without its scheme, so that it goes anywhere as it is.
///
/// # Errors
/// `Nombre`.
pub fn revisar_nombre(nombre: &str) -> Result<(), ErrorClave> {
    let vale = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    let bien = (1..=MAX_NOMBRE).contains(&nombre.len()) && nombre.bytes().all(vale);
    if bien { Ok(()) } else { Err(ErrorClave::Nombre) }
}

/// The name of anybody's key, as C2SP has it: no spaces, no plus.
fn es_nombre_ajeno(nombre: &str) -> bool {
    !nombre.is_empty() && !nombre.contains(|c: char| c.is_whitespace() || c == '+')
}

/// What is between the name of a key and its end: `+id+base64(type ‖ 32 bytes)`.
fn partes(texto: &str, que: &'static str) -> Result<(String, [u8; 4], [u8; 32]), ErrorClave> {
    let mal = || ErrorClave::Forma(que);
    let (nombre, resto) = texto.split_once('+').ok_or_else(mal)?;
    let (id, datos) = resto.split_once('+').ok_or_else(mal)?;
    revisar_nombre(nombre)?;
    let id = (id.len() == 8).then(|| u32::from_str_radix(id, 16).ok()).flatten().ok_or_else(mal)?.to_be_bytes();
    let datos = STANDARD.decode(datos).map_err(|_| mal())?;
    let [ED25519, clave @ ..] = datos.as_slice() else { return Err(mal()) };
    Ok((nombre.to_owned(), id, clave.try_into().map_err(|_| mal())?))
}

/// A public key with its name. As a text it is C2SP's `vkey`: `NAME+id+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClavePublica {
    nombre: String,
    clave: VerifyingKey,
}

impl ClavePublica {
    /// # Errors
    /// What is wrong with the text.
    pub fn leer(texto: &str) -> Result<Self, ErrorClave> {
        const QUE: &str = "una clave pública: NOMBRE+identificador+base64";
        if texto.starts_with(PREFIJO_PRIVADA) {
            return Err(ErrorClave::EsPrivada);
        }
        let (nombre, id, bytes) = partes(texto, QUE)?;
        let clave = VerifyingKey::from_bytes(&bytes).map_err(|_| ErrorClave::Forma(QUE))?;
        if id != identificador(&nombre, &clave) {
            return Err(ErrorClave::Identificador);
        }
        Ok(Self { nombre, clave })
    }

    pub fn nombre(&self) -> &str {
        &self.nombre
    }

    /// The `vkey` of one origin, for a tool that knows nothing of source partitions.
    pub fn de_origen(&self, particion: &str) -> Self {
        Self { nombre: format!("{}/{particion}", self.nombre), clave: self.clave }
    }
}

impl fmt::Display for ClavePublica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let datos = [&[ED25519], self.clave.as_bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.nombre, hex(&identificador(&self.nombre, &self.clave)), STANDARD.encode(datos))
    }
}

/// The key that signs, with its name. Never shown but by [`ClavePrivada::secreta`].
#[derive(Clone)]
pub struct ClavePrivada {
    nombre: String,
    clave: SigningKey,
}

impl fmt::Debug for ClavePrivada {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClavePrivada({})", self.publica())
    }
}

impl ClavePrivada {
    /// From 32 bytes that nobody can guess.
    ///
    /// # Errors
    /// `Nombre`.
    pub fn nueva(nombre: &str, semilla: &[u8; 32]) -> Result<Self, ErrorClave> {
        revisar_nombre(nombre)?;
        Ok(Self { nombre: nombre.to_owned(), clave: SigningKey::from_bytes(semilla) })
    }

    /// # Errors
    /// What is wrong with the text.
    pub fn leer(texto: &str) -> Result<Self, ErrorClave> {
        const QUE: &str = "una clave privada: PRIVATE+KEY+NOMBRE+identificador+base64";
        let resto = texto.strip_prefix(PREFIJO_PRIVADA).ok_or(ErrorClave::Forma(QUE))?;
        let (nombre, id, semilla) = partes(resto, QUE)?;
        let leida = Self::nueva(&nombre, &semilla)?;
        if id != identificador(&nombre, &leida.clave.verifying_key()) {
            return Err(ErrorClave::Identificador);
        }
        Ok(leida)
    }

    /// The text that is kept in the key's file, and nowhere else: `PRIVATE+KEY+NAME+id+base64`.
    pub fn secreta(&self) -> String {
        let datos = [&[ED25519], self.clave.as_bytes().as_slice()].concat();
        let id = identificador(&self.nombre, &self.clave.verifying_key());
        format!("{PREFIJO_PRIVADA}{}+{}+{}", self.nombre, hex(&id), STANDARD.encode(datos))
    }

    pub fn publica(&self) -> ClavePublica {
        ClavePublica { nombre: self.nombre.clone(), clave: self.clave.verifying_key() }
    }

    pub fn nombre(&self) -> &str {
        &self.nombre
    }

    /// A note: the text, which ends in a newline, and its signature under the name of an origin. The same text gives the same note.
    pub fn firmar(&self, origen: &str, texto: &str) -> String {
        let id = identificador(origen, &self.clave.verifying_key());
        let firma = [id.as_slice(), self.clave.sign(texto.as_bytes()).to_bytes().as_slice()].concat();
        format!("{texto}\n{INICIO_FIRMA}{origen} {}\n", STANDARD.encode(firma))
    }
}

/// The public keys of one installation that are trusted, the oldest first: those of before a change of keys, and the one of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Llavero(Vec<ClavePublica>);

impl Llavero {
    /// # Errors
    /// `Ninguna`, `Demasiadas`; `Forma` when they are not all of one name.
    pub fn nuevo(claves: Vec<ClavePublica>) -> Result<Self, ErrorClave> {
        let primera = claves.first().ok_or(ErrorClave::Ninguna)?;
        if claves.len() > MAX_CLAVES {
            return Err(ErrorClave::Demasiadas);
        }
        if claves.iter().any(|clave| clave.nombre != primera.nombre) {
            return Err(ErrorClave::Forma("un juego de claves de una misma instalación: los nombres difieren"));
        }
        Ok(Self(claves))
    }

    /// Keys one a line, the oldest first; empty lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// Of the first line that is no public key, or as [`Llavero::nuevo`].
    pub fn leer(texto: &str) -> Result<Self, ErrorClave> {
        let lineas = texto.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        Self::nuevo(lineas.take(MAX_CLAVES + 1).map(ClavePublica::leer).collect::<Result<_, _>>()?)
    }

    /// Name of the installation.
    pub fn nombre(&self) -> &str {
        self.0.first().map_or("", |clave| &clave.nombre)
    }

    pub fn claves(&self) -> &[ClavePublica] {
        &self.0
    }

    /// Checks a note of an origin: every signature of a key of this ring must hold, and there must be one. `estricto`: and no other.
    /// Gives the place of the newest key that signs.
    ///
    /// # Errors
    /// `FirmaFalsa`, `FirmaDesconocida`.
    pub fn verificar(&self, nota: &Nota<'_>, origen: &str, estricto: bool) -> Result<usize, ErrorNota> {
        let mut firmante = None;
        for firma in &nota.firmas {
            match self.lugar_de(firma, origen) {
                Some(lugar) => {
                    self.comprobar(nota, firma, lugar)?;
                    firmante = firmante.max(Some(lugar));
                }
                None if estricto => return Err(ErrorNota::FirmaDesconocida(firma.nombre.to_owned())),
                None => {}
            }
        }
        let de_quien = || nota.firmas.first().map_or("", |firma| firma.nombre).to_owned();
        firmante.ok_or_else(|| ErrorNota::FirmaDesconocida(de_quien()))
    }

    fn lugar_de(&self, firma: &Firma<'_>, origen: &str) -> Option<usize> {
        let es_suya = |clave: &ClavePublica| identificador(origen, &clave.clave) == firma.identificador;
        self.0.iter().position(es_suya).filter(|_| firma.nombre == origen)
    }

    fn comprobar(&self, nota: &Nota<'_>, firma: &Firma<'_>, lugar: usize) -> Result<(), ErrorNota> {
        let falsa = || ErrorNota::FirmaFalsa(firma.nombre.to_owned());
        let clave = self.0.get(lugar).ok_or_else(falsa)?;
        let bytes = Signature::from_slice(&firma.bytes).map_err(|_| falsa())?;
        clave.clave.verify_strict(nota.texto.as_bytes(), &bytes).map_err(|_| falsa())
    }
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firma<'a> {
    /// Name of the key that signs.
    pub nombre: &'a str,
    pub identificador: [u8; 4],
    pub bytes: Vec<u8>,
}

/// A signed note, taken apart. Nothing of it is to be believed before [`Llavero::verificar`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nota<'a> {
    /// What is signed, with its last newline.
    pub texto: &'a str,
    pub firmas: Vec<Firma<'a>>,
}

impl<'a> Nota<'a> {
    /// # Errors
    /// `Larga`, `Forma`.
    pub fn leer(nota: &'a str) -> Result<Self, ErrorNota> {
        if nota.len() > MAX_NOTA {
            return Err(ErrorNota::Larga(nota.len()));
        }
        if nota.bytes().any(|b| b < b' ' && b != b'\n') {
            return Err(ErrorNota::Forma("tiene caracteres de control"));
        }
        let corte = nota.rfind("\n\n").ok_or(ErrorNota::Forma("le falta la línea vacía antes de las firmas"))?;
        let (texto, firmas) = (&nota[..=corte], &nota[corte + 2..]);
        let lineas = firmas.strip_suffix('\n').ok_or(ErrorNota::Forma("no termina en un salto de línea"))?;
        let firmas = lineas.split('\n').take(MAX_FIRMAS + 1).map(firma).collect::<Result<Vec<_>, _>>()?;
        if firmas.len() > MAX_FIRMAS {
            return Err(ErrorNota::Forma("tiene demasiadas firmas"));
        }
        Ok(Self { texto, firmas })
    }
}

fn firma(linea: &str) -> Result<Firma<'_>, ErrorNota> {
    const MAL: ErrorNota = ErrorNota::Forma("una línea de firma no es «— NOMBRE base64»");
    let (nombre, datos) = linea.strip_prefix(INICIO_FIRMA).and_then(|resto| resto.split_once(' ')).ok_or(MAL)?;
    if !es_nombre_ajeno(nombre) {
        return Err(MAL);
    }
    let datos = STANDARD.decode(datos).map_err(|_| MAL)?;
    let (identificador, bytes) = datos.split_first_chunk::<4>().ok_or(MAL)?;
    if bytes.is_empty() {
        return Err(MAL);
    }
    Ok(Firma { nombre, identificador: *identificador, bytes: bytes.to_vec() })
}

/// Takes a text of several notes apart, one after another, as they are kept in a file. What follows the last one must be a note too.
///
/// # Errors
/// As [`Nota::leer`], of the first that is none.
pub fn varias(texto: &str, max: usize) -> Result<Vec<&str>, ErrorNota> {
    let mut notas = Vec::new();
    let (mut inicio, mut fin, mut firmada) = (0, 0, false);
    for linea in texto.split_inclusive('\n') {
        let es_firma = linea.starts_with(INICIO_FIRMA);
        if firmada && !es_firma {
            notas.push(&texto[inicio..fin]);
            (inicio, firmada) = (fin, false);
        }
        fin += linea.len();
        firmada |= es_firma;
        if notas.len() > max {
            return Err(ErrorNota::Forma("hay demasiadas notas"));
        }
    }
    if inicio < fin {
        notas.push(&texto[inicio..fin]);
    }
    notas.iter().try_for_each(|nota| Nota::leer(nota).map(drop))?;
    Ok(notas)
}
