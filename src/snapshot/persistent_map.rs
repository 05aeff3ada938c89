//! A table that is cheap to copy with one entry changed: three levels of shared shards.
//!
//! A published table is shared with the queries that read it. Changing one entry copies 3 times 16
//! pointers and one leaf of a 4096th of the entries; looking one up costs one hash and four hops.
//! Each pointer copied is counted in what it points to, which lies in no near cache: two levels of
//! 64 would cost 128.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use foldhash::fast::FixedState;

const FAN: usize = 16;

/// The entries of one leaf with the hashes of their keys, sorted by these.
type Leaf<K, V> = Arc<[(u64, K, V)]>;
type Twig<K, V> = Arc<[Leaf<K, V>; FAN]>;
type Branch<K, V> = Arc<[Twig<K, V>; FAN]>;

/// See the module.
#[derive(Clone, Debug)]
pub struct PersistentMap<K, V> {
    branches: Arc<[Branch<K, V>; FAN]>,
    len: usize,
}

impl<K, V> Default for PersistentMap<K, V> {
    fn default() -> Self {
        let leaf: Leaf<K, V> = Arc::new([]);
        let twig: Twig<K, V> = Arc::new(std::array::from_fn(|_| Arc::clone(&leaf)));
        let branch: Branch<K, V> = Arc::new(std::array::from_fn(|_| Arc::clone(&twig)));
        Self { branches: Arc::new(std::array::from_fn(|_| Arc::clone(&branch))), len: 0 }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> PersistentMap<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of `key`.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let hash = hash(key);
        let [branch, twig, leaf] = path(hash);
        let leaf = self.branches.get(branch)?.get(twig)?.get(leaf)?;
        leaf.get(place(leaf, hash, key).ok()?).map(|(_, _, value)| value)
    }

    /// Sets the value of `key`, and gives the old one.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = hash(&key);
        let leaf = self.leaf(hash)?;
        match place(leaf, hash, &key) {
            Ok(at) => {
                let entry = Arc::make_mut(leaf).get_mut(at)?;
                Some(std::mem::replace(&mut entry.2, value))
            }
            Err(at) => {
                let (before, behind) = leaf.split_at_checked(at)?;
                let new = [(hash, key, value)];
                *leaf = before.iter().chain(&new).chain(behind).cloned().collect();
                self.len += 1;
                None
            }
        }
    }

    /// Takes `key` out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let hash = hash(key);
        let leaf = self.leaf(hash)?;
        let (before, [(_, _, old), behind @ ..]) = leaf.split_at(place(leaf, hash, key).ok()?)
        else {
            return None;
        };
        let old = old.clone();
        *leaf = before.iter().chain(behind).cloned().collect();
        self.len -= 1;
        Some(old)
    }

    /// Every entry, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let twigs = self.branches.iter().flat_map(|branch| branch.iter());
        let leaves = twigs.flat_map(|twig| twig.iter());
        leaves.flat_map(|leaf| leaf.iter()).map(|(_, key, value)| (key, value))
    }

    /// The keys that one of both maps has alone, or with a value that is not the `same`. Where one
    /// was made from the other, the cost is in proportion to what was changed since.
    pub fn differing<'m>(
        &'m self,
        other: &'m Self,
        same: impl Fn(&V, &V) -> bool,
    ) -> impl Iterator<Item = &'m K> {
        let branches = pairs(&self.branches, &other.branches);
        let twigs = branches.flat_map(|(one, other)| pairs(one, other));
        let leaves = twigs.flat_map(|(one, other)| pairs(one, other));
        leaves.flat_map(move |(one, other)| {
            let is_other = |(hash, key, value): &&(u64, K, V)| {
                let theirs = place(other, *hash, key).ok().and_then(|at| other.get(at));
                !theirs.is_some_and(|(_, _, theirs)| same(value, theirs))
            };
            let is_gone = |(hash, key, _): &&(u64, K, V)| place(one, *hash, key).is_err();
            let mut differing: Vec<&K> =
                one.iter().filter(is_other).map(|entry| &entry.1).collect();
            differing.extend(other.iter().filter(is_gone).map(|entry| &entry.1));
            differing
        })
    }

    fn leaf(&mut self, hash: u64) -> Option<&mut Leaf<K, V>> {
        let [branch, twig, leaf] = path(hash);
        let branch = Arc::make_mut(&mut self.branches).get_mut(branch)?;
        let twig = Arc::make_mut(branch).get_mut(twig)?;
        Arc::make_mut(twig).get_mut(leaf)
    }
}

/// The parts of both that do not stand in the same place of memory.
fn pairs<'p, T: ?Sized>(
    one: &'p [Arc<T>; FAN],
    other: &'p [Arc<T>; FAN],
) -> impl Iterator<Item = (&'p Arc<T>, &'p Arc<T>)> {
    one.iter().zip(other).filter(|(one, other)| !Arc::ptr_eq(one, other))
}

fn hash<Q: Hash + ?Sized>(key: &Q) -> u64 {
    FixedState::default().hash_one(key)
}

/// Where the entry of a key with this hash stands, or else where it is to be put.
fn place<K: Borrow<Q>, V, Q: Eq + ?Sized>(
    leaf: &[(u64, K, V)],
    hash: u64,
    key: &Q,
) -> Result<usize, usize> {
    // Hashes are spread evenly, so it is near here.
    let guess = usize::try_from(((hash >> 32) * leaf.len() as u64) >> 32).unwrap_or(0);
    let (left, right) = leaf.split_at(guess);
    let first = guess - left.iter().rev().take_while(|entry| entry.0 >= hash).count()
        + right.iter().take_while(|entry| entry.0 < hash).count();
    let same = leaf.iter().skip(first).take_while(|entry| entry.0 == hash);
    same.zip(first..).find(|(entry, _)| entry.1.borrow() == key).map(|(_, at)| at).ok_or(first)
}

/// The branch, the twig and the leaf of a hash.
fn path(hash: u64) -> [usize; 3] {
    let [branch, twig, leaf, ..] = hash.to_le_bytes();
    [branch, twig, leaf].map(|octet| usize::from(octet) % FAN)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_and_old_copies_stay_as_they_were(
            steps in proptest::collection::vec((any::<bool>(), 0u16..300, any::<u8>()), 0..100),
        ) {
            let mut shards: PersistentMap<u16, u8> = PersistentMap::default();
            let mut map = BTreeMap::new();
            for (insert, key, value) in steps {
                let (before, expected) = (shards.clone(), map.clone());
                if insert {
                    prop_assert_eq!(shards.insert(key, value), map.insert(key, value));
                } else {
                    prop_assert_eq!(shards.remove(&key), map.remove(&key));
                }
                prop_assert_eq!(shards.len(), map.len());
                prop_assert_eq!(shards.get(&key), map.get(&key));
                let copy: BTreeMap<_, _> = before.iter().map(|(k, v)| (*k, *v)).collect();
                let differing: BTreeSet<_> = before.differing(&shards, u8::eq).copied().collect();
                let keys = expected.keys().chain(map.keys()).copied();
                let other = keys.filter(|key| expected.get(key) != map.get(key));
                prop_assert_eq!(differing, other.collect::<BTreeSet<_>>());
                prop_assert_eq!(copy, expected);
            }
            let none = PersistentMap::default();
            prop_assert_eq!(shards.differing(&none, u8::eq).count(), map.len());
        }
    }
}
