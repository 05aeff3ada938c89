//! What a reply may look like, given what was asked.

use hickory_proto::op::Message as Theirs;

use super::edns;
use super::message::{Message, Owned, Record, header, name, question, rtype};

const QR: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const AA: u16 = 0x0400;
const TC: u16 = 0x0200;
const RD: u16 = 0x0100;
const RA: u16 = 0x0080;
const Z: u16 = 0x0040;
const AD: u16 = 0x0020;
const CD: u16 = 0x0010;

const NOERROR: u16 = 0;
const FORMERR: u16 = 1;
const NXDOMAIN: u16 = 3;
const NOTIMP: u16 = 4;
const REFUSED: u16 = 5;
const NOTAUTH: u16 = 9;
const BADVERS: u16 = 16;
const BADCOOKIE: u16 = 23;

const IN: u16 = 1;
const ANY: u16 = 255;

/// How a question was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// With what the server offers at most.
    Udp(u16),
    Tcp,
}

/// Holds a reply against its query, which has been read as far as it can be, and gives it parsed.
pub(crate) fn check<'r>(
    query: &[u8],
    read: Option<&Message<'_>>,
    reply: &'r [u8],
    channel: Channel,
) -> Message<'r> {
    let message = whole(query, read, reply, channel);
    let asked = header(query).expect("what is shorter than a header gets no reply");
    echo(query, asked, &message);
    edns::check(asked, read, &message, channel == Channel::Tcp);
    signature(read, &message);
    sections(&message);
    if message.question.is_some() && message.rcode() != FORMERR {
        owners(&message);
    }
    others_can_read(reply, &message);
    message
}

/// What holds of a reply whatever it says.
pub(crate) fn whole<'r>(
    query: &[u8],
    read: Option<&Message<'_>>,
    reply: &'r [u8],
    channel: Channel,
) -> Message<'r> {
    let message = Message::read(reply).expect("a reply is a whole message");
    assert_eq!(message.trailing, 0, "nothing stands behind the last record");
    assert!(reply.len() <= room(read, channel), "{} octets are too many", reply.len());
    flags(header(query).expect("what is shorter than a header gets no reply"), &message);
    message
}

/// The most octets that the asker takes.
pub(crate) fn room(query: Option<&Message<'_>>, channel: Channel) -> usize {
    let Channel::Udp(most) = channel else { return usize::from(u16::MAX) };
    let opts = query.iter().flat_map(|message| message.of(rtype::OPT));
    // RFC 6891 section 6.2.3: a payload below 512 is taken as 512.
    usize::from(opts.map(|opt| opt.class).max().unwrap_or(512).clamp(512, most.max(512)))
}

fn flags(asked: [u16; 6], reply: &Message<'_>) {
    assert_eq!(reply.header[0], asked[0], "the id is the asker's");
    assert!(reply.flag(QR), "a reply says so");
    assert_eq!(reply.opcode(), (asked[1] & OPCODE) >> 11, "the opcode is the asker's");
    assert_eq!(reply.flag(RD), asked[1] & RD != 0, "RD is copied");
    assert!(!reply.flag(RA | Z | AD | CD), "RA, Z, AD and CD are never set");
}

/// RFC 1035 section 4.1.2: the question comes back octet by octet.
fn echo(query: &[u8], asked: [u16; 6], reply: &Message<'_>) {
    assert!(reply.header[2] <= 1, "one question at most");
    let theirs = if asked[2] == 1 { question(query, 12) } else { None };
    match (&reply.question, theirs) {
        (Some(echoed), Some((theirs, _))) => assert_eq!(echoed.octets, theirs.octets),
        (Some(_), None) => panic!("a question is answered that nobody asked"),
        (None, Some(_)) => assert_eq!(reply.rcode(), FORMERR, "the question is left out"),
        (None, None) if asked[2] == 0 && [NOERROR, BADCOOKIE].contains(&reply.rcode()) => {
            assert!(reply.of(rtype::OPT).next().is_some(), "only cookies need no question");
        }
        (None, None) => {
            let error = [FORMERR, NOTIMP, NOTAUTH, BADVERS].contains(&reply.rcode());
            assert!(error, "{} without a question", reply.rcode());
        }
    }
}

