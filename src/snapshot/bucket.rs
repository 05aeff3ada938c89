//! A few hot entries in a hash table of their own.
//!
//! More than half of the slots are free, so that few entries are displaced from their home slots.

use std::sync::Arc;

use prefetch_index::prefetch_index;

use crate::snapshot::hot_entry::{HotEntry, Key};

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    entries: Arc<[HotEntry]>,
}

/// Where a name's entry stands if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'f> {
    key: Key,
    pub(super) entries: &'f [HotEntry],
    at: u32,
}

impl Bucket {
    /// Lays out `entries` by the hashes of their keys.
    pub(super) fn build(entries: Vec<HotEntry>, hash: fn(&Key) -> u64) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        let len = entries.len() * 2 + 1;
        let mut table: Arc<[HotEntry]> = std::iter::repeat_n(HotEntry::default(), len).collect();
        let places = Arc::make_mut(&mut table);
        for entry in entries {
            let (before, from) = places.split_at_mut(place(hash(&entry.key), len));
            let mut round = from.iter_mut().chain(before);
            if let Some(free) = round.find(|other| other.key.is_empty()) {
                *free = entry;
            }
        }
        Self { entries: table }
    }

    /// The same with `entry` as the one of `key`, or with none.
    pub(super) fn with(&self, key: Key, entry: Option<HotEntry>, hash: fn(&Key) -> u64) -> Self {
        // What stands there has its own room twice, and some.
        let mut entries = Vec::with_capacity(self.entries.len() / 2 + 1);
        entries.extend(self.entries().filter(|other| other.key != key).cloned().chain(entry));
        Self::build(entries, hash)
    }

    /// Puts an entry in the place of the one that has its key.
    pub(super) fn replace(&mut self, entry: HotEntry) {
        let mut all = Arc::make_mut(&mut self.entries).iter_mut();
        if let Some(old) = all.find(|other| other.key == entry.key) {
            *old = entry;
        }
    }

    /// All of them.
    pub(super) fn entries(&self) -> impl Iterator<Item = &HotEntry> {
        self.entries.iter().filter(|entry| !entry.key.is_empty())
    }

    /// Where to look for the entry of `key`, whose hash this is. Begins to fetch the cache line that most
    /// probably holds it, and does not wait for it.
    #[inline]
    pub(super) fn probe(&self, key: Key, hash: u64) -> Probe<'_> {
        let at = place(hash, self.entries.len());
        prefetch_index(&self.entries, at);
        Probe { key, entries: &self.entries, at: u32::try_from(at).unwrap_or(0) }
    }
}

impl<'f> Probe<'f> {
    /// The entry of the key, if there is one.
    #[inline]
    pub fn find(&self) -> Option<&'f HotEntry> {
        let (before, from) = self.entries.split_at_checked(usize::try_from(self.at).ok()?)?;
        for entry in from.iter().chain(before) {
            if entry.key == self.key {
                return Some(entry);
            }
            if entry.key.is_empty() {
                return None;
            }
        }
        None
    }
}

/// The place of a hash among `len`.
#[inline]
fn place(hash: u64, len: usize) -> usize {
    let part = hash >> 32;
    let len = u64::try_from(len).unwrap_or(0);
    usize::try_from(part.wrapping_mul(len) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: &Key) -> u64 {
        use std::hash::BuildHasher;
        foldhash::fast::FixedState::default().hash_one(key)
    }

    #[test]
    fn most_entries_stand_in_their_home_slots() {
        for count in [1_u32, 4, 8, 16, 24] {
            let (mut all, mut elsewhere) = (0, 0);
            for bucket in 0..200 {
                let key = |n| Key::of_labels([format!("svc-{bucket}-{n}").as_str()]).unwrap();
                let entries: Vec<HotEntry> =
                    (0..count).map(|n| HotEntry::of_ttl(key(n), n)).collect();
                let bucket = Bucket::build(entries, hash);
                for n in 0..count {
                    let probe = bucket.probe(key(n), hash(&key(n)));
                    assert_eq!(probe.find().map(HotEntry::ttl), Some(n));
                    all += 1;
                    elsewhere += usize::from(probe.entries[probe.at as usize].key != key(n));
                }
            }
            assert!(elsewhere * 3 <= all, "{count}: {elsewhere} of {all}");
        }
    }
}
