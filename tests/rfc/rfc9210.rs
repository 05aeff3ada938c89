//! RFC 9210: DNS transport over TCP, operational requirements.

use std::io::Write;

use crate::query::{Stream, ask, framed};

/// Section 3: whatever is answered over UDP is answered over TCP.
#[test]
fn the_same_is_said_over_tcp() {
    for (name, rtype) in [
        ("www.a.test", "A"),
        ("none.a.test", "A"),
        ("tree.a.test", "A"),
        ("x.sub.a.test", "A"),
        ("www.moved.a.test", "A"),
        ("elsewhere.net", "A"),
        ("broken.test", "A"),
        ("web.service.internal", "SRV"),
        ("a.test", "AXFR"),
        ("a.test", "TKEY"),
    ] {
        let [udp, tcp] = ask(name, rtype).opt(1232, 0x8000, &[]).both();
        assert_eq!(udp.flags, tcp.flags, "{name} {rtype}");
        assert_eq!(udp.answer_set(), tcp.answer_set(), "{name} {rtype}");
        assert_eq!(udp.authority_set(), tcp.authority_set(), "{name} {rtype}");
        assert_eq!(udp.additional_set(), tcp.additional_set(), "{name} {rtype}");
    }
}

/// Section 3: TC leads to TCP, and there it is all.
#[test]
fn what_is_truncated_is_whole_over_tcp() {
    for (name, rtype, count) in [
        ("many.a.test", "A", 200),
        ("texts.a.test", "TXT", 40),
        ("big.service.internal", "SRV", 250),
    ] {
        assert!(ask(name, rtype).edns(1232).udp().tc());
        assert_eq!(ask(name, rtype).edns(1232).tcp().answer.len(), count);
    }
}

/// Section 4.2: many messages on one connection, sent without waiting.
#[test]
fn a_pipeline_of_many_questions_is_answered_whole() {
    let asks: Vec<_> = (0..200).map(|id| ask("www.a.test", "A").id(id)).collect();
    let mut stream = Stream::open();
    stream.send(&asks.iter().collect::<Vec<_>>());
    let mut ids: Vec<u16> = Vec::new();
    for _ in &asks {
        let octets = stream.next().unwrap();
        ids.push(u16::from_be_bytes([octets[0], octets[1]]));
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..200).collect::<Vec<u16>>());
}

/// Section 5.1: what nobody asks with costs the connection.
#[test]
fn a_length_that_no_query_has_ends_the_connection() {
    for length in [0u16, 1, 11] {
        let mut stream = Stream::open();
        stream.0.write_all(&length.to_be_bytes()).unwrap();
        assert_eq!(stream.next(), None, "{length}");
    }
}

/// A query as long as we take.
#[test]
fn a_query_of_4096_octets_is_answered() {
    let ask = ask("www.a.test", "A");
    let filled = ask.clone().tail(&vec![0; 4096 - ask.octets().len()]);
    assert_eq!(framed(&filled.octets()).len(), 4098);
    assert_eq!(filled.tcp().answer.len(), 2);
}

/// An error costs no connection.
#[test]
fn an_error_does_not_end_the_connection() {
    let wrong = ask("www.a.test", "A").count(0, 2);
    let right = ask("www.a.test", "A");
    let mut stream = Stream::open();
    stream.send(&[&wrong, &right]);
    assert_eq!(stream.receive(&wrong).rcode(), "FORMERR");
    assert_eq!(stream.receive(&right).answer.len(), 2);
}
