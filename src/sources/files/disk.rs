//! Lists folders and reads files, never waiting for what is not a regular file.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::sources::files::file::{Fingerprint, Identity, Reading, Said};
use crate::sources::files::kind::FileKey;
use crate::sources::files::tracker::Folder;
use crate::sources::files::zone::{Found, Place};

/// A registry of a million instances fits; a file that somebody else filled does not fill us.
const MAX_SIZE: u64 = 64 * 1024 * 1024;

/// Which thing `path` leads to, links followed.
pub(crate) fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|metadata| identity_of(&metadata))
}

/// The folders in `root`, links followed.
pub(crate) fn folders(root: &Path) -> io::Result<Vec<Folder>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        // A link that leads nowhere is as good as no link.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if metadata.is_dir() {
            folders.push(Folder { name: entry.file_name(), identity: identity_of(&metadata) });
        }
    }
    Ok(folders)
}

/// The files of ours in `folder`, before any of them is looked at.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<(FileKey, Place)>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(key) = FileKey::of(&entry.file_name()) else { continue };
        let is_link = entry.file_type()?.is_symlink();
        names.push((key, if is_link { Place::Link } else { Place::Plain }));
    }
    Ok(names)
}

/// Looks at a file; `None` where there is nothing to read. Where looking is not allowed, the
/// attempt to read will say so.
pub(crate) fn look(folder: &Path, key: FileKey, place: Place) -> Option<Found> {
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
    Some(Found { key, print, place })
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Reading {
    match try_read(path) {
        Ok(reading) => reading,
        Err(error) if is_absence(&error) => Reading::Absent,
        Err(error) => {
            Reading::Read(None, Said::Unreadable(format!("cannot read this file: {error}")))
        }
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
        Said::Unreadable(format!("this file is larger than {} MiB", MAX_SIZE >> 20))
    } else {
        match String::from_utf8(octets) {
            Ok(text) => Said::Text(text.into()),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Said::Unreadable(format!("this file is not UTF-8: see its octet {at}"))
            }
        }
    };
    Ok(Reading::Read(Some(print), said))
}

/// Whether an error says that there is nothing, a link that leads nowhere included.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    let looping = error.raw_os_error() == Some(Errno::ELOOP as i32);
    looping || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
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
