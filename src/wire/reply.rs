//! Writes a reply: whole records, the most important first, never more than the asker takes.
//!
//! The codec library is not used: it drops the OPT record when it does not fit, sets TC for
//! additional records that nobody needs, and does not point into the question.

use crate::model::dns::{ExtendedError, Owner, Rcode, Rdata, Record, Rtype};
use crate::model::name::Name;
use crate::wire::header::{HEADER, Head};
use crate::wire::names::{Suffixes, pointer};
use crate::wire::options::{Edns, Granted};
use crate::wire::request::{LONGEST_QUERY, Query, QuestionSection, Rejected};
use crate::wire::tsig::Tsig;

/// RFC 1035 section 4.2.1: every asker takes this much.
const MIN_SIZE: u16 = 512;
/// What is left of 65,535 octets behind the headers of IPv4 and UDP. IPv6 would carry 20 more.
const LARGEST_DATAGRAM: u16 = 65_507;
const QR: u16 = 0x8000;
const AA: u16 = 0x0400;
const TC: u16 = 0x0200;
/// An OPT record without options: root, type, size, code and flags, length.
const BARE_OPT: usize = 11;
/// An extended error without its text: option code, length, info code.
const BARE_EDE: usize = 6;
const OPTION_EDE: u16 = 15;
const DO: u16 = 0x8000;

/// What is to be said to a query; the order of records is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<'s> {
    pub rcode: Rcode,
    /// AA: the data is from a zone served here.
    pub authoritative: bool,
    /// Where not all fit, the first that do are sent, with TC.
    pub answers: Vec<Record<'s>>,
    pub authority: Vec<Record<'s>>,
    /// Addresses without which a referral leads nowhere: all are sent, or TC is (RFC 9471).
    pub glue: Vec<Record<'s>>,
    /// A courtesy: whole sets are left out silently, and all of them before one answer is.
    pub additional: Vec<Record<'s>>,
    /// Said to askers with EDNS, if there is room.
    pub extended_error: Option<ExtendedError>,
}

impl Reply<'_> {
    /// RFC 3225 section 3: a DS is told beside other things only to those who set DO.
    pub fn drop_proofs(&mut self) {
        self.authority.retain(|record| record.data.rtype() != Rtype::DS);
    }

    pub fn empty(rcode: Rcode) -> Self {
        Self {
            rcode,
            authoritative: false,
            answers: Vec::new(),
            authority: Vec::new(),
            glue: Vec::new(),
            additional: Vec::new(),
            extended_error: None,
        }
    }
}

/// How large a reply may be, and what our OPT record says beside the rcode: the size of our own
/// buffer, and options, whose room is taken off first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    size: usize,
    payload: u16,
    granted: Granted,
}

impl Limits {
    /// A datagram: what the asker takes, at least 512 octets, at most `udp_max_size` and what a
    /// datagram holds.
    pub fn udp(edns: Option<Edns>, udp_max_size: u16) -> Self {
        let asked = edns.map_or(MIN_SIZE, |edns| edns.payload.max(MIN_SIZE));
        let size = asked.min(udp_max_size.max(MIN_SIZE)).min(LARGEST_DATAGRAM);
        Self { size: usize::from(size), ..Self::tcp(udp_max_size) }
    }

    /// A stream: as much as its length prefix can say.
    pub fn tcp(udp_max_size: u16) -> Self {
        // RFC 6891 section 6.2.3: what we can receive, however much we may send.
        let payload = udp_max_size.clamp(MIN_SIZE, LONGEST_QUERY);
        Self { size: usize::from(u16::MAX), payload, granted: Granted::default() }
    }

    /// The same, with options for those who have sent an OPT record.
    #[must_use]
    pub fn granting(self, granted: Granted) -> Self {
        Self { granted, ..self }
    }

    pub fn payload(self) -> u16 {
        self.payload
    }

