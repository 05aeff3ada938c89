//! A hundred thousand instances and a thousand changes of health a second: how long until a change
//! is served, and what it does to the answers that are given meanwhile. Measured and printed, not
//! asserted; takes a minute, alone on a machine:
//!
//! ```text
//! cargo test --release --test server -- --ignored --exact --nocapture change::a_thousand_changes_a_second
//! ```
//!
//! A thousand of the instances are checked over HTTP each second, by a backend that says now well and
//! now ill. Slices take turns: it keeps its word, it changes it at each check, and it changes it and
//! somebody asks until that is served. What answers take is measured in the first two, side by side:
//! who asks without a pause is a load of its own.
#![expect(clippy::print_stdout, reason = "what was measured")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::support::server::{Server, TestServer};
use crate::support::time::{SOON, Stopwatch, becomes, pause};

const SERVICES: usize = 10_000;
const EACH: usize = 10;
/// The first instance of so many services is checked.
const CHECKED: usize = 1000;
const SLICES: usize = 60;
const SLICE: Duration = Duration::from_secs(1);
/// From answer to question: five thousand a second at most.
const PAUSE: Duration = Duration::from_micros(200);
/// Every so-manieth change is watched until it is served.
const FEW: usize = 20;

const CHECK: &str = "[[service.instance.check]]\nhttp = \"/\"\ninterval = \"1s\"\n\
     fast_interval = \"1s\"\ntimeout = \"1s\"\nfailures_before_critical = 1\n\
     success_before_passing = 1\n";

#[test]
#[ignore = "a measurement"]
fn a_thousand_changes_a_second() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = TestServer::new();
    for file in 0..100 {
        let services = (0..SERVICES).filter(|service| service % 100 == file);
        server
            .put(&format!("f{file}.toml"), &services.map(|s| service(s, port)).collect::<String>());
    }
    let phase: &'static Phase = Box::leak(Box::default());
    let (tell, told) = sync_channel(64);
    // Ends with the process.
    thread::spawn(move || backend(&listener, phase, &tell));
    // Who reads a line for each change would be a load of its own.
    let server = server.start_logging_to_file();
    becomes("all passing", SOON, &CHECKED.to_string(), || {
        server.metric("livezone_instances", &["passing"]).to_string()
    });
    // The second round is spread over the interval.
    pause(SLICE * 3);
    let dns = server.dns;
    let asking = thread::spawn(move || ask(dns, phase));
    let watching = thread::spawn(move || watch(dns, &told));
    let before = Figures::of(&server);
    for slice in 0..SLICES {
        phase.kind.store(slice % 3, Ordering::Relaxed);
        pause(SLICE);
    }
    phase.kind.store(QUIET, Ordering::Relaxed);
    Figures::of(&server).print(&before);
    phase.over.store(true, Ordering::Relaxed);
    let [quiet, beside, _] = asking.join().unwrap();
    show("answers without changes", quiet);
    show("answers beside changes", beside);
    show("from the backend's word to being served", watching.join().unwrap());
}

/// Nothing changes.
const QUIET: usize = 0;
/// Each check changes its instance, and somebody asks for some of these until they are served.
const WATCHED: usize = 2;

/// What is to be done now.
#[derive(Debug, Default)]
struct Phase {
    kind: AtomicUsize,
    over: AtomicBool,
}

fn service(number: usize, port: u16) -> String {
    let mut text = format!("[[service]]\nname = \"s{number}\"\nport = {port}\n");
    for n in (0..EACH).map(|place| number * EACH + place) {
        let checked = n % EACH == 0 && number < CHECKED;
        let address = if checked {
            format!("127.20.{}.{}", number / 200, number % 200 + 1)
        } else {
            format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255)
        };
        let tags = format!("[\"v{}\", \"all\"]", n % 2);
        let _ = writeln!(text, "[[service.instance]]\naddress = \"{address}\"\ntags = {tags}");
        if checked {
            text.push_str(CHECK);
        }
    }
    text
}

/// A change of health: of whom, to what, and since when.
struct Change {
    service: usize,
    is_well: bool,
    since: Stopwatch,
}

