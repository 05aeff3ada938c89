//! Writes an answer behind the question that it answers, in the buffer that both share.
//!
//! Nothing is written before it is known that all of it fits: the OPT record of the query stands
//! where the answer comes, and the general path would want to read it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::dns::{Rcode, Rtype};
use crate::model::name::Name;
use crate::snapshot::choice::{Choice, rotated};
use crate::snapshot::lines::{Line, Lines};
use crate::snapshot::zone::Zone;
use crate::transport::batch::ROOM;
use crate::transport::fast::question::Question;
use crate::transport::fast::said::{Drawn, Said};
use crate::wire::options::Granted;
use crate::wire::reply::Limits;
use crate::wire::request::{Edns, HEADER};

/// An OPT record without options.
const OPT: usize = 11;
/// Owner, type, class, TTL and length of a record whose owner is a pointer.
const FRONT: usize = 12;
/// Priority, weight and port.
const WORDS: usize = 6;
/// The five numbers of a SOA.
const NUMBERS: usize = 20;
/// A pointer to the question's name (RFC 1035 section 4.1.4).
const ASKED: u16 = 0xc00c;
const QR_AA: u8 = 0x84;
const QR_TC: u8 = 0x82;
const RD: u8 = 0x01;

/// How many records were written into which section.
#[derive(Clone, Copy, Default)]
struct Counts {
    answers: u16,
    authority: u16,
    additional: u16,
}

/// The buffer with its question.
pub(super) struct Writer<'b, 'q> {
    octets: &'b mut [u8; ROOM],
    question: &'q Question,
    limits: Limits,
}

impl<'b, 'q> Writer<'b, 'q> {
    pub(super) fn new(octets: &'b mut [u8; ROOM], question: &'q Question, limits: Limits) -> Self {
        Self { octets, question, limits }
    }

    /// The length of the message; `None`, with nothing written, when not all of it fits.
    pub(super) fn write(
        self,
        said: &Said<'_>,
        granted: Granted,
        rng: &mut fastrand::Rng,
    ) -> Option<usize> {
        let Question { end, edns, .. } = *self.question;
        let opt = if edns.is_some() { OPT.checked_add(granted.size())? } else { 0 };
        let limit = self.limits.size().min(ROOM);
        let room = limit.checked_sub(opt)?.checked_sub(end)?;
        let [_, _, flags0, ..] = *self.octets;
        let mut body = Body { rest: self.octets.get_mut(end..limit)?, room };
        let mut counts = match said {
            Said::Few(addresses, ttl) => body.put_few(addresses, *ttl, rng)?,
            Said::A(drawn) => body.put_drawn(Rtype::A, drawn, rng, Ipv4Addr::octets)?,
            Said::Aaaa(drawn) => body.put_drawn(Rtype::AAAA, drawn, rng, Ipv6Addr::octets)?,
            Said::Srv(Drawn { choice, limit, ttl }, lines) => {
                body.put_instances(end, choice.rotate(rng, *limit).copied(), lines, *ttl)?
            }
            Said::Instance { place, lines, ttl } => {
                body.put_instances(end, std::iter::once(*place), lines, *ttl)?
            }
            Said::Of { addresses, ttl } => {
                body.put_addresses(self.question.rtype, addresses, *ttl)?
            }
            Said::Negative { zone, left, .. } => body.put_soa(zone, self.question, *left)?,
        };
        if let Some(edns) = edns {
            body.put_opt(edns, self.limits, granted)?;
            counts.additional = counts.additional.checked_add(1)?;
        }
        let left = body.rest.len();
        let header = self.octets.first_chunk_mut::<HEADER>()?;
        put_header(header, QR_AA | (flags0 & RD), said.rcode(), counts);
        limit.checked_sub(left)
    }
}

/// The id stays, and the count of questions.
fn put_header(header: &mut [u8; HEADER], flags: u8, rcode: Rcode, counts: Counts) {
    let [_, _, flags0, flags1, _, _, an0, an1, ns0, ns1, ar0, ar1] = header;
    let [_, low] = rcode.code().to_be_bytes();
    *flags0 = flags;
    *flags1 = low;
    [*an0, *an1] = counts.answers.to_be_bytes();
    [*ns0, *ns1] = counts.authority.to_be_bytes();
    [*ar0, *ar1] = counts.additional.to_be_bytes();
}

