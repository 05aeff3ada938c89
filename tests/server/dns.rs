//! What comes back over the wire.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};

use crate::support::backend::Backend;
use crate::support::server::{Server, TestServer, addresses};
use crate::support::time::SOON;
use crate::support::{dns, needs};

const WEB: &str = r#"
[[service]]
name = "web"
port = 8080
tags = ["http"]
meta = { version = "1.2.3", owner = "me" }
ttl = "5s"

[[service.instance]]
id = "web-1"
address = "10.0.1.50"
tags = ["v1"]
weights = { passing = 10, warning = 1 }

[[service.instance]]
id = "web-2"
address = "10.0.1.51"
port = 8082
priority = 5
"#;

#[test]
fn dig_shows_what_is_registered() {
    if !needs::programs("dig_shows_what_is_registered", &["dig"]) {
        return;
    }
    let server = Server::with("web.toml", WEB);
    let short = |arguments: &[&str]| {
        let text = dns::dig(server.dns, &[&["+short"], arguments].concat());
        text.lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    let a: BTreeSet<String> = lines(&["10.0.1.50", "10.0.1.51"]);
    assert_eq!(short(&["web.service.internal", "A"]), a);
    assert_eq!(short(&["+tcp", "web.service.internal", "A"]), a);
    assert_eq!(short(&["v1.web.service.internal", "A"]), lines(&["10.0.1.50"]));
    assert_eq!(short(&["web-2.web.service.internal", "A"]), lines(&["10.0.1.51"]));
    assert_eq!(short(&["0a000132.addr.service.internal", "A"]), lines(&["10.0.1.50"]));
    let srv = ["0 10 8080 web-1.web.service.internal.", "5 1 8082 web-2.web.service.internal."];
    assert_eq!(short(&["_web._tcp.service.internal", "SRV"]), lines(&srv));
    assert_eq!(short(&["web.service.internal", "SRV"]), lines(&srv));
    let txt = ["\"owner=me\"", "\"version=1.2.3\""];
    assert_eq!(short(&["web.service.internal", "TXT"]), lines(&txt));
    assert_eq!(short(&["service.internal", "NS"]), lines(&["ns1.service.internal."]));
    assert!(dns::dig(server.dns, &["nothing.service.internal"]).contains("status: NXDOMAIN"));
    assert!(dns::dig(server.dns, &["example.com"]).contains("status: REFUSED"));
}

#[test]
fn negative_answers_carry_the_soa_and_srv_answers_the_targets_addresses() {
    let server = Server::with("web.toml", WEB);
    let soa = |reply: &Message| matches!(reply.authorities[0].data, RData::SOA(_));

    let unknown = server.ask("nothing", RecordType::A);
    assert_eq!(unknown.metadata.response_code, ResponseCode::NXDomain);
    assert!(soa(&unknown) && unknown.metadata.authoritative);
    assert_eq!(unknown.authorities[0].ttl, 3);
    assert_eq!(dns::extended_error(&unknown), None);

    let wrong_type = server.ask("web", RecordType::AAAA);
    assert!(dns::is_nodata(&wrong_type) && soa(&wrong_type));
    assert_eq!(dns::extended_error(&wrong_type), None);

    let above = server.ask("_tcp", RecordType::A);
    assert!(dns::is_nodata(&above) && soa(&above), "{above}");

    let outside = server.ask("example.com.", RecordType::A);
    assert_eq!(outside.metadata.response_code, ResponseCode::Refused);
    assert_eq!(dns::extended_error(&outside).unwrap().0, 20);

    let srv = server.ask("_web._tcp", RecordType::SRV);
    assert_eq!(srv.answers.len(), 2);
    assert!(srv.answers.iter().all(|record| record.ttl == 5));
    let targets = srv.additionals.iter().filter(|r| r.record_type() == RecordType::A);
    assert_eq!(targets.count(), 2, "{srv}");
}

#[test]
fn nothing_healthy_is_nodata_with_the_reason() {
    let mut backends = Backend::several(3);
    let mut text = "[[service]]\nname = \"web\"\n[[service.check]]\nhttp = \"/\"\n".to_owned();
    for (n, backend) in backends.iter_mut().enumerate() {
        backend.kill();
        text += &backend.instance(&format!("web-{n}"));
    }
    let server = Server::with("web.toml", &text);
    let reply = server.ask("web", RecordType::A);
    assert!(dns::is_nodata(&reply), "{reply}");
    let (code, words) = dns::extended_error(&reply).expect("an extended error");
    assert_eq!(code, 0);
    assert!(words.starts_with("web: 0 of 3 healthy: "), "{words}");
    assert!(words.contains("refused"), "{words}");
    // The instance's own name tells where it is, whatever its state.
    assert_eq!(server.addresses("web-1.web"), dns::ips(&["127.0.0.3"]));
}

#[test]
fn both_families_are_served_on_ports_that_the_system_draws() {
    if !needs::ipv6("both_families_are_served_on_ports_that_the_system_draws") {
        return;
    }
    let mut server = TestServer::with("web.toml", WEB);
    server.arguments.extend(["--dns".to_owned(), "[::1]:0".to_owned()]);
    let server = server.start();
    let ready = std::fs::read_to_string(server.setup.path().join("ready")).unwrap();
    let listeners = addresses(&ready, "dns");
    assert_eq!(listeners.len(), 2);
    for listener in listeners {
        let name = "web.service.internal.";
        assert_eq!(dns::udp(listener, name, RecordType::A).answers.len(), 2);
        assert_eq!(dns::tcp(listener, name, RecordType::A).answers.len(), 2);
    }
}

#[test]
fn a_wildcard_listener_answers_from_the_address_that_was_asked() {
    let mut server = TestServer::with("web.toml", WEB);
    server.arguments[1] = "0.0.0.0:0".to_owned();
    let server = server.start();
    for ip in ["127.0.0.1", "127.0.0.9", "127.1.2.3"] {
        // The socket of the question is connected: it takes no answer from another address.
        let address = SocketAddr::new(ip.parse().unwrap(), server.dns.port());
        let reply = dns::udp(address, "web.service.internal.", RecordType::A);
        assert_eq!(reply.answers.len(), 2);
    }
}

#[test]
fn what_udp_cannot_hold_is_whole_over_tcp() {
    let mut text = "[[service]]\nname = \"big\"\nport = 80\n".to_owned();
    for n in 0..400 {
        let (high, low) = (n / 200, n % 200 + 1);
        let _ = writeln!(text, "[[service.instance]]\naddress = \"10.1.{high}.{low}\"");
    }
    let server = Server::with("big.toml", &text);
    let name = "big.service.internal.";

    let octets = dns::plain_question(name, RecordType::A).to_vec().unwrap();
    let reply = dns::udp_octets(server.dns, &octets).unwrap();
    assert!(reply.len() <= 512, "{}", reply.len());
    assert!(Message::from_vec(&reply).unwrap().metadata.truncation);

    let octets = dns::question(name, RecordType::A).to_vec().unwrap();
    let reply = dns::udp_octets(server.dns, &octets).unwrap();
    assert!((1100..=1232).contains(&reply.len()), "{}", reply.len());
    let reply = Message::from_vec(&reply).unwrap();
    assert!(reply.metadata.truncation);
    assert!(reply.answers.len() > 60, "{}", reply.answers.len());

    let whole = dns::tcp(server.dns, name, RecordType::A);
    assert!(!whole.metadata.truncation);
    assert_eq!(dns::addresses(&whole).len(), 400);
    // Over time every instance is in the part that fits.
    let mut seen = BTreeSet::new();
    crate::support::time::eventually("every instance in turn", SOON, || {
        seen.extend(dns::addresses(&dns::udp(server.dns, name, RecordType::A)));
        if seen.len() == 400 { Ok(()) } else { Err(seen.len()) }
    });
}

#[test]
fn the_question_comes_back_as_it_was_spelt() {
    let server = Server::with("web.toml", WEB);
    let asked = dns::question("wEb.SerVice.InTERnal.", RecordType::A).to_vec().unwrap();
    let reply = dns::udp_octets(server.dns, &asked).unwrap();
    let end = b"\x03wEb\x07SerVice\x08InTERnal\x00\x00\x01\x00\x01".len() + 12;
    assert_eq!(asked[12..end], reply[12..end]);
    assert_eq!(Message::from_vec(&reply).unwrap().answers.len(), 2);
}

#[test]
fn one_connection_carries_many_questions() {
    let server = Server::with("web.toml", WEB);
    let mut stream = TcpStream::connect(server.dns).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    for _ in 0..50 {
        let asked = dns::question("web.service.internal.", RecordType::A);
        let reply = dns::tcp_ask(&mut stream, &asked.to_vec().unwrap()).unwrap();
        assert_eq!(reply.metadata.id, asked.metadata.id);
        assert_eq!(reply.answers.len(), 2);
    }
}

#[test]
fn garbage_hurts_nobody() {
    let server = Server::with("web.toml", WEB);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.dns).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let good = dns::question("web.service.internal.", RecordType::A).to_vec().unwrap();
    for _ in 0..2_000 {
        let mut octets = good.clone();
        octets.truncate(random.usize(..=good.len()));
        for _ in 0..random.usize(..6) {
            if let Some(octet) = octets.get_mut(random.usize(..good.len())) {
                *octet = random.u8(..);
            }
        }
        // A full buffer is as good as a lost datagram.
        let _ = socket.send(&octets);
        let _ = socket.recv(&mut [0; 2048]);
    }
    for junk in [&b""[..], b"\0", b"\xff\xff", b"GET / HTTP/1.1\r\n\r\n", &[0; 600]] {
        use std::io::Write as _;
        let mut stream = TcpStream::connect(server.dns).unwrap();
        stream.write_all(junk).unwrap();
    }
    // A response is never answered: two servers would talk for ever.
    let mut response = good;
    response[2] |= 0x80;
    let answered = UdpSocket::bind("127.0.0.1:0").unwrap();
    answered.connect(server.dns).unwrap();
    answered.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    answered.send(&response).unwrap();
    assert!(answered.recv(&mut [0; 512]).is_err());

    assert_eq!(server.addresses("web").len(), 2);
    let tcp = dns::tcp(server.dns, "web.service.internal.", RecordType::A);
    assert_eq!(tcp.answers.len(), 2);
    assert!(server.metric("livezone_dns_dropped_total", &["response"]) > 0.0);
}
