//! RFC 3596: DNS extensions to support IP version 6.

use crate::query::ask;

/// Section 2.
#[test]
fn an_ipv6_address_is_answered_to_who_asks_for_one() {
    for (name, expected) in [
        ("www.a.test", "www.a.test. 300 AAAA 2001:db8::10"),
        ("web.service.internal", "web.service.internal. 5 AAAA fd00::1"),
        ("web-1.web.service.internal", "web-1.web.service.internal. 5 AAAA fd00::1"),
    ] {
        for reply in ask(name, "AAAA").both() {
            assert_eq!(reply.answers(), [expected]);
        }
    }
    let hex = "fd000000000000000000000000000001.addr.service.internal";
    assert_eq!(ask(hex, "AAAA").udp().answer[0].data, "fd00::1");
}

/// Section 3: additional section processing takes both families.
#[test]
fn servers_and_targets_come_with_addresses_of_both_families() {
    for (name, rtype) in
        [("a.test", "NS"), ("_web._tcp.service.internal", "SRV"), ("x.sub.a.test", "A")]
    {
        let types: Vec<u16> =
            ask(name, rtype).edns(1232).udp().additional.iter().map(|r| r.rtype).collect();
        assert!(types.contains(&1) && types.contains(&28), "{name}");
    }
}

/// RFC 4074: an address of one family alone is no error for the other.
#[test]
fn a_name_without_an_ipv6_address_is_no_data() {
    for name in ["mail.a.test", "web-2.web.service.internal", "0a000001.addr.service.internal"] {
        assert!(ask(name, "AAAA").udp().is_nodata(), "{name}");
    }
}
