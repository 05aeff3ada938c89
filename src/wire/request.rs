//! Reads a packet: what is asked, or why it is turned away.

use hickory_server::zone_handler::MessageRequest;

use crate::model::dns::{Rcode, Rtype};
use crate::model::name::Name;
use crate::wire::header::{HEADER, Head};
use crate::wire::names::written_out;
use crate::wire::options::Edns;
use crate::wire::records::{self, Others, Records, hickory};
use crate::wire::tsig::Tsig;

/// The longest query that is read. Over TCP a longer one gets an error, over UDP it is cut.
pub const LONGEST_QUERY: u16 = 4096;
const QR: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const RD: u16 = 0x0100;
const CLASS_IN: u16 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming<'p> {
    Ignore(Ignored),
    Reject(Rejected<'p>),
    Query(Query<'p>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ignored {
    Short,
    /// It is a response: two servers that answer those would talk forever.
    Response,
}

/// A query that the zones have no part in answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected<'p> {
    pub head: Head,
    /// The error; NOERROR where nothing but a cookie is asked for (RFC 7873 section 5.4).
    pub rcode: Rcode,
    /// To be echoed; `None` where it could not be read or is not one.
    pub question: Option<QuestionSection<'p>>,
    /// `Some` puts an OPT record into the answer.
    pub edns: Option<Edns>,
    pub tsig: Option<Tsig>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionSection<'p> {
    /// Name, type and class as they came, to be echoed: askers hide random bits in the name's case.
    pub octets: &'p [u8],
    /// The name, folded.
    pub name: Name,
    /// The type; in a [`Query`] no meta type but ANY.
    pub rtype: Rtype,
    pub class: u16,
}

/// A question of class IN for data: opcode QUERY, one question, EDNS version 0 or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query<'p> {
    pub head: Head,
    pub asked: QuestionSection<'p>,
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
/// Records of other types are read and ignored, those of an opcode but QUERY not even read, and so
/// is what follows the message.
pub fn parse(packet: &[u8]) -> Incoming<'_> {
    let (head, counts) = match read_head(packet) {
        Ok(read) => read,
        Err(why) => return Incoming::Ignore(why),
    };
    let [questions, ..] = counts;
    // Two questions are wrong whatever follows, and hickory would make room for all of them.
    let records = if questions <= 1 { records::read(packet, counts) } else { None };
    if head.echoed & OPCODE != 0 {
        let signed = records.as_ref().is_some_and(|records| records.tsig.is_some());
        let rcode = if signed { Rcode::NotAuth } else { Rcode::NotImp };
        // What its records may hold is the opcode's own: only the question is read.
        let bare = Others { counts: [1, 0, 0, 0], opt: None };
        let request = if questions == 1 { hickory(packet, &bare) } else { None };
        let question = request.and_then(|request| QuestionSection::of(packet, &request));
        return reject(head, rcode, question, records);
    }
    let read = records.and_then(|records| Some((hickory(packet, &records.others)?, records)));
    let Some((request, records)) = read else { return reject(head, Rcode::FormErr, None, None) };
    let Some(asked) = QuestionSection::of(packet, &request) else {
        let cookie = records.edns.is_some_and(|(edns, _)| edns.options.cookie.is_some());
        if questions == 0 && cookie {
            let rcode = failing(&records).unwrap_or(Rcode::NoError);
            return reject(head, rcode, None, Some(records));
        }
        return reject(head, Rcode::FormErr, None, None);
    };
    if let Some(rcode) = failing(&records).or_else(|| refusal(&asked)) {
        return reject(head, rcode, Some(asked), Some(records));
    }
    let edns = records.edns.map(|(edns, _)| edns);
    Incoming::Query(Query { head, asked, edns })
}

impl<'p> QuestionSection<'p> {
    /// The first question of `request`, which hickory has read from `packet`; `None` where there is
    /// none, or its name is compressed: a pointer could only lead into the header.
    fn of(packet: &'p [u8], request: &MessageRequest) -> Option<Self> {
        let query = request.queries.queries().first()?.original();
        let name = written_out(&query.name)?;
        let octets = packet.get(HEADER..)?.get(..request.queries.as_bytes().len())?;
        if octets.len() != name.len().checked_add(4)? {
            return None;
        }
        Some(Self {
            octets,
            name: Name::from_wire(&name).ok()?,
            rtype: Rtype(query.query_type.into()),
            class: query.query_class.into(),
        })
    }
}

/// What an answer repeats of the header, and the counts of the sections.
pub fn read_head(packet: &[u8]) -> Result<(Head, [u16; 4]), Ignored> {
    let &header = packet.first_chunk::<HEADER>().ok_or(Ignored::Short)?;
    let [id0, id1, flags0, flags1, qd0, qd1, an0, an1, ns0, ns1, ar0, ar1] = header;
    let flags = u16::from_be_bytes([flags0, flags1]);
    if flags & QR != 0 {
        return Err(Ignored::Response);
    }
    let head = Head { id: u16::from_be_bytes([id0, id1]), echoed: flags & (OPCODE | RD) };
    let counts = [[qd0, qd1], [an0, an1], [ns0, ns1], [ar0, ar1]].map(u16::from_be_bytes);
    Ok((head, counts))
}

fn reject(
    head: Head,
    rcode: Rcode,
    question: Option<QuestionSection<'_>>,
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
fn refusal(asked: &QuestionSection<'_>) -> Option<Rcode> {
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
