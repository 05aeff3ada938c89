//! Answers one after the other into one piece of output: they are computed at once, so none waits
//! for another, and they may leave in the order in which they were asked for (RFC 7766 section 7
//! asks for none).

use std::net::SocketAddr;
use std::time::Duration;

use crate::metrics::dns::Transport;
use crate::model::time::Now;
use crate::snapshot::Snapshot;
use crate::transport::message::{Received, Response};
use crate::transport::respond::respond;
use crate::transport::tcp::inbox::{Frame, Inbox};
use crate::transport::worker::Worker;

/// Enough for the write to cost little beside the answers. With the largest answer behind it, a
/// client that does not read holds twice this.
const ENOUGH: usize = 64 << 10;
/// A large answer's buffer is not kept for small ones.
const KEPT: usize = 8 << 10;

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) out: Vec<u8>,
    /// How many.
    pub(super) answers: u32,
    /// One answer, before its length is known.
    answer: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) peer: SocketAddr,
    pub(super) now: Now,
    /// How long the connection may be idle.
    pub(super) idle: Duration,
    /// How many may be answered.
    pub(super) most: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    Answered,
    /// There is enough to write, and more to answer.
    Enough,
    /// What comes next is no query, and what follows it may be anything.
    ///
    /// A response, or a message from where no asker can be, gets no answer, and its sender is not
    /// left waiting in an open connection: he is no DNS client, or thinks that we are one.
    Wrong,
}

impl Batch {
    /// Answers the whole messages in `inbox`.
    pub(super) fn answer(
        &mut self,
        inbox: &mut Inbox,
        arrival: Arrival,
        snapshot: &Snapshot,
        worker: &mut Worker,
    ) -> Pause {
        loop {
            let enough = self.out.len() >= ENOUGH || self.answers >= arrival.most;
            if enough && matches!(inbox.peek(), Frame::Message(_)) {
                return Pause::Enough;
            }
            let octets = match inbox.take() {
                Frame::Message(octets) => octets,
                Frame::Partial => return Pause::Answered,
                Frame::Wrong => return Pause::Wrong,
            };
            let Arrival { peer, now, idle, .. } = arrival;
            let received = Received {
                octets,
                peer,
                asked: None,
                now,
                transport: Transport::Tcp,
                idle: Some(idle),
            };
            let response = respond(&received, snapshot, worker, &mut self.answer);
            let (Response::Sent { .. }, Ok(len)) = (response, u16::try_from(self.answer.len()))
            else {
                return Pause::Wrong;
            };
            self.out.extend_from_slice(&len.to_be_bytes());
            self.out.extend_from_slice(&self.answer);
            self.answers = self.answers.saturating_add(1);
        }
    }

