//! Writes an answer behind the question that it answers, in the buffer that both share.
//!
//! Nothing is written before it is known that this can be the answer: the OPT record of the query
//! stands where the answer comes, and the general path would want to read it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::dns::{Rcode, Rtype};
use crate::snapshot::choice::first_of;
use crate::snapshot::srv_table::SrvRow;
use crate::snapshot::zone::{Spelled, Zone};
use crate::transport::batch::ROOM;
use crate::transport::fast::fast_answer::{Drawn, FastAnswer};
use crate::transport::fast::question::Head;
use crate::wire::header::HEADER;
use crate::wire::options::Standard;

/// An OPT record without options.
const OPT: usize = 11;
/// A COOKIE option (RFC 7873 section 4) with both parts as RFC 9018 has them.
const COOKIE_OPTION: u8 = 28;
/// Owner, type, class, TTL and length of a record whose owner is a pointer.
const FRONT: usize = 12;
/// The same with an IPv4 address behind it.
const A_RECORD: usize = 16;
/// The same with an IPv6 address behind it.
const AAAA_RECORD: usize = 28;
/// Priority, weight and port of an SRV record, before its target.
const NUMBERS_SRV: usize = 6;
const POINTER: usize = 2;
const NUMBERS: usize = 20;
/// A pointer to the question's name (RFC 1035 section 4.1.4).
const ASKED: u16 = 0xc00c;
const QR_AA: u8 = 0x84;
const QR_TC: u8 = 0x82;
const TC: u8 = 0x02;
const RD: u8 = 0x01;

/// How many records were written into which section.
#[derive(Clone, Copy, Default)]
struct Counts {
    answers: u16,
    authority: u16,
    additional: u16,
    /// Answers were left out: the asker is to ask over TCP.
    cut: bool,
}

/// What the OPT record of an answer says beside the rcode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opt<'c> {
    pub(super) payload: u16,
    /// As in the query (RFC 3225).
    pub(super) dnssec_ok: bool,
    /// The asker's cookie, and ours to stand behind it: to join them here would take as long as to
    /// write them.
    pub(super) cookie: Option<([u8; 8], &'c Standard)>,
}

impl Opt<'_> {
    fn len(&self) -> usize {
        if self.cookie.is_some() { OPT + usize::from(COOKIE_OPTION) } else { OPT }
    }
}

pub(super) struct Writer<'b> {
    octets: &'b mut [u8; ROOM],
    head: Head,
    limit: usize,
}

impl<'b> Writer<'b> {
    /// An answer of at most `limit` octets.
    pub(super) fn new(octets: &'b mut [u8; ROOM], head: Head, limit: usize) -> Self {
        Self { octets, head, limit }
    }

    /// The length of the message; `None`, with nothing written, when it is one that the general path
    /// has to cut.
    pub(super) fn write(
        self,
        said: &FastAnswer<'_>,
        opt: Option<&Opt<'_>>,
        rng: &mut fastrand::Rng,
    ) -> Option<usize> {
        let Self { octets, head, limit } = self;
        let (end, rtype) = (head.end(), head.rtype);
        let mut body = Body { octets, at: end, limit: limit.checked_sub(opt.map_or(0, Opt::len))? };
        body.left(0)?;
        let mut counts = match said {
            FastAnswer::Few(addresses, ttl) => body.put_few(addresses, *ttl, rng)?,
            FastAnswer::A(drawn) => body.put_drawn(Rtype::A, drawn, rng, Ipv4Addr::octets)?,
            FastAnswer::Aaaa(drawn) => body.put_drawn(Rtype::AAAA, drawn, rng, Ipv6Addr::octets)?,
            FastAnswer::FewSrv(places, srv, ttl) => {
                body.put_instances(srv.all(places.rotated(rng)), *ttl)?
            }
            FastAnswer::FewAaaa(places, srv, ttl) => {
                body.left(places.count().checked_mul(AAAA_RECORD)?)?;
                body.put_v6(srv.all(places.rotated(rng)), *ttl)?
            }
            FastAnswer::Srv(Drawn { choice, limit, ttl }, srv) => {
                body.put_instances(srv.all(choice.rotate(rng, *limit).copied()), *ttl)?
            }
            FastAnswer::Instance { place, srv, ttl } => {
                body.put_instances(srv.all(std::iter::once(*place)), *ttl)?
            }
            FastAnswer::Of { addresses, ttl } => body.put_addresses(rtype, addresses, *ttl)?,
            FastAnswer::Negative { zone, apex, .. } => body.put_soa(zone, *apex)?,
        };
        if let Some(opt) = opt {
            body.put_opt(opt)?;
            counts.additional = counts.additional.checked_add(1)?;
        }
        let len = body.at;
        let header = octets.first_chunk_mut::<HEADER>()?;
        let cut = if counts.cut { TC } else { 0 };
        put_header(header, QR_AA | cut, said.rcode(), counts);
        Some(len)
    }
}

