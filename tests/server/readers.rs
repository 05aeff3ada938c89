//! What readers of the whole state cost the answers: a hundred thousand instances, and four readers
//! of `/v1/livezone/services` who take 50 MB/s in all. Measured and printed, not asserted; takes half
//! a minute, alone on a machine:
//!
//! ```text
//! cargo test --release --test server -- --ignored --exact --nocapture readers::answers_beside_readers
//! ```

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::change::{client, exchange, show};
use crate::support::server::TestServer;
use crate::support::time::{SOON, Stopwatch, pause};

const SERVICES: usize = 10_000;
const EACH: usize = 10;
const READERS: u32 = 4;
/// Octets a second of all readers together.
const RATE: u32 = 50_000_000;
/// What a reader takes at once.
const CHUNK: u32 = 64 * 1024;
const SLICES: u32 = 30;
const SLICE: Duration = Duration::from_secs(1);
/// From answer to question.
const PAUSE: Duration = Duration::from_micros(200);

/// What the threads tell each other.
#[derive(Debug, Default)]
struct Phase {
    /// Readers read only while this is set.
    reading: AtomicBool,
    over: AtomicBool,
    octets: AtomicU64,
}

#[test]
#[ignore = "a measurement"]
fn answers_beside_readers() {
    let server = TestServer::new();
    for file in 0..100 {
        let services = (0..SERVICES).filter(|service| service % 100 == file);
        server.put(&format!("f{file}.toml"), &services.map(service).collect::<String>());
    }
    let server = server.start();
    let (dns, http) = (server.dns, server.http());
    let phase = Phase::default();
    let [quiet, beside] = thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| read(http, &phase));
        }
        let asking = scope.spawn(|| ask(dns, &phase));
        for slice in 0..SLICES {
            phase.reading.store(slice % 2 == 1, Ordering::Relaxed);
            pause(SLICE);
        }
        phase.over.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    let megabytes = phase.octets.load(Ordering::Relaxed) / 1_000_000;
    let seconds = SLICE.as_secs() * u64::from(SLICES / 2);
    show(&format!("answers without readers (who took {} MB/s)", megabytes / seconds), quiet);
    show("answers beside readers", beside);
}

fn service(number: usize) -> String {
    let mut text = format!("[[service]]\nname = \"s{number}\"\nport = 80\n");
    for n in (0..EACH).map(|place| number * EACH + place) {
        let address = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
        let _ = writeln!(text, "[[service.instance]]\naddress = \"{address}\"");
    }
    text
}

/// Asks one question after the other; how long each answer took, without and beside readers.
fn ask(dns: SocketAddr, phase: &Phase) -> [Vec<Duration>; 2] {
    let (socket, mut took) = (client(dns), [const { Vec::new() }; 2]);
    while !phase.over.load(Ordering::Relaxed) {
        let beside = phase.reading.load(Ordering::Relaxed);
        let watch = Stopwatch::start();
        exchange(&socket, fastrand::usize(..SERVICES));
        took[usize::from(beside)].push(watch.elapsed());
        pause(PAUSE);
    }
    took
}

/// Reads the whole state again and again, never faster than its share of the rate.
fn read(http: SocketAddr, phase: &Phase) {
    let each = Duration::from_secs(1) * CHUNK * READERS / RATE;
    let mut chunk = vec![0; usize::try_from(CHUNK).unwrap()];
    while !phase.over.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(http).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        write!(stream, "GET /v1/livezone/services HTTP/1.0\r\nHost: {http}\r\n\r\n").unwrap();
        while !phase.over.load(Ordering::Relaxed) {
            if !phase.reading.load(Ordering::Relaxed) {
                pause(Duration::from_millis(5));
                continue;
            }
            let watch = Stopwatch::start();
            // Whoever reads slowly is sent away one day, and comes again.
            let Ok(octets @ 1..) = stream.read(&mut chunk) else { break };
            let octets = u32::try_from(octets).unwrap();
            phase.octets.fetch_add(u64::from(octets), Ordering::Relaxed);
            let due = each.mul_f64(f64::from(octets) / f64::from(CHUNK));
            pause(due.saturating_sub(watch.elapsed()));
        }
    }
}
