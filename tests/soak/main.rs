//! A server under mixed good and hostile traffic while everything behind it changes.
//! `tests/soak/run` starts it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests; they see the program from outside its clock"
)]

mod asker;
mod backends;
mod changes;
mod fleet;
mod hostile;
mod judge;
mod tally;
mod unread;

#[path = "../fuzz/rules/edns.rs"]
mod edns;
#[path = "../fuzz/rules/message.rs"]
mod message;
#[path = "../fuzz/rules/reply.rs"]
mod reply;
#[expect(dead_code, reason = "these tests need a part of what all share")]
#[path = "../support/mod.rs"]
mod support;

use std::env;
use std::fs;
use std::io::PipeReader;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::backends::Backend;
use crate::fleet::Service;
use crate::judge::{STATIC_FILE, STATIC_ZONE, ZONE};
use crate::support::server::{Process, TestServer, addresses, livezone, put};
use crate::support::time::{SOON, eventually};
use crate::support::{http, pipe};
use crate::tally::{Gauge, Tally, dropped_datagrams};

/// How long the traffic lasts.
const SECONDS: &str = "LIVEZONE_SOAK_SECONDS";
/// The parts to run, by their names in [`PARTS`] with commas between them, where not all.
const ONLY: &str = "LIVEZONE_SOAK_ONLY";
/// The program, where it is not this build's.
const SERVER: &str = "LIVEZONE_SOAK_SERVER";
/// Set: the log is a pipe that is full and that nobody reads.
const UNREAD: &str = "LIVEZONE_SOAK_UNREAD";

const SERVICES: u8 = 100;
/// Questions a second of each asker: two cores are enough for both sides.
const RATE: u32 = 400;
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// Memory may grow by so much after the warm-up: a twentieth and a MiB.
const RSS_SLACK_KIB: u64 = 1024;
/// Checks in flight hold a descriptor each.
const DESCRIPTORS_SLACK: usize = 40;
/// Threads that read files come and go.
const THREADS_SLACK: u64 = 4;

type Part = fn(&Soak, u64);
/// Who does what, all at once.
const PARTS: [(&str, Part); 7] = [
    ("udp", asker::over_udp),
    ("udp", asker::over_udp),
    ("tcp", asker::over_tcp),
    ("mangled", hostile::mangled),
    ("streams", hostile::streams),
    ("health", changes::health),
    ("files", changes::files),
];

/// What all threads share.
struct Soak {
    server: TestServer,
    process: Process,
    dns: SocketAddr,
    http: SocketAddr,
    services: Vec<Service>,
    /// Of each service, by instance.
    backends: Vec<Vec<Backend>>,
    tally: Tally,
    rate: u32,
    /// Of a log that nobody reads.
    unread: Option<PipeReader>,
}

#[test]
#[ignore = "minutes of load: tests/soak/run"]
fn soak() {
    let seconds = env::var(SECONDS).map_or(60, |text| text.parse().expect("seconds"));
    let length = Duration::from_secs(seconds);
    let mut soak = start();
    thread::sleep(changes::REST);
    let before = soak.gauge();
    println!("before: {before:?}; {} s of traffic follow", length.as_secs());
    let samples = run(&soak, length);
    changes::mend(&soak);
    thread::sleep(changes::REST);
    let after = soak.gauge();
    println!("after: {after:?}");
    soak.conclude(&samples, before, after);
    soak.process.signal(Signal::SIGTERM);
    assert_eq!(soak.process.exit_code(), Some(0), "it ends when it is told to");
}

