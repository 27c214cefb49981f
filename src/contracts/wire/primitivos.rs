//! Numbers, text, optional values, lists.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use super::{Reader, Wire, Writer};
use crate::{contracts::CodecError, domain::ComandoEnEspera};

macro_rules! wire_unsigned {
    ($($tipo:ty => $que:literal),*) => {$(
        impl Wire for $tipo {
            #[inline]
            fn write(&self, w: &mut Writer) {
                match i64::try_from(*self) {
                    Ok(value) => w.long(value),
                    Err(_) => w.fail(CodecError::OutOfDomain { what: "entero", value: self.to_string() }),
                }
            }

            #[inline]
            fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
                let value = r.long()?;
                Self::try_from(value).map_err(|_| CodecError::OutOfDomain { what: $que, value: value.to_string() })
            }
        }
    )*};
}

wire_unsigned!(u16 => "entero de 16 bits", u32 => "entero de 32 bits", u64 => "entero sin signo");

impl Wire for u8 {
    #[inline]
    fn write(&self, w: &mut Writer) {
        w.long(i64::from(*self));
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let value = r.long()?;
        Self::try_from(value).map_err(|_| CodecError::OutOfDomain { what: "entero de 8 bits", value: value.to_string() })
    }
}

impl Wire for bool {
    #[inline]
    fn write(&self, w: &mut Writer) {
        w.bytes.push(u8::from(*self));
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        match r.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Undecodable("booleano que no es 0 ni 1")),
        }
    }
}

impl Wire for Arc<str> {
    #[inline]
    fn write(&self, w: &mut Writer) {
        w.bytes(self.as_bytes());
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.text().map(Arc::from)
    }
}

impl Wire for String {
    #[inline]
    fn write(&self, w: &mut Writer) {
        w.bytes(self.as_bytes());
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.text().map(str::to_owned)
    }
}

impl Wire for Bytes {
    fn write(&self, w: &mut Writer) {
        w.bytes(self);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.bytes().map(Bytes::copy_from_slice)
    }
}

impl Wire for ComandoEnEspera {
    fn write(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.bytes().map(|bytes| Self(Arc::from(bytes)))
    }
}

/// `fixed` of 16 bytes.
impl Wire for [u8; 16] {
    #[inline]
    fn write(&self, w: &mut Writer) {
        w.bytes.extend_from_slice(self);
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut fixed = [0; 16];
        fixed.copy_from_slice(r.take(16)?);
        Ok(fixed)
    }
}

/// The union `["null", T]`.
impl<T: Wire> Wire for Option<T> {
    #[inline]
    fn write(&self, w: &mut Writer) {
        match self {
            None => w.bytes.push(0),
            Some(value) => {
                w.bytes.push(2);
                value.write(w);
            }
        }
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        match r.long()? {
            0 => Ok(None),
            1 => T::read(r).map(Some),
            _ => Err(CodecError::Undecodable("rama de unión desconocida")),
        }
    }
}

impl<T: Wire> Wire for Box<T> {
    #[inline]
    fn write(&self, w: &mut Writer) {
        (**self).write(w);
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        T::read(r).map(Box::new)
    }
}

/// What is shared in memory travels as itself.
impl<T: Wire> Wire for Arc<T> {
    #[inline]
    fn write(&self, w: &mut Writer) {
        (**self).write(w);
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        T::read(r).map(Self::new)
    }
}

/// A list shared in memory; moved once it is complete, so charged twice.
impl<T: Wire> Wire for Arc<[T]> {
    #[inline]
    fn write(&self, w: &mut Writer) {
        write_items(w, self.len(), self.iter(), T::write);
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let items = Vec::<T>::read(r)?;
        r.charge(items.len().saturating_mul(size_of::<T>()))?;
        Ok(items.into())
    }
}

/// A record of two fields.
impl<A: Wire, B: Wire> Wire for (A, B) {
    #[inline]
    fn write(&self, w: &mut Writer) {
        self.0.write(w);
        self.1.write(w);
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok((A::read(r)?, B::read(r)?))
    }
}

/// An array: one block, closed by an empty one.
pub(super) fn write_items<'a, T: 'a>(
    w: &mut Writer,
    len: usize,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(T, &mut Writer),
) {
    if len > 0 {
        w.long(len as i64);
        items.for_each(|item| write(item, w));
    }
    w.bytes.push(0);
}

impl<T: Wire> Wire for Vec<T> {
    #[inline]
    fn write(&self, w: &mut Writer) {
        write_items(w, self.len(), self.iter(), T::write);
    }

    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let count = r.block()?;
        if count == 0 {
            return Ok(Self::new());
        }
        r.charge(count.saturating_mul(size_of::<T>()))?;
        let mut items = Self::with_capacity(count);
        for _ in 0..count {
            items.push(T::read(r)?);
        }
        // Later blocks are not ours: the list doubles, and holds old and new while it moves.
        r.items(3, T::read, |item| items.push(item))?;
        Ok(items)
    }
}

impl<T: Wire> Wire for VecDeque<T> {
    fn write(&self, w: &mut Writer) {
        write_items(w, self.len(), self.iter(), T::write);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Vec::read(r).map(Self::from)
    }
}
