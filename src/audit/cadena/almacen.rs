//! What is kept of the chains in tables, so that a proof costs a few rows: the state of each chain, its tiles, its seals.
//!
//! A tile holds 256 nodes of one level, as in `c2sp.org/tlog-tiles`: those of level 0 the links of 256 leaves, each with its position on
//! the log; those of level L the roots of 256 tiles of the level below. A full one is never written again.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{
    Digesto,
    hoja::Cadena,
    lectura::ErrorCadena,
    merkle::{self, Frontera, Nodos},
    sello::SelloFirmado,
};
use crate::{
    log::{Position, TopicPartition},
    tables::{From, Key, Row, Table, Tables, TablesError, Value, Write},
};

/// Nodes of a tile.
pub const ANCHO: u64 = 256;
/// Levels of tiles: 256^8 leaves are enough.
const NIVELES: u32 = 8;
/// Bytes of a node of level 0: position and link.
const BYTES_HOJA: usize = 40;
const BYTES_NODO: usize = 32;

/// The tables that a chain is kept in. Declared beside the other audit tables, in `projections`.
#[derive(Clone, Copy)]
pub struct TablasDeCadena {
    /// Partition `particion`; columns `hojas`, `cabeza`, `frontera`, `siguiente`.
    pub cadenas: &'static Table,
    /// Partition `particion`, `nivel`; clustering `indice`; column `nodos`.
    pub azulejos: &'static Table,
    /// Partition `particion`; clustering `hojas`; column `nota`.
    pub sellos: &'static Table,
}

impl TablasDeCadena {
    pub fn todas(self) -> [&'static Table; 3] {
        [self.cadenas, self.azulejos, self.sellos]
    }
}

/// The tables, opened.
#[derive(Clone)]
pub struct Almacen {
    pub tablas: Arc<dyn Tables>,
    pub nombres: TablasDeCadena,
}

fn texto(particion: TopicPartition) -> Value {
    Value::Text(Arc::from(particion.to_string()))
}

fn entero(n: u64) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

fn corrupta(tabla: &'static Table, que: &str) -> ErrorCadena {
    ErrorCadena::Tablas(TablesError::Corrupt { table: tabla.name, what: que.to_owned() })
}

fn natural(fila: &Row, columna: usize) -> Option<u64> {
    match fila.values.get(columna) {
        Some(Value::Int(n)) => u64::try_from(*n).ok(),
        _ => None,
    }
}

