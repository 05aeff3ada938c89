//! Static names seen through `turn`: what is served, and what is complained of.

use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::engine::event::{Effects, Event};
use crate::engine::settings::Settings;
use crate::engine::turn::turn;
use crate::engine::world::World;
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::model::time::Now;
use crate::model::zone::ZoneSettings;
use crate::sources::files::master;
use crate::sources::native;
use crate::sources::{Change, Content, Put};

const SERVICE: &str = "[[service]]\nname = \"web\"\n[[service.instance]]\naddress = \"10.0.0.1\"\n";

fn world() -> World {
    let settings = Settings::of(&Config::default());
    let mut world = World::new(settings, 1, 1);
    let zone = Change::Zone(Origin::Files, ZoneSettings::new(apex()));
    turn(&mut world, Event::Loaded(vec![zone]), Now::default());
    world
}

fn apex() -> Name {
    Name::parse("a.test").unwrap()
}

/// Tells the world of a file; `None` when it has gone.
fn tell(world: &mut World, path: &str, text: Option<&str>) -> Effects {
    let path: Arc<Path> = Path::new(path).into();
    let id = EntryId::of_file(&path);
    let (content, diagnostics) = match text {
        None => return turn(world, Event::Changed(vec![Change::Gone(id)]), Now::default()),
        Some(text) if path.extension().is_some_and(|ending| ending == "toml") => {
            let (document, said) = native::parse(Arc::clone(&path), text.into());
            (document.map_or(Content::Refused, |d| Content::Services(Arc::new(d))), said)
        }
        Some(text) => {
            let includes = master::Includes::new();
            let (file, said) = master::parse(&apex(), Arc::clone(&path), &text.into(), &includes);
            (file.map_or(Content::Refused, |f| Content::Records(Arc::new(f))), said)
        }
    };
    let change = Put { id, zone: apex(), content, diagnostics };
    turn(world, Event::Changed(vec![Change::Put(change)]), Now::default())
}

fn short(complaints: &[Diagnostic]) -> Vec<String> {
    complaints.iter().map(Diagnostic::short).collect()
}

fn types(effects: &Effects, name: &str) -> Vec<String> {
    let snapshot = effects.snapshot.as_ref().unwrap();
    let name = Name::parse(name).unwrap();
    let node = snapshot.zones.get(apex().as_wire()).unwrap().facts.statics.get(name.as_wire());
    let rrsets = node.map_or(&[][..], |node| node.rrsets());
    rrsets.iter().map(|rrset| rrset.rtype.to_string()).collect()
}

#[test]
fn a_service_that_comes_to_a_static_name_is_told_as_the_records_error() {
    let mut world = world();
    assert_eq!(tell(&mut world, "a.zone", Some("$TTL 5\nweb A 192.0.2.1\n")).complaints, []);
    let told = short(&tell(&mut world, "web.toml", Some(SERVICE)).complaints);
    assert!(told[0].starts_with("a.zone:2:5: web.a.test. A is not served"), "{told:?}");
    assert_eq!(world.errors().map(|(_, count)| count).sum::<usize>(), 1);
    tell(&mut world, "web.toml", None);
    assert_eq!(world.errors().map(|(_, count)| count).sum::<usize>(), 0);
    tell(&mut world, "web.toml", Some(SERVICE));
    assert_eq!(world.errors().map(|(_, count)| count).sum::<usize>(), 1);
    tell(&mut world, "a.zone", Some("$TTL 5\nweb MX 10 mail\n"));
    assert_eq!(world.errors().map(|(_, count)| count).sum::<usize>(), 0);
}

#[test]
fn a_changed_master_file_leaves_the_services_as_they_are() {
    let mut world = world();
    let before = tell(&mut world, "web.toml", Some(SERVICE)).snapshot.unwrap();
    let after = tell(&mut world, "a.zone", Some("$TTL 5\nweb MX 10 mail\n")).snapshot.unwrap();
    let view = |snapshot: &crate::snapshot::Snapshot| {
        Arc::clone(snapshot.zones.get(apex().as_wire()).unwrap().services.get("web").unwrap())
    };
    assert!(Arc::ptr_eq(&view(&before), &view(&after)));
    let serial = |snapshot: &crate::snapshot::Snapshot| {
        snapshot.zones.get(apex().as_wire()).unwrap().soa.serial
    };
    assert_eq!(serial(&after), serial(&before) + 1);
}

#[test]
fn files_add_up_and_one_in_error_keeps_what_it_said() {
    let mut world = world();
    tell(&mut world, "a.zone", Some("$TTL 5\n@ SOA ns h 9 1 1 1 7\nx A 192.0.2.1\n"));
    let effects = tell(&mut world, "b.zone", Some("$TTL 5\n@ SOA ns h 9 2 2 2 8\nx TXT b\n"));
    let told = short(&effects.complaints);
    assert!(
        told[0].starts_with("b.zone:2:3: another file of the zone already has an SOA"),
        "{told:?}"
    );
    assert_eq!(types(&effects, "x.a.test"), ["A", "TXT"]);
    let soa = &effects.snapshot.as_ref().unwrap().zones.get(apex().as_wire()).unwrap().soa;
    assert!(soa.minimum == 7 && soa.serial != 9);
    assert!(tell(&mut world, "a.zone", Some("x A 192.0.2\n")).snapshot.is_none());
    let effects = tell(&mut world, "b.zone", None);
    assert_eq!(types(&effects, "x.a.test"), ["A"]);
}

#[test]
fn a_file_with_which_a_zone_has_too_many_records_is_left_out_as_a_whole() {
    let file = |many: usize, label: &str| {
        let record = |n| format!("{label}{n}.static 60 A 192.0.2.1\n");
        (0..many).map(record).collect::<String>()
    };
    let mut world = world();
    let most = crate::model::records::MOST_RECORDS;
    assert_eq!(short(&tell(&mut world, "a.zone", Some(&file(most - 1, "a"))).complaints), [""; 0]);
    let effects = tell(&mut world, "b.zone", Some(&file(2, "b")));
    let effects =
        if effects.more { turn(&mut world, Event::Timer, Now::default()) } else { effects };
    let [complaint] = &short(&effects.complaints)[..] else { panic!("one complaint") };
    assert!(
        complaint.starts_with("b.zone: not served: with this file the zone has"),
        "{complaint}"
    );
    let (_, statics) = world.statics().next().unwrap();
    assert_eq!(statics.names.len(), most, "with the apex");
}