/// Says of each instance that it is well, or not; while there are changes, the other than before.
fn backend(listener: &TcpListener, phase: &Phase, tell: &SyncSender<Change>) {
    let (mut well, mut changes) = ([true; CHECKED], 0usize);
    for mut stream in listener.incoming().map_while(Result::ok) {
        let Ok(SocketAddr::V4(own)) = stream.local_addr() else { continue };
        let [_, _, high, low] = own.ip().octets();
        let service = usize::from(high) * 200 + usize::from(low) - 1;
        if stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {
            let kind = phase.kind.load(Ordering::Relaxed);
            let changes_now = kind != QUIET;
            well[service] ^= changes_now;
            let is_well = well[service];
            let status = if is_well { "200 OK" } else { "503 Ill" };
            let since = Stopwatch::start();
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let sent = stream.write_all(head.as_bytes()).is_ok();
            changes += usize::from(changes_now);
            if sent && kind == WATCHED && changes.is_multiple_of(FEW) {
                // When the watcher is behind, it has enough to watch.
                let _ = tell.try_send(Change { service, is_well, since });
            }
        }
    }
}

/// Asks until each change is served; gives how long that took.
fn watch(dns: SocketAddr, told: &Receiver<Change>) -> Vec<Duration> {
    let (socket, mut took) = (client(dns), Vec::new());
    while let Ok(change) = told.recv_timeout(SLICE * 5) {
        let address = [127, 20, change.service / 200, change.service % 200 + 1];
        let address = address.map(|octet| u8::try_from(octet).unwrap());
        let is_served = |answer: &[u8]| answer.windows(4).any(|octets| octets == address);
        while is_served(&exchange(&socket, change.service)) != change.is_well {
            // By then it has changed again.
            if change.since.elapsed() > SLICE / 2 {
                break;
            }
        }
        took.push(change.since.elapsed());
    }
    took
}

/// Asks one question after the other; how long each answer took, by the kind of slice.
fn ask(dns: SocketAddr, phase: &Phase) -> [Vec<Duration>; 3] {
    let (socket, mut took) = (client(dns), [const { Vec::new() }; 3]);
    while !phase.over.load(Ordering::Relaxed) {
        let kind = phase.kind.load(Ordering::Relaxed);
        let watch = Stopwatch::start();
        exchange(&socket, fastrand::usize(..SERVICES));
        took[kind].push(watch.elapsed());
        pause(PAUSE);
    }
    took
}

pub(super) fn client(dns: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((IpAddr::from([127, 0, 0, 1]), 0)).unwrap();
    socket.connect(dns).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}

/// The answer to a question for the addresses of a service.
pub(super) fn exchange(socket: &UdpSocket, service: usize) -> Vec<u8> {
    let mut question = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in [format!("s{service}").as_str(), "service", "internal"] {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend(label.bytes());
    }
    question.extend(b"\0\0\x01\0\x01");
    socket.send(&question).unwrap();
    let mut answer = vec![0; 1232];
    let length = socket.recv(&mut answer).expect("an answer");
    let rcode = answer[3] % 16;
    assert!(length > question.len() && rcode == 0, "NOERROR with records");
    answer.truncate(length);
    answer
}

pub(super) fn show(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 1000];
    let [p50, p90, p99, max] = [500, 900, 990, 1000].map(at);
    println!("{what}: {}, p50 {p50:?}, p90 {p90:?}, p99 {p99:?}, max {max:?}", took.len());
}

/// What the server says of itself, and the kernel of it.
struct Figures {
    changes: f64,
    /// Changes that were served within half a millisecond and within one.
    soon: [f64; 2],
    published: f64,
    ticks: [u64; 2],
    watch: Stopwatch,
}

impl Figures {
    fn of(server: &Server) -> Self {
        let within = |limit: &str| {
            let label = format!("le=\"{limit}\"");
            server.metric("livezone_propagation_seconds_bucket", &[&label])
        };
        let stat = fs::read_to_string(format!("/proc/{}/stat", server.process.id())).unwrap();
        let ticks = |at: usize| stat.split_whitespace().nth(at).unwrap().parse().unwrap();
        Self {
            changes: server.metric("livezone_transitions_total", &[]),
            soon: [within("0.0005"), within("0.001")],
            published: server.metric("livezone_propagation_seconds_count", &[]),
            ticks: [ticks(13), ticks(14)],
            watch: Stopwatch::start(),
        }
    }

    fn print(&self, before: &Self) {
        let seconds = before.watch.elapsed().as_secs_f64() - self.watch.elapsed().as_secs_f64();
        let published = self.published - before.published;
        let [half, one] = [0, 1].map(|n| 100.0 * (self.soon[n] - before.soon[n]) / published);
        println!(
            "{} changes in {:.0} s, a third of them without any; {published} snapshots, {half:.2} % \
             within 0.5 ms of the outcome, {one:.2} % within 1 ms",
            self.changes - before.changes,
            seconds
        );
        let [user, kernel] = [0, 1].map(|n| self.ticks[n] - before.ticks[n]);
        println!("server: {user} ticks in user mode, {kernel} in the kernel");
    }
}