fn octetos(fila: &Row, columna: usize) -> Option<&Bytes> {
    match fila.values.get(columna) {
        Some(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

/// A chain as it was kept, and the next position that it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estado {
    pub cadena: Cadena,
    pub siguiente: Position,
}

impl Almacen {
    /// `None` before the first leaf.
    ///
    /// # Errors
    /// Of the tables.
    pub fn estado(&self, particion: TopicPartition) -> Result<Option<Estado>, ErrorCadena> {
        let Some(fila) = self.tablas.get(self.nombres.cadenas, &[texto(particion)])? else { return Ok(None) };
        let leido = || {
            let (hojas, siguiente) = (natural(&fila, 0)?, natural(&fila, 3)?);
            let cabeza: Digesto = octetos(&fila, 1)?.as_ref().try_into().ok()?;
            let frontera = Frontera::retomada(hojas, digestos(octetos(&fila, 2)?)?)?;
            Some(Estado { cadena: Cadena::retomada(particion, cabeza, frontera), siguiente })
        };
        leido().map(Some).ok_or_else(|| corrupta(self.nombres.cadenas, "no es el estado de una cadena"))
    }

    pub(super) fn escritura_de_estado(&self, estado: &Estado) -> Write {
        let cadena = &estado.cadena;
        let frontera = Bytes::from(cadena.frontera().nodos().concat());
        let cabeza = Bytes::copy_from_slice(cadena.cabeza());
        let values = vec![entero(cadena.hojas()), Value::Bytes(cabeza), Value::Bytes(frontera), entero(estado.siguiente)];
        let row = Row { key: vec![texto(cadena.particion())], values, version: estado.siguiente.max(1) };
        Write::Upsert { table: self.nombres.cadenas, row }
    }

    fn clave_de_azulejo(particion: TopicPartition, nivel: u32, indice: u64) -> Key {
        vec![texto(particion), Value::Int(i64::from(nivel)), entero(indice)]
    }

    fn escritura_de_azulejo(&self, particion: TopicPartition, nivel: u32, indice: u64, nodos: &[u8]) -> Write {
        let ancho = if nivel == 0 { BYTES_HOJA } else { BYTES_NODO };
        let (key, version) = (Self::clave_de_azulejo(particion, nivel, indice), (nodos.len() / ancho) as u64);
        let row = Row { key, values: vec![Value::Bytes(Bytes::copy_from_slice(nodos))], version };
        Write::Upsert { table: self.nombres.azulejos, row }
    }

    /// The nodes of a tile as bytes; empty when there is none.
    fn azulejo(&self, particion: TopicPartition, nivel: u32, indice: u64) -> Result<Bytes, ErrorCadena> {
        let fila = self.tablas.get(self.nombres.azulejos, &Self::clave_de_azulejo(particion, nivel, indice))?;
        let Some(fila) = fila else { return Ok(Bytes::new()) };
        octetos(&fila, 0).cloned().ok_or_else(|| corrupta(self.nombres.azulejos, "no tiene nodos"))
    }

    /// Positions and links of a tile of leaves, which begins with leaf `indice · 256`; those there are.
    ///
    /// # Errors
    /// Of the tables.
    pub fn hojas(&self, particion: TopicPartition, indice: u64) -> Result<Vec<(Position, Digesto)>, ErrorCadena> {
        let bytes = self.azulejo(particion, 0, indice)?;
        let una = |nodo: &[u8]| {
            let (posicion, eslabon) = nodo.split_first_chunk::<8>()?;
            Some((u64::from_be_bytes(*posicion), eslabon.try_into().ok()?))
        };
        let leidas: Option<Vec<_>> = bytes.chunks(BYTES_HOJA).map(una).collect();
        leidas.ok_or_else(|| corrupta(self.nombres.azulejos, "las hojas no miden lo que deben"))
    }

    /// The first seal that covers at least so many leaves.
    ///
    /// # Errors
    /// Of the tables.
    pub fn sello_desde(&self, particion: TopicPartition, hojas: u64) -> Result<Option<String>, ErrorCadena> {
        let from = From::At(vec![entero(hojas)]);
        let filas = self.tablas.slice(self.nombres.sellos, &[texto(particion)], &from, false, 1)?;
        filas.first().map(|fila| self.nota(fila)).transpose()
    }

    /// The last seal that covers at most so many leaves.
    ///
    /// # Errors
    /// Of the tables.
    pub fn sello_hasta(&self, particion: TopicPartition, hojas: u64) -> Result<Option<String>, ErrorCadena> {
        let from = From::At(vec![entero(hojas)]);
        let filas = self.tablas.slice(self.nombres.sellos, &[texto(particion)], &from, true, 1)?;
        filas.first().map(|fila| self.nota(fila)).transpose()
    }

    /// The last seal.
    ///
    /// # Errors
    /// Of the tables.
    pub fn ultimo_sello(&self, particion: TopicPartition) -> Result<Option<String>, ErrorCadena> {
        let filas = self.tablas.slice(self.nombres.sellos, &[texto(particion)], &From::Start, true, 1)?;
        filas.first().map(|fila| self.nota(fila)).transpose()
    }

    /// The seal of just so many leaves.
    ///
    /// # Errors
    /// Of the tables.
    pub fn sello(&self, particion: TopicPartition, hojas: u64) -> Result<Option<String>, ErrorCadena> {
        let fila = self.tablas.get(self.nombres.sellos, &[texto(particion), entero(hojas)])?;
        fila.map(|fila| self.nota(&fila)).transpose()
    }

    fn nota(&self, fila: &Row) -> Result<String, ErrorCadena> {
        match fila.values.first() {
            Some(Value::Text(nota)) => Ok(nota.to_string()),
            _ => Err(corrupta(self.nombres.sellos, "no tiene nota")),
        }
    }

    pub(super) fn escritura_de_sello(&self, sello: &SelloFirmado) -> Write {
        let key = vec![texto(sello.sello.particion), entero(sello.sello.hojas)];
        let row = Row { key, values: vec![Value::Text(Arc::from(sello.nota.as_str()))], version: 1 };
        Write::Insert { table: self.nombres.sellos, row }
    }

    /// The tree of a partition, for proofs.
    pub fn arbol(&self, particion: TopicPartition) -> Arbol<'_> {
        Arbol { almacen: self, particion, leidos: RefCell::default() }
    }

    /// The leaf of a position of the log, if the chain has come to it.
    ///
    /// # Errors
    /// Of the tables.
    pub fn hoja_en(&self, particion: TopicPartition, posicion: Position) -> Result<Option<(u64, Digesto)>, ErrorCadena> {
        let Some(estado) = self.estado(particion)? else { return Ok(None) };
        if posicion >= estado.siguiente || estado.cadena.hojas() == 0 {
            return Ok(None);
        }
        let ultimo = (estado.cadena.hojas() - 1) / ANCHO;
        // A leaf is at its own position or after it: where nothing is missing, just there.
        let (mut desde, mut hasta, mut medio) = (0, ultimo, ultimo.min(posicion / ANCHO));
        loop {
            let hojas = self.hojas(particion, medio)?;
            let (primera, final_) = match (hojas.first(), hojas.last()) {
                (Some(primera), Some(ultima)) => (primera.0, ultima.0),
                _ => return Err(corrupta(self.nombres.azulejos, "falta un azulejo")),
            };
            if (primera..=final_).contains(&posicion) {
                let lugar = hojas.binary_search_by_key(&posicion, |(p, _)| *p).ok();
                return Ok(lugar.and_then(|l| hojas.get(l).map(|(_, eslabon)| (medio * ANCHO + l as u64, *eslabon))));
            }
            if posicion < primera {
                if medio == desde {
                    return Ok(None);
                }
                hasta = medio - 1;
            } else {
                if medio == hasta {
                    return Ok(None);
                }
                desde = medio + 1;
            }
            medio = desde + (hasta - desde) / 2;
        }
    }
}

fn digestos(bytes: &[u8]) -> Option<Vec<Digesto>> {
    bytes.chunks(BYTES_NODO).map(|nodo| nodo.try_into().ok()).collect()
}

/// The hashes of a tile's nodes, as the tree has them.
fn nodos_de(nivel: u32, bytes: &[u8]) -> Option<Vec<Digesto>> {
    if nivel > 0 {
        return digestos(bytes);
    }
    let hoja = |nodo: &[u8]| nodo.get(8..BYTES_HOJA).map(merkle::hoja);
    bytes.chunks(BYTES_HOJA).map(hoja).collect()
}

fn raiz_perfecta(nodos: &[Digesto]) -> Digesto {
    let mut frontera = Frontera::default();
    nodos.iter().for_each(|nodo| frontera.agregar(*nodo));
    frontera.raiz()
}

/// The tiles of a partition as the nodes of its tree. Remembers the tiles it read: one proof reads few, and some of them twice.
pub struct Arbol<'a> {
    almacen: &'a Almacen,
    particion: TopicPartition,
    leidos: RefCell<BTreeMap<(u32, u64), Vec<Digesto>>>,
}