    /// The most octets of a message.
    pub fn size(self) -> usize {
        self.size
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// TC is set: answers or authority were left out.
    pub truncated: bool,
    pub answers: usize,
}

/// Writes the answer to `query` over `out`.
pub fn encode(query: &Query<'_>, reply: &Reply<'_>, limits: Limits, out: &mut Vec<u8>) -> Encoded {
    out.clear();
    let opt = query.edns.map_or(0, |_| BARE_OPT.saturating_add(limits.granted.size()));
    put_front(query.head, Some(&query.asked), out);
    let mut body = Body::new(&query.asked.name, reply, limits.size.saturating_sub(opt), out);
    let answers = body.put_answers();
    let mut truncated = usize::from(answers) < reply.answers.len();
    let authority = if truncated { 0 } else { body.put_all(&reply.authority) };
    truncated |= usize::from(authority) < reply.authority.len();
    let glue = if truncated { 0 } else { body.put_all(&reply.glue) };
    truncated |= usize::from(glue) < reply.glue.len();
    let error = match (&query.edns, &reply.extended_error) {
        (Some(_), Some(error)) => body.reserve(error),
        (None, _) | (_, None) => None,
    };
    let courtesy = if truncated { 0 } else { body.put_additional() };
    let mut additional = glue.saturating_add(courtesy);
    if let Some(edns) = query.edns {
        put_opt(edns, reply.rcode, limits, error, out);
        additional = additional.saturating_add(1);
    }
    let mut flags = header_flags(query.head, reply.rcode);
    if reply.authoritative {
        flags |= AA;
    }
    if truncated {
        flags |= TC;
    }
    patch_header(flags, [1, answers, authority, additional], out);
    Encoded { truncated, answers: usize::from(answers) }
}

/// Writes the error that `rejected` asks for over `out`. All of it fits every asker but a TSIG of
/// names that nobody gives: that is left out with TC, for there is room on a stream.
pub fn encode_rejection(rejected: &Rejected<'_>, limits: Limits, out: &mut Vec<u8>) {
    out.clear();
    put_front(rejected.head, rejected.question.as_ref(), out);
    if let Some(edns) = rejected.edns {
        put_opt(edns, rejected.rcode, limits, None, out);
    }
    let mut flags = header_flags(rejected.head, rejected.rcode);
    let mut additional = u16::from(rejected.edns.is_some());
    if let Some(tsig) = rejected.tsig.as_ref().map(Tsig::as_octets) {
        if out.len().saturating_add(tsig.len()) <= limits.size {
            out.extend_from_slice(tsig);
            additional = additional.saturating_add(1);
        } else {
            flags |= TC;
        }
    }
    let questions = u16::from(rejected.question.is_some());
    patch_header(flags, [questions, 0, 0, additional], out);
}

/// Sets TC in a message that was written without it: the asker is to ask over TCP.
pub fn set_truncated(message: &mut [u8]) {
    let [tc, _] = TC.to_be_bytes();
    if let Some(flags) = message.get_mut(2) {
        *flags |= tc;
    }
}

fn header_flags(head: Head, rcode: Rcode) -> u16 {
    QR | head.echoed | (rcode.code() & 0x000f)
}

/// The header, its flags and counts still zero, and the question.
fn put_front(head: Head, question: Option<&QuestionSection<'_>>, out: &mut Vec<u8>) {
    out.extend_from_slice(&head.id.to_be_bytes());
    out.resize(HEADER, 0);
    if let Some(question) = question {
        out.extend_from_slice(question.octets);
    }
}

fn patch_header(flags: u16, counts: [u16; 4], out: &mut [u8]) {
    let words = std::iter::once(flags).chain(counts);
    for (place, word) in out.chunks_exact_mut(2).skip(1).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}

/// The OPT record (RFC 6891 section 6.1), with the upper bits of the rcode.
fn put_opt(
    edns: Edns,
    rcode: Rcode,
    limits: Limits,
    error: Option<(u16, &str)>,
    out: &mut Vec<u8>,
) {
    let [_, upper] = (rcode.code() >> 4).to_be_bytes();
    out.extend_from_slice(&[0, 0, 41]);
    out.extend_from_slice(&limits.payload.to_be_bytes());
    out.extend_from_slice(&[upper, 0]);
    out.extend_from_slice(&if edns.dnssec_ok { DO } else { 0 }.to_be_bytes());
    // `Body::reserve` keeps the text far below 64 KiB; the fallback is never reached.
    let error = error.and_then(|(code, text)| {
        let option = u16::try_from(text.len()).ok()?.checked_add(2)?;
        Some((code, text, option))
    });
    let taken = error.map_or(0, |(_, text, _)| BARE_EDE.saturating_add(text.len()));
    let rdata = u16::try_from(limits.granted.size().saturating_add(taken)).unwrap_or(0);
    out.extend_from_slice(&rdata.to_be_bytes());
    limits.granted.put(out);
    let Some((code, text, option)) = error else { return };
    for word in [OPTION_EDE, option, code] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(text.as_bytes());
}

struct Body<'b, 's> {
    names: Suffixes<'b>,
    reply: &'b Reply<'s>,
    /// Nothing grows beyond it; the OPT record's room is already taken off.
    limit: usize,
    /// Where the RDATA of each answer begins, when additional records may ask for it.
    places: Vec<usize>,
    out: &'b mut Vec<u8>,
}

impl<'b, 's> Body<'b, 's> {
    fn new(question: &'b Name, reply: &'b Reply<'s>, limit: usize, out: &'b mut Vec<u8>) -> Self {
        Self { names: Suffixes::new(question), reply, limit, places: Vec::new(), out }
    }

    fn put_answers(&mut self) -> u16 {
        let points = |record: &Record<'_>| matches!(record.owner, Owner::Target(_));
        let placed = !self.reply.additional.is_empty() || self.reply.answers.iter().any(points);
        let mut count: u16 = 0;
        for record in &self.reply.answers {
            let Some(place) = self.put(record) else { break };
            count = count.saturating_add(1);
            if placed {
                self.places.push(place);
            }
        }
        count
    }

