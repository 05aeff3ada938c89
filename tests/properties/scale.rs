//! Twenty thousand instances in one file: what a change of one costs, and whom it touches.
#![expect(clippy::print_stdout, reason = "what was measured")]

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use livezone::config::{Config, zone_toml};
use livezone::engine::event::{Effects, Event};
use livezone::engine::settings::Settings;
use livezone::engine::turn::turn;
use livezone::engine::world::World;
use livezone::model::health::{Finding, Outcome};
use livezone::model::name::{Label, Name};
use livezone::model::origin::{EntryId, Origin};
use livezone::model::time::Now;
use livezone::server::clock;
use livezone::snapshot::Snapshot;
use livezone::snapshot::service::ServiceView;
use livezone::sources::native;
use livezone::sources::{Change, Content, Put};

const INSTANCES: usize = 20_000;

/// All instances in `services` services of one file, each with tags and a check; the first has
/// this priority.
fn text(services: usize, priority: u16) -> String {
    let mut text = String::new();
    let each = INSTANCES / services;
    for service in 0..services {
        write!(text, "[[service]]\nname = \"s{service}\"\nport = 80\n").unwrap();
        text.push_str("[[service.check]]\ntcp = true\n");
        for place in 0..each {
            let n = service * each + place;
            let priority = if n == 0 { priority } else { 1 };
            let address = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
            write!(text, "[[service.instance]]\nid = \"i{n}\"\naddress = \"{address}\"\n").unwrap();
            write!(text, "priority = {priority}\ntags = [\"t{n}\", \"v1\"]\n").unwrap();
        }
    }
    text
}

fn apex() -> Name {
    Name::parse("service.internal").unwrap()
}

struct Scale {
    world: World,
    snapshot: Arc<Snapshot>,
}

impl Scale {
    fn new() -> Self {
        let settings = Settings { max_in_flight: INSTANCES, ..Settings::of(&Config::default()) };
        let snapshot = Arc::new(Snapshot::empty(settings.rules.clone()));
        Self { world: World::new(settings, 1, 1), snapshot }
    }

    fn feed(&mut self, event: Event) -> Effects {
        let mut effects = turn(&mut self.world, event, Now::default());
        while effects.more {
            let mut next = turn(&mut self.world, Event::Timer, Now::default());
            next.start.splice(..0, effects.start);
            next.stop.splice(..0, effects.stop);
            next.snapshot = next.snapshot.or(effects.snapshot);
            effects = next;
        }
        self.snapshot = effects.snapshot.clone().unwrap_or_else(|| Arc::clone(&self.snapshot));
        effects
    }

    fn view(&self, service: usize) -> Arc<ServiceView> {
        let zone = self.snapshot.zones.get(apex().as_wire()).unwrap();
        Arc::clone(zone.services.get(&Label::parse(&format!("s{service}")).unwrap()).unwrap())
    }

    fn serial(&self) -> u32 {
        self.snapshot.zones.get(apex().as_wire()).unwrap().soa.serial
    }
}

fn read(text: &str) -> Change {
    read_from("big.toml", text)
}

fn read_from(file: &str, text: &str) -> Change {
    let path: Arc<Path> = Path::new("zones/service.internal").join(file).into();
    let (document, diagnostics) = native::parse(Arc::clone(&path), text.into());
    let content = Content::Services(Arc::new(document.expect("it is well written")));
    Change::Put(Put { id: EntryId::of_file(&path), zone: apex(), content, diagnostics })
}

/// Does it and prints how long it took; nothing is asserted of that.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let clock = clock::start();
    let began = clock().mono;
    let result = work();
    println!("{what}: {:?}", clock().mono.since(began));
    result
}

fn one_changed_instance_of(services: usize) {
    println!("{INSTANCES} instances in {services} services:");
    let mut scale = Scale::new();
    let (before, after) = (text(services, 1), text(services, 2));
    let loaded = timed("  parse", || read(&before));
    let appeared = Change::Zone(Origin::Files, zone_toml::defaults(&apex(), &[]));
    let effects = timed("  first turn", || scale.feed(Event::Loaded(vec![appeared, loaded])));
    assert_eq!(effects.start.len(), INSTANCES);
    let pass = |start: &livezone::engine::event::Start| (start.id, Outcome::new(Finding::Pass, ""));
    let outcomes: Vec<_> = effects.start.iter().map(pass).collect();
    timed("  first outcomes, 100 a turn", || {
        outcomes.chunks(100).for_each(|some| drop(scale.feed(Event::Outcomes(some.to_vec()))));
    });
    assert!(scale.world.is_ready());

    let (generation, serial) = (scale.snapshot.generation, scale.serial());
    let views: Vec<_> = (0..services).map(|service| scale.view(service)).collect();
    let changed = timed("  parse again", || read(&after));
    let effects =
        timed("  turn of one changed instance", || scale.feed(Event::Changed(vec![changed])));
    assert_eq!((scale.snapshot.generation, scale.serial()), (generation + 1, serial + 1));
    assert_eq!((effects.start.len(), effects.stop.len()), (0, 0), "every check goes on");
    for (service, view) in views.iter().enumerate() {
        let is_same = Arc::ptr_eq(view, &scale.view(service));
        assert_eq!(is_same, service != 0, "service {service}");
    }
    let same = timed("  parse the same", || read(&after));
    let effects = timed("  turn of nothing changed", || scale.feed(Event::Changed(vec![same])));
    assert!(effects.snapshot.is_none());
    timed("  report", || scale.world.report());
}

