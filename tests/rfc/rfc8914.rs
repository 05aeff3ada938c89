//! RFC 8914: Extended DNS errors.

use crate::query::{ask, option};

#[test]
fn nothing_healthy_says_why_in_words() {
    for reply in ask("down.service.internal", "A").edns(1232).both() {
        let (code, words) = reply.extended_error().unwrap();
        assert_eq!(code, 0);
        assert!(words.starts_with("down: 0 of 1 healthy: "), "{words}");
    }
}

/// Section 4.21.
#[test]
fn a_name_of_no_zone_of_ours_is_not_authoritative() {
    let reply = ask("elsewhere.net", "A").edns(1232).udp();
    assert_eq!((reply.rcode(), reply.extended_error().unwrap().0), ("REFUSED", 20));
}

/// Section 4.15.
#[test]
fn a_zone_that_is_not_loaded_is_not_ready() {
    let reply = ask("www.broken.test", "A").edns(1232).udp();
    assert_eq!((reply.rcode(), reply.extended_error().unwrap().0), ("SERVFAIL", 14));
}

#[test]
fn plain_answers_and_plain_negative_ones_have_none() {
    for (name, rtype) in [
        ("www.a.test", "A"),
        ("none.a.test", "A"),
        ("www.a.test", "MX"),
        ("web.service.internal", "MX"),
        ("none.service.internal", "A"),
        ("x.sub.a.test", "A"),
    ] {
        assert_eq!(ask(name, rtype).edns(1232).udp().extended_error(), None, "{name} {rtype}");
    }
}

/// Section 2: in an OPT record, and so only to who sends one.
#[test]
fn without_edns_there_is_none() {
    let reply = ask("down.service.internal", "A").udp();
    assert!(reply.opt.is_none() && reply.is_nodata());
}

/// Section 3: an EDE of the asker says nothing to us.
#[test]
fn an_extended_error_in_a_query_is_not_minded() {
    for octets in [&b"\x00\x16no"[..], b"", b"\x00"] {
        let reply = ask("www.a.test", "A").opt(1232, 0, &option(15, octets)).udp();
        assert_eq!((reply.answer.len(), reply.extended_error()), (2, None));
    }
}
