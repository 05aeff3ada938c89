//! The messages of a batch, taken from step to step together: what a step needs from far is on its
//! way for all of them at once.
//!
//! They are answered in an order of their own. Where a question for addresses follows one for
//! instances the processor foresees nothing of the way that it takes; where its like went before, all.

use std::array;

use crate::model::dns::Rtype;
use crate::snapshot::Snapshot;
use crate::transport::batch::Batch;
use crate::transport::batch::slots::MESSAGES;
use crate::transport::fast::{Asked, Reader};

/// See the module.
#[derive(Debug)]
pub struct QueryBatch<'s> {
    /// The plain questions, by the places of their messages.
    asked: [Option<Asked<'s>>; MESSAGES],
    /// The place whose turn it is: questions for IPv4 addresses before all others.
    order: [u8; MESSAGES],
    /// How many messages there are.
    count: usize,
}

/// Each at its own place.
fn as_received() -> [u8; MESSAGES] {
    array::from_fn(|place| u8::try_from(place).unwrap_or(u8::MAX))
}

impl<'s> QueryBatch<'s> {
    /// So many messages, none of which is read yet.
    #[inline]
    pub fn new(count: usize) -> Self {
        Self { asked: array::from_fn(|_| None), order: as_received(), count: count.min(MESSAGES) }
    }

    /// Reads those of a batch, and has fetched what their answers are made of.
    #[inline]
    pub fn read(&mut self, batch: &Batch, snapshot: &'s Snapshot) {
        let mut reader = Reader::new(snapshot);
        let (mut order, mut first, mut last) = (self.order, 0_usize, self.count);
        for (asked, &place) in self.asked.iter_mut().zip(&self.order).take(self.count) {
            let Some((octets, len)) = batch.octets(place.into()) else { return };
            reader.read_to(octets, len, asked);
            let is_other = asked.as_ref().is_some_and(|asked| asked.head.rtype != Rtype::A);
            // The place is put at both ends, and stays at the one that moves: there is no branch.
            let before_last = last.saturating_sub(1);
            for end in [first, before_last] {
                if let Some(end) = order.get_mut(end) {
                    *end = place;
                }
            }
            (first, last) =
                if is_other { (first, before_last) } else { (first.saturating_add(1), last) };
        }
        self.order = order;
        let asked = &mut self.asked;
        let others = order.get(last..self.count).unwrap_or_default();
        for &place in others {
            if let Some(Some(asked)) = asked.get_mut(usize::from(place)) {
                asked.find();
            }
        }
    }

    /// The place of the message that is answered in this turn, and its question if that is plain.
    #[inline]
    pub fn turn(&self, turn: usize) -> Option<(usize, Option<&Asked<'s>>)> {
        let place = usize::from(*self.order.get(..self.count)?.get(turn)?);
        Some((place, self.asked.get(place)?.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use super::*;
    use crate::transport::batch::{Sending, Wait};
    use crate::transport::tests::fixtures::{context, query_for};

    #[test]
    fn each_message_has_its_turn_and_those_for_ipv4_addresses_come_first() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        for rtype in [Rtype::SRV, Rtype::A, Rtype::AAAA, Rtype::A] {
            client.send(&query_for(1, rtype)).unwrap();
        }
        client.send(b"no question").unwrap();
        let mut batch = Batch::new(Sending::Segmented);
        let count = batch.receive(server.as_fd(), Wait::ForOne).unwrap();
        let snapshot = context().current.load_full();
        let mut round = QueryBatch::new(count);
        let places = |round: &QueryBatch<'_>| -> Vec<(usize, bool)> {
            (0..6)
                .map_while(|turn| round.turn(turn))
                .map(|(p, asked)| (p, asked.is_some()))
                .collect()
        };
        assert!(places(&round).into_iter().eq((0..5).map(|place| (place, false))));
        round.read(&batch, &snapshot);
        assert_eq!(places(&round), [(1, true), (3, true), (4, false), (2, true), (0, true)]);
    }
}