    /// The first of `records` that fit.
    fn put_all(&mut self, records: &[Record<'_>]) -> u16 {
        let mut count: u16 = 0;
        for record in records {
            if self.put(record).is_none() {
                break;
            }
            count = count.saturating_add(1);
        }
        count
    }

    /// Sets of records as long as whole ones fit: a part of one would be taken for all of it.
    fn put_additional(&mut self) -> u16 {
        let (mut count, mut whole): (u16, u16) = (0, 0);
        let mut whole_len = self.out.len();
        let mut last: Option<(&Owner<'s>, Rtype)> = None;
        for record in &self.reply.additional {
            let rrset = (&record.owner, record.data.rtype());
            if last.replace(rrset) != Some(rrset) {
                (whole, whole_len) = (count, self.out.len());
            }
            if self.put(record).is_none() {
                self.out.truncate(whole_len);
                return whole;
            }
            count = count.saturating_add(1);
        }
        count
    }

    /// Takes room for `error` off the limit: its text is shortened, or it is left out.
    fn reserve<'e>(&mut self, error: &'e ExtendedError) -> Option<(u16, &'e str)> {
        let room = self.limit.checked_sub(self.out.len())?.checked_sub(BARE_EDE)?;
        let longest = error.text.len().min(room);
        let end = (0..=longest).rev().find(|&end| error.text.is_char_boundary(end))?;
        let text = error.text.get(..end)?;
        let taken = BARE_EDE.saturating_add(text.len());
        self.limit = self.limit.saturating_sub(taken);
        Some((error.code, text))
    }

    /// Appends one record and says where its RDATA begins, or leaves all as it was when it does
    /// not fit.
    fn put(&mut self, record: &Record<'_>) -> Option<usize> {
        let start = self.out.len();
        let place = self.try_put(record);
        if place.is_none() || self.out.len() > self.limit {
            self.out.truncate(start);
            return None;
        }
        place
    }

    fn try_put(&mut self, record: &Record<'_>) -> Option<usize> {
        self.put_owner(&record.owner)?;
        self.word(record.data.rtype().0);
        self.word(1);
        self.out.extend_from_slice(&record.ttl.to_be_bytes());
        self.word(0);
        let place = self.out.len();
        self.put_rdata(&record.data);
        let len = u16::try_from(self.out.len().checked_sub(place)?).ok()?;
        let field = self.out.get_mut(place.checked_sub(2)?..place)?;
        field.copy_from_slice(&len.to_be_bytes());
        Some(place)
    }

    fn put_owner(&mut self, owner: &Owner<'_>) -> Option<()> {
        match owner {
            Owner::Question => self.out.extend_from_slice(&pointer(HEADER)?),
            Owner::Name(name) => self.names.spell(name, self.out),
            Owner::Target(answer) => self.put_target(*answer)?,
        }
        Some(())
    }

    /// The name that the data of the answer at this place ends in, or is.
    fn put_target(&mut self, answer: usize) -> Option<()> {
        let (target, before) = match &self.reply.answers.get(answer)?.data {
            // The target follows three words of the RDATA.
            Rdata::Srv { target, .. } => (target, 6),
            Rdata::Cname(target) => (target, 0),
            Rdata::A(_) | Rdata::Aaaa(_) | Rdata::Ns(_) | Rdata::Txt(_) | Rdata::Soa(_) => {
                return None;
            }
            Rdata::Octets { .. } => return None,
        };
        match pointer(self.places.get(answer)?.checked_add(before)?) {
            Some(pointer) => self.out.extend_from_slice(&pointer),
            None => self.names.spell(target, self.out),
        }
        Some(())
    }

    fn put_rdata(&mut self, data: &Rdata<'_>) {
        match data {
            Rdata::A(address) => self.out.extend_from_slice(&address.octets()),
            Rdata::Aaaa(address) => self.out.extend_from_slice(&address.octets()),
            Rdata::Ns(name) => self.names.spell(name, self.out),
            Rdata::Cname(target) => self.names.spell(target, self.out),
            Rdata::Srv { priority, weight, port, target } => {
                self.word(*priority);
                self.word(*weight);
                self.word(*port);
                // RFC 2782: the target is not compressed.
                self.out.extend_from_slice(target.as_wire());
            }
            Rdata::Octets { octets, .. } => self.out.extend_from_slice(octets),
            Rdata::Txt(text) => put_strings(text.as_bytes(), self.out),
            Rdata::Soa(soa) => {
                self.names.spell(&soa.mname, self.out);
                self.names.spell(&soa.rname, self.out);
                for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
                    self.out.extend_from_slice(&number.to_be_bytes());
                }
            }
        }
    }

    fn word(&mut self, word: u16) {
        self.out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Character strings of at most 255 octets (RFC 1035 section 3.3); no text is one empty string.
fn put_strings(text: &[u8], out: &mut Vec<u8>) {
    if text.is_empty() {
        out.push(0);
    }
    for part in text.chunks(usize::from(u8::MAX)) {
        out.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(part);
    }
}
