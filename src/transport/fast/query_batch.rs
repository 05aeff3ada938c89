//! The messages of a batch, taken from step to step together: what a step needs from far is on its
//! way for all of them at once.

use std::array;

use crate::snapshot::Snapshot;
use crate::transport::batch::Batch;
use crate::transport::batch::slots::MESSAGES;
use crate::transport::fast::{Asked, Reader};

/// The plain questions, by the slots of their messages.
#[derive(Debug)]
pub struct QueryBatch<'s>([Option<Asked<'s>>; MESSAGES]);

impl Default for QueryBatch<'_> {
    fn default() -> Self {
        Self(array::from_fn(|_| None))
    }
}

impl<'s> QueryBatch<'s> {
    /// Reads the messages of a batch, and has their entries fetched.
    #[inline]
    pub fn read(&mut self, batch: &Batch, snapshot: &'s Snapshot) {
        let reader = Reader::new(snapshot);
        for (place, asked) in self.0.iter_mut().enumerate() {
            let Some((octets, len)) = batch.octets(place) else { break };
            *asked = reader.read(octets, len);
        }
    }

    /// The question of a message, if it is plain and was read.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&Asked<'s>> {
        self.0.get(place)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use super::*;
    use crate::model::dns::Rtype;
    use crate::transport::batch::{Sending, Wait};
    use crate::transport::tests::fixtures::{context, query_for};

    #[test]
    fn plain_questions_stand_at_the_slots_of_their_messages() {
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
        let mut queries = QueryBatch::default();
        queries.read(&batch, &snapshot);
        let plain: Vec<bool> = (0..=count).map(|place| queries.get(place).is_some()).collect();
        assert_eq!(plain, [true, true, true, true, false, false]);
    }
}
