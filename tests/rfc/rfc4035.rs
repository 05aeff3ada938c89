//! RFC 4035: Protocol modifications for DNSSEC. What binds a server without keys.

use crate::query::{AD, CD, RD, ask};

/// Section 3.1.6: AD is set by who has verified; the reader of these tests takes no other.
#[test]
fn ad_is_never_set() {
    for name in ["www.a.test", "none.a.test", "x.sub.a.test", "elsewhere.net"] {
        for reply in ask(name, "A").flags(AD).opt(1232, 0x8000, &[]).both() {
            assert_eq!(reply.flags & AD, 0);
        }
    }
}

/// Section 3.1.6: "SHOULD clear the CD bit when composing an authoritative response".
#[test]
fn cd_is_cleared() {
    for name in ["www.a.test", "none.a.test", "x.sub.a.test", "elsewhere.net", "broken.test"] {
        for reply in ask(name, "A").flags(CD | RD).both() {
            assert_eq!(reply.flags & (CD | RD), RD, "{name}");
        }
    }
    assert_eq!(ask("www.a.test", "A").flags(CD).opcode(2).udp().flags & CD, 0);
    assert_eq!(ask("www.a.test", "AXFR").flags(CD).udp().flags & CD, 0);
}

/// Section 3.1.4.1: a DS is the parent's; at the apex of a zone whose parent is not here, nobody's.
#[test]
fn a_ds_is_answered_by_the_zone_above() {
    for reply in ask("served.a.test", "DS").both() {
        assert!(reply.aa());
        assert!(reply.answers()[0].starts_with("served.a.test. 300 DS 00010d02"));
    }
    let reply = ask("b.test", "DS").udp();
    assert!(reply.is_nodata() && reply.authority_set()[0].starts_with("b.test. "));
    // No DS at a delegation is said with the parent's SOA.
    let reply = ask("far.a.test", "DS").udp();
    assert!(reply.is_nodata() && reply.authority_set()[0].starts_with("a.test. "));
    assert_eq!(ask("x.far.a.test", "DS").udp().authority.len(), 1);
    assert!(!ask("x.far.a.test", "DS").udp().aa());
}

/// Section 3.1: what is not signed is answered as ever, whoever asks.
#[test]
fn types_of_dnssec_that_are_not_there_are_no_data() {
    for rtype in ["DNSKEY", "RRSIG", "NSEC", "TYPE50", "TYPE51", "DS"] {
        assert!(ask("www.a.test", rtype).opt(1232, 0x8000, &[]).udp().is_nodata(), "{rtype}");
        assert!(ask("b.test", rtype).udp().is_nodata(), "{rtype}");
    }
}
