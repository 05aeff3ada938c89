//! RFC 2230: Key exchange delegation record (KX).

use crate::query::ask;

/// Section 3.1: "KX records cause type A additional section processing for the host specified by
/// EXCHANGER."
#[test]
fn a_kx_brings_the_addresses_of_its_exchanger() {
    let addresses = ["mail.along.test. 300 A 192.0.2.25", "mail.along.test. 300 AAAA 2001:db8::25"];
    for reply in ask("kx.along.test", "TYPE36").edns(1232).both() {
        assert_eq!(
            (reply.answer.len(), reply.additional_set()),
            (1, addresses.map(str::to_owned).to_vec())
        );
    }
}
