//! `Tables` in memory: the laws of the port in their plainest form, with failures on demand.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering as Atomico},
    },
};

use factumarket::{
    log::{Position, TopicPartition},
    tables::{Cursor, From, Order, Row, SinkPosition, Table, Tables, TablesError, Value, Write},
};

#[derive(Clone)]
struct Clave {
    valores: Vec<Value>,
    orden: Vec<Order>,
}

fn comparar(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (a, b) => panic!("columnas de clave distintas: {a:?} y {b:?}"),
    }
}

fn comparar_claves(a: &[Value], b: &[Value], orden: &[Order]) -> Ordering {
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        let natural = comparar(x, y);
        let resultado = if orden.get(i) == Some(&Order::Desc) { natural.reverse() } else { natural };
        if resultado != Ordering::Equal {
            return resultado;
        }
    }
    a.len().cmp(&b.len())
}

impl PartialEq for Clave {
    fn eq(&self, otra: &Self) -> bool {
        self.cmp(otra) == Ordering::Equal
    }
}
impl Eq for Clave {}
impl PartialOrd for Clave {
    fn partial_cmp(&self, otra: &Self) -> Option<Ordering> {
        Some(self.cmp(otra))
    }
}
impl Ord for Clave {
    fn cmp(&self, otra: &Self) -> Ordering {
        comparar_claves(&self.valores, &otra.valores, &self.orden)
    }
}

fn clave(table: &'static Table, valores: &[Value]) -> Clave {
    let particion = table.partition.iter().map(|_| Order::Asc);
    Clave { valores: valores.to_vec(), orden: particion.chain(table.clustering.iter().map(|(_, o)| *o)).collect() }
}

#[derive(Default)]
struct Datos {
    /// A row, or the tombstone of a deleted one with its version.
    tablas: HashMap<&'static str, BTreeMap<Clave, (u64, Option<Row>)>>,
    posiciones: HashMap<(String, TopicPartition), Position>,
}

#[derive(Default)]
pub struct Memoria {
    datos: Mutex<Datos>,
    /// So many of the next `apply` fail before writing.
    pub fallos: AtomicU32,
}

impl Memoria {
    fn datos(&self) -> std::sync::MutexGuard<'_, Datos> {
        self.datos.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every live row of every table, in order.
    pub fn volcado(&self) -> Vec<(String, Vec<Row>)> {
        let datos = self.datos();
        let mut todas: Vec<_> = datos
            .tablas
            .iter()
            .map(|(nombre, filas)| ((*nombre).to_owned(), filas.values().filter_map(|(_, fila)| fila.clone()).collect::<Vec<_>>()))
            .filter(|(_, filas)| !filas.is_empty())
            .collect();
        todas.sort_by(|a, b| a.0.cmp(&b.0));
        todas
    }

    /// Loses the rows of nothing, but takes a consumer back: what it read is delivered again.
    pub fn retroceder(&self, consumidor: &str, particion: TopicPartition, a: Position) {
        self.datos().posiciones.insert((consumidor.to_owned(), particion), a);
    }
}

fn escribir(datos: &mut Datos, write: Write) {
    let (table, key) = match &write {
        Write::Upsert { table, row } | Write::Insert { table, row } => (*table, clave(table, &row.key)),
        Write::Delete { table, key, .. } => (*table, clave(table, key)),
    };
    let filas = datos.tablas.entry(table.name).or_default();
    let guardada = filas.get(&key).map(|(version, _)| *version);
    match write {
        Write::Upsert { row, .. } => {
            assert_eq!(row.values.len(), table.columns.len(), "columnas de {}", table.name);
            if guardada.is_none_or(|v| v < row.version) {
                filas.insert(key, (row.version, Some(row)));
            }
        }
        Write::Insert { row, .. } => {
            assert_eq!(row.values.len(), table.columns.len(), "columnas de {}", table.name);
            filas.insert(key, (row.version, Some(row)));
        }
        Write::Delete { version, .. } => {
            if guardada.is_none_or(|v| v <= version) {
                filas.insert(key, (version, None));
            }
        }
    }
}

