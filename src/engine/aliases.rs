//! Aliases: an instance's state taken over by another of the same zone, in the turn that changes
//! it. Nothing is run for them.
//!
//! What an alias says is worked out from the checks that are run, down the whole chain, and never
//! from what another alias said before: so a circle cannot keep itself alive, and one turn settles
//! everything whatever the order. A zone without aliases has no index and pays nothing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::checks::Voice;
use crate::engine::dangling::Dangling;
use crate::engine::evidence::Evidence;
use crate::engine::turn::Turn;
use crate::engine::world::{ServiceState, World};
use crate::model::check::{Check, Kind};
use crate::model::health::Condition;
use crate::model::name::{Label, Name};
use crate::model::service::{Service, ServiceKey};

/// Instances that one alias looks at, whether one behind the other or side by side. An honest
/// chain has two or three; beyond this it is critical, and no registration can cost us more.
const MOST_LOOKED_AT: usize = 64;

/// An alias of one instance.
#[derive(Clone, Debug)]
pub(super) struct AliasState {
    pub(super) check: Check,
    /// The id that it follows, folded.
    pub(super) of: Arc<str>,
    /// While no instance has that id.
    pub(super) dangling: Option<Dangling>,
    pub(super) said: Said,
    voice: Voice,
}

/// What an alias says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) condition: Condition,
    fit: bool,
    suspect: bool,
    warning: bool,
    pub(super) reason: Option<Arc<str>>,
}

impl Said {
    const NOTHING_YET: Self = Self {
        condition: Condition::Unknown,
        fit: false,
        suspect: false,
        warning: false,
        reason: None,
    };

    fn critical(reason: String) -> Self {
        let reason = Some(reason.into());
        Self { condition: Condition::Critical, reason, ..Self::NOTHING_YET }
    }

    fn of(evidence: &Evidence<'_>) -> Self {
        let Evidence { condition, fit, suspect, warning, reason } = *evidence;
        Self { condition, fit, suspect, warning, reason: reason.cloned() }
    }

    fn evidence(&self) -> Evidence<'_> {
        let Self { condition, fit, suspect, warning, ref reason } = *self;
        Evidence { condition, fit, suspect, warning, reason: reason.as_ref() }
    }
}

impl AliasState {
    /// What it says of its instance; `None` while it is new to an instance that is served, and
    /// nothing is known yet.
    pub(super) fn evidence(&self) -> Option<Evidence<'_>> {
        self.counts(&self.said).then(|| self.said.evidence())
    }

    /// Whether anything has been known yet of what it follows.
    pub(super) fn has_spoken(&self) -> bool {
        self.voice == Voice::Heard
    }

    fn counts(&self, said: &Said) -> bool {
        self.voice != Voice::Provisional || said.condition != Condition::Unknown
    }

    fn hear(&mut self, said: Said) {
        if said.condition != Condition::Unknown {
            self.voice = Voice::Heard;
        }
        self.said = said;
    }
}

/// The aliases of `checks`; those that are as before go on.
pub(super) fn succeed(checks: &[Check], old: &[AliasState], voice: Voice) -> Box<[AliasState]> {
    let aliases = checks.iter().filter_map(|check| match &*check.kind {
        Kind::Alias(alias) => Some((check, &alias.instance)),
        Kind::Http(_) | Kind::Tcp(_) | Kind::Grpc(_) | Kind::Script(_) => None,
    });
    let succeed = |(check, of): (&Check, &Arc<str>)| {
        let same = old.iter().find(|old| old.check.id == check.id && old.of == *of);
        let said = Said::NOTHING_YET;
        let of = Arc::clone(of);
        let new = || AliasState { check: check.clone(), of, dangling: None, said, voice };
        same.cloned().unwrap_or_else(new)
    };
    aliases.map(succeed).collect()
}

/// Instances by an id, folded: their service and their place in it.
type ById = HashMap<Arc<str>, Vec<(Label, usize)>>;

/// Who follows whom in one zone.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Who is called so.
    holders: ById,
    /// Whose aliases follow who is called so.
    followers: ById,
}

