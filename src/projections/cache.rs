//! A bounded memory of rows: two generations, the older one dropped whole when the younger is full.

use std::{borrow::Borrow, hash::Hash, mem};

use hashbrown::HashMap;

/// Holds between `capacity` and twice `capacity` entries; what was used lately survives.
pub struct GenerationalCache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    capacity: usize,
}

impl<K: Eq + Hash, V> GenerationalCache<K, V> {
    pub fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), capacity }
    }

    /// The entry, moved to the young generation.
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if !self.young.contains_key(key) {
            let (key, value) = self.old.remove_entry(key)?;
            self.young.insert(key, value);
        }
        self.young.get_mut(key)
    }

    pub fn insert(&mut self, key: K, value: V) -> &mut V {
        self.old.remove(&key);
        self.young.entry(key).insert(value).into_mut()
    }

    pub fn remove<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Ages the memory. Called between batches only, so that nothing unwritten is dropped.
    pub fn age(&mut self) {
        if self.young.len() > self.capacity {
            self.old = mem::take(&mut self.young);
        }
    }

    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::GenerationalCache;

    #[test]
    fn what_is_used_survives_and_the_bound_holds() {
        let mut cache = GenerationalCache::new(10);
        cache.insert(0, "siempre");
        for i in 1..1_000 {
            cache.insert(i, "una vez");
            assert!(cache.get_mut(&0).is_some(), "lo usado se pierde tras {i}");
            cache.age();
            assert!(cache.len() <= 22);
        }
        assert!(cache.get_mut(&1).is_none());
    }
}
