//! RFC 8020: NXDOMAIN, there really is nothing underneath.

use crate::query::ask;

/// Section 2: a name with something below it is there.
#[test]
fn an_empty_non_terminal_is_no_data() {
    for name in ["in.the.tree.a.test", "the.tree.a.test", "tree.a.test"] {
        assert!(ask(name, "A").udp().is_nodata(), "{name}");
    }
    for name in [
        "_tcp.service.internal",
        "_udp.service.internal",
        "addr.service.internal",
        "_v1.service.internal",
    ] {
        for rtype in ["A", "SRV", "ANY", "TXT"] {
            assert!(ask(name, rtype).udp().is_nodata(), "{name} {rtype}");
        }
    }
}

#[test]
fn where_a_name_is_not_there_nothing_is_below_it() {
    for name in
        ["none.a.test", "none.tree.a.test", "nobody.service.internal", "none.web.service.internal"]
    {
        assert!(ask(name, "A").udp().is_nxdomain(), "{name}");
        for below in ["x", "x.y", "www", "_tcp"] {
            assert!(ask(&format!("{below}.{name}"), "A").udp().is_nxdomain(), "{below}.{name}");
        }
    }
}

/// A name of a service is there whatever its health; so are those above an instance's.
#[test]
fn a_name_that_is_registered_is_there_whatever_its_health() {
    for name in ["down.service.internal", "none.service.internal", "web.service.internal"] {
        for rtype in ["A", "AAAA", "SRV", "TXT", "TYPE1000"] {
            assert_eq!(ask(name, rtype).udp().rcode(), "NOERROR", "{name} {rtype}");
        }
    }
}

/// A zone above which nobody says anything: its parent's names are there.
#[test]
fn a_nested_zone_is_there_for_the_zone_above() {
    assert_eq!(ask("served.a.test", "TYPE1000").udp().rcode(), "NOERROR");
    assert!(ask("x.served.a.test", "A").udp().is_nxdomain());
}
