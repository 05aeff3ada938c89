//! What those hear who ask too much, and those who may not ask.

use std::sync::Arc;

use crate::config::Access;
use crate::config::cookies::{Cookies, Secret};
use crate::config::rrl::Rrl;
use crate::metrics::dns::{Dropped, Transport};
use crate::metrics::{Exposition, Metrics};
use crate::model::dns::{Rcode, Rtype};
use crate::model::time::Now;
use crate::snapshot::{Rules, Snapshot};
use crate::transport::message::{Received, Response};
use crate::transport::respond::respond;
use crate::transport::tests::fixtures::{context, query, query_for};
use crate::transport::worker::Worker;

const HEADER: usize = 12;

/// A server with these rules, and one worker of each transport.
struct TestServer {
    snapshot: Snapshot,
    metrics: Metrics,
    udp: Worker,
    tcp: Worker,
}

impl TestServer {
    fn new(rules: Rules) -> Self {
        let context = context();
        let metrics = Metrics::new("0");
        let snapshot = Snapshot::clone(&context.current.load());
        Self {
            snapshot: Snapshot { rules: Arc::new(rules), ..snapshot },
            udp: Worker::limited(metrics.worker(Transport::Udp), context.limiter),
            tcp: Worker::new(metrics.worker(Transport::Tcp)),
            metrics,
        }
    }

    fn limited(rrl: Rrl) -> Self {
        let cookies = Cookies { secret: Some(Secret([7; 16])), previous: Vec::new() };
        Self::new(Rules { udp_max_size: 1232, rrl, cookies: Arc::new(cookies), ..Rules::default() })
    }

    fn denying(network: &str) -> Self {
        let deny = network.parse().into_iter().collect();
        let access = Access { deny, ..Access::default() };
        Self::new(Rules { udp_max_size: 1232, access, ..Rules::default() })
    }

    fn ask(&mut self, octets: &[u8], transport: Transport) -> (Response, Vec<u8>) {
        let worker = match transport {
            Transport::Udp => &mut self.udp,
            Transport::Tcp => &mut self.tcp,
        };
        let peer = "192.0.2.1:9".parse().unwrap();
        let received =
            Received { octets, peer, asked: None, now: Now::default(), transport, idle: None };
        let mut out = Vec::new();
        (respond(&received, &self.snapshot, worker, &mut out), out)
    }

    fn udp(&mut self, octets: &[u8]) -> (Response, Vec<u8>) {
        self.ask(octets, Transport::Udp)
    }

    fn counts(&self, sample: &str) -> bool {
        let text = self.metrics.render(Exposition::Text);
        text.contains(&format!("\nlivezone_dns_{sample}\n"))
    }
}

fn once(slip: u32) -> Rrl {
    Rrl { responses_per_second: 1, slip, ..Rrl::default() }
}

/// A query with an OPT record of this version and without options.
fn with_opt(mut query: Vec<u8>, version: u8) -> Vec<u8> {
    query[11] = 1;
    query.extend([0, 0, 41, 0x10, 0, 0, version, 0, 0, 0, 0]);
    query
}

/// Asks for another name of the same length.
fn renamed(mut query: Vec<u8>, label: [u8; 4]) -> Vec<u8> {
    query[13..17].copy_from_slice(&label);
    query
}

fn with_flags(mut query: Vec<u8>, flags: u8) -> Vec<u8> {
    query[2] = flags;
    query
}

/// What is asked, the rcode to it, and the class and rcode when it slips.
fn kinds() -> Vec<(Vec<u8>, Rcode, &'static str, Rcode)> {
    let outside = {
        let mut query = query(7);
        query[22] = b'x';
        query
    };
    let mut cut = query(7);
    cut.truncate(20);
    vec![
        (query(7), Rcode::NoError, "answer", Rcode::NoError),
        (query_for(7, Rtype::TXT), Rcode::NoError, "answer", Rcode::NoError),
        (query_for(7, Rtype::AAAA), Rcode::NoError, "negative", Rcode::NoError),
        (renamed(query(7), *b"none"), Rcode::NxDomain, "negative", Rcode::NoError),
        (outside, Rcode::Refused, "error", Rcode::Refused),
        (query_for(7, Rtype::AXFR), Rcode::Refused, "error", Rcode::Refused),
        (with_flags(query(7), 0x21), Rcode::NotImp, "error", Rcode::NotImp),
        (cut, Rcode::FormErr, "error", Rcode::FormErr),
    ]
}

