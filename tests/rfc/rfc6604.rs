//! RFC 6604: xNAME RCODE and status bits clarification.

use crate::query::ask;

/// Section 3: the rcode is that of the last name.
#[test]
fn an_alias_to_nothing_is_nxdomain_with_the_alias() {
    for reply in ask("to-none.a.test", "A").both() {
        assert_eq!(reply.rcode(), "NXDOMAIN");
        assert_eq!(reply.answers(), ["to-none.a.test. 300 CNAME none.a.test."]);
        assert_eq!(reply.authority.len(), 1);
    }
}

#[test]
fn an_alias_to_no_data_is_noerror_with_the_alias() {
    let reply = ask("to-empty.a.test", "A").udp();
    assert_eq!((reply.rcode(), reply.answer.len(), reply.authority.len()), ("NOERROR", 1, 1));
}

#[test]
fn an_alias_by_a_dname_has_the_rcode_of_the_last_name_too() {
    let reply = ask("none.moved.a.test", "A").udp();
    assert_eq!((reply.rcode(), reply.answer.len()), ("NXDOMAIN", 2));
    let reply = ask("www.moved.a.test", "MX").udp();
    assert_eq!((reply.rcode(), reply.answer.len()), ("NOERROR", 2));
}

/// Section 2.1: AA is that of the first name, whatever follows.
#[test]
fn aa_is_that_of_the_first_name() {
    for name in ["alias.a.test", "to-none.a.test", "to-b.a.test", "away.a.test", "to-sub.a.test"] {
        assert!(ask(name, "A").udp().aa(), "{name}");
    }
}

/// An alias that is asked for itself has no last name.
#[test]
fn who_asks_for_the_alias_has_noerror() {
    let reply = ask("to-none.a.test", "CNAME").udp();
    assert_eq!((reply.rcode(), reply.answer.len()), ("NOERROR", 1));
}
