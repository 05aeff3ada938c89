//! What is known of one zone's folder, and what a listing of it means for its files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Arc;

use crate::model::time::Instant;
use crate::sources::files::file::{File, FileContent, Fingerprint, Home, Identity, Sighting};
use crate::sources::files::kind::{FileKey, Kind};
use crate::sources::files::master::{Includes, may_include};

/// Why a folder is listed, from the weakest to the strongest: two reasons make the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    Changed,
    /// Everything is listed: anything may have been missed.
    Rescan,
    /// A link in it, or on the way to what one leads to, was swapped: what its links lead to is
    /// complete.
    Linked,
    /// A link was swapped or a folder renamed into place: what lies behind is complete.
    Swap,
    First,
}

#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) identity: Identity,
    pub(crate) files: Vec<Found>,
}

#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) key: FileKey,
    pub(crate) print: Fingerprint,
    pub(crate) place: NameKind,
    pub(crate) home: Home,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    Plain,
    Link,
}

/// A folder of `zones_dir` that is a zone.
#[derive(Debug)]
pub(crate) struct Zone {
    /// Its name in `zones_dir`.
    pub(crate) folder: OsString,
    /// Of the folder when it was listed; `None` before.
    pub(crate) identity: Option<Identity>,
    pub(crate) away: Option<Instant>,
    /// When the folder must be listed for the sake of one of its files.
    pub(crate) wake: Option<Instant>,
    pub(crate) announced: bool,
    pub(crate) files: BTreeMap<FileKey, File>,
    /// Files that were told of since the listing that is being made began: of them it knows less.
    pub(crate) touched: BTreeSet<FileKey>,
    pub(crate) told: BTreeSet<FileKey>,
    /// Of its files, `None` for gone; kept until the zone is announced.
    pub(crate) news: BTreeMap<FileKey, Option<FileContent>>,
}

impl Zone {
    pub(crate) fn new(folder: &OsString) -> Self {
        Self {
            folder: folder.clone(),
            identity: None,
            away: None,
            wake: None,
            announced: false,
            files: BTreeMap::new(),
            touched: BTreeSet::new(),
            told: BTreeSet::new(),
            news: BTreeMap::new(),
        }
    }

    /// Its folder was listed for `cause`.
    pub(crate) fn listed(&mut self, listing: &Listing, cause: Cause, now: Instant) {
        let before = self.identity.replace(listing.identity);
        let is_another = before.is_some_and(|before| before != listing.identity);
        // A file that went with its folder and did not return with it has been away as long.
        let missing_since = self.away.take().unwrap_or(now);
        let touched = std::mem::take(&mut self.touched);
        let mut present: BTreeSet<&FileKey> = BTreeSet::new();
        for found in &listing.files {
            present.insert(&found.key);
            let file = self.files.entry(found.key.clone()).or_insert_with(File::unread);
            let moved = file.lies_at(&found.home);
            // What was told meanwhile was told of the place where it lay before.
            if touched.contains(&found.key) && !moved {
                continue;
            }
            let is_link = found.place == NameKind::Link;
            let sighting = match cause {
                Cause::First => Sighting::First,
                Cause::Swap if is_link || file.has_arrived() => Sighting::Swapped,
                Cause::Linked if is_link => Sighting::Swapped,
                Cause::Swap | Cause::Linked | Cause::Rescan | Cause::Changed => Sighting::Lies,
            };
            if moved {
                file.forget_state(now);
            }
            file.found(found.print, sighting, now);
        }
        let news = &mut self.news;
        self.files.retain(|key, file| {
            // Of a folder that was here all along more may be known than the listing saw. What has
            // been closed is looked for in any case.
            let is_known = touched.contains(key) && (!is_another || file.is_due());
            if present.contains(key) || is_known {
                return true;
            }
            // It will come to this folder, if it comes.
            file.lies_at(&Home { folder: listing.identity, name: key.name.clone() });
            if !file.missed(missing_since, now) {
                return true;
            }
            if file.said.is_some() {
                news.insert(key.clone(), None);
            }
            false
        });
        self.wake = self.files.values().filter_map(File::wake).min();
    }

    /// A master file says something else when what it includes does.
    pub(crate) fn retell_includers(&mut self) {
        if !self.news.keys().any(|key| key.kind == Kind::Included) {
            return;
        }
        for (key, file) in self.files.iter().filter(|(key, _)| key.kind == Kind::Master) {
            if let Some(FileContent::Text(text)) = &file.said
                && may_include(text)
            {
                self.news.entry(key.clone()).or_insert_with(|| file.said.clone());
            }
        }
    }

    /// What its master files may include; a name that is no text cannot be written.
    pub(crate) fn includes(&self) -> Includes {
        let included = self.files.iter().filter(|(key, _)| key.kind == Kind::Included);
        let told = included.filter_map(|(key, file)| {
            let said = match file.said.as_ref()? {
                FileContent::Text(text) => Ok(Arc::clone(text)),
                FileContent::Unreadable(why) => Err(why.clone()),
            };
            Some((key.name.to_str()?.to_owned(), said))
        });
        told.collect()
    }

    /// Defaults must not be served while the folder holds a zone.toml that nobody has read.
    pub(crate) fn can_be_announced(&self) -> bool {
        let unread =
            |(key, file): (&FileKey, &File)| key.kind == Kind::ZoneToml && file.said.is_none();
        self.identity.is_some() && !self.files.iter().any(unread)
    }

    /// The folder will be listed at `at`, or earlier.
    pub(crate) fn wake_at(&mut self, at: Option<Instant>) {
        self.wake = self.wake.into_iter().chain(at).min();
    }
}
