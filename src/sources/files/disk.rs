//! Lists folders and reads files, never waiting for what is not a regular file.

use std::ffi::OsString;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{self, Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::OFlag;

use crate::diagnostic::reason;
use crate::sources::files::file::{FileContent, Fingerprint, Home, Identity, Reading};
use crate::sources::files::kind::FileKey;
use crate::sources::files::links::{self, Anchor};
use crate::sources::files::protocol::Folder;
use crate::sources::files::zone::{Found, Listing, NameKind};

/// A registry of a million instances fits; a file that somebody else filled does not fill us.
const MAX_SIZE: u64 = 64 * 1024 * 1024;

/// `zones_dir` as listed, and the way to it.
#[derive(Debug)]
pub(crate) struct RootSurvey {
    /// Names that decide where it is, with what their folders were.
    pub(crate) anchors: Vec<(Anchor, Identity)>,
    pub(crate) real: Option<(PathBuf, Identity)>,
    pub(crate) folders: io::Result<Vec<Folder>>,
}

/// A zone's folder as listed, and where its links lead.
#[derive(Debug)]
pub(crate) struct ZoneSurvey {
    pub(crate) real: PathBuf,
    pub(crate) listing: Listing,
    /// Whether any name in it is a link, also one that is none of ours.
    pub(crate) has_links: bool,
    pub(crate) targets: Vec<LinkTarget>,
    /// Names that decide where it is, but for its own in `zones_dir`, with what their folders were.
    pub(crate) anchors: Vec<(Anchor, Identity)>,
    /// Names outside it that decide where its links lead.
    pub(crate) links: Vec<(Anchor, Identity)>,
}

#[derive(Debug)]
pub(crate) struct LinkTarget {
    pub(crate) folder: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) name: OsString,
    pub(crate) key: FileKey,
}

/// Lists `zones_dir`.
pub(crate) fn survey_root(path: &Path) -> RootSurvey {
    let anchors = path::absolute(path).map(|path| links::anchors(&path)).unwrap_or_default();
    let real = path.canonicalize().and_then(|real| Ok((identity(&real)?, real)));
    RootSurvey {
        anchors: known(anchors).collect(),
        real: real.ok().map(|(identity, real)| (real, identity)),
        folders: folders(path),
    }
}

pub(crate) fn survey_zone(path: &Path) -> io::Result<ZoneSurvey> {
    let real = path.canonicalize()?;
    let identity = identity(&real)?;
    let mut survey = ZoneSurvey {
        listing: Listing { identity, files: Vec::new() },
        has_links: false,
        targets: Vec::new(),
        anchors: known(way_to(path)).collect(),
        links: Vec::new(),
        real: real.clone(),
    };
    for entry in fs::read_dir(&real)? {
        let entry = entry?;
        let is_link = entry.file_type()?.is_symlink();
        survey.has_links |= is_link;
        let Some(key) = FileKey::of(&entry.file_name()) else { continue };
        let plain = Home { folder: identity, name: key.name.clone() };
        if !is_link {
            survey.listing.files.extend(look(&real, key, (NameKind::Plain, plain)));
            continue;
        }
        let target = target(&real, &key);
        let is_known = |anchor: &Anchor| {
            let is_end = |end: &LinkTarget| end.folder == anchor.folder && end.name == anchor.name;
            anchor.folder == real || target.as_ref().is_some_and(is_end)
        };
        let mut way = links::anchors_from(&real, &key.name);
        way.retain(|anchor| !is_known(anchor));
        survey.links.extend(known(way));
        let home = target.as_ref().map(|end| Home { folder: end.identity, name: end.name.clone() });
        survey.listing.files.extend(look(&real, key, (NameKind::Link, home.unwrap_or(plain))));
        survey.targets.extend(target);
    }
    Ok(survey)
}

/// The names on the way from a zone's name in `zones_dir` to its folder.
fn way_to(zone: &Path) -> Vec<Anchor> {
    let (Some(parent), Some(name)) = (zone.parent(), zone.file_name()) else { return Vec::new() };
    let Ok(parent) = parent.canonicalize() else { return Vec::new() };
    let mut way = links::anchors_from(&parent, name);
    way.retain(|anchor| anchor.folder != parent || anchor.name != name);
    way
}

