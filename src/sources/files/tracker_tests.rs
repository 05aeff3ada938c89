//! What the tracker promises, on a folder that exists only here.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use crate::model::name::Name;
use crate::model::time::Now;
use crate::sources::files::file::{Fingerprint, Identity, Reading, Said};
use crate::sources::files::kind::FileKey;
use crate::sources::files::tracker::{Entry, Event, Folder, News, Task, Tracker, Unlisted};
use crate::sources::files::zone::{Cause, Found, Listing, Place};

/// A file of the imagined folder.
#[derive(Clone, Debug)]
struct Lying {
    inode: u64,
    modified: SystemTime,
    text: String,
}

/// `zones_dir`, the tracker that follows it and whoever hears the news.
struct World {
    now: Now,
    tracker: Tracker,
    next_inode: u64,
    readable: bool,
    zones: BTreeMap<String, (u64, BTreeMap<String, Lying>)>,
    told: BTreeMap<Name, BTreeMap<FileKey, String>>,
    news: Vec<News>,
}

fn entry(zone: &str, file: &str) -> Entry {
    Entry { zone: Name::parse(zone).unwrap(), key: FileKey::of(OsStr::new(file)).unwrap() }
}

impl World {
    fn new() -> Self {
        let start = Now::default().after(Duration::from_secs(1_000));
        Self {
            now: start,
            tracker: Tracker::new(start.mono),
            next_inode: 1,
            readable: true,
            zones: BTreeMap::new(),
            told: BTreeMap::new(),
            news: Vec::new(),
        }
    }

    /// A world with one zone of one settled file, told and long quiet.
    fn settled() -> Self {
        let mut world = Self::new();
        world.make_zone("a.b");
        world.put("a.b", "web.toml", "one");
        world.pass(Duration::from_secs(30));
        world.news.clear();
        world
    }

    fn inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.next_inode
    }

    fn make_zone(&mut self, zone: &str) {
        let inode = self.inode();
        self.zones.entry(zone.to_owned()).or_insert((inode, BTreeMap::new()));
    }

    /// Changes the folder without a word. The file system's clock counts whole seconds.
    fn put(&mut self, zone: &str, file: &str, text: &str) {
        let inode = self.inode();
        let seconds = self.now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let Some((_, files)) = self.zones.get_mut(zone) else { return };
        let inode = files.get(file).map_or(inode, |old| old.inode);
        files.insert(file.to_owned(), Lying { inode, modified, text: text.to_owned() });
    }

    fn remove(&mut self, zone: &str, file: &str) {
        if let Some((_, files)) = self.zones.get_mut(zone) {
            files.remove(file);
        }
    }

    fn event(&mut self, event: Event) {
        self.tracker.event(event, self.now.mono);
    }

    /// Everything that is due now is done, and then told.
    fn work(&mut self) {
        let mut tasks = 0;
        while let Some(task) = self.tracker.task(self.now.mono) {
            self.perform(task);
            tasks += 1;
            assert!(tasks < 1_000, "the tracker never rests");
        }
        for news in self.tracker.news() {
            self.hear(&news);
            self.news.push(news);
        }
    }

    fn perform(&mut self, task: Task) {
        let now = self.now;
        match task {
            Task::ListRoot(cause) => {
                let folders = self.zones.iter().map(|(name, (inode, _))| Folder {
                    name: name.into(),
                    identity: Identity { device: 1, inode: *inode },
                });
                let folders = self.readable.then(|| folders.collect());
                self.tracker.listed_root(folders, cause, now.mono);
            }
            Task::ListZone(name, folder, cause) => {
                let zone = self.zones.get(folder.to_str().unwrap()).filter(|_| self.readable);
                let listed = zone.map(listing).ok_or(Unlisted::Absent);
                self.tracker.listed_zone(&name, listed, cause, now.mono);
            }
            Task::Read(entry, folder) => {
                let zone = self.zones.get(folder.to_str().unwrap()).filter(|_| self.readable);
                let file = zone.and_then(|(_, files)| files.get(entry.key.name.to_str().unwrap()));
                let reading = file.map_or(Reading::Absent, |file| {
                    Reading::Read(Some(print(file)), Said::Text(file.text.as_str().into()))
                });
                self.tracker.was_read(entry, reading, now);
            }
        }
    }

    /// Keeps what a consumer would keep, and holds the tracker to the order of its news.
    fn hear(&mut self, news: &News) {
        match news {
            News::ZoneAppeared(name) => {
                assert!(self.told.insert(name.clone(), BTreeMap::new()).is_none());
            }
            News::ZoneGone(name) => assert!(self.told.remove(name).is_some()),
            News::File(entry, _, said) => {
                let files = self.told.get_mut(&entry.zone).unwrap();
                match said {
                    Some(Said::Text(text)) => {
                        let old = files.insert(entry.key.clone(), text.to_string());
                        assert_ne!(old.as_deref(), Some(&**text), "nothing new");
                    }
                    Some(Said::Unreadable(_)) => panic!("every file here is readable"),
                    None => assert!(files.remove(&entry.key).is_some()),
                }
            }
        }
    }

    /// Lets time pass, waking when the tracker asks for it.
    fn pass(&mut self, wait: Duration) {
        let end = self.now.after(wait);
        self.work();
        let mut wakes = 0;
        while self.tracker.wake() <= end.mono {
            let step = self.tracker.wake().since(self.now.mono);
            self.now = self.now.after(step);
            self.work();
            wakes += 1;
            assert!(wakes < 10_000, "the tracker never sleeps");
        }
        self.now = self.now.after(end.mono.since(self.now.mono));
    }

    fn lies(&self) -> BTreeMap<Name, BTreeMap<FileKey, String>> {
        let files = |files: &BTreeMap<String, Lying>| {
            files
                .iter()
                .map(|(name, file)| (FileKey::of(OsStr::new(name)).unwrap(), file.text.clone()))
                .collect()
        };
        let zone =
            |(name, (_, lying)): (&String, &(u64, _))| (Name::parse(name).unwrap(), files(lying));
        self.zones.iter().map(zone).collect()
    }
}

