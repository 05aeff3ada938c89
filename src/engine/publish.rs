//! What is served next: the last snapshot with what has changed put in.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::turn::Turn;
use crate::engine::world::{ServiceState, World, ZoneFile};
use crate::model::name::Name;
use crate::model::serial;
use crate::snapshot::service::{ServiceView, build};
use crate::snapshot::zone::Zone;

impl World {
    /// Makes the next snapshot, when anything that is answered has changed.
    pub(super) fn publish(&mut self, turn: &mut Turn) {
        if turn.dirty.is_empty() && turn.zones.is_empty() && !turn.rules_changed {
            return;
        }
        self.publish_zones(&turn.zones);
        let touched: BTreeSet<&Name> =
            turn.dirty.iter().map(|key| &key.zone).chain(&turn.zones).collect();
        let zones = Arc::make_mut(&mut self.snapshot.zones);
        for apex in touched {
            if let Some(zone) = zones.get_mut(apex) {
                let zone = Arc::make_mut(zone);
                zone.soa.serial = serial::next(zone.soa.serial);
                self.last_serial = serial::later(zone.soa.serial, self.last_serial);
            }
        }
        for key in &turn.dirty {
            let Some(zone) = zones.get_mut(&key.zone) else { continue };
            let waiting = self.waiting.contains(key);
            let before = zone.services.get(key.name.as_str());
            let freeze = |state: &ServiceState| Arc::new(state.freeze(before, waiting));
            let view = self.services.get(key).map(freeze);
            Arc::make_mut(zone).replace(&key.name, view);
        }
        if turn.rules_changed {
            self.snapshot.rules = Arc::new(self.settings.rules.clone());
        }
        self.snapshot.generation += 1;
        turn.effects.snapshot = Some(Arc::new(self.snapshot.clone()));
    }

    fn publish_zones(&mut self, changed: &BTreeSet<Name>) {
        if changed.is_empty() {
            return;
        }
        let served = Arc::clone(&self.snapshot.zones);
        let next = |apex: &Name| {
            let state = self.zones.get(apex)?;
            let served = served.get(apex.as_wire()).map(|zone| Zone::clone(zone));
            let mut zone = served.unwrap_or_else(|| Zone::new(&state.settings, self.last_serial));
            zone.reconfigure(state.soa(self.last_serial), Arc::clone(&state.facts));
            zone.usable = state.file != ZoneFile::NeverParsed;
            Some(zone)
        };
        let changed = changed.iter().map(|apex| (apex.clone(), next(apex)));
        Arc::make_mut(&mut self.snapshot.zones).change(changed);
    }
}

impl ServiceState {
    /// The service as it is answered, after what was answered `before`.
    fn freeze(&self, before: Option<&Arc<ServiceView>>, waiting: bool) -> ServiceView {
        if let Some(before) = before
            && Arc::ptr_eq(&before.service, &self.service)
        {
            return before.follow(&self.targets, waiting);
        }
        build(Arc::clone(&self.service), Arc::clone(&self.targets), waiting)
    }
}
