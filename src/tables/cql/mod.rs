//! The tables on ScyllaDB or Apache Cassandra (ADR 14).
//!
//! Rows are written with their version as the time of the write (`USING TIMESTAMP`), so that of two writes of one row the database itself
//! keeps the higher, whoever wrote it and in whatever order they arrive; a removal of the same version wins over a row. Nothing is read to
//! write. Partitions are split in buckets by their first clustering column, and the buckets that a partition has are in a directory.
//! The layout and the texts need no driver; the adapter itself is behind the feature `scylla`.

#[cfg(feature = "scylla")]
mod adapter;
pub mod ddl;
#[cfg(feature = "scylla")]
mod journal;
mod layout;
#[cfg(feature = "scylla")]
mod lease;
#[cfg(feature = "scylla")]
mod link;
#[cfg(feature = "scylla")]
mod prepared;
#[cfg(feature = "scylla")]
mod reads;
#[cfg(feature = "scylla")]
mod recovery;
#[cfg(feature = "scylla")]
mod schema;
#[cfg(feature = "scylla")]
mod shared;
#[cfg(feature = "scylla")]
mod tls;
#[cfg(feature = "scylla")]
mod values;
#[cfg(feature = "scylla")]
mod writes;

#[cfg(feature = "scylla")]
pub use self::{
    adapter::CqlTables,
    link::{Consistency, CqlOptions},
    schema::Difference,
    tls::TlsOptions,
};
pub use layout::{Bucket, Compaction, Layout};
