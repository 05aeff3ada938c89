//! What is registered over HTTP survives, whatever happens to the process and to its disk.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::needs;
use crate::support::server::{Server, TestServer};
use crate::support::time::SOON;

/// Registers a service without checks; the status of the answer, and its text.
fn register(server: &Server, name: &str, address: &str) -> (u16, String) {
    let body = format!(r#"{{"Name": "{name}", "Address": "{address}", "Port": 80}}"#);
    let (to, length) = (server.http(), body.len());
    let mut stream = TcpStream::connect_timeout(&to, SOON).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let path = "/v1/agent/service/register";
    write!(stream, "PUT {path} HTTP/1.0\r\nHost: {to}\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn registered(server: &Server, name: &str, address: &str) {
    assert_eq!(register(server, name, address).0, 200);
    assert_eq!(server.addresses(name), [address.parse().unwrap()].into(), "seen at once");
}

#[test]
fn what_was_registered_is_served_after_kill_9() {
    let server = TestServer::new().start();
    registered(&server, "web", "10.0.0.1");
    registered(&server, "api", "10.0.0.2");
    registered(&server, "web", "10.0.0.3");
    let server = server.restart(Signal::SIGKILL);
    server.answers("web", &["10.0.0.3"]);
    server.answers("api", &["10.0.0.2"]);
}

#[test]
fn a_damaged_store_is_told_kept_and_recovered_from_its_export() {
    let mut fixture = TestServer::new();
    fixture.arguments.push("--recover-store".to_owned());
    let state = fixture.path().join("state");
    let server = fixture.start();
    registered(&server, "web", "10.0.0.1");
    let server = server.restart(Signal::SIGINT);
    fs::write(state.join("registrations.redb"), "no database").unwrap();
    let server = server.restart(Signal::SIGKILL);
    server.process.wait_for_log(&["registrations.damaged-1"]);
    assert!(!server.get("/health/ready").body.contains("api:state"));
    server.answers("web", &["10.0.0.1"]);
    assert_eq!(fs::read_to_string(state.join("registrations.damaged-1")).unwrap(), "no database");
}

#[test]
fn a_damaged_store_is_an_error_wherever_errors_are_shown() {
    let fixture = TestServer::new();
    let state = fixture.path().join("state");
    let server = fixture.start();
    registered(&server, "web", "10.0.0.1");
    let server = server.restart(Signal::SIGINT);
    fs::write(state.join("registrations.redb"), "no database").unwrap();
    let server = server.restart(Signal::SIGKILL);
    let ready = server.get("/health/ready").body;
    assert!(ready.contains("api:state") && ready.contains("--recover-store"), "{ready}");
    assert!(server.metric("livezone_source_errors", &["api"]) > 0.0);
}

#[test]
fn a_full_disk_refuses_registrations_with_507_and_costs_no_answers() {
    let test = "a_full_disk_refuses_registrations_with_507_and_costs_no_answers";
    if !needs::programs(test, &["prlimit"]) {
        return;
    }
    let server = TestServer::new().start();
    registered(&server, "web", "10.0.0.1");
    // Writing beyond this size fails as on a full disk.
    let limit = |octets: &str| {
        let id = server.process.id().to_string();
        let mut set = Command::new("prlimit");
        set.args(["--pid", &id, &format!("--fsize={octets}:unlimited")]);
        assert!(set.status().unwrap().success());
    };
    limit("512");
    let (status, words) = register(&server, "api", "10.0.0.2");
    assert_eq!(status, 507, "{words}");
    assert!(words.contains("registrations.redb") && words.contains("File too large"), "{words}");
    server.answers("web", &["10.0.0.1"]);
    limit("unlimited");
    registered(&server, "db", "10.0.0.3");
    let server = server.restart(Signal::SIGKILL);
    server.answers("db", &["10.0.0.3"]);
    server.answers("api", &[]);
}