impl Nodos for Arbol<'_> {
    type Error = ErrorCadena;

    fn nodo(&self, nivel: u32, indice: u64) -> Result<Digesto, ErrorCadena> {
        let (piso, resto) = (nivel / 8, nivel % 8);
        let primero = indice << resto;
        let (azulejo, desde) = (primero / ANCHO, (primero % ANCHO) as usize);
        let mut leidos = self.leidos.borrow_mut();
        let nodos = match leidos.entry((piso, azulejo)) {
            std::collections::btree_map::Entry::Occupied(hallado) => hallado.into_mut(),
            std::collections::btree_map::Entry::Vacant(falta) => {
                let bytes = self.almacen.azulejo(self.particion, piso, azulejo)?;
                let nodos = nodos_de(piso, &bytes);
                falta.insert(nodos.ok_or_else(|| corrupta(self.almacen.nombres.azulejos, "los nodos no miden lo que deben"))?)
            }
        };
        let suyos = nodos.get(desde..desde + (1 << resto));
        suyos.map(raiz_perfecta).ok_or_else(|| corrupta(self.almacen.nombres.azulejos, "faltan nodos"))
    }
}

/// The tiles that are being filled, one a level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Abiertos {
    niveles: Vec<Vec<u8>>,
    cambiados: Vec<bool>,
}

