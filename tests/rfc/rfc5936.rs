//! RFC 5936: Zone transfer (AXFR). There is none: the registry is nobody's to take.

use crate::query::{Stream, ask};

/// Section 2.2.1: the refusal is one message with the question and no records.
#[test]
fn a_transfer_is_refused_over_tcp_and_the_connection_goes_on() {
    let (transfer, next) = (ask("a.test", "AXFR"), ask("www.a.test", "A"));
    let mut stream = Stream::open();
    stream.send(&[&transfer, &next]);
    let reply = stream.receive(&transfer);
    assert_eq!((reply.rcode(), reply.aa()), ("REFUSED", false));
    assert!(reply.is_empty() && !reply.question.is_empty());
    assert_eq!(stream.receive(&next).answer.len(), 2);
}

/// Section 4.2: AXFR over UDP is not defined.
#[test]
fn a_transfer_is_refused_over_udp() {
    let reply = ask("a.test", "AXFR").udp();
    assert!(reply.rcode() == "REFUSED" && reply.is_empty());
}

#[test]
fn a_transfer_is_refused_for_any_name() {
    for name in ["www.a.test", "none.a.test", "elsewhere.net", "service.internal", "sub.a.test"] {
        let reply = ask(name, "AXFR").tcp();
        assert!(reply.rcode() == "REFUSED" && reply.is_empty(), "{name}");
    }
}
