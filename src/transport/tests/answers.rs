//! What `respond` puts into the OPT record, and what it says when it fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::Message;

use crate::config::Tcp;
use crate::config::cookies::{Cookies, Secret};
use crate::metrics::dns::{Dropped, Transport};
use crate::metrics::{Exposition, Metrics};
use crate::model::dns::{Rcode, Rtype};
use crate::model::time::Now;
use crate::snapshot::{Rules, Snapshot};
use crate::transport::message::{Received, Response};
use crate::transport::respond::{respond, respond_by};
use crate::transport::tests::fixtures::{query, query_for, snapshot};
use crate::transport::worker::Worker;

const CLIENT: &[u8] = b"\x00\x0a\x00\x08abcdefgh";
const KEEPALIVE: &[u8] = b"\x00\x0b\x00\x00";

/// A server with a secret, one client, and a clock.
struct TestServer {
    snapshot: Snapshot,
    metrics: Metrics,
    now: Now,
}

impl TestServer {
    fn new() -> Self {
        let snapshot = snapshot(Tcp::default());
        let cookies = Cookies { secret: Some(Secret([7; 16])), previous: Vec::new() };
        let rules = Arc::new(Rules { cookies: Arc::new(cookies), ..(*snapshot.rules).clone() });
        let snapshot = Snapshot { rules, ..snapshot };
        Self { snapshot, metrics: Metrics::new("0"), now: Now::default() }
    }

    fn ask(&self, octets: &[u8], transport: Transport) -> (Response, Vec<u8>) {
        let mut worker = Worker::new(self.metrics.worker(transport));
        let mut out = b"left from before".to_vec();
        let received = received(octets, transport, self.now);
        let response = respond(&received, &self.snapshot, &mut worker, &mut out);
        (response, out)
    }

    /// Over UDP: the rcode and the options of the answer.
    fn udp(&self, octets: &[u8]) -> (Rcode, Vec<u8>) {
        let (Response::Sent { rcode, .. }, out) = self.ask(octets, Transport::Udp) else {
            panic!("no answer")
        };
        (rcode, options(&out))
    }
}

fn received(octets: &[u8], transport: Transport, now: Now) -> Received<'_> {
    let peer = SocketAddr::from(([192, 0, 2, 1], 9));
    let idle = match transport {
        Transport::Udp => None,
        Transport::Tcp => Some(Duration::from_secs(10)),
    };
    Received { octets, peer, asked: None, now, transport, idle }
}

/// `packet` with an OPT record of some version with these options.
fn with_opt(mut packet: Vec<u8>, version: u8, options: &[u8]) -> Vec<u8> {
    packet[11] += 1;
    packet.extend([0, 0, 41, 4, 208, 0, version, 0, 0]);
    packet.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
    packet.extend(options);
    packet
}

/// The data of the OPT record that a message ends with.
fn options(out: &[u8]) -> Vec<u8> {
    Message::from_vec(out).unwrap();
    let bare = b"\x00\x00\x29\x04\xd0";
    let place = out.windows(5).rposition(|five| five == bare).expect("an OPT record");
    out[place + 11..].to_vec()
}

fn without_question(octets: Vec<u8>) -> Vec<u8> {
    let mut packet = octets;
    packet.truncate(12);
    packet[5] = 0;
    packet
}

/// The option with the client's part and this server's.
fn cookie(server: &[u8]) -> Vec<u8> {
    let len = u8::try_from(8 + server.len()).unwrap();
    [b"\x00\x0a\x00", &[len][..], b"abcdefgh", server].concat()
}

#[test]
fn every_answer_to_a_cookie_carries_one_and_no_other_answer_does() {
    let server = TestServer::new();
    let mut update = query(1);
    update[2] = 0x28;
    let mut chaos = query(1);
    *chaos.last_mut().unwrap() = 3;
    let outside = b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x\x00\x00\x01\x00\x01";
    for (packet, version, expected) in [
        (query(1), 0, Rcode::NoError),
        (query_for(1, Rtype::TXT), 0, Rcode::NoError),
        (query_for(1, Rtype::AXFR), 0, Rcode::Refused),
        (outside.to_vec(), 0, Rcode::Refused),
        (query(1), 1, Rcode::BadVers),
        (update, 0, Rcode::NotImp),
        (chaos, 0, Rcode::Refused),
    ] {
        for transport in Transport::ALL {
            let asked = with_opt(packet.clone(), version, CLIENT);
            let (response, out) = server.ask(&asked, transport);
            assert!(matches!(response, Response::Sent { rcode, .. } if rcode == expected));
            let options = options(&out);
            assert!(options.starts_with(b"\x00\x0a\x00\x18abcdefgh\x01\0\0\0"), "{options:?}");
            let (_, out) = server.ask(&with_opt(packet.clone(), version, b""), transport);
            assert!(!out.windows(4).any(|four| four == b"\x00\x0a\x00\x18"));
        }
    }
    let (_, out) = server.ask(&query(1), Transport::Udp);
    assert_eq!(out[11], 0, "without EDNS there is no OPT record");
}

#[test]
fn a_valid_cookie_is_sent_back_and_an_invalid_one_answered_as_if_there_were_none() {
    let server = TestServer::new();
    let (_, first) = server.udp(&with_opt(query(1), 0, CLIENT));
    let (rcode, again) = server.udp(&with_opt(query(1), 0, &first));
    assert_eq!((rcode, &again), (Rcode::NoError, &first));
    for invalid in [cookie(&[9; 16]), cookie(&[9; 8]), cookie(&[9; 32])] {
        let (rcode, fresh) = server.udp(&with_opt(query(1), 0, &invalid));
        assert_eq!((rcode, &fresh), (Rcode::NoError, &first));
    }
}