fn print(file: &Lying) -> Fingerprint {
    Fingerprint {
        identity: Identity { device: 1, inode: file.inode },
        size: file.text.len() as u64,
        modified: file.modified,
    }
}

fn listing((inode, files): &(u64, BTreeMap<String, Lying>)) -> Listing {
    let found = |(name, file): (&String, &Lying)| Found {
        key: FileKey::of(OsStr::new(name)).unwrap(),
        print: print(file),
        place: Place::Plain,
    };
    Listing {
        identity: Identity { device: 1, inode: *inode },
        files: files.iter().map(found).collect(),
    }
}

const SHORTLY: Duration = Duration::from_millis(900);
const A_SECOND: Duration = Duration::from_millis(1_100);

#[test]
fn a_closed_file_is_read_at_once() {
    let mut world = World::settled();
    world.put("a.b", "web.toml", "two");
    world.event(Event::Written(entry("a.b", "web.toml")));
    world.work();
    assert_eq!(world.told, world.lies());
}

#[test]
fn a_file_is_not_read_while_it_is_written_even_by_a_rescan() {
    let mut world = World::settled();
    world.put("a.b", "web.toml", "ha");
    world.event(Event::Modified(entry("a.b", "web.toml")));
    world.pass(Duration::from_secs(50));
    assert_eq!(world.news, []);
    world.put("a.b", "web.toml", "whole");
    world.event(Event::Written(entry("a.b", "web.toml")));
    world.work();
    assert_eq!(world.told, world.lies());
}

#[test]
fn a_truncated_file_that_nobody_closes_is_read_after_all() {
    let mut world = World::settled();
    world.put("a.b", "web.toml", "o");
    world.event(Event::Modified(entry("a.b", "web.toml")));
    world.pass(Duration::from_secs(75));
    assert_eq!(world.told, world.lies());
}

