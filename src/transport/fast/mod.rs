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
//! | answers of services, cut where they do not fit | others that must be cut; those to an asker who may have more than the buffer holds |
//!
//! What it says is what `respond` says, record by record and in the same order for the same random
//! numbers: `tests` holds the two against each other.

mod fast_answer;
mod find;
mod question;
mod write;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use std::net::SocketAddr;

use crate::metrics::dns::{Dropped, Path};
use crate::metrics::limited::Action;
use crate::model::dns::{Rcode, Rtype};
use crate::model::name::MAX_LABEL;
use crate::model::time::Now;
use crate::snapshot::Snapshot;
use crate::snapshot::hot_entry::{HotEntry, Key};
use crate::snapshot::zone::Zone;
use crate::transport::batch::ROOM;
use crate::transport::fast::fast_answer::{FastAnswer, of_entry, said};
use crate::transport::fast::find::{Within, find, is_plain, zone_of};
use crate::transport::fast::question::{Head, Question, read_header};
use crate::transport::fast::write::{Opt, Writer, slip};
use crate::transport::source::can_ask;
use crate::transport::worker::Worker;
use crate::wire::reply::Limits;

/// Where a message came from and to, and when.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'m> {
    pub peer: &'m SocketAddr,
    /// Where it came to.
    pub asked: &'m SocketAddr,
    pub now: Now,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fast {
    Answered {
        /// Its octets.
        len: usize,
        qtype: Rtype,
        rcode: Rcode,
    },
    /// Its prefix has had enough answers.
    Dropped,
}

/// A plain question, and where its answer is to be looked for.
#[derive(Debug)]
struct PlainQuery<'s> {
    head: Head,
    zone: &'s Zone,
    /// As in `Within`.
    left: u8,
    entry: Option<&'s HotEntry>,
}

#[derive(Debug)]
pub struct Reader<'s> {
    pub(super) snapshot: &'s Snapshot,
    only: Option<OnlyZone<'s>>,
}

/// The zone that is served alone, if it is plain.
#[derive(Debug)]
struct OnlyZone<'s> {
    zone: &'s Zone,
    apex: Key,
    len: usize,
}

impl<'s> Reader<'s> {
    /// Of what `snapshot` answers.
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Self { snapshot, only: OnlyZone::of(snapshot) }
    }

    /// Reads the message of `len` octets; `None` where it is not plain.
    #[inline]
    fn read(&self, octets: &[u8; ROOM], len: usize) -> Option<PlainQuery<'s>> {
        let in_only = |only: &OnlyZone<'s>| only.read(octets, len);
        self.only.as_ref().and_then(in_only).or_else(|| self.look_up(octets, len))
    }

    #[inline(never)]
    fn look_up(&self, octets: &[u8; ROOM], len: usize) -> Option<PlainQuery<'s>> {
        let (question, head) = Question::read(octets, len)?;
        let within = zone_of(self.snapshot, &question.fold())?;
        Some(PlainQuery::new(head, within, question.key(within.left.into())))
    }
}

impl<'s> OnlyZone<'s> {
    fn of(snapshot: &'s Snapshot) -> Option<Self> {
        let zone = snapshot.zones.only().filter(|zone| is_plain(zone))?;
        let name = zone.facts.apex.as_wire();
        Some(Self { zone, apex: Key::of_wire(name)?, len: name.len() })
    }

    /// Reads the message if the name is one or two labels below this apex. From where it equals the
    /// apex on, the name is not read.
    #[inline]
    fn read(&self, octets: &[u8; ROOM], len: usize) -> Option<PlainQuery<'s>> {
        let (name, has_more) = read_header(octets)?;
        let mut at = 0_usize;
        for left in 1..=2_u8 {
            let label = usize::from(*name.get(at)?);
            if label == 0 || label > MAX_LABEL {
                return None;
            }
            at = at.checked_add(label)?.checked_add(1)?;
            let rest = name.get(at..)?.first_chunk()?;
            if Key::of(rest, self.len)? == self.apex {
                let head = Head::read(octets, len, at.checked_add(self.len)?, has_more)?;
                let within = Within { zone: self.zone, left };
                return Some(PlainQuery::new(head, within, Key::of(name.first_chunk()?, at)));
            }
        }
        None
    }
}

