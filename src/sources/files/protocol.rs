//! The messages between the tracker and those who work for it: events, tasks and news.

use std::ffi::OsString;

use crate::model::name::Name;
use crate::sources::files::file::{FileContent, Identity};
use crate::sources::files::kind::FileKey;
use crate::sources::files::zone::Cause;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) zone: Name,
    pub(crate) key: FileKey,
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Closed after writing, renamed into place, or linked.
    Written(Entry),
    /// The name is new, its content perhaps still to come.
    Created(Entry),
    Modified(Entry),
    Permitted(Entry),
    Vanished(Entry),
    Zone(Name, Cause),
    /// `zones_dir` is to be listed.
    Root(Cause),
    /// A folder of `zones_dir` was put in place whole: a link was swapped, or a folder renamed.
    Swapped(OsString),
    /// Some of what was told got lost.
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    ListRoot(Cause),
    ListZone(Name, OsString, Cause),
    Read(Entry, OsString),
}

/// A folder of `zones_dir`, links followed.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) name: OsString,
    /// `None`: it is there, and cannot be looked at.
    pub(crate) identity: Option<Identity>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlisted {
    Absent,
    /// It is there and cannot be read: the last set stays.
    Unreadable,
}

/// What the next batch tells. Paths are `<zones_dir>/<folder>/<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    ZoneAppeared(Name),
    ZoneGone(Name),
    /// `None`: gone.
    File(Entry, OsString, Option<FileContent>),
}
