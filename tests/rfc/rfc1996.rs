//! RFC 1996: NOTIFY. Nobody is our primary.

use crate::query::{AA, ask, record, wire};

const NOTIFY: u16 = 4;

#[test]
fn a_notification_is_answered_with_notimp_and_its_own_opcode() {
    let soa = [wire("ns1.a.test"), wire("hostmaster.a.test"), vec![0; 20]].concat();
    let soa = record(&wire("a.test"), 6, 1, 0, &soa);
    for name in ["a.test", "elsewhere.net"] {
        for reply in ask(name, "SOA").opcode(NOTIFY).flags(AA).record_in(1, &soa).both() {
            assert_eq!((reply.rcode(), reply.aa()), ("NOTIMP", false));
            assert!(reply.is_empty());
        }
    }
}

/// Section 4.5: the reply of a secondary is not to be answered by the primary.
#[test]
fn the_answer_to_a_notification_gets_none() {
    ask("a.test", "SOA").opcode(NOTIFY).flags(0x8000 | AA).gets_nothing();
}
