//! The plain questions, answered at once in the buffer they came in. It is `respond` written a
//! second time, for speed: nothing is allocated, and the header and the question stay where they are.
//!
//! | what it takes | what it leaves to `respond` |
//! |---|---|
//! | one question of class IN for a type of data, nothing odd in the header, a name of up to 128 octets | everything else that a packet may hold |
//! | no EDNS, or version 0 with a cookie or without options | other options and versions, an error to explain (RFC 8914) |
//! | services, their tags (also as RFC 2782 has it), instances, names that are missing | apexes, `addr` names, static names, several tags and dotted ones, empty non-terminals |
//! | A, AAAA and SRV in rotation; NODATA for other types | weights that differ, aliases, texts, ANY, what master files add |
//! | zones that are served | zones with delegations or DNAMEs; missing names where there are wildcards |
//! | answers that fit | what must be cut |
//!
//! What it says is what `respond` says, record by record and in the same order for the same random
//! numbers: `tests` holds the two against each other.

mod find;
mod question;
mod said;
mod write;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use std::net::SocketAddr;

use crate::metrics::dns::{Dropped, Path};
use crate::metrics::limited::Action;
use crate::model::dns::{Rcode, Rtype};
use crate::model::time::Now;
use crate::snapshot::Snapshot;
use crate::transport::batch::ROOM;
use crate::transport::fast::find::find;
use crate::transport::fast::question::Question;
use crate::transport::fast::said::said;
use crate::transport::fast::write::{Writer, slip};
use crate::transport::respond::Worker;
use crate::transport::source::can_ask;
use crate::wire::options::Granted;
use crate::wire::reply::Limits;

/// Where a message came from and to, and when.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Who sent it.
    pub peer: SocketAddr,
    /// Where it came to.
    pub asked: SocketAddr,
    /// When.
    pub now: Now,
}

/// What has become of a plain question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fast {
    /// The answer stands in the buffer.
    Answered {
        /// Its octets.
        len: usize,
        /// The type asked for.
        qtype: Rtype,
        /// The outcome.
        rcode: Rcode,
    },
    /// Its prefix has had enough answers.
    Dropped,
}

/// Writes the answer over the message of `len` octets and counts it; `None` leaves all as it was,
/// for `respond`.
pub fn respond(
    octets: &mut [u8; ROOM],
    len: usize,
    arrival: Arrival,
    snapshot: &Snapshot,
    worker: &mut Worker,
) -> Option<Fast> {
    let Arrival { peer, asked, now } = arrival;
    let rules = &snapshot.rules;
    if !can_ask(peer, Some(asked)) || !rules.access.permits(peer.ip()) {
        return None;
    }
    let question = Question::read(octets, len)?;
    let place = find(snapshot, &question)?;
    let said = said(&place, &question)?;
    let cookie = question.edns.and_then(|edns| edns.options.cookie);
    let verdict = cookie.and_then(|cookie| rules.cookies.judge(cookie, peer.ip(), now));
    let granted = cookie.zip(verdict).map(|(cookie, verdict)| verdict.answers(cookie));
    let granted = Granted { cookie: granted, keepalive: None };
    let limits = Limits::udp(question.edns, rules.udp_max_size).granting(granted);
    let mut len = Writer::new(octets, &question, limits).write(&said, granted, &mut worker.rng)?;
    let mut rcode = said.rcode();
    // A valid cookie proves the sender as a connection does.
    if !verdict.is_some_and(|verdict| verdict.is_valid) {
        match worker.limit((peer.ip(), now.mono), rules, said.class()) {
            None | Some(Action::DryRun) => {}
            Some(Action::Dropped) => {
                worker.cells.dropped(Dropped::Rate);
                return Some(Fast::Dropped);
            }
            Some(Action::Slipped) => {
                len = slip(octets, &question, limits, granted)?;
                rcode = Rcode::NoError;
            }
        }
    }
    worker.cells.answered(question.rtype, rcode);
    worker.cells.took(Path::Fast);
    Some(Fast::Answered { len, qtype: question.rtype, rcode })
}
