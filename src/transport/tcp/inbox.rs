//! Cuts what a connection sends into messages: two octets of length, then as many (RFC 1035
//! section 4.2.2). Of a message that is longer than any query only the header is kept: it is all that
//! an error repeats. The rest is read and dropped, so that what follows can be answered.

use crate::wire::header::HEADER;
use crate::wire::request::LONGEST_QUERY;

/// The longest message that is kept whole.
const MAX_QUERY: usize = LONGEST_QUERY as usize;
/// The length before a message.
const PREFIX: usize = 2;
/// One message of any length, or some eighty questions of a client that does not wait.
const CAPACITY: usize = PREFIX.saturating_add(MAX_QUERY);

#[derive(Debug)]
pub(super) struct Inbox {
    octets: Box<[u8]>,
    start: usize,
    end: usize,
    long: Option<Long>,
    /// The header of the last message that was too long.
    taken: [u8; HEADER],
}

/// What stands first, where that is longer than any query.
#[derive(Debug)]
struct Long {
    header: [u8; HEADER],
    /// Octets of it that have not come yet.
    missing: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'i> {
    /// A whole message; of one that is too long, the header.
    Message(&'i [u8]),
    /// The beginning of one, or nothing.
    Partial,
    Wrong,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            octets: vec![0; CAPACITY].into_boxed_slice(),
            start: 0,
            end: 0,
            long: None,
            taken: [0; HEADER],
        }
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
        self.settle();
    }

    /// Drops what there is of a message that is too long, once its header is there.
    fn settle(&mut self) {
        if self.long.is_none() {
            let Some((len, rest)) = split(self.waiting()) else { return };
            let Some((header, _)) = rest.split_first_chunk().filter(|_| len > MAX_QUERY) else {
                return;
            };
            self.long = Some(Long { header: *header, missing: len });
            self.start = self.start.saturating_add(PREFIX);
        }
        let waiting = self.waiting().len();
        if let Some(Long { missing, .. }) = &mut self.long {
            let dropped = waiting.min(*missing);
            *missing = missing.saturating_sub(dropped);
            self.start = self.start.saturating_add(dropped);
        }
    }

    fn waiting(&self) -> &[u8] {
        self.octets.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end && self.long.is_none()
    }

    pub(super) fn is_full(&self) -> bool {
        self.end == self.octets.len()
    }

    /// What stands first, without taking it.
    pub(super) fn peek(&self) -> Frame<'_> {
        match &self.long {
            Some(Long { header, missing: 0 }) => return Frame::Message(header),
            Some(_) => return Frame::Partial,
            None => {}
        }
        let Some((len, rest)) = split(self.waiting()) else { return Frame::Partial };
        if len < HEADER {
            return Frame::Wrong;
        }
        rest.get(..len).map_or(Frame::Partial, Frame::Message)
    }

    pub(super) fn take(&mut self) -> Frame<'_> {
        let Frame::Message(message) = self.peek() else { return self.peek() };
        let len = message.len();
        if let Some(Long { header, .. }) = self.long.take() {
            self.taken = header;
            self.settle();
            return Frame::Message(&self.taken);
        }
        let begin = self.start.saturating_add(PREFIX);
        let end = begin.saturating_add(len);
        self.start = end;
        self.settle();
        self.octets.get(begin..end).map_or(Frame::Partial, Frame::Message)
    }
}

/// The length that stands first, and what is there behind it.
fn split(waiting: &[u8]) -> Option<(usize, &[u8])> {
    let (prefix, rest) = waiting.split_first_chunk::<PREFIX>()?;
    Some((usize::from(u16::from_be_bytes(*prefix)), rest))
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
    fn a_length_without_a_header_is_known_from_its_prefix() {
        for (len, wrong) in [(0, true), (11, true), (12, false), (4097, false), (65_535, false)] {
            let mut inbox = Inbox::new();
            put(&mut inbox, &u16::to_be_bytes(len)[..1]);
            assert_eq!(inbox.take(), Frame::Partial, "{len}");
            put(&mut inbox, &u16::to_be_bytes(len)[1..]);
            assert_eq!(inbox.take() == Frame::Wrong, wrong, "{len}");
        }
    }

    #[test]
    fn of_a_message_that_is_too_long_the_header_comes_once_all_of_it_has_come() {
        let mut inbox = Inbox::new();
        let stream = framed(&[vec![7; 12], vec![1; 65_523]].concat());
        let mut at = 0;
        while at < stream.len() {
            assert_eq!(inbox.peek(), Frame::Partial, "{at}");
            assert_eq!(inbox.take(), Frame::Partial, "{at}");
            assert_eq!(inbox.is_empty(), at == 0, "one that has begun is not silence");
            at += put(&mut inbox, &stream[at..]);
        }
        assert_eq!(inbox.take(), Frame::Message(&[7; 12]));
        assert!(inbox.is_empty());
        assert_eq!(inbox.take(), Frame::Partial);
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
            mut messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 12..600), 0..30),
            long in prop::collection::vec((any::<prop::sample::Index>(), 4095..20_000_usize), 0..3),
            cuts in prop::collection::vec(1_usize..3000, 1..40),
        ) {
            for (place, len) in long {
                if !messages.is_empty() {
                    let place = place.index(messages.len());
                    messages[place].resize(len, 0);
                }
            }
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
            for message in messages.iter_mut().filter(|message| message.len() > MAX_QUERY) {
                message.truncate(HEADER);
            }
            prop_assert_eq!(out, messages);
            prop_assert!(inbox.is_empty());
        }
    }
}
