//! Who waits for which write.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::engine::event::{Answer, Ticket};
use crate::model::agent::{Refusal, Write, Written};

/// A write with the way back.
pub(super) type PendingWrite = (Write, oneshot::Sender<Result<Written, Refusal>>);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    waiting: HashMap<Ticket, oneshot::Sender<Result<Written, Refusal>>>,
    last: u64,
}

impl Tickets {
    pub(super) fn issue(&mut self, asked: Vec<PendingWrite>) -> Vec<(Ticket, Write)> {
        let issue = |(write, way_back)| {
            self.last += 1;
            let ticket = Ticket(self.last);
            self.waiting.insert(ticket, way_back);
            (ticket, write)
        };
        asked.into_iter().map(issue).collect()
    }

    pub(super) fn answer(&mut self, answers: Vec<Answer<Written>>) {
        for (ticket, answer) in answers {
            if let Some(way_back) = self.waiting.remove(&ticket) {
                // An asker that has gone away needs no answer.
                let _ = way_back.send(answer);
            }
        }
    }
}
