//! What should exist: each source tells its whole current set, file by file, as values.

pub mod files;

use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::model::definition::Document;
use crate::model::name::Name;
use crate::model::records::MasterFile;
use crate::model::zone::ZoneSettings;

/// What has become of one thing that a source watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A folder of the zones directory that is a zone's name. Its settings are the defaults until
    /// a zone.toml says otherwise.
    ZoneAppeared(ZoneSettings),
    /// A folder that has gone, with all that was in it.
    ZoneGone(Name),
    /// A file was read, or has gone.
    File(FileChange),
    /// All that is wrong now with folders, and with disks that do not answer; it takes the place of
    /// what was told before.
    Troubles(Vec<Diagnostic>),
}

/// One file's news.
#[derive(Clone, Debug, PartialEq)]
pub struct FileChange {
    /// The zone whose folder holds it.
    pub zone: Name,
    /// The file as diagnostics name it; its byte order is the order of precedence.
    pub path: Arc<Path>,
    /// What it says now.
    pub content: Content,
    /// Every complaint about it, warnings too.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// It is the zone's zone.toml.
    Zone(ZoneSettings),
    /// It registers services.
    Services(Arc<Document>),
    /// It is a master file.
    Records(Arc<MasterFile>),
    /// It cannot be taken: what it said before stands.
    Refused,
    /// It is no longer there. A zone.toml that has gone leaves the defaults.
    Gone,
}
