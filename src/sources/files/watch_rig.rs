//! A real folder that is watched, for the tests of what is told of it. The clock stands still unless
//! a test moves it: what is told meanwhile was told at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

use crate::diagnostic::Diagnostic;
use crate::model::definition::Document;
use crate::model::name::Name;
use crate::model::origin::EntryId;
use crate::model::time::Now;
use crate::model::zone::ZoneSettings;
use crate::sources::files::io_pool::{self, Perform};
use crate::sources::files::kind::Kind;
use crate::sources::files::master::Includes;
use crate::sources::files::options::Options;
use crate::sources::files::watch::{WatchHandle, load_with};
use crate::sources::{Change, Content};

/// Longer than any machine takes for what needs no waiting.
pub(super) const AT_ONCE: Duration = Duration::from_secs(20);
pub(super) const ZONE: &str = "a.b";

/// A watched folder and what has been told of it.
pub(super) struct Rig {
    pub(super) top: TempDir,
    pub(super) zones_dir: PathBuf,
    pub(super) clock: Arc<AtomicU64>,
    pub(super) handle: WatchHandle,
    pub(super) changes: Receiver<Vec<Change>>,
    /// Relative to `zones_dir`.
    pub(super) told: BTreeMap<String, String>,
    pub(super) gone: Vec<Name>,
    pub(super) complaints: Vec<Diagnostic>,
    pub(super) troubles: Vec<Diagnostic>,
}

pub(super) fn options(zones_dir: &Path) -> Options {
    let parse = |_: &Name, kind, path, text: Arc<str>, includes: &Includes| match kind {
        Kind::ZoneToml if &*text == "bad" => (Content::RefusedSettings, Vec::new()),
        Kind::Master => {
            let included: String = includes.values().flatten().map(|text| &**text).collect();
            let text = format!("{text}{included}").into();
            (Content::Services(Arc::new(Document { path, text, services: vec![] })), Vec::new())
        }
        Kind::ZoneToml | Kind::Services | Kind::Consul | Kind::Included => {
            (Content::Services(Arc::new(Document { path, text, services: vec![] })), Vec::new())
        }
    };
    Options {
        zones_dir: zones_dir.to_owned(),
        parse: Arc::new(parse),
        defaults: Arc::new(ZoneSettings::new),
    }
}

pub(super) fn reading(clock: &AtomicU64) -> Now {
    Now::default().after(Duration::from_millis(clock.load(Ordering::SeqCst)))
}

impl Rig {
    /// Watches `zones` with one zone that holds `web.toml`, "one".
    pub(super) fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir_all(top.path().join("zones").join(ZONE)).unwrap();
        fs::write(top.path().join("zones").join(ZONE).join("web.toml"), "one").unwrap();
        Self::watching(top, "zones", 4096)
    }

    pub(super) fn watching(top: TempDir, zones_dir: &str, queue: usize) -> Self {
        Self::on_disk(top, zones_dir, queue, Arc::new(io_pool::perform))
    }

    pub(super) fn on_disk(
        top: TempDir,
        zones_dir: &str,
        queue: usize,
        perform: Arc<Perform>,
    ) -> Self {
        let zones_dir = top.path().join(zones_dir);
        let clock = Arc::new(AtomicU64::new(0));
        let (source, first) = load_with(options(&zones_dir), perform, reading(&clock)).unwrap();
        let (sender, changes) = channel();
        let reader = Arc::clone(&clock);
        let emit = move |batch| sender.send(batch).unwrap_or_default();
        let handle = source.watch_with_queue(queue, move || reading(&reader), emit).unwrap();
        let mut rig = Self {
            top,
            zones_dir,
            clock,
            handle,
            changes,
            told: BTreeMap::new(),
            gone: Vec::new(),
            complaints: Vec::new(),
            troubles: Vec::new(),
        };
        rig.hear(first);
        rig
    }

    pub(super) fn zone(&self) -> PathBuf {
        self.zones_dir.join(ZONE)
    }

    fn relative(&self, id: &EntryId) -> String {
        let path = id.path().unwrap();
        path.strip_prefix(&self.zones_dir).unwrap().to_str().unwrap().to_owned()
    }

    pub(super) fn hear(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Zone(..) | Change::Synced(_) => (),
                Change::Gone(id) => {
                    assert!(self.told.remove(&self.relative(&id)).is_some());
                }
                Change::Troubles(_, troubles) => self.troubles = troubles,
                Change::ZoneGone(_, name) => {
                    self.told.clear();
                    self.gone.push(name);
                }
                Change::Put(file) => {
                    let path = self.relative(&file.id);
                    self.complaints.extend(file.diagnostics);
                    match file.content {
                        Content::Services(document) => {
                            self.told.insert(path, document.text.to_string());
                        }
                        Content::Refused | Content::RefusedSettings => (),
                        Content::Records(_) | Content::Settings(_) => {
                            panic!("the parser of these tests makes none")
                        }
                    }
                }
            }
        }
    }

    /// Waits until `what` holds, while the clock stands still.
    pub(super) fn at_once(&mut self, what: impl Fn(&Self) -> bool) {
        while !what(self) {
            let batch = self.changes.recv_timeout(AT_ONCE).expect("nothing was told");
            self.hear(batch);
        }
    }

    /// Waits until `what` holds, and lets the clock run.
    pub(super) fn later(&mut self, what: impl Fn(&Self) -> bool) {
        for _ in 0..500 {
            if what(self) {
                return;
            }
            if let Ok(batch) = self.changes.recv_timeout(Duration::from_millis(20)) {
                self.hear(batch);
            } else {
                self.clock.fetch_add(1_100, Ordering::SeqCst);
                self.handle.nudge();
            }
        }
        panic!("it did not come to be: {:?}", self.told);
    }

    pub(super) fn says(&self, path: &str, text: &str) -> bool {
        self.told.get(path).is_some_and(|told| told == text)
    }

    /// Everything that happened so far has been noticed.
    pub(super) fn pass_marker(&mut self, text: &str) {
        fs::write(self.zone().join("marker.toml"), text).unwrap();
        self.at_once(|rig| rig.says("a.b/marker.toml", text));
    }
}
