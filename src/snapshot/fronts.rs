//! The fronts of all names of a zone, in a table that is cheap to copy with some of them changed.
//!
//! It has two levels of shared arrays that stay small enough for the nearest caches, and under
//! them leaves in which nearly all names stand where their hashes say (see `leaf`): finding one reads
//! one line that may be far away. A change copies one array of each level and one leaf; a
//! front that is set to what it is copies nothing. A third level would cost each question 8 ns, and
//! spare a change little: those of one publication lie in several branches.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::snapshot::front::{Front, Key};
use crate::snapshot::leaf::{Leaf, Probe};

type Branch = Arc<[Leaf]>;

/// Branches of an empty table, and leaves of each of its branches. Powers of two.
const FEWEST: [usize; 2] = [8, 8];
/// The most of each: a hash has an octet for each level.
const MOST: usize = 256;
/// The table grows when its leaves hold more than so many fronts, on average.
const FULL: usize = 16;

/// See the module.
#[derive(Clone, Debug)]
pub struct Fronts {
    branches: Arc<[Branch]>,
    /// How many branches there are, and leaves of each.
    fans: [usize; 2],
    len: usize,
}

impl Default for Fronts {
    fn default() -> Self {
        let [branches, leaves] = FEWEST;
        let branch: Branch = std::iter::repeat_n(Leaf::default(), leaves).collect();
        let branches = std::iter::repeat_n(branch, branches).collect();
        Self { branches, fans: FEWEST, len: 0 }
    }
}

impl Fronts {
    /// Where to look for the front of `key`: see `Leaf::probe`.
    #[inline]
    pub fn probe(&self, key: Key) -> Option<Probe<'_>> {
        let hash = hash(&key);
        let [branch, leaf] = self.path(hash);
        Some(self.branches.get(branch)?.get(leaf)?.probe(key, hash))
    }

    /// Puts `front` in the place of the front of `key`, or takes that out.
    pub(super) fn set(&mut self, key: Key, front: Option<Front>) {
        let existing = self.probe(key).and_then(|probe| probe.find());
        if Front::are_same(existing, front.as_ref()) {
            return;
        }
        let (was_there, comes) = (existing.is_some(), front.is_some());
        let Some(leaf) = self.leaf(hash(&key)) else { return };
        match front {
            Some(front) if was_there => leaf.replace(front),
            front => *leaf = leaf.with(key, front, hash),
        }
        self.len = self.len + usize::from(comes) - usize::from(was_there);
        if self.len > self.fans.iter().product::<usize>() * FULL {
            self.grow();
        }
    }

    /// The branch and the leaf of a hash.
    #[inline]
    fn path(&self, hash: u64) -> [usize; 2] {
        let [branch, leaf, ..] = hash.to_le_bytes();
        let [branches, leaves] = self.fans.map(|fan| fan.wrapping_sub(1));
        [usize::from(branch) & branches, usize::from(leaf) & leaves]
    }

    /// Its own copy of the leaf of this hash.
    fn leaf(&mut self, hash: u64) -> Option<&mut Leaf> {
        let [branch, leaf] = self.path(hash);
        let branch = Arc::make_mut(&mut self.branches).get_mut(branch)?;
        Arc::make_mut(branch).get_mut(leaf)
    }

    /// Makes twice as many leaves, by the level that has the smallest arrays.
    fn grow(&mut self) {
        let fans = &mut self.fans;
        let Some(least) = fans.iter_mut().rev().min_by_key(|fan| **fan) else { return };
        if *least == MOST {
            return;
        }
        *least *= 2;
        let [branches, leaves] = self.fans;
        let mut fronts: Vec<Vec<Front>> = vec![Vec::new(); branches * leaves];
        let old = self.branches.iter().flat_map(|branch| &**branch);
        for front in old.flat_map(Leaf::fronts) {
            let [branch, leaf] = self.path(hash(&front.key));
            if let Some(fronts) = fronts.get_mut(branch * leaves + leaf) {
                fronts.push(front.clone());
            }
        }
        let leaf = |fronts: &mut Vec<Front>| Leaf::build(std::mem::take(fronts), hash);
        let branch = |leaves: &mut [Vec<Front>]| leaves.iter_mut().map(leaf).collect();
        self.branches = fronts.chunks_mut(leaves).map(branch).collect();
    }
}

fn hash(key: &Key) -> u64 {
    FixedState::default().hash_one(key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(number: u16) -> Key {
        Key::of_labels([format!("svc-{number}").as_str()]).unwrap()
    }

    fn front(number: u16, ttl: u32) -> Front {
        Front::of_ttl(key(number), ttl)
    }

    fn ttl(fronts: &Fronts, number: u16) -> Option<u32> {
        fronts.probe(key(number)).unwrap().find().map(Front::ttl)
    }

    proptest! {
        #[test]
        fn it_is_a_map_and_a_copy_stays_as_it_was(
            changes in prop::collection::vec((0_u16..150, prop::option::of(any::<u32>())), 0..500),
        ) {
            let (mut fronts, mut map) = (Fronts::default(), BTreeMap::new());
            let half = changes.len() / 2;
            let mut before = None;
            for (at, (number, value)) in changes.into_iter().enumerate() {
                if at == half {
                    before = Some((fronts.clone(), map.clone()));
                }
                fronts.set(key(number), value.map(|ttl| front(number, ttl)));
                match value {
                    Some(ttl) => drop(map.insert(number, ttl)),
                    None => drop(map.remove(&number)),
                }
                prop_assert_eq!(fronts.len, map.len());
            }
            for (fronts, map) in before.iter().chain([&(fronts, map)]) {
                for number in 0..150 {
                    prop_assert_eq!(ttl(fronts, number), map.get(&number).copied());
                }
            }
        }
    }

    #[test]
    fn what_changes_a_front_copies_its_leaf_and_what_changes_nothing_copies_nothing() {
        let mut fronts = Fronts::default();
        for number in 0..1000 {
            fronts.set(key(number), Some(front(number, 1)));
        }
        let leaf = |fronts: &Fronts, number| fronts.probe(key(number)).unwrap().fronts.as_ptr();
        let before = fronts.clone();
        fronts.set(key(7), Some(front(7, 1)));
        fronts.set(key(1000), None);
        assert!(Arc::ptr_eq(&fronts.branches, &before.branches));
        fronts.set(key(7), Some(front(7, 2)));
        let [old, new] = [&before, &fronts].map(|fronts| leaf(fronts, 7));
        assert_ne!(old, new);
        for number in 0..1000 {
            let [now, then] = [&fronts, &before].map(|fronts| leaf(fronts, number));
            assert_eq!(
                now == then,
                now != new,
                "a leaf is shared but the one that holds the change"
            );
        }
    }

    #[test]
    fn it_grows_with_what_it_holds() {
        let mut fronts = Fronts::default();
        for number in 0..20_000 {
            fronts.set(key(number), Some(front(number, number.into())));
        }
        let leaves = fronts.branches.iter().flat_map(|branch| branch.iter());
        let longest = leaves.map(|leaf| leaf.fronts().count()).max();
        assert!(longest.unwrap() < 50, "no leaf is much longer than the others");
        assert_eq!(fronts.fans, [32, 64], "no array is much longer than the others");
        assert!((0..20_000).all(|number| ttl(&fronts, number) == Some(number.into())));
        assert_eq!(ttl(&fronts, 20_000), None);
    }
}
