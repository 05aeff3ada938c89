//! Cookies of a running server, over reloads.

use std::net::SocketAddr;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use nix::sys::signal::Signal;

use crate::support::dns;
use crate::support::server::{Server, TestServer, livezone};
use crate::support::time::{SOON, becomes};

const OLD: &str = "dd3bdf9344b678b185a6f5cb60fca715";
const NEW: &str = "445536bcd2513298075a5d379663c962";
const CLIENT: &[u8] = b"abcdefgh";

/// What the server makes of a cookie that is asked for alone: the rcode and the cookie.
fn exchange(server: SocketAddr, cookie: &[u8]) -> (u16, Vec<u8>) {
    let len = u8::try_from(cookie.len()).unwrap();
    let mut packet = b"\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01".to_vec();
    packet.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00");
    packet.extend([len + 4, 0, 10, 0, len]);
    packet.extend(cookie);
    let reply = Message::from_vec(&dns::udp_octets(server, &packet).unwrap()).unwrap();
    let Some(EdnsOption::Unknown(_, cookie)) =
        reply.edns.as_ref().unwrap().option(EdnsCode::Cookie)
    else {
        panic!("no cookie: {reply}")
    };
    (reply.metadata.response_code.into(), cookie.clone())
}

fn reload(server: &Server, configuration: &str) {
    server.setup.configure(configuration);
    server.process.signal(Signal::SIGHUP);
}

#[test]
fn a_drawn_secret_is_kept_over_reloads_and_differs_between_servers() {
    let server = TestServer::new().start();
    let (rcode, cookie) = exchange(server.dns, CLIENT);
    assert_eq!((rcode, cookie.len()), (0, 24));
    reload(&server, "[dns]\nudp_max_size = 1400\n");
    server.process.wait_for_log(&["configuration reloaded"]);
    assert_eq!(exchange(server.dns, &cookie).0, 0);
    assert_eq!(exchange(TestServer::new().start().dns, &cookie).0, 23);
}

#[test]
fn a_secret_is_rolled_over_in_three_steps_without_a_cookie_being_lost() {
    let server = TestServer::new();
    server.configure(&format!("[cookies]\nsecret = \"{OLD}\"\n"));
    let server = server.start();
    let (_, made_with_old) = exchange(server.dns, CLIENT);

    reload(&server, &format!("[cookies]\nsecret = \"{NEW}\"\nprevious = [\"{OLD}\"]\n"));
    let renewed = || exchange(server.dns, &made_with_old).1 != made_with_old;
    becomes("made with the new secret", SOON, &true, renewed);
    let (rcode, made_with_new) = exchange(server.dns, &made_with_old);
    assert_eq!(rcode, 0);

    reload(&server, &format!("[cookies]\nsecret = \"{NEW}\"\n"));
    becomes("the old secret is gone", SOON, &23, || exchange(server.dns, &made_with_old).0);
    assert_eq!(exchange(server.dns, &made_with_new), (0, made_with_new.clone()));

    // A server that is a step behind believes it too.
    let server = TestServer::new();
    server.configure(&format!("[cookies]\nsecret = \"{OLD}\"\nprevious = [\"{NEW}\"]\n"));
    assert_eq!(exchange(server.start().dns, &made_with_new).0, 0);
}

#[test]
fn a_secret_stands_in_no_line_of_the_log() {
    let server = TestServer::new();
    server.configure(&format!("[cookies]\nsecret = \"{OLD}\"\n[log]\nlevel = \"trace\"\n"));
    let server = server.start();
    exchange(server.dns, CLIENT);
    reload(&server, &format!("[cookies]\nsecret = \"{NEW}0\"\nprevious = \"{OLD}\"\n"));
    server.process.wait_for_log(&["configuration rejected"]);
    let checked = livezone().current_dir(server.setup.path()).arg("check").output().unwrap();
    let output = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
    assert!(output.contains("invalid secret"), "{output}");
    let log = server.process.log().join("\n") + &output;
    for secret in [OLD, NEW] {
        assert!(!log.contains(&secret[..8]) && !log.contains(&secret[24..]), "{log}");
    }
}