/// RFC 8945 section 5.3.2: a key that is not known is told so, last of all.
fn signature(query: Option<&Message<'_>>, reply: &Message<'_>) {
    let signed = query.and_then(Message::signature);
    assert!(reply.of(rtype::TSIG).count() <= 1, "TSIG twice");
    let unread = [FORMERR, if reply.opcode() == 0 { FORMERR } else { NOTIMP }];
    let told = signed.is_some() && !unread.contains(&reply.rcode());
    assert_eq!(reply.rcode() == NOTAUTH, told, "{} for who signed, or not", reply.rcode());
    if let Some(record) = reply.of(rtype::TSIG).next() {
        let signed = signed.expect("TSIG for whom nobody signed");
        assert!(reply.signature().is_some(), "TSIG is the last");
        assert_eq!(record.owner.as_wire(), signed.owner.as_wire(), "the key is the asker's");
        assert_eq!((record.class, record.ttl), (ANY, 0), "RFC 8945 section 4.2");
        let error = record.rdata.len().checked_sub(4).and_then(|at| record.rdata.get(at..));
        assert_eq!(error, Some(&[0, 17, 0, 0][..]), "BADKEY, and nothing behind it");
    } else {
        assert!(reply.rcode() != NOTAUTH || reply.flag(TC), "TSIG is left out without TC");
    }
}

/// What may stand where.
fn sections(reply: &Message<'_>) {
    let rcode = reply.rcode();
    let foreign = reply.question.as_ref().is_some_and(|question| question.class != IN);
    let unasked = reply.question.is_none();
    let errors = [FORMERR, NOTIMP, REFUSED, NOTAUTH, BADVERS, BADCOOKIE];
    let erroneous = foreign || unasked || errors.contains(&rcode);
    let is_data = |record: &&Record<'_>| ![rtype::OPT, rtype::TSIG].contains(&record.rtype);
    for record in reply.records.iter().filter(is_data) {
        assert_eq!(record.class, IN, "data is of class IN");
        assert!(i32::try_from(record.ttl).is_ok(), "RFC 2181 section 8");
        assert!(!erroneous, "an error, and any other class, holds no records");
    }
    let in_authority = [rtype::NS, rtype::SOA, rtype::DS];
    let holds = |section, types: &[u16]| {
        reply.section(section).all(|record: &Record<'_>| types.contains(&record.rtype))
    };
    assert!(holds(1, &in_authority), "authority holds SOA, NS and DS");
    assert!(
        holds(2, &[rtype::A, rtype::AAAA, rtype::OPT, rtype::TSIG]),
        "additional holds addresses"
    );
    if reply.flag(TC) || unasked {
        return;
    }
    let answered = reply.section(0).next().is_some();
    let soa = reply.section(1).any(|record| record.rtype == rtype::SOA);
    let ns = reply.section(1).any(|record| record.rtype == rtype::NS);
    if rcode == NXDOMAIN {
        assert!(soa && (answered || reply.flag(AA)), "NXDOMAIN has its SOA (RFC 2308)");
    }
    if rcode == NOERROR && !answered {
        let nodata = soa && reply.flag(AA);
        let referral = ns && !soa && !reply.flag(AA);
        assert!(nodata || referral, "NOERROR without an answer is NODATA or a referral");
    }
}

/// Every answer is at the name asked for, or where an alias before it leads.
fn owners(reply: &Message<'_>) {
    let Some(asked) = &reply.question else { return };
    let mut last: Owned = asked.name;
    for record in reply.section(0) {
        match record.rtype {
            rtype::DNAME if record.owner.as_wire() != last.as_wire() => {
                assert!(last.is_within(record.owner.as_wire()), "DNAME stands above");
                continue;
            }
            rtype::CNAME if asked.rtype != rtype::CNAME => {
                assert_eq!(record.owner.as_wire(), last.as_wire(), "a chain hangs together");
                // The name in the RDATA may point anywhere before itself.
                last = target(record, reply);
                continue;
            }
            _ => assert_eq!(record.owner.as_wire(), last.as_wire(), "an answer to the question"),
        }
        let wanted = asked.rtype == rtype::ANY || record.rtype == asked.rtype;
        assert!(wanted, "type {} for type {}", record.rtype, asked.rtype);
    }
}

fn target(record: &Record<'_>, reply: &Message<'_>) -> Owned {
    let (target, end) = name(reply.octets, record.place).expect("an alias has a target");
    assert_eq!(end, record.place + record.rdata.len(), "RDATA is the target alone");
    target
}

/// The library that many clients are built on reads the same.
fn others_can_read(reply: &[u8], ours: &Message<'_>) {
    let theirs = Theirs::from_vec(reply).expect("hickory reads every reply");
    let counts = [theirs.queries.len(), theirs.answers.len(), theirs.authorities.len()];
    assert_eq!(counts, [2, 3, 4].map(|at| usize::from(ours.header[at])));
    let apart = usize::from(theirs.edns.is_some()) + usize::from(theirs.signature.is_some());
    assert_eq!(theirs.additionals.len() + apart, usize::from(ours.header[5]));
}
