//! Two copies of every projection. One is fed and asked; a rebuild folds the log into the other and then the other takes its place, so
//! that nobody ever asks a projection that is half made.
//!
//! Which copy is in use is a row of [`PROYECCIONES_ACTIVAS`]. Sinks and queries use the declared tables and consumer names; here they turn
//! into those of the copy. The second copy takes no room until its projection is rebuilt for the first time.

mod vista;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, Instant},
};

use self::vista::Vista;
use super::{
    projection::ProjectionSpec,
    rows::{Columns, int, int_value, text, text_value},
    runner::PROYECCIONES,
};
use crate::tables::{Row, Table, Tables, TablesError, Write};

pub static PROYECCIONES_ACTIVAS: Table = Table {
    name: "proyecciones_activas",
    doc: "Cuál de las dos copias de una proyección se alimenta y se consulta: 0, la de las tablas con su nombre; 1, la de las que terminan en _b.",
    partition: &[text("proyeccion")],
    clustering: &[],
    columns: &[int("copia")],
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copia {
    /// The tables with their declared names.
    Primera,
    /// Those whose names end in `_b`.
    Segunda,
}

impl Copia {
    pub fn otra(self) -> Self {
        match self {
            Self::Primera => Self::Segunda,
            Self::Segunda => Self::Primera,
        }
    }
}

/// The second copies, by what is declared.
struct Segundas {
    /// Place in [`PROYECCIONES`] and second copy of each table.
    tablas: HashMap<&'static str, (usize, &'static Table)>,
    /// The same of each consumer.
    consumidores: HashMap<&'static str, (usize, &'static str)>,
}

static SEGUNDAS: LazyLock<Segundas> = LazyLock::new(|| {
    let (mut tablas, mut consumidores) = (HashMap::new(), HashMap::new());
    for (lugar, spec) in PROYECCIONES.iter().enumerate() {
        consumidores.insert(spec.name, (lugar, segundo_nombre(spec.name)));
        tablas.extend(spec.tables.iter().map(|table| (table.name, (lugar, segunda_tabla(table)))));
    }
    Segundas { tablas, consumidores }
});

/// Made once for the life of the process, as those that are declared.
fn segundo_nombre(nombre: &str) -> &'static str {
    Box::leak(format!("{nombre}_b").into_boxed_str())
}

fn segunda_tabla(table: &Table) -> &'static Table {
    let Table { name, doc, partition, clustering, columns } = table;
    Box::leak(Box::new(Table { name: segundo_nombre(name), doc, partition, clustering, columns }))
}

