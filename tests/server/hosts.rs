//! Host, as a browser that was led here by a name of its own (DNS rebinding) sends it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use nix::sys::signal::Signal;

use crate::support::server::{Server, TestServer, livezone};
use crate::support::time::{SOON, becomes};

const SERVICES: &str = "/v1/livezone/services";

/// The status and the body of what comes for these octets, the last of their connection.
fn raw(server: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The same with these lines of a header.
fn status(server: SocketAddr, path: &str, header: &str) -> u16 {
    raw(server, &format!("GET {path} HTTP/1.1\r\n{header}Connection: close\r\n\r\n")).0
}

#[test]
fn the_api_is_for_those_who_know_it_by_address_or_as_localhost() {
    let server = TestServer::new().start();
    let http = server.http();
    for (header, expected) in [
        (format!("Host: {http}\r\n"), 200),
        ("Host: 127.0.0.1\r\n".to_owned(), 200),
        ("host:\t127.0.0.1:0 \t\r\n".to_owned(), 200),
        ("HOST: LOCALHOST.:1\r\n".to_owned(), 200),
        ("Host: [::1]:8500\r\n".to_owned(), 200),
        ("Host: 192.0.2.7\r\n".to_owned(), 200),
        ("Host: evil.example\r\n".to_owned(), 421),
        (format!("Host: evil.example:{}\r\n", http.port()), 421),
        ("Host: localhost.evil\r\n".to_owned(), 421),
        ("Host: 127.0.0.1.evil\r\n".to_owned(), 421),
        ("Host: 127.1\r\n".to_owned(), 421),
        ("Host: 2130706433\r\n".to_owned(), 421),
        ("Host:\r\n".to_owned(), 421),
        (String::new(), 400),
        ("Host: localhost\r\nHost: localhost\r\n".to_owned(), 400),
        ("Host: localhost\r\nX-A: b\r\nhost: evil.example\r\n".to_owned(), 400),
        ("Host: me@localhost\r\n".to_owned(), 400),
        ("Host: local\thost\r\n".to_owned(), 400),
        ("Host: ::1\r\n".to_owned(), 400),
        ("Host : localhost\r\n".to_owned(), 400),
    ] {
        assert_eq!(status(http, SERVICES, &header), expected, "{header:?}");
    }
    let absolute = |host: &str| status(http, &format!("http://{host}{SERVICES}"), "Host: a\r\n");
    assert_eq!((absolute("127.0.0.1"), absolute("evil.example")), (200, 421));
    let (status, body) = raw(http, &format!("GET {SERVICES} HTTP/1.0\r\n\r\n"));
    assert_eq!(status, 400);
    assert!(body.contains("Host"), "{body}");
    let foreign = "GET /none HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let (status, body) = raw(http, foreign);
    assert_eq!(status, 421, "whether a path is there is told to nobody else");
    assert!(body.contains("[http] hosts"), "{body}");
}

#[test]
fn health_and_metrics_take_any_one_host_on_both_addresses() {
    let server = TestServer::new();
    server.configure("[http]\nobserve = \"127.0.0.1:0\"\n");
    let server = server.start();
    let ready = std::fs::read_to_string(server.setup.path().join("ready")).unwrap();
    let observe = crate::support::server::addresses(&ready, "observe")[0];
    for address in [server.http(), observe] {
        for path in ["/health/live", "/health/ready", "/metrics"] {
            assert_eq!(status(address, path, "Host: pod-7.example\r\n"), 200, "{path}");
            assert_eq!(status(address, path, ""), 400, "{path}");
            assert_eq!(status(address, path, "Host: a\r\nHost: a\r\n"), 400, "{path}");
            let old = raw(address, &format!("GET {path} HTTP/1.0\r\n\r\n"));
            assert_eq!(old.0, 200, "{path}");
        }
    }
}

#[test]
fn names_are_configured_and_read_again() {
    let server = TestServer::new();
    server.configure("[http]\nhosts = [\"livezone.example.com\"]\n");
    let server = server.start();
    let ask = |name: &str| status(server.http(), SERVICES, &format!("Host: {name}\r\n"));
    assert_eq!(ask("LiveZone.example.com.:80"), 200);
    assert_eq!((ask("example.com"), ask("other")), (421, 421));
    server.setup.configure("[http]\nhosts = [\"other\"]\n");
    server.process.signal(Signal::SIGHUP);
    becomes("the other name", SOON, &(421, 200), || (ask("livezone.example.com"), ask("other")));
    assert!(server.process.lines_with(&["needs a restart"]).is_empty());
}

#[test]
fn status_may_ask_by_address_or_as_localhost() {
    let server: Server = TestServer::new().start();
    for host in ["localhost", "127.0.0.1"] {
        let at = format!("{host}:{}", server.http().port());
        let output = livezone().args(["status", "--http", &at]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}
