//! The texts of CQL: the schema's files and the statements, all from the declaration of a table.

use std::fmt::Write;

use super::layout::Layout;
use crate::tables::{Column, ColumnType, Order, Table};

/// Days that a deleted row leaves its mark: a replica that was away longer must be rebuilt.
const GC_GRACE_SECONDS: u32 = 864_000;

/// Columns that every table has besides its own.
pub const BUCKET: &str = "cubo";
pub const VERSION: &str = "version_fila";

/// Where the sinks are.
pub const POSITIONS: &str = "posiciones";

/// The batch of each partition of the log that was made last, or is being made.
pub const JOURNAL: &str = "lotes_en_curso";

/// Whose turn it is to feed the keyspace.
pub const FEEDER: &str = "alimentador";

/// The directory of the buckets of a table that is split.
pub fn directory(table: &str) -> String {
    format!("{table}_cubos")
}

/// CQL's type of a column. An instant is a `bigint` of microseconds: CQL's own has only milliseconds.
pub fn cql_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "text",
        ColumnType::Int | ColumnType::Timestamp => "bigint",
        ColumnType::Decimal => "decimal",
        ColumnType::Date => "date",
        ColumnType::Bool => "boolean",
        ColumnType::Bytes => "blob",
    }
}

/// Partition and clustering columns, then plain ones.
pub fn all_columns(table: &'static Table) -> impl Iterator<Item = &'static Column> {
    key_columns(table).chain(table.columns)
}

fn key_columns(table: &'static Table) -> impl Iterator<Item = &'static Column> {
    table.partition.iter().chain(table.clustering.iter().map(|(column, _)| column))
}

fn names<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    columns.map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// The file of a table in `schemas/cql`: what it serves, how large it gets, and what creates it.
pub fn file(layout: &Layout) -> String {
    let table = layout.table;
    let mut out = format!(
        "-- {}\n-- Partición: {}. {}\n-- Retención: ninguna; es un pliegue del registro, que no caduca. Sin TTL.\n",
        table.doc,
        layout.bucket_text(),
        layout.bound
    );
    for statement in create("", layout) {
        out.push_str(&statement);
        out.push_str(";\n");
    }
    out
}

/// What creates a table, and the directory of its buckets. `space` is the keyspace with its dot, or empty.
pub fn create(space: &str, layout: &Layout) -> Vec<String> {
    let table = layout.table;
    let mut out = format!("CREATE TABLE IF NOT EXISTS {space}{} (\n", table.name);
    let line = |out: &mut String, column: &Column| {
        let unit = if column.kind == ColumnType::Timestamp { " -- microsegundos desde 1970, UTC" } else { "" };
        let _ = writeln!(out, "    {} {},{unit}", column.name, cql_type(column.kind));
    };
    table.partition.iter().for_each(|column| line(&mut out, column));
    let _ = writeln!(out, "    {BUCKET} bigint,");
    table.clustering.iter().map(|(column, _)| column).chain(table.columns).for_each(|column| line(&mut out, column));
    let _ = writeln!(out, "    {VERSION} bigint, -- del agregado; también es el instante de escritura: la mayor gana");
    let partition = names(table.partition.iter());
    let clustering: String = table.clustering.iter().map(|(column, _)| format!(", {}", column.name)).collect();
    let _ = write!(out, "    PRIMARY KEY (({partition}, {BUCKET}){clustering})\n) WITH ");
    let order =
        |(column, order): &(Column, Order)| format!("{} {}", column.name, if *order == Order::Desc { "DESC" } else { "ASC" });
    if !table.clustering.is_empty() {
        let orders: Vec<String> = table.clustering.iter().map(order).collect();
        let _ = write!(out, "CLUSTERING ORDER BY ({})\n  AND ", orders.join(", "));
    }
    let _ = write!(out, "{}", options(layout.compaction.class()));
    let mut statements = vec![out];
    if layout.is_split() {
        statements.push(format!(
            "CREATE TABLE IF NOT EXISTS {space}{} (\n    particion blob, -- la clave de partición de {}, codificada\n    {BUCKET} bigint,\n    \
             PRIMARY KEY (particion, {BUCKET})\n) WITH {}",
            directory(table.name),
            table.name,
            options("LeveledCompactionStrategy")
        ));
    }
    statements
}

fn options(compaction: &str) -> String {
    format!("compaction = {{'class': '{compaction}'}}\n  AND gc_grace_seconds = {GC_GRACE_SECONDS}\n  AND default_time_to_live = 0")
}

/// The file of the sinks' positions.
pub fn positions_file() -> String {
    format!(
        "-- Hasta dónde leyó cada proyección de cada partición del registro: la próxima posición.\n\
         -- Se escribe después de sus filas, así que lo que falte se vuelve a leer. Una partición por proyección: decenas de filas.\n{};\n",
        create_positions("")
    )
}

pub fn create_positions(space: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {space}{POSITIONS} (\n    consumidor text,\n    tema int, -- código del tema\n    particion int,\n    \
         siguiente bigint,\n    PRIMARY KEY (consumidor, tema, particion)\n) WITH {}",
        options("LeveledCompactionStrategy")
    )
}

/// The file of the batches being made.
pub fn journal_file() -> String {
    format!(
        "-- El último lote de cada partición del registro, escrito antes que sus filas: el que quedó a medias se termina antes de seguir.\n\
         -- Sus columnas estáticas se escriben con transacciones ligeras que exigen la época: un proceso de una anterior no anota más lotes.\n\
         -- Cada lote escribe sobre el anterior: unos cientos de KB por partición del registro.\n{};\n",
        create_journal("")
    )
}

pub fn create_journal(space: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {space}{JOURNAL} (\n    tema int, -- código del tema\n    particion int,\n    parte int,\n    \
         epoca bigint static, -- del turno que puede anotar lotes de esta partición\n    \
         partes int static, -- las que tiene el lote\n    \
         suma bigint static, -- del lote entero: las partes de dos no se mezclan\n    \
         contenido blob,\n    PRIMARY KEY ((tema, particion), parte)\n) WITH {}",
        options("LeveledCompactionStrategy")
    )
}

