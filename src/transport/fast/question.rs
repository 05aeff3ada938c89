//! Reads the plain questions: a header with nothing odd in it, one name, perhaps one OPT record.
//!
//! `None` is no complaint: whatever else a packet may be, the general path knows.

use crate::model::dns::Rtype;
use crate::model::name::MAX_LABEL;
use crate::transport::batch::ROOM;
use crate::wire::options::Options;
use crate::wire::request::{Edns, HEADER};

/// Longer names are rare, and so are names of more labels.
pub(super) const LONGEST: usize = 128;
const MOST_LABELS: usize = 16;
/// Octets folded at once.
const STRIDE: usize = 32;
/// An OPT record without options: root, type, size, code and flags, length.
const OPT: usize = 11;

/// A plain question.
#[derive(Debug)]
pub(super) struct Question {
    /// The name in wire form, folded, and what happens to stand behind it.
    folded: [u8; LONGEST],
    /// Where each label begins, the root's too.
    starts: [u8; MOST_LABELS],
    /// How many labels there are but the root's.
    pub(super) labels: usize,
    /// The name's length in wire form.
    pub(super) name_len: usize,
    /// Where the question ends in the packet.
    pub(super) end: usize,
    /// A type of data.
    pub(super) rtype: Rtype,
    /// `Some` puts an OPT record into the answer.
    pub(super) edns: Option<Edns>,
}

impl Question {
    /// The question of the message in the first `len` octets.
    pub(super) fn read(octets: &[u8; ROOM], len: usize) -> Option<Self> {
        // QR, opcode, AA and TC are 0, and so is what a query has no use for; RD, AD and CD may be
        // set. One question, no answers, no authority, at most one record more.
        let &[_, _, flags0, flags1, 0, 1, 0, 0, 0, 0, 0, more] = octets.first_chunk::<HEADER>()?
        else {
            return None;
        };
        if flags0 & 0b1111_1110 != 0 || flags1 & 0b1100_1111 != 0 || more > 1 {
            return None;
        }
        let body = octets.get(HEADER..len)?;
        let (starts, labels, name_len) = walk(body)?;
        let &[type0, type1, 0, 1] = body.get(name_len..)?.first_chunk::<4>()? else { return None };
        let rtype = Rtype(u16::from_be_bytes([type0, type1]));
        let rest = body.get(name_len.checked_add(4)?..)?;
        let edns = if more == 0 { rest.is_empty().then_some(None)? } else { Some(read_opt(rest)?) };
        let end = HEADER.checked_add(name_len)?.checked_add(4)?;
        let folded = fold(octets.get(HEADER..)?.first_chunk::<LONGEST>()?, name_len);
        is_data(rtype).then_some(Self { folded, starts, labels, name_len, end, rtype, edns })
    }

    /// The name from its label at this place on, folded; the root alone behind the last.
    pub(super) fn suffix(&self, place: usize) -> Option<&[u8]> {
        let start = usize::from(*self.starts.get(place)?);
        self.folded.get(start..self.name_len)
    }

    /// The label at this place, folded; `None` also where it is no text.
    pub(super) fn label(&self, place: usize) -> Option<&str> {
        let (&len, rest) = self.suffix(place)?.split_first()?;
        std::str::from_utf8(rest.get(..usize::from(len))?).ok()
    }
}

/// Where the labels of the name at the front of `body` begin, how many there are, and its length.
fn walk(body: &[u8]) -> Option<([u8; MOST_LABELS], usize, usize)> {
    let mut starts = [0; MOST_LABELS];
    let (mut at, mut labels) = (0_usize, 0_usize);
    for start in &mut starts {
        let len = usize::from(*body.get(at)?);
        *start = u8::try_from(at).ok()?;
        at = at.checked_add(len)?.checked_add(1)?;
        if len == 0 {
            return (at <= LONGEST).then_some((starts, labels, at));
        }
        if len > MAX_LABEL {
            return None;
        }
        labels = labels.checked_add(1)?;
    }
    None
}

/// Lower case. Length octets are below 64 and so never in 'A'..='Z': the whole form is folded at
/// once, in strides that the compiler makes vectors of.
fn fold(from: &[u8; LONGEST], len: usize) -> [u8; LONGEST] {
    let mut folded = [0; LONGEST];
    let strides = folded.chunks_exact_mut(STRIDE).zip(from.chunks_exact(STRIDE));
    for (to, from) in strides.take(len.div_ceil(STRIDE)) {
        to.copy_from_slice(from);
        to.make_ascii_lowercase();
    }
    folded
}

/// An OPT record of version 0 that is all of `rest`, without options or with those read here.
fn read_opt(rest: &[u8]) -> Option<Edns> {
    let (&[0, 0, 41, size0, size1, _, 0, flags, _, len0, len1], rdata) =
        rest.split_first_chunk::<OPT>()?
    else {
        return None;
    };
    if rdata.len() != usize::from(u16::from_be_bytes([len0, len1])) {
        return None;
    }
    Some(Edns {
        payload: u16::from_be_bytes([size0, size1]),
        dnssec_ok: flags & 0x80 != 0,
        options: Options::read(rdata)?,
    })
}

/// Whether a zone could hold records of this type (RFC 6895 section 3.1). ANY asks for several.
fn is_data(rtype: Rtype) -> bool {
    !matches!(rtype, Rtype(0 | 41 | 128..=255))
}
