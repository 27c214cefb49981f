//! A seal: a checkpoint of C2SP (`c2sp.org/tlog-checkpoint`) of one source partition, as text.
//!
//! ```text
//! factumarket.local/eventos.facturacion/3      origin
//! 2000                                         leaves
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I= root
//! cabeza 3q2+7w…=                              the link of the last leaf
//! posicion 2000                                the position of the log after the last leaf
//! anterior 7w…=                                SHA-256 of the text of the seal before, or of the origin
//!
//! — factumarket.local/eventos.facturacion/3 Az3grlgt…=
//! ```
//!
//! Nothing of it is of the moment it was made: a prefix of the log, the seals before and the key give its bytes.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::{
    Digesto,
    hoja::{self, Cadena, particion_de},
    nota::{ClavePrivada, ErrorNota, Llavero, Nota},
};
use crate::log::{Position, TopicPartition};

/// Longest text of a seal, without its signatures, in bytes.
pub const MAX_TEXTO: usize = 1_024;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorSello {
    #[error(transparent)]
    Nota(#[from] ErrorNota),
    #[error("el sello no tiene la forma debida: {0}")]
    Forma(&'static str),
    #[error("el sello es de otra instalación: «{origen}», y la clave es de «{nombre}»")]
    Ajeno { origen: String, nombre: String },
}

/// What a seal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sello {
    /// Name of the installation.
    pub nombre: String,
    pub particion: TopicPartition,
    /// Leaves under the root. From 1.
    pub hojas: u64,
    pub raiz: Digesto,
    /// The link of the last leaf.
    pub cabeza: Digesto,
    /// The position of the log after that leaf's. A hint: a log that was copied to another cluster has other positions and the same chain.
    pub posicion: Position,
    /// [`Sello::huella`] of the seal before; of the first, [`Sello::sin_anterior`].
    pub anterior: Digesto,
}

impl Sello {
    /// The seal of a chain as it is now. `siguiente` is the position after the last record.
    pub fn de(cadena: &Cadena, nombre: &str, siguiente: Position, anterior: &Digesto) -> Self {
        Self {
            nombre: nombre.to_owned(),
            particion: cadena.particion(),
            hojas: cadena.hojas(),
            raiz: cadena.raiz(),
            cabeza: *cadena.cabeza(),
            posicion: siguiente,
            anterior: *anterior,
        }
    }

    pub fn origen(&self) -> String {
        format!("{}/{}", self.nombre, self.particion)
    }

    /// The text that is signed.
    pub fn texto(&self) -> String {
        let b64 = |digesto: &Digesto| STANDARD.encode(digesto);
        format!(
            "{}\n{}\n{}\ncabeza {}\nposicion {}\nanterior {}\n",
            self.origen(),
            self.hojas,
            b64(&self.raiz),
            b64(&self.cabeza),
            self.posicion,
            b64(&self.anterior)
        )
    }

    /// Reads a text; what is read and written again is the same text.
    ///
    /// # Errors
    /// `Forma`.
    pub fn leer(texto: &str) -> Result<Self, ErrorSello> {
        const MAL: fn(&'static str) -> ErrorSello = ErrorSello::Forma;
        if texto.len() > MAX_TEXTO {
            return Err(MAL("es demasiado largo"));
        }
        let mut lineas = texto.strip_suffix('\n').ok_or(MAL("no termina en un salto de línea"))?.split('\n');
        let mut linea = || lineas.next().ok_or(MAL("le faltan líneas"));
        let origen = linea()?;
        let hojas = natural(linea()?).ok_or(MAL("el número de hojas no es un natural"))?;
        let raiz = digesto(linea()?).ok_or(MAL("la raíz no son 32 bytes en base64"))?;
        let cabeza = con_nombre(linea()?, "cabeza ").and_then(digesto).ok_or(MAL("le falta «cabeza»"))?;
        let posicion = con_nombre(linea()?, "posicion ").and_then(natural).ok_or(MAL("le falta «posicion»"))?;
        let anterior = con_nombre(linea()?, "anterior ").and_then(digesto).ok_or(MAL("le falta «anterior»"))?;
        if lineas.next().is_some() {
            return Err(MAL("tiene líneas de más"));
        }
        let (nombre, particion) = de_origen(origen).ok_or(MAL("su origen no es NOMBRE/tema/partición"))?;
        if hojas == 0 {
            return Err(MAL("sella cero hojas"));
        }
        Ok(Self { nombre: nombre.to_owned(), particion, hojas, raiz, cabeza, posicion, anterior })
    }

    /// What the next seal names as the one before: SHA-256 of the text, whoever signs it.
    pub fn huella(&self) -> Digesto {
        Sha256::digest(self.texto().as_bytes()).into()
    }

    /// What the first seal of a partition has as the one before.
    pub fn sin_anterior(particion: TopicPartition) -> Digesto {
        hoja::origen(&particion.to_string())
    }

    /// Whether it seals just what a chain holds.
    pub fn es_de(&self, cadena: &Cadena) -> bool {
        self.particion == cadena.particion()
            && self.hojas == cadena.hojas()
            && self.cabeza == *cadena.cabeza()
            && self.raiz == cadena.raiz()
    }
}

fn con_nombre<'a>(linea: &'a str, nombre: &str) -> Option<&'a str> {
    linea.strip_prefix(nombre)
}

