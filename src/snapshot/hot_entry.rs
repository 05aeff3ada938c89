//! The commonest answers of a name in one cache line: what it is, its IPv4 addresses, which
//! instances its SRV records are, and whether these have its IPv6 addresses or it has none.
//!
//! With thousands of services most of what a question needs is in no near cache. What counts then
//! is how many lines it touches; of most names this one is all that is read.

use std::hash::{Hash, Hasher};
use std::net::Ipv4Addr;

use crate::snapshot::choice::first_of;
use crate::snapshot::selection::Selection;
use crate::snapshot::service::ServiceView;
use crate::snapshot::srv_table::{SrvRow, SrvTable};

/// Octets of a name that a key has room for.
pub const KEY: usize = WORDS * WORD;
const WORDS: usize = 3;
const WORD: usize = 8;
const ADDRESSES: usize = 6;

/// What is left of the words of a key of each length.
const MASKS: [[u64; WORDS]; KEY + 1] = {
    let (mut masks, mut len) = ([[0; WORDS]; KEY + 1], 0);
    while len < KEY {
        len += 1;
        masks[len] = masks[len - 1];
        masks[len][(len - 1) / WORD] |= 0xff << (8 * ((len - 1) % WORD));
    }
    masks
};

/// The labels left of an apex: their wire form, folded, with zeroes behind. As words, for they are
/// compared and hashed for each question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key([u64; WORDS]);

/// By words: the library hashes arrays by octets, which takes longer than to answer.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|&word| state.write_u64(word));
    }
}

impl Key {
    /// The first `len` of these octets, folded; `None` where they are none or too many.
    #[inline]
    pub fn of(octets: &[u8; KEY], len: usize) -> Option<Self> {
        let masks = MASKS.get(len).filter(|_| len > 0)?;
        let (chunks, _) = octets.as_chunks::<WORD>();
        let mut words = *masks;
        for (word, chunk) in words.iter_mut().zip(chunks) {
            *word &= folded(u64::from_le_bytes(*chunk));
        }
        Some(Self(words))
    }

    /// All of these octets, folded; `None` where they are none or too many.
    pub fn of_wire(labels: &[u8]) -> Option<Self> {
        let mut octets = [0; KEY];
        octets.get_mut(..labels.len())?.copy_from_slice(labels);
        Self::of(&octets, labels.len())
    }

    /// Of labels, folded; `None` where they are too long.
    pub fn of_labels<'l>(labels: impl IntoIterator<Item = &'l str>) -> Option<Self> {
        let mut octets = [0; KEY];
        let mut len = 0;
        for label in labels {
            let end = len + 1 + label.len();
            let (first, rest) = octets.get_mut(len..end)?.split_first_mut()?;
            *first = u8::try_from(label.len()).ok()?;
            rest.copy_from_slice(label.as_bytes());
            len = end;
        }
        Self::of(&octets, len)
    }

    /// The octets, and zeroes behind them.
    pub fn octets(&self) -> [u8; KEY] {
        let mut octets = [0; KEY];
        let (chunks, _) = octets.as_chunks_mut::<WORD>();
        chunks.iter_mut().zip(self.0).for_each(|(chunk, word)| *chunk = word.to_le_bytes());
        octets
    }

    /// Whether this is nobody's.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Eight octets, each as `u8::to_ascii_lowercase` makes it. The library's own way with arrays of
/// this length is octet by octet.
fn folded(word: u64) -> u64 {
    const fn each(octet: u8) -> u64 {
        u64::from_le_bytes([octet; WORD])
    }
    let low = word & each(0x7f);
    // Bit 7 of each octet tells; no sum carries into the octet above.
    let from_a = low.wrapping_add(each(0x80 - b'A'));
    let behind_z = low.wrapping_add(each(0x7f - b'Z'));
    let is_upper = from_a & !behind_z & !word & each(0x80);
    word | is_upper >> 2
}

/// See the module. It is laid out so that it fills its line.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub struct HotEntry {
    pub(super) key: Key,
    ttl: u32,
    /// How many addresses there are; 0 where A takes more than what stands here.
    count: u8,
    /// Places of the instances that have SRV records, a bit each; 0 where SRV takes more.
    places: u8,
    aaaa: Aaaa,
    srv: Option<SrvTable>,
    /// In octets.
    addresses: [[u8; 4]; ADDRESSES],
}

const _: () = assert!(size_of::<HotEntry>() == 64);

/// Where the answer to AAAA stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aaaa {
    /// Not here.
    #[default]
    Elsewhere,
    /// NODATA: no instance has an IPv6 address, whatever its health.
    Nodata,
    /// In the SRV table: each of the instances with SRV records has one address.
    OfInstances,
}

impl HotEntry {
    #[cfg(test)]
    pub(super) fn of_ttl(key: Key, ttl: u32) -> Self {
        Self { key, ttl, ..Self::default() }
    }

    /// What is answered at a name of `view` that has this key and these records; nothing where that
    /// is not plain.
    pub(super) fn new(key: Key, view: &ServiceView, selection: &Selection) -> Option<Self> {
        let mut entry = Self { key, ttl: selection.ttl, ..Self::default() };
        if view.waiting || selection.stale || !selection.cname.items.is_empty() {
            return None;
        }
        let limit = view.service.max_answers;
        let (a, srv) = (&selection.a, &selection.srv);
        if a.is_equal() && a.wanted(limit) == a.items.len() {
            entry.put_addresses(&a.items);
        }
        if srv.is_equal() && srv.wanted(limit) == srv.items.len() && !view.has_hosts {
            let bit = |&place: &usize| 1_u8.checked_shl(u32::try_from(place).ok()?);
            let places = srv.items.iter().map(bit).try_fold(0, |all, bit| Some(all | bit?));
            entry.places = places.unwrap_or(0);
            entry.srv = (entry.places != 0).then(|| view.srv.clone());
        }
        if !view.has_hosts {
            entry.aaaa = entry.aaaa_of(selection, limit);
        }
        let is_bare = entry.count == 0 && entry.places == 0 && entry.aaaa == Aaaa::Elsewhere;
        (!is_bare).then_some(entry)
    }

