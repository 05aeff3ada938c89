//! What is served next: the last snapshot with what has changed put in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::event::Turn;
use crate::engine::services::Services;
use crate::engine::services::state::ServiceState;
use crate::engine::settings::{Registering, Settings};
use crate::model::name::Name;
use crate::model::serial;
use crate::model::service::ServiceKey;
use crate::registry::catalogue::Catalogue;
use crate::registry::catalogue::zone::ZoneState;
use crate::snapshot::service::{ServiceView, build};
use crate::snapshot::zone::{Facts, Zone, soa};
use crate::snapshot::{Rules, Snapshot};

/// See the module.
#[derive(Debug)]
pub(super) struct Publisher {
    /// What is served, and the base of what is served next.
    snapshot: Snapshot,
    /// The last serial used (RFC 1982): a zone that comes back goes on from here.
    last_serial: u32,
    /// Zones whose services are not all in yet.
    coming: BTreeSet<Name>,
    /// Zones that are served no more and whose services are not all out yet: to let go of all at
    /// once would take long.
    leaving: BTreeMap<Name, Arc<Zone>>,
}

impl Publisher {
    /// No zones are served; every zone starts from `first_serial`.
    pub(super) fn new(rules: Rules, first_serial: u32) -> Self {
        Self {
            snapshot: Snapshot::empty(rules),
            last_serial: first_serial,
            coming: BTreeSet::new(),
            leaving: BTreeMap::new(),
        }
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) fn last_serial(&self) -> u32 {
        self.last_serial
    }

    pub(super) fn generation(&self) -> u64 {
        self.snapshot.generation
    }

    /// Whether the service is answered.
    pub(super) fn has(&self, key: &ServiceKey) -> bool {
        let zone = self.snapshot.zones.get(key.zone.as_wire());
        zone.is_some_and(|zone| zone.services.get(key.name.as_str()).is_some())
    }

    /// Makes the next snapshot, when anything that is answered or registered has changed.
    pub(super) fn publish(
        &mut self,
        catalogue: &Catalogue,
        services: &Services,
        settings: &Settings,
        turn: &Turn,
    ) -> Option<Arc<Snapshot>> {
        let mut changed = turn.zones.clone();
        if !turn.effects.more {
            changed.append(&mut self.coming);
            self.leaving.clear();
        }
        let answers_stay = turn.dirty.is_empty() && changed.is_empty() && !turn.rules_changed;
        if answers_stay && !turn.registrations_changed {
            return None;
        }
        self.publish_zones(catalogue, &changed, turn.effects.more);
        let touched: BTreeSet<&Name> =
            turn.dirty.iter().map(|key| &key.zone).chain(&changed).collect();
        let zones = Arc::make_mut(&mut self.snapshot.zones);
        for &apex in &touched {
            if let Some(zone) = zones.get_mut(apex) {
                let zone = Arc::make_mut(zone);
                zone.soa.serial = serial::next(zone.soa.serial);
                self.last_serial = serial::later(zone.soa.serial, self.last_serial);
            }
        }
        for key in &turn.dirty {
            let served = zones.get_mut(&key.zone);
            let Some(zone) = served.or_else(|| self.leaving.get_mut(&key.zone)) else { continue };
            let waiting = services.waiting().contains(key);
            let before = zone.services.get(key.name.as_str());
            let view = services.get(key).map(|state| Arc::new(view(state, before, waiting)));
            Arc::make_mut(zone).replace(&key.name, view);
        }
        if turn.rules_changed {
            self.snapshot.rules = Arc::new(settings.rules.clone());
        }
        self.publish_domain(catalogue, &settings.registering, &touched);
        self.snapshot.generation += 1;
        Some(Arc::new(self.snapshot.clone()))
    }

    /// Consul's domain shows the services of another zone as they are now. A folder of that name
    /// is the zone in its place.
    fn publish_domain(
        &mut self,
        catalogue: &Catalogue,
        registering: &Registering,
        touched: &BTreeSet<&Name>,
    ) {
        let Registering { zone: shown, domain: Some(domain), .. } = registering else { return };
        let apex = &domain.settings.apex;
        let served = self.snapshot.zones.get(apex.as_wire());
        if catalogue.zone(apex).is_some() || (served.is_some() && !touched.contains(&shown.apex)) {
            return;
        }
        let new = || Zone::of_consul(&domain.settings, &domain.names, self.last_serial);
        let mut zone = served.map_or_else(new, |zone| Zone::clone(zone));
        match self.snapshot.zones.get(shown.apex.as_wire()) {
            Some(shown) => zone.show(shown),
            None => zone.show(&Zone::new(shown, 0)),
        }
        zone.soa.serial = serial::next(zone.soa.serial);
        self.last_serial = serial::later(zone.soa.serial, self.last_serial);
        Arc::make_mut(&mut self.snapshot.zones).put(apex, zone);
    }

    /// A zone that is new says nothing before its services are in: none of them is missing.
    fn publish_zones(&mut self, catalogue: &Catalogue, changed: &BTreeSet<Name>, more: bool) {
        if changed.is_empty() {
            return;
        }
        let served = Arc::clone(&self.snapshot.zones);
        let (coming, leaving) = (&mut self.coming, &mut self.leaving);
        let mut next = |apex: &Name| {
            let its_own = served.get(apex.as_wire()).filter(|zone| zone.facts.consul.is_none());
            let served = its_own.cloned().or_else(|| leaving.remove(apex));
            let Some(state) = catalogue.zone(apex) else {
                leaving.extend(served.map(|zone| (apex.clone(), zone)));
                return None;
            };
            let ZoneState { settings, statics, .. } = state;
            let is_coming = more && (served.is_none() || coming.contains(apex));
            if is_coming {
                coming.insert(apex.clone());
            }
            let new = || Zone::new(settings, self.last_serial);
            let mut zone = served.map_or_else(new, |zone| Zone::clone(&zone));
            let soa = soa(settings, statics, self.last_serial);
            zone.reconfigure(soa, Arc::new(Facts::new(settings, statics)));
            zone.usable = state.is_usable() && !is_coming;
            Some(zone)
        };
        let changed = changed.iter().map(|apex| (apex.clone(), next(apex)));
        Arc::make_mut(&mut self.snapshot.zones).change(changed);
    }
}

/// The service as it is answered, after what was answered `before`.
fn view(state: &ServiceState, before: Option<&Arc<ServiceView>>, waiting: bool) -> ServiceView {
    let same = before.filter(|before| Arc::ptr_eq(&before.service, state.service()));
    let mut view = match same {
        Some(before) => before.follow(state.targets(), waiting),
        None => build(Arc::clone(state.service()), Arc::clone(state.targets()), waiting),
    };
    view.shown = state.shown();
    view
}
