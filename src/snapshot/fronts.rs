//! The fronts of all names of a zone, in a table that is cheap to copy with some of them changed.
//!
//! It has two levels of shared arrays that stay small enough for the nearest caches, and under
//! them leaves in which a name stands at or soon after the place that its hash says: finding one
//! reads one line that may be far away.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::snapshot::front::{Front, Key};

type Leaf = Arc<[Front]>;
type Branch = Arc<[Leaf]>;

/// Branches of an empty table, and leaves of each of its branches.
const FEWEST: usize = 8;
/// The most of either: a hash has an octet for each level.
const MOST: usize = 256;
/// The table grows when its leaves hold more than so many fronts, on average.
const FULL: usize = 32;

/// See the module.
#[derive(Clone, Debug)]
pub struct Fronts {
    /// As many as each branch has leaves: a power of two.
    branches: Arc<[Branch]>,
    len: usize,
}

/// A key that is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    key: Key,
    hash: u64,
}

/// Where a name's front stands if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'f> {
    key: Key,
    leaf: &'f [Front],
    at: usize,
}

impl Default for Fronts {
    fn default() -> Self {
        Self::with_fan(FEWEST)
    }
}

impl Fronts {
    fn with_fan(fan: usize) -> Self {
        let branch: Branch = std::iter::repeat_n(Leaf::default(), fan).collect();
        Self { branches: std::iter::repeat_n(branch, fan).collect(), len: 0 }
    }

    /// Where to look for it. Nothing of the leaf is read yet.
    #[inline]
    pub fn probe(&self, &Wanted { key, hash }: &Wanted) -> Option<Probe<'_>> {
        let (branch, leaf) = place(hash, self.branches.len());
        let leaf = self.branches.get(branch)?.get(leaf)?;
        Some(Probe { key, leaf, at: start(hash, leaf.len()) })
    }

    /// Puts `front` in the place of the front of `key`, or takes that out.
    pub(super) fn set(&mut self, key: Key, front: Option<Front>) {
        let wanted = Wanted::new(key);
        let existing = self.probe(&wanted).and_then(|probe| probe.find());
        let (is_there, comes) = (existing.is_some(), front.is_some());
        if !is_there && !comes {
            return;
        }
        let (branch, leaf) = place(wanted.hash, self.branches.len());
        let branch = Arc::make_mut(&mut self.branches).get_mut(branch);
        let Some(leaf) = branch.and_then(|b| Arc::make_mut(b).get_mut(leaf)) else { return };
        let mut fronts = Vec::with_capacity(leaf.len() + 1);
        let others = leaf.iter().filter(|other| !other.key.is_empty() && other.key != key);
        fronts.extend(others.cloned().chain(front));
        *leaf = build(fronts);
        self.len = self.len + usize::from(comes) - usize::from(is_there);
        let fan = self.branches.len();
        if self.len > fan * fan * FULL && fan < MOST {
            self.grow(fan * 2);
        }
    }

    fn grow(&mut self, fan: usize) {
        let mut leaves: Vec<Vec<Front>> = vec![Vec::new(); fan * fan];
        let all = self.branches.iter().flat_map(|branch| branch.iter()).flat_map(|leaf| &**leaf);
        for front in all.filter(|front| !front.key.is_empty()) {
            let (branch, leaf) = place(hash(&front.key), fan);
            if let Some(fronts) = leaves.get_mut(branch * fan + leaf) {
                fronts.push(front.clone());
            }
        }
        let branch = |leaves: &[Vec<Front>]| leaves.iter().cloned().map(build).collect();
        self.branches = leaves.chunks(fan).map(branch).collect();
    }
}

impl Wanted {
    /// This one.
    #[inline]
    pub fn new(key: Key) -> Self {
        Self { key, hash: hash(&key) }
    }
}

impl<'f> Probe<'f> {
    /// Reads the line that most probably holds the front, and gives anything of it. Reading those of
    /// several questions one right after the other, the processor waits for all at once.
    #[inline]
    pub fn touch(&self) -> u32 {
        self.leaf.get(self.at).map_or(0, Front::ttl)
    }

    /// The front of what was looked for.
    #[inline]
    pub fn find(&self) -> Option<&'f Front> {
        let (before, from) = self.leaf.split_at_checked(self.at)?;
        for front in from.iter().chain(before) {
            if front.key == self.key {
                return Some(front);
            }
            if front.key.is_empty() {
                return None;
            }
        }
        None
    }
}

/// A leaf with room to spare, so that most fronts stand where their hashes say.
fn build(fronts: Vec<Front>) -> Leaf {
    if fronts.is_empty() {
        return Leaf::default();
    }
    let len = fronts.len() * 2 + 1;
    let mut leaf = vec![Front::default(); len];
    for front in fronts {
        let (before, from) = leaf.split_at_mut(start(hash(&front.key), len));
        let mut round = from.iter_mut().chain(before);
        if let Some(free) = round.find(|other| other.key.is_empty()) {
            *free = front;
        }
    }
    leaf.into()
}

fn hash(key: &Key) -> u64 {
    FixedState::default().hash_one(key)
}

/// The branch and the leaf of a hash.
fn place(hash: u64, fan: usize) -> (usize, usize) {
    let [branch, leaf, ..] = hash.to_le_bytes();
    let mask = fan.saturating_sub(1);
    (usize::from(branch) & mask, usize::from(leaf) & mask)
}

/// The place of a hash in a leaf of `len`.
fn start(hash: u64, len: usize) -> usize {
    let [.., a, b, c, d] = hash.to_le_bytes();
    let part = u64::from(u32::from_le_bytes([a, b, c, d]));
    let len = u64::try_from(len).unwrap_or(0);
    usize::try_from(part.wrapping_mul(len) >> 32).unwrap_or(0)
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
        fronts.probe(&Wanted::new(key(number))).unwrap().find().map(Front::ttl)
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
    fn it_grows_with_what_it_holds() {
        let mut fronts = Fronts::default();
        for number in 0..20_000 {
            fronts.set(key(number), Some(front(number, number.into())));
        }
        let lens =
            || fronts.branches.iter().flat_map(|branch| branch.iter()).map(|leaf| leaf.len());
        assert!(lens().max().unwrap() < 200, "no leaf is much longer than the others");
        assert!((0..20_000).all(|number| ttl(&fronts, number) == Some(number.into())));
        assert_eq!(ttl(&fronts, 20_000), None);
    }
}
