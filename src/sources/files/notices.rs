//! Tells what the kernel's word on a real path means for the zones.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::model::name::Name;
use crate::sources::files::kind::{FileKey, is_ignored};
use crate::sources::files::protocol::{Entry, Event};
use crate::sources::files::watches::{Owner, Role, Told, Watches, What, split};
use crate::sources::files::zone::Cause;

pub(crate) fn events(told: &Told, watches: &mut Watches) -> Vec<Event> {
    let Told { what, path, .. } = told;
    let (what, path) = (*what, &**path);
    let mut events = Vec::new();
    if what == What::Vanished {
        for owner in watches.forget_below(told) {
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
    for (owner, role) in watches.roles_when(folder, told) {
        events.extend(meaning(what, arrival, name, (owner, role)));
    }
    events
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    Nothing,
    WholeFile,
    /// A regular file that a writer may have open.
    NewFile,
    NewFolder,
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
        (Role::Anchor(anchor) | Role::Link(anchor), _) if anchor != name => None,
        (Role::Anchor(_), Owner::Root) => change.map(Event::Root),
        (Role::Anchor(_), Owner::Zone(zone)) => {
            change.map(|cause| Event::Zone(zone.clone(), cause))
        }
        (Role::Link(_), owner) => zone_event(owner.clone(), linked(change?)),
        (Role::Root, _) => match change? {
            Cause::Swap if !is_ignored(name) => Some(Event::Swapped(name.to_owned())),
            cause => Some(Event::Root(cause)),
        },
        (Role::Zone { has_links }, Owner::Zone(zone)) => match FileKey::of(name) {
            Some(key) => file_event(what, arrival, zone, key),
            // A writer's scratch file is nothing to list the folder for.
            None if !has_links && arrival != Arrival::Swap => None,
            None => change.map(|cause| Event::Zone(zone.clone(), linked(cause))),
        },
        (Role::LinkTarget(target, key), Owner::Zone(zone)) if target == name => {
            file_event(what, arrival, zone, key.clone())
        }
        (Role::Zone { .. } | Role::LinkTarget(_, _), Owner::Root | Owner::Zone(_)) => None,
    }
}

/// A swap in a zone's folder tells of what its links lead to, and of none of its own files.
fn linked(cause: Cause) -> Cause {
    if cause == Cause::Swap { Cause::Linked } else { cause }
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
        (_, Arrival::Swap) => Some(Event::Zone(zone.clone(), Cause::Linked)),
        (_, Arrival::Nothing | Arrival::NewFolder) => None,
    }
}

fn zone_event(owner: Owner, cause: Cause) -> Option<Event> {
    match owner {
        Owner::Root => None,
        Owner::Zone(zone) => Some(Event::Zone(zone, cause)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::sources::files::disk::survey_zone;
    use crate::sources::files::watches::Flags;

    #[test]
    fn what_was_told_of_the_folder_before_says_nothing_of_the_one_that_is_there_now() {
        let top = tempfile::tempdir().unwrap();
        let zone = top.path().canonicalize().unwrap().join("a.b");
        let name = Name::parse("a.b").unwrap();
        let (sender, _inbox) = sync_channel(64);
        let mut watches = Watches::new(sender, Arc::new(Flags::default()));
        let told = |path: &Path, era| Told { what: What::Vanished, path: path.to_owned(), era };
        fs::create_dir(&zone).unwrap();
        watches.place_zone(&name, &survey_zone(&zone).unwrap());
        let file = zone.join("web.toml");
        let before = 1;
        assert_eq!(events(&told(&file, before), &mut watches).len(), 1);
        fs::rename(&zone, zone.with_file_name("old")).unwrap();
        fs::create_dir(&zone).unwrap();
        watches.place_zone(&name, &survey_zone(&zone).unwrap());
        for path in [&file, &zone] {
            assert_eq!(events(&told(path, before), &mut watches).len(), 0, "{path:?}");
        }
        assert_eq!(events(&told(&file, u64::MAX), &mut watches).len(), 1);
        assert_eq!(events(&told(&zone, u64::MAX), &mut watches).len(), 2);
    }
}
