//! How large messages may be.

use std::fmt::Write as _;

use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;

use crate::support::dns;
use crate::support::server::TestServer;

/// Short, or two hundred would not fit: targets of SRV are not compressed (RFC 2782).
const NAME: &str = "web.svc.test.";

/// Asks for SRV over UDP, by a resolver that takes so many octets.
fn ask(server: std::net::SocketAddr, offered: u16) -> (usize, Message) {
    let mut question = dns::plain_question(NAME, RecordType::SRV);
    let mut edns = Edns::new();
    edns.set_max_payload(offered);
    question.set_edns(edns);
    let octets = dns::udp_octets(server, &question.to_vec().unwrap()).expect("an answer");
    (octets.len(), Message::from_vec(&octets).unwrap())
}

#[test]
fn two_hundred_srv_records_reach_a_client_that_has_no_tcp() {
    let mut text = "[[service]]\nname = \"web\"\nport = 80\n".to_owned();
    for n in 1..=200 {
        writeln!(text, "[[service.instance]]\nid = \"p{n}\"\naddress = \"10.0.1.{n}\"").unwrap();
    }
    let server = TestServer::new();
    server.put_in("svc.test", "web.toml", &text);
    let server = server.start();
    let (length, cut) = ask(server.dns, 8192);
    assert!(length <= 1232 && cut.metadata.truncation, "the default");

    server.setup.configure("[dns]\nudp_max_size = 65535\n");
    let server = server.restart(Signal::SIGINT);
    let (length, whole) = ask(server.dns, 8192);
    assert!((4097..=8192).contains(&length) && !whole.metadata.truncation, "{length}");
    assert_eq!(whole.answers.len(), 200);
    assert_eq!(whole.edns.unwrap().max_payload(), 4096, "what we can receive");
    let (length, cut) = ask(server.dns, 1232);
    assert!(length <= 1232 && cut.metadata.truncation, "who takes less gets less");
    let (_, largest) = ask(server.dns, u16::MAX);
    assert_eq!((largest.answers.len(), largest.additionals.len()), (200, 200));
    assert!(server.metric("livezone_dns_dropped_total", &["send"]) < 0.5);
}
