//! Groups the answers of a batch that have one length and go to one client port: each group leaves as
//! one datagram, which the kernel splits into its segments (`UDP_SEGMENT`). A client with many queries
//! in flight on one port is a proxy, a forwarder or a load generator; a resolver sends each query from
//! a port of its own, and its answers leave alone.
//!
//! Answers leave in the order in which their queries came, but later ones of a group leave with its
//! first.

use super::slots::{MESSAGES, Slots};

/// Answers in a group at most: together no longer than a datagram can be, and fewer than the 64 that
/// every kernel takes.
const MOST: usize = 53;
/// Longer answers leave alone. One of this length and its headers fit the 1,280 octets that every link of
/// IPv6 carries (RFC 8200 section 5); the kernel refuses a whole group when one does not fit the link.
const LONGEST: usize = 1232;

const HEADERS: usize = 40 + 8;
const _: () = assert!(MOST * LONGEST <= u16::MAX as usize - HEADERS);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SegmentGroup {
    pub(super) places: Slots,
    /// The octets of each.
    pub(super) len: u16,
}

#[derive(Debug)]
pub(super) struct SegmentGroups {
    all: [SegmentGroup; MESSAGES],
    count: usize,
    /// For each hash the group that was begun last, or any other.
    begun: [u8; MESSAGES],
}

impl SegmentGroups {
    /// None.
    pub(super) fn new() -> Self {
        Self { all: [SegmentGroup::default(); MESSAGES], count: 0, begun: [0; MESSAGES] }
    }

    /// None again.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds the answer of `len` octets at `place`. It goes with an earlier one of the same length and
    /// `hash`, a number below `MESSAGES`, if `is_like` says so of that one's place.
    #[inline]
    pub(super) fn add(
        &mut self,
        place: usize,
        len: u16,
        hash: usize,
        is_like: impl FnOnce(usize) -> bool,
    ) {
        let Some(begun) = self.begun.get_mut(hash) else { return };
        if usize::from(*begun) < self.count
            && (1..=LONGEST).contains(&usize::from(len))
            && let Some(group) = self.all.get_mut(usize::from(*begun))
            && group.len == len
            && group.places.count() < MOST
            && group.places.iter().next().is_some_and(is_like)
        {
            group.places = group.places.with(place);
        } else if let Some(group) = self.all.get_mut(self.count) {
            *group = SegmentGroup { places: Slots::default().with(place), len };
            *begun = u8::try_from(self.count).unwrap_or(0);
            self.count = self.count.saturating_add(1);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = SegmentGroup> {
        self.all.iter().copied().take(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer: its length, its hash, and who asked.
    type Answer = (u16, usize, char);

    fn segments(answers: &[Answer]) -> Vec<(u16, Vec<usize>)> {
        let mut groups = SegmentGroups::new();
        // What an earlier batch has left behind means nothing.
        for is_joined in [false, true] {
            groups.clear();
            for (place, &(len, hash, asker)) in answers.iter().enumerate() {
                let is_like = |other: usize| is_joined && answers[other].2 == asker;
                groups.add(place, len, hash, is_like);
            }
        }
        groups.iter().map(|group| (group.len, group.places.iter().collect())).collect()
    }

    #[test]
    fn answers_of_one_length_to_one_asker_go_together() {
        let answers = [(90, 1, 'a'), (90, 2, 'b'), (70, 3, 'a'), (90, 2, 'b'), (90, 1, 'a')];
        let together = [(90, vec![0, 4]), (90, vec![1, 3]), (70, vec![2])];
        assert_eq!(segments(&answers), together);
        assert_eq!(segments(&[]), []);
    }

    #[test]
    fn those_of_one_hash_go_alone_where_they_differ() {
        let (one, other, short) = ((90, 5, 'a'), (90, 5, 'b'), (70, 5, 'b'));
        assert_eq!(segments(&[one, other, other]), [(90, vec![0]), (90, vec![1, 2])]);
        assert_eq!(segments(&[other, short]), [(90, vec![0]), (70, vec![1])]);
        // The last group begun for a hash is the only one that is looked at.
        assert_eq!(segments(&[one, other, one]).len(), 3);
    }

    #[test]
    fn no_group_is_longer_than_the_system_takes() {
        let full = segments(&[(90, 1, 'a'); MESSAGES]);
        assert_eq!(full.iter().map(|(_, places)| places.len()).collect::<Vec<_>>(), [53, 11]);
        assert!(full.iter().flat_map(|(_, places)| places).copied().eq(0..MESSAGES));
        assert_eq!(segments(&[(1232, 1, 'a'); 3]).len(), 1);
        assert_eq!(segments(&[(1233, 1, 'a'); 3]).len(), 3);
        // Of nothing the system makes one datagram, not several.
        assert_eq!(segments(&[(0, 1, 'a'); 3]).len(), 3);
    }
}