/// Makes of an answer one that is empty and says to ask over TCP, which a forged sender never does.
pub(super) fn slip(
    octets: &mut [u8; ROOM],
    question: &Question,
    limits: Limits,
    granted: Granted,
) -> Option<usize> {
    let flags = QR_TC | (octets.get(2)? & RD);
    let mut body = Body { rest: octets.get_mut(question.end..)?, room: 0 };
    let mut counts = Counts::default();
    if let Some(edns) = question.edns {
        body.put_opt(edns, limits, granted)?;
        counts.additional = 1;
    }
    let len = ROOM.checked_sub(body.rest.len())?;
    put_header(octets.first_chunk_mut::<HEADER>()?, flags, Rcode::NoError, counts);
    Some(len)
}

/// The sections while they grow.
struct Body<'b> {
    rest: &'b mut [u8],
    /// What may be used of it; the OPT record comes behind.
    room: usize,
}

impl Body<'_> {
    fn put_drawn<T, const N: usize>(
        &mut self,
        rtype: Rtype,
        drawn: &Drawn<'_, T>,
        rng: &mut fastrand::Rng,
        octets: fn(&T) -> [u8; N],
    ) -> Option<Counts> {
        let Drawn { choice, limit, ttl } = *drawn;
        let answers = self.fits(choice, limit, N)?;
        let front = front(ASKED, rtype, ttl, N)?;
        for item in choice.rotate(rng, limit) {
            self.put(front)?;
            self.put(octets(item))?;
        }
        Some(Counts { answers, ..Counts::default() })
    }

    /// As `put_drawn` with the addresses of a whole choice.
    fn put_few(
        &mut self,
        addresses: &[Ipv4Addr],
        ttl: u32,
        rng: &mut fastrand::Rng,
    ) -> Option<Counts> {
        let needed = FRONT.checked_add(4)?.checked_mul(addresses.len())?;
        if needed > self.room {
            return None;
        }
        let front = front(ASKED, Rtype::A, ttl, 4)?;
        for address in rotated(addresses, rng) {
            self.put(front)?;
            self.put(address.octets())?;
        }
        let answers = u16::try_from(addresses.len()).ok()?;
        Some(Counts { answers, ..Counts::default() })
    }

    /// How many are drawn, if so many records of this length fit.
    fn fits<T>(&self, choice: &Choice<T>, limit: usize, len: usize) -> Option<u16> {
        let wanted = choice.wanted(limit);
        let needed = len.checked_add(FRONT)?.checked_mul(wanted)?;
        if needed > self.room { None } else { u16::try_from(wanted).ok() }
    }

    /// The addresses of the question's type.
    fn put_addresses(&mut self, rtype: Rtype, all: &[IpAddr], ttl: u32) -> Option<Counts> {
        let of_type = all.iter().filter(|a| a.is_ipv4() == (rtype == Rtype::A));
        let needed = of_type.clone().try_fold(0_usize, |sum, a| sum.checked_add(len_of(a)))?;
        if needed > self.room {
            return None;
        }
        let mut counts = Counts::default();
        for address in of_type {
            self.put_address(ASKED, address, ttl)?;
            counts.answers = counts.answers.checked_add(1)?;
        }
        Some(counts)
    }

    /// SRV records, which begin at `at` in the message, and behind them the addresses of their
    /// targets, whose owners point to where each target stands (RFC 2782: uncompressed).
    fn put_instances(
        &mut self,
        mut at: usize,
        places: impl Iterator<Item = usize> + Clone,
        lines: &Lines,
        ttl: u32,
    ) -> Option<Counts> {
        let lines = places.filter_map(|place| lines.get(place).filter(|l| !l.target.is_empty()));
        let needed = lines.clone().try_fold(0_usize, |sum, line| sum.checked_add(line_len(&line)?));
        if needed? > self.room {
            return None;
        }
        let mut counts = Counts::default();
        for line in lines.clone() {
            self.put(front(ASKED, Rtype::SRV, ttl, line.target.len().checked_add(WORDS)?)?)?;
            self.put(line.words)?;
            self.put_slice(line.target)?;
            counts.answers = counts.answers.checked_add(1)?;
        }
        for line in lines {
            at = at.checked_add(FRONT)?.checked_add(WORDS)?;
            let owner = 0xc000 | u16::try_from(at).ok()?;
            for address in line.addresses {
                self.put_address(owner, address, ttl)?;
                counts.additional = counts.additional.checked_add(1)?;
            }
            at = at.checked_add(line.target.len())?;
        }
        Some(counts)
    }

    fn put_address(&mut self, owner: u16, address: &IpAddr, ttl: u32) -> Option<()> {
        match address {
            IpAddr::V4(v4) => {
                self.put(front(owner, Rtype::A, ttl, 4)?)?;
                self.put(v4.octets())
            }
            IpAddr::V6(v6) => {
                self.put(front(owner, Rtype::AAAA, ttl, 16)?)?;
                self.put(v6.octets())
            }
        }
    }

    /// RFC 2308 section 3: the zone's SOA in the authority section.
    fn put_soa(&mut self, zone: &Zone, question: &Question, left: usize) -> Option<Counts> {
        let soa = &zone.soa;
        let apex_len = question.suffix(left)?.len();
        let start = HEADER.checked_add(question.name_len.checked_sub(apex_len)?)?;
        let apex = 0xc000 | u16::try_from(start).ok()?;
        let (mname, rname) = (spelled(&soa.mname, zone), spelled(&soa.rname, zone));
        let len = mname.len().checked_add(rname.len())?.checked_add(NUMBERS)?;
        if len.checked_add(FRONT)? > self.room {
            return None;
        }
        self.put(front(apex, Rtype::SOA, zone.negative_ttl(), len)?)?;
        for name in [mname, rname] {
            match name {
                Spelled::Whole(octets) => self.put_slice(octets)?,
                Spelled::Below(octets) => {
                    self.put_slice(octets)?;
                    self.put(apex.to_be_bytes())?;
                }
            }
        }
        for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
            self.put(number.to_be_bytes())?;
        }
        Some(Counts { authority: 1, ..Counts::default() })
    }

    /// RFC 6891 section 6.1; DO is copied (RFC 3225).
    fn put_opt(&mut self, edns: Edns, limits: Limits, granted: Granted) -> Option<()> {
        let [size0, size1] = limits.payload().to_be_bytes();
        let flags = if edns.dnssec_ok { 0x80 } else { 0 };
        let [len0, len1] = u16::try_from(granted.size()).ok()?.to_be_bytes();
        self.put([0, 0, 41, size0, size1, 0, 0, flags, 0, len0, len1])?;
        if let Some(cookie) = granted.cookie {
            self.put([0, 10, 0, 24])?;
            self.put(cookie)?;
        }
        Some(())
    }

    fn put<const N: usize>(&mut self, octets: [u8; N]) -> Option<()> {
        let (front, rest) = std::mem::take(&mut self.rest).split_first_chunk_mut::<N>()?;
        *front = octets;
        self.rest = rest;
        Some(())
    }

    fn put_slice(&mut self, octets: &[u8]) -> Option<()> {
        let (front, rest) = std::mem::take(&mut self.rest).split_at_mut_checked(octets.len())?;
        front.copy_from_slice(octets);
        self.rest = rest;
        Some(())
    }
}

