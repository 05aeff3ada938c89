//! Large files, measured: the longest turn that each causes.
#![expect(clippy::print_stdout, reason = "what was measured")]

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use livezone::config::{Config, zone_toml};
use livezone::engine::event::Event;
use livezone::engine::settings::Settings;
use livezone::engine::turn::turn;
use livezone::engine::world::World;
use livezone::model::check::Scripts;
use livezone::model::name::Name;
use livezone::model::origin::{EntryId, Origin};
use livezone::model::time::Now;
use livezone::server::clock;
use livezone::sources::files::master;
use livezone::sources::{Change, Content, Put, consul, native};

fn apex() -> Name {
    Name::parse("service.internal").unwrap()
}

fn put(id: EntryId, content: Content) -> Change {
    Change::Put(Put { id, zone: apex(), content, diagnostics: Vec::new() })
}

fn file(name: &str, text: String) -> Change {
    let path: Arc<Path> = Path::new(name).into();
    let (document, _) = native::parse(Arc::clone(&path), text.into());
    put(EntryId::of_file(&path), Content::Services(Arc::new(document.unwrap())))
}

fn gone(name: &str) -> Change {
    Change::Gone(EntryId::of_file(Path::new(name)))
}

/// So many services of so many instances each.
fn services(services: usize, instances: usize, port: u16, check: &str) -> String {
    let mut text = String::new();
    for service in 0..services {
        write!(text, "[[service]]\nname = \"s{service}\"\nport = {port}\n{check}").unwrap();
        for n in (0..instances).map(|place| service * instances + place) {
            let address = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
            write!(text, "[[service.instance]]\nid = \"i{n}\"\naddress = \"{address}\"\n").unwrap();
        }
    }
    text
}

fn records(count: usize, address: &str) -> Change {
    let path: Arc<Path> = Path::new("big.zone").into();
    let mut text = String::from("$TTL 60\n");
    (0..count).for_each(|n| writeln!(text, "n{n}.static A {address}").unwrap());
    let (records, _) =
        master::parse(&apex(), Arc::clone(&path), &text.into(), &master::Includes::new());
    put(EntryId::of_file(&path), Content::Records(Arc::new(records.unwrap())))
}

struct Measured(World);

impl Measured {
    fn new() -> Self {
        let mut world = World::new(Settings::of(&Config::default()), 1, 1);
        let zone = Change::Zone(Origin::Files, zone_toml::defaults(&apex(), &[]));
        turn(&mut world, Event::Loaded(vec![zone]), Now::default());
        Self(world)
    }

    /// Takes an event in, with all turns that follow from it.
    fn feed(&mut self, what: &str, event: Event) {
        let clock = clock::start();
        let (mut event, mut turns, mut longest, mut all) =
            (Some(event), 0, Duration::ZERO, Duration::ZERO);
        while let Some(next) = event.take() {
            let began = clock().mono;
            let effects = turn(&mut self.0, next, Now::default());
            let took = clock().mono.since(began);
            (turns, longest, all) = (turns + 1, longest.max(took), all + took);
            event = effects.more.then_some(Event::Timer);
        }
        println!("{what}: {turns} turns, the longest {longest:?}, all {all:?}");
    }

    fn change(&mut self, what: &str, change: Change) {
        self.feed(what, Event::Changed(vec![change]));
    }
}

#[test]
#[ignore = "a measurement: cargo test --release --test properties large -- --ignored --nocapture --test-threads 1"]
fn many_services_measured() {
    const MANY: usize = 100_000;
    let mut world = Measured::new();
    world.change("100,000 services come", file("big.toml", services(MANY, 1, 80, "")));
    world.change("nothing changes", file("big.toml", services(MANY, 1, 80, "")));
    world.change("all change", file("big.toml", services(MANY, 1, 81, "")));
    world.change("a second file of the same", file("c.toml", services(MANY, 0, 82, "")));
    let settings = |seconds| {
        let mut settings = Settings::of(&Config::default());
        settings.policy.interval = Duration::from_secs(seconds);
        Event::Configured(Box::new(settings))
    };
    world.feed("another configuration", settings(7));
    let mut zone = zone_toml::defaults(&apex(), &[]);
    zone.min_ttl = Duration::from_secs(2);
    world.change(
        "another zone.toml",
        put(EntryId::of_file(Path::new("zone.toml")), Content::Settings(zone)),
    );
    world.change("the second goes", gone("c.toml"));
    world.change("the first goes", gone("big.toml"));
    let check = "[[service.check]]\ntcp = true\n";
    world.change("100,000 checked services come", file("big.toml", services(MANY, 1, 80, check)));
    world.change("the zone goes", Change::ZoneGone(Origin::Files, apex()));
}

