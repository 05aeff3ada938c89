//! Tells what the kernel's word on a real path means for the zones.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::model::name::Name;
use crate::sources::files::errands::{Entry, Event};
use crate::sources::files::kind::FileKey;
use crate::sources::files::watches::{Owner, Role, Watches, What, split};
use crate::sources::files::zone::Cause;

/// The events that `what` happening to `path` makes.
pub(crate) fn events(what: What, path: &Path, watches: &mut Watches) -> Vec<Event> {
    let mut events = Vec::new();
    if what == What::Vanished {
        for owner in watches.forget_below(path) {
            events.push(Event::Root(Cause::Changed));
            events.extend(zone_event(owner, Cause::Changed));
        }
    }
    if what == What::Permitted {
        for (owner, _) in watches.roles(path) {
            events.push(Event::Root(Cause::Changed));
            events.extend(zone_event(owner.clone(), Cause::Changed));
        }
    }
    let Some((folder, name)) = split(path) else { return events };
    let arrival = Arrival::of(what, path);
    for (owner, role) in watches.roles(folder) {
        events.extend(meaning(what, arrival, name, (owner, role)));
    }
    events
}

/// What has come to be at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    /// Nothing came, or nothing that matters.
    Nothing,
    /// A regular file that is complete.
    WholeFile,
    /// A regular file that a writer may have open.
    NewFile,
    /// A folder that may still be filled.
    NewFolder,
    /// A link, or a folder renamed into place.
    Swap,
}

impl Arrival {
    fn of(what: What, path: &Path) -> Self {
        if !matches!(what, What::Created | What::MovedIn) {
            return Self::Nothing;
        }
        // It may be gone again; that will be told next.
        let Ok(metadata) = fs::symlink_metadata(path) else { return Self::Nothing };
        Self::told(what, &metadata)
    }

    fn told(what: What, metadata: &Metadata) -> Self {
        let moved = what == What::MovedIn;
        if metadata.is_symlink() || (metadata.is_dir() && moved) {
            Self::Swap
        } else if metadata.is_dir() {
            Self::NewFolder
        } else if !metadata.is_file() {
            Self::Nothing
        } else if moved || metadata.nlink() > 1 {
            // The second name of a file: somebody linked what was there already.
            Self::WholeFile
        } else {
            Self::NewFile
        }
    }
}

fn meaning(
    what: What,
    arrival: Arrival,
    name: &OsStr,
    (owner, role): (&Owner, &Role),
) -> Option<Event> {
    let change = folder_change(what, arrival);
    match (role, owner) {
        (Role::Anchor(anchor), _) if anchor == name => change.map(Event::Root),
        (Role::Anchor(_), _) => None,
        (Role::Root, _) => change.map(Event::Root),
        (Role::Zone { has_links }, Owner::Zone(zone)) => match FileKey::of(name) {
            Some(key) => file_event(what, arrival, zone, key),
            // A writer's scratch file is nothing to list the folder for.
            None if !has_links && arrival != Arrival::Swap => None,
            None => change.map(|cause| Event::Zone(zone.clone(), cause)),
        },
        (Role::Target(target, key), Owner::Zone(zone)) if target == name => {
            file_event(what, arrival, zone, key.clone())
        }
        (Role::Zone { .. } | Role::Target(_, _), Owner::Root | Owner::Zone(_)) => None,
    }
}

/// What a name that is no file of ours does to the folder.
fn folder_change(what: What, arrival: Arrival) -> Option<Cause> {
    match (what, arrival) {
        (What::Vanished, _) | (_, Arrival::NewFolder) => Some(Cause::Changed),
        (_, Arrival::Swap) => Some(Cause::Swap),
        (_, Arrival::Nothing | Arrival::WholeFile | Arrival::NewFile) => None,
    }
}

fn file_event(what: What, arrival: Arrival, zone: &Name, key: FileKey) -> Option<Event> {
    let entry = Entry { zone: zone.clone(), key };
    match (what, arrival) {
        (What::Closed, _) | (_, Arrival::WholeFile) => Some(Event::Written(entry)),
        (What::Modified, _) => Some(Event::Modified(entry)),
        (What::Permitted, _) => Some(Event::Permitted(entry)),
        (What::Vanished, _) => Some(Event::Vanished(entry)),
        (_, Arrival::NewFile) => Some(Event::Created(entry)),
        (_, Arrival::Swap) => Some(Event::Zone(zone.clone(), Cause::Swap)),
        (_, Arrival::Nothing | Arrival::NewFolder) => None,
    }
}

fn zone_event(owner: Owner, cause: Cause) -> Option<Event> {
    match owner {
        Owner::Root => None,
        Owner::Zone(zone) => Some(Event::Zone(zone, cause)),
    }
}
