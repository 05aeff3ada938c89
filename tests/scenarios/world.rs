//! Drives the world: events in, effects out, time from wake to wake.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use livezone::config::{Config, default_ns_addresses, livezone_toml, zone_toml};
use livezone::diagnostic::Diagnostic;
use livezone::engine::event::{Effects, Event, Start, Transition};
use livezone::engine::settings::Settings;
use livezone::engine::turn::turn;
use livezone::engine::world::World;
use livezone::health::scheduler::CheckId;
use livezone::model::check::{CheckTarget, Protocol, Question};
use livezone::model::health::{Finding, Outcome};
use livezone::model::name::Name;
use livezone::model::origin::{EntryId, Origin};
use livezone::model::time::{Instant, Now};
use livezone::snapshot::Snapshot;
use livezone::sources::files::kind::Kind;
use livezone::sources::files::parse::{Context, Host, parse};
use livezone::sources::{Change, Put};

use crate::dns;
use crate::script::{Action, Found, RunFilter, ScriptedQuery, Share, What};
use crate::show::{equal, same, show_complaint, show_complaints, show_time, show_transition};

/// More turns than this at a standstill are a loop.
const MOST_TURNS: usize = 100_000;

pub(crate) type Checked = Result<(), String>;

/// A world with its clock, its targets and what it has done.
pub(crate) struct Driver {
    seed: u64,
    config: Config,
    world: Option<World>,
    /// Changes that come as one.
    changes: Vec<Change>,
    /// How many more files belong to it.
    together: usize,
    now: Now,
    wake: Option<Instant>,
    found: Vec<(RunFilter, Found)>,
    /// What ends when, in the order started.
    runs: BTreeMap<(Instant, CheckId), Outcome>,
    snapshot: Arc<Snapshot>,
    rng: fastrand::Rng,
    seen: Seen,
}

/// What has happened and was not asked about yet.
#[derive(Default)]
struct Seen {
    complaints: Vec<Diagnostic>,
    transitions: Vec<Transition>,
    runs: Vec<String>,
    stopped: usize,
    serial: Option<u32>,
}

impl Driver {
    pub(crate) fn new(seed: u64) -> Self {
        let config = Config::default();
        let mut driver = Self {
            seed,
            world: None,
            changes: Vec::new(),
            together: 0,
            now: Now::default(),
            wake: None,
            found: Vec::new(),
            runs: BTreeMap::new(),
            snapshot: Arc::new(Snapshot::empty(Settings::of(&config).rules)),
            config,
            rng: fastrand::Rng::with_seed(seed),
            seen: Seen::default(),
        };
        driver.appear(dns::ORIGIN);
        driver
    }

    /// Does one step.
    pub(crate) fn perform(&mut self, action: &Action) -> Checked {
        match action {
            Action::Config(text) => self.configure(text),
            Action::Zone(apex) => {
                self.appear(apex);
                self.changed()
            }
            Action::RemoveZone(apex) => {
                self.changes.push(Change::ZoneGone(Origin::Files, Name::parse(apex).unwrap()));
                self.changed()
            }
            Action::File { path, text } => {
                let change = self.read(path, text)?;
                self.changes.push(change);
                self.changed()
            }
            Action::Remove(path) => {
                let (_, path) = place_of(path);
                self.changes.push(Change::Gone(EntryId::of_file(&path)));
                self.changed()
            }
            Action::Together(count) => {
                self.together = *count;
                Ok(())
            }
            Action::Start => self.start(),
            Action::Finds { place, finding } => {
                self.found.retain(|(known, _)| known != place);
                self.found.push((place.clone(), finding.clone()));
                Ok(())
            }
            Action::Pass(time) => self.pass_to(self.now.mono + *time),
            Action::PassTo(time) => self.pass_to(Instant(*time)),
            expectation => self.expect(expectation),
        }
    }

    /// What may not be left over at the end.
    pub(crate) fn end(&self) -> Checked {
        self.no_complaint_left()
    }

    fn expect(&mut self, action: &Action) -> Checked {
        match action {
            Action::Ask { asked, expected } => {
                let message = dns::ask(&self.snapshot, asked, &mut self.rng);
                let mut wanted = expected.clone();
                let mut shown = dns::show(&message, asked.in_order);
                if !asked.in_order {
                    wanted.sort();
                    shown.sort();
                }
                same(&wanted, &shown)
            }
            Action::AskOften { times, asked, expected } => self.ask_often(*times, asked, expected),
            Action::Complaint(text) => self.expect_complaint(text),
            Action::Log(expected) => {
                let transitions = std::mem::take(&mut self.seen.transitions);
                let mut shown: Vec<_> = transitions.iter().map(show_transition).collect();
                let mut expected = expected.clone();
                shown.sort();
                expected.sort();
                same(&expected, &shown)
            }
            Action::Runs(expected) => same(expected, &std::mem::take(&mut self.seen.runs)),
            Action::Started(range) => {
                let count = std::mem::take(&mut self.seen.runs).len();
                if range.contains(&count) { Ok(()) } else { Err(format!("{count} were started")) }
            }
            Action::Stopped(count) => equal(count, &std::mem::take(&mut self.seen.stopped)),
            Action::Running(count) => equal(count, &self.runs.len()),
            Action::Ready(ready) => equal(ready, &self.world()?.is_ready()),
            Action::Serial(steps) => {
                let serial = dns::serial(&self.snapshot).unwrap_or(0);
                let before = self.seen.serial.replace(serial).unwrap_or(serial);
                equal(steps, &serial.wrapping_sub(before))
            }
            Action::State { service, instance, expected } => {
                self.expect_state(service, instance, expected)
            }
            _ => Err("no expectation".to_owned()),
        }
    }

