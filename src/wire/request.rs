//! Reads a packet: what is asked, or why it is turned away.

use std::net::{Ipv4Addr, SocketAddr};

use hickory_proto::rr::RecordType;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::Request;

use crate::model::dns::{Rcode, Rtype};
use crate::model::name::{MAX_LABEL, MAX_NAME, Name};

/// RFC 1035 section 4.1.1.
pub const HEADER: usize = 12;
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

/// The part of a header that its answer repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The asker's number for it.
    pub id: u16,
    /// Opcode and RD where they stand in the header. All other flags are cleared: they are ours to
    /// say, and CD is for those who verify (RFC 4035 section 3.1.6).
    pub echoed: u16,
}

/// What the asker's OPT record says (RFC 6891); its version is 0 or the query is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The largest datagram that the asker takes, as written.
    pub payload: u16,
    /// DO, to be copied (RFC 3225).
    pub dnssec_ok: bool,
}

/// A query that an error answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected<'p> {
    /// Of the query.
    pub head: Head,
    /// The error.
    pub rcode: Rcode,
    /// The question's octets to echo; `None` where it could not be read or is not one.
    pub question: Option<Asked<'p>>,
    /// `Some` puts an OPT record into the answer.
    pub edns: Option<Edns>,
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
/// | opcode but QUERY | NOTIMP |
/// | QDCOUNT but 1 (RFC 9619), a question that is cut, too long or compressed | FORMERR, header only |
/// | records that cannot be read; OPT twice, not at the root or not in the additional section | FORMERR, header only |
/// | TSIG: no key of anybody's is known here | NOTAUTH |
/// | EDNS version above 0 | BADVERS |
/// | class but IN, a zone transfer | REFUSED |
/// | a meta type (RFC 6895 section 3.1) but ANY | NOTIMP |
///
/// Records in the answer and authority section are read and ignored, and so is what follows the
/// message.
pub fn parse(packet: &[u8]) -> Incoming<'_> {
    let Some((&header, body)) = packet.split_first_chunk::<HEADER>() else {
        return Incoming::Ignore(Ignored::Short);
    };
    let [id0, id1, flags0, flags1, qd0, qd1, ..] = header;
    let flags = u16::from_be_bytes([flags0, flags1]);
    if flags & QR != 0 {
        return Incoming::Ignore(Ignored::Response);
    }
    let head = Head { id: u16::from_be_bytes([id0, id1]), echoed: flags & (OPCODE | RD) };
    let header_only =
        |rcode| Incoming::Reject(Rejected { head, rcode, question: None, edns: None });
    let one_question = u16::from_be_bytes([qd0, qd1]) == 1;
    let question = if one_question { read_question(body) } else { None };
    let records = read_records(packet);
    if flags & OPCODE != 0 {
        let edns = records.and_then(|records| records.edns.map(|(edns, _)| edns));
        let rcode = Rcode::NotImp;
        return Incoming::Reject(Rejected { head, rcode, question, edns });
    }
    let (Some(asked), Some(records)) = (question, records) else {
        return header_only(Rcode::FormErr);
    };
    // The walk above admits what `Name` admits; should they ever differ, this is the stricter.
    let Ok(name) = Name::from_wire(asked.name) else { return header_only(Rcode::FormErr) };
    let edns = records.edns.map(|(edns, _)| edns);
    if let Some(rcode) = refusal(&asked, &records) {
        return Incoming::Reject(Rejected { head, rcode, question, edns });
    }
    Incoming::Query(Query { head, asked, name, rtype: asked.rtype, edns })
}

