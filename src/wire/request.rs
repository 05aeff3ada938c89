//! Reads a packet: what is asked, or why it is turned away.

use crate::model::dns::{Rcode, Rtype};
use crate::model::name::{MAX_LABEL, MAX_NAME, Name};
use crate::wire::header::{HEADER, Head};
use crate::wire::options::Edns;
use crate::wire::records::{self, Records};
use crate::wire::tsig::Tsig;

/// The longest query that is read. Over TCP a longer one gets an error, over UDP it is cut.
pub const LONGEST_QUERY: u16 = 4096;
const QR: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const RD: u16 = 0x0100;
const CLASS_IN: u16 = 1;

/// What a packet turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming<'p> {
    /// Nothing is sent.
    Ignore(Ignored),
    /// An error is sent, whatever the zones hold.
    Reject(Rejected<'p>),
    /// A question for the zones.
    Query(Query<'p>),
}

/// Why a packet gets no answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// Too short to hold an id to answer to.
    Short,
    /// It is a response: two servers that answer those would talk forever.
    Response,
}

/// A query that the zones have no part in answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected<'p> {
    /// Of the query.
    pub head: Head,
    /// The error; NOERROR where nothing but a cookie is asked for (RFC 7873 section 5.4).
    pub rcode: Rcode,
    /// The question's octets to echo; `None` where it could not be read or is not one.
    pub question: Option<Asked<'p>>,
    /// `Some` puts an OPT record into the answer.
    pub edns: Option<Edns>,
    /// To be the answer's last record.
    pub tsig: Option<Tsig>,
}

/// The question section as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'p> {
    /// Name, type and class, octet by octet: askers hide random bits in the name's case.
    pub octets: &'p [u8],
    /// The name alone, uncompressed, in the asker's case.
    pub name: &'p [u8],
    /// The type.
    pub rtype: Rtype,
    /// The class.
    pub class: u16,
}

/// A question of class IN for data: opcode QUERY, one question, EDNS version 0 or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query<'p> {
    /// What the answer repeats of the header.
    pub head: Head,
    /// The question section, to be echoed.
    pub asked: Asked<'p>,
    /// The name asked for, folded.
    pub name: Name,
    /// The type asked for; no meta type but ANY.
    pub rtype: Rtype,
    /// `Some` puts an OPT record into the answer.
    pub edns: Option<Edns>,
}

/// Reads `packet`. Whatever it holds, this returns; a response is never answered.
///
/// | packet | becomes |
/// |---|---|
/// | shorter than a header, or QR=1 | ignored, before anything else is looked at |
/// | TSIG: no key of anybody's is known here | NOTAUTH with BADKEY, whatever else it is |
/// | opcode but QUERY | NOTIMP |
/// | QDCOUNT 0 with a cookie (RFC 7873 section 5.4) | NOERROR: only the cookie is answered |
/// | QDCOUNT but 1 (RFC 9619), a question that is cut, too long or compressed | FORMERR, header only |
/// | records that cannot be read; OPT twice, not at the root or not in the additional section | FORMERR, header only |
/// | a cookie of no cookie's length, an option that is cut; TSIG that is not last or no TSIG | FORMERR, header only |
/// | EDNS version above 0 | BADVERS |
/// | class but IN, a zone transfer | REFUSED |
/// | a meta type (RFC 6895 section 3.1) but ANY | NOTIMP |
///
/// Records in the answer and authority section are read and ignored, and so is what follows the
/// message.
pub fn parse(packet: &[u8]) -> Incoming<'_> {
    let (head, counts, body) = match read_head(packet) {
        Ok(read) => read,
        Err(why) => return Incoming::Ignore(why),
    };
    let [questions, ..] = counts;
    let question = if questions == 1 { read_question(body) } else { None };
    // Two questions are wrong whatever follows, and the library would make room for all of them.
    let records = if questions <= 1 { records::read(packet, counts) } else { None };
    if head.echoed & OPCODE != 0 {
        let signed = records.as_ref().is_some_and(|records| records.tsig.is_some());
        let rcode = if signed { Rcode::NotAuth } else { Rcode::NotImp };
        return reject(head, rcode, question, records);
    }
    let Some(records) = records else { return reject(head, Rcode::FormErr, None, None) };
    let Some(asked) = question else {
        let cookie = records.edns.is_some_and(|(edns, _)| edns.options.cookie.is_some());
        if questions == 0 && cookie {
            let rcode = failing(&records).unwrap_or(Rcode::NoError);
            return reject(head, rcode, None, Some(records));
        }
        return reject(head, Rcode::FormErr, None, None);
    };
    // The walk above admits what `Name` admits; should they ever differ, this is the stricter.
    let Ok(name) = Name::from_wire(asked.name) else {
        return reject(head, Rcode::FormErr, None, None);
    };
    if let Some(rcode) = failing(&records).or_else(|| refusal(&asked)) {
        return reject(head, rcode, question, Some(records));
    }
    let edns = records.edns.map(|(edns, _)| edns);
    Incoming::Query(Query { head, asked, name, rtype: asked.rtype, edns })
}

