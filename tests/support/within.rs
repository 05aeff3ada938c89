//! One server for all tests of a binary: the whole program within this process, which ends with it.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use livezone::config::Config;
use livezone::metrics::Metrics;
use livezone::server::notify::Supervisor;
use livezone::server::{Addresses, Options, run};
use livezone::store::open::Recover;

use crate::support::server::TestServer;
use crate::support::time::SOON;

/// Serves what `write` puts in the zones directory, until the process ends; where it answers, over
/// UDP and TCP. `name` is of the folder below cargo's own for tests.
pub(crate) fn start(name: &str, write: fn(&TestServer)) -> SocketAddr {
    let server = TestServer::below(&folder(name));
    write(&server);
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
    let started = Box::new(move |addresses: &Addresses| tell.send(addresses.dns[0]).unwrap());
    let reload = Box::new(|| Err("these tests read nothing again".to_owned()));
    let supervisor = Supervisor::default();
    let metrics = Metrics::new("0");
    let options = Options {
        config,
        metrics,
        ready_file: None,
        reload,
        recover: Recover::No,
        supervisor,
        started: Some(started),
    };
    thread::spawn(move || {
        let ended = run(options);
        drop(server);
        // A signal, which means the tests too; or no start, which `recv_timeout` tells.
        let _ = writeln!(io::stderr(), "the server has ended: {ended:?}");
        end();
    });
    told.recv_timeout(SOON).expect("the server starts")
}

#[expect(clippy::exit, reason = "what a signal ends is the tests")]
fn end() -> ! {
    std::process::exit(1)
}

/// A folder of this process. Statics are never dropped: each run takes away what the ones before
/// have left.
fn folder(name: &str) -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
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
