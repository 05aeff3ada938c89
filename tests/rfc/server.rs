//! One server for all tests: the whole program within this one, on an address of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use livezone::config::Config;
use livezone::metrics::Metrics;
use livezone::server::notify::Supervisor;
use livezone::server::{Options, run};

use crate::query::ask;
use crate::support::server::TestServer;
use crate::support::time::SOON;
use crate::zones;

static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(start);

/// Where the server answers, over UDP and TCP.
pub(crate) fn address() -> SocketAddr {
    *ADDRESS
}

fn start() -> SocketAddr {
    let server = TestServer::below(&folder());
    zones::write(&server);
    let mut config = Config {
        zones_dir: server.path().join("zones"),
        state_dir: server.path().join("state"),
        shutdown_grace: Duration::ZERO,
        ..Config::default()
    };
    config.dns.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.dns.workers = 2;
    config.http.listen = None;
    let (tell, told) = mpsc::channel();
    let started = Box::new(move |addresses: &livezone::server::Addresses| {
        tell.send(addresses.dns[0]).unwrap();
    });
    let reload = Box::new(|| Err("these tests read nothing again".to_owned()));
    let supervisor = Supervisor::default();
    let metrics = Metrics::new("0");
    let options =
        Options { config, metrics, ready_file: None, reload, supervisor, started: Some(started) };
    thread::spawn(move || {
        let ended = run(options);
        drop(server);
        // A signal, which means the tests too; or no start, which `recv_timeout` tells.
        eprintln!("the server has ended: {ended:?}");
        end();
    });
    let address = told.recv_timeout(SOON).expect("the server starts");
    // The first round of checks is over when `down` is known to be down.
    while ask("down.service.internal", "A").udp_at(address).rcode() == "SERVFAIL" {
        thread::yield_now();
    }
    address
}

#[expect(clippy::exit, reason = "what a signal ends is the tests")]
fn end() -> ! {
    std::process::exit(1)
}

/// A folder of this process below cargo's own for tests. Statics are never dropped: each run takes
/// away what the ones before have left.
fn folder() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rfc");
    fs::create_dir_all(&all).unwrap();
    for entry in fs::read_dir(&all).unwrap().flatten() {
        if !Path::new("/proc").join(entry.file_name()).exists() {
            // Another run may be taking it away too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let own = all.join(std::process::id().to_string());
    fs::create_dir_all(&own).unwrap();
    own
}
