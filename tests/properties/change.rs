//! A hundred thousand checked instances and a thousand changes of health a second: how long until a
//! change is served, and what it does to the answers that are given meanwhile.
//!
//! ```text
//! cargo test --release --test properties change -- --ignored --nocapture
//! ```
#![expect(clippy::print_stdout, reason = "what was measured")]

use std::collections::HashSet;
use std::fmt::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use livezone::config::{Config, zone_toml};
use livezone::engine::turn::{Effects, Event, turn};
use livezone::engine::world::{Settings, World};
use livezone::health::scheduler::CheckId;
use livezone::metrics::Metrics;
use livezone::model::health::{Finding, Outcome};
use livezone::model::name::Name;
use livezone::model::time::{Clock, Instant};
use livezone::server::clock;
use livezone::snapshot::Snapshot;
use livezone::sources::files::native;
use livezone::sources::{Change, Content, FileChange};
use livezone::transport::respond::Context;
use livezone::transport::udp;

const FILES: usize = 100;
const SERVICES: usize = 10_000;
const EACH: usize = 10;
const LENGTH: Duration = Duration::from_secs(20);
/// Outcomes come in such steps. One death in every second step, and each dead well again with its
/// next run, make a thousand changes a second.
const STEP: Duration = Duration::from_millis(1);
/// From answer to question: five thousand a second at most.
const PAUSE: Duration = Duration::from_micros(200);

fn apex() -> Name {
    Name::parse("service.internal").unwrap()
}

fn file(number: usize) -> Change {
    let mut text = String::new();
    for service in (0..SERVICES).filter(|service| service % FILES == number) {
        write!(text, "[[service]]\nname = \"s{service}\"\nport = 80\n[[service.check]]\n").unwrap();
        text.push_str("tcp = true\nsuccess_before_passing = 1\n");
        for n in (0..EACH).map(|place| service * EACH + place) {
            let address = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
            let tags = format!("[\"v{}\", \"all\"]", n % 2);
            write!(text, "[[service.instance]]\naddress = \"{address}\"\ntags = {tags}\n").unwrap();
        }
    }
    let path: Arc<Path> = Path::new(&format!("zones/service.internal/f{number}.toml")).into();
    let (document, diagnostics) = native::parse(Arc::clone(&path), text.into());
    let content = Content::Services(Arc::new(document.expect("it is well written")));
    Change::File(FileChange { zone: apex(), path, content, diagnostics })
}

/// The world, its runs and where it publishes.
struct House {
    world: World,
    current: Arc<ArcSwap<Snapshot>>,
    clock: Clock,
    running: Vec<CheckId>,
    /// Dead, and well again with their next run.
    down: HashSet<CheckId>,
    changes: usize,
}

impl House {
    fn start() -> Self {
        let settings =
            Settings { max_in_flight: SERVICES * EACH, ..Settings::of(&Config::default()) };
        let current = Arc::new(ArcSwap::from_pointee(Snapshot::empty(settings.rules.clone())));
        let world = World::new(settings, 1, 1);
        let (clock, running, down) = (clock::start(), Vec::new(), HashSet::new());
        let mut house = Self { world, current, clock, running, down, changes: 0 };
        let appeared = Change::ZoneAppeared(zone_toml::defaults(&apex(), &[]));
        let files = (0..FILES).map(file);
        house.feed(Event::Loaded(std::iter::once(appeared).chain(files).collect()));
        house.outcomes(0);
        assert!(house.world.is_ready());
        house.changes = 0;
        house
    }

    fn feed(&mut self, event: Event) {
        let now = (self.clock)();
        let Effects { start, snapshot, transitions, .. } = turn(&mut self.world, event, now);
        if let Some(snapshot) = snapshot {
            self.current.store(snapshot);
        }
        self.changes += transitions.len();
        self.running.extend(start.into_iter().map(|start| start.id));
    }

