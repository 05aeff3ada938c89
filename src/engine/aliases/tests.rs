//! Aliases seen through `turn`: what is served, and when.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::Config;
use crate::engine::event::{Effects, Event};
use crate::engine::settings::Settings;
use crate::engine::turn::turn;
use crate::engine::world::World;
use crate::health::scheduler::CheckId;
use crate::model::check::{AliasCheck, CheckTarget, Kind, Policy, Question, Scripts};
use crate::model::definition::{CheckDefinition, Document, PolicyDefinition};
use crate::model::health::{Finding, Outcome};
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::model::time::{Instant, Now};
use crate::model::zone::ZoneSettings;
use crate::sources::native;
use crate::sources::{Change, Content, Put};

struct Fixture {
    world: World,
    /// What runs, with the port that it asks.
    running: Vec<(CheckId, u16)>,
}

fn apex() -> Name {
    Name::parse("z.internal").unwrap()
}

fn now(seconds: u64) -> Now {
    Now { mono: Instant(Duration::from_secs(seconds)), wall: SystemTime::UNIX_EPOCH }
}

/// A service of one instance with its own name: with a check of `port`, and aliases of `follows`.
fn file(name: &str, port: Option<u16>, follows: &[&str]) -> Change {
    let check = port.map(|port| format!("check = [{{ tcp = 'localhost:{port}' }}]\n"));
    let text = format!(
        "[[service]]\nname = '{name}'\n{}instance = [{{ id = '{name}', address = '10.0.0.1' }}]\n",
        check.unwrap_or_default()
    );
    let path: Arc<Path> = Path::new(&format!("{name}.toml")).into();
    let (document, told) = native::parse(Arc::clone(&path), text.into());
    assert_eq!(told, []);
    let mut document: Document = document.unwrap();
    let aliases = follows.iter().map(|id| CheckDefinition {
        id: format!("alias:{id}").into(),
        kind: Arc::new(Kind::Alias(AliasCheck::of(id))),
        policy: PolicyDefinition::default(),
        initial: None,
    });
    for service in &mut document.services {
        let instance = &mut Arc::make_mut(service).instances[0];
        instance.checks = instance.checks.iter().cloned().chain(aliases.clone()).collect();
    }
    let content = Content::Services(Arc::new(document));
    Change::Put(Put { id: EntryId::of_file(&path), zone: apex(), content, diagnostics: Vec::new() })
}

fn gone(name: &str) -> Change {
    Change::Gone(EntryId::of_file(Path::new(&format!("{name}.toml"))))
}

impl Fixture {
    fn of(files: Vec<Change>) -> Self {
        let settings = Settings {
            policy: Policy { failures_before_critical: 1, ..Policy::default() },
            first_round: Duration::from_secs(5),
            max_in_flight: 100,
            source: Vec::new(),
            scripts: Scripts::Refused,
            ..Settings::of(&Config::default())
        };
        let mut fixture = Self { world: World::new(settings, 1, 0), running: Vec::new() };
        let zone = Change::Zone(Origin::Files, ZoneSettings::new(apex()));
        let changes = std::iter::once(zone).chain(files).collect();
        fixture.turn(Event::Loaded(changes), 0);
        fixture
    }

    fn turn(&mut self, event: Event, at: u64) -> Effects {
        let effects = turn(&mut self.world, event, now(at));
        self.running.retain(|(id, _)| !effects.stop.contains(id));
        let port = |question: &Question| match question {
            Question::Network(_, CheckTarget::Address(address)) => address.port(),
            Question::Network(_, CheckTarget::Host { port, .. }) => *port,
            Question::Script(..) => unreachable!("no scripts here"),
        };
        self.running.extend(effects.start.iter().map(|s| (s.id, port(&s.probe.question))));
        effects
    }

    /// The outcome of the check of `port`, which runs first if it has to.
    fn hear(&mut self, port: u16, finding: Finding, at: u64) -> Effects {
        if self.running.iter().all(|(_, running)| *running != port) {
            self.turn(Event::Timer, at);
        }
        let place = self.running.iter().position(|(_, running)| *running == port).unwrap();
        let (id, _) = self.running.remove(place);
        self.turn(Event::Outcomes(vec![(id, Outcome::new(finding, "as told"))]), at)
    }