impl Tables for Memoria {
    fn declare(&self, _tables: &[&'static Table]) -> Result<(), TablesError> {
        Ok(())
    }

    fn apply(&self, writes: Vec<Write>, positions: &[SinkPosition]) -> Result<(), TablesError> {
        let fallar = self.fallos.fetch_update(Atomico::SeqCst, Atomico::SeqCst, |n| n.checked_sub(1)).is_ok();
        if fallar {
            return Err(TablesError::Storage("fallo pedido por la prueba".to_owned()));
        }
        let mut datos = self.datos();
        for write in writes {
            escribir(&mut datos, write);
        }
        for p in positions {
            datos.posiciones.insert((p.consumer.to_owned(), p.partition), p.next);
        }
        Ok(())
    }

    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, TablesError> {
        let datos = self.datos();
        Ok(datos.tablas.get(table.name).and_then(|filas| filas.get(&clave(table, key))).and_then(|(_, fila)| fila.clone()))
    }

    fn slice(
        &self,
        table: &'static Table,
        partition: &[Value],
        from: &From,
        reverse: bool,
        limit: usize,
    ) -> Result<Vec<Row>, TablesError> {
        let datos = self.datos();
        let Some(filas) = datos.tablas.get(table.name) else { return Ok(Vec::new()) };
        let orden: Vec<Order> = table.clustering.iter().map(|(_, o)| *o).collect();
        let desde = |fila: &Row| {
            let resto = &fila.key[partition.len()..];
            match from {
                From::Start => true,
                From::At(prefijo) => {
                    let orden = comparar_claves(&resto[..prefijo.len()], prefijo, &orden);
                    if reverse { orden != Ordering::Greater } else { orden != Ordering::Less }
                }
                From::After(lugar) => {
                    let orden = comparar_claves(resto, lugar, &orden);
                    if reverse { orden == Ordering::Less } else { orden == Ordering::Greater }
                }
            }
        };
        let vivas = filas.values().filter_map(|(_, fila)| fila.as_ref());
        let mut elegidas: Vec<Row> = vivas.filter(|f| f.key[..partition.len()] == *partition && desde(f)).cloned().collect();
        if reverse {
            elegidas.reverse();
        }
        elegidas.truncate(limit);
        Ok(elegidas)
    }

    fn scan(&self, table: &'static Table, after: Option<&Cursor>, limit: usize) -> Result<(Vec<Row>, Option<Cursor>), TablesError> {
        let datos = self.datos();
        let Some(filas) = datos.tablas.get(table.name) else { return Ok((Vec::new(), None)) };
        let vivas: Vec<&Row> = filas.values().filter_map(|(_, fila)| fila.as_ref()).collect();
        let inicio = after.map_or(0, |c| usize::from_be_bytes(c.0.clone().try_into().expect("cursor")));
        let pagina: Vec<Row> = vivas.iter().skip(inicio).take(limit).map(|f| (*f).clone()).collect();
        let fin = inicio + pagina.len();
        let mas = (fin < vivas.len()).then(|| Cursor(fin.to_be_bytes().to_vec()));
        Ok((pagina, mas))
    }

    fn position(&self, consumer: &str, partition: TopicPartition) -> Result<Option<Position>, TablesError> {
        Ok(self.datos().posiciones.get(&(consumer.to_owned(), partition)).copied())
    }

    fn clear(&self, tables: &[&'static Table], consumer: &str) -> Result<(), TablesError> {
        let mut datos = self.datos();
        for table in tables {
            datos.tablas.remove(table.name);
        }
        datos.posiciones.retain(|(nombre, _), _| nombre != consumer);
        Ok(())
    }
}

/// The first rows in which two dumps differ.
pub fn diferencia(a: &[(String, Vec<Row>)], b: &[(String, Vec<Row>)]) -> Option<String> {
    let tabla = |volcado: &[(String, Vec<Row>)], nombre: &str| {
        volcado.iter().find(|(n, _)| n == nombre).map(|(_, filas)| filas.clone()).unwrap_or_default()
    };
    for nombre in a.iter().chain(b).map(|(nombre, _)| nombre) {
        let (de_a, de_b) = (tabla(a, nombre), tabla(b, nombre));
        for n in 0..de_a.len().max(de_b.len()) {
            if de_a.get(n) != de_b.get(n) {
                return Some(format!("{nombre}, fila {n}:\n  {:?}\n  {:?}", de_a.get(n), de_b.get(n)));
            }
        }
    }
    None
}