#[test]
fn who_asks_for_a_cookie_alone_is_told_what_its_own_is_worth() {
    let server = TestServer::new();
    let ask = |cookie: &[u8]| {
        server.ask(&with_opt(without_question(query(7)), 0, cookie), Transport::Udp)
    };
    let (response, out) = ask(CLIENT);
    assert_eq!(response, Response::Sent { rcode: Rcode::NoError, qtype: Rtype(0) });
    assert_eq!(out[..12], *b"\x00\x07\x81\x00\0\0\0\0\0\0\0\x01");
    let learnt = options(&out);
    let (response, out) = ask(&learnt);
    assert_eq!(response, Response::Sent { rcode: Rcode::NoError, qtype: Rtype(0) });
    assert_eq!(options(&out), learnt);
    for invalid in [cookie(&[9; 16]), cookie(&[9; 8])] {
        let (response, out) = ask(&invalid);
        assert_eq!(response, Response::Sent { rcode: Rcode::BadCookie, qtype: Rtype(0) });
        // 23 is 1 in the OPT record and 7 in the header.
        assert_eq!((out[3] & 0x0f, out[17]), (7, 1));
        assert_eq!(options(&out), learnt);
    }
    let text = server.metrics.render(Exposition::Text);
    assert!(text.contains("qtype=\"other\",rcode=\"BADCOOKIE\"} 2\n"), "{text}");
}

#[test]
fn the_first_of_two_cookies_counts() {
    let server = TestServer::new();
    let second = b"\x00\x0a\x00\x08ABCDEFGH";
    let (_, both) = server.udp(&with_opt(query(1), 0, &[CLIENT, second].concat()));
    assert_eq!(both, server.udp(&with_opt(query(1), 0, CLIENT)).1);
}

#[test]
fn a_connection_is_told_how_long_it_may_idle_if_it_asks() {
    let server = TestServer::new();
    let asked = with_opt(query(1), 0, KEEPALIVE);
    let (_, out) = server.ask(&asked, Transport::Tcp);
    assert_eq!(options(&out), b"\x00\x0b\x00\x02\x00\x64");
    let (_, out) = server.ask(&asked, Transport::Udp);
    assert_eq!(options(&out), b"");
    let (_, out) = server.ask(&with_opt(query(1), 0, b""), Transport::Tcp);
    assert_eq!(options(&out), b"");
    let both = with_opt(query(1), 0, &[KEEPALIVE, CLIENT].concat());
    let (_, out) = server.ask(&both, Transport::Tcp);
    let options = options(&out);
    assert!(options.len() == 34 && options.ends_with(b"\x00\x0b\x00\x02\x00\x64"));
}

#[test]
fn while_it_drains_a_connection_may_not_idle_at_all() {
    let server = TestServer::new();
    let asked = with_opt(query(1), 0, KEEPALIVE);
    for (idle, tenths) in [(Duration::ZERO, [0, 0]), (Duration::from_secs(9 * 3600), [0xff, 0xff])]
    {
        let mut worker = Worker::new(server.metrics.worker(Transport::Tcp));
        let mut out = Vec::new();
        let received =
            Received { idle: Some(idle), ..received(&asked, Transport::Tcp, server.now) };
        respond(&received, &server.snapshot, &mut worker, &mut out);
        assert_eq!(options(&out), [&[0, 11, 0, 2], &tenths[..]].concat());
    }
}

/// What is answered when deciding panics.
fn fail(server: &TestServer, octets: &[u8]) -> (Response, Vec<u8>) {
    let mut worker = Worker::new(server.metrics.worker(Transport::Udp));
    let mut out = b"left from before".to_vec();
    let received = received(octets, Transport::Udp, server.now);
    // No hook is called: the test's output stays quiet.
    let response = respond_by(
        |_, _, _, out| {
            out.push(1);
            std::panic::resume_unwind(Box::new("a defect"))
        },
        &received,
        &server.snapshot,
        &mut worker,
        &mut out,
    );
    (response, out)
}

#[test]
fn a_panic_is_answered_with_servfail_and_counted() {
    let server = TestServer::new();
    let (response, out) = fail(&server, &with_opt(query(7), 0, CLIENT));
    assert_eq!(response, Response::Sent { rcode: Rcode::ServFail, qtype: Rtype::A });
    assert_eq!(out[..12], *b"\x00\x07\x81\x02\x00\x01\0\0\0\0\x00\x01");
    assert_eq!(out[12..][..19], query(7)[12..][..19]);
    assert!(options(&out).starts_with(b"\x00\x0a\x00\x18abcdefgh"));
    let mut malformed = query(7);
    (malformed[2], malformed[12]) = (0x29, 0xff);
    let (response, out) = fail(&server, &malformed);
    assert_eq!(response, Response::Sent { rcode: Rcode::ServFail, qtype: Rtype(0) });
    assert_eq!(out, b"\x00\x07\xa9\x02\0\0\0\0\0\0\0\0");
    let text = server.metrics.render(Exposition::Text);
    assert!(text.contains("livezone_dns_panics_total 2\n"), "{text}");
    assert!(text.contains("{transport=\"udp\",qtype=\"A\",rcode=\"SERVFAIL\"} 1\n"), "{text}");
}

#[test]
fn a_panic_answers_nothing_that_is_not_to_be_answered() {
    let server = TestServer::new();
    let mut response = query(1);
    response[2] |= 0x80;
    assert_eq!(fail(&server, &response).0, Response::Ignored(Dropped::Response));
    assert_eq!(fail(&server, b"short").0, Response::Ignored(Dropped::Short));
}
