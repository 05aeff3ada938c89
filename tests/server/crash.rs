//! kill -9 in the middle of writes: what was acknowledged is there after a restart, and the write
//! that had no answer yet is there as a whole or not at all. Of heartbeats, which are saved each
//! second, the last few seconds' may be lost. A hundred rounds, a few minutes:
//!
//! ```text
//! cargo test --release --test server -- --ignored --exact --nocapture crash::a_hundred_kills
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::kept::Kept;
use crate::support::server::{Server, TestServer};
use crate::support::time::{Stopwatch, eventually};

const WRITERS: usize = 8;
/// Ids of each writer.
const IDS: usize = 25;
const NAMES: u32 = 4;
/// A heartbeat is on disk after this time, also on a machine with other work.
const SAVED: Duration = Duration::from_secs(5);

#[test]
fn what_was_acknowledged_survives_kill_9_whole() {
    rounds(5, 1_000);
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_kills() {
    rounds(100, 10_000);
}

/// Kills the server so often, each time after at most so many writes.
fn rounds(rounds: usize, writes: usize) {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut server = TestServer::new().start_logging_to_file();
    let mut writers: Vec<_> = (0..WRITERS).map(|n| Writer::new(n, random.fork())).collect();
    for round in 0..rounds {
        let (acknowledged, kill_after) = (AtomicUsize::new(0), random.usize(1..writes));
        thread::scope(|scope| {
            for writer in &mut writers {
                let client = Kept::connect(server.http());
                scope.spawn(|| writer.write(client, &acknowledged));
            }
            eventually("writes", Duration::from_secs(60), || {
                let count = acknowledged.load(Ordering::Relaxed);
                if count >= kill_after { Ok(()) } else { Err((count, kill_after)) }
            });
            server.process.signal(Signal::SIGKILL);
        });
        server = server.restart(Signal::SIGKILL);
        let shown = Shown::of(&server);
        for writer in &mut writers {
            writer.compare(&server, &shown, &format!("seed {seed}, round {round}"));
        }
    }
}

/// What a writer has registered under an id. All that is written of a version names it.
#[derive(Clone, Debug)]
struct Held {
    version: u32,
    /// By id; the first is registered with the service, the other beside it.
    checks: BTreeMap<String, Check>,
}

#[derive(Clone, Debug)]
struct Check {
    version: u32,
    /// Status and output since the check was registered.
    said: Vec<(Stopwatch, String, String)>,
}

impl Held {
    /// Registers a check; one that is there keeps what it says.
    fn put(&mut self, id: String, version: u32) {
        self.checks.entry(id).or_insert_with(|| Check::new(version)).version = version;
    }
}

impl Check {
    fn new(version: u32) -> Self {
        Self { version, said: vec![(Stopwatch::start(), "critical".to_owned(), String::new())] }
    }

    /// It is that of another service now, and what it says is saved anew.
    fn move_on(&mut self) {
        let (_, status, words) = self.said.last().unwrap().clone();
        self.said.extend([
            (Stopwatch::start(), "critical".to_owned(), String::new()),
            (Stopwatch::start(), status, words),
        ]);
    }

    /// Whether it may show this after a restart.
    fn may_show(&self, status: &Value, output: &Value) -> bool {
        let saved = self.said.iter().rposition(|(when, ..)| when.elapsed() > SAVED);
        let possible = &self.said[saved.unwrap_or(0)..];
        // What was up is suspect after a restart, and suspect is shown as passing.
        let is = |of: &str| status == if of == "critical" { of } else { "passing" };
        possible.iter().any(|(_, of, words)| is(of) && output == words)
    }
}

/// What the server says over HTTP.
#[derive(Debug)]
struct Shown {
    services: Value,
    checks: Value,
}

impl Shown {
    fn of(server: &Server) -> Self {
        let [services, checks] =
            ["services", "checks"].map(|what| server.get(&format!("/v1/agent/{what}")).json());
        Self { services, checks }
    }

    /// For messages.
    fn of_id(&self, id: &str) -> Value {
        let checks = self.checks.as_object().unwrap().values();
        let checks: Vec<_> = checks.filter(|check| check["ServiceID"] == id).collect();
        json!([self.services[id], checks])
    }

    /// Whether it is this as a whole, and nothing else.
    fn is(&self, id: &str, held: Option<&Held>) -> bool {
        let service = &self.services[id];
        let checks: BTreeMap<_, _> = self.checks.as_object().unwrap().iter().collect();
        let mut of = checks.values().filter(|check| check["ServiceID"] == id);
        let Some(Held { version, checks }) = held else {
            return service.is_null() && of.next().is_none();
        };
        let wanted = registration(id, *version);
        let service_is =
            ["Address", "Port", "Tags", "Meta"].iter().all(|&key| service[key] == wanted[key])
                && service["Service"] == wanted["Name"];
        let checks_are = checks.iter().all(|(id, check)| {
            let shown = &self.checks[id];
            shown["Notes"] == json!(check.version.to_string())
                && check.may_show(&shown["Status"], &shown["Output"])
        });
        service_is && checks_are && of.count() == checks.len()
    }
}

fn name(version: u32) -> String {
    format!("s{}", version % NAMES)
}

fn address(version: u32) -> IpAddr {
    let [_, a, b, c] = version.to_be_bytes();
    IpAddr::from([10, a, b, c])
}

fn registration(id: &str, version: u32) -> Value {
    json!({
        "ID": id, "Name": name(version), "Address": address(version), "Port": version % 60_000 + 1,
        "Tags": [format!("v{version}")], "Meta": { "version": version.to_string() },
        "Check": { "CheckID": format!("{id}-own"), "TTL": "1h", "Notes": version.to_string() },
    })
}

/// A client whose ids are its own.
#[derive(Debug)]
struct Writer {
    random: fastrand::Rng,
    ids: Vec<String>,
    version: u32,
    held: BTreeMap<String, Held>,
    /// What had no answer, and what would be held if it was done.
    in_flight: Option<(String, Option<Held>)>,
}

/// A request, the status of its answer, and what is held then.
#[derive(Debug)]
struct Next {
    path: String,
    body: String,
    status: u16,
    held: Option<Held>,
}

impl Writer {
    fn new(number: usize, random: fastrand::Rng) -> Self {
        let ids = (0..IDS).map(|n| format!("w{number}-{n}")).collect();
        Self { random, ids, version: 0, held: BTreeMap::new(), in_flight: None }
    }

    /// Writes until the server is gone.
    fn write(&mut self, mut client: Kept, acknowledged: &AtomicUsize) {
        loop {
            let id = self.ids[self.random.usize(..self.ids.len())].clone();
            let Next { path, body, status, held } = self.next(&id);
            self.in_flight = Some((id.clone(), held.clone()));
            let Some(answer) = client.put(&format!("/v1/agent/{path}"), &body) else { return };
            assert_eq!(answer.0, status, "{path} {body}: {}", answer.1);
            self.in_flight = None;
            self.settle(id, held);
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn settle(&mut self, id: String, held: Option<Held>) {
        match held {
            Some(held) => drop(self.held.insert(id, held)),
            None => drop(self.held.remove(&id)),
        }
    }

    /// The next write to an id.
    fn next(&mut self, id: &str) -> Next {
        self.version += 1;
        let (version, mut held) = (self.version, self.held.get(id).cloned());
        let (own, beside) = (format!("{id}-own"), format!("{id}-beside"));
        let (path, body, done) = match self.random.u8(..12) {
            0..4 => {
                let new = || Held { version, checks: BTreeMap::new() };
                let held = held.get_or_insert_with(new);
                if name(held.version) != name(version) {
                    held.checks.values_mut().for_each(Check::move_on);
                }
                held.version = version;
                held.put(own, version);
                ("service/register".to_owned(), registration(id, version).to_string(), true)
            }
            4 => (format!("service/deregister/{id}"), String::new(), held.take().is_some()),
            5..7 => {
                let done = held.as_mut().map(|held| held.put(beside.clone(), version)).is_some();
                let body = json!({
                    "ID": beside, "Name": beside, "ServiceID": id, "TTL": "1h",
                    "Notes": version.to_string(),
                });
                ("check/register".to_owned(), body.to_string(), done)
            }
            7 => {
                let done = held.as_mut().and_then(|held| held.checks.remove(&beside)).is_some();
                (format!("check/deregister/{beside}"), String::new(), done)
            }
            chosen => {
                let check = if chosen % 2 == 0 { own } else { beside };
                let words = [("pass", "passing"), ("warn", "warning"), ("fail", "critical")];
                let (word, status) = words[self.random.usize(..words.len())];
                let (now, note) = (Stopwatch::start(), version.to_string());
                let path = format!("check/{word}/{check}?note={note}");
                let told = held.as_mut().and_then(|held| held.checks.get_mut(&check));
                let done = told.map(|check| check.said.push((now, status.into(), note))).is_some();
                (path, String::new(), done)
            }
        };
        Next { path, body, status: if done { 200 } else { 404 }, held }
    }

    /// Wants what it holds, the write in flight done or not.
    fn compare(&mut self, server: &Server, shown: &Shown, round: &str) {
        if let Some((id, done)) = self.in_flight.take()
            && !shown.is(&id, self.held.get(&id))
        {
            self.settle(id, done);
        }
        for id in &self.ids {
            let held = self.held.get(id);
            assert!(shown.is(id, held), "{round}: {id}: {held:#?}, not {:#?}", shown.of_id(id));
            for n in 0..NAMES {
                let wanted = held.filter(|held| held.version % NAMES == n);
                let wanted: BTreeSet<_> =
                    wanted.map(|held| address(held.version)).into_iter().collect();
                assert_eq!(server.addresses(&format!("{id}.s{n}")), wanted, "{round}: {id}.s{n}");
            }
        }
        for (id, check) in self.held.values_mut().flat_map(|held| &mut held.checks) {
            let text = |key: &str| shown.checks[id][key].as_str().unwrap().to_owned();
            check.said = vec![(Stopwatch::start(), text("Status"), text("Output"))];
        }
    }
}