    /// `state: why` of a service's instance.
    fn why(&self, name: &str) -> String {
        let report = self.world.report();
        let service = report.services.iter().find(|service| service.name == name).unwrap();
        let instance = &service.instances[0];
        let served = if instance.served { "" } else { "not served, " };
        format!("{served}{}", instance.why)
    }
}

#[test]
fn a_state_is_taken_over_in_the_turn_that_changes_it() {
    let mut fixture = Fixture::of(vec![file("proxy", None, &["DB"]), file("db", Some(1), &[])]);
    assert_eq!(fixture.why("proxy"), "not served, no check result yet");
    let effects = fixture.hear(1, Finding::Pass, 1);
    assert!(effects.snapshot.is_some() && fixture.world.is_ready());
    assert_eq!(fixture.why("proxy"), "passing");
    let effects = fixture.hear(1, Finding::Fail, 60);
    let changed: Vec<_> = effects.transitions.iter().map(|t| t.instance.as_str()).collect();
    assert_eq!(changed, ["db", "proxy"]);
    assert_eq!(fixture.why("proxy"), "not served, critical: db: as told");
    fixture.hear(1, Finding::Pass, 120);
    assert_eq!(fixture.why("proxy"), "not served, recovering: db: as told");
    fixture.hear(1, Finding::Pass, 180);
    assert_eq!(fixture.why("proxy"), "passing");
}

#[test]
fn a_service_waits_for_what_it_follows() {
    let mut fixture = Fixture::of(vec![file("a", None, &["b"]), file("b", Some(1), &[])]);
    assert!(!fixture.world.is_ready());
    fixture.turn(Event::Timer, 6);
    assert!(fixture.world.is_ready());
    assert_eq!(fixture.why("a"), "not served, no check result yet");
}

#[test]
fn no_checks_are_passing_checks_and_nobody_is_critical() {
    let mut fixture = Fixture::of(vec![file("a", None, &["b"]), file("b", None, &[])]);
    assert!(fixture.world.is_ready());
    assert_eq!((fixture.why("a"), fixture.why("b")), ("passing".into(), "no check".into()));
    fixture.turn(Event::Changed(vec![gone("b")]), 1);
    assert_eq!(fixture.why("a"), "not served, critical: no instance has the id \"b\"");
    fixture.turn(Event::Changed(vec![file("b", None, &[])]), 2);
    assert_eq!(fixture.why("a"), "passing");
    fixture.turn(Event::Changed(vec![file("a", None, &[])]), 3);
    assert!(fixture.world.aliases.zones.is_empty(), "no alias, no index");
}

#[test]
fn the_worst_of_all_checks_counts_down_a_chain() {
    let mut fixture = Fixture::of(vec![
        file("a", None, &["b"]),
        file("b", Some(2), &["c"]),
        file("c", Some(3), &[]),
        file("d", Some(4), &["a"]),
    ]);
    for port in [2, 3, 4] {
        fixture.hear(port, Finding::Pass, 1);
    }
    assert_eq!(fixture.why("d"), "passing");
    fixture.hear(3, Finding::Fail, 60);
    assert_eq!(fixture.why("d"), "not served, critical: a: b: c: as told");
    fixture.hear(3, Finding::Pass, 120);
    fixture.hear(2, Finding::Warn, 121);
    fixture.hear(3, Finding::Pass, 180);
    assert_eq!(fixture.why("d"), "warning: a: b: as told");
}

#[test]
fn a_circle_is_critical_until_it_is_opened() {
    let circle = vec![
        file("a", None, &["b"]),
        file("b", None, &["c"]),
        file("c", None, &["b"]),
        file("self", None, &["self"]),
    ];
    let mut fixture = Fixture::of(circle);
    for name in ["a", "b", "c", "self"] {
        let why = fixture.why(name);
        assert!(why.ends_with("alias checks form a loop"), "{name}: {why}");
    }
    fixture.turn(Event::Changed(vec![file("c", None, &[])]), 1);
    assert_eq!([fixture.why("a"), fixture.why("b")], ["passing", "passing"]);
    fixture.turn(Event::Changed(vec![file("c", None, &["a"])]), 2);
    assert!(fixture.why("a").starts_with("not served, critical"));
}

