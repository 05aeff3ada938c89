//! What should exist: each source tells its whole current set, entry by entry, as values.

mod conceal;
pub mod consul;
pub mod files;
pub mod native;
mod size;

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::model::definition::Document;
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::model::records::MasterFile;
use crate::model::zone::ZoneSettings;

/// What has become of one thing that a source watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An entry has come, or says something else.
    Put(Put),
    /// An entry has gone. What it said of a zone's settings leaves the defaults.
    Gone(EntryId),
    /// A source has a zone, with these defaults; a zone is there for as long as any source has it.
    Zone(Origin, ZoneSettings),
    /// A source has a zone no more, nor any entry in it.
    ZoneGone(Origin, Name),
    /// What stands before this in the same list is all that the source has: its other entries and
    /// zones have gone, and it is not waited for any more.
    Synced(Origin),
    /// All that is wrong now with a source and is no entry's own matter, such as a disk that does
    /// not answer; it takes the place of what the source told before.
    Troubles(Origin, Vec<Diagnostic>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    pub id: EntryId,
    pub zone: Name,
    pub content: Content,
    pub diagnostics: Vec<Diagnostic>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Settings(ZoneSettings),
    Services(Arc<Document>),
    Records(Arc<MasterFile>),
    /// It cannot be taken: what it said before stands.
    Refused,
    /// The same of a zone's settings. A zone that comes with such an entry is not served.
    RefusedSettings,
}
