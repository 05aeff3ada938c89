//! What `[health] script_checks` does to what is served, seen through `turn`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::engine::event::Event;
use crate::engine::settings::Settings;
use crate::engine::turn::turn;
use crate::engine::world::World;
use crate::model::check::{Policy, Question, Scripts};
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::model::time::Now;
use crate::model::zone::ZoneSettings;
use crate::sources::native;
use crate::sources::{Change, Content, Put};

fn settings(scripts: Scripts) -> Settings {
    Settings {
        policy: Policy::default(),
        first_round: Duration::from_secs(5),
        max_in_flight: 100,
        source: Vec::new(),
        scripts,
        ..Settings::of(&Config::default())
    }
}

fn loaded(text: &str) -> Event {
    let zone = Name::parse("z.internal").unwrap();
    let path: Arc<Path> = Path::new("web.toml").into();
    let (document, diagnostics) = native::parse(Arc::clone(&path), text.into());
    let content = Content::Services(Arc::new(document.unwrap()));
    let file = Put { id: EntryId::of_file(&path), zone: zone.clone(), content, diagnostics };
    Event::Loaded(vec![Change::Zone(Origin::Files, ZoneSettings::new(zone)), Change::Put(file)])
}

const TEXT: &str = "[[service]]\nname = 'web'\ncheck = [{ args = ['/bin/true'] }]\n\
    instance = [{ id = 'web-1', address = '10.0.0.1' }]\n\
    [[service]]\nname = 'db'\ninstance = [{ address = '10.0.0.2' }]\n";

fn names(world: &World) -> Vec<String> {
    world.report().services.into_iter().map(|service| service.name).collect()
}

#[test]
fn a_refused_service_is_not_registered_and_a_new_configuration_lets_it_in_and_out() {
    let mut world = World::new(settings(Scripts::Refused), 1, 0);
    let now = Now::default();
    let effects = turn(&mut world, loaded(TEXT), now);
    assert_eq!(names(&world), ["db"]);
    assert_eq!((effects.start.len(), effects.complaints.len()), (0, 1));
    assert_eq!(world.errors().map(|(_, count)| count).sum::<usize>(), 1);

    let allowed = Event::Configured(Box::new(settings(Scripts::Allowed)));
    let effects = turn(&mut world, allowed, now);
    assert_eq!(names(&world), ["db", "web"]);
    assert_eq!(
        (effects.complaints.len(), world.errors().map(|(_, count)| count).sum::<usize>()),
        (0, 0)
    );
    let [start] = &effects.start[..] else { panic!("{:?}", effects.start) };
    let Question::Script(_, subject) = &start.probe.question else { panic!("{start:?}") };
    assert_eq!((&*subject.service, &*subject.instance, subject.port), ("web", "web-1", None));

    let refused = Event::Configured(Box::new(settings(Scripts::Refused)));
    let effects = turn(&mut world, refused, now);
    assert_eq!(names(&world), ["db"]);
    assert_eq!((effects.stop.len(), effects.complaints.len()), (1, 1));
}
