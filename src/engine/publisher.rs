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
use crate::snapshot::changes::{Changes, look_the_same};
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
        if answers_stay && turn.shown.is_empty() && turn.registered_in.is_none() {
            return None;
        }
        self.snapshot.generation += 1;
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
        if let Some(zone) = turn.registered_in.as_ref().and_then(|apex| zones.get_mut(apex)) {
            Arc::make_mut(zone).changes.any = self.snapshot.generation;
        }
        let only_shown = turn.shown.keys().filter(|key| !turn.dirty.contains(key));
        for key in turn.dirty.iter().chain(only_shown) {
            let served = zones.get_mut(&key.zone);
            let Some(zone) = served.or_else(|| self.leaving.get_mut(&key.zone)) else { continue };
            replace(Arc::make_mut(zone), (key, services), turn, self.snapshot.generation);
        }
        if turn.rules_changed {
            self.snapshot.rules = Arc::new(settings.rules.clone());
        }
        self.publish_domain(catalogue, &settings.registering, &touched);
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
        self.snapshot.zones_changed = self.snapshot.generation;
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
            let mut zone = if let Some(zone) = served {
                Zone::clone(&zone)
            } else {
                let mut zone = Zone::new(settings, self.last_serial);
                zone.changes = Changes::of_new(self.snapshot.generation);
                zone
            };
            let soa = soa(settings, statics, self.last_serial);
            zone.reconfigure(soa, Arc::new(Facts::new(settings, statics)));
            zone.usable = state.is_usable() && !is_coming;
            Some(zone)
        };
        let changed = changed.iter().map(|apex| (apex.clone(), next(apex)));
        Arc::make_mut(&mut self.snapshot.zones).change(changed);
    }
}

/// Puts what is known of a service now in the place of its last view.
fn replace(
    zone: &mut Zone,
    (key, services): (&ServiceKey, &Services),
    turn: &Turn,
    generation: u64,
) {
    let waiting = services.waiting().contains(key);
    let before = zone.services.get(key.name.as_str()).cloned();
    let after = services.get(key).map(|state| {
        let mut view = view(state, before.as_ref(), waiting);
        let is_shown = turn.shown.contains_key(key);
        let same = before.as_ref().filter(|before| !is_shown && look_the_same(before, &view));
        view.changed = same.map_or(generation, |before| before.changed);
        Arc::new(view)
    });
    if before.is_some() || after.is_some() {
        zone.changes.note([before.as_deref(), after.as_deref()], generation);
    }
    if turn.shown.get(key).is_some_and(|retagged| *retagged) {
        zone.changes.names = generation;
    }
    zone.replace(&key.name, after);
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
