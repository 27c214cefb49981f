//! A leaf: what the chain says of one record, as canonical bytes; and the chain that its links make.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Digesto,
    merkle::{self, Frontera},
};
use crate::{
    domain::{Contexto, valores::Instante},
    log::{Log, Topic, TopicPartition, all_partitions},
};

/// The topics whose records are chained, in the order of the exported file.
pub const TEMAS: [Topic; 5] = [
    Topic::Eventos(Contexto::Facturacion),
    Topic::Eventos(Contexto::Inventario),
    Topic::Eventos(Contexto::Catalogo),
    Topic::Eventos(Contexto::Numeracion),
    Topic::Auditoria,
];

/// Longest name of a record's type, in bytes: ASCII letters and digits.
pub const MAX_TIPO: usize = 64;
/// Type of a record whose bytes are no event and no audit record: its hash is chained all the same.
pub const INDECODIFICABLE: &str = "Indecodificable";

/// What separates these bytes from any other that is hashed or signed.
const DOMINIO_HOJA: &[u8] = b"factumarket.auditoria/hoja/v1\n";
const DOMINIO_ORIGEN: &[u8] = b"factumarket.auditoria/origen/v1\n";

/// One record, as the chain sees it. The payload is there as its hash only: data that is erased leaves the chain whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hoja<'a> {
    /// `None` when the record could not be decoded.
    pub evento_id: Option<Uuid>,
    /// `FacturaEmitida`, `ComandoRechazado`…: 1 to [`MAX_TIPO`] ASCII letters and digits.
    pub tipo: &'a str,
    /// Version of the aggregate; 0 where there is none.
    pub version: u64,
    pub ocurrido_en: Instante,
    /// SHA-256 of the record's value, as it is on the log.
    pub datos: Digesto,
}

/// A leaf read from the log: the names of types are the program's own.
pub type HojaLeida = Hoja<'static>;

impl Hoja<'_> {
    /// The link of this leaf: `SHA-256(domain ‖ link before ‖ |partition| partition ‖ |id| id ‖ |type| type ‖ version ‖ time ‖ payload)`.
    /// Lengths are 4 bytes and numbers 8, big-endian.
    pub fn eslabon(&self, anterior: &Digesto, particion: &str) -> Digesto {
        let mut hash = Sha256::new();
        hash.update(DOMINIO_HOJA);
        hash.update(anterior);
        enmarcar(&mut hash, particion.as_bytes());
        enmarcar(&mut hash, self.evento_id.as_ref().map_or(&[][..], |id| id.as_bytes()));
        enmarcar(&mut hash, self.tipo.as_bytes());
        hash.update(self.version.to_be_bytes());
        hash.update(self.ocurrido_en.micros().to_be_bytes());
        hash.update(self.datos);
        hash.finalize().into()
    }
}

fn enmarcar(hash: &mut Sha256, bytes: &[u8]) {
    hash.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    hash.update(bytes);
}

/// SHA-256 of a record's value.
pub fn de_datos(valor: &[u8]) -> Digesto {
    Sha256::digest(valor).into()
}

/// What the first leaf of a partition is chained to.
pub fn origen(particion: &str) -> Digesto {
    let mut hash = Sha256::new();
    hash.update(DOMINIO_ORIGEN);
    enmarcar(&mut hash, particion.as_bytes());
    hash.finalize().into()
}

/// Whether a name may be the type of a leaf.
pub fn es_tipo(tipo: &str) -> bool {
    (1..=MAX_TIPO).contains(&tipo.len()) && tipo.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The source partition of a text, `eventos.facturacion/3`; `None` for what is no chained one, or is not written so.
pub fn particion_de(texto: &str) -> Option<TopicPartition> {
    let (tema, numero) = texto.rsplit_once('/')?;
    let topic = TEMAS.into_iter().find(|t| t.nombre() == tema)?;
    let partition: u16 = numero.parse().ok()?;
    let leida = TopicPartition::new(topic, partition);
    (leida.to_string() == texto).then_some(leida)
}

/// Every source partition of a log, in the order of the exported file.
pub fn particiones(log: &dyn Log) -> Vec<TopicPartition> {
    all_partitions(log, TEMAS)
}

/// The chain of one source partition, as far as it was folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cadena {
    particion: TopicPartition,
    nombre: String,
    cabeza: Digesto,
    frontera: Frontera,
}

impl Cadena {
    /// Before its first record.
    pub fn nueva(particion: TopicPartition) -> Self {
        let mut nombre = String::new();
        // Writing to a string does not fail.
        let _ = write!(nombre, "{particion}");
        Self { particion, cabeza: origen(&nombre), nombre, frontera: Frontera::default() }
    }

    /// From what was kept of it.
    pub fn retomada(particion: TopicPartition, cabeza: Digesto, frontera: Frontera) -> Self {
        Self { cabeza, frontera, ..Self::nueva(particion) }
    }

    /// Chains a leaf and gives its link.
    pub fn agregar(&mut self, hoja: &Hoja<'_>) -> Digesto {
        let eslabon = hoja.eslabon(&self.cabeza, &self.nombre);
        self.agregar_eslabon(eslabon);
        eslabon
    }

    /// Takes a link as it is stated: for a verifier that has already said that it is not the right one.
    pub fn agregar_eslabon(&mut self, eslabon: Digesto) {
        self.cabeza = eslabon;
        self.frontera.agregar(merkle::hoja(&eslabon));
    }

    pub fn particion(&self) -> TopicPartition {
        self.particion
    }

    /// `eventos.facturacion/3`.
    pub fn nombre(&self) -> &str {
        &self.nombre
    }

    /// Leaves so far.
    pub fn hojas(&self) -> u64 {
        self.frontera.hojas()
    }

    /// The last link, or what the first will be chained to.
    pub fn cabeza(&self) -> &Digesto {
        &self.cabeza
    }

    pub fn frontera(&self) -> &Frontera {
        &self.frontera
    }

    /// Root of the RFC 6962 tree whose leaves are the links.
    pub fn raiz(&self) -> Digesto {
        self.frontera.raiz()
    }
}
