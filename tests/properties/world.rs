//! Drives a world, holds it to its promises, and asks it questions.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use livezone::answer::answer;
use livezone::config::{Config, zone_toml};
use livezone::diagnostic::Diagnostic;
use livezone::engine::event::Event;
use livezone::engine::settings::Settings;
use livezone::engine::turn::turn;
use livezone::engine::world::World;
use livezone::health::scheduler::CheckId;
use livezone::model::check::Policy;
use livezone::model::dns::{Question, Rcode, Rdata, Record, Rtype};
use livezone::model::health::{Condition, Finding, Outcome};
use livezone::model::name::Name;
use livezone::model::origin::{EntryId, Origin};
use livezone::model::time::{Instant, Now};
use livezone::snapshot::{Rules, Snapshot};
use livezone::sources::native;
use livezone::sources::{Change, Content, Put};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::files::{File, IDS, PATHS, SERVICES, TAGS};

const APEX: &str = "service.internal";
const FIRST_ROUND: Duration = Duration::from_secs(5);
const TYPES: [Rtype; 6] = [Rtype::A, Rtype::AAAA, Rtype::SRV, Rtype::TXT, Rtype::ANY, Rtype::MX];

type Held = Result<(), TestCaseError>;

pub(crate) struct Driver {
    world: World,
    most: usize,
    now: Now,
    wake: Option<Instant>,
    running: BTreeSet<CheckId>,
    snapshot: Arc<Snapshot>,
    /// The last good text of each file.
    files: BTreeMap<usize, File>,
    rng: fastrand::Rng,
}

impl Driver {
    /// A world that finds `files` when it starts.
    pub(crate) fn start(
        files: &[(usize, File)],
        most: usize,
        seed: u64,
    ) -> Result<Self, TestCaseError> {
        let rules = Rules { udp_max_size: 1232, ..Rules::default() };
        let policy = Policy { success_before_passing: 2, ..Policy::default() };
        let settings = Settings {
            policy,
            first_round: FIRST_ROUND,
            max_in_flight: most,
            rules: rules.clone(),
            ..Settings::of(&Config::default())
        };
        let mut driver = Self {
            world: World::new(settings, 1, seed),
            most: most.max(2),
            now: Now::default(),
            wake: None,
            running: BTreeSet::new(),
            snapshot: Arc::new(Snapshot::empty(rules)),
            files: files.iter().cloned().collect(),
            rng: fastrand::Rng::with_seed(seed),
        };
        let apex = Name::parse(APEX).unwrap();
        let mut changes = vec![Change::Zone(Origin::Files, zone_toml::defaults(&apex, &[]))];
        changes.extend(files.iter().map(|(at, file)| change(*at, &file.text())));
        driver.feed(Event::Loaded(changes))?;
        Ok(driver)
    }

