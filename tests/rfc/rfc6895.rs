//! RFC 6895: DNS IANA considerations. Classes and types that are no data.

use crate::query::{ask, nothing, question, wire};

/// Section 3.2: we serve class IN and no other.
#[test]
fn any_class_but_in_is_refused() {
    for class in [0, 2, 3, 4, 5, 254, 255, 256, 0xffff] {
        for name in ["www.a.test", "elsewhere.net"] {
            for reply in nothing().question(&question(&wire(name), 1, class)).both() {
                assert_eq!((reply.rcode(), reply.aa()), ("REFUSED", false), "{class}");
                assert!(reply.is_empty());
            }
        }
    }
}

/// RFC 4892: what is asked of class CH says who we are; it is nobody's to know.
#[test]
fn our_name_and_version_are_not_told() {
    for name in ["version.bind", "version.server", "hostname.bind", "id.server", "authors.bind"] {
        for rtype in [16, 255] {
            let chaos = nothing().question(&question(&wire(name), rtype, 3));
            assert!(chaos.udp().rcode() == "REFUSED" && chaos.udp().is_empty());
            assert!(ask(name, "TXT").udp().rcode() == "REFUSED");
        }
    }
}

/// Section 3.1: 128 to 255 are of queries and of messages; those that nobody knows are not done.
#[test]
fn a_meta_type_is_not_implemented() {
    for rtype in (128..=250).chain([253, 254, 41]) {
        let reply = nothing().question(&question(&wire("www.a.test"), rtype, 1)).udp();
        assert_eq!((reply.rcode(), reply.aa()), ("NOTIMP", false), "{rtype}");
        assert!(reply.is_empty());
    }
}

/// Section 3.1: all others are types of data, known or not.
#[test]
fn all_other_types_are_data() {
    for rtype in (1..=40).chain(42..=127).chain(256..=400).chain([32768, 61440, 65534]) {
        let reply = nothing().question(&question(&wire("tree.a.test"), rtype, 1)).udp();
        assert!(reply.is_nodata(), "{rtype}");
    }
}

/// Section 2.1: header bits of queries are tested with RFC 1035; section 2.2: opcodes likewise.
#[test]
fn an_opcode_is_told_before_a_class() {
    let other = nothing().question(&question(&wire("www.a.test"), 1, 3)).opcode(6);
    assert_eq!(other.udp().rcode(), "NOTIMP");
}