    /// Ends all runs in flight. So many instances die, and those that died before are well again.
    fn outcomes(&mut self, mut deaths: usize) {
        let mut outcomes = Vec::with_capacity(self.running.len());
        for id in std::mem::take(&mut self.running) {
            let dies = !self.down.remove(&id) && deaths > 0;
            if dies {
                deaths -= 1;
                self.down.insert(id);
            }
            let finding = if dies { Finding::FailAtOnce } else { Finding::Pass };
            outcomes.push((id, Outcome::new(finding, "told")));
        }
        self.feed(Event::Outcomes(outcomes));
    }

    /// Goes through `LENGTH` step by step, with so many deaths in every second step. How long each
    /// change took from the time that its outcome was due to the time that it was served.
    fn drive(&mut self, deaths: usize) -> Vec<Duration> {
        let began = (self.clock)().mono;
        let (mut due, mut served, mut now) = (began, Vec::new(), [deaths, 0].into_iter().cycle());
        while due.since(began) < LENGTH {
            due = due + STEP;
            sleep_until(&self.clock, due);
            self.feed(Event::Timer);
            let before = self.changes;
            self.outcomes(now.next().unwrap());
            let took = (self.clock)().mono.since(due);
            served.extend((before..self.changes).map(|_| took));
        }
        served
    }
}

fn sleep_until(clock: &Clock, due: Instant) {
    let wait = due.since(clock().mono);
    if !wait.is_zero() {
        thread::sleep(wait);
    }
}

/// Asks one question after the other, and how long each answer took.
fn ask(socket: &UdpSocket, clock: &Clock, stop: &AtomicBool) -> Vec<Duration> {
    let (mut took, mut answer) = (Vec::new(), [0; 4096]);
    while !stop.load(Ordering::Relaxed) {
        let name = format!("s{}", fastrand::usize(..SERVICES));
        let mut question = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0".to_vec();
        for label in [name.as_str(), "service", "internal"] {
            question.push(u8::try_from(label.len()).unwrap());
            question.extend(label.bytes());
        }
        question.extend(b"\0\0\x01\0\x01");
        let began = clock().mono;
        socket.send(&question).unwrap();
        let length = socket.recv(&mut answer).expect("an answer");
        took.push(clock().mono.since(began));
        assert!(length > question.len() && answer[3] % 16 == 0, "NOERROR with records");
        thread::sleep(PAUSE);
    }
    took
}

fn tell(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    let (p50, p99, max) = (at(50), at(99), at(100));
    println!("  {what}: {} of them, p50 {p50:?}, p99 {p99:?}, max {max:?}", took.len());
}

#[test]
#[ignore = "a measurement"]
fn a_thousand_changes_a_second_measured() {
    let mut house = House::start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(socket.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (current, clock) = (Arc::clone(&house.current), Arc::clone(&house.clock));
    let context = Context { current, clock: Arc::clone(&clock), limiter: Arc::default() };
    let ended = Arc::new(AtomicBool::new(false));
    let metrics = Metrics::new("measured");
    let workers = udp::start(vec![socket], &Arc::new(context), &metrics, &ended).unwrap();
    for (phase, deaths) in [
        ("nothing happens", None),
        ("checks pass", Some(0)),
        ("1,000 changes of health a second", Some(1)),
    ] {
        println!("{phase}:");
        let stop = AtomicBool::new(false);
        let (answers, served) = thread::scope(|scope| {
            let asking = scope.spawn(|| ask(&client, &clock, &stop));
            let served = match deaths {
                None => {
                    thread::sleep(LENGTH);
                    Vec::new()
                }
                Some(deaths) => house.drive(deaths),
            };
            stop.store(true, Ordering::Relaxed);
            (asking.join().unwrap(), served)
        });
        tell("answers", answers);
        if deaths == Some(1) {
            assert!(served.len() > 15_000, "{} changes", served.len());
            tell("change to served", served);
        }
    }
    ended.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.join().unwrap();
    }
}
