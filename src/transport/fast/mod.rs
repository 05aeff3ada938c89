//! The plain questions, answered at once in the buffer they came in. It is `respond` written a
//! second time, for speed: nothing is allocated, and the header and the question stay where they are.
//!
//! | what it takes | what it leaves to `respond` |
//! |---|---|
//! | one question of class IN for a type of data, nothing odd in the header, a name of up to 128 octets | everything else that a packet may hold |
//! | no EDNS, or version 0 without options | other options and versions, an error to explain (RFC 8914) |
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

use crate::metrics::dns::Path;
use crate::model::dns::{Rcode, Rtype};
use crate::snapshot::Snapshot;
use crate::transport::batch::ROOM;
use crate::transport::fast::find::find;
use crate::transport::fast::question::Question;
use crate::transport::fast::said::said;
use crate::transport::fast::write::Writer;
use crate::transport::respond::{Worker, may_ask};
use crate::wire::reply::Limits;

/// An answer that stands in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its octets.
    pub len: usize,
    /// The type asked for.
    pub qtype: Rtype,
    /// The outcome.
    pub rcode: Rcode,
}

/// Writes the answer over the message of `len` octets and counts it; `None` leaves all as it was,
/// for `respond`.
pub fn respond(
    octets: &mut [u8; ROOM],
    len: usize,
    peer: SocketAddr,
    snapshot: &Snapshot,
    worker: &mut Worker,
) -> Option<Answered> {
    let rules = &snapshot.rules;
    if !may_ask(peer) || !rules.access.permits(peer.ip()) {
        return None;
    }
    let question = Question::read(octets, len)?;
    let place = find(snapshot, &question)?;
    let said = said(&place, &question)?;
    let limits = Limits::udp(question.edns, rules.udp_max_size);
    let writer = Writer::new(octets, &question, limits);
    let len = writer.write(&said, &mut worker.rng)?;
    let answered = Answered { len, qtype: question.rtype, rcode: said.rcode() };
    worker.cells.answered(answered.qtype, answered.rcode);
    worker.cells.took(Path::Fast);
    Some(answered)
}
