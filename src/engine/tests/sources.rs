//! A second source, fed by a channel, seen through `turn`: what is served, told and waited for.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::engine::event::Event;
use crate::engine::settings::Settings;
use crate::engine::turn::turn;
use crate::engine::world::World;
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::model::time::Now;
use crate::model::zone::ZoneSettings;
use crate::sources::native;
use crate::sources::{Change, Content, Put};

/// A world that waits for files and for the API.
struct Rig {
    world: World,
    api: Sender<Vec<Change>>,
    inbox: Receiver<Vec<Change>>,
}

fn apex() -> Name {
    Name::parse("a.test").unwrap()
}

fn put(id: EntryId, instance: &str) -> Change {
    let text = format!(
        "[[service]]\nname = 'web'\ninstance = [{{ id = '{instance}', address = '10.0.0.1' }}]\n"
    );
    let place = Path::new(id.origin.word()).join(&*id.key).into();
    let (document, diagnostics) = native::parse(place, text.into());
    let content = Content::Services(Arc::new(document.unwrap()));
    Change::Put(Put { id, zone: apex(), content, diagnostics })
}

fn api(key: &str) -> EntryId {
    EntryId { origin: Origin::Api, key: key.into() }
}

impl Rig {
    fn new(files: Vec<Change>) -> Self {
        let mut world = World::new(Settings::of(&Config::default()), 1, 1);
        world.wait_for(Origin::Files);
        world.wait_for(Origin::Api);
        turn(&mut world, Event::Loaded(files), Now::default());
        let (api, inbox) = channel();
        Self { world, api, inbox }
    }

    /// The API tells something, and the world takes it in, in as many turns as that needs; what it
    /// complains of.
    fn tell(&mut self, changes: Vec<Change>) -> Vec<Diagnostic> {
        self.api.send(changes).unwrap();
        let event = Event::Changed(self.inbox.try_recv().unwrap());
        let mut effects = turn(&mut self.world, event, Now::default());
        while effects.more {
            assert_eq!(effects.complaints, [], "they are told at the end");
            effects = turn(&mut self.world, Event::Timer, Now::default());
        }
        effects.complaints
    }

    fn instances(&self) -> Vec<String> {
        let services = self.world.report().services;
        services.into_iter().flat_map(|s| s.instances).map(|i| i.id).collect()
    }
}

#[test]
fn the_world_is_ready_when_each_source_has_told_its_first_whole_list() {
    let zone = Change::Zone(Origin::Files, ZoneSettings::new(apex()));
    let mut rig = Rig::new(vec![zone, Change::Synced(Origin::Files)]);
    rig.tell(vec![put(api("a"), "api-1")]);
    assert!(!rig.world.is_ready());
    assert_eq!(rig.world.awaited().collect::<Vec<_>>(), [Origin::Api]);
    rig.tell(vec![put(api("b"), "api-2"), Change::Synced(Origin::Api)]);
    assert!(rig.world.is_ready());
    assert_eq!(rig.world.awaited().count(), 0);
    assert_eq!(rig.instances(), ["api-2"], "what was there before did not come again");
}

#[test]
fn each_source_is_reported_with_its_own_errors_files_first() {
    let zone = Change::Zone(Origin::Files, ZoneSettings::new(apex()));
    let file = put(EntryId::of_file(Path::new("web.toml")), "web-1");
    let mut rig = Rig::new(vec![zone, file, Change::Synced(Origin::Files)]);
    let trouble = Diagnostic::of_file(&Path::new("store").into(), "is full");
    let told = rig.tell(vec![
        put(api("a"), "web-1"),
        Change::Troubles(Origin::Api, vec![trouble]),
        Change::Synced(Origin::Api),
    ]);
    assert_eq!(told.iter().map(|complaint| complaint.origin).collect::<Vec<_>>(), [Origin::Api; 2]);
    let sources = rig.world.report().sources;
    let names: Vec<_> = sources.iter().map(|source| (&*source.name, source.errors.len())).collect();
    assert_eq!(names, [("files", 0), ("api", 2)]);
    assert!(sources[1].errors[0].starts_with("api/a:3:"), "{sources:?}");
    assert_eq!(rig.instances(), ["web-1"]);
    rig.tell(vec![Change::Troubles(Origin::Files, Vec::new())]);
    assert_eq!(rig.world.errors().collect::<Vec<_>>(), [(Origin::Files, 0), (Origin::Api, 2)]);
}

#[test]
fn ten_thousand_entries_that_come_in_one_event_are_one_merge() {
    const MANY: usize = 10_000;
    let zone = Change::Zone(Origin::Api, ZoneSettings::new(apex()));
    let mut rig = Rig::new(Vec::new());
    let entry = |number| put(api(&format!("{number:05}")), &format!("web-{number}"));
    rig.tell([zone].into_iter().chain((0..MANY).map(entry)).collect());
    assert_eq!((rig.world.merged(), rig.instances().len()), (MANY as u64, MANY));
}
