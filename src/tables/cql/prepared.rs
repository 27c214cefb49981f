//! Writes that were checked, and what they bind.

use super::{
    Layout,
    shared::Shared,
    values::{Bound, number, set, set_or_leave, write_time},
};
use crate::tables::{Row, TablesError, Value, Write, check_row, key, versions::Place};

/// A write that was checked, with its place.
pub(super) struct Prepared {
    pub(super) layout: &'static Layout,
    pub(super) place: Place,
    /// Encoded partition key.
    pub(super) partition: Vec<u8>,
    pub(super) bucket: i64,
    pub(super) write: Write,
}

impl Prepared {
    pub(super) fn version(&self) -> u64 {
        match &self.write {
            Write::Upsert { row, .. } | Write::Insert { row, .. } => row.version,
            Write::Delete { version, .. } => *version,
        }
    }

    /// Whether a row of this version, written before, stands in the way.
    pub(super) fn is_late(&self, known: u64) -> bool {
        match &self.write {
            Write::Upsert { row, .. } => known >= row.version,
            Write::Insert { .. } => false,
            Write::Delete { version, .. } => known > *version,
        }
    }

    pub(super) fn bound(&self) -> Vec<Bound> {
        let time = number(write_time(self.version()));
        match &self.write {
            Write::Upsert { row, .. } => whole_row(row, self.bucket, set).chain([time]).collect(),
            Write::Insert { row, .. } => whole_row(row, self.bucket, set_or_leave).chain([time]).collect(),
            Write::Delete { key, .. } => [time].into_iter().chain(key.iter().map(set)).chain([number(self.bucket)]).collect(),
        }
    }
}

fn whole_row<'a>(row: &'a Row, bucket: i64, value: fn(&Value) -> Bound) -> impl Iterator<Item = Bound> + 'a {
    let version = number(row.version.cast_signed());
    row.key.iter().map(set).chain([number(bucket)]).chain(row.values.iter().map(value)).chain([version])
}

impl Shared {
    /// The text that makes a write.
    pub(super) fn statement(&self, write: &Prepared) -> Result<&str, TablesError> {
        let known = self.known(write.layout.table)?;
        Ok(if matches!(write.write, Write::Delete { .. }) { &known.delete } else { &known.insert })
    }

    /// Checks every write before any is sent.
    pub(super) fn prepare(&self, write: Write) -> Result<Prepared, TablesError> {
        let (table, row_key, row) = match &write {
            Write::Upsert { table, row } | Write::Insert { table, row } => (*table, &row.key, Some(row)),
            Write::Delete { table, key, .. } => (*table, key, None),
        };
        let layout = self.layout(table)?;
        let shape = |what: String| TablesError::Shape { table: table.name, what };
        let encoded = key::encode_whole(table, row_key).map_err(shape)?;
        row.map_or(Ok(()), |row| check_row(table, row)).map_err(shape)?;
        let partition = key::encode(table, &row_key[..table.partition.len()]).map_err(shape)?;
        let bucket = layout.bucket.of(row_key.get(table.partition.len())).map_err(shape)?;
        Ok(Prepared { layout, place: Place::of(table, &encoded), partition, bucket, write })
    }
}
