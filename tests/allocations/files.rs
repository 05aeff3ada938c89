//! A file that is read again costs what it says, however many others there are.

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
use livezone::sources::native;
use livezone::sources::{Change, Content, Put};

use crate::count;

const SERVICES: usize = 10;

fn apex() -> Name {
    Name::parse("service.internal").unwrap()
}

fn file(number: usize, last_octet: u8) -> Change {
    let mut text = String::new();
    for service in 0..SERVICES {
        write!(text, "[[service]]\nname = \"s{service}-of-{number}\"\nport = 80\n").unwrap();
        let address = format!("10.{}.{service}.{last_octet}", number % 256);
        write!(text, "[[service.instance]]\naddress = \"{address}\"\ntags = [\"v1\"]\n").unwrap();
    }
    let path: Arc<Path> = Path::new(&format!("f{number}.toml")).into();
    let (document, diagnostics) = native::parse(Arc::clone(&path), text.into());
    let content = Content::Services(Arc::new(document.unwrap()));
    Change::Put(Put { id: EntryId::of_file(&path), zone: apex(), content, diagnostics })
}

/// What the allocator is asked for when one of so many files is read again, and all in it is new.
fn cost_among(files: usize) -> u64 {
    let mut world = World::new(Settings::of(&Config::default()), 1, 1);
    let zone = Change::Zone(Origin::Files, zone_toml::defaults(&apex(), &[]));
    let all = std::iter::once(zone).chain((0..files).map(|number| file(number, 1))).collect();
    let first = turn(&mut world, Event::Loaded(all), Now::default());
    let again = file(0, 2);
    let before = count();
    let effects = turn(&mut world, Event::Changed(vec![again]), Now::default());
    let cost = count() - before;
    assert!(first.snapshot.is_some() && effects.snapshot.is_some());
    cost
}

#[test]
fn reading_one_file_again_costs_the_same_among_ten_and_among_a_hundred() {
    let (few, many) = (cost_among(10), cost_among(100));
    assert!(many <= few + few / 10, "{few} calls of the allocator became {many}");
}
