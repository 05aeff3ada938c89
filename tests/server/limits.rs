//! Response rate limiting as an asker and an operator see it.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;

use crate::support::dns;
use crate::support::server::{Server, TestServer};
use crate::support::time::{SOON, eventually};

const WEB: &str = "[[service]]\nname = \"web\"\n[[service.instance]]\naddress = \"10.0.1.50\"\n";
const NAME: &str = "web.service.internal.";
const LIMITED: &str = "livezone_dns_limited_total";

fn start(rrl: &str) -> Server {
    let server = TestServer::with("web.toml", WEB);
    server.configure(&format!("[rrl]\n{rrl}"));
    server.start()
}

/// Asks without waiting long: what is dropped stays away.
fn flood(server: &Server, count: usize) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.dns).unwrap();
    let octets = dns::question(NAME, RecordType::A).to_vec().unwrap();
    for _ in 0..count {
        socket.send(&octets).unwrap();
    }
}

fn until(server: &Server, count: f64, labels: &[&str]) {
    eventually(&format!("{labels:?} {count}"), SOON, || {
        let seen = server.metric(LIMITED, labels);
        if seen >= count { Ok(()) } else { Err(seen) }
    });
}

#[test]
fn who_asks_too_much_is_sent_to_tcp_and_served_there() {
    let server = start("responses_per_second = 1\nexempt = []\n");
    // One answer a second at most: the second or third is limited, however slow the machine.
    let slipped = eventually("a slip", SOON, || {
        let reply = server.ask("web", RecordType::A);
        if reply.metadata.truncation { Ok(reply) } else { Err(reply.answers) }
    });
    assert!(dns::is_nodata(&slipped) && slipped.authorities.is_empty(), "{slipped}");
    assert!(slipped.edns.is_some() && slipped.queries.len() == 1);
    for _ in 0..5 {
        let whole = dns::tcp(server.dns, NAME, RecordType::A);
        assert!(!whole.metadata.truncation);
        assert_eq!(dns::addresses(&whole), dns::ips(&["10.0.1.50"]));
    }
    assert!(server.metric(LIMITED, &["answer", "slipped"]) >= 1.0);
    // Another class has a share of its own.
    let unknown = server.ask("nothing", RecordType::A);
    assert_eq!(unknown.metadata.response_code, ResponseCode::NXDomain);

    let line = server.process.wait_for_log(&["WARN", "responses are rate limited"]);
    for field in ["prefix=127.0.0.1/32", "class=\"answer\"", "answers=1", "dry_run=false"] {
        assert!(line.contains(field), "{field} in {line}");
    }
    // Nobody asks any more, and still the end is told.
    server.process.wait_for_log(&["INFO", "responses are no longer rate limited", "127.0.0.1/32"]);
}

#[test]
fn a_flood_is_dropped_counted_and_told_in_few_lines() {
    let server = start("responses_per_second = 10\nslip = 0\nexempt = []\n");
    for _ in 0..20 {
        flood(&server, 100);
    }
    until(&server, 100.0, &["answer", "dropped"]);
    assert!(server.metric("livezone_dns_dropped_total", &["rate"]) >= 100.0);
    let whole = dns::tcp(server.dns, NAME, RecordType::A);
    assert_eq!(whole.answers.len(), 1);
    server.process.wait_for_log(&["responses are no longer rate limited"]);
    assert_eq!(server.process.lines_with(&["responses are rate limited"]).len(), 1);
}

#[test]
fn loopback_is_exempt_until_the_list_is_written() {
    let server = start("responses_per_second = 1\n");
    for _ in 0..20 {
        assert!(!server.ask("web", RecordType::A).metadata.truncation);
    }
    assert!(server.metric(LIMITED, &[]) < 0.5);

    server.setup.configure("[rrl]\nresponses_per_second = 1\nexempt = [\"10.0.0.0/8\"]\n");
    server.process.signal(Signal::SIGHUP);
    eventually("a slip", SOON, || {
        let reply = server.ask("web", RecordType::A);
        if reply.metadata.truncation { Ok(()) } else { Err(reply.answers) }
    });

    server.setup.configure("[rrl]\nresponses_per_second = 0\nexempt = []\n");
    server.process.signal(Signal::SIGHUP);
    eventually("no limit", SOON, || {
        let replies: Vec<Message> = (0..20).map(|_| server.ask("web", RecordType::A)).collect();
        if replies.iter().any(|reply| reply.metadata.truncation) { Err(()) } else { Ok(()) }
    });
}

#[test]
fn a_dry_run_answers_everything_and_says_what_it_would_have_limited() {
    let server = start("responses_per_second = 1\nslip = 0\nexempt = []\ndry_run = true\n");
    let asked = 30;
    for _ in 0..asked {
        assert_eq!(server.addresses("web"), dns::ips(&["10.0.1.50"]));
    }
    until(&server, 1.0, &["answer", "dry-run"]);
    assert!(server.metric("livezone_dns_dropped_total", &["rate"]) < 0.5);
    let line = server.process.wait_for_log(&["responses are rate limited"]);
    assert!(line.contains("dry_run=true"), "{line}");
}

#[test]
fn the_limits_of_tcp_follow_a_reload() {
    let server = TestServer::with("web.toml", WEB);
    let server = server.start();
    let octets = dns::question(NAME, RecordType::A).to_vec().unwrap();
    let asked = || {
        let mut stream = TcpStream::connect(server.dns).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
            .write_all(&[&[0, u8::try_from(octets.len()).unwrap()], &octets[..]].concat())
            .unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        stream.read_exact(&mut vec![0; usize::from(u16::from_be_bytes(length))]).unwrap();
        stream
    };
    let (first, _second) = (asked(), asked());
    first.set_nonblocking(true).unwrap();
    let still = (&first).read(&mut [0]).unwrap_err();
    assert_eq!(still.kind(), ErrorKind::WouldBlock, "twenty are let in");

    server.setup.configure("[dns.tcp]\nmax_per_client = 1\n");
    server.process.signal(Signal::SIGHUP);
    eventually("the first is closed", SOON, || {
        let _another = asked();
        match (&first).read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(()),
            Ok(_) | Err(_) => Ok(()),
        }
    });
}
