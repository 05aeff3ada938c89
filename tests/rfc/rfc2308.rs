//! RFC 2308: Negative caching of DNS queries.

use crate::query::ask;

const SOA: &str = "a.test. 60 SOA ns1.a.test. hostmaster.a.test. 3600 600 86400 60";

/// Section 2.1.
#[test]
fn a_name_that_is_not_there_is_nxdomain_with_the_soa() {
    for reply in ask("none.a.test", "A").both() {
        assert!(reply.is_nxdomain());
        assert_eq!(reply.authority_set(), [SOA]);
    }
}

/// Section 2.2.
#[test]
fn a_type_that_is_not_there_is_noerror_with_the_soa() {
    for rtype in ["MX", "CNAME", "SOA", "NS", "TYPE65280", "DS", "RRSIG"] {
        for reply in ask("www.a.test", rtype).both() {
            assert!(reply.is_nodata(), "{rtype}");
            assert_eq!(reply.authority_set(), [SOA]);
        }
    }
}

/// Sections 3 and 5: the lesser of the SOA's TTL and its minimum.
#[test]
fn the_soa_of_a_negative_answer_has_the_lesser_of_its_ttl_and_its_minimum() {
    assert!(ask("a.test", "SOA").udp().answers()[0].starts_with("a.test. 600 SOA"));
    assert!(ask("none.a.test", "A").udp().authority_set()[0].starts_with("a.test. 60 SOA"));
    assert!(ask("served.a.test", "SOA").udp().answers()[0].starts_with("served.a.test. 20 SOA"));
    let reply = ask("none.served.a.test", "A").udp();
    assert!(reply.authority_set()[0].starts_with("served.a.test. 20 SOA"));
    let reply = ask("none.service.internal", "A").udp();
    assert!(reply.authority_set()[0].starts_with("service.internal. 3 SOA"));
}

/// Section 5 gives the longest time only: absence may end with the next check, and so is kept for
/// the zone's `negative_ttl` wherever there are services. The SOA itself stays as it is written.
#[test]
fn in_a_zone_with_services_the_soa_of_a_negative_answer_has_at_most_negative_ttl() {
    let soa = "SOA ns.slow.test. hostmaster.slow.test. 14400 3600 604800 14400";
    for name in ["none.slow.test", "_none._tcp.slow.test", "x.slow.test", "ns.slow.test"] {
        for rtype in ["AAAA", "SRV", "MX"] {
            for reply in ask(name, rtype).both() {
                assert_eq!(reply.authority_set(), [format!("slow.test. 3 {soa}")], "{name}");
            }
        }
    }
    assert_eq!(ask("slow.test", "SOA").udp().answers(), [format!("slow.test. 1800 {soa}")]);
}

/// Section 2.1: the SOA is that of the zone of the last name.
#[test]
fn an_alias_to_nothing_has_the_soa_of_where_it_led() {
    let reply = ask("x.moved.a.test", "A").udp();
    assert_eq!(reply.rcode(), "NXDOMAIN");
    assert!(reply.authority_set()[0].starts_with("b.test. "));
    let reply = ask("to-empty.a.test", "A").udp();
    assert_eq!((reply.rcode(), reply.answer.len()), ("NOERROR", 1));
    assert_eq!(reply.authority_set(), [SOA]);
}

/// Section 2.2.1: a referral has no SOA, so that nobody takes it for NODATA.
#[test]
fn a_referral_has_no_soa() {
    let reply = ask("x.far.a.test", "A").udp();
    assert_eq!(reply.authority_set(), ["far.a.test. 300 NS ns.far.net."]);
}

/// Section 7.1: a server that cannot say so says SERVFAIL, and no SOA.
#[test]
fn a_zone_that_is_not_loaded_is_servfail_without_records() {
    for name in ["broken.test", "www.broken.test"] {
        for reply in ask(name, "A").both() {
            assert_eq!((reply.rcode(), reply.aa()), ("SERVFAIL", false));
            assert!(reply.is_empty());
        }
    }
}

#[test]
fn nothing_healthy_is_no_data_and_never_nxdomain() {
    for name in ["down.service.internal", "none.service.internal", "_down._tcp.service.internal"] {
        for rtype in ["A", "AAAA", "SRV", "ANY"] {
            assert!(ask(name, rtype).udp().is_nodata(), "{name} {rtype}");
        }
    }
}
