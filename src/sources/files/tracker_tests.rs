//! What the tracker promises, on a folder that exists only here.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::{Duration, SystemTime};

use crate::model::name::Name;
use crate::model::time::Now;
use crate::sources::files::file::{FileContent, Fingerprint, Home, Identity, Reading};
use crate::sources::files::kind::FileKey;
use crate::sources::files::protocol::{Entry, Event, Folder, News, Task, Unlisted};
use crate::sources::files::tracker::Tracker;
use crate::sources::files::zone::{self, Cause, Listing, NameKind};

/// A file of the imagined folder.
#[derive(Clone, Debug)]
pub(super) struct Lying {
    inode: u64,
    modified: SystemTime,
    text: String,
}

/// `zones_dir`, the tracker that follows it and whoever hears the news.
pub(super) struct World {
    pub(super) now: Now,
    pub(super) tracker: Tracker,
    next_inode: u64,
    readable: bool,
    pub(super) zones: BTreeMap<String, (u64, BTreeMap<String, Lying>)>,
    pub(super) told: BTreeMap<Name, BTreeMap<FileKey, String>>,
    pub(super) news: Vec<News>,
    /// Which folder each zone's was when it was listed last: there the watch is.
    pub(super) watched: BTreeMap<Name, u64>,
    /// What slow disks have been asked, and what they are about to say.
    pub(super) flight: Vec<(Task, Found, Now)>,
}

/// What a task finds.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Root(Option<Vec<Folder>>),
    Zone(Result<Listing, Unlisted>),
    File(Reading),
}

pub(super) fn entry(zone: &str, file: &str) -> Entry {
    Entry { zone: Name::parse(zone).unwrap(), key: FileKey::of(OsStr::new(file)).unwrap() }
}

impl World {
    pub(super) fn new() -> Self {
        let start = Now::default().after(Duration::from_secs(1_000));
        Self {
            now: start,
            tracker: Tracker::new(start.mono),
            next_inode: 1,
            readable: true,
            zones: BTreeMap::new(),
            told: BTreeMap::new(),
            news: Vec::new(),
            watched: BTreeMap::new(),
            flight: Vec::new(),
        }
    }

