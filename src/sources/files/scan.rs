//! Has done what the tracker says, and puts the news into words.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use crate::diagnostic::{Diagnostic, reason};
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::model::time::{Instant, Now};
use crate::sources::files::disk::{self, RootSurvey, ZoneSurvey};
use crate::sources::files::file::FileContent;
use crate::sources::files::io_pool::{IoPool, Order, Outcome, Perform};
use crate::sources::files::kind::Kind;
use crate::sources::files::master::{Includes, may_include};
use crate::sources::files::options::Options;
use crate::sources::files::protocol::{Entry, Event, News, Task, Unlisted};
use crate::sources::files::tracker::Tracker;
use crate::sources::files::watches::Watches;
use crate::sources::files::zone::{Cause, Listing};
use crate::sources::{Change, Put};

/// What changed together is told together, as far as it is read within this time.
const HOLD: Duration = Duration::from_millis(50);
/// A disk that answers at all does so by then. A start waits no longer for one that does not.
const STALL: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Scanner {
    pub(crate) options: Options,
    pub(crate) tracker: Tracker,
    /// `None`: nothing is watched yet.
    pub(crate) watches: Option<Watches>,
    pub(crate) pool: IoPool,
    flight: BTreeMap<PathBuf, Instant>,
    /// Since when something is to be told.
    held: Option<Instant>,
    /// Why `zones_dir` or a zone's folder cannot be read.
    unreadable: BTreeMap<PathBuf, String>,
    told: Vec<Diagnostic>,
}

