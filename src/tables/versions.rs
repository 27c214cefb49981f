//! Versions of rows written lately, so that the next upsert of a hot row reads nothing.
//!
//! Keyed by a 128-bit hash of table and key. Two generations: when the young one is full it becomes the old one, whose entries are
//! forgotten unless asked for meanwhile. A version that is not here is read from the table.

use std::{collections::HashMap, mem};

use crate::tables::Table;

/// Entries of a generation: about 10 MB for both.
const GENERATION: usize = 1 << 17;

/// A row's place in the cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::tables) struct Place(u128);

impl Place {
    pub(in crate::tables) fn of(table: &'static Table, key: &[u8]) -> Self {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        hasher.update(table.name.as_bytes());
        hasher.update(&[0]);
        hasher.update(key);
        Self(hasher.digest128())
    }
}

#[derive(Default)]
pub(in crate::tables) struct Versions {
    young: HashMap<Place, u64>,
    old: HashMap<Place, u64>,
}

impl Versions {
    pub(in crate::tables) fn get(&mut self, place: Place) -> Option<u64> {
        if let Some(version) = self.young.get(&place) {
            return Some(*version);
        }
        let version = self.old.remove(&place)?;
        self.put(place, version);
        Some(version)
    }

    pub(in crate::tables) fn put(&mut self, place: Place, version: u64) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&place);
        self.young.insert(place, version);
    }

    /// Forgets everything: after a write whose outcome is unknown, and when tables are emptied.
    pub(in crate::tables) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::conformance::MOVEMENTS;

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let place = |i: usize| Place::of(&MOVEMENTS, &i.to_be_bytes());
        let mut versions = Versions::default();
        for i in 0..3 * GENERATION {
            versions.put(place(i), i as u64);
            assert_eq!(versions.get(place(7)), (i >= 7).then_some(7));
        }
        assert_eq!(versions.get(place(8)), None);
        assert!(versions.young.len() + versions.old.len() <= 2 * GENERATION);
        versions.put(place(7), 9);
        assert_eq!(versions.get(place(7)), Some(9));
        versions.clear();
        assert_eq!(versions.get(place(7)), None);
    }
}