    /// A world with one zone of one settled file, told and long quiet.
    pub(super) fn settled() -> Self {
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

    pub(super) fn make_zone(&mut self, zone: &str) {
        let inode = self.inode();
        self.zones.entry(zone.to_owned()).or_insert((inode, BTreeMap::new()));
    }

    /// Changes the folder without a word. The file system's clock counts whole seconds.
    pub(super) fn put(&mut self, zone: &str, file: &str, text: &str) {
        let inode = self.inode();
        let seconds = self.now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let Some((_, files)) = self.zones.get_mut(zone) else { return };
        let inode = files.get(file).map_or(inode, |old| old.inode);
        files.insert(file.to_owned(), Lying { inode, modified, text: text.to_owned() });
    }

    /// Puts another folder in the place of a zone's, with these files.
    pub(super) fn swap(&mut self, zone: &str, files: &[(&str, &str)]) {
        self.zones.remove(zone);
        self.make_zone(zone);
        for (file, text) in files {
            self.put(zone, file, text);
        }
    }

    /// Tells of what happened in the folder that was a zone's: nobody hears it once that is watched
    /// no more.
    pub(super) fn event_in(&mut self, folder: u64, zone: &str, event: Event) {
        if self.watched.get(&Name::parse(zone).unwrap()) == Some(&folder) {
            self.event(event);
        }
    }

    pub(super) fn remove(&mut self, zone: &str, file: &str) {
        if let Some((_, files)) = self.zones.get_mut(zone) {
            files.remove(file);
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        self.tracker.event(event, self.now.mono);
    }

    /// Everything that is due now is done, and then told.
    pub(super) fn work(&mut self) {
        let mut tasks = 0;
        while let Some(task) = self.tracker.task(self.now.mono) {
            let found = self.look(&task);
            self.deliver((task, found, self.now));
            tasks += 1;
            assert!(tasks < 1_000, "the tracker never rests");
        }
        self.tell();
    }

    /// What a task finds at this moment.
    pub(super) fn look(&self, task: &Task) -> Found {
        match task {
            Task::ListRoot(_) => {
                let folders = self.zones.iter().map(|(name, (inode, _))| Folder {
                    name: name.into(),
                    identity: Some(Identity { device: 1, inode: *inode }),
                });
                Found::Root(self.readable.then(|| folders.collect()))
            }
            Task::ListZone(_, folder, _) => {
                let zone = self.zones.get(folder.to_str().unwrap()).filter(|_| self.readable);
                Found::Zone(zone.map(listing).ok_or(Unlisted::Absent))
            }
            Task::Read(entry, folder) => {
                let zone = self.zones.get(folder.to_str().unwrap()).filter(|_| self.readable);
                let file = zone.and_then(|(_, files)| files.get(entry.key.name.to_str().unwrap()));
                Found::File(file.map_or(Reading::Absent, |file| {
                    Reading::Read(Some(print(file)), FileContent::Text(file.text.as_str().into()))
                }))
            }
        }
    }

    /// Tells the tracker what a task found when it `began`.
    pub(super) fn deliver(&mut self, (task, found, began): (Task, Found, Now)) {
        let now = self.now;
        match (task, found) {
            (Task::ListRoot(cause), Found::Root(folders)) => {
                self.tracker.listed_root(folders, cause, now.mono);
            }
            (Task::ListZone(name, _, cause), Found::Zone(listed)) => {
                let folder = listed.as_ref().ok().map(|listing| listing.identity.inode);
                self.tracker.listed_zone(&name, listed, cause, now.mono);
                if let Some(folder) = folder
                    && self.watched.insert(name.clone(), folder) != Some(folder)
                {
                    // Something may have happened between the listing and the watch.
                    self.event(Event::Zone(name, cause));
                }
            }
            (Task::Read(entry, _), Found::File(reading)) => {
                self.tracker.was_read(entry, reading, Now { mono: now.mono, wall: began.wall });
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn tell(&mut self) {
        for news in self.tracker.news() {
            self.hear(&news);
            self.news.push(news);
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
                    Some(FileContent::Text(text)) => {
                        let old = files.insert(entry.key.clone(), text.to_string());
                        assert_ne!(old.as_deref(), Some(&**text), "nothing new");
                    }
                    Some(FileContent::Unreadable(_)) => panic!("every file here is readable"),
                    None => assert!(files.remove(&entry.key).is_some()),
                }
            }
        }
    }

    /// Lets time pass, waking when the tracker asks for it.
    pub(super) fn pass(&mut self, wait: Duration) {
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

    pub(super) fn lies(&self) -> BTreeMap<Name, BTreeMap<FileKey, String>> {
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
    let found = |(name, file): (&String, &Lying)| zone::Found {
        key: FileKey::of(OsStr::new(name)).unwrap(),
        print: print(file),
        place: NameKind::Plain,
        home: Home { folder: Identity { device: 1, inode: *inode }, name: name.into() },
    };
    Listing {
        identity: Identity { device: 1, inode: *inode },
        files: files.iter().map(found).collect(),
    }
}

pub(super) const SHORTLY: Duration = Duration::from_millis(900);
pub(super) const A_SECOND: Duration = Duration::from_millis(1_100);

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
        News::File(entry("c.d", file), "c.d".into(), Some(FileContent::Text(text.into())))
    };
    let appeared = News::ZoneAppeared(Name::parse("c.d").unwrap());
    assert_eq!(world.news, [appeared, told("zone.toml", "half"), told("web.toml", "web")]);
}

#[test]
fn folders_that_are_no_zones_are_known() {
    let mut world = World::settled();
    world.make_zone("not a name");
    world.make_zone("A.B");
    world.event(Event::Root(Cause::Rescan));
    let folders = ["A.B", "a.b", "not a name", ".git"];
    let folders = folders
        .map(|name| Folder { name: name.into(), identity: Some(Identity { device: 1, inode: 1 }) });
    for _ in 0..2 {
        world.tracker.listed_root(Some(folders.to_vec()), Cause::Rescan, world.now.mono);
    }
    let strangers: Vec<_> = world.tracker.strangers().collect();
    assert_eq!(strangers, ["a.b", "not a name"]);
}