impl<'s> PlainQuery<'s> {
    #[inline]
    fn new(head: Head, Within { zone, left }: Within<'s>, key: Option<Key>) -> Self {
        let entry = key.and_then(|key| zone.hot.get(&key));
        Self { head, zone, left, entry }
    }

    fn within(&self) -> Within<'s> {
        Within { zone: self.zone, left: self.left }
    }

    fn negative(&self, rcode: Rcode) -> Option<FastAnswer<'s>> {
        let zone = self.zone;
        let apex = self.head.end_of_name()?.checked_sub(zone.facts.apex.as_wire().len())?;
        Some(FastAnswer::Negative { rcode, zone, apex })
    }
}

/// Answers one message alone: see `answer`.
pub fn respond(
    octets: &mut [u8; ROOM],
    len: usize,
    arrival: Arrival<'_>,
    snapshot: &Snapshot,
    worker: &mut Worker,
) -> Option<Fast> {
    answer((octets, len), &arrival, &Reader::new(snapshot), worker)
}

/// What is said to what is in no entry; the message of `len` octets is read again.
#[inline(never)]
fn said_else<'s>(
    octets: &[u8; ROOM],
    len: usize,
    within: Within<'s>,
    has_edns: bool,
    snapshot: &'s Snapshot,
) -> Option<FastAnswer<'s>> {
    let (question, head) = Question::read(octets, len)?;
    let question = question.fold();
    let node = find(snapshot, within, &question)?;
    said(&node, within, (&question, head.rtype), has_edns)
}

/// Writes the answer over the message of `len` octets and counts it; `None` leaves all as it was, for
/// the general path.
pub fn answer(
    (octets, len): (&mut [u8; ROOM], usize),
    &Arrival { peer, asked, now }: &Arrival<'_>,
    reader: &Reader<'_>,
    worker: &mut Worker,
) -> Option<Fast> {
    let this = reader.read(octets, len)?;
    let (snapshot, rules) = (reader.snapshot, &reader.snapshot.rules);
    let client = peer.ip();
    if !can_ask(peer, Some(asked)) || !rules.access.permits(client) {
        return None;
    }
    let head = this.head;
    let edns = head.edns(octets, len).ok()?;
    let negative = |rcode| this.negative(rcode);
    let said = match this.entry.and_then(|entry| of_entry(entry, head.rtype, negative)) {
        Some(said) => said,
        None => said_else(octets, len, this.within(), edns.is_some(), snapshot)?,
    };
    let cookie = edns.and_then(|edns| edns.options.cookie);
    let verdict = cookie.and_then(|cookie| rules.cookies.judge(cookie, client, now));
    let shown = cookie.zip(verdict.as_ref());
    let cookie = shown.map(|(cookie, verdict)| (cookie.client, &verdict.server));
    let limits = Limits::udp(edns, rules.udp_max_size);
    if limits.size() > ROOM {
        return None;
    }
    let payload = limits.payload();
    let opt = edns.map(|edns| Opt { payload, dnssec_ok: edns.dnssec_ok, cookie });
    let writer = Writer::new(octets, head, limits.size());
    let mut len = writer.write(&said, opt.as_ref(), &mut worker.rng)?;
    let mut rcode = said.rcode();
    // A valid cookie proves the sender as a connection does.
    let is_proved = verdict.is_some_and(|verdict| verdict.is_valid);
    if is_proved || rules.rrl.exempt.contains(client) {
        worker.pass(now.mono);
    } else {
        match worker.limit((client, now.mono), rules, said.class()) {
            None | Some(Action::DryRun) => {}
            Some(Action::Dropped) => {
                worker.cells.dropped(Dropped::Rate);
                return Some(Fast::Dropped);
            }
            Some(Action::Slipped) => {
                len = slip(octets, head, opt.as_ref())?;
                rcode = Rcode::NoError;
            }
        }
    }
    worker.cells.answered(head.rtype, rcode);
    worker.cells.took(Path::Fast);
    Some(Fast::Answered { len, qtype: head.rtype, rcode })
}
