//! Which partition a key belongs to, and which partitions this node owns.

use std::collections::BTreeSet;

use crate::{
    domain::{Contexto, Direccionado},
    log::{Topic, TopicPartition},
};

/// Java's default partitioner: `(murmur2(key) & 0x7fffffff) mod partitions`. All our producers set the partition with it.
///
/// # Panics
/// When `partitions` is 0.
pub fn partition_for(key: &[u8], partitions: u16) -> u16 {
    assert!(partitions > 0, "un tema tiene al menos una partición");
    let positive = murmur2(key) & 0x7fff_ffff;
    // The remainder is below a u16.
    (positive % u32::from(partitions)) as u16
}

/// MurmurHash2, 32 bits, seed 0x9747b28c, as Kafka's Java client computes it (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut hash = 0x9747_b28c_u32 ^ (data.len() as u32);
    let chunks = data.chunks_exact(4);
    let tail = chunks.remainder();
    for chunk in chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (i, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The command partitions this node decides for. Counts are equal across the contexts' topics.
#[derive(Debug, Clone)]
pub struct Ownership {
    partitions: u16,
    owned: BTreeSet<(Contexto, u16)>,
    /// Every partition is owned: nothing needs to be computed.
    alone: bool,
}

impl Ownership {
    /// Nothing owned yet.
    ///
    /// # Panics
    /// When `partitions` is 0 or above 4,095 (the width kept for it in event ids).
    pub fn none(partitions: u16) -> Self {
        assert!((1..4096).contains(&partitions), "de 1 a 4095 particiones");
        Self { partitions, owned: BTreeSet::new(), alone: false }
    }

    /// Every partition: one node alone.
    pub fn all(partitions: u16) -> Self {
        let mut all = Self::none(partitions);
        all.owned.extend(Contexto::TODOS.into_iter().flat_map(|c| (0..partitions).map(move |p| (c, p))));
        all.alone = true;
        all
    }

    pub fn take(&mut self, contexto: Contexto, partition: u16) {
        self.owned.insert((contexto, partition));
        self.alone = self.owned.len() == Contexto::TODOS.len() * usize::from(self.partitions);
    }

    pub fn give_up(&mut self, contexto: Contexto, partition: u16) {
        self.alone &= !self.owned.remove(&(contexto, partition));
    }

    pub fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    pub fn owns(&self, contexto: Contexto, partition: u16) -> bool {
        self.alone || self.owned.contains(&(contexto, partition))
    }

    /// Partitions of the other nodes' catalogues and ranges: what this node keeps replicas of, in order.
    pub fn followed(&self) -> impl Iterator<Item = TopicPartition> {
        [Contexto::Catalogo, Contexto::Numeracion].into_iter().flat_map(move |contexto| {
            let foreign = (0..self.partitions).filter(move |p| !self.owns(contexto, *p));
            foreign.map(move |p| TopicPartition::new(Topic::Eventos(contexto), p))
        })
    }

    pub fn partitions(&self) -> u16 {
        self.partitions
    }

    pub fn partition_of(&self, target: &Direccionado) -> u16 {
        partition_for(target.clave().as_bytes(), self.partitions)
    }

    pub fn is_local(&self, target: &Direccionado) -> bool {
        self.alone || self.owned.contains(&(target.tipo.contexto(), self.partition_of(target)))
    }

    pub fn commands_of(&self, target: &Direccionado) -> TopicPartition {
        TopicPartition::new(Topic::Comandos(target.tipo.contexto()), self.partition_of(target))
    }

    pub fn events_of(&self, target: &Direccionado) -> TopicPartition {
        TopicPartition::new(Topic::Eventos(target.tipo.contexto()), self.partition_of(target))
    }

    /// Owned partitions in order.
    pub fn owned(&self) -> impl Iterator<Item = (Contexto, u16)> {
        self.owned.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_gives_what_the_java_client_gives() {
        let vectors: [(&str, i32); 7] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
            ("", 275_646_681),
        ];
        for (key, expected) in vectors {
            assert_eq!(murmur2(key.as_bytes()) as i32, expected, "{key}");
        }
    }

    #[test]
    fn a_credit_note_lives_in_the_partition_of_its_invoice() {
        let all = Ownership::all(12);
        let address = |id: &str| Direccionado::documento(crate::domain::valores::Id::de_clave(id).expect("id"));
        for invoice in ["f-1", "f-2", "x.9"] {
            let note = address(&format!("{invoice}:n1"));
            assert_eq!((note.tipo, note.clave()), (crate::domain::TipoAgregado::NotaCredito, invoice));
            assert_eq!(all.commands_of(&note), all.commands_of(&address(invoice)));
            assert_eq!(all.events_of(&note), all.events_of(&address(invoice)));
        }
    }

    #[test]
    fn ownership_decides_what_is_local() {
        let target = Direccionado::new(crate::domain::TipoAgregado::Factura, crate::domain::valores::Id::new("f-1").expect("id"));
        let all = Ownership::all(12);
        assert!(all.is_local(&target));
        assert!(!Ownership::none(12).is_local(&target));
        assert_eq!(all.owned().count(), 48);
    }
}