/// The id stays, and RD, and the count of questions.
fn put_header(header: &mut [u8; HEADER], flags: u8, rcode: Rcode, counts: Counts) {
    let [id0, id1, flags0, ..] = *header;
    let [_, low] = rcode.code().to_be_bytes();
    let [an0, an1] = counts.answers.to_be_bytes();
    let [ns0, ns1] = counts.authority.to_be_bytes();
    let [ar0, ar1] = counts.additional.to_be_bytes();
    *header = [id0, id1, flags | flags0 & RD, low, 0, 1, an0, an1, ns0, ns1, ar0, ar1];
}

/// Makes of an answer one that is empty and says to ask over TCP, which a forged sender never does.
pub(super) fn slip(octets: &mut [u8; ROOM], head: Head, opt: Option<&Opt<'_>>) -> Option<usize> {
    let mut body = Body { octets, at: head.end(), limit: 0 };
    let mut counts = Counts::default();
    if let Some(opt) = opt {
        body.put_opt(opt)?;
        counts.additional = 1;
    }
    let len = body.at;
    put_header(octets.first_chunk_mut::<HEADER>()?, QR_TC, Rcode::NoError, counts);
    Some(len)
}

/// The sections while they grow.
struct Body<'b> {
    octets: &'b mut [u8; ROOM],
    /// Where the next record begins.
    at: usize,
    /// Where the last one has to end: the OPT record comes behind.
    limit: usize,
}

