//! RFC 6672: DNAME redirection.

use crate::query::{ask, nothing, question, wire};

/// Section 3.1.
#[test]
fn a_name_below_a_dname_is_answered_with_it_and_the_cname_that_it_makes() {
    for reply in ask("www.moved.a.test", "A").both() {
        let expected = [
            "moved.a.test. 300 DNAME b.test.",
            "www.moved.a.test. 300 CNAME www.b.test.",
            "www.b.test. 300 A 192.0.2.80",
        ];
        assert_eq!(reply.answers(), expected);
        assert!(reply.aa());
    }
}

/// Section 3.1: the CNAME has the DNAME's TTL, and not 0 as in RFC 2672.
#[test]
fn the_cname_has_the_ttl_of_the_dname() {
    let reply = ask("x.gone.a.test", "CNAME").udp();
    let ttls: Vec<u32> = reply.answer.iter().map(|record| record.ttl).collect();
    assert_eq!(ttls, [300, 300]);
}

/// Section 2.3: the owner itself is not redirected, and may have other data.
#[test]
fn the_owner_of_a_dname_is_not_redirected() {
    assert_eq!(ask("moved.a.test", "DNAME").udp().answers(), ["moved.a.test. 300 DNAME b.test."]);
    assert_eq!(ask("moved.a.test", "TXT").udp().answer.len(), 1);
    assert!(ask("moved.a.test", "A").udp().is_nodata());
}

#[test]
fn all_labels_below_are_kept() {
    let reply = ask("a.b.c.gone.a.test", "A").udp();
    assert_eq!(reply.answers()[1], "a.b.c.gone.a.test. 300 CNAME a.b.c.elsewhere.net.");
    assert_eq!((reply.rcode(), reply.answer.len()), ("NOERROR", 2));
}

/// Section 3.2 step 3c: a DNAME leads on to another.
#[test]
fn a_dname_may_lead_to_another() {
    let reply = ask("www.again.a.test", "A").udp();
    let expected = [
        "again.a.test. 300 DNAME moved.a.test.",
        "www.again.a.test. 300 CNAME www.moved.a.test.",
        "moved.a.test. 300 DNAME b.test.",
        "www.moved.a.test. 300 CNAME www.b.test.",
        "www.b.test. 300 A 192.0.2.80",
    ];
    assert_eq!(reply.answers(), expected);
}

/// Section 2.2: YXDOMAIN, with the DNAME and without a CNAME.
#[test]
fn a_name_that_becomes_too_long_is_yxdomain() {
    let name = |fill: usize| {
        let label = [&[u8::try_from(fill).unwrap()][..], &vec![b'x'; fill]].concat();
        question(&[label, wire("long.a.test")].concat(), 1, 1)
    };
    // The target has 192 octets of the 255.
    let fits = nothing().question(&name(62)).edns(1232).udp();
    assert_eq!((fits.rcode(), fits.answer.len()), ("NOERROR", 2));
    for reply in nothing().question(&name(63)).both() {
        assert_eq!((reply.rcode(), reply.aa(), reply.answer.len()), ("YXDOMAIN", true, 1));
        assert_eq!(reply.answer[0].rtype, 39);
    }
}

/// Section 3.4: the CNAME is made for everybody, whether they know of DNAME or not.
#[test]
fn the_cname_is_made_with_edns_and_without() {
    assert_eq!(ask("x.gone.a.test", "A").edns(1232).udp().answer.len(), 2);
    assert_eq!(ask("x.gone.a.test", "A").udp().answer.len(), 2);
}

/// Asked for below, the DNAME above is sent with what it makes.
#[test]
fn every_type_below_is_redirected() {
    for rtype in ["DNAME", "NS", "SOA", "TXT", "TYPE65280", "ANY", "CNAME", "DS"] {
        let reply = ask("x.gone.a.test", rtype).udp();
        assert_eq!(reply.answers()[0], "gone.a.test. 300 DNAME elsewhere.net.", "{rtype}");
        assert_eq!(reply.answer.len(), 2);
    }
}
