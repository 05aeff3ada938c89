//! RFC 8482: Providing minimal-sized responses to DNS queries that have QTYPE=ANY.

use crate::query::ask;

/// Section 4.1: one `RRset` of the name, over UDP and TCP.
#[test]
fn any_is_one_rrset() {
    for (name, rtype, count) in [
        ("www.a.test", 1, 2),
        ("web.service.internal", 1, 2),
        ("v2.web.service.internal", 1, 1),
        ("_web._tcp.service.internal", 1, 2),
        ("web-1.web.service.internal", 1, 1),
        ("alias.a.test", 5, 1),
        ("mail.a.test", 1, 1),
        ("unknown.a.test", 65280, 1),
        ("x.wild.a.test", 16, 1),
    ] {
        for reply in ask(name, "ANY").edns(1232).both() {
            let types: Vec<u16> = reply.answer.iter().map(|record| record.rtype).collect();
            assert_eq!(types, vec![rtype; count], "{name}");
            assert!(reply.aa() && reply.authority.is_empty());
        }
    }
}

/// The apex has SOA, NS and MX: the SOA.
#[test]
fn any_at_the_apex_is_the_soa() {
    for reply in ask("a.test", "ANY").both() {
        assert!(reply.answer.len() == 1 && reply.answer[0].rtype == 6);
    }
}

#[test]
fn any_at_a_name_without_data_is_no_data_and_at_none_nxdomain() {
    assert!(ask("tree.a.test", "ANY").udp().is_nodata());
    assert!(ask("none.a.test", "ANY").udp().is_nxdomain());
    assert!(ask("down.service.internal", "ANY").udp().is_nodata());
}

/// Section 4.4: the asker would come again over TCP for no more.
#[test]
fn a_large_name_does_not_amplify() {
    let reply = ask("www.a.test", "ANY").edns(4096).udp();
    assert!(!reply.tc() && reply.octets.len() < 100);
}
