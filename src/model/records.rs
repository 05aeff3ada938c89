//! Static records: what master files say, as written, with the place of each.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::model::dns::{Rtype, Soa};
use crate::model::name::{MAX_LABEL, Name};

/// All that one master file says, with what it includes.
#[derive(Clone, Debug, PartialEq)]
pub struct MasterFile {
    /// The file itself, then each included one.
    pub parts: Vec<Part>,
    /// In the order written.
    pub records: Vec<StaticRecord>,
}

/// A text that records stand in, for the carets of complaints that come later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The file as diagnostics name it.
    pub path: Arc<Path>,
    /// Its text.
    pub text: Arc<str>,
}

/// One record of class IN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticRecord {
    /// At or below the apex; its first label may be `*`.
    pub owner: Name,
    /// The type.
    pub rtype: Rtype,
    /// In seconds.
    pub ttl: u32,
    /// In canonical wire form (RFC 4034 section 6.2): names uncompressed and in lower case.
    pub rdata: Arc<[u8]>,
    /// Where it stands.
    pub place: Place,
}

/// Where a record stands in a [`MasterFile`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which of the parts.
    pub part: usize,
    /// From its type to the end of its data.
    pub span: Range<usize>,
}

/// The one name that RDATA of NS, CNAME, DNAME and PTR is.
pub fn target(rdata: &[u8]) -> Option<Name> {
    Name::from_wire(rdata).ok()
}

/// The fields of a SOA's RDATA.
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
}
