//! The four shapes of the wire: record, enumeration, union of records, family of records.

/// A record: its fields in schema order. `campo: modulo` encodes the field through `modulo::write` and `modulo::read`;
/// `campo desde PASO` came with the version of that step of `ascensos`, which says what older records hold there.
macro_rules! wire_record {
    ($tipo:ty { $($campo:ident $(: $via:ident)? $(desde $desde:ident)?),* $(,)? }) => {
        impl $crate::contracts::wire::Wire for $tipo {
            #[inline]
            fn write(&self, w: &mut $crate::contracts::wire::Writer) {
                $($crate::contracts::wire::macros::wire_write!(w, &self.$campo $(, $via)? $(, desde $desde)?);)*
            }

            #[inline]
            fn read(r: &mut $crate::contracts::wire::Reader<'_>) -> Result<Self, $crate::contracts::CodecError> {
                Ok(Self { $($campo: $crate::contracts::wire::macros::wire_read!(r $(, $via)? $(, desde $desde)?)),* })
            }
        }
    };
    // With a field that is not on the wire: a function of the fields that were read rebuilds it.
    ($tipo:ty { $($campo:ident $(: $via:ident)? $(desde $desde:ident)?),* $(,)? } derivado $derivado:ident = $de:ident($($fuente:ident),*)) => {
        impl $crate::contracts::wire::Wire for $tipo {
            #[inline]
            fn write(&self, w: &mut $crate::contracts::wire::Writer) {
                $($crate::contracts::wire::macros::wire_write!(w, &self.$campo $(, $via)? $(, desde $desde)?);)*
            }

            #[inline]
            fn read(r: &mut $crate::contracts::wire::Reader<'_>) -> Result<Self, $crate::contracts::CodecError> {
                $(let $campo = $crate::contracts::wire::macros::wire_read!(r $(, $via)? $(, desde $desde)?);)*
                let $derivado = $de(r, $(&$fuente),*)?;
                Ok(Self { $($campo,)* $derivado })
            }
        }
    };
}

macro_rules! wire_write {
    ($w:expr, $valor:expr) => {
        $crate::contracts::wire::Wire::write($valor, $w)
    };
    ($w:expr, $valor:expr, desde $desde:ident) => {
        if $w.knows($crate::contracts::ascensos::$desde.a()) {
            $crate::contracts::wire::Wire::write($valor, $w)
        } else {
            $crate::contracts::wire::unsaid($w, $valor, &$crate::contracts::ascensos::$desde.subir())
        }
    };
    ($w:expr, $valor:expr, $via:ident) => {
        $via::write($valor, $w)
    };
    ($w:expr, $valor:expr, $via:ident, desde $desde:ident) => {
        if $w.knows($crate::contracts::ascensos::$desde.a()) {
            $via::write($valor, $w)
        } else {
            $crate::contracts::wire::unsaid($w, $valor, &$crate::contracts::ascensos::$desde.subir())
        }
    };
}

macro_rules! wire_read {
    ($r:expr) => {
        $crate::contracts::wire::Wire::read($r)?
    };
    ($r:expr, desde $desde:ident) => {
        if $r.knows($crate::contracts::ascensos::$desde.a()) {
            $crate::contracts::wire::Wire::read($r)?
        } else {
            $crate::contracts::ascensos::$desde.subir()
        }
    };
    ($r:expr, $via:ident) => {
        $via::read($r)?
    };
    ($r:expr, $via:ident, desde $desde:ident) => {
        if $r.knows($crate::contracts::ascensos::$desde.a()) {
            $via::read($r)?
        } else {
            $crate::contracts::ascensos::$desde.subir()
        }
    };
}

/// An enumeration: its symbols in schema order.
macro_rules! wire_enum {
    ($tipo:ty, $que:literal: $($variante:ident = $indice:literal),* $(,)?) => {
        impl $crate::contracts::wire::Wire for $tipo {
            #[inline]
            fn write(&self, w: &mut $crate::contracts::wire::Writer) {
                w.long(match self { $(Self::$variante => $indice),* });
            }

            #[inline]
            fn read(r: &mut $crate::contracts::wire::Reader<'_>) -> Result<Self, $crate::contracts::CodecError> {
                match r.long()? {
                    $($indice => Ok(Self::$variante),)*
                    otro => Err($crate::contracts::CodecError::OutOfDomain { what: $que, value: otro.to_string() }),
                }
            }
        }
    };
}

/// A union of records: its branches in schema order.
macro_rules! wire_union {
    ($tipo:ty, $que:literal: $($indice:literal => $variante:ident { $($campo:ident),* $(,)? }),* $(,)?) => {
        impl $crate::contracts::wire::Wire for $tipo {
            fn write(&self, w: &mut $crate::contracts::wire::Writer) {
                match self {
                    $(Self::$variante { $($campo),* } => {
                        w.long($indice);
                        $($crate::contracts::wire::Wire::write($campo, w);)*
                    })*
                }
            }

            fn read(r: &mut $crate::contracts::wire::Reader<'_>) -> Result<Self, $crate::contracts::CodecError> {
                match r.long()? {
                    $($indice => Ok(Self::$variante { $($campo: $crate::contracts::wire::Wire::read(r)?),* }),)*
                    otro => Err($crate::contracts::CodecError::OutOfDomain { what: $que, value: otro.to_string() }),
                }
            }
        }
    };
}

/// A family: each variant is a record of its own, named like it.
macro_rules! wire_family {
    ($tipo:ty {
        $($variante:ident $({ $($campo:ident $(: $via:ident)? $(desde $desde:ident)?),* $(,)? })? $(($dentro:ident))?),* $(,)?
    } $(internal: $interno:ident)?) => {
        impl $crate::contracts::wire::Body for $tipo {
            fn registro(&self) -> Option<$crate::contracts::tipos::Registro> {
                match self {
                    $(Self::$variante { .. } => Some($crate::contracts::tipos::Registro::$variante),)*
                    $(Self::$interno { .. } => None,)?
                }
            }

            fn write_body(&self, w: &mut $crate::contracts::wire::Writer) {
                match self {
                    $(Self::$variante $({ $($campo),* })? $(($dentro))? => {
                        $($($crate::contracts::wire::macros::wire_write!(w, $campo $(, $via)? $(, desde $desde)?);)*)?
                        $($crate::contracts::wire::Wire::write($dentro, w);)?
                    })*
                    $(Self::$interno { .. } => w.fail($crate::contracts::CodecError::NotOnWire(stringify!($interno))),)?
                }
            }

            fn read_body(
                registro: $crate::contracts::tipos::Registro,
                r: &mut $crate::contracts::wire::Reader<'_>,
            ) -> Result<Self, $crate::contracts::CodecError> {
                match registro {
                    $($crate::contracts::tipos::Registro::$variante => Ok(Self::$variante
                        $({ $($campo: $crate::contracts::wire::macros::wire_read!(r $(, $via)? $(, desde $desde)?)),* })?
                        $(($crate::contracts::wire::macros::leer_dentro!($dentro, r)))?
                    ),)*
                    otro => Err($crate::contracts::CodecError::UnexpectedRecord { expected: stringify!($tipo), found: otro.nombre() }),
                }
            }
        }
    };
}

/// Reads what a variant of one field holds; the name only marks the shape.
macro_rules! leer_dentro {
    ($dentro:ident, $r:expr) => {
        $crate::contracts::wire::Wire::read($r)?
    };
}

pub(super) use {leer_dentro, wire_enum, wire_family, wire_read, wire_record, wire_union, wire_write};
