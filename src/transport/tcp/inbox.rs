//! Cuts what a connection sends into messages: two octets of length, then as many (RFC 1035
//! section 4.2.2).

use crate::wire::request::HEADER;

/// No query is longer; who announces more is not asking.
const MAX_QUERY: usize = 4096;
/// The length before a message.
const PREFIX: usize = 2;
/// One message of any length, or some eighty questions of a client that does not wait.
const CAPACITY: usize = PREFIX.saturating_add(MAX_QUERY);

/// What was read and is not answered yet.
#[derive(Debug)]
pub(super) struct Inbox {
    octets: Box<[u8]>,
    start: usize,
    end: usize,
}

/// What stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'i> {
    /// A whole message.
    Message(&'i [u8]),
    /// The beginning of one, or nothing.
    Partial,
    /// A length that no query has.
    Wrong,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { octets: vec![0; CAPACITY].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Where to read to: never empty as long as what stands first is partial.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        self.octets.copy_within(self.start..self.end, 0);
        self.end = self.end.saturating_sub(self.start);
        self.start = 0;
        self.octets.get_mut(self.end..).unwrap_or_default()
    }

    /// The first `count` octets of the spare ones hold something now.
    pub(super) fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.octets.len());
    }

    /// Not even a part of a message.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// There was no room for all that could be read.
    pub(super) fn is_full(&self) -> bool {
        self.end == self.octets.len()
    }

    /// What stands first, without taking it.
    pub(super) fn peek(&self) -> Frame<'_> {
        let waiting = self.octets.get(self.start..self.end).unwrap_or_default();
        let Some((prefix, rest)) = waiting.split_first_chunk::<PREFIX>() else {
            return Frame::Partial;
        };
        let len = usize::from(u16::from_be_bytes(*prefix));
        if !(HEADER..=MAX_QUERY).contains(&len) {
            return Frame::Wrong;
        }
        rest.get(..len).map_or(Frame::Partial, Frame::Message)
    }

    /// What stands first; a message is taken.
    pub(super) fn take(&mut self) -> Frame<'_> {
        let Frame::Message(message) = self.peek() else { return self.peek() };
        let len = message.len();
        let begin = self.start.saturating_add(PREFIX);
        self.start = begin.saturating_add(len);
        self.octets.get(begin..self.start).map_or(Frame::Partial, Frame::Message)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let len = u16::try_from(message.len()).unwrap();
        [&len.to_be_bytes()[..], message].concat()
    }

    /// Puts as many octets as there is room for.
    fn put(inbox: &mut Inbox, octets: &[u8]) -> usize {
        let spare = inbox.spare();
        let count = octets.len().min(spare.len());
        spare[..count].copy_from_slice(&octets[..count]);
        inbox.filled(count);
        count
    }

    #[test]
    fn lengths_that_no_query_has_are_known_from_their_prefix() {
        for (len, wrong) in [(0, true), (11, true), (12, false), (4096, false), (4097, true)] {
            let mut inbox = Inbox::new();
            put(&mut inbox, &u16::to_be_bytes(len)[..1]);
            assert_eq!(inbox.take(), Frame::Partial, "{len}");
            put(&mut inbox, &u16::to_be_bytes(len)[1..]);
            assert_eq!(inbox.take() == Frame::Wrong, wrong, "{len}");
        }
    }

    #[test]
    fn the_longest_message_has_room_behind_another() {
        let mut inbox = Inbox::new();
        let stream = [framed(&[1; 12]), framed(&[2; MAX_QUERY])].concat();
        let first = put(&mut inbox, &stream);
        assert!(inbox.is_full());
        assert_eq!(inbox.take(), Frame::Message(&[1; 12]));
        assert_eq!(inbox.take(), Frame::Partial);
        put(&mut inbox, &stream[first..]);
        assert_eq!(inbox.take(), Frame::Message(&[2; MAX_QUERY]));
        assert!(inbox.is_empty());
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_were_sent_however_they_are_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 12..600), 0..30),
            cuts in prop::collection::vec(1_usize..3000, 1..40),
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|m| framed(m)).collect();
            let (mut inbox, mut rest, mut out) = (Inbox::new(), &stream[..], Vec::new());
            for cut in cuts.iter().cycle() {
                let count = put(&mut inbox, &rest[..rest.len().min(*cut)]);
                rest = &rest[count..];
                while let Frame::Message(message) = inbox.take() {
                    out.push(message.to_vec());
                }
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(out, messages);
            prop_assert!(inbox.is_empty());
        }
    }
}
