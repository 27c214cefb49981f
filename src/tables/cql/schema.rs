//! The tables that the database has, against those that are declared.

use std::collections::BTreeMap;

use scylla::value::{CqlValue, Row};

use super::{
    ddl,
    layout::Layout,
    link::{CqlOptions, Link, failed},
    values::text,
};
use crate::tables::{Order, TablesError};

/// What a database lacks, or has otherwise. The texts are for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    Missing {
        table: String,
    },
    /// Column by column: what is there, and what this program declares.
    Changed {
        table: String,
        what: String,
    },
}

/// What of a table's columns matters: type, kind of key, place in it, order.
type Columns = BTreeMap<String, String>;

fn expected(layout: &Layout) -> Columns {
    let table = layout.table;
    let mut columns = Columns::new();
    let mut partition: Vec<(&str, &str)> = table.partition.iter().map(|c| (c.name, ddl::cql_type(c.kind))).collect();
    partition.push((ddl::BUCKET, "bigint"));
    for (place, (name, kind)) in partition.into_iter().enumerate() {
        columns.insert(name.to_owned(), format!("{kind} partition_key {place} none"));
    }
    for (place, (column, order)) in table.clustering.iter().enumerate() {
        let order = if *order == Order::Desc { "desc" } else { "asc" };
        columns.insert(column.name.to_owned(), format!("{} clustering {place} {order}", ddl::cql_type(column.kind)));
    }
    let plain = table.columns.iter().map(|c| (c.name, ddl::cql_type(c.kind))).chain([(ddl::VERSION, "bigint")]);
    columns.extend(plain.map(|(name, kind)| (name.to_owned(), format!("{kind} regular -1 none"))));
    columns
}

fn expected_directory() -> Columns {
    Columns::from([
        ("particion".to_owned(), "blob partition_key 0 none".to_owned()),
        (ddl::BUCKET.to_owned(), "bigint clustering 0 asc".to_owned()),
    ])
}

fn expected_positions() -> Columns {
    Columns::from([
        ("consumidor".to_owned(), "text partition_key 0 none".to_owned()),
        ("tema".to_owned(), "int clustering 0 asc".to_owned()),
        ("particion".to_owned(), "int clustering 1 asc".to_owned()),
        ("siguiente".to_owned(), "bigint regular -1 none".to_owned()),
    ])
}

fn expected_journal() -> Columns {
    let column = |name: &str, what: &str| (name.to_owned(), what.to_owned());
    Columns::from([
        column("tema", "int partition_key 0 none"),
        column("particion", "int partition_key 1 none"),
        column("parte", "int clustering 0 asc"),
        column("epoca", "bigint static -1 none"),
        column("partes", "int static -1 none"),
        column("suma", "bigint static -1 none"),
        column("contenido", "blob regular -1 none"),
    ])
}

fn expected_feeder() -> Columns {
    let column = |(name, what): (&str, &str)| (name.to_owned(), what.to_owned());
    let plain = ["titular", "lugar", "registro", "quien"].map(|name| (name, "text regular -1 none"));
    let numbers = ["epoca", "desde", "plazo_ms", "latido"].map(|name| (name, "bigint regular -1 none"));
    [("papel", "text partition_key 0 none")].into_iter().chain(plain).chain(numbers).map(column).collect()
}

async fn stored(link: &Link, keyspace: &str, table: &str) -> Result<Columns, TablesError> {
    const TEXT: &str = "SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns WHERE keyspace_name = ? \
                        AND table_name = ?";
    let column = |row: Row| {
        let parts: Vec<String> = row.columns.into_iter().map(|value| plain(value.as_ref())).collect();
        let (name, rest) = parts.split_first()?;
        Some((name.clone(), rest.join(" ")))
    };
    Ok(link.rows(TEXT, vec![text(keyspace), text(table)]).await?.into_iter().filter_map(column).collect())
}

fn plain(value: Option<&CqlValue>) -> String {
    match value {
        Some(CqlValue::Text(text) | CqlValue::Ascii(text)) => text.clone(),
        Some(CqlValue::Int(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn compare(table: &str, stored: &Columns, expected: &Columns) -> Option<Difference> {
    let table = table.to_owned();
    if stored.is_empty() {
        return Some(Difference::Missing { table });
    }
    let names: std::collections::BTreeSet<&String> = stored.keys().chain(expected.keys()).collect();
    let differs = |name: &&&String| stored.get(**name) != expected.get(**name);
    let say = |name: &&String| {
        let of = |columns: &Columns| columns.get(*name).cloned().unwrap_or_else(|| "no está".to_owned());
        format!("{name}: hay «{}» y se declara «{}»", of(stored), of(expected))
    };
    let what: Vec<String> = names.iter().filter(differs).map(say).collect();
    (!what.is_empty()).then(|| Difference::Changed { table, what: what.join("; ") })
}

/// Everything that differs between the database and the declarations.
///
/// # Errors
/// `Storage`.
pub async fn differences(link: &Link, keyspace: &str, layouts: &[&'static Layout]) -> Result<Vec<Difference>, TablesError> {
    let mut wanted = vec![
        (ddl::POSITIONS.to_owned(), expected_positions()),
        (ddl::JOURNAL.to_owned(), expected_journal()),
        (ddl::FEEDER.to_owned(), expected_feeder()),
    ];
    for layout in layouts {
        wanted.push((layout.table.name.to_owned(), expected(layout)));
        if layout.is_split() {
            wanted.push((ddl::directory(layout.table.name), expected_directory()));
        }
    }
    let mut found = Vec::new();
    for (table, columns) in wanted {
        found.extend(compare(&table, &stored(link, keyspace, &table).await?, &columns));
    }
    Ok(found)
}

/// Creates the keyspace and every table that is missing; one that is there is left as it is.
///
/// # Errors
/// `Storage`.
pub async fn create(link: &Link, options: &CqlOptions, layouts: &[&'static Layout]) -> Result<(), TablesError> {
    let space = format!(
        "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': {}}}",
        options.keyspace, options.replicas
    );
    let dotted = format!("{}.", options.keyspace);
    let tables = layouts.iter().flat_map(|layout| ddl::create(&dotted, layout));
    let own = [space, ddl::create_positions(&dotted), ddl::create_journal(&dotted), ddl::create_feeder(&dotted)];
    for statement in own.into_iter().chain(tables) {
        // Comments of the files are for people.
        let statement: String =
            statement.lines().map(|line| line.split(" -- ").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
        link.session.query_unpaged(statement, ()).await.map_err(|e| failed("no creó una tabla", e))?;
    }
    link.session.await_schema_agreement().await.map_err(|e| failed("no se puso de acuerdo sobre sus tablas", e))?;
    Ok(())
}