#[test]
fn one_changed_instance_publishes_its_service_alone() {
    one_changed_instance_of(2_000);
}

#[test]
fn a_file_read_again_touches_its_own_services_alone() {
    const FILES: usize = 20;
    const EACH: usize = 50;
    let text = |file: usize, port: u16| -> String {
        let service = |n| {
            let instance = format!("[[service.instance]]\naddress = \"10.0.{file}.{n}\"\n");
            format!("[[service]]\nname = \"s{}\"\nport = {port}\n{instance}", file * EACH + n)
        };
        (0..EACH).map(service).collect()
    };
    let mut scale = Scale::new();
    let appeared = Change::Zone(Origin::Files, zone_toml::defaults(&apex(), &[]));
    let files = (0..FILES).map(|file| read_from(&format!("f{file}.toml"), &text(file, 80)));
    scale.feed(Event::Loaded(std::iter::once(appeared).chain(files).collect()));
    let views: Vec<_> = (0..FILES * EACH).map(|service| scale.view(service)).collect();
    scale.feed(Event::Changed(vec![read_from("f7.toml", &text(7, 81))]));
    for (service, view) in views.iter().enumerate() {
        let is_same = Arc::ptr_eq(view, &scale.view(service));
        assert_eq!(is_same, service / EACH != 7, "service {service}");
    }
}

#[test]
#[ignore = "a measurement: cargo test --release --test properties scale -- --ignored --nocapture"]
fn twenty_thousand_instances_measured() {
    one_changed_instance_of(1);
    one_changed_instance_of(2_000);
    let mut twice = text(1, 1);
    twice.push_str(text(1, 1).split_once("tcp = true\n").expect("the check").1);
    let path: Arc<Path> = Path::new("twice.toml").into();
    let parse = || native::parse(path, twice.as_str().into());
    let (document, diagnostics) = timed("parse 20000 ids that are there already", parse);
    assert!(document.is_none());
    assert_eq!(diagnostics.len(), 1_000);
}

#[test]
#[ignore = "a measurement: cargo test --release --test properties scale -- --ignored --nocapture"]
fn a_change_of_health_measured() {
    const SERVICES: usize = 10_000;
    const CHECKED: usize = 1_000;
    /// As they come in a tick of 10 ms of 1,000 a second, when several come together.
    const TOGETHER: usize = 5;
    let check = "[[service.instance.check]]\ntcp = true\nfailures_before_critical = 1\n\
         success_before_passing = 1\n";
    let mut text = String::new();
    for service in 0..SERVICES {
        write!(text, "[[service]]\nname = \"s{service}\"\nport = 80\n").unwrap();
        for n in (0..10).map(|place| service * 10 + place) {
            let address = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
            write!(text, "[[service.instance]]\naddress = \"{address}\"\n").unwrap();
            writeln!(text, "tags = [\"v{}\", \"all\"]", n % 2).unwrap();
            text.push_str(if n % 10 == 0 && service < CHECKED { check } else { "" });
        }
    }
    let mut scale = Scale::new();
    let appeared = Change::Zone(Origin::Files, zone_toml::defaults(&apex(), &[]));
    let mut running = scale.feed(Event::Loaded(vec![appeared, read(&text)])).start;
    let mut now = Now::default();
    for finding in [Finding::Pass, Finding::Fail].into_iter().cycle().take(11) {
        let ids: Vec<_> = running.drain(..).map(|start| start.id).collect();
        assert_eq!(ids.len(), CHECKED);
        timed("  1,000 changes, five a turn", || {
            for some in ids.chunks(TOGETHER) {
                let said = some.iter().map(|&id| (id, Outcome::new(finding, "said"))).collect();
                let effects = turn(&mut scale.world, Event::Outcomes(said), now);
                assert_eq!(effects.transitions.len(), some.len());
                scale.snapshot = effects.snapshot.unwrap();
            }
        });
        now = now.after(std::time::Duration::from_secs(20));
        running = turn(&mut scale.world, Event::Timer, now).start;
    }
}
