//! A zone as its sources, its settings and its static records make it.

use std::collections::BTreeMap;

use crate::model::origin::{EntryId, Origin};
use crate::model::zone::ZoneSettings;
use crate::registry::catalogue::waiting::Written;
use crate::registry::statics::StaticRecords;

/// See the module.
#[derive(Debug)]
pub struct ZoneState {
    /// What holds now.
    pub settings: ZoneSettings,
    /// What master files and the settings say together, with its places.
    pub statics: StaticRecords,
    /// What holds where no entry says otherwise, by each source that has the zone; of these the
    /// first counts.
    defaults: BTreeMap<Origin, ZoneSettings>,
    /// What entries say; of these the first counts.
    written: BTreeMap<EntryId, ZoneSettings>,
    reading: Reading,
}

/// What is known of the settings that entries write.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reading {
    /// The zone has just come, and nothing was told of them yet.
    Unread,
    /// They were read, or there are none.
    Known,
    /// This entry is there and has never parsed: defaults are not what the zone's owner wrote.
    NeverParsed(EntryId),
}

impl ZoneState {
    /// A zone of which no entry is known yet.
    pub(super) fn new(origin: Origin, defaults: ZoneSettings) -> Self {
        Self {
            settings: defaults.clone(),
            statics: StaticRecords::default(),
            defaults: [(origin, defaults)].into(),
            written: BTreeMap::new(),
            reading: Reading::Unread,
        }
    }

    /// Whether it may be served.
    pub fn is_usable(&self) -> bool {
        !matches!(self.reading, Reading::NeverParsed(_))
    }

    /// What is written is kept.
    pub(super) fn set_defaults(&mut self, origin: Origin, defaults: ZoneSettings) {
        self.defaults.insert(origin, defaults);
        self.settle();
    }

    /// The source has the zone no more; whether no source is left.
    pub(super) fn release(&mut self, origin: Origin) -> bool {
        self.defaults.remove(&origin);
        self.settle();
        self.defaults.is_empty()
    }

    /// Whether the source has the zone.
    pub(super) fn is_of(&self, origin: Origin) -> bool {
        self.defaults.contains_key(&origin)
    }

    /// What an entry says; `None`: it cannot be taken. A zone that was served by the defaults goes
    /// on so then; one that comes with such an entry is not served. Whether anything may be other
    /// than before.
    pub(super) fn read(&mut self, id: &EntryId, settings: Option<ZoneSettings>) -> bool {
        if let Some(settings) = settings {
            self.written.insert(id.clone(), settings);
            self.reading = Reading::Known;
            self.settle();
            return true;
        }
        let is_new = self.reading == Reading::Unread;
        if is_new {
            self.reading = Reading::NeverParsed(id.clone());
        }
        is_new
    }

    pub(super) fn into_written(self) -> Written {
        self.written.into_iter().map(|(id, settings)| (id, Some(settings))).collect()
    }

    pub(super) fn erase(&mut self, id: &EntryId) {
        self.written.remove(id);
        if !matches!(&self.reading, Reading::NeverParsed(other) if other != id) {
            self.reading = Reading::Known;
        }
        self.settle();
    }

    /// All that came with the zone has been told.
    pub(super) fn has_been_read(&mut self) {
        if self.reading == Reading::Unread {
            self.reading = Reading::Known;
        }
    }

    fn settle(&mut self) {
        let first = self.written.values().next().or_else(|| self.defaults.values().next());
        if let Some(first) = first {
            self.settings = first.clone();
        }
    }
}
