//! Commands and events on the wire: envelopes, Avro, Confluent framing, the registry of schemas.

mod ascensos;
mod codec;
mod error;
mod esquemas;
mod event_types;
mod historia;
#[cfg(test)]
mod leyes;
mod proteccion;
mod registry;
mod sobres;
mod tipos;
mod wire;

pub use ascensos::{ASCENSOS, Ascenso};
pub use codec::{Codec, DecodedCommand, EventBody};
pub use error::CodecError;
pub use esquemas::{SubjectSchema, self_contained, subjects};
pub use event_types::event_type;
pub use historia::{CONGELADOS, EsquemaCongelado, VERSION};
pub use proteccion::{BYTES_DE_CLAVE, Boveda, BovedaEnMemoria, Clave, ErrorBoveda, EstadoClave, Uso};
pub use registry::{CachedRegistry, EmbeddedRegistry, KeptIds, Registry, RegistryError};
#[cfg(feature = "kafka")]
pub use registry::{ConfluentOptions, ConfluentRegistry, LEVEL as NIVEL_DE_COMPATIBILIDAD};
pub use sobres::*;
pub use tipos::{Clase, Registro};

/// Largest record, framed: the same limit as the log's.
pub const MAX_RECORD_BYTES: usize = 1 << 20;
/// Largest state of an aggregate in the local store: an Inventario that remembers 4,096 confirmations of 1,000 lots each takes 120 MiB.
pub const MAX_STATE_BYTES: usize = 192 << 20;

/// Namespace of every schema.
pub const NAMESPACE: &str = "co.factumarket.v1";