/// The file of the turn.
pub fn feeder_file() -> String {
    format!(
        "-- Qué proceso alimenta el keyspace: uno a la vez. Lo renueva con transacciones ligeras, y otro lo toma cuando calla su plazo.\n\
         -- Una fila.\n{};\n",
        create_feeder("")
    )
}

pub fn create_feeder(space: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {space}{FEEDER} (\n    papel text, -- siempre «proyecciones»\n    \
         epoca bigint, -- cuenta los turnos\n    titular text, -- el proceso que lo tiene; vacío: nadie\n    \
         lugar text, -- la carpeta en la que corre, que es de un proceso a la vez\n    \
         registro text, -- el que se pliega en este keyspace\n    quien text, -- el titular, para las personas\n    \
         desde bigint, -- microsegundos desde 1970, UTC\n    plazo_ms bigint, -- silencio tras el cual otro lo toma\n    \
         latido bigint, -- cambia con cada renovación\n    PRIMARY KEY (papel)\n) WITH {}",
        options("LeveledCompactionStrategy")
    )
}

/// Writes a whole row: key, bucket, values, version, and the version again as the time of the write.
pub fn insert(space: &str, table: &'static Table) -> String {
    let marks = vec!["?"; table.partition.len() + table.clustering.len() + table.columns.len() + 2].join(", ");
    let plain = if table.columns.is_empty() { String::new() } else { format!(", {}", names(table.columns.iter())) };
    format!(
        "INSERT INTO {space}{} ({}, {BUCKET}{plain}, {VERSION}) VALUES ({marks}) USING TIMESTAMP ?",
        table.name,
        names(key_columns(table))
    )
}

/// Notes a bucket in the directory of its table; binds the encoded partition, the bucket.
pub fn insert_bucket(space: &str, table: &str) -> String {
    format!("INSERT INTO {space}{} (particion, {BUCKET}) VALUES (?, ?)", directory(table))
}

/// Removes a row as of a version; binds the version, the key, the bucket.
pub fn delete(space: &str, table: &'static Table) -> String {
    format!("DELETE FROM {space}{} USING TIMESTAMP ? WHERE {}", table.name, whole_key(table))
}

/// One row; binds the key, the bucket.
pub fn select_one(space: &str, table: &'static Table) -> String {
    format!("SELECT {} FROM {space}{} WHERE {}", selected(table), table.name, whole_key(table))
}

/// Every row of the table.
pub fn select_all(space: &str, table: &'static Table) -> String {
    format!("SELECT {} FROM {space}{}", selected(table), table.name)
}

fn whole_key(table: &'static Table) -> String {
    let equal: Vec<String> = key_columns(table).map(|column| format!("{} = ?", column.name)).collect();
    format!("{} AND {BUCKET} = ?", equal.join(" AND "))
}

fn selected(table: &'static Table) -> String {
    format!("{}, {VERSION}", names(all_columns(table)))
}

