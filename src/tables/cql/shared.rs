//! What the calls of the port share: the connection once there is one, the layouts, what is known of rows and buckets.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OnceCell, Semaphore};

use super::{
    Difference, Layout, ddl,
    lease::Lease,
    link::{CqlOptions, Link},
    schema,
};
use crate::tables::{
    Table, TablesError,
    versions::{Place, Versions},
};

/// Whoever asks sooner after a refusal is given the same.
const REFUSAL_LASTS: Duration = Duration::from_secs(1);

/// A table that this process was told of: how it is kept, and the statements that write a row of it and remove one.
pub(super) struct Known {
    pub(super) layout: &'static Layout,
    pub(super) insert: String,
    pub(super) delete: String,
}

pub(super) struct Shared {
    /// Made with the first use, and again with the next while the database does not answer.
    pub(super) link: OnceCell<Link>,
    /// The tables that were declared, until they were found to be there.
    pub(super) declared: Mutex<Vec<&'static Table>>,
    pub(super) options: CqlOptions,
    /// `keyspace.`
    pub(super) space: String,
    /// By table.
    known: HashMap<&'static str, Known>,
    /// Versions written by this process: what is not newer is not sent.
    pub(super) versions: Mutex<Versions>,
    pub(super) known_buckets: Mutex<HashSet<(Place, i64)>>,
    /// When the database was last found away, and why.
    pub(super) refused: Mutex<Option<(Instant, String)>>,
    pub(super) permits: Semaphore,
    /// Whether this process may write.
    pub(super) lease: Lease,
    /// Tables are made by one at a time.
    settling: tokio::sync::Mutex<()>,
}

impl Shared {
    pub(super) fn new(options: CqlOptions, layouts: &'static [Layout]) -> Self {
        let space = format!("{}.", options.keyspace);
        let known = |layout: &'static Layout| {
            let table = layout.table;
            (table.name, Known { layout, insert: ddl::insert(&space, table), delete: ddl::delete(&space, table) })
        };
        Self {
            link: OnceCell::new(),
            declared: Mutex::default(),
            known: layouts.iter().map(known).collect(),
            space,
            versions: Mutex::default(),
            known_buckets: Mutex::default(),
            refused: Mutex::default(),
            permits: Semaphore::new(options.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
            lease: Lease::new(),
            settling: tokio::sync::Mutex::default(),
            options,
        }
    }

    pub(super) async fn connected(&self) -> Result<&Link, TablesError> {
        self.link.get_or_try_init(|| self.connect()).await
    }

    /// One attempt serves all who ask within a moment: a database that does not even refuse takes its time, and they would queue for it.
    async fn connect(&self) -> Result<Link, TablesError> {
        let lately = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, why)) = lately.filter(|(at, _)| at.elapsed() < REFUSAL_LASTS) {
            return Err(TablesError::Storage(why));
        }
        let opened = Link::open(&self.options).await;
        if let Err(TablesError::Storage(why)) = &opened {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), why.clone()));
        }
        opened
    }

    /// The connection, once the declared tables are there. Every request asks for it, so making it and looking at the tables is kept out of what
    /// a request carries about.
    pub(super) async fn link(&self) -> Result<&Link, TablesError> {
        match self.link.get() {
            Some(link) if self.declared.lock().unwrap_or_else(PoisonError::into_inner).is_empty() => Ok(link),
            _ => Box::pin(self.settled()).await,
        }
    }

    async fn settled(&self) -> Result<&Link, TablesError> {
        let link = self.connected().await?;
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if declared.is_empty() {
            return Ok(link);
        }
        self.settle(link, &declared).await?;
        // Others that were declared meanwhile stay.
        self.declared.lock().unwrap_or_else(PoisonError::into_inner).retain(|table| !declared.iter().any(|d| d.name == table.name));
        Ok(link)
    }

    /// Compares the tables with those of the database, and creates what is missing when it may.
    pub(super) async fn settle(&self, link: &Link, tables: &[&'static Table]) -> Result<(), TablesError> {
        let layouts = self.layouts_of(tables)?;
        let _one = self.settling.lock().await;
        let mut missing = None;
        for difference in schema::differences(link, &self.options.keyspace, &layouts).await? {
            match difference {
                Difference::Missing { table } => missing = Some(table),
                Difference::Changed { table, what } => {
                    // A directory is named after its table.
                    let declared = tables.iter().find(|t| table.starts_with(t.name)).map_or(ddl::POSITIONS, |t| t.name);
                    let what = format!("{table} tiene otras columnas: {what}; la creó otra versión del programa");
                    return Err(TablesError::Shape { table: declared, what });
                }
            }
        }
        match missing {
            None => Ok(()),
            Some(_) if self.options.create => schema::create(link, &self.options, &layouts).await,
            Some(table) => Err(TablesError::Storage(format!(
                "la base de datos no tiene la tabla {}{table}: créela con «factumarket tablas aplicar», o ponga tablas.crear en true",
                self.space
            ))),
        }
    }

    /// What this process knew of what it wrote: rows that are not newer, buckets that are in their directory.
    pub(super) fn forget_what_was_written(&self) {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.known_buckets.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The table of that name, when this process was told of it.
    pub(super) fn table_of(&self, name: &str) -> Option<&'static Table> {
        self.known.get(name).map(|known| known.layout.table)
    }

    pub(super) fn known(&self, table: &'static Table) -> Result<&Known, TablesError> {
        self.known.get(table.name).ok_or_else(|| TablesError::Shape {
            table: table.name,
            what: "no se dijo cómo se guarda en la base de datos".to_owned(),
        })
    }

    pub(super) fn layout(&self, table: &'static Table) -> Result<&'static Layout, TablesError> {
        let layout = self.known(table)?.layout;
        let of = |table: &'static Table| (table.partition, table.clustering, table.columns);
        let same = std::ptr::eq(layout.table, table) || of(layout.table) == of(table);
        if same {
            return Ok(layout);
        }
        Err(TablesError::Shape { table: table.name, what: "se dijo cómo guardarla con otras columnas".to_owned() })
    }

    pub(super) fn layouts_of(&self, tables: &[&'static Table]) -> Result<Vec<&'static Layout>, TablesError> {
        tables.iter().map(|table| self.layout(table)).collect()
    }
}