/// The table that holds a copy; one that belongs to no projection has a single copy.
fn tabla(table: &'static Table, copia: Copia) -> &'static Table {
    match (SEGUNDAS.tablas.get(table.name), copia) {
        (Some((_, segunda)), Copia::Segunda) => segunda,
        _ => table,
    }
}

/// The second copies of all tables, each with the one it is of.
pub fn segundas() -> impl Iterator<Item = (&'static Table, &'static Table)> {
    PROYECCIONES.iter().flat_map(|spec| spec.tables).map(|table| (*table, tabla(table, Copia::Segunda)))
}

/// Which copies are in use, as last read.
struct Activas {
    leidas: Instant,
    /// By place in [`PROYECCIONES`]: the copy, and how many times it changed.
    de: Vec<(Copia, u64)>,
}

/// The tables of an installation with their two copies.
pub struct Copias {
    tablas: Arc<dyn Tables>,
    /// The same tables for a fold that starts over when it is cut short.
    sin_diario: Arc<dyn Tables>,
    activas: RwLock<Option<Activas>>,
    /// How long what was read holds: another process may feed these tables. `None`: nobody else does.
    vigencia: Option<Duration>,
}

impl Copias {
    /// Nothing is asked of the tables yet. `vigencia`: after how long a change of copies by another process is seen; `None` when there is none.
    pub fn new(tablas: Arc<dyn Tables>, sin_diario: Arc<dyn Tables>, vigencia: Option<Duration>) -> Arc<Self> {
        Arc::new(Self { tablas, sin_diario, activas: RwLock::default(), vigencia })
    }

    /// Tables that one process alone uses.
    pub fn propias(tablas: Arc<dyn Tables>) -> Arc<Self> {
        Self::new(Arc::clone(&tablas), tablas, None)
    }

    /// The tables as sinks and queries see them: of each projection, the copy in use.
    pub fn en_uso(self: &Arc<Self>) -> Arc<dyn Tables> {
        let copias = Arc::clone(self);
        let tablas = Arc::clone(&self.tablas);
        Arc::new(Vista { tablas, copia_de: Box::new(move |lugar| copias.activa(lugar)) })
    }

    /// The tables of one copy, for the fold that makes it.
    fn de_copia(&self, copia: Copia) -> Arc<dyn Tables> {
        Arc::new(Vista { tablas: Arc::clone(&self.sin_diario), copia_de: Box::new(move |_| Ok(copia)) })
    }

    /// Empties the copy that is not in use, and gives its tables. Only while no sink is in the middle of a batch.
    ///
    /// # Errors
    /// Of the tables.
    pub fn vaciar_la_otra(&self, spec: &'static ProjectionSpec) -> Result<Arc<dyn Tables>, TablesError> {
        let otra = self.activa(lugar(spec)?)?.otra();
        let nombres: Vec<_> = spec.tables.iter().map(|table| tabla(table, otra)).collect();
        self.tablas.declare(&nombres)?;
        self.tablas.clear(&nombres, vista::consumidor(spec.name, otra))?;
        Ok(self.de_copia(otra))
    }

    /// From here on the other copy is the one in use. Only while no sink is in the middle of a batch.
    ///
    /// # Errors
    /// Of the tables: the copies stay as they were.
    pub fn relevar(&self, spec: &'static ProjectionSpec) -> Result<(), TablesError> {
        let lugar = lugar(spec)?;
        self.al_dia()?;
        let mut activas = self.activas.write().unwrap_or_else(PoisonError::into_inner);
        let Some((copia, cambios)) = activas.as_mut().and_then(|activas| activas.de.get_mut(lugar)) else { return Ok(()) };
        let row = Row {
            key: vec![text_value(spec.name)],
            values: vec![int_value(u64::from(copia.otra() == Copia::Segunda))],
            version: *cambios + 1,
        };
        self.tablas.apply(vec![Write::Upsert { table: &PROYECCIONES_ACTIVAS, row }], &[])?;
        (*copia, *cambios) = (copia.otra(), *cambios + 1);
        Ok(())
    }

    /// After how long every process asks the copy that is in use since a change.
    pub fn vigencia(&self) -> Option<Duration> {
        self.vigencia
    }

    fn activa(&self, lugar: usize) -> Result<Copia, TablesError> {
        let conocida = |activas: &Activas| activas.de.get(lugar).map_or(Copia::Primera, |(copia, _)| *copia);
        if let Some(activas) = self.leidas().as_ref().filter(|activas| self.valen(activas)) {
            return Ok(conocida(activas));
        }
        self.al_dia()?;
        Ok(self.leidas().as_ref().map_or(Copia::Primera, conocida))
    }

    fn leidas(&self) -> RwLockReadGuard<'_, Option<Activas>> {
        self.activas.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn valen(&self, activas: &Activas) -> bool {
        self.vigencia.is_none_or(|vigencia| activas.leidas.elapsed() < vigencia)
    }

    /// Reads which copies are in use, unless that is known. Tables that do not answer leave standing what was known of them.
    fn al_dia(&self) -> Result<(), TablesError> {
        let conocidas = match &*self.leidas() {
            Some(activas) if self.valen(activas) => return Ok(()),
            conocidas => conocidas.is_some(),
        };
        let de = match self.leer() {
            Err(_) if conocidas => return Ok(()),
            leidas => leidas?,
        };
        let mut activas = self.activas.write().unwrap_or_else(PoisonError::into_inner);
        // A change that was made meanwhile by this process is newer than what was read.
        let de = match activas.take() {
            Some(antes) => {
                antes.de.into_iter().zip(de).map(|(antes, leida)| if antes.1 > leida.1 { antes } else { leida }).collect()
            }
            None => de,
        };
        *activas = Some(Activas { leidas: Instant::now(), de });
        Ok(())
    }

    fn leer(&self) -> Result<Vec<(Copia, u64)>, TablesError> {
        let mut de = vec![(Copia::Primera, 0); PROYECCIONES.len()];
        // Of a projection that is no more nothing is read.
        let (filas, _) = self.tablas.scan(&PROYECCIONES_ACTIVAS, None, 2 * PROYECCIONES.len())?;
        for fila in filas {
            let columnas = Columns::new(&PROYECCIONES_ACTIVAS, &fila);
            let proyeccion = columnas.text("proyeccion")?;
            let Some(lugar) = PROYECCIONES.iter().position(|spec| *spec.name == **proyeccion) else { continue };
            let copia = if columnas.int("copia")? == 0 { Copia::Primera } else { Copia::Segunda };
            de[lugar] = (copia, fila.version);
        }
        self.declarar_segundas(&de)?;
        Ok(de)
    }

    /// Second copies in use are declared as the first ones were at the start, once.
    fn declarar_segundas(&self, de: &[(Copia, u64)]) -> Result<(), TablesError> {
        let conocida = |lugar: usize| {
            self.leidas().as_ref().and_then(|activas| activas.de.get(lugar)).is_some_and(|(copia, _)| *copia == Copia::Segunda)
        };
        let nuevas = |(lugar, (copia, _)): &(usize, &(Copia, u64))| *copia == Copia::Segunda && !conocida(*lugar);
        let tablas: Vec<_> = de
            .iter()
            .enumerate()
            .filter(nuevas)
            .flat_map(|(lugar, _)| PROYECCIONES[lugar].tables)
            .map(|table| tabla(table, Copia::Segunda))
            .collect();
        if tablas.is_empty() { Ok(()) } else { self.tablas.declare(&tablas) }
    }
}

/// Place in [`PROYECCIONES`]. Whatever else has a single copy, which must not be emptied for the other.
fn lugar(spec: &'static ProjectionSpec) -> Result<usize, TablesError> {
    let unknown = || TablesError::Storage(format!("la proyección «{}» no tiene dos copias", spec.name));
    SEGUNDAS.consumidores.get(spec.name).map(|(lugar, _)| *lugar).ok_or_else(unknown)
}
