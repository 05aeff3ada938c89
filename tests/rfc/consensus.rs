//! What five servers were measured to answer to strange queries, and which of that we chose: one
//! row an input, over UDP and TCP.

use crate::message::Message;
use crate::query::{
    AA, AD, Ask, BOTH, CD, Over, RA, RD, TC, Z, ask, nothing, opt, option, question, record,
    silent, wire,
};

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// FORMERR and twelve octets.
    FormErr,
    /// This rcode without AA, with the question and without records.
    Empty(&'static str),
    /// Records, with AA.
    Records(&'static [&'static str]),
    /// Other than that.
    Other,
}

use Outcome::{Empty, FormErr, Other, Records};

fn said(reply: &Message) -> Outcome {
    if reply.is_header_alone() && reply.rcode() == "FORMERR" {
        FormErr
    } else if reply.is_empty() && !reply.aa() {
        Empty(reply.rcode())
    } else {
        Other
    }
}

/// Holds both transports to the row.
fn row(words: &str, asks: impl IntoIterator<Item = Ask>, expected: Outcome) {
    for ask in asks {
        for over in BOTH {
            let reply = ask.over(over);
            match expected {
                Records(records) => {
                    assert_eq!(reply.answer_set(), records, "{words} over {over:?}");
                    assert!(reply.rcode() == "NOERROR" && reply.aa(), "{words} over {over:?}");
                }
                FormErr | Empty(_) | Other => {
                    assert_eq!(said(&reply), expected, "{words} over {over:?}: {reply:?}");
                }
            }
        }
    }
}

const WWW: &[&str] = &["www.a.test. 300 A 192.0.2.10", "www.a.test. 300 A 192.0.2.11"];

fn www() -> Ask {
    ask("www.a.test", "A")
}

fn of_class(name: &str, class: u16) -> Ask {
    nothing().question(&question(&wire(name), 1, class))
}

#[test]
fn less_than_12_octets_and_responses_get_silence() {
    for length in 0..12 {
        silent(&www().octets()[..length]);
    }
    www().flags(0x8000).gets_nothing();
}

#[test]
fn malformed_questions() {
    let names: [&[u8]; 6] = [
        b"\xc0\x0c",
        b"\xc0\x20",
        b"\x40",
        b"\x80",
        b"\x3fshort",
        &[&b"\x3f"[..], &[b'x'; 63]].concat().repeat(4),
    ];
    let asks = names.map(|name| nothing().question(&question(name, 1, 1)));
    row("pointer loop or forward, label 64 or 0x80, name above 255, truncated", asks, FormErr);
}

#[test]
fn counts_of_questions() {
    let question = question(&wire("www.a.test"), 1, 1);
    row("QDCOUNT 2", [www().question(&question), www().count(0, 2)], FormErr);
    row("QDCOUNT 0", [nothing(), nothing().edns(1232)], FormErr);
}

#[test]
fn opcodes() {
    let others = [1, 2, 3, 15].map(|opcode| www().opcode(opcode));
    row("opcode 1, 2, 3, 15", others, Empty("NOTIMP"));
    let soa = ask("a.test", "SOA");
    row("NOTIFY and UPDATE not allowed", [4, 5].map(|o| soa.clone().opcode(o)), Empty("NOTIMP"));
}

#[test]
fn names_out_of_our_zones() {
    let names = ["elsewhere.net", ".", "test", "internal"].map(|name| ask(name, "A"));
    row("out of zone, root, parent", names, Empty("REFUSED"));
}

#[test]
fn classes() {
    let classes = [4, 254, 0, 2, 255].map(|class| of_class("www.a.test", class));
    row("class HS, NONE, 0, 2, ANY", classes, Empty("REFUSED"));
    let version = nothing().question(&question(&wire("version.bind"), 16, 3));
    row("CH version.bind", [version], Empty("REFUSED"));
}