#[test]
fn a_limited_answer_is_empty_and_truncated_and_no_larger_than_its_query() {
    for (plain, first, class, rcode) in kinds() {
        for octets in [plain.clone(), with_opt(plain.clone(), 0)] {
            let mut server = TestServer::limited(once(1));
            let (response, out) = server.udp(&octets);
            assert!(matches!(response, Response::Sent { rcode, .. } if rcode == first));
            assert_eq!(out[3] & 0x0f, first.code().to_be_bytes()[1], "{octets:?}");
            for _ in 0..3 {
                let (response, out) = server.udp(&octets);
                assert!(matches!(response, Response::Sent { rcode: sent, .. } if sent == rcode));
                assert!(out.len() <= octets.len(), "{out:?}");
                assert_eq!(out[..2], octets[..2]);
                assert_eq!(out[2] & 0x82, 0x82, "QR and TC");
                assert_eq!(out[3] & 0x0f, rcode.code().to_be_bytes()[1]);
                assert_eq!(out[6..10], [0; 4], "no answer and no authority");
                if rcode == Rcode::FormErr {
                    assert_eq!(out.len(), HEADER);
                    continue;
                }
                // The question and the OPT record are those of the query.
                assert_eq!(out[11], octets[11]);
                assert_eq!(out[HEADER..plain.len()], octets[HEADER..plain.len()]);
                assert_eq!(out.len(), octets.len());
            }
            let sample = format!("limited_total{{class=\"{class}\",action=\"slipped\"}} 3");
            assert!(server.counts(&sample), "{sample}");
            assert!(server.counts("dropped_total{reason=\"rate\"} 0"));
        }
    }
}

#[test]
fn a_slip_keeps_the_upper_bits_of_its_rcode() {
    let mut server = TestServer::limited(once(1));
    let later = with_opt(query(7), 1);
    let whole = server.udp(&later).1;
    let (response, slipped) = server.udp(&later);
    assert_eq!(response, Response::Sent { rcode: Rcode::BadVers, qtype: Rtype::A });
    assert_eq!(slipped[2], whole[2] | 2);
    assert_eq!((&slipped[3..], slipped.len()), (&whole[3..], later.len()));
}

#[test]
fn without_slips_a_limited_answer_is_dropped_and_counted() {
    for (octets, _, class, _) in kinds() {
        let mut server = TestServer::limited(once(0));
        assert!(matches!(server.udp(&octets).0, Response::Sent { .. }));
        for _ in 0..3 {
            let (response, out) = server.udp(&octets);
            assert_eq!(response, Response::Ignored(Dropped::Rate));
            assert!(out.is_empty());
        }
        assert!(server.counts("dropped_total{reason=\"rate\"} 3"));
        assert!(server.counts(&format!("limited_total{{class=\"{class}\",action=\"dropped\"}} 3")));
    }
}

#[test]
fn a_connection_is_not_limited() {
    let mut server = TestServer::limited(once(0));
    for (octets, rcode, ..) in kinds().into_iter().cycle().take(100) {
        let (response, out) = server.ask(&octets, Transport::Tcp);
        assert!(matches!(response, Response::Sent { rcode: sent, .. } if sent == rcode));
        assert_eq!(out[2] & 2, 0);
    }
    assert!(server.counts("dropped_total{reason=\"rate\"} 0"));
}

