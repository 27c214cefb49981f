//! Slices over buckets, and positions.

use scylla::value::CqlValue;

use super::{
    Layout, ddl,
    shared::Shared,
    values::{self, Bound, blob, number, place_of, set},
};
use crate::{
    log::Position,
    tables::{From, Row, TablesError, Value, key},
};

impl Shared {
    pub(super) async fn position(&self, consumer: &str, topic: u16, partition: u16) -> Result<Option<Position>, TablesError> {
        let text =
            format!("SELECT siguiente FROM {}{} WHERE consumidor = ? AND tema = ? AND particion = ?", self.space, ddl::POSITIONS);
        let found = self.link().await?.rows(&text, place_of(consumer, topic, partition)).await?.into_iter().next();
        match found.map(|row| row.columns.into_iter().next()) {
            None => Ok(None),
            Some(Some(Some(CqlValue::BigInt(next)))) => Ok(u64::try_from(next).ok()),
            Some(_) => Err(TablesError::Corrupt { table: ddl::POSITIONS, what: "una posición no se lee".to_owned() }),
        }
    }

    pub(super) async fn slice(
        &self,
        layout: &'static Layout,
        partition: Vec<Value>,
        from: From,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Row>, TablesError> {
        let table = layout.table;
        let shape = |what: String| TablesError::Shape { table: table.name, what };
        let (start, after) = match &from {
            From::Start => (&[][..], false),
            From::At(values) => (&values[..], false),
            From::After(values) => (&values[..], true),
        };
        let first = match start.first() {
            Some(value) => Some(layout.bucket.of(Some(value)).map_err(shape)?),
            None => None,
        };
        let mut found = Vec::new();
        for bucket in self.buckets(layout, &partition, first, reverse).await? {
            // Past the bucket where the read starts, everything is beyond it.
            let values = if first == Some(bucket) { start } else { &[] };
            for range in ddl::ranges(values.len(), after) {
                let Some(missing) = limit.checked_sub(found.len()).filter(|n| *n > 0) else { return Ok(found) };
                let used = range.equal + usize::from(range.beyond.is_some());
                let mut bound: Vec<Bound> = partition.iter().map(set).collect();
                bound.push(number(bucket));
                bound.extend(values[..used].iter().map(set));
                bound.push(Bound::Small(i32::try_from(missing).unwrap_or(i32::MAX)));
                let rows = self.link().await?.rows(&ddl::select_range(&self.space, table, range, reverse), bound).await?;
                for row in rows {
                    found.push(values::row(table, row)?);
                }
            }
        }
        Ok(found)
    }

    /// Buckets of a partition in the order of the read, from that of `first` on.
    pub(super) async fn buckets(
        &self,
        layout: &'static Layout,
        partition: &[Value],
        first: Option<i64>,
        reverse: bool,
    ) -> Result<Vec<i64>, TablesError> {
        if !layout.is_split() {
            return Ok(vec![0]);
        }
        let table = layout.table;
        let encoded = key::encode(table, partition).map_err(|what| TablesError::Shape { table: table.name, what })?;
        let up = layout.ascending() != reverse;
        let (sign, order) = if up { (">=", "ASC") } else { ("<=", "DESC") };
        let from = first.map_or_else(String::new, |_| format!(" AND {} {sign} ?", ddl::BUCKET));
        let text = format!(
            "SELECT {0} FROM {1}{2} WHERE particion = ?{from} ORDER BY {0} {order}",
            ddl::BUCKET,
            self.space,
            ddl::directory(table.name)
        );
        let bound = [blob(&encoded)].into_iter().chain(first.map(number)).collect();
        let bucket = |row: scylla::value::Row| match row.columns.into_iter().next() {
            Some(Some(CqlValue::BigInt(bucket))) => Ok(bucket),
            _ => Err(TablesError::Corrupt { table: table.name, what: "su lista de cubos no se lee".to_owned() }),
        };
        self.link().await?.rows(&text, bound).await?.into_iter().map(bucket).collect()
    }
}
