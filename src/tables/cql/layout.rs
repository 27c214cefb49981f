//! How a declared table is laid out in the database: buckets that bound its partitions, compaction, retention.

use crate::tables::{Order, Table, Value};

/// What splits a logical partition, so that it stays bounded whatever its key gathers. Always by the first clustering column, so that
/// the buckets of a partition, one after another, are the partition in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// Bounded as it is: the bucket is always 0.
    One,
    /// So many days of a Date. From 1.
    Days(u16),
    /// So many microseconds of a Timestamp. From 1.
    Micros(i64),
    /// So many values of an Int. From 1.
    Values(i64),
}

impl Bucket {
    /// Bucket of a value of the first clustering column.
    ///
    /// # Errors
    /// When the value is not of the column that the bucket splits by.
    pub fn of(self, first: Option<&Value>) -> Result<i64, String> {
        match (self, first) {
            (Self::One, _) => Ok(0),
            (Self::Days(days), Some(Value::Date(date))) => {
                Ok(i64::from(chrono::Datelike::num_days_from_ce(date)).div_euclid(i64::from(days.max(1))))
            }
            (Self::Micros(width), Some(Value::Timestamp(at))) => Ok(at.micros().div_euclid(width.max(1))),
            (Self::Values(width), Some(Value::Int(value))) => Ok(value.div_euclid(width.max(1))),
            (_, otro) => Err(format!("el cubo no se puede calcular de {otro:?}")),
        }
    }

    fn texto(self, columna: &str) -> String {
        const HORA: i64 = 3_600_000_000;
        match self {
            Self::One => "sin partir: el cubo es siempre 0".to_owned(),
            Self::Days(days) => format!("el cubo son {days} días de {columna}"),
            Self::Micros(width) => format!("el cubo son {} horas de {columna}", width / HORA),
            Self::Values(width) => format!("el cubo son {width} valores de {columna}"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// For rows that are written again: a read touches few files.
    Leveled,
    /// For rows that are written once: little is written twice.
    SizeTiered,
}

impl Compaction {
    pub fn class(self) -> &'static str {
        match self {
            Self::Leveled => "LeveledCompactionStrategy",
            Self::SizeTiered => "SizeTieredCompactionStrategy",
        }
    }
}

/// The physical side of a table.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    pub table: &'static Table,
    pub bucket: Bucket,
    /// Size of its largest partition with 100 million invoices, and where it comes from. In Spanish, for the schema's comment.
    pub bound: &'static str,
    pub compaction: Compaction,
}

impl Layout {
    /// Whether its partitions have a directory of their buckets.
    pub fn is_split(&self) -> bool {
        self.bucket != Bucket::One
    }

    /// How the bucket comes about, for the schema's comment.
    pub fn bucket_text(&self) -> String {
        self.bucket.texto(self.table.clustering.first().map_or("", |(column, _)| column.name))
    }

    /// Whether the buckets of a partition ascend along its clustering order.
    pub fn ascending(&self) -> bool {
        self.table.clustering.first().is_none_or(|(_, order)| *order == Order::Asc)
    }
}
