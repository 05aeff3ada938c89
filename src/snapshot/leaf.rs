//! A few fronts in a table of their own.
//!
//! A front that does not stand where its hash says costs a second line from far away, which is more
//! than all else that finding it takes. So that nearly all do, hashes are multiplied by a number that
//! is looked for when a leaf is laid out.

use std::sync::Arc;

use prefetch_index::prefetch_index;

use crate::snapshot::front::{Front, Key};

/// Numbers that are tried: among so many there is one that leaves none of 8 fronts out of its place, and
/// 1 of 30 where there are 16.
const TRIES: u64 = 64;
/// An odd number without a pattern in its bits: the fraction of the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaf {
    /// More than half of them free, so that a search soon ends.
    fronts: Arc<[Front]>,
    factor: u64,
}

/// Where a name's front stands if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'f> {
    key: Key,
    pub(super) fronts: &'f [Front],
    at: u32,
}

impl Leaf {
    /// Lays out `fronts` by the hashes of their keys.
    pub(super) fn build(fronts: Vec<Front>, hash: fn(&Key) -> u64) -> Self {
        if fronts.is_empty() {
            return Self::default();
        }
        let len = fronts.len() * 2 + 1;
        let hashes: Vec<u64> = fronts.iter().map(|front| hash(&front.key)).collect();
        let factor = factor(&hashes, len);
        let mut table: Arc<[Front]> = std::iter::repeat_n(Front::default(), len).collect();
        let places = Arc::make_mut(&mut table);
        for (front, hash) in fronts.into_iter().zip(hashes) {
            let (before, from) = places.split_at_mut(place(hash, factor, len));
            let mut round = from.iter_mut().chain(before);
            if let Some(free) = round.find(|other| other.key.is_empty()) {
                *free = front;
            }
        }
        Self { fronts: table, factor }
    }

    /// The same with `front` as the one of `key`, or with none.
    pub(super) fn with(&self, key: Key, front: Option<Front>, hash: fn(&Key) -> u64) -> Self {
        // What stands there has its own room twice, and some.
        let mut fronts = Vec::with_capacity(self.fronts.len() / 2 + 1);
        fronts.extend(self.fronts().filter(|other| other.key != key).cloned().chain(front));
        Self::build(fronts, hash)
    }

    /// Puts a front in the place of the one that has its key.
    pub(super) fn replace(&mut self, front: Front) {
        let mut all = Arc::make_mut(&mut self.fronts).iter_mut();
        if let Some(old) = all.find(|other| other.key == front.key) {
            *old = front;
        }
    }

    /// All of them.
    pub(super) fn fronts(&self) -> impl Iterator<Item = &Front> {
        self.fronts.iter().filter(|front| !front.key.is_empty())
    }

    /// Where to look for the front of `key`, whose hash this is. The line that most probably holds it
    /// is on its way, and nobody waits for it yet.
    #[inline]
    pub(super) fn probe(&self, key: Key, hash: u64) -> Probe<'_> {
        let at = place(hash, self.factor, self.fronts.len());
        prefetch_index(&self.fronts, at);
        Probe { key, fronts: &self.fronts, at: u32::try_from(at).unwrap_or(0) }
    }
}

impl<'f> Probe<'f> {
    /// What is looked for.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The front of what was looked for.
    #[inline]
    pub fn find(&self) -> Option<&'f Front> {
        let (before, from) = self.fronts.split_at_checked(usize::try_from(self.at).ok()?)?;
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

    /// The same, where this is the front that was found.
    #[inline]
    #[must_use]
    pub fn found(self, front: &'f Front) -> Self {
        Self { fronts: std::slice::from_ref(front), at: 0, ..self }
    }
}

/// The number that leaves the fewest of these hashes out of their places.
fn factor(hashes: &[u64], len: usize) -> u64 {
    let mut taken = vec![0; len];
    let mut displaced = |round| {
        let factor = GOLDEN.wrapping_mul(round) | 1;
        let mut count = 0_usize;
        for &hash in hashes {
            if let Some(last) = taken.get_mut(place(hash, factor, len)) {
                count += usize::from(*last == round);
                *last = round;
            }
        }
        (count, factor)
    };
    let mut best = displaced(1);
    for round in 2..=TRIES {
        if best.0 == 0 {
            break;
        }
        best = best.min(displaced(round));
    }
    best.1
}

/// The place of a hash among `len`.
#[inline]
fn place(hash: u64, factor: u64, len: usize) -> usize {
    let part = hash.wrapping_mul(factor) >> 32;
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
    fn nearly_all_fronts_stand_where_their_hashes_say() {
        for count in [1_u32, 4, 8, 16, 24] {
            let (mut all, mut elsewhere) = (0, 0);
            for leaf in 0..200 {
                let key = |n| Key::of_labels([format!("svc-{leaf}-{n}").as_str()]).unwrap();
                let fronts: Vec<Front> = (0..count).map(|n| Front::of_ttl(key(n), n)).collect();
                let leaf = Leaf::build(fronts, hash);
                for n in 0..count {
                    let probe = leaf.probe(key(n), hash(&key(n)));
                    assert_eq!(probe.find().map(Front::ttl), Some(n));
                    all += 1;
                    elsewhere += usize::from(probe.fronts[probe.at as usize].key != key(n));
                }
            }
            assert!(elsewhere * 10 <= all, "{count}: {elsewhere} of {all}");
        }
    }
}
