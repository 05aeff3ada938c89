//! What several sources say together, without a world around it.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::model::name::Label;
use crate::sources::native;

fn apex() -> Name {
    Name::parse("a.test").unwrap()
}

fn web() -> ServiceKey {
    ServiceKey { zone: apex(), name: Label::parse("web").unwrap() }
}

fn api(key: &str) -> EntryId {
    EntryId { origin: Origin::Api, key: key.into() }
}

fn file(path: &str) -> EntryId {
    EntryId::of_file(Path::new(path))
}

/// An entry that registers one instance of web.
fn put(id: EntryId, instance: &str) -> Change {
    let text = format!(
        "[[service]]\nname = 'web'\n[[service.instance]]\nid = '{instance}'\naddress = '10.0.0.1'\n"
    );
    let place = Path::new(id.origin.word()).join(&*id.key).into();
    let (document, diagnostics) = native::parse(place, text.into());
    let content = Content::Services(Arc::new(document.unwrap()));
    Change::Put(Put { id, zone: apex(), content, diagnostics })
}

fn settings(id: EntryId, negative_ttl: u64) -> Change {
    let content = Content::Settings(with_negative_ttl(negative_ttl));
    Change::Put(Put { id, zone: apex(), content, diagnostics: Vec::new() })
}

fn with_negative_ttl(seconds: u64) -> ZoneSettings {
    let negative_ttl = std::time::Duration::from_secs(seconds);
    ZoneSettings { negative_ttl, ..ZoneSettings::new(apex()) }
}

fn zone(origin: Origin) -> Change {
    Change::Zone(origin, ZoneSettings::new(apex()))
}

/// Takes changes in and merges what they touch; the new complaints.
fn apply(catalogue: &mut Catalogue, changes: Vec<Change>) -> Vec<Diagnostic> {
    let (mut complaints, services) = take_in(catalogue, changes);
    for key in services {
        catalogue.merge(&key, &Policy::default(), &mut complaints);
    }
    complaints
}

/// Takes changes in; the new complaints, and the services to be merged.
fn take_in(
    catalogue: &mut Catalogue,
    changes: Vec<Change>,
) -> (Vec<Diagnostic>, BTreeSet<ServiceKey>) {
    catalogue.tell(changes);
    let touched = catalogue.work(Scripts::Refused, &mut Budget::of_start());
    let services = std::iter::from_fn(|| catalogue.next_service()).collect();
    assert!(catalogue.settle());
    (touched.complaints, services)
}

/// The instances of web that are served.
fn ids(catalogue: &mut Catalogue) -> Vec<String> {
    let service = catalogue.merge(&web(), &Policy::default(), &mut Vec::new());
    service.into_iter().flat_map(|s| s.instances).map(|i| i.id.to_string()).collect()
}

fn errors(catalogue: &Catalogue) -> Vec<(&str, usize)> {
    catalogue.errors().map(|(origin, count)| (origin.word(), count)).collect()
}

fn negative_ttl(catalogue: &Catalogue) -> u64 {
    catalogue.zone(&apex()).unwrap().settings.negative_ttl.as_secs()
}

#[test]
fn a_file_beats_the_api_and_the_loser_is_an_error_of_its_own_source() {
    let mut catalogue = Catalogue::default();
    let api_first = vec![zone(Origin::Files), put(api("a"), "web-1"), put(api("b"), "web-2")];
    assert_eq!(apply(&mut catalogue, api_first), []);
    let complaints = apply(&mut catalogue, vec![put(file("z.toml"), "web-1")]);
    let [error] = &complaints[..] else { panic!("{complaints:?}") };
    assert_eq!((error.origin, &*error.path), (Origin::Api, Path::new("api/a")));
    assert!(error.label.contains("files/z.toml"), "{error:?}");
    assert_eq!(errors(&catalogue), [("files", 0), ("api", 1)]);
    assert_eq!(ids(&mut catalogue), ["web-1", "web-2"]);
    apply(&mut catalogue, vec![Change::Gone(file("z.toml"))]);
    assert_eq!(errors(&catalogue), [("files", 0), ("api", 0)]);
    assert_eq!(ids(&mut catalogue), ["web-1", "web-2"]);
}

#[test]
fn entries_of_one_key_in_two_sources_are_two() {
    let mut catalogue = Catalogue::default();
    let both = vec![zone(Origin::Files), put(file("k"), "one"), put(api("k"), "two")];
    apply(&mut catalogue, both);
    apply(&mut catalogue, vec![Change::Gone(api("k"))]);
    assert_eq!(ids(&mut catalogue), ["one"]);
}

#[test]
fn an_entry_that_moves_to_another_zone_leaves_the_first() {
    let mut catalogue = Catalogue::default();
    apply(&mut catalogue, vec![zone(Origin::Api), put(api("a"), "web-1")]);
    let Change::Put(moved) = put(api("a"), "web-1") else { unreachable!() };
    let other = Name::parse("b.test").unwrap();
    let (_, services) = take_in(&mut catalogue, vec![Change::Put(Put { zone: other, ..moved })]);
    assert!(services.contains(&web()));
    assert_eq!(ids(&mut catalogue), [""; 0]);
}

