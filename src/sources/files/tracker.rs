//! Decides what to list and to read, and when: events and findings in, tasks and news out.
//! No file is touched here, and time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::time::Duration;

use crate::model::name::Name;
use crate::model::time::{Instant, Now};
use crate::sources::files::busy::Busy;
use crate::sources::files::file::{File, FileContent, Home, PATIENCE, Reading};
use crate::sources::files::kind::{FileKey, is_ignored};
use crate::sources::files::master::Includes;
use crate::sources::files::protocol::{Entry, Event, Folder, News, Task, Unlisted};
use crate::sources::files::zone::{Cause, Listing, Zone};

/// How often everything is listed: some file systems tell nothing of what others do to them.
pub(crate) const RESCAN: Duration = Duration::from_secs(10);

/// All that is known of `zones_dir`.
#[derive(Debug)]
pub(crate) struct Tracker {
    zones: BTreeMap<Name, Zone>,
    /// Zones that have gone since the last news.
    departed: Vec<Name>,
    root: Option<Cause>,
    /// Folders that were put in place whole since the last listing of `zones_dir` began.
    swapped: BTreeSet<OsString>,
    /// The same before the listing that is being made.
    swapped_before: BTreeSet<OsString>,
    lists: BTreeMap<Name, Cause>,
    reads: BTreeMap<Name, BTreeSet<FileKey>>,
    busy: Busy,
    root_is_busy: bool,
    /// `zones_dir` could not be read the last time: nothing is taken out.
    lost: bool,
    next_rescan: Instant,
    strangers: BTreeSet<OsString>,
}

