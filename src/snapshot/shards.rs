//! A table that is cheap to copy with one entry changed: two levels of shared shards.
//!
//! A published table is shared with the queries that read it. Changing one entry copies 64 + 64
//! pointers and one leaf of a 4096th of the entries; looking one up costs three hops.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use foldhash::fast::FixedState;

const FAN: usize = 64;

type Leaf<K, V> = HashMap<K, V, FixedState>;
type Branch<K, V> = Vec<Arc<Leaf<K, V>>>;

/// See the module.
#[derive(Clone, Debug)]
pub struct Shards<K, V> {
    branches: Arc<Vec<Arc<Branch<K, V>>>>,
    len: usize,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let leaf = Arc::new(Leaf::with_hasher(FixedState::default()));
        let branch = Arc::new(vec![leaf; FAN]);
        Self { branches: Arc::new(vec![branch; FAN]), len: 0 }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
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
        let (branch, leaf) = place(key);
        self.branches.get(branch)?.get(leaf)?.get(key)
    }

    /// Sets the value of `key`, and gives the old one.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let old = self.leaf(&key)?.insert(key, value);
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes `key` out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let old = self.leaf(key)?.remove(key);
        self.len -= usize::from(old.is_some());
        old
    }

    /// Every entry, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.branches.iter().flat_map(|branch| branch.iter()).flat_map(|leaf| leaf.iter())
    }

    fn leaf<Q: Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut Leaf<K, V>> {
        let (branch, leaf) = place(key);
        let branch = Arc::make_mut(Arc::make_mut(&mut self.branches).get_mut(branch)?);
        Some(Arc::make_mut(branch.get_mut(leaf)?))
    }
}

/// The shard of a key, from bits that the leaf's own table does not look at first.
fn place<Q: Hash + ?Sized>(key: &Q) -> (usize, usize) {
    let hash = FixedState::with_seed(1).hash_one(key).to_le_bytes();
    (usize::from(hash[3]) % FAN, usize::from(hash[4]) % FAN)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_and_old_copies_stay_as_they_were(
            steps in proptest::collection::vec((any::<bool>(), 0u16..300, any::<u8>()), 0..300),
        ) {
            let mut shards: Shards<u16, u8> = Shards::default();
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
                prop_assert_eq!(copy, expected);
            }
        }
    }
}