#[test]
fn what_one_alias_looks_at_is_bounded() {
    let name = |n: usize| format!("s{n}");
    let link = |n: usize| file(&name(n), None, &[name(n + 1).as_str(), name(n + 1).as_str()]);
    let mut files: Vec<_> = (0..200).map(link).collect();
    files.push(file("s200", None, &[]));
    let fixture = Fixture::of(files);
    assert_eq!(fixture.why("s199"), "passing");
    assert!(fixture.why("s0").ends_with("more than 64 instances"), "{}", fixture.why("s0"));
}

#[test]
fn an_alias_that_is_new_to_what_is_served_counts_when_it_knows_something() {
    let mut fixture = Fixture::of(vec![file("a", Some(1), &[]), file("b", Some(2), &[])]);
    fixture.hear(1, Finding::Pass, 1);
    fixture.turn(Event::Timer, 6);
    fixture.turn(Event::Changed(vec![file("a", Some(1), &["b"])]), 7);
    assert_eq!(fixture.why("a"), "passing");
    fixture.hear(2, Finding::Fail, 8);
    assert_eq!(fixture.why("a"), "not served, critical: b: as told");
}

#[test]
fn aliases_that_are_as_before_go_on_when_their_service_changes() {
    let mut fixture = Fixture::of(vec![file("a", None, &["b"]), file("b", Some(2), &[])]);
    fixture.hear(2, Finding::Fail, 1);
    let effects = fixture.turn(Event::Changed(vec![file("a", Some(3), &["b"])]), 2);
    assert_eq!(effects.transitions, []);
    assert_eq!(fixture.why("a"), "not served, critical: b: as told");
}

fn dangling(fixture: &Fixture) -> Vec<String> {
    fixture.world.report().sources[0].warnings.clone()
}

fn short(effects: &Effects) -> Vec<String> {
    effects.dangling.iter().map(crate::diagnostic::Diagnostic::short).collect()
}

#[test]
fn an_alias_of_nobody_is_told_until_somebody_has_the_id() {
    let mut fixture = Fixture::of(vec![file("proxy", None, &["db-1"]), file("db", None, &[])]);
    let told = "proxy.toml:3:20: no instance of this zone has the id \"db-1\"; the check stays critical: register the instance, or correct the id";
    assert_eq!(dangling(&fixture), [told]);
    let effects = fixture.turn(Event::Changed(vec![file("db-2", None, &[])]), 1);
    assert_eq!((short(&effects), dangling(&fixture)), (Vec::new(), vec![told.to_owned()]));
    // A chain: only its last link leads nowhere.
    fixture.turn(Event::Changed(vec![file("front", None, &["proxy"])]), 2);
    assert_eq!(dangling(&fixture), [told]);
    fixture.turn(Event::Changed(vec![file("db-1", None, &[])]), 3);
    assert_eq!(dangling(&fixture), [""; 0]);
    let effects = fixture.turn(Event::Changed(vec![gone("db-1")]), 4);
    let near = "proxy.toml:3:20: no instance of this zone has the id \"db-1\"; did you mean \
                \"db-2\"?";
    assert_eq!(
        (short(&effects), dangling(&fixture)),
        (vec![near.to_owned()], vec![near.to_owned()])
    );
    // What was near has gone: nothing is said that is not so.
    fixture.turn(Event::Changed(vec![gone("db-2")]), 5);
    assert_eq!(dangling(&fixture), [told]);
    fixture.turn(Event::Changed(vec![gone("proxy"), gone("front")]), 6);
    assert_eq!(dangling(&fixture), [""; 0]);
}

#[test]
fn an_alias_that_still_dangles_is_not_told_again_when_its_file_changes() {
    let mut fixture = Fixture::of(vec![file("proxy", None, &["db"])]);
    let effects = fixture.turn(Event::Changed(vec![file("proxy", Some(1), &["db"])]), 1);
    assert_eq!(short(&effects), [""; 0]);
    let effects = fixture.turn(Event::Changed(vec![file("proxy", Some(1), &["db", "cache"])]), 2);
    assert_eq!(effects.dangling.len(), 2, "{effects:?}");
    assert_eq!(dangling(&fixture).len(), 2);
}

#[test]
fn of_very_many_that_dangle_few_are_shown_and_all_are_counted() {
    let files = (0..3000).map(|number| file(&format!("p{number}"), None, &["db"])).collect();
    let fixture = Fixture::of(files);
    let warnings = dangling(&fixture);
    assert_eq!(warnings.len(), 1001);
    assert_eq!(warnings[1000], "2,000 more warnings in 2,000 other files");
}
