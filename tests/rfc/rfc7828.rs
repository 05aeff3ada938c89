//! RFC 7828: The edns-tcp-keepalive EDNS0 option.

use crate::query::{Ask, ask, option};

const KEEPALIVE: u16 = 11;

fn asking(octets: &[u8]) -> Ask {
    ask("www.a.test", "A").opt(1232, 0, &option(KEEPALIVE, octets))
}

/// Section 3.3.2: the timeout in units of 100 milliseconds.
#[test]
fn who_asks_over_tcp_is_told_how_long_an_idle_connection_stays() {
    let reply = asking(b"").tcp();
    assert_eq!(reply.option(KEEPALIVE), Some(&100u16.to_be_bytes()[..]));
    assert_eq!(reply.answer.len(), 2);
}

/// Section 3.2.1: over UDP the option is ignored.
#[test]
fn over_udp_nothing_is_said_of_it() {
    let reply = asking(b"").udp();
    assert_eq!((reply.answer.len(), reply.option(KEEPALIVE)), (2, None));
}

#[test]
fn who_does_not_ask_is_not_told() {
    assert_eq!(ask("www.a.test", "A").edns(1232).tcp().option(KEEPALIVE), None);
    assert!(ask("www.a.test", "A").tcp().opt.is_none());
}

/// Section 3.2.1: what a client says of its own timeout is nothing to us.
#[test]
fn a_timeout_in_a_question_is_not_minded() {
    for octets in [&b"\x00\x01"[..], b"\xff\xff"] {
        assert_eq!(asking(octets).tcp().option(KEEPALIVE).unwrap().len(), 2);
        assert_eq!(asking(octets).udp().answer.len(), 2);
    }
}

#[test]
fn errors_carry_it_too() {
    for (name, rcode) in [("elsewhere.net", "REFUSED"), ("none.a.test", "NXDOMAIN")] {
        let reply = ask(name, "A").opt(1232, 0, &option(KEEPALIVE, b"")).tcp();
        assert_eq!(reply.rcode(), rcode);
        assert!(reply.option(KEEPALIVE).is_some());
    }
}
