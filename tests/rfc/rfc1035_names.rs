//! RFC 1035: Domain names, implementation and specification. Names in questions.

use crate::query::{ask, nothing, question, wire};

/// Section 2.3.4: a label can have at most 63 octets.
#[test]
fn a_label_of_63_octets_is_a_name_and_one_of_64_is_not() {
    let name = |length: usize| {
        question(
            &[&[u8::try_from(length).unwrap()], &vec![b'x'; length][..], &wire("a.test")].concat(),
            1,
            1,
        )
    };
    for reply in nothing().question(&name(63)).both() {
        assert!(reply.is_nxdomain());
    }
    for reply in nothing().question(&name(64)).both() {
        assert!(reply.rcode() == "FORMERR" && reply.is_header_alone());
    }
}

/// Section 2.3.4: a name has at most 255 octets.
#[test]
fn a_name_of_255_octets_is_answered_and_one_of_256_is_not() {
    // Three labels of 64 octets, one to fill up, and the zone's eight.
    let name = |fill: usize| {
        let label = [&[63][..], &[b'x'; 63]].concat();
        let last = [&[u8::try_from(fill - 1).unwrap()][..], &vec![b'y'; fill - 1]].concat();
        [label.repeat(3), last, wire("a.test")].concat()
    };
    assert_eq!((name(55).len(), name(56).len()), (255, 256));
    assert!(nothing().question(&question(&name(55), 1, 1)).udp().is_nxdomain());
    let reply = nothing().question(&question(&name(56), 1, 1)).udp();
    assert!(reply.rcode() == "FORMERR" && reply.is_header_alone());
}

/// 127 labels of one octet each are the most that a name has.
#[test]
fn a_name_of_127_labels_is_answered() {
    let name = [b"\x01x".repeat(123), wire("a.test")].concat();
    assert_eq!(name.len(), 254);
    assert!(nothing().question(&question(&name, 1, 1)).udp().is_nxdomain());
}

/// Section 4.1.4: a pointer in the question could only lead into the header or to itself.
#[test]
fn a_pointer_in_the_question_is_a_format_error() {
    // To itself, into the header, forward, behind the end, and behind a label.
    for name in [&b"\xc0\x0c"[..], b"\xc0\x00", b"\xc0\x0e", b"\xff\xff", b"\x03www\xc0\x0c"] {
        for reply in nothing().question(&question(name, 1, 1)).both() {
            assert_eq!(reply.rcode(), "FORMERR", "{name:x?}");
            assert!(reply.is_header_alone());
        }
    }
}

/// Section 4.1.4: the kinds of label 0x40 (RFC 6891 section 5 ends it) and 0x80.
#[test]
fn a_label_of_another_kind_is_a_format_error() {
    for kind in [0x40, 0x41, 0x7f, 0x80, 0xbf] {
        let name = [&[kind], &wire("a.test")[..]].concat();
        let reply = nothing().question(&question(&name, 1, 1)).udp();
        assert!(reply.rcode() == "FORMERR" && reply.is_header_alone(), "{kind:x}");
    }
}

#[test]
fn a_pointer_that_never_ends_in_a_record_is_a_format_error() {
    let own_place = 12 + u8::try_from(wire("www.a.test").len()).unwrap() + 4;
    for pointer in [[0xc0, own_place], [0xc0, own_place + 1], [0xff, 0xff]] {
        let record = crate::query::record(&pointer, 1, 1, 0, &[0; 4]);
        for section in 1..4 {
            let reply = ask("www.a.test", "A").record_in(section, &record).udp();
            assert_eq!(reply.rcode(), "FORMERR", "{pointer:x?} in {section}");
        }
    }
}

/// Section 3.1: labels are octets (RFC 2181 section 11); a dot is one too.
#[test]
fn any_octet_may_stand_in_a_label() {
    let asked =
        |name: &[u8]| nothing().question(&question(&[name, &wire("a.test")].concat(), 1, 1));
    let reply = asked(b"\x04od.d").udp();
    assert_eq!(reply.answers(), ["od\\.d.a.test. 300 A 192.0.2.50"]);
    assert!(asked(b"\x02od\x01d").udp().is_nxdomain());
    let reply = asked(b"\x06byte\x00\xff").udp();
    assert_eq!(reply.answers(), ["byte\\000\\255.a.test. 300 A 192.0.2.51"]);
    for octet in 0..=255 {
        let reply = asked(&[4, octet, octet, octet, octet]).udp();
        assert!(reply.is_nxdomain() || reply.is_nodata(), "{octet}");
    }
}

#[test]
fn the_root_is_a_name_that_we_do_not_serve() {
    for rtype in ["NS", "A", "ANY"] {
        for reply in ask(".", rtype).both() {
            assert!(reply.rcode() == "REFUSED" && reply.is_empty() && !reply.aa());
        }
    }
}
