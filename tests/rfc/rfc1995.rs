//! RFC 1995: Incremental zone transfer. There is none: the registry is nobody's to take.

use crate::query::{ask, record, wire};

/// Section 3: an IXFR carries the asker's SOA in the authority section.
#[test]
fn an_incremental_transfer_is_refused_over_both_transports() {
    let soa = [wire("ns1.a.test"), wire("hostmaster.a.test"), vec![0; 20]].concat();
    let soa = record(&wire("a.test"), 6, 1, 0, &soa);
    for reply in ask("a.test", "IXFR").record_in(2, &soa).edns(1232).both() {
        assert_eq!((reply.rcode(), reply.aa()), ("REFUSED", false));
        assert!(reply.is_empty());
    }
    for reply in ask("a.test", "IXFR").both() {
        assert!(reply.rcode() == "REFUSED" && reply.is_empty());
    }
}
