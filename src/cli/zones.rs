//! Reads the zones' folders once, as they are now, for `check`.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::zone_toml;
use crate::diagnostic::{Diagnostic, reason};
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::sources::files::kind::Kind;
use crate::sources::files::master::Includes;
use crate::sources::files::parse::{Context, Host, parse};
use crate::sources::{Change, Put};

/// What the folders hold, and what is wrong with the folders themselves.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) changes: Vec<Change>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Every folder of `zones_dir`, a zone each.
pub(super) fn read_all(zones_dir: &Path, host: &Host) -> Read {
    let mut read = Read::default();
    match entries(zones_dir) {
        Ok(entries) => {
            for folder in entries.iter().filter(|path| is_or_may_be(path, Metadata::is_dir)) {
                read.zone(folder, host);
            }
        }
        Err(error) => {
            let message = format!("cannot read the zones directory: {}", reason(&error));
            let diagnostic = Diagnostic::of_file(&Arc::from(zones_dir), message);
            read.diagnostics.push(diagnostic.with_label("choose another with --zones DIR"));
        }
    }
    read
}

pub(super) fn read_one(folder: &Path, host: &Host) -> Read {
    let mut read = Read::default();
    read.zone(folder, host);
    read
}

impl Read {
    pub(super) fn extend(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.diagnostics.extend(other.diagnostics);
    }

    fn zone(&mut self, folder: &Path, host: &Host) {
        let name = folder_name(folder);
        let apex = match Name::parse(&name) {
            Ok(apex) => apex,
            Err(error) => {
                let message = format!("the directory name is not a valid zone name: {error}");
                self.diagnostics.push(Diagnostic::of_file(&Arc::from(folder), message));
                return;
            }
        };
        let files = match entries(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("cannot read this directory: {}", reason(&error));
                self.diagnostics.push(Diagnostic::of_file(&Arc::from(folder), message));
                return;
            }
        };
        self.changes
            .push(Change::Zone(Origin::Files, zone_toml::defaults(&apex, &host.ns_addresses)));
        let includes = includes(&files);
        let context = Context { apex: &apex, host, includes: &includes };
        for file in files.iter().filter(|path| is_or_may_be(path, Metadata::is_file)) {
            match kind_of(file) {
                None | Some(Kind::Included) => {}
                Some(kind) => self.changes.push(Change::Put(read_file(kind, file, context))),
            }
        }
    }
}

/// What master files of the folder may include.
fn includes(files: &[PathBuf]) -> Includes {
    let included = files.iter().filter(|path| kind_of(path) == Some(Kind::Included));
    let text = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((name, fs::read_to_string(path).map(Arc::from).map_err(|error| reason(&error))))
    };
    included.filter_map(text).collect()
}

/// What a file of this name holds; `None` for one that is not read.
pub(super) fn kind_of(path: &Path) -> Option<Kind> {
    Kind::of(path.file_name()?)
}

/// The folder's own name, also when it is given as `.` or through a link.
fn folder_name(folder: &Path) -> String {
    let resolved = || fs::canonicalize(folder).ok();
    let name = folder.file_name().map(ToOwned::to_owned);
    let name = name.or_else(|| resolved().and_then(|p| p.file_name().map(ToOwned::to_owned)));
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// Everything that is not hidden or an editor's copy, in byte order.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if !name.starts_with(b".") && !name.ends_with(b"~") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether `path` is one, links followed, or cannot be looked at: then reading it will say why.
fn is_or_may_be(path: &Path, is_one: fn(&Metadata) -> bool) -> bool {
    match fs::metadata(path) {
        Ok(metadata) => is_one(&metadata),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn read_file(kind: Kind, file: &Path, context: Context<'_>) -> Put {
    let path: Arc<Path> = Arc::from(file);
    let (content, diagnostics) = match fs::read_to_string(file) {
        Ok(text) => parse(kind, (Arc::clone(&path), text.into()), context),
        Err(error) => {
            let diagnostic =
                Diagnostic::of_file(&path, format!("cannot read this file: {}", reason(&error)));
            (kind.refused(), vec![diagnostic])
        }
    };
    let (id, zone) = (EntryId::of_file(&path), context.apex.clone());
    Put { id, zone, content, diagnostics }
}