#[test]
fn a_file_that_returns_unchanged_within_a_second_was_never_away() {
    let mut world = World::settled();
    let gone = world.zones["a.b"].1["web.toml"].clone();
    world.remove("a.b", "web.toml");
    world.event(Event::Vanished(entry("a.b", "web.toml")));
    world.pass(SHORTLY);
    world.put("a.b", "web.toml", &gone.text);
    world.event(Event::Written(entry("a.b", "web.toml")));
    world.pass(Duration::from_secs(30));
    assert_eq!(world.news, []);
}

#[test]
fn a_file_that_stays_away_is_gone_after_a_second() {
    let mut world = World::settled();
    world.remove("a.b", "web.toml");
    world.event(Event::Vanished(entry("a.b", "web.toml")));
    world.pass(SHORTLY);
    assert_eq!(world.news, []);
    world.pass(Duration::from_millis(200));
    assert_eq!(world.news, [News::File(entry("a.b", "web.toml"), "a.b".into(), None)]);
}

#[test]
fn an_empty_file_is_read_when_it_kept_still() {
    let mut world = World::settled();
    world.put("a.b", "web.toml", "");
    world.event(Event::Written(entry("a.b", "web.toml")));
    world.pass(SHORTLY);
    assert_eq!(world.news, []);
    world.pass(A_SECOND);
    assert_eq!(world.told, world.lies());
}

#[test]
fn what_a_rescan_finds_changed_is_read_when_it_kept_still() {
    let mut world = World::settled();
    world.put("a.b", "web.toml", "two");
    world.event(Event::Root(Cause::Rescan));
    world.pass(SHORTLY);
    world.put("a.b", "web.toml", "three");
    world.pass(SHORTLY);
    assert_eq!(world.news, []);
    world.pass(A_SECOND);
    assert_eq!(world.news.len(), 1);
    assert_eq!(world.told, world.lies());
}

#[test]
fn a_swapped_folder_is_read_at_once() {
    let mut world = World::settled();
    world.zones.remove("a.b");
    world.make_zone("a.b");
    world.put("a.b", "web.toml", "two");
    world.event(Event::Root(Cause::Swap));
    world.work();
    assert_eq!(world.told, world.lies());
}

#[test]
fn a_zone_that_goes_is_one_piece_of_news_and_a_second_late() {
    let mut world = World::settled();
    world.zones.clear();
    world.event(Event::Vanished(entry("a.b", "web.toml")));
    world.event(Event::Root(Cause::Changed));
    world.pass(SHORTLY);
    assert_eq!(world.news, []);
    world.pass(A_SECOND);
    assert_eq!(world.news, [News::ZoneGone(Name::parse("a.b").unwrap())]);
}

#[test]
fn the_last_set_stays_while_zones_dir_cannot_be_read() {
    let mut world = World::settled();
    world.readable = false;
    world.event(Event::Vanished(entry("a.b", "web.toml")));
    world.event(Event::Zone(Name::parse("a.b").unwrap(), Cause::Changed));
    world.event(Event::Root(Cause::Changed));
    world.pass(Duration::from_secs(300));
    world.readable = true;
    world.event(Event::Root(Cause::Changed));
    world.pass(Duration::from_secs(30));
    assert_eq!(world.news, []);
}

#[test]
fn a_zone_is_not_told_before_its_zone_toml_has_been_read() {
    let mut world = World::settled();
    world.make_zone("c.d");
    world.put("c.d", "web.toml", "web");
    world.put("c.d", "zone.toml", "half");
    world.event(Event::Root(Cause::Changed));
    world.work();
    world.event(Event::Modified(entry("c.d", "zone.toml")));
    world.event(Event::Written(entry("c.d", "web.toml")));
    world.pass(Duration::from_secs(5));
    assert_eq!(world.news, []);
    world.event(Event::Written(entry("c.d", "zone.toml")));
    world.work();
    let told = |file, text: &str| {
        News::File(entry("c.d", file), "c.d".into(), Some(Said::Text(text.into())))
    };
    let appeared = News::ZoneAppeared(Name::parse("c.d").unwrap());
    assert_eq!(world.news, [appeared, told("zone.toml", "half"), told("web.toml", "web")]);
}