impl Scanner {
    pub(crate) fn new(options: Options, perform: Arc<Perform>, now: Now) -> Self {
        Self {
            options,
            tracker: Tracker::new(now.mono),
            watches: None,
            pool: IoPool::new(perform),
            flight: BTreeMap::new(),
            held: None,
            unreadable: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    /// Does all that is to be done now, but for what a disk does not answer.
    pub(crate) fn settle(&mut self, now: Now) {
        let before: BTreeSet<PathBuf> = self.flight.keys().cloned().collect();
        loop {
            self.give(now);
            if self.flight.keys().all(|path| before.contains(path)) {
                return;
            }
            let done = self.pool.wait(STALL);
            if done.is_empty() {
                return;
            }
            self.absorb(done, now);
        }
    }

    /// Takes in what has been done, and has the next things done.
    pub(crate) fn work(&mut self, now: Now) {
        let done = self.pool.done();
        self.absorb(done, now);
        self.give(now);
    }

    fn give(&mut self, now: Now) {
        while let Some(task) = self.tracker.task(now.mono) {
            let zones_dir = &self.options.zones_dir;
            let path = match &task {
                Task::ListRoot(_) => zones_dir.clone(),
                Task::ListZone(_, folder, _) => zones_dir.join(folder),
                Task::Read(entry, folder) => zones_dir.join(folder).join(&entry.key.name),
            };
            self.flight.insert(path.clone(), now.mono);
            self.pool.give(Order { task, path, began: now });
        }
    }

    fn absorb(&mut self, done: Vec<(Order, Outcome)>, now: Now) {
        for (Order { task, path, began }, outcome) in done {
            self.flight.remove(&path);
            self.held.get_or_insert(now.mono);
            match (task, outcome) {
                (Task::ListRoot(cause), Outcome::Root(survey)) => {
                    self.listed_root(survey, cause, now);
                }
                (Task::ListZone(name, _, cause), Outcome::Zone(survey)) => {
                    self.listed_zone((&name, &path), survey, cause, now);
                }
                (Task::Read(entry, _), Outcome::File(reading)) => {
                    // What changed while it was read may not show in its times.
                    let now = Now { mono: now.mono, wall: began.wall };
                    self.tracker.was_read(entry, reading, now);
                }
                (Task::ListRoot(_) | Task::ListZone(..) | Task::Read(..), _) => {}
            }
        }
    }

    fn listed_root(&mut self, survey: RootSurvey, cause: Cause, now: Now) {
        let is_new = self.watches.as_mut().is_some_and(|watches| watches.place_root(&survey));
        let path = self.options.zones_dir.clone();
        let folders = match survey.folders {
            Ok(folders) => {
                if self.unreadable.remove(&path).is_some() {
                    info!(path = %path.display(), "zones directory is readable again");
                }
                // What has gone is not in the way any more.
                let there: BTreeSet<PathBuf> =
                    folders.iter().map(|folder| path.join(&folder.name)).collect();
                self.unreadable.retain(|path, _| there.contains(path));
                Some(folders)
            }
            Err(error) => {
                let text = format!(
                    "cannot read the zones directory, its last state stays in force: {}",
                    reason(&error)
                );
                self.unreadable.insert(path, text);
                None
            }
        };
        self.tracker.listed_root(folders, cause, now.mono);
        if is_new {
            self.tracker.event(Event::Root(cause), now.mono);
        }
    }

    fn listed_zone(
        &mut self,
        (name, path): (&Name, &Path),
        survey: io::Result<ZoneSurvey>,
        cause: Cause,
        now: Now,
    ) {
        let mut is_new = false;
        if let (Ok(survey), Some(watches)) = (&survey, &mut self.watches)
            && self.tracker.has(name)
        {
            is_new = watches.place_zone(name, survey);
        }
        let listed = self.note_zone(path, survey.map(|survey| survey.listing));
        self.tracker.listed_zone(name, listed, cause, now.mono);
        if is_new {
            self.tracker.event(Event::Zone(name.clone(), cause), now.mono);
        }
    }

    fn note_zone(&mut self, path: &Path, listed: io::Result<Listing>) -> Result<Listing, Unlisted> {
        let error = match listed {
            Ok(listing) => {
                self.unreadable.remove(path);
                return Ok(listing);
            }
            Err(error) => error,
        };
        if disk::is_absence(&error) {
            self.unreadable.remove(path);
            return Err(Unlisted::Absent);
        }
        let text = format!(
            "cannot read this zone directory, its last state stays in force: {}",
            reason(&error)
        );
        self.unreadable.insert(path.to_owned(), text);
        Err(Unlisted::Unreadable)
    }

    /// Whether what is known can be told: nothing that began a moment ago may still add to it.
    pub(crate) fn is_ripe(&self, now: Instant) -> bool {
        let over = |since: &Instant| now.since(*since) >= HOLD;
        self.flight.values().all(over) || self.held.as_ref().is_some_and(over)
    }

    /// When there is something to do or to tell without any event.
    pub(crate) fn wake(&self, now: Instant) -> Instant {
        let held = self.held.map(|since| since + HOLD);
        let stalls = self.flight.values().map(|since| *since + STALL).filter(|at| *at > now);
        stalls.chain(held).fold(self.tracker.wake(), Instant::min)
    }

    /// What is new since the last call, in order.
    pub(crate) fn changes(&mut self, now: Instant) -> Vec<Change> {
        self.held = None;
        self.tracker.retell_includers();
        let news = self.tracker.news();
        for news in &news {
            if let (News::ZoneGone(name), Some(watches)) = (news, &mut self.watches) {
                watches.release_zone(name);
            }
        }
        let mut changes: Vec<Change> =
            news.into_iter().filter_map(|news| self.change(news)).collect();
        let troubles = self.troubles(now);
        if troubles != self.told {
            self.told.clone_from(&troubles);
            changes.push(Change::Troubles(Origin::Files, troubles));
        }
        changes
    }

    fn troubles(&self, now: Instant) -> Vec<Diagnostic> {
        let of = |path: &Path, message: &str| Diagnostic::of_file(&path.into(), message);
        let unreadable = self.unreadable.iter().map(|(path, message)| of(path, message));
        let strangers = self.tracker.strangers().map(|folder| {
            of(
                &self.options.zones_dir.join(folder),
                "this directory is not a zone: its name is not a domain name, or another directory \
                 has the same name",
            )
        });
        let stalled = self.flight.iter().filter(|(_, since)| now.since(**since) >= STALL);
        let stalled = stalled
            .map(|(path, _)| of(path, "the disk does not respond: the last state stays in force"));
        unreadable.chain(strangers).chain(stalled).collect()
    }

    fn change(&self, news: News) -> Option<Change> {
        let (Entry { zone, key }, folder, said) = match news {
            News::ZoneAppeared(name) => {
                return Some(Change::Zone(Origin::Files, (self.options.defaults)(name)));
            }
            News::ZoneGone(name) => return Some(Change::ZoneGone(Origin::Files, name)),
            News::File(entry, folder, said) => (entry, folder, said),
        };
        // What is included is told by the files that include it.
        if key.kind == Kind::Included {
            return None;
        }
        let path: Arc<Path> = self.options.zones_dir.join(folder).join(&key.name).into();
        let id = EntryId::of_file(&path);
        let (content, diagnostics) = match said {
            None => return Some(Change::Gone(id)),
            Some(FileContent::Text(text)) => {
                let includes = match key.kind {
                    Kind::Master if may_include(&text) => self.tracker.includes(&zone),
                    _ => Includes::new(),
                };
                (self.options.parse)(&zone, key.kind, Arc::clone(&path), text, &includes)
            }
            Some(FileContent::Unreadable(message)) => {
                (key.kind.refused(), vec![Diagnostic::of_file(&path, message)])
            }
        };
        Some(Change::Put(Put { id, zone, content, diagnostics }))
    }
}
