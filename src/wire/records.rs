//! The records of a message: what OPT and TSIG say, and the message without both, read by hickory.

use std::net::{Ipv4Addr, SocketAddr};

use hickory_server::net::xfer::Protocol;
use hickory_server::server::Request;

use crate::wire::header::HEADER;
use crate::wire::options::{Edns, Options};
use crate::wire::tsig::Tsig;

const OPT: u16 = 41;
const TSIG: u16 = 250;
/// RFC 3225.
const DNSSEC_OK: u8 = 0x80;
/// Of the private range (RFC 6895 section 3.1): no library knows its data.
const UNKNOWN: u16 = 65280;

pub(super) struct Records {
    pub(super) edns: Option<(Edns, u8)>,
    pub(super) tsig: Option<Tsig>,
    pub(super) others: Others,
}

pub(super) struct Others {
    /// Records of each section, as in the header. What follows them is not read.
    pub(super) counts: [u16; 4],
    /// Where the type of an OPT record stands that other records follow.
    pub(super) opt: Option<usize>,
}

#[derive(Clone, Copy)]
struct Raw<'p> {
    owner: usize,
    place: usize,
    rtype: u16,
    class: u16,
    ttl: [u8; 4],
    rdata: &'p [u8],
}

/// Reads OPT and TSIG and steps over all else; `None` when that fails. `counts` are those of the
/// header.
pub(super) fn read(packet: &[u8], counts: [u16; 4]) -> Option<Records> {
    let [questions, answers, authority, additional] = counts;
    let mut walk = Walk { packet, at: HEADER };
    for _ in 0..questions {
        walk.question()?;
    }
    for _ in 0..u32::from(answers).saturating_add(authority.into()) {
        let record = walk.record()?;
        if matches!(record.rtype, OPT | TSIG) {
            return None;
        }
    }
    let (mut opt, mut tsig, mut ordinary) = (None, None, 0);
    for behind in (0..additional).rev() {
        let record = walk.record()?;
        match record.rtype {
            OPT if opt.is_some() || packet.get(record.owner) != Some(&0) => return None,
            OPT => opt = Some(record),
            // RFC 8945 section 5.1: it is the last, and so the only one.
            TSIG if behind > 0 => return None,
            TSIG => tsig = Some(record),
            _ => ordinary = additional.checked_sub(behind)?,
        }
    }
    let tsig = match tsig {
        Some(tsig) => Some(Tsig::answering(packet, tsig.owner, tsig.class, tsig.rdata)?),
        None => None,
    };
    let edns = match &opt {
        Some(opt) => Some(edns(opt)?),
        None => None,
    };
    // An empty one has no options to be shown, and other types must not be empty.
    let opt = opt.filter(|opt| !opt.rdata.is_empty()).map(|opt| opt.place);
    let others = Others { counts: [questions, answers, authority, ordinary], opt };
    Some(Records { edns, tsig, others })
}

fn edns(opt: &Raw<'_>) -> Option<(Edns, u8)> {
    let [_, version, flags, _] = opt.ttl;
    let options = match Options::read(opt.rdata) {
        Some(options) => options,
        // What a later version makes of its options is not known: BADVERS is said all the same.
        None if version > 0 => Options::default(),
        None => return None,
    };
    let dnssec_ok = flags & DNSSEC_OK != 0;
    Some((Edns { payload: opt.class, dnssec_ok, options }, version))
}

/// What hickory reads of `packet`; `None` where it finds names or data that are wrong. Of an OPT
/// record it sees no options: it refuses a client subnet of a family that it does not know, and
/// forgives what is cut.
pub(super) fn hickory(packet: &[u8], others: &Others) -> Option<Request> {
    let mut copy = packet.to_vec();
    for (field, count) in copy.get_mut(4..HEADER)?.chunks_exact_mut(2).zip(others.counts) {
        field.copy_from_slice(&count.to_be_bytes());
    }
    // It keeps its place: pointers in the records behind it count from the front of the message.
    if let Some(place) = others.opt {
        let rtype = copy.get_mut(place..place.checked_add(2)?)?;
        rtype.copy_from_slice(&UNKNOWN.to_be_bytes());
    }
    // The reader only keeps these.
    let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    Request::from_bytes(copy, nobody, Protocol::Udp).ok()
}

struct Walk<'p> {
    packet: &'p [u8],
    at: usize,
}

impl<'p> Walk<'p> {
    fn question(&mut self) -> Option<()> {
        self.name()?;
        self.take(4).map(|_| ())
    }

    fn record(&mut self) -> Option<Raw<'p>> {
        let owner = self.at;
        self.name()?;
        let place = self.at;
        let (fixed, _) = self.take(10)?.split_first_chunk::<10>()?;
        let &[type0, type1, class0, class1, ttl0, ttl1, ttl2, ttl3, len0, len1] = fixed;
        let rdata = self.take(u16::from_be_bytes([len0, len1]).into())?;
        Some(Raw {
            owner,
            place,
            rtype: u16::from_be_bytes([type0, type1]),
            class: u16::from_be_bytes([class0, class1]),
            ttl: [ttl0, ttl1, ttl2, ttl3],
            rdata,
        })
    }

    /// Steps over a name; where a pointer leads is for the library to say.
    fn name(&mut self) -> Option<()> {
        loop {
            let (&len, _) = self.take(1)?.split_first()?;
            match len {
                0 => return Some(()),
                1..=63 => self.take(len.into())?,
                64..=191 => return None,
                192.. => return self.take(1).map(|_| ()),
            };
        }
    }

    fn take(&mut self, len: usize) -> Option<&'p [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.packet.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }
}
