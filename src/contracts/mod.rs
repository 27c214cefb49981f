//! Commands and events on the wire: envelopes, Avro, Confluent framing, the registry of schemas.

mod codec;
mod error;
mod esquemas;
mod event_types;
mod historia;
#[cfg(test)]
mod leyes;
mod registry;
mod sobres;
mod tipos;
mod wire;

pub use codec::{Codec, DecodedCommand, EventBody};
pub use error::CodecError;
pub use esquemas::self_contained;
pub use event_types::event_type;
pub use historia::{CONGELADOS, EsquemaCongelado, VERSION};
pub use registry::{EmbeddedRegistry, Registry, RegistryError};
pub use sobres::*;
pub use tipos::{Clase, Registro};

/// Largest record, framed: the same limit as the log's.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// Namespace of every schema.
pub const NAMESPACE: &str = "co.factumarket.v1";
