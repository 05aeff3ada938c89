//! Checks that wait for heartbeats, and what is critical for too long, seen through `turn`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::engine::event::{Effects, Event, Start, Ticket};
use crate::engine::settings::Settings;
use crate::engine::turn::turn;
use crate::engine::world::World;
use crate::model::agent::{Refusal, Write};
use crate::model::health::{Finding, Outcome, Verdict};
use crate::model::origin::{EntryId, Origin};
use crate::model::time::{Instant, Now};
use crate::model::zone::ZoneSettings;
use crate::snapshot::{Rules, Snapshot};
use crate::sources::consul::api::body;
use crate::sources::native;
use crate::sources::{Change, Content, Put};
use crate::store::registrations::{Op, Records};

struct Rig {
    world: World,
    snapshot: Arc<Snapshot>,
    now: Now,
    kept: Vec<(String, String)>,
    /// Runs that fail once time passes.
    starting: Vec<Start>,
    tickets: u64,
}

fn registered(text: &str) -> Write {
    Write::Register {
        service: Box::new(body::service(text.as_bytes()).unwrap()),
        replace_checks: false,
    }
}

impl Rig {
    fn new(files: &str, beats: Vec<(String, String)>) -> Self {
        let mut settings = Settings::of(&Config::default());
        settings.registering.node = Some("10.0.0.254".parse().unwrap());
        let zone = settings.registering.zone.apex.clone();
        let mut world = World::new(settings, 1, 1);
        let path: Arc<Path> = Path::new("web.toml").into();
        let (document, diagnostics) = native::parse(Arc::clone(&path), files.into());
        let content = Content::Services(Arc::new(document.expect("the text is good")));
        let put = Put { id: EntryId::of_file(&path), zone: zone.clone(), content, diagnostics };
        let mut loaded =
            vec![Change::Zone(Origin::Files, ZoneSettings::new(zone)), Change::Put(put)];
        loaded.extend(world.restore(&Records { beats: beats.clone(), ..Records::default() }));
        let now = Now::default().after(Duration::from_secs(1000));
        let snapshot = Arc::new(Snapshot::empty(Rules::default()));
        let (kept, starting) = (beats, Vec::new());
        let mut rig = Self { world, snapshot, now, kept, starting, tickets: 0 };
        rig.feed(Event::Loaded(loaded));
        rig
    }

    fn feed(&mut self, event: Event) -> Effects {
        let mut effects = turn(&mut self.world, event, self.now);
        if let Some(snapshot) = effects.snapshot.take() {
            self.snapshot = snapshot;
        }
        for op in effects.save.drain(..) {
            match op {
                Op::Put { key, value, .. } => {
                    self.kept.retain(|(known, _)| *known != *key);
                    self.kept.push((key.to_string(), value.to_string()));
                }
                Op::Remove { key, .. } => self.kept.retain(|(known, _)| *known != *key),
            }
            turn(&mut self.world, Event::Saved(true), self.now);
        }
        self.starting.append(&mut effects.start);
        effects
    }

    /// Time passes, and the world is woken when it wants to be.
    fn wait(&mut self, millis: u64) -> Vec<Effects> {
        let end = self.now.after(Duration::from_millis(millis));
        let mut all = Vec::new();
        let woken = self.feed(Event::Timer).wake;
        let mut wake = self.fail().or(woken);
        while let Some(due) = wake.filter(|due| *due <= end.mono) {
            self.now = self.now.after(due.since(self.now.mono));
            let effects = self.feed(Event::Timer);
            wake = self.fail().or(effects.wake);
            all.push(effects);
        }
        self.now = self.now.after(end.mono.since(self.now.mono));
        all
    }

    /// What runs fails; when the world wants to be woken then.
    fn fail(&mut self) -> Option<Instant> {
        let failed = |start: Start| (start.id, Outcome::new(Finding::Fail, "refused"));
        let found: Vec<_> = self.starting.drain(..).map(failed).collect();
        if found.is_empty() { None } else { self.feed(Event::Outcomes(found)).wake }
    }

    fn write(&mut self, write: Write) -> Result<(), Refusal> {
        self.tickets += 1;
        let mut effects = self.feed(Event::Writes(vec![(Ticket(self.tickets), write)]));
        if !effects.store.is_empty() {
            effects = self.feed(Event::Stored(Ok(())));
        }
        let (ticket, answer) = effects.answers.pop().unwrap();
        assert_eq!(ticket, Ticket(self.tickets));
        answer.map(drop)
    }

    fn beat(&mut self, check: &str, verdict: Verdict) -> Result<(), Refusal> {
        let output = format!("{verdict:?}").into();
        self.write(Write::Beat { check: check.into(), verdict, output })
    }

