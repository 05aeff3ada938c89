//! The hot entries of all names of a zone, in a table that is cheap to copy with some of them changed.
//!
//! It has two levels of shared arrays that stay small enough for the nearest caches, and under
//! them buckets in which nearly all entries stand in their home slots (see `bucket`): finding one costs one
//! cache miss. A change copies one array of each level and one bucket; an entry that is set to what it
//! already is copies nothing. A third level would cost each question 8 ns, and
//! spare a change little: those of one publication lie in several branches.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::snapshot::bucket::{Bucket, Probe};
use crate::snapshot::hot_entry::{HotEntry, Key};

type Branch = Arc<[Bucket]>;

/// Branches of an empty table, and buckets of each of its branches. Powers of two.
const FEWEST: [usize; 2] = [8, 8];
/// The most of each: a hash has an octet for each level.
const MOST: usize = 256;
/// The table grows when its buckets hold more than so many entries, on average.
const FULL: usize = 16;

/// See the module.
#[derive(Clone, Debug)]
pub struct HotTable {
    branches: Arc<[Branch]>,
    /// How many branches there are, and buckets of each.
    fans: [usize; 2],
    len: usize,
}

impl Default for HotTable {
    fn default() -> Self {
        let [branches, buckets] = FEWEST;
        let branch: Branch = std::iter::repeat_n(Bucket::default(), buckets).collect();
        let branches = std::iter::repeat_n(branch, branches).collect();
        Self { branches, fans: FEWEST, len: 0 }
    }
}

impl HotTable {
    /// Where to look for the entry of `key`: see `Bucket::probe`.
    #[inline]
    pub fn probe(&self, key: Key) -> Option<Probe<'_>> {
        let hash = hash(&key);
        let [branch, bucket] = self.path(hash);
        Some(self.branches.get(branch)?.get(bucket)?.probe(key, hash))
    }

    /// Puts `entry` in the place of the entry of `key`, or takes that out.
    pub(super) fn set(&mut self, key: Key, entry: Option<HotEntry>) {
        let existing = self.probe(key).and_then(|probe| probe.find());
        if HotEntry::are_same(existing, entry.as_ref()) {
            return;
        }
        let (was_there, comes) = (existing.is_some(), entry.is_some());
        let Some(bucket) = self.bucket(hash(&key)) else { return };
        match entry {
            Some(entry) if was_there => bucket.replace(entry),
            entry => *bucket = bucket.with(key, entry, hash),
        }
        self.len = self.len + usize::from(comes) - usize::from(was_there);
        if self.len > self.fans.iter().product::<usize>() * FULL {
            self.grow();
        }
    }

    /// The branch and the bucket of a hash.
    #[inline]
    fn path(&self, hash: u64) -> [usize; 2] {
        let [branch, bucket, ..] = hash.to_le_bytes();
        let [branches, buckets] = self.fans.map(|fan| fan.wrapping_sub(1));
        [usize::from(branch) & branches, usize::from(bucket) & buckets]
    }

    /// Its own copy of the bucket of this hash.
    fn bucket(&mut self, hash: u64) -> Option<&mut Bucket> {
        let [branch, bucket] = self.path(hash);
        let branch = Arc::make_mut(&mut self.branches).get_mut(branch)?;
        Arc::make_mut(branch).get_mut(bucket)
    }

    /// Makes twice as many buckets, by the level that has the smallest arrays.
    fn grow(&mut self) {
        let fans = &mut self.fans;
        let Some(least) = fans.iter_mut().rev().min_by_key(|fan| **fan) else { return };
        if *least == MOST {
            return;
        }
        *least *= 2;
        let [branches, buckets] = self.fans;
        let mut entries: Vec<Vec<HotEntry>> = vec![Vec::new(); branches * buckets];
        let old = self.branches.iter().flat_map(|branch| &**branch);
        for entry in old.flat_map(Bucket::entries) {
            let [branch, bucket] = self.path(hash(&entry.key));
            if let Some(entries) = entries.get_mut(branch * buckets + bucket) {
                entries.push(entry.clone());
            }
        }
        let bucket = |entries: &mut Vec<HotEntry>| Bucket::build(std::mem::take(entries), hash);
        let branch = |buckets: &mut [Vec<HotEntry>]| buckets.iter_mut().map(bucket).collect();
        self.branches = entries.chunks_mut(buckets).map(branch).collect();
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

    fn entry(number: u16, ttl: u32) -> HotEntry {
        HotEntry::of_ttl(key(number), ttl)
    }

    fn ttl(entries: &HotTable, number: u16) -> Option<u32> {
        entries.probe(key(number)).unwrap().find().map(HotEntry::ttl)
    }

    proptest! {
        #[test]
        fn it_is_a_map_and_a_copy_stays_as_it_was(
            changes in prop::collection::vec((0_u16..150, prop::option::of(any::<u32>())), 0..500),
        ) {
            let (mut entries, mut map) = (HotTable::default(), BTreeMap::new());
            let half = changes.len() / 2;
            let mut before = None;
            for (at, (number, value)) in changes.into_iter().enumerate() {
                if at == half {
                    before = Some((entries.clone(), map.clone()));
                }
                entries.set(key(number), value.map(|ttl| entry(number, ttl)));
                match value {
                    Some(ttl) => drop(map.insert(number, ttl)),
                    None => drop(map.remove(&number)),
                }
                prop_assert_eq!(entries.len, map.len());
            }
            for (entries, map) in before.iter().chain([&(entries, map)]) {
                for number in 0..150 {
                    prop_assert_eq!(ttl(entries, number), map.get(&number).copied());
                }
            }
        }
    }

    #[test]
    fn a_changed_entry_copies_its_bucket_and_what_changes_nothing_copies_nothing() {
        let mut entries = HotTable::default();
        for number in 0..1000 {
            entries.set(key(number), Some(entry(number, 1)));
        }
        let bucket =
            |entries: &HotTable, number| entries.probe(key(number)).unwrap().entries.as_ptr();
        let before = entries.clone();
        entries.set(key(7), Some(entry(7, 1)));
        entries.set(key(1000), None);
        assert!(Arc::ptr_eq(&entries.branches, &before.branches));
        entries.set(key(7), Some(entry(7, 2)));
        let [old, new] = [&before, &entries].map(|entries| bucket(entries, 7));
        assert_ne!(old, new);
        for number in 0..1000 {
            let [now, then] = [&entries, &before].map(|entries| bucket(entries, number));
            assert_eq!(now == then, now != new, "every bucket but the changed one is shared");
        }
    }

    #[test]
    fn it_grows_with_what_it_holds() {
        let mut entries = HotTable::default();
        for number in 0..20_000 {
            entries.set(key(number), Some(entry(number, number.into())));
        }
        let buckets = entries.branches.iter().flat_map(|branch| branch.iter());
        let longest = buckets.map(|bucket| bucket.entries().count()).max();
        assert!(longest.unwrap() < 50, "no bucket is much longer than the others");
        assert_eq!(entries.fans, [32, 64], "no array is much longer than the others");
        assert!((0..20_000).all(|number| ttl(&entries, number) == Some(number.into())));
        assert_eq!(ttl(&entries, 20_000), None);
    }
}
