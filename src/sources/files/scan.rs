//! Does what the tracker says: lists, reads, and puts the news into words.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{info, warn};

use crate::diagnostic::{Diagnostic, Severity};
use crate::model::name::Name;
use crate::model::time::Now;
use crate::sources::files::disk;
use crate::sources::files::file::Said;
use crate::sources::files::kind::Kind;
use crate::sources::files::master::{Includes, may_include};
use crate::sources::files::tracker::{Entry, Folder, News, Task, Tracker, Unlisted};
use crate::sources::files::watch::Options;
use crate::sources::files::watches::Watches;
use crate::sources::files::zone::Listing;
use crate::sources::{Change, Content, FileChange};

/// The tracker and its hands.
#[derive(Debug)]
pub(crate) struct Scanner {
    pub(crate) options: Options,
    pub(crate) tracker: Tracker,
    /// `None`: nothing is watched yet.
    pub(crate) watches: Option<Watches>,
    /// What is to be said of folders.
    pub(crate) complaints: Vec<Diagnostic>,
    /// Why `zones_dir` or a zone's folder cannot be read; told when it changes.
    troubles: HashMap<PathBuf, String>,
}

impl Scanner {
    /// Knows nothing yet.
    pub(crate) fn new(options: Options, now: Now) -> Self {
        Self {
            options,
            tracker: Tracker::new(now.mono),
            watches: None,
            complaints: Vec::new(),
            troubles: HashMap::new(),
        }
    }

    /// Does all that is to be done now.
    pub(crate) fn work(&mut self, now: Now) {
        while let Some(task) = self.tracker.task(now.mono) {
            match task {
                Task::ListRoot(cause) => {
                    let found = self.list_root();
                    self.tracker.listed_root(found, cause, now.mono);
                }
                Task::ListZone(name, folder, cause) => {
                    let path = self.options.zones_dir.join(folder);
                    let listed = list_zone(&name, &path, self.watches.as_mut());
                    let listed = self.note_zone(&path, listed);
                    self.tracker.listed_zone(&name, listed, cause, now.mono);
                }
                Task::Read(entry, folder) => {
                    let path = self.options.zones_dir.join(folder).join(&entry.key.name);
                    self.tracker.was_read(entry, disk::read(&path), now);
                }
            }
        }
        for folder in self.tracker.new_strangers() {
            let message = format!("{} names no zone of its own", folder.display());
            self.complain(&self.options.zones_dir.join(folder), message);
        }
    }

    fn list_root(&mut self) -> Option<Vec<Folder>> {
        let path = self.options.zones_dir.clone();
        if let Some(watches) = &mut self.watches {
            watches.place_root(&path);
        }
        match disk::folders(&path) {
            Ok(folders) => {
                if self.troubles.remove(&path).is_some() {
                    info!(path = %path.display(), "the zones folder can be read again");
                }
                Some(folders)
            }
            Err(error) => {
                let text = format!("cannot read the zones folder, its last state stays: {error}");
                self.trouble(&path, text);
                None
            }
        }
    }

    fn note_zone(&mut self, path: &Path, listed: io::Result<Listing>) -> Result<Listing, Unlisted> {
        match listed {
            Ok(listing) => {
                self.troubles.remove(path);
                Ok(listing)
            }
            Err(error) if disk::is_absence(&error) => Err(Unlisted::Absent),
            Err(error) => {
                let text = format!("cannot read the zone's folder, its last state stays: {error}");
                self.trouble(path, text);
                Err(Unlisted::Unreadable)
            }
        }
    }

    /// Logs what is to be said of folders.
    pub(crate) fn log_complaints(&mut self) {
        for complaint in self.complaints.drain(..) {
            let (path, problem) = (complaint.path.display(), complaint.message);
            warn!(%path, problem, "a folder cannot be taken");
        }
    }

    fn trouble(&mut self, path: &Path, message: String) {
        if self.troubles.get(path) != Some(&message) {
            self.troubles.insert(path.to_owned(), message.clone());
            self.complain(path, message);
        }
    }

    fn complain(&mut self, path: &Path, message: String) {
        self.complaints.push(complaint(Severity::Warning, path.into(), message));
    }

    /// What is new since the last call, in order.
    pub(crate) fn changes(&mut self) -> Vec<Change> {
        self.tracker.retell_includers();
        let news = self.tracker.news();
        for news in &news {
            if let (News::ZoneGone(name), Some(watches)) = (news, &mut self.watches) {
                watches.release_zone(name);
            }
        }
        news.into_iter().filter_map(|news| self.change(news)).collect()
    }

    fn change(&self, news: News) -> Option<Change> {
        let (Entry { zone, key }, folder, said) = match news {
            News::ZoneAppeared(name) => {
                return Some(Change::ZoneAppeared((self.options.defaults)(name)));
            }
            News::ZoneGone(name) => return Some(Change::ZoneGone(name)),
            News::File(entry, folder, said) => (entry, folder, said),
        };
        // What is included is told by the files that include it.
        if key.kind == Kind::Included {
            return None;
        }
        let path: Arc<Path> = self.options.zones_dir.join(folder).join(&key.name).into();
        let (content, diagnostics) = match said {
            None => (Content::Gone, Vec::new()),
            Some(Said::Text(text)) => {
                let includes = match key.kind {
                    Kind::Master if may_include(&text) => self.tracker.includes(&zone),
                    _ => Includes::new(),
                };
                (self.options.parse)(&zone, key.kind, Arc::clone(&path), text, &includes)
            }
            Some(Said::Unreadable(message)) => {
                let complaint = complaint(Severity::Error, Arc::clone(&path), message);
                (Content::Refused, vec![complaint])
            }
        };
        Some(Change::File(FileChange { zone, path, content, diagnostics }))
    }
}

fn complaint(severity: Severity, path: Arc<Path>, message: String) -> Diagnostic {
    Diagnostic { severity, path, text: "".into(), span: None, message, label: String::new() }
}

/// Lists a zone's folder. It is watched before, so that nothing can happen unseen in between, and
/// so are the folders that its links lead to.
fn list_zone(name: &Name, path: &Path, watches: Option<&mut Watches>) -> io::Result<Listing> {
    let real = path.canonicalize()?;
    let names = match watches {
        Some(watches) => watches.place_zone(name, &real)?,
        None => disk::names(&real)?,
    };
    let identity = disk::identity(&real)?;
    let files = names.into_iter().filter_map(|(key, place)| disk::look(&real, key, place));
    Ok(Listing { identity, files: files.collect() })
}
