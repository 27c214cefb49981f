//! The actors in memory, by address and by place. A message resolves its address once; the rest of its delivery uses the place.

use std::ops::{Index, IndexMut};

use hashbrown::HashMap;

use super::slot::Slot;
use crate::domain::Direccionado;

/// Place of an actor in memory. Valid while the actor stays: at least until the epoch that uses it has been closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u32);

#[derive(Default)]
pub struct Slots {
    /// Looked up by address, never iterated into an output.
    places: HashMap<Direccionado, Place>,
    slots: Vec<Option<Box<Slot>>>,
    free: Vec<Place>,
}

impl Slots {
    pub fn place(&self, target: &Direccionado) -> Option<Place> {
        self.places.get(target).copied()
    }

    pub fn get(&self, target: &Direccionado) -> Option<&Slot> {
        self.place(target).map(|place| &self[place])
    }

    pub fn get_mut(&mut self, target: &Direccionado) -> Option<&mut Slot> {
        self.place(target).map(|place| &mut self[place])
    }

    /// Takes an actor in, in the place of the one with its address if there was one.
    pub fn insert(&mut self, slot: Box<Slot>) -> Place {
        let target = slot.target.clone();
        if let Some(place) = self.place(&target) {
            self.slots[place.0 as usize] = Some(slot);
            return place;
        }
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place.0 as usize] = Some(slot);
                place
            }
            None => {
                self.slots.push(Some(slot));
                Place(u32::try_from(self.slots.len() - 1).unwrap_or_else(|_| unreachable!("menos de 2^32 actores en memoria")))
            }
        };
        self.places.insert(target, place);
        place
    }

    pub fn remove(&mut self, target: &Direccionado) -> Option<Box<Slot>> {
        let place = self.places.remove(target)?;
        self.free.push(place);
        self.slots[place.0 as usize].take()
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// In order of place.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten().map(Box::as_ref)
    }
}

impl Index<Place> for Slots {
    type Output = Slot;

    fn index(&self, place: Place) -> &Slot {
        match &self.slots[place.0 as usize] {
            Some(slot) => slot,
            None => unreachable!("un lugar es de un actor en memoria"),
        }
    }
}

impl IndexMut<Place> for Slots {
    fn index_mut(&mut self, place: Place) -> &mut Slot {
        match &mut self.slots[place.0 as usize] {
            Some(slot) => slot,
            None => unreachable!("un lugar es de un actor en memoria"),
        }
    }
}
