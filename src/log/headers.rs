//! Names of record headers. On disk the embedded log writes a name's place in this table, so the order never changes: new names go
//! at the end, before an adapter may write them.

/// The table and its search: comparing with literals is a length and a word or two each, a third of what walking the slice took.
macro_rules! names {
    ($($name:literal),* $(,)?) => {
        /// Every header name this version writes or understands, at most 255.
        pub const NAMES: &[&str] = &[$($name),*];

        fn place(name: &str) -> usize {
            let mut at = 0;
            $(
                if name == $name {
                    return at;
                }
                at += 1;
            )*
            at
        }
    };
}

names! {
    "tipo",
    "command_id",
    "correlation_id",
    "causation_id",
    "traceparent",
    "usuario",
    "canal",
    "recibido_en",
    "servicio_origen",
    "destino",
    "version_esperada",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_specversion",
    "ce_time",
    "content-type",
    "event_id",
    "agregado_id",
    "version",
    "motivo",
    "etapa",
    "topico_origen",
    "particion_origen",
    "posicion_origen",
    "intentos",
    "saga",
    "paso",
    "nodo",
    "responder_a",
    "firma",
    "clave_id",
    "tracestate",
    "error",
    "proyeccion",
    "hash_anterior",
}

/// Code of a name on disk, if the table has it.
pub fn code(name: &str) -> Option<u8> {
    u8::try_from(place(name)).ok().filter(|code| usize::from(*code) < NAMES.len())
}

/// Name of a code, if this version knows it.
pub fn name(code: u8) -> Option<&'static str> {
    NAMES.get(usize::from(code)).copied()
}