/// What an answer repeats of the header, the counts of the sections, and what follows.
pub fn read_head(packet: &[u8]) -> Result<(Head, [u16; 4], &[u8]), Ignored> {
    let (&header, body) = packet.split_first_chunk::<HEADER>().ok_or(Ignored::Short)?;
    let [id0, id1, flags0, flags1, qd0, qd1, an0, an1, ns0, ns1, ar0, ar1] = header;
    let flags = u16::from_be_bytes([flags0, flags1]);
    if flags & QR != 0 {
        return Err(Ignored::Response);
    }
    let head = Head { id: u16::from_be_bytes([id0, id1]), echoed: flags & (OPCODE | RD) };
    let counts = [[qd0, qd1], [an0, an1], [ns0, ns1], [ar0, ar1]].map(u16::from_be_bytes);
    Ok((head, counts, body))
}

fn reject(
    head: Head,
    rcode: Rcode,
    question: Option<Asked<'_>>,
    records: Option<Records>,
) -> Incoming<'_> {
    let (edns, tsig) = records.map_or((None, None), |records| (records.edns, records.tsig));
    let edns = edns.map(|(edns, _)| edns);
    Incoming::Reject(Rejected { head, rcode, question, edns, tsig })
}

/// What is wrong with a message whatever its question.
fn failing(records: &Records) -> Option<Rcode> {
    if records.tsig.is_some() {
        return Some(Rcode::NotAuth);
    }
    records.edns.filter(|&(_, version)| version > 0).map(|_| Rcode::BadVers)
}

/// Why a well-formed question is not for the zones.
fn refusal(asked: &Asked<'_>) -> Option<Rcode> {
    if asked.class != CLASS_IN {
        return Some(Rcode::Refused);
    }
    match asked.rtype {
        Rtype::AXFR | Rtype::IXFR => Some(Rcode::Refused),
        Rtype::ANY => None,
        // OPT, and the range of the types that are no data.
        Rtype(41 | 128..=254) => Some(Rcode::NotImp),
        Rtype(_) => None,
    }
}

/// The question at the front of `body`, written out in full: a pointer could only lead into the
/// header or into itself.
fn read_question(body: &[u8]) -> Option<Asked<'_>> {
    let mut rest = body;
    let mut name_len: usize = 0;
    loop {
        let (&len, tail) = rest.split_first()?;
        let len = usize::from(len);
        if len > MAX_LABEL {
            return None;
        }
        name_len = name_len.checked_add(len)?.checked_add(1)?;
        rest = tail.get(len..)?;
        if len == 0 {
            break;
        }
    }
    if name_len > MAX_NAME {
        return None;
    }
    let (&[type0, type1, class0, class1], _) = rest.split_first_chunk::<4>()?;
    Some(Asked {
        octets: body.get(..name_len.checked_add(4)?)?,
        name: body.get(..name_len)?,
        rtype: Rtype(u16::from_be_bytes([type0, type1])),
        class: u16::from_be_bytes([class0, class1]),
    })
}