    /// They are written; gives how many they were.
    pub(super) fn written(&mut self) -> u32 {
        self.out.clear();
        self.out.shrink_to(KEPT);
        self.answer.clear();
        self.answer.shrink_to(KEPT);
        std::mem::take(&mut self.answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::model::dns::Rtype;
    use crate::transport::tests::fixtures::{context, framed, query, query_for};

    struct Fixture {
        inbox: Inbox,
        batch: Batch,
        worker: Worker,
    }

    impl Fixture {
        fn new() -> Self {
            let worker = Worker::new(Metrics::new("0").worker(Transport::Tcp));
            Self { inbox: Inbox::new(), batch: Batch::default(), worker }
        }

        fn put(&mut self, octets: &[u8]) {
            self.inbox.spare()[..octets.len()].copy_from_slice(octets);
            self.inbox.filled(octets.len());
        }

        fn answer(&mut self, most: u32) -> Pause {
            let peer = "192.0.2.1:9".parse().unwrap();
            let arrival = Arrival { peer, now: Now::default(), idle: Duration::ZERO, most };
            let (snapshot, worker) = (context().current.load_full(), &mut self.worker);
            self.batch.answer(&mut self.inbox, arrival, &snapshot, worker)
        }

        fn ids(&self) -> Vec<u16> {
            let (mut rest, mut ids) = (&self.batch.out[..], Vec::new());
            while let Some((len, message)) = rest.split_first_chunk::<2>() {
                ids.push(u16::from_be_bytes([message[0], message[1]]));
                rest = &message[usize::from(u16::from_be_bytes(*len))..];
            }
            ids
        }
    }

    #[test]
    fn all_whole_messages_are_answered_in_one_piece_and_a_part_waits() {
        let mut fixture = Fixture::new();
        let part = framed(&query(4));
        fixture.put(&[&framed(&query(1))[..], &framed(&query(2)), &part[..9]].concat());
        assert_eq!(fixture.answer(100), Pause::Answered);
        assert_eq!((fixture.ids(), fixture.batch.answers), (vec![1, 2], 2));
        fixture.put(&part[9..]);
        assert_eq!(fixture.answer(100), Pause::Answered);
        assert_eq!(fixture.ids(), [1, 2, 4]);
        assert_eq!(fixture.batch.written(), 3);
        assert_eq!((fixture.ids(), fixture.batch.answers), (vec![], 0));
    }

    #[test]
    fn output_ends_with_the_answer_that_makes_it_enough_and_goes_on_after_it_was_written() {
        let mut fixture = Fixture::new();
        fixture.put(&framed(&query_for(7, Rtype::TXT)).repeat(20));
        let mut answers = 0;
        while fixture.answer(100) == Pause::Enough {
            let longest = usize::from(u16::MAX) + 2;
            assert!((ENOUGH..ENOUGH + longest).contains(&fixture.batch.out.len()));
            answers += fixture.batch.written();
            assert!(
                fixture.batch.out.capacity() <= KEPT && fixture.batch.answer.capacity() <= KEPT
            );
        }
        assert_eq!(answers + fixture.batch.written(), 20);
    }

    #[test]
    fn what_is_no_query_ends_it_and_what_came_before_is_answered() {
        let mut response = query(9);
        response[2] = 0x80;
        for wrong in [vec![0, 0], framed(&[0; 11]), framed(&response)] {
            let mut fixture = Fixture::new();
            fixture.put(&[framed(&query(1)), wrong, framed(&query(2))].concat());
            assert_eq!(fixture.answer(100), Pause::Wrong);
            assert_eq!(fixture.ids(), [1]);
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_answered_by_what_its_header_says() {
        // Opcode STATUS is NOTIMP, a query FORMERR, whatever stands behind.
        for (flags, said) in [(0x01, [0x81, 1]), (0x10, [0x90, 4]), (0x28, [0xa8, 4])] {
            let mut fixture = Fixture::new();
            let mut long = query(7);
            long[2] = flags;
            long.resize(4097, 0);
            fixture.put(&framed(&long)[..4098]);
            assert_eq!(fixture.answer(100), Pause::Answered);
            assert!(fixture.batch.out.is_empty(), "one octet is missing");
            fixture.put(&[&[0][..], &framed(&query(8))].concat());
            assert_eq!(fixture.answer(100), Pause::Answered);
            assert_eq!(fixture.ids(), [7, 8]);
            assert_eq!(fixture.batch.out[..6], [0, 12, 0, 7, said[0], said[1]]);
        }
        let mut fixture = Fixture::new();
        let mut response = query(7);
        response[2] = 0x80;
        response.resize(5000, 0);
        fixture.put(&framed(&response)[..4000]);
        fixture.answer(100);
        fixture.put(&framed(&response)[4000..]);
        assert_eq!(fixture.answer(100), Pause::Wrong);
        assert!(fixture.batch.out.is_empty());
    }

    #[test]
    fn no_more_are_answered_than_may_be() {
        let mut fixture = Fixture::new();
        fixture.put(&framed(&query(1)).repeat(5));
        assert_eq!(fixture.answer(3), Pause::Enough);
        assert_eq!(fixture.ids().len(), 3);
        let mut fixture = Fixture::new();
        fixture.put(&framed(&query(1)));
        assert_eq!(fixture.answer(1), Pause::Answered, "there is no more");
    }
}
