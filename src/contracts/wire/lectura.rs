//! Reading: bounded by the record's bytes and by a budget of memory, whatever the bytes say.

use std::sync::Arc;

use crate::contracts::{Boveda, Clave, CodecError, EstadoClave, VERSION};

/// Memory that one record may ask for while it is decoded. An honest one of 1 MiB takes about seven, and fifteen when it is all small lots.
const MEMORY_BUDGET: usize = 16 << 20;

/// The same for a state of the local store, of what its bytes justify: a lot of 17 bytes takes 254.
const MEMORY_OF_STATE: usize = 2 << 20;
const MEMORY_A_BYTE_OF_STATE: usize = 32;

/// What a kept text costs besides its bytes: two counts and rounding.
const TEXT_OVERHEAD: usize = 24;

/// A cursor over one record.
pub(in crate::contracts) struct Reader<'a> {
    rest: &'a [u8],
    budget: usize,
    version: u16,
    boveda: Option<&'a dyn Boveda>,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::of_version(bytes, VERSION)
    }

    /// A record that this version of the contract wrote.
    pub fn of_version(bytes: &'a [u8], version: u16) -> Self {
        Self { rest: bytes, budget: MEMORY_BUDGET, version, boveda: None }
    }

    /// What the local store keeps of ours, which may be many small things.
    pub fn of_store(self) -> Self {
        Self { budget: MEMORY_OF_STATE + MEMORY_A_BYTE_OF_STATE * self.rest.len(), ..self }
    }

    /// Opens sealed personal data with these keys.
    pub fn with_keys(self, boveda: Option<&'a dyn Boveda>) -> Self {
        Self { boveda, ..self }
    }

    /// What sealed the personal data that follow; `None` when the key was destroyed.
    ///
    /// # Errors
    /// `Encrypted` when the key is not known, `Keys` when that could not be found out.
    pub fn key(&self, clave_id: &str) -> Result<Option<Arc<Clave>>, CodecError> {
        match self.boveda.map_or(Ok(EstadoClave::Desconocida), |boveda| boveda.clave(clave_id))? {
            EstadoClave::Vigente(clave) => Ok(Some(clave)),
            EstadoClave::Destruida => Ok(None),
            EstadoClave::Desconocida => Err(CodecError::Encrypted { clave_id: clave_id.to_owned() }),
        }
    }

    /// Reads a value that was sealed as part of this record, from its own bytes.
    pub fn inner<T>(&mut self, bytes: &[u8], read: impl FnOnce(&mut Reader<'_>) -> Result<T, CodecError>) -> Result<T, CodecError> {
        let mut inner = Reader { rest: bytes, budget: self.budget, version: self.version, boveda: None };
        let value = read(&mut inner)?;
        inner.end()?;
        self.budget = inner.budget;
        Ok(value)
    }

    /// Whether the record was written with what the contract has since `version`.
    #[inline]
    pub fn knows(&self, version: u16) -> bool {
        self.version >= version
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// # Errors
    /// `Undecodable` when something is left.
    pub fn end(&self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError::Undecodable("sobran bytes al final")) }
    }

    #[inline]
    pub fn byte(&mut self) -> Result<u8, CodecError> {
        let (first, rest) = self.rest.split_first().ok_or(CodecError::Undecodable("registro truncado"))?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
    pub fn long(&mut self) -> Result<i64, CodecError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(CodecError::Undecodable("entero de más de 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(CodecError::Undecodable("entero de más de 64 bits"))
    }

    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CodecError::Undecodable("registro truncado"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Avro `bytes`.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let len = usize::try_from(self.long()?).map_err(|_| CodecError::Undecodable("longitud negativa"))?;
        self.take(len)
    }

    /// Avro `string`; charged to the budget because the caller keeps a copy.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str, CodecError> {
        let bytes = self.bytes()?;
        self.charge(bytes.len() + TEXT_OVERHEAD)?;
        std::str::from_utf8(bytes).map_err(|_| CodecError::Undecodable("texto que no es UTF-8"))
    }

    /// Number of items of an array's next block; 0 ends the array. Every item takes at least one byte.
    #[inline]
    pub fn block(&mut self) -> Result<usize, CodecError> {
        let mut count = self.long()?;
        if count < 0 {
            self.long()?;
            count = count.checked_neg().ok_or(CodecError::Undecodable("lista con longitud imposible"))?;
        }
        match usize::try_from(count) {
            Ok(count) if count <= self.rest.len() => Ok(count),
            _ => Err(CodecError::Undecodable("lista más larga que el registro")),
        }
    }

    /// # Errors
    /// `Undecodable` when the record asks for more memory than any honest one.
    #[inline]
    pub fn charge(&mut self, bytes: usize) -> Result<(), CodecError> {
        self.budget =
            self.budget.checked_sub(bytes).ok_or(CodecError::Undecodable("el registro pide más memoria que la permitida"))?;
        Ok(())
    }

    /// Reads an array item by item. `growth`: how many times its items the collection that keeps them may hold while it grows.
    #[inline]
    pub fn items<T>(
        &mut self,
        growth: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, CodecError>,
        mut keep: impl FnMut(T),
    ) -> Result<(), CodecError> {
        loop {
            let count = self.block()?;
            if count == 0 {
                return Ok(());
            }
            self.charge(count.saturating_mul(growth * size_of::<T>()))?;
            for _ in 0..count {
                let item = read(self)?;
                keep(item);
            }
        }
    }
}
