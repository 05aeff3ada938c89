//! RFC 9471: DNS glue requirements in referral responses.

use crate::query::ask;

/// Section 3.1: all glue for in-domain servers, or TC.
#[test]
fn a_referral_has_all_its_glue_or_tc() {
    for reply in ask("x.sub.a.test", "A").both() {
        let glue = ["ns.sub.a.test. 300 A 192.0.2.53", "ns.sub.a.test. 300 AAAA 2001:db8::53"];
        assert_eq!((reply.additional_set(), reply.tc()), (glue.map(str::to_owned).into(), false));
    }
    let small = ask("x.wide.a.test", "A").udp();
    assert!(small.tc() && small.additional.len() < 26);
    let large = ask("x.wide.a.test", "A").edns(1232).udp();
    assert!(!large.tc() && large.additional.len() == 26);
    assert_eq!(ask("x.wide.a.test", "A").tcp().additional.len(), 26);
}

/// A referral to servers elsewhere needs none.
#[test]
fn a_referral_to_servers_elsewhere_has_no_glue() {
    let reply = ask("x.far.a.test", "A").udp();
    assert!(reply.additional.is_empty() && !reply.tc());
}
