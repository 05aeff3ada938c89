//! What changed master files and settings do to the static names of a zone. Its services stay as
//! they are; those that a static name meets, or met, hear of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::turn::Turn;
use crate::engine::world::World;
use crate::model::name::Name;
use crate::model::service::ServiceKey;
use crate::registry::statics::merge;
use crate::snapshot::zone::Facts;

impl World {
    /// Merges the static names of every zone that this turn has touched so far.
    pub(super) fn merge_statics(&mut self, affected: &mut BTreeSet<ServiceKey>, turn: &mut Turn) {
        for apex in turn.zones.clone() {
            self.merge_statics_of(&apex, affected, turn);
        }
    }

    fn merge_statics_of(
        &mut self,
        apex: &Name,
        affected: &mut BTreeSet<ServiceKey>,
        turn: &mut Turn,
    ) {
        let Some(zone) = self.zones.get_mut(apex) else { return };
        let files = self.files.values().filter(|file| file.zone == *apex);
        let files: Vec<_> = files.filter_map(|file| file.master.clone()).collect();
        let statics = merge(&zone.settings, &files);
        let known = &zone.statics.conflicts;
        let news = statics.conflicts.iter().filter(|conflict| !known.contains(conflict));
        turn.effects.complaints.extend(news.cloned());
        zone.facts = Arc::new(Facts::new(&zone.settings, &statics));
        let old = std::mem::replace(&mut zone.statics, statics);
        let met = |key: &&ServiceKey| {
            let name = key.name.as_str();
            key.zone == *apex && (old.may_meet(name) || zone.statics.may_meet(name))
        };
        affected.extend(self.services.keys().filter(met).cloned());
    }
}
