//! RFC 4592: The role of wildcards. The zone is that of section 2.2.1.

use crate::query::ask;

/// Section 2.2.1: the queries that the text lists as synthesized.
#[test]
fn a_name_that_is_not_there_is_made_from_the_wildcard() {
    let reply = ask("host3.example", "MX").udp();
    assert_eq!(reply.answers(), ["host3.example. 3600 MX 10 host1.example."]);
    let reply = ask("foo.bar.example", "TXT").udp();
    assert_eq!(reply.answers(), ["foo.bar.example. 3600 TXT \"this is a wildcard\""]);
}

/// Section 2.2.1: the wildcard has no A, so there is none; the name is there.
#[test]
fn a_type_that_the_wildcard_lacks_is_no_data() {
    assert!(ask("host3.example", "A").udp().is_nodata());
}

/// Section 2.2.1: the queries that the text lists as not synthesized.
#[test]
fn a_name_that_is_there_is_not_made_from_the_wildcard() {
    assert!(ask("host1.example", "MX").udp().is_nodata());
    assert!(ask("sub.*.example", "MX").udp().is_nodata());
    let reply = ask("_telnet._tcp.host1.example", "SRV").udp();
    assert!(reply.is_nxdomain());
    let reply = ask("host.subdel.example", "A").udp();
    assert_eq!((reply.rcode(), reply.aa(), reply.authority.len()), ("NOERROR", false, 2));
    assert!(ask("ghost.*.example", "MX").udp().is_nxdomain());
}

/// Section 2.2.2.
#[test]
fn an_empty_non_terminal_is_there_and_stops_the_wildcard() {
    for name in ["_tcp.host1.example", "_tcp.host2.example", "host2.example"] {
        for rtype in ["TXT", "MX", "A"] {
            assert!(ask(name, rtype).udp().is_nodata(), "{name} {rtype}");
        }
    }
}

/// Section 2.2.3: "Is the wildcard matched?" is asked below the closest encloser and nowhere else.
#[test]
fn only_the_wildcard_below_the_closest_encloser_is_asked() {
    // host1 is there, so its children are not made from the wildcard above it.
    assert!(ask("x.host1.example", "TXT").udp().is_nxdomain());
    assert!(ask("x.y.host1.example", "TXT").udp().is_nxdomain());
    assert!(ask("here.wild.a.test", "TXT").udp().is_nodata());
    assert!(ask("x.here.wild.a.test", "TXT").udp().is_nxdomain());
}

/// Section 2.1.1: an asterisk is a wildcard only as a whole label.
#[test]
fn an_asterisk_within_a_label_is_no_wildcard() {
    let reply = ask("a*b.example", "TXT").udp();
    assert_eq!(reply.answers(), ["a*b.example. 3600 TXT \"this is a wildcard\""]);
}

/// Section 2.3: asked for by its own name, a wildcard is a name like any other.
#[test]
fn the_wildcard_itself_is_answered_under_its_own_name() {
    let reply = ask("*.example", "TXT").udp();
    assert_eq!(reply.answers(), ["*.example. 3600 TXT \"this is a wildcard\""]);
    assert!(ask("*.example", "A").udp().is_nodata());
}

/// Section 3.3.3: the owner is the name that was asked for.
#[test]
fn what_is_made_carries_the_name_that_was_asked_for() {
    let reply = ask("SoMe.wild.a.test", "TXT").udp();
    assert_eq!(reply.answer[0].owner, "SoMe.wild.a.test.");
}

/// Section 4.4: a CNAME at a wildcard is followed as one at the name would be.
#[test]
fn an_alias_at_a_wildcard_is_followed() {
    let reply = ask("x.alias.example", "A").udp();
    let expected =
        ["x.alias.example. 3600 CNAME host1.example.", "host1.example. 3600 A 192.0.2.1"];
    assert_eq!(reply.answers(), expected);
    let reply = ask("x.alias.example", "CNAME").udp();
    assert_eq!(reply.answers(), expected[..1]);
}

/// Section 4.5.
#[test]
fn an_srv_at_a_wildcard_is_made_as_any_other() {
    let reply = ask("_ssh._tcp.srv.example", "SRV").udp();
    assert_eq!(reply.answers(), ["_ssh._tcp.srv.example. 3600 SRV 0 0 22 host1.example."]);
}

/// Section 4.9: an empty non-terminal at a wildcard's name makes names of no data.
#[test]
fn a_wildcard_without_data_makes_names_without_data() {
    assert!(ask("any.mid.example", "A").udp().is_nodata());
    assert!(ask("*.mid.example", "A").udp().is_nodata());
    assert_eq!(ask("x.*.mid.example", "A").udp().answer.len(), 1);
    assert!(ask("y.*.mid.example", "A").udp().is_nxdomain());
}

/// Section 2.2.2: an asterisk label in the middle is a label.
#[test]
fn an_asterisk_above_data_is_an_ordinary_label() {
    assert_eq!(
        ask("x.ghost.mid.example", "A").udp().answers(),
        ["x.ghost.mid.example. 3600 A 192.0.2.3"]
    );
    assert!(ask("ghost.mid.example", "A").udp().is_nodata());
}

#[test]
fn a_wildcard_answers_over_both_transports_and_for_any() {
    for reply in ask("host3.example", "ANY").both() {
        assert_eq!((reply.rcode(), reply.answer.len()), ("NOERROR", 1));
    }
}