/// Everything of a record but its data.
fn front(owner: u16, rtype: Rtype, ttl: u32, len: usize) -> Option<[u8; FRONT]> {
    let [o0, o1] = owner.to_be_bytes();
    let [t0, t1] = rtype.0.to_be_bytes();
    let [a, b, c, d] = ttl.to_be_bytes();
    let [l0, l1] = u16::try_from(len).ok()?.to_be_bytes();
    Some([o0, o1, t0, t1, 0, 1, a, b, c, d, l0, l1])
}

/// Of an address record.
fn len_of(address: &IpAddr) -> usize {
    FRONT.saturating_add(if address.is_ipv4() { 4 } else { 16 })
}

/// Of an SRV record and the addresses of its target.
fn line_len(line: &Line<'_>) -> Option<usize> {
    let mut addresses = line.addresses.iter().map(len_of);
    let addresses = addresses.try_fold(0_usize, usize::checked_add)?;
    addresses.checked_add(line.target.len())?.checked_add(FRONT)?.checked_add(WORDS)
}

/// A name of a SOA.
enum Spelled<'n> {
    /// In full.
    Whole(&'n [u8]),
    /// The labels left of the apex; a pointer to it follows.
    Below(&'n [u8]),
}

impl Spelled<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Whole(octets) => octets.len(),
            Self::Below(octets) => octets.len().saturating_add(2),
        }
    }
}

fn spelled<'n>(name: &'n Name, zone: &Zone) -> Spelled<'n> {
    let (whole, apex) = (name.as_wire(), zone.facts.apex.as_wire());
    let mut labels = name.labels();
    while labels.rest().len() > apex.len() {
        labels.next();
    }
    if labels.rest() == apex {
        let below = whole.len().checked_sub(apex.len()).and_then(|len| whole.get(..len));
        return below.map_or(Spelled::Whole(whole), Spelled::Below);
    }
    Spelled::Whole(whole)
}
