//! What a reply may look like, given what was asked.

use hickory_proto::op::Message as Theirs;

use super::message::{Message, Owned, Record, header, name, question, rtype};

const QR: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const AA: u16 = 0x0400;
const TC: u16 = 0x0200;
const RD: u16 = 0x0100;
const RA: u16 = 0x0080;
const Z: u16 = 0x0040;
const AD: u16 = 0x0020;

const NOERROR: u16 = 0;
const FORMERR: u16 = 1;
const NXDOMAIN: u16 = 3;
const NOTIMP: u16 = 4;
const REFUSED: u16 = 5;
const NOTAUTH: u16 = 9;
const BADVERS: u16 = 16;

const IN: u16 = 1;

/// How a question was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// With what the server offers at most.
    Udp(u16),
    Tcp,
}

/// Holds a reply against its query, and gives it parsed.
pub(crate) fn check<'r>(query: &[u8], reply: &'r [u8], channel: Channel) -> Message<'r> {
    let message = Message::read(reply).expect("a reply is a whole message");
    assert_eq!(message.trailing, 0, "nothing stands behind the last record");
    assert!(reply.len() <= room(query, channel), "{} octets are too many", reply.len());
    let asked = header(query).expect("what is shorter than a header gets no reply");
    flags(asked, &message);
    echo(query, asked, &message);
    edns(query, asked, &message);
    sections(&message);
    if message.question.is_some() && message.rcode() != FORMERR {
        owners(&message);
    }
    others_can_read(reply, &message);
    message
}

/// The most octets that the asker takes.
pub(crate) fn room(query: &[u8], channel: Channel) -> usize {
    let Channel::Udp(most) = channel else { return usize::from(u16::MAX) };
    let message = Message::read(query);
    let opts = message.iter().flat_map(|message| message.of(rtype::OPT));
    // RFC 6891 section 6.2.3: a payload below 512 is taken as 512.
    usize::from(opts.map(|opt| opt.class).max().unwrap_or(512).clamp(512, most.max(512)))
}

fn flags(asked: [u16; 6], reply: &Message<'_>) {
    assert_eq!(reply.header[0], asked[0], "the id is the asker's");
    assert!(reply.flag(QR), "a reply says so");
    assert_eq!(reply.opcode(), (asked[1] & OPCODE) >> 11, "the opcode is the asker's");
    assert_eq!(reply.flag(RD), asked[1] & RD != 0, "RD is copied");
    assert!(!reply.flag(RA) && !reply.flag(Z) && !reply.flag(AD), "RA, Z and AD are never set");
}

/// RFC 1035 section 4.1.2: the question comes back octet by octet.
fn echo(query: &[u8], asked: [u16; 6], reply: &Message<'_>) {
    assert!(reply.header[2] <= 1, "one question at most");
    let theirs = if asked[2] == 1 { question(query, 12) } else { None };
    match (&reply.question, theirs) {
        (Some(echoed), Some((theirs, _))) => assert_eq!(echoed.octets, theirs.octets),
        (Some(_), None) => panic!("a question is answered that nobody asked"),
        (None, Some(_)) => assert_eq!(reply.rcode(), FORMERR, "the question is left out"),
        (None, None) => assert_ne!(reply.rcode(), NXDOMAIN, "nothing was asked for"),
    }
}

fn edns(query: &[u8], asked: [u16; 6], reply: &Message<'_>) {
    let opts: Vec<_> = reply.of(rtype::OPT).collect();
    assert!(opts.len() <= 1, "one OPT at most");
    for opt in &opts {
        assert!(opt.owner.is_root() && opt.section == 2, "OPT stands at the root, in additional");
        assert_eq!(opt.ttl >> 16 & 0xff, 0, "the version is ours");
        assert!(opt.class >= 512, "what is offered is what every asker takes");
        options(opt.rdata);
    }
    let is_query = asked[1] & OPCODE == 0;
    let Some(read) = Message::read(query) else {
        let expected = if is_query { FORMERR } else { NOTIMP };
        let either = [expected, FORMERR].contains(&reply.rcode());
        assert!(either, "{} for what cannot be read", reply.rcode());
        return;
    };
    let theirs: Vec<_> = read.of(rtype::OPT).collect();
    let rcode = reply.rcode();
    let [theirs] = theirs[..] else {
        assert!(opts.is_empty() || theirs.len() > 1, "OPT goes to those who send it");
        let turned_away = [FORMERR, NOTIMP].contains(&rcode);
        assert!(theirs.is_empty() || turned_away, "two OPT are a mistake");
        return;
    };
    if rcode == FORMERR {
        return;
    }
    let Some(opt) = opts.first() else {
        assert_eq!(rcode, NOTIMP, "OPT is never lost");
        return;
    };
    assert_eq!(opt.ttl & 0x8000, theirs.ttl & 0x8000, "DO is copied");
    if is_query && theirs.ttl >> 16 & 0xff != 0 {
        let told = rcode == BADVERS || read.of(rtype::TSIG).next().is_some() && rcode == NOTAUTH;
        assert!(told, "{rcode} for a later version");
    }
}

/// RFC 6891 section 6.1.2: code, length, data.
fn options(mut rdata: &[u8]) {
    while let Some((&[_, _, upper, lower], rest)) = rdata.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([upper, lower]));
        rdata = rest.get(length..).expect("an option is whole");
    }
    assert!(rdata.is_empty(), "octets behind the last option");
}

/// What may stand where.
fn sections(reply: &Message<'_>) {
    let rcode = reply.rcode();
    let foreign = reply.question.as_ref().is_some_and(|question| question.class != IN);
    for record in &reply.records {
        if record.rtype != rtype::OPT {
            assert_eq!(record.class, IN, "data is of class IN");
            assert!(i32::try_from(record.ttl).is_ok(), "RFC 2181 section 8");
            let erroneous =
                foreign || [FORMERR, NOTIMP, REFUSED, NOTAUTH, BADVERS].contains(&rcode);
            assert!(!erroneous, "an error, and any other class, holds no records");
        }
    }
    let in_authority = [rtype::NS, rtype::SOA, rtype::DS];
    let holds = |section, types: &[u16]| {
        reply.section(section).all(|record: &Record<'_>| types.contains(&record.rtype))
    };
    assert!(holds(1, &in_authority), "authority holds SOA, NS and DS");
    assert!(holds(2, &[rtype::A, rtype::AAAA, rtype::OPT]), "additional holds addresses");
    if reply.flag(TC) {
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
    let opts = usize::from(theirs.edns.is_some());
    assert_eq!(theirs.additionals.len() + opts, usize::from(ours.header[5]));
}
