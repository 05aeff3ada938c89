//! What entries write of the settings of zones that no source has: it holds once one has it.

use std::collections::BTreeMap;

use crate::model::name::Name;
use crate::model::origin::EntryId;
use crate::model::zone::ZoneSettings;

/// See the module. `None` of an entry that has never parsed.
#[derive(Debug, Default)]
pub(super) struct Waiting(BTreeMap<Name, Written>);

pub(super) type Written = BTreeMap<EntryId, Option<ZoneSettings>>;

impl Waiting {
    /// What an entry says; `None`: it cannot be taken, and what it said before stands.
    pub(super) fn read(&mut self, id: &EntryId, apex: &Name, settings: Option<ZoneSettings>) {
        let said = self.0.entry(apex.clone()).or_default().entry(id.clone()).or_default();
        *said = settings.or_else(|| said.take());
    }

    pub(super) fn erase(&mut self, id: &EntryId, apex: &Name) {
        let Some(written) = self.0.get_mut(apex) else { return };
        written.remove(id);
        if written.is_empty() {
            self.0.remove(apex);
        }
    }

    /// No source has the zone any more.
    pub(super) fn put(&mut self, apex: &Name, written: Written) {
        if !written.is_empty() {
            self.0.insert(apex.clone(), written);
        }
    }

    /// A source has the zone.
    pub(super) fn take(&mut self, apex: &Name) -> Written {
        self.0.remove(apex).unwrap_or_default()
    }
}