/// A natural as we write it: no sign, no leading zeros.
fn natural(texto: &str) -> Option<u64> {
    let leido: u64 = texto.parse().ok()?;
    (leido.to_string() == texto).then_some(leido)
}

fn digesto(texto: &str) -> Option<Digesto> {
    STANDARD.decode(texto).ok()?.try_into().ok()
}

/// `NAME/topic/partition`, the name being what a key may be called.
fn de_origen(origen: &str) -> Option<(&str, TopicPartition)> {
    let (resto, numero) = origen.rsplit_once('/')?;
    let (nombre, _) = resto.rsplit_once('/')?;
    super::nota::revisar_nombre(nombre).ok()?;
    let particion = particion_de(origen.get(nombre.len() + 1..)?)?;
    (!numero.is_empty()).then_some((nombre, particion))
}

/// A seal with the note that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelloFirmado {
    pub sello: Sello,
    /// The whole note: text and signatures.
    pub nota: String,
    /// Place, in the ring it was checked with, of the newest key that signs it.
    pub firmante: usize,
}

impl SelloFirmado {
    pub fn firmar(sello: Sello, clave: &ClavePrivada) -> Self {
        let nota = clave.firmar(&sello.origen(), &sello.texto());
        Self { sello, nota, firmante: 0 }
    }

    /// Reads a note and checks its signatures. `estricto`: a signature of an unknown key is refused too, instead of ignored.
    ///
    /// # Errors
    /// Any [`ErrorSello`].
    pub fn verificar(nota: &str, llavero: &Llavero, estricto: bool) -> Result<Self, ErrorSello> {
        let leida = Nota::leer(nota)?;
        let sello = Sello::leer(leida.texto)?;
        if sello.nombre != llavero.nombre() {
            return Err(ErrorSello::Ajeno { origen: sello.origen(), nombre: llavero.nombre().to_owned() });
        }
        let firmante = llavero.verificar(&leida, &sello.origen(), estricto)?;
        Ok(Self { sello, nota: nota.to_owned(), firmante })
    }
}

/// The seals of one partition, one after another: each must name the one before and be signed by a key that was not succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sucesion {
    anterior: Digesto,
    hojas: u64,
    firmante: usize,
}

impl Sucesion {
    /// Before the first seal of a partition.
    pub fn nueva(particion: TopicPartition) -> Self {
        Self { anterior: Sello::sin_anterior(particion), hojas: 0, firmante: 0 }
    }

    /// After a seal.
    pub fn tras(sello: &SelloFirmado) -> Self {
        Self { anterior: sello.sello.huella(), hojas: sello.sello.hojas, firmante: sello.firmante }
    }

    /// Leaves that the last seal covers; 0 before the first.
    pub fn hojas(&self) -> u64 {
        self.hojas
    }

    /// What the next seal must name as the one before.
    pub fn anterior(&self) -> &Digesto {
        &self.anterior
    }

    /// Takes the next seal.
    ///
    /// # Errors
    /// `Forma` when it does not follow; `ClaveRelevada`.
    pub fn seguir(&mut self, sello: &SelloFirmado) -> Result<(), ErrorSello> {
        if sello.sello.anterior != self.anterior {
            return Err(ErrorSello::Forma("no sigue al sello anterior: falta uno, sobra uno, o hay dos historias"));
        }
        if sello.sello.hojas <= self.hojas {
            return Err(ErrorSello::Forma("no cubre más hojas que el sello anterior"));
        }
        if sello.firmante < self.firmante {
            return Err(ErrorNota::ClaveRelevada.into());
        }
        *self = Self::tras(sello);
        Ok(())
    }
}