    fn aaaa_of(&self, selection: &Selection, limit: usize) -> Aaaa {
        let choice = &selection.aaaa;
        if choice.items.is_empty() {
            return if selection.registered.aaaa { Aaaa::Elsewhere } else { Aaaa::Nodata };
        }
        let is_plain = choice.is_equal() && choice.wanted(limit) == choice.items.len();
        let Some((places, srv)) = self.instances().filter(|_| is_plain) else {
            return Aaaa::Elsewhere;
        };
        let of_instances = srv.all(places.all()).map(SrvRow::only_v6);
        let are_same = of_instances.eq(choice.items.iter().copied().map(Some));
        if are_same { Aaaa::OfInstances } else { Aaaa::Elsewhere }
    }

    /// Whether these are the same, the SRV table one and the same in memory.
    pub(super) fn are_same(one: Option<&Self>, other: Option<&Self>) -> bool {
        let all = |entry: &Self| {
            let &Self { key, ttl, count, places, aaaa, ref srv, addresses } = entry;
            (key, ttl, count, places, aaaa, srv.as_ref().map(SrvTable::place), addresses)
        };
        one.map(all) == other.map(all)
    }

    fn put_addresses(&mut self, items: &[Ipv4Addr]) {
        let Some(room) = self.addresses.get_mut(..items.len()) else { return };
        room.iter_mut().zip(items).for_each(|(octets, address)| *octets = address.octets());
        self.count = u8::try_from(items.len()).unwrap_or(0);
    }

    /// In seconds.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// All addresses, to be rotated; `None` where that is not all of the answer.
    pub fn addresses(&self) -> Option<&[[u8; 4]]> {
        let addresses = self.addresses.get(..usize::from(self.count))?;
        (self.count > 0).then_some(addresses)
    }

    /// The places of all instances that have SRV records, to be rotated, and their rows; `None`
    /// where that is not all of the answer.
    pub fn instances(&self) -> Option<(Bits, &SrvTable)> {
        Some((Bits(self.places), self.srv.as_ref()?))
    }

    pub fn aaaa(&self) -> Aaaa {
        self.aaaa
    }
}

/// Places below 8, one at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits(u8);

impl Bits {
    pub fn count(self) -> usize {
        usize::try_from(self.0.count_ones()).unwrap_or(0)
    }

    fn all(self) -> Ring {
        Ring(self.0.into())
    }

    /// From a random one on, round to the one before it: as `rotated` has it with the same places.
    pub fn rotated(self, rng: &mut fastrand::Rng) -> Ring {
        let count = self.count();
        let first = first_of(count, rng);
        let mut from = self.0;
        // As many turns for each first one: how many there are can be foreseen.
        for turn in 0..count {
            from = if turn < first { without_lowest(from) } else { from };
        }
        let before = self.0 ^ from;
        Ring(u16::from_le_bytes([from, before]))
    }
}

/// Places in the order of an answer: those of the lower octet, and then those of the other.
#[derive(Clone, Debug)]
pub struct Ring(u16);

impl Iterator for Ring {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = usize::try_from(self.0.trailing_zeros() % 8).ok()?;
        let some = self.0 != 0;
        self.0 &= self.0.wrapping_sub(1);
        some.then_some(place)
    }
}

fn without_lowest(bits: u8) -> u8 {
    bits & bits.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::snapshot::choice::rotated;

    #[test]
    fn a_key_is_the_folded_wire_form_and_nothing_of_what_stands_behind() {
        let mut octets = [0xff; KEY];
        octets[..8].copy_from_slice(b"\x02v1\x04webx");
        assert_eq!(Key::of(&octets, 8), Key::of_labels(["v1", "webx"]));
        assert_ne!(Key::of(&octets, 8), Key::of_labels(["v1", "web"]));
        assert_eq!(Key::of(&octets, 0), None);
        assert_eq!(Key::of(&octets, KEY + 1), None);
        let longest = "a".repeat(KEY - 1);
        octets = *b"\x17aaaaaaaaaaaaaaaaaaaaaaa";
        assert_eq!(Key::of(&octets, KEY), Key::of_labels([longest.as_str()]));
        assert_eq!(Key::of_labels(["a".repeat(KEY).as_str()]), None);
    }

    proptest! {
        #[test]
        fn a_word_is_folded_as_its_octets_are(octets: [u8; 8]) {
            let word = u64::from_le_bytes(octets);
            prop_assert_eq!(folded(word).to_le_bytes(), octets.map(|o| o.to_ascii_lowercase()));
        }

        #[test]
        fn places_are_rotated_as_a_list_of_them_is(bits in 1_u8.., seed: u64) {
            let list: Vec<usize> = (0..8).filter(|place| bits >> place & 1 == 1).collect();
            let mut rng = fastrand::Rng::with_seed(seed);
            let expected: Vec<usize> = rotated(&list, &mut rng).copied().collect();
            let mut again = fastrand::Rng::with_seed(seed);
            prop_assert_eq!(Bits(bits).rotated(&mut again).collect::<Vec<_>>(), expected);
            prop_assert_eq!(rng.u64(..), again.u64(..));
        }
    }
}
