//! RFC 3403: DDDS, the DNS database (NAPTR records).

use crate::query::ask;

const MAIL: [&str; 2] =
    ["mail.along.test. 300 A 192.0.2.25", "mail.along.test. 300 AAAA 2001:db8::25"];

/// Section 4.1: the flag says which records come next, and a server may send them along: "A" addresses,
/// "S" SRV records, here with their addresses.
#[test]
fn what_the_flag_says_comes_next_is_sent_along() {
    let [a, aaaa] = MAIL;
    let reply = ask("rule-a.along.test", "NAPTR").edns(1232).udp();
    assert_eq!(reply.additional_set(), [a, aaaa]);
    let reply = ask("rule-s.along.test", "NAPTR").edns(1232).udp();
    let srv = "_a._tcp.along.test. 300 SRV 0 0 25 mail.along.test.";
    assert_eq!(reply.additional_set(), [srv, a, aaaa]);
}

#[test]
fn a_rule_that_goes_on_or_ends_elsewhere_brings_nothing() {
    for name in ["rule.along.test", "rule-u.along.test"] {
        let reply = ask(name, "NAPTR").edns(1232).udp();
        assert_eq!((reply.answer.len(), reply.additional.len()), (1, 0), "{name}");
    }
}
