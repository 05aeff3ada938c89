//! Gathers what may be answered, each thing once, with all or the best of its weights.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// Items, each once, in the order first seen.
pub(super) struct Weighed<T> {
    pub(super) items: Vec<(T, u32)>,
    places: HashMap<T, usize, FixedState>,
}

impl<T> Default for Weighed<T> {
    fn default() -> Self {
        Self { items: Vec::new(), places: HashMap::default() }
    }
}

impl<T: Copy + Eq + std::hash::Hash> Weighed<T> {
    /// An address that several instances share carries all their weight.
    pub(super) fn add(&mut self, item: T, weight: u16) {
        let entry = self.entry(item);
        *entry = entry.saturating_add(u32::from(weight));
    }

    /// An instance is as good as its best address.
    pub(super) fn raise(&mut self, item: T, weight: u16) {
        let entry = self.entry(item);
        *entry = (*entry).max(u32::from(weight));
    }

    fn entry(&mut self, item: T) -> &mut u32 {
        let place = *self.places.entry(item).or_insert_with(|| {
            self.items.push((item, 0));
            self.items.len() - 1
        });
        &mut self.items[place].1
    }
}