    /// The state of each instance with what its first check says.
    fn states(&self) -> Vec<String> {
        let services = self.world.report().services;
        let instances = services.into_iter().flat_map(|service| service.instances);
        instances
            .map(|i| {
                let output = i.checks.first().map(|check| check.output.clone());
                format!("{} {} {}", i.id, i.state, output.unwrap_or_default())
            })
            .collect()
    }

    /// What the service's name answers, and with which TTL.
    fn answer(&self) -> (usize, u32) {
        let zone = self.snapshot.zones.values().next().unwrap();
        let view = zone.service("web").unwrap();
        (view.all.a.items.len(), view.all.ttl)
    }
}

const FILE: &str = "[[service]]\nname = 'web'\ncheck = [{ ttl = '30s' }]\n\
    instance = [{ id = 'web-1', address = '10.0.0.1' }]\n";

#[test]
fn a_heartbeat_serves_an_instance_until_its_ttl_and_suspect_from_two_thirds_on() {
    let mut rig = Rig::new(FILE, Vec::new());
    assert_eq!(rig.states(), ["web-1 unknown "]);
    assert_eq!(rig.answer().0, 0);
    rig.beat("ttl", Verdict::Passing).unwrap();
    assert_eq!(rig.states(), ["web-1 passing Passing"]);
    assert_eq!(rig.answer(), (1, 5));
    rig.wait(19_999);
    assert_eq!(rig.states(), ["web-1 passing Passing"]);
    rig.wait(1);
    assert_eq!(rig.states(), ["web-1 suspect Passing"]);
    assert_eq!(rig.answer(), (1, 1));
    rig.wait(9_999);
    assert_eq!(rig.answer(), (1, 1));
    rig.wait(1);
    assert_eq!(rig.states(), ["web-1 critical TTL expired"]);
    assert_eq!(rig.answer().0, 0);
    rig.beat("service:web-1", Verdict::Warning).unwrap();
    assert_eq!(rig.states(), ["web-1 warning Warning"]);
    rig.beat("ttl", Verdict::Critical).unwrap();
    assert_eq!(rig.states(), ["web-1 critical Critical"]);
}

#[test]
fn heartbeats_put_off_the_end_and_wake_nobody_needlessly() {
    let mut rig = Rig::new(FILE, Vec::new());
    for _ in 0..100 {
        rig.beat("ttl", Verdict::Passing).unwrap();
        rig.wait(15_000);
        assert_eq!(rig.states(), ["web-1 passing Passing"]);
    }
    let turns = rig.wait(5_000).len();
    assert!(turns <= 2, "{turns}");
    assert_eq!(rig.states(), ["web-1 suspect Passing"]);
    rig.beat("ttl", Verdict::Passing).unwrap();
    rig.wait(19_999);
    assert_eq!(rig.states(), ["web-1 passing Passing"]);
}

#[test]
fn a_heartbeat_for_what_waits_for_none_is_refused_and_one_for_several_says_what_to_write() {
    let two = "[[service]]\nname = 'web'\ncheck = [{ ttl = '30s' }]\n\
        instance = [{ id = 'web-1', address = '10.0.0.1' }, { id = 'web-2', address = '10.0.0.2' }]\n";
    let mut rig = Rig::new(two, Vec::new());
    let unknown = rig.beat("nobody", Verdict::Passing).unwrap_err();
    assert_eq!(unknown.to_string(), "CheckID \"nobody\" does not have associated TTL");
    let several = rig.beat("ttl", Verdict::Passing).unwrap_err().to_string();
    assert!(several.contains("\"service:\""), "{several}");
    rig.beat("service:web-2", Verdict::Passing).unwrap();
    assert_eq!(rig.states(), ["web-1 unknown ", "web-2 passing Passing"]);
}

#[test]
fn after_a_restart_what_was_up_is_suspect_for_two_ttls_and_what_was_critical_stays_so() {
    let mut rig = Rig::new(FILE, Vec::new());
    rig.beat("ttl", Verdict::Passing).unwrap();
    rig.wait(1_000);
    let kept = rig.kept.clone();
    assert_eq!(kept.len(), 1);
    rig.wait(60_000);
    assert!(rig.kept[0].1.contains("TTL expired"), "{:?}", rig.kept);

    let mut again = Rig::new(FILE, kept);
    assert_eq!(again.states(), ["web-1 suspect Passing"]);
    assert!(again.world.is_ready() && again.answer() == (1, 1));
    again.wait(59_999);
    assert_eq!(again.answer(), (1, 1));
    again.wait(1);
    assert_eq!(again.states(), ["web-1 critical TTL expired"]);
    let critical = rig.kept.clone();
    let mut again = Rig::new(FILE, critical);
    assert_eq!(again.states(), ["web-1 critical TTL expired"]);
    again.beat("ttl", Verdict::Passing).unwrap();
    assert_eq!(again.answer(), (1, 5));

    let mut without = Rig::new("", rig.kept.clone());
    without.wait(2_000);
    assert!(without.kept.is_empty(), "nobody waits for it: {:?}", without.kept);
}

