//! The truth, frozen: what may be answered now. A query reads one snapshot from its first octet to
//! its last; a change makes a new one that shares all but the changed service with the old.

pub mod choice;
pub mod service;
pub mod shards;
pub mod zone;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config::Access;
use crate::model::dns::{Question, Rtype};
use crate::model::name::Name;
use crate::snapshot::zone::Zone;

/// Everything that answers are made from.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts published snapshots.
    pub generation: u64,
    /// By apex.
    pub zones: Arc<HashMap<Name, Arc<Zone>>>,
    /// The apexes and every name above one: they exist, whatever the zone around them holds.
    pub above_zones: Arc<HashSet<Name>>,
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
}

impl Snapshot {
    /// No zones.
    pub fn empty(rules: Rules) -> Self {
        Self {
            generation: 0,
            zones: Arc::default(),
            above_zones: Arc::default(),
            rules: Arc::new(rules),
        }
    }

    /// The zone that answers: the one that holds the name, and for DS at its apex the one above,
    /// when that is served too (RFC 4035 section 3.1.4.1).
    pub fn zone_for(&self, question: &Question) -> Option<&Arc<Zone>> {
        let zone = self.zone_of(&question.name)?;
        if question.rtype != Rtype::DS || zone.facts.apex != question.name {
            return Some(zone);
        }
        let above = question.name.parent().and_then(|parent| self.zone_of(&parent));
        Some(above.unwrap_or(zone))
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

    /// How many services are registered in all zones.
    pub fn services(&self) -> usize {
        self.zones.values().map(|zone| zone.services.len()).sum()
    }
}
