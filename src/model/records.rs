//! Static records: what master files say, as written, with the place of each.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::model::dns::{Rtype, Soa};
use crate::model::name::{MAX_LABEL, Name};

/// Records of a zone's master files together. They are merged at once, in some 50 ms at most, and
/// health waits meanwhile.
pub const MOST_RECORDS: usize = 25_000;

/// All that one master file says, with what it includes.
#[derive(Clone, Debug, PartialEq)]
pub struct MasterFile {
    pub parts: Vec<Part>,
    pub records: Vec<StaticRecord>,
}

/// A text that records stand in, for the carets of complaints that come later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub path: Arc<Path>,
    pub text: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticRecord {
    /// At or below the apex; its first label may be `*`.
    pub owner: Name,
    pub rtype: Rtype,
    /// In seconds.
    pub ttl: u32,
    /// In canonical wire form (RFC 4034 section 6.2): names uncompressed and in lower case.
    pub rdata: Arc<[u8]>,
    pub place: RecordPlace,
}

/// Where a record stands in a [`MasterFile`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPlace {
    pub part: usize,
    pub span: Range<usize>,
}

/// The one name that RDATA of NS, CNAME, DNAME and PTR is.
pub fn target(rdata: &[u8]) -> Option<Name> {
    Name::from_wire(rdata).ok()
}

pub fn soa(rdata: &[u8]) -> Option<Soa> {
    let (mname, rest) = split_name(rdata)?;
    let (rname, rest) = split_name(rest)?;
    let (words, []) = rest.as_chunks::<4>() else { return None };
    let &[serial, refresh, retry, expire, minimum] = words else { return None };
    Some(Soa {
        mname,
        rname,
        serial: u32::from_be_bytes(serial),
        refresh: u32::from_be_bytes(refresh),
        retry: u32::from_be_bytes(retry),
        expire: u32::from_be_bytes(expire),
        minimum: u32::from_be_bytes(minimum),
    })
}

/// Whom a record names, and what of that host is told beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Along {
    pub host: Host,
    pub types: &'static [Rtype],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The record's own name (RFC 9460 section 2.5.2).
    Owner,
    Name(Name),
    /// There is no such service (RFC 2782, RFC 7505, RFC 9460 section 2.5.1), or nothing to tell of it.
    Nobody,
}

/// What goes along with a record of a master file (additional section processing). `None` for types
/// that bring nothing.
///
/// | types | by |
/// |---|---|
/// | NS, MD, MF, MB, MX | RFC 1035 section 3.3 |
/// | AFSDB, RT | RFC 1183 sections 1 and 3.3 |
/// | KX | RFC 2230 section 3.1 |
/// | SRV | RFC 2782 |
/// | NAPTR | RFC 3403 section 4.1: what its flag says comes next |
/// | SVCB, HTTPS | RFC 9460 section 4.1 |
pub fn along(rtype: Rtype, rdata: &[u8]) -> Option<Along> {
    const ROUTED: &[Rtype] = &[Rtype::A, Rtype::AAAA, X25, ISDN];
    let (before, types) = match rtype {
        Rtype::NS | MD | MF | MB => (0, ADDRESSES),
        Rtype::MX | AFSDB | KX => (2, ADDRESSES),
        RT => (2, ROUTED),
        Rtype::SRV => (6, ADDRESSES),
        Rtype::SVCB => (2, &[Rtype::A, Rtype::AAAA, Rtype::SVCB][..]),
        Rtype::HTTPS => (2, &[Rtype::A, Rtype::AAAA, Rtype::HTTPS][..]),
        Rtype::NAPTR => return naptr(rdata),
        _ => return None,
    };
    let (name, _) = split_name(rdata.get(before..)?)?;
    let is_service = matches!(rtype, Rtype::SVCB | Rtype::HTTPS) && !rdata.starts_with(&[0, 0]);
    let host = match name.as_wire() == [0] {
        true if is_service => Host::Owner,
        true => Host::Nobody,
        false => Host::Name(name),
    };
    Some(Along { host, types })
}

