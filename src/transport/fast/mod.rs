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
//! | answers of services, cut where they do not fit | others that must be cut |
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
use crate::snapshot::front::{Front, Key};
use crate::snapshot::fronts::{Probe, Wanted};
use crate::snapshot::zone::Zone;
use crate::transport::batch::ROOM;
use crate::transport::fast::find::{Within, find, is_within, zone_of};
use crate::transport::fast::question::{Head, Question};
use crate::transport::fast::said::{Said, of_front, said};
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

/// A plain question, and where its answer is to be looked for. Those that came together go from
/// step to step together: what a step needs from far is on its way for all of them at once.
#[derive(Debug)]
pub struct Asked<'s> {
    head: Head,
    within: Within<'s>,
    wanted: Option<Wanted>,
    probe: Option<Probe<'s>>,
    front: Sought<'s>,
}

/// What is known of a name's front.
#[derive(Clone, Copy, Debug)]
enum Sought<'s> {
    /// Nothing: it was not looked for yet, or cannot be.
    Unknown,
    /// There is none.
    Missing,
    /// This is it.
    Found(&'s Front),
}

impl<'s> Sought<'s> {
    fn found(self) -> Option<&'s Front> {
        match self {
            Self::Found(front) => Some(front),
            Self::Unknown | Self::Missing => None,
        }
    }
}

/// Reads plain questions, one after the other.
#[derive(Debug)]
pub struct Reader<'s> {
    snapshot: &'s Snapshot,
    question: Question,
    /// The zone of the last question, which is most often the next one's too, and the key of its
    /// apex.
    last: Option<(&'s Zone, Key)>,
}

impl<'s> Reader<'s> {
    /// Of what `snapshot` answers.
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Self { snapshot, question: Question::new(), last: None }
    }

    /// Reads the message of `len` octets; `None` where it is not plain.
    #[inline]
    pub fn read(&mut self, octets: &[u8; ROOM], len: usize) -> Option<Asked<'s>> {
        let question = &mut self.question;
        let head = question.read(octets, len)?;
        let again = self.last.and_then(|last| is_within(self.snapshot, question, last));
        let within = again.or_else(|| zone_of(self.snapshot, question))?;
        if again.is_none() {
            self.last = question.key_from(within.left).map(|apex| (within.zone, apex));
        }
        let wanted = question.key(within.left).map(Wanted::new);
        Some(Asked { head, within, wanted, probe: None, front: Sought::Unknown })
    }
}

impl Asked<'_> {
    /// Finds where the front of the name would be.
    pub fn probe(&mut self) {
        self.probe = self.wanted.as_ref().and_then(|w| self.within.zone.fronts.probe(w));
    }

    /// Has the front fetched. What it gives means nothing.
    pub fn fetch(&self) -> u32 {
        self.probe.as_ref().map_or(0, Probe::touch)
    }

    /// Finds the front.
    pub fn find(&mut self) {
        if let (Some(probe), Some(wanted)) = (self.probe, &self.wanted) {
            self.front = probe.find(wanted).map_or(Sought::Missing, Sought::Found);
        }
    }

    /// Has fetched what the front leads to. What it gives means nothing.
    pub fn fetch_further(&self) -> u8 {
        let further = self.front.found().filter(|_| self.head.rtype == Rtype::SRV);
        further.and_then(Front::instances).map_or(0, |(_, lines)| lines.touch())
    }
}

/// Answers one message alone: see `answer`.
pub fn respond(
    octets: &mut [u8; ROOM],
    len: usize,
    arrival: Arrival,
    snapshot: &Snapshot,
    worker: &mut Worker,
) -> Option<Fast> {
    let mut asked = Reader::new(snapshot).read(octets, len)?;
    asked.probe();
    asked.find();
    answer((octets, len), &asked, &arrival, snapshot, worker)
}

/// What is said to what is in no front; the message of `len` octets is read again.
#[inline(never)]
fn said_else<'s>(
    octets: &[u8; ROOM],
    len: usize,
    this: &Asked<'s>,
    snapshot: &'s Snapshot,
) -> Option<Said<'s>> {
    let mut question = Question::new();
    question.read(octets, len)?;
    let has_no_front = matches!(this.front, Sought::Missing);
    let node = find(snapshot, this.within, &question, has_no_front)?;
    said(&node, this.within, (&question, this.head))
}

/// Writes the answer over the message that was read and counts it; `None` leaves all as it was,
/// for the general path.
pub fn answer(
    (octets, len): (&mut [u8; ROOM], usize),
    this: &Asked<'_>,
    arrival: &Arrival,
    snapshot: &Snapshot,
    worker: &mut Worker,
) -> Option<Fast> {
    let &Arrival { peer, asked, now } = arrival;
    let rules = &snapshot.rules;
    if !can_ask(peer, Some(asked)) || !rules.access.permits(peer.ip()) {
        return None;
    }
    let head = this.head;
    let said = match this.front.found().and_then(|front| of_front(front, head.rtype)) {
        Some(said) => said,
        None => said_else(octets, len, this, snapshot)?,
    };
    let cookie = head.edns.and_then(|edns| edns.options.cookie);
    let verdict = cookie.and_then(|cookie| rules.cookies.judge(cookie, peer.ip(), now));
    let granted = cookie.zip(verdict).map(|(cookie, verdict)| verdict.answers(cookie));
    let granted = Granted { cookie: granted, keepalive: None };
    let limits = Limits::udp(head.edns, rules.udp_max_size).granting(granted);
    let mut len = Writer::new(octets, head, limits).write(&said, granted, &mut worker.rng)?;
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
                len = slip(octets, head, limits, granted)?;
                rcode = Rcode::NoError;
            }
        }
    }
    worker.cells.answered(head.rtype, rcode);
    worker.cells.took(Path::Fast);
    Some(Fast::Answered { len, qtype: head.rtype, rcode })
}