    /// The last good files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (usize, File)> {
        self.files.iter().map(|(at, file)| (*at, file.clone()))
    }

    pub(crate) fn write(&mut self, at: usize, file: &File) -> Held {
        self.files.insert(at, file.clone());
        self.feed(Event::Changed(vec![change(at, &file.text())]))
    }

    pub(crate) fn break_file(&mut self, at: usize) -> Held {
        let Change::Put(mut refused) = file_change(at, Content::Refused) else { return Ok(()) };
        let path = Path::new(PATHS[at]).into();
        refused.diagnostics = vec![Diagnostic::of_file(&path, "is broken")];
        self.feed(Event::Changed(vec![Change::Put(refused)]))
    }

    pub(crate) fn remove(&mut self, at: usize) -> Held {
        self.files.remove(&at);
        self.feed(Event::Changed(vec![Change::Gone(EntryId::of_file(Path::new(PATHS[at])))]))
    }

    /// Ends runs, each as its draw says.
    pub(crate) fn end(&mut self, draws: &[u8]) -> Held {
        let mut outcomes = Vec::new();
        for draw in draws {
            let Some(&id) = self.running.iter().nth(usize::from(draw >> 4) % self.most) else {
                continue;
            };
            self.running.remove(&id);
            let finding = match draw & 15 {
                0..8 => Finding::Pass,
                8 => Finding::Warn,
                9..13 => Finding::Fail,
                13 => Finding::FailAtOnce,
                _ => Finding::Nothing,
            };
            outcomes.push((id, Outcome::new(finding, "drawn")));
        }
        self.feed(Event::Outcomes(outcomes))
    }

    /// Lets time pass, from wake to wake.
    pub(crate) fn pass(&mut self, milliseconds: u64) -> Held {
        let end = self.now.mono + Duration::from_millis(milliseconds);
        while let Some(wake) = self.wake.filter(|wake| *wake <= end) {
            prop_assert!(wake > self.now.mono, "a wake in the past would never rest");
            self.now = self.now.after(wake.since(self.now.mono));
            self.feed(Event::Timer)?;
        }
        self.now = self.now.after(end.since(self.now.mono));
        Ok(())
    }

    /// Lets everything pass until nothing changes any more.
    pub(crate) fn settle(&mut self) -> Held {
        for _ in 0..400 {
            let passed = |id| (id, Outcome::new(Finding::Pass, "passed"));
            let outcomes = std::mem::take(&mut self.running).into_iter().map(passed).collect();
            self.feed(Event::Outcomes(outcomes))?;
            self.pass(100)?;
        }
        Ok(())
    }

    fn feed(&mut self, event: Event) -> Held {
        let effects = turn(&mut self.world, event, self.now);
        self.wake = effects.wake;
        for id in effects.stop {
            prop_assert!(self.running.remove(&id), "only what runs is stopped");
        }
        for start in effects.start {
            prop_assert!(self.running.insert(start.id), "a check never runs twice at once");
        }
        prop_assert!(self.running.len() <= self.most);
        prop_assert_eq!(self.running.len(), self.world.running());
        if let Some(snapshot) = effects.snapshot {
            prop_assert!(snapshot.generation > self.snapshot.generation);
            let serial = |snapshot: &Snapshot| snapshot.zones.values().next().map(|z| z.soa.serial);
            let answered = |snapshot: &Snapshot| -> BTreeSet<String> {
                let zones = snapshot.zones.values();
                let views = zones.flat_map(|zone| zone.services.iter().map(|(_, view)| view));
                views.map(|view| format!("{:?} {:?}", view.service, view.targets)).collect()
            };
            // Readers over HTTP are shown what no answer depends on.
            prop_assert!(serial(&snapshot) >= serial(&self.snapshot));
            if answered(&snapshot) != answered(&self.snapshot) {
                prop_assert!(serial(&snapshot) > serial(&self.snapshot));
            }
            self.snapshot = snapshot;
        }
        Ok(())
    }

    /// Holds every answer against what the last files say and what checks have established.
    pub(crate) fn check(&mut self) -> Held {
        let report = self.world.report();
        let counted: usize = Condition::ALL.iter().map(|&c| self.world.count(c)).sum();
        prop_assert_eq!(counted, report.services.iter().map(|s| s.instances.len()).sum::<usize>());
        let errors = report.sources.iter().flat_map(|source| &source.errors);
        let in_error: BTreeSet<_> = errors.filter_map(|error| error.split(':').next()).collect();
        prop_assert_eq!(self.world.errors().map(|(_, count)| count).sum::<usize>(), in_error.len());
        let checks = report.services.iter().flat_map(|s| &s.instances).map(|i| i.checks.len());
        prop_assert_eq!(self.world.check_count(), checks.sum::<usize>());
        for name in SERVICES {
            let registered = self.registered(name);
            let (rcode, served) = self.addresses(name);
            let Some(registered) = registered else {
                prop_assert_eq!(rcode, Rcode::NxDomain, "{} is not registered", name);
                continue;
            };
            prop_assert_ne!(rcode, Rcode::NxDomain, "{} is registered", name);
            let addresses: BTreeSet<_> = registered.values().cloned().collect();
            prop_assert!(served.is_subset(&addresses), "{served:?} of {addresses:?}");
            let shown = report.services.iter().find(|s| s.name == name).unwrap();
            let ids: BTreeSet<_> = shown.instances.iter().map(|i| i.id.clone()).collect();
            prop_assert_eq!(&ids, &registered.keys().cloned().collect());
            if rcode == Rcode::ServFail {
                prop_assert!(self.now.mono.0 < FIRST_ROUND, "the first round is over");
                continue;
            }
            for instance in &shown.instances {
                let states = || instance.checks.iter().map(|check| check.state.as_str());
                let fit = |state| matches!(state, "passing" | "warning" | "suspect");
                let is_served = served.contains(&registered[&instance.id]);
                prop_assert_eq!(is_served, instance.served);
                if states().all(fit) {
                    prop_assert!(is_served, "{instance:?} has nothing against it");
                }
                if states().any(|state| matches!(state, "critical" | "recovering")) {
                    prop_assert!(!is_served, "{instance:?} is unfit");
                }
            }
        }
        Ok(())
    }

    /// The instances of a service with their addresses, as the last files have them: the first
    /// file's by path. `None` when no file names the service.
    fn registered(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let services = self.files.values().flat_map(|file| &file.services);
        let mut named = services.filter(|service| service.name == name).peekable();
        named.peek()?;
        let mut instances = BTreeMap::new();
        for instance in named.flat_map(|service| &service.instances) {
            let address = instance.address(name);
            instances.entry(instance.id.to_owned()).or_insert(address);
        }
        Some(instances)
    }

    fn addresses(&mut self, name: &str) -> (Rcode, BTreeSet<String>) {
        let name = Name::parse(&format!("{name}.{APEX}")).unwrap();
        let question = Question { name, rtype: Rtype::A, client: Ipv4Addr::LOCALHOST.into() };
        let reply = answer(&self.snapshot, &question, &mut self.rng).into_reply();
        let address = |record: &Record<'_>| match record.data {
            Rdata::A(address) => address.to_string(),
            _ => "no address".to_owned(),
        };
        (reply.rcode, reply.answers.iter().map(address).collect())
    }

    /// The answers of every type at `name`, without their order.
    pub(crate) fn everything(&mut self, name: &Name) -> Vec<String> {
        let mut shown = Vec::new();
        for rtype in TYPES {
            let client = IpAddr::from(Ipv4Addr::LOCALHOST);
            let question = Question { name: name.clone(), rtype, client };
            let reply = answer(&self.snapshot, &question, &mut self.rng).into_reply();
            shown.push(format!("{rtype} {:?} {:?}", reply.rcode, reply.extended_error));
            shown.push(format!("authority {}", reply.authority.len()));
            let data = |record: &Record<'_>| format!("{} {:?}", record.ttl, record.data);
            for records in [&reply.answers, &reply.additional] {
                let mut records: Vec<_> = records.iter().map(data).collect();
                records.sort();
                shown.extend(records);
            }
        }
        shown
    }
}

