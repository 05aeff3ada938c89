//! How many registrations a second the whole server takes over HTTP, and how long it then takes to
//! start with all of them. Measured and printed, not asserted; takes a minute, alone on a machine:
//!
//! ```text
//! cargo test --release --test server -- --ignored --exact --nocapture registering::a_hundred_thousand
//! ```

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::change::show;
use crate::kept::Kept;
use crate::support::server::{Server, TestServer};
use crate::support::time::{SOON, Stopwatch, becomes};

const INSTANCES: u32 = 100_000;
const SERVICES: u32 = 10_000;
/// Connections, each of which waits for an answer before it asks again.
const CLIENTS: u32 = 64;
const SLICES: u32 = 10;

#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand() {
    // Below the build: /tmp may be memory, which syncs nothing.
    let mut server =
        TestServer::below(env!("CARGO_TARGET_TMPDIR").as_ref()).start_logging_to_file();
    let mut all = Vec::new();
    for slice in 0..SLICES {
        let each = INSTANCES / SLICES;
        let (took, waited) = register(&server, slice * each..(slice + 1) * each);
        let rate = f64::from(each) / took.as_secs_f64();
        println!("{each} registrations with {} there: {rate:.0} a second", slice * each);
        all.extend(waited);
    }
    show("from request to answer", all);
    let (took, _) = register(&server, 0..INSTANCES);
    println!("the same again: {:.0} a second", f64::from(INSTANCES) / took.as_secs_f64());
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let Server { mut process, setup, .. } = server;
        process.signal(signal);
        process.exit_code();
        let watch = Stopwatch::start();
        server = setup.start();
        becomes("the last instance", SOON, &1, || {
            server.addresses(&format!("web-{}.s{}", INSTANCES - 1, SERVICES - 1)).len()
        });
        println!(
            "after {signal}, answers for {INSTANCES} instances {:?} after the start",
            watch.elapsed()
        );
    }
}

/// Registers these instances; how long that took, and each of them.
fn register(server: &Server, range: std::ops::Range<u32>) -> (Duration, Vec<Duration>) {
    let next = AtomicU32::new(range.start);
    let watch = Stopwatch::start();
    let client = || {
        let mut client = Kept::connect(server.http());
        let mut waited = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= range.end {
                return waited;
            }
            let watch = Stopwatch::start();
            let answer = client.put("/v1/agent/service/register", &body(n));
            assert_eq!(answer, Some((200, String::new())), "{n}");
            waited.push(watch.elapsed());
        }
    };
    let waited = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    (watch.elapsed(), waited)
}

/// As large as one of a usual client.
fn body(n: u32) -> String {
    let address = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
    let check = json!({ "TTL": "1h", "Status": "passing", "DeregisterCriticalServiceAfter": "2h" });
    json!({
        "ID": format!("web-{n}"), "Name": format!("s{}", n % SERVICES), "Tags": ["v1", "http"],
        "Address": address, "Port": 8080, "Meta": { "version": "1.2.3", "zone": "eu-1a" },
        "Check": check,
    })
    .to_string()
}
