//! RFC 3597: Handling of unknown DNS record types.

use crate::query::ask;

/// Section 2: a type nobody knows is a type like any other.
#[test]
fn a_record_of_an_unknown_type_is_served_as_it_is() {
    for reply in ask("unknown.a.test", "TYPE65280").both() {
        assert_eq!(reply.answers(), ["unknown.a.test. 300 TYPE65280 deadbeef"]);
        assert!(reply.aa());
    }
    // Without any data too.
    let reply = ask("unknown.a.test", "TYPE65281").udp();
    assert_eq!(reply.answers(), ["unknown.a.test. 300 TYPE65281 "]);
}

#[test]
fn an_unknown_type_that_is_not_there_is_no_data_or_nxdomain_as_any_other() {
    for rtype in ["TYPE0", "TYPE100", "TYPE127", "TYPE256", "TYPE1000", "TYPE65282", "TYPE65535"] {
        for reply in ask("www.a.test", rtype).both() {
            assert!(reply.is_nodata(), "{rtype}");
        }
        assert!(ask("web.service.internal", rtype).udp().is_nodata());
        assert!(ask("none.a.test", rtype).udp().is_nxdomain());
        assert_eq!(ask("alias.a.test", rtype).udp().answer.len(), 1);
        assert_eq!(ask("x.sub.a.test", rtype).udp().authority.len(), 2);
    }
}

/// Section 4: names in types newer than RFC 1035 are written out. The reader of these tests takes
/// pointers in the old ones alone.
#[test]
fn names_in_newer_types_are_not_compressed() {
    for (name, rtype, data) in [
        ("x.moved.a.test", "DNAME", "moved.a.test. 300 DNAME b.test."),
        ("srv.a.test", "SRV", "srv.a.test. 300 SRV 1 2 80 www.a.test."),
    ] {
        let reply = ask(name, rtype).udp();
        assert!(reply.answers().iter().any(|record| record == data), "{reply:?}");
    }
    let reply = ask("naptr.a.test", "NAPTR").udp();
    let target = "0377777701610474657374 00".replace(' ', "");
    assert!(reply.answer[0].data.ends_with(&target), "{reply:?}");
}