/// What a read takes of a bucket: rows whose first clustering columns equal so many values and, when there is one more value, whose next
/// column is beyond it in the direction of the read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub equal: usize,
    pub beyond: Option<Beyond>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// The value itself too.
    At,
    After,
}

/// Rows of a bucket; binds the partition, the bucket, the values of the range, the limit.
pub fn select_range(space: &str, table: &'static Table, range: Range, reverse: bool) -> String {
    let partition: Vec<String> = table.partition.iter().map(|column| format!("{} = ?", column.name)).collect();
    let mut out =
        format!("SELECT {} FROM {space}{} WHERE {} AND {BUCKET} = ?", selected(table), table.name, partition.join(" AND "));
    for (column, _) in table.clustering.iter().take(range.equal) {
        let _ = write!(out, " AND {} = ?", column.name);
    }
    if let (Some(beyond), Some((column, order))) = (range.beyond, table.clustering.get(range.equal)) {
        let up = (*order == Order::Asc) != reverse;
        let sign = match (up, beyond) {
            (true, Beyond::At) => ">=",
            (true, Beyond::After) => ">",
            (false, Beyond::At) => "<=",
            (false, Beyond::After) => "<",
        };
        let _ = write!(out, " AND {} {sign} ?", column.name);
    }
    if reverse && !table.clustering.is_empty() {
        let turned =
            |(column, order): &(Column, Order)| format!("{} {}", column.name, if *order == Order::Desc { "ASC" } else { "DESC" });
        let orders: Vec<String> = table.clustering.iter().map(turned).collect();
        let _ = write!(out, " ORDER BY {}", orders.join(", "));
    }
    out.push_str(" LIMIT ?");
    out
}

/// The ranges that, one after another, are what a read takes of the bucket where it starts.
pub fn ranges(values: usize, after: bool) -> Vec<Range> {
    let first =
        values.checked_sub(1).map(|last| Range { equal: last, beyond: Some(if after { Beyond::After } else { Beyond::At }) });
    let rest = (0..values.saturating_sub(1)).rev().map(|equal| Range { equal, beyond: Some(Beyond::After) });
    match first {
        Some(first) => std::iter::once(first).chain(rest).collect(),
        None => vec![Range { equal: 0, beyond: None }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{
        conformance::{MOVEMENTS, TYPES},
        cql::{Bucket, Compaction},
    };

    static LAYOUT: Layout =
        Layout { table: &MOVEMENTS, bucket: Bucket::Days(7), bound: "Prueba.", compaction: Compaction::Leveled };

    #[test]
    fn a_table_is_created_with_its_bucket_its_order_and_its_directory() {
        let statements = create("e.", &LAYOUT);
        assert_eq!(statements.len(), 2);
        for part in [
            "CREATE TABLE IF NOT EXISTS e.movimientos_prueba (",
            "PRIMARY KEY ((producto, cubo), dia, numero)",
            "CLUSTERING ORDER BY (dia DESC, numero ASC)",
            "'LeveledCompactionStrategy'",
        ] {
            assert!(statements[0].contains(part), "{}", statements[0]);
        }
        assert!(statements[1].contains("e.movimientos_prueba_cubos"));
        assert!(file(&LAYOUT).contains("el cubo son 7 días de dia. Prueba."));
    }

    #[test]
    fn a_read_is_split_where_its_key_columns_turn() {
        let text = |range, reverse| select_range("", &MOVEMENTS, range, reverse);
        let after = ranges(2, true);
        assert_eq!(after.len(), 2);
        assert!(text(after[0], false).ends_with("AND cubo = ? AND dia = ? AND numero > ? LIMIT ?"));
        assert!(text(after[1], false).ends_with("AND cubo = ? AND dia < ? LIMIT ?"));
        assert!(text(after[0], true).ends_with("AND dia = ? AND numero < ? ORDER BY dia ASC, numero DESC LIMIT ?"));
        assert!(text(ranges(1, false)[0], false).ends_with("AND cubo = ? AND dia <= ? LIMIT ?"));
        assert!(text(ranges(0, false)[0], false).ends_with("AND cubo = ? LIMIT ?"));
        assert!(!select_range("", &TYPES, ranges(0, false)[0], true).contains("ORDER"));
    }

    #[test]
    fn an_insert_binds_its_columns_the_bucket_and_the_version_twice() {
        assert_eq!(
            insert("e.", &MOVEMENTS),
            "INSERT INTO e.movimientos_prueba (producto, dia, numero, cubo, cantidad, nota, version_fila) VALUES (?, ?, ?, ?, ?, ?, ?) \
             USING TIMESTAMP ?"
        );
    }
}