#[test]
fn types_of_queries() {
    row("ANY", [ask("www.a.test", "ANY")], Records(WWW));
    row("AXFR over UDP and TCP", [ask("a.test", "AXFR")], Empty("REFUSED"));
}

#[test]
fn edns_versions_options_and_flags() {
    let later = [1, 2, 255].map(|version| www().opt(1232, version << 16, &[]));
    row("EDNS version above 0", later, Empty("BADVERS"));
    let unknown = [
        www().opt(1232, 0, &option(0xfff0, b"unknown")),
        www().opt(1232, 0x7fff, &[]),
        www().opt(1232, 0xff00_0000, &[]),
    ];
    row("unknown option, Z flags, extended rcode in a query", unknown, Records(WWW));
}

#[test]
fn opt_records_that_are_wrong() {
    let cut = opt(1232, 0, b"");
    let mut longer = cut.clone();
    longer[10] = 4;
    let wrong = [
        www().edns(1232).edns(1232),
        www().record_in(3, &longer),
        www().opt(1232, 0, &[0xff, 0xf0, 0, 9, 1]),
        www().record_in(1, &cut),
    ];
    row("two OPT, bad RDLEN, option overrun, OPT in answer", wrong, FormErr);
}

/// We do not look at client subnets; nobody's answer depends on one.
#[test]
fn a_client_subnet_is_not_minded() {
    for octets in [&[0, 1, 24, 0, 192, 0, 2][..], &[0, 1, 24, 24, 192, 0, 2]] {
        let with_subnet = www().opt(1232, 0, &option(8, octets));
        row("ECS of any scope", [with_subnet.clone()], Records(WWW));
        assert_eq!(with_subnet.udp().option(8), None);
    }
}

#[test]
fn sizes() {
    let reply = ask("many.a.test", "A").edns(65535).udp();
    assert!(reply.tc() && reply.octets.len() <= 1232, "a large answer, EDNS 65535");
    let reply = ask("many.a.test", "A").udp();
    assert!(reply.tc() && reply.octets.len() <= 512, "no EDNS, above 512");
}

#[test]
fn flags_of_the_header() {
    for flags in [RD, AA, TC, RA, AD, Z, CD, AA | TC | RA, AA | TC | RA | AD | Z | CD | RD] {
        row("RD is copied, all others are cleared", [www().flags(flags)], Records(WWW));
        assert_eq!(www().flags(flags).udp().flags & 0x07ff, flags & RD | AA, "{flags:#x}");
    }
}

#[test]
fn a_referral_has_no_aa_and_glue() {
    for reply in ask("x.sub.a.test", "A").both() {
        assert!(!reply.aa() && reply.authority.len() == 2 && reply.additional.len() == 2);
    }
}

#[test]
fn octets_behind_the_message() {
    row("trailing octets", [www().tail(&[0; 40]), www().edns(1232).tail(b"x")], Records(WWW));
}

#[test]
fn frames_of_tcp_that_hold_no_message_end_the_connection() {
    use std::io::Write;
    for frame in [&b"\0\0"[..], b"\0\x05abcde"] {
        let mut stream = crate::query::Stream::open();
        stream.0.write_all(frame).unwrap();
        assert_eq!(stream.next(), None, "a zero length, a frame below 12");
    }
}

#[test]
fn a_signature_of_a_key_that_is_not_known() {
    let algorithm = wire("hmac-sha256");
    let rest = [&[0, 0, 0x65, 0, 0, 0, 1, 0x2c, 0, 16][..], &[7; 16], &[0; 6]].concat();
    let tsig = record(&wire("key"), 250, 255, 0, &[algorithm, rest].concat());
    for over in [Over::Udp, Over::Tcp] {
        let reply = www().record_in(3, &tsig).over(over);
        assert_eq!(reply.rcode(), "NOTAUTH", "signed with an unknown TSIG key");
        assert!(reply.answer.is_empty() && !reply.aa());
    }
}
