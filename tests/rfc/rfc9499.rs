//! RFC 9499: DNS terminology. What the words ask of a server that has only authority.

use crate::query::{RD, ask};

/// "Lame delegation", "upward referral": who is asked for what it does not serve refuses, and refers
/// to nobody.
#[test]
fn what_is_not_ours_is_refused_without_a_referral() {
    for name in
        ["elsewhere.net", "test", "internal", "c.test", ".", "xa.test", "a.test.elsewhere.net"]
    {
        for rtype in ["A", "NS", "SOA", "DS", "ANY"] {
            for reply in ask(name, rtype).flags(RD).both() {
                assert_eq!((reply.rcode(), reply.aa()), ("REFUSED", false), "{name} {rtype}");
                assert!(reply.is_empty());
            }
        }
    }
}

/// "Referral": NOERROR without AA, an answer section that is empty, and NS of a zone cut.
#[test]
fn a_referral_is_the_servers_of_the_zone_below() {
    let reply = ask("x.far.a.test", "A").udp();
    assert_eq!((reply.rcode(), reply.aa(), reply.answer.len()), ("NOERROR", false, 0));
    assert_eq!(reply.authority_set(), ["far.a.test. 300 NS ns.far.net."]);
}

/// "In-domain", "sibling": addresses of servers that the zone below does not name are no glue.
#[test]
fn no_addresses_but_those_of_the_servers_go_with_a_referral() {
    for record in ask("x.wide.a.test", "A").tcp().additional {
        assert!(record.owner.ends_with(".wide.a.test.") && record.owner.starts_with("ns"));
    }
}