#[test]
fn a_folder_that_is_no_zone_is_told_once() {
    let mut world = World::settled();
    world.make_zone("not a name");
    world.make_zone("A.B");
    world.event(Event::Root(Cause::Rescan));
    let folders = ["A.B", "a.b", "not a name", ".git"];
    let folders = folders
        .map(|name| Folder { name: name.into(), identity: Identity { device: 1, inode: 1 } });
    for _ in 0..2 {
        world.tracker.listed_root(Some(folders.to_vec()), Cause::Rescan, world.now.mono);
    }
    assert_eq!(world.tracker.new_strangers(), ["a.b", "not a name"]);
}

/// What somebody does to the folder.
#[derive(Clone, Debug)]
enum Deed {
    /// Opens, writes half, the rest, and closes.
    Write(&'static str, &'static str, String),
    /// Writes and does not close.
    Begin(&'static str, &'static str),
    Remove(&'static str, &'static str),
    MakeZone(&'static str),
    RemoveZone(&'static str),
    Wait(u64),
}

/// Whether the kernel tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Yes,
    No,
}

fn deeds() -> impl Strategy<Value = Vec<(Deed, Told)>> {
    let zone = || prop::sample::select(vec!["a.b", "c.d"]);
    let file = || prop::sample::select(vec!["zone.toml", "x.toml", "y.toml"]);
    let deed = prop_oneof![
        4 => (zone(), file(), "[ab]{0,2}").prop_map(|(z, f, text)| Deed::Write(z, f, text)),
        2 => (zone(), file()).prop_map(|(z, f)| Deed::Begin(z, f)),
        3 => (zone(), file()).prop_map(|(z, f)| Deed::Remove(z, f)),
        1 => zone().prop_map(Deed::MakeZone),
        1 => zone().prop_map(Deed::RemoveZone),
        3 => (0_u64..2_500).prop_map(Deed::Wait),
    ];
    let told = prop_oneof![4 => Just(Told::Yes), 1 => Just(Told::No)];
    prop::collection::vec((deed, told), 0..40)
}

fn carry_out(world: &mut World, deed: Deed, told: Told) {
    let events = match deed {
        Deed::Write(zone, file, text) => {
            world.put(zone, file, &text);
            vec![Event::Modified(entry(zone, file)), Event::Written(entry(zone, file))]
        }
        Deed::Begin(zone, file) => {
            world.put(zone, file, "half");
            vec![Event::Created(entry(zone, file)), Event::Modified(entry(zone, file))]
        }
        Deed::Remove(zone, file) => {
            world.remove(zone, file);
            vec![Event::Vanished(entry(zone, file))]
        }
        Deed::MakeZone(zone) => {
            world.make_zone(zone);
            vec![Event::Root(Cause::Changed)]
        }
        Deed::RemoveZone(zone) => {
            world.zones.remove(zone);
            let name = Name::parse(zone).unwrap();
            vec![Event::Zone(name, Cause::Changed), Event::Root(Cause::Changed)]
        }
        Deed::Wait(milliseconds) => return world.pass(Duration::from_millis(milliseconds)),
    };
    if told == Told::Yes {
        for event in events {
            world.event(event);
        }
    }
    world.work();
}

proptest! {
    #[test]
    fn after_quiet_what_was_told_is_what_lies_there(deeds in deeds()) {
        let mut world = World::new();
        for (deed, told) in deeds {
            carry_out(&mut world, deed, told);
        }
        world.pass(Duration::from_secs(90));
        prop_assert_eq!(&world.told, &world.lies());
    }

    #[test]
    fn what_is_only_half_written_is_never_told(deeds in deeds()) {
        let mut world = World::new();
        world.work();
        for (deed, _) in deeds {
            carry_out(&mut world, deed, Told::Yes);
            let half = |news: &News| match news {
                News::File(_, _, Some(Said::Text(text))) => &**text == "half",
                _ => false,
            };
            // A writer that rests for a minute is taken to have finished; none does here, but
            // the waits of a long run may add up to it.
            if world.now.mono.0 < Duration::from_secs(1_058) {
                prop_assert!(!world.news.iter().any(half));
            }
        }
    }
}
