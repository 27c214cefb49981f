//! Commands and events on the wire: envelopes, Avro, Confluent framing, the registry of schemas.

mod sobres;

pub use sobres::*;