impl Abiertos {
    /// As they are after the leaves of a chain.
    ///
    /// # Errors
    /// Of the tables; `Danada` when they are not those of the chain.
    pub fn retomar(almacen: &Almacen, cadena: &Cadena) -> Result<Self, ErrorCadena> {
        let particion = cadena.particion();
        let danada = |que| ErrorCadena::Danada { particion, que };
        let (mut abiertos, mut frontera) = (Self::default(), Vec::new());
        for nivel in 0..NIVELES {
            let nodos = cadena.hojas().checked_shr(8 * nivel).unwrap_or(0);
            if nodos == 0 {
                break;
            }
            let ancho = if nivel == 0 { BYTES_HOJA } else { BYTES_NODO };
            let (cuantos, indice) = ((nodos % ANCHO) as usize, nodos / ANCHO);
            let bytes = if cuantos == 0 { Bytes::new() } else { almacen.azulejo(particion, nivel, indice)? };
            let bytes = bytes.get(..cuantos * ancho).ok_or(danada("faltan hojas en un azulejo"))?;
            let nodos = nodos_de(nivel, bytes).ok_or(danada("un azulejo no mide lo que debe"))?;
            let mut parcial = Frontera::default();
            nodos.iter().for_each(|nodo| parcial.agregar(*nodo));
            frontera.splice(0..0, parcial.nodos().iter().copied());
            abiertos.niveles.push(bytes.to_vec());
            abiertos.cambiados.push(false);
        }
        if frontera != cadena.frontera().nodos() {
            return Err(danada("los azulejos no dan la raíz de la cadena"));
        }
        Ok(abiertos)
    }

    /// Takes leaf number `numero`, and gives out the tiles that it fills.
    pub fn agregar(
        &mut self,
        almacen: &Almacen,
        particion: TopicPartition,
        numero: u64,
        (posicion, eslabon): (Position, &Digesto),
        salida: &mut Vec<Write>,
    ) {
        let mut nodo = [posicion.to_be_bytes().as_slice(), eslabon].concat();
        for nivel in 0..NIVELES {
            let piso = nivel as usize;
            if self.niveles.len() == piso {
                self.niveles.push(Vec::new());
                self.cambiados.push(false);
            }
            let abierto = &mut self.niveles[piso];
            abierto.extend_from_slice(&nodo);
            self.cambiados[piso] = true;
            let ancho = if nivel == 0 { BYTES_HOJA } else { BYTES_NODO };
            if abierto.len() < ancho * ANCHO as usize {
                return;
            }
            salida.push(almacen.escritura_de_azulejo(particion, nivel, numero >> (8 * (nivel + 1)), abierto));
            nodo = raiz_perfecta(&nodos_de(nivel, abierto).unwrap_or_default()).to_vec();
            abierto.clear();
            self.cambiados[piso] = false;
        }
    }

    /// The tiles that are not full and changed since the last time. `hojas`: leaves so far.
    pub fn escribir(&mut self, almacen: &Almacen, particion: TopicPartition, hojas: u64, salida: &mut Vec<Write>) {
        for (nivel, (abierto, cambiado)) in (0..).zip(self.niveles.iter().zip(&mut self.cambiados)) {
            if std::mem::take(cambiado) && !abierto.is_empty() {
                let indice = hojas >> (8 * (nivel + 1));
                salida.push(almacen.escritura_de_azulejo(particion, nivel, indice, abierto));
            }
        }
    }
}
