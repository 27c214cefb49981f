//! The tree of RFC 6962 (section 2.1): hashes, a root that grows leaf by leaf, proofs of inclusion and of consistency, and their checks
//! (RFC 9162, sections 2.1.3 and 2.1.4).

use sha2::{Digest, Sha256};

use super::Digesto;

/// Hashes of a proof at most: a tree of 2^63 leaves is no higher.
pub const MAX_CAMINO: usize = 64;

/// Hash of a leaf: `SHA-256(0x00 ‖ data)`.
pub fn hoja(datos: &[u8]) -> Digesto {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(datos);
    hash.finalize().into()
}

/// Hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn nodo(izquierda: &Digesto, derecha: &Digesto) -> Digesto {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(izquierda);
    bytes[33..].copy_from_slice(derecha);
    Sha256::digest(bytes).into()
}

/// Root of the tree without leaves.
pub fn vacio() -> Digesto {
    Sha256::digest([]).into()
}

/// The roots of the perfect subtrees that a tree is made of, the largest first: one for each 1 of its size in binary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontera {
    hojas: u64,
    nodos: Vec<Digesto>,
}

impl Frontera {
    /// From what was kept of it; `None` when the nodes are not as many as the size asks.
    pub fn retomada(hojas: u64, nodos: Vec<Digesto>) -> Option<Self> {
        (nodos.len() == hojas.count_ones() as usize).then_some(Self { hojas, nodos })
    }

    /// Adds the hash of a leaf.
    pub fn agregar(&mut self, hoja: Digesto) {
        let mut nuevo = hoja;
        for _ in 0..self.hojas.trailing_ones() {
            // There is one for each 1.
            let Some(izquierda) = self.nodos.pop() else { break };
            nuevo = nodo(&izquierda, &nuevo);
        }
        self.nodos.push(nuevo);
        self.hojas += 1;
    }

    pub fn hojas(&self) -> u64 {
        self.hojas
    }

    pub fn nodos(&self) -> &[Digesto] {
        &self.nodos
    }

    pub fn raiz(&self) -> Digesto {
        let menores_primero = self.nodos.iter().rev().copied();
        menores_primero.reduce(|derecha, izquierda| nodo(&izquierda, &derecha)).unwrap_or_else(vacio)
    }
}

/// Whoever has the hashes of the perfect subtrees: `nodo(nivel, indice)` is the root of the `2^nivel` leaves from `indice · 2^nivel` on.
pub trait Nodos {
    type Error;
    /// # Errors
    /// When it cannot be had.
    fn nodo(&self, nivel: u32, indice: u64) -> Result<Digesto, Self::Error>;
}

