//! Reads the plain questions: a header with nothing odd in it, one name, perhaps one OPT record.
//!
//! `None` is no complaint: whatever else a packet may be, the general path knows.

use crate::model::dns::Rtype;
use crate::model::name::MAX_LABEL;
use crate::snapshot::hot_entry::Key;
use crate::transport::batch::ROOM;
use crate::wire::header::HEADER;
use crate::wire::options::{Edns, Options};

/// Longer names are rare, and so are names of more labels.
pub(super) const LONGEST: usize = 128;
const MOST_LABELS: usize = 16;
/// Octets of a header that are one number: the flags and the counts but the last.
const COUNTED: u64 = 0x0000_0001_0000_0000;
/// All of them but RD, AD and CD, which may be set; all other flags and the opcode are 0.
const MASK: u64 = 0xfecf_ffff_ffff_ffff;
const TYPE_AND_CLASS: usize = 4;
/// An OPT record without options: root, type, size, code and flags, length.
const OPT: usize = 11;

/// What an answer repeats of a question, beside its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Where the question ends in the packet.
    end: u16,
    pub(super) rtype: Rtype,
    has_more: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct NotPlain;

#[derive(Debug)]
pub(super) struct Question<'o> {
    /// The name in wire form as it came, and what happens to stand behind it.
    octets: &'o [u8; LONGEST],
    /// Where each label begins, the root's too.
    starts: [u8; MOST_LABELS],
    /// How many labels there are but the root's.
    pub(super) labels: usize,
    name_len: usize,
}

/// The name of the question, and what happens to stand behind it; whether one record more stands
/// behind the question. `None` where the header is not plain.
#[inline]
pub(super) fn read_header(octets: &[u8; ROOM]) -> Option<(&[u8; LONGEST], bool)> {
    let &[_, _, f0, f1, q0, q1, a0, a1, n0, n1, 0, more] = octets.first_chunk::<HEADER>()? else {
        return None;
    };
    let counted = u64::from_be_bytes([f0, f1, q0, q1, a0, a1, n0, n1]);
    if counted & MASK != COUNTED || more > 1 {
        return None;
    }
    Some((octets.get(HEADER..)?.first_chunk()?, more > 0))
}

impl Head {
    /// What stands behind a name of `name_len` octets in a message of `len`. Of a record behind the
    /// question nothing is read yet.
    #[inline]
    pub(super) fn read(
        octets: &[u8; ROOM],
        len: usize,
        name_len: usize,
        has_more: bool,
    ) -> Option<Self> {
        let at = HEADER.checked_add(name_len)?;
        let &[type0, type1, 0, 1] = octets.get(at..)?.first_chunk::<4>()? else { return None };
        let rtype = Rtype(u16::from_be_bytes([type0, type1]));
        let end = at.checked_add(TYPE_AND_CLASS)?;
        let is_whole = if has_more { end < len } else { end == len };
        let end = u16::try_from(end).ok()?;
        (is_whole && is_data(rtype)).then_some(Self { end, rtype, has_more })
    }

    /// Where the question ends in the packet.
    pub(super) fn end(self) -> usize {
        self.end.into()
    }

    /// Where the name of the question ends in the packet.
    pub(super) fn end_of_name(self) -> Option<usize> {
        self.end().checked_sub(TYPE_AND_CLASS)
    }
}

impl<'o> Question<'o> {
    /// The question of the message in the first `len` octets.
    pub(super) fn read(octets: &'o [u8; ROOM], len: usize) -> Option<(Self, Head)> {
        let (name, has_more) = read_header(octets)?;
        let question = Self::walk(name)?;
        let head = Head::read(octets, len, question.name_len, has_more)?;
        Some((question, head))
    }

    /// Finds where the labels of the name at the front of `octets` begin, how many there are, and
    /// its length.
    fn walk(octets: &'o [u8; LONGEST]) -> Option<Self> {
        let mut starts = [0; MOST_LABELS];
        let mut at = 0_usize;
        for (labels, start) in starts.iter_mut().enumerate() {
            let len = usize::from(*octets.get(at)?);
            *start = u8::try_from(at).ok()?;
            at = at.checked_add(len)?.checked_add(1)?;
            if len == 0 {
                return Some(Self { octets, starts, labels, name_len: at });
            }
            if len > MAX_LABEL {
                return None;
            }
        }
        None
    }

    /// The key of all that stands left of the label at this place.
    pub(super) fn key(&self, place: usize) -> Option<Key> {
        Key::of(self.octets.first_chunk()?, usize::from(*self.starts.get(place)?))
    }

    /// The same name, folded.
    pub(super) fn fold(&self) -> Folded {
        let Self { octets, starts, labels, name_len } = *self;
        let mut octets = *octets;
        // Length octets are below 64 and so never in 'A'..='Z'.
        octets.make_ascii_lowercase();
        Folded { octets, starts, labels, name_len }
    }
}

/// The name of a plain question in lower case.
#[derive(Debug)]
pub(super) struct Folded {
    octets: [u8; LONGEST],
    starts: [u8; MOST_LABELS],
    /// How many labels there are but the root's.
    pub(super) labels: usize,
    name_len: usize,
}

impl Folded {
    /// The name from its label at this place on; the root alone behind the last.
    pub(super) fn suffix(&self, place: usize) -> Option<&[u8]> {
        let start = usize::from(*self.starts.get(place)?);
        self.octets.get(start..self.name_len)
    }

    /// Where the label at this place stands in the packet.
    pub(super) fn offset(&self, place: usize) -> Option<usize> {
        HEADER.checked_add(usize::from(*self.starts.get(place)?))
    }

    /// The label at this place; `None` also where it is no text.
    pub(super) fn label(&self, place: usize) -> Option<&str> {
        let (&len, rest) = self.suffix(place)?.split_first()?;
        std::str::from_utf8(rest.get(..usize::from(len))?).ok()
    }
}

impl Head {
    /// What stands behind the question in the message of `len` octets: nothing or an OPT record.
    #[inline]
    pub(super) fn edns(self, octets: &[u8; ROOM], len: usize) -> Result<Option<Edns>, NotPlain> {
        if !self.has_more {
            return Ok(None);
        }
        octets.get(self.end()..len).and_then(read_opt).map(Some).ok_or(NotPlain)
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
