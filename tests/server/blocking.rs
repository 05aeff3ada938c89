//! Readers that wait for a change of what they read.

use std::thread;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::http;
use crate::support::server::Server;

/// A registration with a heartbeat that is never due.
fn register(server: &Server, name: &str) {
    let check = json!({ "TTL": "1h", "Status": "passing" });
    let body = json!({ "Name": name, "Address": "10.0.0.1", "Port": 80, "Check": check });
    assert_eq!(server.put("/v1/agent/service/register", &body.to_string()).status, 200);
}

fn index_of(server: &Server, path: &str) -> u64 {
    let answer = server.get(path);
    answer.header("X-Consul-Index").unwrap().parse().unwrap()
}

#[test]
fn whoever_waits_for_a_service_is_told_of_its_change_and_nobody_else_is() {
    let server = Server::with("empty.toml", "");
    for name in ["web", "db"] {
        register(&server, name);
    }
    let (web, db) = ("/v1/health/service/web", "/v1/health/service/db");
    let (of_web, of_db) = (index_of(&server, web), index_of(&server, db));
    let address = server.http();
    let wait = |path: &str, index: u64, wait: &str| {
        let path = format!("{path}?passing&index={index}&wait={wait}");
        thread::spawn(move || http::get(address, &path).unwrap())
    };
    let watchers: Vec<_> = (0..100).map(|_| wait(web, of_web, "10m")).collect();
    let other = wait(db, of_db, "3s");
    // One that changes nothing wakes nobody.
    assert_eq!(server.put("/v1/agent/check/pass/service:web", "").status, 200);
    assert_eq!(server.put("/v1/agent/check/fail/service:web", "").status, 200);
    for watcher in watchers {
        let answer = watcher.join().unwrap();
        let index: u64 = answer.header("X-Consul-Index").unwrap().parse().unwrap();
        assert!(index > of_web);
        assert_eq!((answer.status, &*answer.body), (200, "[]"));
    }
    let other = other.join().unwrap();
    assert_eq!(other.header("X-Consul-Index").unwrap(), of_db.to_string(), "its time was over");
    assert_eq!(other.json().as_array().unwrap().len(), 1);
}

#[test]
fn after_a_restart_every_watcher_wakes_once_with_a_larger_index() {
    let server = Server::with("empty.toml", "");
    register(&server, "web");
    let before = index_of(&server, "/v1/health/service/web");
    let server = server.restart(Signal::SIGKILL);
    let path = format!("/v1/health/service/web?index={before}&wait=10m");
    assert!(index_of(&server, &path) > before, "long before its time is over");
}
