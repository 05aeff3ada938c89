//! A zone as its settings and master files make it.

use std::sync::Arc;

use crate::model::dns::Soa;
use crate::model::zone::ZoneSettings;
use crate::registry::statics::Statics;
use crate::snapshot::zone::{Facts, soa};

/// See the module.
#[derive(Debug)]
pub(crate) struct ZoneState {
    pub(super) settings: ZoneSettings,
    pub(super) defaults: ZoneSettings,
    pub(super) file: ZoneFile,
    /// What master files and the settings say together, with its places.
    pub(super) statics: Statics,
    /// The same, as it is answered.
    facts: Arc<Facts>,
}

/// What has become of a zone's zone.toml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ZoneFile {
    /// The zone has just appeared, and nothing was told of the file yet.
    Unread,
    /// There is none: the defaults hold.
    Absent,
    /// There is one that has never parsed: defaults are not what its owner wrote.
    NeverParsed,
    /// It parsed at least once.
    Parsed,
}

impl ZoneState {
    /// A zone of which no file is known yet.
    pub(super) fn new(settings: ZoneSettings) -> Self {
        let statics = Statics::default();
        let facts = Arc::new(Facts::new(&settings, &statics));
        let defaults = settings.clone();
        Self { settings, defaults, file: ZoneFile::Unread, statics, facts }
    }

    /// Takes new static names; what they were before.
    pub(super) fn set_statics(&mut self, statics: Statics) -> Statics {
        self.facts = Arc::new(Facts::new(&self.settings, &statics));
        std::mem::replace(&mut self.statics, statics)
    }

    pub(crate) fn settings(&self) -> &ZoneSettings {
        &self.settings
    }

    pub(crate) fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    /// The zone's start of authority, with that serial.
    pub(crate) fn soa(&self, serial: u32) -> Soa {
        soa(&self.settings, &self.statics, serial)
    }

    /// Whether it may be served.
    pub(crate) fn is_usable(&self) -> bool {
        self.file != ZoneFile::NeverParsed
    }
}