fn folded(service: &Service, place: usize) -> Option<Arc<str>> {
    service.instances.get(place).map(|i| i.id.as_str().to_ascii_lowercase().into())
}

fn remove(table: &mut ById, id: &Arc<str>, service: &Label) {
    let Some(places) = table.get_mut(id) else { return };
    places.retain(|(name, _)| name != service);
    if places.is_empty() {
        table.remove(id);
    }
}

impl Index {
    /// Every id of the zone, folded.
    pub(super) fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.holders.keys()
    }

    /// Whether an instance has this id, folded.
    pub(super) fn has(&self, id: &str) -> bool {
        self.holders.contains_key(id)
    }

    fn add(&mut self, state: &ServiceState) {
        let service = &state.service;
        for place in 0..state.instances.len() {
            let here = (service.key.name.clone(), place);
            for alias in state.aliases_of(place) {
                self.followers.entry(Arc::clone(&alias.of)).or_default().push(here.clone());
            }
            if let Some(id) = folded(service, place) {
                self.holders.entry(id).or_default().push(here);
            }
        }
    }

    fn remove(&mut self, state: &ServiceState) {
        let name = &state.service.key.name;
        for place in 0..state.instances.len() {
            for alias in state.aliases_of(place) {
                remove(&mut self.followers, &alias.of, name);
            }
            if let Some(id) = folded(&state.service, place) {
                remove(&mut self.holders, &id, name);
            }
        }
    }
}

impl World {
    /// A service has come, or has new instances or checks: `state` is not in the table of services
    /// yet.
    pub(super) fn link(&mut self, state: &ServiceState, turn: &mut Turn) {
        let zone = &state.service.key.zone;
        let has_aliases = !state.aliases.is_empty();
        if has_aliases && !self.aliases.contains_key(zone) {
            let mut index = Index::default();
            let in_zone = self.services.values().filter(|other| other.service.key.zone == *zone);
            in_zone.for_each(|other| index.add(other));
            self.aliases.insert(zone.clone(), index);
        }
        let Some(index) = self.aliases.get_mut(zone) else { return };
        index.add(state);
        self.stir_all(state, turn);
        self.drop_index(zone);
    }

    /// A service has gone from the table of services, or is about to change.
    pub(super) fn unlink(&mut self, state: &ServiceState, turn: &mut Turn) {
        let zone = &state.service.key.zone;
        self.stir_all(state, turn);
        if let Some(index) = self.aliases.get_mut(zone) {
            index.remove(state);
        }
    }

    /// A zone whose last alias has gone has no index again.
    pub(super) fn drop_index(&mut self, zone: &Name) {
        if self.aliases.get(zone).is_some_and(|index| index.followers.is_empty()) {
            self.aliases.remove(zone);
        }
    }

    /// Every alias of a service and all that follow it, however far: a new link may close a circle
    /// anywhere behind it.
    fn stir_all(&self, state: &ServiceState, turn: &mut Turn) {
        let key = &state.service.key;
        let Some(index) = self.aliases.get(&key.zone) else { return };
        let mut ids = Vec::new();
        for place in 0..state.instances.len() {
            ids.extend(folded(&state.service, place));
            if state.aliases.contains_key(&place) {
                turn.stirred.insert((key.clone(), place));
            }
        }
        while let Some(id) = ids.pop() {
            for (name, place) in index.followers.get(&id).into_iter().flatten() {
                let follower = ServiceKey { zone: key.zone.clone(), name: name.clone() };
                let state = self.services.get(&follower);
                let own = state.and_then(|state| folded(&state.service, *place));
                if turn.stirred.insert((follower, *place)) {
                    ids.extend(own);
                }
            }
        }
    }

    /// An instance stands otherwise than before: who follows it is to be asked again.
    pub(super) fn stir_followers(&self, key: &ServiceKey, place: usize, turn: &mut Turn) {
        let Some(index) = self.aliases.get(&key.zone) else { return };
        let id = self.services.get(key).and_then(|state| folded(&state.service, place));
        let followers = id.and_then(|id| index.followers.get(&id));
        for (name, place) in followers.into_iter().flatten() {
            turn.stirred
                .insert((ServiceKey { zone: key.zone.clone(), name: name.clone() }, *place));
        }
    }

