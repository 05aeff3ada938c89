//! A signature's record: read to be told that its key is not known here.

use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use crate::wire::names::written_out;

const TSIG: u16 = 250;
const CLASS_ANY: u16 = 255;
/// RFC 8945 section 3.
const BADKEY: u16 = 17;

/// The unsigned TSIG record that answers one whose key nobody here knows (RFC 8945 sections 5.2.1
/// and 5.3.2), octet by octet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tsig {
    record: Vec<u8>,
}

impl Tsig {
    /// The answer to a TSIG record of `packet` with this class and data, whose owner begins at
    /// `owner`; `None` where that is none.
    pub(super) fn answering(packet: &[u8], owner: usize, class: u16, rdata: &[u8]) -> Option<Self> {
        if class != CLASS_ANY {
            return None;
        }
        let (algorithm, rest) = split_name(rdata)?;
        // Time signed and fudge.
        let (times, rest) = rest.split_first_chunk::<8>()?;
        let (_mac, rest) = split_counted(rest)?;
        let (&[id0, id1, _error0, _error1], rest) = rest.split_first_chunk()?;
        let (_other, rest) = split_counted(rest)?;
        if !rest.is_empty() {
            return None;
        }
        let mut owner = BinDecoder::new(packet).clone(u16::try_from(owner).ok()?);
        let mut record = written_out(&Name::read(&mut owner).ok()?)?;
        for word in [TSIG, CLASS_ANY, 0, 0] {
            record.extend_from_slice(&word.to_be_bytes());
        }
        // Behind the algorithm: the times, MAC size, original id, error, other length.
        let len = u16::try_from(algorithm.len()).ok()?.checked_add(16)?;
        record.extend_from_slice(&len.to_be_bytes());
        record.extend_from_slice(algorithm);
        record.extend_from_slice(times);
        record.extend_from_slice(&[0, 0, id0, id1]);
        record.extend_from_slice(&BADKEY.to_be_bytes());
        record.extend_from_slice(&[0, 0]);
        Some(Self { record })
    }

    pub(super) fn as_octets(&self) -> &[u8] {
        &self.record
    }
}

/// A name that is written out, as it must be in the data of this type, and what follows it.
fn split_name(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len: usize = 0;
    loop {
        let label = usize::from(*octets.get(len)?);
        len = len.checked_add(label)?.checked_add(1)?;
        if label > 63 || len > 255 {
            return None;
        }
        if label == 0 {
            return octets.split_at_checked(len);
        }
    }
}

/// As many octets as two octets before them say, and what follows.
fn split_counted(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = octets.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(len).into())
}