/// The largest power of two below `n`, which is at least 2.
fn corte(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// Root of the leaves from `desde` to before `hasta`, which are a subtree of some tree of this log.
fn raiz_de<N: Nodos>(nodos: &N, desde: u64, hasta: u64) -> Result<Digesto, N::Error> {
    let cuantas = hasta - desde;
    if cuantas.is_power_of_two() {
        return nodos.nodo(cuantas.trailing_zeros(), desde / cuantas);
    }
    let medio = desde + corte(cuantas);
    Ok(nodo(&raiz_de(nodos, desde, medio)?, &raiz_de(nodos, medio, hasta)?))
}

/// Root of the tree of the first `hojas` leaves.
///
/// # Errors
/// Of the nodes.
pub fn raiz<N: Nodos>(nodos: &N, hojas: u64) -> Result<Digesto, N::Error> {
    if hojas == 0 { Ok(vacio()) } else { raiz_de(nodos, 0, hojas) }
}

/// Proof that the leaf `indice` is in the tree of `hojas` leaves; empty when it is not below them.
///
/// # Errors
/// Of the nodes.
pub fn inclusion<N: Nodos>(nodos: &N, indice: u64, hojas: u64) -> Result<Vec<Digesto>, N::Error> {
    let mut camino = Vec::new();
    if indice >= hojas {
        return Ok(camino);
    }
    let (mut desde, mut hasta) = (0, hojas);
    // From the root down; the proof goes up.
    while hasta - desde > 1 {
        let medio = desde + corte(hasta - desde);
        if indice < medio {
            camino.push(raiz_de(nodos, medio, hasta)?);
            hasta = medio;
        } else {
            camino.push(raiz_de(nodos, desde, medio)?);
            desde = medio;
        }
    }
    camino.reverse();
    Ok(camino)
}

/// On which side of what was made so far the next node of a proof stands.
enum Lado {
    Izquierdo,
    Derecho,
}

/// The way from a node up to the root, as RFC 9162 (2.1.3.2 and 2.1.4.2) goes it: the place of the node in its level, and of the last one.
struct Subida {
    este: u64,
    ultimo: u64,
}

impl Subida {
    fn subir(&mut self) {
        self.este >>= 1;
        self.ultimo >>= 1;
    }

    /// Goes up to where the next node of the proof is taken in; `None` at the root, where there is no next.
    fn paso(&mut self) -> Option<Lado> {
        if self.ultimo == 0 {
            return None;
        }
        let izquierdo = self.este & 1 == 1 || self.este == self.ultimo;
        if izquierdo {
            while self.este & 1 == 0 && self.este != 0 {
                self.subir();
            }
        }
        self.subir();
        Some(if izquierdo { Lado::Izquierdo } else { Lado::Derecho })
    }
}

/// Whether a proof takes the hash of leaf `indice` to the root of the tree of `hojas` leaves.
pub fn verificar_inclusion(hoja: &Digesto, indice: u64, hojas: u64, camino: &[Digesto], raiz: &Digesto) -> bool {
    if indice >= hojas || camino.len() > MAX_CAMINO {
        return false;
    }
    let (mut subida, mut hecho) = (Subida { este: indice, ultimo: hojas - 1 }, *hoja);
    for hermano in camino {
        hecho = match subida.paso() {
            Some(Lado::Izquierdo) => nodo(hermano, &hecho),
            Some(Lado::Derecho) => nodo(&hecho, hermano),
            None => return false,
        };
    }
    subida.ultimo == 0 && hecho == *raiz
}

/// Proof that the tree of `antes` leaves is the beginning of the tree of `despues`; empty when `antes` is 0 or not below `despues`.
///
/// # Errors
/// Of the nodes.
pub fn consistencia<N: Nodos>(nodos: &N, antes: u64, despues: u64) -> Result<Vec<Digesto>, N::Error> {
    let mut camino = Vec::new();
    if antes == 0 || antes >= despues {
        return Ok(camino);
    }
    let (mut desde, mut hasta, mut entero) = (0, despues, true);
    while antes != hasta {
        let medio = desde + corte(hasta - desde);
        if antes <= medio {
            camino.push(raiz_de(nodos, medio, hasta)?);
            hasta = medio;
        } else {
            camino.push(raiz_de(nodos, desde, medio)?);
            desde = medio;
            entero = false;
        }
    }
    if !entero {
        camino.push(raiz_de(nodos, desde, hasta)?);
    }
    camino.reverse();
    Ok(camino)
}

/// Whether a proof shows that the tree of `antes` leaves with the first root is the beginning of the tree of `despues` with the second.
pub fn verificar_consistencia(antes: u64, despues: u64, camino: &[Digesto], raiz_antes: &Digesto, raiz_despues: &Digesto) -> bool {
    if antes > despues || camino.len() > MAX_CAMINO {
        return false;
    }
    if antes == despues {
        return camino.is_empty() && raiz_antes == raiz_despues;
    }
    if antes == 0 {
        return camino.is_empty() && *raiz_antes == vacio();
    }
    // A perfect tree is its own first node.
    let (inicio, resto) = match (antes.is_power_of_two(), camino.split_first()) {
        (true, _) => (raiz_antes, camino),
        (false, Some((primero, resto))) => (primero, resto),
        (false, None) => return false,
    };
    let mut subida = Subida { este: antes - 1, ultimo: despues - 1 };
    while subida.este & 1 == 1 {
        subida.subir();
    }
    let (mut viejo, mut nuevo) = (*inicio, *inicio);
    for hermano in resto {
        match subida.paso() {
            Some(Lado::Izquierdo) => (viejo, nuevo) = (nodo(hermano, &viejo), nodo(hermano, &nuevo)),
            Some(Lado::Derecho) => nuevo = nodo(&nuevo, hermano),
            None => return false,
        }
    }
    subida.ultimo == 0 && viejo == *raiz_antes && nuevo == *raiz_despues
}
