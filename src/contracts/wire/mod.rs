//! Avro's binary encoding, straight line: a record is its fields one after another, in the order of its schema.
//!
//! Every type that travels implements [`Wire`] by naming its fields in the order of its `.avsc`; tests hold each of them against
//! `apache-avro` reading the same schema. Measured, this is several times cheaper than serde through a schema
//! (`benches/codec.rs`), and it needs no mirror of the domain types.

mod comandos;
mod enumeraciones;
mod eventos;
mod instantaneas;
mod lectura;
mod macros;
mod notas;
mod primitivos;
mod registros;
mod sobres;
mod valores;

pub(super) use instantaneas::{read_estado, write_estado};
pub(super) use lectura::Reader;
pub(super) use sobres::{SobreInstantanea, read_command_envelope, write_command_envelope};

use std::sync::Arc;

use super::{Boveda, CodecError, VERSION, tipos::Registro};

/// Output of one record. The first failure is kept and reported at the end, so that writing stays straight-line.
pub(super) struct Writer {
    pub bytes: Vec<u8>,
    error: Option<CodecError>,
    version: u16,
    /// Seals the personal data of the record.
    pub sello: Option<Sello>,
}

/// The key of whoever a record's personal data belong to.
#[derive(Clone)]
pub(super) struct Sello {
    pub boveda: Arc<dyn Boveda>,
    pub clave_id: String,
}

impl Default for Writer {
    fn default() -> Self {
        Self { bytes: Vec::new(), error: None, version: VERSION, sello: None }
    }
}

impl Writer {
    /// Ready for a new record; keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.error = None;
        self.version = VERSION;
        self.sello = None;
    }

    /// Ready for a record as an older version wrote it: one that says what that version could not say fails.
    pub fn clear_for(&mut self, version: u16) {
        self.clear();
        self.version = version;
    }

    /// Whether what the contract has since `version` is written.
    #[inline]
    pub fn knows(&self, version: u16) -> bool {
        self.version >= version
    }

    pub fn fail(&mut self, error: CodecError) {
        self.error.get_or_insert(error);
    }

    pub fn take_error(&mut self) -> Option<CodecError> {
        self.error.take()
    }

    /// Avro `int` and `long`: zigzag, seven bits a byte.
    #[inline]
    pub fn long(&mut self, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while rest >= 0x80 {
            self.bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }

    /// Avro `bytes` and `string`.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        self.long(value.len() as i64);
        self.bytes.extend_from_slice(value);
    }
}

/// A value that the version being written has no place for: it must be the one that records of that version are read with.
#[inline]
pub(super) fn unsaid<T: PartialEq>(w: &mut Writer, value: &T, read_with: &T) {
    if value != read_with {
        w.fail(CodecError::OutOfDomain { what: "campo de una versión posterior", value: w.version.to_string() });
    }
}

/// A type with one Avro encoding.
pub(super) trait Wire: Sized {
    fn write(&self, w: &mut Writer);
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError>;
}

/// A family of records (the events of an aggregate, its commands): one record a variant.
pub(super) trait Body: Sized {
    /// `None`: the variant never travels.
    fn registro(&self) -> Option<Registro>;
    fn write_body(&self, w: &mut Writer);
    fn read_body(registro: Registro, r: &mut Reader<'_>) -> Result<Self, CodecError>;
}