    fn world(&mut self) -> Result<&mut World, String> {
        self.world.as_mut().ok_or_else(|| "there was no `start` yet".to_owned())
    }

    fn configure(&mut self, text: &str) -> Checked {
        let (config, diagnostics) =
            livezone_toml::parse(Path::new("livezone.toml").into(), text.into());
        self.config = config.ok_or_else(|| show_complaints(&diagnostics))?;
        if self.world.is_none() {
            if self.changes.len() > 1 {
                return Err("`config` comes before files and zones".to_owned());
            }
            // The name server's addresses are the listeners'.
            self.changes.clear();
            self.appear(dns::ORIGIN);
            return Ok(());
        }
        self.feed(Event::Configured(Box::new(Settings::of(&self.config))))
    }

    fn start(&mut self) -> Checked {
        self.world = Some(World::new(Settings::of(&self.config), 1, self.seed));
        let changes = std::mem::take(&mut self.changes);
        self.feed(Event::Loaded(changes))?;
        self.seen.serial = dns::serial(&self.snapshot);
        Ok(())
    }

    fn appear(&mut self, apex: &str) {
        let ns = default_ns_addresses(&self.config.dns.listen);
        let apex = Name::parse(apex).unwrap();
        self.changes.push(Change::Zone(Origin::Files, zone_toml::defaults(&apex, &ns)));
    }

    fn read(&self, path: &str, text: &str) -> Result<Change, String> {
        let (zone, path) = place_of(path);
        let kind = path.file_name().and_then(Kind::of);
        let kind = kind.ok_or_else(|| format!("{} is not read", path.display()))?;
        let ns_addresses = default_ns_addresses(&self.config.dns.listen);
        let host = Host { ns_addresses, node: self.config.consul.node_address };
        let context = Context { apex: &zone, host: &host, includes: &BTreeMap::new() };
        let (content, diagnostics) = parse(kind, (Arc::clone(&path), text.into()), context);
        Ok(Change::Put(Put { id: EntryId::of_file(&path), zone, content, diagnostics }))
    }

    /// Tells the world of what has gathered, once it runs and the change is whole.
    fn changed(&mut self) -> Checked {
        self.together = self.together.saturating_sub(1);
        if self.world.is_none() || self.together > 0 {
            return Ok(());
        }
        let changes = std::mem::take(&mut self.changes);
        self.feed(Event::Changed(changes))
    }

    /// One turn and its effects.
    fn feed(&mut self, event: Event) -> Checked {
        self.no_complaint_left()?;
        let (now, most) = (self.now, self.config.health.max_in_flight);
        let effects = turn(self.world()?, event, now);
        let Effects { start, stop, snapshot, transitions, complaints, dangling, wake, .. } =
            effects;
        self.seen.complaints = complaints;
        self.seen.complaints.extend(dangling);
        self.seen.transitions.extend(transitions);
        self.wake = wake;
        for id in stop {
            let before = self.runs.len();
            self.runs.retain(|(_, running), _| *running != id);
            self.seen.stopped += before - self.runs.len();
        }
        for start in start {
            self.run(&start)?;
        }
        if let Some(snapshot) = snapshot {
            if snapshot.generation <= self.snapshot.generation {
                return Err("the generation did not grow".to_owned());
            }
            self.snapshot = snapshot;
        }
        let (ours, theirs) = (self.runs.len(), self.world()?.running());
        if ours != theirs || ours > most.max(2) {
            return Err(format!("{ours} run, the world knows of {theirs}, {most} may"));
        }
        Ok(())
    }

