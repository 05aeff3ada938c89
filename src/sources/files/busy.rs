//! What is being listed and read at this moment: how much, and never one thing twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::name::Name;
use crate::sources::files::kind::FileKey;

/// What is done at once at most. It is reached only when disks hang: sixteen folders of them leave
/// the others as they were.
const MOST: usize = 64;
/// The files of one zone that are read at once at most: a folder that hangs takes no more.
const MOST_OF_A_ZONE: usize = 3;

/// Tasks that have begun and not ended: of each zone its files, and `None` for its listing.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    zones: BTreeMap<Name, BTreeSet<Option<FileKey>>>,
}

impl Busy {
    pub(crate) fn is_full(&self) -> bool {
        self.zones.values().map(BTreeSet::len).sum::<usize>() >= MOST
    }

    /// Whether the zone's folder may be listed. It is not kept waiting by files that do not come.
    pub(crate) fn may_list(&self, zone: &Name) -> bool {
        self.zones.get(zone).is_none_or(|busy| !busy.contains(&None))
    }

    /// The first of the zone's files that may be read.
    pub(crate) fn first_free(&self, zone: &Name, keys: &BTreeSet<FileKey>) -> Option<FileKey> {
        let Some(busy) = self.zones.get(zone) else { return keys.first().cloned() };
        if busy.iter().flatten().count() >= MOST_OF_A_ZONE {
            return None;
        }
        keys.iter().find(|key| !busy.iter().flatten().any(|other| other == *key)).cloned()
    }

    /// A task begins; no `key` means the listing.
    pub(crate) fn begin(&mut self, zone: &Name, key: Option<&FileKey>) {
        self.zones.entry(zone.clone()).or_default().insert(key.cloned());
    }

    pub(crate) fn end(&mut self, zone: &Name, key: Option<&FileKey>) {
        let Some(busy) = self.zones.get_mut(zone) else { return };
        busy.remove(&key.cloned());
        if busy.is_empty() {
            self.zones.remove(zone);
        }
    }
}