const HTTP: &str = r#"{"ID": "web-7", "Name": "web", "Address": "10.0.0.7", "Port": 80, "Check":
    {"TCP": "localhost:80", "Interval": "10s", "DeregisterCriticalServiceAfter": "90s"}}"#;

#[test]
fn what_is_registered_over_http_is_deregistered_to_the_second_when_it_stays_critical() {
    let mut rig = Rig::new("", Vec::new());
    rig.write(registered(HTTP)).unwrap();
    rig.wait(89_990);
    assert_eq!(rig.states().len(), 1);
    let effects = rig.wait(20);
    assert!(effects.iter().any(|effects| !effects.store.is_empty()));
    assert_eq!(rig.states(), ["web-7 removed refused"]);
    rig.feed(Event::Stored(Err("no space left".to_owned())));
    assert_eq!(rig.states().len(), 1);
    rig.write(registered(&HTTP.replace("web-7", "web-8"))).unwrap();
    assert_eq!(rig.states(), ["web-8 unknown "], "it went with the next batch");
}

#[test]
fn a_files_instance_that_stays_critical_is_removed_whatever_the_policy_until_it_passes() {
    let file = "[[service]]\nname = 'web'\nwhen_unhealthy = 'all'\n\
        check = [{ ttl = '10s', deregister_critical_service_after = '1m' }]\n\
        instance = [{ id = 'web-1', address = '10.0.0.1' }]\n";
    let mut rig = Rig::new(file, Vec::new());
    rig.beat("ttl", Verdict::Passing).unwrap();
    rig.wait(69_999);
    assert_eq!((rig.states(), rig.answer().0), (vec!["web-1 critical TTL expired".to_owned()], 1));
    let effects = rig.wait(1);
    assert!(effects.iter().all(|effects| effects.store.is_empty()), "it is the file's");
    assert_eq!((rig.states(), rig.answer().0), (vec!["web-1 removed TTL expired".to_owned()], 0));
    rig.beat("ttl", Verdict::Passing).unwrap();
    assert_eq!((rig.states(), rig.answer().0), (vec!["web-1 passing Passing".to_owned()], 1));
}

#[test]
fn a_service_and_its_checks_are_registered_step_by_step() {
    let mut rig = Rig::new("", Vec::new());
    let check = |text: &str| Write::RegisterCheck(Box::new(body::check(text.as_bytes()).unwrap()));
    let own = r#"{"ID": "beat", "Name": "beat", "ServiceID": "web-1", "TTL": "30s"}"#;
    assert_eq!(rig.write(check(own)).unwrap_err(), Refusal::UnknownService("web-1".to_owned()));
    rig.write(registered(r#"{"ID": "web-1", "Name": "web", "Address": "10.0.0.1"}"#)).unwrap();
    assert_eq!(rig.answer().0, 1, "no check");
    rig.write(check(own)).unwrap();
    rig.beat("beat", Verdict::Critical).unwrap();
    assert_eq!(rig.answer().0, 0);
    rig.write(registered(r#"{"ID": "web-1", "Name": "web", "Address": "10.0.0.9"}"#)).unwrap();
    assert_eq!(rig.answer().0, 0, "its check stays");
    rig.write(Write::DeregisterCheck("beat".into())).unwrap();
    assert_eq!(rig.answer().0, 1);
    let unknown = rig.write(Write::DeregisterCheck("beat".into())).unwrap_err();
    assert_eq!(unknown, Refusal::UnknownCheck("beat".to_owned()));
    rig.write(check(r#"{"ID": "node", "Name": "node", "TTL": "30s"}"#)).unwrap();
    assert_eq!(rig.states().len(), 1);
    rig.write(Write::Deregister("web-1".into())).unwrap();
    assert!(rig.states().is_empty());
}

#[test]
fn an_id_that_a_file_holds_is_the_files() {
    let mut rig = Rig::new(FILE, Vec::new());
    let held = |refusal: Result<(), Refusal>| match refusal.unwrap_err() {
        Refusal::Held { file, .. } => assert_eq!(file, "web.toml"),
        other => panic!("{other}"),
    };
    held(rig.write(registered(r#"{"ID": "web-1", "Name": "web", "Address": "10.0.0.9"}"#)));
    held(rig.write(Write::Deregister("web-1".into())));
}