    /// Starts a run: what it finds is settled now, and told when it has taken its time.
    fn run(&mut self, start: &Start) -> Checked {
        let policy = &start.probe.policy;
        let about;
        let (asked_of, path) = match &start.probe.question {
            Question::Network(Protocol::Http(http), target) => (target, http.path.as_str()),
            Question::Network(Protocol::Tcp(_) | Protocol::Grpc(_), target) => (target, ""),
            // A command is told of an instance that may have no port: 0 stands for none.
            Question::Script(_, subject) => {
                let address = subject.address.parse().map_err(|_| "a command for a host")?;
                about = CheckTarget::Address(SocketAddr::new(address, subject.port.unwrap_or(0)));
                (&about, "")
            }
        };
        let target = asked_of.authority();
        if self.runs.keys().any(|(_, id)| *id == start.id) {
            return Err(format!("a check of {target} was started while it runs"));
        }
        self.seen.runs.push(format!("{} {target}{path}", show_time(self.now.mono.0)));
        let rank = |place: &RunFilter| match place {
            RunFilter::Path(at, asked) if at == asked_of && asked == path => Some(2),
            RunFilter::Target(at) if at == asked_of => Some(1),
            RunFilter::Everywhere => Some(0),
            RunFilter::Path(..) | RunFilter::Target(_) => None,
        };
        let matching = self.found.iter().filter(|(place, _)| rank(place).is_some());
        let Some((_, found)) = matching.max_by_key(|(place, _)| rank(place)) else {
            return Err(format!("{target}{path} is checked, and nothing says what is found"));
        };
        let finding = match found.what {
            What::Passes => Finding::Pass,
            What::Warns => Finding::Warn,
            What::Answers(status) if policy.immediate_status.contains(&status) => {
                Finding::FailAtOnce
            }
            What::Answers(200..=299) => Finding::Pass,
            What::Answers(429) => Finding::Warn,
            What::Fails | What::Answers(_) | What::Hangs => Finding::Fail,
            What::CannotBeAsked => Finding::Nothing,
        };
        let takes = match found.what {
            What::Hangs => policy.timeout,
            _ => found.takes.min(policy.timeout),
        };
        let outcome = Outcome::new(finding, found.reason.clone().unwrap_or_default());
        self.runs.insert((self.now.mono + takes, start.id), outcome);
        Ok(())
    }

    /// Lets time pass: what runs ends, what is due starts.
    fn pass_to(&mut self, end: Instant) -> Checked {
        if end < self.now.mono {
            return Err(format!("it is {} already", show_time(self.now.mono.0)));
        }
        for _ in 0..MOST_TURNS {
            let ends = self.runs.keys().next().map(|(at, _)| *at);
            let Some(next) = [ends, self.wake].into_iter().flatten().min().filter(|at| *at <= end)
            else {
                self.now = self.now.after(end.since(self.now.mono));
                return Ok(());
            };
            self.now = self.now.after(next.since(self.now.mono));
            if ends == Some(next) {
                let later = self.runs.split_off(&(next, CheckId(u64::MAX)));
                let ended = std::mem::replace(&mut self.runs, later);
                let outcomes = ended.into_iter().map(|((_, id), outcome)| (id, outcome));
                self.feed(Event::Outcomes(outcomes.collect()))?;
            } else {
                self.feed(Event::Timer)?;
            }
        }
        Err("the world does not come to rest".to_owned())
    }

    fn ask_often(&mut self, times: usize, asked: &ScriptedQuery, expected: &[Share]) -> Checked {
        let (mut firsts, mut holds) = (HashMap::new(), HashMap::new());
        let mut sizes = HashSet::new();
        for _ in 0..times {
            let message = dns::ask(&self.snapshot, asked, &mut self.rng);
            let lines = dns::show(&message, true);
            let records = lines.iter().skip(1).filter(|line| !line.starts_with("additional "));
            let words: Vec<String> =
                records.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
            sizes.insert(words.len());
            if let Some(first) = words.first() {
                *firsts.entry(first.clone()).or_insert(0) += 1;
            }
            for word in words {
                *holds.entry(word).or_insert(0) += 1;
            }
        }
        for share in expected {
            let good = match share {
                Share::First(word, range) => range.contains(firsts.get(word).unwrap_or(&0)),
                Share::Holds(word, range) => range.contains(holds.get(word).unwrap_or(&0)),
                Share::Records(count) => sizes.len() == 1 && sizes.contains(count),
            };
            if !good {
                return Err(format!("first: {firsts:?}\nholds: {holds:?}\nrecords: {sizes:?}"));
            }
        }
        Ok(())
    }

    fn no_complaint_left(&self) -> Checked {
        if self.seen.complaints.is_empty() {
            return Ok(());
        }
        Err(format!("this was not expected:\n{}", show_complaints(&self.seen.complaints)))
    }

    fn expect_complaint(&mut self, text: &str) -> Checked {
        let said = &mut self.seen.complaints;
        match said.iter().position(|complaint| show_complaint(complaint).contains(text)) {
            Some(at) => {
                said.remove(at);
                Ok(())
            }
            None => Err(format!("what was said:\n{}", show_complaints(said))),
        }
    }

    fn expect_state(&mut self, service: &str, instance: &str, expected: &str) -> Checked {
        let report = self.world()?.report();
        let of_service = report.services.iter().filter(|s| s.name == service);
        let found = of_service.flat_map(|s| &s.instances).find(|i| i.id == instance);
        let Some(found) = found else { return equal(&expected, &"absent") };
        let state = if expected.contains(' ') {
            format!("{} {}", found.state, if found.served { "served" } else { "withheld" })
        } else {
            found.state.clone()
        };
        equal(&expected, &state.as_str())
    }
}

/// The zone that a file's folder names, and the file as it is shown.
fn place_of(path: &str) -> (Name, Arc<Path>) {
    let origin = dns::ORIGIN.trim_end_matches('.');
    let (zone, file) = path.split_once('/').unwrap_or((origin, path));
    (Name::parse(zone).unwrap(), Path::new(&format!("{zone}/{file}")).into())
}
