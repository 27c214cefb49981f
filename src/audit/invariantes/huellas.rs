//! Compact names of what the verification remembers of millions of things: 128-bit hashes of ids, 64-bit places of inputs.

use xxhash_rust::xxh3::Xxh3;

use crate::{
    contracts::Entrada,
    domain::{
        TipoAgregado,
        inventario::LoteConsumido,
        valores::{Cantidad, CostoTotal, Id},
    },
    log::{Topic, TopicPartition},
};

/// Hash of an id. Two of a billion ids share one with a probability below 10^-20.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Clave(u64, u64);

/// The hash of some texts; their lengths count, so `ab`,`c` is not `a`,`bc`.
pub(super) fn clave(partes: &[&str]) -> Clave {
    let mut hash = Xxh3::new();
    for parte in partes {
        hash.update(&(parte.len() as u64).to_le_bytes());
        hash.update(parte.as_bytes());
    }
    partida(hash.digest128())
}

fn partida(hash: u128) -> Clave {
    // Both halves on purpose.
    Clave((hash >> 64) as u64, hash as u64)
}

/// A command of an aggregate: ids of commands are unique within their aggregate.
pub(super) fn clave_comando(tipo: TipoAgregado, aggregate_id: &Id, command_id: &Id) -> Clave {
    clave(&[tipo.nombre(), aggregate_id.as_str(), command_id.as_str()])
}

/// An aggregate at a version.
pub(super) fn clave_version(tipo: TipoAgregado, aggregate_id: &Id, version: u64) -> Clave {
    let mut hash = Xxh3::new();
    hash.update(&[tipo as u8]);
    hash.update(&version.to_le_bytes());
    hash.update(aggregate_id.as_str().as_bytes());
    partida(hash.digest128())
}

/// What an exit took: equal for the StockReducido and for the group of its invoice, or one of them lies.
pub(super) fn huella_salida(textos: &[&str], cantidad: Cantidad, costo: CostoTotal, lotes: &[LoteConsumido]) -> u64 {
    let mut hash = Xxh3::new();
    for texto in textos {
        hash.update(&(texto.len() as u64).to_le_bytes());
        hash.update(texto.as_bytes());
    }
    hash.update(&cantidad.valor().normalize().serialize());
    hash.update(&costo.valor().normalize().serialize());
    for lote in lotes {
        hash.update(lote.lote_id.as_str().as_bytes());
        hash.update(&lote.secuencia.to_le_bytes());
        hash.update(&dias(lote.fecha_ingreso).to_le_bytes());
        hash.update(&lote.fecha_caducidad.map_or(i32::MIN, dias).to_le_bytes());
        hash.update(&lote.cantidad.valor().normalize().serialize());
        hash.update(&lote.costo_unitario.valor().normalize().serialize());
    }
    hash.digest()
}

/// Days of a date, as the hashes and intervals here count them.
pub(super) fn dias(fecha: chrono::NaiveDate) -> i32 {
    chrono::Datelike::num_days_from_ce(&fecha)
}

/// Place of an input on the log in 64 bits: topic (6), partition (12), position (46).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Lugar(u64);

impl Lugar {
    pub(super) fn new(particion: TopicPartition, posicion: u64) -> Self {
        let (tema, particion) = (u64::from(particion.topic.codigo()), u64::from(particion.partition & 0xfff));
        Self((tema << 58) | (particion << 46) | (posicion & ((1 << 46) - 1)))
    }

    pub(super) fn de(entrada: &Entrada) -> Self {
        Self::new(entrada.particion, entrada.posicion)
    }

    pub(super) fn particion(self) -> Option<TopicPartition> {
        let tema = Topic::de_codigo((self.0 >> 58) as u16)?;
        Some(TopicPartition::new(tema, ((self.0 >> 46) & 0xfff) as u16))
    }

    pub(super) fn posicion(self) -> u64 {
        self.0 & ((1 << 46) - 1)
    }
}

impl std::fmt::Display for Lugar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.particion() {
            Some(particion) => write!(f, "{particion} posición {}", self.posicion()),
            None => write!(f, "posición {}", self.posicion()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back() {
        for topic in Topic::todos() {
            for (partition, position) in [(0, 0), (11, 1), (1_023, (1 << 40) - 1)] {
                let tp = TopicPartition::new(topic, partition);
                let lugar = Lugar::new(tp, position);
                assert_eq!((lugar.particion(), lugar.posicion()), (Some(tp), position));
            }
        }
    }

    #[test]
    fn the_border_between_texts_counts() {
        assert_ne!(clave(&["ab", "c"]), clave(&["a", "bc"]));
    }
}
