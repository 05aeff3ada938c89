//! What is measured and printed, not asserted. Each alone, on a machine with nothing else to do:
//!
//! ```text
//! cargo test --release --test server -- --ignored --nocapture --test-threads=1 measurements
//! ```
#![expect(clippy::print_stdout, reason = "its output")]

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::support::backend::Backend;
use crate::support::server::{Server, TestServer};
use crate::support::time::{SOON, Stopwatch, becomes, eventually, pause};

const RUNS: u8 = 12;

#[test]
#[ignore = "a measurement"]
fn convergence_with_default_settings() {
    convergence("http = \"/\"\n", Duration::from_secs(10));
}

#[test]
#[ignore = "a measurement"]
fn convergence_with_an_interval_of_one_second() {
    convergence("http = \"/\"\ninterval = \"1s\"\n", Duration::from_secs(1));
}

/// Kills backends of one instance each at random points of their interval.
fn convergence(check: &str, interval: Duration) {
    let mut backends = Backend::several(RUNS);
    let server = TestServer::new();
    for (n, backend) in backends.iter().enumerate() {
        let service = format!("[[service]]\nname = \"s{n}\"\n[[service.check]]\n{check}");
        server.put(&format!("s{n}.toml"), &(service + &backend.instance(&format!("s{n}-1"))));
    }
    let server = server.start();
    // The second round is spread over the interval.
    pause(interval * 2);
    let gone = |(n, backend): (usize, &mut Backend)| {
        pause(interval.mul_f64(fastrand::f64()));
        let watch = Stopwatch::start();
        backend.kill();
        eventually("gone", SOON, || {
            let seen = server.addresses(&format!("s{n}"));
            if seen.is_empty() { Ok(()) } else { Err(seen) }
        });
        watch.elapsed()
    };
    let mut took: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> =
            backends.iter_mut().enumerate().map(|run| scope.spawn(|| gone(run))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    took.sort();
    println!(
        "interval {interval:?}: killed to gone from the answers, {RUNS} runs: min {:?}, median \
         {:?}, max {:?}",
        took[0],
        took[took.len() / 2],
        took[took.len() - 1]
    );
}

#[test]
#[ignore = "a measurement"]
fn memory_of_ten_thousand_instances() {
    let everywhere = Backend::start_at(SocketAddr::new("0.0.0.0".parse().unwrap(), 0));
    let port = everywhere.address.port();
    let empty = rss_kib(&TestServer::new().start());
    println!("nothing registered: {empty} KiB");
    for (kind, check) in
        [("without checks", ""), ("with an HTTP check each", "[[service.check]]\nhttp = \"/\"\n")]
    {
        let server = TestServer::new();
        for service in 0..100 {
            let mut text = format!("[[service]]\nname = \"s{service}\"\nport = {port}\n{check}");
            for instance in 0..100 {
                let address = format!("127.9.{service}.{}", instance + 1);
                let _ = writeln!(text, "[[service.instance]]\naddress = \"{address}\"");
            }
            server.put(&format!("s{service}.toml"), &text);
        }
        let watch = Stopwatch::start();
        let server = server.start();
        let ready = watch.elapsed();
        let at_start = rss_kib(&server);
        if !check.is_empty() {
            becomes("all passing", SOON, &"10000".to_owned(), || {
                server.metric("livezone_instances", &["passing"]).to_string()
            });
            pause(Duration::from_secs(25));
        }
        println!(
            "10,000 instances {kind}: ready after {ready:?}, {at_start} KiB then, {} KiB later; \
             {} passing",
            rss_kib(&server),
            server.metric("livezone_instances", &["passing"])
        );
    }
}

/// 10,000 services of ten unchecked instances with two tags each, in 100 files.
#[test]
#[ignore = "a measurement"]
fn memory_and_cold_start_of_a_hundred_thousand_instances() {
    let server = TestServer::new();
    for file in 0..100 {
        let mut text = String::new();
        for service in (0..100).map(|n| file * 100 + n) {
            let _ = writeln!(text, "[[service]]\nname = \"s{service}\"\nport = 80");
            for n in (0..10).map(|n| service * 10 + n) {
                let address = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
                let _ = writeln!(text, "[[service.instance]]\naddress = \"{address}\"");
                let _ = writeln!(text, "tags = [\"v{}\", \"all\"]", n % 2);
            }
        }
        server.put(&format!("f{file}.toml"), &text);
    }
    let watch = Stopwatch::start();
    let server = server.start();
    assert_eq!(server.addresses("s9999").len(), 10);
    let answered = watch.elapsed();
    println!("100,000 instances: first answer after {answered:?}, {} KiB then", rss_kib(&server));
    let watch = Stopwatch::start();
    let one = fs::read_to_string(server.setup.zone().join("f99.toml")).unwrap();
    server.setup.put("f99.toml", &one.replacen("\"10.1.130.184\"", "\"10.200.0.1\"", 1));
    becomes("one address", SOON, &1, || server.addresses("0ac80001.addr").len());
    println!("one of 1,000 in a file changed: served after {:?}", watch.elapsed());
    println!("{} KiB then", rss_kib(&server));
}

/// 20,000 services of ten instances, in one file of each thousand services, three times.
#[test]
#[ignore = "a measurement"]
fn memory_of_two_hundred_thousand_instances_is_given_back() {
    let server = TestServer::new().start();
    let instances = || server.metric("livezone_instances", &["unchecked"]).to_string();
    println!("nothing registered: {} KiB", rss_kib(&server));
    for _ in 0..3 {
        for file in 0..20 {
            let mut text = String::new();
            for service in (0..1_000).map(|n| file * 1_000 + n) {
                let _ = writeln!(text, "[[service]]\nname = \"s{service}\"\nport = 80");
                for n in (0..10).map(|n| service * 10 + n) {
                    let address = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
                    let _ = writeln!(text, "[[service.instance]]\naddress = \"{address}\"");
                }
            }
            server.setup.put(&format!("f{file}.toml"), &text);
        }
        becomes("all there", SOON * 6, &"200000".to_owned(), instances);
        // Longer than between two looks at how many there are.
        pause(Duration::from_secs(12));
        let peak = rss_kib(&server);
        (0..20).for_each(|file| {
            fs::remove_file(server.setup.zone().join(format!("f{file}.toml"))).unwrap();
        });
        becomes("none there", SOON * 6, &"0".to_owned(), instances);
        let (before, watch) = (rss_kib(&server), Stopwatch::start());
        eventually("given back", SOON * 3, || {
            let now = rss_kib(&server);
            if now < peak / 2 { Ok(()) } else { Err(now) }
        });
        println!(
            "200,000 instances: {peak} KiB; gone: {before} KiB, after {:?} {} KiB",
            watch.elapsed(),
            rss_kib(&server)
        );
        pause(Duration::from_secs(35));
        println!("after the second time: {} KiB", rss_kib(&server));
    }
}

fn rss_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
