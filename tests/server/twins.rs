//! Two servers on the same files, as two `nameserver` lines name them.
#![expect(clippy::print_stdout, reason = "what was measured")]

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::symlink;
use std::time::Duration;

use crate::support::backend::Backend;
use crate::support::dns::ips;
use crate::support::server::{Server, TestServer};
use crate::support::time::{SOON, Stopwatch, eventually};

/// What scheduling may add on a machine with other work.
const SLACK: Duration = Duration::from_secs(3);
const CHECK: &str =
    "http = \"/\"\ninterval = \"500ms\"\ntimeout = \"300ms\"\nfast_interval = \"100ms\"\n";
/// The interval, three timeouts and two fast intervals.
const DETECTION: Duration = Duration::from_millis(500 + 3 * 300 + 2 * 100);

fn web(backends: &[Backend]) -> String {
    let mut text = format!("[[service]]\nname = \"web\"\n[[service.check]]\n{CHECK}");
    for backend in backends {
        text += &backend.instance(&format!("web-{}", backend.address.port()));
    }
    text
}

/// Two servers with ports and a state of their own, over the zones of the first.
fn twins(text: &str) -> [Server; 2] {
    let (one, other) = (TestServer::with("web.toml", text), TestServer::new());
    let link = other.path().join("zones");
    fs::remove_dir_all(&link).unwrap();
    symlink(one.path().join("zones"), link).unwrap();
    [one.start(), other.start()]
}

/// Waits until both answer with `wanted`, and tells how far apart they came to it.
fn agree(what: &str, servers: &[Server; 2], wanted: &[&str]) {
    let wanted: BTreeSet<IpAddr> = ips(wanted);
    let watch = Stopwatch::start();
    let mut reached = [None, None];
    eventually(what, SOON, || {
        let seen = servers.each_ref().map(|server| server.addresses("web"));
        for (when, seen) in reached.iter_mut().zip(&seen) {
            // Having come to it, none goes back.
            assert!(when.is_none() || *seen == wanted, "{what}: {seen:?}");
            if when.is_none() && *seen == wanted {
                *when = Some(watch.elapsed());
            }
        }
        if reached.iter().all(Option::is_some) { Ok(()) } else { Err(seen) }
    });
    let [Some(one), Some(other)] = reached else { panic!("both have come to it") };
    println!("{what}: {one:?} and {other:?}");
    assert!(one.abs_diff(other) <= DETECTION + SLACK, "{what}: {reached:?}");
}

#[test]
fn two_servers_on_the_same_files_answer_alike_within_one_detection_time() {
    let mut backends = Backend::several(3);
    let servers = twins(&web(&backends));
    agree("all", &servers, &["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
    backends[0].kill();
    agree("one is killed", &servers, &["127.0.0.3", "127.0.0.4"]);
    backends[1].stop();
    agree("one hangs", &servers, &["127.0.0.4"]);
    backends[0].restart();
    backends[1].go_on();
    agree("both are back", &servers, &["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
    servers[0].setup.put("web.toml", &web(&backends[..2]));
    agree("the file is edited", &servers, &["127.0.0.2", "127.0.0.3"]);
}