fn start() -> Soak {
    let server = TestServer::new();
    let now = Instant::now();
    let (mut services, mut backends) = (Vec::new(), Vec::new());
    for n in 0..SERVICES {
        let (controls, ports): (Vec<_>, Vec<_>) =
            backends::start(&fleet::addresses(n)).into_iter().unzip();
        services.push(Service::new(n, &ports, now));
        backends.push(controls);
    }
    let zones = server.path().join("zones");
    for service in &services {
        put(&zones.join(ZONE).join(format!("{}.toml", service.name)), &service.text());
    }
    put(&zones.join(STATIC_ZONE).join("static.zone"), STATIC_FILE);
    let mut command = match env::var_os(SERVER) {
        Some(program) => Command::new(program),
        None => livezone(),
    };
    command.current_dir(server.path()).args(["serve", "--config", "livezone.toml"]);
    command.args(["--zones", "zones", "--state", "state", "--ready-file", "ready"]);
    command.args(["--dns", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let (process, unread) = if env::var_os(UNREAD).is_some() {
        server.configure(unread::CONFIGURATION);
        let (reader, log, _) = pipe::full();
        (Process::logging_to(log, command), Some(reader))
    } else {
        (Process::start(command), None)
    };
    let ready = eventually("the ready file", SOON, || {
        fs::read_to_string(server.path().join("ready")).map_err(|_| process.log())
    });
    let (dns, http) = (addresses(&ready, "dns")[0], addresses(&ready, "http")[0]);
    let tally = Tally::default();
    Soak { server, process, dns, http, services, backends, tally, rate: RATE, unread }
}

/// Everything at once for that long; a sample a second of the server's process.
fn run(soak: &Soak, length: Duration) -> Vec<Gauge> {
    let only = env::var(ONLY).ok();
    let chosen = |name: &str| only.as_ref().is_none_or(|only| only.split(',').any(|n| n == name));
    let mut samples = Vec::new();
    thread::scope(|scope| {
        let noise: Part = unread::noise;
        let noise = soak.unread.is_some().then_some(("noise", noise));
        let parts = PARTS.into_iter().chain(noise);
        for (seed, (_, part)) in (1..).zip(parts).filter(|(_, (name, _))| chosen(name)) {
            scope.spawn(move || {
                part(soak, seed);
                // One that has failed would leave the others alone for the rest of the time.
                assert!(!soak.tally.goes_on(), "a part has ended early");
            });
        }
        let begin = Instant::now();
        let mut shown = Duration::ZERO;
        while begin.elapsed() < length {
            thread::sleep(Duration::from_secs(1));
            let Some(gauge) = Gauge::of(soak.process.id()) else { break };
            samples.push(gauge);
            if begin.elapsed() >= shown + PROGRESS {
                shown += PROGRESS;
                let Gauge { rss, threads, descriptors } = gauge;
                println!(
                    "{:>5} s: rss {rss} KiB, {threads} threads, {descriptors} descriptors; {}",
                    shown.as_secs(),
                    soak.tally.line()
                );
            }
        }
        soak.tally.stop();
    });
    samples
}

impl Soak {
    fn gauge(&self) -> Gauge {
        Gauge::of(self.process.id()).expect("the server lives")
    }

    /// Prints the sum and fails when any of it is not as it must be.
    fn conclude(&self, samples: &[Gauge], before: Gauge, after: Gauge) {
        let dropped = dropped_datagrams(self.dns.port());
        let panics =
            http::metric(self.http, "livezone_dns_panics_total", &[]).expect("panics are counted");
        let ready = http::get(self.http, "/health/ready").map(|response| response.status);
        let (usual, last) = memory(samples);
        println!("sum: {}", self.tally.line());
        let (dead, bound) = (self.tally.longest_dead(), fleet::DETECTION);
        println!("a dead instance was served for {dead:?} at most; promised are {bound:?}");
        println!("rss: at most {usual} KiB in the second third, {last} KiB in the last");
        let lines = http::metric(self.http, "livezone_log_dropped_total", &[]);
        let lines = lines.expect("lost lines are counted");
        println!("{lines} lines of the log were lost");
        assert_eq!(lines >= 1.0, self.unread.is_some(), "lines are lost where nobody reads");
        println!("the kernel dropped {dropped} datagrams; {panics} panics; ready: {ready:?}");
        assert_eq!(self.tally.complaints(), [""; 0], "wrong answers");
        let asked = self.tally.count("udp") > 0 && self.tally.count("tcp") > 0;
        assert!(asked || env::var_os(ONLY).is_some(), "nobody asked");
        let lost = self.tally.count("unanswered");
        assert!(lost <= dropped, "{lost} queries were lost, {dropped} of them by the kernel");
        assert_eq!(ready, Some(200));
        assert!(panics.abs() < f64::EPSILON, "{panics} panics");
        assert!(last <= usual + usual / 20 + RSS_SLACK_KIB, "memory grows");
        let descriptors = before.descriptors + DESCRIPTORS_SLACK;
        assert!(after.descriptors <= descriptors, "descriptors leak: {before:?}, {after:?}");
        assert!(after.threads <= before.threads + THREADS_SLACK, "threads leak");
        self.all_are_back();
    }

    /// Once all is mended, every instance is served.
    fn all_are_back(&self) {
        for service in &self.services {
            let asked = Instant::now();
            let name = format!("{}.{ZONE}.", service.name);
            let reply = support::dns::udp(self.dns, &name, hickory_proto::rr::RecordType::A);
            let verdict = judge::Question::Addresses(service).judge(&reply, asked, &self.tally);
            assert_eq!(verdict, Ok(()), "{name}");
            assert_eq!(reply.answers.len(), service.instances.len(), "{name}");
        }
    }
}

/// The most in the second third, after the warm-up, and the most in the last.
fn memory(samples: &[Gauge]) -> (u64, u64) {
    let warm = &samples[samples.len() / 3..];
    let (first, second) = warm.split_at(warm.len() / 2);
    let most = |samples: &[Gauge]| samples.iter().map(|gauge| gauge.rss).max().unwrap_or_default();
    (most(first), most(second))
}
