//! RFC 2136: Dynamic updates. Records come from files and health alone.

use crate::query::{ask, record, wire};

const UPDATE: u16 = 5;

/// Section 3.1.1 allows NOTIMP to who does not do this; the zone stays as it is.
#[test]
fn an_update_is_not_implemented_and_changes_nothing() {
    let added = record(&wire("new.a.test"), 1, 1, 60, &[192, 0, 2, 99]);
    let deleted = record(&wire("www.a.test"), 255, 255, 0, &[]);
    for section in [1, 2] {
        let update = ask("a.test", "SOA").opcode(UPDATE);
        let update = update.record_in(section, &added).record_in(section, &deleted);
        for reply in update.both() {
            assert_eq!((reply.rcode(), reply.aa()), ("NOTIMP", false));
            assert!(reply.is_empty());
        }
    }
    assert!(ask("new.a.test", "A").udp().is_nxdomain());
    assert_eq!(ask("www.a.test", "A").udp().answer.len(), 2);
}

/// Section 3.1.1: the zone section is not looked at by who does not update.
#[test]
fn an_update_without_a_zone_is_not_implemented_either() {
    for reply in crate::query::nothing().opcode(UPDATE).both() {
        assert!(reply.rcode() == "NOTIMP" && reply.is_header_alone());
    }
}