/// Every name that a file may bring into being, and some that none does.
pub(crate) fn names() -> Vec<Name> {
    let mut texts = vec!["nothing", "_tcp", "_v1", "_blue", "_y", "addr"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    for service in SERVICES {
        texts.extend([service.to_owned(), format!("_{service}._tcp"), format!("v1.y.{service}")]);
        texts.extend(TAGS.iter().chain(&IDS).map(|label| format!("{label}.{service}")));
        texts.extend(TAGS.iter().map(|tag| format!("_{service}._{tag}")));
    }
    for (service, id, variant) in [(0, 0, 1), (0, 1, 2), (1, 2, 1)] {
        texts.push(format!("0a{service:02x}{id:02x}{variant:02x}.addr"));
    }
    texts.iter().map(|text| Name::parse(&format!("{text}.{APEX}")).unwrap()).collect()
}

fn change(at: usize, text: &str) -> Change {
    let (document, diagnostics) = native::parse(Path::new(PATHS[at]).into(), text.into());
    assert!(document.is_some(), "{diagnostics:?}");
    file_change(at, document.map_or(Content::Refused, |d| Content::Services(Arc::new(d))))
}

fn file_change(at: usize, content: Content) -> Change {
    let zone = Name::parse(APEX).unwrap();
    let id = EntryId::of_file(Path::new(PATHS[at]));
    Change::Put(Put { id, zone, content, diagnostics: Vec::new() })
}