#[test]
fn a_dry_run_answers_everything_and_counts_what_it_would_have_limited() {
    let mut server = TestServer::limited(Rrl { dry_run: true, ..once(0) });
    let whole = server.udp(&query(7)).1;
    for _ in 0..9 {
        assert_eq!(server.udp(&query(7)).1, whole);
    }
    assert!(server.counts("limited_total{class=\"answer\",action=\"dry-run\"} 9"));
    assert!(server.counts("queries_total{transport=\"udp\",qtype=\"A\",rcode=\"NOERROR\"} 10"));
}

#[test]
fn what_gets_no_answer_anyway_is_not_charged() {
    let mut server = TestServer::limited(once(0));
    for _ in 0..10 {
        server.udp(&with_flags(query(7), 0x80));
        server.udp(b"short");
    }
    assert!(matches!(server.udp(&query(7)).0, Response::Sent { .. }));
}

#[test]
fn a_denied_network_is_refused_whatever_it_sends() {
    for (plain, _, _, slipped) in kinds() {
        for octets in [plain.clone(), with_opt(plain.clone(), 0), with_opt(plain.clone(), 1)] {
            for transport in Transport::ALL {
                let (response, out) = TestServer::denying("192.0.2.0/24").ask(&octets, transport);
                let Response::Sent { rcode, .. } = response else { panic!("{response:?}") };
                assert_eq!((rcode, out[3]), (Rcode::Refused, 5), "{octets:?}");
                assert_eq!(out[2] & 0x7c, octets[2] & 0x78, "the opcode, and no authority");
                assert_eq!(out[6..10], [0; 4]);
                if slipped == Rcode::FormErr {
                    assert_eq!(out.len(), HEADER);
                } else if octets.len() > plain.len() {
                    // EDE 18 with its words at the end of the OPT record.
                    assert!(
                        out.ends_with(b"\x00\x12this client may not query this server"),
                        "{out:?}"
                    );
                } else {
                    assert_eq!(out.len(), octets.len());
                }
            }
        }
    }
}

#[test]
fn a_denied_network_s_response_gets_no_answer() {
    // Two servers that refuse each other's refusals would never end.
    let mut server = TestServer::denying("192.0.2.0/24");
    let response = with_flags(query(7), 0x84);
    assert_eq!(server.udp(&response).0, Response::Ignored(Dropped::Response));
}

#[test]
fn refusals_to_a_denied_network_are_limited_too() {
    let mut server = TestServer::denying("192.0.2.0/24");
    Arc::make_mut(&mut server.snapshot.rules).rrl = once(0);
    assert!(matches!(server.udp(&query(7)).0, Response::Sent { .. }));
    assert_eq!(server.udp(&query(7)).0, Response::Ignored(Dropped::Rate));
}

/// A query whose OPT record holds a cookie.
fn with_cookie(query: Vec<u8>, cookie: &[u8]) -> Vec<u8> {
    let mut query = with_opt(query, 0);
    let len = u8::try_from(cookie.len()).unwrap();
    query.truncate(query.len() - 2);
    query.extend([0, len + 4, 0, 10, 0, len]);
    query.extend(cookie);
    query
}

#[test]
fn a_valid_cookie_is_never_limited_and_a_limited_answer_brings_one() {
    let mut server = TestServer::limited(once(1));
    let stranger = with_cookie(query(7), b"a client");
    server.udp(&stranger);
    let (_, slipped) = server.udp(&stranger);
    assert_eq!(slipped[2] & 0x82, 0x82, "TC");
    let cookie = &slipped[slipped.len() - 24..];
    assert_eq!(&cookie[..8], b"a client");
    for _ in 0..5 {
        let (_, out) = server.udp(&with_cookie(query(7), cookie));
        assert_eq!((out[2] & 2, out[7]), (0, 1), "answered in full");
    }
    let mut forged = cookie.to_vec();
    forged[23] ^= 1;
    let (_, out) = server.udp(&with_cookie(query(7), &forged));
    assert_eq!(out[2] & 2, 2, "limited as if there were none");
}
