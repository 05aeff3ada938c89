//! Alias checks: an instance's state taken over by another of the same zone, in the turn that
//! changes it. Nothing is run for them.
//!
//! What an alias says is worked out from the checks that are run, down the whole chain, and never
//! from what another alias said before: so a circle cannot keep itself alive, and one turn settles
//! everything whatever the order. A zone without aliases has no index and pays nothing.

mod dangling;
mod index;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::complaints::{ByOrigin, MOST_OF_FILE};
use crate::diagnostic::Diagnostic;
use crate::engine::aliases::index::{Index, followed, places};
use crate::engine::aliases::walk::Walk;
use crate::engine::checks::Checks;
use crate::engine::checks::check::CheckState;
use crate::engine::event::Turn;
use crate::engine::services::Services;
use crate::model::name::Name;
use crate::model::service::{Service, ServiceKey};
use crate::registry::catalogue::Catalogue;

/// Instances with aliases that dangle, of one turn, for which a near id is looked for: each search
/// goes through the ids of a zone, and a turn must not take long.
const MOST_SEARCHES: usize = 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    /// Who follows whom, in the zones that have aliases.
    zones: BTreeMap<Name, Index>,
    /// Instances, by their place in the service, whose alias checks may say something else now;
    /// between two turns none but those that follow nobody while there is more to be worked off.
    marked: BTreeSet<(ServiceKey, usize)>,
}

/// What has come of working out the aliases of an instance once more.
#[derive(Default)]
struct News {
    anything_new: bool,
    /// One of them follows nobody, and has not before.
    dangles_since: bool,
}

impl Aliases {
    /// Whether there may be any.
    pub(super) fn any(&self) -> bool {
        !self.zones.is_empty()
    }

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
        if let (Some(old), Some(index)) = (old, self.zones.get_mut(&key.zone)) {
            index.forget_near(old);
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
                    ids.push(Arc::clone(&place.id));
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

    /// Brings every alias in line that may say something else after what has happened in this turn,
    /// and tells of those that follow nobody since.
    pub(super) fn settle(
        &mut self,
        catalogue: &Catalogue,
        services: &mut Services,
        checks: &mut Checks,
        turn: &mut Turn,
    ) {
        let mut dangling: BTreeMap<ServiceKey, BTreeSet<usize>> = BTreeMap::new();
        let mut later = BTreeSet::new();
        loop {
            for (key, place) in turn.moved.drain(..) {
                if let Some(state) = services.get(&key) {
                    self.mark_dependents(state.service(), place);
                }
            }
            let Some((key, place)) = self.marked.pop_first() else { break };
            if turn.effects.more && self.dangles((&key, place), services) {
                // Whom it follows may be in what is left: it says what it said before.
                later.insert((key, place));
                continue;
            }
            let news = self.conclude((&key, place), services, checks);
            if news.anything_new {
                services.assess_instance(&key, place, checks, turn);
                services.hear(&key, checks, turn);
            }
            if news.dangles_since {
                dangling.entry(key).or_default().insert(place);
            }
        }
        self.marked = later;
        turn.effects.dangling = self.tell_of(dangling, catalogue, services);
    }

    /// Whether an instance follows one that there is not.
    fn dangles(&self, (key, place): (&ServiceKey, usize), services: &Services) -> bool {
        let known = services.get(key).zip(self.zones.get(&key.zone));
        known.is_some_and(|(state, index)| {
            dangling::ids(state.service(), place, index).next().is_some()
        })
    }

    /// Works out what each alias of an instance says now.
    fn conclude(
        &self,
        (key, place): (&ServiceKey, usize),
        services: &Services,
        checks: &mut Checks,
    ) -> News {
        let mut news = News::default();
        let (Some(state), Some(index)) = (services.get(key), self.zones.get(&key.zone)) else {
            return news;
        };
        for id in state.checks_of_instance(place) {
            let Some(of) = checks.get(*id).and_then(CheckState::followed) else { continue };
            let has_nobody = !index.has(of);
            let evidence = Walk::new(services, checks, index, (key, place)).said(of);
            let changed = checks.conclude(*id, evidence);
            news.anything_new |= changed;
            // One that followed nobody before would say the same.
            news.dangles_since |= changed && has_nobody;
        }
        news
    }

    fn tell_of(
        &mut self,
        dangling: BTreeMap<ServiceKey, BTreeSet<usize>>,
        catalogue: &Catalogue,
        services: &Services,
    ) -> Vec<Diagnostic> {
        let mut searches = MOST_SEARCHES;
        let mut complaints = ByOrigin::new(MOST_OF_FILE);
        for (key, places) in dangling {
            let Some(state) = services.get(&key) else { continue };
            let Some(index) = self.zones.get_mut(&key.zone) else { continue };
            for place in places.iter().take(searches) {
                let ids: Vec<_> = dangling::ids(state.service(), *place, index).collect();
                for id in ids {
                    index.find_near(id);
                }
            }
            searches = searches.saturating_sub(places.len());
            let contributions = || catalogue.contributions(&key);
            let wanted = |place| places.contains(&place);
            dangling::warn(state.service(), wanted, index, contributions, &mut complaints);
        }
        complaints.into_vec()
    }

    /// A warning for each alias that follows nobody, in any zone. Costs in proportion to the ids that
    /// are followed.
    pub(super) fn warn_of_dangling(
        &self,
        catalogue: &Catalogue,
        services: &Services,
        complaints: &mut ByOrigin,
    ) {
        for (apex, index) in &self.zones {
            let mut dangling: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
            for place in index.dangling() {
                dangling.entry(&place.service).or_default().insert(place.instance);
            }
            for (name, places) in dangling {
                let key = ServiceKey { zone: apex.clone(), name: name.clone() };
                let Some(state) = services.get(&key) else { continue };
                let wanted = |place| places.contains(&place);
                let contributions = || catalogue.contributions(&key);
                dangling::warn(state.service(), wanted, index, contributions, complaints);
            }
        }
    }
}
