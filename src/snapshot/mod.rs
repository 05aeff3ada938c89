//! The truth, frozen: what may be answered now. A query reads one snapshot from its first octet to
//! its last; a change makes a new one that shares all but the changed service with the old.

pub mod changes;
pub mod choice;
pub mod hot_entry;
pub mod persistent_map;
pub mod selection;
pub mod service;
pub mod shown;
pub mod srv_table;
pub mod statics;
pub mod target;
#[cfg(test)]
mod tests;
mod weighed;
pub mod zone;
pub mod zones;

use std::sync::Arc;

use crate::config::cookies::Cookies;
use crate::config::rrl::Rrl;
use crate::config::{Access, Tcp};
use crate::model::name::Name;
use crate::snapshot::zone::Zone;
use crate::snapshot::zones::Zones;

/// Everything that answers are made from.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts published snapshots.
    pub generation: u64,
    /// The one in which zones came or went last, or changed their settings.
    pub zones_changed: u64,
    /// By apex.
    pub zones: Arc<Zones>,
    /// What `[dns]` says of answering.
    pub rules: Arc<Rules>,
}

/// What the configuration says of answering.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Who may ask.
    pub access: Access,
    /// The largest answer over UDP, in octets.
    pub udp_max_size: u16,
    /// How many answers a prefix of clients gets over UDP.
    pub rrl: Rrl,
    /// What cookies are made with, and believed by.
    pub cookies: Arc<Cookies>,
    /// What a TCP client may use.
    pub tcp: Tcp,
}

impl Snapshot {
    /// No zones.
    pub fn empty(rules: Rules) -> Self {
        Self { generation: 0, zones_changed: 0, zones: Arc::default(), rules: Arc::new(rules) }
    }

    /// The zone with the longest apex at or above `name`.
    pub fn zone_of(&self, name: &Name) -> Option<&Arc<Zone>> {
        let mut labels = name.labels();
        loop {
            if let Some(zone) = self.zones.get(labels.rest()) {
                return Some(zone);
            }
            labels.next()?;
        }
    }

    /// The zone above the apex of `zone`, when it is served too.
    pub fn parent_of(&self, zone: &Zone) -> Option<&Arc<Zone>> {
        self.zone_of(&zone.facts.apex.parent()?)
    }

    /// How many services are registered in all zones.
    pub fn services(&self) -> usize {
        self.zones.values().map(|zone| zone.services.len()).sum()
    }
}
