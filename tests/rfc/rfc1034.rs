//! RFC 1034: Domain names, concepts and facilities. The algorithm of section 4.3.2.

use crate::query::{RD, ask};

#[test]
fn a_name_of_a_zone_is_answered_with_authority() {
    for reply in ask("www.a.test", "A").both() {
        assert_eq!((reply.rcode(), reply.aa()), ("NOERROR", true));
        let expected = ["www.a.test. 300 A 192.0.2.10", "www.a.test. 300 A 192.0.2.11"];
        assert_eq!(reply.answer_set(), expected);
    }
}

/// Section 4.3.2 step 2: the nearest ancestor.
#[test]
fn the_zone_with_the_longest_name_answers() {
    let reply = ask("www.served.a.test", "A").udp();
    assert_eq!(reply.answers(), ["www.served.a.test. 300 A 192.0.2.90"]);
    assert!(ask("none.served.a.test", "A").udp().authority_set()[0].starts_with("served.a.test."));
}

/// Section 4.3.2 step 3b: the data of a delegation is not ours to say with authority.
#[test]
fn a_name_below_a_delegation_is_a_referral_without_authority() {
    for name in ["sub.a.test", "x.sub.a.test", "x.y.sub.a.test", "ns.sub.a.test"] {
        for rtype in ["A", "NS", "TXT", "ANY", "CNAME", "SOA"] {
            let reply = ask(name, rtype).edns(1232).udp();
            assert_eq!((reply.rcode(), reply.aa()), ("NOERROR", false), "{name} {rtype}");
            assert!(reply.answer.is_empty());
            let servers = ["sub.a.test. 300 NS ns.far.net.", "sub.a.test. 300 NS ns.sub.a.test."];
            assert_eq!(reply.authority_set(), servers);
            let glue = ["ns.sub.a.test. 300 A 192.0.2.53", "ns.sub.a.test. 300 AAAA 2001:db8::53"];
            assert_eq!(reply.additional_set(), glue);
        }
    }
}

/// Section 4.3.2 step 3a.
#[test]
fn an_alias_is_answered_with_what_it_leads_to() {
    let reply = ask("alias2.a.test", "AAAA").udp();
    let expected = [
        "alias2.a.test. 300 CNAME alias.a.test.",
        "alias.a.test. 300 CNAME www.a.test.",
        "www.a.test. 300 AAAA 2001:db8::10",
    ];
    assert_eq!(reply.answers(), expected);
    assert!(reply.aa());
}

/// Section 3.6.2.
#[test]
fn who_asks_for_the_alias_itself_has_it_and_no_more() {
    let reply = ask("alias2.a.test", "CNAME").udp();
    assert_eq!(reply.answers(), ["alias2.a.test. 300 CNAME alias.a.test."]);
    assert!(reply.authority.is_empty() && reply.additional.is_empty());
}

/// Section 3.6.2: loops are an error of the zone, not of the server.
#[test]
fn a_loop_of_aliases_ends_with_each_link_once() {
    let reply = ask("ring1.a.test", "A").udp();
    let expected = [
        "ring1.a.test. 300 CNAME ring2.a.test.",
        "ring2.a.test. 300 CNAME ring3.a.test.",
        "ring3.a.test. 300 CNAME ring1.a.test.",
    ];
    assert_eq!((reply.rcode(), reply.answers()), ("NOERROR", expected.map(str::to_owned).into()));
    let reply = ask("self.a.test", "A").udp();
    assert_eq!(reply.answers(), ["self.a.test. 300 CNAME self.a.test."]);
}

#[test]
fn a_chain_of_aliases_is_followed_so_far_and_no_further() {
    let reply = ask("l1.a.test", "A").udp();
    assert_eq!((reply.rcode(), reply.answer.len()), ("NOERROR", 8));
    let reply = ask("l2.a.test", "A").udp();
    assert_eq!(reply.answer.len(), 8);
    assert_eq!(ask("l3.a.test", "A").udp().answer.len(), 8);
    assert_eq!(ask("l3.a.test", "A").udp().answers()[7], "l10.a.test. 300 A 192.0.2.60");
}

#[test]
fn an_alias_out_of_our_zones_is_all_that_is_said() {
    let reply = ask("away.a.test", "A").udp();
    assert_eq!(reply.answers(), ["away.a.test. 300 CNAME host.elsewhere.net."]);
    assert_eq!((reply.rcode(), reply.aa()), ("NOERROR", true));
    assert!(reply.authority.is_empty());
}

#[test]
fn an_alias_to_below_a_delegation_ends_in_the_referral() {
    let reply = ask("to-sub.a.test", "A").edns(1232).udp();
    assert_eq!(reply.answers(), ["to-sub.a.test. 300 CNAME www.sub.a.test."]);
    assert_eq!((reply.rcode(), reply.authority.len()), ("NOERROR", 2));
    // AA is that of the first name (RFC 1035 section 4.1.1).
    assert!(reply.aa());
}

/// Section 4.3.1: recursion is not offered, and who wants it is answered as who does not.
#[test]
fn recursion_is_asked_for_in_vain_and_hurts_nobody() {
    let plain = ask("www.a.test", "A").udp();
    let wants = ask("www.a.test", "A").flags(RD).udp();
    assert_eq!(plain.answer_set(), wants.answer_set());
    assert_eq!(ask("www.elsewhere.net", "A").flags(RD).udp().rcode(), "REFUSED");
}
