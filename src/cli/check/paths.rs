//! Which files `check PATH…` is about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::zones::{self, Read};
use crate::config::livezone_toml;
use crate::diagnostic::{Diagnostic, reason};
use crate::sources::files::parse::Host;

/// The zones that the paths touch, whole, and what of them is wanted.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) read: Read,
    pub(super) wanted: Wanted,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Files, and folders with all that is in them.
#[derive(Debug, Default)]
pub(super) struct Wanted(Vec<PathBuf>);

impl Wanted {
    pub(super) fn covers(&self, path: &Path) -> bool {
        self.0.iter().any(|wanted| path.starts_with(wanted))
    }

    /// Whether the file's whole folder is asked about.
    pub(super) fn covers_folder_of(&self, path: &Path) -> bool {
        path.parent().is_some_and(|folder| self.covers(folder))
    }
}

/// Neighbours are read, too: a file may clash with them, and zone.toml has a say in every TTL.
pub(super) fn select(paths: &[PathBuf], host: &Host) -> Selection {
    let mut selection = Selection::default();
    let mut folders = BTreeSet::new();
    for path in paths {
        if path.is_dir() {
            selection.wanted.0.push(path.clone());
            if holds_zones(path) {
                selection.read.extend(zones::read_all(path, host));
            } else {
                folders.insert(path.clone());
            }
        } else if path.file_name().is_some_and(|name| name == "livezone.toml") {
            selection.diagnostics.extend(configuration(path));
        } else if zones::kind_of(path).is_some() && path.is_file() {
            let path = within_a_folder(path);
            folders.extend(path.parent().map(Path::to_owned));
            selection.wanted.0.push(path);
        } else {
            let message = if path.exists() {
                "livezone does not read this file: only *.toml, \
                                              *.json, *.hcl and *.zone"
            } else {
                "no such file"
            };
            selection.diagnostics.push(Diagnostic::of_file(&Arc::from(&**path), message));
        }
    }
    for folder in folders {
        selection.read.extend(zones::read_one(&folder, host));
    }
    selection
}

fn within_a_folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new(".").join(path),
        Some(_) | None => path.to_owned(),
    }
}

/// A folder of folders is no zone but holds them.
fn holds_zones(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    let hidden = |path: &Path| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
    };
    paths.iter().any(|path| path.is_dir() && !hidden(path))
        && !paths.iter().any(|path| zones::kind_of(path).is_some() && path.is_file())
}

fn configuration(path: &Path) -> Vec<Diagnostic> {
    let path: Arc<Path> = Arc::from(path);
    match std::fs::read_to_string(&path) {
        Ok(text) => livezone_toml::parse(path, text.into()).1,
        Err(error) => {
            vec![Diagnostic::of_file(&path, format!("cannot read this file: {}", reason(&error)))]
        }
    }
}