impl Tracker {
    /// Knows nothing; the first task is the first scan.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            zones: BTreeMap::new(),
            departed: Vec::new(),
            root: Some(Cause::First),
            swapped: BTreeSet::new(),
            swapped_before: BTreeSet::new(),
            lists: BTreeMap::new(),
            reads: BTreeMap::new(),
            busy: Busy::default(),
            root_is_busy: false,
            lost: false,
            next_rescan: now + RESCAN,
            strangers: BTreeSet::new(),
        }
    }

    pub(crate) fn event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Root(cause) => self.list_root(cause),
            Event::Swapped(folder) => {
                self.swapped.insert(folder);
                self.list_root(Cause::Changed);
            }
            Event::Zone(zone, cause) if self.zones.contains_key(&zone) => {
                strengthen(self.lists.entry(zone).or_insert(cause), cause);
            }
            Event::Zone(_, _) => self.list_root(Cause::Changed),
            Event::Written(entry) => {
                self.file(&entry, File::completed);
                self.read(entry);
            }
            Event::Created(entry) => self.file(&entry, |file| file.created(now)),
            Event::Modified(entry) => self.file(&entry, |file| file.modified(now)),
            Event::Vanished(entry) => self.file(&entry, |file| file.vanished(now)),
            Event::Permitted(entry) => {
                let refused = |file: &mut File| match &file.said {
                    Some(FileContent::Unreadable(_)) => file.completed(),
                    Some(FileContent::Text(_)) | None => (),
                };
                self.file(&entry, refused);
                self.read(entry);
            }
            Event::Lost => {
                self.list_root(Cause::Rescan);
                for zone in self.zones.values_mut() {
                    zone.files.values_mut().for_each(|file| file.doubted(now));
                }
            }
        }
    }

    /// The next thing to do beside what is being done; `None` until [`Self::wake`], or until
    /// something was done. Of each task's end one of the `listed_…` or [`Self::was_read`] tells.
    pub(crate) fn task(&mut self, now: Instant) -> Option<Task> {
        if now >= self.next_rescan {
            self.rescan(now);
        }
        if self.busy.is_full() {
            return None;
        }
        let away = |zone: &Zone| zone.away.is_some_and(|since| now >= since + PATIENCE);
        if !self.root_is_busy {
            if !self.lost && self.root.is_none() && self.zones.values().any(away) {
                self.list_root(Cause::Changed);
            }
            if let Some(cause) = self.root.take() {
                self.root_is_busy = true;
                self.swapped_before.append(&mut self.swapped);
                return Some(Task::ListRoot(cause));
            }
        }
        if !self.lost {
            let due = |zone: &Zone| zone.away.is_none() && zone.wake.is_some_and(|at| now >= at);
            for (name, zone) in self.zones.iter_mut().filter(|(_, zone)| due(zone)) {
                zone.wake = None;
                self.lists.entry(name.clone()).or_insert(Cause::Changed);
            }
        }
        self.next_listing().or_else(|| self.next_reading())
    }

    fn next_listing(&mut self) -> Option<Task> {
        let zones = &self.zones;
        self.lists.retain(|name, _| zones.contains_key(name));
        let name = self.lists.keys().find(|name| self.busy.may_list(name))?.clone();
        let cause = self.lists.remove(&name)?;
        let zone = self.zones.get_mut(&name)?;
        zone.wake = None;
        zone.touched.clear();
        self.busy.begin(&name, None);
        Some(Task::ListZone(name, zone.folder.clone(), cause))
    }

    fn next_reading(&mut self) -> Option<Task> {
        self.reads.retain(|_, keys| !keys.is_empty());
        for (name, keys) in &mut self.reads {
            while let Some(key) = self.busy.first_free(name, keys) {
                keys.remove(&key);
                let Some(zone) = self.zones.get_mut(name) else { continue };
                if zone.files.get_mut(&key).is_some_and(File::begin) {
                    self.busy.begin(name, Some(&key));
                    let entry = Entry { zone: name.clone(), key };
                    return Some(Task::Read(entry, zone.folder.clone()));
                }
            }
        }
        None
    }

    /// When there will be a task without any event.
    pub(crate) fn wake(&self) -> Instant {
        if self.lost {
            return self.next_rescan;
        }
        let zone_wake = |zone: &Zone| match zone.away {
            // Its time runs out by the listing that is being made, or the one after it.
            Some(_) if self.root_is_busy => None,
            Some(since) => Some(since + PATIENCE),
            None => zone.wake,
        };
        self.zones.values().filter_map(zone_wake).fold(self.next_rescan, Instant::min)
    }

    /// `zones_dir` was listed for `cause`; `None` when it could not be.
    pub(crate) fn listed_root(&mut self, found: Option<Vec<Folder>>, cause: Cause, now: Instant) {
        self.root_is_busy = false;
        if cause >= Cause::Rescan {
            self.next_rescan = now + RESCAN;
        }
        let Some(mut folders) = found else {
            self.lost = true;
            return;
        };
        let swapped = std::mem::take(&mut self.swapped_before);
        let was_lost = std::mem::take(&mut self.lost);
        if was_lost {
            self.pardon(now);
        }
        folders.sort_by(|a, b| a.name.cmp(&b.name));
        let mut present = BTreeSet::new();
        self.strangers.clear();
        for folder in folders {
            let Some(name) = self.apex(&folder.name, &present) else { continue };
            let zone = self.zones.entry(name.clone()).or_insert_with(|| Zone::new(&folder.name));
            let replaced = folder.identity.is_none() || zone.identity != folder.identity;
            let is_swapped = swapped.contains(&folder.name);
            let cause = if is_swapped { cause.max(Cause::Swap) } else { cause };
            let is_due = is_swapped || cause >= Cause::Rescan;
            zone.folder = folder.name;
            if replaced || was_lost || zone.away.is_some() || is_due {
                strengthen(self.lists.entry(name.clone()).or_insert(cause), cause);
            }
            // It is here, so its time has not run out, whatever its own listing said.
            zone.away = zone.away.map(|since| since.max(now - (PATIENCE / 2)));
            present.insert(name);
        }
        if self.root.is_some() {
            // Something has happened since: the next listing tells what is missing.
            return;
        }
        let missing: Vec<Name> =
            self.zones.keys().filter(|name| !present.contains(*name)).cloned().collect();
        for name in missing {
            self.missed_zone(&name, now);
        }
    }

    /// A zone's folder was listed for `cause`.
    pub(crate) fn listed_zone(
        &mut self,
        name: &Name,
        listed: Result<Listing, Unlisted>,
        cause: Cause,
        now: Instant,
    ) {
        self.busy.end(name, None);
        let Some(zone) = self.zones.get_mut(name) else { return };
        let listing = match listed {
            Ok(listing) => listing,
            Err(Unlisted::Absent) => {
                zone.away.get_or_insert(now);
                return;
            }
            Err(Unlisted::Unreadable) => return,
        };
        zone.listed(&listing, cause, now);
        let due = zone.files.iter().filter(|(_, file)| file.is_due());
        let due = due.map(|(key, _)| key.clone());
        self.reads.entry(name.clone()).or_default().extend(due);
    }

    pub(crate) fn was_read(&mut self, entry: Entry, reading: Reading, now: Now) {
        self.busy.end(&entry.zone, Some(&entry.key));
        let Some(zone) = self.zones.get_mut(&entry.zone) else { return };
        let Some(file) = zone.files.get_mut(&entry.key) else { return };
        if let Some(said) = file.read(reading, now) {
            zone.news.insert(entry.key, Some(said));
        } else {
            let at = file.wake();
            zone.wake_at(at);
        }
    }

    /// What is new since the last call, zone by zone.
    pub(crate) fn news(&mut self) -> Vec<News> {
        let mut news: Vec<News> = self.departed.drain(..).map(News::ZoneGone).collect();
        for (name, zone) in &mut self.zones {
            if !zone.announced && !zone.can_be_announced() {
                continue;
            }
            if !zone.announced {
                zone.announced = true;
                news.push(News::ZoneAppeared(name.clone()));
            }
            for (key, said) in std::mem::take(&mut zone.news) {
                // A file may have come and gone since.
                if said.is_some() {
                    zone.told.insert(key.clone());
                } else if !zone.told.remove(&key) {
                    continue;
                }
                let entry = Entry { zone: name.clone(), key };
                news.push(News::File(entry, zone.folder.clone(), said));
            }
        }
        news
    }

    /// Tells master files anew when something that they may include is new.
    pub(crate) fn retell_includers(&mut self) {
        self.zones.values_mut().for_each(Zone::retell_includers);
    }

    /// What the master files of a zone may include.
    pub(crate) fn includes(&self, zone: &Name) -> Includes {
        self.zones.get(zone).map(Zone::includes).unwrap_or_default()
    }

    pub(crate) fn has(&self, zone: &Name) -> bool {
        self.zones.contains_key(zone)
    }

    pub(crate) fn strangers(&self) -> impl Iterator<Item = &OsString> {
        self.strangers.iter()
    }

    /// Everything is to be listed. When `zones_dir` itself keeps its listing waiting, at least the
    /// zones that are known.
    fn rescan(&mut self, now: Instant) {
        self.next_rescan = now + RESCAN;
        if !self.root_is_busy {
            return self.list_root(Cause::Rescan);
        }
        for name in self.zones.keys() {
            strengthen(self.lists.entry(name.clone()).or_insert(Cause::Rescan), Cause::Rescan);
        }
    }

    fn read(&mut self, entry: Entry) {
        self.reads.entry(entry.zone).or_default().insert(entry.key);
    }

    fn list_root(&mut self, cause: Cause) {
        strengthen(self.root.get_or_insert(cause), cause);
    }

    /// Applies an event to its file. A zone that is not known yet will be listed.
    fn file(&mut self, entry: &Entry, apply: impl FnOnce(&mut File)) {
        let Some(zone) = self.zones.get_mut(&entry.zone) else {
            self.list_root(Cause::Changed);
            return;
        };
        let folder = zone.identity;
        let file = zone.files.entry(entry.key.clone()).or_insert_with(|| {
            let mut file = File::unread();
            // What is told of a new name is told of the folder that was listed last.
            if let Some(folder) = folder {
                file.lies_at(&Home { folder, name: entry.key.name.clone() });
            }
            file
        });
        apply(file);
        zone.touched.insert(entry.key.clone());
        let at = file.wake();
        zone.wake_at(at);
    }

    /// The zone that a folder holds, unless its name is none or another folder was first.
    fn apex(&mut self, folder: &OsString, present: &BTreeSet<Name>) -> Option<Name> {
        if is_ignored(folder) {
            return None;
        }
        let name = folder.to_str().and_then(|text| Name::parse(text).ok());
        let name = name.filter(|name| !present.contains(name));
        if name.is_none() {
            self.strangers.insert(folder.clone());
        }
        name
    }

    fn missed_zone(&mut self, name: &Name, now: Instant) {
        let Some(zone) = self.zones.get_mut(name) else { return };
        let since = *zone.away.get_or_insert(now);
        if now.since(since) < PATIENCE {
            return;
        }
        if zone.announced {
            self.departed.push(name.clone());
        }
        self.zones.remove(name);
    }

    /// `zones_dir` is back: what is missing in it is missing from now on.
    fn pardon(&mut self, now: Instant) {
        for zone in self.zones.values_mut() {
            zone.away = zone.away.map(|_| now);
            zone.files.values_mut().for_each(|file| file.pardon(now));
        }
    }
}

fn strengthen(cause: &mut Cause, other: Cause) {
    *cause = other.max(*cause);
}
