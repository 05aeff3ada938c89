//! What to watch, and whom to ask what it means.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::model::name::Name;
use crate::model::zone::ZoneSettings;
use crate::sources::Content;
use crate::sources::files::kind::Kind;
use crate::sources::files::master::Includes;

/// Tells what a file says: its zone, its kind, its path for diagnostics, its text, and what it may
/// include.
pub type Parse =
    dyn Fn(&Name, Kind, Arc<Path>, Arc<str>, &Includes) -> (Content, Vec<Diagnostic>) + Send + Sync;

pub type Defaults = dyn Fn(Name) -> ZoneSettings + Send + Sync;

#[derive(Clone)]
pub struct Options {
    /// As the user named it: diagnostics repeat it.
    pub zones_dir: PathBuf,
    pub parse: Arc<Parse>,
    pub defaults: Arc<Defaults>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("zones_dir", &self.zones_dir).finish_non_exhaustive()
    }
}
