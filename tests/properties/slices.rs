//! What a turn is too short for is done in later ones: whatever comes between them, the end is that of
//! a world that took all in at once.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use livezone::config::{Config, zone_toml};
use livezone::engine::event::Event;
use livezone::engine::settings::Settings;
use livezone::engine::turn::turn;
use livezone::engine::world::World;
use livezone::model::name::Name;
use livezone::model::origin::{EntryId, Origin};
use livezone::model::time::Now;
use livezone::snapshot::Snapshot;
use livezone::snapshot::service::ServiceView;
use livezone::sources::native;
use livezone::sources::{Change, Content, Put};
use proptest::collection::vec;
use proptest::prelude::*;

/// More than a turn takes in.
const MANY: usize = 2_000;

#[derive(Clone, Debug)]
enum Told {
    /// A file says so many services, each at an address of its own, with this port.
    File(usize, usize, u16),
    Gone(usize),
    Zone,
    ZoneGone,
    Synced,
}

fn lists() -> impl Strategy<Value = Vec<(Vec<Told>, usize)>> {
    let many = prop_oneof![Just(MANY), 0..4usize];
    let told = prop_oneof![
        4 => (0..3usize, many, 80..82u16).prop_map(|(at, many, port)| Told::File(at, many, port)),
        1 => (0..3usize).prop_map(Told::Gone),
        1 => Just(Told::Zone),
        1 => Just(Told::ZoneGone),
        1 => Just(Told::Synced),
    ];
    vec((vec(told, 1..4), 0..6usize), 1..6)
}

fn apex() -> Name {
    Name::parse("service.internal").unwrap()
}

fn change(told: &Told) -> Change {
    let id = |at: usize| EntryId::of_file(Path::new(&format!("{at}.toml")));
    match *told {
        Told::Gone(at) => Change::Gone(id(at)),
        Told::Zone => Change::Zone(Origin::Files, zone_toml::defaults(&apex(), &[])),
        Told::ZoneGone => Change::ZoneGone(Origin::Files, apex()),
        Told::Synced => Change::Synced(Origin::Files),
        Told::File(at, many, port) => {
            let mut text = String::new();
            for n in 0..many {
                let address = format!("10.{at}.{}.{}", n >> 8, n & 255);
                writeln!(text, "[[service]]\nname = 's{n}'\nport = {port}").unwrap();
                // Many services are said by two files; of these some ids are said twice.
                let id = if n % 50 == 0 { 9 } else { at };
                writeln!(text, "[[service.instance]]\nid = 'i{id}'\naddress = '{address}'")
                    .unwrap();
            }
            let path: Arc<Path> = Path::new(&format!("{at}.toml")).into();
            let (document, diagnostics) = native::parse(path, text.into());
            let content = Content::Services(Arc::new(document.unwrap()));
            Change::Put(Put { id: id(at), zone: apex(), content, diagnostics })
        }
    }
}

#[derive(Default)]
struct Served(Option<Arc<Snapshot>>);

impl Served {
    /// Feeds an event and, of the turns that follow from it, at most so many; whether there are more.
    fn feed(&mut self, world: &mut World, event: Event, most: usize) -> bool {
        let mut effects = turn(world, event, Now::default());
        for _ in 0..most {
            self.0 = effects.snapshot.take().or(self.0.take());
            if !effects.more {
                break;
            }
            effects = turn(world, Event::Timer, Now::default());
        }
        self.0 = effects.snapshot.take().or(self.0.take());
        effects.more
    }

    /// What is answered of every service, but for serials and generations.
    fn answers(&self) -> BTreeSet<String> {
        let zones = self.0.iter().flat_map(|snapshot| snapshot.zones.values());
        let views = zones.flat_map(|zone| {
            let of = |(_, view): (_, &Arc<ServiceView>)| {
                let mut view = ServiceView::clone(view);
                view.changed = 0;
                format!("{} {view:?}", zone.usable)
            };
            zone.services.iter().map(of).chain([format!("{:?} {}", zone.facts.apex, zone.usable)])
        });
        views.collect()
    }
}

fn world() -> World {
    World::new(Settings::of(&Config::default()), 1, 1)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn slices_end_where_one_long_turn_does(lists in lists()) {
        let changes = |told: &[Told]| told.iter().map(change).collect::<Vec<_>>();
        let (mut sliced, mut served) = (world(), Served::default());
        served.feed(&mut sliced, Event::Loaded(changes(&[Told::Zone])), 0);
        let (mut whole, mut at_once) = (world(), Served::default());
        at_once.feed(&mut whole, Event::Loaded(changes(&[Told::Zone])), 0);
        let mut more = false;
        for (told, turns) in &lists {
            more = served.feed(&mut sliced, Event::Changed(changes(told)), *turns);
            // A start takes all in that it is given.
            at_once.feed(&mut whole, Event::Loaded(changes(told)), 0);
        }
        if more {
            more = served.feed(&mut sliced, Event::Timer, usize::MAX);
        }
        prop_assert!(!more && sliced.is_ready());
        prop_assert_eq!(served.answers(), at_once.answers());
        let [sliced, whole] = [&sliced, &whole].map(|world| (world.report(), world.errors().collect::<Vec<_>>()));
        prop_assert_eq!(sliced, whole);
    }
}