    /// Brings every alias in line that may say something else now.
    pub(super) fn follow(&mut self, turn: &mut Turn) {
        while let Some((key, place)) = turn.stirred.pop_first() {
            let said = self.listen(&key, place);
            let Some(state) = self.services.get_mut(&key) else { continue };
            let Some(aliases) = state.aliases.get_mut(&place) else { continue };
            let index = self.aliases.get(&key.zone);
            let mut changed = false;
            for (alias, said) in aliases.iter_mut().zip(said) {
                changed |= alias.said != said;
                alias.hear(said);
                if index.is_some_and(|index| index.has(&alias.of)) {
                    alias.dangling = None;
                } else if alias.dangling.is_none() {
                    alias.dangling = Some(Dangling::default());
                    turn.dangling.insert((key.clone(), place));
                }
            }
            if changed {
                self.assess_targets_of(&key, place, turn);
                self.hear(&key, turn);
            }
        }
        self.tell_of_dangling(turn);
    }

    /// What each alias of an instance says now.
    fn listen(&self, key: &ServiceKey, place: usize) -> Vec<Said> {
        let (Some(state), Some(index)) = (self.services.get(key), self.aliases.get(&key.zone))
        else {
            return Vec::new();
        };
        let said = |alias: &AliasState| {
            let path = vec![(&key.name, place)];
            Walk { world: self, zone: &key.zone, index, path, looked_at: 0 }.said(&alias.of)
        };
        state.aliases_of(place).iter().map(said).collect()
    }
}

/// One alias on its way down the chain.
struct Walk<'w> {
    world: &'w World,
    zone: &'w Name,
    index: &'w Index,
    /// From the alias's own instance to the one that is looked at.
    path: Vec<(&'w Label, usize)>,
    looked_at: usize,
}

impl<'w> Walk<'w> {
    /// What the instances called `id` say; of several services' the worst.
    fn said(&mut self, id: &'w Arc<str>) -> Said {
        let Some(holders) = self.index.holders.get(id).filter(|holders| !holders.is_empty()) else {
            return Said::critical(format!("no instance has the id \"{id}\""));
        };
        let mut worst = Said::NOTHING_YET;
        for (nth, (service, place)) in holders.iter().enumerate() {
            let said = self.instance(service, *place);
            if nth == 0 || said.condition > worst.condition {
                worst = said;
            }
        }
        // Consul's rule: no checks are passing checks.
        if worst.condition == Condition::Unchecked {
            worst.condition = Condition::Passing;
        }
        worst.reason = worst.reason.map(|reason| format!("{id}: {reason}").into());
        worst
    }

    /// What an instance's checks say together; it is as good as its best address.
    fn instance(&mut self, service: &'w Label, place: usize) -> Said {
        if self.path.contains(&(service, place)) {
            return Said::critical("alias checks form a loop".to_owned());
        }
        self.looked_at += 1;
        if self.looked_at > MOST_LOOKED_AT {
            return Said::critical(format!("the alias has more than {MOST_LOOKED_AT} instances"));
        }
        let key = ServiceKey { zone: self.zone.clone(), name: service.clone() };
        let Some(state) = self.world.services.get(&key) else { return Said::NOTHING_YET };
        self.path.push((service, place));
        let said: Vec<Option<Said>> = state
            .aliases_of(place)
            .iter()
            .map(|alias| {
                let said = self.said(&alias.of);
                alias.counts(&said).then_some(said)
            })
            .collect();
        self.path.pop();
        let of_target = |runs| {
            let aliases = said.iter().map(|said| said.as_ref().map(Said::evidence));
            Said::of(&self.world.evidence(runs).chain(aliases).collect())
        };
        let best = state.runs_of(place).map(of_target);
        best.min_by_key(|said| said.condition).unwrap_or(Said::NOTHING_YET)
    }
}