/// Why a well-formed query is not for the zones.
fn refusal(asked: &Asked<'_>, records: &Records) -> Option<Rcode> {
    if records.signed {
        return Some(Rcode::NotAuth);
    }
    if records.edns.is_some_and(|(_, version)| version > 0) {
        return Some(Rcode::BadVers);
    }
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

/// What the rest of a message says to us.
struct Records {
    /// The OPT record and its version.
    edns: Option<(Edns, u8)>,
    /// There is a TSIG record.
    signed: bool,
}

/// Reads everything behind the header with the library's reader; `None` when that fails.
fn read_records(packet: &[u8]) -> Option<Records> {
    // The reader only keeps these.
    let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let request = Request::from_bytes(packet.to_vec(), nobody, Protocol::Udp).ok()?;
    let edns = request.edns.as_ref().map(|edns| {
        let ours = Edns { payload: edns.max_payload(), dnssec_ok: edns.flags().dnssec_ok };
        (ours, edns.version())
    });
    let signed = request.signature.is_some()
        || request.additionals.iter().any(|record| record.record_type() == RecordType::TSIG);
    Some(Records { edns, signed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &[u8] = b"\x03wEb\x07service\x08internal\x00";

    /// A message with this header tail (flags and counts), a question and more records.
    fn packet(flags: u16, counts: [u16; 4], question: &[u8], records: &[u8]) -> Vec<u8> {
        let mut out = vec![0x12, 0x34];
        out.extend(flags.to_be_bytes());
        out.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        out.extend(question);
        out.extend(records);
        out
    }

    fn question(name: &[u8], rtype: u16, class: u16) -> Vec<u8> {
        [name, &rtype.to_be_bytes(), &class.to_be_bytes()].concat()
    }

    fn opt(version: u8, dnssec_ok: u8, rdata: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rdata.len()).unwrap().to_be_bytes();
        [&[0, 0, 41, 0x10, 0x00, 0, version, dnssec_ok, 0], &len[..], rdata].concat()
    }

    fn rcode(packet: &[u8]) -> (Rcode, bool, bool) {
        match parse(packet) {
            Incoming::Reject(r) => (r.rcode, r.question.is_some(), r.edns.is_some()),
            other => panic!("{other:?}"),
        }
    }

    fn asks(rtype: u16, class: u16) -> Vec<u8> {
        packet(0, [1, 0, 0, 0], &question(WEB, rtype, class), b"")
    }

    #[test]
    fn a_query_is_folded_for_the_zones_and_kept_for_the_echo() {
        let raw = packet(0x0130, [1, 0, 0, 1], &question(WEB, 1, 1), &opt(0, 0x80, b""));
        let Incoming::Query(query) = parse(&raw) else { panic!() };
        assert_eq!(query.name, Name::parse("web.service.internal").unwrap());
        assert_eq!(query.asked.octets, question(WEB, 1, 1));
        assert_eq!(query.head, Head { id: 0x1234, echoed: 0x0100 });
        assert_eq!(query.rtype, Rtype::A);
        assert_eq!(query.edns, Some(Edns { payload: 4096, dnssec_ok: true }));
    }

    #[test]
    fn responses_and_fragments_are_ignored_however_wrong_they_are() {
        assert_eq!(parse(b""), Incoming::Ignore(Ignored::Short));
        assert_eq!(parse(&[0x80; 11]), Incoming::Ignore(Ignored::Short));
        assert_eq!(parse(&[0xff; 12]), Incoming::Ignore(Ignored::Response));
        let malformed = packet(0x8000, [7, 0, 0, 0], b"\xff", b"");
        assert_eq!(parse(&malformed), Incoming::Ignore(Ignored::Response));
    }

    #[test]
    fn other_opcodes_are_not_implemented_and_their_question_is_echoed_if_there_is_one() {
        let question = question(WEB, 6, 1);
        for opcode in 1..16u16 {
            let whole = packet(opcode << 11, [1, 0, 0, 1], &question, &opt(0, 0, b""));
            assert_eq!(rcode(&whole), (Rcode::NotImp, true, true), "{opcode}");
            let none = packet(opcode << 11, [0, 0, 0, 0], b"", b"");
            assert_eq!(rcode(&none), (Rcode::NotImp, false, false), "{opcode}");
        }
    }

    #[test]
    fn no_question_or_two_is_a_format_error_without_an_echo() {
        let one = question(WEB, 1, 1);
        let two = [one.clone(), one].concat();
        for count in [0, 2, 0xffff] {
            let packet = packet(0, [count, 0, 0, 0], &two, b"");
            assert_eq!(rcode(&packet), (Rcode::FormErr, false, false), "{count}");
        }
    }

    #[test]
    fn a_question_that_is_not_written_out_is_a_format_error() {
        let long = [&[63u8][..], &[b'a'; 63]].concat().repeat(4);
        let long = [&long[..], &[0]].concat();
        for name in [&b"\xc0\x0c"[..], b"\x03web\xc0\x0c", b"\x40a\x00", b"\x03we", &long] {
            let packet = packet(0, [1, 0, 0, 0], &question(name, 1, 1), b"");
            assert_eq!(rcode(&packet), (Rcode::FormErr, false, false), "{name:?}");
        }
        let whole = asks(1, 1);
        for cut in HEADER..whole.len() {
            assert_eq!(rcode(&whole[..cut]).0, Rcode::FormErr, "{cut}");
        }
    }

    #[test]
    fn a_wrong_opt_record_is_a_format_error() {
        let question = question(WEB, 1, 1);
        let good = opt(0, 0, b"");
        let twice = packet(0, [1, 0, 0, 2], &question, &[&good[..], &good].concat());
        let below_root = packet(0, [1, 0, 0, 1], &question, &[b"\x01a", &good[..]].concat());
        let overrun = packet(0, [1, 0, 0, 1], &question, &opt(0, 0, b"\x00\x0a\x00\xff\x00"));
        let cut = packet(0, [1, 0, 0, 1], &question, &good[..good.len() - 1]);
        let in_answer = packet(0, [1, 1, 0, 0], &question, &good);
        let in_authority = packet(0, [1, 0, 1, 0], &question, &good);
        for wrong in [twice, below_root, overrun, cut, in_answer, in_authority] {
            assert_eq!(rcode(&wrong), (Rcode::FormErr, false, false), "{wrong:?}");
        }
    }

    #[test]
    fn unknown_options_and_flags_and_other_records_are_ignored() {
        let question = question(WEB, 1, 1);
        let options = opt(0, 0x7f, b"\x00\x0a\x00\x07abcdefg\x00\x64\x00\x00");
        let a_record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x01\x02\x03\x04";
        for raw in [
            packet(0x06e0, [1, 0, 0, 1], &question, &options),
            packet(0, [1, 1, 1, 0], &question, &a_record.repeat(2)),
            packet(0, [1, 0, 0, 0], &question, b"trailing"),
        ] {
            assert!(matches!(parse(&raw), Incoming::Query(_)), "{raw:?}");
        }
    }

    #[test]
    fn a_later_version_of_edns_and_a_signature_are_told_so() {
        let question = question(WEB, 1, 1);
        let later = packet(0, [1, 0, 0, 1], &question, &opt(1, 0x80, b""));
        assert_eq!(rcode(&later), (Rcode::BadVers, true, true));
        let mut tsig = b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x3a".to_vec();
        tsig.extend(b"\x08hmac-md5\x07sig-alg\x03reg\x03int\x00\x00\x00\x65\x00\x00\x00\x01\x2c");
        tsig.extend(b"\x00\x10aaaaaaaaaaaaaaaa\x12\x34\x00\x00\x00\x00");
        let signed = packet(0, [1, 0, 0, 1], &question, &tsig);
        assert_eq!(rcode(&signed), (Rcode::NotAuth, true, false));
    }

    #[test]
    fn what_is_no_data_of_class_in_is_turned_away() {
        for class in [0, 2, 3, 4, 254, 255] {
            assert_eq!(rcode(&asks(1, class)), (Rcode::Refused, true, false), "{class}");
        }
        for transfer in [251, 252] {
            assert_eq!(rcode(&asks(transfer, 1)), (Rcode::Refused, true, false));
        }
        for meta in [41, 128, 249, 250, 253, 254] {
            assert_eq!(rcode(&asks(meta, 1)), (Rcode::NotImp, true, false), "{meta}");
        }
        for data in [0, 1, 127, 255, 256, 1000, 65280] {
            assert!(matches!(parse(&asks(data, 1)), Incoming::Query(_)), "{data}");
        }
    }
}