#[test]
fn a_whole_list_takes_out_what_it_does_not_name_of_its_own_source_alone() {
    let mut catalogue = Catalogue::default();
    catalogue.wait_for(Origin::Api);
    let restored = vec![
        zone(Origin::Files),
        zone(Origin::Api),
        put(file("a.toml"), "file-1"),
        put(api("a"), "api-1"),
        put(api("b"), "api-2"),
    ];
    apply(&mut catalogue, restored);
    assert!(!catalogue.is_whole());
    let list = vec![zone(Origin::Api), put(api("b"), "api-2"), Change::Synced(Origin::Api)];
    apply(&mut catalogue, list);
    assert!(catalogue.is_whole());
    assert_eq!(ids(&mut catalogue), ["file-1", "api-2"]);
    apply(&mut catalogue, vec![Change::Synced(Origin::Api)]);
    assert_eq!(ids(&mut catalogue), ["file-1"], "its list was empty");
    assert_eq!(catalogue.zone_count(), 1, "the folder is still there");
    apply(&mut catalogue, vec![Change::Synced(Origin::Files)]);
    assert_eq!(catalogue.zone_count(), 0);
}

#[test]
fn troubles_of_one_source_leave_those_of_another() {
    let mut catalogue = Catalogue::default();
    let trouble = |text: &str| vec![Diagnostic::of_file(&Path::new("place").into(), text)];
    let one = Change::Troubles(Origin::Files, trouble("disk"));
    let other = Change::Troubles(Origin::Api, trouble("store"));
    assert_eq!(apply(&mut catalogue, vec![one, other]).len(), 2);
    assert_eq!(errors(&catalogue), [("files", 1), ("api", 1)]);
    apply(&mut catalogue, vec![Change::Troubles(Origin::Files, Vec::new())]);
    assert_eq!(errors(&catalogue), [("files", 0), ("api", 1)]);
    let left: Vec<_> = catalogue.complaints().map(|c| (c.origin, &*c.message)).collect();
    assert_eq!(left, [(Origin::Api, "store")]);
}

#[test]
fn a_zone_needs_no_folder_and_outlives_one() {
    let mut catalogue = Catalogue::default();
    apply(&mut catalogue, vec![zone(Origin::Api), put(api("a"), "api-1")]);
    assert_eq!(ids(&mut catalogue), ["api-1"]);
    apply(&mut catalogue, vec![zone(Origin::Files), put(file("a.toml"), "file-1")]);
    assert_eq!(ids(&mut catalogue), ["file-1", "api-1"]);
    apply(&mut catalogue, vec![Change::ZoneGone(Origin::Files, apex())]);
    assert_eq!(ids(&mut catalogue), ["api-1"]);
    apply(&mut catalogue, vec![Change::ZoneGone(Origin::Api, apex())]);
    assert_eq!((catalogue.zone_count(), ids(&mut catalogue).len()), (0, 0));
}

#[test]
fn entries_wait_for_a_zone_that_another_source_takes_away_and_brings_back() {
    let mut catalogue = Catalogue::default();
    let entries = vec![put(api("a"), "api-1"), settings(api("zone"), 7)];
    apply(&mut catalogue, entries);
    assert_eq!(ids(&mut catalogue), [""; 0], "nobody has the zone");
    for _ in 0..2 {
        apply(&mut catalogue, vec![zone(Origin::Files)]);
        assert_eq!((ids(&mut catalogue), negative_ttl(&catalogue)), (vec!["api-1".into()], 7));
        apply(&mut catalogue, vec![Change::ZoneGone(Origin::Files, apex())]);
        assert_eq!(ids(&mut catalogue), [""; 0]);
    }
    apply(&mut catalogue, vec![Change::Gone(api("zone")), zone(Origin::Files)]);
    assert_ne!(negative_ttl(&catalogue), 7);
}

#[test]
fn the_settings_of_a_file_beat_those_of_the_api() {
    let mut catalogue = Catalogue::default();
    let defaults = Change::Zone(Origin::Api, with_negative_ttl(1));
    apply(&mut catalogue, vec![defaults]);
    assert_eq!(negative_ttl(&catalogue), 1);
    apply(&mut catalogue, vec![settings(api("zone"), 2), settings(file("zone.toml"), 3)]);
    assert_eq!(negative_ttl(&catalogue), 3);
    apply(&mut catalogue, vec![Change::Gone(file("zone.toml"))]);
    assert_eq!(negative_ttl(&catalogue), 2);
    apply(&mut catalogue, vec![Change::Gone(api("zone"))]);
    assert_eq!(negative_ttl(&catalogue), 1);
}

/// What a change costs beyond the logarithm of all entries is what merges look at.
#[test]
fn ten_thousand_entries_of_one_service_that_come_at_once_are_looked_at_once() {
    const MANY: usize = 10_000;
    let entry = |number: usize| put(api(&format!("{number:05}")), &format!("web-{number}"));
    let mut catalogue = Catalogue::default();
    let all = [zone(Origin::Api)].into_iter().chain((0..MANY).map(entry)).collect();
    assert_eq!(apply(&mut catalogue, all), []);
    assert_eq!(catalogue.merged(), MANY as u64);
    let some = (0..MANY / 2).map(|number| Change::Gone(api(&format!("{number:05}")))).collect();
    apply(&mut catalogue, some);
    assert_eq!(catalogue.merged(), (MANY + MANY / 2) as u64);
    assert_eq!(take_in(&mut catalogue, vec![entry(0)]).1, [web()].into());
    assert_eq!(catalogue.contributions(&web()).len(), MANY / 2 + 1);
}
