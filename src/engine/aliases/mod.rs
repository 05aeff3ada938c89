//! Alias checks: an instance's state taken over by another of the same zone, in the turn that
//! changes it. Nothing is run for them.
//!
//! What an alias says is worked out from the checks that are run, down the whole chain, and never
//! from what another alias said before: so a circle cannot keep itself alive, and one turn settles
//! everything whatever the order. A zone without aliases has no index and pays nothing.

mod index;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeSet, HashMap};

use crate::engine::aliases::index::{Index, followed, places};
use crate::engine::aliases::walk::Walk;
use crate::engine::checks::Checks;
use crate::engine::checks::check::CheckState;
use crate::engine::event::Turn;
use crate::engine::services::Services;
use crate::model::name::Name;
use crate::model::service::{Service, ServiceKey};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    /// Who follows whom, in the zones that have aliases.
    zones: HashMap<Name, Index>,
    /// Instances, by their place in the service, whose alias checks may say something else now; none
    /// between two turns.
    marked: BTreeSet<(ServiceKey, usize)>,
}

impl Aliases {
    /// A service has come, changed or gone. `others` are those of its zone before that.
    pub(super) fn replace<'s>(
        &mut self,
        old: Option<&Service>,
        new: Option<&Service>,
        others: impl Iterator<Item = &'s Service>,
    ) {
        let Some(key) = new.or(old).map(|service| &service.key) else { return };
        if let Some(old) = old {
            self.mark_all(old);
            if let Some(index) = self.zones.get_mut(&key.zone) {
                index.remove(old);
            }
        }
        if let Some(new) = new {
            let has_aliases = || new.instances.iter().any(|i| followed(i).next().is_some());
            if !self.zones.contains_key(&key.zone) && has_aliases() {
                let mut index = Index::default();
                others.filter(|other| other.key != *key).for_each(|other| index.add(other));
                self.zones.insert(key.zone.clone(), index);
            }
            if let Some(index) = self.zones.get_mut(&key.zone) {
                index.add(new);
            }
            self.mark_all(new);
        }
        // A zone whose last alias has gone has no index again.
        if self.zones.get(&key.zone).is_some_and(Index::is_empty) {
            self.zones.remove(&key.zone);
        }
    }

    /// Marks every alias of a service and all that follow it, however far: a new link may close a
    /// circle anywhere behind it.
    fn mark_all(&mut self, service: &Service) {
        let zone = &service.key.zone;
        let Some(index) = self.zones.get(zone) else { return };
        let mut ids = Vec::new();
        for (instance, place) in places(service) {
            if followed(instance).next().is_some() {
                self.marked.insert((service.key.clone(), place.instance));
            }
            ids.push(place.id);
        }
        while let Some(id) = ids.pop() {
            for place in index.followers(&id) {
                let follower = ServiceKey { zone: zone.clone(), name: place.service.clone() };
                if self.marked.insert((follower, place.instance)) {
                    ids.push(place.id.clone());
                }
            }
        }
    }

    /// Marks the aliases that follow the instance at `place`.
    fn mark_dependents(&mut self, service: &Service, place: usize) {
        let zone = &service.key.zone;
        let Some(index) = self.zones.get(zone) else { return };
        let Some(instance) = service.instances.get(place) else { return };
        for place in index.followers(&instance.id.as_str().to_ascii_lowercase()) {
            let follower = ServiceKey { zone: zone.clone(), name: place.service.clone() };
            self.marked.insert((follower, place.instance));
        }
    }

    /// Brings every alias in line that may say something else after what has happened in this turn.
    pub(super) fn settle(&mut self, services: &mut Services, checks: &mut Checks, turn: &mut Turn) {
        loop {
            for (key, place) in turn.moved.drain(..) {
                if let Some(state) = services.get(&key) {
                    self.mark_dependents(state.service(), place);
                }
            }
            let Some((key, place)) = self.marked.pop_first() else { return };
            if self.conclude((&key, place), services, checks) {
                services.assess_instance(&key, place, checks, turn);
                services.hear(&key, checks, turn);
            }
        }
    }

    /// Works out what each alias of an instance says now; true when that is something else than
    /// before.
    fn conclude(
        &self,
        (key, place): (&ServiceKey, usize),
        services: &Services,
        checks: &mut Checks,
    ) -> bool {
        let (Some(state), Some(index)) = (services.get(key), self.zones.get(&key.zone)) else {
            return false;
        };
        let mut changed = false;
        for id in state.checks_of_instance(place) {
            let Some(of) = checks.get(*id).and_then(CheckState::followed) else { continue };
            let evidence = Walk::new(services, checks, index, (key, place)).said(of);
            changed |= checks.conclude(*id, evidence);
        }
        changed
    }
}