#[test]
#[ignore = "a measurement: see above"]
fn many_instances_measured() {
    for many in [5_000, 20_000, 100_000] {
        println!("{many} instances of a service");
        for check in ["", "[[service.check]]\ntcp = true\n"] {
            let mut world = Measured::new();
            world.change("  come", file("big.toml", services(1, many, 80, check)));
            world.change("  change", file("big.toml", services(1, many, 81, check)));
            world.change("  go", gone("big.toml"));
        }
    }
}

/// What a turn does whole, however much there is.
#[test]
#[ignore = "a measurement: see above"]
fn work_in_one_piece_measured() {
    const MANY: usize = 100_000;
    let configured = |change: fn(&mut Settings)| {
        let mut settings = Settings::of(&Config::default());
        change(&mut settings);
        Event::Configured(Box::new(settings))
    };
    let mut world = Measured::new();
    world.change("100,000 services come", file("big.toml", services(MANY, 1, 80, "")));
    let text =
        "service {\nname = \"a\"\naddress = \"10.0.0.3\"\ncheck = { alias_service = \"i7\" }\n}\n";
    let (alias, _) = consul::parse(Path::new("a.hcl").into(), text.into(), None);
    let alias = Content::Services(Arc::new(alias.unwrap()));
    world.change("the first alias", put(EntryId::of_file(Path::new("a.hcl")), alias));
    world.change("it goes", gone("a.hcl"));

    let mut world = Measured::new();
    let check = "[[service.check]]\nargs = [\"/bin/true\"]\n";
    world.change("100,000 services with scripts", file("big.toml", services(MANY, 1, 80, check)));
    world.feed("scripts are let in", configured(|s| s.scripts = Scripts::Allowed));
    world.feed("scripts are refused", configured(|_| {}));

    let mut world = Measured::new();
    let check = "[[service.check]]\ntcp = true\n";
    world.change("100,000 checked services", file("big.toml", services(MANY, 1, 80, check)));
    let source = |s: &mut Settings| s.source = vec!["127.0.0.1".parse().unwrap()];
    world.feed("another source of checks", configured(source));
}

/// Of this process, in MiB.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4 / 1024
}

#[test]
#[ignore = "a measurement: see above"]
fn memory_measured() {
    let mut world = Measured::new();
    println!("before: {} MiB", resident());
    for _ in 0..3 {
        for at in 0..2 {
            let text = services(10_000, 10, 80, "").replace("= \"s", &format!("= \"{at}s"));
            world.change("  100,000 instances come", file(&format!("{at}.toml"), text));
        }
        println!("with 200,000 instances: {} MiB", resident());
        (0..2).for_each(|at| world.change("  they go", gone(&format!("{at}.toml"))));
        println!("without them: {} MiB", resident());
    }
}

#[test]
#[ignore = "a measurement: see above"]
fn many_records_measured() {
    for many in [10_000, 25_000] {
        println!("{many} records");
        let mut world = Measured::new();
        world.change("  come", records(many, "10.0.0.1"));
        world.change("  change", records(many, "10.0.0.2"));
        world.change("  go", gone("big.zone"));
    }
}

#[test]
#[ignore = "a measurement: see above"]
fn many_entries_of_one_service_measured() {
    const MANY: usize = 10_000;
    let entry = |n: usize, port: u16| {
        let address = format!("10.0.{}.{}", n >> 8 & 255, n & 255);
        let text = format!(
            "[[service]]\nname = \"web\"\n[[service.instance]]\nid = \"i{n}\"\naddress = \"{address}\"\nport = {port}\n"
        );
        let (document, _) = native::parse(Path::new("api").into(), text.into());
        let id = EntryId { origin: Origin::Api, key: format!("{n:05}").into() };
        put(id, Content::Services(Arc::new(document.unwrap())))
    };
    let mut world = Measured::new();
    let clock = clock::start();
    let began = clock().mono;
    for n in 0..MANY {
        let effects = turn(&mut world.0, Event::Changed(vec![entry(n, 80)]), Now::default());
        assert!(!effects.more);
        if (n + 1) % 1_000 == 0 {
            println!("{} entries, one a turn: {:?}", n + 1, clock().mono.since(began));
        }
    }
    world.change("one of them changes", entry(5_000, 81));
    world.change("one of them changes", entry(9_000, 81));
    world.change(
        "one of them goes",
        Change::Gone(EntryId { origin: Origin::Api, key: "07000".into() }),
    );
}
