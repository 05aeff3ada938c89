use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::health::checks::Runner;
use crate::health::checks::connect::{Route, open};
use crate::health::checks::tests::{
    answering, closed_port, header, http_check, probe, server, tcp_check,
};
use crate::model::check::{CheckTarget, HttpCheck, Probe, Protocol, Question, Sources};
use crate::model::health::Finding;
use crate::model::name::Name;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A probe of a host at the port of `address`.
fn at(host: &str, protocol: Protocol, address: SocketAddr) -> Probe {
    let name = Name::parse_host(host).unwrap();
    let target = CheckTarget::Host { name, port: address.port() };
    Probe { question: Question::Network(protocol.clone(), target), ..probe(protocol, address) }
}

fn to(addresses: &[SocketAddr]) -> Route<'_> {
    Route { addresses, sources: Sources::default(), limit: Duration::from_millis(600) }
}

#[tokio::test]
async fn a_host_is_asked_where_its_name_leads() {
    let target = server(drop);
    let outcome = Runner::new().run(&at("localhost", tcp_check(None), target)).await;
    assert_eq!((outcome.finding, &*outcome.reason), (Finding::Pass, "connected"));
    let outcome = Runner::new().run(&at("localhost", tcp_check(None), closed_port())).await;
    assert_eq!((outcome.finding, &*outcome.reason), (Finding::Fail, "connection refused"));
}

#[tokio::test]
async fn the_name_is_the_host_of_the_request_unless_the_url_has_one() {
    let (target, requests) = answering(OK);
    let ask = |check: HttpCheck| at("localhost", Protocol::Http(Arc::new(check)), target);
    Runner::new().run(&ask(http_check())).await;
    let own = format!("localhost:{}", target.port());
    assert_eq!(header(&requests.recv().unwrap(), "host"), Some(&*own));
    let written = HttpCheck { host: Some("a.example".into()), ..http_check() };
    Runner::new().run(&ask(written)).await;
    assert_eq!(header(&requests.recv().unwrap(), "host"), Some("a.example"));
}

#[tokio::test]
async fn a_name_that_nobody_has_never_passes() {
    let outcome = Runner::new().run(&at("nobody.invalid", tcp_check(None), closed_port())).await;
    assert!(matches!(outcome.finding, Finding::Fail | Finding::Nothing), "{outcome:?}");
    assert!(outcome.reason.starts_with("nobody.invalid: "), "{outcome:?}");
}

#[tokio::test]
async fn the_first_address_that_takes_the_connection_is_the_one_asked() {
    let target = server(drop);
    let stream = open(to(&[closed_port(), target, closed_port()])).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), target);
}

#[tokio::test]
async fn when_no_address_takes_it_a_failure_says_more_than_no_evidence() {
    // Our own kernel refuses to connect to a broadcast address.
    let unroutable = SocketAddr::from((Ipv4Addr::BROADCAST, 80));
    let ours = open(to(&[unroutable, unroutable])).await.unwrap_err();
    assert_eq!(ours.finding, Finding::Nothing, "{ours:?}");
    for order in [[unroutable, closed_port()], [closed_port(), unroutable]] {
        let outcome = open(to(&order)).await.unwrap_err();
        assert_eq!((outcome.finding, &*outcome.reason), (Finding::Fail, "connection refused"));
    }
    assert_eq!(open(to(&[])).await.unwrap_err().finding, Finding::Nothing);
}
