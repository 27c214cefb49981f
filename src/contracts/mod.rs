//! Commands and events on the wire: envelopes, Avro, Confluent framing, the registry of schemas.

mod codec;
mod error;
mod registry;
mod sobres;

pub use codec::{Codec, DecodedCommand, EventBody};
pub use error::CodecError;
pub use registry::{EmbeddedRegistry, Registry, RegistryError};
pub use sobres::*;

/// Largest record, framed: the same limit as the log's.
pub const MAX_RECORD_BYTES: usize = 1 << 20;
