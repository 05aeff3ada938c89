//! Reads the plain questions: a header with nothing odd in it, one name, perhaps one OPT record.
//!
//! `None` is no complaint: whatever else a packet may be, the general path knows.

use crate::model::dns::Rtype;
use crate::model::name::MAX_LABEL;
use crate::snapshot::front::Key;
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

/// What an answer repeats of a question, beside its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Where the question ends in the packet.
    pub(super) end: usize,
    /// A type of data.
    pub(super) rtype: Rtype,
    /// `Some` puts an OPT record into the answer.
    pub(super) edns: Option<Edns>,
}

/// The name of a plain question, and the room for the next.
#[derive(Debug)]
pub(super) struct Question {
    /// The name in wire form, folded, and what happens to stand behind it.
    folded: [u8; LONGEST],
    /// Where each label begins, the root's too.
    starts: [u8; MOST_LABELS],
    /// How many labels there are but the root's.
    pub(super) labels: usize,
    /// The name's length in wire form.
    name_len: usize,
}

impl Question {
    /// Room for one.
    pub(super) const fn new() -> Self {
        Self { folded: [0; LONGEST], starts: [0; MOST_LABELS], labels: 0, name_len: 0 }
    }

    /// The name that the message in the first `len` octets asks for is put in the place of this
    /// one; the rest is given. `None` leaves nothing of use here.
    #[inline]
    pub(super) fn read(&mut self, octets: &[u8; ROOM], len: usize) -> Option<Head> {
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
        self.walk(body)?;
        let name_len = self.name_len;
        let &[type0, type1, 0, 1] = body.get(name_len..)?.first_chunk::<4>()? else { return None };
        let rtype = Rtype(u16::from_be_bytes([type0, type1]));
        let rest = body.get(name_len.checked_add(4)?..)?;
        let edns = match more {
            0 => rest.is_empty().then_some(None)?,
            _ => Some(read_opt(rest)?),
        };
        let end = HEADER.checked_add(name_len)?.checked_add(4)?;
        self.fold(octets.get(HEADER..)?.first_chunk()?);
        is_data(rtype).then_some(Head { end, rtype, edns })
    }

    /// Finds where the labels of the name at the front of `body` begin, how many there are, and
    /// its length.
    fn walk(&mut self, body: &[u8]) -> Option<()> {
        let (mut at, mut labels) = (0_usize, 0_usize);
        for start in &mut self.starts {
            let len = usize::from(*body.get(at)?);
            *start = u8::try_from(at).ok()?;
            at = at.checked_add(len)?.checked_add(1)?;
            if len == 0 {
                (self.labels, self.name_len) = (labels, at);
                return (at <= LONGEST).then_some(());
            }
            if len > MAX_LABEL {
                return None;
            }
            labels = labels.checked_add(1)?;
        }
        None
    }

    /// Makes the name lower case. Length octets are below 64 and so never in 'A'..='Z': the whole
    /// form is folded at once, in strides that the compiler makes vectors of.
    fn fold(&mut self, from: &[u8; LONGEST]) {
        let strides = self.folded.chunks_exact_mut(STRIDE).zip(from.chunks_exact(STRIDE));
        for (to, from) in strides.take(self.name_len.div_ceil(STRIDE)) {
            to.copy_from_slice(from);
            to.make_ascii_lowercase();
        }
    }

    /// The name from its label at this place on, folded; the root alone behind the last.
    pub(super) fn suffix(&self, place: usize) -> Option<&[u8]> {
        let start = usize::from(*self.starts.get(place)?);
        self.folded.get(start..self.name_len)
    }

    /// Where the label at this place stands in the packet.
    pub(super) fn offset(&self, place: usize) -> Option<usize> {
        HEADER.checked_add(usize::from(*self.starts.get(place)?))
    }

    /// The key of all that stands left of the label at this place.
    pub(super) fn key(&self, place: usize) -> Option<Key> {
        Key::of(self.folded.first_chunk()?, usize::from(*self.starts.get(place)?))
    }

    /// The key of the name from its label at this place on.
    pub(super) fn key_from(&self, place: usize) -> Option<Key> {
        let start = usize::from(*self.starts.get(place)?);
        let octets = self.folded.get(start..)?.first_chunk()?;
        Key::of(octets, self.name_len.checked_sub(start)?)
    }

    /// The label at this place, folded; `None` also where it is no text.
    pub(super) fn label(&self, place: usize) -> Option<&str> {
        let (&len, rest) = self.suffix(place)?.split_first()?;
        std::str::from_utf8(rest.get(..usize::from(len))?).ok()
    }
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