/// With what their folders are; those that cannot be looked at cannot be watched.
fn known(anchors: impl IntoIterator<Item = Anchor>) -> impl Iterator<Item = (Anchor, Identity)> {
    anchors.into_iter().filter_map(|anchor| {
        let identity = identity(&anchor.folder).ok()?;
        Some((anchor, identity))
    })
}

/// Where a link leads; one that leads nowhere yet is left to the re-scan.
fn target(folder: &Path, key: &FileKey) -> Option<LinkTarget> {
    let end = folder.join(&key.name).canonicalize().ok()?;
    let (folder, name) = (end.parent()?, end.file_name()?);
    let identity = identity(folder).ok()?;
    Some(LinkTarget {
        folder: folder.to_owned(),
        identity,
        name: name.to_owned(),
        key: key.clone(),
    })
}

/// Which thing `path` leads to, links followed.
fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|metadata| identity_of(&metadata))
}

/// The folders in `root`, links followed.
fn folders(root: &Path) -> io::Result<Vec<Folder>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let identity = match fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => Some(identity_of(&metadata)),
            Ok(_) => continue,
            // A link that leads nowhere is as good as no link.
            Err(error) if is_absence(&error) => continue,
            // Closed to us, or on a disk that has failed: no reason to take it out.
            Err(_) => None,
        };
        folders.push(Folder { name: entry.file_name(), identity });
    }
    Ok(folders)
}

/// Looks at a file; `None` where there is nothing to read. Where looking is not allowed, the
/// attempt to read will say so.
fn look(folder: &Path, key: FileKey, (place, home): (NameKind, Home)) -> Option<Found> {
    let print = match fs::metadata(folder.join(&key.name)) {
        Ok(metadata) if metadata.is_file() => print_of(&metadata),
        Ok(_) => return None,
        Err(error) if is_absence(&error) => return None,
        Err(_) => Fingerprint {
            identity: Identity { device: 0, inode: 0 },
            size: 0,
            modified: SystemTime::UNIX_EPOCH,
        },
    };
    Some(Found { key, print, place, home })
}

pub(crate) fn read(path: &Path) -> Reading {
    match try_read(path) {
        Ok(reading) => reading,
        Err(error) if is_absence(&error) => Reading::Absent,
        Err(error) => Reading::Read(
            None,
            FileContent::Unreadable(format!("cannot read this file: {}", reason(&error))),
        ),
    }
}

fn try_read(path: &Path) -> io::Result<Reading> {
    // Opening a device can do things; whoever swaps one in now meets O_NONBLOCK and the second look.
    if !fs::metadata(path)?.is_file() {
        return Ok(Reading::Absent);
    }
    let mut file =
        OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Ok(Reading::Absent);
    }
    let print = print_of(&before);
    let mut octets = Vec::new();
    if print.size <= MAX_SIZE {
        file.by_ref().take(MAX_SIZE + 1).read_to_end(&mut octets)?;
    }
    if print_of(&file.metadata()?) != print {
        return Ok(Reading::Torn);
    }
    let said = if print.size > MAX_SIZE || octets.len() as u64 > MAX_SIZE {
        FileContent::Unreadable(format!("this file is larger than {} MiB", MAX_SIZE >> 20))
    } else {
        match String::from_utf8(octets) {
            Ok(text) => FileContent::Text(text.into()),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                FileContent::Unreadable(format!("this file is not valid UTF-8 at byte {at}"))
            }
        }
    };
    Ok(Reading::Read(Some(print), said))
}

/// Whether an error says that there is nothing, a link that leads nowhere included. A link that
/// leads in a circle does not: nobody means it.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn identity_of(metadata: &Metadata) -> Identity {
    Identity { device: metadata.dev(), inode: metadata.ino() }
}

fn print_of(metadata: &Metadata) -> Fingerprint {
    Fingerprint {
        identity: identity_of(metadata),
        size: metadata.size(),
        modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
    }
}