impl Body<'_> {
    /// The room that is left behind so many octets, if they fit.
    fn left(&self, octets: usize) -> Option<usize> {
        self.limit.checked_sub(self.at)?.checked_sub(octets)
    }

    fn put_drawn<T, const N: usize>(
        &mut self,
        rtype: Rtype,
        drawn: &Drawn<'_, T>,
        rng: &mut fastrand::Rng,
        octets: fn(&T) -> [u8; N],
    ) -> Option<Counts> {
        let Drawn { choice, limit, ttl } = *drawn;
        let wanted = choice.wanted(limit);
        let fitting = self.left(0)?.checked_div(FRONT.checked_add(N)?)?.min(wanted);
        let entry = entry(ASKED, rtype, ttl, N)?;
        for item in choice.rotate(rng, limit).take(fitting) {
            self.put(entry)?;
            self.put(octets(item))?;
        }
        let answers = u16::try_from(fitting).ok()?;
        Some(Counts { answers, cut: fitting < wanted, ..Counts::default() })
    }

    /// As `put_drawn` with all of these addresses.
    fn put_few(
        &mut self,
        addresses: &[[u8; 4]],
        ttl: u32,
        rng: &mut fastrand::Rng,
    ) -> Option<Counts> {
        let fitting = self.left(0)?.checked_div(A_RECORD)?.min(addresses.len());
        let (records, _) = self.take(fitting.checked_mul(A_RECORD)?)?.as_chunks_mut::<A_RECORD>();
        let entry = entry(ASKED, Rtype::A, ttl, 4)?;
        // As `rotated` has them. Two loops would end where nobody can foresee it.
        let mut at = first_of(addresses.len(), rng);
        for record in records {
            *record = a_record(entry, *addresses.get(at)?);
            let next = at.saturating_add(1);
            at = if next < addresses.len() { next } else { 0 };
        }
        let answers = u16::try_from(fitting).ok()?;
        Some(Counts { answers, cut: fitting < addresses.len(), ..Counts::default() })
    }

    /// The IPv6 address of each row; there is room for all.
    fn put_v6<'r>(&mut self, rows: impl Iterator<Item = &'r SrvRow>, ttl: u32) -> Option<Counts> {
        let (entry, mut answers) = (entry(ASKED, Rtype::AAAA, ttl, 16)?, 0_u16);
        for row in rows {
            self.put(entry)?;
            self.put(row.only_v6()?.octets())?;
            answers = answers.checked_add(1)?;
        }
        Some(Counts { answers, ..Counts::default() })
    }

    fn put_addresses(&mut self, rtype: Rtype, all: &[IpAddr], ttl: u32) -> Option<Counts> {
        let of_type = all.iter().filter(|address| type_of(address) == rtype);
        let needed = of_type.clone().try_fold(0_usize, |sum, ip| sum.checked_add(len_of(ip)));
        self.left(needed?)?;
        let mut counts = Counts::default();
        for address in of_type {
            self.put_address(ASKED, address, ttl)?;
            counts.answers = counts.answers.checked_add(1)?;
        }
        Some(counts)
    }

    /// SRV records, and behind them the addresses of their targets, whose owners point to where each
    /// target stands (RFC 2782: uncompressed). Records are left out from the first that does not fit,
    /// and addresses from the first target and type not all of which fit: a part would be taken for
    /// all.
    fn put_instances<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r SrvRow> + Clone,
        ttl: u32,
    ) -> Option<Counts> {
        let mut counts = Counts::default();
        let mut owner = self.at.checked_add(FRONT + NUMBERS_SRV)?;
        for row in rows.clone() {
            let target = row.target.as_ref()?.as_wire();
            let len = target.len().checked_add(NUMBERS_SRV)?;
            if self.left(len.checked_add(FRONT)?).is_none() {
                return Some(Counts { cut: true, ..counts });
            }
            self.put(entry(ASKED, Rtype::SRV, ttl, len)?)?;
            self.put(row.numbers)?;
            self.put_slice(target)?;
            counts.answers = counts.answers.checked_add(1)?;
        }
        for row in rows {
            let pointer = 0xc000 | u16::try_from(owner).ok()?;
            for set in row.addresses().chunk_by(|one, next| one.is_ipv4() == next.is_ipv4()) {
                let len = set.iter().try_fold(0_usize, |sum, ip| sum.checked_add(len_of(ip)))?;
                if self.left(len).is_none() {
                    return Some(counts);
                }
                for address in set {
                    self.put_address(pointer, address, ttl)?;
                    counts.additional = counts.additional.checked_add(1)?;
                }
            }
            let target = row.target.as_ref()?.as_wire();
            owner = owner.checked_add(target.len())?.checked_add(FRONT + NUMBERS_SRV)?;
        }
        Some(counts)
    }

    fn put_address(&mut self, owner: u16, address: &IpAddr, ttl: u32) -> Option<()> {
        match address {
            IpAddr::V4(v4) => self.put(a_record(entry(owner, Rtype::A, ttl, 4)?, v4.octets())),
            IpAddr::V6(v6) => {
                self.put(entry(owner, Rtype::AAAA, ttl, 16)?)?;
                self.put(v6.octets())
            }
        }
    }

    /// RFC 2308 section 3: the zone's SOA in the authority section.
    fn put_soa(&mut self, zone: &Zone, apex: usize) -> Option<Counts> {
        let soa = &zone.soa;
        let apex = 0xc000 | u16::try_from(apex).ok()?;
        let names = zone.facts.spelled.each_ref().map(Spelled::octets);
        let len = names.iter().try_fold(NUMBERS, |sum, (octets, is_below)| {
            sum.checked_add(octets.len())?.checked_add(if *is_below { POINTER } else { 0 })
        })?;
        self.left(len.checked_add(FRONT)?)?;
        self.put(entry(apex, Rtype::SOA, zone.negative_ttl(), len)?)?;
        for (octets, is_below) in names {
            self.put_slice(octets)?;
            if is_below {
                self.put(apex.to_be_bytes())?;
            }
        }
        for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
            self.put(number.to_be_bytes())?;
        }
        Some(Counts { authority: 1, ..Counts::default() })
    }

    /// RFC 6891 section 6.1.
    fn put_opt(&mut self, opt: &Opt<'_>) -> Option<()> {
        let [size0, size1] = opt.payload.to_be_bytes();
        let flags = if opt.dnssec_ok { 0x80 } else { 0 };
        let Some((client, server)) = opt.cookie else {
            return self.put([0, 0, 41, size0, size1, 0, 0, flags, 0, 0, 0]);
        };
        self.put([0, 0, 41, size0, size1, 0, 0, flags, 0, 0, COOKIE_OPTION])?;
        self.put([0, 10, 0, 24])?;
        self.put(client)?;
        self.put(server.front.to_le_bytes())?;
        self.put(server.hash.to_le_bytes())
    }

    fn put<const N: usize>(&mut self, octets: [u8; N]) -> Option<()> {
        *self.octets.get_mut(self.at..)?.first_chunk_mut()? = octets;
        self.at = self.at.checked_add(N)?;
        Some(())
    }

    fn put_slice(&mut self, octets: &[u8]) -> Option<()> {
        self.take(octets.len())?.copy_from_slice(octets);
        Some(())
    }

    /// The next so many octets.
    fn take(&mut self, len: usize) -> Option<&mut [u8]> {
        let end = self.at.checked_add(len)?;
        let octets = self.octets.get_mut(self.at..end)?;
        self.at = end;
        Some(octets)
    }
}

fn entry(owner: u16, rtype: Rtype, ttl: u32, len: usize) -> Option<[u8; FRONT]> {
    let [o0, o1] = owner.to_be_bytes();
    let [t0, t1] = rtype.0.to_be_bytes();
    let [a, b, c, d] = ttl.to_be_bytes();
    let [l0, l1] = u16::try_from(len).ok()?.to_be_bytes();
    Some([o0, o1, t0, t1, 0, 1, a, b, c, d, l0, l1])
}

/// A record of an IPv4 address.
fn a_record(entry: [u8; FRONT], [a, b, c, d]: [u8; 4]) -> [u8; A_RECORD] {
    let [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, l0, l1] = entry;
    [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, l0, l1, a, b, c, d]
}

fn type_of(address: &IpAddr) -> Rtype {
    if address.is_ipv4() { Rtype::A } else { Rtype::AAAA }
}

fn len_of(address: &IpAddr) -> usize {
    if address.is_ipv4() { A_RECORD } else { AAAA_RECORD }
}