pub const ADDRESSES: &[Rtype] = &[Rtype::A, Rtype::AAAA];

const MD: Rtype = Rtype(3);
const MF: Rtype = Rtype(4);
const MB: Rtype = Rtype(7);
const AFSDB: Rtype = Rtype(18);
const X25: Rtype = Rtype(19);
const ISDN: Rtype = Rtype(20);
const RT: Rtype = Rtype(21);
const KX: Rtype = Rtype(36);

/// Two numbers, three texts (the flags first) and the name that comes next.
fn naptr(rdata: &[u8]) -> Option<Along> {
    let (flags, rest) = split_text(rdata.get(4..)?)?;
    let (_services, rest) = split_text(rest)?;
    let (_regexp, rest) = split_text(rest)?;
    let (next, _) = split_name(rest)?;
    let types: &[Rtype] = match flags {
        b"a" | b"A" => ADDRESSES,
        b"s" | b"S" => &[Rtype::SRV],
        _ => &[],
    };
    let is_somebody = next.as_wire() != [0] && !types.is_empty();
    let host = if is_somebody { Host::Name(next) } else { Host::Nobody };
    Some(Along { host, types })
}

/// The character string that `octets` begin with, and what follows it.
fn split_text(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = octets.split_first()?;
    rest.split_at_checked(len.into())
}

/// The uncompressed name that `octets` begin with, and what follows it.
fn split_name(octets: &[u8]) -> Option<(Name, &[u8])> {
    let mut rest = octets;
    loop {
        let (&len, tail) = rest.split_first()?;
        if usize::from(len) > MAX_LABEL {
            return None;
        }
        rest = tail.get(usize::from(len)..)?;
        if len == 0 {
            let name = octets.get(..octets.len().checked_sub(rest.len())?)?;
            return Some((Name::from_wire(name).ok()?, rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soa_is_two_names_and_five_numbers() {
        let mut rdata = b"\x02ns\x01a\x00\x01h\x00".to_vec();
        rdata.extend((1u32..=5).flat_map(u32::to_be_bytes));
        let soa_of = soa(&rdata).unwrap();
        assert_eq!((soa_of.mname.to_string().as_str(), soa_of.minimum), ("ns.a.", 5));
        assert_eq!(soa_of.rname.to_string(), "h.");
        for len in 0..rdata.len() {
            assert_eq!(soa(&rdata[..len]), None);
        }
        rdata.push(0);
        assert_eq!(soa(&rdata), None);
    }

    #[test]
    fn a_single_dot_is_the_owner_of_a_binding_and_nobody_elsewhere() {
        let host = |rtype, rdata: &[u8]| along(rtype, rdata).unwrap().host;
        assert_eq!(host(Rtype::HTTPS, b"\0\x01\0"), Host::Owner);
        assert_eq!(host(Rtype::HTTPS, b"\0\0\0"), Host::Nobody);
        assert_eq!(host(Rtype::MX, b"\0\0\0"), Host::Nobody);
        assert_eq!(host(Rtype::SRV, b"\0\0\0\0\0\0\0"), Host::Nobody);
        let somebody = Host::Name(Name::parse("a.b").unwrap());
        assert_eq!(host(Rtype::MX, b"\0\x0a\x01a\x01b\0"), somebody);
        assert_eq!(host(Rtype::NAPTR, b"\0\x01\0\x01\x01A\0\0\x01a\x01b\0"), somebody);
        assert_eq!(along(Rtype::PTR, b"\x01a\0"), None);
    }

    proptest::proptest! {
        #[test]
        fn octets_that_are_no_data_bring_nothing_and_harm_nothing(
            rtype in 0_u16..70,
            octets in proptest::collection::vec(0_u8..=255, 0..40),
        ) {
            let _ = along(Rtype(rtype), &octets);
            let cut = b"\0\x01\0\x01\x01A\0\0\x01a\x01b\0";
            let cut = &cut[..octets.len().min(cut.len() - 1)];
            proptest::prop_assert_eq!(along(Rtype::NAPTR, cut), None);
        }
    }
}
