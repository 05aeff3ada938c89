//! RFC 6891: Extension mechanisms for DNS, EDNS(0). Answers at every size that may be offered.

use crate::query::{Ask, Datagrams, ask};
use crate::server::address;

/// Section 7: the OPT record is there however little room there is, and what is left out is told.
/// The harness holds each reply to its size, and to one OPT record.
fn at_every_size(query: impl Fn(u16) -> Ask) {
    // All that are more than we send are answered alike: one name is asked for with each of them.
    at_sizes((512..=1300).chain((1300..=4096).step_by(50)), query);
}

fn at_sizes(sizes: impl Iterator<Item = u16>, query: impl Fn(u16) -> Ask) {
    let socket = Datagrams::open(address());
    let whole = query(65535).tcp();
    let mut most = 0;
    for size in sizes {
        let reply = socket.ask(&query(size));
        let sections = [&reply.answer, &reply.authority];
        let is_whole = sections.map(Vec::len) == [&whole.answer, &whole.authority].map(Vec::len);
        if is_whole && !reply.tc() {
            assert!(reply.rcode() == whole.rcode(), "{size}");
        } else {
            assert!(reply.tc(), "{size}: left out without a word");
            assert!(reply.answer.is_empty() || reply.authority.is_empty(), "{size}");
        }
        let count = reply.answer.len() + reply.authority.len() + reply.additional.len();
        assert!(count >= most, "{size}: less than in a smaller answer");
        most = count;
    }
}

#[test]
fn many_addresses_at_every_size() {
    at_sizes(512..=4096, |size| ask("many.a.test", "A").edns(size));
}

#[test]
fn large_records_at_every_size() {
    at_every_size(|size| ask("texts.a.test", "TXT").opt(size, 0x8000, &[]));
}

#[test]
fn a_referral_with_much_glue_at_every_size() {
    at_every_size(|size| ask("x.wide.a.test", "A").edns(size));
}

#[test]
fn srv_records_and_their_targets_at_every_size() {
    at_every_size(|size| ask("big.service.internal", "SRV").edns(size));
}

#[test]
fn an_extended_error_at_every_size() {
    at_every_size(|size| ask("down.service.internal", "A").edns(size));
}
