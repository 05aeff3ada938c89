//! Gathers what may be answered, each thing once, with all or the best of its weights.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// So many are looked through one by one: a table of them would take longer to make.
const FEW: usize = 16;

/// Items, each once, in the order first seen.
pub(super) struct Weighed<T> {
    pub(super) items: Vec<(T, u32)>,
    /// How many there can be.
    most: usize,
    /// Where each stands, when there are more than a few.
    places: HashMap<T, usize, FixedState>,
}

impl<T: Copy + Eq + std::hash::Hash> Weighed<T> {
    /// None yet, and never more than so many.
    pub(super) fn up_to(most: usize) -> Self {
        Self { items: Vec::new(), most, places: HashMap::default() }
    }

    /// An address that several instances share carries all their weight.
    pub(super) fn add(&mut self, item: T, weight: u16) {
        let place = self.place(&item).unwrap_or_else(|| self.push(item));
        if let Some((_, sum)) = self.items.get_mut(place) {
            *sum = sum.saturating_add(u32::from(weight));
        }
    }

    /// An instance is as good as its best address. Those of one instance come one after the other.
    pub(super) fn raise(&mut self, item: T, weight: u16) {
        if self.items.last().is_none_or(|(last, _)| *last != item) {
            self.push(item);
        }
        if let Some((_, best)) = self.items.last_mut() {
            *best = (*best).max(u32::from(weight));
        }
    }

    fn place(&self, item: &T) -> Option<usize> {
        if self.items.len() <= FEW {
            return self.items.iter().position(|(own, _)| own == item);
        }
        self.places.get(item).copied()
    }

    fn push(&mut self, item: T) -> usize {
        let place = self.items.len();
        if place == 0 {
            self.items.reserve_exact(self.most);
        }
        self.items.push((item, 0));
        if place == FEW {
            self.places = self.items.iter().map(|(item, _)| *item).zip(0..).collect();
        } else if place > FEW {
            self.places.insert(item, place);
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_thing_stands_once_with_the_sum_of_its_weights(
            added in prop::collection::vec((0_u8..40, 0_u16..9), 0..120),
        ) {
            let mut weighed = Weighed::up_to(added.len());
            let (mut order, mut sums) = (Vec::new(), BTreeMap::new());
            for (item, weight) in added {
                weighed.add(item, weight);
                if !sums.contains_key(&item) {
                    order.push(item);
                }
                *sums.entry(item).or_default() += u32::from(weight);
            }
            let expected: Vec<_> = order.iter().map(|item| (*item, sums[item])).collect();
            prop_assert_eq!(weighed.items, expected);
        }

        #[test]
        fn neighbours_that_are_one_stand_once_with_the_best_of_their_weights(
            weights in prop::collection::vec(prop::collection::vec(0_u16..9, 1..4), 0..30),
        ) {
            let mut weighed = Weighed::up_to(90);
            for (item, weight) in weights.iter().enumerate().flat_map(|(n, w)| w.iter().map(move |w| (n, w))) {
                weighed.raise(item, *weight);
            }
            let best = weights.iter().map(|w| u32::from(*w.iter().max().unwrap()));
            prop_assert_eq!(weighed.items, (0..).zip(best).collect::<Vec<_>>());
        }
    }
}
