//! RFC 6891: Extension mechanisms for DNS, EDNS(0).

use crate::query::{ask, nothing, opt, option, question, record, wire};

/// Section 6.1.1: an answer has an OPT record if the query has one, and no other. The harness holds
/// every reply of every test to it; FORMERR alone is a header without more.
#[test]
fn an_opt_record_comes_with_every_answer_to_one() {
    for name in ["www.a.test", "none.a.test", "tree.a.test", "x.sub.a.test", "elsewhere.net"] {
        for reply in ask(name, "A").edns(1232).both() {
            assert!(reply.opt.is_some());
        }
        for reply in ask(name, "A").both() {
            assert!(reply.opt.is_none());
        }
    }
    for opcode in 1..16 {
        assert!(ask("a.test", "SOA").opcode(opcode).edns(1232).udp().opt.is_some(), "{opcode}");
    }
    for (name, rtype) in [("a.test", "AXFR"), ("a.test", "TKEY"), ("broken.test", "A")] {
        assert!(ask(name, rtype).edns(1232).udp().opt.is_some());
    }
}

/// Section 6.1.1: more than one is a format error.
#[test]
fn two_opt_records_are_a_format_error() {
    for reply in ask("www.a.test", "A").edns(1232).edns(1232).both() {
        assert!(reply.rcode() == "FORMERR" && reply.is_header_alone());
    }
    let other = ask("www.a.test", "A").edns(512).opt(4096, 0x0001_0000, &[]);
    assert_eq!(other.udp().rcode(), "FORMERR");
}

/// Section 6.1.1: "it MUST be placed in the additional section".
#[test]
fn an_opt_record_elsewhere_is_a_format_error() {
    for section in [1, 2] {
        for reply in ask("www.a.test", "A").record_in(section, &opt(1232, 0, &[])).both() {
            assert!(reply.rcode() == "FORMERR" && reply.is_header_alone(), "{section}");
        }
    }
}

/// Section 6.1.1: anywhere in the additional section.
#[test]
fn an_opt_record_may_stand_before_and_behind_others() {
    let other = record(&wire("x.a.test"), 1, 1, 0, &[192, 0, 2, 1]);
    let before = ask("www.a.test", "A").edns(1232).record_in(3, &other);
    let behind = ask("www.a.test", "A").record_in(3, &other).edns(1232);
    for ask in [before, behind] {
        for reply in ask.both() {
            assert!(reply.answer.len() == 2 && reply.opt.is_some());
        }
    }
}

/// Section 6.1.2: the owner is the root.
#[test]
fn an_opt_record_of_a_name_is_a_format_error() {
    for owner in [&wire("a.test")[..], b"\xc0\x0c"] {
        let record = record(owner, 41, 1232, 0, &[]);
        assert_eq!(ask("www.a.test", "A").record_in(3, &record).udp().rcode(), "FORMERR");
    }
}

/// Section 6.1.2: options that are cut, or longer than the record.
#[test]
fn an_option_that_is_cut_is_a_format_error() {
    for rdata in [&b"\x00"[..], b"\xff\xf0\x00", b"\xff\xf0\xff\xff\x00"] {
        for reply in ask("www.a.test", "A").opt(1232, 0, rdata).both() {
            assert!(reply.rcode() == "FORMERR" && reply.is_header_alone(), "{rdata:x?}");
        }
    }
    let whole = opt(1232, 0, &option(0xfff0, b"abcdef"));
    for cut in 1..whole.len() {
        let ask = ask("www.a.test", "A").record_in(3, &whole[..whole.len() - cut]);
        assert_eq!(ask.udp().rcode(), "FORMERR", "{cut}");
    }
}

/// Section 6.1.2: "Any OPTION-CODE values not understood by a responder or requestor MUST be
/// ignored."
#[test]
fn unknown_options_are_not_minded_and_not_repeated() {
    let options = [
        option(0xfff0, b"what is this"),
        option(0, b""),
        option(0xffff, &[0; 300]),
        option(0xfff0, b"again"),
    ];
    for reply in ask("www.a.test", "A").opt(1232, 0, &options.concat()).both() {
        assert_eq!(reply.answer.len(), 2);
        assert!(reply.opt.unwrap().options.is_empty());
    }
}

/// Section 6.1.3: BADVERS, with the version that we speak and nothing else.
#[test]
fn a_later_version_is_told_that_we_speak_version_0() {
    for version in [1, 2, 100, 255] {
        for bits in [0, 0x8000, 0xffff] {
            for reply in ask("www.a.test", "A").opt(1232, version << 16 | bits, &[]).both() {
                assert_eq!((reply.rcode(), reply.aa()), ("BADVERS", false));
                assert!(reply.is_empty() && reply.opt.unwrap().version == 0);
            }
        }
    }
    // The version is told before the name is looked for.
    assert_eq!(ask("elsewhere.net", "A").opt(1232, 1 << 16, &[]).udp().rcode(), "BADVERS");
    let unknown = option(0xfff0, b"of that version");
    assert_eq!(ask("a.test", "SOA").opt(1232, 1 << 16, &unknown).udp().rcode(), "BADVERS");
}

/// Section 6.1.3: the upper bits of an rcode are the answer's to say.
#[test]
fn an_extended_rcode_in_a_query_is_not_minded() {
    for upper in [1, 0x80, 0xff] {
        assert_eq!(ask("www.a.test", "A").opt(1232, upper << 24, &[]).udp().rcode(), "NOERROR");
    }
}

/// Section 6.1.4: Z is ignored, and 0 in answers; the harness looks at each.
#[test]
fn unknown_flags_are_not_minded_and_not_repeated() {
    for bit in 0..15 {
        let reply = ask("www.a.test", "A").opt(1232, 1 << bit, &[]).udp();
        assert_eq!((reply.answer.len(), reply.opt.unwrap().flags), (2, 0), "{bit}");
    }
}

/// Section 6.2.3: "Values lower than 512 MUST be treated as equal to 512."
#[test]
fn less_than_512_octets_is_512() {
    let least = ask("many.a.test", "A").edns(512).udp().answer.len();
    for payload in [0, 1, 11, 12, 511] {
        let reply = ask("many.a.test", "A").edns(payload).udp();
        assert!(reply.tc() && reply.answer.len() == least, "{payload}");
    }
}

/// Section 6.2.3: what is offered is taken, up to what we send.
#[test]
fn a_larger_offer_is_answered_with_more() {
    let size = |payload| ask("many.a.test", "A").edns(payload).udp().octets.len();
    assert!(size(512) <= 512 && size(513) <= 513);
    assert!((1200..=1232).contains(&size(1232)));
    assert_eq!(size(65535), size(1232));
}

/// Section 6.2.3 is about UDP; over TCP the offer says nothing.
#[test]
fn the_offer_does_not_hold_over_tcp() {
    for payload in [0, 512, 65535] {
        assert_eq!(ask("many.a.test", "A").edns(payload).tcp().answer.len(), 200);
    }
}

/// Section 7: a format error that we cannot read is answered without one.
#[test]
fn a_query_that_cannot_be_read_is_a_header_alone() {
    let reply = nothing().count(0, 1).edns(1232).udp();
    assert!(reply.rcode() == "FORMERR" && reply.is_header_alone());
    let twice = question(&wire("www.a.test"), 1, 1);
    let reply = nothing().question(&twice).question(&twice).edns(1232).udp();
    assert!(reply.rcode() == "FORMERR" && reply.is_header_alone());
}
